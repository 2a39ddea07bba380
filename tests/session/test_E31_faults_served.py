"""E31: faults over real sockets: connections that are cut, and a disk that is slow."""

import asyncio
import hashlib
import hmac
import json
import time

import httpx
import pytest
import websockets

from tests.session.test_serve import quiet, served

EXPIRES = "4000000000"
ORDER = {"symbol": "ETC_XBT", "side": "Sell", "orderQty": 10**8, "price": 0.003}


def ask(one, method, path, body=None):
    content = b"" if body is None else json.dumps(body).encode()
    target = f"/api/v1{path}"
    signed = f"{method}{target}{EXPIRES}".encode() + content
    headers = {
        "api-key": "KEY",
        "api-expires": EXPIRES,
        "api-signature": hmac.new(b"SECRET", signed, hashlib.sha256).hexdigest(),
        "content-type": "application/json",
    }
    url = one.ready["rest"].removesuffix("/api/v1") + target
    return httpx.request(method, url, content=content, headers=headers, timeout=30)


@pytest.mark.parametrize(("name", "done"), [("drop-before", 0), ("drop-after", 1)])
def test_E31_a_connection_is_cut_before_or_after_the_order_is_in(tmp_path, name, done):
    with served(tmp_path, *quiet(tmp_path)) as one:
        one.admin("/fault", name=name, account="alice", method="POST", times=1)
        with pytest.raises(httpx.TransportError):
            ask(one, "POST", "/order", {**ORDER, "clOrdID": "mine"})

        orders = ask(one, "GET", "/order").json()
        assert [order["clOrdID"] for order in orders] == ["mine"] * done
        # The server lives, and a client that reconciles by clOrdID goes on.
        again = ask(one, "POST", "/order", {**ORDER, "clOrdID": "mine"})
        assert again.status_code == (400 if done else 200)
        assert one.end()[0] == 0


def test_a_socket_is_cut_without_a_close_and_can_come_back(tmp_path):
    with served(tmp_path, *quiet(tmp_path)) as one:
        one.admin("/fault", name="socket-drop", times=1)

        async def watch():
            async with websockets.connect(one.ready["ws"]) as socket:
                await socket.send('{"op": "subscribe", "args": ["orderBookL2:ETC_XBT"]}')
                while '"partial"' not in await socket.recv():
                    pass
                moved = asyncio.to_thread(ask, one, "POST", "/order", ORDER)
                with pytest.raises(websockets.ConnectionClosedError) as closed:
                    await asyncio.gather(socket.recv(), moved)
                return closed.value.rcvd

        assert asyncio.run(watch()) is None  # no close frame came
        assert asyncio.run(partial_of(one))
        assert one.end()[0] == 0


async def partial_of(one):
    async with websockets.connect(one.ready["ws"]) as socket:
        await socket.send('{"op": "subscribe", "args": ["orderBookL2:ETC_XBT"]}')
        while '"partial"' not in await socket.recv():
            pass
        return True


def test_E31_a_slow_disk_keeps_answers_waiting_and_loses_nothing(tmp_path):
    with served(tmp_path, *quiet(tmp_path)) as one:
        one.admin("/fault", name="disk-slow", factor=100)
        began = time.monotonic()
        assert ask(one, "POST", "/order", ORDER).status_code == 200
        assert time.monotonic() - began >= 0.1
        digest = one.admin("/state")["digest"]
        assert one.end()[0] == 0
    with served(tmp_path, *quiet(tmp_path)) as two:
        assert two.admin("/fault") == []  # a restart knows nothing of it
        assert len(ask(two, "GET", "/order").json()) == 1
        assert two.admin("/state")["digest"] != digest  # it has gone on
        two.end()
