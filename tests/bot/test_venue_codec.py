"""Rows to events and actions to requests: protocol.md 2, 3.1, 4 and 5."""

from fractions import Fraction

import msgspec
import pytest

from mmbot.types import Amend, Instrument, Kind, NewOrder, OrdStatus, Side
from mmbot.venue.bitmex.codec import (
    amend_fields,
    fill_of,
    instant_ns,
    instrument_of,
    kind_of,
    order_fields,
    order_of,
    price_ticks,
)
from mmbot.venue.bitmex.rows import ExecutionRow, InstrumentRow, OrderRow

ETC7D_ROW = (
    '{"symbol":"ETC7D","rootSymbol":"ETC","state":"Open","typ":"FFCCSX",'
    '"listing":"2018-01-12T12:00:00.000Z","expiry":"2018-01-19T12:00:00.000Z",'
    '"underlying":"ETC","quoteCurrency":"XBT","settlCurrency":"XBt",'
    '"referenceSymbol":".ETCXBT30M","maxOrderQty":1000000,"lotSize":1,"tickSize":1e-6,'
    '"multiplier":100000000,"isQuanto":false,"isInverse":false,"initMargin":0.05,'
    '"makerFee":-0.0005,"takerFee":0.0025,"settlementFee":0.0025,"markPrice":0.0026,'
    '"lastTickDirection":null,"hasLiquidity":true}'
)


def etc7d() -> Instrument:
    return instrument_of(msgspec.json.decode(ETC7D_ROW, type=InstrumentRow))


def test_3_1_an_instrument_row_gives_exact_facts():
    instrument = etc7d()

    assert instrument.kind is Kind.LINEAR
    assert instrument.tick == Fraction(1, 10**6)
    assert (instrument.multiplier, instrument.lot_size) == (10**8, 1)
    assert instrument.expiry_ns == instrument.listing_ns + 7 * 86400 * 10**9
    assert (instrument.maker_fee, instrument.settlement_fee) == (-0.0005, 0.0025)
    assert instrument.reference_symbol == ".ETCXBT30M"


@pytest.mark.parametrize(
    ("text", "tick"),
    [("1e-8", Fraction(1, 10**8)), ("0.00001", Fraction(1, 10**5)), ("0.5", Fraction(1, 2))],
)
def test_3_1_the_tick_is_taken_from_the_text_of_the_row(text, tick):
    row = ETC7D_ROW.replace('"tickSize":1e-6', f'"tickSize":{text}')

    assert instrument_of(msgspec.json.decode(row, type=InstrumentRow)).tick == tick


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"symbol": "XBTUSD", "typ": "FFWCSX", "isInverse": True, "isQuanto": False}, Kind.INVERSE),
        ({"symbol": "ETHUSD", "typ": "FFWCSX", "isInverse": False, "isQuanto": True}, Kind.QUANTO),
        ({"symbol": "ETH7D", "typ": "FFCCSX", "isInverse": False, "isQuanto": False}, Kind.LINEAR),
        ({"symbol": "ETC_XBT", "typ": "IFXXXP"}, Kind.SPOT),
        ({"symbol": ".ETCXBT", "typ": "MRCXXX"}, Kind.INDEX),
    ],
)
def test_3_2_kind_of_an_instrument(row, kind):
    assert kind_of(row) is kind


@pytest.mark.parametrize("ticks", [1, 2654, 19900, 20101, 999_999, 10**12 + 7])
@pytest.mark.parametrize("tick", [Fraction(1, 10**8), Fraction(1, 10**6), Fraction(1, 2)])
def test_a_price_survives_the_way_to_the_venue_and_back(ticks, tick):
    instrument = msgspec.structs.replace(etc7d(), tick=tick)

    text = msgspec.json.encode(instrument.price(ticks))

    assert price_ticks(msgspec.json.decode(text), tick) == ticks


def test_4_2_a_post_only_limit_order():
    order = NewOrder(
        symbol="ETC7D",
        side=Side.SELL,
        order_qty=300,
        price=20101,
        cl_ord_id="m1q7",
        post_only=True,
    )

    assert order_fields(order, etc7d()) == {
        "symbol": "ETC7D",
        "side": "Sell",
        "orderQty": 300,
        "ordType": "Limit",
        "price": 0.020101,
        "execInst": "ParticipateDoNotInitiate",
        "clOrdID": "m1q7",
    }


