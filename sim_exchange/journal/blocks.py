"""Checksummed blocks in an append-only file, and how two copies of it mend each other.

| bytes | what |
| --- | --- |
| 12 | length of the body, CRC-32 of the body, CRC-32 of these first eight bytes (little-endian) |
| length | body |

A journal is written to two files that are equal byte by byte: the one that is synced before an
answer leaves, and its copy, written right after. A block that is damaged in one of them is taken
from the other. A last block that is incomplete in both was cut by a crash and was never
acknowledged; it is cut off.
"""

import os
import struct
import zlib
from pathlib import Path

import msgspec

from sim_exchange.errors import JournalError

_FRAME = struct.Struct("<III")
_WORDS = struct.Struct("<II")
_WORD = struct.Struct("<I")
_READ_BYTES = 1 << 20

TORN, BAD = -1, -2


def block(body: bytes) -> bytes:
    """Put a body into a block."""
    frame = _WORDS.pack(len(body), zlib.crc32(body))
    return frame + _WORD.pack(zlib.crc32(frame)) + body


def block_end(data: memoryview, start: int) -> int:
    """Return where the block at ``start`` ends; ``TORN`` or ``BAD`` where there is no good one."""
    body_at = start + _FRAME.size
    if body_at > len(data):
        return TORN
    length, crc, frame_crc = _FRAME.unpack_from(data, start)
    if zlib.crc32(data[start : start + _WORDS.size]) != frame_crc:
        return BAD
    end: int = body_at + length
    if end > len(data):
        return TORN
    return end if zlib.crc32(data[body_at:end]) == crc else BAD


def body_of(data: memoryview, start: int, end: int) -> memoryview:
    """Return the body of the good block from ``start`` to ``end``."""
    return data[start + _FRAME.size : end]


def copy_of(path: Path) -> Path:
    """Return where the copy of a journal is."""
    return path.with_suffix(".copy")


def crc_of(path: Path, size: int) -> int | None:
    """Return the CRC-32 of the first ``size`` bytes of a file, None where it is shorter."""
    crc = 0
    try:
        with path.open("rb") as file:
            while size:
                chunk = file.read(min(size, _READ_BYTES))
                if not chunk:
                    return None
                crc, size = zlib.crc32(chunk, crc), size - len(chunk)
    except FileNotFoundError:
        return None
    return crc


class Mended(msgspec.Struct, kw_only=True):
    """What was found and put right in a journal and its copy.

    ``path_blocks`` and ``copy_blocks`` are the numbers of the damaged blocks (0 is the header's) of
    ``blocks``. ``cut_bytes`` were of a last block that was never whole, ``regained_bytes`` were
    missing at the end of the file and not of its copy, ``lost_bytes`` nobody had any more.
    """

    blocks: int = 0
    path_blocks: list[int] = []
    copy_blocks: list[int] = []
    cut_bytes: int = 0
    regained_bytes: int = 0
    lost_bytes: int = 0

    @property
    def damaged(self) -> bool:
        """Whether anything was damaged that a crash can't explain."""
        found = self.path_blocks or self.copy_blocks or self.regained_bytes or self.lost_bytes
        return bool(found)


def mend(
    path: Path,
    *,
    start: int = 0,
    number: int = 0,
    others: tuple[Path, ...] = (),
    loses: bool = False,
) -> Mended:
    """Make a journal and its copy good and equal, block by block, in place.

    Args:
        path: the journal; its copy lies beside it. One of both may be missing.
        start: where to begin; what is before is known to be good in both.
        number: of the block that begins there.
        others: more files that may have what both lack; they are only read.
        loses: cut off all from the first block on that no file has, instead of refusing.

    Raises:
        JournalError: a block is damaged in all of them, or a file can't be read or written.
    """
    files = (path, copy_of(path))
    texts = _texts((*files, *others))
    good, found = _good_bytes(path, texts, start, number, loses=loses)
    for file, text in zip(files, texts, strict=False):
        if text != good:
            _rewrite(file, text, good)
    return found


def good_bytes(path: Path) -> tuple[bytearray, Mended]:
    """Return what a journal should be, and what is damaged in it or its copy; changes nothing.

    Raises:
        JournalError: a block is damaged in both, or a file can't be read.
    """
    return _good_bytes(path, _texts((path, copy_of(path))), 0, 0, loses=False)


def _texts(files: tuple[Path, ...]) -> list[bytes]:
    try:
        # The copy first: of a journal that is being written it never has more than the file.
        found = [file.read_bytes() if file.exists() else b"" for file in reversed(files)]
        return found[::-1]
    except OSError as error:
        raise JournalError(f"can't read journal {error.filename}: {error.strerror}") from error


def _good_bytes(
    path: Path, texts: list[bytes], start: int, number: int, *, loses: bool
) -> tuple[bytearray, Mended]:
    views = [memoryview(text) for text in texts]
    good = bytearray(texts[0][:start])
    found = Mended()
    at = start
    while True:
        ends = [block_end(view, at) for view in views]
        end = next((end for end in ends if end > 0), None)
        if end is None:
            break
        piece = views[ends.index(end)][at:end]
        good += piece
        for numbers, which in ((found.path_blocks, 0), (found.copy_blocks, 1)):
            its = ends[which]
            if its == BAD or (its > 0 and views[which][at:its] != piece):
                numbers.append(number)
        if ends[0] == TORN:
            found.regained_bytes += end - at
        at, number = end, number + 1
    if BAD not in ends:
        # Less than a block: nobody was told of it.
        found.cut_bytes = max(0, len(views[0]) - at)
    elif loses:
        found.lost_bytes = max(map(len, views)) - at
    else:
        raise JournalError(f"journal {path}: {_unmendable(texts, ends, number)}")
    found.blocks = number
    return good, found


def _unmendable(texts: list[bytes], ends: list[int], number: int) -> str:
    where = f"record {number}" if number else "its header"
    if ends[0] != BAD:
        return f"it ends before {where}, which is damaged in its copy"
    copy = "there is no copy" if not texts[1] else "its copy ends before it"
    return f"bad checksum of {where}, and " + (
        "its copy is damaged there, too" if ends[1] == BAD else copy
    )


def _rewrite(file: Path, before: bytes, good: bytearray) -> None:
    # In place, so that a lock on the file goes on holding; whoever is killed here begins anew.
    try:
        fd = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            first = _first_difference(before, good)
            view = memoryview(good)[first:]
            at = first
            while view:
                wrote = os.pwrite(fd, view, at)
                view, at = view[wrote:], at + wrote
            os.ftruncate(fd, len(good))
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise JournalError(f"can't write journal {file}: {error.strerror}") from error


def _first_difference(before: bytes, good: bytearray) -> int:
    size = min(len(before), len(good))
    for at in range(0, size, _READ_BYTES):
        if before[at : min(size, at + _READ_BYTES)] != good[at : min(size, at + _READ_BYTES)]:
            return at
    return size
