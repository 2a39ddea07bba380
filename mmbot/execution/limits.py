"""What we refuse to send: sizes, prices and positions beyond the settings."""

from collections.abc import Sequence
from dataclasses import dataclass

from mmbot.errors import StrategyError
from mmbot.strategy.api import Level, Quotes
from mmbot.types import Instrument, Side, to_ticks

Ladder = tuple[tuple[int, int], ...]
"""(price in ticks, contracts), best first."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of this instant, in contracts and quote currency."""

    capacity: int  # contracts that this side may still add to the position, all orders together
    max_order_qty: int
    low: float  # prices outside [low, high] are not sent
    high: float
    passive: int | None  # best price of others on the other side, in ticks; None = nobody


def check_quotes(quotes: object) -> Quotes:
    """Return ``quotes`` when it is a quote.

    Raises:
        StrategyError: it is not ``Quotes``, or a level has no finite positive price, no positive
            whole size, or bids and asks cross.
    """
    if not isinstance(quotes, Quotes):
        raise StrategyError(f"quote() must return Quotes, not {type(quotes).__name__}")
    for level in (*quotes.bids, *quotes.asks):
        if level.size <= 0 or level.size != int(level.size):
            raise StrategyError(f"{level!r} has no whole size above 0")
        if not 0 < level.price < float("inf"):
            raise StrategyError(f"{level!r} has no finite price above 0")
    if quotes.bids and quotes.asks:
        bid, ask = max(b.price for b in quotes.bids), min(a.price for a in quotes.asks)
        if bid >= ask:
            raise StrategyError(f"the quote crosses itself: bid {bid} is not below ask {ask}")
    return quotes


def clip(
    levels: Sequence[Level], side: Side, instrument: Instrument, bounds: Bounds
) -> tuple[Ladder, str]:
    """Return one side of a quote as it may be sent, and why it is less than wished ("" = it isn't).

    Prices are rounded outward to ticks, kept from taking, and levels of one price are merged; the
    sizes are cut from the outside in, so that the best prices stay.
    """
    room, why = bounds.capacity, ""
    kept: dict[int, int] = {}
    for level in sorted(levels, key=lambda level: -side * level.price):
        price = to_ticks(level.price, side, instrument.tick)
        if bounds.passive is not None and (price - bounds.passive) * side >= 0:
            price = bounds.passive - side
        if price <= 0 or not bounds.low <= instrument.price(price) <= bounds.high:
            why = f"price {level.price:.8g} is outside {bounds.low:.8g} to {bounds.high:.8g}"
            continue
        most = min(room, bounds.max_order_qty - kept.get(price, 0))
        size = min(level.size, most) // instrument.lot_size * instrument.lot_size
        if size < level.size and size == room // instrument.lot_size * instrument.lot_size:
            why = "position limit"
        elif size < level.size:
            why = why or f"order size limit {bounds.max_order_qty}"
        if size > 0:
            kept[price] = kept.get(price, 0) + size
            room -= size
    return tuple(kept.items()), why


def keep_apart(bids: Ladder, asks: Ladder, ticks: int = 2) -> tuple[Ladder, Ladder]:
    """Widen a quote whose best prices are less than ``ticks`` apart, outward on both sides.

    >>> keep_apart(((100, 5),), ((101, 5),))
    (((99, 5),), ((101, 5),))
    """
    if not bids or not asks or asks[0][0] - bids[0][0] >= ticks:
        return bids, asks
    lack = ticks - (asks[0][0] - bids[0][0])
    down, up = (lack + 1) // 2, lack // 2
    low, high = bids[0][0] - down, asks[0][0] + up
    return _at_most(bids, low, Side.BUY), _at_most(asks, high, Side.SELL)


def _at_most(levels: Ladder, best: int, side: Side) -> Ladder:
    merged: dict[int, int] = {}
    for price, size in levels:
        moved = min(price, best) if side is Side.BUY else max(price, best)
        if moved > 0:
            merged[moved] = merged.get(moved, 0) + size
    return tuple(merged.items())
