"""Snapshots on the disk: one file each, checksummed, written whole or not at all.

``snapshot-000000012345.sim`` is what the exchange was after command 12345, in three blocks like
those of the journal (``journal/blocks.py``): ``Meta``, the state, the history of what has happened.
The state's hash is the hash of its canonical spelling (``graph.py``), so a replay of the journal up
to there must give the same.
"""

import hashlib
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

import sim_exchange
from sim_exchange.errors import SnapshotError
from sim_exchange.journal import Header, Position
from sim_exchange.journal.blocks import block, block_end, body_of
from sim_exchange.snapshots.graph import ROOMS, Reader, Writer

FORMAT = 2
KEPT = 3
"""Of this program's snapshots; of every other program's the newest one stays as well."""

_PREFIX, _SUFFIX = "snapshot-", ".sim"
_encode = msgspec.msgpack.Encoder().encode


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot says of itself; ``books`` is the digest of what any program can compare."""

    format: int = FORMAT
    program: str
    header: Header
    position: Position
    state_hash: str
    books: str


class Snapshot(msgspec.Struct, frozen=True):
    """A snapshot as it was read: its checksums hold."""

    path: Path
    meta: Meta
    state: bytes
    history: bytes

    def restore(self) -> tuple[Any, Any]:
        """Return the state and the history, made again from nothing.

        Raises:
            SnapshotError: this program can't make them, or makes something else of them.
        """
        reader = Reader()
        try:
            state, history = reader.read(self.state), reader.read(self.history)
            found = hash_of(Writer().write(state))
        except SnapshotError as error:
            raise SnapshotError(f"snapshot {self.path}: {error}") from error
        if found != self.meta.state_hash:
            raise SnapshotError(
                f"snapshot {self.path}: state hash {found}, {self.meta.state_hash} was written"
            )
        return state, history


@cache
def program() -> str:
    """Return which program this is: a hash of all source that decides a state."""
    found = hashlib.blake2b(digest_size=8)
    root = Path(sim_exchange.__file__).parent
    places = sorted({room.split(".")[1] for room in ROOMS})
    for path in sorted(file for place in places for file in (root / place).rglob("*.py")):
        text = path.read_bytes()
        found.update(f"{path.relative_to(root)} {len(text)}\n".encode() + text)
    return found.hexdigest()


def hash_of(picture: bytes) -> str:
    """Return the hash of a state as it is spelt."""
    return hashlib.blake2b(picture, digest_size=16).hexdigest()


def write(
    folder: Path, header: Header, position: Position, state: object, history: object, books: str
) -> Meta:
    """Write a snapshot and drop those that are too many; a crash leaves the ones before.

    Args:
        folder: where; that of the journal.
        header: the journal's.
        position: the place in the journal up to which everything is in ``state``.
        state: root of what is hashed.
        history: root of the rest; it may refer to the state.
        books: digest of what any program can compare.

    Raises:
        SnapshotError: something can't be written.
    """
    writer = Writer()
    spelt = writer.write(state)
    rest = writer.write(history)
    meta = Meta(
        program=program(),
        header=header,
        position=position,
        state_hash=hash_of(spelt),
        books=books,
    )
    path = folder / f"{_PREFIX}{position.seq:012d}{_SUFFIX}"
    try:
        write_whole(path, b"".join(map(block, (_encode(meta), spelt, rest))))
        _prune(folder)
    except OSError as error:
        raise SnapshotError(f"can't write snapshot {path}: {error.strerror}") from error
    return meta


def write_whole(path: Path, data: bytes) -> None:
    """Write a file for its owner only, so that it is there whole or not at all."""
    part = path.with_suffix(f".{os.getpid()}.part")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with open(fd, "wb", closefd=False) as file:
            file.write(data)
        os.fsync(fd)
    finally:
        os.close(fd)
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def found_in(folder: Path) -> list[Path]:
    """Return the snapshots of a folder, the newest first."""
    return sorted(folder.glob(f"{_PREFIX}*{_SUFFIX}"), reverse=True)


def read(path: Path) -> Snapshot:
    """Read a snapshot and check it.

    Raises:
        SnapshotError: it is damaged, of another format, or can't be read.
    """
    try:
        data = memoryview(path.read_bytes())
    except OSError as error:
        raise SnapshotError(f"can't read snapshot {path}: {error.strerror}") from error
    bodies = list(_bodies(path, data))
    if len(bodies) != 3:
        raise SnapshotError(f"snapshot {path}: {len(bodies)} blocks, it needs 3")
    try:
        meta = msgspec.msgpack.decode(bodies[0], type=Meta)
    except msgspec.MsgspecError as error:
        raise SnapshotError(f"{path} is not a snapshot: {error}") from error
    if meta.format != FORMAT:
        raise SnapshotError(
            f"snapshot {path} has format {meta.format}, this program reads {FORMAT}"
        )
    if hash_of(bodies[1]) != meta.state_hash:
        raise SnapshotError(f"snapshot {path}: its state is not what it says")
    return Snapshot(path, meta, bodies[1], bodies[2])


def _bodies(path: Path, data: memoryview) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = block_end(data, start)
        if end < 0:
            raise SnapshotError(f"snapshot {path}: bad checksum")
        yield bytes(body_of(data, start, end))
        start = end


def _prune(folder: Path) -> None:
    kept: dict[str, int] = {}
    for path in found_in(folder):
        try:
            whose = read(path).meta.program
        except SnapshotError:
            whose = ""
        most = KEPT if whose == program() else min(1, len(whose))
        kept[whose] = kept.get(whose, 0) + 1
        if kept[whose] > most:
            path.unlink(missing_ok=True)
    for part in folder.glob(f"{_PREFIX}*.part"):
        if not _is_alive(part):
            part.unlink(missing_ok=True)


def _is_alive(part: Path) -> bool:
    """Whether the process that writes a part of a snapshot still lives."""
    try:
        os.kill(int(part.suffixes[0].removeprefix(".")), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
