"""Linked orders: what happens to one order of a clOrdLinkID concerns the others (protocol.md 4.8).

One cancels the others: an execution, however small, a trigger or a cancel of one ends the others.
One triggers the others: the secondaries wait outside the book until the primary is filled whole,
and end with it when it is canceled. One updates the others: an execution takes as much from the
others, or the same part. Only orders of the same contingencyType act on each other, but for the
secondaries of a primary, which may have any or none. What a fill takes from the others is taken at
once; what an end means to them when the command is over.
"""

from sim_exchange.core.events import Refused
from sim_exchange.core.orders.account import Account
from sim_exchange.core.orders.entry import refuse
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk.reducing import shorten
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import OrdStatus, Reason
from sim_exchange.errors import InvariantError

OCO = "OneCancelsTheOther"
OTO = "OneTriggersTheOther"
OUOA = "OneUpdatesTheOtherAbsolute"
OUOP = "OneUpdatesTheOtherProportional"

_FILLED = OrdStatus.FILLED


def check_link(state: State, account: Account, market: Market, link_id: str) -> Refused | None:
    """Whether the orders of the link so far are of the same symbol."""
    for order in state.links.get((account.account_id, link_id), ()):
        if order.symbol != market.symbol:
            return refuse(Reason.BAD_LINK, ref=order.order_id, text=f"it links {order.symbol}")
    return None


def primary_of(state: State, account: Account, link_id: str) -> Order | None:
    """Return the order that new orders of the link have to wait for, or None."""
    for order in state.links.get((account.account_id, link_id), ()):
        if order.contingency_type == OTO and order.is_open:
            return order
    return None


def join(state: State, order: Order) -> None:
    """Take a new order among those of its link."""
    order.linked = True
    state.links.setdefault((order.account, order.cl_ord_link_id), []).append(order)


def matched(state: State, maker: Order, taker: Order, qty: int) -> None:
    """Take from other orders what a match of ``qty`` means to the links of its two, at once."""
    for order in (maker, taker):
        if order.linked:
            _executed(state, order, qty)


def _executed(state: State, order: Order, qty: int) -> None:
    kind = order.contingency_type
    if kind in {OUOA, OUOP}:
        before = order.leaves_qty + qty
        for other in _others(state, order):
            left = other.leaves_qty - qty
            if kind == OUOP:
                lot = state.markets[other.symbol].spec.lot_size
                left = other.leaves_qty * order.leaves_qty // (before * lot) * lot
            if left < other.leaves_qty:
                shorten(state, other, max(0, left), Reason.LINKED)
    elif kind == OCO:
        activated(state, order)
    if not order.is_open:
        state.unlinked.append(order)
        market = state.markets[order.symbol]
        state.armed[market.symbol] = market


def activated(state: State, order: Order) -> None:
    """Cancel the others of the link when one of them executes or is triggered."""
    if order.contingency_type == OCO:
        for other in _others(state, order):
            state.cancel(other, Reason.LINKED)


def leave(state: State, order: Order) -> list[Order]:
    """Take an ended order out of its link; return the secondaries that may enter now, in order.

    A secondary that is itself a primary keeps those after it waiting.
    """
    if not order.linked:
        return []  # it is named twice where both sides of a match were of one link
    key = (order.account, order.cl_ord_link_id)
    group = state.links[key]
    group.remove(order)
    order.linked = False
    released: list[Order] = []
    if order.status is not _FILLED and order.end_reason is not Reason.LINKED:
        activated(state, order)  # whoever ended it spares the one that it was ended for
    if order.contingency_type == OTO:
        waiting = state.markets[order.symbol].waiting
        held = [] if waiting is None else [one for one in group if one.order_id in waiting.held]
        if order.status is _FILLED:
            for other in held:
                released.append(other)
                if other.contingency_type == OTO:
                    break
        else:
            for other in held:
                state.cancel(other, Reason.LINKED)
    if not group:
        del state.links[key]
    return released


def _others(state: State, order: Order) -> list[Order]:
    """Return the open orders of the link that ``order`` acts on; those with a quantity."""
    return [
        other
        for other in state.links.get((order.account, order.cl_ord_link_id), ())
        if other is not order
        and other.is_open
        and other.contingency_type == order.contingency_type
        and (other.leaves_qty or order.contingency_type == OCO)
    ]


def check_links(state: State) -> None:
    """Verify that links hold open orders only, and that whoever is held has somebody to wait for.

    Raises:
        InvariantError: it is not so.
    """
    pending = {order.order_id for order in state.unlinked}
    for (account, link_id), group in state.links.items():
        if not group:
            raise InvariantError(f"link {link_id} of account {account} has no orders")
        waits_for = False
        for order in group:
            if not order.linked or (order.account, order.cl_ord_link_id) != (account, link_id):
                raise InvariantError(f"order {order.order_id} is not of link {link_id}")
            if not order.is_open and order.order_id not in pending:
                raise InvariantError(f"order {order.order_id} of link {link_id} has ended")
            waiting = state.markets[order.symbol].waiting
            if waiting is not None and order.order_id in waiting.held and not waits_for:
                raise InvariantError(f"order {order.order_id} waits for nobody")
            waits_for = waits_for or order.contingency_type == OTO
    for market in state.markets.values():
        for order in [] if market.waiting is None else market.waiting.held.values():
            if not order.linked:
                raise InvariantError(f"order {order.order_id} waits for an order of no link")
