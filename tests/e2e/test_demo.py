"""The demo: one contract in virtual time, repeatable, and its errors."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmbot.app import DemoOptions, ExitCode, run_demo
from mmbot.settings import load_settings
from mmbot.types import SECOND_NS

ROOT = Path(__file__).resolve().parents[2]
HOURS_S = 2 * 3600.0


def short_demo(folder, seed=7):
    options = DemoOptions(seed=seed, report=folder, plain=True, for_s=HOURS_S)
    return run_demo(load_settings(), options)


def figures(demo):
    summary = json.loads(demo.summary.json_line())
    del summary["wall_s"], summary["report"]
    return summary


def test_two_runs_with_one_seed_are_equal_and_another_seed_differs(tmp_path):
    first = short_demo(tmp_path / "a")
    second = short_demo(tmp_path / "b")
    other = short_demo(tmp_path / "c", seed=8)

    assert figures(first) == figures(second)
    assert first.summary.digest != other.summary.digest


def test_a_short_run_trades_hedges_and_explains_every_satoshi(tmp_path):
    demo = short_demo(tmp_path)

    summary = demo.summary
    assert demo.code is ExitCode.FINE
    assert summary.fills.buy + summary.fills.sell > 0
    assert summary.hedges > 0
    assert summary.audit_ok
    assert summary.unexplained == 0
    assert sum(summary.pnl.values()) == summary.wallet_change["XBt"]
    assert demo.ending.left == ()
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_settings_reach_the_run(tmp_path):
    options = DemoOptions(seed=7, report=tmp_path, plain=True, for_s=1800.0)

    demo = run_demo(load_settings(None, {"hedge": {"venue": "none"}}), options)

    assert demo.summary is not None
    assert demo.summary.hedges == 0
    assert demo.ending.unhedged != 0 or demo.summary.position == 0


def mmbot(*words, cwd):
    return subprocess.run(
        [sys.executable, "-m", "mmbot", *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=900,  # a guard against hanging, not a measure
    )


def candle_file(tmp_path, change):
    bundled = next((ROOT / "sim_exchange" / "market" / "data").glob("ETC_XBT-5m.csv*"))
    lines = bundled.read_text(encoding="utf-8").splitlines()
    path = tmp_path / "ETC_XBT-5m.csv"
    path.write_text("\n".join(change(lines)) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: [*lines[:10], lines[10], *lines[10:]], "line 12"),
        (lambda lines: [*lines[:10], "nonsense", *lines[11:]], "line 11"),
        (lambda lines: lines[:500], ""),
    ],
)
def test_a_bad_candle_file_is_one_sentence(tmp_path, change, words):
    done = mmbot("demo", "--candles", str(candle_file(tmp_path, change)), cwd=tmp_path)

    assert done.returncode == ExitCode.USAGE
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("mmbot: ")
    assert words in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("demo", "--strategy", "nix"), "no strategy 'nix'"),
        (("demo", "--settings", "nix.toml"), "settings file nix.toml can't be read"),
        (("demo", "--candles", "nix"), "nix"),
        (("demo", "--seed", "x"), "--seed"),
        (("demo", "--nix"), "--nix"),
        (("nix",), "nix"),
        (("run", "--for", "soon"), "'soon' is not a duration"),
        (("run", "--venue", "http://example.org"), "say --live to trade"),
        (("run", "--venue", "example.org"), "is not a URL"),
        (("run", "--symbol", "A", "--symbol", "B"), "one contract"),
    ],
)
def test_what_is_wrong_with_the_command_line_is_one_sentence_and_2(tmp_path, words, said):
    done = mmbot(*words, cwd=tmp_path)

    assert done.returncode == ExitCode.USAGE
    assert done.stderr.startswith("mmbot: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


@pytest.mark.parametrize("command", ["demo", "paper", "run"])
def test_help_reads(tmp_path, command):
    done = mmbot(command, "--help", cwd=tmp_path)

    assert done.returncode == 0
    assert "--settings" in done.stdout


@pytest.mark.slow
def test_a_whole_contract_ends_flat(tmp_path):
    done = mmbot("demo", "--json", "--report", "out", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout.splitlines()[-1])
    assert line["event"] == "demo"
    assert (line["symbol"], line["position"], line["wallet"]["ETC"]) == ("ETC7D", 0, 0)
    assert (line["loans"], line["interest_owed"]) == ({"ETC": 0}, {"ETC": 0})
    assert line["settled_price"] > 0
    assert (line["unexplained"], line["audit_ok"]) == (0, True)
    assert sum(line["pnl"].values()) == line["wallet_change"]["XBt"]
    assert line["virtual_s"] * SECOND_NS > 7 * 86_400 * SECOND_NS
    assert (tmp_path / "out" / "report.html").exists()
