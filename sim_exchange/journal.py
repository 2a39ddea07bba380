"""How the log of committed commands is stored, checked and read back.

The journal is the list of (sequence, instant in ns, command). Its digest is one blake2b over these
records as MessagePack: changing any one command, its account or its instant changes it.
On disk it is an append-only file of checksummed blocks:

| bytes | what |
| --- | --- |
| 12 | length of the body, CRC-32 of the body, CRC-32 of these first eight bytes (little-endian) |
| length | body: the header (first block) or (sequence, instant in ns, command), as MessagePack |

A file whose last block is incomplete was cut by a crash: that block was never acknowledged and is
dropped on opening. A bad checksum or a gap anywhere is refused.
"""

import fcntl
import hashlib
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from sim_exchange.core.commands import AnyCommand, Command
from sim_exchange.core.events import Event
from sim_exchange.errors import JournalError

FORMAT = 1
FILE_NAME = "journal.sim"

_FRAME = struct.Struct("<III")
_FOLD_BYTES = 1 << 16
_encoder = msgspec.msgpack.Encoder()


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first block of a journal: what a replay starts from."""

    format: int = FORMAT
    start_ns: int
    seed: int
    era: str


class Record(msgspec.Struct, frozen=True, array_like=True):
    """One committed command."""

    seq: int
    at_ns: int
    command: AnyCommand


_record_decoder = msgspec.msgpack.Decoder(Record)
_header_decoder = msgspec.msgpack.Decoder(Header)


class Journal(Protocol):
    """Where the session writes down what it is about to apply."""

    header: Header
    last_seq: int
    last_at_ns: int
    durable: bool

    def append(self, seq: int, at_ns: int, command: Command) -> None:
        """Take one command; ``seq`` must follow the last, ``at_ns`` must not lie before it."""
        ...

    def digest(self) -> str:
        """The digest of everything appended, in hexadecimal."""
        ...

    def take(self) -> bytes:
        """Hand out what is not written yet, and forget it; in order, to ``write``."""
        ...

    def write(self, chunk: bytes) -> None:
        """Write a chunk from ``take`` and make it durable; may block, may run in a thread."""
        ...

    def read(self, from_seq: int = 1) -> Iterator[Record]:
        """The records from ``from_seq`` on; of a durable journal, those that are written."""
        ...

    def close(self) -> None:
        """Write what is left, make it durable, close."""
        ...


class _Digest:
    # Of the records' bytes. Hashing in large pieces costs a third of hashing each record.

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._pending = bytearray()

    def add(self, record: bytes) -> None:
        self._pending += record
        if len(self._pending) >= _FOLD_BYTES:
            self._fold()

    def encode(self, record: tuple[int, int, Command]) -> None:
        _encoder.encode_into(record, self._pending, -1)
        if len(self._pending) >= _FOLD_BYTES:
            self._fold()

    def hex(self) -> str:
        self._fold()
        return self._hash.hexdigest()

    def _fold(self) -> None:
        self._hash.update(self._pending)
        self._pending.clear()


class MemoryJournal:
    """A journal that keeps the digest, and the records only when ``keep`` says so."""

    durable = False

    def __init__(self, header: Header, *, keep: bool = False) -> None:
        """Start empty."""
        self.header = header
        self.last_seq = 0
        self.last_at_ns = header.start_ns
        self._digest = _Digest()
        self._kept: list[bytes] | None = [] if keep else None

    def append(self, seq: int, at_ns: int, command: Command) -> None:
        """Take one command.

        Raises:
            JournalError: ``seq`` does not follow the last one or ``at_ns`` lies before it.
        """
        _check_order(self.last_seq, self.last_at_ns, seq, at_ns)
        record = (seq, at_ns, command)
        self._digest.encode(record)
        if self._kept is not None:
            self._kept.append(_encoder.encode(record))
        self.last_seq, self.last_at_ns = seq, at_ns

    def digest(self) -> str:
        """The digest of everything appended, in hexadecimal."""
        return self._digest.hex()

    def take(self) -> bytes:
        """Nothing: there is no file."""
        return b""

    def write(self, chunk: bytes) -> None:
        """Nothing to do."""

    def read(self, from_seq: int = 1) -> Iterator[Record]:
        """What was kept from ``from_seq`` on.

        Raises:
            JournalError: this journal keeps no records.
        """
        if self._kept is None:
            raise JournalError("this run keeps the digest of its journal, not its records")
        for body in self._kept[max(0, from_seq - 1) :]:
            yield _record_decoder.decode(body)

    def close(self) -> None:
        """Nothing to do."""


class FileJournal:
    """A journal in one append-only file.

    ``durable`` says whether ``write`` waits for the disk and whether the session holds its answers
    back until then; without it the file is written in large pieces and on ``close``.
    """

    def __init__(self, path: Path, header: Header, *, durable: bool) -> None:
        """Make a new file at ``path``.

        Raises:
            JournalError: the file exists already or can't be made.
        """
        self._prepare(path, header, durable=durable)
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except OSError as error:
            raise JournalError(f"can't make journal {path}: {error.strerror}") from error
        self._lock()
        self.write(_block(_encoder.encode(header)))
        _sync_folder(path.parent)

    @classmethod
    def open(
        cls, path: Path, *, durable: bool, on_record: Callable[[Record], None]
    ) -> "FileJournal":
        """Open an existing file to go on from its end, handing each record to ``on_record``.

        An incomplete last block is cut off (see ``cut_bytes``).

        Raises:
            JournalError: a bad checksum, a gap, another format, or the file can't be read.
        """
        self = cls.__new__(cls)
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_APPEND)
        except OSError as error:
            raise JournalError(f"can't write journal {path}: {error.strerror}") from error
        self.path = path
        self._lock()
        reader = _Reader(path)
        self._prepare(path, reader.header, durable=durable)
        for record, body in reader.records():
            self._note(record.seq, record.at_ns, body)
            on_record(record)
        self.cut_bytes = reader.torn_bytes
        if self.cut_bytes:
            os.truncate(path, reader.good_bytes)
        return self

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
        self.cut_bytes = 0
        self._digest = _Digest()
        self._buffer = bytearray()

    def append(self, seq: int, at_ns: int, command: Command) -> None:
        """Take one command; it is on disk after the next ``write`` of what ``take`` hands out.

        Raises:
            JournalError: ``seq`` does not follow the last one or ``at_ns`` lies before it.
        """
        _check_order(self.last_seq, self.last_at_ns, seq, at_ns)
        body = _encoder.encode((seq, at_ns, command))
        self._note(seq, at_ns, body)
        self._buffer += _block(body)

    def digest(self) -> str:
        """The digest of everything appended, in hexadecimal."""
        return self._digest.hex()

    def take(self) -> bytes:
        """Hand out what is not written yet, and forget it."""
        chunk, self._buffer = bytes(self._buffer), bytearray()
        return chunk

    def write(self, chunk: bytes) -> None:
        """Write a chunk from ``take``; with ``durable`` return once it is on the disk.

        Raises:
            JournalError: the disk refuses it.
        """
        try:
            view = memoryview(chunk)
            while view:
                view = view[os.write(self._fd, view) :]
            if self.durable:
                os.fsync(self._fd)
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
    last_seq: int
    last_at_ns: int
    digest: str
    torn_bytes: int


def replay(path: Path, build: Callable[[int], ExchangeT]) -> tuple[ExchangeT, Replayed]:
    """Apply a whole journal to the exchange that ``build(start_ns)`` makes.

    Raises:
        JournalError: a bad checksum, a gap, another format, or the file can't be read.
    """
    reader = _Reader(path)
    exchange = build(reader.header.start_ns)
    digest = _Digest()
    seq, at_ns = 0, reader.header.start_ns
    for record, body in reader.records():
        seq, at_ns = record.seq, record.at_ns
        exchange.apply(record.command, at_ns)
        digest.add(body)
    return exchange, Replayed(reader.header, seq, at_ns, digest.hex(), reader.torn_bytes)


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
    # Walks the blocks of a file; ``good_bytes`` and ``torn_bytes`` hold at the end of the walk.

    def __init__(self, path: Path) -> None:
        self._path = path
        self.good_bytes = 0
        self.torn_bytes = 0
        try:
            self._data = memoryview(path.read_bytes())
        except OSError as error:
            raise JournalError(f"can't read journal {path}: {error.strerror}") from error
        body = self._next_body(0)
        if body is None:
            raise JournalError(f"journal {path} has no complete header")
        try:
            self.header = _header_decoder.decode(body)
        except msgspec.MsgspecError as error:
            raise JournalError(f"{path} is not a journal: {error}") from error
        if self.header.format != FORMAT:
            raise JournalError(
                f"journal {path} has format {self.header.format}, this program reads {FORMAT}"
            )

    def records(self) -> Iterator[tuple[Record, bytes]]:
        seq, at_ns = 0, self.header.start_ns
        while (body := self._next_body(seq + 1)) is not None:
            try:
                record = _record_decoder.decode(body)
            except msgspec.MsgspecError as error:
                raise JournalError(
                    f"journal {self._path}: record {seq + 1} can't be read: {error}"
                ) from error
            _check_order(seq, at_ns, record.seq, record.at_ns)
            seq, at_ns = record.seq, record.at_ns
            yield record, bytes(body)

    def _next_body(self, number: int) -> memoryview | None:
        start, end = self.good_bytes, len(self._data)
        body_at = start + _FRAME.size
        if body_at > end:
            self.torn_bytes = end - start
            return None
        length, crc, frame_crc = _FRAME.unpack_from(self._data, start)
        if zlib.crc32(self._data[start : start + 8]) != frame_crc:
            raise JournalError(f"journal {self._path}: bad checksum before record {number}")
        if body_at + length > end:
            self.torn_bytes = end - start
            return None
        body = self._data[body_at : body_at + length]
        if zlib.crc32(body) != crc:
            raise JournalError(f"journal {self._path}: bad checksum of record {number}")
        self.good_bytes = body_at + length
        return body


def _check_order(last_seq: int, last_at_ns: int, seq: int, at_ns: int) -> None:
    if seq != last_seq + 1:
        raise JournalError(f"journal gap: record {seq} after record {last_seq}")
    if at_ns < last_at_ns:
        raise JournalError(f"record {seq} at {at_ns} ns lies before its predecessor, {last_at_ns}")


def _block(body: bytes) -> bytes:
    frame = struct.pack("<II", len(body), zlib.crc32(body))
    return frame + struct.pack("<I", zlib.crc32(frame)) + body


def _sync_folder(folder: Path) -> None:
    # A new file is only sure to be found after a crash once its folder is synced, too.
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
