"""What is to be done with an order that is asked for, and what coins it holds (E4, E23, E24)."""

import msgspec

from sim_exchange.core.commands import PlaceOrder
from sim_exchange.core.events import Refused
from sim_exchange.core.orders.account import Account
from sim_exchange.core.orders.entry import refuse
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import CLOSE, REDUCE_ONLY, Order
from sim_exchange.core.risk import spot
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import OrdType, Reason, Side

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_MARKET = OrdType.MARKET
_BUY = Side.BUY


class Plan(msgspec.Struct):
    """An order that has passed its checks so far: what will be done with it."""

    side: Side
    qty: int
    limit: int | None  # ticks; how far it may take
    price: int  # ticks; what its row shows at first
    reach_qty: int = 0  # what a Market order would get
    reach_price: int = 0  # and the last price of it
    margin_ran_out: bool = False
    replaces: tuple[Order, ...] = ()  # orders that a Close cancels
    hold: spot.Hold | None = None
    waits: bool = False  # outside the book, for its trigger price
    held: bool = False  # outside the book, for the primary order of its link
    covered: str = ""  # the currency in which the account was found to have what it takes


def plan_coins(
    state: State,
    command: PlaceOrder,
    account: Account,
    market: Market,
    plan: Plan,
    order_id: int,
) -> Refused | None:
    """Hold coins before acceptance, reserve what is to be borrowed last of all (E23, E24).

    Args:
        state: the exchange.
        command: a Limit or Market order, or what a triggered one enters as.
        account: whose.
        market: a spot market.
        plan: of the order; takes note of what it holds, and of how far it may go.
        order_id: under which coins are reserved.
    """
    is_market = command.ord_type is _MARKET
    qty = plan.reach_qty if is_market else plan.qty
    price = plan.reach_price if is_market else plan.price
    if not qty:
        return None
    closes = int(command.exec_inst) & CLOSE
    if not closes and market.maths.cost_floor(qty, price) < market.spec.min_value:
        return refuse(Reason.VALUE_TOO_SMALL, market.spec.min_value)
    freed = spot.Freed(
        sum(order.held_quote for order in plan.replaces),
        sum(order.held_base for order in plan.replaces),
    )
    reduces = bool(int(command.exec_inst) & (CLOSE | REDUCE_ONLY))
    need = spot.need(state, account, market, plan.side, qty, price, reduces=reduces, freed=freed)
    if isinstance(need, Refused) and is_market and plan.side is _BUY:
        need = _shorten(state, account, market, plan, reduces=reduces, freed=freed)
    if isinstance(need, Refused):
        return need
    plan.hold = need
    if not reduces:
        plan.covered = need.covers(market)
    return spot.reserve(state, account, market, order_id, need.reserved)


def _shorten(
    state: State,
    account: Account,
    market: Market,
    plan: Plan,
    *,
    reduces: bool,
    freed: spot.Freed,
) -> spot.Hold | Refused:
    """Let a Market buy take the levels that the wallet can pay, whole ones only."""
    qty = 0
    found: spot.Hold | Refused = refuse(Reason.INSUFFICIENT_BALANCE)
    for price, size in market.book.asks.reach(plan.qty, plan.limit):
        need = spot.need(
            state, account, market, plan.side, qty + size, price, reduces=reduces, freed=freed
        )
        if isinstance(need, Refused):
            if not qty:
                return need
            break
        qty += size
        found = need
        plan.limit = price
    plan.margin_ran_out = True
    return found
