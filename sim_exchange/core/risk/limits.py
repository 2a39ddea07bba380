"""Choosing a risk limit: how large position and orders may become, for higher margins (E11)."""

from sim_exchange.core.commands import SetRiskLimit
from sim_exchange.core.contracts.tiers import limit_fault, limit_for
from sim_exchange.core.events import Refused
from sim_exchange.core.orders.account import Position
from sim_exchange.core.orders.entry import refuse
from sim_exchange.core.risk.choosing import accept, attempt, find
from sim_exchange.core.risk.order_margin import risk_value
from sim_exchange.core.risk.state import Handlers, State
from sim_exchange.core.types import Reason


class RiskLimits:
    """Sets the risk limits of positions."""

    def __init__(self, state: State) -> None:
        self._state = state

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {SetRiskLimit: self._set_risk_limit}

    def _set_risk_limit(self, command: SetRiskLimit) -> None:
        """Change a position's risk limit, or refuse without a trace.

        Refused are a limit that is not the base and whole steps, one below what position and orders
        are worth, and one that needs more margin than there is or that would put the position at
        its liquidation price.
        """
        state, limit = self._state, command.risk_limit
        position = find(state, command.account, command.symbol)
        if isinstance(position, Refused):
            state.out.append(position)
            return
        spec = position.market.spec
        fault = limit_fault(spec, limit) if type(limit) is int else f"{limit!r} is no whole number"
        if fault:
            state.out.append(refuse(Reason.BAD_RISK_LIMIT, spec.risk_limit, fault))
            return
        used = risk_value(position)
        if limit < position.risk_limit and limit < used:
            text = f"the lowest risk limit for {used} is {limit_for(spec, used)}"
            state.out.append(refuse(Reason.RISK_LIMIT_IN_USE, used, text))
            return

        def change(one: Position) -> None:
            one.set_risk_limit(limit)

        required, reached = attempt(state, position, change)
        if required:
            state.out.append(refuse(Reason.INSUFFICIENT_BALANCE, required))
        elif reached:
            state.out.append(refuse(Reason.WOULD_BE_LIQUIDATED))
        else:
            accept(state, position, change)
