"""E16: UPs and DOWNs pay a share of their notional; all that can be lost is locked at the start."""

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.instrument import instrument_fault
from sim_exchange.core.contracts.option import DOWN_PERCENT, UP_PERCENT, barrier, payoff, strike
from sim_exchange.core.events import Liquidated, SettledAt
from sim_exchange.core.specs import OptionTerms
from sim_exchange.core.types import (
    DAY_NS,
    MINUTE_NS,
    PICO,
    SECOND_NS,
    ExecInst,
    Kind,
    MarkMethod,
    Mode,
    Reason,
    SettlementKind,
    State,
)
from tests.core.contracts_world import DOWN, PUT_TERMS, UP, every_minute, with_index
from tests.core.world import BUY, SELL, START_NS, WEEK_NS, World, order

EXPIRY_NS = START_NS + WEEK_NS
NAME, PUT = UP.symbol, DOWN.symbol


def options(price: str = "10000", **changes: object) -> tuple[World, int, int]:
    """UP and DOWN listed on .BXBT, with a customer and an anchor maker of 10 XBT each."""
    w = with_index(".BXBT", price, decimals=2)
    w.enlist(UP)
    w.enlist(DOWN, **changes)
    anchor = w.ok(c.OpenAccount(name="anchor", flags=("anchorMM",)))
    w.ok(c.Deposit(to_account=anchor, currency="XBt", amount=10**9))
    return w, w.account("customer", XBt=10**9), anchor


def bought(qty: int = 10, price: int = 15) -> tuple[World, int, int]:
    """The customer has bought UPs from the anchor."""
    w, customer, anchor = options()
    w.place(anchor, SELL, qty, price, NAME)
    w.place(customer, BUY, qty, price, NAME)
    return w, customer, anchor


def free(w: World, account: int) -> int:
    """What an account may still use, minor units."""
    return w.x.margin(account, "XBt").available


# --- payoffs


@pytest.mark.parametrize(
    ("index", "pays"),
    [(12_000, 833_333), (11_000, 0), (10_999, 0), (20_000, 4_500_000), (13_200, 1_666_666)],
)
def test_E16_an_up_pays_a_tenth_of_what_the_index_gained(index: int, pays: int) -> None:
    assert payoff(UP, index * PICO) == pays


@pytest.mark.parametrize(("index", "pays"), [(6_000, 5_000_000), (9_000, 0), (4_500, 10_000_000)])
def test_E16_a_down_pays_a_tenth_of_what_the_index_lost(index: int, pays: int) -> None:
    assert payoff(DOWN, index * PICO) == pays


def test_E16_a_down_never_pays_more_than_its_notional() -> None:
    assert payoff(DOWN, 1_000 * PICO) == 10_000_000


def test_E16_the_captured_series_pays_its_notional_at_the_barrier() -> None:
    terms = OptionTerms(call=False, strike_pico=7_250 * PICO, barrier_pico=3_625 * PICO)
    assert barrier(terms.strike_pico) == terms.barrier_pico
    assert payoff(msgspec.structs.replace(DOWN, option=terms), 3_625 * PICO) == 10_000_000


def test_E16_strikes_are_multiples_of_250() -> None:
    assert strike(994_552 * 10**10, UP_PERCENT) == 11_000 * PICO
    put = strike(1_781_670 * 10**10, DOWN_PERCENT)
    assert (put, barrier(put)) == (16_000 * PICO, 8_000 * PICO)


# --- what is locked


def test_E16_buyers_lock_the_premium_and_sellers_the_rest_of_the_notional() -> None:
    w, customer, anchor = options()
    w.place(anchor, SELL, 10, 15, NAME)  # 0.00015
    assert free(w, anchor) == 10**9 - 99_850_000
    w.place(customer, BUY, 10, 15, NAME)
    long, short = w.x.position(customer, NAME), w.x.position(anchor, NAME)
    assert long is not None
    assert short is not None
    assert (long.pos_margin, short.pos_margin) == (150_000, 99_850_000)
    assert (long.pos_comm, short.pos_comm) == (0, 0)
    assert not long.cross_margin
    assert not short.cross_margin
    # No cash moves at the open.
    assert w.wallet(customer) == w.wallet(anchor) == 10**9
    assert (free(w, customer), free(w, anchor)) == (10**9 - 150_000, 10**9 - 99_850_000)


def test_E16_settlement_pays_to_the_satoshi_not_to_the_tick() -> None:
    w, customer, anchor = bought()
    w.checked = False
    w.now = EXPIRY_NS - 40 * MINUTE_NS
    every_minute(w, ".BXBT", "12000", EXPIRY_NS)
    assert w.x.markets[NAME].settled_price == 833_333
    assert w.wallet(customer) == 10**9 + 8_183_330
    assert w.wallet(anchor) == 10**9 - 8_183_330
    assert w.fees() == 0
    assert not w.of(Liquidated)
    w.x.check()


