"""E27: withdrawals in rounds, what may be withdrawn, deposits and their confirmations."""

from typing import Any

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import DepositChanged, WalletChanged, WithdrawalChanged
from sim_exchange.core.types import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    Cause,
    Reason,
    WithdrawalStatus,
)
from tests.core.world import BUY, SELL, START_NS, XBT, World, inverse_world, world

MS = 10**6
FEE = 20_000
NOON = START_NS
ONE_OCLOCK = NOON + HOUR_NS


def funded(start_ns: int = START_NS, coins: int = 10) -> tuple[World, int]:
    w = World(start_ns)
    return w, w.account("alice", XBt=coins * XBT)


def request(
    account: int, amount: int, fee: int | None = FEE, currency: str = "XBt"
) -> c.RequestWithdrawal:
    return c.RequestWithdrawal(
        account=account, currency=currency, amount=amount, fee=fee, address="3BMEX-home"
    )


def confirm(w: World, account: int, number: int) -> None:
    w.ok(c.ConfirmWithdrawal(account=account, withdrawal=number))


def status(w: World, account: int) -> list[str]:
    return [held.status.value for held in w.x.withdrawals(account)]


def pending(w: World, currency: str = "XBt") -> int:
    return w.x._state.ledger.balance(currency, "withdrawal:pending")


# --- rounds


@pytest.mark.parametrize(
    ("at", "leaves"),
    [
        (ONE_OCLOCK - MS, ONE_OCLOCK),  # 12:59:59.999: today
        (ONE_OCLOCK, ONE_OCLOCK + DAY_NS),  # 13:00:00.000: tomorrow
    ],
)
def test_E27_confirmed_strictly_before_13_goes_today_else_tomorrow(at: int, leaves: int) -> None:
    w, alice = funded()
    number = w.ok(request(alice, 3 * XBT))
    w.now = at
    confirm(w, alice, number)

    w.now = leaves - 1
    w.advance()
    assert status(w, alice) == ["Confirmed"]
    w.advance(1)

    assert status(w, alice) == []
    assert (w.wallet(alice), pending(w)) == (7 * XBT - FEE, 0)
    assert w.x._state.ledger.net_external("XBt") == 7 * XBT - FEE
    (told,) = w.of(WithdrawalChanged)
    assert isinstance(told, WithdrawalChanged)
    assert (told.status, told.at_ns) == (WithdrawalStatus.COMPLETED, leaves)


@pytest.mark.parametrize(
    ("hour", "minute", "leaves"), [(9, 59, 10), (10, 0, 13), (12, 59, 13), (13, 0, 37)]
)
def test_E27_extra_round_at_10_and_the_13_oclock_round_still_runs(
    hour: int, minute: int, leaves: int
) -> None:
    midnight = START_NS - 12 * HOUR_NS
    w, alice = funded(midnight)
    w.ok(c.AddWithdrawalRound(round_ns=midnight + 10 * HOUR_NS))
    number = w.ok(request(alice, XBT))
    w.now = midnight + hour * HOUR_NS + minute * MINUTE_NS
    confirm(w, alice, number)

    w.now = midnight + leaves * HOUR_NS - 1
    w.advance()
    assert status(w, alice) == ["Confirmed"]
    w.advance(1)
    assert status(w, alice) == []


def test_E27_round_takes_what_is_confirmed_and_leaves_what_is_pending() -> None:
    w, alice = funded()
    first = w.ok(request(alice, XBT))
    w.ok(request(alice, 2 * XBT))
    confirm(w, alice, first)
    w.now = ONE_OCLOCK
    w.advance()

    (left,) = w.x.withdrawals(alice)
    assert (left.amount, left.status) == (2 * XBT, WithdrawalStatus.PENDING)
    assert pending(w) == 2 * XBT + FEE
    view = w.x.wallet(alice, "XBt")
    assert (view.withdrawn, view.pending_debit, view.confirmed_debit) == (
        XBT + FEE,
        2 * XBT + FEE,
        0,
    )


def test_E27_round_must_be_in_the_future() -> None:
    w, _ = funded()
    assert w.refused(c.AddWithdrawalRound(round_ns=w.now)).reason is Reason.BAD_TIME


# --- request, confirm, cancel


def test_E27_money_leaves_the_wallet_at_the_request_and_comes_back_when_canceled() -> None:
    w, alice = funded()
    number = w.ok(request(alice, 3 * XBT))

    assert (w.wallet(alice), pending(w)) == (7 * XBT - FEE, 3 * XBT + FEE)
    assert w.x._state.ledger.net_external("XBt") == 10 * XBT
    (moved,) = w.of(WalletChanged)
    assert isinstance(moved, WalletChanged)
    assert (moved.amount, moved.cause) == (-3 * XBT - FEE, Cause.WITHDRAWAL)

    w.ok(c.CancelWithdrawal(account=alice, withdrawal=number))
    assert (w.wallet(alice), pending(w), w.x.withdrawals(alice)) == (10 * XBT, 0, [])


