"""How the parts of an exchange become one: replay or set-up, market, server, clock.

A new world begins a minute before its clock's start, so that at the start the indices are published
and the spot book is filled. A world whose folder has a journal is replayed and goes on from it.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import structlog

from sim_exchange.app import instruments
from sim_exchange.app.folders import KEYS
from sim_exchange.app.instruments import Own
from sim_exchange.app.memory import Memory, Restored, check_books, has_journal, header_of, restore
from sim_exchange.app.pump import (
    FactorControl,
    ManualControl,
    Pump,
    VirtualControl,
    virtual_seconds,
)
from sim_exchange.clock import Clock, FactorClock, ManualClock, RealClock, VirtualLoop
from sim_exchange.core.commands import Deposit, OpenAccount, SetSpamRule
from sim_exchange.core.types import MINUTE_NS, SECOND_NS
from sim_exchange.errors import CoreError, SettingsError
from sim_exchange.journal import (
    FILE_NAME,
    FileJournal,
    Header,
    Journal,
    MemoryJournal,
    Mended,
    Record,
)
from sim_exchange.market import candles as candle_files
from sim_exchange.market import catalogue
from sim_exchange.market import era as eras
from sim_exchange.market.agents.desk import opened
from sim_exchange.market.candles import Candles
from sim_exchange.market.era import Era
from sim_exchange.market.path import PRINT_NS, ReferencePath
from sim_exchange.market.place import Place
from sim_exchange.server.access import KeyRecord, KeyStore, new_key_pair
from sim_exchange.server.admin import Admin
from sim_exchange.server.asgi import ExchangeApp
from sim_exchange.server.ports import ClockControl
from sim_exchange.server.publisher import Publisher
from sim_exchange.server.venue import Venue, VenueSettings
from sim_exchange.session import Session
from sim_exchange.settings import AccountGrant, Settings
from sim_exchange.wire.bans import parse_bans
from sim_exchange.wire.overload import OverloadRule
from sim_exchange.wire.ratelimit import parse_limits

DEMO_NAME = "demo"
DEMO_BALANCE = 10 * 10**8
"""XBt of the account that is made when none is asked for."""

# A new world begins so long before its start; the indices are there when instruments are listed.
_WARM_UP_NS = MINUTE_NS
_LISTING_NS = 10 * SECOND_NS
# Whoever replays more commands than this at a start writes a snapshot then.
_LONG_REPLAY = 10_000

log = structlog.get_logger()


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is traded in a world, for whoever drives it; instants in ns since the epoch."""

    coin: str
    symbol: str
    spot_symbol: str
    index_symbol: str
    listing_ns: int
    expiry_ns: int
    start_ns: int


