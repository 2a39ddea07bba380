"""Settings: each mistake is one sentence with the key, its value and what is allowed."""

import os
from pathlib import Path

import pytest

from sim_exchange.errors import SettingsError
from sim_exchange.settings import Settings, default_folder, load, parse_account, parse_instant


def test_defaults():
    settings = load({}, environ={})

    assert (settings.host, settings.port, settings.seed, settings.era) == (
        "127.0.0.1",
        8000,
        7,
        "2018",
    )
    assert (settings.clock, settings.factor, settings.start_ns) == ("real", 1, None)
    assert settings.on_loopback
    assert [path.name for path in settings.candles] == ["ETC_XBT-5m.csv"]


def test_options_win_over_the_environment_and_that_over_the_file(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("[sim_exchange]\nport = 1\nseed = 1\nclock = 'x60'\n[mmbot]\nanything = 1\n")

    settings = load(
        {"port": 3, "seed": None}, file, {"SIM_EXCHANGE_SEED": "2", "SIM_EXCHANGE_PORT": "2"}
    )

    assert (settings.port, settings.seed, settings.factor) == (3, 2, 60)


BAD_OPTIONS = [
    ({"port": 70000}, "setting port = 70000: input should be less than or equal to 65535"),
    ({"port": "many"}, "setting port = 'many': input should be a valid integer"),
    ({"seed": -1}, "setting seed = -1: input should be greater than or equal to 0"),
    ({"era": "2013"}, "setting era = '2013': allowed are 2014, 2016, 2017, 2018"),
    ({"catalogue": "all"}, "setting catalogue = 'all': input should be 'era' or 'coins'"),
    ({"market": "busy"}, "setting market = 'busy': input should be 'default' or 'none'"),
    ({"clock": "x0"}, "setting clock = 'x0': allowed are real, manual, and x1 to x9999"),
    ({"clock": "fast"}, "setting clock = 'fast': allowed are real"),
    ({"start": "soon"}, "setting start = 'soon': allowed is an ISO 8601 time"),
    ({"start": "1960-01-01"}, "allowed are the years 1971 to 2199"),
    ({"limits": "0/60"}, "setting limits = '0/60': allowed are era, off, and N/SECONDS"),
    ({"bans": "20"}, "setting bans = '20': allowed are off, and N/SECONDS with whole numbers"),
    ({"bans": "10000/60"}, "whole numbers above 0, N up to 9999"),
    ({"durability": "maybe"}, "input should be 'sync' or 'none'"),
    ({"prot": 1}, "setting prot: there is no such key, only account, admin_token,"),
]


@pytest.mark.parametrize(("options", "words"), BAD_OPTIONS, ids=[w for _, w in BAD_OPTIONS])
def test_a_bad_value_is_named_with_what_is_allowed(options, words):
    with pytest.raises(SettingsError) as error:
        load(options, environ={})
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "account",
    ["SEKRIT", "a:b:SEKRIT", "a:b:SEKRIT:x", "a b:k:SEKRIT:1", "a:k:SEKRIT:-1", "a:k:SEKRIT:1e-9"],
)
def test_a_secret_is_never_shown(account):
    with pytest.raises(SettingsError) as error:
        load({"account": [account]}, environ={})
    assert "setting account.0: " in str(error.value)
    assert "SEKRIT" not in repr(error.value)
    assert error.value.__cause__ is None

    with pytest.raises(SettingsError) as error:
        load({"admin_token": "SEKRIT with a space"}, environ={})
    assert "SEKRIT" not in repr(error.value)

    settings = load({"account": ["a:KEY:SEKRIT:1"], "admin_token": "SEKRIT"}, environ={})
    assert "SEKRIT" not in repr(settings)
    assert "SEKRIT" not in repr(settings.accounts)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[sim_exchange]\nprot = 1\n", "setting prot: there is no such key"),
        ("[sim_exchange.deeper]\nx = 1\n", "setting deeper: there is no such key"),
        ("[sim_exchnage]\nport = 1\n", "there is no table sim_exchnage, only mmbot and sim_exch"),
        ("sim_exchange = 3\n", "sim_exchange must be a table"),
        ("[sim_exchange\n", "settings"),
    ],
)
def test_a_bad_file_is_refused(tmp_path, content, words):
    file = tmp_path / "settings.toml"
    file.write_text(content)
    with pytest.raises(SettingsError, match=words):
        load({}, file, {})


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="No such file"):
        load({}, tmp_path / "absent.toml", {})


def test_an_unknown_name_in_the_environment_is_refused():
    with pytest.raises(SettingsError, match="SIM_EXCHANGE_PROT, but only SIM_EXCHANGE_ACCOUNT"):
        load({}, environ={"SIM_EXCHANGE_PROT": "1"})
    assert load({}, environ={"SIM_EXCHANGE_HOME": "/x", "OTHER": "1"}).port == 8000


def test_lists_in_the_environment():
    settings = load(
        {},
        environ={
            "SIM_EXCHANGE_ACCOUNT": "a:K:S:1 b:K2:S2:2",
            "SIM_EXCHANGE_CANDLES": os.pathsep.join(["x/ETC_XBT-5m.csv", "y/ADA_XBT-5m.csv"]),
        },
    )
    assert [account.name for account in settings.accounts] == ["a", "b"]
    assert settings.candles == (Path("x/ETC_XBT-5m.csv"), Path("y/ADA_XBT-5m.csv"))


def test_an_account_may_have_colons_in_its_secret_and_several_coins():
    account = parse_account("alice:KEY:SE:CRET:10.5,USDt=10000,ETC=500.00000001")
    assert (account.name, account.key, account.secret) == ("alice", "KEY", "SE:CRET")
    assert account.balances == (
        ("XBt", 1_050_000_000),
        ("USDt", 10_000_000_000),
        ("ETC", 50_000_000_001),
    )


def test_instants_are_exact_to_the_microsecond():
    assert parse_instant("2018-01-12T12:00:00.000001Z") == 1_515_758_400_000_001_000
    assert parse_instant("2018-01-12T13:00:00+01:00") == 1_515_758_400_000_000_000
    assert parse_instant("2018-01-12") == 1_515_715_200_000_000_000


def test_the_default_folder():
    assert default_folder({"SIM_EXCHANGE_HOME": "/x/y"}) == Path("/x/y")
    assert default_folder({"XDG_DATA_HOME": "/s"}) == Path("/s/sim-exchange")
    assert default_folder({}) == Path.home() / ".local/share/sim-exchange"


def test_every_field_has_an_option():
    by_file_only = {
        "marks_every_s", "prices_every_s", "overload_rate", "overload_depth", "spam_orders",
        "snapshot_every",
    }  # fmt: skip
    assert set(Settings.model_fields) - by_file_only == {
        "host", "port", "era", "seed", "data", "market", "candles", "clock", "start", "limits",
        "bans", "durability", "account", "admin_token", "tls", "catalogue", "instruments",
    }  # fmt: skip
