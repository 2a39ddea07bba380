"""Publications that only repeat are told at once, just as they are told one by one (E9, E14)."""

import random
from typing import Any

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import Event, IndexPublished
from sim_exchange.core.exchange import Exchange
from sim_exchange.core.fixings.still import Still
from sim_exchange.core.specs import IndexSpec
from sim_exchange.core.types import (
    HOUR_NS,
    MINUTE_NS,
    PICO,
    SECOND_NS,
    ExecInst,
    IndexKind,
    MarkMethod,
    Mode,
    OrdType,
    Side,
)
from sim_exchange.snapshots import graph
from tests.core.world import BUY, SELL, START_NS, XBT, XBTUSD, composite, picture

ACCOUNTS = 6
MEMBERS = ("A", "B", "C")
PRICES = {".BXBT": 10_000, ".BETH": 500}
PERPETUAL = msgspec.structs.replace(
    XBTUSD, symbol="XBTPERP", expiry_ns=None, typ="FFWCSX", funding_interval_ns=HOUR_NS
)
SOON = msgspec.structs.replace(XBTUSD, symbol="XBTSOON", expiry_ns=START_NS + 3 * HOUR_NS)
ETHER = msgspec.structs.replace(XBTUSD, symbol="ETHUSD", reference_symbol=".BETH")
SPECS = (XBTUSD, PERPETUAL, SOON, ETHER)
QUICK_BASIS = msgspec.structs.replace(
    XBTUSD, symbol="XBTQUICK", basis_interval_ns=5 * SECOND_NS, reference_symbol=".BETH"
)
PROTECTED = msgspec.structs.replace(
    XBTUSD, symbol="XBTLAST", mark_method=MarkMethod.LAST_PROTECTED, opening_reference=1_000_000
)
JUMPS = (0, 1, 5, 20, 55, 60, 61, 400, 1_000, 2_400)


class Twins:
    """Two exchanges that are asked the same: one takes every publication by itself."""

    def __init__(self, *more: Any, later: bool = False) -> None:
        self.leaping, self.stepping = Exchange(START_NS), Exchange(START_NS, shortcuts=False)
        self.now = START_NS
        self.told: list[Event] = []
        for symbol, price in PRICES.items():
            spec = composite(symbol, MEMBERS, decimals=2)
            self.do(c.ListIndex(spec=msgspec.structs.replace(spec, auto_reintroduce=later)))
            mean = IndexSpec(
                symbol=f"{symbol}30M", decimals=2, kind=IndexKind.TWAP30, source=symbol
            )
            self.do(c.ListIndex(spec=mean))
            self.do(c.IndexPrints(index=symbol, prices=(price * PICO,) * 3))
        self.now += 5 * SECOND_NS
        for spec in (*SPECS, *more):
            self.do(c.ListInstrument(spec=spec))
        for number in range(1, ACCOUNTS + 1):
            self.do(c.OpenAccount(name=f"t{number}"))
            self.do(c.Deposit(to_account=number, currency="XBt", amount=XBT * number))
        self.do(c.DepositFund(currency="XBt", amount=XBT))

    def do(self, command: c.AnyCommand, *, by_steps: bool = False) -> None:
        """Ask both the same; the leaping one goes as a session does where ``by_steps`` is said."""
        told: list[Event] = []
        while by_steps and (due := self.leaping.next_due_ns()) is not None and due < self.now:
            due = max(due, self.leaping.still_until_ns(self.now - 1))
            told += self.leaping.apply(c.Advance(), due)
        told += self.leaping.apply(command, self.now)
        one_by_one: list[Event] = []
        while by_steps and (due := self.stepping.next_due_ns()) is not None and due < self.now:
            one_by_one += self.step(c.Advance(), due)
        one_by_one += self.step(command, self.now)
        assert told == one_by_one, command
        self.told = told

    def step(self, command: c.AnyCommand, at_ns: int) -> tuple[Event, ...]:
        """Let the stepping one do something, every index being found anew."""
        for index in self.stepping._marks.composites.values():
            index.still_ns = 0
        return self.stepping.apply(command, at_ns)

    def check(self) -> None:
        """Both are whole and alike, in all that they will ever say."""
        self.leaping.check()
        self.stepping.check()
        assert picture(self.leaping) == picture(self.stepping)
        for one, other in zip(
            self.leaping.indices.values(), self.stepping.indices.values(), strict=True
        ):
            assert [getattr(one, name) for name in graph.attributes_of(type(one))] == [
                getattr(other, name) for name in graph.attributes_of(type(one))
            ]
        for symbol in PRICES:
            assert self.leaping.index_members(symbol) == self.stepping.index_members(symbol)
            for minutes in (1, 30, 480):
                assert self.leaping._marks.mean(symbol, minutes=minutes) == (
                    self.stepping._marks.mean(symbol, minutes=minutes)
                )
        for symbol, market in self.leaping.markets.items():
            for name in ("mark", "changed_ns", "funding_ppm", "indicative_settle", "minute_mark"):
                assert getattr(market, name) == getattr(self.stepping.markets[symbol], name), name


