"""E22: what stops or slows a market, all of it published: circuit breaker, speed limit."""

from datetime import UTC, datetime
from fractions import Fraction

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import Liquidated, Refused
from sim_exchange.core.guards.speed import SpeedLimit
from sim_exchange.core.orders.order import Order
from sim_exchange.core.specs import CircuitBreaker, LiquidationSpeed
from sim_exchange.core.types import Kind, MarkMethod, Mode, OrdStatus, Reason
from tests.core.world import BUY, SELL, WEEK_NS, XBT, XBTUSD, World, composite, order

MINUTE = 60 * 10**9
CENTS = 10**10  # a tick of 0.01
BREAKER = CircuitBreaker()
SPEED = LiquidationSpeed()
OPEN, HALT, CANCEL_ONLY = Mode.OPEN, Mode.HALT, Mode.CANCEL_ONLY


def at(text: str) -> int:
    """An instant, ns."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def market(price: str = "1000", *, close: str = "1000", **changes: object) -> World:
    """A linear contract at ``price`` with a tick of 0.01 that closed at ``close`` yesterday."""
    w = World(at("2014-08-13T22:00:00"))
    w.ok(c.ListIndex(spec=composite(".BXBT", decimals=2)))
    w.index(".BXBT", price)
    spec = msgspec.structs.replace(
        XBTUSD,
        symbol="X",
        kind=Kind.LINEAR,
        multiplier=10**3,
        tick_pico=CENTS,
        max_price_ticks=10**8,
        maker_fee_ppm=0,
        taker_fee_ppm=0,
        risk_limit=0,
        risk_step=0,
        listing_ns=w.now,
        expiry_ns=w.now + 26 * WEEK_NS,
        **{"mark_method": MarkMethod.INDEX, **changes},
    )
    w.enlist(spec)
    w.account("a", XBt=1_000 * XBT)
    w.account("b", XBt=1_000 * XBT)
    if close:
        w.now = at("2014-08-13T23:59:59")
        trade(w, close)
        w.now = at("2014-08-14T09:00:00")
        w.advance()
    return w


def ticks(price: str) -> int:
    """A price in ticks."""
    return int(Fraction(price) * 100)


def trade(w: World, price: str, qty: int = 1) -> None:
    """Let two accounts trade at ``price``."""
    w.place(1, BUY, qty, ticks(price), "X")
    w.place(2, SELL, qty, ticks(price), "X")
    assert w.trades == [(qty, ticks(price))]


def mode_of(w: World) -> Mode:
    """The mode of the contract now."""
    return w.x.markets["X"].mode


def mode_at(w: World, text: str) -> Mode:
    """The mode at a time of the day."""
    w.now = at(f"2014-08-14T{text}")
    w.advance()
    return mode_of(w)


# --- mwcb


def test_E22_930_01_trades_and_a_trade_at_930_00_halts_for_15_minutes() -> None:
    w = market(mwcb=BREAKER)
    trade(w, "930.01")
    assert mode_of(w) is OPEN
    trade(w, "930.00")
    assert mode_of(w) is HALT
    assert w.refused(order(1, BUY, 1, ticks("930"), "X")).reason is Reason.NOT_OPEN
    assert mode_at(w, "09:09:59") is HALT
    assert mode_at(w, "09:10:00") is CANCEL_ONLY  # the last five minutes (E17)
    assert mode_at(w, "09:14:59") is CANCEL_ONLY
    assert mode_at(w, "09:15:00") is OPEN


def test_E22_a_second_touch_of_930_does_not_halt_then_870_and_800_do() -> None:
    w = market(mwcb=BREAKER)
    trade(w, "930.00")
    assert mode_at(w, "09:15:00") is OPEN
    trade(w, "930.00")
    trade(w, "870.01")
    assert mode_of(w) is OPEN
    trade(w, "870.00")
    assert mode_of(w) is HALT
    assert mode_at(w, "09:30:00") is OPEN
    trade(w, "800.00")
    assert mode_of(w) is HALT
    assert mode_at(w, "23:54:59") is HALT
    assert mode_at(w, "23:55:00") is CANCEL_ONLY
    w.now = at("2014-08-15T00:00:00")
    w.advance()
    assert mode_of(w) is OPEN
    # The new day is measured from its own close: 800, so that 744.00 is 7 %.
    trade(w, "744.01")
    assert mode_of(w) is OPEN
    trade(w, "744.00")
    assert mode_of(w) is HALT


def test_E22_a_gap_through_both_levels_uses_both() -> None:
    w = market(mwcb=BREAKER)
    trade(w, "860.00")
    assert mode_at(w, "09:15:00") is OPEN
    trade(w, "930.00")
    trade(w, "870.00")
    assert mode_of(w) is OPEN
    trade(w, "800.01")
    assert mode_of(w) is OPEN


def test_E22_late_in_the_day_only_the_last_level_halts() -> None:
    late = CircuitBreaker(late_ns=int(19.5 * 3600) * 10**9)
    w = market(mwcb=late)
    assert mode_at(w, "19:30:00") is OPEN
    trade(w, "930.00")
    assert mode_of(w) is OPEN
    trade(w, "800.00")
    assert mode_of(w) is HALT


def test_E22_without_a_prior_close_the_breaker_is_disarmed() -> None:
    w = market(close="", mwcb=BREAKER)
    trade(w, "1000")
    trade(w, "700")
    assert mode_of(w) is OPEN


def test_E22_the_order_that_trips_it_stops_there() -> None:
    w = market(mwcb=BREAKER)
    bids = [w.place(1, BUY, 1, ticks(price), "X") for price in ("950", "930", "900", "850")]
    seller = w.place(2, SELL, 4, ticks("800"), "X")
    assert w.trades == [(1, ticks("950")), (1, ticks("930"))]
    assert (seller.status, seller.end_reason) == (OrdStatus.CANCELED, Reason.MARKET_HALTED)
    assert [bid.is_open for bid in bids] == [False, False, True, True]


def test_E22_a_bulk_after_the_halt_is_rejected_order_by_order() -> None:
    w = market(mwcb=BREAKER)
    w.place(1, BUY, 1, ticks("930"), "X")
    orders = (order(2, SELL, 1, ticks("930"), "X"), order(2, SELL, 1, ticks("940"), "X"))
    events = w.do(c.PlaceBulk(account=2, orders=orders))
    assert [e.reason for e in events if isinstance(e, Refused)] == [Reason.NOT_OPEN]


def test_E22_the_operator_may_open_a_halted_market_early() -> None:
    w = market(mwcb=BREAKER)
    trade(w, "930.00")
    w.ok(c.SetMode(symbol="X", mode=OPEN))
    assert mode_at(w, "09:10:00") is OPEN


def test_E22_marks_and_liquidations_stop_with_the_halt() -> None:
    w = market(mwcb=BREAKER, mark_method=MarkMethod.LAST, opening_reference=100_000)
    thin = w.account("thin", XBt=30_000)
    w.place(2, SELL, 1, ticks("1000"), "X")
    w.place(thin, BUY, 1, ticks("1000"), "X")
    trade(w, "930")
    assert mode_at(w, "09:09:59") is HALT
    assert (w.x.markets["X"].mark, w.qty(thin, "X")) == (100_000, 1)
    assert mode_at(w, "09:14:59") is CANCEL_ONLY
    assert (w.x.markets["X"].mark, w.qty(thin, "X")) == (93_000, 1)
    assert mode_at(w, "09:15:00") is OPEN
    assert w.qty(thin, "X") == 0


# --- liq_speed


def test_E22_the_floor_is_90_percent_of_the_highest_trade_of_the_last_60_seconds() -> None:
    limit = SpeedLimit(SPEED)
    assert limit.floor(0, 0) == 0  # none ever: off
    limit.traded(50_000, 0)  # 500.00
    limit.traded(46_000, 30 * 10**9)
    assert limit.floor(60 * 10**9 - 1, 46_000) == 45_000
    assert limit.floor(60 * 10**9, 46_000) == 41_400  # the reference rolls to 460
    assert limit.floor(600 * 10**9, 46_000) == 41_400  # nobody trades: the last trade
    limit.traded(50_001, 601 * 10**9)
    assert limit.floor(601 * 10**9, 50_001) == 45_001  # up to the tick: 450.009


def falling(w: World, *, fund: int = 0) -> int:
    """Somebody long at 500 with little behind him; marks then fall far below."""
    if fund:
        w.ok(c.DepositFund(currency="XBt", amount=fund))
    thin = w.account("thin", XBt=70_000)
    w.place(2, SELL, 1, ticks("500"), "X")
    w.place(thin, BUY, 1, ticks("500"), "X")
    return thin


def engine_sells(w: World) -> list[Order]:
    """The engine's open orders."""
    return list(w.x.open_orders(0))


