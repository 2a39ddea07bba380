"""E14: a contract settles on the mean of 30 minute samples, and its clearing is empty after it."""

from fractions import Fraction

import msgspec

from sim_exchange.core import commands as c
from sim_exchange.core.events import InstrumentListed, SettledAt
from sim_exchange.core.types import (
    MINUTE_NS,
    ExecType,
    Mode,
    OrdStatus,
    Reason,
    SettlementKind,
    State,
)
from tests.core.world import BUY, ETC7D, SELL, START_NS, WEEK_NS, World, composite, order, world

EXPIRY_NS = START_NS + WEEK_NS
FREE = {"maker_fee_ppm": 0, "taker_fee_ppm": 0}


def near_expiry(price: str = "0.02", **changes: object) -> tuple[World, int, int]:
    """ETC7D an hour before it settles, with two accounts; no fee but the settlement's."""
    w = World(EXPIRY_NS - 60 * MINUTE_NS)
    w.ok(c.ListIndex(spec=composite(".ETCXBT", ("A", "B", "C"))))
    w.index(".ETCXBT", price)
    w.checked = False
    w.enlist(ETC7D, **FREE, **changes)
    to_minute(w, 31, price)
    return w, w.account("a", XBt=10**9), w.account("b", XBt=10**9)


def state_of(w: World, symbol: str) -> State:
    """The state of a contract now."""
    return w.x.markets[symbol].state


def to_minute(w: World, before: int, price: Fraction | str) -> None:
    """Let every minute print ``price``, up to ``before`` minutes before the settlement."""
    while w.now < EXPIRY_NS - before * MINUTE_NS:
        w.now += MINUTE_NS
        w.print(".ETCXBT", price)
        w.advance()


def sample(w: World, prices: list[Fraction]) -> None:
    """Let the minute marks 11:31 ... 12:00 sample these prices."""
    to_minute(w, 30, prices[0])
    for k, price in enumerate(prices):
        to_minute(w, 29 - k, price)


def test_E14_twap30_settles_a_short_to_the_satoshi() -> None:
    w, short, long = near_expiry()
    w.place(long, BUY, 300, 20_100)
    w.place(short, SELL, 300, 20_100)
    left = w.place(long, BUY, 5, 10_000)

    sample(w, [Fraction("0.02") + Fraction(k, 100_000) for k in range(30)])

    market = w.x.markets["ETC7D"]
    (settled,) = w.of(SettledAt)
    assert settled.price == 2_014_500  # type: ignore[attr-defined]
    assert (market.state, market.settled_price) == (State.SETTLED, 2_014_500)
    assert w.wallet(short) == 10**9 - 1_350_000 - 1_510_875
    assert w.wallet(long) == 10**9 + 1_350_000 - 1_510_875
    assert w.qty(short) == w.qty(long) == 0
    assert market.open_interest == 0
    assert w.x._state.ledger.balance("XBt", "clearing:ETC7D") == 0
    assert (left.status, left.end_reason) == (OrdStatus.CANCELED, Reason.SETTLEMENT)
    (report,) = [e for e in w.executions(short) if e.exec_type is ExecType.SETTLEMENT]
    assert (report.last_qty, report.last_px, report.exec_comm, report.order_id) == (
        300,
        20_145_000_000,
        1_510_875,
        0,
    )
    w.x.check()


def test_E14_29_minutes_at_100_and_one_at_130() -> None:
    w, *_ = near_expiry("0.0001")
    sample(w, [Fraction("0.0001")] * 29 + [Fraction("0.00013")])
    assert w.x.markets["ETC7D"].settled_price == 10_100


def test_E14_the_print_of_11_30_does_not_count() -> None:
    w, *_ = near_expiry("0.000124")
    to_minute(w, 30, "0.00016")
    assert w.x.indices[".ETCXBT"].price == 16_000
    sample(w, [Fraction("0.0001")] * 30)
    assert w.x.markets["ETC7D"].settled_price == 10_000


def test_E14_the_indicative_price_is_the_index_then_the_running_mean() -> None:
    w, *_ = near_expiry()
    market = w.x.markets["ETC7D"]
    assert market.indicative_settle == 2_000_000
    to_minute(w, 30, "0.02")
    assert market.indicative_settle == 2_000_000
    to_minute(w, 29, "0.021")
    to_minute(w, 28, "0.022")
    assert market.indicative_settle == 2_150_000


def test_E14_the_settlement_instant_is_exclusive_for_trading() -> None:
    w, a, b = near_expiry()
    to_minute(w, 1, "0.02")
    w.now = EXPIRY_NS - 1_000
    resting = w.place(a, BUY, 1, 20_000)
    w.now = EXPIRY_NS
    assert w.refused(order(b, SELL, 1, 20_000)).reason is Reason.EXPIRED
    late = c.AmendOrder(account=a, order_id=resting.order_id, price=19_000)
    assert w.refused(late).reason is Reason.EXPIRED
    w.advance()
    assert resting.end_reason is Reason.SETTLEMENT
    assert w.refused(order(b, SELL, 1, 20_000)).reason is Reason.EXPIRED


