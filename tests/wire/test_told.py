"""Partials and updates put together are what REST answers, whatever moved (protocol.md 6.5)."""

import random
from typing import Any

import pytest

from sim_exchange.core import commands as c
from tests.core.world import XBT
from tests.wire.desk import Desk, Socket, tables

pytestmark = pytest.mark.anyio

KEYS = {"position": "symbol", "margin": "currency", "wallet": "currency", "instrument": "symbol"}
READS = {
    "position": "/position",
    "margin": "/user/margin?currency=all",
    "wallet": "/user/wallet?currency=all",
    "instrument": "/instrument?count=500",
}
# Times follow what changed; the open interest's value is told with trades only (6.9); interest
# grows by the second and is told when the wallet moves.
APART = (
    "timestamp", "openingTimestamp", "currentTimestamp", "prevTimestamp", "openValue", "interest",
)  # fmt: skip

Told = dict[str, dict[str, Any]]


@pytest.fixture
def desk() -> Desk:
    return Desk()


class Reader:
    """What a client of one socket knows."""

    def __init__(self, sock: Socket) -> None:
        self.sock = sock
        self.told: dict[str, Told] = {table: {} for table in KEYS}

    async def hear(self) -> None:
        for frame in tables(await self.sock.take()):
            known, key = self.told[frame["table"]], KEYS[frame["table"]]
            for row in frame["data"]:
                if frame["action"] == "update":
                    assert row[key] in known, frame
                    known[row[key]].update(row)
                else:
                    known[row[key]] = row


# A spot position's mark and a loan's interest move the rest of its row once a minute.
SPOT = ("openOrderBuyQty", "openOrderBuyCost", "openOrderSellQty", "openOrderSellCost", "leverage")


def facts(table: str, row: dict[str, Any]) -> dict[str, Any]:
    if table == "position" and row["symbol"] == "ETC_XBT":
        return {name: row[name] for name in SPOT}
    return {name: value for name, value in row.items() if name not in APART}


async def same(desk: Desk, reader: Reader, step: object) -> None:
    await reader.hear()
    for table, path in READS.items():
        rows = await desk.ok("GET", path, "alice")
        for row in rows:
            told = reader.told[table].get(row[KEYS[table]])
            if told is not None:
                assert facts(table, told) == facts(table, row), (step, table)


async def trade(desk: Desk, luck: random.Random) -> None:
    """Do one thing that a trader does; a refusal is fine."""
    who = luck.choice(("alice", "alice", "bob"))
    symbol = luck.choice(("ETC7D", "ETC7D", "ETC_XBT"))
    price = round(0.02 + luck.randint(-60, 60) * 1e-5, 8)
    qty = luck.randint(1, 40) * (XBT if symbol == "ETC_XBT" else 1)
    orders = await desk.ok("GET", "/order?filter=%7B%22open%22%3Atrue%7D", who)
    match luck.randint(0, 5):
        case 0 if orders:
            order = luck.choice(orders)
            await desk.call("DELETE", "/order", who, json_body={"orderID": order["orderID"]})
        case 1 if orders:
            order = luck.choice(orders)
            body = {"orderID": order["orderID"], "price": price}
            await desk.call("PUT", "/order", who, json_body=body)
        case 2 if not luck.randint(0, 3):
            body = {"symbol": "ETC7D", "leverage": luck.choice((0, 3, 10))}
            await desk.call("POST", "/position/leverage", who, json_body=body)
        case _:
            body = {
                "symbol": symbol,
                "side": luck.choice(("Buy", "Sell")),
                "orderQty": qty,
                "price": price,
            }
            await desk.call("POST", "/order", who, json_body=body)


