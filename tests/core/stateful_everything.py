"""All commands over all kinds of instruments, chosen by hypothesis: every invariant each step.

The moves are those of the long walk of scripts/soak.py: twelve accounts, inverse, quanto and linear
contracts, a perpetual, an option-like one, a banded one, mining, spot with its lending; the clock
moves, marks jump through bankruptcies, contracts settle, coins split.
"""

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from scripts.soaking.walk import Walk


class Everything(RuleBasedStateMachine):
    """One exchange; a step is a move and the seed of its details."""

    def __init__(self) -> None:
        super().__init__()
        self.walk = Walk("everything")

    @rule(number=st.integers(0, 99), seed=st.integers(0, 2**32))
    def move(self, number: int, seed: int) -> None:
        self.walk.move(number, random.Random(seed))

    @invariant()
    def everything_holds(self) -> None:
        self.walk.exchange.check()


Everything.TestCase.settings = settings(
    max_examples=200, stateful_step_count=50, deadline=None, derandomize=True
)
