"""E12: margin of a position, its liquidation and its bankruptcy, as recorded payloads show them."""

from typing import NamedTuple

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.value import ValueMaths, fee
from sim_exchange.core.orders.account import Position
from sim_exchange.core.risk import position_margin as pm
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.types import PICO, Kind, Reason
from tests.core.test_E1_value import ETHUSD
from tests.core.world import BUY, ETC7D, SELL, XBTUSD, World, composite, inverse_world, order, world

TAKER = 750
ETHUSDT = msgspec.structs.replace(
    XBTUSD,
    symbol="ETHUSDT",
    kind=Kind.LINEAR,
    multiplier=10,
    settl_currency="USDt",
    tick_pico=5 * 10**10,  # 0.05
)


class Row(NamedTuple):
    """One recorded position."""

    spec: InstrumentSpec
    qty: int
    cost: int
    init: tuple[int, int]
    maint_ppm: int
    adverse_ppm: int
    cross: int
    loss: int
    pos_init: int
    pos_comm: int
    pos_maint: int
    pos_margin: int
    liquidation: str
    bankrupt: str


A = Row(XBTUSD, -10, 91_340, (1, 10), 5_000, 0, 0, 0, 9_134, 76, 533, 9_210, "12096", "12163.5")
B = Row(
    XBTUSD,
    -2_000,
    18_668_000,
    (1, 5),
    5_000,
    0,
    71_429,
    0,
    3_733_600,
    16_855,
    110_195,
    3_821_884,
    "13370.5",
    "13455",
)
C = Row(
    XBTUSD,
    -20,
    597_100,
    (1, 10),
    5_000,
    3_750,
    0,
    1_042,
    59_710,
    493,
    5_718,
    59_161,
    "3678.5",
    "3714",
)
D = Row(
    ETHUSDT,
    2_000,
    39_260_000,
    (1, 3),
    10_000,
    100,
    0,
    0,
    13_086_667,
    39_261,
    435_787,
    13_125_928,
    "1328.5",
    "1308.7",
)
LONG_100X = Row(
    XBTUSD,
    1_000,
    10_000_000,
    (1, 100),
    5_000,
    0,
    0,
    0,
    100_000,
    7_575,
    57_575,
    107_575,
    "9950.5",
    "9901",
)
SHORT_100X = LONG_100X._replace(qty=-1_000, liquidation="10050", bankrupt="10101")
LONG_FUNDING = LONG_100X._replace(adverse_ppm=100, pos_maint=58_575, liquidation="9951.5")


def pico(price: str) -> int:
    """A decimal price in 1e-12."""
    whole, _, decimals = price.partition(".")
    return int(whole + decimals) * PICO // 10 ** len(decimals)


@pytest.mark.parametrize(
    "row",
    [A, B, C, D, LONG_100X, SHORT_100X, LONG_FUNDING],
    ids=["A", "B", "C", "D", "long100x", "short100x", "longFunding"],
)
def test_E12_real_positions(row: Row) -> None:
    side = 1 if row.qty > 0 else -1
    init = pm.pos_init(row.cost, *row.init)
    comm = pm.pos_comm(row.cost, init, row.cross, TAKER)
    maint = pm.pos_maint(row.cost, comm, row.maint_ppm, side * row.adverse_ppm, side)
    margin = init + comm + row.cross - row.loss
    assert (init, comm, maint, margin) == (
        row.pos_init,
        row.pos_comm,
        row.pos_maint,
        row.pos_margin,
    )

    ends = pm.isolated(
        ValueMaths(row.spec),
        side=side,
        cost=row.cost,
        lots=abs(row.qty),
        margin=margin,
        maint=maint,
        comm=comm,
        max_price_ticks=row.spec.max_price_ticks,
    )
    assert (ends.liquidation_pico, ends.bankrupt_pico) == (
        pico(row.liquidation),
        pico(row.bankrupt),
    )


def cross(free: int, side: int, *, funding_ppm: int = 0) -> pm.Takeover:
    """The cross golden: 1,000 @10,000 of an inverse contract, MM 0.5 %."""
    return pm.cross(
        ValueMaths(XBTUSD),
        side=side,
        cost=10_000_000,
        lots=1_000,
        free=free,
        maint_ppm=5_000,
        funding_ppm=funding_ppm,
        taker_ppm=TAKER,
        max_price_ticks=XBTUSD.max_price_ticks,
    )