@pytest.mark.parametrize("seed", range(4))
async def test_6_5_what_was_told_is_what_rest_says(seed: int) -> None:
    desk, luck = Desk(), random.Random(seed)
    lender = desk.account("lender", ETC=10_000 * XBT)
    offers = ((5_000 * XBT, 2_000_000_000),)
    desk.session.submit(c.OfferLoans(account=lender, currency="ETC", offers=offers))
    pico = 20_000_000_000
    async with desk.socket("subscribe=position,margin,wallet,instrument", who="alice") as sock:
        reader = Reader(sock)
        for step in range(60):
            for _ in range(luck.randint(0, 3)):
                await trade(desk, luck)
            # Where a position ends is told with its next mark, so there is one every time.
            pico += luck.choice((-1, 1)) * luck.randint(1, 120) * 1_000_000
            desk.session.submit(c.IndexPrints(index=".ETCXBT", prices=(pico,) * 3))
            desk.advance(5)
            await same(desk, reader, step)
        positions = reader.told["position"]
        assert positions["ETC7D"]["markPrice"]
        assert positions["ETC_XBT"]["currentQty"]


async def test_6_5_an_order_that_the_mark_has_passed_shows_its_premium(desk: Desk) -> None:
    await desk.place("bob", side="Sell", orderQty=10, price=0.0201)
    await desk.place("alice", side="Buy", orderQty=10, price=0.0201)
    await desk.place("alice", side="Sell", orderQty=5, price=0.0202)
    async with desk.socket("subscribe=position,margin,wallet,instrument", who="alice") as sock:
        reader = Reader(sock)
        for mark in (0.0201, 0.0203, 0.0204, 0.0201):
            prices = (round(mark * 10**12),) * 3
            desk.session.submit(c.IndexPrints(index=".ETCXBT", prices=prices))
            desk.advance(5)
            await same(desk, reader, mark)
            premium = reader.told["position"]["ETC7D"]["openOrderSellPremium"]
            # It only reduces, so nothing is held for it; the row shows the gap all the same.
            assert premium == max(0, round((mark - 0.0202) * XBT)) * 5
            assert reader.told["margin"]["XBt"]["initMargin"] == 0


async def test_6_5_a_mark_is_told_of_contracts_each_time_and_of_spot_once_a_minute(
    desk: Desk,
) -> None:
    coins = {"symbol": "ETC_XBT", "orderQty": 100 * XBT, "price": 0.02}
    await desk.place("bob", side="Sell", **coins)
    await desk.place("alice", side="Buy", **coins)
    await desk.place("bob", side="Sell", orderQty=10, price=0.0201)
    await desk.place("alice", side="Buy", orderQty=10, price=0.0201)
    heard = {"ETC7D": 0, "ETC_XBT": 0}
    async with desk.socket("subscribe=position", who="alice") as sock:
        reader = Reader(sock)
        await reader.hear()
        for step in range(36):
            prices = (20_000_000_000 + step * 1_000_000,) * 3
            desk.session.submit(c.IndexPrints(index=".ETCXBT", prices=prices))
            desk.advance(5)
            for frame in tables(await sock.take()):
                for row in frame["data"]:
                    heard[row["symbol"]] += 1

    assert heard["ETC7D"] >= 35
    assert 2 <= heard["ETC_XBT"] <= 4


async def test_6_9_marks_of_a_contracts_row_may_wait_for_their_turn_and_indices_never_do() -> None:
    desk = Desk(price_interval_ns=15 * 10**9)
    heard: dict[str, list[str]] = {"ETC7D": [], ".ETCXBT": []}
    async with desk.socket("subscribe=instrument:ETC7D,instrument:.ETCXBT", who="alice") as sock:
        desk.advance(5)
        await sock.take()
        for step in range(1, 13):
            prices = (20_000_000_000 + step * 10_000_000,) * 3
            desk.session.submit(c.IndexPrints(index=".ETCXBT", prices=prices))
            desk.advance(5)
            for frame in tables(await sock.take()):
                for row in frame["data"]:
                    heard[row["symbol"]].append(row["markPrice"])
        (told,) = await desk.ok("GET", "/instrument?symbol=ETC7D")

    assert len(heard[".ETCXBT"]) == 12
    assert len(heard["ETC7D"]) == 4
    assert abs(heard["ETC7D"][-1] - told["markPrice"]) <= 0.00002
