"""E31: at any moment of a walk through everything, a restored exchange is the exchange."""

import pytest

from scripts.soaking.walk import Walk
from sim_exchange.core import commands as c
from sim_exchange.core.events import Event
from sim_exchange.core.exchange import Exchange
from sim_exchange.snapshots import Reader, Writer

STEPS, EVERY = 4_000, 97


class Beside:
    """An exchange that is written down and made again every so often, beside the one that lives."""

    def __init__(self, lived: Exchange) -> None:
        self.lived = lived
        self.apply_lived = lived.apply
        self.restored: Exchange = Reader().read(Writer().write(lived))
        self.count = 0

    def apply(self, command: c.AnyCommand, at_ns: int) -> tuple[Event, ...]:
        events = self.apply_lived(command, at_ns)
        assert self.restored.apply(command, at_ns) == events, (self.count, command)
        self.count += 1
        if self.count % EVERY == 0:
            self.compare()
        return events

    def compare(self) -> None:
        del self.lived.apply
        written = Writer().write(self.lived)
        assert Writer().write(self.restored) == written, self.count
        self.restored = Reader().read(written)
        self.restored.check()
        self.lived.apply = self.apply  # type: ignore[method-assign]


@pytest.mark.parametrize("seed", ["one", "three"])
def test_E31_a_restored_exchange_answers_and_becomes_the_same_as_the_one_that_lived(
    seed: str,
) -> None:
    walk = Walk(seed)
    beside = Beside(walk.exchange)
    walk.exchange.apply = beside.apply  # type: ignore[method-assign]
    while beside.count < STEPS:
        walk.step()
    beside.compare()
    assert {"Executed", "LoansChanged", "SettledAt", "FundingPaid"} <= set(walk.seen)
