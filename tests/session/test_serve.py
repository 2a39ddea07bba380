"""The commands as a user meets them: a process, its one line, its exit codes."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from sim_exchange.journal import FILE_NAME

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "alice:KEY:SECRET:10.5,ETC=500"


def command(home, *words):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SIM_EXCHANGE_")}
    environment |= {"SIM_EXCHANGE_HOME": str(home), "PYTHONPATH": str(ROOT)}
    return {
        "args": [sys.executable, "-m", "sim_exchange", *map(str, words)],
        "env": environment,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }


def run(home, *words):
    return subprocess.run(**command(home, *words), timeout=60, check=False)


class Served:
    """A running ``serve`` and its admin interface."""

    def __init__(self, home, *words):
        self.process = subprocess.Popen(**command(home, "serve", "--port", 0, *words))
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        self.ready = json.loads(self.line)

    def admin(self, call, **body):
        header = {"Authorization": "Bearer TOKEN"}
        url = self.ready["admin"] + call
        answer = (
            httpx.post(url, json=body, headers=header, timeout=30)
            if body
            else httpx.get(url, headers=header, timeout=30)
        )
        answer.raise_for_status()
        return answer.json()

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@contextlib.contextmanager
def served(home, *words):
    one = Served(home, *words)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.communicate()


def quiet(tmp_path, *more):
    """Options of a small exchange that stands still."""
    return (
        *("--data", tmp_path / "data", "--market", "none", "--clock", "manual"),
        *("--start", "2018-01-15T10:00:00Z", "--admin-token", "TOKEN", "--account", ACCOUNT),
        *more,
    )


def test_ready_is_one_line_and_sigterm_ends_with_0(tmp_path):
    with served(tmp_path, *quiet(tmp_path)) as one:
        port = one.ready["rest"].split(":")[2].split("/")[0]
        assert one.ready == {
            "event": "ready",
            "rest": f"http://127.0.0.1:{port}/api/v1",
            "ws": f"ws://127.0.0.1:{port}/realtime",
            "admin": f"http://127.0.0.1:{port}/admin/v1",
            "seed": 7,
            "era": "2018",
        }
        assert (
            httpx.get(one.ready["rest"] + "/instrument?symbol=ETC7D").json()[0]["state"] == "Open"
        )

        code, out, err = one.end()

    assert (code, out, err) == (0, "", "")


def test_sigint_ends_with_0_and_replay_prints_the_digest_of_state(tmp_path):
    with served(tmp_path, *quiet(tmp_path)) as one:
        one.admin("/clock", advance_s=60)
        state = one.admin("/state")
        assert one.end(signal.SIGINT)[0] == 0

    replayed = run(tmp_path, "replay", tmp_path / "data")

    assert state["clock"]["at"] == "2018-01-15T10:01:00.000Z"
    assert (replayed.returncode, replayed.stderr) == (0, "")
    assert replayed.stdout == state["digest"] + "\n"


def test_an_exchange_goes_on_from_its_journal_after_a_kill(tmp_path):
    with served(tmp_path, *quiet(tmp_path)) as one:
        one.admin("/account", name="bob", balances={"XBt": 5}, key="K2", secret="S2")
        one.admin("/clock", advance_s=3)
        before = one.admin("/state")
        one.end(signal.SIGKILL)
    journal = tmp_path / "data" / FILE_NAME
    journal.write_bytes(journal.read_bytes() + b"\x01\x02torn")

    options = [word for word in quiet(tmp_path) if word not in ("--start", "2018-01-15T10:00:00Z")]
    with served(tmp_path, *options) as two:
        after = two.admin("/state")
        alice = two.admin("/account/alice")
        bob = two.admin("/account/bob")
        assert two.admin("/audit")["ok"]
        two.admin("/clock", advance_s=10)
        code, _, err = two.end()

    assert code == 0
    assert "torn last block cut off" in err
    assert after["clock"]["at"] == before["clock"]["at"] == "2018-01-15T10:00:03.000Z"
    assert before["seq"] < after["seq"] < before["seq"] + 10
    assert alice["balances"]["XBt"] == 1_050_000_000
    assert bob["balances"]["XBt"] == 5
    assert run(tmp_path, "replay", journal).returncode == 0


def flip(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def test_E31_a_flipped_byte_is_found_by_verify_and_mended_by_restore_or_a_start(tmp_path):
    data = tmp_path / "data"
    with served(tmp_path, *quiet(tmp_path)) as one:
        digest = one.admin("/state")["digest"]
        one.end()
    whole = (data / FILE_NAME).read_bytes()
    verified = json.loads(run(tmp_path, "verify", data, "--json").stdout)
    assert verified["event"] == "verified"
    assert verified["digest"] == digest
    assert verified["snapshots"] == [verified["commands"]]

    flip(data / FILE_NAME)
    for words in (("verify", data), ("replay", data)):
        ended = run(tmp_path, *words)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert one_sentence(ended.stderr)
        assert "damaged" in ended.stderr or "bad checksum" in ended.stderr
    ended = run(tmp_path, "restore", data)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"digest {digest}; blocks mended: 1" in ended.stdout
    assert (data / FILE_NAME).read_bytes() == whole

    flip(data / FILE_NAME)
    with served(tmp_path, *quiet(tmp_path)) as two:
        assert two.admin("/audit")["ok"]
        code, _, err = two.end()
    assert code == 0
    assert "journal mended" in err
    assert (data / FILE_NAME).read_bytes()[: len(whole)] == whole


def test_E31_what_both_copies_lack_is_refused_until_the_loss_is_accepted(tmp_path):
    data = tmp_path / "data"
    with served(tmp_path, *quiet(tmp_path)) as one:
        one.end()
    for name in (FILE_NAME, "journal.copy"):
        flip(data / name)

    for words in (("serve", "--port", 0, *quiet(tmp_path)), ("restore", data), ("verify", data)):
        ended = run(tmp_path, *words)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert one_sentence(ended.stderr)
        assert "and its copy is damaged there, too" in ended.stderr
    ended = run(tmp_path, "restore", data, "--accept-loss", "--json")
    assert json.loads(ended.stdout)["lost_bytes"] > 0
    assert run(tmp_path, "verify", data).returncode == 0


def test_a_backup_of_a_running_exchange_is_restored_elsewhere(tmp_path):
    data, dest, other = (tmp_path / name for name in ("data", "backup", "other"))
    with served(tmp_path, *quiet(tmp_path)) as one:
        ended = run(tmp_path, "backup", data, dest)
        assert (ended.returncode, ended.stderr) == (0, "")
        digest = one.admin("/state")["digest"]
        one.end()
    assert digest in ended.stdout
    assert run(tmp_path, "backup", data, dest).returncode == 2  # it is not empty
    assert digest in run(tmp_path, "restore", other, "--from", dest).stdout
    options = [*quiet(tmp_path)]
    options[1] = other
    with served(tmp_path, *options) as two:
        assert two.admin("/account/alice")["balances"]["XBt"] == 1_050_000_000
        two.end()


def test_a_running_exchange_has_its_snapshots_taken_beside_it(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("[sim_exchange]\nsnapshot_every = 50\n")
    with served(tmp_path, *quiet(tmp_path, "--settings", file)) as one:
        one.admin("/clock", advance_s=2_400)
        limit = time.monotonic() + 30
        while not (found := list((tmp_path / "data").glob("snapshot-*.sim"))):
            assert time.monotonic() < limit
            time.sleep(0.1)
        one.end(signal.SIGKILL)
    assert len(found) == 1
    verified = json.loads(run(tmp_path, "verify", tmp_path / "data", "--json").stdout)
    assert len(verified["snapshots"]) == 1
    assert run(tmp_path, "snapshot", tmp_path / "data").stdout.startswith(str(verified["commands"]))


def one_sentence(text):
    return text.startswith("sim-exchange: ") and text.count("\n") == 1


def test_a_port_in_use_is_1_and_leaves_the_other_ones_key_alone(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        ended = run(tmp_path, "serve", "--port", other.getsockname()[1])

    assert ended.returncode == 1
    assert one_sentence(ended.stderr)
    assert "in use" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--port", "70000"], "setting port = 70000"),
        (["--clock", "fast"], "setting clock = 'fast': allowed are real, manual"),
        (["--era", "1999"], "setting era = '1999'"),
        (["--market", "crowded"], "setting market = 'crowded'"),
        (["--settings", "absent.toml"], "settings absent.toml: No such file or directory"),
        (["--candles", "absent/ETC_XBT-5m.csv"], "candles absent/ETC_XBT-5m.csv: No such file"),
        (["--candles", "prices.csv"], "COIN_XBT-5m.csv"),
        (["--account", "a:b:HIDDEN:x"], "setting account.0: the amount of XBt is not a number"),
        (["--host", "no.such.host.invalid"], "setting host = 'no.such.host.invalid'"),
        (["--prot", "1"], "No such option"),
        (["--port", "many"], "a valid integer"),
    ],
)
def test_a_bad_option_is_2_and_one_sentence(tmp_path, words, sentence):
    ended = run(tmp_path, "serve", *words)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert sentence in ended.stderr
    assert one_sentence(ended.stderr)
    assert "HIDDEN" not in ended.stderr


def test_a_bad_candle_row_is_2_with_its_line(tmp_path):
    file = tmp_path / "DOGE_XBT-5m.csv"
    file.write_text(
        "timestamp,open,high,low,close,volume\n2018-01-10T00:00:00.000Z,1e-7,1e-7,2e-7,1e-7,5\n"
    )
    ended = run(tmp_path, "serve", "--candles", file)

    assert ended.returncode == 2
    assert one_sentence(ended.stderr)
    assert f"{file}, line 2: inconsistent" in ended.stderr


def test_without_an_account_demo_is_made_and_its_key_is_for_its_owner_only(tmp_path):
    options = ("--market", "none", "--admin-token", "TOKEN", "--durability", "none")
    keys = []
    for _ in range(2):
        with served(tmp_path, *options) as one:
            file = tmp_path / "demo-key.json"
            assert file.stat().st_mode & 0o777 == 0o600
            keys.append(json.loads(file.read_text()))
            demo = one.admin("/account/demo")
            assert demo["balances"]["XBt"] == 1_000_000_000
            assert one.end()[0] == 0

    assert keys[0]["name"] == "demo"
    assert keys[0]["key"] != keys[1]["key"]
    assert keys[0]["secret"] != keys[1]["secret"]
    assert [path.name for path in sorted((tmp_path / "runs").iterdir())] == ["000001", "000002"]


def test_the_admin_token_is_made_up_and_written_for_its_owner_only(tmp_path):
    with served(tmp_path, "--market", "none", "--data", tmp_path / "data") as one:
        file = tmp_path / "data" / "admin-token"
        assert file.stat().st_mode & 0o777 == 0o600
        header = {"Authorization": f"Bearer {file.read_text()}"}
        assert httpx.get(one.ready["admin"] + "/state", headers=header).status_code == 200
        assert httpx.get(one.ready["admin"] + "/state").status_code == 401
        one.end()


def test_time_passes_N_times_as_fast(tmp_path):
    with served(tmp_path, "--market", "none", "--clock", "x600", "--admin-token", "TOKEN") as one:
        first = one.admin("/state")
        time.sleep(0.5)
        second = one.admin("/state")
        one.end()

    assert first["clock"]["kind"] == "factor"
    assert second["seq"] > first["seq"] + 50  # 300 s are 60 prints and publications


def test_two_coins_are_listed_beside_each_other(tmp_path):
    data = ROOT / "sim_exchange/market/data"
    with served(
        tmp_path,
        *("--candles", data / "ADA_XBT-5m.csv", "--candles", data / "LTC_XBT-5m.csv"),
        *("--admin-token", "TOKEN"),
    ) as one:
        rows = httpx.get(one.ready["rest"] + "/instrument/active").json()
        code, _, err = one.end()

    assert {"ADA7D", "ADA_XBT", "LTC7D", "LTC_XBT"} <= {row["symbol"] for row in rows}
    assert all(row["bidPrice"] < row["askPrice"] for row in rows)
    assert code == 0
    assert "candles missing, price carried" in err
