"""Prices that follow the market: trailing stops, and orders pegged to the touch (E4).

A trailing stop's trigger price stays its offset away from what triggers it while the market goes
away from it, and freezes while the market comes nearer. It is looked at once a second, and set anew
only when the reference has moved by more than 0.1 % since it was set last.

A Pegged order has its price from the market when it enters, and keeps it (execInst Fixed). Where a
contract has floating pegs, one without Fixed follows once a second, and loses its place each time.
"""

from sim_exchange.core.commands import PlaceOrder
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import Order
from sim_exchange.core.orders.waiting import falls, reference, trigger_of
from sim_exchange.core.types import PPM, Side

TRAIL_PPM = 1_000
"""A trailing stop is set anew when its reference moved by more than this, in 1e-6 of itself."""


def trailing_px(order: Order, market: Market, now: int) -> int:
    """Return the trigger price in ticks that belongs to the reference ``now`` (pico).

    Rounded towards the market, to a price that the instrument has: falling ones up, rising down.
    """
    tick = market.maths.tick_pico
    wanted = now + (order.peg_offset or 0) * tick
    ticks = -(-wanted // tick) if falls(order) else wanted // tick
    return min(max(1, ticks), market.spec.max_price_ticks)


def named_price(order: Order | PlaceOrder, market: Market) -> int:
    """Return the price that the execInst of an order names, or the default, in pico; 0 = none."""
    return reference(market, trigger_of(int(order.exec_inst), market.spec.default_trigger))


def set_trailing(order: Order, market: Market) -> None:
    """Give a new trailing order its first trigger price."""
    order.peg_reference = named_price(order, market)
    order.stop_px = trailing_px(order, market, order.peg_reference)


def trail(order: Order, market: Market) -> int | None:
    """Return the trigger price that a trailing order moves to now, in ticks; None if it stays."""
    now = named_price(order, market)
    if not now or abs(now - order.peg_reference) * PPM <= TRAIL_PPM * order.peg_reference:
        return None
    price = trailing_px(order, market, now)
    moved = price - (order.stop_px or 0)
    return price if (moved > 0 if falls(order) else moved < 0) else None


def pegged_price(order: Order | PlaceOrder, side: Side, market: Market) -> int | None:
    """Return the price of a Pegged order in ticks as of now; None when there is nothing to peg to.

    Near touch, far touch, their middle or a last price, plus the offset. Between two ticks it is
    rounded away from the market, so that no peg takes what it did not ask for.
    """
    tick = market.maths.tick_pico
    bid, ask = _best(market, Side.BUY), _best(market, Side.SELL)
    near, far = (bid, ask) if side is Side.BUY else (ask, bid)
    twice: int | None = None
    match order.peg_price_type:
        case "PrimaryPeg":
            twice = None if near is None else 2 * near
        case "MarketPeg":
            twice = None if far is None else 2 * far
        case "MidPricePeg":
            twice = None if bid is None or ask is None else bid + ask
        case _:
            pico = named_price(order, market)
            twice = (
                None
                if not pico
                else (2 * pico // tick if side is Side.BUY else -(-2 * pico // tick))
            )
    if twice is None:
        return None
    ticks = twice // 2 if side is Side.BUY else -(-twice // 2)
    return ticks + (order.peg_offset or 0)


def _best(market: Market, side: Side) -> int | None:
    """Return the best visible price of a side, not counting orders that follow it themselves."""
    book = market.book
    if not market.pegs:
        return book.best_bid() if side is Side.BUY else book.best_ask()
    pegs: dict[int, int] = {}
    for order in market.pegs.values():
        if order.level is not None and order.side is side:
            pegs[order.price] = pegs.get(order.price, 0) + order.shown
    return next((price for price, size in book.levels(side) if size > pegs.get(price, 0)), None)
