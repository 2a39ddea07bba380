"""E31 and protocol.md 7.4: what ccxt and ccxt.pro make of faults that are injected."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import ccxt
import pytest

from tests.clients.test_ccxt import SPOT, connect
from tests.clients.test_ccxt_pro import connected, soon

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clients.served import Key, Served


@pytest.fixture
def exchange(quiet: Served, alice: Key) -> Iterator[Any]:
    """A ccxt client of alice."""
    client = connect(quiet, alice.key, alice.secret)
    client.load_markets()
    yield client
    client.session.close()


def inject(served: Served, name: str, **more: Any) -> None:
    """Let a fault strike the next request that it matches."""
    served.tell("/fault", {"name": name, "times": 1, **more})


@pytest.mark.parametrize(
    ("name", "more", "expected"),
    [
        ("rate-limit", {}, ccxt.DDoSProtection),
        ("overload", {}, ccxt.ExchangeNotAvailable),
        ("unauthorized", {}, ccxt.AuthenticationError),
        ("unauthorized", {"text": "Signature not valid."}, ccxt.AuthenticationError),
        ("unauthorized", {"text": "expired"}, ccxt.ExchangeError),
        ("unauthorized", {"text": "Authorization Required"}, ccxt.ExchangeError),
        ("server-error", {}, ccxt.ExchangeError),
        ("drop-before", {}, ccxt.NetworkError),
        ("drop-after", {}, ccxt.NetworkError),
    ],
)
def test_E31_ccxt_meets_each_fault_as_the_error_it_knows(
    quiet: Served, exchange: Any, name: str, more: dict[str, str], expected: type[Exception]
) -> None:
    inject(quiet, name, method="GET", path="/position", **more)
    with pytest.raises(expected):
        exchange.fetch_positions()
    assert exchange.fetch_positions() == []


def test_E31_an_order_without_an_answer_is_found_by_its_own_id(
    quiet: Served, exchange: Any
) -> None:
    inject(quiet, "drop-after", method="POST", path="/order")
    with pytest.raises(ccxt.NetworkError):
        exchange.create_order(SPOT, "limit", "buy", 1, 0.0001, {"clOrdID": "lost"})
    (order,) = exchange.fetch_open_orders(SPOT)
    assert order["clientOrderId"] == "lost"


@pytest.mark.anyio
async def test_E31_ccxt_pro_watches_again_after_its_socket_was_cut(quiet: Served, bob: Key) -> None:
    async with connected(quiet, bob) as client:
        await soon(client.watch_order_book(SPOT))
        inject(quiet, "socket-drop", table="orderBookL2")
        with pytest.raises(ccxt.NetworkError):
            await asyncio.gather(
                soon(client.watch_order_book(SPOT)),
                client.create_order(SPOT, "limit", "sell", 1, 0.5),
            )
        book = await soon(client.watch_order_book(SPOT))
        assert 0.5 in [level[0] for level in book["asks"]]