def test_E16_nothing_is_lost_beyond_what_is_locked_and_nobody_is_liquidated() -> None:
    w, customer, anchor = bought(price=10)
    third = w.account("third", XBt=10**9)
    w.place(customer, SELL, 1, 9_999, NAME)
    w.place(third, BUY, 1, 9_999, NAME)
    w.advance(5 * SECOND_NS)  # marked just under 0.1
    assert w.x.markets[NAME].mark == 9_999_000
    short = w.x.position(anchor, NAME)
    assert short is not None
    assert short.unrealised_pnl == 100_000 - 99_990_000
    assert free(w, anchor) == 10**9 - 99_900_000  # unrealised PNL never touches available
    w.ok(c.ExpireNow(symbol=NAME))
    assert w.x.markets[NAME].settled_price == 0  # the index is at 10,000, under the strike
    assert w.wallet(anchor) == 10**9 + 100_000
    assert not w.of(Liquidated)


def test_E16_orders_of_both_sides_are_charged_whole() -> None:
    w, customer, anchor = options()
    w.place(anchor, BUY, 10, 100, NAME)
    w.place(anchor, SELL, 10, 200, NAME)
    assert free(w, anchor) == 10**9 - 1_000_000 - 98_000_000
    w.place(customer, BUY, 4, 200, NAME)
    # Its buys close four of the short; six of them and six sells may still open.
    assert free(w, anchor) == 10**9 - 10 * (10_000_000 - 200_000) - 6 * 100_000
    assert w.place(customer, SELL, 4, 100, NAME).cum_qty == 4
    assert w.qty(anchor, NAME) == 0


def test_E16_an_order_that_can_not_be_held_is_refused() -> None:
    w, customer, anchor = options()
    lacking = w.refused(order(anchor, SELL, 102, 15, NAME))
    assert lacking.reason is Reason.INSUFFICIENT_BALANCE
    assert lacking.detail == 102 * (10_000_000 - 15_000)
    w.place(anchor, SELL, 100, 15, NAME)
    poor = w.account("poor", XBt=14_999)
    assert w.refused(order(poor, BUY, 1, 15, NAME)).reason is Reason.INSUFFICIENT_BALANCE
    w.ok(c.Deposit(to_account=poor, currency="XBt", amount=1))
    assert w.place(poor, BUY, 1, 15, NAME).cum_qty == 1
    assert customer


def test_E16_a_seller_buys_back_at_any_price() -> None:
    w, customer, anchor = options()
    small = w.ok(c.OpenAccount(name="small", flags=("anchorMM",)))
    w.ok(c.Deposit(to_account=small, currency="XBt", amount=10_000_000 - 15_000))
    w.place(small, SELL, 1, 15, NAME)
    w.place(customer, BUY, 1, 15, NAME)
    w.place(customer, SELL, 1, 10_000, NAME)
    assert w.place(small, BUY, 1, None, NAME).cum_qty == 1
    assert w.wallet(small) == 0
    assert anchor


def test_E16_an_option_is_always_isolated() -> None:
    w, customer, _ = bought()
    for cents in (0, 200):
        refused = w.refused(c.SetLeverage(account=customer, symbol=NAME, leverage_cents=cents))
        assert refused.reason is Reason.BAD_LEVERAGE
    w.ok(c.SetLeverage(account=customer, symbol=NAME, leverage_cents=100))


# --- who may be short


def test_E16_a_customer_sells_no_more_than_it_has() -> None:
    w, customer, _ = bought()
    sell = w.refused(order(customer, SELL, 11, 20, NAME))
    assert (sell.reason, sell.detail) == (Reason.SHORT_NOT_ALLOWED, 10)
    resting = w.place(customer, SELL, 6, 20, NAME)
    assert w.refused(order(customer, SELL, 5, 21, NAME)).reason is Reason.SHORT_NOT_ALLOWED
    assert w.refused(order(customer, SELL, 5, None, NAME)).reason is Reason.SHORT_NOT_ALLOWED
    more = c.AmendOrder(account=customer, order_id=resting.order_id, order_qty=11)
    assert w.refused(more).reason is Reason.SHORT_NOT_ALLOWED
    w.amend(resting, order_qty=10)
    assert w.refused(order(customer, SELL, 1, 21, NAME)).reason is Reason.SHORT_NOT_ALLOWED
    w.place(customer, None, None, 25, NAME, inst=ExecInst.CLOSE)  # takes the place of the other
    assert not resting.is_open


