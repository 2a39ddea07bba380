"""Quality of an account's quotes (E21): how many are filled, how many stand behind what it trades.

A quote is a new order or an amend of one. It is filled once, by an execution of any size. Days and
hours are those of the calendar, UTC; ratios are exact.
"""

from collections import deque
from fractions import Fraction

import msgspec

from sim_exchange.core.events import Executed
from sim_exchange.core.types import DAY_NS, HOUR_NS, ExecType

DAYS = 7
"""Days that a fill ratio is pooled over, today included."""
WATCHED_QUOTES = 2_000
"""Only who quotes more than this in a day must reach ``LEAST_RATIO``."""
LEAST_RATIO = Fraction(1, 1_000)
FREE_QUOTES = 2_000
"""Quotes an hour that no volume is asked for; 1,000 when the rule began."""
XBT = 10**8

_NEW, _REPLACED, _TRADE = ExecType.NEW, ExecType.REPLACED, ExecType.TRADE


class Span(msgspec.Struct):
    """What was quoted, filled and traded (XBt) in one day or hour; ``number`` since the epoch."""

    number: int
    quotes: int = 0
    fills: int = 0
    volume: int = 0


class Quality:
    """The quotes of one account; it is told of every execution report."""

    __slots__ = ("_days", "_filled", "_hours")

    def __init__(self) -> None:
        """Start without a quote."""
        self._days: deque[Span] = deque(maxlen=DAYS)
        self._hours: deque[Span] = deque(maxlen=2)
        self._filled: dict[int, bool] = {}  # open orders: whether the quote of now was filled

    def add(self, event: Executed, *, in_xbt: bool) -> None:
        """Count an execution report; ``in_xbt``: its cost is in XBt."""
        kind = event.exec_type
        order = event.order_id
        if not order:
            return  # the venue's own
        if kind is _NEW or kind is _REPLACED:
            self._filled[order] = False
            for span in self._spans(event.at_ns):
                span.quotes += 1
        elif kind is _TRADE:
            fresh = not self._filled.get(order, True)
            for span in self._spans(event.at_ns):
                span.fills += fresh
                span.volume += abs(event.exec_cost) if in_xbt else 0
            if fresh:
                self._filled[order] = True
        if not event.leaves_qty:
            self._filled.pop(order, None)

    def day(self, now_ns: int) -> Span:
        """Return today so far."""
        return self._span(self._days, now_ns // DAY_NS)

    def hour(self, now_ns: int) -> Span:
        """Return this hour so far."""
        return self._span(self._hours, now_ns // HOUR_NS)

    def week(self, now_ns: int) -> Span:
        """Return the last seven days together, today included."""
        today = now_ns // DAY_NS
        kept = [span for span in self._days if span.number > today - DAYS]
        return Span(today, sum(s.quotes for s in kept), sum(s.fills for s in kept))

    def fill_ratio(self, now_ns: int) -> Fraction | None:
        """Return QFR: quotes filled of those submitted in seven days; None without a quote."""
        week = self.week(now_ns)
        return Fraction(week.fills, week.quotes) if week.quotes else None

    def is_poor(self, now_ns: int) -> bool:
        """Whether too few of many quotes are filled."""
        ratio = self.fill_ratio(now_ns)
        return (
            ratio is not None and self.day(now_ns).quotes > WATCHED_QUOTES and ratio < LEAST_RATIO
        )

    def value_ratio(self, now_ns: int, free: int = FREE_QUOTES) -> Fraction | None:
        """Return QVR: quotes of this hour beyond the free ones, for each XBT traded in it.

        None, which is infinite, where nothing was traded.
        """
        hour = self.hour(now_ns)
        if not hour.volume:
            return None
        return Fraction(max(0, hour.quotes - free) * XBT, hour.volume)

    def _spans(self, at_ns: int) -> tuple[Span, Span]:
        spans = []
        for kept, number in ((self._days, at_ns // DAY_NS), (self._hours, at_ns // HOUR_NS)):
            if not kept or kept[-1].number != number:
                kept.append(Span(number))
            spans.append(kept[-1])
        return spans[0], spans[1]

    def _span(self, kept: deque[Span], number: int) -> Span:
        return kept[-1] if kept and kept[-1].number == number else Span(number)
