"""E7: fair basis of futures and perpetuals; the real rows were captured on 2021-07-22T22:36Z."""

from decimal import Decimal
from fractions import Fraction

import pytest

from sim_exchange.core.fixings.fair import (
    fair_basis,
    futures_basis_rate_ppm,
    may_update,
    perpetual_basis,
    perpetual_basis_rate_ppm,
    whole_minutes,
)
from sim_exchange.core.fixings.impact import impact_mid
from sim_exchange.core.types import DAY_NS, HOUR_NS, MINUTE_NS, PICO, SECOND_NS
from tests.core.world import BUY, SELL, START_NS, inverse_world

TO_SEPTEMBER = 63 * DAY_NS + 13 * HOUR_NS + 24 * MINUTE_NS  # 63.5583 days
EIGHT_HOURS = 8 * HOUR_NS


def pico(price: str) -> int:
    return int(Decimal(price) * PICO)


@pytest.mark.parametrize(
    ("index", "ppm", "minutes", "basis", "fair"),
    [
        (3_218_272, 100, 324, 217, 3_218_489),  # XBTUSD 2021-07-22
        (9_784_377, 110, 267, 599, 9_784_976),  # XBTUSD 2024-11-24
        (1_174_958, 693, 324, 550, 1_175_508),  # ADAUSDT
    ],
)
def test_E7_real_perpetuals(index, ppm, minutes, basis, fair):
    assert perpetual_basis(index, ppm, minutes * MINUTE_NS, EIGHT_HOURS) == basis
    assert index + basis == fair


@pytest.mark.parametrize(("funding_ppm", "shown_ppm"), [(100, 109_500), (110, 120_450)])
def test_E7_real_perpetual_rate_is_shown_by_the_year(funding_ppm, shown_ppm):
    assert perpetual_basis_rate_ppm(funding_ppm, EIGHT_HOURS) == shown_ppm


def test_E7_real_future_xbtu21():
    bid, ask = Fraction(pico("32330.1294")), Fraction(pico("32344.0371"))
    mid = impact_mid(bid, ask, pico("0.5"))

    rate = futures_basis_rate_ppm(mid, 3_218_272, 2, TO_SEPTEMBER)

    assert mid == pico("32337")
    assert rate == 30_000
    assert fair_basis(3_218_272, rate, TO_SEPTEMBER) == 16_812
    assert 3_218_272 + 16_812 == 3_235_084


def test_E7_real_future_xrpu21_below_its_index():
    rate = futures_basis_rate_ppm(pico("0.000018175"), 1_832, 8, TO_SEPTEMBER)

    assert rate == -50_000
    assert fair_basis(1_832, rate, TO_SEPTEMBER) == -16
    assert 1_832 - 16 == 1_816


def test_E7_real_future_ethusdu21():
    assert fair_basis(200_318, 660_000, TO_SEPTEMBER) == 23_022
    assert 200_318 + 23_022 == 223_340


def test_E7_made_up_future():
    month = 30 * DAY_NS

    rate = futures_basis_rate_ppm(pico("1001.1"), 99_000, 2, month)

    assert rate == 140_000  # 0.136414
    assert fair_basis(99_000, rate, month) == 1_139
    assert 99_000 + 1_139 == 100_139


def test_E7_basis_updates_only_under_a_spread_narrower_than_maintenance_margin():
    """4.2 of 990 is 0.4242 %."""
    bid, ask = pico("999"), pico("1003.2")

    assert may_update(bid, ask, 99_000, 2, 5_000)
    assert not may_update(bid, ask, 99_000, 2, 4_242)
    assert may_update(bid, ask, 99_000, 2, 4_243)


def test_E7_spread_of_exactly_the_margin_does_not_update():
    assert not may_update(pico("995"), pico("1005"), 100_000, 2, 10_000)


