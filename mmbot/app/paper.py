"""``mmbot paper``: the bundled exchange in a process of its own, and the bot on it, by sockets."""

import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from mmbot.app.exits import ExitCode
from mmbot.app.live import LiveOptions, run_here, run_until_stopped
from mmbot.app.trading import Stopper
from mmbot.settings import Settings
from mmbot.strategy.loader import load_strategy


class Served(Protocol):
    """An exchange that runs somewhere; ``mmbot.bundled`` starts one."""

    url: str

    async def close(self) -> None:
        """End it."""
        ...


Serve = Callable[[Path, Sequence[str]], Awaitable[Served]]
"""Starts an exchange: its folder, options of ``serve``."""


class PaperOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says."""

    seed: int | None = None
    candles: Path | None = None
    settings: Path | None = None  # the file whose table [sim_exchange] is the exchange's
    for_s: float | None = None
    plain: bool = False


def play_paper(settings: Settings, options: PaperOptions, serve: Serve) -> ExitCode:
    """Start an exchange with ``serve``, run the bot on it, end both.

    Raises:
        MMBotError: either could not start.
    """
    load_strategy(settings.strategy.ref, settings.strategy.params)  # before anything is started
    return run_until_stopped(lambda stopper: _play(settings, options, serve, stopper))


async def _play(
    settings: Settings, options: PaperOptions, serve: Serve, stopper: Stopper
) -> ExitCode:
    words = ["--limits", "off"]
    for option, value in (
        ("--seed", options.seed),
        ("--candles", options.candles),
        ("--settings", options.settings),
    ):
        if value is not None:
            words += [option, str(value)]
    with tempfile.TemporaryDirectory(prefix="mmbot-paper-") as folder:
        served = await serve(Path(folder), words)
        try:
            return await _run(settings, options, stopper, served.url, Path(folder))
        finally:
            await served.close()


async def _run(
    settings: Settings, options: PaperOptions, stopper: Stopper, url: str, home: Path
) -> ExitCode:
    venue = settings.venue.model_copy(update={"url": url})
    chosen = settings.model_copy(update={"venue": venue})
    live = LiveOptions(for_s=options.for_s, plain=options.plain)
    return await run_here(chosen, live, stopper, home=home)
