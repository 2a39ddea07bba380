"""E11, E12: four recorded positions, limits and margins, as GET /position shows them."""

import pytest

from tests.outside.desk import NO_FEES, QUANTO, SWAP, Desk, shown, trader
from tests.outside.driver import XBT

MARGINS = "posCross posLoss posInit posComm posMaint posMargin liquidationPrice bankruptPrice"
USDT = 10**6
ETHUSDT = {
    **SWAP,
    "rootSymbol": "ETH",
    "underlying": "ETH",
    "quoteCurrency": "USDT",
    "settlCurrency": "USDt",
    "multiplier": 10,
    "tickSize": 0.05,
    "initMargin": 0.02,
    "maintMargin": 0.01,
    "riskLimit": 10**12,
    "riskStep": 10**12,
    "fundingRate": 0.0001,
}


def tell(desk, path, who, **fields):
    """POST of a position's owner."""
    return desk.exchange.ask("POST", f"/position/{path}", who, symbol=desk.symbol, **fields)


def test_E12_A_short_10_isolated_at_10(exchange):
    desk = Desk(exchange, 10_948, SWAP, fundingRate=0)
    a, b = trader(exchange), trader(exchange)
    desk.leverage(a, 10)
    desk.match(a, b, -10, 10_948)

    row = desk.position(a)
    assert row["posCost"] == 91_340
    assert shown(row, MARGINS) == (0, 0, 9_134, 76, 533, 9_210, 12_096, 12_163.5)
    assert shown(row, "leverage crossMargin initMarginReq maintMarginReq") == (
        10, False, 0.1, 0.005,
    )  # fmt: skip
    assert row["marginCallPrice"] == 12_096

    desk.price(10_995.09)
    row = desk.position(a)
    assert shown(row, "markPrice markValue unrealisedPnl maintMargin") == (
        10_995.09, 90_950, -390, 8_820,
    )  # fmt: skip
    assert shown(row, "unrealisedPnlPcnt unrealisedRoePcnt") == (-0.0043, -0.0427)
    exchange.audited()


def test_E12_B_short_2000_with_margin_moved_in(exchange):
    desk = Desk(exchange, 10_713.5, SWAP, fundingRate=0)
    a, b = trader(exchange), trader(exchange)
    desk.leverage(a, 5)
    desk.match(a, b, -2_000, 10_713.5)
    assert desk.position(a)["posCost"] == 18_668_000

    row = tell(desk, "transferMargin", a, amount=71_429)

    assert shown(row, MARGINS) == (
        71_429, 0, 3_733_600, 16_855, 110_195, 3_821_884, 13_370.5, 13_455,
    )  # fmt: skip
    assert desk.position(a) == row
    said = exchange.reject(
        "POST", "/position/transferMargin", a, symbol=desk.symbol, amount=-71_430
    )
    assert said
    assert shown(tell(desk, "transferMargin", a, amount=-71_429), "posCross") == (0,)


def test_E12_C_short_20_that_has_paid_funding(exchange):
    desk = Desk(exchange, 3_349.5, SWAP, fundingRate=-0.00375)
    a, b, maker = (trader(exchange) for _ in range(3))
    desk.leverage(a, 10)
    desk.match(a, b, -10, 3_349.5)
    # v(3598.8) = 27,787: the funding takes 0.375 % of 277,870 out of the margin.
    desk.price(3_598.8)
    desk.order(maker, 100_000, 3_580)
    desk.order(maker, -100_000, 3_581)
    exchange.until(desk.row()["fundingTimestamp"])
    assert desk.row()["fundingRate"] == -0.00375  # the premium of a mark over the book, capped
    exchange.ask("DELETE", "/order/all", maker)
    assert desk.position(a)["posLoss"] == 1_042
    desk.price(3_349.5)
    desk.match(a, b, -10, 3_349.5)

    row = desk.position(a)
    assert row["posCost"] == 597_100
    assert shown(row, MARGINS) == (0, 1_042, 59_710, 493, 5_718, 59_161, 3_678.5, 3_714)


def test_E12_D_linear_long_2000_settled_in_usdt(exchange):
    desk = Desk(exchange, 1_963, ETHUSDT)
    a, b = (trader(exchange, USDt=1_000_000 * USDT) for _ in range(2))
    assert shown(desk.listed, "settlCurrency isQuanto isInverse") == ("USDt", False, False)
    desk.leverage(a, 3)
    desk.match(a, b, 2_000, 1_963)

    row = desk.position(a)
    assert (row["currency"], row["posCost"]) == ("USDt", 39_260_000)
    assert shown(row, MARGINS) == (
        0, 0, 13_086_667, 39_261, 435_787, 13_125_928, 1_328.5, 1_308.7,
    )  # fmt: skip
    (margin,) = [
        row for row in exchange.ask("GET", "/user/margin?currency=all", a)
        if row["currency"] == "USDt"
    ]  # fmt: skip
    assert margin["walletBalance"] == 1_000_000 * USDT - 29_445
    assert margin["availableMargin"] == margin["walletBalance"] - 13_125_928
    exchange.audited()


