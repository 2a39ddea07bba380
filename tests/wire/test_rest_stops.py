"""Stops, pegs and their amends over HTTP and on the socket (protocol.md 4.2 to 4.4, 4.7)."""

from typing import Any
from urllib.parse import quote

import pytest

from sim_exchange.core import commands as c
from tests.core.world import XBT
from tests.wire.desk import Desk, tables

pytestmark = pytest.mark.anyio


@pytest.fixture
async def desk() -> Desk:
    """Mark 0.02; bob bids 100 @ 0.019 and offers 100 @ 0.021."""
    made = Desk()
    await made.place("bob", orderQty=100, price=0.019)
    await made.place("bob", orderQty=-100, price=0.021)
    return made


def move_index(desk: Desk, price: float) -> None:
    desk.session.submit(c.IndexPrints(index=".ETCXBT", prices=(int(price * 10**12),) * 3))
    desk.advance(5)


async def test_4_4_a_stop_waits_and_shows_itself_as_new_and_not_working(desk: Desk) -> None:
    row = await desk.place("alice", side="Sell", orderQty=5, stopPx=0.0195)

    assert (row["ordType"], row["timeInForce"]) == ("Stop", "ImmediateOrCancel")
    assert (row["ordStatus"], row["workingIndicator"], row["triggered"]) == ("New", False, "")
    assert (row["stopPx"], row["price"], row["leavesQty"]) == (0.0195, None, 5)
    assert row["execInst"] == ""
    (mine,) = await desk.ok("GET", "/order?filter=" + quote('{"open":true}'), "alice")
    assert mine["orderID"] == row["orderID"]


async def test_4_4_a_triggered_stop_says_so_in_its_row_and_its_executions(desk: Desk) -> None:
    placed = await desk.place("alice", side="Sell", orderQty=5, stopPx=0.0195, text="guard")
    move_index(desk, 0.0195)

    (row,) = await desk.ok("GET", "/order?symbol=ETC7D", "alice")
    assert row["orderID"] == placed["orderID"]
    assert (row["ordStatus"], row["triggered"], row["avgPx"]) == (
        "Filled",
        "StopOrderTriggered",
        0.019,
    )
    executions = await desk.ok("GET", "/execution?symbol=ETC7D", "alice")
    assert [one["execType"] for one in executions] == [
        "New",
        "TriggeredOrActivatedBySystem",
        "Trade",
    ]
    assert [one["triggered"] for one in executions] == [
        "",
        "StopOrderTriggered",
        "StopOrderTriggered",
    ]
    assert executions[1]["text"].splitlines()[0] == "Triggered: Order triggered at 0.0195"
    assert executions[1]["text"].splitlines()[1:] == ["guard", "Submitted via API."]
    assert {one["stopPx"] for one in executions} == {0.0195}
    assert executions[1]["lastPx"] is None


async def test_6_8_the_order_topic_tells_the_wait_the_trigger_and_the_end(desk: Desk) -> None:
    async with desk.socket("subscribe=order:ETC7D", "alice") as sock:
        await sock.take()
        placed = await desk.place("alice", side="Buy", orderQty=5, stopPx=0.0205, price=0.0198)
        assert placed["ordType"] == "StopLimit"
        (inserted,) = tables(await sock.take(), "order")
        assert inserted["action"] == "insert"
        assert inserted["data"][0]["workingIndicator"] is False

        move_index(desk, 0.0205)
        (updated,) = tables(await sock.take(), "order")
        assert updated["action"] == "update"
        told = updated["data"][0]
        assert (told["triggered"], told["workingIndicator"]) == ("StopOrderTriggered", True)


