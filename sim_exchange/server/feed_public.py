"""Feeds of trades, quotes, bins, settlements and instruments (protocol.md 6.4, 6.9)."""

from collections import deque

from sim_exchange.core.events import (
    BookChanged,
    Deleveraged,
    FundingPaid,
    IndexPublished,
    InstrumentChanged,
    InstrumentListed,
    Liquidated,
    MarkChanged,
    SettledAt,
    Traded,
)
from sim_exchange.core.types import HOUR_NS, Kind, MarkMethod
from sim_exchange.history import BIN_NS, Funded, Quote, Tick
from sim_exchange.server.topics import Outlet, Topic
from sim_exchange.server.venue import Venue
from sim_exchange.wire.rows import Row
from sim_exchange.wire.rows.instrument import index_part, touch_part
from sim_exchange.wire.tables import BIN_TABLES
from sim_exchange.wire.times import to_iso

_TOUCH, _PRICE, _TRADE, _WHOLE = 1, 2, 4, 8


class TradeFeed:
    """Public trades, index values once a minute, bins and settlements."""

    def __init__(self, venue: Venue, outlet: Outlet) -> None:
        """Read ``venue``, write to ``outlet``."""
        self._venue = venue
        self._outlet = outlet
        self._ticks: list[Tick] = []
        self._settled: list[tuple[str, Row]] = []
        self._funded: list[tuple[str, Row]] = []
        self._bins_due: dict[str, int] = {}

    def traded(self, event: Traded) -> None:
        """Note a trade."""
        if self._outlet.wanted("trade", event.symbol):
            self._ticks.append(self._venue.history.tick_of(event))

    def index_published(self, event: IndexPublished) -> None:
        """Note an index's value if it is the one of its minute."""
        last = self._venue.history.last_trade(event.symbol)
        is_new = last is not None and last.at_ns == event.at_ns
        if last is not None and is_new and self._outlet.wanted("trade", event.symbol):
            self._ticks.append(last)

    def funded(self, event: FundingPaid) -> None:
        """Note a funding."""
        item = Funded(event.at_ns, event.symbol, event.interval_ns, event.rate_ppm)
        self._funded.append((item.symbol, self._venue.market_rows.funding(item)))

    def settled(self, event: SettledAt) -> None:
        """Note a settlement; history knows it already, and maybe others of its instant."""
        known = reversed(self._venue.history.settlements)
        item = next(one for one in known if one.symbol == event.symbol)
        self._settled.append((item.symbol, self._venue.market_rows.settlement(item)))

    def flush_trades(self) -> None:
        """Tell all trades since the last turn."""
        if self._ticks:
            ticks, self._ticks = self._ticks, []
            rows = self._venue.market_rows
            self._outlet.emit("trade", "insert", [(t.symbol, rows.trade(t)) for t in ticks])

    def flush_rest(self, now_ns: int) -> None:
        """Tell fundings, settlements, and bins that have ended."""
        if self._funded:
            rows, self._funded = self._funded, []
            self._outlet.emit("funding", "insert", rows)
        if self._settled:
            rows, self._settled = self._settled, []
            self._outlet.emit("settlement", "insert", rows)
        for table, due in list(self._bins_due.items()):
            if now_ns >= due:
                self._flush_bins(table, due)
                self._plan_bins(table, now_ns)

    def partial(self, topic: Topic, now_ns: int) -> list[Row]:
        """Return a topic's rows: the last one of each symbol."""
        history, rows = self._venue.history, self._venue.market_rows
        if topic.table == "funding":
            funded = {item.symbol: item for item in history.fundings}
            return [
                rows.funding(item)
                for symbol, item in funded.items()
                if topic.symbol in ("", symbol)
            ]
        if topic.table == "settlement":
            last = {item.symbol: item for item in history.settlements}
            return [
                rows.settlement(item)
                for symbol, item in last.items()
                if topic.symbol in ("", symbol)
            ]
        if topic.table in BIN_TABLES:
            return self._bin_partial(topic, now_ns)
        symbols = [topic.symbol] if topic.symbol else sorted(history.trades)
        ticks = filter(None, map(history.last_trade, symbols))
        return [rows.trade(tick) for tick in ticks]

    def _bin_partial(self, topic: Topic, now_ns: int) -> list[Row]:
        name = BIN_TABLES[topic.table]
        self._plan_bins(topic.table, now_ns)
        rows: list[Row] = []
        for symbol, bins in self._venue.history.bins.items():
            item = bins.last_closed(name, now_ns) if topic.symbol in ("", symbol) else None
            if item is not None and item.trades:
                rows.append(self._venue.market_rows.bin(item))
        return rows

    def forget(self, tables: set[str]) -> None:
        """Stop the bins that nobody listens to."""
        for table in [t for t in self._bins_due if t not in tables]:
            del self._bins_due[table]

    def _plan_bins(self, table: str, now_ns: int) -> None:
        width = BIN_NS[BIN_TABLES[table]]
        due = now_ns // width * width + width
        if self._bins_due.get(table) != due:
            self._bins_due[table] = due
            self._outlet.wake_at(due)

    def _flush_bins(self, table: str, end_ns: int) -> None:
        rows: list[tuple[str, Row]] = []
        for symbol, bins in self._venue.history.bins.items():
            item = bins.ended_at(BIN_TABLES[table], end_ns)
            # An empty bin is not sent: a client drops the frame on its null vwap (6.4).
            if item is not None and item.trades:
                rows.append((symbol, self._venue.market_rows.bin(item)))
        if rows:
            self._outlet.emit(table, "insert", rows)


