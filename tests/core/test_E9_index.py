"""E9: who counts in a composite index, and what is published when a constituent fails."""

from fractions import Fraction
from itertools import pairwise
from math import sqrt
from statistics import stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_exchange.core import commands as c
from sim_exchange.core.fixings.index import CompositeIndex, Standing
from sim_exchange.core.fixings.volatility import Volatility
from sim_exchange.core.specs import Constituent, IndexSpec
from sim_exchange.core.types import HOUR_NS, MINUTE_NS, PICO, SECOND_NS, IndexKind, Reason
from sim_exchange.errors import InvariantError
from tests.core.world import World, composite, inverse_world

FIVE = 5 * SECOND_NS
NOON = 1_516_363_200 * SECOND_NS  # 2018-01-19T12:00Z


def index_of(names: str, *, outlier_ppm: int = 250_000, decimals: int = 2, **options):
    members = tuple(Constituent(name, 1, len(names)) for name in names)
    return CompositeIndex(
        IndexSpec(
            symbol=".TST",
            constituents=members,
            decimals=decimals,
            outlier_ppm=outlier_ppm,
            **options,
        )
    )


def pico(price) -> int:
    return int(Fraction(str(price)) * PICO)


def prints(index: CompositeIndex, at_ns: int, *prices) -> int | None:
    """One print of each constituent (0 = none), then the publication of that instant."""
    for i, price in enumerate(prices):
        index.print(i, pico(price), at_ns)
    return index.publish(at_ns)


def clock(hours: int, minutes: int, seconds: int = 0) -> int:
    return NOON + (hours - 12) * HOUR_NS + minutes * MINUTE_NS + seconds * SECOND_NS


def a_alone(index: CompositeIndex, until_ns: int) -> None:
    """Let A print 100 every minute after 12:00 and before ``until_ns``; the rest is silent."""
    for at_ns in range(NOON + MINUTE_NS, until_ns, MINUTE_NS):
        index.print(0, pico(100), at_ns)
        index.publish(at_ns)


def weights(index: CompositeIndex) -> list[Fraction]:
    return [member.weight for member in index.members()]


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


def test_E9_late_prints_are_ignored_and_repeated_ones_change_nothing():
    index = index_of("A")
    prints(index, NOON + FIVE, 100)

    index.print(0, pico(90), NOON)
    assert index.publish(NOON + 2 * FIVE) == 10_000

    index.print(0, pico(100), NOON + FIVE)
    assert index.publish(NOON + 3 * FIVE) == 10_000
    assert index.members()[0].at_ns == NOON + FIVE


def test_E9_unknown_constituents_and_statuses_are_named():
    index = index_of("AB")

    with pytest.raises(InvariantError, match="no constituent Z"):
        index.set_status("Z", "silent", NOON)
    with pytest.raises(InvariantError, match="asleep"):
        index.set_status("A", "asleep", NOON)
    with pytest.raises(InvariantError, match="no constituents"):
        CompositeIndex(IndexSpec(symbol=".TST"))


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


# --- composition changes


def recomposed(index: CompositeIndex, **weights: str) -> None:
    members = tuple(
        Constituent(name, Fraction(weight).numerator, Fraction(weight).denominator)
        for name, weight in weights.items()
    )
    index.recompose(IndexSpec(symbol=".TST", constituents=members, decimals=2))


def test_E9_golden_timetable_of_april_2017():
    """GDAX out, Bitfinex out, GDAX in again, OKCoin out: the weights at each step."""
    quarter, third, half = Fraction(1, 4), Fraction(1, 3), Fraction(1, 2)
    spec = IndexSpec(
        symbol=".BXBT",
        decimals=2,
        outlier_ppm=250_000,
        constituents=tuple(
            Constituent(name, 1, 4) for name in ("BITFINEX", "BITSTAMP", "GDAX", "OKCOIN")
        ),
    )
    index = CompositeIndex(spec)
    assert prints(index, NOON, 1_280, 1_180, 1_190, 1_186) == 120_900
    assert weights(index) == [quarter] * 4

    recomposed(index, BITFINEX="1/3", BITSTAMP="1/3", OKCOIN="1/3")
    assert index.publish(NOON + FIVE) == 121_533
    assert weights(index) == [third] * 3

    recomposed(index, BITSTAMP="1/2", OKCOIN="1/2")
    assert index.publish(NOON + 2 * FIVE) == 118_300
    assert weights(index) == [half] * 2
    old = index_of("AB")  # .XBT: the same two, the same prints
    assert prints(old, NOON, 1_180, 1_186) == 118_300

    recomposed(index, GDAX="1/3", BITSTAMP="1/3", OKCOIN="1/3")
    assert prints(index, NOON + 3 * FIVE, 1_192, 1_181, 1_187) == 118_667
    assert weights(index) == [third] * 3

    recomposed(index, GDAX="1/2", BITSTAMP="1/2")
    assert index.publish(NOON + 4 * FIVE) == 118_650
    assert weights(index) == [half] * 2


