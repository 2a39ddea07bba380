"""The measurements: what they count must be right before how fast it is."""

import json

import pytest

from scripts.benches import cli, core, marks
from scripts.benches.door import BareBook, make_stream
from scripts.benches.figures import Figure, in_turn, print_json, print_table
from scripts.benches.peers import peer_module
from sim_exchange.core.events import Accepted, Refused
from sim_exchange.core.types import Side


def figure(**changes):
    facts = {
        "bench": "rest",
        "what": "CPU",
        "unit": "us",
        "rounds": [60.0, 40.0, 50.0],
        "yardstick": "canned",
        "yardstick_rounds": [30.0, 20.0, 25.0],
        "must": 0.6,
    }
    return Figure(**{**facts, **changes})


def test_ratio_says_how_many_times_as_good_we_are():
    assert (figure().best, figure().median, figure().ratio) == (40.0, 50.0, 0.5)
    more = figure(more_is_better=True)
    assert (more.best, more.ratio) == (60.0, 2.0)
    assert figure(yardstick_rounds=[]).ratio is None


def test_rounds_are_taken_in_turn():
    clock = iter(range(4))

    values = in_turn(2, lambda: next(clock), lambda: next(clock))

    assert values == [[0, 2], [1, 3]]


def test_figures_are_printed_for_programs_and_for_people(capsys):
    print_json([figure()])
    (row,) = json.loads(capsys.readouterr().out)["figures"]
    print_table([figure(), figure(yardstick_rounds=[], must=None)])
    shown = capsys.readouterr().out

    assert (row["bench"], row["best"], row["ratio"]) == ("rest", 40.0, 0.5)
    assert "0.50x" in shown
    assert "canned" in shown


def test_benches_are_chosen_by_name(monkeypatch, capsys):
    monkeypatch.setitem(cli.BENCHES, "door", lambda rounds, _: [figure(rounds=[float(rounds)])])

    assert cli.main(["door", "--rounds", "2", "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["figures"][0]["median"] == 2.0


@pytest.mark.parametrize("words", [["nothing"], ["--rounds", "0"], ["--peer", "x=/nowhere"]])
def test_what_is_not_there_is_refused(words, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(words)

    assert ended.value.code == 2
    assert words[-1] in capsys.readouterr().err


def test_bare_book_matches_best_price_first_then_time():
    book = BareBook()
    book.place("late", Side.SELL, 101, 5)
    book.place("first", Side.SELL, 100, 5)
    book.place("second", Side.SELL, 100, 5)

    book.place("taker", Side.BUY, 101, 12)

    assert book.orders == {"late": (Side.SELL, 101, 3)}
    assert book.cancel("first") is None
    assert book.cancel("late") == (Side.SELL, 101, 3)
    assert book.prices == {Side.BUY: [], Side.SELL: []}


def test_the_stream_is_the_same_each_time():
    assert make_stream(500) == make_stream(500)
    assert make_stream(500) != make_stream(500, seed=8)


@pytest.mark.parametrize("named", [False, True])
def test_the_mix_of_the_core_is_done_and_not_refused(named):
    """45 % place, 35 % cancel, 10 % amend, 10 % cross: what it measures is what it says."""
    stream = core.make_stream(count=2_000, resting=500)
    exchange = core.world(core.ACCOUNTS)
    events = [
        event
        for at, row in enumerate(stream)
        for event in exchange.apply(
            core.command_of(row, named=named), core.START_NS + 6 * 10**9 + at
        )
    ]
    mixed = stream[500 + core.ACCOUNTS :]
    share = {
        kind: sum(row[0] == kind for row in mixed) / len(mixed)
        for kind in ("place", "cancel", "amend")
    }

    assert abs(share["place"] - 0.55) < 0.05
    assert abs(share["cancel"] - 0.35) < 0.05
    assert abs(share["amend"] - 0.10) < 0.03
    assert not [event for event in events if isinstance(event, Refused)]
    assert sum(isinstance(event, Accepted) for event in events) == len(stream)
    exchange.check()


def test_a_tick_is_measured_on_positions_that_are_open_and_then_liquidated():
    exchange, at_ns = marks.positions(200)
    spent, at_ns = marks.walk(exchange, at_ns)

    assert spent > 0
    assert marks.liquidated(exchange, at_ns, 200).rounds[0] > 0
    exchange.check()


def test_a_peer_is_taken_from_its_folder(tmp_path):
    (tmp_path / "thing.py").write_text("ANSWER = 42\n", "utf-8")

    module = peer_module("thing", {"thing": tmp_path})

    assert module is not None
    assert module.ANSWER == 42
    assert peer_module("other", {}) is None
