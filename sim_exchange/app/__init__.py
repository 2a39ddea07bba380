"""Composition: the one place where an exchange is put together and started.

``virtual_world`` is what the bot's demo uses; ``serve`` and those of ``upkeep`` are the commands.
"""

from sim_exchange.app.collector import rare_collections
from sim_exchange.app.serve import serve
from sim_exchange.app.upkeep import backup, replay_digest, restore_folder, take_snapshot, verify
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
    "backup",
    "build_world",
    "default_folder",
    "load",
    "rare_collections",
    "replay_digest",
    "restore_folder",
    "serve",
    "take_snapshot",
    "verify",
    "virtual_world",
]
