"""A journal on the disk: two equal append-only files of checksummed blocks (``blocks.py``).

The first block is the header, every other one (sequence, instant in ns, command), as MessagePack.
A bad checksum or a gap anywhere is refused; opening for writing first mends what the copy holds.
"""

import contextlib
import fcntl
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from sim_exchange.core.commands import AnyCommand, Command
from sim_exchange.core.events import Event
from sim_exchange.errors import JournalError
from sim_exchange.journal.blocks import (
    BAD,
    Mended,
    block,
    block_end,
    body_of,
    copy_of,
    crc_of,
    mend,
)
from sim_exchange.journal.records import (
    FORMAT,
    Digest,
    Header,
    Position,
    Record,
    check_order,
    encoder,
    header_decoder,
    record_decoder,
)

FILE_NAME = "journal.sim"


class FileJournal:
    """A journal in one append-only file, and a second one that is equal.

    ``durable`` says whether ``write`` waits for the disk and whether the session holds its answers
    back until then; without it the file is written in large pieces and on ``close``. The copy is
    written after the file and synced on ``close`` only: of what it lacks, the file has it.
    """

    def __init__(self, path: Path, header: Header, *, durable: bool) -> None:
        """Make a new file at ``path``, and its copy.

        Raises:
            JournalError: one of both exists already or can't be made.
        """
        self._prepare(path, header, durable=durable)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        try:
            self._copy_fd = os.open(copy_of(path), flags, 0o600)
            self._fd = os.open(path, flags, 0o600)
        except OSError as error:
            raise JournalError(f"can't make journal {path}: {error.strerror}") from error
        self._lock()
        head = block(encoder.encode(header))
        self._size, self._crc = len(head), zlib.crc32(head)
        self.write(head)
        _sync_folder(path.parent)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        durable: bool,
        on_record: Callable[[Record], None],
        after: Position | None = None,
    ) -> "FileJournal":
        """Open an existing file to go on from its end, handing each record to ``on_record``.

        What is damaged in the file or its copy is mended first (see ``mended``).

        Args:
            path: the file.
            durable: as for a new one.
            on_record: takes the records in order.
            after: a place up to which nothing is to be handed out.

        Raises:
            JournalError: a block is damaged in both files, a gap, another format, or the file
                can't be read or does not reach ``after``.
        """
        with contextlib.ExitStack() as undo:
            self = cls.__new__(cls)
            self.path = path
            try:
                self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                undo.callback(os.close, self._fd)
                self._lock()
                mended = _mend(path, after)
                self._copy_fd = os.open(copy_of(path), os.O_WRONLY | os.O_APPEND)
                undo.callback(os.close, self._copy_fd)
            except OSError as error:
                raise JournalError(f"can't write journal {path}: {error.strerror}") from error
            self._go_on(_Reader(path), mended, after, durable=durable, on_record=on_record)
            undo.pop_all()
        return self

    def _go_on(
        self,
        reader: "_Reader",
        mended: Mended,
        after: Position | None,
        *,
        durable: bool,
        on_record: Callable[[Record], None],
    ) -> None:
        self._prepare(self.path, reader.header, durable=durable)
        self.mended = mended
        if after is not None:
            reader.skip_to(after)
            self.last_seq, self.last_at_ns = after.seq, after.at_ns
            self._digest = Digest(after.digest)
        for record, body in reader.records():
            self._note(record.seq, record.at_ns, body)
            on_record(record)
        self._size, self._crc = reader.good_bytes, reader.crc

    def _lock(self) -> None:
        # Two writers would tear each other's blocks; the lock ends with the process.
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise JournalError(f"journal {self.path} is in use by another process") from error

    def _prepare(self, path: Path, header: Header, *, durable: bool) -> None:
        self.path = path
        self.header = header
        self.durable = durable
        self.last_seq = 0
        self.last_at_ns = header.start_ns
        self.mended = Mended()
        self._digest = Digest()
        self._buffer = bytearray()
        self._size = self._crc = 0  # of the file, with what is still in the buffer

    def append(self, seq: int, at_ns: int, command: Command) -> None:
        """Take one command; it is on disk after the next ``write`` of what ``take`` hands out.

        Raises:
            JournalError: ``seq`` does not follow the last one or ``at_ns`` lies before it.
        """
        check_order(self.last_seq, self.last_at_ns, seq, at_ns)
        body = encoder.encode((seq, at_ns, command))
        self._note(seq, at_ns, body)
        self._buffer += block(body)

    def digest(self) -> str:
        """The digest of everything appended, in hexadecimal."""
        return self._digest.hex()

    def position(self) -> Position:
        """The place after everything appended."""
        return Position(
            seq=self.last_seq,
            at_ns=self.last_at_ns,
            digest=self._digest.state(),
            size=self._size + len(self._buffer),
            crc=zlib.crc32(self._buffer, self._crc),
        )

    def take(self) -> bytes:
        """Hand out what is not written yet, and forget it."""
        chunk, self._buffer = bytes(self._buffer), bytearray()
        self._size += len(chunk)
        self._crc = zlib.crc32(chunk, self._crc)
        return chunk

    def write(self, chunk: bytes) -> None:
        """Write a chunk from ``take``; with ``durable`` return once it is on the disk.

        Raises:
            JournalError: the disk refuses it.
        """
        try:
            _write_all(self._fd, chunk)
            if self.durable:
                os.fsync(self._fd)
            _write_all(self._copy_fd, chunk)
        except OSError as error:
            raise JournalError(f"can't write journal {self.path}: {error.strerror}") from error

    def read(self, from_seq: int = 1) -> Iterator[Record]:
        """Everything written from ``from_seq`` on.

        With ``durable`` wait for the session's ``released`` first: what a thread is writing now
        is left out.
        """
        if not self.durable:
            self.write(self.take())
        for record in read(self.path):
            if record.seq >= from_seq:
                yield record

    def close(self) -> None:
        """Write what is left, make it durable, close."""
        self.durable = True
        self.write(self.take())
        os.fsync(self._copy_fd)
        os.close(self._copy_fd)
        os.close(self._fd)

    def _note(self, seq: int, at_ns: int, body: bytes) -> None:
        self._digest.add(body)
        self.last_seq, self.last_at_ns = seq, at_ns


