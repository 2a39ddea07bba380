"""L2: the stateful machines, run as tests."""

import pytest

from tests.core.stateful_book import BookAgainstNaive
from tests.core.stateful_exchange import AnyCommands
from tests.core.stateful_walk import Walk


class TestBookAgainstNaive(BookAgainstNaive.TestCase):  # type: ignore[misc,valid-type]
    """The book against a naive one."""


class TestAnyCommands(AnyCommands.TestCase):  # type: ignore[misc,valid-type]
    """Random commands, every invariant after each."""


@pytest.mark.parametrize("seed", [1, 7, 12])
def test_L2_a_long_walk_breaks_nothing_and_meets_what_it_should(seed: int) -> None:
    walk = Walk(seed)
    for _ in range(1_500):
        walk.step()
        walk.check()

    met = {"Traded", "Liquidated", "LoansChanged", "SettledAt", "DeadManFired", "nothing_to_lend"}
    assert met <= set(walk.seen)
