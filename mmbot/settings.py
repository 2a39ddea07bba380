"""The bot's settings: defaults, then the TOML file, then the environment, then the command line.

One file serves both programs: this one reads the table ``[mmbot]`` and leaves ``[sim_exchange]`` to
the exchange. A name of the environment is ``MMBOT_`` and the key, tables joined by two underscores:
``MMBOT_VENUE__URL``. Whatever is not known is refused by name, and no secret is ever shown.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings.exceptions import SettingsError as SourceError
from typing_extensions import override

from mmbot.engine.config import EngineConfig
from mmbot.errors import SettingsError

PREFIX = "MMBOT_"
TABLE = "mmbot"
OTHER_TABLE = "sim_exchange"

Seconds = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Symbol = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]*$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class VenueTable(_Table):
    """Where the contract is quoted."""

    url: str = "http://127.0.0.1:8000"
    connect_within_s: Positive = 30.0
    give_up_after_s: Seconds = 0.0
    timeout_s: Positive = 10.0
    connections: Annotated[int, Field(ge=1, le=64)] = 4


class HedgeTable(_Table):
    """Where what was traded is hedged."""

    venue: str = "same"
    symbol: Symbol = ""
    threshold: Annotated[float, Field(ge=0)] = EngineConfig.hedge_threshold
    max_unhedged: Positive = EngineConfig.max_unhedged
    api_key: str = ""
    api_secret: SecretStr = SecretStr("")


class StrategyTable(_Table):
    """Who decides the quotes."""

    ref: str = "basis_skew"
    params: dict[str, Any] = Field(default_factory=dict)
    stop_on_error: bool = EngineConfig.stop_on_strategy_error
    retry_s: Positive = EngineConfig.strategy_retry_s


class RatesTable(_Table):
    """Interest rates that make the basis."""

    home: float = EngineConfig.home_rate
    foreign: float | None = None
    lending_symbol: Symbol = "auto"


class LimitsTable(_Table):
    """What is never gone beyond."""

    max_position: Positive = EngineConfig.max_position
    max_contracts: Annotated[int, Field(gt=0)] | None = None
    max_order: Annotated[int, Field(gt=0)] | None = None
    price_band: Annotated[float, Field(gt=0, lt=1)] = EngineConfig.price_band
    target_position: int = EngineConfig.target_position


class QuotingTable(_Table):
    """The rhythm of quoting."""

    tolerance: Annotated[float, Field(ge=0)] = EngineConfig.requote_tolerance
    urgent_move: Positive = EngineConfig.urgent_move
    min_requote_s: Seconds = EngineConfig.min_requote_s
    min_react_s: Seconds = EngineConfig.min_react_s
    refresh_s: Positive = EngineConfig.refresh_s
    stop_s: Seconds = EngineConfig.quote_stop_s
    stale_spot_s: Seconds = EngineConfig.stale_spot_s
    bad_spot_s: Seconds = EngineConfig.bad_spot_s
    slice_delay_s: Seconds = EngineConfig.slice_delay_s


class DeadManTable(_Table):
    """The switch that cancels all orders when the bot falls silent."""

    timeout_s: Seconds = EngineConfig.dead_man_s
    every_s: Positive = EngineConfig.dead_man_every_s


class RequestsTable(_Table):
    """How many requests the venue allows."""

    capacity: Positive = EngineConfig.request_capacity
    window_s: Positive = EngineConfig.request_window_s
    reserve: Annotated[float, Field(ge=0)] = EngineConfig.request_reserve


class ReportTable(_Table):
    """What a run leaves behind."""

    directory: str = ""
    record: bool = False


class LogTable(_Table):
    """What goes to standard error."""

    level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"
    style: Annotated[str, Field(pattern="^(auto|console|json)$")] = "auto"


class Settings(BaseSettings):
    """All settings of the bot; ``load_settings`` makes it."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    symbol: Annotated[str, Field(pattern=r"^[A-Za-z0-9_:]+$")] = "ETC7D"
    api_key: str = ""
    api_secret: SecretStr = SecretStr("")
    venue: VenueTable = VenueTable()
    hedge: HedgeTable = HedgeTable()
    strategy: StrategyTable = StrategyTable()
    rates: RatesTable = RatesTable()
    limits: LimitsTable = LimitsTable()
    quoting: QuotingTable = QuotingTable()
    dead_man: DeadManTable = DeadManTable()
    requests: RequestsTable = RequestsTable()
    report: ReportTable = ReportTable()
    log: LogTable = LogTable()


def load_settings(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings of a run.

    Args:
        path: a TOML file, which must exist; None = the defaults.
        overrides: nested values of the command line; they win.

    Raises:
        SettingsError: names the key, its value unless it is a secret, and what is allowed.
    """
    table = _read(path) if path else {}
    _check_environment(os.environ)

    class Loaded(Settings):
        @classmethod
        @override
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, InitSettingsSource(settings_cls, table)

    try:
        return Loaded(**dict(overrides or {}))
    except SourceError as error:
        raise SettingsError(f"a setting of the environment can't be read: {error}") from None
    except ValidationError as error:
        raise SettingsError(_words(error)) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            whole = tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"settings file {path} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {path} is not TOML: {error}") from None
    unknown = sorted(whole.keys() - {TABLE, OTHER_TABLE})
    if unknown:
        raise SettingsError(
            f"settings file {path} has {unknown[0]!r}; allowed are the tables {TABLE} and "
            f"{OTHER_TABLE}"
        )
    table = whole.get(TABLE, {})
    if not isinstance(table, dict):
        raise SettingsError(f"settings file {path}: {TABLE} must be a table")
    return table


def _check_environment(environment: Mapping[str, str]) -> None:
    for name in sorted(environment):
        if not name.upper().startswith(PREFIX):
            continue
        keys = name[len(PREFIX) :].lower().split("__")
        model: type[BaseModel] | None = Settings
        for key in keys:
            if model is None:
                break  # inside a free table, such as strategy.params
            if key not in model.model_fields:
                allowed = ", ".join(f"{field}" for field in model.model_fields)
                raise SettingsError(
                    f"environment name {name} is not a setting; {key!r} is none of {allowed}"
                )
            model = _table_of(model, key)


def _table_of(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    kind = model.model_fields[key].annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _words(error: ValidationError) -> str:
    # One sentence a problem, the first one only: the next start will tell the next.
    problem = error.errors(include_url=False, include_context=False)[0]
    keys = [str(key) for key in problem["loc"]]
    name = ".".join([TABLE, *keys])
    model: type[BaseModel] | None = Settings
    secret = False
    for key in keys[:-1]:
        model = _table_of(model, key) if model is not None and key in model.model_fields else None
    if problem["type"] == "extra_forbidden":
        allowed = ", ".join(model.model_fields) if model is not None else "nothing"
        return f"unknown setting {name}; allowed are {allowed}"
    if model is not None and keys and keys[-1] in model.model_fields:
        secret = "key" in keys[-1] or "secret" in keys[-1]
    value = problem["input"]
    shown = "" if secret or isinstance(value, (dict, list)) else f" = {str(value)[:80]!r}"
    return f"setting {name}{shown} is not allowed: {problem['msg'][:1].lower()}{problem['msg'][1:]}"