class World:
    """A whole exchange in one process."""

    def __init__(
        self,
        settings: Settings,
        header: Header,
        keys: KeyStore,
        paths: Sequence[ReferencePath],
        era: Era,
        restored: Restored | None = None,
    ) -> None:
        """Put the parts together at the header's start, or where a snapshot was taken.

        Args:
            settings: everything that was chosen.
            header: of the journal, old or new.
            keys: the API keys.
            paths: of the coins whose candles were given.
            era: what is listed besides those coins.
            restored: what was, where there is a journal to go on from.

        Raises:
            SettingsError: a file that the era names is wrong.
        """
        self.settings = settings
        self.paths = tuple(paths)
        self.keys = keys
        restored = restored or Restored(Memory.fresh(header.start_ns), None, {})
        self.memory = memory = restored.memory
        self.exchange, self.history = memory.exchange, memory.history
        self.session = Session(self.exchange, MemoryJournal(header), ManualClock(header.start_ns))
        if restored.position is not None:
            self.session.begin_at(restored.position.seq, restored.position.at_ns)
        self.session.subscribe(self.history.on_commit)
        self.session.subscribe(memory.heard.hear)
        lively = settings.market == "default"
        self.place = Place(
            self.session, self.exchange, era, self.paths, memory.heard, lively=lively
        )
        self.snapshots = False
        """Whether the end of this world is kept as a snapshot beside its journal."""
        self._pump: Pump | None = None
        self._venue: Venue | None = None
        self._asgi: ExchangeApp | None = None

    @property
    def clock(self) -> Clock:
        """The exchange's clock."""
        return self.session.clock

    @property
    def venue(self) -> Venue:
        """The exchange as its server sees it; there once ``open_doors`` was called."""
        if self._venue is None:
            raise RuntimeError("open_doors comes first")
        return self._venue

    @property
    def asgi(self) -> ExchangeApp:
        """The server's app; there once ``open_doors`` was called."""
        if self._asgi is None:
            raise RuntimeError("open_doors comes first")
        return self._asgi

    def open_doors(
        self,
        clock: Clock,
        pump: Pump | None,
        control: ClockControl,
        host_now_ns: Callable[[], int],
        admin_token: str,
    ) -> None:
        """Let time follow ``clock`` from now on, and make the server's app.

        Args:
            clock: the exchange's clock, at the session's instant or later.
            pump: what makes time pass; None where only the operator does.
            control: what the operator may do to the clock.
            host_now_ns: the clock of what protects the server.
            admin_token: the bearer token of the admin interface.
        """
        settings, header = self.settings, self.session.journal.header
        self.session.clock = clock
        self._pump = pump
        self._venue = venue = Venue(
            self.session,
            self.exchange,
            self.history,
            self.keys,
            host_now_ns,
            VenueSettings(
                era=header.era,
                seed=header.seed,
                limits=parse_limits(settings.limits, settings.era),
                bans=parse_bans(settings.bans),
                overload=_overload(settings),
                mark_interval_ns=round(settings.marks_every_s * SECOND_NS),
                price_interval_ns=round(settings.prices_every_s * SECOND_NS),
            ),
        )
        venue.yielding = self.place.yielding()
        venue.feed_from(self.place.feed)
        admin = Admin(venue, self.exchange, self.session.journal, control, admin_token)
        self._asgi = ExchangeApp(venue, Publisher(venue), admin, self._on_core_error)

    def add(self, own: Own) -> None:
        """List an index or a contract of somebody's own, and let the index have its price.

        Raises:
            SettingsError: names the file, the field, its value and what is allowed.
        """
        new = instruments.add(self.venue, own)
        if own.price_pico:
            self.place.price(own.symbol, own.price_pico, own.volatility, new=new)

    async def pump(self) -> None:
        """Let time pass until cancelled; on a manual clock only wait.

        Raises:
            CoreError: the exchange broke a promise.
        """
        if self._pump is None:
            await asyncio.Event().wait()
        else:
            await self._pump.run()

    async def close(self) -> None:
        """Make everything durable, take a snapshot of it, and close the journal."""
        session = self.session
        await session.close()
        journal = session.journal
        if isinstance(journal, FileJournal) and self.snapshots and session.stopped is None:
            self._save(journal)

    def _save(self, journal: FileJournal) -> None:
        try:
            self.memory.save(journal.path.parent, journal.header, journal.position())
        except CoreError as error:
            # The journal has everything: without a snapshot the next start only takes longer.
            log.error("no snapshot", reason=str(error))  # noqa: TRY400 (the reason says it all)

    def _on_core_error(self, error: CoreError) -> None:
        if self._pump is not None:
            self._pump.fail(error)

    @property
    def digest(self) -> str:
        """The journal's digest."""
        return self.session.journal.digest()

    def found(self, journal: Journal, start_ns: int) -> None:
        """Begin a new world: list, let the market in, and let a minute pass, up to ``start_ns``."""
        session, begin_ns = self.session, journal.header.start_ns
        session.go_on(journal, ManualClock(begin_ns))
        self.place.list_indices()
        if self.settings.spam_orders:
            session.submit(SetSpamRule(most=self.settings.spam_orders))
        self.place.start_feed(begin_ns)
        session.clock = ManualClock(begin_ns + _LISTING_NS)
        session.run_due(begin_ns + _LISTING_NS)
        self.place.open(start_ns)
        session.clock = ManualClock(start_ns)
        session.run_due(start_ns)

    def go_on(self, path: Path, restored: Restored) -> None:
        """Replay what the journal at ``path`` has beyond ``restored``, and go on from now.

        Raises:
            CoreError: the journal can't be trusted.
        """
        session, settings = self.session, self.settings

        def apply(record: Record) -> None:
            session.restore(record)
            if record.seq in restored.others:
                check_books(restored.others, record.seq, self.memory)

        journal = FileJournal.open(
            path, durable=settings.durability == "sync", on_record=apply, after=restored.position
        )
        _tell_mended(path, journal.mended)
        replayed = session.seq - (0 if restored.position is None else restored.position.seq)
        if restored.position is None and session.seq:
            self.exchange.check()
        if restored.damaged or replayed >= _LONG_REPLAY:
            # So that the next start is short again, and what is damaged is made good.
            self._save(journal)
        now_ns = _start_ns(settings, session.at_ns)
        session.go_on(journal, ManualClock(now_ns))
        session.skip_to(now_ns)
        self.place.list_indices()
        self.place.start_feed(session.at_ns)
        self.place.open(session.at_ns)

    def grant(self, account: AccountGrant) -> KeyRecord:
        """Let an account exist, with its balances if it is new, and its key be known."""
        account_id = self._account_called(account.name)
        if account_id is None:
            account_id = opened(self.session.submit(OpenAccount(name=account.name)))
            self.history.follow(account_id)
            for currency, amount in account.balances:
                deposit = Deposit(to_account=account_id, currency=currency, amount=amount)
                self.session.submit(deposit)
        record = KeyRecord(key=account.key, secret=account.secret, account=account_id)
        self.keys.add(record)
        return record

    def grant_demo(self) -> KeyRecord:
        """Let the account ``demo`` exist, with 10 XBT if it is new; return its key."""
        account_id = self._account_called(DEMO_NAME)
        records = [] if account_id is None else self.keys.keys_of(account_id)
        if records:
            return records[-1]
        key, secret = new_key_pair()
        return self.grant(AccountGrant(DEMO_NAME, key, secret, (("XBt", DEMO_BALANCE),)))

    def facts(self) -> Facts:
        """What is traded, of the first coin."""
        coin = self.paths[0].coin
        spec = self.exchange.markets[catalogue.weekly_symbol(coin)].spec
        if spec.expiry_ns is None:
            raise CoreError(f"{spec.symbol} has no expiry")
        return Facts(
            coin=coin,
            symbol=spec.symbol,
            spot_symbol=catalogue.spot_symbol(coin),
            index_symbol=catalogue.index_symbol(coin),
            listing_ns=spec.listing_ns,
            expiry_ns=spec.expiry_ns,
            start_ns=self.session.at_ns,
        )

    def _account_called(self, name: str) -> int | None:
        for account_id, account in self.exchange.accounts.items():
            if account.name == name:
                return account_id
        return None