class Walk:
    """Prints, orders and an operator's deeds, with long waits between."""

    def __init__(self, twins: Twins, seed: int) -> None:
        self.twins = twins
        self.draw = random.Random(seed)

    def step(self) -> None:
        """Wait, then do one thing."""
        draw = self.draw
        self.twins.now += draw.choice(JUMPS) * SECOND_NS + draw.choice((0, 0, 1_000))
        what = draw.choice((self.prints,) * 4 + (self.order,) * 5 + (self.operate, self.wait))
        command = what()
        self.twins.do(command, by_steps=draw.random() < 0.5)

    def wait(self) -> c.AnyCommand:
        """Do nothing."""
        return c.Advance()

    def prints(self) -> c.AnyCommand:
        """The same prints again, or others, some far off, some missing; of one index or all."""
        draw = self.draw
        rows = []
        for symbol, price in PRICES.items():
            off = draw.choice((0, 0, 0, 0, 0, 1, 30, -400))
            prices = [price * PICO * (1_000 + off) // 1_000] * 3
            if draw.random() < 0.2:
                prices[draw.randrange(3)] = draw.choice((0, price * PICO * 2, price * PICO + 1))
            rows.append((symbol, tuple(prices)))
        if draw.random() < 0.5:
            return c.FeedPrints(rows=tuple(rows))
        index, prices_of_one = draw.choice(rows)
        return c.IndexPrints(index=index, prices=prices_of_one)

    def order(self) -> c.AnyCommand:
        """An order near the mark, or one that waits for its price."""
        draw = self.draw
        spec = draw.choice(SPECS)
        market = self.twins.stepping.markets[spec.symbol]
        side = draw.choice((BUY, SELL))
        near = market.maths.mark_to_pico(market.mark) // spec.tick_pico
        price = max(1, near - side * draw.randint(-30, 60))
        fields: dict[str, Any] = {"price": price}
        if draw.random() < 0.15:
            stop = max(1, near + side * draw.choice((5, 300)))
            fields = {
                "ord_type": OrdType.STOP,
                "stop_px": stop,
                "exec_inst": draw.choice((ExecInst.MARK_PRICE, ExecInst.LAST_PRICE)),
            }
        return c.PlaceOrder(
            account=draw.randint(1, ACCOUNTS),
            symbol=spec.symbol,
            side=Side(side),
            order_qty=draw.choice((100, 10_000, 200_000)),
            **fields,
        )

    def operate(self) -> c.AnyCommand:
        """What an operator says."""
        draw = self.draw
        index, member = draw.choice(tuple(PRICES)), draw.choice(MEMBERS)
        mode = draw.choice((Mode.OPEN, Mode.OPEN, Mode.HALT, Mode.POST_ONLY))
        return draw.choice(
            (
                c.SetConstituent(index=index, constituent=member, status="silent"),
                c.SetConstituent(index=index, constituent=member, status="reinstate"),
                c.SetMode(symbol=draw.choice(SPECS).symbol, mode=mode),
                c.CancelAll(account=draw.randint(1, ACCOUNTS)),
                c.SetComposition(
                    index=index,
                    constituents=composite(
                        index, draw.choice((MEMBERS, MEMBERS[::-1]))
                    ).constituents,
                ),
                c.Deposit(to_account=1, currency="XBt", amount=1),
            )
        )


@pytest.fixture
def leaps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many publications each leap was over."""
    lengths: list[int] = []
    publish = Still.publish

    def counted(self: Still, upto_ns: int) -> None:
        lengths.append((upto_ns - (self._marks.grid_ns or 0)) // (5 * SECOND_NS) + 1)
        publish(self, upto_ns)

    monkeypatch.setattr(Still, "publish", counted)
    return lengths


@pytest.mark.parametrize(("seed", "later"), [(1, False), (2, False), (3, True), (4, True)])
def test_E9_leaps_tell_what_steps_tell(seed: int, later: bool, leaps: list[int]) -> None:
    twins = Twins(later=later)
    walk = Walk(twins, seed)
    for step in range(150):
        walk.step()
        if step % 10 == 0:
            twins.check()
    twins.check()
    assert sum(leaps) > 2_000  # or nothing would be shown by this
    assert twins.stepping.markets["XBTSOON"].state is not twins.stepping.markets["XBTUSD"].state


@pytest.mark.parametrize("spec", [QUICK_BASIS, PROTECTED], ids=["basis of 5 s", "last, protected"])
def test_E9_what_moves_by_itself_every_five_seconds_is_never_leapt_over(
    spec: Any, leaps: list[int]
) -> None:
    twins = Twins(spec)
    twins.now += 7 * MINUTE_NS
    twins.do(c.Advance())
    twins.check()
    assert not leaps


def test_E9_a_silent_constituent_goes_stale_at_its_instant_in_a_leap(leaps: list[int]) -> None:
    twins = Twins()
    index = twins.leaping._marks.composites[".BXBT"]
    twins.do(c.IndexPrints(index=".BXBT", prices=(10_000 * PICO, 10_000 * PICO, 10_300 * PICO)))
    at_ns = twins.now
    for minute in range(1, 17):
        twins.now = at_ns + minute * MINUTE_NS
        twins.do(c.IndexPrints(index=".BXBT", prices=(10_000 * PICO, 10_000 * PICO, 0)))
    twins.now = at_ns + HOUR_NS
    twins.do(c.Advance())

    assert index.price == 1_000_000
    assert [member.status for member in twins.leaping.index_members(".BXBT")] == ["stale"] * 3
    assert max(leaps) == 11  # from one minute to the next
    twins.check()


def test_E9_a_leap_goes_up_to_the_minute_and_to_what_was_asked() -> None:
    twins = Twins()
    twins.now = START_NS + 60 * SECOND_NS
    twins.do(c.Advance())

    leaping, at_ns = twins.leaping, twins.now
    assert leaping.still_until_ns(at_ns + HOUR_NS) == at_ns + 55 * SECOND_NS
    assert leaping.still_until_ns(at_ns + 21 * SECOND_NS) == at_ns + 20 * SECOND_NS
    assert leaping.still_until_ns(at_ns + 9 * SECOND_NS) == 0
    twins.do(c.CancelAllAfter(account=1, timeout_ns=31 * SECOND_NS))
    assert leaping.still_until_ns(at_ns + HOUR_NS) == at_ns + 30 * SECOND_NS
    twins.do(c.Deposit(to_account=1, currency="XBt", amount=1))
    twins.do(c.IndexPrints(index=".BXBT", prices=(10_001 * PICO, 0, 0)))
    assert leaping.still_until_ns(at_ns + HOUR_NS) == 0

    twins.now += 30 * SECOND_NS
    twins.do(c.Advance())
    published = [event for event in twins.told if isinstance(event, IndexPublished)]
    assert len(published) == 2 * 6
    twins.check()
