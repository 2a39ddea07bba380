"""E7, E10: marks and fundings of perpetual contracts, through the operator and REST alone."""

import pytest

from tests.outside.conftest import INVERSE, LINEAR
from tests.outside.desk import NO_FEES, QUANTO, SWAP, Desk, shown, trader
from tests.outside.driver import XBT

EIGHT_HOURS = "2000-01-01T08:00:00.000Z"


def funded(desk, who):
    """The executions of fundings."""
    return [row for row in desk.trades(who) if row["execType"] == "Funding"]


def test_E10_residue_of_three_positions_and_the_signs_of_execComm(exchange):
    # v(mark) = 10,790 at 9,268: longs 100 and 100, short 200, at 0.0375 %.
    desk = Desk(exchange, 9_268, {**SWAP, **NO_FEES}, fundingRate=0.000375)
    a, b, c = (trader(exchange) for _ in range(3))
    for who in (a, b):
        desk.match(who, c, 100, 9_268)
    before = {who: exchange.wallet(who) for who in (a, b, c)}

    exchange.tell("/instrument", symbol=desk.symbol, fund_now=True)

    assert [exchange.margin(w)["walletBalance"] - before[w] for w in (a, b, c)] == [
        -405, -405, 809,
    ]  # fmt: skip
    for who, comm, rate, side in ((a, 405, 0.000375, None), (c, -809, -0.000375, None)):
        (row,) = funded(desk, who)
        assert (row["execComm"], row["commission"]) == (comm, rate), side
        assert (row["lastPx"], row["text"]) == (9_268, "Funding")
        assert row["lastQty"] == (100 if who == a else 200)
        assert row["orderID"] == "00000000-0000-0000-0000-000000000000"
    (told,) = exchange.ask("GET", f"/funding?symbol={desk.symbol}")
    assert shown(told, "symbol fundingInterval fundingRate fundingRateDaily") == (
        desk.symbol, EIGHT_HOURS, 0.000375, 0.001125,
    )  # fmt: skip
    exchange.audited()


@pytest.mark.parametrize(
    ("price", "qty", "rate", "comm"),
    [
        (9_268.18, -169, 0.0001, -182),
        (6_615, 885, 0.000053, 709),
    ],
)
def test_E10_recorded_payments(exchange, price, qty, rate, comm):
    desk = Desk(exchange, price, {**SWAP, **NO_FEES}, fundingRate=rate)
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, qty, round(price * 2) / 2)

    exchange.tell("/instrument", symbol=desk.symbol, fund_now=True)

    assert desk.row()["markPrice"] == pytest.approx(price, rel=1e-3)
    (row,) = funded(desk, a)
    assert (row["lastPx"], row["execComm"]) == (price, comm)


def test_E10_100_xbt_at_1_percent(exchange):
    fields = {**SWAP, **NO_FEES, "initMargin": 0.05, "maintMargin": 0.02, "riskLimit": 10**12}
    desk = Desk(exchange, 10_000, fields, fundingRate=0.01)
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, 1_000_000, 10_000)

    exchange.tell("/instrument", symbol=desk.symbol, fund_now=True)

    assert exchange.margin(a)["walletBalance"] == 10_000 * XBT - XBT
    assert exchange.margin(b)["walletBalance"] == 10_000 * XBT + XBT


@pytest.mark.parametrize(
    ("index", "decimals", "rate", "minutes", "basis", "fair", "shown_rate"),
    [
        (32_182.72, 2, 0.0001, 324, 2.17, 32_184.89, 0.1095),
        (97_843.77, 2, 0.00011, 267, 5.99, 97_849.76, 0.12045),
        (1.174958, 6, 0.000693, 324, 0.000550, 1.175508, 0.758835),
    ],
)
def test_E7_recorded_perpetual_marks(
    exchange, index, decimals, rate, minutes, basis, fair, shown_rate
):
    base = SWAP if decimals == 2 else LINEAR
    more: dict[str, object] = {"markDecimals": decimals, "typ": "FFWCSX"}
    if decimals > 2:
        more |= {"tickSize": 0.0001, "expiry": None}
    desk = Desk(exchange, index, base, fundingRate=rate, **more)
    row = desk.row()
    now, due = exchange.look("/state")["clock"]["at"], row["fundingTimestamp"]
    left = int(due[11:13]) * 60 + int(due[14:16]) - int(now[11:13]) * 60 - int(now[14:16])
    exchange.advance(((left - minutes) % 480) * 60)
    if left < minutes:  # beyond a funding the rate is another one
        desk = Desk(exchange, index, base, fundingRate=rate, **more)
    row = desk.row()

    assert row["markPrice"] == row["fairPrice"] == fair
    assert (row["fairBasis"], row["fairBasisRate"]) == (basis, shown_rate)
    assert shown(row, "fundingRate fundingInterval markMethod fairMethod") == (
        rate, EIGHT_HOURS, "FairPrice", "FundingRate",
    )  # fmt: skip


