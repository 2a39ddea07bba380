"""E4: stops, touched orders, trailing stops, pegs, linked orders, icebergs and LastWithinMark."""

import pytest

from tests.outside.desk import NO_FEES, SWAP, Desk, new_index, shown, trader

BASE = {**SWAP, "fundingRate": 0, "tickSize": 0.01, "maxPrice": 1_000_000}


@pytest.fixture
def desk(exchange):
    return Desk(exchange, 100, BASE)


@pytest.fixture
def ab(exchange):
    return trader(exchange), trader(exchange)


def order_of(desk, who, order):
    """The order's row now."""
    name = order["orderID"]
    (row,) = desk.exchange.ask("GET", f"/order?filter=%7B%22orderID%22%3A%22{name}%22%7D", who)
    return row


def test_a_stop_triggers_at_its_mark_and_holds_no_margin_before(exchange, desk, ab):
    a, b = ab
    desk.order(b, 10, 90)
    order = desk.order(a, -10, stopPx=95, ordType="Stop")
    assert shown(order, "ordStatus triggered ordType stopPx") == ("New", "", "Stop", 95)
    assert exchange.margin(a)["initMargin"] == 0
    desk.price(95.01)
    assert order_of(desk, a, order)["triggered"] == ""

    desk.price(95)

    assert shown(order_of(desk, a, order), "ordStatus triggered avgPx") == (
        "Filled", "StopOrderTriggered", 90,
    )  # fmt: skip


def test_a_stop_limit_rests_once_triggered(exchange, desk, ab):
    order = desk.order(ab[0], 10, 106, stopPx=105, ordType="StopLimit", execInst="IndexPrice")
    desk.price(105)
    row = order_of(desk, ab[0], order)
    assert shown(row, "ordStatus triggered workingIndicator leavesQty") == (
        "New", "StopOrderTriggered", True, 10,
    )  # fmt: skip
    assert desk.book()["Buy"] == [(106, 10)]


def test_if_touched_orders_are_the_other_way_round(exchange, desk, ab):
    a, b = ab
    desk.order(b, -5, 97)
    touched = desk.order(a, 5, stopPx=95, ordType="MarketIfTouched")
    limit = desk.order(a, -5, 106, stopPx=105, ordType="LimitIfTouched")
    desk.price(95)
    assert shown(order_of(desk, a, touched), "ordStatus avgPx") == ("Filled", 97)
    assert order_of(desk, a, limit)["workingIndicator"] is False
    desk.price(105)
    assert order_of(desk, a, limit)["workingIndicator"] is True


def test_a_stop_by_last_price(exchange, desk, ab):
    a, b = ab
    order = desk.order(a, 3, stopPx=102, ordType="Stop", execInst="LastPrice")
    desk.price(103)
    assert order_of(desk, a, order)["triggered"] == ""
    desk.order(b, -5, 102)
    desk.order(trader(exchange), 1, 102)
    assert shown(order_of(desk, a, order), "ordStatus avgPx") == ("Filled", 102)


def test_last_within_mark(exchange, desk, ab):
    # sell stop 95, mark 100: 94 and 94.99 do not trigger (under 95.0), 95 does
    a, b = ab
    taker = trader(exchange)
    order = desk.order(a, -1, stopPx=95, ordType="Stop", execInst="LastWithinMark,LastPrice")
    for price, triggered in ((94, ""), (94.99, ""), (95, "StopOrderTriggered")):
        desk.order(b, 1, price)
        desk.order(taker, -1, price)
        assert order_of(desk, a, order)["triggered"] == triggered, price


def test_a_trailing_stop_follows_by_more_than_a_tenth_percent(exchange, desk, ab):
    order = desk.order(ab[0], -5, ordType="Stop", pegPriceType="TrailingStopPeg", pegOffsetValue=-5)
    assert shown(order, "stopPx pegPriceType pegOffsetValue") == (95, "TrailingStopPeg", -5)
    for index, stop in ((100.1, 95), (101, 96), (99, 96), (103, 98)):
        desk.price(index)
        exchange.advance(1)
        assert order_of(desk, ab[0], order)["stopPx"] == stop, index
    desk.order(ab[1], 5, 50)
    desk.price(98)
    assert order_of(desk, ab[0], order)["ordStatus"] == "Filled"


def test_pegs_follow_the_touch(exchange, desk, ab):
    a, b = ab
    desk.order(b, 10, 98)
    desk.order(b, -10, 102)
    near = desk.order(
        a, 5, ordType="Pegged", pegPriceType="PrimaryPeg", pegOffsetValue=-1, execInst="Fixed"
    )
    far = desk.order(
        a, 5, ordType="Pegged", pegPriceType="MarketPeg", pegOffsetValue=-10, execInst="Fixed"
    )
    assert (near["price"], far["price"]) == (97, 92)
    desk.order(b, 10, 99)
    exchange.advance(1)
    assert {order_of(desk, a, near)["price"], order_of(desk, a, far)["price"]} <= {97, 98, 92}


def test_one_cancels_the_other(exchange, desk, ab):
    a, b = ab
    first = desk.order(a, 5, 99, clOrdLinkID="pair", contingencyType="OneCancelsTheOther")
    second = desk.order(a, -5, 101, clOrdLinkID="pair", contingencyType="OneCancelsTheOther")
    desk.order(b, -5, 99)
    assert order_of(desk, a, first)["ordStatus"] == "Filled"
    assert order_of(desk, a, second)["ordStatus"] == "Canceled"


