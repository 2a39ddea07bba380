"""E4: long walks of orders of every kind, the whole audit after each step."""

import pytest

from sim_exchange.core.types import SelfTrade
from tests.core.stateful_orders import OrdersWalk


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
