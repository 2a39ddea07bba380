"""Feeds of the book: orderBookL2, orderBookL2_25, orderBook10 (protocol.md 6.4, 6.5, 6.7)."""

from sim_exchange.core.events import BookChanged, TickChanged
from sim_exchange.core.types import Side
from sim_exchange.core.views import MarketLike
from sim_exchange.server.topics import Outlet, Topic
from sim_exchange.server.venue import Venue
from sim_exchange.wire.catalogue import Listing
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
        self._window: dict[str, _Window] = {}
        self._ten: dict[str, Row | None] = {}
        self._ten_at: dict[str, int] = {}
        self._changed: dict[str, _Levels] = {}
        self._moved: dict[str, _Levels] = {}
        self._ten_dirty: dict[str, None] = {}

    def book_changed(self, event: BookChanged) -> None:
        """Note one level's new size."""
        symbol = event.symbol
        if symbol in self._full:
            self._changed.setdefault(symbol, {})[event.side, event.price] = event.size
        if symbol in self._window:
            self._moved.setdefault(symbol, {})[event.side, event.price] = event.size
        if symbol in self._ten:
            self._ten_dirty[symbol] = None

    def tick_changed(self, event: TickChanged) -> None:
        """Delete every level that was told, at its old price; the book is told anew."""
        symbol = event.symbol
        self._changed.pop(symbol, None)
        self._moved.pop(symbol, None)
        venue = self._venue
        listing = venue.catalogue.listing_before(symbol)
        at = to_iso(venue.exchange.now_ns)
        window = self._window.get(symbol)
        for table, told in (
            ("orderBookL2", self._full.get(symbol)),
            ("orderBookL2_25", None if window is None else window.forget()),
        ):
            if told:
                rows = [(symbol, _gone(listing, symbol, side, price, at)) for side, price in told]
                self._outlet.emit(table, "delete", rows)
        if symbol in self._full:
            self._full[symbol] = {}

    def flush(self, now_ns: int) -> None:
        """Tell the net changes since the last turn: delete, update, insert."""
        if self._changed:
            changed, self._changed = self._changed, {}
            for symbol, levels in changed.items():
                self._flush_full(symbol, levels, now_ns)
        if self._moved:
            moved, self._moved = self._moved, {}
            for symbol, levels in moved.items():
                self._flush_window(symbol, levels, now_ns)
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
        if table == "orderBookL2_25":
            self._window[symbol] = _Window(market)
            return self._venue.market_rows.book(market, _WINDOW, now_ns)
        self._full[symbol] = _levels(market)
        return self._venue.market_rows.book(market, 0, now_ns)

    def listed(self, symbol: str) -> None:
        """Start a new symbol's book where all symbols are listened to."""
        market = self._venue.exchange.markets[symbol]
        if self._outlet.wanted("orderBookL2", symbol):
            self._full.setdefault(symbol, {})
        if self._outlet.wanted("orderBookL2_25", symbol) and symbol not in self._window:
            self._window[symbol] = _Window(market)
        if self._outlet.wanted("orderBook10", symbol):
            self._ten.setdefault(symbol, None)

    def forget(self) -> None:
        """Drop what nobody listens to any more."""
        wanted = self._outlet.wanted
        self._full = {s: v for s, v in self._full.items() if wanted("orderBookL2", s)}
        self._window = {s: v for s, v in self._window.items() if wanted("orderBookL2_25", s)}
        self._ten = {s: v for s, v in self._ten.items() if wanted("orderBook10", s)}

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

    def _flush_window(self, symbol: str, moved: _Levels, now_ns: int) -> None:
        window = self._window.get(symbol)
        if window is not None:
            market = self._venue.exchange.markets[symbol]
            self._emit("orderBookL2_25", symbol, window.take(moved, market), now_ns)

    def _emit(
        self, table: str, symbol: str, changes: tuple[_Levels, _Levels, _Levels], now_ns: int
    ) -> None:
        if not any(changes):
            return
        listing = self._venue.catalogue.listing(symbol)
        at = to_iso(now_ns)
        for action, levels in zip(("delete", "update", "insert"), changes, strict=True):
            if not levels:
                continue
            rows: list[tuple[str, Row]] = []
            for (side, price), size in levels.items():
                if action == "delete":
                    row = _gone(listing, symbol, side, price, at)
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


class _Window:
    """The best 25 levels of each side of a book, as subscribers know them."""

    def __init__(self, market: MarketLike) -> None:
        self._told = {side: dict(market.book.levels(side, _WINDOW)) for side in Side}

    def forget(self) -> _Levels:
        """Return all that was told, which is gone now."""
        told = {(side, price): n for side, one in self._told.items() for price, n in one.items()}
        self._told = {side: {} for side in Side}
        return told

    def take(self, moved: _Levels, market: MarketLike) -> tuple[_Levels, _Levels, _Levels]:
        """Take the new sizes of levels; return what is deleted, updated, inserted."""
        changes: tuple[_Levels, _Levels, _Levels] = ({}, {}, {})
        for side, told in self._told.items():
            sizes = {price: size for (s, price), size in moved.items() if s is side}
            if not sizes:
                continue
            if len(told) < _WINDOW:
                # All of the side is known: its new picture is the old one with the changes.
                fresh = {p: n for p, n in {**told, **sizes}.items() if n}
                if len(fresh) > _WINDOW:
                    best = sorted(fresh, reverse=side is Side.BUY)[:_WINDOW]
                    fresh = {price: fresh[price] for price in best}
            elif all(price in told and size for price, size in sizes.items()):
                fresh = {**told, **sizes}
            elif self._beyond(side, told, sizes):
                continue
            else:
                fresh = dict(market.book.levels(side, _WINDOW))
            self._told[side] = fresh
            _compare(side, told, fresh, changes)
        return changes

    def _beyond(self, side: Side, told: dict[int, int], sizes: dict[int, int]) -> bool:
        """Tell whether all changes lie behind a full window."""
        if side is Side.BUY:
            worst = min(told)
            return all(price < worst for price in sizes)
        worst = max(told)
        return all(price > worst for price in sizes)


def _gone(listing: Listing, symbol: str, side: Side, price: int, at: str) -> Row:
    return {
        "symbol": symbol,
        "id": listing.level_id(price),
        "side": side_text(side),
        "price": listing.price(price),
        "timestamp": at,
        "transactTime": at,
    }


def _compare(
    side: Side,
    told: dict[int, int],
    fresh: dict[int, int],
    changes: tuple[_Levels, _Levels, _Levels],
) -> None:
    deleted, updated, inserted = changes
    for price in told:
        if price not in fresh:
            deleted[side, price] = 0
    for price, size in fresh.items():
        before = told.get(price)
        if before is None:
            inserted[side, price] = size
        elif before != size:
            updated[side, price] = size


def _levels(market: MarketLike) -> _Levels:
    return {(side, price): size for side in Side for price, size in market.book.levels(side)}


def _same_ten(before: Row, after: Row) -> bool:
    return before["bids"] == after["bids"] and before["asks"] == after["asks"]