def test_E14_who_can_not_pay_the_settlement_is_liquidated_before_it() -> None:
    w, a, b = near_expiry()
    w.ok(c.Deposit(to_account=a, currency="XBt", amount=10**9))
    poor = w.account("poor", XBt=10_600_000)
    w.place(a, BUY, 100, 20_000)
    w.place(poor, SELL, 100, 20_000)
    sample(w, [Fraction("0.022")] * 30)
    # The fund is empty, so who won is closed at the bankruptcy value: what there was to lose.
    assert w.wallet(poor) == 0
    assert w.wallet(a) == 2 * 10**9 + 10_600_000
    w.x.check()
    assert b


def test_E14_expire_now_takes_the_samples_there_are_or_the_last_print() -> None:
    w = world("0.02", spot=False)
    w.ok(c.ExpireNow(symbol="ETC7D"))
    assert w.x.markets["ETC7D"].settled_price == 2_000_000
    assert w.refused(c.ExpireNow(symbol="ETC7D")).reason is Reason.EXPIRED
    assert w.refused(c.ExpireNow(symbol="X")).reason is Reason.UNKNOWN_SYMBOL

    w = world("0.02", spot=False)
    w.advance(MINUTE_NS)
    w.print(".ETCXBT", "0.021")
    w.advance(MINUTE_NS)
    w.ok(c.ExpireNow(symbol="ETC7D"))
    # 12:00, 12:01 and 12:02 were sampled
    assert w.x.markets["ETC7D"].settled_price == round((2_000_000 * 2 + 2_100_000) / 3)


def test_E14_other_kinds_settle_at_zero_at_the_last_print_or_at_a_fixed_price() -> None:
    for kind, price in (
        (SettlementKind.ZERO, 0),
        (SettlementKind.LAST, 2_200_000),
        (SettlementKind.FIXED, 340_000),
    ):
        w, a, b = near_expiry(settlement_kind=kind, opening_reference=340_000)
        w.place(a, BUY, 10, 20_000)
        w.place(b, SELL, 10, 20_000)
        sample(w, [Fraction("0.02")] * 29 + [Fraction("0.022")])
        assert w.x.markets["ETC7D"].settled_price == price
        assert w.wallet(a) - 10**9 == 10 * (price - 2_000_000) - 10 * price * 2_500 // 10**6
        w.x.check()


def test_E14_a_settled_symbol_is_listed_anew_in_its_old_row() -> None:
    w, a, b = near_expiry()
    w.place(a, BUY, 10, 20_000)
    w.place(b, SELL, 10, 20_000)
    row = w.x.markets["ETC7D"].index
    assert w.refused(c.ListInstrument(spec=ETC7D)).reason is Reason.ALREADY_LISTED
    sample(w, [Fraction("0.02")] * 30)
    assert w.refused(c.ListInstrument(spec=ETC7D)).reason is Reason.BAD_INSTRUMENT

    w.enlist(ETC7D, listing_ns=EXPIRY_NS, expiry_ns=EXPIRY_NS + WEEK_NS)

    market = w.x.markets["ETC7D"]
    assert [type(e) for e in w.events].count(InstrumentListed) == 1
    assert (market.index, market.state, market.total_volume) == (row, State.OPEN, 0)
    assert w.x.position(a, "ETC7D") is None
    w.place(a, BUY, 10, 20_000)
    again = msgspec.structs.replace(ETC7D, expiry_ns=EXPIRY_NS + WEEK_NS)
    assert w.refused(c.ListInstrument(spec=again)).reason is Reason.ALREADY_LISTED


def test_E17_a_contract_is_unlisted_until_its_listing() -> None:
    w = world(spot=False)
    a = w.account("a", XBt=10**9)
    later = START_NS + 3600 * 10**9
    w.enlist(ETC7D, symbol="ETC7E", listing_ns=later, expiry_ns=later + WEEK_NS)
    assert state_of(w, "ETC7E") is State.UNLISTED
    assert w.refused(order(a, BUY, 1, 20_000, "ETC7E")).reason is Reason.NOT_LISTED_YET
    w.now = later
    w.advance()
    assert state_of(w, "ETC7E") is State.OPEN
    w.place(a, BUY, 1, 20_000, "ETC7E")


def test_E17_a_contract_that_expires_in_a_halt_settles_on_resume() -> None:
    w, a, b = near_expiry()
    w.place(a, BUY, 10, 20_000)
    w.place(b, SELL, 10, 20_000)
    w.ok(c.SetMode(mode=Mode.HALT))
    sample(w, [Fraction("0.02")] * 30)
    assert state_of(w, "ETC7D") is State.OPEN
    w.advance(MINUTE_NS)
    w.ok(c.SetMode(mode=Mode.OPEN))
    assert state_of(w, "ETC7D") is State.SETTLED
    w.x.check()
