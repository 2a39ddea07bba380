"""Pictures as inline SVG: axes, bands, lines, markers; colours come from the page's style sheet.

A chart is drawn in a box of 1000 x ``height`` units that scales with the page. Every mark carries a
class and no colour, so that one drawing is right in light, in dark and on paper. What the pointer
reads out travels beside the drawing as JSON (``Chart.data``); without scripts the picture is whole.

Instants are ns since the epoch on x; y is whatever the chart is of, None = a gap.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from html import escape
from math import ceil, floor, isfinite, log10

import msgspec

from mmbot.types import MINUTE_NS, SECOND_NS, Side
from mmbot.view.words import clock

WIDTH = 1000
LEFT, RIGHT, TOP, BOTTOM = 78, 14, 10, 26
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
TIME_STEPS = (
    *(SECOND_NS * n for n in (1, 5, 10, 30)),
    *(MINUTE_NS * n for n in (1, 2, 5, 10, 15, 30)),
    *(HOUR_NS * n for n in (1, 2, 3, 6, 12)),
    *(DAY_NS * n for n in (1, 2, 7, 14, 30, 90, 365)),
)
BUCKETS = 900
"""Points that a series keeps: about one a pixel."""

Values = Sequence[float | None]


class Series(msgspec.Struct, kw_only=True):
    """One named row of values; ``shown`` says how a value is spelt when it is pointed at."""

    name: str
    css: str
    values: Values
    shown: Callable[[float], str]


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A fill: where, which way, and what its title says; ``size`` is the radius in units."""

    at_ns: int
    y: float
    side: Side
    title: str
    size: float = 4.0
    css: str = ""


