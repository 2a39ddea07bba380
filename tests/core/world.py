"""A small world to test the core in: ETC7D, its spot market, its index and its lending rate.

``World`` keeps the clock and the events of the last command; prices are whole ticks, amounts minor
units. ``world()`` starts on Friday 2018-01-12 at 12:00 UTC with every constituent at 0.02.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import msgspec

from sim_exchange.core import commands as c
from sim_exchange.core.events import Accepted, Event, Executed, IndexPublished, Refused, Traded
from sim_exchange.core.exchange import Exchange
from sim_exchange.core.specs import Constituent, IndexSpec, InstrumentSpec
from sim_exchange.core.types import (
    DAY_NS,
    SECOND_NS,
    ExecInst,
    IndexKind,
    Kind,
    MarkMethod,
    OrdType,
    Side,
    TimeInForce,
)

if TYPE_CHECKING:
    from sim_exchange.core.orders.order import Order

START_NS = 1_515_758_400 * SECOND_NS  # 2018-01-12T12:00:00Z, a Friday
WEEK_NS = 7 * DAY_NS
XBT = 10**8
BUY, SELL = Side.BUY, Side.SELL


def future(symbol: str, coin: str, **fields: Any) -> InstrumentSpec:
    """A weekly contract on one ``coin`` against bitcoin, linear, without fees; else ``fields``."""
    common: dict[str, Any] = {
        "kind": Kind.LINEAR,
        "typ": "FFCCSX",
        "multiplier": 10**8,
        "max_order_qty": 10_000_000,
        "expiry_ns": START_NS + WEEK_NS,
    }
    return _spec(symbol, coin, common | fields)


def spot(coin: str, **fields: Any) -> InstrumentSpec:
    """The spot market of a coin against bitcoin, without fees; else ``fields``."""
    common = {"kind": Kind.SPOT, "typ": "IFXXXP", "base_currency": coin, "tick_pico": 10_000}
    return _spec(f"{coin}_XBT", coin, common | fields)


def _spec(symbol: str, coin: str, fields: dict[str, Any]) -> InstrumentSpec:
    common: dict[str, Any] = {
        "root": coin,
        "underlying": coin,
        "quote_currency": "XBT",
        "settl_currency": "XBt",
        "mark_decimals": 8,
        "listing_ns": START_NS,
    }
    return InstrumentSpec(symbol=symbol, **common | fields)


ETC7D = future(
    "ETC7D",
    "ETC",
    tick_pico=1_000_000,  # 0.000001
    max_price_ticks=100_000_000,
    init_margin_ppm=50_000,
    maint_margin_ppm=25_000,
    risk_limit=50 * XBT,
    risk_step=50 * XBT,
    maker_fee_ppm=-500,
    taker_fee_ppm=2500,
    settlement_fee_ppm=2500,
    reference_symbol=".ETCXBT",
)

ETC_XBT = spot(
    "ETC",
    max_order_qty=10**15,
    max_price_ticks=10**12,
    maker_fee_ppm=1500,
    taker_fee_ppm=2500,
    reference_symbol=".ETCXBT",
    mark_method=MarkMethod.INDEX,
    touch_band_ppm=200_000,
    min_value=100,
)

XBTUSD = future(
    "XBTUSD",
    "XBT",
    kind=Kind.INVERSE,
    quote_currency="USD",
    multiplier=-(10**8),
    tick_pico=5 * 10**11,  # 0.5
    mark_decimals=2,
    max_price_ticks=2_000_000,
    init_margin_ppm=10_000,
    maint_margin_ppm=5_000,
    risk_limit=200 * XBT,
    risk_step=100 * XBT,
    maker_fee_ppm=-250,
    taker_fee_ppm=750,
    settlement_fee_ppm=500,
    reference_symbol=".BXBT",
    expiry_ns=START_NS + 13 * WEEK_NS,
)
"""A dated inverse contract with the flagship's figures of 2018; no funding."""


CENTS = future(
    "TSTM18",
    "TST",
    quote_currency="USD",
    multiplier=10**4,
    tick_pico=10**10,  # 0.01
    mark_decimals=2,
    max_price_ticks=10_000_000,
    init_margin_ppm=10_000,
    maint_margin_ppm=5_000,
    risk_limit=200 * XBT,
    risk_step=100 * XBT,
    reference_symbol=".TST",
    expiry_ns=START_NS + 13 * WEEK_NS,
)
"""A made-up contract in cents, without fees, for the goldens around 100."""