def test_E10_by_the_clock_at_04_12_and_20(exchange):
    desk = Desk(exchange, 10_000, {**SWAP, **NO_FEES}, fundingRate=0.0001)
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, 10_000, 10_000)

    exchange.advance(86_400)

    rows = exchange.ask("GET", f"/funding?symbol={desk.symbol}&count=10")
    assert sorted(row["timestamp"][11:] for row in rows) == [
        "04:00:00.000Z", "12:00:00.000Z", "20:00:00.000Z",
    ]  # fmt: skip
    # No liquidity in the whole window: F = I = 0.01 %
    assert [row["fundingRate"] for row in rows] == [0.0001] * 3
    assert [row["execComm"] for row in funded(desk, a)] == [10_000] * 3
    assert [row["execComm"] for row in funded(desk, b)] == [-10_000] * 3
    assert exchange.margin(a)["walletBalance"] == 10_000 * XBT - 30_000
    row = desk.row()
    assert shown(row, "fundingRate indicativeFundingRate") == (0.0001, 0.0001)
    assert desk.position(a)["realisedPnl"] + desk.position(a)["rebalancedPnl"] == -30_000
    exchange.audited()


def next_rate(exchange, bid, ask):
    """Quote around a mark of 10,000 until the next funding; the rate that comes into force."""
    desk = Desk(exchange, 10_000, {**SWAP, **NO_FEES}, fundingRate=0)
    maker = trader(exchange)
    desk.order(maker, 500_000, bid)
    desk.order(maker, -500_000, ask)
    exchange.until(desk.row()["fundingTimestamp"])
    row = desk.row()
    return row["fundingRate"]


@pytest.mark.parametrize(
    ("bid", "ask", "rate"),
    [
        (9_999.5, 10_000.5, 0.0001),  # P = 0: I within the clamp
        (10_030, 10_031, 0.0025),  # P = 0.30 %: 0.25 %
        (10_060, 10_061, 0.00375),  # P = 0.60 %: 0.55 %, capped
        (9_979, 9_980, -0.0015),  # P = -0.20 %: -0.15 %
    ],
)
def test_E10_the_premium_makes_the_next_rate(exchange, bid, ask, rate):
    assert next_rate(exchange, bid, ask) == rate


def test_E10_the_rate_of_a_window_is_shown_as_indicative_before_it_is_in_force(exchange):
    desk = Desk(exchange, 10_000, {**SWAP, **NO_FEES}, fundingRate=0)
    maker = trader(exchange)
    desk.order(maker, 500_000, 10_030)
    desk.order(maker, -500_000, 10_031)
    exchange.advance(120)

    row = desk.row()

    assert (row["fundingRate"], row["indicativeFundingRate"]) == (0, 0.0025)
    assert shown(row, "impactBidPrice impactAskPrice hasLiquidity") == (10_030, 10_031, True)


def test_E10_quanto_pays_too(exchange):
    desk = Desk(exchange, 500, {**QUANTO, **NO_FEES}, fundingRate=0.0075)
    a, b = trader(exchange), trader(exchange)
    assert desk.listed["isQuanto"] is True
    desk.match(a, b, 10_000, 500)

    exchange.tell("/instrument", symbol=desk.symbol, fund_now=True)

    assert exchange.margin(a)["walletBalance"] == 10_000 * XBT - 3_750_000


def test_E10_only_a_perpetual_is_funded(exchange):
    desk = Desk(exchange, 10_000, INVERSE)
    said = exchange.refusal("/instrument", symbol=desk.symbol, fund_now=True)
    assert said.startswith(f"symbol: '{desk.symbol}'")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"fundingRate": 2}, "fundingRate: 2"),
        ({"fundingRate": "x"}, "fundingRate: 'x'"),
        ({"fundingRate": 0.0000001}, "fundingRate: 1e-07"),
        ({"fundingInterval": 8}, "fundingInterval: 8"),
        ({"fundingInterval": "2000-01-01T07:00:00.000Z"}, "fundingInterval: "),
        ({"expiry": "2018-06-29T12:00:00Z", "fundingInterval": EIGHT_HOURS}, "fundingInterval: "),
        ({"markDecimals": 0}, "tickSize: 0.5"),
        ({"wingspan": 3}, "wingspan: 3"),
    ],
)
def test_a_bad_perpetual_is_refused_by_name(exchange, fields, named):
    desk = Desk(exchange, 10_000, SWAP)
    before = exchange.look("/instrument")
    seq = exchange.look("/state")["counts"]

    said = exchange.refusal(
        "/instrument", **{**SWAP, "referenceSymbol": desk.index, "symbol": "CX", **fields}
    )

    assert named in said
    assert exchange.look("/instrument") == before
    assert exchange.look("/state")["counts"] == seq


def test_E7_futures_recompute_their_basis_from_impact_prices(exchange):
    # index 990, mid 1,001.1, 30 days: 0.136414 -> 0.14, basis 11.39, fair 1,001.39
    now = exchange.look("/state")["clock"]["at"]
    day = int(now[8:10])
    desk = Desk(
        exchange, 990, INVERSE, tickSize=0.1, expiry=f"2018-02-{day - 1:02}{now[10:16]}:00Z"
    )
    maker = trader(exchange)
    for qty, price in ((5_000, 1_000), (20_000, 998), (-4_008, 1_002), (-20_000, 1_004)):
        desk.order(maker, qty, price)

    due = f"2018-02-{day - 1:02}{now[10:16]}:00Z"
    assert due
    exchange.advance(60)

    row = desk.row()
    assert shown(row, "impactBidPrice impactMidPrice impactAskPrice hasLiquidity") == (
        999.0, 1_001.1, 1_003.2, True,
    )  # fmt: skip
    assert row["fairMethod"] == "ImpactMidPrice"