class Thin:
    """Keeps the last of what falls into each of ``count`` equal spans of time."""

    def __init__(self, start_ns: int, end_ns: int, count: int = BUCKETS) -> None:
        self._start_ns = start_ns
        self._step_ns = max(1, (end_ns - start_ns) // count)
        self._bucket = -1

    def starts_new(self, at_ns: int) -> bool:
        """Whether ``at_ns`` falls into another span than the one before."""
        bucket = (at_ns - self._start_ns) // self._step_ns
        changed, self._bucket = bucket != self._bucket, bucket
        return changed


class Chart:
    """A picture over time; draw from back to front, then ``svg``."""

    def __init__(
        self,
        start_ns: int,
        end_ns: int,
        low: float,
        high: float,
        *,
        height: int = 300,
        y_label: Callable[[float], str] | None = None,
    ) -> None:
        """Span ``start_ns`` to ``end_ns`` and at least ``low`` to ``high``."""
        if not (isfinite(low) and isfinite(high)):
            low, high = 0.0, 1.0
        if high <= low:
            low, high = low - (abs(low) or 1) * 0.01, high + (abs(high) or 1) * 0.01
        self.start_ns, self.end_ns = start_ns, max(end_ns, start_ns + 1)
        self.ticks = nice_ticks(low, high)
        pad = (high - low) * 0.04
        self.low, self.high = low - pad, high + pad
        self.height = height
        self._y_label = y_label or plain_label(self.ticks)
        self._marks: list[str] = []
        self._series: list[Series] = []
        self._times: Sequence[int] = ()

    def x(self, at_ns: int) -> float:
        """Return where an instant is."""
        share = (at_ns - self.start_ns) / (self.end_ns - self.start_ns)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Return where a value is."""
        share = (value - self.low) / (self.high - self.low)
        return self.height - BOTTOM - share * (self.height - TOP - BOTTOM)

    def shade(self, start_ns: int, end_ns: int, title: str) -> None:
        """Shade a span of time."""
        left, right = self.x(max(start_ns, self.start_ns)), self.x(min(end_ns, self.end_ns))
        self._marks.append(
            f'<rect class="window" x="{left:.1f}" y="{TOP}" width="{max(1.0, right - left):.1f}" '
            f'height="{self.height - TOP - BOTTOM}"><title>{escape(title)}</title></rect>'
        )

    def level(self, value: float, css: str) -> None:
        """Draw a horizontal line."""
        self._marks.append(f'<path class="{css}" d="M{LEFT} {self.y(value):.1f}H{WIDTH - RIGHT}"/>')

    def band(self, times: Sequence[int], lows: Values, highs: Values, css: str) -> None:
        """Fill between two rows of values, in steps; a gap where either is None."""
        for run in _runs(times, lows, highs):
            xs = [self.x(at_ns) for at_ns, _ in run]
            upper = _steps(xs, [self.y(pair[1]) for _, pair in run])
            lower = _steps(xs, [self.y(pair[0]) for _, pair in run])
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in [*upper, *reversed(lower)])
            self._marks.append(f'<polygon class="{css}" points="{points}"/>')

    def area(self, times: Sequence[int], values: Values, css: str) -> None:
        """Fill between a row of values and zero, in steps."""
        self.band(times, [None if v is None else min(v, 0.0) for v in values],
                  [None if v is None else max(v, 0.0) for v in values], css)  # fmt: skip

    def line(self, times: Sequence[int], values: Values, css: str, *, steps: bool = False) -> None:
        """Draw a row of values; a gap where one is None."""
        for run in _runs(times, values):
            points = [(self.x(at_ns), self.y(pair[0])) for at_ns, pair in run]
            if steps:
                points = _steps([x for x, _ in points], [y for _, y in points])
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            self._marks.append(f'<polyline class="line {css}" points="{path}"/>')

    def marks(self, marks: Iterable[Mark]) -> None:
        """Draw fills: a triangle up for a buy, down for a sale."""
        for mark in marks:
            x, y, r = self.x(mark.at_ns), self.y(mark.y), mark.size
            way = r if mark.side is Side.BUY else -r
            css = mark.css or ("buy" if mark.side is Side.BUY else "sell")
            self._marks.append(
                f'<path class="mark {css}" d="M{x:.1f} {y - way:.1f}l{r:.1f} {1.8 * way:.1f}'
                f'h{-2 * r:.1f}z"><title>{escape(mark.title)}</title></path>'
            )

    def points_at(self, times: Sequence[int], series: Sequence[Series]) -> None:
        """Say what the pointer reads out over the picture."""
        self._times, self._series = times, list(series)

    def svg(self, title: str) -> str:
        """Return the drawing with its axes; ``title`` is what a screen reader says."""
        bottom = self.height - BOTTOM
        axes = []
        for value in self.ticks:
            y = self.y(value)
            css = "zero" if value == 0 else "grid"
            axes.append(f'<path class="{css}" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
            label = escape(self._y_label(value))
            axes.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
        for at_ns, label in time_ticks(self.start_ns, self.end_ns):
            x = self.x(at_ns)
            axes.append(f'<path class="grid" d="M{x:.1f} {TOP}V{bottom}"/>')
            axes.append(
                f'<text x="{x:.1f}" y="{self.height - 8}" text-anchor="middle">{label}</text>'
            )
        return (
            f'<svg viewBox="0 0 {WIDTH} {self.height}" role="img" aria-label="{escape(title)}">'
            f"{''.join(axes)}{''.join(self._marks)}"
            f'<path class="cursor" d="M0 {TOP}V{bottom}"/></svg>'
        )

    def data(self) -> str:
        """Return as JSON what the pointer reads out: places, spellings, names, classes."""
        rows = [
            {
                "name": series.name,
                "css": series.css,
                "shown": [None if v is None else series.shown(v) for v in series.values],
            }
            for series in self._series
        ]
        content = {
            "x": [round(self.x(at_ns), 1) for at_ns in self._times],
            "at": [clock(at_ns, "%a %d %b %H:%M") for at_ns in self._times],
            "rows": rows,
        }
        # "</" would end the script element that holds it.
        return msgspec.json.encode(content).decode().replace("</", "<\\/")


def bounds(*rows: Iterable[float | None]) -> tuple[float, float]:
    """Return the least and the greatest of all values; (0, 1) when there is none.

    >>> bounds([1.0, None, 3.0], [2.0]), bounds([])
    ((1.0, 3.0), (0.0, 1.0))
    """
    values = [value for row in rows for value in row if value is not None]
    return (min(values), max(values)) if values else (0.0, 1.0)


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return round values between ``low`` and ``high``, about ``count`` of them.

    >>> nice_ticks(0.0, 1.0), nice_ticks(-3.0, 7.0)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [-2.0, 0.0, 2.0, 4.0, 6.0])
    """
    step = (high - low) / count
    unit = 10.0 ** floor(log10(step))
    nice = next(unit * n for n in (1, 2, 2.5, 5, 10) if unit * n >= step * 0.999)
    first, last = ceil(low / nice - 1e-9), floor(high / nice + 1e-9)
    digits = max(0, 2 - floor(log10(nice)))
    return [round(nice * n, digits) + 0.0 for n in range(first, last + 1)]


def plain_label(ticks: Sequence[float]) -> Callable[[float], str]:
    """Return how to spell ticks: as many decimals as their step needs.

    >>> label = plain_label([0.0, 0.005, 0.01])
    >>> label(0.005), label(0)
    ('0.005', '0.000')
    """
    step = ticks[1] - ticks[0] if len(ticks) > 1 else abs(ticks[0]) if ticks else 1.0
    decimals = 0
    while decimals < 10 and abs(round(step, decimals) - step) > step * 1e-6:
        decimals += 1
    return lambda value: f"{value:,.{decimals}f}"


def time_ticks(start_ns: int, end_ns: int, count: int = 8) -> list[tuple[int, str]]:
    """Return round instants of UTC with their labels, at most about ``count``.

    >>> start = 1_515_758_400 * 10**9
    >>> [label for _, label in time_ticks(start, start + 30 * MINUTE_NS)]
    ['12:00', '12:05', '12:10', '12:15', '12:20', '12:25', '12:30']
    """
    steps = [step for step in TIME_STEPS if (end_ns - start_ns) / step <= count]
    step = steps[0] if steps else TIME_STEPS[-1]
    form = "%a %d %b" if step >= DAY_NS else "%H:%M" if step >= MINUTE_NS else "%H:%M:%S"
    first = -(-start_ns // step) * step
    return [(at_ns, clock(at_ns, form)) for at_ns in range(first, end_ns + 1, step)]


def value_at(times: Sequence[int], values: Values, at_ns: int) -> float | None:
    """Return the last of ``values`` at or before an instant, None before the first."""
    index = bisect_right(times, at_ns) - 1
    return values[index] if index >= 0 else None


def _runs(times: Sequence[int], *rows: Values) -> Iterable[list[tuple[int, tuple[float, ...]]]]:
    """Yield stretches of time over which every row has a value."""
    run: list[tuple[int, tuple[float, ...]]] = []
    for at_ns, *values in zip(times, *rows, strict=True):
        whole = tuple(value for value in values if value is not None)
        if len(whole) == len(values):
            run.append((at_ns, whole))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _steps(xs: Sequence[float], ys: Sequence[float]) -> list[tuple[float, float]]:
    """Return the corners of a line that holds each value until the next."""
    points: list[tuple[float, float]] = []
    for index, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if index:
            points.append((x, ys[index - 1]))
        points.append((x, y))
    return points
