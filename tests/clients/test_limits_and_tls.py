"""Request limits and TLS, each on an exchange started for it."""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

import ccxt
import pytest
from websockets.asyncio.client import connect

from tests.clients.raw import call

WAIT_S = 30.0
ORDER = '{"symbol":"ETC7D","side":"Buy","orderQty":1,"price":0.000001}'


def test_refused_by_the_limit_one_can_still_cancel(serving):
    served = serving("--market", "none", "--limits", "5/60")
    alice = served.account()

    answers = [call(served, "POST", "/order", alice, ORDER) for _ in range(6)]

    assert [each.status for each in answers] == [200] * 5 + [429]
    first, refused = answers[0], answers[-1]
    assert first.headers["x-ratelimit-limit"] == "5"
    assert [a.headers["x-ratelimit-remaining"] for a in answers[:5]] == ["4", "3", "2", "1", "0"]
    assert refused.json["error"]["message"].startswith("Rate limit exceeded, retry in ")
    assert refused.json["error"]["name"] in ("HTTPError", "RateLimitError")
    now = int(call(served, "GET", "").json["timestamp"]) // 1000
    assert int(refused.headers["x-ratelimit-reset"]) >= now
    assert int(refused.headers["retry-after"]) >= 1

    # What the sample market maker does next; with `[]` when it has no open orders.
    ids = json.dumps({"orderID": [a.json["orderID"] for a in answers[:5]]})
    canceled = call(served, "DELETE", "/order", alice, ids)
    nothing = call(served, "DELETE", "/order", alice, '{"orderID": []}')
    everything = call(served, "DELETE", "/order/all", alice)

    assert [row["ordStatus"] for row in canceled.json] == ["Canceled"] * 5
    assert (nothing.status, nothing.json) == (200, [])
    assert (everything.status, everything.json) == (200, [])
    # A limit is an account's: another one has its own tokens.
    assert call(served, "POST", "/order", served.account(), ORDER).status == 200

    client = ccxt.bitmex({"apiKey": alice.key, "secret": alice.secret, "enableRateLimit": False})
    client.urls["api"]["public"] = client.urls["api"]["private"] = served.base
    try:
        with pytest.raises(ccxt.DDoSProtection, match="Rate limit exceeded"):
            client.fetch_balance()
    finally:
        client.session.close()


def test_refused_too_often_an_address_is_banned_until_the_operator_lets_it_in(serving):
    served = serving("--market", "none", "--bans", "3/60")
    alice = served.account()

    answers = [call(served, "GET", "/nothing") for _ in range(3)]
    refused = call(served, "GET", "/position", alice)

    assert [each.status for each in answers] == [404, 404, 404]
    assert refused.status == 403
    assert refused.json["error"]["message"].startswith("This IP address is banned")
    assert refused.json["error"]["name"] == "HTTPError"
    assert 3_590 <= int(refused.headers["retry-after"]) <= 3_600
    assert '"event": "address banned"' in served.log()

    assert served.tell("/bans", {"address": "127.0.0.1"}, "DELETE") == {"lifted": 1}
    assert call(served, "GET", "/position", alice).status == 200


async def _frames_of_a_subscription(url: str, trust: ssl.SSLContext) -> list[dict[str, Any]]:
    # Not by the client of threads: it reads one TLS session while it writes it, which OpenSSL does
    # not allow, and once in a few hundred connections it waits forever.
    async with asyncio.timeout(WAIT_S), connect(url, ssl=trust, proxy=None) as socket:
        frames = [json.loads(await socket.recv())]
        await socket.send('{"op":"subscribe","args":["orderBookL2:ETC7D"]}')
        return [*frames, json.loads(await socket.recv()), json.loads(await socket.recv())]


def test_socket_and_rest_are_served_over_tls(serving, monkeypatch):
    served = serving("--market", "none", "--limits", "off", "--tls")
    trust = ssl.create_default_context(cafile=str(served.home / "tls-cert.pem"))

    assert urlsplit(served.rest).scheme == "https"
    assert urlsplit(served.ws).scheme == "wss"
    welcome, taken, book = asyncio.run(_frames_of_a_subscription(served.ws, trust))
    assert "info" in welcome
    assert taken["success"] is True
    assert book["action"] == "partial"

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(served.home / "tls-cert.pem"))
    client = ccxt.bitmex({"enableRateLimit": False})
    client.urls["api"]["public"] = client.urls["api"]["private"] = served.base
    client.session.trust_env = True
    try:
        assert len(client.load_markets()) == 15
    finally:
        client.session.close()
