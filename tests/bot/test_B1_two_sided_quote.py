"""B1: a basic two-sided quote (Lesson 1)."""

from fractions import Fraction

import pytest

from mmbot.pricing.ladder import nearest_tick
from mmbot.pricing.spread import quote_spread, two_sided
from mmbot.types import Side, to_ticks
from tests.bot.script import World

TICK = Fraction(1, 10**6)


@pytest.mark.parametrize(
    ("fees", "spot_spread", "profit"), [(0.0, 0.0, 0.01), (0.0025, 0.0020, 0.0055)]
)
def test_B1_golden_spread_of_one_percent_gives_199_and_201(fees, spot_spread, profit):
    spread = quote_spread(spot_fee=fees, settlement_fee=0.0, spot_spread=spot_spread, profit=profit)

    bid, ask = two_sided(0.02, spread)

    assert spread == pytest.approx(0.01)
    assert to_ticks(bid, Side.BUY, TICK) == 19900
    assert to_ticks(ask, Side.SELL, TICK) == 20100


def test_B1_prices_round_outward_to_ticks_and_nearest_when_asked():
    assert to_ticks(0.0199009, Side.BUY, TICK) == 19900
    assert to_ticks(0.0201001, Side.SELL, TICK) == 20101
    assert nearest_tick(0.0199009, TICK) == 19901 * TICK


def test_B1_engine_quotes_both_sides_of_spot():
    world = World(mid=0.02)

    assert world.quotes == ([(0.0199, 300)], [(0.0201, 300)])


def test_B1_spread_of_less_than_two_ticks_is_widened():
    world = World(mid=0.00010)  # 100 ticks; half a percent is half a tick
    world.engine.orders.live.clear()

    bids, asks = world.quotes
    assert asks[0][0] - bids[0][0] >= 2e-6 - 1e-12


def test_B1_crossed_spot_book_pulls_the_quotes_after_a_moment():
    world = World()

    world.spot(0.02, width=-10)
    world.run(0.9, each_s=0.1)
    before = world.quotes
    world.run(0.3, each_s=0.1)

    assert before == ([(0.0199, 300)], [(0.0201, 300)])
    assert world.quotes == ([], [])
    assert world.engine.quiet == "spot book is empty or crossed"


def test_B1_quotes_come_back_with_the_spot_book():
    world = World()
    world.spot(0.02, width=-10)
    world.run(3)

    world.spot(0.021)
    world.run(5)

    assert world.quotes[0][0][0] == 0.020895
