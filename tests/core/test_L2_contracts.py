"""L2 over contracts of special kinds: bands, options, dividends, splits, every settlement."""

import pytest

from tests.core.stateful_contracts import SPECS, ContractsWalk, ManyContracts


class TestManyContracts(ManyContracts.TestCase):  # type: ignore[misc,valid-type]
    """Random commands, every invariant after each."""


@pytest.mark.parametrize("seed", [3, 11])
def test_L2_a_walk_over_contracts_of_every_kind_breaks_nothing(seed: int) -> None:
    walk = ContractsWalk(seed)
    for _ in range(600):
        walk.step()
    met = {f"Traded {symbol}" for symbol in SPECS}
    met |= {"SettledAt", "Liquidated", "Dividend", "ChainSplit", "Settlement", "short_not_allowed"}
    assert met <= set(walk.seen)
