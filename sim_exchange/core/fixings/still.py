"""Stretches of time in which publications repeat what was published: nothing else happens in them.

Between two minutes, where no constituent printed another price, no mark could move, nobody waits to
be liquidated and no order to be triggered, a publication tells the indices again and does no more.
``until`` finds how far that holds out of the state alone, so a command that changes anything is
seen; what is told and what is left behind is the same as by publishing step by step.
"""

from sim_exchange.core.events import IndexPublished
from sim_exchange.core.fixings.marks import PUBLISH_NS, Marks
from sim_exchange.core.fixings.published import publish
from sim_exchange.core.risk.covered import forget_covered
from sim_exchange.core.risk.liquidation import Liquidation
from sim_exchange.core.risk.remargin import Remargin
from sim_exchange.core.risk.state import State
from sim_exchange.core.risk.triggers import Triggers
from sim_exchange.core.types import MINUTE_NS


class Still:
    """Finds stretches in which nothing happens, and publishes through them."""

    def __init__(
        self,
        state: State,
        marks: Marks,
        liquidation: Liquidation,
        remargin: Remargin,
        triggers: Triggers,
        *,
        shortcuts: bool,
    ) -> None:
        """Without ``shortcuts`` nothing is ever still."""
        self._state = state
        self._marks = marks
        self._liquidation = liquidation
        self._remargin = remargin
        self._triggers = triggers
        self._shortcuts = shortcuts

    def until(self, upto_ns: int) -> int:
        """Return the last publication up to ``upto_ns`` before which, and at which, all is still.

        0 where the next one is not still, or is the only one.
        """
        first_ns = self._marks.grid_ns
        if not self._shortcuts or first_ns is None:
            return 0
        if upto_ns < first_ns + PUBLISH_NS or first_ns % MINUTE_NS == 0:
            return 0
        last_ns = min(upto_ns, (first_ns // MINUTE_NS + 1) * MINUTE_NS - 1)
        for due in (self._state.timers.next_ns, self._state.desk.next_due_ns()):
            if due is not None and due <= last_ns:
                last_ns = due - 1
        last_ns = last_ns // PUBLISH_NS * PUBLISH_NS
        return last_ns if last_ns > first_ns and self._is_still(last_ns) else 0

    def publish(self, upto_ns: int) -> None:
        """Publish from the next publication to the one at ``upto_ns``, which ``until`` returned."""
        state, marks = self._state, self._marks
        at_ns = marks.grid_ns or upto_ns
        forget_covered(state)
        state.now_ns = at_ns
        prices = []
        for symbol, composite in marks.composites.items():
            if composite.price is not None:
                publish(state, state.indices[symbol], composite.price)
                state.indices[symbol].changed_ns = upto_ns
                prices.append((symbol, composite.price))
        tell = state.out.append
        for again_ns in range(at_ns + PUBLISH_NS, upto_ns + 1, PUBLISH_NS):
            for symbol, price in prices:
                tell(IndexPublished(symbol=symbol, price=price, at_ns=again_ns))
        state.now_ns = upto_ns
        self._remargin.run()  # it finds nobody, and forgets what it knew of before
        marks.grid_ns = upto_ns + PUBLISH_NS

    def _is_still(self, upto_ns: int) -> bool:
        """Whether the state of now makes every publication up to ``upto_ns`` a repetition."""
        state, marks = self._state, self._marks
        return not (
            state.armed
            or state.last_traded
            or state.engine.has_orders()
            or state.desk.ends
            or not marks.are_still(upto_ns)
            or not self._liquidation.is_still()
            or not self._triggers.are_still()
        )
