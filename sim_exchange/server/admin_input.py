"""Reading what the operator sends: every refusal names field, value and what is allowed."""

import re
from collections.abc import Mapping
from decimal import Decimal

from sim_exchange.core.events import Event, Refused
from sim_exchange.core.types import Reason
from sim_exchange.errors import BadRequestError
from sim_exchange.server.venue import MAJOR_CODES
from sim_exchange.wire.numbers import to_decimal, to_integer
from sim_exchange.wire.times import parse_time

MAX_MONEY = 1 << 60
MAX_PICO = (1 << 64) - 1
"""The highest price that a journal's record has room for, in 1e-12."""
MAX_TICK_PRICE = 10**21
"""The highest that is kept in ticks, in 1e-12."""
LAST_NS = 7_258_118_400 * 10**9
"""The start of the year 2200: a journal's record has room for ns up to 2262."""

_CURRENCY = re.compile(r"[A-Za-z0-9]{2,10}")
_SELF_EXPLAINED = (Reason.BAD_INSTRUMENT, Reason.BAD_AMOUNT, Reason.BAD_RATE)


def bad(name: str, value: object, allowed: str) -> BadRequestError:
    """Say which field is wrong, what it was and what is allowed."""
    return BadRequestError(f"{name}: {value!r} is not allowed; {allowed}", name="ValidationError")


def whole(name: str, value: object, least: int, most: int) -> int:
    """Read a whole number in a range."""
    number = None if isinstance(value, str) else to_integer(value)
    if number is None or not least <= number <= most:
        raise bad(name, value, f"a whole number from {least} to {most} is needed")
    return number


def decimal(value: object) -> Decimal | None:
    """Read a JSON number, None when it is none: a text that looks like one is a mistake here."""
    return None if isinstance(value, str) else to_decimal(value)


def currency_code(name: str, value: object) -> str:
    """Read the code of a wallet's currency; a major code (XBT) would be another wallet."""
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        raise bad(name, value, "2 to 10 letters and digits are needed, such as XBt or ETC")
    for minor, major in MAJOR_CODES.items():
        if value == major:
            raise bad(name, value, f"wallets are kept in {minor}")
    return value


def ppm(name: str, value: object) -> int:
    """Read a fraction as an integer of 1e-6."""
    number = decimal(value)
    scaled = None if number is None else number * 10**6
    if scaled is None or scaled != scaled.to_integral_value() or abs(scaled) > 10**9:
        raise bad(name, value, "a fraction of at most six decimals is needed")
    return int(scaled)


def pico(name: str, value: object, most: int = MAX_PICO) -> int:
    """Read a positive number as an integer of 1e-12."""
    number = decimal(value)
    scaled = None if number is None or number.adjusted() > 12 else number * 10**12
    if scaled is None or scaled != scaled.to_integral_value() or scaled <= 0:
        raise bad(name, value, "a number above 0 with at most twelve decimals is needed")
    if scaled > most:
        raise bad(name, value, f"at most {most // 10**12} is allowed")
    return int(scaled)


def mark_units(name: str, value: object, decimals: int) -> int:
    """Read a positive price as an integer of so many decimals, those of a contract's marks."""
    unit: int = 10 ** (12 - decimals)
    price, rest = divmod(pico(name, value), unit)
    if rest:
        raise bad(name, value, f"a price of at most {decimals} decimals is needed")
    return price


def instant(name: str, value: object) -> int:
    """Read a time as ns since the epoch; a number is none, what it counts is not said."""
    allowed = "an ISO 8601 time before 2200 is needed"
    try:
        at_ns = parse_time(value) if isinstance(value, str) else LAST_NS
    except (ValueError, OverflowError) as error:
        raise bad(name, value, allowed) from error
    if at_ns >= LAST_NS:
        raise bad(name, value, allowed)
    return at_ns


class Fields:
    """The members of a request's JSON object."""

    def __init__(self, values: Mapping[str, object], of: str = "") -> None:
        """Take the object as it was sent; ``of`` names the field that it is the value of."""
        self.values = values
        self._of = of

    def only(self, *names: str) -> None:
        """Refuse members that are not among ``names``."""
        for name, value in self.values.items():
            if name not in names:
                raise bad(self._full(name), value, f"the fields are {', '.join(names)}")

    def _full(self, name: str) -> str:
        return f"{self._of}.{name}" if self._of else name

    def text(self, name: str) -> str:
        """Read a text that must be there."""
        value = self.values.get(name)
        if not isinstance(value, str) or not value.strip() or len(value) > 200:
            raise bad(self._full(name), value, "a text is needed")
        if not value.isprintable():
            raise bad(self._full(name), value, "a text of printable characters is needed")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Read true or false."""
        value = self.values.get(name, default)
        if not isinstance(value, bool):
            raise bad(self._full(name), value, "true or false is needed")
        return value

    def decimal(self, name: str) -> Decimal:
        """Read a number that must be there."""
        value = self.values.get(name)
        number = decimal(value)
        if number is None or number.adjusted() > 15:
            raise bad(self._full(name), value, "a number is needed")
        return number

    def one_of(self, *names: str) -> str:
        """Return the one of ``names`` that is there; exactly one must be."""
        given = [name for name in names if name in self.values]
        if len(given) != 1:
            raise BadRequestError(
                f"one of {', '.join(names)} is needed, not {' and '.join(given) or 'none'}"
            )
        return given[0]

    def money(self, name: str) -> dict[str, int]:
        """Read amounts in minor units by currency, {} when absent; an amount of 0 is none."""
        value = self.values.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise bad(self._full(name), value, "an object of currency and minor units is needed")
        amounts = {
            currency_code(name, currency): whole(f"{name}.{currency}", amount, 0, MAX_MONEY)
            for currency, amount in value.items()
        }
        return {currency: amount for currency, amount in amounts.items() if amount}

    def words(self, name: str) -> tuple[str, ...] | None:
        """Read a list of texts, None when absent."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise bad(self._full(name), value, "a list of texts is needed")
        return tuple(value)


def part(name: str, value: object, *names: str) -> Fields:
    """Read an object with members among ``names`` that is the value of a field."""
    if not isinstance(value, dict):
        raise bad(name, value, f"an object is needed; the fields are {', '.join(names)}")
    found = Fields(value, name)
    found.only(*names)
    return found


def check(events: tuple[Event, ...], name: str, value: object) -> tuple[Event, ...]:
    """Raise when the core refused; name the field that it is about."""
    for event in events:
        if isinstance(event, Refused):
            reason = event.reason.value.replace("_", " ")
            told = event.text and event.text != value
            if event.reason in _SELF_EXPLAINED and told:
                reason = event.text
            elif told:
                reason = f"{reason}: {event.text}"
            raise bad(name, value, reason)
    return events
