"""Settings become objects: keys, lanes, venues, the market to make, the engine's configuration."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec
from typing_extensions import override

from mmbot.clock import Clock, SystemClock
from mmbot.engine.config import EngineConfig
from mmbot.errors import SettingsError, VenueBusyError, VenueUnavailableError
from mmbot.settings import HedgeTable, Settings, VenueTable
from mmbot.types import SECOND_NS, Instrument, Kind
from mmbot.venue.bitmex.auth import Signer
from mmbot.venue.bitmex.codec import instrument_of
from mmbot.venue.bitmex.endpoint import Endpoint, endpoint_of
from mmbot.venue.bitmex.lane import HttpLane, HttpxLane
from mmbot.venue.bitmex.realtime import Backoff, open_websocket
from mmbot.venue.bitmex.rest import BitMexVenue, Lines
from mmbot.venue.port import Socket

KEY_FILE = "demo-key.json"
PREFIX_HEAD = "mm"
PREFIX_LENGTH = 11  # mm, eight letters of the time, a dash
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_SAY_EVERY_S = 5.0
_SAME_CLOCK_NS = 5 * SECOND_NS
_CLOCK_LOOK_S = 0.5

_T = TypeVar("_T")


class Keys(msgspec.Struct, frozen=True):
    """An API key; never logged."""

    key: str
    secret: str

    @override
    def __repr__(self) -> str:
        """Show the key's id only."""
        return f"Keys(key={self.key!r})"


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """What is made a market in, and with what beside it."""

    contract: Instrument
    spot: Instrument | None
    spot_symbol: str
    index_symbol: str
    lending_symbol: str
    hedge_venue: str  # name of the port; "" = no hedge


def run_prefix(now_ns: int) -> str:
    """Return what the clOrdIDs of a run begin with: sortable, different in each run.

    >>> run_prefix(1_515_758_400_000_000_000)
    'mmjcbveyo0-'
    """
    number, letters = now_ns // 1_000_000, ""
    while number:
        number, digit = divmod(number, 36)
        letters = _DIGITS[digit] + letters
    return f"{PREFIX_HEAD}{letters.rjust(8, '0')}-"


def is_of_a_run(cl_ord_id: str) -> bool:
    """Whether a clOrdID was given by a run of this program, whichever."""
    head = cl_ord_id[:PREFIX_LENGTH]
    return (
        len(head) == PREFIX_LENGTH
        and head.startswith(PREFIX_HEAD)
        and head.endswith("-")
        and head[2:-1].isalnum()
    )


def find_keys(settings: Settings, endpoint: Endpoint, home: Path | None = None) -> Keys:
    """Return the API key: of the settings, or on loopback the one that the exchange left behind.

    Raises:
        SettingsError: half a key, or none for a venue elsewhere.
    """
    key, secret = settings.api_key, settings.api_secret.get_secret_value()
    if bool(key) != bool(secret):
        missing = "api_secret" if key else "api_key"
        raise SettingsError(f"mmbot.{missing} is missing: a key has two halves")
    if key:
        return Keys(key, secret)
    if not endpoint.is_loopback:
        raise SettingsError(f"{endpoint.rest} needs a key: set MMBOT_API_KEY and MMBOT_API_SECRET")
    path = (home or _home()) / KEY_FILE
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
        return Keys(found["key"], found["secret"])
    except FileNotFoundError:
        raise SettingsError(
            f"no API key is set and there is none in {path}: start 'sim-exchange serve' first, or "
            "set MMBOT_API_KEY and MMBOT_API_SECRET"
        ) from None
    except (OSError, msgspec.DecodeError, KeyError):
        raise SettingsError(f"{path} does not hold a key and a secret") from None


def _home() -> Path:
    # Where `sim-exchange serve` leaves the key of its demo account.
    if named := os.environ.get("SIM_EXCHANGE_HOME"):
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "sim-exchange"


def check_live(endpoint: Endpoint, *, live: bool) -> None:
    """Refuse to trade elsewhere than on this machine without the explicit word.

    Raises:
        SettingsError: it would, and ``live`` is False.
    """
    if not (endpoint.is_loopback or live):
        raise SettingsError(
            f"{endpoint.rest} is not on this machine: orders there are real; say --live to trade"
        )


