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
        return {
            c.IndexPrints: self._prints,
            c.FeedPrints: self._feed_prints,
            c.SetConstituent: self._set_constituent,
        }

    def _prints(self, command: c.IndexPrints) -> None:
        if self._is_right(command.index, command.prices):
            self._take(command.index, command.prices)
            self._state.out.append(Accepted())

    def _feed_prints(self, command: c.FeedPrints) -> None:
        for index, prices in command.rows:
            if not self._is_right(index, prices):
                return
        for index, prices in command.rows:
            self._take(index, prices)
        self._state.out.append(Accepted())

    def _is_right(self, index: str, prices: tuple[int, ...]) -> bool:
        """Whether there is such an index and a price for each of its members; if not, refuse."""
        if index not in self._marks.composites:
            self._state.refuse(Reason.UNKNOWN_SYMBOL, text=index)
            return False
        expected = len(self._state.indices[index].spec.constituents)
        if len(prices) != expected:
            self._state.refuse(
                Reason.BAD_PRICE, expected, f"{len(prices)} prices, {expected} members"
            )
            return False
        return True

    def _take(self, index: str, prices: tuple[int, ...]) -> None:
        composite, row = self._marks.composites[index], self._state.indices[index]
        now_ns = self._state.now_ns
        for i, price in enumerate(prices):
            # Zero, negative and broken prints are no data (E9).
            if type(price) is int and price > 0:
                composite.print(i, price, now_ns)
                row.began_ns = row.began_ns or now_ns

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