class Replayable(Protocol):
    """What a journal can be replayed into."""

    def apply(self, command: AnyCommand, at_ns: int) -> tuple[Event, ...]:
        """Apply one command."""
        ...


ExchangeT = TypeVar("ExchangeT", bound=Replayable)


class Replayed(msgspec.Struct, frozen=True):
    """The end of a replay."""

    header: Header
    position: Position
    digest: str
    torn_bytes: int


def replay(path: Path, build: Callable[[int], ExchangeT]) -> tuple[ExchangeT, Replayed]:
    """Apply a whole journal to the exchange that ``build(start_ns)`` makes.

    Raises:
        JournalError: a bad checksum, a gap, another format, or the file can't be read.
    """
    exchange = build(read_header(path).start_ns)
    return exchange, walk(path, lambda record, _: exchange.apply(record.command, record.at_ns))


def walk(
    path: Path,
    on_record: Callable[[Record, Callable[[], Position]], object],
    after: Position | None = None,
) -> Replayed:
    """Hand each record to ``on_record``, with what tells the place behind it.

    Args:
        path: the journal.
        on_record: takes a record and a function that finds the position after it.
        after: a place up to which nothing is to be handed out.

    Raises:
        JournalError: a bad checksum, a gap, another format, the file can't be read, or it does not
            reach ``after``.
    """
    reader = _Reader(path)
    digest = Digest() if after is None else Digest(after.digest)
    seq, at_ns = 0, reader.header.start_ns
    if after is not None:
        reader.skip_to(after)
        seq, at_ns = after.seq, after.at_ns

    def position() -> Position:
        return Position(
            seq=seq, at_ns=at_ns, digest=digest.state(), size=reader.good_bytes, crc=reader.crc
        )

    for record, body in reader.records():
        seq, at_ns = record.seq, record.at_ns
        digest.add(body)
        on_record(record, position)
    return Replayed(reader.header, position(), digest.hex(), reader.torn_bytes)