def test_E12_cross_losses_leave_exactly_the_fee() -> None:
    to_liquidation, to_bankruptcy = pm.cross_losses(1_000_000, 10_000_000, 5_000, 0, 1, TAKER)
    assert (to_liquidation, to_bankruptcy) == (941_793, 991_756)
    assert -(-TAKER * (10_000_000 + to_bankruptcy) // 10**6) == 8_244
    assert pm.cross_losses(1_000_000, 10_000_000, 5_000, 100, 1, TAKER)[0] == 940_794
    assert pm.cross_losses(1_000_207, 10_000_000, 5_000, 0, 1, TAKER)[0] == 942_000


@pytest.mark.parametrize(
    ("free", "side", "funding_ppm", "liquidation", "bankrupt"),
    [
        (1_000_000, 1, 0, (10_941, "9140"), (10_991, "9098.5")),
        (1_000_000, 1, 100, (10_940, "9141"), (10_991, "9098.5")),
        (1_000_207, 1, 0, (10_942, "9139.5"), None),
        (1_000_000, -1, 0, (9_059, "11038.5"), (9_009, "11100")),
    ],
)
def test_E12_cross_inverse(
    free: int,
    side: int,
    funding_ppm: int,
    liquidation: tuple[int, str],
    bankrupt: tuple[int, str] | None,
) -> None:
    ends = cross(free, side, funding_ppm=funding_ppm)
    assert (ends.liquidation_value, ends.liquidation_pico) == (
        liquidation[0],
        pico(liquidation[1]),
    )
    if bankrupt is not None:
        assert (ends.bankrupt_value, ends.bankrupt_pico) == (bankrupt[0], pico(bankrupt[1]))


def test_E13_cross_takeover_of_a_wallet_that_is_nearly_gone() -> None:
    ends = cross(5_000, 1)
    value = ends.bankrupt_value * 1_000
    assert ends.bankrupt_value == 9_997
    pnl, comm = 10_000_000 - value, fee(TAKER, value)
    assert (pnl, comm, 5_000 + pnl - comm) == (3_000, 7_498, 502)


def test_E12_cross_fee_free_document_case() -> None:
    spec = msgspec.structs.replace(ETHUSDT, multiplier=10**6, tick_pico=10**10)
    cost = 20 * 1_000 * 10**6
    ends = pm.cross(
        ValueMaths(spec),
        side=1,
        cost=cost,
        lots=20,
        free=10_000 * 10**6,
        maint_ppm=10_000,
        funding_ppm=0,
        taker_ppm=0,
        max_price_ticks=10**9,
    )
    assert pm.pos_init(cost, 1, 50) == 400 * 10**6
    assert pm.pos_maint(cost, 0, 10_000, 0, 1) == 200 * 10**6
    assert (ends.liquidation_pico, ends.bankrupt_pico) == (510 * PICO, 500 * PICO)


def test_E12_quanto_at_full_leverage_goes_with_one_percent() -> None:
    spec = msgspec.structs.replace(ETHUSD, tick_pico=5 * 10**10, mark_decimals=2)
    maths = ValueMaths(spec)
    cost = maths.at_pico(500 * PICO) * 10_000
    init = pm.pos_init(cost, 1, 50)
    comm = pm.pos_comm(cost, init, 0, TAKER)
    assert (cost, init) == (500_000_000, 10_000_000)
    for funding_ppm, price in ((0, "495"), (100, "495.05")):
        ends = pm.isolated(
            maths,
            side=1,
            cost=cost,
            lots=10_000,
            margin=init + comm,
            maint=pm.pos_maint(cost, comm, 10_000, funding_ppm, 1),
            comm=comm,
            max_price_ticks=10**9,
        )
        assert ends.liquidation_pico == pico(price)


def test_E12_quanto_lot_values_round_against_the_account() -> None:
    value = pm.lot_value(inverse=False, side=1, cost=150_005, loss=3_001, lots=3)
    assert (value, 150_005 - 3 * value) == (49_002, 2_999)


def test_E12_a_1x_inverse_short_shows_the_venue_s_never() -> None:
    maths = ValueMaths(XBTUSD)
    assert pm.shown_price(
        maths, side=-1, cost=1_000, loss=1_000, lots=1, max_price_ticks=2_000_000
    ) == (100_000_000 * PICO)


def test_E12_mark_fields_of_a_recorded_position() -> None:
    w = inverse_world("10948.1")
    short, other = w.account("short", XBt=10**6), w.account("other", XBt=10**6)
    w.ok(c.SetLeverage(account=short, symbol="XBTUSD", leverage_cents=1_000))
    w.place(other, BUY, 10, 21_896, "XBTUSD")  # 10948: 9,134 a contract
    w.place(short, SELL, 10, 21_896, "XBTUSD")
    w.print(".BXBT", "10995.09")
    w.advance(5 * 10**9)

    view = w.x.position(short, "XBTUSD")
    assert view is not None
    assert (view.unrealised_cost, view.mark_value, view.unrealised_pnl) == (91_340, 90_950, -390)
    assert view.pos_margin + view.unrealised_pnl == 8_820
    assert (view.liquidation_pico, view.bankrupt_pico) == (pico("12096"), pico("12163.5"))
    assert view.cross_margin is False


def test_E12_cross_long_at_a_loss_has_that_much_less_available() -> None:
    w = inverse_world("10000", maker_fee_ppm=0)
    long, other = w.account("long", XBt=1_000_000), w.account("other", XBt=10**8)
    w.place(long, BUY, 1_000, 20_000, "XBTUSD")
    w.place(other, SELL, 1_000, 20_000, "XBTUSD")
    w.print(".BXBT", "9500")
    w.advance(5 * 10**9)

    view = w.x.position(long, "XBTUSD")
    assert view is not None
    assert (view.mark_value, view.unrealised_pnl) == (-10_526_000, -526_000)
    assert w.x.margin(long, "XBt").available == 366_425
    assert (view.liquidation_pico, view.bankrupt_pico) == (pico("9140"), pico("9098.5"))


def test_E12_two_legs_do_not_offset() -> None:
    w = World()
    for name in (".NEAR", ".FAR"):
        w.ok(c.ListIndex(spec=composite(name, decimals=2)))
        w.index(name, "10000")
    for symbol, index in (("NEAR", ".NEAR"), ("FAR", ".FAR")):
        w.enlist(XBTUSD, symbol=symbol, reference_symbol=index, maker_fee_ppm=0)
    legs, other = w.account("legs", XBt=400_000), w.account("other", XBt=10**8)
    w.place(legs, BUY, 1_000, 20_000, "NEAR")
    w.place(other, SELL, 1_000, 20_000, "NEAR")
    w.place(legs, SELL, 1_000, 20_000, "FAR")
    w.place(other, BUY, 1_000, 20_000, "FAR")
    assert w.x.margin(legs, "XBt").available == 400_000 - 2 * 107_575

    w.print(".NEAR", "9708.74")  # 10,300 a contract
    w.index(".FAR", "9708.74")

    assert (w.qty(legs, "NEAR"), w.qty(legs, "FAR")) == (0, -1_000)
    taken = next(e for e in w.executions(legs) if e.text == "Liquidation")
    assert (taken.exec_cost, taken.exec_comm) == (10_284_000, 7_713)
    assert w.wallet(legs) == 108_287
    winner = w.x.position(legs, "FAR")
    assert winner is not None
    assert winner.unrealised_pnl == 300_000


# --- choosing leverage


def test_E12_leverage_beyond_the_contract_s_is_refused() -> None:
    w = world(spot=False)
    a = w.account("a", XBt=10**9)
    for cents in (-1, 2_001, True):
        command = c.SetLeverage(account=a, symbol="ETC7D", leverage_cents=cents)
        assert w.refused(command).reason is Reason.BAD_LEVERAGE
    unknown = c.SetLeverage(account=a, symbol="X", leverage_cents=100)
    assert w.refused(unknown).reason is Reason.UNKNOWN_SYMBOL
    w.ok(c.SetLeverage(account=a, symbol="ETC7D", leverage_cents=2_000))


def test_E12_lower_leverage_needs_the_margin_for_it() -> None:
    w = world(spot=False)
    a, b = w.account("a", XBt=200_000_000), w.account("b", XBt=10**10)
    w.place(b, SELL, 1_000, 20_000)
    w.place(a, BUY, 1_000, 20_000)
    position = w.x.accounts[a].positions["ETC7D"]
    before = {name: getattr(position, name) for name in Position.__slots__}
    needs = c.SetLeverage(account=a, symbol="ETC7D", leverage_cents=100)
    assert w.refused(needs).reason is Reason.LEVERAGE_NEEDS_MARGIN
    assert {name: getattr(position, name) for name in Position.__slots__} == before

    w.ok(c.SetLeverage(account=a, symbol="ETC7D", leverage_cents=1_500))
    view = w.x.position(a, "ETC7D")
    assert view is not None
    assert view.pos_init == -(-2_000_000_000 // 15)
    w.ok(c.SetLeverage(account=a, symbol="ETC7D", leverage_cents=0))
    assert w.x.position(a, "ETC7D").cross_margin is True  # type: ignore[union-attr]


def test_E12_an_isolated_loss_does_not_touch_what_is_available() -> None:
    w = world(spot=False)
    a, b = w.account("a", XBt=200_000_000), w.account("b", XBt=10**10)
    w.ok(c.SetLeverage(account=a, symbol="ETC7D", leverage_cents=2_000))
    w.place(b, SELL, 1_000, 20_000)
    w.place(a, BUY, 1_000, 20_000)
    before = w.x.margin(a, "XBt").available
    w.print(".ETCXBT", "0.0198")
    w.advance(5 * 10**9)
    assert w.x.margin(a, "XBt").available == before
    assert order(a, BUY, 1, 1).symbol == ETC7D.symbol
