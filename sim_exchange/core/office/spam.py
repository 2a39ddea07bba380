"""The rule against spam orders, switched on and off, and its daily look at everybody (E21)."""

from sim_exchange.core import commands as c
from sim_exchange.core.events import Accepted
from sim_exchange.core.guards.spam import SpamRule
from sim_exchange.core.risk.spam import small_orders
from sim_exchange.core.risk.state import ENGINE_ID, Handlers, State
from sim_exchange.core.timers import MIDNIGHT
from sim_exchange.core.types import DAY_NS, Reason


class Spam:
    """Keeps the rule against spam orders."""

    def __init__(self, state: State) -> None:
        self._state = state
        midnight = state.now_ns // DAY_NS * DAY_NS + DAY_NS
        state.timers.at(midnight, MIDNIGHT, self._look_again)

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {c.SetSpamRule: self._set_rule}

    def _set_rule(self, command: c.SetSpamRule) -> None:
        state = self._state
        for name, number in (("most", command.most), ("value", command.value)):
            if number < 0:
                state.refuse(Reason.BAD_AMOUNT, text=f"{name} {number} must not be negative")
                return
        state.out.append(Accepted())
        state.spam = SpamRule(command.most, command.value) if command.most else None

    def _look_again(self) -> None:
        state = self._state
        if state.spam is not None:
            for number, account in state.accounts.items():
                if number != ENGINE_ID:
                    state.spam.look(number, small_orders(state, account, state.spam.value))
        state.timers.at(state.now_ns + DAY_NS, MIDNIGHT, self._look_again)
