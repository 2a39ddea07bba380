"""Speed bumps: an order that would sweep the book too far is held outside of it for a while (E22).

It is accepted like any other, then holds nothing until its delay is over; then it enters as if it
came then, is checked again, and is canceled where that is refused. It is held once: what it sweeps
when it enters it may sweep. Triggered stops are held like new orders; what the venue itself trades
(liquidations, pegs that follow) is not.
"""

from collections.abc import Callable
from functools import partial

from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import POST_ONLY, Order
from sim_exchange.core.risk.state import State
from sim_exchange.core.timers import BUMPS
from sim_exchange.core.types import PPM, Side, TimeInForce

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_BUY = Side.BUY
_FOK = TimeInForce.FOK


class SpeedBumps:
    """Holds orders back, and lets them enter when their delay is over."""

    def __init__(self, state: State, enter: Callable[[Order, Market], None]) -> None:
        """Call ``enter`` with each order whose delay is over; it does not wait any more."""
        self._state = state
        self._enter = enter

    def stops(self, order: Order, market: Market, limit: int | None) -> bool:
        """Hold an order that would sweep too far; return whether it is held now.

        Args:
            order: open, neither in the book nor waiting.
            market: its instrument.
            limit: worst price in ticks that it takes at; None for any.
        """
        bump, state = market.speed_bump, self._state
        if bump is None or not sweeps(order, market, limit, bump.pct_ppm):
            return False
        if market.is_spot:
            state.release(order, state.accounts[order.account], market)
        due_ns = state.now_ns + bump.delay_ns
        state.delay(order, market, due_ns)
        state.changed(order)
        state.timers.at(due_ns, BUMPS, partial(self._over, order, market, due_ns))
        return True

    def _over(self, order: Order, market: Market, due_ns: int) -> None:
        """Let an order enter, unless it was canceled, or amended so that it waits longer."""
        waiting = market.waiting
        if waiting is not None and waiting.delayed.get(order.order_id) == due_ns:
            self._state.unwait(order, market)
            self._enter(order, market)


def is_delayed(order: Order, market: Market) -> bool:
    """Whether a speed bump holds an order now."""
    return order.waiting and market.waiting is not None and order.order_id in market.waiting.delayed


def sweeps(order: Order, market: Market, limit: int | None, pct_ppm: int) -> bool:
    """Whether an order would reach a level more than ``pct_ppm`` away from the best price.

    Args:
        order: not in the book.
        market: its instrument.
        limit: worst price in ticks that it takes at; None for any.
        pct_ppm: in 1e-6 of the best price; exactly that far is not too far.
    """
    if order.flags & POST_ONLY:
        return False
    half = market.book.asks if order.side is _BUY else market.book.bids
    reach = half.reach(order.leaves_qty, limit)
    if len(reach) < 2:
        return False
    if order.time_in_force is _FOK and sum(qty for _, qty in reach) < order.leaves_qty:
        return False  # it takes nothing
    best, last = reach[0][0], reach[-1][0]
    return abs(last - best) * PPM > best * pct_ppm
