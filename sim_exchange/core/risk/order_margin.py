"""What open orders hold of an account's margin (E5).

Orders that only reduce the position hold nothing. Of the rest, buys are charged for what exceeds
the sells, the lowest-priced dropping out first, and sells are charged whole. Each charged order
holds ceil(value*(r + f + (1 + r)*f)), rounded up once. On a fair-marked contract what is dearer
than the mark is funded in full on top, the gross open premium.

Before an order is taken in, a sell is valued at the dearer of its limit and the best bid. On linear
and quanto contracts that is max(limit, best bid), as E5 has it. On inverse ones a lower price is
dearer, so E5's max would hold too little: where the bids take only a part of the order, the rest
rests at its limit and holds more than there was (L2-8).
"""

from typing import NamedTuple

from sim_exchange.core.contracts.value import ceil_div
from sim_exchange.core.orders.account import Position
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import Order
from sim_exchange.core.types import Side

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_BUY = Side.BUY
_SELL = Side.SELL


class Wanted(NamedTuple):
    """An order to be: its limit, the price at which it is valued (both ticks), its quantity."""

    side: Side
    limit: int
    priced_at: int
    qty: int


class Charge(NamedTuple):
    """What the orders of one position hold, minor units."""

    cost: int
    premium: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.cost + self.premium


_Line = tuple[int, int, int]  # limit, priced at, quantity


def dearest(market: Market, price: int) -> int:
    """Return the price in ticks at which a sell with the limit ``price`` is valued at its entry."""
    return price if market.maths.inverse else max(price, market.book.bids.best() or 0)


