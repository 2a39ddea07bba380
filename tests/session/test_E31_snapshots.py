"""E31: snapshots; a restart is the newest good one and the journal after it, hash for hash."""

import asyncio
import shutil

import pytest
from structlog.testing import capture_logs

from sim_exchange import snapshots
from sim_exchange.app import backup, build_world, load, restore_folder, take_snapshot, verify
from sim_exchange.app.memory import Memory
from sim_exchange.core.commands import (
    Announce,
    CancelAllAfter,
    FeeChange,
    PlaceOrder,
    SetMode,
)
from sim_exchange.core.types import HOUR_NS, MINUTE_NS, Mode, Side
from sim_exchange.errors import CoreError, JournalError, SettingsError, SnapshotError
from sim_exchange.journal import FILE_NAME, walk
from sim_exchange.session import Session

START = "2018-01-19T11:30:00Z"
SETTINGS = {"durability": "none", "clock": "manual", "catalogue": "era"}


def build(data, **more):
    return build_world(load({**SETTINGS, **more}, environ={}), data)


def live(world, minutes):
    """Let time pass."""
    session = world.session
    upto = session.at_ns + minutes * MINUTE_NS
    session.clock.move_to(upto)
    session.run_due(upto)
    session.journal.write(session.journal.take())


def trade(world, account):
    """Orders of all fates: filled, resting, hidden, waiting, with a switch armed."""
    submit = world.session.submit
    book = world.exchange.markets["ETC7D"].book
    bid = book.best_bid()
    submit(PlaceOrder(account=account, symbol="ETC7D", side=Side.SELL, order_qty=5, price=bid))
    submit(
        PlaceOrder(
            account=account, symbol="ETC7D", side=Side.BUY, order_qty=7, price=bid - 9,
            display_qty=2, cl_ord_id=f"mine-{world.session.seq}",
        )
    )  # fmt: skip
    submit(PlaceOrder(account=account, symbol="ETC_XBT", side=Side.SELL, order_qty=10**8, price=1))
    submit(CancelAllAfter(account=account, timeout_ns=HOUR_NS))


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A folder with two snapshots and a tail, as a kill leaves it, over a weekly settlement."""
    data = tmp_path_factory.mktemp("lived") / "data"
    data.mkdir(mode=0o700)
    world = build(data, start=START)
    account = world.grant_demo().account
    trade(world, account)
    live(world, 10)
    first = take_snapshot(data)
    submit = world.session.submit
    submit(
        Announce(
            text="fees", effective_ns=world.session.at_ns + 2 * HOUR_NS,
            change=FeeChange(symbol="ETC_XBT", maker_fee_ppm=100, taker_fee_ppm=300),
        )
    )  # fmt: skip
    submit(SetMode(mode=Mode.HALT, until_ns=world.session.at_ns + 5 * MINUTE_NS))
    live(world, 25)  # over 12:00: ETC7D settles, the day of wallets ends
    trade(world, account)
    second = take_snapshot(data)
    live(world, 5)
    state = world.memory.state_hash()
    world.session.journal.close()
    return data, first, second, state, world.digest


@pytest.fixture
def data(lived, tmp_path):
    """A copy of it to spoil."""
    shutil.copytree(lived[0], tmp_path / "data")
    return tmp_path / "data"


def ended(data):
    """What the folder would be after a restart: number, digest and hash of the state."""
    folder = data.parent / f"tried {len(list(data.parent.iterdir()))}"
    return restarted(shutil.copytree(data, folder))


def restarted(data):
    """The same, and it is restarted."""
    world = build(data)
    found = world.session.seq, world.digest, world.memory.state_hash()
    world.session.journal.close()
    return found


def flip(file, position):
    content = bytearray(file.read_bytes())
    content[position] ^= 0x20
    file.write_bytes(content)


def places(file, count):
    """Offsets all over a file, the first and the last bytes among them."""
    size = file.stat().st_size
    return sorted({0, 9, 20, *(size * n // count for n in range(count)), size - 1})


def test_E31_snapshot_and_the_rest_of_the_journal_are_hash_for_hash_the_whole_journal(lived):
    data, first, second, state, digest = lived
    full = Memory.fresh(first.header.start_ns)
    hashes = {}

    def apply(record, _):
        full.apply(record)
        if record.seq in (first.position.seq, second.position.seq):
            hashes[record.seq] = full.state_hash()

    end = walk(data / FILE_NAME, apply)

    assert hashes == {
        first.position.seq: first.state_hash,
        second.position.seq: second.state_hash,
    }
    assert full.state_hash() == state  # of the exchange that lived it
    assert end.digest == digest
    found = verify(data)
    assert (found.state, found.digest) == (state, digest)
    assert found.snapshots == [first.position.seq, second.position.seq]


def test_E31_a_restart_from_a_snapshot_is_a_restart_from_the_whole_journal(data):
    from_snapshot = ended(data)
    for path in snapshots.found_in(data):
        path.unlink()
    assert ended(data) == from_snapshot


def test_a_restart_reads_the_newest_snapshot_and_no_older_record(data, lived, monkeypatch):
    _, _, second, _, _ = lived
    replayed: list[int] = []
    restore = Session.restore

    def note(session, record):
        replayed.append(record.seq)
        restore(session, record)

    monkeypatch.setattr(Session, "restore", note)
    world = build(data)
    world.session.journal.close()

    assert replayed[0] == second.position.seq + 1


def test_clients_read_the_same_history_after_a_restart_from_a_snapshot(data, lived):
    world = build(data)
    full = Memory.fresh(world.session.journal.header.start_ns)
    walk(data / FILE_NAME, lambda record, _: full.apply(record))
    history, other = world.history, full.history
    account = world.grant_demo().account

    assert history.settlements == other.settlements
    assert history.accounts[account].executions == other.accounts[account].executions
    assert history.accounts[account].wallet.rows == other.accounts[account].wallet.rows
    assert history.trades == other.trades
    assert history.settlements
    assert len(history.trades["ETC7D"]) >= 2
    world.session.journal.close()


@pytest.mark.parametrize("name", [FILE_NAME, "journal.copy"])
def test_E31_flip_one_byte_in_a_block_and_the_restored_hash_is_equal(data, name):
    whole = (data / FILE_NAME).read_bytes()
    kept = {path.name: path.read_bytes() for path in data.iterdir()}
    expected = ended(data)
    for position in places(data / name, 5):
        for file, content in kept.items():
            (data / file).write_bytes(content)
        flip(data / name, position)
        with pytest.raises(CoreError, match="damaged"):
            verify(data)

        with capture_logs() as logs:
            assert restarted(data) == expected

        assert "journal mended" in [entry["event"] for entry in logs]
        for file in (FILE_NAME, "journal.copy"):
            assert (data / file).read_bytes()[: len(whole)] == whole


def test_E31_flip_one_byte_in_a_snapshot_and_the_one_before_it_gives_the_same_hash(data):
    expected = ended(data)
    newest, older = snapshots.found_in(data)
    content = newest.read_bytes()
    for position in places(newest, 4):
        newest.write_bytes(content)
        flip(newest, position)
        with pytest.raises(SnapshotError, match=r"bad checksum|damaged|needs 3"):
            verify(data)
        folder = shutil.copytree(data, data.parent / f"at {position}")

        with capture_logs() as logs:
            assert restarted(folder) == expected

        assert "snapshot left out" in [entry["event"] for entry in logs]
        # The next start is good again: a new one was written at once.
        assert snapshots.read(snapshots.found_in(folder)[0]).meta.position.seq > 0
        if position == 0:
            verify(folder)
    assert older.exists()


def test_E31_all_snapshots_damaged_and_the_whole_journal_gives_the_same_hash(data):
    expected = ended(data)
    for path in snapshots.found_in(data):
        flip(path, 5_000)
    assert ended(data) == expected


def test_E31_a_block_that_both_files_have_damaged_is_refused(data):
    for name in (FILE_NAME, "journal.copy"):
        flip(data / name, 5_000)
    for asked in (build, verify, take_snapshot, restore_folder):
        with pytest.raises(JournalError, match=r"bad checksum of (record \d+|the records)"):
            asked(data)


def test_E31_a_block_that_both_have_damaged_comes_back_from_a_backup(data, lived, tmp_path):
    backup(data, tmp_path / "backup")
    expected = ended(data)
    for name in (FILE_NAME, "journal.copy"):
        flip(data / name, 5_000)

    kept = restore_folder(data, tmp_path / "backup")

    assert (kept.digest, kept.mended_blocks, kept.lost_bytes) == (lived[4], 1, 0)
    assert ended(data) == expected


def test_E31_acknowledged_commands_are_given_up_only_when_that_is_asked_for(data, lived):
    _, first, _, _, _ = lived
    cut = first.position.size + 10
    lost = (data / FILE_NAME).stat().st_size - first.position.size
    for name in (FILE_NAME, "journal.copy"):
        flip(data / name, cut)
    with pytest.raises(JournalError):
        restore_folder(data)

    kept = restore_folder(data, accept_loss=True)

    assert (kept.commands, kept.lost_bytes) == (first.position.seq, lost)
    assert verify(data).state == first.state_hash


def test_E31_a_journal_gap_is_refused(data, lived):
    """Blocks that are whole, but one of them is missing in both files."""
    _, first, second, _, _ = lived
    for name in (FILE_NAME, "journal.copy"):
        content = (data / name).read_bytes()
        middle = first.position.size
        (data / name).write_bytes(content[:middle] + content[second.position.size :])
    for asked in (build, verify):
        with pytest.raises(JournalError):
            asked(data)
    for path in snapshots.found_in(data):
        path.unlink()
    with pytest.raises(JournalError, match=r"journal gap: record \d+ after record \d+"):
        build(data)


def test_E31_a_journal_that_is_shorter_than_a_snapshot_is_refused(data, lived):
    _, first, second, _, _ = lived
    for name in (FILE_NAME, "journal.copy"):
        (data / name).write_bytes((data / name).read_bytes()[: first.position.size])
    with pytest.raises(JournalError, match=f"ends before record {second.position.seq}, which a"):
        build(data)
    with pytest.raises(JournalError, match=f"a snapshot is of {second.position.seq}"):
        verify(data)


def test_snapshots_without_a_journal_are_refused_not_begun_anew(data):
    for name in (FILE_NAME, "journal.copy"):
        (data / name).unlink()
    with pytest.raises(JournalError, match="no journal"):
        build(data)


def test_a_snapshot_of_another_journal_is_left_out(data, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    world = build(other, start=START, seed=8)
    asyncio.run(world.close())
    for path in snapshots.found_in(data):
        path.unlink()
    expected = ended(data)
    shutil.copy(snapshots.found_in(other)[0], data)

    assert ended(data) == expected


def test_a_clean_stop_leaves_a_snapshot_and_the_next_start_replays_nothing(tmp_path, monkeypatch):
    world = build(tmp_path, start=START)
    state = world.memory.state_hash()
    asyncio.run(world.close())

    newest = snapshots.read(snapshots.found_in(tmp_path)[0])
    assert newest.meta.position.seq == world.session.seq
    assert newest.meta.state_hash == state
    monkeypatch.setattr(Session, "restore", lambda *_: pytest.fail("replayed"))
    build(tmp_path).session.journal.close()


def test_only_the_last_few_are_kept(tmp_path):
    world = build(tmp_path, start=START)
    for _ in range(snapshots.KEPT + 3):
        live(world, 1)
        take_snapshot(tmp_path)
    live(world, 1)
    last = take_snapshot(tmp_path)

    kept = snapshots.found_in(tmp_path)
    assert len(kept) == snapshots.KEPT
    assert snapshots.read(kept[0]).meta == last
    assert not list(tmp_path.glob("*.part"))
    world.session.journal.close()


def test_a_snapshot_that_was_not_finished_is_no_snapshot_and_is_cleared_away(data, lived):
    part = data / "snapshot-000000099999.4000000.part"
    part.write_bytes(b"half")
    assert part not in snapshots.found_in(data)
    take_snapshot(data)
    assert not part.exists()


class TestMigration:
    """Another program wrote the snapshots: its state is not ours, its books must be."""

    @pytest.fixture(autouse=True)
    def newer(self, data, monkeypatch):
        monkeypatch.setattr(snapshots.files, "program", lambda: "newer")
        monkeypatch.setattr(snapshots, "program", lambda: "newer")

    def test_E31_the_whole_journal_is_replayed_and_snapshots_stand_on_both_sides(self, data, lived):
        _, _, second, state, digest = lived
        restore_folder(data)

        found = [snapshots.read(path).meta for path in snapshots.found_in(data)]
        assert [meta.program == "newer" for meta in found] == [True, False]
        assert found[0].state_hash == state
        assert found[1].position == second.position
        assert verify(data).digest == digest

    def test_E31_other_books_are_refused_until_they_are_asked_for(self, data, monkeypatch):
        books = Memory.books
        monkeypatch.setattr(Memory, "books", lambda memory: books(memory)[::-1])
        for asked in (build, restore_folder):
            with pytest.raises(CoreError, match=r"the books after command \d+ are not"):
                asked(data)
        with pytest.raises(SnapshotError, match="another program had other books"):
            verify(data)

        restore_folder(data, rebook=True)

        verify(data)
        build(data).session.journal.close()


class TestFolders:
    """``backup`` and ``restore``."""

    def test_a_backup_of_a_running_exchange_is_whole(self, tmp_path):
        data, dest = tmp_path / "data", tmp_path / "backup"
        data.mkdir()
        world = build(data, start=START)
        world.grant_demo()
        live(world, 3)

        kept = backup(data, dest)

        assert (kept.commands, kept.digest) == (world.session.seq, world.digest)
        assert verify(dest).state == world.memory.state_hash()
        assert (dest / "keys.json").read_bytes() == (data / "keys.json").read_bytes()
        assert dest.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in dest.iterdir()} == {0o600}
        world.session.journal.close()

    def test_a_folder_that_is_gone_comes_back_from_its_backup(self, data, tmp_path, lived):
        expected = ended(data)
        backup(data, tmp_path / "backup")
        shutil.rmtree(data)

        kept = restore_folder(data, tmp_path / "backup")

        assert kept.digest == lived[4]
        assert ended(data) == expected

    def test_what_can_not_be_done_is_said(self, data, tmp_path):
        other = tmp_path / "other"
        other.mkdir()
        world = build(other, start=START, seed=9)
        with pytest.raises(JournalError, match="in use by another process"):
            restore_folder(other)
        asyncio.run(world.close())
        with pytest.raises(SettingsError, match="is not of the exchange in"):
            restore_folder(data, other)
        with pytest.raises(SettingsError, match="is not empty"):
            backup(data, other)
        for asked in (verify, take_snapshot, restore_folder):
            with pytest.raises(SettingsError, match="there is no exchange in"):
                asked(tmp_path / "absent")
        with pytest.raises(SettingsError, match="there is no exchange in"):
            backup(tmp_path / "absent", tmp_path / "new")
