"""Orders taken back: by their ids, or all of them (protocol.md 4.5, 4.6)."""

from sim_exchange.core.commands import CancelAll, CancelOrders
from sim_exchange.core.events import Accepted, Refused
from sim_exchange.core.orders.entry import refuse
from sim_exchange.core.risk.state import ENGINE_ID, Handlers, State
from sim_exchange.core.types import Mode, Reason

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_HALT = Mode.HALT
_BY_USER = Reason.CANCELED_BY_USER


class Canceling:
    """Cancels open orders."""

    def __init__(self, state: State) -> None:
        self._state = state

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {CancelOrders: self._cancel_orders, CancelAll: self._cancel_all}

    def _cancel_orders(self, command: CancelOrders) -> None:
        """Cancel by ids, one outcome an id, in order."""
        state = self._state
        account_id, order_ids = command.account, command.order_ids
        account = state.accounts.get(account_id)
        if account is not None and command.cl_ord_ids:
            known = account.cl_ord_ids
            order_ids += tuple([known.get(cl_ord_id, 0) for cl_ord_id in command.cl_ord_ids])
        elif account is None:
            order_ids += (0,) * len(command.cl_ord_ids)
        for item, order_id in enumerate(order_ids):
            order = state.orders.get(order_id)
            if order is None or order.account != account_id:
                ref = order_id if item < len(command.order_ids) else 0
                state.out.append(Refused(index=item, reason=Reason.UNKNOWN_ORDER, ref=ref))
            elif not order.is_open:
                state.out.append(
                    Refused(index=item, reason=Reason.ALREADY_ENDED, ref=order.order_id)
                )
            elif state.markets[order.symbol].mode is _HALT:
                state.out.append(Refused(index=item, reason=Reason.NOT_OPEN, ref=order.order_id))
            else:
                state.out.append(Accepted(index=item, ref=order.order_id))
                state.cancel(order, _BY_USER, command.text)

    def _cancel_all(self, command: CancelAll) -> None:
        """Cancel all open orders of an account, or those of a symbol and/or side.

        Orders in markets that halt stay (E17); where all of them do, the command is refused.
        """
        state = self._state
        account = state.accounts.get(command.account)
        if account is None or command.account == ENGINE_ID:
            state.out.append(refuse(Reason.UNKNOWN_ACCOUNT))
            return
        if command.symbol and command.symbol not in state.markets:
            state.out.append(refuse(Reason.UNKNOWN_SYMBOL))
            return
        meant = [
            order
            for order in account.open_orders()
            if command.symbol in {"", order.symbol} and command.side in {None, order.side}
        ]
        live = [order for order in meant if state.markets[order.symbol].mode is not _HALT]
        if meant and not live:
            state.out.append(refuse(Reason.NOT_OPEN, text="mode is Halt"))
            return
        state.out.append(Accepted())
        for order in live:
            state.cancel(order, _BY_USER, command.text)
