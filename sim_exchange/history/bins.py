"""Trades summed up: bins of 1m, 5m, 1h and 1d, and the rolling day of an instrument row."""

from collections import deque
from collections.abc import Iterator

import msgspec

from sim_exchange.core.types import DAY_NS, HOUR_NS, MINUTE_NS

BIN_NS = {"1m": MINUTE_NS, "5m": 5 * MINUTE_NS, "1h": HOUR_NS, "1d": DAY_NS}
"""Sizes of bins by their name on the wire."""

# How many non-empty bins of each size are kept for a symbol: a week of minutes, years of days.
_KEPT = {"1m": 11_000, "5m": 6_000, "1h": 4_000, "1d": 2_000}
_WIDTHS = tuple(BIN_NS[name] for name in _KEPT)
_MINUTES_A_DAY = DAY_NS // MINUTE_NS


class Bin(msgspec.Struct, gc=False):
    """Trades of one span; prices in pico, ``end_ns`` exclusive, ``open`` the close before it."""

    symbol: str
    end_ns: int
    open: int
    high: int
    low: int
    close: int
    trades: int = 0
    volume: int = 0
    turnover: int = 0
    last_size: int = 0

    def add(self, price: int, size: int, value: int) -> None:
        """Count one trade (an index tick has size 0)."""
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        if size:
            self.trades += 1
            self.volume += size
            self.turnover += value
            self.last_size = size


