"""What the exchange does by itself when something of its own fails (E31)."""

import structlog

from sim_exchange.core.commands import Announce, SetMode
from sim_exchange.core.types import MINUTE_NS, AnnouncementState, Mode
from sim_exchange.server.venue import Venue
from sim_exchange.wire.times import to_iso

NOTICE_NS = 25 * MINUTE_NS
"""A suspension is announced so long before, at least: at 23:05 one of 23:30."""

_GRID_NS = 5 * MINUTE_NS  # suspensions begin at whole five minutes

log = structlog.get_logger()


def historic_read_failed(venue: Venue, what: str, halt_min: int = 0) -> None:
    """Raise the alarm, and announce a suspension of the engine unless one is coming.

    Args:
        venue: whose.
        what: was read.
        halt_min: how many minutes it lasts; 0 = until the operator says otherwise.
    """
    now_ns = max(venue.exchange.now_ns, venue.now_ns())
    at_ns = -(-(now_ns + NOTICE_NS) // _GRID_NS) * _GRID_NS
    log.error("alarm: a historic read failed", read=what, suspension=to_iso(at_ns))
    if _is_coming(venue):
        return
    until_ns = at_ns + halt_min * MINUTE_NS if halt_min else None
    text = f"Trading is suspended at {to_iso(at_ns)}: historic data could not be read."
    change = SetMode(mode=Mode.HALT, until_ns=until_ns)
    venue.submit(Announce(change=change, effective_ns=at_ns, text=text))
    venue.session.start_sync()


def _is_coming(venue: Venue) -> bool:
    for made in venue.exchange.announcements.values():
        change = made.change
        if (
            made.state is AnnouncementState.PENDING
            and isinstance(change, SetMode)
            and change.mode is Mode.HALT
            and not change.symbol
        ):
            return True
    markets = venue.exchange.markets.values()
    return bool(markets) and all(market.mode is Mode.HALT for market in markets)
