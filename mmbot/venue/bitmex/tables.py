"""Applies stream frames (partial, insert, update, delete) to tables and tells what changed.

| table | kept | told |
| --- | --- | --- |
| orderBookL2_25 | id -> price, from partials and inserts (ids are opaque since 2024) | BookSeen |
| instrument | facts of our symbols | InstrumentSeen, PriceSeen |
| order | nothing | OrderSeen |
| execution | ids seen, so that none is told twice | FillSeen |
| position, wallet | rows by the partial's keys | PositionSeen, WalletSeen |
| settlement | nothing | SettlementSeen |
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from mmbot.errors import AccessRefusedError, OrderRefusedError, StateDivergedError
from mmbot.types import (
    BookSeen,
    Event,
    FillSeen,
    Instrument,
    InstrumentSeen,
    Kind,
    SettlementSeen,
    Side,
)
from mmbot.venue.bitmex.codec import (
    FACT_COLUMNS,
    PRICE_COLUMNS,
    fill_of,
    instant_ns,
    instrument_of,
    order_of,
    position_of,
    price_of,
    price_ticks,
    wallet_of,
)
from mmbot.venue.bitmex.rows import (
    BookRow,
    ExecutionRow,
    InstrumentRow,
    OrderRow,
    PositionRow,
    SettlementRow,
    WalletRow,
)

BOOK: Final = "orderBookL2_25"
_TABLE: Final = frozenset({"table", b"table"})  # the first member of a table's frame


class Asked(msgspec.Struct, frozen=True):
    """What an answer is to."""

    op: str = ""


class OtherFrame(msgspec.Struct):
    """An answer, a greeting, or a frame of a table that we do not know."""

    table: str = ""
    action: str = ""
    error: str = ""
    status: int = 0
    request: Asked = Asked()


class TableFrame(msgspec.Struct, tag_field="table"):
    """What frames of all tables have; decoded in one go with their rows."""

    action: str = ""
    keys: tuple[str, ...] = ()
    filter: dict[str, Any] = {}


class BookFrame(TableFrame, tag=BOOK):
    """Levels of a book."""

    data: list[BookRow] = []


class InstrumentFrame(TableFrame, tag="instrument"):
    """Facts and prices."""

    data: list[InstrumentRow] = []


class OrderFrame(TableFrame, tag="order"):
    """Orders of ours."""

    data: list[OrderRow] = []


class ExecutionFrame(TableFrame, tag="execution"):
    """Execution reports of ours."""

    data: list[ExecutionRow] = []


class PositionFrame(TableFrame, tag="position"):
    """Positions of ours."""

    data: list[PositionRow] = []


class WalletFrame(TableFrame, tag="wallet"):
    """Wallets of ours."""

    data: list[WalletRow] = []


class SettlementFrame(TableFrame, tag="settlement"):
    """Settlements."""

    data: list[SettlementRow] = []


AnyTableFrame = (
    BookFrame
    | InstrumentFrame
    | OrderFrame
    | ExecutionFrame
    | PositionFrame
    | WalletFrame
    | SettlementFrame
)


class RowTable:
    """Merged rows by their keys, which come with the partial."""

    def __init__(self, keys: tuple[str, ...], watched: tuple[str, ...]) -> None:
        """Hold nothing yet.

        Args:
            keys: used until a partial names its own.
            watched: columns worth telling of; a row in which none of them moved is kept silent.
        """
        self.keys = keys
        self._watched = watched
        self._rows: dict[tuple[Any, ...], dict[str, Any]] = {}

    def apply(self, head: TableFrame, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Apply a frame's rows and return those with news, whole, as they are now.

        An update of a row that we do not have is skipped: the row ended before our partial.
        """
        if head.action == "partial":
            self.keys = head.keys or self.keys
            self._rows.clear()
        news = []
        for row in rows:
            key = tuple([row.get(name) for name in self.keys])
            if head.action == "delete":
                self._rows.pop(key, None)
                continue
            whole = self._rows.get(key)
            if whole is None:
                if head.action == "update":
                    continue
                whole = self._rows[key] = {}
                is_news = True
            else:
                is_news = False
                for name in self._watched:
                    if name in row and row[name] != whole.get(name):
                        is_news = True
                        break
            whole.update(row)
            if is_news:
                news.append(whole)
        return news