def test_E22_the_engine_does_not_sell_below_450_while_500_is_less_than_60_s_ago() -> None:
    """Bankrupt at 430.00: it rests at 450.00, and at 430.00 when the reference rolls to 460."""
    w = market("500", close="", liq_speed=SPEED)
    thin = falling(w)
    start = w.now
    bid = w.place(1, BUY, 1, ticks("449.99"), "X")
    w.index(".BXBT", "432")
    assert w.qty(thin, "X") == 0
    (resting,) = engine_sells(w)
    assert (resting.price, resting.leaves_qty) == (45_000, 1)
    assert bid.is_open  # a trade at 449.99 is blocked
    w.cancel(bid)
    w.now = start + 30 * 10**9
    w.advance()
    trade(w, "449.98")
    w.now = start + 55 * 10**9
    w.advance()
    (resting,) = engine_sells(w)
    assert resting.price == 45_000
    w.now = start + 60 * 10**9
    w.advance()
    (resting,) = engine_sells(w)
    assert resting.price == 43_000


def test_E22_new_bids_at_the_floor_are_sold_to() -> None:
    w = market("500", close="", liq_speed=SPEED)
    falling(w)
    w.index(".BXBT", "432")
    w.place(1, BUY, 1, ticks("450"), "X")
    assert w.trades == [(1, 45_000)]
    assert engine_sells(w) == []
    assert w.x.fund("XBt") == 20_000  # sold 20.00 above the bankruptcy price


