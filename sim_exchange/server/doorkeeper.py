"""Who is kept out: addresses that are banned, by the host's clock, and the log of it (E19).

The operator's interface and sockets that are open already are none of the doorkeeper's business.
Bans are no part of the journal; a restart knows nothing of them.
"""

from collections.abc import Callable

import structlog

from sim_exchange.errors import BannedError
from sim_exchange.wire.bans import Ban, BanRule, Bans
from sim_exchange.wire.times import to_iso

log = structlog.get_logger()


class Doorkeeper:
    """Counts what addresses are refused; an end of a ban is logged when somebody next comes by."""

    def __init__(self, rule: BanRule, now_ns: Callable[[], int]) -> None:
        """Start with nobody banned; ``now_ns`` is the host's clock."""
        self._bans = Bans(rule)
        self._now_ns = now_ns

    def refusal(self, address: str) -> BannedError | None:
        """Return what a banned address is answered, None when it isn't banned."""
        left_s = self._bans.left_s(address, self._now_ns())
        self._log_ended()
        return BannedError(left_s) if left_s else None

    def refused(self, address: str) -> None:
        """Count one answer of 4xx or 5xx."""
        ban = self._bans.refused(address, self._now_ns())
        self._log_ended()
        if ban is not None:
            until = to_iso(ban.until_ns)
            log.warning("address banned", address=address, until=until, number=ban.number)

    def bans(self) -> list[Ban]:
        """Return the bans of now, oldest first."""
        bans = self._bans.in_force(self._now_ns())
        self._log_ended()
        return bans

    def lift(self, address: str) -> bool:
        """End a ban before its time; return whether there was one."""
        ban = self._bans.lift(address, self._now_ns())
        self._log_ended()
        if ban is None:
            return False
        log.info("ban lifted", address=address, until=to_iso(ban.until_ns))
        return True

    def _log_ended(self) -> None:
        for ban in self._bans.take_ended():
            log.info("ban ended", address=ban.address, until=to_iso(ban.until_ns))