def read(path: Path) -> Iterator[Record]:
    """The records of a journal in order; a block cut by a crash is left out.

    Raises:
        JournalError: a bad checksum, a gap, another format, or the file can't be read.
    """
    for record, _ in _Reader(path).records():
        yield record


def read_header(path: Path) -> Header:
    """The header of a journal.

    Raises:
        JournalError: it has none that can be trusted, or the file can't be read.
    """
    return _Reader(path).header


def sync(path: Path) -> None:
    """Make durable what is written of a journal, by whomever.

    Raises:
        JournalError: the disk refuses it.
    """
    try:
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise JournalError(f"can't sync journal {path}: {error.strerror}") from error


def in_use(path: Path) -> bool:
    """Whether a process has this journal open for writing."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


class _Reader:
    # Walks the blocks of a file; ``good_bytes`` and ``crc`` are those of what was walked so far.

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seq, self._at_ns = 0, 0
        self.good_bytes = 0
        self.torn_bytes = 0
        self.crc = 0
        try:
            self._data = memoryview(path.read_bytes())
        except OSError as error:
            raise JournalError(f"can't read journal {path}: {error.strerror}") from error
        body = self._next_body(0)
        if body is None:
            raise JournalError(f"journal {path} has no complete header")
        try:
            self.header = header_decoder.decode(body)
        except msgspec.MsgspecError as error:
            raise JournalError(f"{path} is not a journal: {error}") from error
        if self.header.format != FORMAT:
            raise JournalError(
                f"journal {path} has format {self.header.format}, this program reads {FORMAT}"
            )
        self._at_ns = self.header.start_ns

    def skip_to(self, position: Position) -> None:
        """Go on behind a position, whose bytes must be those that were there when it was taken."""
        if len(self._data) < position.size:
            raise JournalError(
                f"journal {self._path} ends before record {position.seq}, which a snapshot knows"
            )
        if zlib.crc32(self._data[: position.size]) != position.crc:
            raise JournalError(
                f"journal {self._path}: bad checksum of the records up to {position.seq}"
            )
        self._seq, self._at_ns = position.seq, position.at_ns
        self.good_bytes, self.crc = position.size, position.crc

    def records(self) -> Iterator[tuple[Record, bytes]]:
        while (body := self._next_body(self._seq + 1)) is not None:
            try:
                record = record_decoder.decode(body)
            except msgspec.MsgspecError as error:
                raise JournalError(
                    f"journal {self._path}: record {self._seq + 1} can't be read: {error}"
                ) from error
            check_order(self._seq, self._at_ns, record.seq, record.at_ns)
            self._seq, self._at_ns = record.seq, record.at_ns
            yield record, bytes(body)

    def _next_body(self, number: int) -> memoryview | None:
        start = self.good_bytes
        end = block_end(self._data, start)
        if end == BAD:
            raise JournalError(f"journal {self._path}: bad checksum of record {number}")
        if end < 0:
            self.torn_bytes = len(self._data) - start
            return None
        self.crc = zlib.crc32(self._data[start:end], self.crc)
        self.good_bytes = end
        return body_of(self._data, start, end)


def _mend(path: Path, after: Position | None) -> Mended:
    if after is not None:
        files = (path, copy_of(path))
        if all(crc_of(file, after.size) == after.crc for file in files):
            return mend(path, start=after.size, number=after.seq + 1)
    return mend(path)


def _write_all(fd: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(fd, view) :]


def _sync_folder(folder: Path) -> None:
    # A new file is only sure to be found after a crash once its folder is synced, too.
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
