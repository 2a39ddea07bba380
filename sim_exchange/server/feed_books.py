"""Feeds of the book: orderBookL2, orderBookL2_25, orderBook10 (protocol.md 6.4, 6.5, 6.7)."""

from sim_exchange.core.events import BookChanged
from sim_exchange.core.types import Side
from sim_exchange.core.views import MarketLike
from sim_exchange.server.topics import Outlet, Topic
from sim_exchange.server.venue import Venue
from sim_exchange.wire.rows import Row
from sim_exchange.wire.texts import side_text
from sim_exchange.wire.times import to_iso

TABLES = ("orderBookL2", "orderBookL2_25", "orderBook10")
BOOK10_INTERVAL_NS = 100_000_000
"""At most one frame of orderBook10 a symbol in this span."""

_WINDOW = 25
_Levels = dict[tuple[Side, int], int]


class BookFeed:
    """Keeps what subscribers have been told of each book and tells the difference."""

    def __init__(self, venue: Venue, outlet: Outlet) -> None:
        """Read ``venue``, write to ``outlet``."""
        self._venue = venue
        self._outlet = outlet
        self._full: dict[str, _Levels] = {}
        self._window: dict[str, _Levels] = {}
        self._ten: dict[str, Row | None] = {}
        self._ten_at: dict[str, int] = {}
        self._changed: dict[str, _Levels] = {}
        self._dirty: dict[str, None] = {}
        self._ten_dirty: dict[str, None] = {}

    def book_changed(self, event: BookChanged) -> None:
        """Note one level's new size."""
        symbol = event.symbol
        if symbol in self._full:
            self._changed.setdefault(symbol, {})[event.side, event.price] = event.size
        self._dirty[symbol] = None

    def flush(self, now_ns: int) -> None:
        """Tell the net changes since the last turn: delete, update, insert."""
        if self._changed:
            changed, self._changed = self._changed, {}
            for symbol, levels in changed.items():
                self._flush_full(symbol, levels, now_ns)
        for symbol in self._dirty:
            if symbol in self._window:
                self._flush_window(symbol, now_ns)
            if symbol in self._ten:
                self._ten_dirty[symbol] = None
        self._dirty.clear()
        if self._ten_dirty:
            self._flush_ten(now_ns)

    def partial(self, topic: Topic, now_ns: int) -> list[Row]:
        """Return a topic's rows and remember them as told."""
        markets = self._venue.exchange.markets
        symbols = [topic.symbol] if topic.symbol else list(markets)
        rows: list[Row] = []
        for symbol in symbols:
            market = markets.get(symbol)
            if market is not None:
                rows.extend(self._partial(topic.table, market, now_ns))
        return rows

    def _partial(self, table: str, market: MarketLike, now_ns: int) -> list[Row]:
        symbol = market.spec.symbol
        if table == "orderBook10":
            row = self._venue.market_rows.book10(market, now_ns)
            self._ten[symbol] = row
            return [] if row is None else [row]
        depth = _WINDOW if table == "orderBookL2_25" else 0
        told = self._window if depth else self._full
        told[symbol] = _levels(market, depth)
        return self._venue.market_rows.book(market, depth, now_ns)

    def listed(self, symbol: str) -> None:
        """Start a new symbol's book where all symbols are listened to."""
        for table, told in (("orderBookL2", self._full), ("orderBookL2_25", self._window)):
            if self._outlet.wanted(table, symbol):
                told.setdefault(symbol, {})
        if self._outlet.wanted("orderBook10", symbol):
            self._ten.setdefault(symbol, None)

    def forget(self) -> None:
        """Drop what nobody listens to any more."""
        stores: tuple[tuple[str, dict[str, _Levels] | dict[str, Row | None]], ...] = (
            ("orderBookL2", self._full),
            ("orderBookL2_25", self._window),
            ("orderBook10", self._ten),
        )
        for table, told in stores:
            for symbol in [s for s in told if not self._outlet.wanted(table, s)]:
                del told[symbol]

    def _flush_full(self, symbol: str, changed: _Levels, now_ns: int) -> None:
        told = self._full.get(symbol)
        if told is None:
            return
        deleted: _Levels = {}
        updated: _Levels = {}
        inserted: _Levels = {}
        for level, size in changed.items():
            before = told.get(level, 0)
            if size == before:
                continue
            if not size:
                deleted[level] = 0
                del told[level]
                continue
            (updated if before else inserted)[level] = size
            told[level] = size
        self._emit("orderBookL2", symbol, (deleted, updated, inserted), now_ns)

    def _flush_window(self, symbol: str, now_ns: int) -> None:
        market = self._venue.exchange.markets[symbol]
        told, now = self._window[symbol], _levels(market, _WINDOW)
        if told == now:
            return
        deleted = {level: 0 for level in told if level not in now}
        updated = {level: n for level, n in now.items() if told.get(level, n) != n}
        inserted = {level: n for level, n in now.items() if level not in told}
        self._window[symbol] = now
        self._emit("orderBookL2_25", symbol, (deleted, updated, inserted), now_ns)

    def _emit(
        self, table: str, symbol: str, changes: tuple[_Levels, _Levels, _Levels], now_ns: int
    ) -> None:
        listing = self._venue.catalogue.listing(symbol)
        at = to_iso(now_ns)
        for action, levels in zip(("delete", "update", "insert"), changes, strict=True):
            if not levels:
                continue
            rows: list[tuple[str, Row]] = []
            for (side, price), size in levels.items():
                if action == "delete":
                    row: Row = {
                        "symbol": symbol,
                        "id": listing.level_id(price),
                        "side": side_text(side),
                        "price": listing.price(price),
                        "timestamp": at,
                        "transactTime": at,
                    }
                else:
                    row = self._venue.market_rows.level(listing, side, price, size, at)
                rows.append((symbol, row))
            self._outlet.emit(table, action, rows)

    def _flush_ten(self, now_ns: int) -> None:
        for symbol in list(self._ten_dirty):
            if symbol not in self._ten:
                del self._ten_dirty[symbol]
                continue
            due = self._ten_at.get(symbol, 0) + BOOK10_INTERVAL_NS
            if now_ns < due:
                self._outlet.wake_at(due)
                continue
            del self._ten_dirty[symbol]
            market = self._venue.exchange.markets[symbol]
            row = self._venue.market_rows.book10(market, now_ns)
            before = self._ten[symbol]
            if row is None or (before is not None and _same_ten(before, row)):
                continue
            self._ten[symbol] = row
            self._ten_at[symbol] = now_ns
            self._outlet.emit(
                "orderBook10", "insert" if before is None else "update", [(symbol, row)]
            )


def _levels(market: MarketLike, depth: int) -> _Levels:
    levels: _Levels = {}
    for side in (Side.SELL, Side.BUY):
        for price, size in market.book.levels(side, depth):
            levels[side, price] = size
    return levels


def _same_ten(before: Row, after: Row) -> bool:
    return before["bids"] == after["bids"] and before["asks"] == after["asks"]
