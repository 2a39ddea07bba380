"""E14-E18: settlements, sessions, barriers and splits at the edges of their instants."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.outside.conftest import INVERSE
from tests.outside.desk import NO_FEES, SWAP, Desk, new_index, shown, trader
from tests.outside.driver import XBT
from tests.outside.test_E14_contracts import launch, option, seller

FUTURE = {**INVERSE, **NO_FEES, "tickSize": 0.5}


@pytest.fixture
def noon(exchange):
    """An hour before the next noon; that noon's date."""
    now = datetime.fromisoformat(exchange.look("/state")["clock"]["at"]).astimezone(UTC)
    day = (now + timedelta(hours=13)).strftime("%Y-%m-%d")
    exchange.until(f"{day}T11:00:00Z")
    return day


def settled(desk):
    """Whether it has ended, and at what."""
    return shown(desk.row(), "state settledPrice")


def test_E14_what_a_silent_venue_a_halt_and_an_odd_instant_do_to_the_mean(exchange, noon):
    expiry = f"{noon}T12:00:00Z"
    a, b = trader(exchange), trader(exchange)
    pair = new_index(exchange, 100, 2, "A", "B")
    silent = Desk(exchange, 0, FUTURE, referenceSymbol=pair, expiry=expiry)
    halted = Desk(exchange, 100, FUTURE, expiry=expiry)
    odd = Desk(exchange, 100, FUTURE, expiry=f"{noon}T11:45:30Z")
    own = Desk(exchange, 100, FUTURE, expiry=expiry, settlementKind="vwap")
    last = Desk(exchange, 100, FUTURE, expiry=expiry, settlementKind="last")
    for desk in (silent, halted, odd, last):
        desk.match(a, b, 100, 100)
    exchange.until(f"{noon}T11:30:00Z")
    own.match(a, b, 100, 100)  # the thirty minutes begin after this instant
    exchange.until(f"{noon}T11:40:00Z")
    own.match(a, b, 300, 120)
    own.match(a, b, 100, 80)
    exchange.tell("/mode", symbol=halted.symbol, mode="Halt")
    for index, price in ((halted.index, 130), (odd.index, 103)):
        exchange.tell("/index", index=index, price=price)
    exchange.tell("/constituent", index=pair, constituent="B", status="silent")
    exchange.tell("/constituent", index=pair, constituent="A", price=110)
    exchange.until(f"{noon}T11:45:30Z")
    assert settled(odd) == ("Settled", 100.5)  # 25 minutes at 100, 5 at 103
    exchange.until(f"{noon}T11:59:59Z")
    exchange.tell("/index", index=last.index, price=101.5)
    exchange.until(expiry)

    # 10 minutes at 100, 14 at 105; B is left out from 11:55 on: 6 at 110
    assert settled(silent) == ("Settled", 104.33)
    assert settled(own) == ("Settled", 106.67)  # 400 contracts are worth 3.75
    assert settled(last) == ("Settled", 101.5)
    assert settled(halted) == ("Closed", None)
    assert halted.reject(a, orderQty=1, price=100) == "Instrument expired"
    exchange.tell("/index", index=halted.index, price=150)
    exchange.advance(600)
    exchange.tell("/mode", symbol=halted.symbol, mode="Open")
    assert settled(halted) == ("Settled", 120)  # as of noon: 10 minutes at 100, 20 at 130
    exchange.audited()


def test_E14_spot_that_begins_at_the_very_instant_began_too_late(exchange, noon):
    kind = {"kind": "twap30", "else": "fixed", "price": 0.003, "lead_s": 3_000}
    desks = []
    exchange.until(f"{noon}T11:09:55Z")
    for symbol in (".EARLY", ".LATE"):
        members = [{"name": "A"}]
        exchange.tell("/instrument", symbol=symbol, constituents=members, decimals=8, outlier=1)
        expiry = f"{noon}T12:00:00Z"
        desks.append(launch(exchange, referenceSymbol=symbol, expiry=expiry, settlementKind=kind))
    exchange.until(f"{noon}T11:09:59.999Z")
    exchange.tell("/index", index=".EARLY", price=0.004)
    exchange.until(f"{noon}T11:10:00Z")
    exchange.tell("/index", index=".LATE", price=0.004)
    exchange.until(f"{noon}T12:00:00Z")

    assert [settled(desk) for desk in desks] == [("Settled", 0.004), ("Settled", 0.003)]


def test_E14_an_index_that_is_removed_waits_for_another(exchange, noon):
    desk = Desk(exchange, 100, FUTURE, expiry=f"{noon}T12:00:00Z")
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, 100, 100)
    exchange.until(f"{noon}T11:45:00Z")
    exchange.tell("/instrument", symbol=desk.index, remove=True)
    exchange.until(f"{noon}T12:00:00Z")
    assert settled(desk) == ("Closed", None)
    assert desk.reject(a, orderQty=1, price=100) == "Instrument expired"
    other = new_index(exchange, 105)
    exchange.tell(
        "/announcement", kind="index", symbol=desk.symbol, value=other,
        effective=exchange.look("/state")["clock"]["at"],
    )  # fmt: skip
    assert settled(desk) == ("Settled", 105)
    exchange.audited()


