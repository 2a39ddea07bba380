"""Golden numbers of the ledger to the satoshi, through REST alone (E1-E3, E5, E12, L2)."""

import itertools

import pytest

from tests.outside.conftest import INVERSE, LINEAR, list_bxbt
from tests.outside.driver import ETC, XBT


@pytest.fixture(scope="module")
def exchange(exchange):
    list_bxbt(exchange)
    for fields in (INVERSE, LINEAR):
        exchange.tell("/instrument", **fields)
    exchange.tell("/index", index=".ETCXBT", price=0.02)
    exchange.advance(5)
    return exchange


count = itertools.count()


@pytest.fixture
def pair(exchange):
    """Two new accounts with 1 XBT each."""
    return tuple(exchange.open(f"m{next(count)}", XBt=XBT) for _ in range(2))


@pytest.fixture
def rich(exchange):
    """Two new accounts with 1,000 XBT each."""
    return tuple(exchange.open(f"m{next(count)}", XBt=1000 * XBT) for _ in range(2))


def match(exchange, taker, maker, qty, price, symbol):
    """``taker`` trades ``qty`` (negative sells) with a resting order of ``maker``."""
    rested = exchange.order(maker, -qty, price, symbol=symbol)
    assert rested["ordStatus"] == "New"
    taken = exchange.order(taker, qty, price, symbol=symbol)
    assert taken["ordStatus"] == "Filled", taken
    return exchange.trades(taker, symbol)[-1], exchange.trades(maker, symbol)[-1]


def another(exchange):
    """List one more contract like XBTH18: a takeover's order in its book disturbs nobody else."""
    symbol = f"XBTN{next(count)}"
    exchange.tell("/instrument", **{**INVERSE, "symbol": symbol})
    return symbol


def fees_of(exchange):
    """What the exchange has taken: what accounts were given less what they have."""
    accounts = exchange.look("/account")
    given = sum(
        r["command"]["amount"]
        for r in exchange.journal()
        if r["command"]["type"] == "Deposit" and r["command"]["currency"] == "XBt"
    )
    return given - sum(a["balances"].get("XBt", 0) for a in accounts)


def test_L2_ledger_walk(exchange, pair):
    a, b = pair
    before = fees_of(exchange)

    taker, maker = match(exchange, a, b, 1000, 10_000, "XBTH18")
    assert (taker["execCost"], taker["execComm"], taker["commission"]) == (
        -10_000_000, 7_500, 0.00075,
    )  # fmt: skip
    assert (maker["execCost"], maker["execComm"], maker["commission"]) == (
        10_000_000, -2_500, -0.00025,
    )  # fmt: skip
    assert (taker["lastLiquidityInd"], maker["lastLiquidityInd"]) == (
        "RemovedLiquidity", "AddedLiquidity",
    )  # fmt: skip
    assert taker["trdMatchID"] == maker["trdMatchID"]

    exchange.tell("/index", index=".BXBT", price=10_100)
    exchange.advance(5)
    assert exchange.row("XBTH18")["markPrice"] == 10_100
    assert exchange.position(a, "XBTH18")["unrealisedPnl"] == 99_000
    assert exchange.position(b, "XBTH18")["unrealisedPnl"] == -99_000
    exchange.audited()

    taker, maker = match(exchange, a, b, -1000, 10_100, "XBTH18")
    assert (taker["execCost"], taker["execComm"]) == (9_901_000, 7_426)
    assert (maker["execCost"], maker["execComm"]) == (-9_901_000, -2_475)
    assert exchange.margin(a)["walletBalance"] == 100_084_074
    assert exchange.margin(b)["walletBalance"] == 99_905_975
    assert fees_of(exchange) - before == 9_951
    for name in pair:
        assert exchange.position(name, "XBTH18")["currentQty"] == 0
        assert exchange.margin(name)["availableMargin"] == exchange.margin(name)["walletBalance"]
    exchange.tell("/index", index=".BXBT", price=10_000)
    exchange.advance(5)
    exchange.audited()


@pytest.mark.parametrize(
    ("qty", "entry", "leave", "profit"),
    [
        (1_000, 1_000, 1_250, 20_000_000),
        (500, 1_000, 1_500, 16_666_500),
        (500, 1_000, 1_250, 10_000_000),
        (100_000, 10_000, 10_500, 47_600_000),
        (-12_000, 120, 100, 2_000_004_000),
    ],
)
def test_E1_inverse_profit_is_a_difference_of_integer_values(
    exchange, rich, qty, entry, leave, profit
):
    a, b = rich
    fields = {**INVERSE, "symbol": f"XBTZ{next(count)}", "makerFee": 0, "takerFee": 0}
    fields |= {"initMargin": 0.5, "maintMargin": 0.005, "riskLimit": 10**12, "tickSize": 0.5}
    fields |= {"markMethod": "LastPrice", "openingReference": entry, "referenceSymbol": ".BXBT"}
    exchange.tell("/instrument", **fields)

    match(exchange, a, b, qty, entry, fields["symbol"])
    match(exchange, a, b, -qty, leave, fields["symbol"])

    assert exchange.margin(a)["walletBalance"] == 1000 * XBT + profit
    assert exchange.margin(b)["walletBalance"] == 1000 * XBT - profit


