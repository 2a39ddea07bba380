"""A listed instrument with its book, its prices and its volumes."""

from typing import TYPE_CHECKING

from sim_exchange.core.contracts.bands import reticked
from sim_exchange.core.contracts.value import ValueMaths
from sim_exchange.core.guards.guards import guards_of
from sim_exchange.core.orders.book import Book
from sim_exchange.core.orders.order import Order
from sim_exchange.core.orders.recent import RecentTrades
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.treasury.ledger import clearing
from sim_exchange.core.types import (
    FeeSide,
    Kind,
    LossMethod,
    MarkMethod,
    Mode,
    SelfTrade,
    SettlementKind,
    Side,
    State,
    TickDirection,
    rha,
)

if TYPE_CHECKING:
    from sim_exchange.core.orders.account import Position
    from sim_exchange.core.orders.waiting import Waiting

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_MINUS = TickDirection.MINUS
_ZERO_MINUS = TickDirection.ZERO_MINUS
_ZERO_PLUS = TickDirection.ZERO_PLUS
_PLUS = TickDirection.PLUS
_BUY = Side.BUY


class Market:
    """One tradable instrument; readers see it as ``views.MarketLike``.

    ``listed_no`` counts its listings: what was planned for an earlier one is void. ``mark_value``
    is the value of one lot at the mark. ``longs`` and ``shorts`` are the sums of
    the positions of either sign, kept apart so that they can be compared. ``limit_down`` and
    ``limit_up`` are ticks, None without a band; ``due_price`` is what an expired contract settles
    at when it can; ``notional`` is the value of one lot of an option at its highest price.
    """

    __slots__ = (
        "band_ppm",
        "book",
        "cancels_self_trades",
        "changed_ns",
        "clearing",
        "dear_above",
        "dear_below",
        "dividend",
        "due_price",
        "fair_basis",
        "fair_basis_rate_ppm",
        "fat_finger_ppm",
        "fee_on_received",
        "follows_last",
        "funding_interval_ns",
        "funding_owed",
        "funding_ppm",
        "guards",
        "has_liquidity",
        "impact_ask",
        "impact_bid",
        "impact_mid",
        "index",
        "index_price",
        "indicative_funding_ppm",
        "indicative_settle",
        "is_equalised",
        "is_fair_marked",
        "is_index_stale",
        "is_off_trades",
        "is_perpetual",
        "is_spot",
        "knocked_out",
        "last_direction",
        "last_price",
        "limit_down",
        "limit_up",
        "limits_shorts",
        "listed_no",
        "longs",
        "maker_ppm",
        "mark",
        "mark_method",
        "mark_value",
        "maths",
        "minute_mark",
        "mode",
        "next_funding_ns",
        "notional",
        "open_interest",
        "open_value",
        "option",
        "pegs",
        "positions",
        "prev_close_pico",
        "rates",
        "recent",
        "seen_index",
        "settled_adjustment_ppm",
        "settled_price",
        "shorts",
        "spec",
        "speed_bump",
        "state",
        "symbol",
        "taker_ppm",
        "total_turnover",
        "total_volume",
        "usual_epoch",
        "waiting",
    )

    def __init__(self, index: int, spec: InstrumentSpec) -> None:
        self.index = index
        self.listed_no = 0
        self.relist(spec)

    def relist(self, spec: InstrumentSpec) -> None:
        """Start afresh under ``spec``, in the same row of the instrument table."""
        self.listed_no += 1
        self.spec = spec
        self.symbol = spec.symbol
        self.clearing = clearing(spec.symbol)  # the ledger account of its trade PNL
        self.maths = ValueMaths(spec)
        self.option = spec.option
        self.limits_shorts = spec.option is not None or spec.short_cap > 0
        self.dividend = spec.dividend
        self.notional = self.maths.at_ticks(spec.max_price_ticks) if spec.option is not None else 0
        self.book = Book()
        self.waiting: Waiting | None = None  # the orders that don't rest yet, where there are any
        self.pegs: dict[int, Order] = {}  # those that follow the market
        self.state = State.UNLISTED
        self.mode = Mode.OPEN
        self.is_spot = spec.kind is Kind.SPOT
        self.is_equalised = spec.loss_method is LossMethod.DPE
        self._relist_fixings(spec)
        self.rates: dict[tuple[int, int, str], tuple[int, ...]] = {}
        """Rates by risk limit, leverage and fee plan: one set of numbers for all who have them."""
        self.positions: dict[int, Position] = {}
        """By account; flat ones included."""
        self.maker_ppm = spec.maker_fee_ppm
        self.taker_ppm = spec.taker_fee_ppm
        self.band_ppm = spec.touch_band_ppm
        self.fat_finger_ppm = spec.fat_finger_ppm
        self.cancels_self_trades = spec.self_trade is SelfTrade.CANCEL_INCOMING
        self.fee_on_received = spec.fee_side is FeeSide.RECEIVED
        self.guards = guards_of(spec)
        self.speed_bump = spec.speed_bump
        self.last_price = 0
        self.last_direction: TickDirection | None = None
        self.open_interest = 0
        self.open_value = 0
        self.longs = 0
        self.shorts = 0
        self.total_volume = 0
        self.total_turnover = 0
        self.settled_price = 0
        self.settled_adjustment_ppm = 0
        self.due_price: int | None = None
        self.knocked_out = False
        self.limit_down: int | None = None
        self.limit_up: int | None = None
        self.prev_close_pico = 0
        self.recent = RecentTrades() if spec.settlement_kind is SettlementKind.VWAP else None
        self.changed_ns = 0
        self.usual_epoch = self.dear_above = self.dear_below = -1
        """Kept by ``quick.py``: the epoch of the state in which it last found the market usual, and
        above which tick buys and below which tick sells were dearer than a fair mark then."""

    def respec(self, spec: InstrumentSpec) -> None:
        """Go on under ``spec``: other fees, margins, tick, index, band or difficulty.

        Whoever calls brings the prices of orders and the positions in line.
        """
        before, method = self.spec.tick_pico, self.spec.mark_method
        self.spec = spec
        self.rates.clear()
        if spec.mark_method is not method:
            self.set_mark_method(spec.mark_method)
        self.maker_ppm = spec.maker_fee_ppm
        self.taker_ppm = spec.taker_fee_ppm
        self.band_ppm = spec.touch_band_ppm
        self.dividend = spec.dividend
        self.fat_finger_ppm = spec.fat_finger_ppm
        if spec.tick_pico != before:
            self.maths = ValueMaths(spec)
            if self.limit_down is not None and self.limit_up is not None:
                limits = reticked(self.limit_down, self.limit_up, before, spec.tick_pico)
                self.limit_down, self.limit_up = limits
            if self.guards is not None:
                self.guards.retick(before, spec.tick_pico)
            # Shown at the nearest tick there is now.
            self.last_price = rha(self.last_price * before, spec.tick_pico)

    def _relist_fixings(self, spec: InstrumentSpec) -> None:
        self.set_mark_method(spec.mark_method)
        self.mark = 0
        self.mark_value = 0
        self.minute_mark = 0  # as the minute before ended
        self.index_price = 0
        self.seen_index = 0  # what the index was when the mark was found, in its own decimals
        self.is_index_stale = False
        """Whether nothing counts of its reference index, so that the index holds its value (E9)."""
        self.indicative_settle = 0
        self.fair_basis = 0
        self.fair_basis_rate_ppm = 0
        self.impact_bid = 0
        self.impact_mid = 0
        self.impact_ask = 0
        self.has_liquidity = False
        self.funding_ppm = 0
        self.indicative_funding_ppm = 0
        self.next_funding_ns = 0
        self.funding_owed = False  # its instant fell into a halt
        self.change_funding_interval(spec.funding_interval_ns or 0)

    def set_mark_method(self, method: MarkMethod) -> None:
        """Choose where the mark comes from; it does not move by that."""
        self.mark_method = method
        self.is_fair_marked = method is MarkMethod.FAIR
        self.follows_last = method in {MarkMethod.LAST, MarkMethod.LAST_PROTECTED}
        # Nobody funds a gap to such a mark (E5), and it does not go where an order trades.
        self.is_off_trades = method in {MarkMethod.INDEX, MarkMethod.LAST_PROTECTED}

    def change_funding_interval(self, interval_ns: int) -> None:
        """Choose how often it is funded; 0 = never."""
        self.funding_interval_ns = interval_ns
        self.is_perpetual = interval_ns > 0

    def breaker_reference(self, now_ns: int) -> int:
        """Return the close that today's falls are measured from, ticks; 0 = none, or no breaker."""
        breaker = None if self.guards is None else self.guards.breaker
        return 0 if breaker is None else breaker.reference(now_ns, self.last_price)

    def engine_floor(self, side: Side, now_ns: int) -> int:
        """Return the lowest price in ticks at which the engine trades on ``side`` now; 0 = any."""
        return 0 if self.guards is None else self.guards.floor(side, now_ns, self.last_price)

    def set_mark(self, mark: int) -> None:
        """Take a new mark price, in 10**-mark_decimals."""
        self.mark = mark
        self.mark_value = self.maths.at_mark(mark)
        self.value_open_interest()

    def value_open_interest(self) -> None:
        """Bring the value of the open interest up to date with the mark."""
        self.open_value = self.open_interest // self.spec.lot_size * self.mark_value

    def moved(self, before: int, after: int) -> None:
        """Take note that one position went from ``before`` to ``after``."""
        if before >= 0 and after >= 0:
            self.longs += after - before
        elif before <= 0 and after <= 0:
            self.shorts += before - after
        elif after < 0:
            self.longs -= before
            self.shorts -= after
        else:
            self.longs += after
            self.shorts += before

    def direction_of(self, price: int) -> TickDirection:
        """Return the tick direction of a trade at ``price`` ticks after the trades so far."""
        last = self.last_price
        if price > last:
            return _PLUS if last else _ZERO_PLUS
        if price < last:
            return _MINUS
        before = self.last_direction
        if before is _MINUS or before is _ZERO_MINUS:
            return _ZERO_MINUS
        return _ZERO_PLUS

    def in_band(self, price: int) -> int:
        """Return the price in ticks that is nearest to ``price`` within the band."""
        if self.limit_up is not None:
            price = min(price, self.limit_up)
        if self.limit_down is not None:
            price = max(price, self.limit_down)
        return price

    def open_orders(self) -> list[Order]:
        """Return the orders that rest, as the book has them, then those that wait, oldest first."""
        resting = self.book.orders()
        return resting if self.waiting is None else [*resting, *self.waiting.orders.values()]

    def touch_limit(self, side: Side) -> int | None:
        """Return the worst price in ticks that a spot order of ``side`` may have (E23).

        20 % through the touch, rounded inward; None where there is no band or no touch.
        """
        if not self.band_ppm:
            return None
        if side is _BUY:
            best = self.book.asks.best()
            return None if best is None else best * (10**6 + self.band_ppm) // 10**6
        best = self.book.bids.best()
        return None if best is None else -(-best * (10**6 - self.band_ppm) // 10**6)

    def fat_finger_limit(self, side: Side) -> int | None:
        """Return how far in ticks a Market order of ``side`` may go (E21).

        A buy to 5 % over the higher of best ask and mark, a sell to 5 % under the lower of best bid
        and mark, rounded inward; None where the rule is off or there is neither price.
        """
        if not self.fat_finger_ppm:
            return None
        tick = self.maths.tick_pico
        touch = self.book.best_ask() if side is _BUY else self.book.best_bid()
        prices = [
            price for price in ((touch or 0) * tick, self.maths.mark_to_pico(self.mark)) if price
        ]
        if not prices:
            return None
        if side is _BUY:
            return max(prices) * (10**6 + self.fat_finger_ppm) // (10**6 * tick)
        return -(-min(prices) * (10**6 - self.fat_finger_ppm) // (10**6 * tick))

    def is_fat_finger(self, side: Side, price: int, qty: int) -> bool:
        """Whether a limit goes further than a Market order may, for more than the touch has."""
        limit = self.fat_finger_limit(side)
        if limit is None or price * side <= limit * side:
            return False
        touch = self.book.best_ask() if side is _BUY else self.book.best_bid()
        return touch is None or qty > self.book.size_at(side.other, touch)