async def test_4_4_a_trailing_stop_shows_its_peg_and_follows(desk: Desk) -> None:
    row = await desk.place(
        "alice",
        side="Sell",
        orderQty=5,
        ordType="Stop",
        pegPriceType="TrailingStopPeg",
        pegOffsetValue=-0.001,
    )
    assert (row["pegPriceType"], row["pegOffsetValue"], row["stopPx"]) == (
        "TrailingStopPeg",
        -0.001,
        0.019,
    )
    move_index(desk, 0.0204)
    desk.advance(1)
    (row,) = await desk.ok("GET", "/order?symbol=ETC7D", "alice")
    assert row["stopPx"] == 0.0194


async def test_4_4_pegged_orders_have_the_price_of_their_touch(desk: Desk) -> None:
    near = await desk.place(
        "alice", orderQty=5, pegPriceType="PrimaryPeg", pegOffsetValue=0.0001, execInst="Fixed"
    )
    assert (near["ordType"], near["price"], near["workingIndicator"]) == ("Pegged", 0.0191, True)
    far = await desk.place(
        "alice", orderQty=5, pegPriceType="MarketPeg", pegOffsetValue=0, execInst="Fixed"
    )
    assert (far["ordStatus"], far["price"]) == ("Filled", 0.021)


async def test_4_3_a_close_stop_has_no_quantity_until_it_is_triggered(desk: Desk) -> None:
    row = await desk.place("alice", side="Sell", stopPx=0.0195, execInst="Close,LastPrice")
    assert (row["orderQty"], row["leavesQty"]) == (None, 0)
    assert row["execInst"] == "Close,LastPrice"
    await desk.place("alice", orderQty=7)
    await desk.place("bob", orderQty=1, price=0.0195)
    await desk.place("alice", orderQty=-1, price=0.0195)

    rows = await desk.ok("GET", "/order?symbol=ETC7D", "alice")
    (closed,) = [one for one in rows if one["orderID"] == row["orderID"]]
    assert (closed["orderQty"], closed["cumQty"], closed["ordStatus"]) == (6, 6, "Filled")


async def test_4_7_an_untriggered_stop_is_amended_by_PUT(desk: Desk) -> None:
    row = await desk.place("alice", side="Sell", orderQty=5, stopPx=0.0195, clOrdID="a")
    fields: dict[str, Any] = {"origClOrdID": "a", "stopPx": 0.0185, "orderQty": 3}
    amended = await desk.ok("PUT", "/order", "alice", json_body=fields)
    assert (amended["stopPx"], amended["orderQty"]) == (0.0185, 3)
    assert amended["text"].startswith("Amended orderQty stopPx: Amended via API.")

    fields = {"orders": [{"orderID": row["orderID"], "stopPx": 0.018}]}
    (amended,) = await desk.ok("PUT", "/order/bulk", "alice", json_body=fields)
    assert amended["stopPx"] == 0.018

    live = await desk.place("alice", orderQty=5, price=0.018)
    fields = {"orderID": live["orderID"], "stopPx": 0.019}
    answer = await desk.call("PUT", "/order", "alice", json_body=fields)
    assert answer.json()["error"]["message"] == "Invalid stopPx for ordType"


async def test_4_2_bulks_take_stops_and_tell_what_the_engine_refuses(desk: Desk) -> None:
    stops = [{"symbol": "ETC7D", "side": "Sell", "orderQty": 1, "stopPx": 0.018}] * 11
    rows = await desk.ok("POST", "/order/bulk", "alice", json_body={"orders": stops})
    assert [row["ordStatus"] for row in rows] == ["New"] * 10 + ["Rejected"]
    assert rows[-1]["text"] == "Too many open stop orders"
    assert rows[-1]["stopPx"] == 0.018


