"""The lines to the venues: which are up, the dead-man switch, and asking what is so."""

from mmbot.engine.config import EngineConfig
from mmbot.engine.outbox import Outbox
from mmbot.types import SECOND_NS, ArmDeadMan, RefreshState

MAIN = "main"
RETRY_NS = SECOND_NS
REST_NS = 2 * SECOND_NS  # between two questions
SOON_NS = SECOND_NS // 100
LONG_AGO = -(10**18)


class Links:
    """Connections by the port's name, and what keeps the orders on them safe."""

    def __init__(self, config: EngineConfig, out: Outbox) -> None:
        """Know of no connection yet."""
        self.connected: set[str] = set()
        self.down_ns: dict[str, int] = {}  # when a line that was up went down
        self.is_armed = False
        self.is_resyncing = False  # nothing is quoted until the venue has told what is so
        self.refresh_wanted = False
        self._out = out
        self._timeout_ms = round(config.dead_man_s * 1000)
        self._every_ns = round(config.dead_man_every_s * SECOND_NS)
        self._armed_ns = LONG_AGO
        self._venues = [MAIN]
        if config.hedge_venue not in ("", MAIN):
            self._venues.append(config.hedge_venue)
        self._asking: set[str] = set()  # venues that have not told yet
        self._ask_after_ns = 0

    @property
    def main_is_up(self) -> bool:
        """Whether the line to the venue of the quotes is up."""
        return MAIN in self.connected

    def up(self, venue: str) -> bool:
        """Note a connection; return whether it was there before, so that there is a gap."""
        again = self.down_ns.pop(venue, None) is not None
        self.connected.add(venue)
        if again:
            # What happened while the stream was down is not told by it.
            self.is_resyncing = self.refresh_wanted = True
            self._ask_after_ns = 0
        return again

    def down(self, venue: str, now_ns: int) -> None:
        """Note that a line is down."""
        self.connected.discard(venue)
        self.down_ns[venue] = now_ns

    def keep_armed(self, now_ns: int, *, needed: bool) -> None:
        """Renew the dead-man switch when it is time; disarm it when nothing needs it any more."""
        if not self._timeout_ms:
            return
        if needed:
            if now_ns >= self._armed_ns + self._every_ns:
                self._arm(self._timeout_ms, now_ns)
        elif self.is_armed and self.main_is_up:
            self.disarm(now_ns)

    def disarm(self, now_ns: int) -> None:
        """Switch the dead-man switch off."""
        self._arm(0, now_ns)

    def arming_failed(self, now_ns: int, wait_ns: int) -> None:
        """It was not renewed: again in a second, or when the venue allows."""
        self._armed_ns = now_ns - self._every_ns + max(wait_ns, RETRY_NS)

    def ask(self, now_ns: int) -> None:
        """Ask all venues what is so, unless that is under way or was done just now."""
        if self._asking or now_ns < self._ask_after_ns:
            return
        self.refresh_wanted = False
        for venue in self._venues:
            self._asking.add(venue)
            action = RefreshState(action_id=self._out.next_id(), venue=venue)
            self._out.send(action, now_ns, 2.0)

    def told(self, venue: str, now_ns: int) -> None:
        """A venue has told what is so."""
        self._asking.discard(venue)
        if not self._asking and not self.refresh_wanted:
            self.is_resyncing = False
        self._ask_after_ns = now_ns + REST_NS

    def ask_again(self, now_ns: int) -> None:
        """What was told may be old: quote nothing new until it was told anew, very soon."""
        self.refresh_wanted = self.is_resyncing = True
        self._ask_after_ns = now_ns + SOON_NS

    def asking_failed(self, venue: str, now_ns: int, wait_ns: int) -> None:
        """It could not be told: ask again in a second, or when the venue allows."""
        self._asking.discard(venue)
        self.refresh_wanted = True
        self._ask_after_ns = now_ns + max(wait_ns, RETRY_NS)

    def wakes(self, *, needed: bool) -> list[int]:
        """Return the instants at which time alone changes something here."""
        wakes = []
        if (self.is_armed or needed) and self._timeout_ms:
            wakes.append(self._armed_ns + self._every_ns)
        if self.refresh_wanted:
            wakes.append(self._ask_after_ns)
        return wakes

    def _arm(self, timeout_ms: int, now_ns: int) -> None:
        self.is_armed = timeout_ms > 0
        self._armed_ns = now_ns if timeout_ms else LONG_AGO
        self._out.send(ArmDeadMan(action_id=self._out.next_id(), timeout_ms=timeout_ms), now_ns)
