"""The exchange's half of settings.example.toml: every key is there, no other, with its default."""

import re
import tomllib
from pathlib import Path

from sim_exchange.settings import Settings, load

EXAMPLE = Path(__file__).resolve().parents[2] / "settings.example.toml"


def table(text):
    return tomllib.loads(text)["sim_exchange"]


def test_the_example_has_every_key_of_the_exchange_and_no_other():
    text = re.sub(r"^# ([a-z_]+ = )", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)

    assert sorted(table(text)) == sorted(Settings.model_fields)


def test_the_example_shows_the_defaults_of_the_exchange():
    assert load({}, EXAMPLE, environ={}).model_dump() == load({}, environ={}).model_dump()
