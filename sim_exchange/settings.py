"""Settings of the exchange: options, then ``SIM_EXCHANGE_*``, then ``[sim_exchange]`` of a file.

Every error is one ``SettingsError`` whose sentence names the key, its value (never a secret's) and
what is allowed.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from typing_extensions import override

from sim_exchange.core.types import currency_decimals
from sim_exchange.errors import SettingsError
from sim_exchange.market import era as eras
from sim_exchange.market.candles import BUNDLED
from sim_exchange.wire.bans import parse_bans
from sim_exchange.wire.ratelimit import parse_rate

TABLE = "sim_exchange"
ENV_PREFIX = "SIM_EXCHANGE_"
HOME_VARIABLE = "SIM_EXCHANGE_HOME"
LOOPBACK = ("127.0.0.1", "::1", "localhost")

_TABLES = frozenset({TABLE, "mmbot"})
_CLOCK = re.compile(r"real|manual|x([1-9][0-9]{0,3})")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_CURRENCY = re.compile(r"[A-Za-z0-9]{2,10}")
_MOST_MINOR = 2**53


class AccountGrant(msgspec.Struct, frozen=True):
    """An account that exists from the start; ``balances`` in minor units by currency."""

    name: str
    key: str
    secret: str
    balances: tuple[tuple[str, int], ...]

    @override
    def __repr__(self) -> str:
        """Show everything but key and secret."""
        return f"AccountGrant(name={self.name!r}, balances={self.balances!r})"


def _check_clock(text: str) -> str:
    if not _CLOCK.fullmatch(text):
        raise ValueError("allowed are real, manual, and x1 to x9999")
    return text


def _check_limits(text: str) -> str:
    if text not in {"era", "off"} and parse_rate(text) is None:
        raise ValueError("allowed are era, off, and N/SECONDS with whole numbers above 0")
    return text


def _check_bans(text: str) -> str:
    parse_bans(text)
    return text


def _check_era(text: str) -> str:
    if text not in eras.names():
        raise ValueError(f"allowed are {', '.join(eras.names())}")
    return text


def _check_start(text: str) -> str:
    parse_instant(text)
    return text


def _check_account(secret: SecretStr) -> SecretStr:
    parse_account(secret.get_secret_value())
    return secret


def _check_token(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]{1,200}", secret.get_secret_value()):
        raise ValueError("allowed are 1 to 200 printable characters without a space")
    return secret


class Settings(BaseSettings):
    """Everything that can be set; the field is the key of the file and the option's name."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=False,
    )

    host: str = Field("127.0.0.1", min_length=1)
    """Address to listen on."""
    port: int = Field(8000, ge=0, le=65_535)
    """TCP port; 0 takes any that is free."""
    era: Annotated[str, AfterValidator(_check_era)] = "2018"
    """Whose rules hold: a file of ``market/eras``."""
    catalogue: Literal["era", "coins"] = "era"
    """What is listed: the era's contracts and the coins of ``candles``, or only these coins."""
    instruments: tuple[Path, ...] = ()
    """Files of indices and contracts of one's own, or folders of such files."""
    seed: int = Field(7, ge=0, lt=2**63)
    """What all randomness of the market comes from."""
    data: Path | None = None
    """Folder of the journal; None makes a fresh one under the default data folder."""
    market: Literal["default", "none"] = "default"
    """Who trades besides the clients."""
    candles: tuple[Path, ...] = (BUNDLED,)
    """Five-minute candle files, one a coin."""
    clock: Annotated[str, AfterValidator(_check_clock)] = "real"
    """real, xN (N times as fast), or manual (moved by the admin interface)."""
    start: Annotated[str, AfterValidator(_check_start)] | None = None
    """Instant at which the exchange's clock starts, ISO 8601 in UTC; None is now."""
    limits: Annotated[str, AfterValidator(_check_limits)] = "era"
    """Request limits: the era's, off, or N/SECONDS."""
    bans: Annotated[str, AfterValidator(_check_bans)] = "off"
    """Who is refused N times within SECONDS is banned for an hour: off, or N/SECONDS."""
    spam_orders: int = Field(0, ge=0, le=10_000)
    """Open orders under 0.0025 XBT that an account may have before it is flagged; 0 = any."""
    overload_rate: int = Field(0, ge=0, le=1_000_000)
    """Requests a second that the engine serves while more wait; 0 = no queue before the door."""
    overload_depth: int = Field(100, ge=1, le=1_000_000)
    """Requests that may wait; those that come then are answered 503."""
    durability: Literal["sync", "none"] = "sync"
    """Whether an answer waits until its journal record is on the disk."""
    snapshot_every: int = Field(100_000, ge=0, le=10**9)
    """Commands between two snapshots of the whole exchange; 0 = only when it stops."""
    account: tuple[Annotated[SecretStr, AfterValidator(_check_account)], ...] = ()
    """Accounts that exist from the start, NAME:KEY:SECRET:AMOUNT."""
    admin_token: Annotated[SecretStr, AfterValidator(_check_token)] | None = None
    """Bearer token of the admin interface; None makes one up and writes it to the data folder."""
    marks_every_s: Annotated[float, Field(ge=0.1, le=60)] = 1.0
    """What only a mark moves of positions and margins is told once in this span, seconds."""
    prices_every_s: Annotated[float, Field(ge=0, le=60)] = 0.0
    """What only its mark moves of a contract's row is told once in this span, s; 0 = at once."""
    tls: bool = False
    """Serve https and wss with the certificate in the default data folder."""

    @property
    def start_ns(self) -> int | None:
        """``start`` in ns since the epoch."""
        return None if self.start is None else parse_instant(self.start)

    @property
    def factor(self) -> int | None:
        """Exchange seconds in a second of the host; None when the clock is manual."""
        if self.clock == "manual":
            return None
        return 1 if self.clock == "real" else int(self.clock[1:])

    @property
    def accounts(self) -> tuple[AccountGrant, ...]:
        """``account``, read."""
        return tuple(parse_account(secret.get_secret_value()) for secret in self.account)

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return self.host in LOOPBACK


