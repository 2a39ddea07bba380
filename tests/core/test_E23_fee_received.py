"""E23: fees taken in the coin that is received (``fee_side``), for venues that do so."""

import random

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.instrument import instrument_fault
from sim_exchange.core.events import WalletChanged
from sim_exchange.core.types import Cause, ExecInst, ExecType, FeeSide, OrdStatus
from tests.core.world import BUY, ETC7D, ETC_XBT, SELL, XBT, World, order, world

S = "ETC_XBT"
ETC = 10**8
P = 2_000_000  # ticks of 1e-8: 0.02
BUYER, SELLER = 1, 2


@pytest.fixture
def w() -> World:
    """The spot market with 0.25 % of what a taker receives, 0.15 % of a maker's."""
    made = world(spot=False)
    made.enlist(ETC_XBT, fee_side=FeeSide.RECEIVED)
    made.account("buyer", XBt=6 * XBT)
    made.account("seller", XBt=XBT, ETC=1_000 * ETC)
    return made


def test_E23_300_coins_less_a_quarter_percent_are_299_25(w: World) -> None:
    w.place(SELLER, SELL, 300 * ETC, P, S)
    w.place(BUYER, BUY, 300 * ETC, P, S)

    assert w.wallet(BUYER, "ETC") == 29_925_000_000
    assert w.wallet(BUYER) == 0  # 6 XBT and no more: the fee holds nothing of the quote coin
    assert w.wallet(SELLER) - XBT == 600_000_000 - 900_000  # a maker's 0.15 % of 6 XBT
    assert (w.fees("ETC"), w.fees()) == (75_000_000, 900_000)
    (took,) = [e for e in w.executions(BUYER) if e.exec_type is ExecType.TRADE]
    (made,) = [e for e in w.executions(SELLER) if e.exec_type is ExecType.TRADE]
    assert (took.exec_comm, took.comm_currency) == (75_000_000, "ETC")
    assert (made.exec_comm, made.comm_currency) == (900_000, "XBt")


def test_E23_a_seller_receives_the_quote_coin_less_the_fee(w: World) -> None:
    w.place(BUYER, BUY, 300 * ETC, P, S)
    w.place(SELLER, SELL, 300 * ETC, None, S)

    assert w.wallet(SELLER) - XBT == 598_500_000
    assert w.wallet(BUYER, "ETC") == 300 * ETC - 45_000_000
    assert w.fees("ETC") == 45_000_000


@pytest.mark.parametrize(
    ("qty", "fee"),
    [
        (200_000, 500),
        (199_999, 500),  # exact 499.9975
        (200_200, 500),  # exact 500.5: halves go down
        (200_201, 501),
    ],
)
def test_E23_the_fee_is_rounded_by_E0_on_what_is_received(w: World, qty: int, fee: int) -> None:
    w.place(SELLER, SELL, qty, P, S)
    w.place(BUYER, BUY, qty, P, S)
    assert w.wallet(BUYER, "ETC") == qty - fee


def test_E23_a_buy_holds_its_cost_alone(w: World) -> None:
    placed = w.place(BUYER, BUY, 300 * ETC, P, S)
    assert placed.held_quote == 6 * XBT
    assert w.x.margin(BUYER, "XBt").available == 0
    w.amend(placed, leaves_qty=150 * ETC)
    assert placed.held_quote == 3 * XBT


def test_E23_what_is_left_after_the_fee_repays_a_loan(w: World) -> None:
    lender = w.account("lender", ETC=1_000 * ETC)
    offers = ((1_000 * ETC, 10**9),)
    w.ok(c.OfferLoans(account=lender, currency="ETC", offers=offers))
    short = w.account("short", XBt=10 * XBT)
    w.place(BUYER, BUY, 100 * ETC, P, S)
    w.place(short, SELL, 100 * ETC, None, S)
    w.place(SELLER, SELL, 500 * ETC, P, S)

    closed = w.place(short, None, None, None, S, inst=ExecInst.CLOSE)

    assert (closed.status, closed.order_qty) == (OrdStatus.FILLED, 100 * ETC)
    wallet = w.x.wallet(short, "ETC")
    assert (wallet.amount, wallet.borrowed) == (0, 25_000_000)  # 0.25 % went to the fee


def test_E23_each_fee_is_told_in_its_coin(w: World) -> None:
    w.place(SELLER, SELL, ETC, P, S)
    w.place(BUYER, BUY, ETC, P, S)
    told = [e for e in w.events if isinstance(e, WalletChanged) and e.cause is Cause.FEE]
    assert [(e.account, e.currency, e.amount) for e in told] == [
        (SELLER, "XBt", -3_000),
        (BUYER, "ETC", -250_000),
    ]


def test_E23_no_wallet_goes_negative_whatever_is_traded(w: World) -> None:
    rng = random.Random(23)
    w.account("third", XBt=XBT, ETC=10 * ETC)
    w.account("fourth", XBt=12_345, ETC=1)
    for _ in range(400):
        account, side = rng.randint(1, 4), rng.choice((BUY, SELL))
        qty = rng.choice((rng.randint(1, 200_000), rng.randint(1, 40 * ETC)))
        price = rng.choice((None, P + rng.randint(-200_000, 200_000)))
        w.do(order(account, side, qty, price, S))  # every invariant is checked after it
    assert min(w.wallet(a, coin) for a in range(1, 5) for coin in ("XBt", "ETC")) >= 0
    assert w.fees("ETC") > 0


def test_E23_a_contract_s_fees_are_settled() -> None:
    w = world(spot=False)
    refused = w.refused(
        c.ListInstrument(spec=msgspec.structs.replace(ETC7D, fee_side=FeeSide.RECEIVED))
    )
    assert "fee_side" in refused.text
    assert instrument_fault(msgspec.structs.replace(ETC_XBT, fee_side=FeeSide.RECEIVED)) == ""
