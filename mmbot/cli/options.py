"""Options that several commands share, and how their texts become values."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from mmbot.errors import SettingsError

SettingsFile = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="TOML file with a table [mmbot]."),
]
Strategy = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        metavar="REF",
        help="basis_skew, fixed_spread, module:name or file.py:name.",
    ),
]
Symbol = Annotated[
    list[str] | None,
    typer.Option("--symbol", metavar="S", help="Contract to make a market in, such as ETC7D."),
]
For = Annotated[
    str | None,
    typer.Option("--for", metavar="DURATION", help="End after a while: 90s, 10m, 2h, 1d."),
]
Candles = Annotated[
    Path | None,
    typer.Option("--candles", metavar="FILE", help="Five-minute candles X_XBT-5m.csv of any coin."),
]
Plain = Annotated[bool, typer.Option("--plain", help="Lines instead of a live screen.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Fixes everything that is random.")]

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)")


def seconds_of(text: str | None) -> float | None:
    """Return a duration in seconds.

    Raises:
        SettingsError: not a number with s, m, h or d.

    >>> seconds_of("10m"), seconds_of("1.5"), seconds_of(None)
    (600.0, 1.5, None)
    """
    if text is None:
        return None
    found = _DURATION.fullmatch(text)
    if found is None or not float(found[1]):
        raise SettingsError(f"--for {text!r} is not a duration such as 90s, 10m, 2h or 1d")
    return float(found[1]) * _UNITS[found[2]]


def overrides_of(
    *, symbols: list[str] | None = None, strategy: str | None = None, venue: str | None = None
) -> dict[str, Any]:
    """Return what the command line says of the settings.

    Raises:
        SettingsError: more than one symbol.
    """
    given: dict[str, Any] = {}
    if symbols:
        if len(set(symbols)) > 1:
            raise SettingsError(
                f"--symbol {' '.join(symbols)}: one run makes a market in one contract; start "
                "another run for each"
            )
        given["symbol"] = symbols[0]
    if strategy is not None:
        given["strategy"] = {"ref": strategy}
    if venue is not None:
        given["venue"] = {"url": venue}
    return given
