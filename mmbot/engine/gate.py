"""When quotes may stand: why the bot is quiet, when orders must go, when the contract is over."""

from mmbot.engine.config import EngineConfig
from mmbot.engine.links import MAIN, Links
from mmbot.engine.quoting import is_open
from mmbot.state import Picture
from mmbot.types import SECOND_NS


class Gate:
    """What must be so before anything is quoted."""

    def __init__(self, config: EngineConfig, picture: Picture, links: Links) -> None:
        """Begin without a spot price."""
        self.spot_bad_ns: int | None = 0
        """Since when the spot book has had no mid; None = it has one."""
        self.settled = False
        """Whether the venue said that the contract was settled."""
        self._config = config
        self._picture = picture
        self._links = links
        self._stop_span_ns = round(config.quote_stop_s * SECOND_NS)
        self._stale_span_ns = round(config.stale_spot_s * SECOND_NS)
        self._bad_span_ns = round(config.bad_spot_s * SECOND_NS)

    def see_spot(self, now_ns: int) -> bool:
        """Look at the spot book's best prices; return whether its mid has come or gone."""
        is_bad = self._picture.spot_book.mid_sum is None
        if is_bad is (self.spot_bad_ns is not None):
            return False
        self.spot_bad_ns = now_ns if is_bad else None
        return True

    def why_quiet(self, now_ns: int) -> str:
        """Return why nothing may be quoted; "" = quotes are wanted."""
        picture, config = self._picture, self._config
        if not self._links.main_is_up:
            return "disconnected"
        if self._links.is_resyncing:
            return "comparing with the venue after a gap"
        if not is_open(picture.contract):
            return f"{config.symbol} is not open"
        if self.is_settled(now_ns):
            return f"{config.symbol} is settled"
        stop_ns = self._stop_ns()
        if stop_ns is not None and now_ns >= stop_ns:
            return "settlement window"
        if self.spot_bad_ns is not None:
            return "spot book is empty or crossed"
        mid = picture.spot_mid
        if mid is None:
            return f"{config.spot_symbol} is unknown"
        if picture.mark is not None and abs(picture.mark / mid - 1) > config.price_band:
            return f"mark {picture.mark:.8g} is too far from spot {mid:.8g}"
        return ""

    def must_pull(self, now_ns: int, *, connected: bool) -> bool:
        """Whether the quotes that stand while nothing may be quoted must go now."""
        links = self._links
        if not connected:
            # The dead-man switch is not renewed while the stream is down; REST may still work.
            return now_ns >= links.down_ns.get(MAIN, now_ns) + self._stale_span_ns
        if links.is_resyncing:
            return False
        if self.spot_bad_ns is None:
            return True
        # An empty or crossed book may be half of a change; a venue that is away may come back.
        is_away = self._config.hedge_venue in links.down_ns
        grace_ns = self._stale_span_ns if is_away else self._bad_span_ns
        stop_ns = self._stop_ns()
        closing = not is_open(self._picture.contract) or (stop_ns is not None and now_ns >= stop_ns)
        return closing or now_ns >= self.spot_bad_ns + grace_ns

    def is_settled(self, now_ns: int) -> bool:
        """Whether the contract is over and nothing of it is held."""
        contract = self._picture.contract
        if self.settled:
            return self._picture.position == 0
        expiry_ns = contract.expiry_ns if contract is not None else None
        return expiry_ns is not None and now_ns >= expiry_ns and self._picture.position == 0

    def all_told_ns(self, now_ns: int) -> int:
        """Return when the rows of an expiry have surely come: the position row may be the first."""
        contract = self._picture.contract
        if contract is None or contract.expiry_ns is None or now_ns < contract.expiry_ns:
            return 0
        return contract.expiry_ns + SECOND_NS

    def wakes(self, now_ns: int, *, quiet: bool, quotes: bool) -> list[int]:
        """Return the instants at which time alone changes something here.

        Args:
            now_ns: the time.
            quiet: nothing is quoted now.
            quotes: own orders stand.
        """
        wakes = [down_ns + self._stale_span_ns for down_ns in self._links.down_ns.values()]
        stop_ns = self._stop_ns()
        if stop_ns is not None:
            wakes += [stop_ns, stop_ns + self._stop_span_ns + SECOND_NS]
        if quiet and self._links.main_is_up and (stop_ns is None or now_ns < stop_ns):
            wakes.append(now_ns + SECOND_NS)  # what keeps us quiet may pass without a sign
        if self.spot_bad_ns is not None and quotes:
            wakes += [self.spot_bad_ns + self._bad_span_ns, self.spot_bad_ns + self._stale_span_ns]
        return wakes

    def _stop_ns(self) -> int | None:
        contract = self._picture.contract
        if contract is None or contract.expiry_ns is None:
            return None
        return contract.expiry_ns - self._stop_span_ns
