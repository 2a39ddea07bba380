"""design.md 5: one sentence per error, the right exit code, and no secret, from both programs.

More of each kind, where it is read: test_settings.py and test_app_settings.py, test_candles.py,
test_serve.py, and test_wire.py for a bad key, a bad secret and a venue that isn't up.
"""

import pytest

from tests.outside.driver import ROOT, SECRETS, run

HIDDEN = "never-to-be-seen"


def sentence(ended, program):
    """Return the one line that says what is wrong."""
    assert "Traceback" not in ended.stderr
    assert HIDDEN not in ended.stderr + ended.stdout
    lines = [line for line in ended.stderr.splitlines() if line.startswith(f"{program}: ")]
    assert len(lines) == 1, ended.stderr
    return lines[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--start", "yesterday"], "start = 'yesterday'"),
        (["--account", f"alice:k:{HIDDEN}:1,XBT=5"], "account.0"),
        (["--admin-token", f"{HIDDEN} "], "admin_token"),
    ],
)
def test_serve_says_which_option_is_wrong(tmp_path, words, said):
    ended = run(tmp_path, "sim_exchange", "serve", "--port", 0, *words)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in sentence(ended, "sim-exchange")


@pytest.mark.parametrize(
    ("program", "words", "text", "said"),
    [
        ("sim_exchange", ["serve"], "[sim_exchange.server]\nport = 1\n", "server"),
        ("mmbot", ["run"], "[mmbot.venue]\nulr = 'x'\n", "mmbot.venue.ulr"),
        ("mmbot", ["run"], f"[mmbot]\napi_secret = ['{HIDDEN}']\n", "mmbot.api_secret"),
    ],
)
def test_a_bad_settings_key_at_any_depth_is_2(tmp_path, program, words, text, said):
    file = tmp_path / "settings.toml"
    file.write_text(text, encoding="utf-8")

    ended = run(tmp_path, program, *words, "--settings", file)

    assert ended.returncode == 2
    assert said in sentence(ended, program.replace("_", "-"))


@pytest.mark.parametrize(("program", "command"), [("sim_exchange", "serve"), ("mmbot", "run")])
def test_a_missing_settings_file_is_2(tmp_path, program, command):
    ended = run(tmp_path, program, command, "--settings", tmp_path / "absent.toml")

    assert ended.returncode == 2
    assert "absent.toml" in sentence(ended, program.replace("_", "-"))


ROWS = ["2018-01-12T12:00:00.000Z,1,2,1,2,5", "2018-01-12T12:05:00.000Z,1,2,1,2,5"]


@pytest.mark.parametrize(
    ("rows", "line", "said"),
    [
        ([ROWS[1], ROWS[0]], 3, "out of order"),
        ([ROWS[0], ROWS[1].replace(",1,2,1,2,", ",0,2,0,2,")], 3, "not positive"),
        ([ROWS[0], ROWS[0].replace("-12T", "-14T")], 3, "hole"),
    ],
)
def test_a_bad_row_of_candles_is_2_with_its_line(tmp_path, rows, line, said):
    file = tmp_path / "DOGE_XBT-5m.csv"
    file.write_text("\n".join(["timestamp,open,high,low,close,volume", *rows]) + "\n")

    ended = run(tmp_path, "sim_exchange", "serve", "--port", 0, "--candles", file)

    assert ended.returncode == 2
    assert f"{file}, line {line}: " in sentence(ended, "sim-exchange")
    assert said in ended.stderr


@pytest.mark.parametrize("what", ["folder", "file"])
def test_replay_of_what_is_no_journal_is_one_sentence(tmp_path, what):
    path = tmp_path / what
    if what == "file":
        path.write_text("hello, world, this is no journal at all\n")

    ended = run(tmp_path, "sim_exchange", "replay", path)

    assert ended.returncode in {1, 2}
    assert ended.stdout == ""
    assert str(path) in sentence(ended, "sim-exchange")


@pytest.fixture
def bot(exchange):
    """Run the bot against the exchange, as alice, to its end."""

    def _bot(*words, **more):
        keys = {"MMBOT_API_KEY": "alice", "MMBOT_API_SECRET": SECRETS["alice"]}
        ended = run(
            exchange.home, "mmbot", "run", "--venue", exchange.base, *words, **{**keys, **more}
        )
        for secret in SECRETS.values():
            assert secret not in ended.stdout + ended.stderr
        return ended

    return _bot


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise RuntimeError('planted')\n", "planted"),
        (None, "mine.py"),
    ],
)
def test_a_strategy_that_cannot_be_loaded_is_2(bot, tmp_path, text, said):
    file = tmp_path / "mine.py"
    if text is not None:
        file.write_text(text, encoding="utf-8")

    ended = bot("--strategy", f"{file}:quote")

    assert ended.returncode == 2
    assert said in sentence(ended, "mmbot")


@pytest.mark.parametrize("ref", ["nothing_like_it", "mmbot.strategy.api:Nix"])
def test_a_bad_strategy_reference_is_2(bot, ref):
    ended = bot("--strategy", ref)

    assert ended.returncode == 2
    assert ref.rpartition(":")[2] in sentence(ended, "mmbot")


@pytest.mark.parametrize(
    ("words", "more", "code", "said"),
    [
        (["--for", "soon"], {}, 2, "soon"),
        ([], {"MMBOT_VENUE__CONNECT": HIDDEN}, 2, "MMBOT_VENUE__CONNECT"),
    ],
)
def test_what_the_bot_refuses_is_one_sentence_and_a_code(bot, words, more, code, said):
    ended = bot(*words, **more)

    assert ended.returncode == code, ended.stderr
    assert said in sentence(ended, "mmbot")


@pytest.mark.parametrize("url", ["127.0.0.1:8000"])
def test_a_venue_that_is_no_address_is_2(bot, url):
    ended = run(ROOT, "mmbot", "run", "--venue", url, MMBOT_API_KEY="k", MMBOT_API_SECRET=HIDDEN)

    assert ended.returncode == 2, ended.stderr
    assert sentence(ended, "mmbot")
