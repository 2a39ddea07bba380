"""A made-up price: repeatable, continuous, as volatile as it says."""

from itertools import pairwise
from math import log, sqrt
from statistics import fmean, pstdev

import pytest

from sim_exchange.core.types import DAY_NS, HOUR_NS, PICO, SECOND_NS
from sim_exchange.market.wander import Wander

JANUARY = 1_515_758_400 * SECOND_NS
START = 10_000 * PICO


def moves(path: Wander, step_ns: int, count: int) -> list[float]:
    prices = [path.price(JANUARY + step_ns * k) for k in range(count + 1)]
    return [log(after / before) for before, after in pairwise(prices)]


def test_the_same_instant_has_the_same_price_whoever_asks_in_whatever_order() -> None:
    one, other = Wander("BXBT", 7, START), Wander("BXBT", 7, START)
    instants = [JANUARY + k * 3 * HOUR_NS for k in range(20)]

    forwards = [one.price(at) for at in instants]
    backwards = [other.price(at) for at in reversed(instants)]

    assert forwards == backwards[::-1]
    assert forwards != [Wander("BXBT", 8, START).price(at) for at in instants]
    assert forwards != [Wander("BETH", 7, START).price(at) for at in instants]


def test_a_price_holds_for_five_seconds_and_is_positive() -> None:
    path = Wander("x", 1, 10_000, volatility=5.0)

    assert path.price(JANUARY) == path.price(JANUARY + 5 * SECOND_NS - 1)
    assert all(path.price(JANUARY + k * DAY_NS) > 0 for k in range(400))


def test_it_is_as_volatile_as_it_says_at_any_scale() -> None:
    path = Wander("x", 3, START, volatility=0.8)

    for step_ns in (60 * SECOND_NS, HOUR_NS):
        year_share = step_ns / (365 * DAY_NS)
        found = pstdev(moves(path, step_ns, 1_500)) / sqrt(year_share)
        assert 0.7 < found < 0.9


def test_paths_go_along_with_each_other_as_much_as_they_say() -> None:
    lead = Wander("x", 5, START)
    follower = Wander("y", 5, START, along=(lead, 0.9))
    a, b = moves(lead, HOUR_NS, 1_000), moves(follower, HOUR_NS, 1_000)

    products = [(x - fmean(a)) * (y - fmean(b)) for x, y in zip(a, b, strict=True)]
    assert 0.85 < fmean(products) / (pstdev(a) * pstdev(b)) < 0.95


@pytest.mark.parametrize(
    "wrong", [{"start": 0}, {"volatility": 0.0}, {"along": (Wander("x", 1, 1), 1.5)}]
)
def test_figures_that_make_no_path_are_refused(wrong: dict[str, object]) -> None:
    facts: dict[str, object] = {"start": START, **wrong}

    with pytest.raises(ValueError, match="must be"):
        Wander("x", 1, **facts)  # type: ignore[arg-type]
