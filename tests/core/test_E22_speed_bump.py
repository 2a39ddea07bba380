"""E22: an order that would sweep the book too far is held for a while, and all can read so."""

from dataclasses import dataclass

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import Refused
from sim_exchange.core.orders.order import Order
from sim_exchange.core.specs import InstrumentSpec, SpeedBump
from sim_exchange.core.types import (
    ExecInst,
    ExecType,
    MarkMethod,
    Mode,
    OrdStatus,
    OrdType,
    Reason,
    TimeInForce,
)
from tests.core.stateful_orders import OrdersWalk
from tests.core.world import BUY, ETC7D, ETC_XBT, SELL, XBT, World, cents_world, world

BUMP = SpeedBump(delay_ns=350 * 10**6, pct_ppm=20_000)
DELAY = BUMP.delay_ns


@dataclass
class Desk:
    """TSTM18 at 100.00 with asks 5 @100.00, 5 @102.00, 5 @102.01, bids 5 @99.00, 97.02, 97.01."""

    w: World
    maker: int
    taker: int

    def buy(self, qty: int, price: int | None, **fields: object) -> Order:
        return self.w.place(self.taker, BUY, qty, price, "TSTM18", **fields)

    def sell(self, qty: int | None, price: int | None, **fields: object) -> Order:
        return self.w.place(self.taker, SELL, qty, price, "TSTM18", **fields)

    def fills(self) -> list[tuple[int, int]]:
        """Trades of what follows once the delay is over."""
        self.w.advance(DELAY)
        return self.w.trades


def desk(bump: SpeedBump | None = BUMP) -> Desk:
    """The market, with a maker and somebody who takes."""
    w = cents_world(speed_bump=bump, mark_method=MarkMethod.INDEX)
    maker, taker = w.account("maker", XBt=10 * XBT), w.account("taker", XBt=XBT)
    for price in (10_000, 10_200, 10_201):
        w.place(maker, SELL, 5, price, "TSTM18")
    for price in (9_900, 9_702, 9_701):
        w.place(maker, BUY, 5, price, "TSTM18")
    return Desk(w, maker, taker)


def is_held(one: Order) -> bool:
    """Whether an order is open and outside the book."""
    return one.is_open and one.waiting and not one.working and one.level is None


@pytest.mark.parametrize(
    ("qty", "price", "held"),
    [
        (10, 10_200, False),  # exactly 2 % from the touch
        (10, 10_300, False),  # what it would reach counts, not its limit
        (11, 10_200, False),
        (11, 10_201, True),
        (11, None, True),
        (10, None, False),
    ],
)
def test_E22_an_order_that_would_sweep_more_than_2_percent_is_held(
    qty: int, price: int | None, held: bool
) -> None:
    d = desk()
    one = d.buy(qty, price)
    assert (is_held(one), bool(d.w.trades)) == (held, not held)
    assert d.w.x.margin(d.taker, "XBt").init_margin == 0 or not held


@pytest.mark.parametrize(("qty", "price", "held"), [(10, 9_702, False), (11, 9_701, True)])
def test_E22_sells_are_held_by_the_same_share(qty: int, price: int, held: bool) -> None:
    assert is_held(desk().sell(qty, price)) is held


def test_E22_it_enters_when_its_delay_is_over_as_if_it_came_then() -> None:
    d = desk()
    one = d.buy(12, 10_201)
    d.w.advance(DELAY - 1)
    assert (is_held(one), d.w.trades) == (True, [])
    d.w.place(d.maker, SELL, 3, 9_950, "TSTM18")

    d.w.advance(1)

    assert d.w.trades == [(3, 9_950), (5, 10_000), (4, 10_200)]
    assert (one.status, one.cum_qty) == (OrdStatus.FILLED, 12)
    told = [e.exec_type for e in d.w.executions(d.taker)]
    assert told == [ExecType.TRIGGERED] + [ExecType.TRADE] * 3


def test_E22_orders_enter_in_the_order_in_which_they_were_held() -> None:
    d = desk()
    first, second = d.buy(11, 10_201), d.buy(12, 10_201)
    assert [qty for qty, _ in d.fills()] == [5, 5, 1, 4]
    assert (first.status, second.status) == (OrdStatus.FILLED, OrdStatus.PARTIALLY_FILLED)
    assert second.leaves_qty == 8


