"""Requests in line for the engine: each waits for its turn, first come first served (E20)."""

import asyncio

from sim_exchange.core.types import SECOND_NS
from sim_exchange.wire.overload import OverloadQueue, OverloadRule


class Gate:
    """The queue before the door; its clock is the host's, it is the loop that waits."""

    def __init__(self, rule: OverloadRule) -> None:
        """Start with nobody in line."""
        self._queue = OverloadQueue(rule)
        self._last: asyncio.Future[None] | None = None

    def slow(self, factor: int) -> None:
        """Serve ``factor`` times as slowly what comes from now on."""
        self._queue.slow(factor)

    async def enter(self, now_ns: int, *, exempt: bool) -> None:
        """Return when it is this request's turn; what follows without an await is served then.

        Raises:
            OverloadError: too many wait, and it is not exempt.
        """
        served_ns = self._queue.enter(now_ns, exempt=exempt)
        # Timers may fire a little apart from their order, so each also waits for who was before.
        before = self._last
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._last = mine
        try:
            await asyncio.sleep((served_ns - now_ns) / SECOND_NS)
            if before is not None:
                await asyncio.shield(before)
        finally:
            mine.set_result(None)
