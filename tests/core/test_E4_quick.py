"""The short way of usual orders comes to just what the long way does, event for event."""

import random
from typing import Any

import msgspec
import pytest

from scripts.benches import core
from sim_exchange.core import commands as c
from sim_exchange.core.events import Refused
from sim_exchange.core.exchange import Exchange
from sim_exchange.core.risk.margin import available
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.types import (
    PICO,
    SECOND_NS,
    ExecInst,
    Kind,
    Mode,
    OrdType,
    Side,
    TimeInForce,
)
from tests.core.world import BUY, SELL, START_NS, XBT, XBTUSD, composite, picture

ACCOUNTS = 12
STEPS = 4_000
QUANTO = msgspec.structs.replace(
    XBTUSD,
    symbol="ETHUSD",
    kind=Kind.QUANTO,
    multiplier=100,
    tick_pico=PICO // 20,
    reference_symbol=".BETH",
    risk_limit=0,
)
LINEAR = msgspec.structs.replace(
    XBTUSD,
    symbol="XBTUSDT",
    kind=Kind.LINEAR,
    multiplier=10**3,
    lot_size=100,
    settl_currency="USDt",
    quote_currency="USDT",
    risk_limit=0,
    init_margin_ppm=100_000,
)
SPECS = (XBTUSD, QUANTO, LINEAR)
ODD: tuple[dict[str, Any], ...] = (
    {"display_qty": 100},
    {"display_qty": 0, "exec_inst": ExecInst.NONE},
    {"exec_inst": ExecInst.REDUCE_ONLY},
    {"ord_type": OrdType.STOP_LIMIT, "stop_px": 1},
    {"contingency_type": "OneCancelsTheOther", "cl_ord_link_id": "pair"},
    {"contingency_type": "OneUpdatesTheOtherAbsolute", "cl_ord_link_id": "both"},
)
TIMES = (TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC)
PRICES = {".BXBT": 10_000, ".BETH": 500}


