"""Topics of the socket: what may be subscribed to, and its frames (protocol.md 6.4)."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from sim_exchange.errors import RequestError
from sim_exchange.wire.catalogue import Catalogue
from sim_exchange.wire.rows import Row
from sim_exchange.wire.tables import INSTRUMENT_GROUPS, TABLES, Table, types_of

PUBLISH_SOURCE = 1_000_000
"""Source number of the publisher's timers: after everything else of their instant."""

_encode = msgspec.json.Encoder().encode


class Topic(NamedTuple):
    """One stream: a table, of one symbol or "" = all, of one account or 0 = public."""

    table: str
    symbol: str
    account: int


class TopicError(RequestError):
    """A topic that does not exist, or that needs a key; becomes an error frame."""

    name = "WebsocketError"


class Sink(Protocol):
    """Whoever takes frames; it never blocks."""

    def send(self, text: str) -> None:
        """Take one frame."""
        ...


class Outlet(Protocol):
    """Where feeds put their rows."""

    def emit(
        self, table: str, action: str, rows: Sequence[tuple[str, Row]], account: int = 0
    ) -> None:
        """Send rows, each with its symbol, to the subscribers of the table."""
        ...

    def wake_at(self, at_ns: int) -> None:
        """Make a turn at an instant of the exchange's clock."""
        ...

    def wanted(self, table: str, symbol: str, account: int = 0) -> bool:
        """Tell whether anybody listens to a symbol's rows of a table."""
        ...


def read_topic(text: str, catalogue: Catalogue, account: int) -> Topic:
    """Read ``table``, ``table:*`` or ``table:SYMBOL``; ``account`` is 0 without a key.

    Raises:
        TopicError: 400 unknown table or symbol, 401 a private table without a key.
    """
    name, _, symbol = text.partition(":")
    table = TABLES.get(name)
    if table is None:
        raise TopicError(f"Unknown table: {name}")
    if table.private and not account:
        raise TopicError(
            f"User requested an account-locked subscription without authorization: {name}",
            status=401,
        )
    owner = account if table.private else 0
    if symbol in ("", "*") or not table.by_symbol:
        return Topic(name, "", owner)
    if name == "instrument" and symbol in INSTRUMENT_GROUPS:
        return Topic(name, symbol, owner)
    exact = catalogue.resolve(symbol)
    if exact is None:
        raise TopicError(f"Unknown symbol: {symbol}")
    return Topic(name, exact, owner)


def frame(table: str, action: str, rows: Sequence[bytes]) -> str:
    """Spell a delta of rows that are encoded already."""
    head = f'{{"table":"{table}","action":"{action}","data":['
    return head + b",".join(rows).decode() + "]}"


def frame_of(table: str, action: str, rows: bytes) -> str:
    """Spell a delta of rows that are encoded already, as one array."""
    return f'{{"table":"{table}","action":"{action}","data":{rows.decode()}}}'


class Partials:
    """Makes partial frames; what comes before the data is spelt once a table."""

    def __init__(self) -> None:
        """Start without any."""
        self._heads: dict[str, str] = {}

    def frame(self, topic: Topic, rows: Sequence[Row]) -> str:
        """Spell a topic's partial."""
        head = self._heads.get(topic.table)
        if head is None:
            head = self._heads[topic.table] = _partial_head(TABLES[topic.table])
        chosen: Row = {}
        if topic.account:
            chosen["account"] = topic.account
        if topic.symbol and topic.symbol not in INSTRUMENT_GROUPS:
            chosen["symbol"] = topic.symbol
        filtered = _encode(chosen).decode()
        return f'{head},"filter":{filtered},"data":{_encode(rows).decode()}}}'


def _partial_head(table: Table) -> str:
    head = _encode(
        {
            "table": table.name,
            "action": "partial",
            "keys": list(table.keys),
            "types": types_of(table),
            "foreignKeys": table.foreign,
            "attributes": table.attributes,
        }
    )
    return head.decode()[:-1]