def build_world(settings: Settings, data: Path | None = None, admin_token: str = "") -> World:
    """Make a world on the clock that the settings ask for, and open its doors.

    Args:
        settings: everything that was chosen.
        data: folder of journal and keys; a journal that is there is gone on from. None keeps
            both in memory.
        admin_token: bearer token of the admin interface; "" lets nobody in.

    Raises:
        SettingsError: a file of candles, of the era or of instruments is wrong.
        CoreError: the journal can't be trusted.
    """
    files = _load_candles(settings.candles)
    own = instruments.read(settings.instruments)
    keys = KeyStore(None if data is None else data / KEYS)
    path = None if data is None else data / FILE_NAME
    if data is not None and path is not None and has_journal(data):
        header = header_of(data)
        paths = _paths(files, header.seed, header.start_ns)
        restored = restore(data, header)
        world = World(settings, header, keys, paths, _era(settings, header.era), restored)
        world.go_on(path, restored)
    else:
        start_ns = _start_ns(settings, None)
        header = _header(settings, start_ns)
        paths = _paths(files, header.seed, start_ns)
        era = _era(settings, header.era)
        journal: Journal = MemoryJournal(header, keep=True)
        if path is not None:
            journal = FileJournal(path, header, durable=settings.durability == "sync")
        world = World(settings, header, keys, paths, era)
        world.found(journal, start_ns)
    world.snapshots = data is not None
    _open_on_host_time(world, admin_token)
    for one in own:
        world.add(one)
    return world


