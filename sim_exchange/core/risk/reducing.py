"""Orders that may only reduce: they shrink with the position, least aggressive first (E4)."""

from sim_exchange.core.orders.account import Position
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk.holds import free_surplus
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import ExecType, Reason


def net_qty(state: State, position: Position) -> int:
    """Return what an order may reduce: contracts, or on spot the coins less what is owed."""
    market = position.market
    if not market.is_spot:
        return position.qty
    account, coin = position.account, market.spec.base_currency
    owed = state.desk.owed(account.account_id, coin, state.now_ns)
    return state.balance(account, coin) - owed


def cut_reducing(state: State, position: Position) -> None:
    """Cut or cancel the resting reduce-only and close orders that exceed the position."""
    left = net_qty(state, position)
    resting = [*position.buys.values(), *position.sells.values()]
    reducing = [order for order in resting if order.reduces]
    for order in reducing:
        if order.side * left >= 0:
            state.cancel(order, Reason.POSITION_SHRANK)
    closing = [order for order in reducing if order.side * left < 0]
    left = abs(left)
    # Most aggressive first, older first at one price.
    for order in sorted(closing, key=_reach):
        if left == 0:
            state.cancel(order, Reason.POSITION_SHRANK)
        elif order.leaves_qty > left:
            shorten(state, order, left, Reason.POSITION_SHRANK)
            left = 0
        else:
            left -= order.leaves_qty


def shorten(state: State, order: Order, left: int, reason: Reason) -> None:
    """Leave ``left`` of an open order, which keeps its place; 0 ends it for ``reason``."""
    if not left:
        state.cancel(order, reason)
        return
    position = order.position
    market, account = position.market, position.account
    if order.level is not None:
        position.cut_open(order, order.leaves_qty - left)
        market.book.shrink(order, left)
        state.touch_book(market)
    else:
        order.leaves_qty = left
    if market.is_spot:
        free_surplus(state, account, market, order)
    order.order_qty = order.cum_qty + left
    order.amended = ("order_qty",)
    order.amend_text = ""
    state.changed(order)
    state.touch(position)
    state.report(order, ExecType.REPLACED)


def _reach(order: Order) -> tuple[int, int]:
    return (-order.side * order.price, order.order_id)
