"""E31: a journal is kept twice; what is damaged in one file is taken from the other."""

import pytest

from sim_exchange import journal as journals
from sim_exchange.core.commands import Advance, CancelAll, OpenAccount
from sim_exchange.errors import JournalError
from sim_exchange.journal import FileJournal, Header, Mended, Record, copy_of, good_bytes, mend
from sim_exchange.journal.records import Digest

HEADER = Header(start_ns=1_000, seed=7, era="2018")
COMMANDS = (OpenAccount(name="alice"), CancelAll(account=1, symbol="ETC7D"), Advance())


@pytest.fixture
def path(tmp_path):
    path = tmp_path / journals.FILE_NAME
    journal = FileJournal(path, HEADER, durable=True)
    for number, command in enumerate(COMMANDS, 1):
        journal.append(number, 1_000 * number, command)
    journal.close()
    return path


def flip(file, position, bit=0x10):
    data = bytearray(file.read_bytes())
    data[position] ^= bit
    file.write_bytes(data)


def opened(path, **more):
    seen: list[Record] = []
    journal = FileJournal.open(path, durable=True, on_record=seen.append, **more)
    journal.close()
    return journal, [record.command for record in seen]


def test_both_files_are_equal_byte_by_byte_and_for_their_owner_only(path):
    assert copy_of(path).read_bytes() == path.read_bytes()
    assert copy_of(path).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("which", [lambda path: path, copy_of], ids=["journal", "copy"])
def test_E31_a_byte_flipped_anywhere_in_one_file_is_mended_from_the_other(path, which):
    whole = path.read_bytes()
    digest = opened(path)[0].digest()
    for position in range(len(whole)):
        flip(which(path), position)

        journal, commands = opened(path)

        assert journal.mended.damaged
        assert len(journal.mended.path_blocks) + len(journal.mended.copy_blocks) == 1
        assert tuple(commands) == COMMANDS
        assert journal.digest() == digest
        assert path.read_bytes() == copy_of(path).read_bytes() == whole


def test_E31_different_blocks_damaged_in_both_are_mended_from_each_other(path):
    whole = path.read_bytes()
    flip(path, len(whole) - 1)
    flip(copy_of(path), 20)

    journal, _ = opened(path)

    assert (journal.mended.path_blocks, journal.mended.copy_blocks) == ([3], [0])
    assert path.read_bytes() == copy_of(path).read_bytes() == whole


def test_E31_a_block_damaged_in_both_is_refused_and_nothing_is_changed(path):
    for file in (path, copy_of(path)):
        flip(file, len(file.read_bytes()) - 1)
    before = path.read_bytes(), copy_of(path).read_bytes()

    with pytest.raises(JournalError, match="bad checksum of record 3, and its copy is damaged"):
        opened(path)

    assert (path.read_bytes(), copy_of(path).read_bytes()) == before


def test_E31_a_damaged_last_block_that_the_copy_lacks_is_refused(path):
    data = path.read_bytes()
    flip(path, len(data) - 1)
    copy_of(path).write_bytes(data[:-20])
    with pytest.raises(JournalError, match="record 3, and its copy ends before it"):
        opened(path)


def test_what_is_missing_at_the_end_of_the_file_is_taken_from_the_copy(path):
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])

    journal, commands = opened(path)

    assert journal.mended.regained_bytes > 0
    assert tuple(commands) == COMMANDS
    assert path.read_bytes() == whole


@pytest.mark.parametrize("lost", [lambda path: path, copy_of], ids=["journal", "copy"])
def test_a_file_that_is_gone_is_made_again_from_the_other(path, lost):
    whole = path.read_bytes()
    lost(path).unlink()

    _, commands = opened(path)

    assert tuple(commands) == COMMANDS
    assert path.read_bytes() == copy_of(path).read_bytes() == whole


def test_a_copy_that_a_crash_left_behind_is_brought_up_to_the_journal_quietly(path):
    whole = path.read_bytes()
    copy_of(path).write_bytes(whole[:-5])

    journal, _ = opened(path)

    assert journal.mended == Mended(blocks=4)
    assert copy_of(path).read_bytes() == whole


def test_looking_changes_nothing(path):
    flip(path, 30)
    before = path.read_bytes()

    good, found = good_bytes(path)

    assert found.damaged
    assert bytes(good) == copy_of(path).read_bytes()
    assert path.read_bytes() == before


def test_what_nobody_has_is_cut_off_only_when_that_is_asked_for(path):
    whole = path.read_bytes()
    for file in (path, copy_of(path)):
        flip(file, len(whole) - 1)

    found = mend(path, loses=True)

    assert (found.blocks, found.lost_bytes) == (3, len(whole) - path.stat().st_size)
    assert opened(path)[1] == list(COMMANDS[:2])


def test_a_third_file_has_what_both_lack(path, tmp_path):
    whole = path.read_bytes()
    (tmp_path / "backup").write_bytes(whole)
    for file in (path, copy_of(path)):
        flip(file, len(whole) - 1)

    mend(path, others=(tmp_path / "backup",))

    assert path.read_bytes() == copy_of(path).read_bytes() == whole


def test_a_journal_is_gone_on_from_a_position_in_it(path):
    journal = FileJournal.open(path, durable=False, on_record=lambda _: None)
    position = journal.position()
    journal.append(4, 9_000, Advance())
    journal.close()

    later, commands = opened(path, after=position)

    assert commands == [Advance()]
    assert later.digest() == journal.digest() == opened(path)[0].digest()
    assert later.position() == journal.position()


def test_E31_a_flipped_byte_before_that_position_is_found_and_mended_too(path):
    position = opened(path)[0].position()
    whole = path.read_bytes()
    for where in range(len(whole)):
        flip(path, where)
        assert opened(path, after=position)[0].mended.damaged
        assert path.read_bytes() == whole


def test_E31_a_journal_that_ends_before_that_position_is_refused(path):
    position = opened(path)[0].position()
    for file in (path, copy_of(path)):
        file.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(JournalError, match="ends before record 3, which a snapshot knows"):
        opened(path, after=position)


def test_the_digest_goes_on_from_where_it_stood():
    records = [bytes([number]) * 1_000 for number in range(200)]  # three pieces and a rest
    whole = Digest()
    for number, record in enumerate(records):
        again = Digest(whole.state())
        assert again.hex() == whole.hex()
        whole.add(record)
        again.add(record)
        assert again.hex() == whole.hex(), number
    assert len(whole.state().pending) < 1 << 16
