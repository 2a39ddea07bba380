"""What the bot heard, on disk, so that a run can be replayed into the engine.

    recorder = Recorder(run_dir / "events.mmr")
    recorder.record(event)          # each event, before the engine takes it
    recorder.close()

    for event in replay(run_dir / "events.mmr"):
        engine.on_event(event)

The file is a row of blocks: length and crc32 of the body (two big-endian 32-bit numbers), then the
body, a zlib-packed msgpack list of events. A file that ends inside a block was cut off by a crash;
what stands before is whole.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mmbot.books.parts import BooksError
from mmbot.books.store import fraction_in, fraction_out
from mmbot.types import (
    Answered,
    BookSeen,
    Connected,
    Disconnected,
    Event,
    FillSeen,
    InstrumentSeen,
    MarginSeen,
    OrderSeen,
    PositionSeen,
    PriceSeen,
    SettlementSeen,
    Tick,
    TradeSeen,
    WalletSeen,
)

AnyEvent = (
    Answered
    | BookSeen
    | Connected
    | Disconnected
    | FillSeen
    | InstrumentSeen
    | MarginSeen
    | OrderSeen
    | PositionSeen
    | PriceSeen
    | SettlementSeen
    | Tick
    | TradeSeen
    | WalletSeen
)
BLOCK_EVENTS = 1000
HEAD = struct.Struct(">II")


class Recorder:
    """Writes events to a file, a block at a time."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._encoder = msgspec.msgpack.Encoder(enc_hook=fraction_out)
        self._events: list[Event] = []

    def record(self, event: Event) -> None:
        """Keep one event."""
        self._events.append(event)
        if len(self._events) >= BLOCK_EVENTS:
            self._write()

    def close(self) -> None:
        """Write the last block and close the file; idempotent."""
        if self._events:
            self._write()
        self._file.close()

    def _write(self) -> None:
        body = zlib.compress(self._encoder.encode(self._events), level=1)
        self._file.write(HEAD.pack(len(body), zlib.crc32(body)) + body)
        self._events = []


def replay(path: Path) -> Iterator[Event]:
    """Yield the events of a recording in their order.

    Raises:
        BooksError: there is no such file, or a block is damaged (not: cut off at the end).
    """
    decoder = msgspec.msgpack.Decoder(list[AnyEvent], dec_hook=fraction_in)
    try:
        file = path.open("rb")
    except OSError as error:
        raise BooksError(f"can't read the recording {path}: {error.strerror}") from error
    with file:
        while len(head := file.read(HEAD.size)) == HEAD.size:
            length, checksum = HEAD.unpack(head)
            body = file.read(length)
            if len(body) < length:
                return
            if zlib.crc32(body) != checksum:
                raise BooksError(f"{path}: the block at byte {file.tell() - length} is damaged")
            yield from decoder.decode(zlib.decompress(body))
