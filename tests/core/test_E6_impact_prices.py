"""E6: what an order of the impact notional would get from each side of a book."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_exchange.core.fixings.impact import impact_mid, impact_notional, impact_price
from sim_exchange.core.types import PICO, Kind

XBT = 10**8
TENTH = PICO // 10  # a tick of 0.1


@pytest.mark.parametrize(
    ("init_margin_ppm", "notional_xbt"),
    [(10_000, "10"), (20_000, "5"), (500_000, "0.2"), (50_000, "2"), (1_000_000, "0.1")],
)
def test_E6_notional_is_a_tenth_of_a_coin_over_initial_margin(init_margin_ppm, notional_xbt):
    assert impact_notional(init_margin_ppm) == Fraction(notional_xbt) * XBT


def test_E6_inverse_book_averages_contracts_over_coins():
    """Harmonic: 5,000 contracts for 5 XBT, 4,990 more for the other 5."""
    bids = [(10_000, 5_000), (9_980, 20_000)]
    asks = [(10_020, 4_008), (10_040, 20_000)]

    bid = impact_price(bids, 10 * XBT, Kind.INVERSE, -XBT, TENTH)
    ask = impact_price(asks, 10 * XBT, Kind.INVERSE, -XBT, TENTH)

    assert bid == 999 * PICO
    assert ask == Fraction(10_032, 10) * PICO
    assert impact_mid(bid, ask, TENTH) == Fraction("1001.10") * PICO


def test_E6_linear_book_averages_price_over_contracts():
    """ETC7D: 2 XBT buy 100 at 0.01 (1 XBT) and 50 at 0.02 (1 XBT): 2/150."""
    asks = [(10_000, 100), (20_000, 1_000)]

    ask = impact_price(asks, 2 * XBT, Kind.LINEAR, XBT, PICO // 10**6)

    assert ask == Fraction(2, 150) * PICO


def test_E6_quanto_book_counts_what_a_contract_is_worth_in_coin():
    """ETHUSD: 100 XBt a USD, so 1 XBT is 2,000 contracts at 500."""
    bids = [(10_000, 1_000), (9_000, 5_000)]  # tick 0.05: 500 and 450

    bid = impact_price(bids, XBT, Kind.QUANTO, 100, PICO // 20)

    second = Fraction(XBT - 1_000 * 50_000, 45_000)
    assert bid == Fraction(XBT, 100) / (1_000 + second) * PICO


@pytest.mark.parametrize(("kind", "multiplier"), [(Kind.LINEAR, XBT), (Kind.INVERSE, -XBT)])
def test_E6_book_thinner_than_the_notional_has_no_impact_price(kind, multiplier):
    assert impact_price([], XBT, kind, multiplier, PICO) is None
    assert impact_price([(1, 1)], 10 * XBT, kind, multiplier, PICO) is None


@pytest.mark.parametrize(("kind", "multiplier"), [(Kind.LINEAR, XBT), (Kind.INVERSE, -XBT)])
def test_E6_book_of_exactly_the_notional_is_enough(kind, multiplier):
    assert impact_price([(1, 10)], 10 * XBT, kind, multiplier, PICO) == PICO


def test_E6_mid_is_rounded_to_half_a_tick_halves_away_from_zero():
    tick = 10_000

    assert impact_mid(Fraction(100_000), Fraction(110_000), tick) == 105_000
    assert impact_mid(Fraction(100_000), Fraction(104_999), tick) == 100_000
    assert impact_mid(Fraction(100_000), Fraction(105_000), tick) == 105_000


@settings(derandomize=True)
@given(
    levels=st.lists(
        st.tuples(st.integers(1, 10**6), st.integers(1, 10**5)), min_size=1, max_size=8
    ),
    notional=st.integers(1, 10**12),
    kind=st.sampled_from([Kind.LINEAR, Kind.QUANTO, Kind.INVERSE]),
)
def test_E6_average_is_between_the_best_and_the_worst_level_used(levels, notional, kind):
    multiplier = {Kind.LINEAR: XBT, Kind.QUANTO: 100, Kind.INVERSE: -XBT}[kind]

    price = impact_price(levels, notional, kind, multiplier, TENTH)

    if price is not None:
        ticks = [level[0] for level in levels]
        assert min(ticks) * TENTH <= price <= max(ticks) * TENTH