class Tables:
    """The venue's tables as the stream tells them; ``on_frame`` turns bytes into events."""

    def __init__(self, instruments: dict[str, Instrument]) -> None:
        """Start empty; ``instruments`` are ours, and are kept up to date in place."""
        self.instruments = instruments
        self.partials: list[str] = []  # tables whose partial came, one entry a partial
        self.on_dead_man: Callable[[str], None] = _nobody
        """Told of each answer about the dead-man switch: why it was refused, else ""."""
        self._decoder = msgspec.json.Decoder(AnyTableFrame)
        self._other_decoder = msgspec.json.Decoder(OtherFrame)
        self._books: dict[str, dict[int, int]] = {}
        self._facts: dict[str, InstrumentRow] = {}
        self._executions: dict[str, None] = {}
        self._met_executions = False
        self._positions = RowTable(
            ("account", "symbol", "currency"), ("currentQty", "avgEntryPrice", "liquidationPrice")
        )
        self._wallets = RowTable(("account", "currency"), ("amount", "borrowed", "interestOwed"))
        self._handlers: dict[type[TableFrame], Callable[[Any, int], list[Event]]] = {
            BookFrame: self._on_book,
            InstrumentFrame: self._on_instrument,
            OrderFrame: self._on_order,
            ExecutionFrame: self._on_execution,
            PositionFrame: self._on_position,
            WalletFrame: self._on_wallet,
            SettlementFrame: self._on_settlement,
        }
        self._known = {str(kind.__struct_config__.tag) for kind in self._handlers}

    def reset(self) -> None:
        """Start over for a new connection; facts and the executions told stay known."""
        self.partials.clear()
        self._books.clear()

    def on_frame(self, frame: bytes | str, at_ns: int) -> list[Event]:
        """Apply one frame and return what it tells, in order; answers and greetings tell nothing.

        Args:
            frame: the frame as received.
            at_ns: when it was heard, on our clock.

        Raises:
            AccessRefusedError: the venue refused our key on the socket.
            OrderRefusedError: the venue refused a subscription.
            StateDivergedError: the frame can't be read, or does not fit what we have.
        """
        if frame[2:7] not in _TABLE:  # tables say so first; decoding an answer as one costs more
            other = self._other(frame)
            if not other.table:
                self._on_other(other)
                return []
        try:
            head = self._decoder.decode(frame)
            if head.action == "partial":
                self.partials.append(str(head.__struct_config__.tag))
            return self._handlers[type(head)](head, at_ns)
        except msgspec.ValidationError as error:  # no table, or not one of ours
            other = self._other(frame)
            if other.table in self._known:
                raise _lost(frame) from error
            self._on_other(other)
        except (msgspec.DecodeError, KeyError, ValueError) as error:
            raise _lost(frame) from error
        return []

    def learn_execution(self, fill: FillSeen) -> bool:
        """Return whether ``fill`` is new, and remember it."""
        if fill.exec_id in self._executions:
            return False
        self._executions[fill.exec_id] = None
        return True

    def _other(self, frame: bytes | str) -> OtherFrame:
        try:
            return self._other_decoder.decode(frame)
        except msgspec.DecodeError as error:
            raise _lost(frame) from error

    def _on_other(self, head: OtherFrame) -> None:
        if head.action == "partial":
            self.partials.append(head.table)
        if head.request.op == "cancelAllAfter":
            self.on_dead_man(head.error)
        elif head.error:
            kind = AccessRefusedError if head.status in {401, 403} else OrderRefusedError
            raise kind(f"the stream was refused: {head.error}", status=head.status)

    def _on_book(self, head: BookFrame, at_ns: int) -> list[Event]:
        rows = head.data
        symbol = rows[0].symbol if rows else str(head.filter.get("symbol", ""))
        instrument = self.instruments.get(symbol)
        if instrument is None:
            return []
        whole = head.action == "partial"
        if whole:
            self._books[symbol] = {}
        prices = self._books[symbol]
        levels = []
        for row in rows:
            side = Side.BUY if row.side == "Buy" else Side.SELL
            if head.action == "delete":
                levels.append((side, prices.pop(row.id), 0))
                continue
            price = prices.get(row.id)
            if price is None:
                if row.price is None:
                    raise KeyError(row.id)
                price = prices[row.id] = price_ticks(row.price, instrument.tick)
            levels.append((side, price, row.size or 0))
        return [BookSeen(at_ns=at_ns, symbol=symbol, snapshot=whole, levels=tuple(levels))]

    def _on_instrument(self, head: InstrumentFrame, at_ns: int) -> list[Event]:
        events: list[Event] = []
        for row in head.data:
            symbol = row["symbol"]
            if not row.keys().isdisjoint(FACT_COLUMNS):
                events += self._learn_facts(symbol, row, at_ns, anew=head.action == "partial")
            if not row.keys().isdisjoint(PRICE_COLUMNS):
                events.append(price_of(row, at_ns))
        return events

    def _learn_facts(
        self, symbol: str, row: InstrumentRow, at_ns: int, *, anew: bool
    ) -> list[Event]:
        facts = self._facts.setdefault(symbol, {"symbol": symbol})
        facts.update(row)
        if "typ" not in facts:
            return []  # an update of a row that we have no partial of
        instrument = instrument_of(facts)
        known = not anew and self.instruments.get(symbol) == instrument
        if instrument.kind is Kind.INDEX or known:
            return []
        self.instruments[symbol] = instrument
        return [InstrumentSeen(at_ns=at_ns, instrument=instrument)]

    def _on_order(self, head: OrderFrame, at_ns: int) -> list[Event]:
        # Not merged here: an event may leave members out, and the engine has the order.
        return [order_of(row, self.instruments, at_ns) for row in head.data]

    def _on_execution(self, head: ExecutionFrame, at_ns: int) -> list[Event]:
        fills = [fill_of(row, at_ns) for row in head.data]
        # What the first partial shows happened before we came.
        told = self._met_executions or head.action != "partial"
        self._met_executions = True
        return [fill for fill in fills if fill and self.learn_execution(fill) and told]

    def _on_position(self, head: PositionFrame, at_ns: int) -> list[Event]:
        rows = self._positions.apply(head, head.data)
        return [position_of(row, at_ns) for row in rows]

    def _on_wallet(self, head: WalletFrame, at_ns: int) -> list[Event]:
        rows = self._wallets.apply(head, head.data)
        return [wallet_of(row, at_ns) for row in rows]

    def _on_settlement(self, head: SettlementFrame, at_ns: int) -> list[Event]:
        events: list[Event] = []
        for row in head.data:
            instrument = self.instruments.get(row["symbol"])
            price = row.get("settledPrice")
            # The partial shows a symbol's last settlement, maybe of the contract before.
            if (
                instrument is not None
                and price is not None
                and instant_ns(row["timestamp"]) > instrument.listing_ns
            ):
                events.append(SettlementSeen(at_ns=at_ns, symbol=row["symbol"], price=price))
        return events


def _lost(frame: bytes | str) -> StateDivergedError:
    return StateDivergedError(f"the stream sent what we can't follow: {frame[:200]!r}")


def _nobody(_: str) -> None:
    """Take answers to what nobody asked."""
