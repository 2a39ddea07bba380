"""The quality of an account's own quotes (E21): quote fill ratio and quote value ratio."""

from sim_exchange.core.types import DAY_NS, HOUR_NS
from sim_exchange.history.quality import DAYS, XBT, Quality
from sim_exchange.server.requests import Request
from sim_exchange.server.venue import Venue
from sim_exchange.wire.rows import Row
from sim_exchange.wire.times import to_iso


def quality_of(venue: Venue, account: int) -> Quality:
    """Return what was counted of an account's quotes, none where nobody follows it."""
    past = venue.history.accounts.get(account)
    return Quality() if past is None else past.quality


def quote_fill_ratio(venue: Venue, request: Request) -> Row:
    """GET /user/quoteFillRatio: today, and the mean of seven days."""
    now = venue.now_ns()
    quality = quality_of(venue, request.account)
    day, week, ratio = quality.day(now), quality.week(now), quality.fill_ratio(now)
    return {
        "date": to_iso(now // DAY_NS * DAY_NS),
        "account": request.account,
        "quoteCount": day.quotes,
        "dealtCount": day.fills,
        "quotesMavg7": week.quotes / DAYS,
        "dealtMavg7": week.fills / DAYS,
        "quoteFillRatioMavg7": None if ratio is None else float(ratio),
    }


def quote_value_ratio(venue: Venue, request: Request) -> Row:
    """GET /user/quoteValueRatio: this hour; null where nothing was traded in it."""
    now = venue.now_ns()
    quality = quality_of(venue, request.account)
    hour, ratio = quality.hour(now), quality.value_ratio(now)
    return {
        "timestamp": to_iso(now // HOUR_NS * HOUR_NS),
        "account": request.account,
        "quoteCount": hour.quotes,
        "volumeXBT": hour.volume / XBT,
        "QVR": None if ratio is None else float(ratio),
    }