def at_most(position: Position, extras: tuple[Wanted, ...] = ()) -> int:
    """Return a bound that ``charge`` never exceeds, in constant time, minor units."""
    market = position.market
    if market.option is not None:
        return _option_bound(position, extras)
    buy_value, sell_value = position.buy_value, position.sell_value
    count = len(position.buys) + len(position.sells)
    high, low = position.high_buy, position.low_sell
    if extras:
        maths = market.maths
        count += len(extras)
        for side, limit, priced_at, qty in extras:
            worth = maths.lot_values[priced_at] * (qty // maths.lot_size)
            if side is _BUY:
                buy_value += worth
                high = max(high, limit)
            else:
                sell_value += worth
                if not low or limit < low:
                    low = limit
    return _bound(position, buy_value, sell_value, high, low, count)


def at_most_with(position: Position, side: Side, limit: int, worth: int) -> int:
    """Return ``at_most`` with one more order, ``worth`` minor units, of no option; the quick form.

    Args:
        position: whose orders.
        side: of the order that is asked for.
        limit: its price in ticks.
        worth: its value at the price at which it is valued.
    """
    buy_value, sell_value = position.buy_value, position.sell_value
    high, low = position.high_buy, position.low_sell
    if side is _BUY:
        buy_value += worth
        if limit > high:  # noqa: PLR1730 - a call costs more
            high = limit
    else:
        sell_value += worth
        if not low or limit < low:
            low = limit
    count = len(position.buys) + len(position.sells) + 1
    return _bound(position, buy_value, sell_value, high, low, count)


def _bound(
    position: Position, buy_value: int, sell_value: int, high: int, low: int, count: int
) -> int:
    """Bound the charge of ``count`` orders of these values, none beyond ``high`` and ``low``."""
    market = position.market
    bound = (buy_value + sell_value) * position.rate_num // position.rate_den + count
    if market.is_fair_marked:
        # Most orders are not dearer than the mark: seen before anything is divided.
        values, mark_value = market.maths.lot_values, market.mark_value
        inverse = market.maths.inverse
        if high and (values[high] < mark_value if inverse else values[high] > mark_value):
            bound += _premium_bound(position, _BUY, high, buy_value)
        if low and (values[low] > mark_value if inverse else values[low] < mark_value):
            bound += _premium_bound(position, _SELL, low, sell_value)
    return bound


def _premium_bound(position: Position, side: Side, furthest: int, value: int) -> int:
    """Bound the premium of one side: no order has a larger gap than the price furthest out.

    The orders with a gap lie between the mark and that price, so each of their lots is worth at
    least the smaller of the two ends.
    """
    market = position.market
    at_limit = market.maths.lot_values[furthest]
    gap = market.maths.sign * side * (at_limit - market.mark_value)
    if gap <= 0:
        return 0
    return ceil_div(value * gap, max(1, min(at_limit, market.mark_value)))


def charge(
    position: Position, extras: tuple[Wanted, ...] = (), without: tuple[Order, ...] = ()
) -> Charge:
    """Return what the position's resting orders hold, exactly.

    Args:
        position: whose orders.
        extras: orders that are asked for, counted with them.
        without: resting orders to leave out, because they are being replaced.
    """
    left_out = {order.order_id for order in without}
    buys: list[_Line] = [
        (order.price, order.price, order.leaves_qty)
        for order in position.buys.values()
        if order.order_id not in left_out
    ]
    sells: list[_Line] = [
        (order.price, order.price, order.leaves_qty)
        for order in position.sells.values()
        if order.order_id not in left_out
    ]
    for one in extras:
        side = buys if one.side is _BUY else sells
        side.append((one.limit, one.priced_at, one.qty))
    if not buys and not sells:
        return Charge(0, 0)
    buys.sort(key=_limit, reverse=True)
    sells.sort(key=_limit)
    if position.market.option is not None:
        return _option_charge(position, buys, sells)
    premium = _premium(position, _BUY, buys) + _premium(position, _SELL, sells)
    opening_buys = _after(buys, max(-position.qty, 0))
    opening_sells = _after(sells, max(position.qty, 0))
    netted = sum(line[2] for line in opening_buys) - sum(line[2] for line in opening_sells)
    cost = _reserve(position, opening_sells)
    if netted > 0:
        cost += _reserve(position, _first(opening_buys, netted))
    return Charge(cost, premium)


def _limit(line: _Line) -> int:
    return line[0]


def _option_charge(position: Position, buys: list[_Line], sells: list[_Line]) -> Charge:
    """Charge an option's orders: buys their premium, sells their notional less it (E16).

    Both sides are charged whole: either may be filled without the other.
    """
    maths, notional = position.market.maths, position.market.notional
    cost = 0
    for limit, _, size in _after(buys, max(-position.qty, 0)):
        cost += maths.at_ticks(limit) * (size // maths.lot_size)
    for limit, _, size in _after(sells, max(position.qty, 0)):
        cost += (notional - maths.at_ticks(limit)) * (size // maths.lot_size)
    return Charge(cost, 0)


def _option_bound(position: Position, extras: tuple[Wanted, ...]) -> int:
    """Bound what an option's orders hold: no order of either side holds more than its notional."""
    qty = sum(one.qty for one in extras)
    for orders in (position.buys, position.sells):
        qty += sum(order.leaves_qty for order in orders.values())
    return qty // position.market.maths.lot_size * position.market.notional


def _after(lines: list[_Line], qty: int) -> list[_Line]:
    """Return what is left of ``lines`` behind the first ``qty`` contracts."""
    if not qty:
        return lines
    rest: list[_Line] = []
    for limit, priced_at, size in lines:
        skipped = min(qty, size)
        qty -= skipped
        if size > skipped:
            rest.append((limit, priced_at, size - skipped))
    return rest


def _first(lines: list[_Line], qty: int) -> list[_Line]:
    """Return the first ``qty`` contracts of ``lines``."""
    found: list[_Line] = []
    for limit, priced_at, size in lines:
        taken = min(qty, size)
        if not taken:
            break
        qty -= taken
        found.append((limit, priced_at, taken))
    return found


def _reserve(position: Position, lines: list[_Line]) -> int:
    maths = position.market.maths
    num, den, lot = position.rate_num, position.rate_den, maths.lot_size
    return sum(
        ceil_div(maths.at_ticks(priced_at) * (size // lot) * num, den)
        for _, priced_at, size in lines
    )


def gross_premium(position: Position, side: Side) -> int:
    """Return the sum of the gaps of one side's resting orders to the mark, minor units."""
    orders = position.buys if side is _BUY else position.sells
    return _gaps(position, side, [(o.price, o.price, o.leaves_qty) for o in orders.values()])


def _gaps(position: Position, side: Side, lines: list[_Line]) -> int:
    market = position.market
    if not market.is_fair_marked:
        return 0
    maths = market.maths
    sign, lot, mark_value = maths.sign * side, maths.lot_size, market.mark_value
    total = 0
    for limit, _, size in lines:
        gap = sign * (maths.at_ticks(limit) - mark_value)
        if gap > 0:
            total += gap * (size // lot)
    return total


def _premium(position: Position, side: Side, lines: list[_Line]) -> int:
    total = _gaps(position, side, lines)
    if not total:
        return 0
    qty = sum(line[2] for line in lines)
    opens = max(0, min(qty, side * position.qty + qty))
    return ceil_div(total * opens, qty)


def lost_at_once(position: Position, extras: tuple[Wanted, ...]) -> int:
    """Return what orders would lose to the mark by what they would take from the book at once.

    On contracts whose mark stays where it is: nobody funds that gap as long as an order rests (E5),
    but an order that is taken in is covered (L2-8).
    """
    market = position.market
    maths, total = market.maths, 0
    for one in extras:
        closes = max(0, min(one.qty, -one.side * position.qty))
        for price, qty in market.book.half(one.side.other).reach(one.qty, one.limit):
            opens = qty - min(closes, qty)
            closes -= qty - opens
            gap = maths.sign * one.side * (maths.at_ticks(price) - market.mark_value)
            total += max(0, gap) * (opens // maths.lot_size)
    return total


def risk_value(position: Position, more_buys: int = 0, more_sells: int = 0) -> int:
    """Return max(P + buys, sells - P), never under |P|, minor units (E11).

    Args:
        position: P, with its resting orders.
        more_buys: what its buys are to be worth more, minor units.
        more_sells: the same of its sells.
    """
    market = position.market
    held = market.mark_value * (position.qty // market.maths.lot_size)
    value = held + position.buy_value + more_buys
    other = position.sell_value + more_sells - held
    if other > value:  # noqa: PLR1730 - a call costs more
        value = other
    return value if value >= held and value >= -held else abs(held)