def test_E15_the_edges_of_sessions(exchange, noon):
    exchange.until(f"{noon}T11:59:50Z")
    desk = launch(exchange, band={"pct": 0.25, "session_s": 7_200})
    a, b = trader(exchange), trader(exchange)

    def limits():
        return shown(desk.row(), "limitDownPrice limitUpPrice")

    low, high = desk.order(b, 1, 0.00256), desk.order(b, -1, 0.00424)
    exchange.until(f"{noon}T12:00:00Z")
    assert limits() == (0.00255, 0.00425)
    desk.match(a, b, 1, 0.004)
    exchange.until(f"{noon}T13:59:59.999Z")
    desk.match(a, b, 1, 0.0041)
    exchange.until(f"{noon}T14:00:00Z")
    assert limits() == (0.003075, 0.005125)
    rows = {row["orderID"]: row for row in exchange.ask("GET", f"/order?symbol={desk.symbol}", b)}
    assert [rows[one["orderID"]]["ordStatus"] for one in (low, high)] == ["Canceled", "New"]
    desk.match(a, b, 1, 0.0042)
    exchange.until(f"{noon}T16:00:00Z")
    exchange.until(f"{noon}T18:00:00Z")  # nobody traded: the close before holds
    assert limits() == (0.00315, 0.00525)
    rested = desk.order(a, 1, 0.0035)
    for price, word in ((0.00314999, "less than limitDown"), (0.00525001, "greater than limitUp")):
        said = exchange.reject("PUT", "/order", a, orderID=rested["orderID"], price=price)
        assert word in said
    exchange.tell(
        "/announcement", kind="tick", symbol=desk.symbol, value=0.0001,
        effective=exchange.look("/state")["clock"]["at"],
    )  # fmt: skip
    assert limits() == (0.0032, 0.0052)  # rounded inward
    exchange.tell(
        "/announcement", kind="index", symbol=desk.symbol,
        value={"referenceSymbol": new_index(exchange, 0.0036, 8), "markMethod": "FairPrice"},
        effective=exchange.look("/state")["clock"]["at"],
    )  # fmt: skip
    assert limits() == (None, None)
    exchange.audited()


def test_E15_a_fixed_band_ends_at_its_instant(exchange, noon):
    band = {"down": 0.391884, "up": 1.175652, "until": f"{noon}T12:00:00Z"}
    desk = launch(exchange, 0.78, openingReference=0.783768, tickSize=0.000001, band=band)
    a = trader(exchange)
    exchange.until(f"{noon}T11:59:59.999Z")
    assert "limitUpPrice" in desk.reject(a, orderQty=1, price=1.175653)
    exchange.until(f"{noon}T12:00:00Z")
    assert desk.order(a, 1, 1.175653)["ordStatus"] == "New"
    assert shown(desk.row(), "limitDownPrice limitUpPrice") == (None, None)


def test_E16_a_cent_above_the_barrier_and_at_it(exchange):
    desk = option(exchange, 10_000, 7_250, barrier=3_625)
    buyer, anchor = trader(exchange, XBt=XBT), seller(exchange)
    desk.match(buyer, anchor, 10, 0.00015)
    exchange.tell("/index", index=desk.index, price=3_625.01)
    exchange.advance(40 * 60)
    assert desk.row()["state"] == "Open"
    exchange.tell("/index", index=desk.index, price=3_624.86)  # half a cent of the mean a minute
    exchange.advance(60)
    assert desk.row()["state"] == "Open"
    exchange.advance(60)
    assert settled(desk) == ("Settled", 0.1)
    assert exchange.margin(buyer)["walletBalance"] == XBT + 10 * 10_000_000 - 150_000
    exchange.audited()


def test_E16_the_barrier_comes_before_the_expiry_and_a_halt_forgets_neither(exchange, noon):
    fields = {"barrier": 4_500, "openingReference": 0.01}
    desk = option(exchange, 9_000, 9_000, expiry=f"{noon}T12:00:00Z", **fields)
    exchange.until(f"{noon}T11:30:30Z")
    exchange.tell("/index", index=desk.index, price=4_500)
    halted = option(exchange, 9_000, 9_000, **fields)
    exchange.tell("/mode", symbol=halted.symbol, mode="Halt")
    exchange.tell("/index", index=halted.index, price=4_000)
    exchange.until(f"{noon}T12:00:00Z")
    assert settled(desk) == ("Settled", 0.1)
    (row,) = exchange.ask("GET", f"/settlement?symbol={desk.symbol}")
    assert shown(row, "optionStrikePrice optionUnderlyingPrice") == (9_000, 4_500)
    exchange.advance(5 * 60)
    assert settled(halted) == ("Closed", None)
    exchange.tell("/index", index=halted.index, price=9_000)
    exchange.advance(40 * 60)
    exchange.tell("/mode", symbol=halted.symbol, mode="Open")
    assert settled(halted) == ("Settled", 0.1)