def test_4_3_close_needs_neither_side_nor_quantity():
    order = NewOrder(
        symbol="ETC_XBT", side=None, order_qty=None, price=None, cl_ord_id="m1h1", close=True
    )

    assert order_fields(order, etc7d()) == {
        "symbol": "ETC_XBT",
        "ordType": "Market",
        "execInst": "Close",
        "clOrdID": "m1h1",
    }


def test_4_3_an_immediate_limit_order():
    order = NewOrder(
        symbol="ETC7D", side=Side.BUY, order_qty=1, price=5, cl_ord_id="", immediate=True
    )

    assert order_fields(order, etc7d())["timeInForce"] == "ImmediateOrCancel"


def test_4_7_an_amend_names_the_order_by_the_venues_id_or_by_ours():
    amend = Amend(
        order_id="", cl_ord_id="m1q7", symbol="ETC7D", side=Side.BUY, order_qty=5, price=7
    )

    assert amend_fields(amend, etc7d()) == {
        "origClOrdID": "m1q7",
        "orderQty": 5,
        "price": 0.000007,
    }
    known = msgspec.structs.replace(amend, order_id="u-1")
    assert amend_fields(known, etc7d())["orderID"] == "u-1"


def test_4_6_a_cancel_that_found_nothing_means_that_the_order_is_gone():
    row: OrderRow = {
        "orderID": "u-1",
        "error": "Unable to cancel order: Not found or not owned by user",
    }

    seen = order_of(row, {}, 5)

    assert (seen.order_id, seen.status) == ("u-1", OrdStatus.CANCELED)
    assert "Not found" in seen.text


def test_4_6_a_cancel_of_a_filled_order_says_that_it_is_filled():
    row: OrderRow = {
        "orderID": "u-1",
        "clOrdID": "m1q7",
        "symbol": "ETC7D",
        "ordStatus": "Filled",
        "leavesQty": 0,
        "cumQty": 5,
        "error": "Unable to cancel order due to existing state: Filled",
    }

    assert order_of(row, {"ETC7D": etc7d()}, 5).status is OrdStatus.FILLED


def test_4_8_an_order_update_leaves_unknown_members_out():
    row: OrderRow = {"orderID": "u-1", "clOrdID": "m1q7", "symbol": "ETC7D"}

    seen = order_of(row, {"ETC7D": etc7d()}, 5)

    assert (seen.price, seen.order_qty, seen.cum_qty, seen.status) == (None,) * 4


@pytest.mark.parametrize("exec_type", ["New", "Canceled", "Replaced", "Rejected"])
def test_4_11_reports_of_an_orders_life_are_no_fills(exec_type):
    assert fill_of({"execID": "e", "execType": exec_type, "lastQty": None}, 5) is None


def test_4_11_a_trade_and_a_settlement_are_fills():
    trade: ExecutionRow = {
        "execID": "e-1",
        "execType": "Trade",
        "orderID": "u-1",
        "clOrdID": "m1q7",
        "symbol": "ETC7D",
        "side": "Sell",
        "lastQty": 98,
        "lastPx": 0.0201,
        "lastLiquidityInd": "AddedLiquidity",
        "execCost": -196_980_000,
        "execComm": -98_490,
        "transactTime": "2018-01-12T12:00:05.250Z",
    }

    fill = fill_of(trade, 5)

    assert fill is not None
    assert fill.side is Side.SELL
    assert fill.maker
    assert (fill.qty, fill.price, fill.exec_cost, fill.exec_comm) == (
        98,
        0.0201,
        -196_980_000,
        -98_490,
    )
    assert fill.venue_ns == instant_ns("2018-01-12T12:00:05.250Z")
    settled: ExecutionRow = {
        "execID": "e-2",
        "execType": "Settlement",
        "side": None,
        "lastQty": 98,
        "lastPx": 0.02,
    }
    paid = fill_of(settled, 5)
    assert paid is not None
    assert paid.side is None
