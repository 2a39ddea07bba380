"""What an operator does with a data folder: verify, back up, restore, take a snapshot."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from sim_exchange import snapshots
from sim_exchange.app.folders import KEYS, private_folder
from sim_exchange.app.memory import Memory, Restored, has_journal, header_of, replay_all, restore
from sim_exchange.core.exchange import Exchange
from sim_exchange.errors import JournalError, SettingsError, SnapshotError
from sim_exchange.journal import (
    FILE_NAME,
    Position,
    Record,
    Replayed,
    copy_of,
    good_bytes,
    in_use,
    mend,
    replay,
    walk,
)

log = structlog.get_logger()


class Verified(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="verified"):
    """What a data folder was found to hold."""

    commands: int
    digest: str
    """The journal's, over every command."""
    state: str
    """Hash of the state after the last command."""
    snapshots: list[int]
    """The numbers of the commands after which a snapshot was compared with the replay."""
    invariants: int
    """How many were checked in the end."""
    torn_bytes: int
    """Of a last block that a crash has cut, and that the next start drops."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup or a restored folder holds."""

    event: str
    folder: str
    commands: int
    digest: str
    mended_blocks: int = 0
    regained_bytes: int = 0
    lost_bytes: int = 0


def replay_digest(data: Path) -> Replayed:
    """Replay the journal of a data folder (or the file itself); its digest is in the answer.

    Raises:
        CoreError: the journal can't be trusted.
    """
    return replay(data / FILE_NAME if data.is_dir() else data, Exchange)[1]


def verify(data: Path) -> Verified:
    """Read everything in a data folder, replay its whole journal, and compare.

    Nothing is changed, and an exchange may be running on the folder.

    Raises:
        SettingsError: there is no exchange in it.
        CoreError: says what is damaged, or differs.
    """
    path = _journal_in(data)
    good, found = good_bytes(path)
    blocks = found.path_blocks, found.copy_blocks
    if found.damaged:
        where = " and ".join(
            f"{name} has {len(numbers)} damaged (record {numbers[0]})"
            for name, numbers in zip((path, copy_of(path)), blocks, strict=True)
            if numbers
        )
        where = where or f"{path} lacks {found.regained_bytes} bytes that its copy has"
        raise JournalError(f"of {found.blocks} blocks {where}; sim-exchange restore mends it")
    header = header_of(data)
    kept = {}
    for file in snapshots.found_in(data):
        try:
            snapshot = snapshots.read(file)
        except SnapshotError:
            if file.exists():
                raise
            continue  # an older one, dropped by now
        if snapshot.meta.header != header:
            raise SnapshotError(f"snapshot {file} is of another journal")
        if snapshot.meta.program == snapshots.program():
            snapshot.restore()
        kept[snapshot.meta.position.seq] = snapshot
    memory = Memory.fresh(header.start_ns)
    compared: list[int] = []

    def compare(record: Record, position: Callable[[], Position]) -> None:
        snapshot = kept.get(record.seq)
        if snapshot is not None:
            _compare(snapshot, memory, position())
            compared.append(record.seq)

    end = replay_all(path, Restored(memory, None, {}), compare)
    beyond = [seq for seq in kept if seq > end.position.seq]
    if beyond:
        raise JournalError(
            f"journal {path} ends at record {end.position.seq}, a snapshot is of {max(beyond)}"
        )
    checked = memory.exchange.check()
    return Verified(
        commands=end.position.seq,
        digest=end.digest,
        state=memory.state_hash(),
        snapshots=compared,
        invariants=len(checked),
        torn_bytes=max(0, path.stat().st_size - len(good)),
    )


def take_snapshot(data: Path) -> snapshots.Meta:
    """Bring the newest snapshot of a folder to the end of its journal; write that as a new one.

    An exchange may be running on the folder: it is not disturbed, and what it has not written yet
    is left to the next one.

    Raises:
        SettingsError: there is no exchange in the folder.
        CoreError: the journal can't be trusted, or the snapshot can't be written.
    """
    path = _journal_in(data)
    header = header_of(data)
    restored = restore(data, header)
    end = replay_all(path, restored)
    return restored.memory.save(data, header, end.position)


