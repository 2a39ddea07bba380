"""E24: current margin is net value over borrowed value; under 20 % everything is closed."""

from fractions import Fraction

import pytest

from sim_exchange.core.orders.account import Account
from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk.collateral import MAINTENANCE, current_margin, lock_for
from sim_exchange.core.risk.index_row import IndexRow
from sim_exchange.core.risk.state import State
from sim_exchange.core.specs import IndexSpec
from sim_exchange.core.treasury.ledger import EXTERNAL
from sim_exchange.core.types import PICO, Cause
from tests.core.world import spot

COIN = 10**8
SPOT = spot(
    "ETC",
    max_order_qty=10**15,
    max_price_ticks=10**10,
    reference_symbol=".ETCXBT",
    listing_ns=0,
)


class Desk:
    """A borrower of 15,000 ETC at an index of 0.02: 300 XBT, sold for that."""

    owed = 15_000 * COIN

    def __init__(self, collateral_xbt: int) -> None:
        self.state = state = State(0)
        self.market = state.markets["ETC_XBT"] = Market(0, SPOT)
        self.index = state.indices[".ETCXBT"] = IndexRow(1, IndexSpec(symbol=".ETCXBT"))
        self.index.price = 2_000_000
        lender = state.accounts[1] = Account(1, "lender", (), 0)
        self.borrower = state.accounts[2] = Account(2, "borrower", (), 0)
        wallet = self.borrower.wallet
        state.ledger.move(Cause.DEPOSIT, "ETC", EXTERNAL, lender.wallet, self.owed)
        state.ledger.move(Cause.DEPOSIT, "XBt", EXTERNAL, wallet, (collateral_xbt + 300) * COIN)
        assert state.desk.replace_offers(1, "ETC", ((self.owed, PICO // 1_000),), 0) is None
        assert state.desk.reserve(7, 2, "ETC", self.owed)
        state.desk.borrow(7, 2, "ETC", self.owed, 0)
        state.ledger.move(Cause.SPOT_TRADE, "ETC", wallet, EXTERNAL, self.owed)

    def margin(self) -> Fraction | None:
        return current_margin(self.state, self.borrower, "XBt")


@pytest.mark.parametrize(
    ("collateral_xbt", "margin"), [(150, Fraction(1, 2)), (60, Fraction(1, 5))]
)
def test_E24_collateral_over_300_borrowed(collateral_xbt, margin):
    assert Desk(collateral_xbt).margin() == margin


def test_E24_net_value_of_60_is_the_last_that_covers_300():
    """Liquidated at the next tick below 20 %, not at 20 %."""
    desk = Desk(60)
    assert desk.margin() == MAINTENANCE

    desk.index.price += 1

    margin = desk.margin()
    assert margin is not None
    assert margin < MAINTENANCE


def test_E24_interest_counts_as_borrowed():
    desk = Desk(60)

    desk.state.now_ns = 7 * 86_400 * 10**9  # 105 ETC are owed by now: 2.1 XBT

    assert desk.margin() == Fraction(579, 3_021)


def test_E24_lock_is_140_percent_of_what_is_owed_at_the_index_rounded_up():
    desk = Desk(150)

    assert lock_for(desk.state, desk.market, desk.owed) == 420 * COIN
    assert lock_for(desk.state, desk.market, 1) == 1
    assert lock_for(desk.state, desk.market, 0) == 0


def test_E24_there_is_no_margin_without_loans():
    desk = Desk(150)
    desk.state.ledger.move(Cause.DEPOSIT, "ETC", EXTERNAL, desk.borrower.wallet, desk.owed)

    assert desk.state.desk.repay(2, "ETC", desk.owed, 0) == desk.owed

    assert desk.margin() is None
