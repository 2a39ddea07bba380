"""Random commands over contracts of special kinds: bands, options, mining, a split, any ending."""

import random
from collections import Counter
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sim_exchange.core import commands as c
from sim_exchange.core.events import Posted, Refused, Traded
from sim_exchange.core.risk.options import ANCHOR
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.types import (
    DAY_NS,
    MINUTE_NS,
    ExecInst,
    MarkMethod,
    Mode,
    SettlementKind,
    Side,
    State,
    TimeInForce,
)
from tests.core.contracts_world import DIVIDEND, DOWN, MINING, PUT_TERMS, QTUM, UP, ZEC, with_index
from tests.core.world import BUY, SELL, XBT, XBTUSD, World, composite, order

SPECS = {
    spec.symbol: spec
    for spec in (
        QTUM,
        msgspec.structs.replace(ZEC, settlement_kind=SettlementKind.VWAP),
        UP,
        msgspec.structs.replace(
            DOWN, option=msgspec.structs.replace(PUT_TERMS, barrier_on_spot=True)
        ),
        MINING,
        XBTUSD,
    )
}
OPTIONS = (UP.symbol, DOWN.symbol)
ACCOUNTS = st.integers(1, 4)
SYMBOLS = st.sampled_from(tuple(SPECS))
SIDES = st.sampled_from((BUY, SELL))
KINDS = st.sampled_from(
    (
        SettlementKind.TWAP30,
        SettlementKind.LAST,
        SettlementKind.VWAP,
        SettlementKind.FIXED,
        SettlementKind.ZERO,
    )
)