def test_E16_resting_sells_are_never_more_than_the_long(exchange):
    desk = option(exchange, 10_000, 11_000)
    buyer, anchor = trader(exchange, XBt=XBT), seller(exchange)
    desk.match(buyer, anchor, 10, 0.00015)
    assert desk.order(buyer, -6, 0.001)["ordStatus"] == "New"
    for qty in (-5, -6):
        assert "long or flat" in desk.reject(buyer, orderQty=qty, price=0.002)
    assert desk.order(buyer, -4, 0.002)["ordStatus"] == "New"
    free = exchange.margin(anchor)["availableMargin"]
    desk.order(anchor, -10, 0.02)
    assert free - exchange.margin(anchor)["availableMargin"] == 10 * (10_000_000 - 2_000_000)


def test_E18_contracts_before_and_after_and_a_perpetual_that_switches(exchange, noon):
    expiry = f"{noon}T12:00:00Z"
    first = new_index(exchange, 2_500, 2, "BITSTAMP", "GDAX")
    second = new_index(exchange, 250, 2, "BITSTAMP", "GDAX")
    exchange.tell("/constituent", index=first, constituent="GDAX", price=2_510)
    exchange.tell("/constituent", index=second, constituent="GDAX", price=270)
    exchange.advance(5)
    before = Desk(exchange, 0, FUTURE, referenceSymbol=first, expiry=expiry)
    up = option(exchange, 0, 2_000, referenceSymbol=first, expiry=expiry)
    perpetual = Desk(exchange, 0, {**SWAP, **NO_FEES}, referenceSymbol=first, fundingRate=0)
    a, b = trader(exchange), trader(exchange)
    for desk in (before, perpetual):
        desk.match(a, b, 1_000, 2_500)
    now = exchange.look("/state")["clock"]["at"]
    exchange.tell("/announcement", kind="split", value={"sum": [first, second]}, effective=now)
    after = Desk(exchange, 0, FUTURE, referenceSymbol=first, expiry=expiry)
    exchange.advance(5)
    desks = (before, perpetual, after)
    assert [desk.row()["markPrice"] for desk in desks] == [2_765, 2_765, 2_505]
    assert before.position(a)["unrealisedPnl"] == (40_000 - 36_166) * 1_000
    exchange.tell(
        "/announcement", kind="index", symbol=perpetual.symbol, value=first, effective=expiry
    )
    exchange.until(expiry)
    assert [settled(desk)[1] for desk in (before, after, up)] == [2_765, 2_505, 0.02766726]
    assert perpetual.row()["markPrice"] == 2_505
    exchange.audited()
    said = exchange.refusal(
        "/announcement", kind="split", value={"sum": [first, first]},
        effective=exchange.look("/state")["clock"]["at"],
    )  # fmt: skip
    assert "must be another index" in said


def test_E18_a_snapshot_of_more_than_is_owed_is_scaled(serve):
    exchange = serve()
    # nobody is liquidated without a maintenance margin; 1.0 - 1.5 and 1.0 + 1.5
    desk = Desk(exchange, 1_000, {**SWAP, **NO_FEES}, fundingRate=0, maintMargin=0)
    loser, winner = trader(exchange, XBt=XBT), trader(exchange, XBt=XBT)
    desk.match(loser, winner, 1_000, 1_000)
    desk.price(500)
    desk.price(400)
    owed = {"alice": 10 * XBT, "bob": 1_050_000_000, "carol": XBT, winner: 250_000_000}

    told = exchange.tell("/snapshot", currency="XBt", coin="BCH")

    assert told["balances"] == {
        who: amount * 2_350_000_000 // 2_400_000_000 for who, amount in owed.items()
    }
    (row,) = exchange.ask("GET", "/user/walletHistory?currency=BCH", winner)
    assert shown(row, "transactType amount") == ("ChainSplit", told["balances"][winner])
    asked = exchange.ask(
        "POST", "/user/requestWithdrawal", winner, currency="BCH", amount=10**6, address="1BCH"
    )
    assert asked["transactStatus"] == "Pending"
    exchange.audited()
    # a refusal half way through several currencies leaves nothing behind
    before = exchange.look("/account")
    for fields in (
        {"name": "new", "balances": {"XBt": 5, "BCH": 1}},
        {"name": winner, "deposit": {"XBt": 5, "BCH": 1}},
        {"name": winner, "deposit": {"XBt": 5, "BCH": 1}, "announced": True},
    ):
        assert "can be withdrawn, not deposited" in exchange.refusal("/account", **fields)
    offers = [{"amount": 1, "rate_per_day": 0.001}]
    assert "offers.BCH" in exchange.refusal("/borrow", currency="BCH", offers=offers)
    assert exchange.look("/account") == before
    exchange.tell("/snapshot", currency="XBt", coin="BTG", deposits=True)
    exchange.tell("/account", name=winner, deposit={"BTG": 1})
    exchange.audited()
