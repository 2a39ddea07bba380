"""The file of one run: an SQLite database (WAL) of its quotes, fills, states, wallet and equity.

What the app calls::

    store = Store.create(run_dir / RUN_FILE)         # a new file; an old one is replaced
    store.set_facts(seed=7, symbol="ETC7D")          # any time, as often as wished
    store.add_note(note)                             # every note of the engine
    store.add_wallet_rows(rows)                      # at the end, from the venue's history
    store.close()                                    # writes what is buffered

    store = Store.open(run_dir / RUN_FILE)           # to read: facts(), quotes(), fills(), ...

Rows are buffered and written some hundreds at a time in the caller's thread. Quotes are kept one
per ``quote_every_ns``, all else whole, so memory stays flat however long the run. Units as in
``mmbot.types``: instants in ns, money and quantities whole, contract prices in ticks.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import msgspec

from mmbot.books.parts import BooksError, Part
from mmbot.books.wallet_rows import WalletRow
from mmbot.types import FillNote, FillRole, FillSeen, Note, QuoteNote, Side, StatusNote

FORMAT = 1
RUN_FILE = "run.sqlite"
BATCH = 500
QUOTE_EVERY_NS = 30 * 10**9

_PARTS = ", ".join(f"{part} REAL NOT NULL" for part in Part)
SCHEMA = f"""
CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE quotes (
    at_ns INTEGER NOT NULL, symbol TEXT NOT NULL, spot REAL NOT NULL, mark REAL,
    bid INTEGER, bid_size INTEGER, ask INTEGER, ask_size INTEGER,
    position INTEGER NOT NULL, spot_position INTEGER NOT NULL, years REAL NOT NULL,
    terms TEXT NOT NULL, bids TEXT NOT NULL, asks TEXT NOT NULL, why TEXT NOT NULL);
CREATE TABLE fills (
    at_ns INTEGER NOT NULL, role TEXT NOT NULL, symbol TEXT NOT NULL, side INTEGER,
    qty INTEGER NOT NULL, price REAL NOT NULL, exec_cost INTEGER NOT NULL,
    exec_comm INTEGER NOT NULL, maker INTEGER NOT NULL, mid REAL NOT NULL, fair REAL NOT NULL,
    decided_mid REAL NOT NULL, sample REAL, slice_no INTEGER NOT NULL, exec_id TEXT NOT NULL,
    exec_type TEXT NOT NULL, order_id TEXT NOT NULL, cl_ord_id TEXT NOT NULL, text TEXT NOT NULL,
    heard_ns INTEGER NOT NULL, venue_ns INTEGER NOT NULL);
