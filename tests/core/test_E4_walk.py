"""E4: long walks of orders of every kind, the whole audit after each step."""

from collections.abc import Callable

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import OrdType, SelfTrade
from sim_exchange.errors import InvariantError
from tests.core.stateful_orders import OrdersWalk
from tests.core.world import BUY, SELL, XBT, cents_world


@pytest.mark.parametrize("seed", [1, 7, 12])
def test_E4_a_long_walk_of_all_kinds_of_orders_breaks_nothing(seed: int) -> None:
    walk = OrdersWalk(seed)
    for _ in range(800):
        walk.step()

    met = {"TriggeredOrActivatedBySystem", "linked", "Replaced", "SelfTraded", "Traded"}
    assert met <= set(walk.seen)


def test_E21_E23_a_long_walk_under_later_rules_breaks_nothing() -> None:
    rules = {"fat_finger_ppm": 20_000, "self_trade": SelfTrade.CANCEL_INCOMING}
    walk = OrdersWalk(3, floating_pegs=True, **rules)
    for _ in range(400):
        walk.step()

    assert {"fat_finger", "self_trade", "Traded"} <= set(walk.seen)
    assert "SelfTraded" not in walk.seen


T = "TSTM18"


def moved(state: State, stop: Order) -> None:
    stop.stop_px = 94_00  # not where its list has it


def forgotten(state: State, stop: Order) -> None:
    del stop.position.aside[stop.order_id]


def awake(state: State, stop: Order) -> None:
    stop.waiting = False


def ended(state: State, stop: Order) -> None:
    market = state.markets[T]
    assert market.waiting is not None
    del market.waiting.orders[stop.order_id]


def holding(state: State, stop: Order) -> None:
    stop.held_quote = 1


def working(state: State, stop: Order) -> None:
    stop.working = True


def unlinked(state: State, stop: Order) -> None:
    stop.linked = False


def without_primary(state: State, stop: Order) -> None:
    group = state.links[stop.account, "a"]
    group[0].linked = False
    del group[0]


@pytest.mark.parametrize(
    "plant", [moved, forgotten, awake, ended, holding, working, unlinked, without_primary]
)
def test_L2_8_the_audit_sees_what_is_wrong_with_orders_that_wait(
    plant: Callable[[State, Order], None],
) -> None:
    w = cents_world()
    alice = w.account("alice", XBt=10 * XBT)
    command = c.PlaceOrder(
        account=alice,
        symbol=T,
        side=BUY,
        order_qty=1,
        price=99_00,
        contingency_type="OneTriggersTheOther",
        cl_ord_link_id="a",
    )
    w.ok(command)
    w.place(alice, SELL, 1, 110_00, T)
    held = c.PlaceOrder(
        account=alice, symbol=T, side=SELL, order_qty=1, price=110_00, cl_ord_link_id="a"
    )
    secondary = w.x.orders[w.ok(held)]
    stop = w.x.orders[
        w.ok(
            c.PlaceOrder(
                account=alice,
                symbol=T,
                side=SELL,
                ord_type=OrdType.STOP,
                order_qty=1,
                stop_px=95_00,
            )
        )
    ]
    w.x.check()

    plant(w.x._state, secondary if plant in {unlinked, without_primary} else stop)
    with pytest.raises(InvariantError):
        w.x.check()
