"""Who may be short: of an option only anchor makers (E16), of a capped contract so many (E25).

Resting sells count towards either, so that no fill can go beyond it.
"""

from sim_exchange.core.events import Refused
from sim_exchange.core.orders.account import Account, Position
from sim_exchange.core.orders.entry import refuse
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import Reason

ANCHOR = "anchorMM"
"""The flag of an account that may be net short of options (E30)."""


def short_fault(
    position: Position, qty: int, without: tuple[Order, ...] = (), *, resting: bool = False
) -> Refused | None:
    """Return why an account may not sell ``qty`` more contracts of a market that limits shorts.

    Args:
        position: its position.
        qty: contracts to be sold.
        without: resting sells that are being replaced.
        resting: whether the other resting sells count: at entry they do, at a fill they don't.
    """
    option = position.market.option
    if option is not None and ANCHOR in position.account.flags:
        return None
    if resting:
        left_out = {order.order_id for order in without}
        qty += sum(
            order.leaves_qty for order in position.sells.values() if order.order_id not in left_out
        )
    if option is None:
        cap = position.market.spec.short_cap
        if qty <= position.qty + cap:
            return None
        text = f"sells of {qty} with a position of {position.qty} go beyond a short of {cap}"
        return refuse(Reason.SHORT_CAP, cap, text)
    held = max(0, position.qty)
    if qty <= held:
        return None
    text = f"sells of {qty} are beyond the long of {held}; only {ANCHOR} accounts may be short"
    return refuse(Reason.SHORT_NOT_ALLOWED, position.qty, text)


def cancel_shorts(state: State, account: Account) -> None:
    """Cancel the sells of options by which an account that lost its flag would go short (E30)."""
    if ANCHOR in account.flags:
        return
    for position in account.positions.values():
        if position.market.option is None:
            continue
        left = max(0, position.qty)
        for order in sorted(position.sells.values(), key=_by_price):
            left -= order.leaves_qty
            if left < 0:
                state.cancel(order, Reason.ANCHOR_LOST)


def _by_price(order: Order) -> tuple[int, int]:
    return (order.price, order.order_id)