def test_E22_while_the_floor_binds_nobody_is_deleveraged() -> None:
    """The mark is past the bankruptcy price of 430, the book empty: the order waits."""
    w = market("500", close="", liq_speed=SPEED)
    falling(w)
    w.index(".BXBT", "420")
    assert len(engine_sells(w)) == 1
    assert w.qty(2, "X") == -1
    w.now += 2 * MINUTE  # the last trade of 500 keeps the floor at 450 until somebody trades
    w.advance()
    assert len(engine_sells(w)) == 1
    trade(w, "440")
    w.advance(2 * MINUTE)  # floor 396: it may be worked off now
    assert engine_sells(w) == []


def test_E22_the_fund_does_not_sell_below_the_floor_either() -> None:
    w = market("500", close="", liq_speed=SPEED)
    falling(w, fund=10**6)
    w.place(1, BUY, 1, ticks("400"), "X")
    w.index(".BXBT", "420")
    assert w.of(Liquidated)
    trade(w, "449")
    w.advance(61 * 10**9)  # floor 404.10, below the bankruptcy price, above the bid
    assert len(engine_sells(w)) == 1
    w.place(1, BUY, 1, ticks("410"), "X")
    w.advance(5 * 10**9)
    assert engine_sells(w) == []
    assert w.x.markets["X"].last_price == 41_000


def test_E22_without_a_speed_limit_the_engine_sells_at_once() -> None:
    w = market("500", close="")
    falling(w)
    w.place(1, BUY, 1, ticks("449.99"), "X")
    w.index(".BXBT", "432")
    assert w.trades == [(1, 44_999)] or w.x.markets["X"].last_price == 44_999


# --- what may be asked for, and a sanity check of the source


@pytest.mark.parametrize(
    "changes",
    [
        {"mwcb": CircuitBreaker(levels_ppm=())},
        {"mwcb": CircuitBreaker(levels_ppm=(130_000, 70_000))},
        {"mwcb": CircuitBreaker(levels_ppm=(0, 70_000))},
        {"mwcb": CircuitBreaker(levels_ppm=(10**6,))},
        {"mwcb": CircuitBreaker(halt_ns=0)},
        {"mwcb": CircuitBreaker(late_ns=24 * 3600 * 10**9)},
        {"liq_speed": LiquidationSpeed(floor_ppm=0)},
        {"liq_speed": LiquidationSpeed(window_ns=0)},
    ],
)
def test_E22_bad_guards_are_not_listed(changes: dict[str, object]) -> None:
    w = market(close="")
    spec = msgspec.structs.replace(w.x.markets["X"].spec, symbol="Y", **changes)
    assert w.refused(c.ListInstrument(spec=spec)).reason is Reason.BAD_INSTRUMENT


def test_E22_bitfinex_in_august_2014() -> None:
    """Maintenance 13 %, entries at 600 to 640 on 30 % collateral: margin calls at entry/1.17."""
    called = [round(float(Fraction(entry) / Fraction("1.17")), 1) for entry in (600, 640)]
    assert called == [512.8, 547.0]
    assert 4_000_000 // 475 == 8_421
