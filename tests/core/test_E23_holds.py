"""E23, L2-8: a spot order that is cut gives back at once what it needs no longer."""

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.orders.order import Order
from sim_exchange.core.types import MINUTE_NS, ExecInst, OrdType, Side
from sim_exchange.errors import InvariantError
from tests.core.world import BUY, SELL, XBT, World, world

S = "ETC_XBT"
ETC = 10**8
P = 2_000_000  # 0.02
ALICE, BOB = 1, 2
OUOA = "OneUpdatesTheOtherAbsolute"


@pytest.fixture
def w() -> World:
    made = world()
    made.account("alice", XBt=10 * XBT, ETC=100 * ETC)
    made.account("bob", XBt=10 * XBT, ETC=100 * ETC)
    return made


def linked(w: World, side: Side, qty: int, price: int) -> Order:
    command = c.PlaceOrder(
        account=ALICE, symbol=S, side=side, ord_type=OrdType.LIMIT, order_qty=qty, price=price,
        cl_ord_link_id="a", contingency_type=OUOA,
    )  # fmt: skip
    return w.x.orders[w.ok(command)]


def free(w: World, account: int, currency: str) -> int:
    return w.x.margin(account, currency).available


def test_E4_OUOA_the_cut_of_a_buy_frees_its_cost_and_fee(w: World) -> None:
    one, two = (linked(w, BUY, 100 * ETC, price) for price in (P, P - 1_000))
    held = two.held_quote
    assert held == 199_900_000 + 499_750  # and 0.25 %
    w.place(BOB, SELL, 60 * ETC, P, S)

    assert (one.leaves_qty, two.leaves_qty) == (40 * ETC, 40 * ETC)
    assert two.held_quote == 79_960_000 + 199_900
    spent = 60 * 2_000_000 + 180_000  # and the maker's 0.15 %
    assert w.wallet(ALICE) == 10 * XBT - spent
    assert free(w, ALICE, "XBt") == 10 * XBT - spent - one.held_quote - two.held_quote


def test_E4_OUOA_the_cut_of_a_sell_frees_coins_of_its_own(w: World) -> None:
    _, two = (linked(w, SELL, 50 * ETC, price) for price in (P, P + 1_000))
    assert free(w, ALICE, "ETC") == 0
    w.place(BOB, BUY, 30 * ETC, P, S)

    assert (two.leaves_qty, two.held_base) == (20 * ETC, 20 * ETC)
    assert free(w, ALICE, "ETC") == 100 * ETC - 30 * ETC - 20 * ETC - 20 * ETC


def test_E4_OUOA_the_cut_of_a_sell_gives_offers_back_before_coins_of_its_own(w: World) -> None:
    lender = w.account("lender", ETC=1_000 * ETC)
    w.ok(c.PostOffer(account=lender, currency="ETC", amount=1_000 * ETC, rate=10**9))
    _, two = (linked(w, SELL, 80 * ETC, price) for price in (P, P + 1_000))
    assert (two.held_base, two.reserved) == (20 * ETC, 60 * ETC)
    held = two.held_quote
    w.place(BOB, BUY, 50 * ETC, P, S)

    assert (two.leaves_qty, two.held_base, two.reserved) == (30 * ETC, 20 * ETC, 10 * ETC)
    assert two.held_quote == -(-held // 6)
    w.place(BOB, BUY, 20 * ETC, P, S)
    assert (two.leaves_qty, two.held_base, two.reserved) == (10 * ETC, 10 * ETC, 0)
    assert two.held_quote == 0


def test_E4_a_reduce_only_order_that_shrinks_frees_coins(w: World) -> None:
    lender = w.account("lender", ETC=1_000 * ETC)
    w.ok(c.PostOffer(account=lender, currency="ETC", amount=1_000 * ETC, rate=10**9))
    order = w.place(ALICE, SELL, 60 * ETC, P + 1_000, S, inst=ExecInst.REDUCE_ONLY)
    w.place(BOB, BUY, 90 * ETC, P, S)
    w.place(ALICE, SELL, 90 * ETC, P, S)  # 40 of its own, 50 borrowed: 10 are its net

    assert (order.leaves_qty, order.held_base) == (10 * ETC, 10 * ETC)
    assert free(w, ALICE, "ETC") == 60 * ETC - 10 * ETC


def test_E32_a_lower_fee_frees_what_resting_buys_held_for_it(w: World) -> None:
    order = w.place(ALICE, BUY, 100 * ETC, P, S)
    for taker_ppm, held in ((2_500, 200_500_000), (2_000, 200_400_000), (3_000, 200_400_000)):
        change = c.FeeChange(symbol=S, maker_fee_ppm=1_000, taker_fee_ppm=taker_ppm)
        w.ok(c.Announce(change=change, effective_ns=w.now + MINUTE_NS))
        w.advance(MINUTE_NS)
        assert order.held_quote == held  # nobody is asked for more


def test_L2_8_a_hold_beyond_what_is_left_is_found(w: World) -> None:
    order = w.place(ALICE, BUY, 100 * ETC, P, S)
    order.held_quote += 1
    w.x._state.accounts[ALICE].held["XBt"] += 1
    with pytest.raises(InvariantError, match="holds 1 more than it needs"):
        w.x.check()
