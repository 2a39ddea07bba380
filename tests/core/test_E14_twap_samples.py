"""E14: thirty samples at the minute marks 11:31 ... 12:00, a missing one carried."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_exchange.core.fixings.samples import KEPT, MinuteSamples
from sim_exchange.core.types import HOUR_NS, MINUTE_NS, SECOND_NS
from sim_exchange.errors import InvariantError

DAY = 1_516_320_000 * SECOND_NS  # 2018-01-19T00:00Z
NOON = DAY + 12 * HOUR_NS
WINDOW = NOON - 30 * MINUTE_NS


def sampled(prices: list[int], start_ns: int = WINDOW + MINUTE_NS) -> MinuteSamples:
    """One sample a minute, from 11:31 on."""
    samples = MinuteSamples()
    for k, price in enumerate(prices):
        samples.sample(start_ns + k * MINUTE_NS, price)
    return samples


def test_E14_twap_of_100_for_29_minutes_then_130_is_101():
    assert sampled([100] * 29 + [130]).mean(NOON) == 101


def test_E14_twap_of_a_rising_index():
    """0.02000 + 0.00001 k, in 1e-8: the mean is 0.020145."""
    assert sampled([2_000_000 + 1_000 * k for k in range(30)]).mean(NOON) == 2_014_500


def test_E14_twap_leaves_out_11_30_and_takes_12_00():
    samples = sampled([160] + [100] * 30, WINDOW)

    assert samples.mean(NOON) == 100
    assert samples.mean(NOON - MINUTE_NS) == 102  # 11:30 ... 11:59


def test_E14_twap_of_a_missing_minute_carries_the_last_value():
    """Half of the samples are missing: each counts twice, and there are thirty of them."""
    samples = MinuteSamples()
    for k in range(1, 31, 2):
        samples.sample(WINDOW + k * MINUTE_NS, k)

    assert samples.mean(NOON) == 15  # (1 + 1 + 3 + 3 + ... + 29 + 29) / 30
    assert samples.running(WINDOW, NOON) == (15, 30)


def test_E14_twap_carries_over_minutes_after_the_last_sample():
    samples = sampled([100] * 10)

    assert samples.mean(NOON) == 100


def test_E14_twap_carries_over_a_hole_longer_than_what_is_kept():
    samples = MinuteSamples()
    samples.sample(DAY, 5)
    samples.sample(DAY + 3 * KEPT * MINUTE_NS, 35)

    assert samples.mean(DAY + 3 * KEPT * MINUTE_NS) == 6


def test_E14_twap_is_rounded_half_away_from_zero():
    assert sampled([0] * 15 + [1] * 15).mean(NOON) == 1
    assert sampled([0] * 16 + [1] * 14).mean(NOON) == 0
    assert sampled([0] * 15 + [-1] * 15).mean(NOON) == -1


def test_E14_twap_is_none_with_fewer_than_thirty_samples():
    samples = sampled([100] * 29, WINDOW + 2 * MINUTE_NS)

    assert samples.mean(NOON) is None
    assert samples.running(WINDOW, NOON) == (100, 29)
    assert MinuteSamples().mean(NOON) is None


def test_E14_twap_so_far_is_the_mean_of_the_samples_there_are():
    samples = sampled([100, 110, 121])

    assert samples.running(WINDOW, WINDOW + 59 * SECOND_NS) == (None, 0)
    assert samples.running(WINDOW, WINDOW + MINUTE_NS) == (100, 1)
    assert samples.running(WINDOW, WINDOW + 2 * MINUTE_NS + SECOND_NS) == (105, 2)
    assert samples.running(WINDOW, WINDOW + 3 * MINUTE_NS) == (110, 3)  # 110.33


def test_E14_twap_same_minute_again_replaces_and_an_older_one_is_ignored():
    samples = sampled([100] * 30)

    samples.sample(NOON, 130)
    samples.sample(NOON - MINUTE_NS, 900)

    assert samples.mean(NOON) == 101


def test_E14_twap_remembers_eight_hours():
    samples = sampled(list(range(KEPT + 100)), DAY)
    last = DAY + (KEPT + 99) * MINUTE_NS

    assert samples.mean(last, KEPT) == 340  # 100 ... 579: 339.5
    assert samples.mean(last - MINUTE_NS, KEPT) is None
    assert samples.mean(last - 100 * MINUTE_NS) == 465  # 450 ... 479: 464.5


def test_E14_twap_sample_off_the_minute_is_refused():
    with pytest.raises(InvariantError, match="minute mark"):
        MinuteSamples().sample(NOON + 1, 100)


@settings(derandomize=True)
@given(
    steps=st.lists(st.tuples(st.integers(1, 40), st.integers(-(10**6), 10**6)), min_size=1),
    n=st.sampled_from([1, 5, 30, 120, 480]),
    after=st.integers(0, 60),
)
def test_E14_twap_is_that_of_a_list_that_forgets_nothing(steps, n, after):
    samples = MinuteSamples()
    minute, every = 0, {}
    for step, price in steps:
        minute += step
        samples.sample(minute * MINUTE_NS, price)
        every[minute] = price
    upto = minute + after

    naive = []
    for wanted in range(upto - n + 1, upto + 1):
        known = [m for m in every if m <= wanted]
        if known:
            naive.append(every[max(known)])

    if len(naive) == n and upto - n + 1 > minute - KEPT:
        total = sum(naive)
        sign = 1 if total >= 0 else -1
        assert samples.mean(upto * MINUTE_NS, n) == sign * ((2 * abs(total) + n) // (2 * n))
    elif len(naive) < n:
        assert samples.mean(upto * MINUTE_NS, n) is None
