"""Settings of the bot: one sentence an error, the key named, no secret shown."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from mmbot.engine import EngineConfig
from mmbot.errors import SettingsError
from mmbot.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "settings.example.toml"


@pytest.fixture
def load(tmp_path, monkeypatch):
    def _load(text="", overrides=None, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        path = tmp_path / "settings.toml"
        path.write_text(text)
        return load_settings(path, overrides)

    return _load


def keys_of(model: type[BaseModel], prefix=""):
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from keys_of(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def flat(table, prefix=""):
    for name, value in table.items():
        if isinstance(value, dict) and name != "params":
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def example(*, whole):
    text = EXAMPLE.read_text()
    if whole:
        text = re.sub(r"^# ([a-z_]+ = )", r"\1", text, flags=re.MULTILINE)
    return tomllib.loads(text)["mmbot"]


def test_the_example_has_every_key_and_no_other():
    assert sorted(flat(example(whole=True))) == sorted(keys_of(Settings))


def test_the_example_shows_the_defaults():
    assert Settings.model_validate(example(whole=False)).model_dump() == Settings().model_dump()


def test_every_key_of_the_example_says_what_it_is():
    for line in EXAMPLE.read_text().splitlines():
        if " = " in line and not line.startswith("# Any"):
            assert re.search(r"\S\s+# \S", line), line


def test_defaults_are_those_of_the_engine():
    settings = load_settings()

    assert settings.limits.max_position == EngineConfig.max_position
    assert settings.dead_man.timeout_s == EngineConfig.dead_man_s


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[mmbot]\nsymbl = "x"', "unknown setting mmbot.symbl; allowed are symbol, "),
        ('[mmbot.venue]\nurll = "x"', "unknown setting mmbot.venue.urll; allowed are url, "),
        ("[mmbot.limits]\nmax_position = -1", "mmbot.limits.max_position = '-1'"),
        ("[mmbot.limits]\nmax_position = -1", "greater than 0"),
        ('[mmbot.log]\nlevel = "loud"', "mmbot.log.level = 'loud'"),
        ("[mmbot]\nvenue = 5", "mmbot.venue"),
        ("[mmbott]\nvenue = 5", "allowed are the tables mmbot and sim_exchange"),
        ("[mmbot", "is not TOML"),
        ("mmbot = 5", "must be a table"),
    ],
)
def test_a_bad_key_at_any_depth_is_one_sentence_that_names_it(load, text, words):
    with pytest.raises(SettingsError) as caught:
        load(text)

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_named_file_must_exist(tmp_path):
    with pytest.raises(SettingsError, match="can't be read: No such file"):
        load_settings(tmp_path / "none.toml")


def test_the_table_of_the_exchange_is_left_to_it(load):
    assert load("[sim_exchange]\nport = 1").symbol == "ETC7D"


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(load):
    text = '[mmbot.venue]\nurl = "http://file"\nconnections = 2\ntimeout_s = 3'

    settings = load(text, {"venue": {"timeout_s": 5}}, MMBOT_VENUE__URL="http://environment")

    assert settings.venue.url == "http://environment"
    assert settings.venue.connections == 2
    assert settings.venue.timeout_s == 5


@pytest.mark.parametrize("name", ["MMBOT_SYMBL", "MMBOT_VENUE__URLL", "MMBOT_VENU__URL"])
def test_an_unknown_name_of_the_environment_is_refused(load, name):
    with pytest.raises(SettingsError, match=f"environment name {name} is not a setting"):
        load(**{name: "x"})


def test_strategy_params_are_free(load):
    settings = load('[mmbot.strategy.params]\nhalf_spread = 0.01\nname = "x"')

    assert settings.strategy.params == {"half_spread": 0.01, "name": "x"}


def test_a_secret_is_never_shown(load):
    secret = "verysecret"

    with pytest.raises(SettingsError) as caught:
        load(f'[mmbot]\napi_secret = ["{secret}"]')
    settings = load(MMBOT_API_KEY="id", MMBOT_API_SECRET=secret)

    assert secret not in str(caught.value)
    assert settings.api_secret.get_secret_value() == secret
    assert secret not in repr(settings) + str(settings.model_dump())