class QuoteFeed:
    """Touches: one frame a symbol and interval, with a row for every change in between."""

    def __init__(self, venue: Venue, outlet: Outlet) -> None:
        """Read ``venue``, write to ``outlet``."""
        self._venue = venue
        self._outlet = outlet
        self._interval_ns = venue.settings.quote_interval_ns
        self._pending: dict[str, list[Quote]] = {}
        self._sent_at: dict[str, int] = {}
        self._looked: dict[str, None] = {}
        self._seen: dict[str, Quote] = {}
        self._told: dict[str, Quote] = {}

    def book_changed(self, event: BookChanged) -> None:
        """Note that a symbol's touch may have moved."""
        self._looked[event.symbol] = None

    def end_command(self) -> None:
        """Take the touch that history saw at the end of the command."""
        for symbol in self._looked:
            if not self._outlet.wanted("quote", symbol):
                continue
            quote = self._venue.history.last_quote(symbol)
            if quote is None or quote is self._seen.get(symbol):
                continue
            self._seen[symbol] = quote
            # A row with a null price breaks a client: none while a side is empty (6.4).
            if quote.bid_pico and quote.ask_pico:
                self._pending.setdefault(symbol, []).append(quote)
        self._looked.clear()

    def flush(self, now_ns: int) -> None:
        """Tell what is due."""
        for symbol in list(self._pending):
            due = self._sent_at.get(symbol, -self._interval_ns) + self._interval_ns
            if now_ns < due:
                self._outlet.wake_at(due)
                continue
            quotes = self._pending.pop(symbol)
            self._sent_at[symbol] = now_ns
            self._told[symbol] = quotes[-1]
            rows = [(symbol, self._venue.market_rows.quote(quote)) for quote in quotes]
            self._outlet.emit("quote", "insert", rows)

    def partial(self, topic: Topic) -> list[Row]:
        """Return the last two-sided quote of each symbol that subscribers know of."""
        markets = self._venue.exchange.markets
        symbols = [topic.symbol] if topic.symbol else sorted(markets)
        rows: list[Row] = []
        for symbol in symbols:
            quote = self._last_two_sided(symbol)
            if quote is not None:
                rows.append(self._venue.market_rows.quote(quote))
        return rows

    def _last_two_sided(self, symbol: str) -> Quote | None:
        if symbol in self._pending:
            return self._told.get(symbol)
        last = self._venue.history.last_quote(symbol)
        if last is not None:
            self._seen[symbol] = last
        stored: deque[Quote] = self._venue.history.quotes.get(symbol, deque())
        return next((q for q in reversed(stored) if q.bid_pico and q.ask_pico), None)