def test_an_iceberg_pays_taker_until_all_of_it_is_shown(exchange, ab):
    desk = Desk(exchange, 10_000, BASE)
    a, b = ab
    berg = desk.order(a, -100, 10_000, displayQty=10)
    assert desk.book()["Sell"] == [(10_000, 10)]
    assert desk.order(b, 35, 10_000)["ordStatus"] == "Filled"

    rows = desk.trades(a)
    assert [row["lastQty"] for row in rows] == [10, 10, 10, 5]
    assert {row["commission"] for row in rows} == {0.00075}
    assert desk.book()["Sell"] == [(10_000, 5)]
    assert shown(order_of(desk, a, berg), "leavesQty cumQty displayQty") == (65, 35, 10)
    desk.order(b, 65, 10_000)
    assert desk.trades(a)[-1]["commission"] == -0.00025


def test_a_hidden_order_is_behind_and_pays_taker(exchange, ab):
    desk = Desk(exchange, 10_000, BASE)
    a, b = ab
    desk.order(a, -5, 10_000, displayQty=0)
    assert desk.book()["Sell"] == []
    desk.order(b, -5, 10_000)
    taker = trader(exchange)
    desk.order(taker, 5, 10_000)
    assert desk.trades(a) == []
    desk.order(taker, 5, 10_000)
    assert desk.trades(a)[-1]["commission"] == 0.00075


def test_reduce_only_shrinks_with_the_position(exchange, ab):
    desk = Desk(exchange, 100, {**BASE, **NO_FEES})
    a, b = ab
    desk.match(a, b, 100, 100)
    near = desk.order(a, -60, 105, execInst="ReduceOnly")
    far = desk.order(a, -60, 106, execInst="ReduceOnly")
    assert [order_of(desk, a, o)["leavesQty"] for o in (near, far)] == [60, 40]
    desk.order(b, 50, 99)
    desk.order(a, -50)
    assert order_of(desk, a, far)["ordStatus"] == "Canceled"
    assert order_of(desk, a, near)["leavesQty"] == 50


def test_day_orders_end_at_midnight(exchange, desk, ab):
    order = desk.order(ab[0], 1, 99, timeInForce="Day")
    now = exchange.look("/state")["clock"]["at"]
    exchange.until(f"{now[:8]}{int(now[8:10]) + 1:02}T00:00:00Z")
    assert order_of(desk, ab[0], order)["ordStatus"] in {"Canceled", "Expired"}


def test_E8_last_price_protected_is_clamped(exchange, ab):
    index = new_index(exchange, 100)
    desk = Desk(
        exchange, 100, {**SWAP, **NO_FEES}, referenceSymbol=index, fundingRate=0, tickSize=0.01,
        markMethod="LastPriceProtected", openingReference=100, initMargin=0.05, maintMargin=0.02,
    )  # fmt: skip
    a, b = ab
    for last, mark in ((100.5, 100.5), (103, 101)):
        desk.match(a, b, 1, last)
        exchange.advance(5)
        assert desk.row()["markPrice"] == mark
    exchange.tell("/index", index=index, price=98)
    exchange.advance(5)
    assert desk.row()["markPrice"] == 101
    for last, mark in ((102, 101), (100, 100), (102, 100), (98.5, 98.5)):
        desk.match(a, b, 1, last)
        exchange.advance(5)
        assert desk.row()["markPrice"] == mark, last
    assert desk.row()["lastPriceProtected"] == 98.5


@pytest.mark.parametrize(
    "fields",
    [
        {"orderQty": 1, "ordType": "Stop"},
        {"orderQty": 1, "ordType": "StopLimit", "stopPx": 105},
        {"orderQty": 1, "ordType": "Stop", "stopPx": 105, "price": 1},
        {"orderQty": 1, "ordType": "Market", "price": 100},
        {"orderQty": 1, "ordType": "Stop", "stopPx": -1},
        {"orderQty": 1, "ordType": "Stop", "stopPx": 100.005},
        {"orderQty": 1, "ordType": "Stop", "pegPriceType": "TrailingStopPeg", "pegOffsetValue": 0},
        {"orderQty": 1, "ordType": "Stop", "pegPriceType": "TrailingStopPeg"},
        {"orderQty": 1, "ordType": "Pegged", "pegPriceType": "PrimaryPeg", "pegOffsetValue": 0},
        {"orderQty": 1, "price": 99, "execInst": "AllOrNone"},
        {"orderQty": 1, "price": 99, "execInst": "Fixed,Loud"},
        {"orderQty": 1, "price": 99, "timeInForce": "Forever"},
        {"orderQty": 1, "price": 99, "displayQty": -1},
        {"orderQty": 1, "price": 99, "displayQty": 2},
        {"orderQty": -1, "side": "Buy", "price": 99},
        {"orderQty": 1, "price": 2_000_000},
        {"orderQty": 10**9, "price": 99},
        {"orderQty": 10**30, "price": 99},
        {"orderQty": 1, "price": "NaN"},
        {"orderQty": 1, "price": 99, "contingencyType": "OneCancelsTheOther"},
        {"orderQty": 1, "price": 99, "ordType": "Fancy"},
        {"orderQty": True, "price": 99},
        {"orderQty": 1.5, "price": 99},
        {"orderQty": 0, "price": 99},
    ],
)
def test_a_bad_order_changes_nothing(exchange, desk, fields):
    a = trader(exchange)
    before = exchange.look("/state")["counts"], exchange.margin(a), desk.row()

    answer = exchange.call("POST", "/order", a, symbol=desk.symbol, **fields)

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"].keys() == {"message", "name"}
    assert (exchange.look("/state")["counts"], exchange.margin(a), desk.row()) == before
    assert exchange.ask("GET", "/order", a) == []
