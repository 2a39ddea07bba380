"""E13 to E13d together: seeded walks of thin accounts through leaps of the mark, all audited."""

import random
from collections import Counter

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import Deleveraged, Equalised, Liquidated, Posted, Refused
from sim_exchange.core.types import (
    HOUR_NS,
    Cause,
    ExecInst,
    LossMethod,
    MarkMethod,
    Mode,
    SettlementKind,
    TimeInForce,
)
from tests.core.waterfall_world import ROUND
from tests.core.world import BUY, SELL, START_NS, XBTUSD, World, composite, order

FEES = {"maker_fee_ppm": -250, "taker_fee_ppm": 750, "settlement_fee_ppm": 500}
CONTRACTS = {
    "RND": ROUND,
    "LST": msgspec.structs.replace(
        ROUND, symbol="LST", mark_method=MarkMethod.LAST, opening_reference=10_000, **FEES
    ),
    "INV": msgspec.structs.replace(
        XBTUSD,
        symbol="INV",
        reference_symbol=".RND",
        tick_pico=10**10,
        risk_limit=0,
        settlement_kind=SettlementKind.LAST,
    ),
    "DPE": msgspec.structs.replace(ROUND, symbol="DPE", loss_method=LossMethod.DPE, **FEES),
    "OLD": msgspec.structs.replace(
        ROUND,
        symbol="OLD",
        loss_method=LossMethod.GUARANTEED,
        insurance_fee_ppm=150,
        maint_margin_ppm=0,
    ),
}


class Leaps:
    """Eight accounts in five contracts on one index; ``seen`` counts what happened."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.seen: Counter[str] = Counter()
        w = self.w = World()
        w.checked = False
        w.ok(c.ListIndex(spec=composite(".RND", ("A", "B", "C"), decimals=2)))
        w.index(".RND", "100")
        for symbol in CONTRACTS:
            self.enlist(symbol)
        for number in range(8):
            w.account(f"a{number}", XBt=self.rng.choice((10**5, 10**6, 10**7)))

    def enlist(self, symbol: str) -> None:
        now = max(self.w.now, START_NS)
        spec = CONTRACTS[symbol]
        expiry = now + self.rng.randint(2, 400) * HOUR_NS
        self.w.enlist(spec, listing_ns=now, expiry_ns=expiry)

    def do(self, command: c.AnyCommand) -> None:
        for event in self.w.do(command):
            if isinstance(event, Deleveraged | Equalised | Liquidated | Refused):
                self.seen[type(event).__name__] += 1
            elif isinstance(event, Posted):
                self.seen[event.cause.value] += 1

    def step(self) -> None:
        self.rng.choices(
            (self.place, self.leap, self.leverage, self.fund, self.mode, self.settle, self.wait),
            (100, 20, 12, 3, 4, 2, 3),
        )[0]()
        self.w.x.check()

    def place(self) -> None:
        rng = self.rng
        symbol = rng.choice(tuple(CONTRACTS))
        market = self.w.x.markets[symbol]
        tick = market.spec.tick_pico // 10 ** (12 - market.spec.mark_decimals)
        mid = (market.mark or 10_000) // tick
        side = rng.choice((BUY, SELL))
        price = max(1, mid + side * rng.randint(-mid // 20, mid // 50))
        account = rng.randint(1, 8)
        share = rng.choice((150, 900, 9_000))
        qty = max(1, int(self.w.x.margin(account, "XBt").available // share))
        self.do(
            order(
                account,
                side,
                min(qty, 10**6),
                price if rng.random() < 0.8 else None,
                symbol,
                tif=rng.choice((TimeInForce.GTC,) * 4 + (TimeInForce.IOC,)),
                inst=rng.choice((ExecInst.NONE,) * 6 + (ExecInst.REDUCE_ONLY, ExecInst.CLOSE)),
            )
        )

    def leap(self) -> None:
        rng = self.rng
        change = rng.choice((1, 1, 1, 5, 30)) * rng.gauss(0, 0.01)
        price = int(self.w.x.indices[".RND"].price * 10**10 * max(0.55, min(1.45, 1 + change)))
        price = min(max(price, 10 * 10**12), 2_000 * 10**12)
        self.do(c.IndexPrints(index=".RND", prices=(price,) * 3))
        self.w.now += 5 * 10**9
        self.do(c.Advance())

    def leverage(self) -> None:
        cents = self.rng.choice((0, 500, 2_500, 9_900))
        symbol = self.rng.choice(tuple(CONTRACTS))
        self.do(c.SetLeverage(account=self.rng.randint(1, 8), symbol=symbol, leverage_cents=cents))

    def fund(self) -> None:
        amount = self.rng.randint(1, 20_000)
        self.do(c.DepositFund(currency="XBt", amount=amount))
        self.do(c.Deposit(to_account=self.rng.randint(1, 8), currency="XBt", amount=amount * 50))

    def mode(self) -> None:
        symbol = self.rng.choice(tuple(CONTRACTS))
        self.do(c.SetMode(symbol=symbol, mode=self.rng.choice(tuple(Mode))))
        self.leap()
        self.do(c.SetMode(mode=Mode.OPEN))

    def settle(self) -> None:
        symbol = self.rng.choice(tuple(CONTRACTS))
        self.do(c.ExpireNow(symbol=symbol))
        for name in CONTRACTS:
            if self.w.x.markets[name].settled_price:
                self.enlist(name)

    def wait(self) -> None:
        self.w.now += self.rng.randint(1, 9 * HOUR_NS)
        self.do(c.Advance())
        # Who was silent so long counts again after five good minutes (E9).
        price = self.w.x.indices[".RND"].price * 10**10
        for _ in range(8):
            self.do(c.IndexPrints(index=".RND", prices=(price,) * 3))
            self.w.now += 50 * 10**9
            self.do(c.Advance())


def test_L2_walks_through_leaps_break_nothing_and_reach_all_of_the_waterfall() -> None:
    seen: Counter[str] = Counter()
    for seed in range(1, 8):
        leaps = Leaps(seed)
        for _ in range(160):
            leaps.step()
        seen += leaps.seen
    met = {"Liquidated", "Deleveraged", "Equalised", Cause.INSURANCE.value, Cause.SHORTFALL.value}
    assert met <= set(seen), seen


@pytest.mark.parametrize(("seed", "steps"), [(166, 345), (232, 145)])
def test_L2_8_inverse_sells_below_the_bid_are_covered_in_walks(seed: int, steps: int) -> None:
    leaps = Leaps(seed)
    for _ in range(steps):
        leaps.step()