class Twins:
    """Two exchanges that are asked the same: one goes the short way wherever it can."""

    def __init__(self, specs: tuple[InstrumentSpec, ...] = SPECS) -> None:
        self.quick, self.long = Exchange(START_NS), Exchange(START_NS, shortcuts=False)
        self.now = START_NS
        self.asked = 0
        for symbol, price in PRICES.items():
            self.do(c.ListIndex(spec=composite(symbol, decimals=2)))
            self.do(c.IndexPrints(index=symbol, prices=(price * PICO,)))
        self.now += 5 * SECOND_NS
        for spec in specs:
            self.do(c.ListInstrument(spec=spec))
        self.now += 5 * SECOND_NS
        for number in range(1, ACCOUNTS + 1):
            self.do(c.OpenAccount(name=f"t{number}"))
            amount = XBT // 50 if number % 3 else 100 * XBT
            for currency, each in (("XBt", amount), ("USDt", amount // 10)):
                self.do(c.Deposit(to_account=number, currency=currency, amount=each))
        self.do(c.DepositFund(currency="XBt", amount=XBT))

    def do(self, command: c.AnyCommand) -> bool:
        """Ask both the same; return whether it was done."""
        told = self.quick.apply(command, self.now)
        assert told == self.long.apply(command, self.now), command
        self.asked += 1
        return not (told and isinstance(told[0], Refused))

    @property
    def short_ways(self) -> int:
        """How many commands went the short way."""
        return self.asked - self.quick._state.epoch

    def check(self) -> None:
        """Both are whole and alike, and nobody is thought to have more room than there is."""
        self.quick.check()
        self.long.check()
        assert picture(self.quick) == picture(self.long)
        self.rooms()

    def rooms(self) -> int:
        """Return how many rooms are known; none of them is larger than what there is."""
        state, known = self.quick._state, 0
        for account in state.accounts.values():
            for currency, positions in account.contracts.items():
                room = positions[0].room
                assert all(position.room is room for position in positions)
                if room.epoch == state.epoch:
                    known += 1
                    assert room.free <= available(state, account, currency)
        return known


class Trader:
    """Asks for usual orders near the mark, and now and then for what is not usual."""

    def __init__(self, twins: Twins, seed: int) -> None:
        self.twins = twins
        self.draw = random.Random(seed)
        self.number = 0
        self.steps = 0

    def orders(self, account: int) -> list[Any]:
        """The open orders of an account, as the exchange knows them."""
        return self.twins.long._state.accounts[account].open_orders()

    def step(self) -> None:
        """Ask for one thing."""
        draw, twins = self.draw, self.twins
        twins.now += draw.choice((0, 1_000, 1_000_000))
        account = draw.randint(1, ACCOUNTS)
        self.steps += 1
        if self.steps % 40 == 0:
            self.mend()
        what = draw.random()
        if what < 0.55:
            self.place(account)
        elif what < 0.75:
            self.cancel(account)
        elif what < 0.95:
            self.amend(account)
        else:
            self.unusual(account)

    def mend(self) -> None:
        """Let all be usual again."""
        twins = self.twins
        for spec in SPECS:
            twins.do(c.SetMode(symbol=spec.symbol, mode=Mode.OPEN))
        for account in range(1, ACCOUNTS + 1):
            twins.do(c.SetFlags(to_account=account, flags=()))
            for one in self.orders(account):
                if one.waiting:
                    twins.do(c.CancelOrders(account=account, order_ids=(one.order_id,)))

    def place(self, account: int, **more: Any) -> None:
        """A Limit order about the mark, through it now and then; some name what they may not."""
        draw = self.draw
        spec, side = draw.choice(SPECS), draw.choice((BUY, SELL))
        self.number += 1
        fields: dict[str, Any] = {
            "cl_ord_id": draw.choice(("", f"n{self.number}", f"n{max(1, self.number - 3)}")),
            "text": draw.choice(("", "hello")),
            "time_in_force": draw.choice(
                (TimeInForce.GTC,) * 6 + (TimeInForce.IOC, TimeInForce.FOK)
            ),
            "exec_inst": draw.choice((ExecInst.NONE,) * 5 + (ExecInst.POST_ONLY,)),
        }
        fields |= more
        qty = draw.choice((1, 7, 100, 100, 500, 1_000, 5_000)) * draw.choice((1, 1, 10))
        self.twins.do(
            c.PlaceOrder(
                account=account,
                symbol=spec.symbol,
                side=side,
                order_qty=qty,
                price=self.price(spec, side),
                **fields,
            )
        )

    def price(self, spec: InstrumentSpec, side: Side) -> int:
        """A price in ticks near the mark, seldom through it."""
        market = self.twins.long._state.markets[spec.symbol]
        mark = market.maths.mark_to_pico(market.mark) // spec.tick_pico
        return max(1, mark - side * self.draw.randint(-15, 40))

    def cancel(self, account: int) -> None:
        """Cancel an order by either id, some that are not there or another's."""
        orders = self.orders(account)
        if not orders:
            return
        one = self.draw.choice(orders)
        if one.cl_ord_id and self.draw.random() < 0.5:
            ids: dict[str, Any] = {"cl_ord_ids": (one.cl_ord_id,)}
        else:
            ids = {"order_ids": (one.order_id + self.draw.choice((0,) * 9 + (1,)),)}
        self.twins.do(c.CancelOrders(account=account, **ids, text=self.draw.choice(("", "bye"))))

    def amend(self, account: int) -> None:
        """Amend the price of an order, its quantity now and then."""
        orders = self.orders(account)
        if not orders:
            return
        one = self.draw.choice(orders)
        spec = next(spec for spec in SPECS if spec.symbol == one.symbol)
        fields: dict[str, Any] = {"price": self.price(spec, one.side)}
        if self.draw.random() < 0.2:
            fields["leaves_qty"] = one.leaves_qty + self.draw.choice((-100, 0, 100))
        if one.cl_ord_id and self.draw.random() < 0.5:
            fields["orig_cl_ord_id"] = one.cl_ord_id
        else:
            fields["order_id"] = one.order_id
        self.twins.do(c.AmendOrder(account=account, **fields))

    def unusual(self, account: int) -> None:
        """Ask for something after which the short way must know less, or is closed."""
        draw, twins = self.draw, self.twins
        spec = draw.choice(SPECS)
        symbol = draw.choice(tuple(PRICES))
        print_price = PRICES[symbol] * PICO * draw.randint(85, 115) // 100
        cents, mode = draw.choice((0, 1_000)), draw.choice((*Mode, Mode.OPEN, Mode.OPEN))
        flags = draw.choice(((), (), ("suspended",)))
        what = draw.randrange(len(ODD) + 7)
        if what < len(ODD):
            self.place(account, **ODD[what])
            return
        if what == len(ODD):
            twins.now += draw.choice((1, 10, 70)) * SECOND_NS
        command = (
            c.Advance(),
            c.SetLeverage(account=account, symbol=spec.symbol, leverage_cents=cents),
            c.IndexPrints(index=symbol, prices=(print_price,)),
            c.SetMode(symbol=spec.symbol, mode=mode),
            c.Deposit(to_account=account, currency="XBt", amount=XBT // 100),
            c.SetFlags(to_account=account, flags=flags),
            c.CancelAll(account=account, symbol=spec.symbol),
        )[what - len(ODD)]
        twins.do(command)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_E4_the_short_way_tells_what_the_long_way_tells(seed: int) -> None:
    twins = Twins()
    trader = Trader(twins, seed)
    for step in range(STEPS):
        trader.step()
        if step % 50 == 0:
            twins.check()
    twins.check()
    assert twins.short_ways > STEPS // 4  # or nothing would be shown by this
    assert sum(market.total_volume for market in twins.long._state.markets.values()) > 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_E4_what_is_known_to_be_free_stands_through_fills(seed: int) -> None:
    """Usual orders alone, through the mark and far from it, by accounts that have little."""
    twins, draw = Twins(), random.Random(seed)
    trader = Trader(twins, seed)
    state, kept = twins.quick._state, 0

    def order(account: int, spec: InstrumentSpec, away: int, **fields: Any) -> None:
        market, side = state.markets[spec.symbol], draw.choice((BUY, SELL))
        mark = market.maths.mark_to_pico(market.mark) // spec.tick_pico
        price = mark - side * mark * away // 1_000
        asked = c.PlaceOrder(account=account, symbol=spec.symbol, side=side, price=price)
        twins.do(msgspec.structs.replace(asked, **fields))

    for account in range(1, ACCOUNTS + 1):
        for spec in SPECS:  # an account's first order goes the long way
            order(account, spec, 5, order_qty=100)
    for _ in range(1_500):
        twins.now += 1_000
        account, epoch, match = draw.randint(1, ACCOUNTS), state.epoch, state.next_match
        orders = trader.orders(account)
        if orders and draw.random() < 0.3:
            twins.do(c.CancelOrders(account=account, order_ids=(draw.choice(orders).order_id,)))
        else:
            spec, away = draw.choice(SPECS), draw.choice((-100, -20, -1, 0, 1, 20))
            qty = draw.choice((1, 7, 100, 1_000, 10_000, 30_000)) * spec.lot_size
            order(account, spec, away, order_qty=qty, time_in_force=draw.choice(TIMES))
        known = twins.rooms()
        kept += known > 0 and state.epoch == epoch and state.next_match > match
    twins.check()
    assert kept > 100  # or nothing would be shown by this


@pytest.mark.parametrize("named", [False, True])
def test_E4_a_busy_book_goes_the_short_way_to_the_same_events(named: bool) -> None:
    """The mix that the bench measures: nothing in it is unusual but each account's first order."""
    stream = core.make_stream(count=4_000, ticks=20)
    quick, long = core.world(core.ACCOUNTS), core.world(core.ACCOUNTS, shortcuts=False)
    began, epoch = core.START_NS + 6 * SECOND_NS, quick._state.epoch

    for number, row in enumerate(stream):
        command, at_ns = core.command_of(row, named=named), began + number * 1_000
        assert quick.apply(command, at_ns) == long.apply(command, at_ns)

    quick.check()
    assert picture(quick) == picture(long)
    assert quick._state.epoch - epoch < len(stream) // 4
