"""When futures are listed and when they expire: Fridays at noon, UTC, by the month codes.

A quarterly expires on the last Friday of March, June, September or December; its symbol is the
root, the month's code and the last two digits of the year: ``XBTH18``.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from sim_exchange.core.types import DAY_NS, SECOND_NS
from sim_exchange.market.candles import WEEK_NS, friday_noon

MONTH_CODES = "FGHJKMNQUVXZ"
"""January to December."""
QUARTERS = "HMUZ"

_SYMBOL = re.compile(rf"([A-Z]+)([{MONTH_CODES}])([0-9]{{2}})")


def last_friday(year: int, month: int) -> int:
    """Return the last Friday of a month at 12:00 UTC, ns since the epoch.

    >>> last_friday(2018, 3) == 1_522_411_200 * 10**9
    True
    """
    following = (year, month + 1) if month < 12 else (year + 1, 1)
    return friday_noon(_midnight(*following)) - WEEK_NS


def expiries(at_ns: int, months: str = QUARTERS) -> Iterator[tuple[str, int]]:
    """Yield (month code and year, expiry) of the contracts that expire after an instant.

    Args:
        at_ns: ns since the epoch.
        months: codes of the months in which there is a contract.

    >>> from itertools import islice
    >>> [name for name, _ in islice(expiries(1_515_758_400 * 10**9), 3)]
    ['H18', 'M18', 'U18']
    """
    date = datetime.fromtimestamp(at_ns // SECOND_NS, UTC)
    year, month = date.year, date.month
    while True:
        code = MONTH_CODES[month - 1]
        if code in months:
            expiry_ns = last_friday(year, month)
            if expiry_ns > at_ns:
                yield f"{code}{year % 100:02}", expiry_ns
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def expiry_of(symbol: str, century: int = 2000) -> int:
    """Return when a contract of this name expires, ns since the epoch.

    >>> expiry_of("XBTH18") == last_friday(2018, 3)
    True

    Raises:
        ValueError: it is no root with a month's code and a year.
    """
    match = _SYMBOL.fullmatch(symbol)
    if match is None:
        raise ValueError(f"symbol {symbol!r} must be a root, a month of {MONTH_CODES}, and a year")
    return last_friday(century + int(match[3]), MONTH_CODES.index(match[2]) + 1)


def _midnight(year: int, month: int) -> int:
    days = (datetime(year, month, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
    return days * DAY_NS
