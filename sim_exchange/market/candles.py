"""Five-minute candle files: read whole, checked row by row, holes filled by carrying the price.

A file is called ``X_XBT-5m.csv``, X being the coin; line 1 is the header
``timestamp,open,high,low,close,volume``; a row's timestamp is the start of its bar, prices are in
XBT. A hole of up to 24 hours is filled with bars at the last close and told as a ``Gap``.
"""

import csv
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

import msgspec

from sim_exchange.core.types import DAY_NS, HOUR_NS, MINUTE_NS, PICO, SECOND_NS
from sim_exchange.errors import CandleError, SettingsError

BAR_NS = 5 * MINUTE_NS
WEEK_NS = 7 * DAY_NS
HEADER = ("timestamp", "open", "high", "low", "close", "volume")
LONGEST_HOLE_NS = 24 * HOUR_NS

DATA = Path(__file__).parent / "data"
BUNDLED = DATA / "ETC_XBT-5m.csv"

_NAME = re.compile(r"([A-Z0-9]{2,10})_XBT-5m\.csv")
_DEAREST = 1_000  # XBT; the spot market takes no higher price
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Friday 2 January 1970, 12:00 UTC.
_FIRST_FRIDAY_NOON_NS = DAY_NS + 12 * HOUR_NS


class Bar(msgspec.Struct, frozen=True):
    """One five-minute bar; prices in pico XBT."""

    start_ns: int
    open: int
    high: int
    low: int
    close: int


class Gap(msgspec.Struct, frozen=True):
    """``missing`` bars were absent from ``start_ns`` on; ``line`` is the row that came next."""

    start_ns: int
    missing: int
    line: int


class Candles(msgspec.Struct, frozen=True):
    """A checked file: one bar every five minutes without a hole, oldest first, never empty."""

    path: str
    coin: str
    bars: tuple[Bar, ...]
    gaps: tuple[Gap, ...]

    @property
    def start_ns(self) -> int:
        """Start of the first bar."""
        return self.bars[0].start_ns

    @property
    def end_ns(self) -> int:
        """End of the last bar."""
        return self.bars[-1].start_ns + BAR_NS

    @property
    def listing_ns(self) -> int:
        """The first Friday 12:00 UTC in the file."""
        return friday_noon(self.start_ns)

    @property
    def weeks(self) -> int:
        """Whole weeks from ``listing_ns`` on, at least 1."""
        return (self.end_ns - self.listing_ns) // WEEK_NS


