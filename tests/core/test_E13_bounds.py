"""E13 by design: a mark tick looks at those whom it could reach, and misses none of them."""

from random import Random

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import Executed, Liquidated
from sim_exchange.core.risk.liquidation import Liquidation
from tests.core.test_E12_accounts import ETHUSD
from tests.core.world import BUY, SELL, XBT, XBTUSD, World, composite, order

FAR = msgspec.structs.replace(XBTUSD, symbol="FAR", maker_fee_ppm=0)


def liquidation(w: World) -> Liquidation:
    """The room under test."""
    return w.x._remargin._liquidation


def crowd(count: int, leverage_cents: int) -> World:
    """XBTUSD and ETHUSD; ``count`` accounts have one position of 1,000 @10,000 each, by turns."""
    w = World()
    w.checked = False
    w.ok(c.ListIndex(spec=composite(".BXBT", decimals=2)))
    w.ok(c.ListIndex(spec=composite(".BETH", decimals=2)))
    w.index(".BXBT", "10000")
    w.index(".BETH", "500")
    w.enlist(XBTUSD, maker_fee_ppm=0, risk_limit=10**15)
    w.enlist(ETHUSD, risk_limit=10**15)
    w.account("other", XBt=10**6 * XBT)
    for number in range(count):
        account = w.account(f"a{number}", XBt=10**7)
        if leverage_cents:
            w.ok(c.SetLeverage(account=account, symbol="XBTUSD", leverage_cents=leverage_cents))
        side = BUY if number % 2 else SELL
        w.place(1, SELL if side is BUY else BUY, 1_000, 20_000, "XBTUSD")
        w.place(account, side, 1_000, 20_000, "XBTUSD")
    w.advance(5 * 10**9)
    w.advance(5 * 10**9)
    return w


def walk(w: World, ticks: int, step_ppm: int = 100, *, ether: bool = False) -> int:
    """Let the marks wander for so many publications; return how many accounts were looked at."""
    draw = Random(7)
    before = liquidation(w).looked_at
    xbt, eth = 1_000_000, 50_000
    for _ in range(ticks):
        xbt += xbt * draw.randint(-step_ppm, step_ppm) // 10**6
        w.print(".BXBT", f"{xbt / 100:.2f}")
        if ether:
            eth += eth * draw.randint(-step_ppm, step_ppm) // 10**6
            w.print(".BETH", f"{eth / 100:.2f}")
        w.advance(5 * 10**9)
    return liquidation(w).looked_at - before


@pytest.mark.parametrize("leverage_cents", [0, 2_000], ids=["cross", "isolated"])
def test_E13_a_hundred_ticks_look_at_nobody_who_is_far(leverage_cents: int) -> None:
    w = crowd(1_000, leverage_cents)
    w.ok(c.CancelAll(account=1))
    w.advance(5 * 10**9)
    assert walk(w, 100) == 0
    assert w.x.check()


def test_E13_an_isolated_position_is_looked_at_once_it_is_some_ticks_away() -> None:
    w = crowd(2, 2_000)
    w.ok(c.CancelAll(account=1))
    w.advance(5 * 10**9)
    start = liquidation(w).looked_at
    view = w.x.position(3, "XBTUSD")  # the long
    assert view is not None
    near = view.liquidation_pico // 10**10  # in 0.01
    w.index(".BXBT", f"{(near + 3_000) / 100:.2f}")
    assert liquidation(w).looked_at == start
    w.index(".BXBT", f"{near / 100:.2f}")
    assert liquidation(w).looked_at > start
    assert w.qty(3, "XBTUSD") == 0


def test_E13_accounts_with_several_cross_positions_are_rarely_looked_at() -> None:
    w = crowd(200, 0)
    w.place(1, SELL, 10**6, 10_000, "ETHUSD")
    for account in range(2, 202):
        w.place(account, BUY, 100, 10_000, "ETHUSD")
        w.place(account, BUY, 100, 19_000, "XBTUSD")
    w.ok(c.CancelAll(account=1))
    w.advance(5 * 10**9)
    w.advance(5 * 10**9)
    assert walk(w, 100, ether=True) == 0