class ManyContracts(RuleBasedStateMachine):
    """Four accounts, the first one an anchor maker; each command is followed by a whole check."""

    def __init__(self) -> None:
        super().__init__()
        self.w = World()
        self.seen: Counter[str] = Counter()  # kinds of events, reasons, causes

    @initialize()
    def open(self) -> None:
        w = self.w = with_index(".BXBT", "10000", decimals=2)
        w.checked = False
        for symbol in (".BCH", ".QTUMXBT", ".ZECXBT"):
            w.ok(c.ListIndex(spec=composite(symbol, decimals=2 if symbol == ".BCH" else 8)))
        w.index(".BCH", "250")
        for spec in SPECS.values():
            self.enlist(spec)
        anchor = w.ok(c.OpenAccount(name="anchor", flags=(ANCHOR,)))
        w.ok(c.Deposit(to_account=anchor, currency="XBt", amount=200 * XBT))
        for name, coins in (("rich", 200), ("some", 20), ("thin", 1)):
            w.account(name, XBt=coins * XBT)

    def enlist(self, spec: InstrumentSpec, **changes: object) -> None:
        listing = self.w.now
        life = (spec.expiry_ns or 0) - spec.listing_ns
        until = {}
        if spec.band is not None and spec.band.until_ns is not None:
            band = msgspec.structs.replace(spec.band, until_ns=listing + DAY_NS)
            until = {"band": band}
        self.w.enlist(spec, listing_ns=listing, expiry_ns=listing + life, **{**until, **changes})

    def do(self, command: c.AnyCommand) -> None:
        for event in self.w.tried(command):
            name = type(event).__name__
            self.seen[name] += 1
            if isinstance(event, Refused):
                self.seen[event.reason.value] += 1
            elif isinstance(event, Traded):
                self.seen[f"{name} {event.symbol}"] += 1
            elif isinstance(event, Posted):
                self.seen[event.cause.value] += 1

    @rule(
        account=ACCOUNTS,
        side=SIDES,
        symbol=SYMBOLS,
        qty=st.integers(1, 40),
        percent=st.integers(-40, 40),
        inst=st.sampled_from((ExecInst.NONE, ExecInst.NONE, ExecInst.REDUCE_ONLY, ExecInst.CLOSE)),
        tif=st.sampled_from((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC)),
    )
    def place(
        self,
        account: int,
        side: Side,
        symbol: str,
        qty: int,
        percent: int,
        inst: ExecInst,
        tif: TimeInForce,
    ) -> None:
        market = self.w.x.markets[symbol]
        mark = market.maths.mark_to_pico(market.mark) // market.maths.tick_pico
        price = max(1, mark * (100 + percent) // 100)
        size = qty * 1_000 if symbol == "XBTUSD" else qty
        self.do(order(account, side, size, price, symbol, inst=inst, tif=tif))

    @rule(
        buyer=ACCOUNTS,
        symbol=SYMBOLS,
        qty=st.integers(1, 40),
        percent=st.integers(-24, 24),
        anchor_sells=st.booleans(),
    )
    def trade(self, buyer: int, symbol: str, qty: int, percent: int, anchor_sells: bool) -> None:
        seller = 1 if anchor_sells and buyer != 1 else buyer % 4 + 1
        market = self.w.x.markets[symbol]
        mark = market.maths.mark_to_pico(market.mark) // market.maths.tick_pico
        price = market.in_band(max(1, mark * (100 + percent) // 100))
        size = qty * 1_000 if symbol == "XBTUSD" else qty
        self.do(order(seller, SELL, size, price, symbol))
        self.do(order(buyer, BUY, size, price, symbol))

    @rule(account=ACCOUNTS, side=SIDES, symbol=SYMBOLS, qty=st.integers(1, 60))
    def market_order(self, account: int, side: Side, symbol: str, qty: int) -> None:
        self.do(order(account, side, qty, None, symbol))

    @rule(account=ACCOUNTS, pick=st.integers(0, 50), percent=st.integers(50, 200))
    def amend(self, account: int, pick: int, percent: int) -> None:
        mine = self.w.x.open_orders(account)
        if mine:
            one = mine[pick % len(mine)]
            leaves = max(1, one.leaves_qty * percent // 100)
            price = max(1, one.price * (250 - percent) // 100)
            self.do(
                c.AmendOrder(account=account, order_id=one.order_id, leaves_qty=leaves, price=price)
            )

    @rule(account=ACCOUNTS)
    def cancel_all(self, account: int) -> None:
        self.do(c.CancelAll(account=account))

    @rule(
        symbol=st.sampled_from((".BXBT", ".BCH", ".QTUMXBT", ".ZECXBT")),
        price=st.integers(-60, 60),
        minutes=st.integers(1, 40),
    )
    def move(self, symbol: str, price: int, minutes: int) -> None:
        base = {".BXBT": 10_000, ".BCH": 250, ".QTUMXBT": 0.003, ".ZECXBT": 0.7}[symbol]
        pico = int(base * 10**12) * (100 + price) // 100
        self.w.now += minutes * MINUTE_NS
        self.do(c.IndexPrints(index=symbol, prices=(pico,)))
        self.w.now += 5 * 10**9
        self.do(c.Advance())

    @rule(minutes=st.sampled_from((1, 5, 31, 125, 125, 1_441)))
    def wait(self, minutes: int) -> None:
        self.w.now += minutes * MINUTE_NS
        self.do(c.Advance())

    @rule(flagged=st.booleans())
    def anchor(self, flagged: bool) -> None:
        self.do(c.SetFlags(to_account=1, flags=(ANCHOR,) if flagged else ()))

    @rule(difficulty=st.integers(-1, 10**11))
    def difficulty(self, difficulty: int) -> None:
        self.do(c.SetDifficulty(symbol="TH1BTC", difficulty=difficulty))

    @rule(symbol=st.sampled_from(("QTUMU17", "ZECZ16", "XBTUSD")), back=st.booleans())
    def real_index(self, symbol: str, back: bool) -> None:
        name = {"QTUMU17": ".QTUMXBT", "ZECZ16": ".ZECXBT"}.get(symbol, ".BXBT")
        method = MarkMethod.LAST if back else MarkMethod.FAIR
        self.do(c.SetReference(symbol=symbol, reference_symbol=name, mark_method=method))

    @rule()
    def split(self) -> None:
        self.do(c.SplitChain(index=".BXBT", other=".BCH"))

    @rule(coin=st.sampled_from(("BCH", "BTG", "BSV")))
    def snapshot(self, coin: str) -> None:
        self.do(c.TakeSnapshot(currency="XBt", coin=coin))

    @rule(
        mode=st.sampled_from((Mode.HALT, Mode.CANCEL_ONLY)),
        symbol=SYMBOLS,
        minutes=st.integers(1, 200),
    )
    def suspend(self, mode: Mode, symbol: str, minutes: int) -> None:
        self.do(c.SetMode(symbol=symbol, mode=mode))
        self.wait(minutes)
        self.do(c.SetMode(symbol=symbol, mode=Mode.OPEN))

    @rule(symbol=SYMBOLS, kind=KINDS)
    def end_and_list_anew(self, symbol: str, kind: SettlementKind) -> None:
        market = self.w.x.markets[symbol]
        self.do(c.SetMode(symbol=symbol, mode=Mode.OPEN))
        if market.state is not State.SETTLED:
            self.do(c.ExpireNow(symbol=symbol))
        if market.state is not State.SETTLED:
            return
        spec = SPECS[symbol]
        changes: dict[str, object] = {}
        if symbol in {"QTUMU17", "ZECZ16"}:
            changes = {"settlement_kind": kind}
        elif symbol == "TH1BTC":
            changes = {"dividend": DIVIDEND}
        self.enlist(spec, **changes)

    @invariant()
    def everything_holds(self) -> None:
        self.w.x.check()

    @invariant()
    def options_are_locked_in_full(self) -> None:
        for account in self.w.x.accounts.values():
            for symbol in OPTIONS:
                position = account.positions.get(symbol)
                if position is not None and position.qty:
                    lots = max(0, -position.qty)
                    notional = position.market.notional
                    assert position.margin == position.cost + notional * lots
                    assert not position.is_cross


ManyContracts.TestCase.settings = settings(
    max_examples=12, stateful_step_count=40, deadline=None, derandomize=True
)


class ContractsWalk:
    """A long seeded walk by the same rules, in which most steps trade; a whole check after each."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.rules = ManyContracts()
        self.rules.open()
        self.seen = self.rules.seen
        names = (("trade", 30), ("place", 10), ("amend", 4), ("move", 10), ("wait", 4))
        rare = ("cancel_all", "anchor", "difficulty", "real_index", "split", "snapshot", "suspend")
        self.names = [name for name, weight in names for _ in range(weight)] + list(rare)
        self.names += ["end_and_list_anew"] * 2

    def step(self) -> None:
        """Do one thing, and look at everything after it."""
        getattr(self, f"_{self.draw.choice(self.names)}")()
        self.rules.everything_holds()
        self.rules.options_are_locked_in_full()

    def _one(self, *choices: Any) -> Any:
        return self.draw.choice(choices)

    def _between(self, low: int, high: int) -> int:
        return self.draw.randint(low, high)

    def _symbol(self) -> str:
        return self.draw.choice(tuple(SPECS))

    def _trade(self) -> None:
        self.rules.trade(
            self._between(1, 4),
            self._symbol(),
            self._between(1, 40),
            self._between(-24, 24),
            self._one(True, False),
        )

    def _place(self) -> None:
        self.rules.place(
            self._between(1, 4),
            self._one(BUY, SELL),
            self._symbol(),
            self._between(1, 40),
            self._between(-40, 40),
            self._one(ExecInst.NONE, ExecInst.REDUCE_ONLY, ExecInst.CLOSE),
            self._one(TimeInForce.GTC, TimeInForce.IOC),
        )

    def _amend(self) -> None:
        self.rules.amend(self._between(1, 4), self._between(0, 50), self._between(50, 200))

    def _move(self) -> None:
        index = self._one(".BXBT", ".BCH", ".QTUMXBT", ".ZECXBT")
        self.rules.move(index, self._between(-60, 60), self._between(1, 40))

    def _wait(self) -> None:
        self.rules.wait(self._one(1, 31, 125, 1_441))

    def _cancel_all(self) -> None:
        self.rules.cancel_all(self._between(1, 4))

    def _anchor(self) -> None:
        self.rules.anchor(self._one(True, True, True, False))

    def _difficulty(self) -> None:
        self.rules.difficulty(self._between(-1, 10**11))

    def _real_index(self) -> None:
        self.rules.real_index(self._one("QTUMU17", "ZECZ16", "XBTUSD"), self._one(True, False))

    def _split(self) -> None:
        self.rules.split()

    def _snapshot(self) -> None:
        self.rules.snapshot(self._one("BCH", "BTG", "BSV"))

    def _suspend(self) -> None:
        mode = self._one(Mode.HALT, Mode.CANCEL_ONLY)
        self.rules.suspend(mode, self._symbol(), self._between(1, 200))

    def _end_and_list_anew(self) -> None:
        kinds = (
            SettlementKind.TWAP30,
            SettlementKind.LAST,
            SettlementKind.VWAP,
            SettlementKind.FIXED,
            SettlementKind.ZERO,
        )
        self.rules.end_and_list_anew(self._symbol(), self._one(*kinds))
