"""E10: funding rates, from the premium of a minute and the interest to the rate of a window."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_exchange.core.fixings.funding import next_instant
from sim_exchange.core.fixings.premium import (
    PremiumWindow,
    capped_ppm,
    funding_ppm,
    interest_ppm,
    premium,
)
from sim_exchange.core.types import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    PPM,
    SECOND_NS,
    rha,
)
from tests.core.funding_world import (
    EIGHT,
    fundings,
    go_to,
    open_at,
    swap,
    to_funding,
)
from tests.core.world import BUY, SELL, START_NS, XBT


def test_E10_interest_is_a_third_of_the_difference_of_two_daily_rates():
    assert interest_ppm(600, 300, EIGHT) == 100  # 0.01 %
    assert interest_ppm(600, 300, 2 * HOUR_NS) == 25  # a twelfth


@pytest.mark.parametrize(
    ("premium_ppm", "interest", "rate"),
    [(400, 100, 100), (3_103, 100, 2_603), (-1_840, 100, -1_340), (6_000, 100, 5_500)],
)
def test_E10_golden_rates(premium_ppm, interest, rate):
    assert funding_ppm(premium_ppm, interest) == rate


def test_E10_golden_caps():
    """IM 1 %, MM 0.5 %: 0.55 % is capped to 0.375 %; the change alone would allow 0.385 %."""
    assert capped_ppm(5_500, 100, 10_000, 5_000) == 3_750
    assert capped_ppm(5_500, 100, 1_000_000, 5_000) == 3_850
    assert capped_ppm(99_999, 7_000, 20_000, 10_000) == 7_500  # ETHUSD 0.75 %
    assert capped_ppm(-5_500, 0, 10_000, 5_000) == -3_750


def test_E10_golden_most_that_a_day_can_cost():
    most = capped_ppm(99_999, 3_750, 10_000, 5_000)

    assert most * (DAY_NS // EIGHT) == 11_250  # 1.125 %
    assert most * (DAY_NS // (2 * HOUR_NS)) == 45_000  # 4.50 %


def test_E10_golden_premium_of_a_minute():
    """Mark 1000, spot 999, impact 1003 to 1004, rate 0.01 %: 3/999 + 0.0001 = 0.3103003 %."""
    assert premium(1_003, 1_004, 1_000) == 3
    assert premium(996, 998, 1_000) == -2
    assert premium(999, 1_001, 1_000) == 0
    window = PremiumWindow(0)
    window.add(3, 999)

    exact = Fraction(3, 999) + Fraction(100, PPM)
    assert round(exact * 100, 7) == Fraction("0.3103003")
    assert window.mean_ppm(100, 1) == 3_103


def test_E10_golden_mean_is_rounded_at_the_sixth_decimal():
    window = PremiumWindow(0)
    window.add(-1_839_566, 10**9)

    assert window.mean_ppm(0, 1) == -1_840


@pytest.mark.parametrize(("beyond", "mean"), [(1, 1), (-1, -1), (3, 2), (-3, -2)])
def test_E10_halves_of_a_mean_go_away_from_zero(beyond, mean):
    window = PremiumWindow(0)
    window.add(beyond, 2 * PPM)

    assert window.mean_ppm(0, 1) == mean


@given(
    prints=st.lists(st.tuples(st.integers(-500, 500), st.integers(1, 997)), max_size=20),
    rate=st.integers(-4_000, 4_000),
    silent=st.integers(1, 5),
)
def test_E10_mean_is_that_of_exact_rationals(prints, rate, silent):
    window = PremiumWindow(0)
    for beyond, spot in prints:
        window.add(beyond, spot)
    minutes = len(prints) + silent
    exact = rate * minutes + PPM * sum((Fraction(*one) for one in prints), Fraction(0))

    assert window.mean_ppm(rate, minutes) == rha(exact.numerator, exact.denominator * minutes)


def test_E10_exactness_decides_what_the_error_bound_can_not():
    """Three sixths of a millionth are a half exactly, though none of them is in fixed point."""
    window = PremiumWindow(0)
    for _ in range(3):
        window.add(-1, 6 * PPM)

    assert window.mean_ppm(0, 1) == -1


def test_E10_instants_are_at_4_12_and_20_hours():
    midnight = START_NS - 12 * HOUR_NS

    instants = []
    at_ns = midnight
    for _ in range(4):
        at_ns = next_instant(at_ns, EIGHT)
        instants.append((at_ns - midnight) // HOUR_NS)

    assert instants == [4, 12, 20, 28]
    assert next_instant(midnight, 2 * HOUR_NS) == midnight + 2 * HOUR_NS


def test_E10_a_new_perpetual_starts_with_the_interest():
    market = swap().x.markets["XBTUSD"]

    assert market.funding_ppm == 100
    assert market.indicative_funding_ppm == 100
    assert market.next_funding_ns == START_NS + EIGHT
    assert market.fair_basis_rate_ppm == 109_500


def test_E10_rate_of_a_window_is_paid_at_the_end_of_the_next():
    """Impact prices 1 % over the mark: F = capped 0.375 %, paid eight hours after it is known."""
    w = swap("1000", tick_pico=10**11, impact_notional=XBT)
    long, short = w.account("long", XBt=100 * XBT), w.account("short", XBt=100 * XBT)
    open_at(w, long, short, 1_000, 10_000)
    w.place(short, SELL, 10_000, 10_110, "XBTUSD")
    w.place(long, BUY, 10_000, 10_100, "XBTUSD")
    w.advance(MINUTE_NS)
    market = w.x.markets["XBTUSD"]
    assert market.indicative_funding_ppm == 3_750

    to_funding(w)
    assert [e.commission_ppm for e in fundings(w, long)] == [100]
    assert (market.funding_ppm, market.indicative_funding_ppm) == (3_750, 100)  # no print yet

    w.cancel(next(iter(w.x.open_orders(long))))
    w.advance(EIGHT - 1)
    assert not fundings(w, long)
    w.advance(1)
    (paid,) = fundings(w, long)
    assert paid.commission_ppm == 3_750
    assert paid.last_px == 1_000 * 10**12


def test_E10_premium_is_measured_at_the_mark_of_its_minute():
    """Mark 1000.05 at 240 of 480 minutes, spot 1000: a bid of 1003.05 is 3 over the mark."""
    w = swap("1000", tick_pico=5 * 10**10, impact_notional=XBT, init_margin_ppm=100_000,
             maint_margin_ppm=50_000)  # fmt: skip
    rich = w.account("rich", XBt=1_000 * XBT)
    go_to(w, START_NS + 4 * HOUR_NS - SECOND_NS)
    w.place(rich, BUY, 10_000, 20_061, "XBTUSD")
    w.place(rich, SELL, 10_000, 20_065, "XBTUSD")
    w.advance(SECOND_NS)
    market = w.x.markets["XBTUSD"]

    assert market.mark == 100_005
    # 239 minutes printed the rate in force, one 3/1000 more.
    assert w.x._marks._funding._windows["XBTUSD"].mean_ppm(100, 240) == rha(100 * 240 + 3_000, 240)


def test_E10_no_liquidity_for_the_whole_window_makes_the_interest_under_the_caps():
    w = swap(funding_ppm=3_000)
    market = w.x.markets["XBTUSD"]
    assert market.funding_ppm == 3_000

    to_funding(w)

    assert market.funding_ppm == 100
    far = swap(funding_ppm=3_750 + 100)
    to_funding(far)
    assert far.x.markets["XBTUSD"].funding_ppm == 100


def test_E10_change_cap_holds_without_liquidity_too():
    w = swap(funding_ppm=9_000)  # over the cap by the operator's word
    to_funding(w)

    assert w.x.markets["XBTUSD"].funding_ppm == 3_750  # 9000 - 3750 = 5250, then the cap


def test_E10_idle_premium_prints_the_current_rate():
    """Both impact prices around the mark: P = rate, and F is damped towards the interest."""
    w = swap("1000", tick_pico=10**11, impact_notional=XBT, funding_ppm=200)
    rich = w.account("rich", XBt=1_000 * XBT)
    w.place(rich, BUY, 10_000, 9_990, "XBTUSD")
    w.place(rich, SELL, 10_000, 10_010, "XBTUSD")
    w.advance(MINUTE_NS)

    assert w.x.markets["XBTUSD"].indicative_funding_ppm == 100
