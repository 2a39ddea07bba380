"""L2: the long walk of scripts/soak.py, in small: what it finds, keeps and says."""

import json
from pathlib import Path

import pytest

from scripts.soaking import cli
from scripts.soaking.auditor import Auditor
from scripts.soaking.walk import Walk
from sim_exchange.core import commands as c
from sim_exchange.core.types import Side
from sim_exchange.errors import CoreError, InvariantError
from tests.core.world import ETC7D, order, world
from tests.interpreters import said_elsewhere


def test_a_leg_is_the_same_from_the_same_seed_and_another_from_another() -> None:
    one = cli.walk_leg(7, 0, 600)

    assert cli.walk_leg(7, 0, 600) == one
    assert cli.walk_leg(7, 1, 600)["digest"] != one["digest"]
    assert cli.walk_leg(8, 0, 600)["digest"] != one["digest"]


@pytest.mark.parametrize("seed", ["one", "two"])
def test_every_invariant_holds_after_every_step(seed: str) -> None:
    walk = Walk(seed)
    while walk.steps < 3_000:
        walk.step()
        walk.exchange.check()


def test_a_walk_that_was_stopped_goes_on_and_says_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--leg", "200", "--seed", "3", "--jobs", "1", "--json"]
    whole, kept = tmp_path / "whole.json", tmp_path / "kept.json"
    assert cli.main([*words, "--commands", "600", "--state", str(whole)]) == 0
    asked = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert cli.main([*words, "--commands", "200", "--state", str(kept)]) == 0
    capsys.readouterr()

    assert cli.main([*words, "--commands", "600", "--state", str(kept)]) == 0
    got = json.loads(capsys.readouterr().out.splitlines()[-1])

    assert got["digest"] == asked["digest"]
    assert got["commands"] >= 600


def test_L2_15_the_journal_of_a_walk_replays_the_same_in_another_interpreter(
    tmp_path: Path,
) -> None:
    found = cli.walk_leg(7, 0, 1_500, tmp_path)
    said = said_elsewhere("-m", "scripts.soaking.cli", "--replay", str(tmp_path))

    assert {json.loads(words)["digest"] for words in said} == {found["digest"]}


def test_a_state_of_another_walk_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    cli.main(["--leg", "100", "--commands", "100", "--seed", "3", "--state", str(path)])

    with pytest.raises(SystemExit, match="is of"):
        cli.main(["--leg", "100", "--commands", "100", "--seed", "4", "--state", str(path)])


@pytest.mark.parametrize("words", [["--commands", "0"], ["--leg", "0"], ["--jobs", "0"]])
def test_numbers_that_make_no_walk_are_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)

    assert ended.value.code == 2


def test_a_breach_ends_the_leg_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object) -> list[str]:
        raise InvariantError("L2-1: off by one")

    monkeypatch.setattr("sim_exchange.core.exchange.Exchange.check", broken)

    with pytest.raises(CoreError, match=r"leg 0 of seed 7, command \d+, .*: L2-1"):
        cli.walk_leg(7, 0, 100)


def test_the_auditor_sees_what_was_not_told() -> None:
    made = world()
    made.checked = False
    auditor = Auditor(made.x)
    rich = made.account("rich", XBt=10**9)
    auditor.hear(made.events)
    made.x._state.ledger.balances["XBt"][f"user:{rich}:wallet"] += 1
    events = made.do(c.Deposit(to_account=rich, currency="XBt", amount=5))

    with pytest.raises(InvariantError, match="XBt"):
        auditor.hear(events)


def test_the_auditor_sees_a_level_that_was_told_wrong() -> None:
    made = world()
    made.checked = False
    auditor = Auditor(made.x)
    maker = made.account("maker", XBt=10**10)
    events = made.do(order(maker, Side.BUY, 10, 19_000, ETC7D.symbol))
    made.x.markets["ETC7D"].book.bids.by_price[19_000].size += 1

    with pytest.raises(InvariantError, match="19000"):
        auditor.hear(events)
