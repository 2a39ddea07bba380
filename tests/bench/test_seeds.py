"""The summary of many seeds: its interval, its extremes, and what it calls a fault."""

from random import Random
from typing import Any

import pytest

from scripts.benches.seeds import faults_of, interval, summarise


def run(seed: int, earned: int, **changed: Any) -> dict[str, Any]:
    flat: dict[str, Any] = {
        "seed": seed,
        "fills": {"buy": 110, "sell": 105},
        "flips": 40,
        "position": 0,
        "wallet": {"XBt": 10**9 + earned, "ETC": 0},
        "loans": {"ETC": 0},
        "interest_owed": {"ETC": 0},
        "wallet_change": {"XBt": earned},
        "unexplained": 0,
        "audit_ok": True,
        "wall_s": 30.0,
    }
    return flat | changed


def test_the_mean_lies_in_its_interval_and_the_same_seed_gives_the_same_one() -> None:
    values = [0.1, 0.2, 0.3, 0.15, 0.22]

    low, high = interval(values, Random(1))

    assert low < sum(values) / 5 < high
    assert (low, high) == interval(values, Random(1))


def test_the_summary_counts_in_whole_coins_and_keeps_the_extremes() -> None:
    summary = summarise([run(1, 10_000_000), run(2, 30_000_000, flips=55)])

    assert summary["mean"] == pytest.approx(0.2)
    assert (summary["worst"], summary["best"]) == (0.1, 0.3)
    assert (summary["side_least"], summary["flips_least"], summary["flips_most"]) == (105, 40, 55)


@pytest.mark.parametrize(
    "changed",
    [
        {"position": -3},
        {"wallet": {"XBt": 1, "ETC": 1}},
        {"loans": {"ETC": 5}},
        {"interest_owed": {"ETC": 1}},
        {"unexplained": 1},
        {"audit_ok": False},
        {"error": "mmbot: stopped"},
    ],
)
def test_a_run_that_is_not_closed_to_the_unit_is_a_fault(changed: dict[str, Any]) -> None:
    assert faults_of(run(1, 5)) == []
    assert len(faults_of(run(1, 5, **changed))) == 1