def load(
    options: Mapping[str, Any],
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Read settings: ``options`` win over the environment, the environment over the file.

    Args:
        options: values given on the command line; None means not given.
        file: a TOML file, which must exist; its table ``[sim_exchange]`` is read.
        environ: the environment, for tests; the process's by default.

    Raises:
        SettingsError: one sentence about the first thing that is wrong.
    """
    environ = os.environ if environ is None else environ
    table = {} if file is None else _read_table(file)
    environment = _read_environment(environ)
    given = {key: value for key, value in options.items() if value is not None}

    class Layered(Settings):
        @override
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (
                init_settings,
                InitSettingsSource(settings_cls, environment),
                InitSettingsSource(settings_cls, table),
            )

    try:
        return Layered(**given)
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None


def parse_instant(text: str) -> int:
    """Read an ISO 8601 instant as ns since the epoch; no zone means UTC.

    Raises:
        ValueError: it isn't one, or lies outside 1971 to 2199.

    >>> parse_instant("2018-01-12T12:00:00Z")
    1515758400000000000
    """
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("allowed is an ISO 8601 time such as 2018-01-12T12:00:00Z") from None
    when = when.replace(tzinfo=UTC) if when.tzinfo is None else when
    if not 1971 <= when.year <= 2199:
        raise ValueError("allowed are the years 1971 to 2199")
    since = when - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1_000


def parse_account(text: str) -> AccountGrant:
    """Read ``NAME:KEY:SECRET:AMOUNT``, AMOUNT being ``10.5`` XBT or ``10.5,USDt=10000,ETC=500``.

    Raises:
        ValueError: says what is allowed; never shows the text, which holds a secret.

    >>> parse_account("alice:K:S:10.5,USDt=10000").balances
    (('XBt', 1050000000), ('USDt', 10000000000))
    """
    name, _, rest = text.partition(":")
    key, _, rest = rest.partition(":")
    secret, _, amount = rest.rpartition(":")
    if not (_NAME.fullmatch(name) and key and secret):
        raise ValueError("allowed is NAME:KEY:SECRET:AMOUNT, NAME of letters, digits, _ . -")
    first, *others = amount.split(",")
    balances = [("XBt", _minor("XBt", first))]
    for other in others:
        currency, _, number = other.partition("=")
        if not _CURRENCY.fullmatch(currency) or currency in dict(balances):
            raise ValueError("AMOUNT is XBT, then other currencies such as ,USDt=10000,ETC=500")
        if currency in ("XBT", "USDT"):
            raise ValueError(f"{currency} is not a wallet's currency, only {currency[:-1]}t is")
        balances.append((currency, _minor(currency, number)))
    return AccountGrant(name, key, secret, tuple(balances))


def default_folder(environ: Mapping[str, str] | None = None) -> Path:
    """The default data folder, where ``mmbot`` looks for ``demo-key.json``, too."""
    environ = os.environ if environ is None else environ
    home = environ.get(HOME_VARIABLE)
    if home:
        return Path(home).expanduser()
    share = environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(share).expanduser() / "sim-exchange"


def _minor(currency: str, text: str) -> int:
    decimals = currency_decimals(currency)
    try:
        minor = Decimal(text).scaleb(decimals)
    except InvalidOperation:
        raise ValueError(f"the amount of {currency} is not a number") from None
    if not minor.is_finite() or minor != int(minor) or not 0 <= minor < _MOST_MINOR:
        raise ValueError(f"an amount of {currency} is 0 or more, with up to {decimals} decimals")
    return int(minor)


def _read_table(file: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"settings {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"settings {file}: not a text file") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"settings {file}: {error}") from error
    unknown = sorted(content.keys() - _TABLES)
    if unknown:
        raise SettingsError(
            f"settings {file}: there is no table {unknown[0]}, only {_listed(_TABLES)}"
        )
    table = content.get(TABLE, {})
    if not isinstance(table, dict):
        raise SettingsError(f"settings {file}: {TABLE} must be a table")
    return table


def _read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name in sorted(environ):
        if not name.startswith(ENV_PREFIX) or name == HOME_VARIABLE:
            continue
        key = name.removeprefix(ENV_PREFIX).lower()
        if key not in Settings.model_fields:
            allowed = _listed(ENV_PREFIX + field.upper() for field in Settings.model_fields)
            raise SettingsError(f"the environment has {name}, but only {allowed} are known")
        # Several files or accounts are separated as in a PATH; an account holds colons itself.
        text = environ[name]
        if key in ("candles", "instruments"):
            given[key] = text.split(os.pathsep)
        elif key == "account":
            given[key] = text.split()
        else:
            given[key] = text
    return given


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    key = ".".join(path)
    if first["type"] == "extra_forbidden":
        return f"setting {key}: there is no such key, only {_listed(Settings.model_fields)}"
    secret = path[0] in ("account", "admin_token")
    value = "" if secret else f" = {first['input']!r}"
    return f"setting {key}{value}: {_allowed(first)}"


def _allowed(error: ErrorDetails) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    message = error["msg"]
    return message[:1].lower() + message[1:]


def _listed(names: Any) -> str:
    *most, last = sorted(names)
    return f"{', '.join(most)} and {last}" if most else str(last)
