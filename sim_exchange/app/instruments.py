"""Indices and contracts of one's own, read from TOML and listed as the operator would.

``[[index]]`` and ``[[instrument]]`` are what ``POST /admin/v1/instrument`` takes, field by field;
an index with members may also have a ``price``, at which it begins, and a ``volatility``, with
which it wanders from there in the default market. Indices are listed first, in the order of the
files.
"""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec

from sim_exchange.errors import BadRequestError, SettingsError
from sim_exchange.server import admin_market
from sim_exchange.server.admin_input import Fields, decimal, pico
from sim_exchange.server.venue import Venue

_TABLES = ("index", "instrument")
_PATH_FIELDS = ("price", "volatility")


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """One index or contract of a file."""

    file: str
    table: str
    fields: dict[str, Any]
    price_pico: int = 0
    """Where an index begins; 0: nowhere until the operator says."""
    volatility: float = 0.0
    """Standard deviation of a year's log return; 0: it stays."""

    @property
    def symbol(self) -> str:
        """What it is called; "" where the file doesn't say."""
        return str(self.fields.get("symbol", ""))


def read(paths: Iterable[Path]) -> list[Own]:
    """Read files, or all ``*.toml`` of folders; indices first.

    Raises:
        SettingsError: names the file and what is wrong with it.
    """
    found = [own for path in paths for file in _files(path) for own in _read(file)]
    first: dict[str, Own] = {}
    for own in found:
        earlier = first.setdefault(own.symbol, own)
        if earlier is not own:
            told = f"symbol: {own.symbol!r} is not allowed twice; it stands in {earlier.file} too"
            raise SettingsError(_about(own, told))
    return sorted(found, key=lambda own: _TABLES.index(own.table))


def add(venue: Venue, own: Own) -> bool:
    """List one of them and return True; False when it is there, from a journal gone on from.

    Raises:
        SettingsError: names the file, the symbol, the field, its value and what is allowed.
    """
    listed = {**venue.exchange.markets, **venue.exchange.indices}
    if own.symbol in listed and own.symbol not in venue.yielding:
        return False
    try:
        admin_market.instrument(venue, Fields(own.fields))
    except BadRequestError as error:
        raise SettingsError(_about(own, str(error))) from error
    return True


def _about(own: Own, what: str) -> str:
    return f"instruments {own.file}, {own.table} {own.symbol or '?'}: {what}"


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(path.glob("*.toml"))
    if not files:
        raise SettingsError(f"instruments {path}: there is no .toml file in this folder")
    return files


def _read(file: Path) -> list[Own]:
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"instruments {file}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"instruments {file}: {error}") from error
    found = []
    for table, entries in content.items():
        if table not in _TABLES:
            allowed = " and ".join(f"[[{name}]]" for name in _TABLES)
            raise SettingsError(f"instruments {file}: {table} is not allowed; {allowed} are")
        if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
            raise SettingsError(f"instruments {file}: {table} must be written [[{table}]]")
        found += [_own(str(file), table, entry) for entry in entries]
    return found


def _own(file: str, table: str, entry: Mapping[str, Any]) -> Own:
    takes = _PATH_FIELDS if table == "index" else ()
    fields = {name: _plain(value) for name, value in entry.items() if name not in takes}
    own = Own(file=file, table=table, fields=fields)
    symbol = fields.get("symbol")
    if not isinstance(symbol, str) or symbol.startswith(".") is not (table == "index"):
        begins = "begins with a dot" if table == "index" else "is a text and begins with no dot"
        told = f"symbol: {symbol!r} is not allowed; that of an {table} {begins}"
        raise SettingsError(_about(own, told))
    if table == "instrument":
        return own
    volatility = entry.get("volatility", 0)
    number = decimal(volatility)
    if number is None or not 0 <= number <= 100:
        raise SettingsError(_about(own, f"volatility: {volatility!r} is not allowed; 0 to 100 is"))
    if number and "price" not in entry:
        raise SettingsError(_about(own, "price: it must be given with volatility"))
    if "price" in entry and "constituents" not in entry:
        raise SettingsError(_about(own, "price: it goes with constituents, which print it"))
    try:
        price = pico("price", entry["price"]) if "price" in entry else 0
    except BadRequestError as error:
        raise SettingsError(_about(own, str(error))) from error
    return msgspec.structs.replace(own, price_pico=price, volatility=float(number))


def _plain(value: Any) -> Any:
    """Return a TOML value as JSON has it: times as text, in UTC."""
    if isinstance(value, datetime):
        value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return value.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value
