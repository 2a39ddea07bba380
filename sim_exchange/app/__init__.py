"""Composition: the one place where an exchange is put together and started.

``virtual_world`` is what the bot's demo uses; ``serve`` and ``replay_digest`` are the commands.
"""

from sim_exchange.app.serve import replay_digest, serve
from sim_exchange.app.world import Facts, World, build_world, virtual_world
from sim_exchange.clock import VirtualLoop
from sim_exchange.errors import SettingsError, SimExchangeError
from sim_exchange.settings import Settings, default_folder, load

__all__ = [
    "Facts",
    "Settings",
    "SettingsError",
    "SimExchangeError",
    "VirtualLoop",
    "World",
    "build_world",
    "default_folder",
    "load",
    "replay_digest",
    "serve",
    "virtual_world",
]