CREATE TABLE statuses (at_ns INTEGER NOT NULL, level TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE wallet (
    at_ns INTEGER NOT NULL, currency TEXT NOT NULL, kind TEXT NOT NULL, amount INTEGER NOT NULL,
    fee INTEGER NOT NULL, balance INTEGER, text TEXT NOT NULL);
CREATE TABLE equity (
    at_ns INTEGER NOT NULL, mid REAL NOT NULL, position INTEGER NOT NULL,
    spot_position INTEGER NOT NULL, {_PARTS});
"""


class EquitySample(msgspec.Struct, frozen=True, kw_only=True):
    """Running P&L at one instant: ``parts`` are estimates in minor units, marked to ``mid``."""

    at_ns: int
    mid: float
    position: int
    spot_position: int
    parts: dict[Part, float]


class Store:
    """One run's database; make it with ``create`` or ``open``."""

    def __init__(self, database: sqlite3.Connection, quote_every_ns: int, *, writes: bool) -> None:
        self._database = database
        self._writes = writes
        self._quote_every_ns = quote_every_ns
        self._quote_due_ns = 0
        self._buffers: dict[str, list[tuple[Any, ...]]] = {}
        self._buffered = 0

    @classmethod
    def create(cls, path: Path, *, quote_every_ns: int = QUOTE_EVERY_NS) -> Self:
        """Make a new file at ``path``, in place of an old one; its folder is made too.

        Raises:
            BooksError: the file can't be made.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            for old in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
                old.unlink(missing_ok=True)
            database = sqlite3.connect(path, isolation_level=None)
            # The journal of the exchange is the durable record; this file may lose its last second.
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = OFF")
            database.executescript(SCHEMA)
            database.execute(f"PRAGMA user_version = {FORMAT}")
        except (OSError, sqlite3.Error) as error:
            raise BooksError(f"can't write the run's file {path}: {error}") from error
        return cls(database, quote_every_ns, writes=True)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the file of an earlier run to read it.

        Raises:
            BooksError: there is none, or it is not a run's file of this format.
        """
        if not path.is_file():
            raise BooksError(f"there is no run's file {path}")
        try:
            database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
            (version,) = database.execute("PRAGMA user_version").fetchone()
        except sqlite3.Error as error:
            raise BooksError(f"can't read the run's file {path}: {error}") from error
        if version != FORMAT:
            database.close()
            raise BooksError(f"{path} is of format {version}, this program reads {FORMAT}")
        return cls(database, QUOTE_EVERY_NS, writes=False)

    def close(self) -> None:
        """Write what is buffered and close the file; idempotent."""
        self.flush()
        if self._writes:
            # A finished run is one file, which readers need not write beside.
            self._database.execute("PRAGMA journal_mode = DELETE")
            self._writes = False
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- writing

    def set_facts(self, **facts: object) -> None:
        """Set facts of the run: structs of ours and what JSON can hold."""
        rows = [
            (key, msgspec.json.encode(value, enc_hook=fraction_out).decode())
            for key, value in facts.items()
        ]
        with _sqlite_errors():
            self._database.executemany("INSERT OR REPLACE INTO run VALUES (?, ?)", rows)

    def add_note(self, note: Note) -> None:
        """Keep a note; of quotes, one per ``quote_every_ns``."""
        match note:
            case QuoteNote():
                if note.at_ns >= self._quote_due_ns:
                    self._quote_due_ns = note.at_ns + self._quote_every_ns
                    self._add("quotes", _quote_row(note))
            case FillNote():
                self._add("fills", _fill_row(note))
            case StatusNote():
                self._add("statuses", (note.at_ns, note.level, note.text))
            case _:
                raise BooksError(f"{type(note).__name__} is not a note that a run keeps")

    def add_wallet_rows(self, rows: Iterable[WalletRow]) -> None:
        """Keep rows of the venue's wallet history."""
        for row in rows:
            self._add(
                "wallet",
                (row.at_ns, row.currency, row.kind, row.amount, row.fee, row.balance, row.text),
            )

    def add_equity(self, sample: EquitySample) -> None:
        """Keep a sample of the running P&L."""
        parts = (sample.parts[part] for part in Part)
        self._add(
            "equity", (sample.at_ns, sample.mid, sample.position, sample.spot_position, *parts)
        )

    def _add(self, table: str, row: tuple[Any, ...]) -> None:
        self._buffers.setdefault(table, []).append(row)
        self._buffered += 1
        if self._buffered >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what is buffered.

        Raises:
            BooksError: the disk is full, or the file is gone.
        """
        if not self._buffered:
            return
        buffers, self._buffers, self._buffered = self._buffers, {}, 0
        with _sqlite_errors(), self._database:
            self._database.execute("BEGIN")
            for table, rows in buffers.items():
                marks = ", ".join("?" * len(rows[0]))
                self._database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - names are ours

    # --- reading; rows in the order in which they were added

    def facts(self) -> dict[str, Any]:
        """Return the facts of the run."""
        rows = self._database.execute("SELECT key, value FROM run ORDER BY key")
        return {key: msgspec.json.decode(value) for key, value in rows}

    def quotes(self) -> Iterator[QuoteNote]:
        """Return the kept quotes."""
        for row in self._read("quotes"):
            at_ns, symbol, spot, mark, _, _, _, _, position, spot_position, *rest = row
            years, terms, bids, asks, why = rest
            yield QuoteNote(
                at_ns=at_ns,
                symbol=symbol,
                spot=spot,
                terms=msgspec.json.decode(terms, type=dict[str, float]),
                bids=msgspec.json.decode(bids, type=tuple[tuple[int, int], ...]),
                asks=msgspec.json.decode(asks, type=tuple[tuple[int, int], ...]),
                position=position,
                spot_position=spot_position,
                mark=mark,
                years=years,
                why=why,
            )

    def fills(self) -> Iterator[FillNote]:
        """Return every fill."""
        for row in self._read("fills"):
            at_ns, role, symbol, side, qty, price, cost, comm, maker, mid, fair, *rest = row
            decided, sample, slice_no, exec_id, exec_type, order_id, cl_ord_id, *last = rest
            text, heard_ns, venue_ns = last
            seen = FillSeen(
                at_ns=heard_ns,
                exec_id=exec_id,
                exec_type=exec_type,
                order_id=order_id,
                cl_ord_id=cl_ord_id,
                symbol=symbol,
                side=None if side is None else Side(side),
                qty=qty,
                price=price,
                exec_cost=cost,
                exec_comm=comm,
                maker=bool(maker),
                text=text,
                venue_ns=venue_ns,
            )
            yield FillNote(
                at_ns=at_ns,
                fill=seen,
                role=FillRole(role),
                mid=mid,
                fair=fair,
                decided_mid=decided,
                sample=sample,
                slice_no=slice_no,
            )

    def statuses(self) -> Iterator[StatusNote]:
        """Return what a person should have seen."""
        for at_ns, level, text in self._read("statuses"):
            yield StatusNote(at_ns=at_ns, level=level, text=text)

    def wallet_rows(self) -> Iterator[WalletRow]:
        """Return the wallet history."""
        for at_ns, currency, kind, amount, fee, balance, text in self._read("wallet"):
            yield WalletRow(
                at_ns=at_ns,
                currency=currency,
                kind=kind,
                amount=amount,
                fee=fee,
                balance=balance,
                text=text,
            )

    def equity(self) -> Iterator[EquitySample]:
        """Return the samples of running P&L."""
        for at_ns, mid, position, spot_position, *parts in self._read("equity"):
            yield EquitySample(
                at_ns=at_ns,
                mid=mid,
                position=position,
                spot_position=spot_position,
                parts=dict(zip(Part, parts, strict=True)),
            )

    def span(self) -> tuple[int, int]:
        """Return the first and the last instant of quotes, fills and equity; (0, 0) when empty."""
        self.flush()
        with _sqlite_errors():
            (row,) = self._database.execute(
                "SELECT min(at_ns), max(at_ns) FROM (SELECT at_ns FROM quotes "
                "UNION ALL SELECT at_ns FROM fills UNION ALL SELECT at_ns FROM equity)"
            )
        return row[0] or 0, row[1] or 0

    def _read(self, table: str) -> Iterator[tuple[Any, ...]]:
        self.flush()
        with _sqlite_errors():
            yield from self._database.execute(f"SELECT * FROM {table} ORDER BY rowid")  # noqa: S608 - names are ours


def fraction_out(value: Any) -> str:
    """Spell an exact tick for msgspec (``enc_hook``)."""
    if isinstance(value, Fraction):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} has no place in the run's files")


def fraction_in(kind: type, value: Any) -> Any:
    """Read what ``fraction_out`` spelt (``dec_hook``)."""
    if kind is Fraction:
        return Fraction(value)
    raise NotImplementedError(f"{kind.__name__} has no place in the run's files")


@contextlib.contextmanager
def _sqlite_errors() -> Iterator[None]:
    """Turn what SQLite says into an error of the books."""
    try:
        yield
    except sqlite3.Error as error:
        raise BooksError(f"the run's file: {error}") from error


def _quote_row(note: QuoteNote) -> tuple[Any, ...]:
    encode = msgspec.json.encode
    return (
        note.at_ns,
        note.symbol,
        note.spot,
        note.mark,
        *(note.bids[0] if note.bids else (None, None)),
        *(note.asks[0] if note.asks else (None, None)),
        note.position,
        note.spot_position,
        note.years,
        encode(note.terms).decode(),
        encode(note.bids).decode(),
        encode(note.asks).decode(),
        note.why,
    )


def _fill_row(note: FillNote) -> tuple[Any, ...]:
    fill = note.fill
    return (
        note.at_ns,
        note.role.value,
        fill.symbol,
        fill.side,
        fill.qty,
        fill.price,
        fill.exec_cost,
        fill.exec_comm,
        fill.maker,
        note.mid,
        note.fair,
        note.decided_mid,
        note.sample,
        note.slice_no,
        fill.exec_id,
        fill.exec_type,
        fill.order_id,
        fill.cl_ord_id,
        fill.text,
        fill.at_ns,
        fill.venue_ns,
    )
