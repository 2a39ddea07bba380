"""E9: constituents that fall silent, come back, or are let in again."""

from fractions import Fraction

from sim_exchange.core.fixings.index import Standing
from sim_exchange.core.types import MINUTE_NS
from tests.core.index_world import FIVE, NOON, a_alone, clock, index_of, pico, prints, weights


def test_E9_stale_constituent_loses_its_weight_at_15_minutes_and_is_back_after_5_good_ones():
    index = index_of("ABC")

    def tick(at_ns: int, c=0):
        return prints(index, at_ns, 100, 100, c)

    assert tick(clock(12, 0), 103) == 10_100
    for second in range(5, 15 * 60, 5):
        assert tick(clock(12, 0, second)) == 10_100
    assert tick(clock(12, 14, 59)) == 10_100
    assert tick(clock(12, 15)) == 10_000
    assert index.members()[2].standing is Standing.STALE
    for second in range(0, 5 * 60, 5):
        assert tick(clock(12, 20, second), 103) == 10_000
    assert tick(clock(12, 24, 59), 103) == 10_000
    assert tick(clock(12, 25), 103) == 10_100


def test_E9_print_after_exactly_15_silent_minutes_comes_from_a_stale_constituent():
    """The exclusion acts at its instant, whether or not anything was published before."""
    index = index_of("AB")
    prints(index, clock(12, 0), 100, 102)
    index.print(0, pico(100), clock(12, 10))

    assert prints(index, clock(12, 15), 100, 102) == 10_000


def test_E9_gap_of_more_than_a_minute_starts_the_5_minutes_anew():
    index = index_of("AB")
    prints(index, clock(12, 0), 100, 102)
    a_alone(index, clock(12, 20))
    prints(index, clock(12, 20), 100, 102)  # B was silent for 20 minutes
    prints(index, clock(12, 21), 100, 102)  # a gap of exactly 60 s is none
    prints(index, clock(12, 22, 1), 100, 102)  # this one is

    for minute in (23, 24, 25, 26):
        assert prints(index, clock(12, minute, 1), 100, 102) == 10_000
    assert prints(index, clock(12, 27), 100, 102) == 10_000
    assert prints(index, clock(12, 27, 1), 100, 102) == 10_100


def test_E9_feed_that_is_silent_again_is_not_reinstated():
    index = index_of("AB")
    prints(index, clock(12, 0), 100, 102)
    a_alone(index, clock(12, 20))
    prints(index, clock(12, 20), 100, 102)

    for minute in range(21, 30):
        assert prints(index, clock(12, minute), 100, 0) == 10_000  # one print is no stream


def test_E9_reinstate_lets_a_stale_constituent_with_fresh_data_count_at_once():
    index = index_of("AB")
    prints(index, clock(12, 0), 100, 102)
    a_alone(index, clock(12, 20))
    prints(index, clock(12, 20), 100, 102)

    index.set_status("B", "reinstate", clock(12, 20, 5))

    assert prints(index, clock(12, 20, 5), 100, 102) == 10_100


def test_E9_silence_is_shown_until_the_next_print_and_takes_weight_only_by_the_clock():
    index = index_of("AB")
    prints(index, NOON, 100, 102)

    index.set_status("B", "silent", NOON + FIVE)

    assert prints(index, NOON + FIVE, 100, 0) == 10_100
    assert [member.silent for member in index.members()] == [False, True]
    assert prints(index, NOON + 15 * MINUTE_NS, 100, 0) == 10_000
    prints(index, NOON + 16 * MINUTE_NS, 100, 102)
    assert not index.members()[1].silent


def test_E9_late_prints_are_ignored_and_repeated_ones_change_nothing():
    index = index_of("A")
    prints(index, NOON + FIVE, 100)

    index.print(0, pico(90), NOON)
    assert index.publish(NOON + 2 * FIVE) == 10_000

    index.print(0, pico(100), NOON + FIVE)
    assert index.publish(NOON + 3 * FIVE) == 10_000
    assert index.members()[0].at_ns == NOON + FIVE


def test_E9_later_era_lets_an_outlier_in_after_15_minutes_near_the_median():
    """15:00:00 A 150 is out; 15:20:00 A 122, B and C 120; in at 15:35:05."""
    index = index_of("ABC", auto_reintroduce=True)
    prints(index, clock(14, 59, 55), 100, 100, 100)
    at_ns = clock(15, 0)
    while at_ns < clock(15, 20):
        assert prints(index, at_ns, 150, 100, 100) == 10_000
        at_ns += FIVE
    while at_ns <= clock(15, 35):
        assert prints(index, at_ns, 122, 120, 120) == 12_000
        assert index.members()[0].standing is Standing.OUTLIER
        at_ns += FIVE

    assert prints(index, at_ns, 122, 120, 120) == 12_067

    assert at_ns == clock(15, 35, 5)
    assert weights(index) == [Fraction(1, 3)] * 3


def test_E9_later_era_counts_the_15_minutes_without_a_break():
    index = index_of("ABC", auto_reintroduce=True)
    prints(index, clock(15, 0), 150, 100, 100)
    at_ns = clock(15, 0, 5)
    while at_ns <= clock(15, 40):
        away = at_ns == clock(15, 14)
        assert prints(index, at_ns, 103 if away else 101, 100, 100) == (
            10_000 if at_ns <= clock(15, 29, 5) else 10_033
        )
        at_ns += FIVE


def test_E9_later_era_with_nobody_active_an_outlier_is_measured_by_the_index():
    index = index_of("ABC", auto_reintroduce=True)
    prints(index, clock(15, 0), 100, 100, 100)
    prints(index, clock(15, 0, 5), 10, 100, 1_000)  # A and C are out, B stays
    at_ns = clock(15, 0, 10)
    while at_ns <= clock(15, 45):  # B is silent from now on
        prints(index, at_ns, 110, 0, 1_000)
        at_ns += FIVE

    assert index.members()[0].standing is Standing.ACTIVE
    assert index.price == 11_000
