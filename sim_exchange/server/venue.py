"""The parts that all request handlers share, put together once by the app."""

from collections.abc import Callable

import msgspec

from sim_exchange.core.commands import Command
from sim_exchange.core.events import Event
from sim_exchange.core.types import Kind, currency_decimals
from sim_exchange.core.views import ExchangeView
from sim_exchange.errors import BadRequestError
from sim_exchange.history import History
from sim_exchange.server.access import KeyStore
from sim_exchange.server.doorkeeper import Doorkeeper
from sim_exchange.server.faults import SERVED, SERVED_DEPTH, Faults
from sim_exchange.server.gate import Gate
from sim_exchange.server.ports import ClockControl, FeedLike, SessionLike
from sim_exchange.wire.bans import BanRule
from sim_exchange.wire.catalogue import Catalogue
from sim_exchange.wire.overload import OverloadRule
from sim_exchange.wire.parse import Params, text_of
from sim_exchange.wire.ratelimit import ConnectionQuota, Limiter, LimitRule
from sim_exchange.wire.rows import Row
from sim_exchange.wire.rows.account import AccountRows
from sim_exchange.wire.rows.instrument import InstrumentRows
from sim_exchange.wire.rows.market import MarketRows
from sim_exchange.wire.rows.order import OrderRows

MAJOR_CODES = {"XBt": "XBT", "USDt": "USDT"}
"""Major code of a currency whose minor code differs from it."""
NETWORKS = {"XBt": "btc", "USDt": "tron"}
"""Network of a currency where it is not called like the coin."""
_NAMES = {"XBT": "Bitcoin", "USDT": "USD Tether"}


class VenueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is chosen at the start and shown by the admin interface."""

    era: str = "2018"
    seed: int = 0
    recorded_strings: bool = False
    """``absent_strings = "recorded"`` of protocol.md 1.4."""
    limits: LimitRule | None = None
    """Request limits; None means off."""
    bans: BanRule | None = None
    """How many refusals ban an address (E19); None means that nobody is banned."""
    overload: OverloadRule | None = None
    """How fast the engine serves and how many may wait (E20); None means no queue."""
    connections_per_hour: int = 40
    """New sockets of one address in an hour; used when ``limits`` are on."""
    quote_interval_ns: int = 1_000_000_000
    """One frame of table ``quote`` a symbol and this span of the exchange's time."""
    mark_interval_ns: int = 1_000_000_000
    """What only a mark or an order's hold moves of positions and margins: once in this span."""
    price_interval_ns: int = 0
    """What only its mark moves of a contract's row: once in this span, 0 = at once."""


