"""E4: Pegged orders take their price from the market when they enter; execInst Fixed."""

import pytest
from msgspec.structs import replace

from sim_exchange.core import commands as c
from sim_exchange.core.types import ExecInst, OrdStatus, OrdType, Reason, Side
from tests.core.world import BUY, SELL, XBT, World, cents_world

T = "TSTM18"
MAKER, ALICE = 1, 2
FIXED = ExecInst.FIXED


@pytest.fixture
def w() -> World:
    """Mark 100.00; the touch is 98.99 to 101.00."""
    made = cents_world()
    made.account("maker", XBt=1_000 * XBT)
    made.account("alice", XBt=1_000 * XBT)
    made.place(MAKER, BUY, 10, 98_99, T)
    made.place(MAKER, SELL, 10, 101_00, T)
    return made


def pegged(
    side: Side | None, peg: str, offset: int | None = None, inst: ExecInst = FIXED
) -> c.PlaceOrder:
    """A Pegged order of 5."""
    return c.PlaceOrder(
        account=ALICE,
        symbol=T,
        side=side,
        ord_type=OrdType.PEGGED,
        order_qty=5,
        peg_price_type=peg,
        peg_offset=offset,
        exec_inst=inst,
    )


@pytest.mark.parametrize(
    ("side", "peg", "offset", "inst", "price"),
    [
        (BUY, "PrimaryPeg", None, FIXED, 98_99),
        (BUY, "PrimaryPeg", 50, FIXED, 99_49),
        (SELL, "PrimaryPeg", -50, FIXED, 100_50),
        (BUY, "MarketPeg", -1, FIXED, 100_99),
        (SELL, "MarketPeg", 1, FIXED, 99_00),
        (BUY, "MidPricePeg", None, FIXED, 99_99),  # between two ticks: away from the market
        (SELL, "MidPricePeg", None, FIXED, 100_00),
        (BUY, "LastPeg", -20, FIXED, 99_80),  # of the mark, the default
        (BUY, "LastPeg", -20, FIXED | ExecInst.LAST_PRICE, 98_79),
    ],
)
def test_E4_a_peg_is_priced_at_entry_and_stays(
    w: World, side: Side, peg: str, offset: int | None, inst: ExecInst, price: int
) -> None:
    w.place(MAKER, SELL, 1, 98_99, T)
    made = w.x.orders[w.ok(pegged(side, peg, offset, inst))]
    assert (made.price, made.working, made.peg_price_type) == (price, True, peg)

    w.index(".TST", "103")
    w.place(MAKER, BUY, 10, 99_50 if price > 99_50 else 98_00, T)
    assert made.price == price


def test_E4_a_peg_to_the_far_touch_takes(w: World) -> None:
    made = w.x.orders[w.ok(pegged(BUY, "MarketPeg"))]
    assert (made.status, made.avg_px) == (OrdStatus.FILLED, 101 * 10**12)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (pegged(BUY, "PrimaryPeg", inst=ExecInst.NONE), Reason.EXEC_INST_FOR_TYPE),
        (pegged(BUY, ""), Reason.BAD_PEG),
        (pegged(BUY, "TrailingStopPeg", -1), Reason.BAD_PEG),
        (pegged(None, "PrimaryPeg"), Reason.BAD_SIDE),
        (pegged(BUY, "PrimaryPeg", -98_99), Reason.BAD_PRICE),
        (pegged(BUY, "LastPeg", inst=FIXED | ExecInst.LAST_PRICE), Reason.BAD_PRICE),
        (pegged(BUY, "PrimaryPeg", inst=FIXED | ExecInst.LAST_PRICE), Reason.EXEC_INST_FOR_TYPE),
    ],
)
def test_E4_what_is_wrong_with_a_peg_is_refused_without_a_trace(
    w: World, command: c.PlaceOrder, reason: Reason
) -> None:
    assert w.refused(command).reason is reason


def test_E4_nothing_to_peg_to_is_no_price(w: World) -> None:
    w.ok(c.CancelAll(account=MAKER))
    for peg in ("PrimaryPeg", "MarketPeg", "MidPricePeg"):
        assert w.refused(pegged(BUY, peg)).reason is Reason.BAD_PRICE


# --- pegs that follow, where a contract has them


@pytest.fixture
def f() -> World:
    """As ``w``, with floating pegs."""
    made = cents_world(floating_pegs=True)
    made.account("maker", XBt=1_000 * XBT)
    made.account("alice", XBt=1_000 * XBT)
    made.account("poor", XBt=460_000)
    made.place(MAKER, BUY, 10, 98_99, T)
    made.place(MAKER, SELL, 10, 101_00, T)
    return made


def test_E4_a_floating_peg_follows_its_touch_once_a_second_and_loses_its_place(f: World) -> None:
    made = f.x.orders[f.ok(pegged(BUY, "PrimaryPeg", inst=ExecInst.NONE))]
    assert made.price == 98_99
    f.place(MAKER, BUY, 10, 99_50, T)
    assert made.price == 98_99

    f.advance(10**9)
    assert made.price == 99_50
    assert (made.amended, made.amend_text) == (("price",), "Pegged")
    level = f.x.markets[T].book.bids.by_price[99_50]
    assert level.orders()[-1] is made
    f.advance(10**9)
    assert f.events == ()


def test_E4_a_floating_peg_does_not_follow_itself(f: World) -> None:
    made = f.x.orders[f.ok(pegged(BUY, "PrimaryPeg", 10, ExecInst.NONE))]
    other = f.x.orders[f.ok(pegged(BUY, "PrimaryPeg", 20, ExecInst.NONE))]
    for _ in range(3):
        f.advance(10**9)
    assert (made.price, other.price) == (99_09, 99_19)


def test_E4_a_floating_peg_may_take_and_stays_where_it_can_not_be_held(f: World) -> None:
    made = f.x.orders[f.ok(pegged(BUY, "MidPricePeg", 90, ExecInst.NONE))]
    poor = pegged(BUY, "PrimaryPeg", -90_00, ExecInst.NONE)
    stays = f.x.orders[f.ok(replace(poor, account=3, order_qty=500))]
    f.place(MAKER, SELL, 10, 99_50, T)
    f.place(MAKER, BUY, 10, 99_49, T)
    price = stays.price
    f.advance(10**9)
    assert made.status is OrdStatus.FILLED
    assert stays.is_open
    assert stays.price == price


def test_E4_only_the_offset_of_a_floating_peg_is_amended(f: World) -> None:
    made = f.x.orders[f.ok(pegged(BUY, "PrimaryPeg", inst=ExecInst.NONE))]
    fixed = f.x.orders[f.ok(pegged(BUY, "PrimaryPeg"))]
    f.amend(made, peg_offset=5)
    f.advance(10**9)
    assert made.price == 99_04
    command = c.AmendOrder(account=ALICE, order_id=made.order_id, price=99_00)
    assert f.refused(command).reason is Reason.BAD_PRICE
    command = c.AmendOrder(account=ALICE, order_id=fixed.order_id, peg_offset=5)
    assert f.refused(command).reason is Reason.BAD_PEG_OFFSET
    f.cancel(made)
    f.advance(10**9)
    assert f.x.markets[T].pegs == {}
