"""E30: the anchor market maker: its control rule, and a session of it."""

import pytest

from sim_exchange.clock import ManualClock
from sim_exchange.core import commands as c
from sim_exchange.core.events import Executed
from sim_exchange.core.exchange import Exchange
from sim_exchange.core.types import DAY_NS, SECOND_NS, Side
from sim_exchange.journal import Header, MemoryJournal
from sim_exchange.market.agents.anchor import AnchorFigures, adjusted
from sim_exchange.market.population import Population
from sim_exchange.session import Session
from tests.core.world import ETC7D, START_NS, XBT, composite


@pytest.mark.parametrize(
    ("pnl", "after"),
    [
        (120, (9_000, 11)),  # spread 1.00 % -> 0.90 %, size 10 -> 11
        (-120, (11_111, 9)),  # 1.1111 %, floor of 9.09
        (100, (10_000, 10)),
        (-100, (10_000, 10)),
        (0, (10_000, 10)),
    ],
)
def test_E30_profit_above_the_band_tightens_and_a_loss_below_it_widens(
    pnl: int, after: tuple[int, int]
) -> None:
    assert adjusted(10_000, 10, pnl, 100) == after


def test_E30_size_grows_by_at_least_1_and_never_falls_under_1() -> None:
    assert adjusted(10_000, 1, 101, 100) == (9_000, 2)
    assert adjusted(10_000, 1, -101, 100) == (11_111, 1)
    assert adjusted(10_000, 100, 101, 100)[1] == 110
    assert adjusted(1, 5, 101, 100)[0] == 1
    assert adjusted(999_999, 5, -101, 100)[0] == 1_000_000


class House:
    """ETC7D with an anchor and one other trader."""

    def __init__(self, **figures: int) -> None:
        self.clock = ManualClock(START_NS)
        self.x = Exchange(START_NS)
        journal = MemoryJournal(Header(start_ns=START_NS, seed=7, era="2018"))
        self.session = Session(self.x, journal, self.clock)
        self.fills: list[Executed] = []
        self.session.subscribe(self._hear)
        submit = self.session.submit
        submit(c.ListIndex(spec=composite(".ETCXBT")))
        submit(c.IndexPrints(index=".ETCXBT", prices=(20_000_000_000,)))
        submit(c.ListInstrument(spec=ETC7D))
        submit(c.OpenAccount(name="other"))
        submit(c.Deposit(to_account=1, currency="XBt", amount=100 * XBT))
        self.to(5)
        population = Population(self.session, self.x, 7)
        self.anchor = population.anchor("ETC7D", AnchorFigures(**figures))

    def _hear(self, _seq: int, _at: int, _command: c.Command, events: tuple[object, ...]) -> None:
        self.fills += [e for e in events if isinstance(e, Executed) and e.last_qty]

    def to(self, seconds: int) -> None:
        at_ns = START_NS + seconds * SECOND_NS
        self.session.run_due(at_ns)
        self.clock.move_to(at_ns)

    def quotes(self) -> list[tuple[int, int, int]]:
        return [
            (order.side.value, order.price, order.leaves_qty)
            for order in self.x.open_orders(self.anchor.account)
        ]

    def take(self, side: Side, qty: int) -> None:
        price = 30_000 if side is Side.BUY else 10_000
        self.session.submit(
            c.PlaceOrder(account=1, symbol="ETC7D", side=side, order_qty=qty, price=price)
        )
        self.session.submit(c.CancelAll(account=1))


def test_E30_quotes_both_sides_of_the_mark_with_its_spread_and_size() -> None:
    house = House(spread_ppm=10_000, size=10)
    assert house.quotes() == [(1, 19_900, 10), (-1, 20_100, 10)]
    assert house.x.accounts[house.anchor.account].flags == ("background", "anchorMM")
    house.to(600)
    assert house.quotes() == [(1, 19_900, 10), (-1, 20_100, 10)]


def test_E30_a_session_with_a_profit_tightens_the_next_and_it_never_trades_with_itself() -> None:
    house = House(spread_ppm=10_000, size=10, band=100)
    house.take(Side.BUY, 5)
    house.take(Side.SELL, 5)
    house.to(DAY_NS // SECOND_NS // 2 + 60)  # past midnight

    assert (house.anchor.spread_ppm, house.anchor.size) == (9_000, 11)
    assert house.quotes() == [(1, 19_910, 11), (-1, 20_090, 11)]
    assert {fill.account for fill in house.fills} == {1, house.anchor.account}
    own = [fill for fill in house.fills if fill.account == house.anchor.account]
    assert len(own) == len(house.fills) // 2
    house.x.check()


def test_E30_a_session_with_a_loss_widens_the_next() -> None:
    house = House(spread_ppm=10_000, size=10, band=100)
    house.take(Side.BUY, 10)  # the anchor is short
    house.session.submit(c.IndexPrints(index=".ETCXBT", prices=(22_000_000_000,)))
    house.to(DAY_NS // SECOND_NS // 2 + 60)

    assert (house.anchor.spread_ppm, house.anchor.size) == (11_111, 9)
    house.x.check()