def test_E22_what_can_not_execute_is_not_held() -> None:
    d = desk()
    fok = d.buy(16, 10_201, tif=TimeInForce.FOK)
    assert fok.end_reason is Reason.FOK_NOT_FILLED
    post = d.buy(15, 10_201, inst=ExecInst.POST_ONLY)
    assert post.end_reason is Reason.POST_ONLY_WOULD_CROSS
    assert is_held(d.buy(15, 10_201, tif=TimeInForce.FOK))


def test_E22_a_cancel_works_at_once() -> None:
    d = desk()
    one = d.buy(11, 10_201)
    d.w.cancel(one)
    assert one.end_reason is Reason.CANCELED_BY_USER
    assert d.fills() == []
    other = d.buy(11, 10_201)
    d.w.ok(c.CancelAll(account=d.taker))
    assert not other.is_open


def test_E22_an_amend_that_sweeps_still_restarts_the_delay() -> None:
    d = desk()
    one = d.buy(11, 10_201)
    d.w.advance(DELAY - 1)
    d.w.amend(one, order_qty=12)
    assert (is_held(one), one.order_qty) == (True, 12)
    d.w.advance(1)
    assert is_held(one)
    d.w.advance(DELAY - 1)
    assert d.w.trades == [(5, 10_000), (5, 10_200), (2, 10_201)]


def test_E22_two_amends_in_one_instant_enter_once() -> None:
    d = desk()
    one = d.buy(11, 10_201)
    d.w.amend(one, order_qty=12)
    d.w.amend(one, order_qty=13)
    assert d.fills() == [(5, 10_000), (5, 10_200), (3, 10_201)]
    assert d.fills() == []


def test_E22_an_amend_that_does_not_sweep_any_more_enters_at_once() -> None:
    d = desk()
    one = d.buy(11, 10_201)
    d.w.amend(one, price=10_000)
    assert (d.w.trades, one.leaves_qty, one.working) == ([(5, 10_000)], 6, True)
    assert d.fills() == []


def test_E22_an_amend_of_a_held_order_is_checked() -> None:
    d = desk()
    one = d.buy(11, 10_201)
    refused = d.w.refused(c.AmendOrder(account=d.taker, order_id=one.order_id, order_qty=15_000))
    assert refused.reason is Reason.INSUFFICIENT_BALANCE
    assert is_held(one)
    d.w.amend(one, order_qty=0)
    assert one.end_reason is Reason.CANCELED_BY_USER


def test_E22_a_resting_order_that_is_amended_through_the_book_is_held() -> None:
    d = desk()
    one = d.buy(11, 9_800)
    d.w.amend(one, price=10_201)
    assert is_held(one)
    assert d.w.x.margin(d.taker, "XBt").init_margin == 0
    assert d.fills() == [(5, 10_000), (5, 10_200), (1, 10_201)]


def test_E22_margin_is_looked_at_again_when_it_enters() -> None:
    d = desk()
    one = d.buy(11, 10_201)
    d.w.ok(c.RequestWithdrawal(account=d.taker, currency="XBt", amount=XBT - 10**5, address="x"))
    assert d.fills() == []
    assert (one.status, one.end_reason) == (OrdStatus.CANCELED, Reason.INSUFFICIENT_BALANCE)


@pytest.mark.parametrize("mode", [Mode.HALT, Mode.CANCEL_ONLY, Mode.POST_ONLY])
def test_E22_in_a_market_that_takes_no_such_orders_it_is_canceled(mode: Mode) -> None:
    d = desk()
    one = d.buy(11, 10_201)
    d.w.ok(c.SetMode(symbol="TSTM18", mode=mode))
    assert d.fills() == []
    assert (one.status, one.end_reason) == (OrdStatus.CANCELED, Reason.NOT_OPEN)


def test_E22_settlement_and_days_end_what_is_held() -> None:
    d = desk()
    one = d.buy(11, 10_201)
    d.w.ok(c.ExpireNow(symbol="TSTM18"))
    assert one.end_reason is Reason.SETTLEMENT
    assert d.fills() == []


def test_E22_a_triggered_stop_is_held_too() -> None:
    d = desk()
    stop = c.PlaceOrder(
        account=d.taker,
        symbol="TSTM18",
        side=BUY,
        ord_type=OrdType.STOP,
        order_qty=11,
        stop_px=10_050,
    )
    one = d.w.x.orders[d.w.ok(stop)]
    d.w.index(".TST", "100.5")
    assert (is_held(one), one.triggered) == (True, "StopOrderTriggered")
    assert d.fills() == [(5, 10_000), (5, 10_200), (1, 10_201)]


