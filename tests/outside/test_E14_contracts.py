"""E14-E16, E18: settlement kinds, bands, UPs and DOWNs, and the sum of two chains."""

import pytest

from tests.outside.conftest import INVERSE
from tests.outside.conftest import LINEAR as ETC
from tests.outside.desk import NO_FEES, Desk, new_index, shown, trader
from tests.outside.driver import XBT

LINEAR = {k: v for k, v in ETC.items() if k not in ("symbol", "referenceSymbol")}
LAUNCH = {
    **LINEAR, **NO_FEES, "typ": "FFCCSX", "tickSize": 1e-8, "initMargin": 0.5, "maintMargin": 0.25,
    "markMethod": "LastPrice", "openingReference": 0.0034,
}  # fmt: skip


def launch(exchange, price=0.0034, **fields):
    """List a contract on the launch of a coin."""
    return Desk(exchange, price, LAUNCH, decimals=8, **fields)


def expired(desk):
    """Settle a contract at once; its settlement row."""
    row = desk.exchange.tell("/instrument", symbol=desk.symbol, expire_now=True)
    assert row["state"] == "Settled"
    (told,) = desk.exchange.ask("GET", f"/settlement?symbol={desk.symbol}")
    assert told["settledPrice"] == row["settledPrice"]
    return told


@pytest.mark.parametrize(
    ("kind", "settled"),
    [
        ("last", 0.004),
        ({"kind": "fixed", "price": 0.003}, 0.003),
        ("zero", 0),
        ("vwap", 0.0036),
        ({"kind": "last", "else": "zero"}, 0),  # the index has not printed for a day
    ],
)
def test_E14_kinds(exchange, kind, settled):
    desk = launch(exchange, settlementKind=kind)
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, 100, 0.0035)
    desk.match(a, b, 100, 0.0037)
    desk.price(0.004)
    before = exchange.wallet(a)

    assert expired(desk)["settledPrice"] == settled

    paid = round(200 * settled * XBT) - 72_000_000
    assert exchange.margin(a)["walletBalance"] - before == paid
    assert desk.position(a)["currentQty"] == 0
    assert desk.reject(a, orderQty=1, price=0.0034) == "Instrument expired"
    exchange.audited()


@pytest.mark.parametrize(("begins", "settled"), [(True, 0.0041), (False, 0.003)])
def test_E14_qtum_settles_at_the_ico_price_unless_spot_trades_a_day_before(
    exchange, begins, settled
):
    now = exchange.look("/state")["clock"]["at"]
    expiry = f"2018-01-{int(now[8:10]) + 2:02}T12:00:00Z"
    members = [{"name": "A", "weight": 1}]
    index = f".Q{int(begins)}"
    exchange.tell("/instrument", symbol=index, constituents=members, decimals=8, outlier=1)
    desk = launch(
        exchange, expiry=expiry, referenceSymbol=index,
        settlementKind={"kind": "twap30", "else": "fixed", "price": 0.003},
    )  # fmt: skip
    if begins:
        desk.price(0.0041)
    exchange.until(f"2018-01-{int(now[8:10]) + 1:02}T12:00:05Z")
    if not begins:
        desk.price(0.0041)
    exchange.until(expiry)

    assert shown(desk.row(), "state settledPrice") == ("Settled", settled)


def test_E18_sum_of_two_indices_marks_and_settles(exchange):
    first = new_index(exchange, 2_505)
    second = new_index(exchange, 250)
    desk = Desk(
        exchange, 0, INVERSE, referenceSymbol=first, settlementKind={"sum": [first, second]}
    )
    assert desk.listed["markPrice"] == 2_755
    alone = Desk(exchange, 0, INVERSE, referenceSymbol=first)
    assert alone.listed["markPrice"] == 2_505
    exchange.tell("/index", index=second, price=260)
    exchange.advance(5)
    assert desk.row()["markPrice"] == 2_765

    assert expired(desk)["settledPrice"] == 2_765
    exchange.tell("/instrument", symbol=alone.symbol, expire_now=True)


