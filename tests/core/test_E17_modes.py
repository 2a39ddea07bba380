"""E17: what an instrument accepts in each mode."""

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import MarkChanged
from sim_exchange.core.orders.order import Order
from sim_exchange.core.types import Mode, Reason
from tests.core.world import BUY, SELL, World, order, world

P = 20_000


@pytest.fixture
def w() -> World:
    """A bid and an ask of one account, and another account."""
    made = world(spot=False)
    a = made.account("a", XBt=10**10)
    made.account("b", XBt=10**10)
    made.place(a, BUY, 10, P)
    made.place(a, SELL, 10, P + 10)
    return made


def first(w: World) -> Order:
    """The oldest order of the first account."""
    return w.x.open_orders(1)[0]


def test_E17_halt_refuses_every_action_on_orders_and_moves_no_mark(w: World) -> None:
    w.ok(c.SetMode(symbol="ETC7D", mode=Mode.HALT))
    resting = first(w)
    assert w.refused(order(2, BUY, 1, P)).reason is Reason.NOT_OPEN
    amend = c.AmendOrder(account=1, order_id=resting.order_id, price=P - 1)
    assert w.refused(amend).reason is Reason.NOT_OPEN
    cancel = c.CancelOrders(account=1, order_ids=(resting.order_id,))
    assert w.refused(cancel).reason is Reason.NOT_OPEN
    w.ok(c.CancelAll(account=1))
    assert resting.is_open
    w.index(".ETCXBT", "0.021")
    assert w.of(MarkChanged) == []

    w.ok(c.SetMode(symbol="ETC7D", mode=Mode.OPEN))
    assert w.x.markets["ETC7D"].mark == 2_100_000


def test_E17_cancel_only_takes_cancels_and_moves_marks(w: World) -> None:
    w.ok(c.SetMode(mode=Mode.CANCEL_ONLY))
    assert w.refused(order(2, BUY, 1, P)).reason is Reason.NOT_OPEN
    w.cancel(first(w))
    w.index(".ETCXBT", "0.021")
    assert w.x.markets["ETC7D"].mark == 2_100_000


def test_E17_post_only_takes_limits_that_do_not_cross(w: World) -> None:
    w.ok(c.SetMode(mode=Mode.POST_ONLY))
    assert w.refused(order(2, BUY, 1)).reason is Reason.NOT_OPEN
    assert w.refused(order(2, BUY, 1, P + 10)).reason is Reason.NOT_OPEN
    crossing = c.AmendOrder(account=1, order_id=first(w).order_id, price=P + 10)
    assert w.refused(crossing).reason is Reason.NOT_OPEN
    w.place(2, BUY, 1, P + 9)


def test_E17_a_contract_without_a_mark_takes_no_orders() -> None:
    w = World()
    w.ok(c.ListIndex(spec=c.IndexSpec(symbol=".X", constituents=(c.Constituent("A", 1, 1),))))
    made = world(spot=False).x.markets["ETC7D"].spec
    w.enlist(made, reference_symbol=".X")
    a = w.account("a", XBt=10**9)
    assert w.refused(order(a, BUY, 1, P)).reason is Reason.NO_MARK_PRICE
    w.index(".X", "0.02")
    w.place(a, BUY, 1, P)


def test_E17_an_unknown_symbol_is_refused(w: World) -> None:
    assert w.refused(c.SetMode(symbol="X", mode=Mode.HALT)).reason is Reason.UNKNOWN_SYMBOL
