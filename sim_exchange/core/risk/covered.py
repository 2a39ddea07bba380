"""Orders are taken in only where the account can hold them (L2-8): how that is looked at again.

``State.covered`` says whose orders were found to be covered, and how many matches there had been.
The promise is of that moment: it is looked at when the command is over, or before what comes next
in the same command changes what it was found at. That is a mark that moves, by its last trade or by
its index, or an order that a trigger lets in. Looking costs, so within commands it is done only
where ``State.audits`` asks for it; ``Exchange.check`` does what is left.

On a contract that is marked by its last trade nobody funds what an order is beyond the mark (E5),
for the mark will be where it traded: what its fills seem to lose until then is no loss.
"""

from sim_exchange.core.events import Executed
from sim_exchange.core.risk.margin import available
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import MarkMethod
from sim_exchange.errors import InvariantError

_LAST = MarkMethod.LAST


def check_covered(state: State) -> None:
    """L2-8 whose orders were taken in has margin for them, but for the rounding of fills.

    Raises:
        InvariantError: it has not.
    """
    for account, currency, first_match in state.covered:
        matches = state.next_match - first_match
        free = available(state, account, currency)
        if free < 0:
            free += _unfollowed(state, account.account_id, currency, first_match)
        if free < -2 * matches:
            raise InvariantError(
                f"L2-8: account {account.account_id} has {free} {currency} after an order was taken"
                f" in and matched {matches} times"
            )


def _unfollowed(state: State, account_id: int, currency: str, first_match: int) -> int:
    """Return what an account's fills are beyond marks that have not followed them yet."""
    beyond = 0
    for event in state.out:
        if type(event) is Executed and event.account == account_id and event.side is not None:
            market = state.markets[event.symbol]
            if (
                event.match_id >= first_match
                and market.mark_method is _LAST
                and market.spec.settl_currency == currency
            ):
                lots = event.last_qty // market.maths.lot_size
                at_mark = market.maths.sign * event.side * market.mark_value * lots
                beyond += max(0, event.exec_cost - at_mark)
    return beyond


def forget_covered(state: State) -> None:
    """Forget whose orders were covered, for what they have is about to change.

    Raises:
        InvariantError: one is not covered, and the state audits itself.
    """
    if state.covered:
        if state.audits:
            check_covered(state)
        state.covered = ()