def virtual_world(
    loop: VirtualLoop, settings: Settings, journal: Path | None = None, admin_token: str = ""
) -> World:
    """Make a world for one contract's life in virtual time, from its listing on.

    The loop must not have run yet: its clock is set to the first Friday 12:00 UTC of the first
    candle file. The path is not looped and the contract not relisted.

    Raises:
        SettingsError: a candle file is wrong.
        CoreError: the journal's file exists already.
    """
    files = _load_candles(settings.candles)
    start_ns = files[0].listing_ns
    loop.clock.begin_at(start_ns)
    header = _header(settings, start_ns)
    world = World(settings, header, KeyStore(), _paths(files, settings.seed, None), Era())
    log_of: Journal = MemoryJournal(header)
    if journal is not None:
        log_of = FileJournal(journal, header, durable=False)
    world.found(log_of, start_ns)
    pump = Pump(world.session, virtual_seconds(loop.clock))
    world.open_doors(loop.clock, pump, VirtualControl(), loop.clock.now_ns, admin_token)
    return world


def _open_on_host_time(world: World, admin_token: str) -> None:
    session, host = world.session, RealClock()
    factor = world.settings.factor
    if factor is None:
        manual = ManualClock(session.at_ns)
        control = ManualControl(manual, session)
        world.open_doors(manual, None, control, host.now_ns, admin_token)
        return
    start_ns = session.at_ns
    if factor == 1 and world.settings.start is None:
        start_ns = max(start_ns, host.now_ns())  # what building took has passed
    clock = FactorClock(start_ns, factor)
    pump = Pump(session, clock.host_seconds_until)
    world.open_doors(clock, pump, FactorControl(clock, pump), host.now_ns, admin_token)


def _tell_mended(path: Path, mended: Mended) -> None:
    if mended.cut_bytes:
        log.warning("torn last block cut off", journal=str(path), bytes=mended.cut_bytes)
    if mended.damaged:
        log.warning(
            "journal mended",
            journal=str(path),
            blocks=mended.path_blocks,
            blocks_of_copy=mended.copy_blocks,
            regained_bytes=mended.regained_bytes,
        )


def _overload(settings: Settings) -> OverloadRule | None:
    if not settings.overload_rate:
        return None
    return OverloadRule(settings.overload_rate, settings.overload_depth)


def _header(settings: Settings, start_ns: int) -> Header:
    begin_ns = start_ns // PRINT_NS * PRINT_NS - _WARM_UP_NS
    return Header(start_ns=begin_ns, seed=settings.seed, era=settings.era)


def _start_ns(settings: Settings, last_ns: int | None) -> int:
    # Where the clock starts: as asked, else now; a journal is gone on from at its own end unless
    # the clock is the host's.
    wanted_ns = settings.start_ns
    if wanted_ns is None:
        gone_on = last_ns is not None and settings.factor != 1
        wanted_ns = last_ns if gone_on and last_ns is not None else RealClock().now_ns()
    return wanted_ns if last_ns is None else max(wanted_ns, last_ns)


def _load_candles(files: Sequence[Path]) -> list[Candles]:
    if not files:
        raise SettingsError("setting candles: at least one file is needed")
    loaded: dict[str, Candles] = {}
    for file in files:
        candles = candle_files.load(file)
        if candles.coin in loaded:
            raise SettingsError(f"setting candles: two files for {candles.coin}, one is allowed")
        loaded[candles.coin] = candles
        if candles.gaps:
            missing = sum(gap.missing for gap in candles.gaps)
            log.warning(
                "candles missing, price carried",
                file=candles.path,
                bars=missing,
                holes=len(candles.gaps),
                first=candle_files.warnings(candles)[0],
            )
    return list(loaded.values())


def _paths(files: Sequence[Candles], seed: int, anchor_ns: int | None) -> tuple[ReferencePath, ...]:
    return tuple(ReferencePath(candles, seed, anchor_ns) for candles in files)


def _era(settings: Settings, name: str) -> Era:
    return eras.load(name) if settings.catalogue == "era" else Era()
