"""``mmbot paper``: exchange and bot in one command, in real time."""

from typing import Annotated

import typer

from mmbot.app import PaperOptions, run_paper
from mmbot.cli.options import Candles, For, Plain, SettingsFile, Strategy, overrides_of, seconds_of
from mmbot.log import set_up_logs
from mmbot.settings import load_settings


def paper(
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Seed of the market [7].")
    ] = None,
    candles: Candles = None,
    strategy: Strategy = None,
    settings: SettingsFile = None,
    for_: For = None,
    plain: Plain = False,
) -> int:
    """Serve the bundled exchange and trade on it over sockets, in real time, until Ctrl-C."""
    for_s = seconds_of(for_)
    chosen = load_settings(settings, overrides_of(strategy=strategy))
    set_up_logs(chosen.log.level, chosen.log.style)
    return run_paper(
        chosen,
        PaperOptions(seed=seed, candles=candles, settings=settings, for_s=for_s, plain=plain),
    )