def network_venue(
    name: str, table: VenueTable, endpoint: Endpoint, keys: Keys, clock: Clock
) -> BitMexVenue:
    """Return a venue over sockets."""

    async def open_socket(target: str, headers: Mapping[str, str]) -> Socket:
        return await open_websocket(
            endpoint.stream + target,
            headers,
            use_proxy=not endpoint.is_loopback,
            timeout_s=table.timeout_s,
        )

    lines = Lines(
        orders=HttpLane(endpoint.rest, connections=table.connections, timeout_s=table.timeout_s),
        reads=HttpxLane(
            endpoint.rest, timeout_s=table.timeout_s, trust_env=not endpoint.is_loopback
        ),
        open_socket=open_socket,
    )
    return BitMexVenue(
        name,
        lines,
        signer=Signer(keys.key, keys.secret, SystemClock()),
        clock=clock,
        connect_within_s=table.connect_within_s,
        backoff=Backoff(seed=clock.now_ns()),
    )


def hedge_keys(table: HedgeTable, main: Keys) -> Keys:
    """Return the key of a hedge venue elsewhere; the main one's when none is named."""
    secret = table.api_secret.get_secret_value()
    return Keys(table.api_key, secret) if table.api_key and secret else main


def hedge_endpoint(table: HedgeTable) -> Endpoint | None:
    """Return where to hedge when that is another venue.

    Raises:
        SettingsError: neither ``same`` nor ``none`` nor a URL.
    """
    if table.venue in {"same", "none"}:
        return None
    try:
        return endpoint_of(table.venue)
    except SettingsError as error:
        raise SettingsError(
            f"setting mmbot.hedge.venue = {table.venue!r} is not allowed: it is same, none or a "
            f"URL ({error})"
        ) from None


class VenueClock:
    """The venue's time: the host's, unless the venue's clock is elsewhere or runs faster."""

    def __init__(self) -> None:
        """Say the host's time."""
        self._host = SystemClock()
        self._offset_ns = 0
        self._since_ns = 0
        self.factor = 1

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, on the venue's clock."""
        host_ns = self._host.now_ns()
        return host_ns + self._offset_ns + (host_ns - self._since_ns) * (self.factor - 1)

    async def follow(self, venue: BitMexVenue) -> None:
        """Ask the venue twice, and run as it does when that is not what the host's clock does."""
        first_host_ns = self._host.now_ns()
        first_ns = await venue.now_ns()
        if abs(first_ns - first_host_ns) < _SAME_CLOCK_NS:
            return
        await asyncio.sleep(_CLOCK_LOOK_S)
        host_ns = self._host.now_ns()
        second_ns = await venue.now_ns()
        self.factor = max(1, round((second_ns - first_ns) / (host_ns - first_host_ns)))
        self._offset_ns, self._since_ns = second_ns - host_ns, host_ns


async def reach(
    ask: Callable[[], Awaitable[_T]], *, within_s: float, say: Callable[[str], None]
) -> _T:
    """Return what ``ask`` brings, asking again until the venue is there.

    Args:
        ask: makes one attempt.
        within_s: how long to try.
        say: told now and then that it is not there yet.

    Raises:
        VenueUnavailableError: it was not there in time.
        VenueError: it answered that it does not want us.
    """
    loop = asyncio.get_running_loop()
    backoff = Backoff(first_s=0.2, most_s=2.0)
    start = said = loop.time()
    while True:
        try:
            return await ask()
        except (VenueUnavailableError, VenueBusyError) as error:
            now = loop.time()
            if now - start >= within_s:
                raise VenueUnavailableError(
                    f"{error}; gave up after {now - start:.0f} s of trying"
                ) from error
            if said == start or now - said >= _SAY_EVERY_S:
                said = now + 1e-9
                say(f"{error}; trying for another {within_s - (now - start):.0f} s")
            await asyncio.sleep(min(backoff.next_s(), max(0.05, within_s - (now - start))))


