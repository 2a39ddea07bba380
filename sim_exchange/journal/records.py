"""The records of a journal, their digest, and a journal that is kept in memory.

The digest is a chain: each piece of at least 64 KiB of records is hashed together with the hash
before it, so that a digest can go on from where a snapshot was taken without reading what is
before. Where pieces end depends on the records alone.
"""

import hashlib
from collections.abc import Iterator
from typing import Protocol

import msgspec

from sim_exchange.core.commands import AnyCommand, Command
from sim_exchange.errors import JournalError

FORMAT = 1

_PIECE_BYTES = 1 << 16
encoder = msgspec.msgpack.Encoder()


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


class DigestState(msgspec.Struct, frozen=True):
    """A digest in the making: the hash of all whole pieces, and the records after them."""

    link: bytes = b""
    pending: bytes = b""


_NOTHING = DigestState()


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """A place between two records: what was appended up to it.

    ``size`` and ``crc`` are length and CRC-32 of the file up to there; 0 where there is none.
    """

    seq: int
    at_ns: int
    digest: DigestState
    size: int
    crc: int


record_decoder = msgspec.msgpack.Decoder(Record)
header_decoder = msgspec.msgpack.Decoder(Header)


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


class Digest:
    """The chain of hashes over records as MessagePack."""

    def __init__(self, state: DigestState = _NOTHING) -> None:
        """Go on from ``state``; by default from nothing."""
        self._link = state.link
        self._pending = bytearray(state.pending)

    def add(self, record: bytes) -> None:
        """Take in one record that is encoded already."""
        self._pending += record
        if len(self._pending) >= _PIECE_BYTES:
            self._fold()

    def encode(self, record: tuple[int, int, Command]) -> None:
        """Encode one record and take it in."""
        encoder.encode_into(record, self._pending, -1)
        if len(self._pending) >= _PIECE_BYTES:
            self._fold()

    def hex(self) -> str:
        """The digest of what was taken in so far."""
        return self._hash().hex()

    def state(self) -> DigestState:
        """Where it stands, to go on from."""
        return DigestState(self._link, bytes(self._pending))

    def _fold(self) -> None:
        self._link = self._hash()
        self._pending.clear()

    def _hash(self) -> bytes:
        piece = hashlib.blake2b(self._link, digest_size=16)
        piece.update(self._pending)
        return piece.digest()


class MemoryJournal:
    """A journal that keeps the digest, and the records only when ``keep`` says so."""

    durable = False

    def __init__(self, header: Header, *, keep: bool = False) -> None:
        """Start empty."""
        self.header = header
        self.last_seq = 0
        self.last_at_ns = header.start_ns
        self._digest = Digest()
        self._kept: list[bytes] | None = [] if keep else None

    def append(self, seq: int, at_ns: int, command: Command) -> None:
        """Take one command.

        Raises:
            JournalError: ``seq`` does not follow the last one or ``at_ns`` lies before it.
        """
        check_order(self.last_seq, self.last_at_ns, seq, at_ns)
        record = (seq, at_ns, command)
        self._digest.encode(record)
        if self._kept is not None:
            self._kept.append(encoder.encode(record))
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
            yield record_decoder.decode(body)

    def close(self) -> None:
        """Nothing to do."""


def check_order(last_seq: int, last_at_ns: int, seq: int, at_ns: int) -> None:
    """Refuse a record that does not follow the last one.

    Raises:
        JournalError: a gap, or a step back in time.
    """
    if seq != last_seq + 1:
        raise JournalError(f"journal gap: record {seq} after record {last_seq}")
    if at_ns < last_at_ns:
        raise JournalError(f"record {seq} at {at_ns} ns lies before its predecessor, {last_at_ns}")