def test_E27_only_what_is_pending_is_confirmed_or_canceled_and_only_by_its_owner() -> None:
    w, alice = funded()
    bob = w.account("bob", XBt=XBT)
    number = w.ok(request(alice, XBT))
    for kind in (c.ConfirmWithdrawal, c.CancelWithdrawal):
        assert w.refused(kind(account=bob, withdrawal=number)).reason is Reason.UNKNOWN_WITHDRAWAL
        assert w.refused(kind(account=alice, withdrawal=9)).reason is Reason.UNKNOWN_WITHDRAWAL
    confirm(w, alice, number)
    for kind in (c.ConfirmWithdrawal, c.CancelWithdrawal):
        assert w.refused(kind(account=alice, withdrawal=number)).reason is Reason.NOT_PENDING
    w.now = ONE_OCLOCK
    w.advance()
    assert (
        w.refused(c.CancelWithdrawal(account=alice, withdrawal=number)).reason is Reason.NOT_PENDING
    )


@pytest.mark.parametrize(
    ("amount", "fee", "reason", "detail"),
    [
        (0, FEE, Reason.BAD_AMOUNT, 0),
        (True, FEE, Reason.BAD_AMOUNT, 0),
        (-1, FEE, Reason.NEGATIVE_AMOUNT, 0),
        (XBT, FEE - 1, Reason.BAD_FEE, FEE),
        (XBT, -1, Reason.BAD_FEE, FEE),
        (10 * XBT - FEE + 1, FEE, Reason.NOT_WITHDRAWABLE, 10 * XBT),
        (10 * XBT - FEE + 1, None, Reason.NOT_WITHDRAWABLE, 10 * XBT),
        (1 << 70, FEE, Reason.NOT_WITHDRAWABLE, 10 * XBT),
    ],
)
def test_E27_bad_requests(amount: int, fee: int | None, reason: Reason, detail: int) -> None:
    w, alice = funded()
    refused = w.refused(request(alice, amount, fee))
    assert (refused.reason, refused.detail) == (reason, detail)


def test_E27_an_address_and_a_known_account_are_needed() -> None:
    w, alice = funded()
    for address in ("", "  ", "x" * 201):
        command = c.RequestWithdrawal(account=alice, currency="XBt", amount=XBT, address=address)
        assert w.refused(command).reason is Reason.BAD_ADDRESS
    for account in (0, 99):
        assert w.refused(request(account, XBT)).reason is Reason.UNKNOWN_ACCOUNT


def test_E27_all_of_the_wallet_may_go_and_the_fee_follows_the_network() -> None:
    w, alice = funded()
    w.ok(c.SetWalletRules(currency="XBt", min_fee=50_000))
    assert w.refused(request(alice, XBT, FEE)).detail == 50_000
    w.ok(request(alice, 10 * XBT - 50_000, None))
    assert w.wallet(alice) == 0
    assert w.x.min_withdrawal_fee("XBt") == 50_000


def test_E27_disabled_withdrawals_are_refused_and_confirmed_ones_wait() -> None:
    w, alice = funded()
    confirmed, other = w.ok(request(alice, XBT)), w.ok(request(alice, 2 * XBT))
    confirm(w, alice, confirmed)
    w.ok(c.SetWalletRules(currency="XBt", withdrawals=False))

    assert w.refused(request(alice, XBT)).reason is Reason.WITHDRAWALS_DISABLED
    command = c.ConfirmWithdrawal(account=alice, withdrawal=other)
    assert w.refused(command).reason is Reason.WITHDRAWALS_DISABLED
    w.now = ONE_OCLOCK
    w.advance()
    assert status(w, alice) == ["Confirmed", "Pending"]

    w.ok(c.CancelWithdrawal(account=alice, withdrawal=other))
    w.ok(c.SetWalletRules(currency="XBt", withdrawals=True))
    w.advance(DAY_NS)
    assert status(w, alice) == []


@pytest.mark.parametrize("fields", [{"min_fee": -1}, {"confirmations": 0}, {"min_fee": True}])
def test_E27_bad_wallet_rules(fields: dict[str, Any]) -> None:
    w, _ = funded()
    assert w.refused(c.SetWalletRules(currency="XBt", **fields)).reason is Reason.BAD_AMOUNT


# --- what is withdrawable


