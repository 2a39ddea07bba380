"""E13: liquidations, the insurance fund, deleveraging and the older loss methods over REST."""

import pytest

from tests.outside.desk import NO_FEES, SWAP, Desk, shown, trader
from tests.outside.driver import XBT

ZERO_ID = "00000000-0000-0000-0000-000000000000"
LINEAR = {
    **SWAP, **NO_FEES, "underlying": "ETH", "quoteCurrency": "XBT", "multiplier": 100,
    "tickSize": 0.01, "initMargin": 0.01, "maintMargin": 0.005, "fundingRate": 0,
}  # fmt: skip


@pytest.fixture
def fund(exchange):
    """Set the insurance fund's growth to zero: what it has now."""
    return lambda: exchange.look("/fund")["XBt"]


def long_at_100x(exchange, desk, side=1, qty=1_000):
    """An isolated position at 10,000, its counterparty, and the wallet after the opening."""
    a, b = trader(exchange, XBt=XBT), trader(exchange)
    desk.match(a, b, side * qty, 10_000)
    desk.leverage(a, 100)
    return a, b, exchange.wallet(a)


@pytest.mark.parametrize(
    ("side", "before", "at", "loss", "fee"),
    [(1, 9_950.51, 9_950.5, 107_575, 7_575), (-1, 10_049.99, 10_050, 107_425, 7_425)],
)
def test_E13_the_whole_position_at_its_liquidation_price(exchange, side, before, at, loss, fee):
    desk = Desk(exchange, 10_000, SWAP, fundingRate=0)
    a, _, opened = long_at_100x(exchange, desk, side)
    desk.price(before)
    assert desk.position(a)["currentQty"] == side * 1_000

    desk.price(at)

    assert desk.position(a)["currentQty"] == 0
    assert exchange.margin(a)["walletBalance"] == opened - loss
    row = desk.trades(a)[-1]
    assert shown(row, "text orderID timeInForce lastLiquidityInd commission execComm lastQty") == (
        "Liquidation", ZERO_ID, "ImmediateOrCancel", "RemovedLiquidity", 0.00075, fee, 1_000,
    )  # fmt: skip
    assert row["tradePublishIndicator"] == "DoNotPublishTrade"
    (order,) = exchange.ask("GET", f"/liquidation?symbol={desk.symbol}")
    assert order.keys() == {"orderID", "symbol", "side", "price", "leavesQty"}
    assert shown(order, "symbol side leavesQty price") == (
        desk.symbol, "Sell" if side > 0 else "Buy", 1_000, 9_901 if side > 0 else 10_101,
    )  # fmt: skip
    exchange.audited()


def test_E13b_the_fund_gains_and_loses_by_fill(exchange, fund):
    # 10,100 satoshi a contract: sells at 9,950 (v 10,050) are +50,000, at 9,850 (v 10,152) -52,000.
    exchange.tell("/fund", deposit={"XBt": 52_000})
    before = fund()
    desk = Desk(exchange, 10_000, SWAP, fundingRate=0)
    long_at_100x(exchange, desk)
    maker = trader(exchange)
    desk.order(maker, 1_000, 9_950)
    desk.price(9_950)
    assert fund() - before == 50_000

    other = Desk(exchange, 10_000, SWAP, fundingRate=0)
    long_at_100x(exchange, other)
    other.order(maker, 1_000, 9_850)
    other.price(9_850)
    assert fund() - before == 50_000 - 52_000
    assert exchange.ask("GET", f"/liquidation?symbol={other.symbol}") == []
    exchange.audited()


def test_E13b_doc_example_of_one_contract(exchange, fund):
    # long 1 @100, liquidated at 99.50, bankrupt at 99.00; filled at 99.25, the next at 98.75
    before = fund()
    for price, change in ((99.25, 25), (98.75, -25)):
        desk = Desk(exchange, 100, LINEAR)
        a, b, maker = (trader(exchange) for _ in range(3))
        desk.match(a, b, 1, 100)
        row = desk.leverage(a, 100)
        assert shown(row, "liquidationPrice bankruptPrice") == (99.5, 99)
        desk.order(maker, 1, price)
        desk.price(99.5 if change > 0 else 98.75)
        assert desk.position(a)["currentQty"] == 0
        assert fund() - before == change if change > 0 else fund() == before
    exchange.audited()


