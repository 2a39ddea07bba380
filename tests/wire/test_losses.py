"""E13 to E13d on the wire: liquidation and insurance tables, positions that are closed by force."""

from typing import Any

import pytest

from tests.wire.desk import Desk, tables

pytestmark = pytest.mark.anyio

ZERO = "00000000-0000-0000-0000-000000000000"
FUTURE: dict[str, Any] = {
    "symbol": "XBTZ18", "typ": "FFCCSX", "underlying": "XBT", "quoteCurrency": "USD",
    "settlCurrency": "XBt", "multiplier": -100_000_000, "tickSize": 0.5, "maxPrice": 1_000_000,
    "initMargin": 0.01, "maintMargin": 0.005, "makerFee": -0.00025, "takerFee": 0.00075,
    "referenceSymbol": ".BXBT", "expiry": "2018-12-28T12:00:00.000Z",
}  # fmt: skip


async def held() -> Desk:
    """Alice is long 1,000 at 10,000 with 100x against bob."""
    made = Desk()
    index = {"symbol": ".BXBT", "constituents": [{"name": "A", "weight": 1}], "decimals": 2}
    await made.ok("POST", "/admin/v1/instrument", json_body=index)
    await move(made, 10_000)
    await made.ok("POST", "/admin/v1/instrument", json_body=FUTURE)
    leverage = {"symbol": "XBTZ18", "leverage": 100}
    await made.ok("POST", "/position/leverage", "alice", json_body=leverage)
    await made.place("bob", symbol="XBTZ18", side="Sell", orderQty=1_000, price=10_000)
    await made.place("alice", symbol="XBTZ18", orderQty=1_000)
    return made


@pytest.fixture
async def desk() -> Desk:
    return await held()


async def move(desk: Desk, price: float) -> None:
    await desk.ok("POST", "/admin/v1/index", json_body={"index": ".BXBT", "price": price})
    desk.advance(5)


async def test_E13_the_engine_s_order_is_told_as_it_comes_and_goes(desk: Desk) -> None:
    assert await desk.ok("GET", "/liquidation") == []
    async with desk.socket() as sock:
        await sock.take()
        *_, partial = await sock.subscribe("liquidation")
        assert (partial["keys"], partial["data"]) == (["orderID"], [])

        await move(desk, 9_950)

        (frame,) = tables(await sock.take(), "liquidation")
        (row,) = frame["data"]
        assert frame["action"] == "insert"
        assert row == {
            "orderID": row["orderID"],
            "symbol": "XBTZ18",
            "side": "Sell",
            "price": 9_901,
            "leavesQty": 1_000,
        }
        assert await desk.ok("GET", "/liquidation?symbol=XBTZ18") == [row]
        assert await desk.ok("GET", "/liquidation?symbol=ETC7D") == []

        await desk.place("bob", symbol="XBTZ18", orderQty=400, price=9_901)
        (frame,) = tables(await sock.take(), "liquidation")
        assert frame["action"] == "update"
        left = {"orderID": row["orderID"], "symbol": "XBTZ18", "leavesQty": 600}
        assert frame["data"] == [left]

        await move(desk, 9_900)
        (frame,) = tables(await sock.take(), "liquidation")
        assert frame["action"] == "delete"
        assert frame["data"] == [{"orderID": row["orderID"], "symbol": "XBTZ18"}]
    assert await desk.ok("GET", "/liquidation") == []


async def test_E13c_positions_say_that_they_were_closed_by_force(desk: Desk) -> None:
    async with desk.socket(who="alice") as alice, desk.socket(who="bob") as bob:
        for sock in (alice, bob):
            await sock.take()
            await sock.subscribe("position", "execution")

        await move(desk, 9_000)

        words = (alice, "Liquidated", "Liquidation"), (bob, "Deleverage", "Deleverage")
        for sock, word, text in words:
            frames = await sock.take()
            told = [
                row
                for frame in tables(frames, "position")
                for row in frame["data"]
                if "posState" in row
            ]
            assert [row["posState"] for row in told] == [word, ""]
            assert [row["currentQty"] for row in told][1] == 0
            (report,) = [
                row
                for frame in tables(frames, "execution")
                for row in frame["data"]
                if row["text"] == text
            ]
            assert report["orderID"] == ZERO
            assert (report["execType"], report["ordType"]) == ("Trade", "Limit")
            assert report["tradePublishIndicator"] == "DoNotPublishTrade"
            assert report["lastPx"] == 9_901


async def test_E13c_rows_show_the_place_in_the_queue(desk: Desk) -> None:
    (row,) = await desk.ok("GET", "/position?filter=%7B%22symbol%22:%22XBTZ18%22%7D", "bob")
    assert row["deleveragePercentile"] == 1
    (flat,) = await desk.ok("GET", "/instrument?symbol=XBTZ18")
    assert (flat["deleverage"], flat["insuranceFee"]) == (True, 0)


async def test_E13b_the_fund_of_each_noon_is_kept_and_told(desk: Desk) -> None:
    await desk.ok("POST", "/admin/v1/fund", json_body={"deposit": {"XBt": 12_345}})
    assert await desk.ok("GET", "/insurance") == []
    async with desk.socket() as sock:
        await sock.take()
        *_, partial = await sock.subscribe("insurance")
        assert (partial["keys"], partial["data"]) == (["currency", "timestamp"], [])
        desk.advance(86_400)
        (frame,) = tables(await sock.take(), "insurance")
        assert frame["action"] == "insert"
        *_, again = await sock.subscribe("insurance:XBt")
    rows = await desk.ok("GET", "/insurance")
    assert rows == frame["data"]
    assert rows == [
        {"currency": "XBt", "timestamp": "2018-01-13T12:00:00.000Z", "walletBalance": 12_345}
    ]
    assert again is not None
    desk.advance(86_400)
    newest = await desk.ok("GET", "/insurance?reverse=true&count=1")
    assert newest[0]["timestamp"] == "2018-01-14T12:00:00.000Z"
    assert len(await desk.ok("GET", "/insurance?startTime=2018-01-14")) == 1