def test_E1_linear_short_300_at_0_0201_bought_back_at_0_0199(exchange, rich):
    a, b = rich
    match(exchange, a, b, -300, 0.0201, "ETCH18")
    match(exchange, a, b, 300, 0.0199, "ETCH18")

    opened, closed = exchange.trades(a, "ETCH18")
    assert (opened["execCost"], closed["execCost"]) == (-603_000_000, 597_000_000)
    fees = opened["execComm"] + closed["execComm"]
    assert fees == 1_507_500 + 1_492_500
    assert exchange.margin(a)["walletBalance"] == 1000 * XBT + 6_000_000 - fees


def test_E1_quanto_long_10_000_from_500_to_600_is_1_xbt(exchange, rich):
    a, b = rich
    fields = {**INVERSE, "symbol": "ETHUSD", "typ": "FFWCSX", "rootSymbol": "ETH", "expiry": None}
    fields |= {"underlying": "ETH", "multiplier": 100, "tickSize": 0.05, "makerFee": 0}
    fields |= {"takerFee": 0, "initMargin": 0.02, "maintMargin": 0.01}
    fields |= {"markMethod": "LastPrice", "openingReference": 500}
    assert exchange.tell("/instrument", **fields)["isQuanto"] is True

    match(exchange, a, b, 10_000, 500, "ETHUSD")
    assert exchange.position(a, "ETHUSD")["posInit"] == 10_000_000
    match(exchange, a, b, -10_000, 600, "ETHUSD")

    assert exchange.margin(a)["walletBalance"] == 1001 * XBT
    exchange.audited()


def test_E2_closing_a_part_releases_its_share_of_the_cost(exchange, rich):
    a, b = rich
    match(exchange, a, b, 80, 7_500, "XBTH18")
    match(exchange, a, b, 20, 7_800, "XBTH18")
    assert exchange.position(a, "XBTH18")["posCost"] == -1_323_060

    match(exchange, a, b, -30, 7_800, "XBTH18")

    row = exchange.position(a, "XBTH18")
    assert row["posCost"] == -1_323_060 + 396_918
    assert row["currentQty"] == 70
    assert row["realisedPnl"] == 396_918 - 30 * 12_821 - sum(
        trade["execComm"] for trade in exchange.trades(a, "XBTH18")
    )


def test_E2_E0_lot_size_100(exchange, rich):
    a, b = rich
    fields = {**INVERSE, "symbol": "XBTLOT", "lotSize": 100}
    exchange.tell("/instrument", **fields)
    assert "orderQty" in exchange.reject(
        "POST", "/order", a, symbol="XBTLOT", orderQty=150, price=10_000
    )

    match(exchange, a, b, 100, 29_800, "XBTLOT")
    match(exchange, a, b, 200, 30_000, "XBTLOT")

    row = exchange.position(a, "XBTLOT")
    assert row["posCost"] == -1_002_236
    assert row["avgEntryPrice"] == 29_933.0697


def test_E2_crossing_zero_closes_everything_and_opens_the_rest(exchange, rich):
    a, b = rich
    match(exchange, a, b, 100, 10_000, "XBTH18")
    match(exchange, a, b, -250, 10_100, "XBTH18")

    row = exchange.position(a, "XBTH18")
    assert (row["currentQty"], row["posCost"]) == (-150, 150 * 9_901)
    assert row["avgEntryPrice"] == pytest.approx(10_100, abs=0.1)


def test_E12_margins_of_a_position_at_100x(exchange, rich):
    symbol = another(exchange)
    a, b = rich
    match(exchange, a, b, 1_000, 10_000, symbol)
    exchange.ask("POST", "/position/leverage", a, symbol=symbol, leverage=100)

    row = exchange.position(a, symbol)
    assert (row["posInit"], row["posComm"], row["posMaint"], row["posMargin"]) == (
        100_000, 7_575, 57_575, 107_575,
    )  # fmt: skip
    assert (row["liquidationPrice"], row["bankruptPrice"]) == (9_950.5, 9_901.0)
    exchange.ask("POST", "/position/leverage", b, symbol=symbol, leverage=100)
    row = exchange.position(b, symbol)
    assert (row["liquidationPrice"], row["bankruptPrice"]) == (10_050.0, 10_101.0)


def test_E12_cross_with_a_wallet_of_a_million_satoshi(exchange, rich):
    symbol = another(exchange)
    a = exchange.open(f"m{next(count)}", XBt=1_007_500)
    match(exchange, a, rich[0], 1_000, 10_000, symbol)
    assert exchange.margin(a)["walletBalance"] == 1_000_000

    row = exchange.position(a, symbol)
    assert (row["bankruptPrice"], row["liquidationPrice"]) == (9_098.5, 9_140.0)
    exchange.tell("/index", index=".BXBT", price=9_500)
    exchange.advance(5)
    assert exchange.position(a, symbol)["unrealisedPnl"] == -526_000
    assert exchange.margin(a)["availableMargin"] == 366_425
    exchange.tell("/index", index=".BXBT", price=10_000)
    exchange.advance(5)