class _Prices:
    # What an instrument's columns were last worked out of.

    __slots__ = ("impact", "touch")

    def __init__(self) -> None:
        self.touch: tuple[int | None, int | None] | None = None
        self.impact: tuple[int, ...] | None = None


class InstrumentFeed:
    """Instrument rows: only columns that changed since the last turn."""

    def __init__(self, venue: Venue, outlet: Outlet) -> None:
        """Read ``venue``, write to ``outlet``."""
        self._venue = venue
        self._outlet = outlet
        self._told: dict[str, Row] = {}
        self._prices: dict[str, _Prices] = {}
        self._interval_ns = venue.settings.price_interval_ns
        self._marked: dict[str, None] = {}  # contracts whose mark moved, and it can wait
        self._marks_due_ns = 0
        self._dirty: dict[str, int] = {}
        self._followers: dict[str, list[str]] | None = None

    def book_changed(self, event: BookChanged) -> None:
        """Note that a touch may have moved."""
        symbol = event.symbol
        self._dirty[symbol] = self._dirty.get(symbol, 0) | _TOUCH

    def traded(self, event: Traded) -> None:
        """Note that volumes moved."""
        self._note(event.symbol, _TRADE)

    def forced(self, event: Liquidated | Deleveraged) -> None:
        """Note that positions were closed without a public trade: less interest is open."""
        self._note(event.symbol, _TRADE)

    def mark_moved(self, event: MarkChanged) -> None:
        """Note that a mark moved; it may wait for its turn."""
        self._priced(event.symbol)

    def _priced(self, symbol: str) -> None:
        if self._interval_ns:
            self._marked[symbol] = None
        else:
            self._note(symbol, _PRICE)

    def index_moved(self, event: IndexPublished) -> None:
        """Note that an index moved, and with it what settles by it; on the hour, a new session."""
        self._note(event.symbol, _PRICE)
        if self._followers is None:
            self._followers = self._find_followers()
        for symbol in self._followers.get(event.symbol, ()):
            self._priced(symbol)
        if event.at_ns % HOUR_NS == 0:
            for symbol in self._venue.exchange.markets:
                self._note(symbol, _TRADE)

    def _find_followers(self) -> dict[str, list[str]]:
        """Return by index the contracts whose mark does not move with it, but their settlement."""
        exchange = self._venue.exchange
        found: dict[str, list[str]] = {}
        for symbol, market in exchange.markets.items():
            if market.mark_method is MarkMethod.FAIR or market.spec.kind is Kind.SPOT:
                continue
            for name in market.spec.settlement_sum or (market.spec.reference_symbol,):
                index = exchange.indices.get(name)
                source = name if index is None else index.spec.source or name
                found.setdefault(source, []).append(symbol)
        return found

    def changed(self, event: InstrumentChanged | InstrumentListed | SettledAt) -> None:
        """Note that a whole row may have changed."""
        self._followers = None
        self._note(event.symbol, _WHOLE)

    def _note(self, symbol: str, part: int) -> None:
        self._dirty[symbol] = self._dirty.get(symbol, 0) | part

    def flush(self, now_ns: int, *, all_marks: bool = False) -> None:
        """Tell changed columns and new rows; with ``all_marks`` no mark waits."""
        if self._marked:
            self._take_marks(now_ns, all_marks=all_marks)
        if not self._dirty:
            return
        dirty, self._dirty = self._dirty, {}
        updates: list[tuple[str, Row]] = []
        inserts: list[tuple[str, Row]] = []
        for symbol, parts in dirty.items():
            if not self._outlet.wanted("instrument", symbol):
                continue
            told = self._told.get(symbol)
            if told is None:
                inserts.append((symbol, self._tell(symbol, now_ns)))
                continue
            update = self._update(symbol, parts, told, now_ns)
            if update is not None:
                updates.append((symbol, update))
        if inserts:
            self._outlet.emit("instrument", "insert", inserts)
        if updates:
            self._outlet.emit("instrument", "update", updates)

    def _update(self, symbol: str, parts: int, told: Row, now_ns: int) -> Row | None:
        """Return the columns that changed and remember them as told."""
        update: Row = {"symbol": symbol}
        for name, value in self._fresh(symbol, parts, now_ns).items():
            if told.get(name) != value and name != "timestamp":
                told[name] = update[name] = value
        if len(update) == 1:
            return None
        update["timestamp"] = to_iso(now_ns)
        return update

    def _take_marks(self, now_ns: int, *, all_marks: bool) -> None:
        if now_ns < self._marks_due_ns and not all_marks:
            self._outlet.wake_at(self._marks_due_ns)
            return
        self._marks_due_ns = now_ns + self._interval_ns
        for symbol in self._marked:
            self._note(symbol, _PRICE)
        self._marked.clear()

    def partial(self, topic: Topic, now_ns: int) -> list[Row]:
        """Return a topic's rows, index rows first, each by symbol (6.4)."""
        self._followers = None  # nobody may have listened while contracts were listed
        exchange = self._venue.exchange
        symbols = sorted(exchange.indices) + sorted(exchange.markets)
        return [
            dict(self._tell(symbol, now_ns))
            for symbol in symbols
            if topic.symbol in ("", symbol) or topic.symbol in self.groups(symbol)
        ]

    def _tell(self, symbol: str, now_ns: int) -> Row:
        """Return a whole row and remember it as told."""
        self._prices.pop(symbol, None)
        row = self._told[symbol] = self._row(symbol, now_ns)
        return row

    def groups(self, symbol: str) -> tuple[str, ...]:
        """Return the groups that a symbol is in."""
        if self._venue.catalogue.is_index(symbol):
            return ("INDICES",)
        market = self._venue.exchange.markets.get(symbol)
        if market is not None and market.spec.kind is Kind.SPOT:
            return ("SPOT",)
        return ("CONTRACTS", "DERIVATIVES")

    def forget(self) -> None:
        """Drop what nobody listens to any more."""
        for symbol in [s for s in self._told if not self._outlet.wanted("instrument", s)]:
            del self._told[symbol]
            self._prices.pop(symbol, None)

    def _row(self, symbol: str, now_ns: int) -> Row:
        if self._venue.catalogue.is_index(symbol):
            return self._venue.index_row(symbol)
        market = self._venue.exchange.markets[symbol]
        return self._venue.instruments.market(market, self._venue.history.stats_of(symbol), now_ns)

    def _fresh(self, symbol: str, parts: int, now_ns: int) -> Row:
        """Return the columns that may have changed, at least those that did."""
        if parts & _WHOLE:
            self._prices.pop(symbol, None)
            return self._row(symbol, now_ns)
        venue = self._venue
        index = venue.exchange.indices.get(symbol)
        if index is not None:
            previous = venue.history.stats_of(symbol).previous(now_ns)
            return index_part(index, previous // 10 ** (12 - index.spec.decimals))
        market = venue.exchange.markets[symbol]
        prices = self._prices.get(symbol)
        if prices is None:
            prices = self._prices[symbol] = _Prices()
        fresh: Row = {}
        if parts & _TOUCH:
            touch = (market.book.best_bid(), market.book.best_ask())
            if touch != prices.touch:
                prices.touch = touch
                fresh.update(touch_part(market))
        if parts & _PRICE:
            impact = (
                market.impact_bid,
                market.impact_mid,
                market.impact_ask,
                market.has_liquidity,
                market.fair_basis_rate_ppm,
            )
            if impact != prices.impact:
                prices.impact = impact
                fresh.update(venue.instruments.price_part(market))
            else:
                fresh.update(venue.instruments.mark_part(market))
        if parts & _TRADE:
            stats = venue.history.stats_of(symbol)
            fresh.update(venue.instruments.trade_part(market, stats, now_ns))
        return fresh
