"""Announcements on the wire: what was announced to everybody, by REST and by socket (E32)."""

from collections.abc import Callable

from sim_exchange.core.events import AnnouncementChanged
from sim_exchange.core.types import AnnouncementState
from sim_exchange.core.views import AnnouncementLike
from sim_exchange.server.requests import Request
from sim_exchange.server.topics import Outlet
from sim_exchange.server.venue import Venue
from sim_exchange.wire.query import pick, read_query
from sim_exchange.wire.rows import Row
from sim_exchange.wire.rows.announcement import announcement_row, notification_row

TABLES: dict[str, Callable[[AnnouncementLike], Row]] = {
    "announcement": announcement_row,
    "publicNotifications": notification_row,
}
"""The topics that tell of announcements, and their rows."""


def every_announcement(venue: Venue) -> list[Row]:
    """Rows of all announcements, newest first."""
    oldest_first = list(venue.exchange.announcements.values())
    return [announcement_row(item) for item in reversed(oldest_first)]


def announcements(venue: Venue, request: Request) -> list[Row]:
    """GET /announcement: newest first."""
    return pick(every_announcement(venue), read_query(request.params).columns, ("id",))


def urgent_announcements(venue: Venue, request: Request) -> list[Row]:
    """GET /announcement/urgent: what will stop or restrict trading and has not begun."""
    rows = [
        row
        for row in every_announcement(venue)
        if row["kind"] == "mode" and row["state"] == AnnouncementState.PENDING.value
    ]
    return pick(rows, read_query(request.params).columns, ("id",))


class AnnouncementFeed:
    """Tells subscribers of new announcements, and of what became of them."""

    def __init__(self, venue: Venue, outlet: Outlet) -> None:
        """Read from ``venue``, tell by ``outlet``."""
        self._venue = venue
        self._outlet = outlet
        self._known = len(venue.exchange.announcements)
        self._changed: dict[int, None] = {}

    def changed(self, event: AnnouncementChanged) -> None:
        """Note that an announcement is new or has changed."""
        self._changed[event.number] = None

    def flush(self) -> None:
        """Tell what has changed since the last turn."""
        if not self._changed:
            return
        found = self._venue.exchange.announcements
        fresh = [found[number] for number in self._changed if number > self._known]
        older = [found[number] for number in self._changed if number <= self._known]
        self._changed.clear()
        self._known = len(found)
        for table, row in TABLES.items():
            for action, items in (("insert", fresh), ("update", older)):
                if items:
                    self._outlet.emit(table, action, [(item.symbol, row(item)) for item in items])

    def partial(self, table: str) -> list[Row]:
        """Return all rows of a topic; those who join later get only what comes after."""
        self._known = len(self._venue.exchange.announcements)
        return [TABLES[table](item) for item in self._venue.exchange.announcements.values()]