def test_E9_members_that_stay_keep_their_price_and_their_standing():
    index = index_of("ABC")
    prints(index, NOON, 100, 100, 40)
    recomposed(index, C="1/3", B="1/3", D="1/3")

    assert index.publish(NOON + FIVE) == 10_000
    assert [member.standing for member in index.members()] == [
        Standing.OUTLIER,
        Standing.ACTIVE,
        Standing.MISSING,
    ]
    index.print(2, pico(104), NOON + 2 * FIVE)
    assert index.publish(NOON + 2 * FIVE) == 10_200


def test_E9_all_members_new_hold_the_last_value_until_one_prints():
    index = index_of("AB")
    prints(index, NOON, 100, 100)
    recomposed(index, C="1")

    assert index.publish(NOON + FIVE) == 10_000
    assert index.stale
    index.print(0, pico(110), NOON + 2 * FIVE)
    assert index.publish(NOON + 2 * FIVE) == 11_000
    assert not index.stale


def test_E9_a_next_composition_is_published_beforehand():
    """.BXBT_NEXT is an index like any other; the switch takes its value over, prints and all."""
    w = World()
    w.ok(c.ListIndex(spec=composite(".BXBT", ("A", "B"), 2)))
    w.ok(c.ListIndex(spec=composite(".BXBT_NEXT", ("B", "C"), 2)))
    w.ok(c.IndexPrints(index=".BXBT", prices=(pico(100), pico(104))))
    w.ok(c.IndexPrints(index=".BXBT_NEXT", prices=(pico(104), pico(106))))
    w.advance(FIVE)
    assert [w.x.indices[s].price for s in (".BXBT", ".BXBT_NEXT")] == [10_200, 10_500]

    w.ok(c.SetComposition(index=".BXBT", constituents=w.x.indices[".BXBT_NEXT"].spec.constituents))
    w.ok(c.IndexPrints(index=".BXBT", prices=(0, pico(106))))
    assert w.x.indices[".BXBT"].price == 10_200  # the next publication is the first of the new
    w.advance(FIVE)
    assert w.x.indices[".BXBT"].price == 10_500


def test_E9_a_composition_is_announced_and_a_later_announcement_moves_it_forward():
    """OKCoin out on 20 April at 08:00, superseded: out on the 19th at 22:00 already."""
    w = World()
    w.ok(c.ListIndex(spec=composite(".BXBT", ("GDAX", "BITSTAMP", "OKCOIN"), 2)))
    w.ok(c.IndexPrints(index=".BXBT", prices=(pico(100), pico(100), pico(106))))
    change = c.SetComposition(
        index=".BXBT", constituents=(Constituent("GDAX", 1, 2), Constituent("BITSTAMP", 1, 2))
    )
    first = w.ok(c.Announce(change=change, effective_ns=w.now + HOUR_NS))
    w.ok(c.Announce(change=change, effective_ns=w.now + MINUTE_NS, supersedes=first))
    w.advance(MINUTE_NS - FIVE)
    assert w.x.indices[".BXBT"].price == 10_200
    w.advance(FIVE)
    assert w.x.indices[".BXBT"].price == 10_000  # from the print of that instant on
    bad = c.SetComposition(index=".NONE", constituents=change.constituents)
    assert ".NONE" in w.refused(c.Announce(change=bad, effective_ns=w.now)).text


def test_E9_bad_compositions_are_refused():
    w = inverse_world()
    for index, members, reason in (
        (".NONE", (Constituent("A", 1, 1),), Reason.UNKNOWN_SYMBOL),
        (".BXBT", (), Reason.BAD_INSTRUMENT),
        (".BXBT", (Constituent("A", 0, 1),), Reason.BAD_INSTRUMENT),
        (".BXBT", (Constituent("A", 1, 1), Constituent("A", 1, 1)), Reason.BAD_INSTRUMENT),
    ):
        assert w.refused(c.SetComposition(index=index, constituents=members)).reason is reason


# --- indices made of others


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
