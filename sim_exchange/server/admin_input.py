"""Reading what the operator sends: every refusal names field, value and what is allowed."""

from collections.abc import Mapping
from decimal import Decimal

from sim_exchange.core.events import Event, Refused
from sim_exchange.errors import BadRequestError
from sim_exchange.wire.numbers import to_decimal, to_integer
from sim_exchange.wire.times import parse_time

MAX_MONEY = 1 << 60


def bad(name: str, value: object, allowed: str) -> BadRequestError:
    """Say which field is wrong, what it was and what is allowed."""
    return BadRequestError(f"{name}: {value!r} is not allowed; {allowed}", name="ValidationError")


def whole(name: str, value: object, least: int, most: int) -> int:
    """Read a whole number in a range."""
    number = to_integer(value)
    if number is None or not least <= number <= most:
        raise bad(name, value, f"a whole number from {least} to {most} is needed")
    return number


def ppm(name: str, value: object) -> int:
    """Read a fraction as an integer of 1e-6."""
    number = to_decimal(value)
    scaled = None if number is None else number * 10**6
    if scaled is None or scaled != scaled.to_integral_value() or abs(scaled) > 10**9:
        raise bad(name, value, "a fraction of at most six decimals is needed")
    return int(scaled)


def pico(name: str, value: object, most: int = 1 << 62) -> int:
    """Read a positive number as an integer of 1e-12."""
    number = to_decimal(value)
    scaled = None if number is None or number.adjusted() > 12 else number * 10**12
    if scaled is None or scaled != scaled.to_integral_value() or not 0 < scaled <= most:
        raise bad(name, value, "a number above 0 with at most twelve decimals is needed")
    return int(scaled)


def instant(name: str, value: object) -> int:
    """Read a time as ns since the epoch."""
    try:
        return parse_time(value)
    except (ValueError, OverflowError) as error:
        raise bad(name, value, "an ISO 8601 time is needed") from error


class Fields:
    """The members of a request's JSON object."""

    def __init__(self, values: Mapping[str, object]) -> None:
        """Take the object as it was sent."""
        self.values = values

    def only(self, *names: str) -> None:
        """Refuse members that are not among ``names``."""
        for name, value in self.values.items():
            if name not in names:
                raise bad(name, value, f"the fields are {', '.join(names)}")

    def text(self, name: str) -> str:
        """Read a text that must be there."""
        value = self.values.get(name)
        if not isinstance(value, str) or not value or len(value) > 200:
            raise bad(name, value, "a text is needed")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Read true or false."""
        value = self.values.get(name, default)
        if not isinstance(value, bool):
            raise bad(name, value, "true or false is needed")
        return value

    def decimal(self, name: str) -> Decimal:
        """Read a number that must be there."""
        value = self.values.get(name)
        number = to_decimal(value)
        if number is None or number.adjusted() > 15:
            raise bad(name, value, "a number is needed")
        return number

    def money(self, name: str) -> dict[str, int]:
        """Read amounts in minor units by currency, {} when absent."""
        value = self.values.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise bad(name, value, "an object of currency and minor units is needed")
        return {
            str(currency): whole(f"{name}.{currency}", amount, 1, MAX_MONEY)
            for currency, amount in value.items()
        }

    def words(self, name: str) -> tuple[str, ...] | None:
        """Read a list of texts, None when absent."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise bad(name, value, "a list of texts is needed")
        return tuple(value)


def check(events: tuple[Event, ...], name: str, value: object) -> tuple[Event, ...]:
    """Raise when the core refused; name the field that it is about."""
    for event in events:
        if isinstance(event, Refused):
            why = event.text or event.reason.value.replace("_", " ")
            raise bad(name, value, why)
    return events
