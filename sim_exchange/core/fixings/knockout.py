"""Knock-outs (E16): a DOWN whose index falls to its barrier settles at once, at the barrier price.

The test is of the rolling 30-minute mean of the index, each minute; a contract may ask for the
index itself. What reaches its barrier while it is halted settles on resume.
"""

from sim_exchange.core.fixings.marks import Marks
from sim_exchange.core.fixings.settlement import Settlement
from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import Mode
from sim_exchange.core.types import State as Listing


class KnockOuts:
    """Watches the barriers of options."""

    def __init__(self, state: State, marks: Marks, settlement: Settlement) -> None:
        self._state = state
        self._marks = marks
        self._settlement = settlement

    def run(self) -> None:
        """Settle what its index has knocked out by this minute."""
        for market in self._state.markets.values():
            if market.option is None or market.state is not Listing.OPEN:
                continue
            if self._is_reached(market):
                market.knocked_out = True
                market.due_price = self._settlement.price(market)
            if market.knocked_out and market.mode is not Mode.HALT:
                self._settlement.settle_due(market)

    def _is_reached(self, market: Market) -> bool:
        option = market.option
        if option is None or option.barrier_pico is None or market.knocked_out:
            return False
        value = self._settlement.index_pico(market, mean=not option.barrier_on_spot)
        return value is not None and value <= option.barrier_pico