async def test_4_6_a_triggered_order_that_can_not_be_held_is_canceled_with_the_text(
    desk: Desk,
) -> None:
    desk.account("carol", XBt=XBT // 1000)
    await desk.place("carol", side="Sell", orderQty=90, stopPx=0.0195)
    move_index(desk, 0.0195)
    (row,) = await desk.ok("GET", "/order?symbol=ETC7D", "carol")
    assert (row["ordStatus"], row["triggered"]) == ("Canceled", "StopOrderTriggered")
    first = row["text"].splitlines()[0]
    assert first == "Canceled: Account has insufficient Available Balance"


async def test_4_8_linked_orders_show_their_link_and_cancel_each_other(desk: Desk) -> None:
    link = {"clOrdLinkID": "exit", "contingencyType": "OneCancelsTheOther", "side": "Sell"}
    await desk.place("alice", orderQty=5)
    first = await desk.place("alice", orderQty=5, price=0.0205, **link)
    await desk.place("alice", orderQty=5, stopPx=0.0185, **link)
    assert (first["clOrdLinkID"], first["contingencyType"]) == ("exit", "OneCancelsTheOther")

    await desk.place("bob", orderQty=1, price=0.0205)
    rows = await desk.ok("GET", "/order?symbol=ETC7D&reverse=true", "alice")
    stopped = next(row for row in rows if row["ordType"] == "Stop")
    assert stopped["ordStatus"] == "Canceled"
    assert stopped["text"].splitlines()[0] == "Canceled: Canceled by a linked order"
    executions = await desk.ok("GET", "/execution?symbol=ETC7D&reverse=true", "alice")
    assert "OneCancelsTheOther" in {one["contingencyType"] for one in executions}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ordType": "Stop"}, "Invalid stopPx for ordType"),
        ({"ordType": "StopLimit", "stopPx": 0.019}, "Invalid price"),
        ({"ordType": "Stop", "stopPx": 0.019, "price": 0.018}, "Invalid price"),
        ({"stopPx": 0.0190005}, "Invalid stopPx tickSize"),
        ({"stopPx": -0.01}, "Invalid stopPx"),
        ({"stopPx": "NaN"}, "Invalid stopPx"),
        ({"ordType": "Limit", "price": 0.019, "stopPx": 0.019}, "Invalid stopPx for ordType"),
        ({"stopPx": 0.019, "execInst": "LastPrice,MarkPrice"}, "Invalid execInst"),
        ({"stopPx": 0.019, "execInst": "AllOrNone"}, "Unsupported execInst"),
        ({"stopPx": 0.019, "execInst": "LastWithinMark"}, "Invalid ordType for execInst"),
        ({"price": 0.019, "execInst": "LastPrice"}, "Invalid ordType for execInst"),
        (
            {"ordType": "Stop", "pegPriceType": "TrailingStopPeg", "pegOffsetValue": 0},
            "Invalid pegOffsetValue for pegPriceType",
        ),
        (
            {"ordType": "Stop", "pegPriceType": "TrailingStopPeg", "pegOffsetValue": 0.0000005},
            "Invalid pegOffsetValue tickSize",
        ),
        (
            {"ordType": "Stop", "pegPriceType": "PrimaryPeg", "stopPx": 0.019},
            "Invalid pegPriceType for ordType",
        ),
        ({"price": 0.019, "pegPriceType": "MarketPeg"}, "Invalid pegPriceType for ordType"),
        ({"pegPriceType": "MarketPeg"}, "Invalid ordType for execInst"),
        ({"pegPriceType": "Foo"}, "Unsupported pegPriceType"),
        (
            {"price": 0.019, "contingencyType": "OneCancelsTheOther"},
            "Invalid clOrdLinkID for contingencyType",
        ),
        ({"price": 0.019, "contingencyType": "Foo"}, "Unsupported contingencyType"),
        ({"price": 0.019, "pegOffsetValue": 1}, "Invalid pegOffsetValue for pegPriceType"),
    ],
)
async def test_1_7_validation_messages_of_stops_and_pegs_are_exact(
    desk: Desk, fields: dict[str, Any], message: str
) -> None:
    whole = {"symbol": "ETC7D", "side": "Sell", "orderQty": 5, **fields}
    answer = await desk.call("POST", "/order", "alice", json_body=whole)
    assert answer.status_code == 400
    assert answer.json()["error"] == {"message": message, "name": "HTTPError"}
    assert not desk.exchange.open_orders(desk.alice)