class Storm:
    """Twelve accounts of all sizes trade three contracts of small tiers while marks wander far."""

    def __init__(self, seed: int) -> None:
        self.draw = Random(seed)
        w = self.w = World()
        w.checked = False
        self.marks = {".BXBT": 1_000_000, ".BETH": 50_000}
        for index in self.marks:
            w.ok(c.ListIndex(spec=composite(index, decimals=2)))
        self.most = {"XBTUSD": 5_000, "FAR": 5_000, "ETHUSD": 1_000}
        w.index(".BXBT", "10000")
        w.index(".BETH", "500")
        for spec in (XBTUSD, FAR, ETHUSD):
            w.enlist(spec, risk_limit=XBT // 5, risk_step=XBT // 5)
        w.account("other", XBt=10**6 * XBT)
        for symbol in self.most:
            w.ok(c.SetRiskLimit(account=1, symbol=symbol, risk_limit=19 * XBT))
        self.accounts = [w.account(f"a{n}", XBt=self.draw.randint(10**6, 10**8)) for n in range(12)]

    def step(self) -> None:
        """One account chooses its terms and trades, then the marks move."""
        w, draw = self.w, self.draw
        account, symbol = draw.choice(self.accounts), draw.choice(list(self.most))
        cents = draw.choice((0, 0, 0, 1_000, 5_000))
        w.do(c.SetLeverage(account=account, symbol=symbol, leverage_cents=cents))
        limit = XBT // 5 * draw.randint(1, 6)
        w.do(c.SetRiskLimit(account=account, symbol=symbol, risk_limit=limit))
        side, qty = draw.choice((BUY, SELL)), draw.randint(1, self.most[symbol])
        price = self.price(symbol)
        w.do(order(account, side, qty, price, symbol))
        if draw.random() < 0.7:
            w.do(order(1, SELL if side is BUY else BUY, qty, price, symbol))
        w.do(c.CancelAll(account=1))
        for index, mark in self.marks.items():
            moved = mark + mark * draw.randint(-30_000, 30_000) // 10**6
            self.marks[index] = moved
            w.print(index, f"{moved / 100:.2f}")
        for symbol in self.most:  # so that there is something to close against
            w.do(order(1, BUY, 3_000, self.price(symbol) * 96 // 100, symbol))
            w.do(order(1, SELL, 3_000, self.price(symbol) * 104 // 100, symbol))
        w.advance(5 * 10**9)
        w.x.check()

    def price(self, symbol: str) -> int:
        """The mark in ticks."""
        market = self.w.x.markets[symbol]
        return market.maths.mark_to_pico(market.mark) // market.maths.tick_pico

    def expect_nobody_due(self) -> None:
        """No position is left at or past its liquidation price."""
        for account in self.accounts:
            for view in self.w.x.positions(account):
                mark = self.w.x.markets[view.symbol].maths.mark_to_pico(view.mark)
                if view.current_qty > 0:
                    assert mark > view.liquidation_pico
                elif view.current_qty:
                    assert mark < view.liquidation_pico


def closed_in_part(w: World) -> set[int]:
    """Orders of accounts by which the last command closed a part of a position."""
    fills = [e for e in w.events if isinstance(e, Executed) and e.order_id and e.last_qty]
    return {e.order_id for e in fills if e.account and w.x.orders[e.order_id].text == "Liquidation"}


@pytest.mark.parametrize("seed", range(6))
def test_E13_whoever_must_be_liquidated_is(seed: int) -> None:
    storm = Storm(seed)
    takeovers = closes = 0
    for _ in range(120):
        storm.step()
        storm.expect_nobody_due()
        takeovers += len(storm.w.of(Liquidated))
        closes += len(closed_in_part(storm.w))
    assert takeovers
    assert closes
    assert liquidation(storm.w).looked_at < 12 * 120