class Bins:
    """The bins of one symbol, all sizes; only spans with a trade are stored."""

    def __init__(self, symbol: str) -> None:
        """Start with none."""
        self.symbol = symbol
        self._bins: dict[str, deque[Bin]] = {
            name: deque(maxlen=kept) for name, kept in _KEPT.items()
        }

    def add(self, at_ns: int, price: int, size: int, value: int) -> None:
        """Count one trade in every size of bin."""
        for width, bins in zip(_WIDTHS, self._bins.values(), strict=True):
            last = bins[-1] if bins else None
            if last is not None and last.end_ns - width <= at_ns < last.end_ns:
                if not size and price == last.close:
                    return  # larger sizes hold this span: they know the price as well
                last.add(price, size, value)
                continue
            before = last.close if last is not None else price
            high, low = (price, before) if price > before else (before, price)
            last = Bin(self.symbol, at_ns // width * width + width, before, high, low, price)
            bins.append(last)
            if size:
                last.add(price, size, value)

    def last_closed(self, name: str, now_ns: int) -> Bin | None:
        """Return the newest bin of a size that has ended and is not empty."""
        for item in reversed(self._bins[name]):
            if item.end_ns <= now_ns:
                return item
        return None

    def ended_at(self, name: str, end_ns: int) -> Bin | None:
        """Return the bin of a size that ends at an instant, None when it is empty."""
        for item in reversed(self._bins[name]):
            if item.end_ns <= end_ns:
                return item if item.end_ns == end_ns else None
        return None

    def between(
        self, name: str, start_ns: int, end_ns: int, *, now_ns: int, partial: bool, reverse: bool
    ) -> Iterator[Bin]:
        """Yield all bins, empty ones too, whose end lies in [start_ns, end_ns].

        Args:
            name: size of the bins.
            start_ns: first end; the first trade bounds it.
            end_ns: last end; now bounds it.
            now_ns: the time.
            partial: whether the bin in progress comes as well.
            reverse: newest first.
        """
        stored = self._bins[name]
        if not stored:
            return
        width = BIN_NS[name]
        newest = now_ns // width * width + (width if partial else 0)
        last = min(end_ns // width * width, newest)
        first = max(-(-start_ns // width) * width, stored[0].end_ns)
        if reverse:
            yield from self._backward(stored, width, first, last)
        else:
            yield from self._forward(stored, width, first, last)

    def _forward(self, stored: deque[Bin], width: int, first: int, last: int) -> Iterator[Bin]:
        end = first
        before: Bin | None = None
        for item in list(stored):
            if item.end_ns < end:
                before = item
                continue
            while end < item.end_ns and end <= last:
                if before is not None:
                    yield self._empty(end, before.close)
                end += width
            if end > last:
                return
            yield item
            before = item
            end += width
        while end <= last and before is not None:
            yield self._empty(end, before.close)
            end += width

    def _backward(self, stored: deque[Bin], width: int, first: int, last: int) -> Iterator[Bin]:
        end = last
        for item in reversed(list(stored)):
            while end > item.end_ns and end >= first:
                yield self._empty(end, item.close)
                end -= width
            if end < first:
                return
            if item.end_ns == end:
                yield item
                end -= width

    def _empty(self, end_ns: int, close: int) -> Bin:
        return Bin(self.symbol, end_ns, close, close, close, close)


class Day(msgspec.Struct, frozen=True):
    """Sums over the last 24 hours and over the hour's session; prices in pico, 0 = none."""

    volume: int = 0
    turnover: int = 0
    high: int = 0
    low: int = 0
    previous: int = 0
    session_volume: int = 0
    session_turnover: int = 0


class _Minute(msgspec.Struct, gc=False):
    number: int
    volume: int
    turnover: int
    close: int


class DayStats:
    """The rolling 24 hours of one symbol, kept by minutes."""

    def __init__(self) -> None:
        """Start without a trade."""
        self.at_ns = 0
        self._minutes: deque[_Minute] = deque()
        self._volume = 0
        self._turnover = 0
        self._previous = 0
        self._hour = 0
        self._session_volume = 0
        self._session_turnover = 0
        # (minute, price): what may still be the high or the low once all before it has expired.
        self._highs: deque[tuple[int, int]] = deque()
        self._lows: deque[tuple[int, int]] = deque()

    def add(self, at_ns: int, price: int, size: int, value: int) -> None:
        """Count one trade (an index value has size 0)."""
        self.at_ns = at_ns
        number = at_ns // MINUTE_NS
        minutes = self._minutes
        self._expire(number)
        if minutes and minutes[-1].number == number:
            minute = minutes[-1]
            minute.volume += size
            minute.turnover += value
            minute.close = price
        else:
            minutes.append(_Minute(number, size, value, price))
        self._volume += size
        self._turnover += value
        highs, lows = self._highs, self._lows
        while highs and highs[-1][1] <= price:
            highs.pop()
        if not highs or highs[-1][0] != number:
            highs.append((number, price))
        while lows and lows[-1][1] >= price:
            lows.pop()
        if not lows or lows[-1][0] != number:
            lows.append((number, price))
        self._roll(at_ns)
        self._session_volume += size
        self._session_turnover += value

    def previous(self, now_ns: int) -> int:
        """Return the price of 24 hours ago, pico; 0 = none."""
        self._expire(now_ns // MINUTE_NS)
        return self._previous

    def day(self, now_ns: int) -> Day:
        """Return the sums as of now."""
        self._expire(now_ns // MINUTE_NS)
        self._roll(now_ns)
        return Day(
            self._volume,
            self._turnover,
            self._highs[0][1] if self._highs else 0,
            self._lows[0][1] if self._lows else 0,
            self._previous,
            self._session_volume,
            self._session_turnover,
        )

    def _roll(self, now_ns: int) -> None:
        hour = now_ns // HOUR_NS
        if hour != self._hour:
            self._hour = hour
            self._session_volume = self._session_turnover = 0

    def _expire(self, number: int) -> None:
        minutes, oldest = self._minutes, number - _MINUTES_A_DAY
        if not minutes or minutes[0].number > oldest:
            return
        while minutes and minutes[0].number <= oldest:
            gone = minutes.popleft()
            self._volume -= gone.volume
            self._turnover -= gone.turnover
            self._previous = gone.close
        while self._highs and self._highs[0][0] <= oldest:
            self._highs.popleft()
        while self._lows and self._lows[0][0] <= oldest:
            self._lows.popleft()
