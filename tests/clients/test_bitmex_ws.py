"""bitmex-ws 1.5.0, unmodified: the official example client starts and keeps its tables."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from bitmex_websocket import BitMEXWebsocket, websocket

from tests.clients.raw import ok, place
from tests.clients.served import FUTURE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.clients.served import Key


@pytest.fixture
def connect(quiet) -> Iterator[Callable[..., Any]]:
    """Connect for the future, with an account's key or without."""
    opened: list[Any] = []

    def make(account: Key | None = None) -> Any:
        key, secret = (account.key, account.secret) if account is not None else (None, None)
        client = BitMEXWebsocket(quiet.ws, FUTURE, api_key=key, api_secret=secret)
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.exit()


def soon(holds: Callable[[], bool]) -> bool:
    """Whether something becomes so within 3 s."""
    for _ in range(300):
        if holds():
            return True
        time.sleep(0.01)
    return False


def test_constructor_returns_with_empty_tables_and_their_keys(connect, alice):
    client = connect(alice)

    assert client.market_depth() == []
    assert client.open_orders("") == []
    assert client.positions() == []
    assert client.get_instrument()["symbol"] == FUTURE
    assert client.get_instrument()["tickLog"] == 6
    assert client.funds()["marginBalance"] == client.funds()["availableMargin"] == 10 * 10**8
    assert client.keys == {
        "execution": ["execID"],
        "instrument": ["symbol"],
        "margin": ["account", "currency"],
        "order": ["orderID"],
        "orderBookL2": ["symbol", "id", "side"],
        "position": ["account", "symbol", "currency"],
        "quote": [],
        "trade": [],
    }


def test_tables_follow_an_order_a_fill_and_a_cancel(quiet, connect, alice, bob, caplog):
    client = connect(alice)

    ours = place(quiet, alice, "Buy", 10, 0.0025, clOrdID="mine-1")
    place(quiet, alice, "Buy", 10, 0.0024, clOrdID="other-1")
    assert soon(lambda: len(client.open_orders("mine")) == 1)
    assert client.open_orders("mine")[0]["orderID"] == ours["orderID"]
    assert soon(lambda: [row["size"] for row in client.market_depth()] == [10, 10])

    ok(quiet, "PUT", "/order", alice, orderID=ours["orderID"], price=0.002501)
    assert soon(lambda: client.open_orders("mine")[0]["price"] == 0.002501)

    place(quiet, bob, "Sell", 4, 0.002501)
    assert soon(lambda: client.open_orders("mine")[0]["leavesQty"] == 6)
    assert soon(lambda: client.positions() and client.positions()[0]["currentQty"] == 4)
    assert soon(lambda: client.recent_trades()[-1]["price"] == 0.002501)
    assert soon(lambda: client.funds()["marginBalance"] != 10 * 10**8)
    place(quiet, bob, "Sell", 1, 0.002501)
    assert soon(lambda: client.positions()[0]["currentQty"] == 5)  # an update finds its row

    ok(quiet, "DELETE", "/order/all", alice)
    assert soon(lambda: client.open_orders("") == [])
    assert soon(lambda: client.market_depth() == [])
    assert "Traceback" not in caplog.text


def test_ticker_is_made_of_the_last_quote_and_trade(quiet, connect, alice, bob):
    place(quiet, bob, "Sell", 5, 0.0027)
    place(quiet, bob, "Sell", 5, 0.0026)
    place(quiet, alice, "Buy", 5, 0.0026)
    place(quiet, alice, "Buy", 5, 0.0025)
    client = connect()
    client.get_instrument()

    assert soon(lambda: client.data["quote"][-1]["bidPrice"] == 0.0025)
    assert client.get_ticker() == {"last": 0.0026, "buy": 0.0025, "sell": 0.0027, "mid": 0.0026}


def test_market_data_needs_no_key(connect):
    client = connect()

    assert client.get_instrument()["state"] == "Open"
    assert "margin" not in client.data


@pytest.mark.slow
def test_handshake_with_a_wrong_secret_fails(quiet, connect, alice, caplog):
    with pytest.raises(websocket.WebSocketTimeoutException, match="Couldn't connect"):
        connect(alice._replace(secret="wrong"))

    assert "401 Unauthorized" in caplog.text
    assert "Signature not valid." in caplog.text
