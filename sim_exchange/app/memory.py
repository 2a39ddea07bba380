"""All that an exchange remembers, and how a data folder brings it back.

A restart takes the newest snapshot that is good and was written by this program, and replays what
the journal has after it. Where another program wrote the snapshots, the whole journal is replayed,
and the books that it gives must be those that the other program had: otherwise what was told to
clients would change under their hands.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from sim_exchange import snapshots
from sim_exchange.core.events import Event
from sim_exchange.core.exchange import Exchange
from sim_exchange.errors import CoreError, JournalError, SnapshotError
from sim_exchange.history import History
from sim_exchange.journal import (
    FILE_NAME,
    Header,
    Position,
    Record,
    Replayed,
    copy_of,
    read_header,
    sync,
    walk,
)
from sim_exchange.market.heard import Heard

log = structlog.get_logger()


class Memory:
    """The exchange, what its feed has heard, and what has happened: what a snapshot holds."""

    def __init__(self, exchange: Exchange, heard: Heard, history: History) -> None:
        """Put them together; ``apply`` keeps them so."""
        self.exchange = exchange
        self.heard = heard
        self.history = history

    @classmethod
    def fresh(cls, start_ns: int) -> "Memory":
        """Return that of an exchange to which nothing has happened."""
        exchange = Exchange(start_ns)
        return cls(exchange, Heard(), History(exchange))

    def apply(self, record: Record) -> tuple[Event, ...]:
        """Let a journaled command happen."""
        events = self.exchange.apply(record.command, record.at_ns)
        self.history.on_commit(record.seq, record.at_ns, record.command, events)
        self.heard.hear(record.seq, record.at_ns, record.command, events)
        return events

    def state_hash(self) -> str:
        """Return the digest of the whole state; that of history is no part of it."""
        return snapshots.hash_of(snapshots.Writer().write([self.exchange, self.heard]))

    def books(self) -> str:
        """Return the digest of what an exchange owes and shows, however a program keeps it.

        Wallets, positions, open orders, prices of contracts and indices.
        """
        exchange = self.exchange
        found: list[object] = []
        for key, account in sorted(exchange.accounts.items()):
            wallets = [(c, exchange.wallet(key, c).amount) for c in exchange.currencies()]
            found.append((key, account.name, [one for one in sorted(wallets) if one[1]]))
            for symbol, position in sorted(account.positions.items()):
                found.append((symbol, position.qty, position.cost, position.realised_pnl))
            found += [
                (order.order_id, order.symbol, order.side.value, order.price, order.leaves_qty)
                for order in exchange.open_orders(key)
            ]
        for symbol, market in sorted(exchange.markets.items()):
            found.append((symbol, market.state.value, market.mode.value, market.mark))
            found.append((market.last_price, market.total_volume, market.settled_price))
        found += [(symbol, index.price) for symbol, index in sorted(exchange.indices.items())]
        return hashlib.blake2b(msgspec.msgpack.encode(found), digest_size=16).hexdigest()

    def save(self, folder: Path, header: Header, position: Position) -> snapshots.Meta:
        """Write a snapshot of now, which is ``position`` in the journal; sync that before.

        Raises:
            CoreError: something can't be written.
        """
        sync(folder / FILE_NAME)
        state = [self.exchange, self.heard]
        return snapshots.write(folder, header, position, state, self.history, self.books())


class Restored(msgspec.Struct, frozen=True):
    """What a data folder starts from."""

    memory: Memory
    position: Position | None
    """Where in the journal ``memory`` stands; None at its beginning."""
    others: dict[int, str]
    """Books that other programs had, by the number of the command."""
    damaged: int = 0
    """How many snapshots could not be used."""


def has_journal(data: Path) -> bool:
    """Whether there is an exchange in a data folder.

    Raises:
        JournalError: there are snapshots of one, but no journal.
    """
    path = data / FILE_NAME
    if path.exists() or copy_of(path).exists():
        return True
    if snapshots.found_in(data):
        raise JournalError(f"there are snapshots in {data}, but no journal; put it back")
    return False


def header_of(data: Path) -> Header:
    """Return the header of a folder's journal, from whichever of its files has it.

    Raises:
        JournalError: none has.
    """
    path = data / FILE_NAME
    try:
        return read_header(path)
    except JournalError:
        copy = copy_of(path)
        if not copy.exists():
            raise
        return read_header(copy)


def restore(data: Path, header: Header) -> Restored:
    """Return the newest state of a folder that can be trusted, before the journal goes on from it.

    A snapshot that is damaged is left out and said. What is returned was checked: its checksums,
    its hash, and every invariant.
    """
    others: dict[int, str] = {}
    damaged = 0
    for path in snapshots.found_in(data):
        try:
            found = snapshots.read(path)
            if found.meta.header != header:
                raise SnapshotError(f"snapshot {path} is of another journal")
            if found.meta.program != snapshots.program():
                others[found.meta.position.seq] = found.meta.books
                continue
            (exchange, heard), history = found.restore()
            exchange.check()
        except CoreError as error:
            damaged += 1
            log.warning("snapshot left out", reason=str(error))
            continue
        memory = Memory(exchange, heard, history)
        return Restored(memory, found.meta.position, others, damaged)
    return Restored(Memory.fresh(header.start_ns), None, others, damaged)


def check_books(others: dict[int, str], seq: int, memory: Memory) -> None:
    """Refuse a replay that gives other books than those that another program had after ``seq``.

    Raises:
        CoreError: they differ.
    """
    books = others.get(seq)
    if books is not None and books != memory.books():
        raise CoreError(
            f"replayed by this program, the books after command {seq} are not those that the "
            "program had which wrote the journal; sim-exchange restore DATA --rebook takes them"
        )


def replay_all(
    path: Path,
    restored: Restored,
    on_command: Callable[[Record, Callable[[], Position]], None] | None = None,
) -> Replayed:
    """Bring what was restored to the end of the journal.

    Raises:
        CoreError: the journal can't be trusted, or gives other books than another program had.
    """
    memory, others = restored.memory, restored.others

    def apply(record: Record, position: Callable[[], Position]) -> None:
        memory.apply(record)
        if record.seq in others:
            check_books(others, record.seq, memory)
        if on_command is not None:
            on_command(record, position)

    return walk(path, apply, restored.position)