def composite(symbol: str, names: tuple[str, ...] = ("A",), decimals: int = 8) -> IndexSpec:
    """An index of equal members."""
    return IndexSpec(
        symbol=symbol,
        decimals=decimals,
        constituents=tuple(Constituent(name=name, num=1, den=len(names)) for name in names),
    )


class World:
    """An exchange with a clock at hand; commands are refused loudly unless asked for."""

    def __init__(self, start_ns: int = START_NS) -> None:
        self.x = Exchange(start_ns, audits=True)
        self.now = start_ns
        self.events: tuple[Event, ...] = ()
        self.checked = True  # whether every command is followed by a whole check()

    # --- doing

    def do(self, command: c.AnyCommand) -> tuple[Event, ...]:
        """Apply a command now."""
        self.events = self.x.apply(command, self.now)
        if self.checked:
            self.x.check()
        return self.events

    def ok(self, command: c.AnyCommand) -> int:
        """Apply a command that must be accepted; return what it concerns."""
        refused = [e for e in self.do(command) if isinstance(e, Refused)]
        assert not refused, refused
        return next(e.ref for e in self.events if isinstance(e, Accepted))

    def tried(self, command: c.AnyCommand) -> tuple[Event, ...]:
        """Apply a command that may be refused; when it is, it must change nothing."""
        before = picture(self.x)
        events = self.do(command)
        if events and all(isinstance(event, Refused) for event in events):
            assert picture(self.x) == before
        return events

    def refused(self, command: c.AnyCommand) -> Refused:
        """Apply a command that must be refused and must change nothing."""
        before = picture(self.x)
        (event,) = self.do(command)
        assert isinstance(event, Refused), event
        assert picture(self.x) == before
        return event

    def advance(self, ns: int = 0) -> tuple[Event, ...]:
        """Let time pass, timers of the last instant included."""
        self.now += ns
        return self.do(c.Advance())

    # --- setting up

    def account(self, name: str, **balances: int) -> int:
        """Open an account with balances in minor units: account("a", XBt=10**9, ETC=5)."""
        account = self.ok(c.OpenAccount(name=name))
        for currency, amount in balances.items():
            self.ok(c.Deposit(to_account=account, currency=currency, amount=amount))
        return account

    def enlist(self, spec: InstrumentSpec, **changes: object) -> None:
        """List an instrument, some fields changed."""
        self.ok(c.ListInstrument(spec=msgspec.structs.replace(spec, **changes)))

    def index(self, symbol: str, price: str | Fraction) -> None:
        """Let all members of an index print ``price`` and let it be published."""
        self.print(symbol, price)
        while not any(isinstance(e, IndexPublished) and e.symbol == symbol for e in self.events):
            due = self.x.next_due_ns()
            assert due is not None
            self.advance(max(0, due - self.now))

    def print(self, symbol: str, price: str | Fraction) -> None:
        """Let all members of an index print ``price``."""
        pico = int(Fraction(price) * 10**12)
        members = len(self.x.indices[symbol].spec.constituents)
        self.ok(c.IndexPrints(index=symbol, prices=(pico,) * members))

    # --- trading

    def place(
        self,
        account: int,
        side: Side | None,
        qty: int | None,
        price: int | None = None,
        symbol: str = "ETC7D",
        **fields: Any,
    ) -> Order:
        """Place an order that must be accepted: limit with a price, market without one."""
        return self.x.orders[self.ok(order(account, side, qty, price, symbol, **fields))]

    def cancel(self, order: Order) -> None:
        """Cancel one order."""
        self.ok(c.CancelOrders(account=order.account, order_ids=(order.order_id,)))

    def amend(self, order: Order, **fields: Any) -> None:
        """Amend one order."""
        self.ok(c.AmendOrder(account=order.account, order_id=order.order_id, **fields))

    # --- looking

    def of(self, kind: type[Event]) -> list[Event]:
        """Events of a kind of the last command."""
        return [event for event in self.events if isinstance(event, kind)]

    def books(self) -> dict[tuple[str, Side, int], int]:
        """Visible sizes of all levels, by symbol, side and price."""
        return {
            (symbol, side, price): size
            for symbol, market in self.x.markets.items()
            for side in Side
            for price, size in market.book.levels(side)
        }

    @property
    def trades(self) -> list[tuple[int, int]]:
        """(quantity, price) of the trades of the last command."""
        return [(e.qty, e.price) for e in self.events if isinstance(e, Traded)]

    def executions(self, account: int) -> list[Executed]:
        """Execution reports of an account of the last command."""
        return [e for e in self.events if isinstance(e, Executed) and e.account == account]

    def wallet(self, account: int, currency: str = "XBt") -> int:
        """Wallet balance, minor units."""
        return self.x.wallet(account, currency).amount

    def qty(self, account: int, symbol: str = "ETC7D") -> int:
        """Position, contracts."""
        view = self.x.position(account, symbol)
        return 0 if view is None else view.current_qty

    def fees(self, currency: str = "XBt") -> int:
        """What the exchange has earned, minor units."""
        return self.x._state.ledger.balance(currency, "exchange:fees")