@pytest.mark.parametrize(
    ("rate", "qty", "maint", "liquidation", "bankrupt"),
    [
        (0, 1_000, 57_575, 9_950.5, 9_901.0),
        (0.0001, 1_000, 58_575, 9_951.5, 9_901.0),
        (0, -1_000, 57_575, 10_050.0, 10_101.0),
    ],
)
def test_E12_100x_with_and_without_funding(exchange, rate, qty, maint, liquidation, bankrupt):
    desk = Desk(exchange, 10_000, SWAP, fundingRate=rate)
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, qty, 10_000)

    row = desk.leverage(a, 100)

    assert shown(row, "posInit posComm posMaint posMargin") == (100_000, 7_575, maint, 107_575)
    assert shown(row, "liquidationPrice bankruptPrice") == (liquidation, bankrupt)


@pytest.mark.parametrize(
    ("wallet", "rate", "liquidation"),
    [(1_000_000, 0, 9_140.0), (1_000_000, 0.0001, 9_141.0), (1_000_207, 0, 9_139.5)],
)
def test_E12_cross_inverse_long(exchange, wallet, rate, liquidation):
    desk = Desk(exchange, 10_000, SWAP, fundingRate=rate)
    a, b = trader(exchange, XBt=wallet + 7_500), trader(exchange)
    desk.match(a, b, 1_000, 10_000)

    row = desk.position(a)
    assert (row["crossMargin"], row["liquidationPrice"]) == (True, liquidation)
    if wallet == 1_000_000:
        assert row["bankruptPrice"] == 9_098.5
    assert shown(row, "posCross posMargin") == (0, 107_575)


def test_E12_cross_inverse_short(exchange):
    desk = Desk(exchange, 10_000, SWAP, fundingRate=0)
    a, b = trader(exchange, XBt=1_007_500), trader(exchange)
    desk.match(a, b, -1_000, 10_000)

    assert shown(desk.position(a), "liquidationPrice bankruptPrice") == (11_038.5, 11_100)


def test_E12_cross_without_fees_in_usdt(exchange):
    # wallet 10,000 USDT, long 20 at 1,000: IM 400, MM 200, liq 510, bankrupt 500
    fields = {**ETHUSDT, **NO_FEES, "multiplier": USDT, "fundingRate": 0}
    desk = Desk(exchange, 1_000, fields)
    a = trader(exchange, USDt=10_000 * USDT)
    b = trader(exchange, USDt=10**6 * USDT)
    desk.match(a, b, 20, 1_000)

    row = desk.position(a)
    assert shown(row, "posInit posMaint liquidationPrice bankruptPrice") == (
        400 * USDT, 200 * USDT, 510, 500,
    )  # fmt: skip
    margin = exchange.ask("GET", "/user/margin?currency=USDt", a)
    assert margin["availableMargin"] == 9_600 * USDT


def test_E12_quanto_at_full_leverage(exchange):
    for rate, liquidation in ((0, 495), (0.0001, 495.05)):
        desk = Desk(exchange, 500, QUANTO, fundingRate=rate)
        a, b = trader(exchange), trader(exchange)
        desk.match(a, b, 10_000, 500)
        row = desk.leverage(a, 50)
        assert (row["posCost"], row["posInit"]) == (500_000_000, 10_000_000)
        assert row["liquidationPrice"] == liquidation


def test_E0_quanto_rounds_the_bankrupt_value_up_for_a_long(exchange):
    desk = Desk(exchange, 500, QUANTO, fundingRate=0, tickSize=0.01)
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, 3, 500.02)  # v 50,002: the lots of the golden cost 150,005 in two trades
    row = desk.leverage(a, 50)
    assert (row["posCost"], row["posInit"]) == (150_006, 3_001)


def test_E12_bankrupt_tick_is_finer_than_the_orders(exchange):
    desk = Desk(exchange, 10_000, SWAP, fundingRate=0, bankruptTick=0.01)
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, 1_000, 10_000)

    row = desk.leverage(a, 100)

    # 10,050 and 10,100 satoshi a lot
    assert shown(row, "liquidationPrice bankruptPrice") == (9_950.25, 9_901.0)


def test_E12_a_1x_short_shows_100000000(exchange):
    desk = Desk(exchange, 10_000, SWAP, fundingRate=0)
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, -1_000, 10_000)

    row = desk.leverage(a, 1)

    assert shown(row, "liquidationPrice bankruptPrice") == (100_000_000, 100_000_000)