def friday_noon(at_ns: int) -> int:
    """Return the first Friday 12:00 UTC at or after an instant.

    >>> friday_noon(0) == 36 * HOUR_NS
    True
    >>> friday_noon(friday_noon(1)) == friday_noon(1)
    True
    """
    weeks = -((_FIRST_FRIDAY_NOON_NS - at_ns) // WEEK_NS)
    return _FIRST_FRIDAY_NOON_NS + weeks * WEEK_NS


def coin_of(path: Path) -> str:
    """Return the coin that a candle file's name gives.

    Raises:
        SettingsError: the name is not ``X_XBT-5m.csv``.
    """
    match = _NAME.fullmatch(path.name)
    if match is None or match[1] == "XBT":
        raise SettingsError(
            f"candles {path}: a candle file is named COIN_XBT-5m.csv,"
            " COIN being 2 to 10 capital letters or digits"
        )
    return match[1]


def load(path: Path) -> Candles:
    """Read and check a candle file.

    Raises:
        CandleError: a bad row (with its line), or fewer than 7 days from the first Friday noon on.
        SettingsError: a name that gives no coin, or a file that can't be read.
    """
    coin = coin_of(path)
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"candles {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CandleError(str(path), 1, "not a text file") from error
    bars, gaps, line = _parse(str(path), text)
    candles = Candles(str(path), coin, tuple(bars), tuple(gaps))
    if candles.end_ns < candles.listing_ns + WEEK_NS:
        raise CandleError(
            str(path),
            line,
            f"the file ends at {_iso(candles.end_ns)}, fewer than 7 days after its first"
            f" Friday 12:00 UTC ({_iso(candles.listing_ns)})",
        )
    return candles


def warnings(candles: Candles) -> list[str]:
    """One sentence a hole that was filled, oldest first; may be empty."""
    return [
        f"{candles.path}, line {gap.line}: {gap.missing} bars missing from {_iso(gap.start_ns)} on,"
        " price carried"
        for gap in candles.gaps
    ]


def _parse(path: str, text: str) -> tuple[list[Bar], list[Gap], int]:
    rows = csv.reader(text.splitlines(), strict=True)
    bars: list[Bar] = []
    gaps: list[Gap] = []
    try:
        header = next(rows, None)
        if header is None or tuple(header) != HEADER:
            raise CandleError(path, 1, f"the header must be {','.join(HEADER)}")
        for row in rows:
            bar = _bar(path, rows.line_num, row)
            if bars:
                _check_order(path, rows.line_num, bars[-1], bar)
                _fill(bars, gaps, bar, rows.line_num)
            bars.append(bar)
    except csv.Error as error:
        raise CandleError(path, rows.line_num, str(error)) from error
    if not bars:
        raise CandleError(path, 2, "the file has no rows")
    return bars, gaps, rows.line_num


def _bar(path: str, line: int, row: list[str]) -> Bar:
    if len(row) != len(HEADER):
        raise CandleError(path, line, f"{len(row)} fields instead of {len(HEADER)}")
    start_ns = _instant(path, line, row[0])
    o, h, low, c = (
        _price(path, line, name, field) for name, field in zip(HEADER[1:5], row[1:5], strict=True)
    )
    volume = _number(path, line, "volume", row[5])
    if volume < 0:
        raise CandleError(path, line, f"volume {row[5]} is negative")
    if not low <= min(o, c) <= max(o, c) <= h:
        raise CandleError(
            path,
            line,
            f"inconsistent: low {row[3]} <= open {row[1]}, close {row[4]} <= high {row[2]}"
            " does not hold",
        )
    return Bar(start_ns, o, h, low, c)


def _instant(path: str, line: int, field: str) -> int:
    try:
        when = datetime.fromisoformat(field)
    except ValueError as error:
        raise CandleError(path, line, f"{field!r} is not an ISO 8601 time") from error
    if when.tzinfo is None:
        raise CandleError(path, line, f"time {field!r} has no zone; write it in UTC, ending in Z")
    start_ns = (when - _EPOCH) // timedelta(microseconds=1) * 1_000
    if start_ns % BAR_NS or start_ns < 0:
        raise CandleError(path, line, f"time {field} is not the start of a five-minute bar")
    return start_ns


def _number(path: str, line: int, name: str, field: str) -> Decimal:
    try:
        number = Decimal(field)
    except InvalidOperation as error:
        raise CandleError(path, line, f"{name} {field!r} is not a number") from error
    if not number.is_finite():
        raise CandleError(path, line, f"{name} {field!r} is not a finite number")
    return number


def _price(path: str, line: int, name: str, field: str) -> int:
    price = _number(path, line, name, field)
    if price <= 0:
        raise CandleError(path, line, f"{name} {field} is not positive")
    if price > _DEAREST:
        raise CandleError(path, line, f"{name} {field} XBT for a coin is not believable")
    pico = price * PICO
    if pico != int(pico):
        raise CandleError(path, line, f"{name} {field} has more than 12 decimals")
    return int(pico)


def _check_order(path: str, line: int, last: Bar, bar: Bar) -> None:
    if bar.start_ns == last.start_ns:
        raise CandleError(path, line, f"duplicate of the bar at {_iso(bar.start_ns)}")
    if bar.start_ns < last.start_ns:
        raise CandleError(
            path, line, f"out of order: {_iso(bar.start_ns)} comes after {_iso(last.start_ns)}"
        )
    hole_ns = bar.start_ns - last.start_ns - BAR_NS
    if hole_ns > LONGEST_HOLE_NS:
        raise CandleError(
            path,
            line,
            f"a hole of {hole_ns / HOUR_NS:.1f} hours before {_iso(bar.start_ns)};"
            " at most 24 are carried",
        )


def _fill(bars: list[Bar], gaps: list[Gap], bar: Bar, line: int) -> None:
    start_ns, close = bars[-1].start_ns + BAR_NS, bars[-1].close
    missing = (bar.start_ns - start_ns) // BAR_NS
    if missing:
        gaps.append(Gap(start_ns, missing, line))
        bars.extend(Bar(start_ns + k * BAR_NS, close, close, close, close) for k in range(missing))


def _iso(at_ns: int) -> str:
    when = datetime.fromtimestamp(at_ns // SECOND_NS, UTC)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
