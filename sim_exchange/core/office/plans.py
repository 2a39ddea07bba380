"""Fee plans: what an account pays in contracts that offer a choice (E3, 2014)."""

from sim_exchange.core import commands as c
from sim_exchange.core.events import Accepted
from sim_exchange.core.risk.state import ENGINE_ID, Handlers, State
from sim_exchange.core.types import Reason


class FeePlans:
    """Lets accounts choose among the plans of the contracts that are listed."""

    def __init__(self, state: State) -> None:
        self._state = state

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {c.SetFeePlan: self._set_plan}

    def _set_plan(self, command: c.SetFeePlan) -> None:
        """Change an account's plan, which is for all contracts; only while it has nothing open."""
        state, plan = self._state, command.plan
        account = state.accounts.get(command.account)
        if account is None or command.account == ENGINE_ID:
            state.refuse(Reason.UNKNOWN_ACCOUNT, command.account)
            return
        offered = {one.name for market in state.markets.values() for one in market.spec.fee_plans}
        if plan and plan not in offered:
            text = f"fee plan {plan!r} is not one of {', '.join(sorted(offered)) or 'none'}"
            state.refuse(Reason.BAD_FEE_PLAN, text=text)
            return
        contracts = [one for one in account.positions.values() if not one.market.is_spot]
        taken = sum(one.qty != 0 for one in contracts)
        taken += sum(not state.markets[one.symbol].is_spot for one in account.open_orders())
        if taken:
            text = f"{taken} positions and orders are open"
            state.refuse(Reason.FEE_PLAN_NEEDS_FLAT, taken, text)
            return
        account.fee_plan = plan
        for position in contracts:
            position.set_rates()
        state.out.append(Accepted(ref=account.account_id))
