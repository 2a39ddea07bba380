"""Remargining: after marks move, positions first, then borrowers (E13, E24)."""

from sim_exchange.core.risk.floors import EngineFloors
from sim_exchange.core.risk.liquidation import Liquidation
from sim_exchange.core.risk.margincall import MarginCalls
from sim_exchange.core.risk.state import State
from sim_exchange.core.risk.waterfall import Waterfall


class Remargin:
    """Looks at everybody whom the marks of now could have reached."""

    def __init__(
        self,
        state: State,
        floors: EngineFloors,
        waterfall: Waterfall,
        liquidation: Liquidation,
        margin_calls: MarginCalls,
    ) -> None:
        self._state = state
        self._floors = floors
        self._waterfall = waterfall
        self._liquidation = liquidation
        self._margin_calls = margin_calls

    def run(self) -> None:
        """Work the engine's orders off, liquidate who must be, call the margin of who borrows."""
        self._floors.run()
        self._waterfall.run()
        self._liquidation.run()
        self._margin_calls.run()

    def end_loans(self) -> None:
        """Renew the loans whose time is over; what can't be borrowed anew is closed (E24)."""
        state = self._state
        start = len(state.out)
        must_close = state.desk.due(state.now_ns)
        state.tell_postings(start)
        for borrower, currency in must_close:
            self._margin_calls.close_loan(state.accounts[borrower], currency)