async def find_market(settings: Settings, main: BitMexVenue, hedge: BitMexVenue | None) -> Market:
    """Look up what the settings name and what follows from it.

    Args:
        settings: of the run.
        main: where the contract is.
        hedge: another venue for spot; None = the same or none.

    Raises:
        SettingsError: the symbol is unknown, or the hedge venue has no spot for it.
    """
    contract = await _find_contract(settings.symbol, main)
    wanted = settings.hedge.symbol or f"{contract.underlying}_{contract.quote_currency}"
    index = contract.reference_symbol.removesuffix("30M")
    lending = settings.rates.lending_symbol
    if lending == "auto":
        lending = f".{contract.underlying}BON"
    listed = {row["symbol"] for row in await main.instrument_rows([index, lending])}
    spot = await _find_spot(hedge or main, wanted)
    hedges = settings.hedge.venue != "none"
    if spot is None and hedges:
        raise SettingsError(
            f"the hedge venue lists no spot instrument {wanted}: name another by mmbot.hedge.symbol"
            ' or mmbot.hedge.venue, or say mmbot.hedge.venue = "none" to stay unhedged'
        )
    if spot is None and index not in listed:
        raise SettingsError(f"{contract.symbol} has neither spot {wanted} nor index {index}")
    return Market(
        contract=contract,
        spot=spot,
        spot_symbol=spot.symbol if spot else index,
        index_symbol=index if index in listed else "",
        lending_symbol=lending if lending in listed else "",
        hedge_venue=("hedge" if hedge else "main") if hedges else "",
    )


async def _find_contract(symbol: str, venue: BitMexVenue) -> Instrument:
    rows = await venue.instrument_rows([symbol])
    found = [instrument_of(row) for row in rows if row["symbol"] == symbol]
    if found and found[0].kind not in {Kind.INDEX, Kind.SPOT}:
        return found[0]
    every = [instrument_of(row) for row in await venue.instrument_rows()]
    names = [i.symbol for i in every if i.state == "Open" and i.kind not in {Kind.INDEX, Kind.SPOT}]
    what = "is not a contract" if found else "is unknown to the venue"
    raise SettingsError(
        f"symbol {symbol!r} {what}; open contracts are {', '.join(names[:20]) or 'none'}"
    )


async def _find_spot(venue: BitMexVenue, symbol: str) -> Instrument | None:
    for row in await venue.instrument_rows([symbol]):
        instrument = instrument_of(row)
        if instrument.symbol == symbol and instrument.kind is Kind.SPOT:
            return instrument
    return None


def engine_config(
    settings: Settings, market: Market, prefix: str, *, factor: int = 1
) -> EngineConfig:
    """Return the configuration of the engine; ``factor`` is how fast the venue's clock runs."""
    limits, quoting, rates = settings.limits, settings.quoting, settings.rates
    return EngineConfig(
        symbol=market.contract.symbol,
        spot_symbol=market.spot_symbol,
        index_symbol=market.index_symbol,
        index_is_late=market.spot is not None,
        lending_symbol=market.lending_symbol,
        foreign_rate=rates.foreign,
        home_rate=rates.home,
        target_position=limits.target_position,
        cl_ord_prefix=prefix,
        hedge_venue=market.hedge_venue,
        hedge_threshold=settings.hedge.threshold,
        max_unhedged=settings.hedge.max_unhedged,
        max_position=limits.max_position,
        max_contracts=limits.max_contracts,
        max_order=limits.max_order,
        price_band=limits.price_band,
        requote_tolerance=quoting.tolerance,
        urgent_move=quoting.urgent_move,
        min_requote_s=quoting.min_requote_s,
        min_react_s=quoting.min_react_s,
        refresh_s=quoting.refresh_s,
        quote_stop_s=quoting.stop_s,
        slice_delay_s=quoting.slice_delay_s,
        stale_spot_s=quoting.stale_spot_s,
        bad_spot_s=quoting.bad_spot_s,
        dead_man_s=settings.dead_man.timeout_s,
        dead_man_every_s=settings.dead_man.every_s,
        request_capacity=settings.requests.capacity,
        request_window_s=settings.requests.window_s * factor,
        request_reserve=settings.requests.reserve,
        stop_on_strategy_error=settings.strategy.stop_on_error,
        strategy_retry_s=settings.strategy.retry_s,
    )
