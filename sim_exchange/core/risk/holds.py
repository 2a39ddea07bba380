"""What an open spot order holds, and how it gives back what it needs no longer (E23, E24)."""

from sim_exchange.core.contracts.value import ceil_div
from sim_exchange.core.orders.account import Account
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk.collateral import rehold
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import PPM, Side
from sim_exchange.errors import InvariantError

_BUY = Side.BUY


def cost_with_fee(market: Market, qty: int, price: int) -> int:
    """Return what a buy holds: ceil of the cost, plus ceil of a taker fee in the quote coin."""
    cost = market.maths.cost_ceil(qty, price)
    if market.fee_on_received:
        return cost
    return cost + ceil_div(cost * market.taker_ppm, PPM)


def free_surplus(state: State, account: Account, market: Market, order: Order) -> None:
    """Give back at once what an order holds beyond what is left of it.

    A sell gives back offers before coins of its own. What a Market order holds is of the price that
    it may reach; it is given back when the order ends.
    """
    surplus = surplus_of(market, order)
    if surplus <= 0:
        return
    spec = market.spec
    if order.side is _BUY:
        currency = spec.settl_currency
        order.held_quote -= surplus
    else:
        freed = min(surplus, order.reserved)
        if freed:
            state.desk.release(order.order_id, freed)
            order.reserved -= freed
            rehold(state, account, market, order)
        surplus -= freed
        currency = spec.base_currency
        order.held_base -= surplus
    if surplus:
        account.held[currency] -= surplus
        state.touch_margin(account, currency)


def surplus_of(market: Market, order: Order) -> int:
    """Return what a spot order holds beyond what is left of it, of the coin that it gives."""
    if order.side is not _BUY:
        return order.held_base + order.reserved - order.leaves_qty
    if order.is_market or not order.held_quote:
        return 0
    return order.held_quote - cost_with_fee(market, order.leaves_qty, order.price)


def check_surplus(market: Market, order: Order) -> None:
    """Verify that an order holds no more than what is left of it needs (L2-8).

    Raises:
        InvariantError: it does.
    """
    surplus = surplus_of(market, order)
    if surplus > 0:
        raise InvariantError(f"L2-8: order {order.order_id} holds {surplus} more than it needs")
