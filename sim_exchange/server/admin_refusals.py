"""What the core says against a listing, in the words that the operator used (design.md 6)."""

import re
from collections.abc import Mapping

from sim_exchange.core.events import Event, Refused
from sim_exchange.core.types import Reason
from sim_exchange.errors import BadRequestError
from sim_exchange.server.admin_input import Fields, bad
from sim_exchange.wire.numbers import ppm_number
from sim_exchange.wire.times import to_iso

_INSTANT = re.compile(r"\b\d{19}\b")  # ns since the epoch, from 2001 to 2262
_WORD = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
_NUMBER = re.compile(r"-?\b\d+\b(?! %)")
_VALUE = re.compile(r"(?:-?\d+|'[^']*'|\.\S+|\[.*?\]) ")


def listing_refusal(
    events: tuple[Event, ...], fields: Fields, names: Mapping[str, str]
) -> BadRequestError | None:
    """Return what the core refused a listing for, naming the operator's field; None if it didn't.

    Args:
        events: what came of the command.
        fields: what was sent.
        names: field of the core's spec -> the operator's camelCase field.
    """
    for event in events:
        if isinstance(event, Refused) and event.reason is Reason.BAD_INSTRUMENT:
            return _spelt(event.text, fields, names)
    return None


def _spelt(text: str, fields: Fields, names: Mapping[str, str]) -> BadRequestError:
    # The core's sentence is "field value what is allowed", or "field what is allowed".
    name, _, rest = text.partition(" ")
    field = names.get(name, name)
    value = fields.values.get(field)
    rest = _VALUE.sub("", rest, count=1) if _VALUE.match(rest) else rest
    return bad(field, value, _in_units(name, rest, names))


def in_words(text: str, names: Mapping[str, str]) -> str:
    """Return a sentence of the core in the operator's words and units."""
    return _in_units(text.partition(" ")[0], text, names)


def _in_units(name: str, text: str, names: Mapping[str, str]) -> str:
    text = _INSTANT.sub(lambda found: to_iso(int(found[0])), text)
    if name.endswith("_ppm"):
        text = _NUMBER.sub(lambda found: str(ppm_number(int(found[0]))), text)
    return _WORD.sub(lambda found: names.get(found[0], found[0]), text)
