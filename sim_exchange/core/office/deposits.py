"""Deposits that the network shows and whose blocks are counted before they are credited (E27).

One confirmation credits a deposit, more where the operator demands it: six while a fork threatens.
What is demanded holds for deposits that wait as well as for new ones.
"""

from sim_exchange.core import commands as c
from sim_exchange.core.events import Accepted, DepositChanged
from sim_exchange.core.office.accounts import Accounts
from sim_exchange.core.risk.state import Handlers, State
from sim_exchange.core.treasury.cash import WaitingDeposit
from sim_exchange.core.types import Reason


class Deposits:
    """Takes announced deposits in and counts their blocks."""

    def __init__(self, state: State, accounts: Accounts) -> None:
        self._state = state
        self._accounts = accounts

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {c.AnnounceDeposit: self._announce, c.ChainBlocks: self._blocks}

    def _announce(self, command: c.AnnounceDeposit) -> None:
        state = self._state
        account = self._accounts.receiver(command.to_account, command.currency, command.amount)
        if account is None:
            return
        cash = state.cash
        key = account.account_id
        deposit = WaitingDeposit(cash.next_deposit, key, command.currency, command.amount)
        cash.next_deposit += 1
        cash.deposits[deposit.number] = deposit
        state.out.append(Accepted(ref=deposit.number))
        self._tell(deposit)

    def _blocks(self, command: c.ChainBlocks) -> None:
        state = self._state
        if type(command.count) is not int or command.count <= 0 or not command.currency:
            state.refuse(Reason.BAD_AMOUNT, text=f"count {command.count} must be positive")
            return
        state.out.append(Accepted())
        needed = state.cash.rules(command.currency).confirmations
        for deposit in list(state.cash.deposits.values()):
            if deposit.currency != command.currency:
                continue
            deposit.confirmations += command.count
            credited = deposit.confirmations >= needed
            if credited:
                del state.cash.deposits[deposit.number]
                account = state.accounts[deposit.account]
                self._accounts.credit(account, deposit.currency, deposit.amount)
            self._tell(deposit, credited=credited)

    def _tell(self, deposit: WaitingDeposit, *, credited: bool = False) -> None:
        self._state.out.append(
            DepositChanged(
                deposit=deposit.number,
                account=deposit.account,
                currency=deposit.currency,
                amount=deposit.amount,
                confirmations=deposit.confirmations,
                credited=credited,
                at_ns=self._state.now_ns,
            )
        )
