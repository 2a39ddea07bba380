"""``sim-exchange serve`` in one process and ``mmbot run`` in another, over real sockets."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from mmbot.clock import SystemClock
from mmbot.venue.bitmex.auth import Signer

ROOT = Path(__file__).resolve().parents[2]


class Exchange:
    """A served exchange, asked as its demo account."""

    def __init__(self, process, home, ready):
        self.process = process
        self.home = home
        self.url = ready["rest"].removesuffix("/api/v1")
        key = json.loads((home / "demo-key.json").read_bytes())
        self.signer = Signer(key["key"], key["secret"], SystemClock())

    def ask(self, method, target):
        headers = self.signer.headers(method, target)
        with httpx.Client(trust_env=False) as client:
            answer = client.request(method, self.url + target, headers=headers)
        answer.raise_for_status()
        return answer.json()

    def open_orders(self):
        return self.ask("GET", "/api/v1/order?filter=%7B%22open%22%3Atrue%7D&count=500")

    def quoted_sides(self):
        return {order["side"] for order in self.open_orders() if order["symbol"] == "ETC7D"}


def environment(home, **more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MMBOT_")}
    return {**kept, "SIM_EXCHANGE_HOME": str(home), "PYTHONPATH": str(ROOT), **more}


def start(*words, home, **more):
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=home,
        env=environment(home, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*words, home, **more):
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=home,
        env=environment(home, **more),
        capture_output=True,
        text=True,
        timeout=60,
    )


@contextlib.contextmanager
def served(home):
    process = start("sim_exchange", "serve", "--port", "0", "--data", "data", home=home)
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield Exchange(process, home, json.loads(line))
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    with served(tmp_path_factory.mktemp("exchange")) as exchange:
        yield exchange


@pytest.fixture
def bot(exchange):
    started = []

    def _start(**more):
        words = ("mmbot", "run", "--venue", exchange.url, "--plain")
        process = start(*words, home=exchange.home, **more)
        started.append(process)
        return process

    yield _start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_quotes_stand_on_both_sides_and_ctrl_c_leaves_none(exchange, bot):
    process = bot()

    assert wait_for(lambda: exchange.quoted_sides() == {"Buy", "Sell"}, 20)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, words = process.communicate(timeout=20)

    assert process.returncode == 0, words
    assert time.monotonic() - began < 10
    assert exchange.open_orders() == []


def test_sigterm_is_the_same(exchange, bot):
    process = bot()

    assert wait_for(exchange.open_orders, 20)
    process.terminate()
    _, words = process.communicate(timeout=20)

    assert process.returncode == 0, words
    assert exchange.open_orders() == []


def test_after_kill_9_the_dead_man_switch_cancels_what_is_left(exchange, bot):
    process = bot(MMBOT_DEAD_MAN__TIMEOUT_S="2", MMBOT_DEAD_MAN__EVERY_S="0.5")

    assert wait_for(lambda: exchange.quoted_sides() == {"Buy", "Sell"}, 20)
    process.kill()
    process.wait()

    assert exchange.open_orders() != []
    assert wait_for(lambda: exchange.open_orders() == [], 6)


@pytest.mark.slow
def test_a_new_run_cancels_what_a_killed_one_left(exchange, bot):
    first = bot()
    assert wait_for(lambda: exchange.quoted_sides() == {"Buy", "Sell"}, 20)
    first.kill()
    first.wait()
    left = {order["orderID"] for order in exchange.open_orders()}

    second = bot()
    assert wait_for(lambda: not left & {order["orderID"] for order in exchange.open_orders()}, 20)
    second.send_signal(signal.SIGINT)
    second.communicate(timeout=20)

    assert left
    assert exchange.open_orders() == []


def test_for_a_while(exchange):
    done = run("mmbot", "run", "--venue", exchange.url, "--for", "2s", home=exchange.home)

    assert done.returncode == 0, done.stderr
    assert exchange.open_orders() == []


def test_a_strategy_that_raises_in_a_run_leaves_no_order(exchange, tmp_path):
    strategy = tmp_path / "breaks.py"
    strategy.write_text("def quote(view):\n    raise RuntimeError('planted')\n", encoding="utf-8")

    done = run(
        *("mmbot", "run", "--venue", exchange.url, "--strategy", f"{strategy}:quote"),
        home=exchange.home,
        MMBOT_STRATEGY__STOP_ON_ERROR="true",
    )

    assert done.returncode == 1
    assert "planted" in done.stderr
    assert exchange.open_orders() == []


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ({"MMBOT_SYMBOL": "NIX7D"}, 2, "symbol 'NIX7D' is unknown to the venue"),
        ({"MMBOT_SYMBOL": "ETC_XBT"}, 2, "is not a contract; open contracts are XBTUSD, ETHUSD, "),
        ({"MMBOT_HEDGE__SYMBOL": "NIX_XBT"}, 2, 'or say mmbot.hedge.venue = "none"'),
        ({"MMBOT_API_KEY": "nix", "MMBOT_API_SECRET": "hush-hush"}, 3, "Invalid API Key."),
        ({"MMBOT_API_KEY": "KEY", "MMBOT_API_SECRET": "hush-hush"}, 3, "Signature not valid."),
        ({"MMBOT_API_KEY": "nix"}, 2, "mmbot.api_secret is missing"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_an_exit_code(exchange, more, code, words):
    if more.get("MMBOT_API_KEY") == "KEY":
        more = {**more, "MMBOT_API_KEY": exchange.signer.key}

    done = run("mmbot", "run", "--venue", exchange.url, home=exchange.home, **more)

    assert done.returncode == code, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("mmbot: ")]
    assert len(lines) == 1
    assert words in lines[0]
    assert "Traceback" not in done.stderr
    assert "hush-hush" not in done.stderr + done.stdout


def test_an_exchange_that_is_not_up_is_4_and_said_while_it_is_tried(tmp_path):
    done = run(
        *("mmbot", "run", "--venue", "http://127.0.0.1:9"),
        home=tmp_path,
        MMBOT_API_KEY="k",
        MMBOT_API_SECRET="s",
        MMBOT_VENUE__CONNECT_WITHIN_S="1",
    )

    assert done.returncode == 4
    assert "venue is not there yet" in done.stderr
    assert "gave up after 1 s" in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_an_exchange_that_goes_away_and_comes_back_is_waited_for(tmp_path):
    with served(tmp_path) as first:
        port = first.url.rpartition(":")[2]
        process = start("mmbot", "run", "--venue", first.url, "--plain", home=tmp_path)
        assert wait_for(first.open_orders, 20)
        first.process.send_signal(signal.SIGTERM)
        first.process.wait(timeout=20)
    words = ("serve", "--port", port, "--data", "data")
    again = start("sim_exchange", *words, home=tmp_path)
    try:
        second = Exchange(again, tmp_path, json.loads(again.stdout.readline()))
        assert wait_for(lambda: second.quoted_sides() == {"Buy", "Sell"}, 30)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 0, said
        assert "disconnected from main" in said
        assert second.open_orders() == []
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
        again.terminate()
        again.communicate(timeout=20)


@pytest.mark.slow
def test_paper_starts_both_and_ctrl_c_ends_both(tmp_path):
    process = start("mmbot", "paper", "--plain", home=tmp_path)

    time.sleep(8)
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=20)

    assert process.returncode == 0, words
    assert "quote" in words
