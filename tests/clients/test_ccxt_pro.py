"""ccxt.pro 4.5.82, unmodified: what is watched arrives, and stays true after a change."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import ccxt
import ccxt.pro
import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from tests.clients.served import Key, Served

FUTURE = "ETC/BTC:BTC-180119"
WAIT_S = 5

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def connected(served: Served, account: Key | None = None) -> AsyncIterator[Any]:
    client = ccxt.pro.bitmex({"enableRateLimit": False})
    if account is not None:
        client.apiKey, client.secret = account.key, account.secret
    client.urls["api"]["public"] = client.urls["api"]["private"] = served.base
    client.urls["api"]["ws"] = served.ws
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


async def soon(what: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(what, WAIT_S)


async def until(watch: Any, wanted: Any) -> Any:
    """Watch until what is seen is as wanted."""
    async with asyncio.timeout(WAIT_S):
        while True:
            seen = await watch()
            if wanted(seen):
                return seen


def sizes(book: Any) -> tuple[list[list[float]], list[list[float]]]:
    """Price and size of each level, best first."""
    return [row[:2] for row in book["bids"]], [row[:2] for row in book["asks"]]


async def test_order_book_follows_what_is_placed_amended_and_canceled(quiet, bob):
    async with connected(quiet) as watcher, connected(quiet, bob) as trader:
        assert sizes(await soon(watcher.watch_order_book(FUTURE))) == ([], [])

        async def shows(bids: Any, asks: Any) -> None:
            await until(
                lambda: watcher.watch_order_book(FUTURE), lambda seen: sizes(seen) == (bids, asks)
            )

        bid = await trader.create_order(FUTURE, "limit", "buy", 10, 0.0025)
        await shows([[0.0025, 10]], [])
        await trader.create_order(FUTURE, "limit", "sell", 7, 0.0027)
        await shows([[0.0025, 10]], [[0.0027, 7]])
        await trader.edit_order(bid["id"], FUTURE, "limit", "buy", 4, 0.0025)
        await shows([[0.0025, 4]], [[0.0027, 7]])
        await trader.create_order(FUTURE, "limit", "buy", 1, 0.002501)
        await shows([[0.002501, 1], [0.0025, 4]], [[0.0027, 7]])
        await trader.cancel_order(bid["id"], FUTURE)
        await shows([[0.002501, 1]], [[0.0027, 7]])


async def test_book_of_25_levels_starts_with_the_best(quiet, bob):
    async with connected(quiet) as watcher, connected(quiet, bob) as trader:
        for step in range(30):
            await trader.create_order(FUTURE, "limit", "sell", 1, round(0.0027 + step * 1e-6, 6))

        book = await soon(watcher.watch_order_book(FUTURE, 25))

        assert len(book["asks"]) == 25
        assert book["asks"][0][:2] == [0.0027, 1]


async def test_trades_arrive_as_they_happen(quiet, alice, bob):
    async with (
        connected(quiet) as watcher,
        connected(quiet, alice) as taker,
        connected(quiet, bob) as maker,
    ):
        watching = asyncio.ensure_future(
            until(
                lambda: watcher.watch_trades(FUTURE),
                lambda trades: (trades[-1]["price"], trades[-1]["amount"]) == (0.00263, 7),
            )
        )
        await maker.create_order(FUTURE, "limit", "sell", 7, 0.00263)
        await asyncio.sleep(0.3)
        await taker.create_order(FUTURE, "market", "buy", 7)

        assert (await soon(watching))[-1]["side"] == "buy"


async def test_orders_are_watched_through_their_lives(quiet, alice, bob):
    async with connected(quiet, alice) as client, connected(quiet, bob) as other:
        seen: list[tuple[str, float]] = []

        async def watch() -> None:
            while True:
                orders = await client.watch_orders(FUTURE)
                seen.extend((order["status"], order["filled"]) for order in orders)

        task = asyncio.ensure_future(watch())
        await asyncio.sleep(0.3)
        order = await client.create_order(FUTURE, "limit", "buy", 10, 0.0025)
        await asyncio.sleep(0.1)
        await other.create_order(FUTURE, "limit", "sell", 4, 0.0025)
        await asyncio.sleep(0.1)
        await client.cancel_order(order["id"], FUTURE)
        await asyncio.sleep(0.3)
        task.cancel()

        # The last has no quantity: an update carries what changed, and this client merges nothing.
        assert list(dict.fromkeys(seen)) == [("open", 0), ("open", 4), ("canceled", None)]
        (kept,) = client.orders
        assert (kept["id"], kept["symbol"]) == (order["id"], FUTURE)


async def test_my_trades_have_price_fee_and_side(quiet, alice, bob):
    async with connected(quiet, alice) as client, connected(quiet, bob) as other:
        watching = asyncio.ensure_future(client.watch_my_trades(FUTURE))
        await asyncio.sleep(0.3)
        await other.create_order(FUTURE, "limit", "sell", 10, 0.0026)
        await client.create_order(FUTURE, "limit", "buy", 10, 0.0026)

        (trade,) = await soon(watching)

        assert (trade["side"], trade["price"], trade["amount"]) == ("buy", 0.0026, 10)
        assert (trade["takerOrMaker"], trade["fee"]["rate"]) == ("taker", 0.0025)


async def test_position_flips_its_side_in_one_order(quiet, alice, bob):
    async with connected(quiet, alice) as client, connected(quiet, bob) as other:
        await other.create_order(FUTURE, "limit", "sell", 5, 0.0026)
        await other.create_order(FUTURE, "limit", "buy", 20, 0.0025)

        async def shows(side: str, contracts: int) -> None:
            await until(
                lambda: client.watch_positions([FUTURE]),
                lambda seen: (seen[-1]["side"], seen[-1]["contracts"]) == (side, contracts),
            )

        watching = asyncio.ensure_future(shows("long", 5))
        await asyncio.sleep(0.3)
        await client.create_order(FUTURE, "market", "buy", 5)
        await soon(watching)
        watching = asyncio.ensure_future(shows("short", 8))
        await client.create_order(FUTURE, "market", "sell", 13)
        await soon(watching)


async def test_balance_keeps_free_and_total_after_an_update(quiet, alice):
    async with connected(quiet, alice) as client:
        first = await soon(client.watch_balance())
        assert (first["BTC"]["free"], first["BTC"]["total"]) == (10, 10)

        watching = asyncio.ensure_future(client.watch_balance())
        await asyncio.sleep(0.1)
        await client.create_order(FUTURE, "limit", "buy", 1000, 0.0025)
        after = (await soon(watching))["BTC"]

        assert after["total"] == 10
        assert 0.125 < after["used"] < 0.15


async def test_ticker_follows_the_touch(quiet, bob):
    async with connected(quiet) as watcher, connected(quiet, bob) as trader:
        watching = asyncio.ensure_future(
            until(lambda: watcher.watch_ticker(FUTURE), lambda seen: seen["bid"] == 0.002512)
        )
        await asyncio.sleep(0.3)
        await trader.create_order(FUTURE, "limit", "buy", 1, 0.002512)

        assert (await soon(watching))["symbol"] == FUTURE


@pytest.mark.parametrize("wrong", ["key", "secret"])
async def test_wrong_credentials_are_a_network_error_within_a_second(quiet, alice, wrong):
    async with connected(quiet) as client:
        client.apiKey = "nobody" if wrong == "key" else alice.key
        client.secret = "wrong" if wrong == "secret" else alice.secret

        with pytest.raises(ccxt.NetworkError):
            await asyncio.wait_for(client.watch_balance(), 1)