def test_E7_time_left_steps_once_per_minute():
    assert whole_minutes(MINUTE_NS) == whole_minutes(1) == 1
    assert whole_minutes(0) == 0

    at_the_minute = fair_basis(10**8, 500_000, 10 * MINUTE_NS)
    later_in_it = fair_basis(10**8, 500_000, 10 * MINUTE_NS - 59 * SECOND_NS)
    next_minute = fair_basis(10**8, 500_000, 9 * MINUTE_NS)

    assert at_the_minute == later_in_it > next_minute


def test_E7_nothing_is_left_of_the_basis_at_expiry_and_at_funding():
    assert fair_basis(99_000, 140_000, 0) == 0
    assert perpetual_basis(99_000, 3_750, 0, EIGHT_HOURS) == 0


def test_E7_halves_of_a_percent_go_away_from_zero():
    """A mid 0.5 % off with a year to go is exactly half of a whole percent."""
    year = 365 * DAY_NS

    assert futures_basis_rate_ppm(pico("100.5"), 10_000, 2, year) == 10_000
    assert futures_basis_rate_ppm(pico("99.5"), 10_000, 2, year) == -10_000
    assert futures_basis_rate_ppm(pico("100.4999"), 10_000, 2, year) == 0


@pytest.mark.parametrize(("index", "left"), [(0, DAY_NS), (99_000, 0)])
def test_E7_no_rate_without_index_or_time(index, left):
    with pytest.raises(ValueError, match="no basis rate"):
        futures_basis_rate_ppm(pico("100"), index, 2, left)


def test_E7_later_eras_take_a_basis_from_a_spread_of_three_ticks_too():
    """2021: the larger of maintenance margin * index and three ticks of 0.5."""
    bid, ask = pico("1000"), pico("1001")

    assert not may_update(bid, ask, 99_000, 2, 1_000)
    assert may_update(bid, ask, 99_000, 2, 1_000, pico("1.5"))
    assert not may_update(bid, ask, 99_000, 2, 1_000, pico("1"))


def test_E7_basis_is_found_anew_as_often_as_the_instrument_says():
    """Every minute; every 30 seconds from 2021-04-28."""
    for interval_ns, is_there in ((MINUTE_NS, False), (30 * SECOND_NS, True)):
        w = inverse_world(basis_interval_ns=interval_ns, impact_notional=10**6)
        rich = w.account("rich", XBt=10**10)
        w.place(rich, BUY, 1_000, 20_300, "XBTUSD")
        w.place(rich, SELL, 1_000, 20_302, "XBTUSD")
        w.advance(30 * SECOND_NS)
        assert (w.x.markets["XBTUSD"].fair_basis_rate_ppm > 0) is is_there
        w.advance(30 * SECOND_NS)
        assert w.x.markets["XBTUSD"].fair_basis_rate_ppm == 60_000  # 1.505 % over 91 days


@pytest.mark.parametrize(
    ("index", "ppm", "minutes", "mark"),
    [
        ("32182.72", 100, 324, 3_218_489),
        ("97843.77", 110, 267, 9_784_976),
    ],
)
def test_E7_mark_of_a_perpetual_is_its_index_and_what_is_left_of_its_rate(
    index, ppm, minutes, mark
):
    w = inverse_world(
        index, expiry_ns=None, funding_interval_ns=EIGHT_HOURS, funding_ppm=ppm, typ="FFWCSX"
    )
    at_ns = START_NS + EIGHT_HOURS - minutes * MINUTE_NS
    while w.now < at_ns:
        w.advance(min(MINUTE_NS * 10, at_ns - w.now))
        w.print(".BXBT", index)
    market = w.x.markets["XBTUSD"]

    assert market.mark == mark
    assert market.fair_basis == mark - market.index_price
    w.advance(55 * SECOND_NS)
    assert market.mark == mark  # it steps once a minute
    w.advance(5 * SECOND_NS)
    assert market.mark <= mark
    w.advance(3 * MINUTE_NS)
    assert market.mark < mark
