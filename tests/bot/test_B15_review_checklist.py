"""B15: what a review of a market maker asks for."""

from fractions import Fraction

import pytest

from mmbot.execution.budget import RequestBudget, bulk_cost, planned_requests
from mmbot.execution.orders import OwnOrders
from mmbot.pricing.ladder import sample_ladder, sizes, widths
from mmbot.pricing.spread import volatile_half_spread, volatile_size
from mmbot.pricing.volatility import Volatility
from mmbot.types import SECOND_NS
from tests.bot.script import World, armed


def test_B15_golden_ladder_of_the_sample_bot():
    prices = sample_ladder(1000, 0.005, range(-2, 3), Fraction(1, 2))

    assert [float(price) for price in prices] == [990.0, 995.0, 1000.0, 1005.0, 1010.0]


@pytest.mark.parametrize(
    ("orders", "loop_s", "dead_man_every_s", "requests", "fits"),
    [
        (10, 3, None, 200, False),
        (10, 5, None, 120, True),
        (10, 5, 15, 140, True),
        (12, 5, None, 180, False),
    ],
)
def test_B15_golden_request_budget_of_150_per_5_minutes(
    orders, loop_s, dead_man_every_s, requests, fits
):
    planned = planned_requests(orders=orders, loop_s=loop_s, dead_man_every_s=dead_man_every_s)

    assert planned == requests
    assert (planned <= 150) is fits


def test_B15_bulk_costs_a_tenth_rounded_up():
    assert [bulk_cost(count) for count in (1, 10, 11, 100)] == [1, 1, 2, 10]


def test_B15_half_spread_widens_with_volatility_above_its_floor():
    assert volatile_half_spread(0.005, 0.001, weight=2, horizon_s=4) == pytest.approx(0.009)
    assert volatile_half_spread(0.001, 0.0, weight=2, horizon_s=4, floor=0.003) == 0.003


def test_B15_size_shrinks_with_volatility():
    assert volatile_size(300, 0.0, weight=1, sigma_ref=0.01) == 300
    assert volatile_size(300, 0.03, weight=1, sigma_ref=0.01) == 75
    with pytest.raises(ValueError, match="sigma_ref"):
        volatile_size(300, 0.03, weight=1, sigma_ref=0)


def test_B15_volatility_of_a_price_that_moves_a_tenth_of_a_percent_each_second():
    volatility = Volatility(half_life_s=60)
    assert volatility.sigma == 0

    for second in range(600):
        volatility.see(1.001 if second % 2 else 1.0, second * SECOND_NS)

    assert volatility.sigma == pytest.approx(0.001, rel=0.01)


def test_B15_volatility_does_not_depend_on_how_often_one_looks():
    seldom, often = Volatility(), Volatility()
    price = 1.0
    for minute in range(120):
        price = price * (1.01 if minute % 2 else 1 / 1.01)
        seldom.see(price, minute * 60 * SECOND_NS)
        often.see(price, minute * 60 * SECOND_NS)
        often.see(price, minute * 60 * SECOND_NS)

    assert often.sigma == seldom.sigma == pytest.approx(0.00995 / 60**0.5, rel=0.01)


def test_B15_levels_and_sizes_of_a_ladder():
    assert widths(0.005, 2, 0.003) == (0.005, 0.008)
    assert sizes(0.4, 3, 2) == (0.4, 0.8, 1.6)


def test_B15_budget_refills_continuously_and_keeps_its_reserve():
    budget = RequestBudget(10, 10, reserve=3)
    at = 5 * SECOND_NS

    for _ in range(7):
        assert budget.ready_ns(1, at) == at
        budget.spend(1, at)

    assert budget.ready_ns(1, at) == at + SECOND_NS
    assert budget.ready_ns(2, at) == at + 2 * SECOND_NS
    assert budget.tokens(at - SECOND_NS) == 3  # a clock that goes backwards adds nothing
    assert budget.tokens(at + 100 * SECOND_NS) == 10


def test_B15_quotes_wait_for_the_budget():
    world = World(
        request_capacity=10, request_window_s=300, request_reserve=0, min_requote_s=0, urgent_move=9
    )

    for step in range(300):
        world.spot(0.02 * (1 + 0.002 * (step % 2)))
        world.run(1)

    # 10 in the bucket and 10 in 5 minutes; the dead-man switch takes its 20 whatever it says.
    assert len(world.decisions()) <= 9
    assert 19 <= armed(world).count(60000) <= 22


def test_B15_dead_man_is_armed_with_the_first_quotes_and_renewed_every_15_s():
    world = World()
    first = [type(action).__name__ for action in world.sent[:2]]

    world.run(59)

    assert first == ["ArmDeadMan", "PlaceOrders"]
    assert armed(world) == [60_000] * 4


def test_B15_own_orders_carry_a_prefix_of_at_most_13_characters():
    world = World()

    assert all(name.startswith("mm-test-q") for name in world.orders)
    with pytest.raises(ValueError, match="1 to 13"):
        OwnOrders("fourteen-chars")