def test_E22_held_orders_do_not_count_as_stops() -> None:
    d = desk()
    for _ in range(12):
        d.buy(11, 10_201)
    stop = c.PlaceOrder(
        account=d.taker, symbol="TSTM18", side=BUY, ord_type=OrdType.STOP, order_qty=1,
        stop_px=11_000,
    )  # fmt: skip
    d.w.ok(stop)


def test_E22_a_close_that_is_held_closes_what_there_is_then() -> None:
    d = desk()
    d.buy(5, 10_000)
    d.w.place(d.maker, SELL, 20, 10_000, "TSTM18")
    d.buy(8, 10_000)
    one = d.sell(None, None, inst=ExecInst.CLOSE)
    assert (is_held(one), one.leaves_qty) == (True, 13)
    d.sell(5, 9_900)
    d.w.place(d.maker, BUY, 20, 9_900, "TSTM18")
    assert d.fills() == [(8, 9_900)]
    assert d.w.qty(d.taker, "TSTM18") == 0


def test_E22_links_act_on_held_orders() -> None:
    d = desk()
    one, other = (
        d.w.x.orders[
            d.w.ok(
                c.PlaceOrder(
                    account=d.taker,
                    symbol="TSTM18",
                    side=BUY,
                    order_qty=qty,
                    price=price,
                    cl_ord_link_id="l",
                    contingency_type="OneCancelsTheOther",
                )
            )
        ]
        for qty, price in ((11, 10_201), (1, 9_800))
    )
    assert is_held(one)
    assert d.fills() == [(5, 10_000), (5, 10_200), (1, 10_201)]
    assert other.end_reason is Reason.LINKED


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_E22_walks_over_a_bump_break_nothing(seed: int) -> None:
    bump = SpeedBump(delay_ns=2_500_000_000, pct_ppm=500)
    walk = OrdersWalk(seed, speed_bump=bump)
    held = 0
    for _ in range(300):
        walk.step()
        walk.w.x.check()
        waiting = walk.w.x.markets["TSTM18"].waiting
        held += waiting is not None and len(waiting.delayed)
    assert held > 20


def test_E22_coins_are_not_held_meanwhile_and_borrowed_when_it_enters() -> None:
    w = world()
    w.enlist(ETC_XBT, symbol="SLOW", speed_bump=BUMP)
    lender, a, b = w.account("lender", ETC=10**9), w.account("a", XBt=XBT), w.account("b", XBt=XBT)
    w.ok(c.PostOffer(account=lender, currency="ETC", amount=10**8, rate=10**9))
    w.place(b, BUY, 10**7, 2_000_000, "SLOW")
    w.place(b, BUY, 10**7, 1_900_000, "SLOW")
    one = w.place(a, SELL, 2 * 10**7, 1_900_000, "SLOW")
    assert is_held(one)
    assert (one.reserved, one.held_base, w.x.accounts[a].held.get("ETC", 0)) == (0, 0, 0)
    assert w.x._state.desk.reserved(one.order_id) == 0

    w.advance(DELAY)

    assert w.trades == [(10**7, 2_000_000), (10**7, 1_900_000)]
    assert w.x._state.desk.owed(a, "ETC", w.now) == 2 * 10**7


def test_E22_a_market_without_a_bump_holds_nobody() -> None:
    d = desk(None)
    assert d.buy(11, 10_201).status is OrdStatus.FILLED


@pytest.mark.parametrize(
    ("bump", "words"),
    [
        (SpeedBump(delay_ns=0, pct_ppm=1), "delay_ns 0 must be over 0"),
        (SpeedBump(delay_ns=1, pct_ppm=0), "pct 0 must be over 0"),
        (SpeedBump(delay_ns=1, pct_ppm=10**6), "pct 1000000 must be"),
        (SpeedBump(delay_ns=True, pct_ppm=1), "delay_ns True"),
    ],
)
def test_E22_bad_terms_of_a_bump_are_refused(bump: SpeedBump, words: str) -> None:
    w = world(spot=False)
    spec = c.ListInstrument(
        spec=InstrumentSpec(
            **{
                **{name: getattr(ETC7D, name) for name in ETC7D.__struct_fields__},
                "symbol": "X",
                "speed_bump": bump,
            }
        )
    )
    refused = w.refused(spec)
    assert isinstance(refused, Refused)
    assert words in refused.text