def test_E16_who_loses_the_flag_may_only_close() -> None:
    w, customer, anchor = bought()
    resting = w.place(anchor, SELL, 5, 30, NAME)
    w.ok(c.SetFlags(to_account=anchor, flags=()))
    assert resting.end_reason is Reason.ANCHOR_LOST
    assert w.qty(anchor, NAME) == -10
    assert w.refused(order(anchor, SELL, 1, 30, NAME)).reason is Reason.SHORT_NOT_ALLOWED
    w.place(customer, SELL, 4, 20, NAME)
    w.place(anchor, BUY, 4, 20, NAME)
    assert w.qty(anchor, NAME) == -6


# --- knock-outs


def test_E16_a_down_is_knocked_out_when_the_mean_touches_its_barrier() -> None:
    w, customer, anchor = options("5000")
    w.place(anchor, SELL, 10, 4_000, PUT)
    w.place(customer, BUY, 10, 4_000, PUT)
    w.checked = False
    every_minute(w, ".BXBT", "5000", w.now + 30 * MINUTE_NS)
    every_minute(w, ".BXBT", "4000", w.now + 14 * MINUTE_NS)
    assert w.x.markets[PUT].state is State.OPEN  # the mean is 4,533.33
    every_minute(w, ".BXBT", "4000", w.now + MINUTE_NS)  # 4,500: at once
    (settled,) = w.of(SettledAt)
    assert (settled.symbol, settled.price) == (PUT, 10_000_000)  # type: ignore[attr-defined]
    assert w.wallet(customer) == 10**9 + 10 * (10_000_000 - 4_000_000)
    w.x.check()


def test_E16_a_barrier_may_be_tested_on_the_index_itself() -> None:
    terms = msgspec.structs.replace(PUT_TERMS, barrier_on_spot=True)
    w, *_ = options("5000", option=terms)
    every_minute(w, ".BXBT", "5000", w.now + 29 * MINUTE_NS)
    every_minute(w, ".BXBT", "4500", w.now + MINUTE_NS)
    assert w.x.markets[PUT].settled_price == 10_000_000


def test_E16_barrier_and_expiry_in_one_minute_the_barrier_is_first() -> None:
    terms = msgspec.structs.replace(PUT_TERMS, barrier_on_spot=True)
    w, *_ = options("6000", option=terms)
    w.checked = False
    w.now = EXPIRY_NS - 40 * MINUTE_NS
    every_minute(w, ".BXBT", "6000", EXPIRY_NS - MINUTE_NS)
    every_minute(w, ".BXBT", "4500", EXPIRY_NS)
    # The mean of the 30 minutes is 5,950; the barrier pays the whole notional.
    assert w.x.markets[PUT].settled_price == 10_000_000
    assert [e.symbol for e in w.of(SettledAt)] == [PUT, NAME]  # type: ignore[attr-defined]


def test_E16_a_barrier_reached_while_halted_pays_on_resume() -> None:
    w, *_ = options("5000")
    w.checked = False
    w.ok(c.SetMode(symbol=PUT, mode=Mode.HALT))
    every_minute(w, ".BXBT", "4500", w.now + 31 * MINUTE_NS)
    every_minute(w, ".BXBT", "8000", w.now + DAY_NS)
    assert w.x.markets[PUT].state is State.OPEN
    w.ok(c.SetMode(symbol=PUT, mode=Mode.OPEN))
    assert w.x.markets[PUT].settled_price == 10_000_000


# --- listing


def test_E16_an_option_takes_prices_up_to_its_notional() -> None:
    w, customer, _ = options()
    market = w.x.markets[NAME]
    assert (market.limit_down, market.limit_up) == (0, 10_000)
    assert w.refused(order(customer, BUY, 1, 10_001, NAME)).reason is Reason.BAD_PRICE


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"option": None}, "settlement_kind option"),
        ({"settlement_kind": SettlementKind.TWAP30}, "settlement_kind twap30"),
        ({"kind": Kind.QUANTO}, "kind quanto"),
        (
            {"mark_method": MarkMethod.FAIR},
            "mark_method FairPrice must be LastPrice",
        ),
        ({"init_margin_ppm": 500_000}, "init_margin_ppm 500000"),
        ({"maint_margin_ppm": 1}, "maint_margin_ppm 1"),
        ({"taker_fee_ppm": 750}, "taker_fee_ppm 750"),
        ({"settlement_fee_ppm": 500}, "settlement_fee_ppm 500"),
        ({"reference_symbol": ""}, "reference_symbol"),
        ({"expiry_ns": None}, "expiry_ns"),
        ({"option": OptionTerms(call=True, strike_pico=0)}, "strike 0"),
        (
            {"option": OptionTerms(call=True, strike_pico=2, barrier_pico=1)},
            "barrier 1 must be absent",
        ),
        (
            {"option": OptionTerms(call=False, strike_pico=2, barrier_pico=2)},
            "barrier 2 must be above 0 and under the strike",
        ),
    ],
)
def test_E16_bad_options_are_refused(changes: dict[str, object], named: str) -> None:
    assert named in instrument_fault(msgspec.structs.replace(UP, **changes))