def test_E12_two_legs_dont_offset(exchange):
    far = Desk(exchange, 10_000, SWAP, fundingRate=0)
    near = Desk(exchange, 10_000, SWAP, fundingRate=0)
    a, b = trader(exchange, XBt=400_000 + 15_000), trader(exchange)
    near.match(a, b, 1_000, 10_000)
    far.match(a, b, -1_000, 10_000)
    assert exchange.margin(a)["walletBalance"] == 400_000
    assert exchange.margin(a)["availableMargin"] == 400_000 - 2 * 107_575
    far.price(9_708.5)  # v 10,300: the short gains 300,000

    assert far.position(a)["unrealisedPnl"] == 300_000
    near.price(9_708.5)

    assert near.position(a)["currentQty"] == 0
    assert far.position(a)["currentQty"] == -1_000
    assert exchange.margin(a)["walletBalance"] == 108_287
    last = near.trades(a)[-1]
    assert (last["execComm"], last["text"]) == (7_713, "Liquidation")
    exchange.audited()


def test_E11_an_order_needs_the_limit_first(exchange):
    desk = Desk(exchange, 10_000, SWAP, fundingRate=0)
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, 1_800_000, 10_000)
    before = exchange.look("/state")["counts"]

    said = desk.reject(a, orderQty=500_000, price=9_999.5)

    assert "risk" in said.lower()
    assert exchange.look("/state")["counts"] == before
    row = tell(desk, "riskLimit", a, riskLimit=300 * XBT)
    assert shown(row, "riskLimit initMarginReq maintMarginReq") == (300 * XBT, 0.015, 0.01)
    assert desk.order(a, 500_000, 9_999.5)["ordStatus"] == "New"
    refused = {"symbol": desk.symbol}
    for limit in (250 * XBT, 0, -1, 200 * XBT, "x", 10**30):
        assert exchange.reject("POST", "/position/riskLimit", a, riskLimit=limit, **refused)
    assert desk.position(a)["riskLimit"] == 300 * XBT


@pytest.mark.parametrize(
    ("limit", "maint", "init"),
    [(200, 0.005, 0.01), (300, 0.01, 0.015), (400, 0.015, 0.02), (500, 0.02, 0.025)],
)
def test_E11_steps(exchange, limit, maint, init):
    desk = Desk(exchange, 10_000, SWAP, fundingRate=0)
    a = trader(exchange)

    row = tell(desk, "riskLimit", a, riskLimit=limit * XBT)

    assert shown(row, "initMarginReq maintMarginReq") == (init, maint)


def test_isolate_and_cross(exchange):
    desk = Desk(exchange, 10_000, SWAP, fundingRate=0)
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, 1_000, 10_000)
    assert desk.position(a)["crossMargin"] is True

    row = tell(desk, "isolate", a, enabled=True)
    assert (row["crossMargin"], row["posMargin"]) == (False, 107_575)
    row = tell(desk, "isolate", a, enabled=False)
    assert row["crossMargin"] is True
    row = desk.leverage(a, 25.5)
    assert shown(row, "leverage crossMargin posInit") == (25.5, False, 392_157)
    row = desk.leverage(a, 0)
    assert row["crossMargin"] is True


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("leverage", {"leverage": -1}),
        ("leverage", {"leverage": 100.5}),
        ("leverage", {"leverage": "x"}),
        ("leverage", {"leverage": True}),
        ("leverage", {}),
        ("leverage", {"leverage": 0.001}),
        ("transferMargin", {"amount": 1}),  # a cross position
        ("transferMargin", {"amount": 0}),
        ("transferMargin", {"amount": 1.5}),
        ("transferMargin", {"amount": 10**40}),
        ("transferMargin", {}),
        ("isolate", {"enabled": "maybe"}),
        ("riskLimit", {}),
    ],
)
def test_what_is_bad_is_refused_and_changes_nothing(exchange, path, fields):
    desk = Desk(exchange, 10_000, SWAP, fundingRate=0)
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, 1_000, 10_000)
    before = desk.position(a), exchange.margin(a)

    assert exchange.reject("POST", f"/position/{path}", a, symbol=desk.symbol, **fields)

    assert (desk.position(a), exchange.margin(a)) == before


def test_a_position_that_was_never_there(exchange):
    desk = Desk(exchange, 10_000, SWAP, fundingRate=0)
    a = trader(exchange)
    for path, fields in (
        ("transferMargin", {"amount": 1}),
        ("leverage", {"leverage": 10}),
    ):
        answer = exchange.call("POST", f"/position/{path}", a, symbol="NIX", **fields)
        assert 400 <= answer.status_code < 500
        assert answer.json()["error"].keys() == {"message", "name"}
    assert exchange.reject("POST", "/position/transferMargin", a, symbol=desk.symbol, amount=5)
