"""The dead-man switch (protocol.md 4.9): armed, renewed, shortened, disarmed, fired."""

from sim_exchange.core import commands as c
from sim_exchange.core.events import DeadManFired
from sim_exchange.core.orders.order import Order
from sim_exchange.core.types import SECOND_NS, Side
from tests.core.world import XBT, World, world


def rests(w: World, order: Order) -> bool:
    return order.order_id in {one.order_id for one in w.x.open_orders(order.account)}


def armed(w: World, account: int, seconds: int) -> None:
    w.ok(c.CancelAllAfter(account=account, timeout_ns=seconds * SECOND_NS))


def test_it_fires_when_it_was_not_renewed_in_time() -> None:
    w = world()
    maker = w.account("maker", XBt=XBT)
    resting = w.place(maker, Side.BUY, 1, 19_000)
    armed(w, maker, 60)
    w.advance(45 * SECOND_NS)
    armed(w, maker, 60)

    w.advance(59 * SECOND_NS)
    assert rests(w, resting)
    w.advance(SECOND_NS)

    assert not rests(w, resting)
    assert [getattr(event, "canceled", 0) for event in w.of(DeadManFired)] == [1]
    assert w.x.dead_man_ns(maker) is None


def test_a_shorter_time_holds_at_once() -> None:
    w = world()
    maker = w.account("maker", XBt=XBT)
    resting = w.place(maker, Side.BUY, 1, 19_000)
    armed(w, maker, 600)
    armed(w, maker, 5)

    w.advance(5 * SECOND_NS)

    assert not rests(w, resting)


def test_what_is_disarmed_never_fires_and_may_be_armed_again() -> None:
    w = world()
    maker = w.account("maker", XBt=XBT)
    resting = w.place(maker, Side.BUY, 1, 19_000)
    armed(w, maker, 5)
    armed(w, maker, 0)
    w.advance(600 * SECOND_NS)
    assert rests(w, resting)

    armed(w, maker, 5)
    w.advance(5 * SECOND_NS)

    assert not rests(w, resting)


def test_renewals_leave_one_timer() -> None:
    w = world()
    maker = w.account("maker", XBt=XBT)
    before = len(w.x._state.timers._heap)
    for _ in range(100):
        armed(w, maker, 60)
        w.advance(SECOND_NS)

    assert len(w.x._state.timers._heap) == before + 1