def order(
    account: int,
    side: Side | None,
    qty: int | None,
    price: int | None = None,
    symbol: str = "ETC7D",
    *,
    tif: TimeInForce = TimeInForce.GTC,
    inst: ExecInst = ExecInst.NONE,
    display: int | None = None,
    name: str = "",
) -> c.PlaceOrder:
    """An order to be: limit with a price, market without one."""
    return c.PlaceOrder(
        account=account,
        symbol=symbol,
        side=side,
        ord_type=OrdType.MARKET if price is None else OrdType.LIMIT,
        order_qty=qty,
        price=price,
        time_in_force=tif,
        exec_inst=inst,
        display_qty=display,
        cl_ord_id=name,
    )


def world(price: str = "0.02", *, spot: bool = True) -> World:
    """The demo's world in small: ETC7D open and marked, ETC_XBT open, .ETCBON listed."""
    made = World()
    made.ok(c.ListIndex(spec=composite(".ETCXBT", ("A", "B", "C"))))
    made.ok(
        c.ListIndex(spec=IndexSpec(symbol=".ETCXBT30M", kind=IndexKind.TWAP30, source=".ETCXBT"))
    )
    made.ok(c.ListIndex(spec=IndexSpec(symbol=".ETCBON", kind=IndexKind.LENDING, source="ETC")))
    made.index(".ETCXBT", price)
    made.enlist(ETC7D)
    if spot:
        made.enlist(ETC_XBT)
    return made


def alone(spec: InstrumentSpec, price: str, start_ns: int = START_NS, **changes: Any) -> World:
    """One instrument, on an index of one member."""
    made = World(start_ns)
    made.ok(c.ListIndex(spec=composite(spec.reference_symbol, decimals=2)))
    made.index(spec.reference_symbol, price)
    made.enlist(spec, **changes)
    return made


def inverse_world(price: str = "10000", **changes: Any) -> World:
    """XBTUSD alone."""
    return alone(XBTUSD, price, **changes)


def cents_world(price: str = "100", **changes: Any) -> World:
    """TSTM18 alone; its mark is the index."""
    return alone(CENTS, price, **changes)


def picture(x: Exchange) -> object:
    """All that a refused command must leave alone."""
    state = x._state
    return (
        {currency: dict(of) for currency, of in state.ledger.balances.items()},
        [
            (o.order_id, o.status, o.leaves_qty, o.price, o.order_qty, o.stop_px, o.waiting)
            for o in state.orders.values()
            if o.is_open
        ],
        [(name, m.book.levels(BUY), m.book.levels(SELL), m.mark) for name, m in x.markets.items()],
        [x.positions(account) for account in x.accounts],
        [(a.held.copy(), a.locks.copy(), len(a.cl_ord_ids)) for a in x.accounts.values()],
        state.desk.offers("ETC"),
        [(w.number, w.status, w.at_ns) for w in state.cash.withdrawals.values()],
        (sorted(state.cash.ended), sorted(state.cash.rounds), len(state.cash.deposits)),
        (state.cash.next_withdrawal, state.cash.next_deposit),
        [(a.flags, a.owner) for a in x.accounts.values()],
        (state.next_order, state.next_exec, state.next_match, state.next_account),
    )
