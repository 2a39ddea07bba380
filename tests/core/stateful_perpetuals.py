"""Random commands over an inverse and a quanto perpetual, funded often and at rates that hurt."""

from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sim_exchange.core import commands as c
from sim_exchange.core.events import FundingPaid, Refused
from sim_exchange.core.types import HOUR_NS, MINUTE_NS, SECOND_NS, Kind, MarkMethod, Mode, Side
from tests.core.world import BUY, SELL, XBT, XBTUSD, World, composite, order, picture

ACCOUNTS = st.integers(1, 5)
SYMBOLS = st.sampled_from(("XBTUSD", "ETHUSD"))
SWAP: dict[str, Any] = {
    "expiry_ns": None,
    "funding_interval_ns": 2 * HOUR_NS,
    "typ": "FFWCSX",
    "impact_notional": XBT // 10,
}
QUANTO: dict[str, Any] = {
    "symbol": "ETHUSD",
    "kind": Kind.QUANTO,
    "multiplier": 100,
    "tick_pico": 5 * 10**10,
    "init_margin_ppm": 20_000,
    "maint_margin_ppm": 10_000,
    "reference_symbol": ".BETH",
}


class Perpetuals(RuleBasedStateMachine):
    """Five accounts, from thin to rich; nobody's wallet goes below 0 whatever he must pay."""

    def __init__(self) -> None:
        super().__init__()
        self.w = World()
        self.fundings = 0

    @initialize(rate=st.integers(-9_000, 9_000), given=st.integers(1, XBT))
    def open(self, rate: int, given: int) -> None:
        self.w = World()
        self.w.checked = False
        for symbol, price in ((".BXBT", "10000"), (".BETH", "500")):
            self.w.ok(c.ListIndex(spec=composite(symbol, decimals=2)))
            self.w.index(symbol, price)
        self.w.enlist(XBTUSD, **SWAP, funding_ppm=rate)
        self.w.enlist(XBTUSD, **(QUANTO | SWAP), funding_ppm=-rate)
        for name, amount in (("rich", 100 * XBT), ("also", 20 * XBT), ("thin", XBT // 20)):
            self.w.account(name, XBt=amount)
        self.w.account("bare", XBt=XBT // 100)
        self.w.account("poor", XBt=XBT // 500)
        self.w.ok(c.DepositFund(currency="XBt", amount=given))

    def do(self, command: c.AnyCommand) -> None:
        before = picture(self.w.x)
        events = self.w.do(command)
        if events and all(isinstance(event, Refused) for event in events):
            assert picture(self.w.x) == before
        self.fundings += sum(isinstance(event, FundingPaid) for event in events)

    @rule(
        account=ACCOUNTS,
        symbol=SYMBOLS,
        side=st.sampled_from((BUY, SELL)),
        qty=st.integers(1, 20_000),
        offset=st.integers(-200, 200),
    )
    def place(self, account: int, symbol: str, side: Side, qty: int, offset: int) -> None:
        market = self.w.x._state.markets[symbol]
        mid = market.maths.mark_to_pico(market.mark) // market.maths.tick_pico
        self.do(order(account, side, qty, max(1, mid + offset), symbol))

    @rule(symbol=SYMBOLS, qty=st.integers(1, 20_000), buyer=ACCOUNTS, seller=ACCOUNTS)
    def match(self, symbol: str, qty: int, buyer: int, seller: int) -> None:
        """Let two accounts trade at the mark."""
        market = self.w.x._state.markets[symbol]
        mid = market.maths.mark_to_pico(market.mark) // market.maths.tick_pico
        self.do(order(seller, SELL, qty, max(1, mid), symbol))
        self.do(order(buyer, BUY, qty, max(1, mid), symbol))

    @rule(account=ACCOUNTS, symbol=SYMBOLS, cents=st.sampled_from((0, 100, 1_000, 5_000, 10_000)))
    def leverage(self, account: int, symbol: str, cents: int) -> None:
        self.do(c.SetLeverage(account=account, symbol=symbol, leverage_cents=cents))

    @rule(symbol=st.sampled_from((".BXBT", ".BETH")), percent=st.integers(-45, 45))
    def move(self, symbol: str, percent: int) -> None:
        price = self.w.x.indices[symbol].price * 10**10 * (100 + percent) // 100
        self.do(c.IndexPrints(index=symbol, prices=(max(price, 10**12),)))
        self.w.now += 5 * SECOND_NS
        self.do(c.Advance())

    @rule(minutes=st.integers(1, 200))
    def wait(self, minutes: int) -> None:
        """Let time pass with good data, to the next funding or beyond."""
        until = self.w.now + minutes * MINUTE_NS
        while self.w.now < until:
            self.w.now = min(until, self.w.now + 10 * MINUTE_NS)
            for symbol in (".BXBT", ".BETH"):
                price = self.w.x.indices[symbol].price * 10**10
                self.do(c.IndexPrints(index=symbol, prices=(price,)))
        self.do(c.Advance())

    @rule(hours=st.integers(1, 5))
    def sleep(self, hours: int) -> None:
        """Let time pass without data: indices grow stale, fundings go on."""
        self.w.now += hours * HOUR_NS
        self.do(c.Advance())

    @rule(symbol=SYMBOLS)
    def fund_now(self, symbol: str) -> None:
        self.do(c.FundNow(symbol=symbol))

    @rule(symbol=SYMBOLS, mode=st.sampled_from((Mode.OPEN, Mode.OPEN, *Mode)))
    def mode(self, symbol: str, mode: Mode) -> None:
        self.do(c.SetMode(symbol=symbol, mode=mode))

    @rule(symbol=SYMBOLS, method=st.sampled_from((MarkMethod.FAIR, *MarkMethod)))
    def method(self, symbol: str, method: MarkMethod) -> None:
        self.do(c.SetMarkMethod(symbol=symbol, method=method))

    @rule(symbol=SYMBOLS)
    def settle_and_list_anew(self, symbol: str) -> None:
        self.do(c.SetMode(mode=Mode.OPEN))
        self.do(c.ExpireNow(symbol=symbol))
        spec = self.w.x.markets[symbol].spec
        self.w.ok(c.ListInstrument(spec=msgspec.structs.replace(spec, listing_ns=self.w.now)))

    @invariant()
    def everything_holds(self) -> None:
        self.w.x.check()

    @invariant()
    def rates_are_under_their_caps_once_they_were_rolled(self) -> None:
        for market in self.w.x._state.markets.values():
            spec = market.spec
            most = 3 * (spec.init_margin_ppm - spec.maint_margin_ppm) // 4
            assert abs(market.indicative_funding_ppm) <= most
            assert market.next_funding_ns > self.w.now or market.funding_owed


Perpetuals.TestCase.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, derandomize=True
)
