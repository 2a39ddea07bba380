"""L2: the stateful machines, run as tests."""

import pytest

from tests.core.stateful_book import BookAgainstNaive
from tests.core.stateful_everything import Everything
from tests.core.stateful_exchange import AnyCommands
from tests.core.stateful_perpetuals import Perpetuals
from tests.core.stateful_walk import Walk
from tests.interpreters import said_elsewhere


class TestBookAgainstNaive(BookAgainstNaive.TestCase):  # type: ignore[misc,valid-type]
    """The book against a naive one."""


class TestAnyCommands(AnyCommands.TestCase):  # type: ignore[misc,valid-type]
    """Random commands, every invariant after each."""


class TestPerpetuals(Perpetuals.TestCase):  # type: ignore[misc,valid-type]
    """Perpetuals and their fundings, every invariant after each command."""


class TestEverything(Everything.TestCase):  # type: ignore[misc,valid-type]
    """All commands over all kinds of instruments."""


def test_L2_15_one_walk_is_the_same_in_interpreters_that_hash_differently() -> None:
    code = "from tests.core.stateful_walk import digest; print(digest(7, 500), hash('a'))"
    digests, hashes = zip(*map(str.split, said_elsewhere("-c", code)), strict=True)

    assert len(set(hashes)) == 2
    assert len(set(digests)) == 1


@pytest.mark.parametrize("seed", [2, 4, 12])
def test_L2_a_long_walk_breaks_nothing_and_meets_what_it_should(seed: int) -> None:
    walk = Walk(seed)
    for _ in range(1_500):
        walk.step()
        walk.check()

    met = {"Traded", "Liquidated", "LoansChanged", "SettledAt", "DeadManFired", "nothing_to_lend"}
    assert met <= set(walk.seen)