def test_E27_unrealised_profit_is_never_withdrawable_and_a_loss_is_kept() -> None:
    w = inverse_world()
    alice, bob = w.account("alice", XBt=XBT), w.account("bob", XBt=XBT)
    w.place(alice, SELL, 1_000, 20_000, "XBTUSD")
    w.place(bob, BUY, 1_000, 20_000, "XBTUSD")
    before = {account: w.x.margin(account, "XBt") for account in (alice, bob)}
    w.index(".BXBT", "10100")

    after = {account: w.x.margin(account, "XBt") for account in (alice, bob)}
    assert after[bob].unrealised_pnl == -after[alice].unrealised_pnl == 99_000
    assert after[bob].withdrawable == before[bob].withdrawable
    assert after[alice].withdrawable == before[alice].withdrawable - 99_000
    for account in (alice, bob):
        free = after[account].withdrawable
        assert w.refused(request(account, free - FEE + 1)).detail == free
        w.ok(request(account, free - FEE))
        assert w.x.margin(account, "XBt").withdrawable == 0


def test_E27_order_holds_offers_and_loan_locks_stay() -> None:
    w = world()
    lender, alice = w.account("lender", ETC=100 * XBT), w.account("alice", XBt=10 * XBT)
    bob = w.account("bob", XBt=10 * XBT)
    offers = ((60 * XBT, 10**9),)
    w.ok(c.OfferLoans(account=lender, currency="ETC", offers=offers))
    assert w.refused(request(lender, 40 * XBT + 1, 0, "ETC")).detail == 40 * XBT
    w.place(bob, BUY, 10 * XBT, 2_000_000, "ETC_XBT")
    w.place(alice, SELL, 10 * XBT, 2_000_000, "ETC_XBT")  # borrows 10 ETC, worth 0.2 XBT

    margin = w.x.margin(alice, "XBt")
    assert margin.loan_lock == 28_000_000  # 140 %
    proceeds = 20_000_000 - 30_000 - 20_000  # less the taker's fee of 0.25 %
    assert margin.withdrawable == 10 * XBT + proceeds - 28_000_000
    held = w.place(bob, BUY, 10 * XBT, 1_900_000, "ETC_XBT")
    free = w.wallet(bob) - held.held_quote
    assert w.refused(request(bob, free - FEE + 1)).detail == free


def test_E27_coins_that_are_owed_are_not_withdrawable() -> None:
    w = world()
    lender, alice = w.account("lender", ETC=100 * XBT), w.account("alice", XBt=10 * XBT)
    bob = w.account("bob", XBt=10 * XBT)
    w.ok(c.OfferLoans(account=lender, currency="ETC", offers=((60 * XBT, 10**9),)))
    w.place(bob, BUY, 10 * XBT, 2_000_000, "ETC_XBT")
    w.place(alice, SELL, 10 * XBT, 2_000_000, "ETC_XBT")
    w.ok(c.Deposit(to_account=alice, currency="ETC", amount=12 * XBT))

    assert w.refused(request(alice, 2 * XBT + 1, 0, "ETC")).detail == 2 * XBT
    w.ok(request(alice, 2 * XBT, 0, "ETC"))


# --- deposits


def announce(w: World, account: int, amount: int = XBT) -> None:
    w.ok(c.AnnounceDeposit(to_account=account, currency="XBt", amount=amount))


def test_E27_announced_deposit_is_credited_after_one_confirmation() -> None:
    w, alice = funded(coins=1)
    announce(w, alice, 5)
    assert (w.wallet(alice), w.x.wallet(alice, "XBt").pending_credit) == (XBT, 5)
    w.ok(c.ChainBlocks(currency="ETC"))
    assert w.wallet(alice) == XBT

    w.ok(c.ChainBlocks(currency="XBt"))
    assert (w.wallet(alice), w.x.wallet(alice, "XBt").pending_credit) == (XBT + 5, 0)
    (told,) = w.of(DepositChanged)
    assert isinstance(told, DepositChanged)
    assert (told.confirmations, told.credited) == (1, True)


def test_E27_in_fork_risk_six_confirmations_are_needed_of_those_that_wait_too() -> None:
    w, alice = funded(coins=1)
    announce(w, alice, 5)
    w.ok(c.SetWalletRules(currency="XBt", confirmations=6))
    announce(w, alice, 7)
    w.ok(c.ChainBlocks(currency="XBt", count=5))
    assert w.wallet(alice) == XBT
    announce(w, alice, 11)
    w.ok(c.ChainBlocks(currency="XBt"))
    assert w.wallet(alice) == XBT + 12
    assert w.x.wallet(alice, "XBt").pending_credit == 11


