"""Keys, names and clocks of a run."""

import json

import pytest

from mmbot.app.exits import ExitCode, exit_code
from mmbot.app.spot import IndexAsSpot
from mmbot.app.wiring import check_live, find_keys, hedge_endpoint, is_of_a_run, reach, run_prefix
from mmbot.cli.options import seconds_of
from mmbot.errors import (
    AccessRefusedError,
    LimitError,
    SettingsError,
    StrategyError,
    StrategyLoadError,
    VenueUnavailableError,
)
from mmbot.settings import load_settings
from mmbot.types import BookSeen, Event, InstrumentSeen, PriceSeen, Side
from mmbot.venue.bitmex.endpoint import endpoint_of

HERE = endpoint_of("http://127.0.0.1:8000")
ELSEWHERE = endpoint_of("https://www.bitmex.com")


def test_a_prefix_is_short_sortable_and_recognised():
    first, later = run_prefix(10**18), run_prefix(10**18 + 10**9)

    assert len(first) <= 13
    assert first < later
    assert is_of_a_run(f"{first}q12")
    assert not is_of_a_run("mm-q12")
    assert not is_of_a_run("by-hand-and-long")


def test_keys_of_the_settings_win(tmp_path):
    settings = load_settings(None, {"api_key": "k", "api_secret": "s"})

    keys = find_keys(settings, ELSEWHERE, tmp_path)

    assert (keys.key, keys.secret) == ("k", "s")
    assert "secret" not in repr(keys)


def test_on_loopback_the_key_that_the_exchange_left_is_read(tmp_path, monkeypatch):
    (tmp_path / "demo-key.json").write_text(json.dumps({"name": "demo", "key": "k", "secret": "s"}))
    monkeypatch.setenv("SIM_EXCHANGE_HOME", str(tmp_path))

    assert find_keys(load_settings(), HERE).key == "k"


def test_never_for_a_venue_elsewhere(tmp_path):
    (tmp_path / "demo-key.json").write_text(json.dumps({"name": "demo", "key": "k", "secret": "s"}))

    with pytest.raises(SettingsError, match="needs a key"):
        find_keys(load_settings(), ELSEWHERE, tmp_path)


@pytest.mark.parametrize("content", ["{", '{"key": "k"}', '{"key": 5}'])
def test_a_broken_key_file_is_said(tmp_path, content):
    (tmp_path / "demo-key.json").write_text(content)

    with pytest.raises(SettingsError, match="does not hold a key and a secret"):
        find_keys(load_settings(), HERE, tmp_path)


def test_no_key_says_how_to_get_one(tmp_path):
    with pytest.raises(SettingsError, match="sim-exchange serve"):
        find_keys(load_settings(), HERE, tmp_path)


def test_elsewhere_needs_the_word():
    check_live(HERE, live=False)
    check_live(ELSEWHERE, live=True)
    with pytest.raises(SettingsError, match="--live"):
        check_live(ELSEWHERE, live=False)


@pytest.mark.parametrize("venue", ["same", "none"])
def test_a_hedge_here_needs_no_endpoint(venue):
    assert hedge_endpoint(load_settings(None, {"hedge": {"venue": venue}}).hedge) is None


def test_a_hedge_elsewhere_is_a_url():
    hedge = load_settings(None, {"hedge": {"venue": "http://127.0.0.1:9"}}).hedge

    assert hedge_endpoint(hedge) == endpoint_of("http://127.0.0.1:9")
    with pytest.raises(SettingsError, match="same, none or a URL"):
        hedge_endpoint(load_settings(None, {"hedge": {"venue": "other"}}).hedge)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("x"), ExitCode.USAGE),
        (StrategyLoadError("x"), ExitCode.USAGE),
        (AccessRefusedError("x"), ExitCode.ACCESS),
        (VenueUnavailableError("x"), ExitCode.UNREACHABLE),
        (LimitError("x"), ExitCode.LIMIT),
        (StrategyError("x"), ExitCode.FAILED),
        (ZeroDivisionError("x"), ExitCode.FAILED),
    ],
)
def test_exit_codes(error, code):
    assert exit_code(error) is code


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("5", 5)])
def test_durations(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5s", "0s", "5 minutes"])
def test_what_is_no_duration(text):
    with pytest.raises(SettingsError):
        seconds_of(text)


def test_the_index_stands_in_for_spot():
    heard: list[Event] = []
    stand_in = IndexAsSpot(".BXBT", heard.append)
    price = PriceSeen(at_ns=5, symbol=".BXBT", last=0.5)

    stand_in.sink(price)
    stand_in.sink(PriceSeen(at_ns=6, symbol="XBTUSD", last=0.5))
    stand_in.sink(price)

    facts, book = heard[1:3]
    assert heard[0] == price
    assert isinstance(facts, InstrumentSeen)
    assert facts.instrument.symbol == ".BXBT"
    assert isinstance(book, BookSeen)
    assert book.levels == ((Side.BUY, 50_000_000, 1), (Side.SELL, 50_000_001, 1))
    assert sum(isinstance(event, InstrumentSeen) for event in heard) == 1
    assert sum(isinstance(event, BookSeen) for event in heard) == 2


@pytest.mark.anyio
async def test_a_venue_that_is_not_there_is_asked_again_and_said():
    said: list[str] = []
    asked: list[int] = []

    async def ask():
        asked.append(1)
        if len(asked) < 3:
            raise VenueUnavailableError("not there")
        return 5

    assert await reach(ask, within_s=5, say=said.append) == 5
    assert len(said) == 1
    assert said[0].startswith("not there; trying for another")


@pytest.mark.anyio
async def test_a_venue_that_is_never_there_is_given_up():
    async def ask():
        raise VenueUnavailableError("not there")

    with pytest.raises(VenueUnavailableError, match="gave up after"):
        await reach(ask, within_s=0.3, say=lambda words: None)
