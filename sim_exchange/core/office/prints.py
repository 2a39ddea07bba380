"""Prints of the constituents of indices, and the operator's word on them (E9)."""

from sim_exchange.core import commands as c
from sim_exchange.core.events import Accepted
from sim_exchange.core.fixings.marks import Marks
from sim_exchange.core.risk.state import Handlers, State
from sim_exchange.core.types import Reason


class Prints:
    """Takes the prints of constituents in."""

    def __init__(self, state: State, marks: Marks) -> None:
        self._state = state
        self._marks = marks

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {c.IndexPrints: self._prints, c.SetConstituent: self._set_constituent}

    def _prints(self, command: c.IndexPrints) -> None:
        composite = self._marks.composites.get(command.index)
        if composite is None:
            self._state.refuse(Reason.UNKNOWN_SYMBOL, text=command.index)
            return
        row = self._state.indices[command.index]
        expected = len(row.spec.constituents)
        if len(command.prices) != expected:
            self._state.refuse(
                Reason.BAD_PRICE, expected, f"{len(command.prices)} prices, {expected} members"
            )
            return
        for i, price in enumerate(command.prices):
            # Zero, negative and broken prints are no data (E9).
            if type(price) is int and price > 0:
                composite.print(i, price, self._state.now_ns)
                row.began_ns = row.began_ns or self._state.now_ns
        self._state.out.append(Accepted())

    def _set_constituent(self, command: c.SetConstituent) -> None:
        composite = self._marks.composites.get(command.index)
        row = self._state.indices.get(command.index)
        if composite is None or row is None:
            self._state.refuse(Reason.UNKNOWN_SYMBOL, text=command.index)
        elif command.constituent not in {one.name for one in row.spec.constituents}:
            self._state.refuse(Reason.UNKNOWN_SYMBOL, text=command.constituent)
        elif command.status not in {"silent", "reinstate"}:
            self._state.refuse(
                Reason.BAD_INSTRUMENT, text=f"status {command.status}: silent or reinstate"
            )
        else:
            composite.set_status(command.constituent, command.status, self._state.now_ns)
            self._state.out.append(Accepted())
