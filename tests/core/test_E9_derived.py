"""E9: indices made of others: means over minutes, volatility."""

from itertools import pairwise
from math import sqrt
from statistics import stdev

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.fixings.volatility import Volatility
from sim_exchange.core.specs import IndexSpec
from sim_exchange.core.types import MINUTE_NS, IndexKind, Reason
from tests.core.world import World, composite, inverse_world


def test_E9_mean_over_as_many_minutes_as_the_index_says():
    w = World()
    w.ok(c.ListIndex(spec=composite(".BXBT", decimals=2)))
    for minutes in (1, 2, 30):
        spec = IndexSpec(
            symbol=f".BXBT{minutes}M", kind=IndexKind.TWAP30, source=".BXBT", minutes=minutes,
            decimals=2,
        )  # fmt: skip
        w.ok(c.ListIndex(spec=spec))
    for price in (100, 101, 103):
        w.print(".BXBT", str(price))
        w.advance(MINUTE_NS)

    means = [w.x.indices[f".BXBT{minutes}M"].price for minutes in (1, 2, 30)]
    assert means == [10_300, 10_200, 10_100]  # noon has a sample too: 100, 100, 101, 103


def test_E9_volatility_is_the_deviation_of_returns_by_the_year():
    """Returns of +1 % and -1/101 by turns, a minute apart: checked against floating point."""
    volatility = Volatility(minutes=4, step_minutes=1)
    prices = [100, 101, 100, 101, 100]
    values = [volatility.take(price, 2) for price in prices]
    returns = [after / before - 1 for before, after in pairwise(prices)]

    assert values[:2] == [None, None]
    assert values[-1] == round(stdev(returns) * sqrt(365 * 24 * 60) * 100 * 100)


def test_E9_volatility_forgets_what_is_further_back_than_it_looks():
    one, other = Volatility(3, 1), Volatility(3, 1)
    first = [one.take(price, 2) for price in (50, 100, 90, 100, 97)]
    again = [other.take(price, 2) for price in (100, 90, 100, 97)]

    assert first[-1] == again[-1] is not None


def test_E9_volatility_of_a_price_that_stands_still_is_nothing():
    volatility = Volatility(10, 1)

    assert [volatility.take(100, 2) for _ in range(4)] == [None, None, 0, 0]


def test_E9_volatility_index_takes_a_price_every_step():
    w = World()
    w.ok(c.ListIndex(spec=composite(".BXBT", decimals=2)))
    spec = IndexSpec(
        symbol=".BVOL", kind=IndexKind.VOLATILITY, source=".BXBT", minutes=50, step_minutes=5,
        decimals=2,
    )  # fmt: skip
    w.ok(c.ListIndex(spec=spec))
    direct = Volatility(50, 5)
    expected = direct.take(100 * 100, 2)  # at noon
    for price in (100, 101, 103, 102):
        w.print(".BXBT", str(price))
        for _ in range(5):
            w.advance(MINUTE_NS)
        expected = direct.take(price * 100, 2)

    assert w.x.indices[".BVOL"].price == expected


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"kind": IndexKind.TWAP30, "minutes": 481}, "minutes"),
        ({"kind": IndexKind.TWAP30, "minutes": 0}, "minutes"),
        ({"kind": IndexKind.VOLATILITY, "minutes": 10, "step_minutes": 3}, "whole steps"),
        ({"kind": IndexKind.VOLATILITY, "minutes": 10, "step_minutes": 10}, "whole steps"),
        ({"kind": IndexKind.VOLATILITY, "source": ""}, "source"),
        ({"kind": IndexKind.VOLATILITY, "source": ".NONE"}, ".NONE"),
    ],
)
def test_E9_bad_indices_made_of_others_are_refused(fields, word):
    w = inverse_world()
    spec = IndexSpec(**{"symbol": ".NEW", "source": ".BXBT", **fields})

    event = w.refused(c.ListIndex(spec=spec))

    assert event.reason is Reason.BAD_INSTRUMENT
    assert word in event.text
