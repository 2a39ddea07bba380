"""Moving margin into an isolated position and out of it (E12): ``posCross``.

The wallet does not change: what is moved in is no longer available, and can be lost with the rest
of the position's margin.
"""

from sim_exchange.core.commands import TransferMargin
from sim_exchange.core.events import Refused
from sim_exchange.core.orders.account import Position
from sim_exchange.core.orders.entry import refuse
from sim_exchange.core.risk.choosing import accept, attempt, find
from sim_exchange.core.risk.state import Handlers, State
from sim_exchange.core.types import Reason


class MarginTransfers:
    """Moves margin between what is available and isolated positions."""

    def __init__(self, state: State) -> None:
        self._state = state

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {TransferMargin: self._transfer}

    def _transfer(self, command: TransferMargin) -> None:
        """Move margin in, or (negative) out, or refuse without a trace.

        Out goes only what is over the initial requirement at the mark: the margin, less an
        unrealised loss, stays at ``posInit`` and the fee's reserve or above.
        """
        state, amount = self._state, command.amount
        position = find(state, command.account, command.symbol)
        if isinstance(position, Refused):
            state.out.append(position)
            return
        if type(amount) is not int or not amount:
            text = f"amount {amount!r} is not a whole number of minor units, over or under 0"
            state.out.append(refuse(Reason.BAD_AMOUNT, text=text))
        elif not position.qty:
            state.out.append(refuse(Reason.NO_POSITION, text=command.symbol))
        elif position.is_cross:
            state.out.append(refuse(Reason.POSITION_IS_CROSS, text=command.symbol))
        elif -amount > removable(position):
            most = removable(position)
            text = f"at most {most} can be taken out, not {-amount}"
            state.out.append(refuse(Reason.MARGIN_BELOW_INITIAL, most, text))
        else:
            self._move(position, amount)

    def _move(self, position: Position, amount: int) -> None:
        def change(one: Position) -> None:
            one.keep_margin(one.pos_init, one.pos_cross + amount, one.pos_loss)

        required, _ = attempt(self._state, position, change)
        if required:
            self._state.out.append(refuse(Reason.INSUFFICIENT_BALANCE, required))
        else:
            accept(self._state, position, change)


def removable(position: Position) -> int:
    """Return what may be moved out of an isolated position now, minor units, never below 0."""
    return max(0, position.pos_cross - position.pos_loss + min(0, position.unrealised_pnl))