def test_E15_sessions(exchange):
    # close 0.0034 -> [0.00255, 0.00425]; at an even hour 0.00425 -> [0.0031875, 0.0053125]
    desk = launch(exchange, band={"pct": 0.25, "session_s": 7_200})
    a, b = trader(exchange), trader(exchange)
    assert shown(desk.listed, "limitDownPrice limitUpPrice") == (0.00255, 0.00425)
    for price in (0.00254999, 0.00425001):
        before = exchange.look("/state")["counts"], exchange.margin(a)
        assert "limit" in desk.reject(a, orderQty=1, price=price)
        assert (exchange.look("/state")["counts"], exchange.margin(a)) == before
    assert desk.order(a, 1, 0.00255)["ordStatus"] == "New"
    desk.match(a, b, 1, 0.00425)

    now = exchange.look("/state")["clock"]["at"]
    hour = (int(now[11:13]) // 2 + 1) * 2
    exchange.until(f"{now[:8]}{int(now[8:10]) + hour // 24:02}T{hour % 24:02}:00:00Z")

    assert shown(desk.row(), "limitDownPrice limitUpPrice prevClosePrice") == (
        0.0031875, 0.0053125, 0.00425,
    )  # fmt: skip
    assert exchange.ask("GET", "/order?filter=%7B%22open%22%3Atrue%7D", a) == []


@pytest.mark.parametrize(
    "band",
    [
        {"band": {"down": 0.391884, "up": 1.175652}},
        {"limitDownPrice": 0.391884, "limitUpPrice": 1.175652},
    ],
)
def test_E15_ZECZ16(exchange, band):
    desk = launch(exchange, 0.783768, openingReference=0.783768, tickSize=0.000001, **band)
    a = trader(exchange)
    for price in (0.391883, 1.175653):
        assert "limit" in desk.reject(a, orderQty=1, price=price)
    for qty, price in ((1, 0.391884), (-1, 1.175652)):
        assert desk.order(a, qty, price)["ordStatus"] == "New"


def option(exchange, price, strike, **fields):
    """List an UP, or a DOWN with its barrier, an index of its own under it."""
    base = {
        "underlying": "XBT", "quoteCurrency": "XBT", "settlCurrency": "XBt",
        "optionStrikePrice": strike, "openingReference": 0.00015, "expiry": INVERSE["expiry"],
    }  # fmt: skip
    return Desk(exchange, price, base, **fields)


def seller(exchange, **balances):
    """An account that may be short of an option."""
    name = trader(exchange, **(balances or {"XBt": 10 * XBT}))
    exchange.tell("/account", name=name, flags=["anchorMM"])
    return name


def test_E16_ten_ups_from_their_sale_to_their_settlement(exchange):
    desk = option(exchange, 10_000, 11_000)
    assert shown(desk.listed, "tickSize maxPrice lotSize limitDownPrice limitUpPrice") == (
        0.00001, 0.1, 1, 0, 0.1,
    )  # fmt: skip
    buyer, anchor = trader(exchange, XBt=XBT), seller(exchange)
    assert desk.reject(buyer, orderQty=-10, price=0.00015)
    desk.match(buyer, anchor, 10, 0.00015)

    locked = [
        m["walletBalance"] - m["availableMargin"] for m in map(exchange.margin, (buyer, anchor))
    ]
    assert locked == [150_000, 99_850_000]
    assert [exchange.wallet(w) for w in (buyer, anchor)] == [XBT, 10 * XBT]  # no cash, no fee
    desk.price(12_000)
    assert desk.row()["indicativeSettlePrice"] == 0.00833333

    assert expired(desk)["settledPrice"] == 0.00833333
    assert exchange.margin(buyer)["walletBalance"] - XBT == 8_183_330
    assert exchange.margin(anchor)["walletBalance"] - 10 * XBT == -8_183_330
    exchange.audited()


@pytest.mark.parametrize(
    ("spot", "strike", "barrier", "settled"),
    [
        (11_000, 11_000, None, 0),
        (19_999, 10_999, None, 0.04500225),
        (13_200, 11_000, None, 0.01666666),
        (6_000, 9_000, 4_500, 0.05),
    ],
)
def test_E16_payoffs(exchange, spot, strike, barrier, settled):
    more = {} if barrier is None else {"barrier": barrier}
    desk = option(exchange, 10_000, strike, **more)
    desk.price(spot)
    exchange.advance(30 * 60)

    assert expired(desk)["settledPrice"] == settled


def test_E16_the_barrier_knocks_out_at_once(exchange):
    desk = option(exchange, 10_000, 7_250, barrier=3_625)
    buyer, anchor = trader(exchange, XBt=XBT), seller(exchange)
    desk.match(buyer, anchor, 10, 0.00015)
    desk.price(3_625)
    exchange.advance(31 * 60)  # the mean of 30 minutes is at the barrier

    assert shown(desk.row(), "state settledPrice") == ("Settled", 0.1)
    assert exchange.margin(buyer)["walletBalance"] == XBT + 10 * 10_000_000 - 150_000
    exchange.audited()


def test_E16_nobody_is_liquidated_and_losing_the_flag_is_close_only(exchange):
    desk = option(exchange, 10_000, 11_000)
    buyer, anchor = trader(exchange, XBt=XBT), seller(exchange, XBt=XBT)
    desk.match(buyer, anchor, 10, 0.00015)
    exchange.tell("/account", name=anchor, flags=[])
    assert desk.reject(anchor, orderQty=-1, price=0.001)
    assert desk.order(anchor, 1, 0.00014)["ordStatus"] == "New"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"lotSize": 0}, "lotSize: 0"),
        ({"tickSize": 0}, "tickSize: 0"),
        ({"tickSize": -1}, "tickSize: -1"),
        ({"expiry": "2017-01-01T00:00:00Z"}, "expiry: "),
        ({"openingReference": None}, "needs openingReference"),
        ({"settlementKind": {"sum": [".NIX", ".NUX"]}}, "settlementKind: "),
        ({"band": {"pct": 0, "session_s": 7_200}}, "band: "),
        ({"initMargin": 0.2, "maintMargin": 0.3}, "maintMargin: 0.3"),
        ({"markMethod": "Guess"}, "markMethod: 'Guess'"),
        ({"lossMethod": "luck"}, "lossMethod: 'luck'"),
        ({"referenceSymbol": ".NIX"}, "referenceSymbol: '.NIX'"),
        ({"multiplier": "1"}, "multiplier: '1'"),
        ({"maxPrice": -5}, "maxPrice: -5"),
        ({"riskLimit": -5}, "riskLimit: -5"),
        ({"colour": "red"}, "colour: 'red'"),
    ],
)
def test_a_bad_listing_is_refused_by_name(exchange, fields, named):
    index = new_index(exchange, 1, 8)
    before = exchange.look("/instrument")

    said = exchange.refusal(
        "/instrument", **{**LAUNCH, "referenceSymbol": index, "symbol": "CBAD", **fields}
    )

    assert named in said
    assert exchange.look("/instrument") == before


def test_what_is_special_to_a_contract_is_not_inherited(exchange):
    index = new_index(exchange, 0.0034, 8)
    special = {
        "settlementKind": "zero", "lossMethod": "dpe", "circuitBreaker": True,
        "liquidationSpeed": True, "bankruptTick": 1e-8, "markDecimals": 12,
    }  # fmt: skip
    launch(exchange, referenceSymbol=index, **special)
    plain = {k: v for k, v in LAUNCH.items() if k not in ("markMethod", "openingReference")}
    desk = Desk(exchange, 0, plain, referenceSymbol=index)

    assert desk.listed["deleverage"] is True
    specs = [row["command"]["spec"] for row in exchange.journal() if "spec" in row["command"]]
    spec = next(one for one in specs if one["symbol"] == desk.symbol)
    kept = {"mwcb", "liq_speed", "loss_method", "settlement_kind", "bankrupt_tick_pico"}
    assert not kept & spec.keys()
    assert spec["mark_decimals"] == 8
