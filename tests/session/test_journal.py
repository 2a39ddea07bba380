"""The journal: round trip, torn tail, checksums, gaps, digest."""

import os

import pytest

from sim_exchange import journal as journals
from sim_exchange.core.commands import (
    Advance,
    Deposit,
    IndexPrints,
    OpenAccount,
    PlaceBulk,
    PlaceOrder,
)
from sim_exchange.core.types import ExecInst, Side
from sim_exchange.errors import JournalError
from sim_exchange.journal import FileJournal, Header, MemoryJournal, Mended, Record, copy_of
from tests.interpreters import said_elsewhere

HEADER = Header(start_ns=1_000, seed=7, era="2018")
ORDER = PlaceOrder(
    account=1,
    symbol="ETC7D",
    side=Side.SELL,
    order_qty=300,
    price=20_100,
    exec_inst=ExecInst.POST_ONLY | ExecInst.REDUCE_ONLY,
    cl_ord_id="a",
)
COMMANDS = (
    OpenAccount(name="alice"),
    Deposit(to_account=1, currency="XBt", amount=10**9),
    IndexPrints(index=".ETCXBT", prices=(2_654_000_000, 0, 2_655_000_000)),
    ORDER,
    PlaceBulk(account=1, orders=(ORDER, ORDER)),
    Advance(),
)


def fill(journal, commands=COMMANDS):
    for number, command in enumerate(commands, 1):
        journal.append(number, 1_000 * number, command)
    return journal


@pytest.fixture
def path(tmp_path):
    path = tmp_path / journals.FILE_NAME
    fill(FileJournal(path, HEADER, durable=True)).close()
    return path


def test_what_was_appended_is_read_back(path):
    records = list(journals.read(path))

    assert journals.read_header(path) == HEADER
    assert tuple(record.command for record in records) == COMMANDS
    assert [record.seq for record in records] == [1, 2, 3, 4, 5, 6]
    assert [record.at_ns for record in records] == [1_000 * n for n in range(1, 7)]


def test_the_file_is_readable_by_its_owner_only(path):
    assert path.stat().st_mode & 0o777 == 0o600


def test_memory_and_file_have_the_same_digest(path):
    memory = fill(MemoryJournal(HEADER, keep=True))
    file = FileJournal.open(path, durable=False, on_record=lambda _: None)

    assert file.digest() == memory.digest()
    assert [r.command for r in memory.read(5)] == list(COMMANDS[4:])
    file.close()


@pytest.mark.parametrize("changed", range(len(COMMANDS)))
def test_any_one_changed_command_changes_the_digest(changed):
    commands = list(COMMANDS)
    commands[changed] = Advance(account=3)

    assert fill(MemoryJournal(HEADER), commands).digest() != fill(MemoryJournal(HEADER)).digest()


def test_an_instant_is_part_of_the_digest():
    a, b = MemoryJournal(HEADER), MemoryJournal(HEADER)
    a.append(1, 2_000, Advance())
    b.append(1, 3_000, Advance())
    assert a.digest() != b.digest()


def test_the_file_goes_on_after_it_was_opened_again(path):
    seen: list[Record] = []
    journal = FileJournal.open(path, durable=True, on_record=seen.append)
    journal.append(7, 9_000, Advance())
    journal.close()

    assert [record.seq for record in seen] == [1, 2, 3, 4, 5, 6]
    assert [record.seq for record in journals.read(path)] == [1, 2, 3, 4, 5, 6, 7]
    assert journal.digest() == fill_and(Advance(), 9_000).digest()


def fill_and(command, at_ns):
    journal = fill(MemoryJournal(HEADER))
    journal.append(7, at_ns, command)
    return journal


@pytest.mark.parametrize("cut", [1, 5, 11, 12, 13, 20])
def test_a_torn_last_block_is_cut_off_and_said(path, cut):
    whole = path.read_bytes()
    last = FileJournal.open(path, durable=False, on_record=lambda _: None)
    last.append(7, 9_000, ORDER)
    last.close()
    block = len(path.read_bytes()) - len(whole)
    os.truncate(path, len(whole) + min(cut, block - 1))
    os.truncate(copy_of(path), len(whole))  # it is written after the file

    journal = FileJournal.open(path, durable=False, on_record=lambda _: None)
    journal.close()

    assert journal.mended == Mended(blocks=7, cut_bytes=min(cut, block - 1))
    assert journal.last_seq == 6
    assert path.read_bytes() == copy_of(path).read_bytes() == whole


def test_E31_one_flipped_byte_anywhere_is_refused_by_a_reader(path):
    data = path.read_bytes()
    for position in range(len(data)):
        path.write_bytes(data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :])
        with pytest.raises(JournalError, match="checksum"):
            list(journals.read(path))


def test_E31_a_gap_is_refused_when_read(tmp_path):
    path = tmp_path / "gap.sim"
    journal = fill(FileJournal(path, HEADER, durable=False))
    journal.last_seq = 7
    journal.append(8, 9_000, Advance())
    journal.close()

    with pytest.raises(JournalError, match="gap: record 8 after record 6"):
        list(journals.read(path))


def test_a_gap_or_a_step_back_is_refused_when_written():
    journal = fill(MemoryJournal(HEADER))
    with pytest.raises(JournalError, match="gap"):
        journal.append(8, 9_000, Advance())
    with pytest.raises(JournalError, match="before its predecessor"):
        journal.append(7, 1, Advance())


def test_two_writers_of_one_file_are_refused(path):
    first = FileJournal.open(path, durable=False, on_record=lambda _: None)
    with pytest.raises(JournalError, match="in use"):
        FileJournal.open(path, durable=False, on_record=lambda _: None)
    first.close()


def test_an_existing_file_is_not_overwritten(path):
    with pytest.raises(JournalError, match="can't make"):
        FileJournal(path, HEADER, durable=False)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "no complete header"), (b"not a journal at all", "checksum")],
)
def test_another_kind_of_file_is_refused(tmp_path, content, words):
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(JournalError, match=words):
        journals.read_header(path)


def test_replay_gives_every_command_to_the_exchange(path):
    class Exchange:
        def __init__(self, start_ns):
            self.start_ns = start_ns
            self.applied = []

        def apply(self, command, at_ns):
            self.applied.append((command, at_ns))
            return ()

    exchange, end = journals.replay(path, Exchange)

    assert exchange.start_ns == 1_000
    assert [command for command, _ in exchange.applied] == list(COMMANDS)
    assert end.digest == fill(MemoryJournal(HEADER)).digest()
    assert (end.position.seq, end.position.at_ns) == (6, 6_000)


def test_the_digest_does_not_depend_on_the_hash_seed(path):
    program = (
        "import sys; from pathlib import Path; from sim_exchange import journal as j\n"
        "class E:\n"
        "    def apply(self, command, at_ns): return ()\n"
        "print(j.replay(Path(sys.argv[1]), lambda start_ns: E())[1].digest)"
    )
    expected = fill(MemoryJournal(HEADER)).digest()
    assert said_elsewhere("-c", program, str(path)) == {expected}
