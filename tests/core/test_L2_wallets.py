"""L2-1, L2-11: pending withdrawals are accounted for, and the check notices where they are not."""

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.treasury.ledger import EXTERNAL, PENDING
from sim_exchange.core.types import Cause, WithdrawalStatus
from sim_exchange.errors import InvariantError
from tests.core.stateful_wallets import WalletCommands
from tests.core.world import XBT, World

TestWallets = WalletCommands.TestCase


def pending() -> World:
    w = World()
    alice = w.account("alice", XBt=10 * XBT)
    w.ok(c.RequestWithdrawal(account=alice, currency="XBt", amount=XBT, address="home"))
    return w


def test_L2_1_users_and_pending_withdrawals_are_what_came_in() -> None:
    w = pending()
    ledger = w.x._state.ledger
    assert ledger.balance("XBt", PENDING) == XBT + 20_000
    assert w.wallet(1) + ledger.balance("XBt", PENDING) == ledger.net_external("XBt") == 10 * XBT
    assert "L2-1 pending withdrawals are in the ledger" in w.x.check()
    assert "L2-1 transfers in = transfers out" in w.x.check()


def test_L2_1_money_that_left_without_its_withdrawal_is_noticed() -> None:
    w = pending()
    w.x._state.ledger.move(Cause.WITHDRAWAL, "XBt", PENDING, EXTERNAL, 1)
    with pytest.raises(InvariantError, match="withdrawal:pending has 100019999 XBt"):
        w.x.check()


def test_L2_1_withdrawal_that_no_round_will_send_is_noticed() -> None:
    w = pending()
    w.x._state.cash.withdrawals[1].status = WithdrawalStatus.CONFIRMED
    with pytest.raises(InvariantError, match="no round will send withdrawal 1"):
        w.x.check()


def test_L2_1_transfer_that_only_left_is_noticed() -> None:
    w = pending()
    w.x._state.cash.moved_out[1, "XBt"] = 5
    with pytest.raises(InvariantError, match="0 in, 5 out"):
        w.x.check()


def test_L2_11_pending_coins_count() -> None:
    w = World()
    alice = w.account("alice", ETC=10 * XBT)
    w.ok(c.RequestWithdrawal(account=alice, currency="ETC", amount=3 * XBT, address="home"))
    ledger = w.x._state.ledger
    assert ledger.accounts("ETC") == {
        EXTERNAL: -10 * XBT,
        PENDING: 3 * XBT,
        "user:1:wallet": 7 * XBT,
    }
