"""``mmbot demo``: a contract's whole life on the bundled exchange, in virtual time."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mmbot.app import DemoOptions, run_demo
from mmbot.cli.options import Candles, Plain, Seed, SettingsFile, Strategy, overrides_of
from mmbot.log import set_up_logs
from mmbot.settings import load_settings
from mmbot.view.table import print_summary


def demo(
    seed: Seed = 7,
    candles: Candles = None,
    strategy: Strategy = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="DIR", help="Folder for the report.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="End with one line of JSON on standard output.")
    ] = False,
    settings: SettingsFile = None,
    plain: Plain = False,
) -> int:
    """Live through one contract, from listing to settlement, in under a minute; offline.

    The bot quotes, hedges on spot, borrows what it sells short, slices its hedge through the
    settlement window and ends flat. The report explains every satoshi.
    """
    chosen = load_settings(settings, overrides_of(strategy=strategy))
    set_up_logs(chosen.log.level, chosen.log.style)
    options = DemoOptions(seed=seed, candles=candles, report=report, plain=plain or json)
    done = run_demo(chosen, options)
    if done.summary is not None:
        if json:
            sys.stdout.write(done.summary.json_line() + "\n")
        else:
            print_summary(done.summary, Console())
    return done.code