class Venue:
    """The exchange as its clients see it: session, what happened, rows, keys, limits."""

    def __init__(
        self,
        session: SessionLike,
        exchange: ExchangeView,
        history: History,
        keys: KeyStore,
        host_now_ns: Callable[[], int],
        settings: VenueSettings,
    ) -> None:
        """Put the parts together.

        Args:
            session: the door.
            exchange: what is behind it, for reading.
            history: subscribed to the session already.
            keys: the API keys.
            host_now_ns: the host's clock: expiries, limits, quotas, bans (design.md 3).
            settings: chosen at the start.
        """
        self.session = session
        self.exchange = exchange
        self.history = history
        self.keys = keys
        self.host_now_ns = host_now_ns
        self.settings = settings
        self.catalogue = Catalogue(exchange)
        self.limiter = Limiter(settings.limits)
        self.doorkeeper = None if settings.bans is None else Doorkeeper(settings.bans, host_now_ns)
        self.overload = None if settings.overload is None else Gate(settings.overload)
        self.faults = Faults(settings.seed, self.now_ns)
        if session.durable:
            self.faults.on_disk = self._slow_disk
        self.feed: FeedLike | None = None
        """What prints for the indices, where something does."""
        self.quota = ConnectionQuota(settings.connections_per_hour if settings.limits else 0)
        self.orders = OrderRows(self.catalogue, recorded_strings=settings.recorded_strings)
        self.instruments = InstrumentRows(self.catalogue)
        self.accounts = AccountRows(self.catalogue)
        self.market_rows = MarketRows(self.catalogue)
        self.clock_control: ClockControl | None = None
        """Set by the admin interface; None: the exchange's clock runs like the clients'."""
        self.yielding: frozenset[str] = frozenset()
        """Symbols whose listing gives way to the operator's own, as long as nobody traded them."""
        for account in keys.accounts():
            history.follow(account)

    def _slow_disk(self, factor: int) -> None:
        """Let the disk take ``factor`` times as long; what waits for it is shed by E20's rule."""
        self.session.slow_disk(factor)
        if self.overload is None and factor == 1:
            return
        rule = self.settings.overload
        if self.overload is None or rule is None:
            self.overload = Gate(rule or OverloadRule(SERVED, SERVED_DEPTH))
        self.overload.slow(factor)
        if factor == 1 and rule is None:
            self.overload = None

    def feed_from(self, feed: FeedLike) -> None:
        """Let the faults strike what prints for the indices."""
        self.feed = feed
        feed.doubles = self._doubles

    def _doubles(self) -> bool | None:
        fault = self.faults.of_print() if self.faults.all else None
        return None if fault is None else fault.mismatch

    def submit(self, command: Command) -> tuple[Event, ...]:
        """Apply one command now."""
        return self.session.submit(command)

    def client_factor(self) -> int:
        """Exchange seconds in a second of the clients' time."""
        return 1 if self.clock_control is None else self.clock_control.factor

    def moves_by_hand(self) -> bool:
        """Whether only the operator moves the exchange's clock."""
        return self.clock_control is not None and self.clock_control.kind == "manual"

    def now_ns(self) -> int:
        """The exchange's clock."""
        return self.session.clock.now_ns()

    def currency_of(self, params: Params) -> str:
        """Return the minor code that parameters name (``all`` stays), XBt when they name none.

        Raises:
            BadRequestError: no such currency.
        """
        wanted = text_of(params, "currency") or "XBt"
        if wanted.lower() == "all":
            return "all"
        for code in self.currencies():
            if wanted in (code, MAJOR_CODES.get(code)) or wanted.lower() == code.lower():
                return code
        raise BadRequestError("Invalid currency")

    def currencies(self) -> list[str]:
        """Minor codes of every currency that a wallet or margin may be in, XBt first."""
        found = {"XBt": None, "USDt": None}
        for market in self.exchange.markets.values():
            found[market.spec.settl_currency] = None
            if market.spec.base_currency:
                found[market.spec.base_currency] = None
        # A coin of a split, and what the operator gave an account, need no market.
        return list(found | dict.fromkeys(self.exchange.currencies()))

    def asset_row(self, currency: str) -> Row:
        """Return the row of a currency in /wallet/assets (protocol.md 2.6)."""
        major = MAJOR_CODES.get(currency, currency)
        settles = currency == "XBt" or any(
            market.spec.settl_currency == currency and market.spec.kind is not Kind.SPOT
            for market in self.exchange.markets.values()
        )
        return {
            "asset": major,
            "currency": currency,
            "majorCurrency": major,
            "name": _NAMES.get(major, major),
            "currencyType": "Crypto",
            "scale": currency_decimals(currency),
            "enabled": True,
            "isMarginCurrency": settles,
            "memoRequired": False,
            "minDepositAmount": None,
            "minWithdrawalAmount": None,
            "maxWithdrawalAmount": None,
            "networks": [self.network_row(currency)],
        }

    def network_row(self, currency: str) -> Row:
        """Return the one network that a currency is deposited and withdrawn by."""
        fee = self.exchange.min_withdrawal_fee(currency)
        return {
            "asset": NETWORKS.get(currency, currency.lower()),
            "tokenAddress": "",
            "depositEnabled": self.exchange.deposits_enabled(currency),
            "withdrawalEnabled": self.exchange.withdrawals_enabled(currency),
            "withdrawalFee": fee,
            "minFee": fee,
            "maxFee": None,
        }

    def instrument_rows(self) -> list[tuple[int, Row]]:
        """Return (symbolIdx, row) of every listed symbol, indices too, in listing order."""
        now = self.now_ns()
        rows = [
            (market.index, self.instruments.market(market, self.history.stats_of(symbol), now))
            for symbol, market in self.exchange.markets.items()
        ]
        rows.extend(
            (index.index, self.index_row(symbol)) for symbol, index in self.exchange.indices.items()
        )
        rows.sort(key=lambda pair: pair[0])
        return rows

    def index_row(self, symbol: str) -> Row:
        """Return the instrument row of an index."""
        index = self.exchange.indices[symbol]
        previous = self.history.stats_of(symbol).day(self.now_ns()).previous
        return self.instruments.index(index, previous // 10 ** (12 - index.spec.decimals))