def test_E13c_the_highest_rank_goes_first_at_the_bankrupt_price(exchange, fund):
    desk = Desk(exchange, 10_000, SWAP, fundingRate=0)
    a, low, _ = long_at_100x(exchange, desk)  # low is short 1,000 with 10,000 XBT behind it
    maker = trader(exchange)
    high = trader(exchange, XBt=XBT)
    desk.match(high, maker, -600, 10_000)
    desk.leverage(high, 50)
    resting = desk.order(high, -10, 10_100)
    elsewhere = Desk(exchange, 10_000, SWAP, fundingRate=0)
    kept = elsewhere.order(high, 10, 9_000)
    had = exchange.wallet(high)
    empty = fund()
    desk.price(9_990)
    ranks = [desk.position(who)["deleveragePercentile"] for who in (high, low)]
    assert ranks[0] > ranks[1]

    desk.price(9_800)  # through bankruptcy, and nobody bids; the fund pays what it can

    assert desk.position(a)["currentQty"] == 0
    assert desk.position(high)["currentQty"] == 0
    row = desk.trades(high)[-1]
    assert shown(row, "text execType ordType orderID lastLiquidityInd commission") == (
        "Deleverage", "Trade", "Limit", ZERO_ID, "AddedLiquidity", -0.00025,
    )  # fmt: skip
    assert row["execCost"] == -600 * 10_100
    assert row["execComm"] == -1_515  # -0.00025 of 6,060,000
    assert exchange.margin(high)["walletBalance"] == had + 600 * 100 + 1_515
    assert desk.position(low)["currentQty"] == -600
    (dead,) = exchange.ask(
        "GET", f"/order?filter=%7B%22orderID%22%3A%22{resting['orderID']}%22%7D", high
    )
    assert dead["ordStatus"] == "Canceled"
    (alive,) = exchange.ask("GET", "/order?filter=%7B%22open%22%3Atrue%7D", high)
    assert alive["orderID"] == kept["orderID"]
    assert fund() == empty
    exchange.audited()


def test_E13_partial_by_tier_sells_80_of_280(exchange):
    # fee-free: 280 XBT at a limit of 300 (MM 1 %), equity 2.5 under the 2.8 that are needed
    base = {**SWAP, **NO_FEES, "fundingRate": 0}
    desk = Desk(exchange, 10_000, base)
    a, b, maker = trader(exchange, XBt=30 * XBT), trader(exchange), trader(exchange)
    for who, limit in ((a, 300), (b, 300), (maker, 500)):
        fields = {"symbol": desk.symbol, "riskLimit": limit * XBT}
        exchange.ask("POST", "/position/riskLimit", who, **fields)
    desk.match(a, b, 2_800_000, 10_000)
    assert desk.position(a)["maintMarginReq"] == 0.01
    # cross, 30 XBT: the engine acts when 1 % of 280 XBT is all that is left
    row = desk.position(a)
    desk.order(maker, 3_000_000, row["liquidationPrice"])
    desk.price(row["liquidationPrice"])

    row = desk.position(a)
    value = round(XBT / desk.row()["markPrice"])  # of one contract
    beyond = 2_800_000 * value - 200 * XBT
    assert row["currentQty"] == 2_800_000 + -beyond // value  # rounded up to whole contracts
    assert shown(row, "riskLimit maintMarginReq") == (200 * XBT, 0.005)
    texts = [t["text"] for t in desk.trades(a)]
    assert texts[-1] == "Liquidation"
    exchange.audited()


@pytest.mark.parametrize(("fund_has", "rate", "gets"), [(0, 0.6, 4), (2, 0.4, 6)])
def test_E13d_dpe_pays_winners_what_there_is(serve, fund_has, rate, gets):
    # A buys 1 of B at 100, 4 margin each; at 110 A has won 10, B can lose 4.
    exchange = serve()
    unit = 1_000_000
    fields = {**LINEAR, "multiplier": unit, "lossMethod": "dpe", "markMethod": "LastPrice"}
    fields |= {"openingReference": 100, "settlementKind": {"kind": "fixed", "price": 110}}
    fields |= {"expiry": "2018-03-30T12:00:00Z", "typ": "FFCCSX", "fundingRate": None}
    fields |= {"initMargin": 0.04, "maintMargin": 0.001, "riskLimit": 10**12}
    desk = Desk(exchange, 100, fields)
    a, b = trader(exchange, XBt=4 * unit), trader(exchange, XBt=4 * unit)
    if fund_has:
        exchange.tell("/fund", deposit={"XBt": fund_has * unit})
    desk.match(a, b, 1, 100)

    exchange.tell("/instrument", symbol=desk.symbol, expire_now=True)

    assert exchange.margin(a)["walletBalance"] == (4 + gets) * unit
    assert exchange.margin(b)["walletBalance"] == 0
    (row,) = exchange.ask("GET", f"/settlement?symbol={desk.symbol}")
    assert (row["settledPrice"], row["taxRate"]) == (110, rate)
    assert desk.row()["settledPriceAdjustmentRate"] == rate
    assert exchange.look("/fund")["XBt"] == 0
    exchange.audited()


def test_E13d_guaranteed_pays_winners_in_full(serve):
    # 1 XBT each at 3,500, settled at 4,000: 35,000 contracts cross
    exchange = serve()
    fields = {**SWAP, **NO_FEES, "lossMethod": "guaranteed", "typ": "FFCCSX", "fundingRate": None}
    fields |= {"expiry": "2018-03-30T12:00:00Z", "riskLimit": 10**12, "initMargin": 0.05}
    fields |= {"settlementKind": {"kind": "fixed", "price": 4_000}}
    fields |= {"maintMargin": 0, "markMethod": "LastPrice", "openingReference": 3_500}
    desk = Desk(exchange, 3_500, fields)
    winner, loser = trader(exchange, XBt=XBT), trader(exchange, XBt=XBT)
    desk.match(winner, loser, 35_000, 3_500)

    exchange.tell("/instrument", symbol=desk.symbol, expire_now=True)

    assert exchange.margin(winner)["walletBalance"] == XBT + 124_985_000
    assert exchange.margin(loser)["walletBalance"] == 0
    exchange.audited()