def test_E27_bad_announcements_and_blocks() -> None:
    w, alice = funded()
    bad = c.AnnounceDeposit(to_account=alice, currency="XBt", amount=0)
    assert w.refused(bad).reason is Reason.BAD_AMOUNT
    bad = c.AnnounceDeposit(to_account=99, currency="XBt", amount=1)
    assert w.refused(bad).reason is Reason.UNKNOWN_ACCOUNT
    assert w.refused(c.ChainBlocks(currency="XBt", count=0)).reason is Reason.BAD_AMOUNT


# --- transfers


def test_E27_transfer_of_30_of_29_withdrawable_is_refused_and_changes_nothing() -> None:
    w = World()
    main = w.account("main", XBt=29)
    sub = w.ok(c.OpenAccount(name="sub", owner=main))
    refused = w.refused(
        c.Transfer(account=main, source=main, target=sub, currency="XBt", amount=30)
    )
    assert (refused.reason, refused.detail) == (Reason.NOT_WITHDRAWABLE, 29)
    assert (w.wallet(main), w.wallet(sub)) == (29, 0)

    w.ok(c.Transfer(account=sub, source=main, target=sub, currency="XBt", amount=29))
    assert (w.wallet(main), w.wallet(sub)) == (0, 29)
    assert [e.amount for e in w.events if isinstance(e, WalletChanged)] == [-29, 29]
    assert (w.x.wallet(main, "XBt").transfer_out, w.x.wallet(sub, "XBt").transfer_in) == (29, 29)


def test_E27_transfer_obeys_margin_of_the_source() -> None:
    w = inverse_world()
    alice, bob = w.account("alice", XBt=XBT), w.account("bob", XBt=XBT)
    sub = w.ok(c.OpenAccount(name="sub", owner=alice))
    w.place(alice, SELL, 1_000, 20_000, "XBTUSD")
    w.place(bob, BUY, 1_000, 20_000, "XBTUSD")
    free = w.x.margin(alice, "XBt").withdrawable
    move: dict[str, Any] = {
        "account": alice,
        "source": alice,
        "target": sub,
        "currency": "XBt",
    }
    assert w.refused(c.Transfer(**move, amount=free + 1)).detail == free
    w.ok(c.Transfer(**move, amount=free))


@pytest.mark.parametrize("amount", [0, -5, True])
def test_E27_bad_transfers(amount: int) -> None:
    w = World()
    one, other = w.account("one", XBt=100), w.account("other", XBt=100)
    sub = w.ok(c.OpenAccount(name="sub", owner=one))
    move: dict[str, Any] = {"account": one, "source": one, "currency": "XBt"}
    assert w.refused(c.Transfer(**move, target=sub, amount=amount)).reason is Reason.BAD_AMOUNT
    for source, target in ((one, other), (one, one), (other, sub), (other, one)):
        command = c.Transfer(account=one, source=source, target=target, currency="XBt", amount=1)
        assert w.refused(command).reason is Reason.NOT_LINKED
    command = c.Transfer(account=other, source=one, target=sub, currency="XBt", amount=1)
    assert w.refused(command).reason is Reason.NOT_LINKED
    assert w.refused(c.Transfer(**move, target=99, amount=1)).reason is Reason.UNKNOWN_ACCOUNT


def test_E27_links_are_one_level_deep() -> None:
    w = World()
    main, other = w.account("main"), w.account("other")
    sub = w.ok(c.OpenAccount(name="sub", owner=main))
    for command in (
        c.OpenAccount(name="deep", owner=sub),
        c.OpenAccount(name="none", owner=99),
        c.LinkAccount(to_account=main, owner=other),
        c.LinkAccount(to_account=other, owner=sub),
        c.LinkAccount(to_account=other, owner=other),
    ):
        assert w.refused(command).reason is Reason.NOT_LINKED
    w.ok(c.LinkAccount(to_account=other, owner=main))
    w.ok(c.Deposit(to_account=other, currency="XBt", amount=7))
    w.ok(c.Transfer(account=other, source=other, target=sub, currency="XBt", amount=7))
    w.ok(c.LinkAccount(to_account=other, owner=0))
    back = c.Transfer(account=sub, source=sub, target=other, currency="XBt", amount=7)
    assert w.refused(back).reason is Reason.NOT_LINKED
    assert w.wallet(sub) == 7


def test_E27_second_is_not_the_grain_of_the_cut_off() -> None:
    """A nanosecond before is before."""
    w, alice = funded()
    number = w.ok(request(alice, XBT))
    w.now = ONE_OCLOCK - 1
    confirm(w, alice, number)
    w.advance(SECOND_NS)
    assert status(w, alice) == []
