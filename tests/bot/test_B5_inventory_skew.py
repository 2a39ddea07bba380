"""B5: inventory skew (Lesson 2)."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbot.pricing.skew import inventory_skew, weighted_half_spread
from mmbot.pricing.spread import relative_spread, two_sided


def printed(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def test_B5_golden_market_of_10_at_11_leans_by_five_percent():
    spread = relative_spread(10.0, 11.0, of_mid=False)

    skew = inventory_skew(1, 1, spread / 2)
    mid = 10.5 * (1 + skew)
    bid, ask = two_sided(mid, spread)

    assert (spread, skew, mid) == (0.1, -0.05, 9.975)
    assert (bid, ask) == pytest.approx((9.47625, 10.47375), abs=1e-12)


def test_B5_golden_rounding_trap_the_full_precision_is_carried():
    mid = 10.5 * 0.95
    bid, ask = two_sided(mid, 0.1)

    assert [printed(price) for price in (mid, bid, ask)] == [
        Decimal("9.98"),
        Decimal("9.48"),
        Decimal("10.47"),
    ]
    assert printed(9.98 * 1.05) == Decimal("10.48")  # what the displayed mid would give


def test_B5_golden_width_of_the_mid_is_a_little_less():
    assert round(relative_spread(10.0, 11.0) * 100, 4) == 9.5238
    assert round(relative_spread(10.0, 11.0) / 2 * 100, 4) == 4.7619


def test_B5_golden_ladder_is_weighted_by_size():
    average = weighted_half_spread([(5, 0.005), (10, 0.010)])

    assert round(average, 7) == 0.0083333
    assert round(inventory_skew(3, 15, average), 7) == -0.0016667


def test_B5_no_size_no_skew():
    with pytest.raises(ValueError, match="no size quoted"):
        weighted_half_spread([])
    with pytest.raises(ValueError, match="no size quoted"):
        inventory_skew(1, 0, 0.05)


@given(st.integers(-(10**6), 10**6), st.integers(1, 1000), st.integers(1, 5000))
def test_B5_skew_stops_growing_at_the_limit(change, total, limit):
    skew = inventory_skew(change, total, 0.01, limit=limit)

    assert abs(skew) <= 0.01 * limit / total + 1e-15
    assert skew * change <= 0
