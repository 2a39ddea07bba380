"""The bot's decisions: events in, actions out.

core     the one entrance; connections, dead-man switch, answers, the end
quoting  when to quote, and the step from a wish to requests
hedging  the spot order that is wanted now, and the settlement window
outbox   what is sent, what is noted
config   the settings of one contract's market maker
"""

from mmbot.engine.config import EngineConfig
from mmbot.engine.core import Engine

__all__ = ["Engine", "EngineConfig"]
