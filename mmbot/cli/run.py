"""``mmbot run``: the bot on a venue."""

from typing import Annotated

import typer

from mmbot.app import LiveOptions, run_live
from mmbot.cli.options import (
    For,
    Plain,
    SettingsFile,
    Strategy,
    Symbol,
    overrides_of,
    seconds_of,
)
from mmbot.log import set_up_logs
from mmbot.settings import load_settings


def run(
    settings: SettingsFile = None,
    venue: Annotated[
        str | None,
        typer.Option("--venue", metavar="URL", help="Base URL, such as http://127.0.0.1:8000."),
    ] = None,
    symbol: Symbol = None,
    strategy: Strategy = None,
    live: Annotated[
        bool, typer.Option("--live", help="Trade at a venue that is not on this machine.")
    ] = False,
    for_: For = None,
    plain: Plain = False,
) -> int:
    """Quote and hedge one contract at a venue until Ctrl-C.

    Without options it finds the exchange that 'sim-exchange serve' runs on this machine. Keys come
    from settings or MMBOT_API_KEY and MMBOT_API_SECRET.
    """
    for_s = seconds_of(for_)
    chosen = load_settings(settings, overrides_of(symbols=symbol, strategy=strategy, venue=venue))
    set_up_logs(chosen.log.level, chosen.log.style)
    return run_live(chosen, LiveOptions(live=live, for_s=for_s, plain=plain))
