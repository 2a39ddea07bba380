"""L1: every movement of money is a balanced set of integer postings."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_exchange.core.events import Posted
from sim_exchange.core.treasury import ledger as accounts
from sim_exchange.core.treasury.ledger import (
    EXTERNAL,
    FEES,
    FUND,
    ROUNDING,
    Ledger,
    clearing,
    user_wallet,
)
from sim_exchange.core.types import Cause
from sim_exchange.errors import InvariantError

A, B = user_wallet(1), user_wallet(2)


def test_L1_accounts_have_the_names_of_the_rules():
    assert user_wallet(7) == "user:7:wallet"
    assert user_wallet(7) is user_wallet(7)
    assert clearing("ETC7D") == "clearing:ETC7D"
    assert accounts.settlement("ETC7D") == "settlement:ETC7D"
    assert accounts.loan(3) == "loan:3"
    assert (FEES, ROUNDING, FUND, EXTERNAL) == (
        "exchange:fees",
        "exchange:rounding",
        "fund:insurance",
        "external",
    )
    assert (accounts.PROMO, accounts.REFUND, accounts.ENGINE, accounts.PENDING) == (
        "exchange:promo",
        "exchange:refund",
        "engine:liquidation",
        "withdrawal:pending",
    )


def test_L1_posting_changes_balances_and_is_told():
    ledger = Ledger()

    ledger.post(Cause.TRADE, "XBt", ((A, -30), (B, 20), (FEES, 10)), "ETC7D")

    assert ledger.user_balance(1, "XBt") == ledger.balance("XBt", A) == -30
    assert ledger.accounts("XBt") == {FEES: 10, A: -30, B: 20}
    assert ledger.out == [
        Posted(
            cause=Cause.TRADE,
            currency="XBt",
            entries=((A, -30), (B, 20), (FEES, 10)),
            symbol="ETC7D",
        )
    ]


def test_L1_posting_that_does_not_sum_to_0_is_an_error_that_names_it_and_changes_nothing():
    ledger = Ledger()

    with pytest.raises(InvariantError, match=r"Fee posting in XBt is off by 1: .*user:1:wallet"):
        ledger.post(Cause.FEE, "XBt", ((A, -29), (FEES, 30)))

    assert ledger.accounts("XBt") == {}
    assert ledger.out == []


def test_L1_zero_entries_are_dropped_and_nothing_but_them_is_no_posting():
    ledger = Ledger()

    ledger.post(Cause.FEE, "XBt", ((A, -5), (B, 0), (FEES, 5)))
    ledger.post(Cause.FEE, "XBt", ((A, 0), (FEES, 0)))
    ledger.post(Cause.FEE, "XBt", ())
    ledger.move(Cause.FEE, "XBt", A, FEES, 0)
    ledger.move(Cause.TRANSFER, "XBt", A, A, 5)

    assert [event.entries for event in ledger.out if isinstance(event, Posted)] == [
        ((A, -5), (FEES, 5))
    ]


def test_L1_move_is_a_posting_of_two_legs_and_a_negative_one_goes_back():
    moved, posted = Ledger(), Ledger()

    moved.move(Cause.TRADE, "XBt", clearing("ETC7D"), A, -70, "ETC7D")
    posted.post(Cause.TRADE, "XBt", ((clearing("ETC7D"), 70), (A, -70)), "ETC7D")

    assert moved.out == posted.out
    assert moved.balances == posted.balances
    assert moved.balance("XBt", A) == -70


@pytest.mark.parametrize("second", [A, B])
@pytest.mark.parametrize(("paid", "also"), [(-30, 90), (0, 90), (-30, 0), (40, 40), (-7, 7)])
def test_L1_a_charge_is_the_posting_of_both_fees_to_the_exchange(paid, also, second):
    """It also says what was left after each; of one account, first after the first."""
    charged, posted = Ledger(), Ledger()

    after = charged.charge("XBt", A, paid, second, also, "ETC7D")
    entries = ((A, -paid), (second, -also), (FEES, paid + also))
    posted.post(Cause.FEE, "XBt", entries, "ETC7D")

    assert charged.out == posted.out
    assert charged.balances == posted.balances
    assert after == (-paid, posted.balance("XBt", second))


def test_L1_currencies_do_not_mix():
    ledger = Ledger()

    ledger.move(Cause.DEPOSIT, "XBt", EXTERNAL, A, 100)
    ledger.move(Cause.DEPOSIT, "ETC", EXTERNAL, A, 7)

    assert (ledger.user_balance(1, "XBt"), ledger.user_balance(1, "ETC")) == (100, 7)
    assert ledger.currencies() == ["ETC", "XBt"]
    assert (ledger.net_external("XBt"), ledger.net_external("ETC")) == (100, 7)


def test_L2_1_a_balance_written_past_the_ledger_is_found():
    ledger = Ledger()
    ledger.move(Cause.DEPOSIT, "XBt", EXTERNAL, A, 100)
    assert ledger.check() == ["ledger XBt sums to 0"]

    ledger.balances["XBt"][A] += 1

    with pytest.raises(InvariantError, match="ledger of XBt sums to 1, not 0"):
        ledger.check()


def test_L2_ledger_walk():
    """A takes 1,000 @10,000 from B and sells them back @10,100: fees 7,500 and 7,426."""
    ledger = Ledger()
    for wallet in (A, B):
        ledger.move(Cause.DEPOSIT, "XBt", EXTERNAL, wallet, 100_000_000)
    for taker_fee, maker_rebate in ((7_500, 2_500), (7_426, 2_475)):
        ledger.move(Cause.FEE, "XBt", A, FEES, taker_fee, "XBTUSD")
        ledger.move(Cause.FEE, "XBt", B, FEES, -maker_rebate, "XBTUSD")
    pnl = 10_000_000 - 9_901_000
    ledger.move(Cause.TRADE, "XBt", clearing("XBTUSD"), A, pnl, "XBTUSD")
    ledger.move(Cause.TRADE, "XBt", clearing("XBTUSD"), B, -pnl, "XBTUSD")

    assert ledger.accounts("XBt") == {
        EXTERNAL: -200_000_000,
        A: 100_084_074,
        B: 99_905_975,
        FEES: 9_951,
    }
    assert ledger.balance("XBt", clearing("XBTUSD")) == 0
    ledger.check()


ACCOUNTS = st.sampled_from([A, B, FEES, FUND, EXTERNAL, clearing("ETC7D")])


@settings(derandomize=True)
@given(
    postings=st.lists(
        st.tuples(
            st.sampled_from(["XBt", "ETC"]),
            st.lists(st.tuples(ACCOUNTS, st.integers(-(10**14), 10**14)), max_size=5),
            st.integers(-1, 1),
        ),
        max_size=30,
    )
)
def test_L1_ledger_is_always_balanced_and_balances_are_sums_of_postings(postings):
    ledger = Ledger()
    for currency, entries, off in postings:
        last = (ROUNDING, off - sum(amount for _, amount in entries))
        try:
            ledger.post(Cause.TRANSFER, currency, (*entries, last))
        except InvariantError:
            assert off != 0
        else:
            assert off == 0
        ledger.check()

    sums: dict[str, dict[str, int]] = {}
    for event in ledger.out:
        assert isinstance(event, Posted)
        assert sum(amount for _, amount in event.entries) == 0
        for account, amount in event.entries:
            assert amount != 0
            of_currency = sums.setdefault(event.currency, {})
            of_currency[account] = of_currency.get(account, 0) + amount
    assert sums == ledger.balances
