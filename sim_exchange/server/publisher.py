"""Tells subscribers what has changed: once a turn of the loop, each row encoded once.

Work is done only for what somebody listens to; an exchange with no listener pays one ``if`` a
command. Frames wait until the commands that they tell of are durable.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from sim_exchange.core.commands import Command
from sim_exchange.core.events import (
    AnnouncementChanged,
    BookChanged,
    Deleveraged,
    DepositChanged,
    Event,
    Executed,
    FundingPaid,
    FundSnapshot,
    IndexPublished,
    InstrumentChanged,
    InstrumentListed,
    Liquidated,
    LoansChanged,
    MarginChanged,
    MarkChanged,
    OrderChanged,
    OrderOpened,
    PositionChanged,
    SettledAt,
    TickChanged,
    Traded,
    WalletChanged,
    WithdrawalChanged,
)
from sim_exchange.core.types import SECOND_NS
from sim_exchange.errors import CoreError
from sim_exchange.server import announcements, feed_accounts, feed_books, liquidations
from sim_exchange.server.announcements import AnnouncementFeed
from sim_exchange.server.feed_accounts import AccountFeed
from sim_exchange.server.feed_books import BookFeed
from sim_exchange.server.feed_public import InstrumentFeed, QuoteFeed, TradeFeed
from sim_exchange.server.liquidations import LiquidationFeed
from sim_exchange.server.requests import encode
from sim_exchange.server.topics import PUBLISH_SOURCE, Partials, Sink, Topic, frame, frame_of
from sim_exchange.server.venue import Venue
from sim_exchange.wire.rows import Row
from sim_exchange.wire.tables import INSTRUMENT_GROUPS

log = structlog.get_logger()

_Handler = Callable[[Any], None]
_Subscribers = dict[Sink, None]


class _Route:
    # Who gets the rows of a table: all of them, or those of one symbol or group of instruments.

    __slots__ = ("by_symbol", "everyone", "groups")

    def __init__(self) -> None:
        self.everyone: tuple[Sink, ...] = ()
        self.by_symbol: dict[str, tuple[Sink, ...]] = {}
        self.groups = False


class Publisher:
    """All subscriptions of a venue, and what its subscribers have been told."""

    def __init__(self, venue: Venue) -> None:
        """Listen to the venue's session; history must be subscribed before."""
        self._venue = venue
        self._session = venue.session
        self._topics: dict[tuple[str, str, int], _Subscribers] = {}
        self._partials = Partials()
        self._books = BookFeed(venue, self)
        self._trades = TradeFeed(venue, self)
        self._quotes = QuoteFeed(venue, self)
        self._instruments = InstrumentFeed(venue, self)
        self._accounts = AccountFeed(venue, self)
        self._news = AnnouncementFeed(venue, self)
        self._losses = LiquidationFeed(venue, self)
        self._handlers: dict[type[Event], _Handler] = {}
        self._has_quotes = False
        self._routes: dict[tuple[str, int], _Route] = {}
        self._wanted: dict[tuple[str, str, int], bool] = {}
        self._loop: asyncio.AbstractEventLoop | None = None  # asked for once: it costs 2 us
        self._turn_asked = False
        self._waking: set[int] = set()
        self._out: deque[tuple[int, str, tuple[Sink, ...]]] = deque()
        self._releasing: asyncio.Task[None] | None = None
        venue.session.subscribe(self._on_commit)

    def subscribe(self, topic: Topic, sink: Sink) -> bool:
        """Add a subscriber and send it the topic's partial; False when it is subscribed already."""
        if sink in self._topics.get(topic, ()):
            return False
        self._loop = asyncio.get_running_loop()
        # What the others have not been told yet must not be in their baseline.
        self._flush(all_marks=True)
        self._topics.setdefault(topic, {})[sink] = None
        self._set_route(topic)
        self._choose_handlers()
        rows = self._partial_rows(topic)
        self._queue(self._partials.frame(topic, rows), (sink,))
        self._deliver()
        return True

    def unsubscribe(self, topic: Topic, sink: Sink) -> bool:
        """Remove a subscriber; False when it was none."""
        subscribers = self._topics.get(topic)
        if subscribers is None or sink not in subscribers:
            return False
        del subscribers[sink]
        if not subscribers:
            del self._topics[topic]
        self._set_route(topic)
        if not subscribers:
            self._forget()
        return True

    def _set_route(self, topic: Topic) -> None:
        """Take note of who is subscribed to a topic now."""
        self._wanted.clear()
        sinks = tuple(self._topics.get(topic, ()))
        route = self._routes.setdefault((topic.table, topic.account), _Route())
        if not topic.symbol:
            route.everyone = sinks
        elif sinks:
            route.by_symbol[topic.symbol] = sinks
        else:
            route.by_symbol.pop(topic.symbol, None)
        route.groups = not route.by_symbol.keys().isdisjoint(INSTRUMENT_GROUPS)
        if not route.everyone and not route.by_symbol:
            del self._routes[topic.table, topic.account]

    def leave(self, sink: Sink) -> None:
        """Remove a subscriber from everything."""
        for topic in [t for t, subscribers in self._topics.items() if sink in subscribers]:
            self.unsubscribe(Topic(*topic), sink)

    def wanted(self, table: str, symbol: str, account: int = 0) -> bool:
        """Tell whether anybody listens to a symbol's rows of a table."""
        key = (table, symbol, account)
        found = self._wanted.get(key)
        if found is None:
            found = self._wanted[key] = self._is_wanted(table, symbol, account)
        return found

    def _is_wanted(self, table: str, symbol: str, account: int) -> bool:
        topics = self._topics
        if (table, "", account) in topics or (table, symbol, account) in topics:
            return True
        if table != "instrument":
            return False
        return any((table, group, account) in topics for group in self._instruments.groups(symbol))

    def emit(
        self, table: str, action: str, rows: Sequence[tuple[str, Row]], account: int = 0
    ) -> None:
        """Encode rows once and queue one frame a topic that wants them."""
        route = self._routes.get((table, account))
        if route is None:
            return
        if not route.groups:
            symbol = rows[0][0]
            if len(rows) == 1 or all(name == symbol for name, _ in rows):
                self._emit_of_one(table, action, symbol, [row for _, row in rows], route)
                return
        encoded = [encode(row) for _, row in rows]
        if route.everyone:
            self._queue(frame(table, action, encoded), route.everyone)
        if route.groups:
            self._emit_narrow(table, action, self._by_group(route, rows, encoded), route)
        elif route.by_symbol:
            wanted: dict[str, list[bytes]] = {}
            for (symbol, _), raw in zip(rows, encoded, strict=True):
                if symbol in route.by_symbol:
                    wanted.setdefault(symbol, []).append(raw)
            self._emit_narrow(table, action, wanted, route)

    def _emit_of_one(
        self, table: str, action: str, symbol: str, rows: list[Row], route: _Route
    ) -> None:
        # Nearly all frames; ``emit`` would say the same in more steps.
        sinks = route.by_symbol.get(symbol)
        if route.everyone or sinks:
            text = frame_of(table, action, encode(rows))
            if route.everyone:
                self._queue(text, route.everyone)
            if sinks:
                self._queue(text, sinks)

    def _by_group(
        self, route: _Route, rows: Sequence[tuple[str, Row]], encoded: Sequence[bytes]
    ) -> dict[str, list[bytes]]:
        wanted: dict[str, list[bytes]] = {}
        for (symbol, _), raw in zip(rows, encoded, strict=True):
            for name in (symbol, *self._instruments.groups(symbol)):
                if name in route.by_symbol:
                    wanted.setdefault(name, []).append(raw)
        return wanted

    def _emit_narrow(
        self, table: str, action: str, wanted: dict[str, list[bytes]], route: _Route
    ) -> None:
        for symbol, raws in wanted.items():
            self._queue(frame(table, action, raws), route.by_symbol[symbol])

    def wake_at(self, at_ns: int) -> None:
        """Make a turn at an instant of the exchange's clock."""
        if at_ns in self._waking:
            return
        self._waking.add(at_ns)
        venue = self._venue
        if venue.moves_by_hand():
            venue.session.scheduler.at(at_ns, PUBLISH_SOURCE, self._wake)
            return
        # A timer of the loop, so that publishing does not touch the exchange's own schedule.
        seconds = max(0, at_ns - venue.now_ns()) / (SECOND_NS * venue.client_factor())
        asyncio.get_running_loop().call_later(seconds, self._wake, at_ns)

    def _wake(self, at_ns: int) -> None:
        self._waking = {other for other in self._waking if other > at_ns}
        self._ask_turn()

    def _on_commit(
        self, _seq: int, _at_ns: int, _command: Command, events: tuple[Event, ...]
    ) -> None:
        handlers = self._handlers
        if not handlers:
            return
        concerned = False
        for event in events:
            handler = handlers.get(type(event))
            if handler is not None:
                concerned = True
                handler(event)
        if concerned:
            if self._has_quotes:
                self._quotes.end_command()
            self._ask_turn()

    def _ask_turn(self) -> None:
        if not self._turn_asked and self._topics and self._loop is not None:
            self._turn_asked = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._turn_asked = False
        self._flush()
        self._deliver()

    def _flush(self, *, all_marks: bool = False) -> None:
        """Make the frames of all changes, in the order of protocol.md 6.8."""
        if not self._topics:
            return
        now_ns = max(self._venue.exchange.now_ns, self._venue.now_ns())
        self._accounts.flush(now_ns, all_marks=all_marks)
        self._trades.flush_trades()
        self._books.flush(now_ns)
        self._quotes.flush(now_ns)
        self._trades.flush_rest(now_ns)
        self._instruments.flush(now_ns, all_marks=all_marks)
        self._news.flush()
        self._losses.flush()

    def send_when_durable(self, text: str, sink: Sink) -> None:
        """Send one frame to one sink once everything applied so far is durable."""
        self._queue(text, (sink,))
        self._deliver()

    def _queue(self, text: str, sinks: tuple[Sink, ...]) -> None:
        session = self._session
        if session.synced_seq < session.seq:
            session.start_sync()
        if self._out or session.synced_seq < session.seq:
            self._out.append((session.seq, text, sinks))
            return
        for sink in sinks:
            sink.send(text)

    def _deliver(self) -> None:
        """Hand out the frames whose commands are durable; wait for the others."""
        out = self._out
        if not out:
            return
        synced = self._session.synced_seq
        while out and out[0][0] <= synced:
            _, text, sinks = out.popleft()
            for sink in sinks:
                sink.send(text)
        if out and self._releasing is None:
            self._releasing = asyncio.get_running_loop().create_task(self._release())

    async def _release(self) -> None:
        try:
            await self._venue.session.released()
        except CoreError as error:
            # What is not on disk is not told; the next command or request stops the exchange.
            log.exception("frames dropped: the journal can't be written", error=str(error))
            self._out.clear()
            return
        finally:
            self._releasing = None
        self._deliver()

    def _partial_rows(self, topic: Topic) -> list[Row]:
        now_ns = max(self._venue.exchange.now_ns, self._venue.now_ns())
        if topic.account:
            return self._accounts.partial(topic)
        if topic.table in feed_books.TABLES:
            return self._books.partial(topic, now_ns)
        if topic.table == "quote":
            return self._quotes.partial(topic)
        if topic.table == "instrument":
            return self._instruments.partial(topic, now_ns)
        if topic.table in announcements.TABLES:
            return self._news.partial(topic.table)
        if topic.table in liquidations.TABLES:
            return self._losses.partial(topic)
        return self._trades.partial(topic, now_ns)

    def _forget(self) -> None:
        self._choose_handlers()
        self._books.forget()
        self._instruments.forget()
        self._trades.forget({table for table, _, _ in self._topics})
        self._accounts.forget({account for _, _, account in self._topics})

    def _choose_handlers(self) -> None:
        """Keep only the handlers of tables that somebody listens to."""
        tables = {table for table, _, _ in self._topics}
        chosen: dict[type[Event], list[_Handler]] = {}

        def on(kind: type[Event], handler: _Handler) -> None:
            chosen.setdefault(kind, []).append(handler)

        if tables.intersection(feed_books.TABLES):
            on(BookChanged, self._books.book_changed)
            on(InstrumentListed, self._listed)
            on(TickChanged, self._books.tick_changed)
        self._choose_public_handlers(on, tables)
        self._has_quotes = "quote" in tables
        if self._has_quotes:
            on(BookChanged, self._quotes.book_changed)
        if "instrument" in tables:
            self._choose_instrument_handlers(on)
        if tables.intersection(announcements.TABLES):
            on(AnnouncementChanged, self._news.changed)
        if tables.intersection(feed_accounts.TABLES):
            self._choose_account_handlers(on)
        self._handlers = {kind: _one_of(handlers) for kind, handlers in chosen.items()}

    def _choose_public_handlers(
        self, on: Callable[[type[Event], _Handler], None], tables: set[str]
    ) -> None:
        if "trade" in tables:
            on(Traded, self._trades.traded)
            on(IndexPublished, self._trades.index_published)
        if "funding" in tables:
            on(FundingPaid, self._trades.funded)
        if tables.intersection(liquidations.TABLES):
            on(OrderOpened, self._losses.order_changed)
            on(OrderChanged, self._losses.order_changed)
            on(FundSnapshot, self._losses.fund_told)
        if "settlement" in tables:
            on(SettledAt, self._trades.settled)

    def _choose_instrument_handlers(self, on: Callable[[type[Event], _Handler], None]) -> None:
        on(BookChanged, self._instruments.book_changed)
        on(Traded, self._instruments.traded)
        on(Liquidated, self._instruments.forced)
        on(Deleveraged, self._instruments.forced)
        on(MarkChanged, self._instruments.mark_moved)
        on(IndexPublished, self._instruments.index_moved)
        for kind in (InstrumentChanged, InstrumentListed, SettledAt):
            on(kind, self._instruments.changed)

    def _choose_account_handlers(self, on: Callable[[type[Event], _Handler], None]) -> None:
        feed = self._accounts
        on(OrderOpened, feed.order_changed)
        on(OrderChanged, feed.order_changed)
        on(Executed, feed.executed)
        on(Liquidated, feed.forced)
        on(Deleveraged, feed.forced)
        on(PositionChanged, feed.position_changed)
        on(MarginChanged, feed.margin_changed)
        on(WalletChanged, feed.wallet_changed)
        on(LoansChanged, feed.wallet_changed)
        on(WithdrawalChanged, feed.wallet_changed)
        on(DepositChanged, feed.wallet_changed)
        on(MarkChanged, feed.mark_changed)

    def _listed(self, event: InstrumentListed) -> None:
        if event.symbol in self._venue.exchange.markets:
            self._books.listed(event.symbol)


def _one_of(handlers: list[_Handler]) -> _Handler:
    """Return one function that calls all of them."""
    if len(handlers) == 1:
        return handlers[0]

    def call_all(event: Event) -> None:
        for handler in handlers:
            handler(event)

    return call_all
