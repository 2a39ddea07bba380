"""Composes a run and ends it cleanly: ``mmbot run``, ``demo`` and ``paper`` call what is here.

run_live    a venue over sockets, in real time
run_demo    the bundled exchange in virtual time, the same bytes in memory
run_paper   the bundled exchange over sockets, and the bot on it
"""

from rich.console import Console

from mmbot.app.demo import Demo, DemoOptions, play
from mmbot.app.exits import ExitCode, exit_code
from mmbot.app.live import LiveOptions, run_live
from mmbot.app.paper import PaperOptions, play_paper
from mmbot.settings import Settings
from mmbot.strategy.loader import load_strategy

__all__ = [
    "Demo",
    "DemoOptions",
    "ExitCode",
    "LiveOptions",
    "PaperOptions",
    "exit_code",
    "run_demo",
    "run_live",
    "run_paper",
]


def run_demo(settings: Settings, options: DemoOptions, console: Console | None = None) -> Demo:
    """Run a contract's life on the bundled exchange in virtual time.

    Args:
        settings: of the bot.
        options: of the demo.
        console: where to draw and to tell; standard error when None.

    Raises:
        SettingsError: the candle file is wrong.
        StrategyLoadError: the strategy can't be loaded.
    """
    from mmbot.bundled import VirtualExchange  # noqa: PLC0415 -- the bot runs without the exchange

    strategy = load_strategy(settings.strategy.ref, settings.strategy.params)
    world = VirtualExchange(seed=options.seed, candles=options.candles)
    return play(settings, options, strategy, world, console)


def run_paper(settings: Settings, options: PaperOptions) -> ExitCode:
    """Serve the bundled exchange in a process of its own and run the bot on it, in real time.

    Raises:
        MMBotError: either could not start.
    """
    from mmbot.bundled import serve_exchange  # noqa: PLC0415 -- as above

    return play_paper(settings, options, serve_exchange)