def test_E13_a_liquidated_long_pays_its_margin_and_the_fee(exchange, rich):
    symbol = another(exchange)
    a, b = exchange.open(f"m{next(count)}", XBt=XBT), rich[0]
    match(exchange, a, b, 1_000, 10_000, symbol)
    exchange.ask("POST", "/position/leverage", a, symbol=symbol, leverage=100)
    rested = exchange.order(a, 10, 5_000, symbol=symbol)
    before = exchange.margin(a)["walletBalance"]

    exchange.tell("/index", index=".BXBT", price=9_950.5)
    exchange.advance(5)

    assert exchange.position(a, symbol)["currentQty"] == 0
    assert exchange.margin(a)["walletBalance"] == before - 107_575
    (order,) = exchange.ask(
        "GET", f'/order?filter={{"orderID":"{rested["orderID"]}"}}'.replace('"', "%22"), a
    )
    assert order["ordStatus"] == "Canceled"
    last = exchange.trades(a, symbol)[-1]
    assert (last["text"], last["execComm"]) == ("Liquidation", 7_575)
    exchange.audited()
    exchange.tell("/index", index=".BXBT", price=10_000)
    exchange.advance(5)


def test_E5_bids_of_20_and_asks_of_15_hold_margin_on_5_and_15(exchange):
    fields = {**LINEAR, "symbol": "TESTF", "tickSize": 0.5, "multiplier": 100, "initMargin": 0.01}
    fields |= {"maintMargin": 0.005, "makerFee": 0, "takerFee": 0, "maxPrice": 1000}
    fields |= {"markMethod": "LastPrice", "openingReference": 100, "riskLimit": 10**12}
    exchange.tell("/instrument", **fields)
    held = {}
    for bids, asks in ((20, 15), (15, 20)):
        a = exchange.open(f"m{next(count)}", XBt=XBT)
        exchange.order(a, bids, 100, symbol="TESTF")
        exchange.order(a, -asks, 150, symbol="TESTF")
        held[bids, asks] = exchange.margin(a)["initMargin"]
        exchange.ask("DELETE", "/order/all", a)
        assert exchange.margin(a)["initMargin"] == 0

    assert held == {(20, 15): 2_750, (15, 20): 3_000}


def test_E5_a_bid_over_the_mark_holds_the_whole_gap(exchange):
    exchange.tell("/instrument", symbol=".HUNDRED", constituents=[{"name": "A"}], decimals=2)
    exchange.tell("/index", index=".HUNDRED", price=100)
    exchange.advance(5)
    fields = {**LINEAR, "symbol": "TESTG", "tickSize": 0.5, "multiplier": 100, "initMargin": 0.01}
    fields |= {"maintMargin": 0.005, "makerFee": 0, "takerFee": 0, "maxPrice": 1000}
    fields |= {"referenceSymbol": ".HUNDRED", "riskLimit": 10**12}
    exchange.tell("/instrument", **fields)
    a = exchange.open(f"m{next(count)}", XBt=XBT)

    exchange.order(a, 10, 110, symbol="TESTG")

    assert exchange.margin(a)["initMargin"] == 11_100


@pytest.mark.parametrize(("qty", "price", "leverage", "held"), [(91, 15_015, 100, 6_975)])
def test_E5_cost_606_060_at_100x(exchange, qty, price, leverage, held):
    fields = {**INVERSE, "symbol": "XBTCOST", "markMethod": "LastPrice", "openingReference": price}
    exchange.tell("/instrument", **fields)
    a = exchange.open(f"m{next(count)}", XBt=held)
    exchange.order(a, qty, price, symbol="XBTCOST")  # 91 x 6,660 satoshi

    assert exchange.margin(a)["initMargin"] == held
    assert exchange.margin(a)["availableMargin"] == 0
    assert "insufficient" in exchange.reject(
        "POST", "/order", a, symbol="XBTCOST", orderQty=1, price=price
    )


def test_fund_is_shown_and_filled_by_the_operator(exchange):
    before = exchange.look("/fund")["XBt"]

    assert exchange.tell("/fund", deposit={"XBt": 1_000_000}) == {"XBt": before + 1_000_000}
    assert exchange.look("/fund") == {"XBt": before + 1_000_000}
    assert "deposit: {}" in exchange.refusal("/fund", deposit={})
    assert "XBt: 5" in exchange.refusal("/fund", XBt=5)
    assert "deposit.XBt: -1" in exchange.refusal("/fund", deposit={"XBt": -1})
    assert "deposit: 'ETC'" in exchange.refusal("/fund", deposit={"ETC": ETC})
    exchange.audited()
