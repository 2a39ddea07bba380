"""The turns of the day: orders of the day end at midnight, sessions at noon (E4, E28)."""

from sim_exchange.core.risk.state import State
from sim_exchange.core.timers import MIDNIGHT, NOON
from sim_exchange.core.types import DAY_NS, HOUR_NS, Reason, TimeInForce


class Days:
    """Ends orders and sessions when their day is over."""

    def __init__(self, state: State) -> None:
        self._state = state
        start_ns = state.now_ns
        midnight = start_ns // DAY_NS * DAY_NS
        state.timers.at(midnight + DAY_NS, MIDNIGHT, self._midnight)
        noon = midnight + 12 * HOUR_NS
        state.timers.at(noon if noon > start_ns else noon + DAY_NS, NOON, self._noon)

    def _midnight(self) -> None:
        """End the orders of the day."""
        state = self._state
        for account in state.accounts.values():
            for order in account.open_orders():
                if order.time_in_force is TimeInForce.DAY:
                    state.cancel(order, Reason.DAY_END)
        state.timers.at(state.now_ns // DAY_NS * DAY_NS + DAY_NS, MIDNIGHT, self._midnight)

    def _noon(self) -> None:
        """Begin a new session: what was realised is in the wallet for good (E28)."""
        state = self._state
        for account in state.accounts.values():
            for position in account.positions.values():
                realised = position.realised_pnl
                if realised or position.opening_qty != position.qty:
                    position.rebalanced_pnl += realised
                    position.prev_realised_pnl = realised
                    position.realised_cost = position.comm = 0
                    position.opening_qty = position.qty
                    state.touch(position)
        state.timers.at(state.now_ns + DAY_NS, NOON, self._noon)