def backup(data: Path, dest: Path) -> Kept:
    """Copy an exchange's journal, keys and snapshots to a new folder; read them back.

    An exchange may be running on ``data``: what it has acknowledged by now is in the backup.

    Raises:
        SettingsError: there is no exchange in ``data``, or something in ``dest``.
        CoreError: the journal can't be trusted.
    """
    path = _journal_in(data)
    if dest.exists() and any(dest.iterdir()):
        raise SettingsError(f"backup folder {dest} is not empty")
    private_folder(dest)
    # Snapshots first: the journal is never shorter than they are.
    files = {}
    for file in snapshots.found_in(data):
        with contextlib.suppress(FileNotFoundError):  # an older one, dropped by now
            files[file.name] = file.read_bytes()
    keys = data / KEYS
    if keys.exists():
        files[KEYS] = keys.read_bytes()
    good, _ = good_bytes(path)
    own = dest / FILE_NAME
    files[FILE_NAME] = files[copy_of(own).name] = bytes(good)
    for name, content in files.items():
        snapshots.write_whole(dest / name, content)
    return _kept("backup", dest)


def restore_folder(
    data: Path, source: Path | None = None, *, accept_loss: bool = False, rebook: bool = False
) -> Kept:
    """Mend a data folder from its journal's copy, and from a backup; or make it of one.

    Args:
        data: the folder; no exchange may be running on it.
        source: a backup of it.
        accept_loss: cut off what follows the last record that is good, where nobody has it.
        rebook: take the books that this program makes of the journal, where another program that
            wrote it had others.

    Raises:
        SettingsError: there is nothing to restore, or a backup of something else.
        CoreError: a block is damaged everywhere, or an exchange is running.
    """
    path = data / FILE_NAME
    if in_use(path):
        raise JournalError(f"journal {path} is in use by another process")
    if source is not None:
        _journal_in(source)
    if source is not None and not (path.exists() or copy_of(path).exists()):
        private_folder(data)
        for file in (source / KEYS, *snapshots.found_in(source)):
            if file.exists():
                snapshots.write_whole(data / file.name, file.read_bytes())
    elif source is None:
        _journal_in(data)
    elif header_of(source) != _header_or_none(data, header_of(source)):
        raise SettingsError(f"backup {source} is not of the exchange in {data}")
    others = () if source is None else (source / FILE_NAME, copy_of(source / FILE_NAME))
    found = mend(path, others=others, loses=accept_loss)
    header = header_of(data)
    if found.lost_bytes:
        _drop_snapshots(data, lambda snapshot: snapshot.meta.position.seq >= found.blocks)
    if rebook:
        _drop_snapshots(data, lambda snapshot: snapshot.meta.program != snapshots.program())
    restored = restore(data, header)
    end = replay_all(path, restored)
    restored.memory.exchange.check()
    restored.memory.save(data, header, end.position)
    return msgspec.structs.replace(
        _kept("restored", data),
        mended_blocks=len({*found.path_blocks, *found.copy_blocks}),
        regained_bytes=found.regained_bytes,
        lost_bytes=found.lost_bytes,
    )


def _kept(event: str, folder: Path) -> Kept:
    end = walk(folder / FILE_NAME, lambda *_: None)
    return Kept(event=event, folder=str(folder), commands=end.position.seq, digest=end.digest)


def _journal_in(data: Path) -> Path:
    if not data.is_dir() or not has_journal(data):
        raise SettingsError(f"there is no exchange in {data}: it has no {FILE_NAME}")
    return data / FILE_NAME


def _header_or_none(data: Path, default: object) -> object:
    """Return the header of a folder, ``default`` where it is damaged in both files."""
    try:
        return header_of(data)
    except JournalError:
        return default


def _drop_snapshots(data: Path, which: Callable[[snapshots.Snapshot], bool]) -> None:
    for file in snapshots.found_in(data):
        try:
            drops = which(snapshots.read(file))
        except SnapshotError:
            drops = True
        if drops:
            file.unlink()


def _compare(snapshot: snapshots.Snapshot, memory: Memory, position: Position) -> None:
    meta = snapshot.meta
    if meta.position != position:
        raise SnapshotError(f"snapshot {snapshot.path} is of other records than the journal has")
    if meta.program == snapshots.program():
        found = memory.state_hash()
        if found != meta.state_hash:
            raise SnapshotError(
                f"snapshot {snapshot.path}: state hash {meta.state_hash}, "
                f"a replay of the journal gives {found}"
            )
    elif meta.books != memory.books():
        raise SnapshotError(
            f"snapshot {snapshot.path}: another program had other books than a replay gives"
        )
