"""Who trades with whom: price first, then time; the resting order's price is the trade's (E4)."""

from collections.abc import Callable

from sim_exchange.core.orders.book import Book
from sim_exchange.core.orders.order import Order
from sim_exchange.core.types import Side

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_BUY = Side.BUY

Fill = Callable[[Order, Order, int, int, bool], None]
"""Settles one match: taker, maker, quantity, ticks, whether the maker was partly hidden."""

Bears = Callable[[Order, Order, int, int], bool]
"""Whether both sides bear a match: taker, maker, quantity, ticks; cancels a maker who can't."""


def take(
    taker: Order, book: Book, limit: int | None, fill: Fill, bears: Bears | None = None
) -> bool:
    """Let ``taker`` take from the book up to ``limit`` ticks (None: any price).

    ``fill`` is called for each match, after the maker has been shortened; it lowers the taker's
    leaves quantity and may cancel or cut other orders, on either side of the book.

    Returns:
        Whether it took all that it could; False when the taker could not bear the next match.
    """
    half = book.asks if taker.side is _BUY else book.bids
    keys, sign = half.keys, half.sign
    while taker.leaves_qty > 0 and keys:
        key = keys[-1]
        if limit is not None and key < limit * sign:
            return True
        price = key * sign
        level = half.by_price[price]
        maker = level.head or level.first()
        shown = maker.shown
        hidden = maker.leaves_qty != shown
        qty = min(taker.leaves_qty, shown or maker.leaves_qty)
        if bears is not None and not bears(taker, maker, qty, price):
            if maker.level is None:
                continue
            return False
        book.consume(maker, qty)
        fill(taker, maker, qty, price, hidden)
    return True


def could_fill(order: Order, book: Book, limit: int | None, *, passes_own: bool = True) -> bool:
    """Whether the book holds the whole of what ``order`` wants, up to ``limit`` ticks.

    Without ``passes_own`` only what stands before the first order of the same account counts.
    """
    half = book.asks if order.side is _BUY else book.bids
    if not passes_own:
        left = order.leaves_qty
        for price, _ in half.reach(left, limit):
            for maker in half.by_price[price].orders():
                if left <= 0 or maker.account == order.account:
                    return left <= 0
                left -= maker.leaves_qty
        return left <= 0
    return sum(qty for _, qty in half.reach(order.leaves_qty, limit)) == order.leaves_qty
