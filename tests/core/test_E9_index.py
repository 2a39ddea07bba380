"""E9: the value of a composite index, and which constituents are too far away to count."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_exchange.core.fixings.index import CompositeIndex, Standing
from sim_exchange.core.specs import Constituent, IndexSpec
from sim_exchange.core.types import MINUTE_NS, SECOND_NS
from sim_exchange.errors import InvariantError
from tests.core.index_world import FIVE, NOON, a_alone, clock, index_of, prints, weights


def test_E9_index_is_the_mean_of_last_trades_rounded_once():
    index = index_of("ABC", decimals=8)

    assert prints(index, NOON, "0.00265001", "0.00265002", "0.00265002") == 265_002  # ...01.67
    assert prints(index, NOON + FIVE, "0.00265002", 0, "0.00265001") == 265_002
    assert prints(index, NOON + 2 * FIVE, "0.00265001", "0.00265001", 0) == 265_001


def test_E9_halves_are_rounded_away_from_zero():
    index = index_of("AB", decimals=0)

    assert prints(index, NOON, 100, 101) == 101


def test_E9_weights_are_exact_rationals():
    members = (Constituent("A", 1, 2), Constituent("B", 1, 3), Constituent("C", 1, 6))
    spec = IndexSpec(symbol=".TST", constituents=members, decimals=2, outlier_ppm=900_000)
    index = CompositeIndex(spec)

    assert prints(index, NOON, 100, 106, 112) == 10_400  # 106 weighs one third exactly: ... + 35.33
    assert weights(index) == [Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)]


def test_E9_weights_that_do_not_sum_to_one_are_brought_to_one():
    members = (Constituent("A", 2, 1), Constituent("B", 1, 1))
    index = CompositeIndex(IndexSpec(symbol=".TST", constituents=members, decimals=2))

    assert prints(index, NOON, 100, 103) == 10_100
    assert weights(index) == [Fraction(2, 3), Fraction(1, 3)]


def test_E9_nothing_is_published_before_the_first_print():
    index = index_of("ABC")

    assert index.publish(NOON) is None
    assert index.stale
    assert prints(index, NOON + FIVE, 0, 100, 0) == 10_000
    assert not index.stale
    assert prints(index, NOON + 2 * FIVE, 103, 0, 103) == 10_200


def test_E9_gdax_flash_is_dropped_by_the_median():
    """Three at 1184.62 and GDAX at 0.06."""
    index = index_of("ABCD")
    prints(index, NOON, 1185, 1185, 1185, 1185)

    assert prints(index, NOON + FIVE, "1184.62", "1184.62", "1184.62", "0.06") == 118_462
    assert index.members()[3].standing is Standing.OUTLIER


def test_E9_gdax_flash_unprotected_is_what_was_published_then():
    index = index_of("ABCD", outlier_ppm=10_000_000)  # no price is that far away

    assert prints(index, NOON, "1184.62", "1184.62", "1184.62", "0.06") == 88_848


def test_E9_three_members_the_outlier_is_removed():
    index = index_of("ABC")
    prints(index, NOON, 100, 100, 100)

    assert prints(index, NOON + FIVE, 100, 100, 50) == 10_000
    assert weights(index) == [Fraction(1, 2), Fraction(1, 2), 0]


def test_E9_x_away_is_away_and_less_is_not():
    index = index_of("ABC")

    assert prints(index, NOON, 100, 100, "125.01") == 10_000
    again = index_of("ABC")
    assert prints(again, NOON, 100, 100, 125) == 10_000
    near = index_of("ABC")
    assert prints(near, NOON, 100, 100, "124.99") == 10_833


def test_E9_median_of_an_even_count_is_the_mean_of_the_middle_two():
    """Median of 70, 90, 110, 130 is 100: 70 and 130 are out at 30 %, 90 and 110 stay."""
    index = index_of("ABCD")

    assert prints(index, NOON, 70, 90, 110, 130) == 10_000
    assert weights(index) == [0, Fraction(1, 2), Fraction(1, 2), 0]


def test_E9_outlier_stays_out_until_the_operator_reinstates_it():
    index = index_of("ABC")
    prints(index, NOON, 100, 100, 50)
    for k in range(1, 400):  # half an hour of good data
        assert prints(index, NOON + k * FIVE, 100, 100, 106) == 10_000

    index.set_status("C", "reinstate", NOON + 400 * FIVE)

    assert index.publish(NOON + 400 * FIVE) == 10_200


def test_E9_reinstated_outlier_that_is_still_one_goes_out_again():
    index = index_of("ABC")
    prints(index, NOON, 100, 100, 50)

    index.set_status("C", "reinstate", NOON + FIVE)

    assert prints(index, NOON + FIVE, 100, 100, 50) == 10_000
    assert index.members()[2].standing is Standing.OUTLIER


def test_E9_two_members_hold_the_last_value_when_one_is_half_x_from_the_new_index():
    """B 60: computed 80, off by 25 % >= 12.5 %; B 85: computed 92.5, off by 8.1 %."""
    index = index_of("AB")
    prints(index, NOON, 100, 100)

    assert prints(index, NOON + FIVE, 100, 60) == 10_000
    assert not index.stale
    assert prints(index, NOON + 2 * FIVE, 100, 85) == 9_250


def test_E9_two_members_half_x_away_is_away_and_less_is_not():
    index = index_of("AB")
    prints(index, NOON, 101, 101)

    assert prints(index, NOON + FIVE, "87.5", "112.5") == 10_100
    assert prints(index, NOON + 2 * FIVE, 85, 115) == 10_100
    assert prints(index, NOON + 3 * FIVE, "87.51", "112.49") == 10_000


def test_E9_two_members_of_unequal_weight_the_light_one_may_be_the_one_that_is_away():
    """90 % at 100 and 10 % at 120: computed 102, and 120 is 17.6 % from it."""
    members = (Constituent("A", 9, 10), Constituent("B", 1, 10))
    spec = IndexSpec(symbol=".TST", constituents=members, decimals=2, outlier_ppm=250_000)
    index = CompositeIndex(spec)
    prints(index, NOON, 100, 100)

    assert prints(index, NOON + FIVE, 100, 120) == 10_000
    assert prints(index, NOON + 2 * FIVE, 100, 110) == 10_100


def test_E9_one_member_holds_the_last_value_when_it_is_x_away():
    index = index_of("A")
    prints(index, NOON, 100)

    assert prints(index, NOON + FIVE, 70) == 10_000
    assert prints(index, NOON + 2 * FIVE, 75) == 10_000  # exactly X
    assert prints(index, NOON + 3 * FIVE, 80) == 8_000


def test_E9_single_venue_altcoin_fall_of_17_percent_stands():
    """ETH/XBT 0.063 -> 0.052 is -17.46 %, under X = 50 %."""
    index = index_of("A", outlier_ppm=500_000, decimals=5)
    prints(index, NOON, "0.063")

    assert prints(index, NOON + FIVE, "0.052") == 5_200


def test_E9_all_out_holds_the_last_value_and_says_so():
    index = index_of("ABC")
    prints(index, NOON, 100, 101, 102)

    assert index.publish(NOON + 15 * MINUTE_NS) == 10_100
    assert index.stale
    assert index.price == 10_100


@pytest.mark.parametrize("bad", [0, -1, -(10**12)])
def test_E9_zero_and_negative_prints_are_no_data(bad):
    index = index_of("AB")
    prints(index, clock(12, 0), 100, 102)

    a_alone(index, clock(12, 10))
    index.print(1, bad, clock(12, 10))

    assert index.members()[1].at_ns == clock(12, 0)
    assert prints(index, clock(12, 15), 100, 0) == 10_000


def test_E9_a_value_of_nothing_is_not_published_and_the_next_one_counts():
    index = index_of("A", outlier_ppm=1_000_000)  # two decimals
    assert prints(index, NOON, "0.004") is None
    assert prints(index, NOON + FIVE, 100) == 10_000
    assert prints(index, NOON + 2 * FIVE, "0.004") == 10_000
    assert prints(index, NOON + 3 * FIVE, "0.005") == 1
    assert prints(index, NOON + 4 * FIVE, "0.009") == 1


def test_E9_unknown_constituents_and_statuses_are_named():
    index = index_of("AB")

    with pytest.raises(InvariantError, match="no constituent Z"):
        index.set_status("Z", "silent", NOON)
    with pytest.raises(InvariantError, match="asleep"):
        index.set_status("A", "asleep", NOON)
    with pytest.raises(InvariantError, match="no constituents"):
        CompositeIndex(IndexSpec(symbol=".TST"))


@settings(derandomize=True)
@given(
    rounds=st.lists(
        st.tuples(
            st.integers(1, 40),
            st.lists(st.integers(0, 200), min_size=4, max_size=4),
        ),
        min_size=1,
        max_size=60,
    ),
    count=st.integers(1, 4),
)
def test_E9_index_is_within_the_prices_of_those_who_count_or_held(rounds, count):
    index = index_of("ABCD"[:count], decimals=4)
    at_ns, last = NOON, None
    for minutes_half, prices in rounds:
        at_ns += minutes_half * 30 * SECOND_NS
        value = prints(index, at_ns, *prices[:count])
        counted = [m.price for m in index.members() if m.weight]
        if value != last:
            assert value is not None
            assert min(counted) <= value * 10**8 <= max(counted)
        assert sum(weights(index)) == (1 if counted else 0)
        assert index.stale == (not counted)
        last = value


@settings(derandomize=True)
@given(prices=st.lists(st.integers(80, 125), min_size=3, max_size=5))
def test_E9_quick_way_out_agrees_with_the_median_rule(prices):
    index = index_of("ABCDE"[: len(prices)], decimals=4)

    value = prints(index, NOON, *prices)

    ordered = sorted(prices)
    middle = len(ordered) // 2
    median = Fraction(ordered[middle] + ordered[-middle - 1], 2)
    kept = [p for p in prices if abs(p - median) < median / 4]
    if len(kept) >= 3:
        mean = Fraction(sum(kept), len(kept)) * 10**4
        assert value == int(mean + Fraction(1, 2))
