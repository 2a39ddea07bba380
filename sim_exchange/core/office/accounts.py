"""Accounts and their cash: opened, deposited to, watched by a dead-man."""

from collections import deque
from functools import partial

from sim_exchange.core import commands as c
from sim_exchange.core.events import Accepted, DeadManFired
from sim_exchange.core.fixings.marks import Marks
from sim_exchange.core.office.transfers import may_own
from sim_exchange.core.orders.account import Account
from sim_exchange.core.risk.fills import tally
from sim_exchange.core.risk.state import ENGINE_ID, Handlers, State
from sim_exchange.core.timers import DEAD_MAN
from sim_exchange.core.treasury.ledger import EXTERNAL, FUND
from sim_exchange.core.types import Cause, Reason


class Accounts:
    """Opens accounts; takes deposits and dead-man switches."""

    def __init__(self, state: State, marks: Marks) -> None:
        self._state = state
        self._marks = marks
        self._waiting: deque[tuple[Account, str, int]] = deque()
        self._watched: dict[int, int] = {}  # when the next look at a dead-man switch is

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {
            c.OpenAccount: self._open_account,
            c.Deposit: self._deposit,
            c.DepositFund: self._deposit_fund,
            c.CancelAllAfter: self._cancel_all_after,
        }

    def _open_account(self, command: c.OpenAccount) -> None:
        state, owner = self._state, command.owner
        if owner and not may_own(state, owner, ENGINE_ID):
            state.refuse(Reason.NOT_LINKED, owner, f"account {owner} can not be an owner")
            return
        account_id = state.next_account
        state.next_account += 1
        account = Account(account_id, command.name, command.flags, state.now_ns)
        account.owner = owner
        state.accounts[account_id] = account
        state.out.append(Accepted(ref=account_id))

    def _deposit(self, command: c.Deposit) -> None:
        account = self.receiver(command.to_account, command.currency, command.amount)
        if account is not None:
            self._state.out.append(Accepted(ref=account.account_id))
            self.credit(account, command.currency, command.amount)

    def receiver(self, account_id: int, currency: str, amount: int) -> Account | None:
        """Return the account that a deposit is for; refuse the command when it is not sound."""
        state = self._state
        account = state.accounts.get(account_id)
        if account is None or account_id == ENGINE_ID:
            state.refuse(Reason.UNKNOWN_ACCOUNT, account_id)
        elif type(amount) is not int or amount <= 0 or not currency:
            state.refuse(Reason.BAD_AMOUNT, text=f"amount {amount} must be positive")
        elif currency in state.no_deposits:
            state.refuse(Reason.NO_DEPOSITS, text=f"{currency} can be withdrawn, not deposited")
        else:
            return account
        return None

    def credit(self, account: Account, currency: str, amount: int) -> None:
        """Credit a deposit, minor units, or let it wait while the engine is suspended (E17).

        Every deposit comes through here.
        """
        if self._state.suspended:
            self._waiting.append((account, currency, amount))
        else:
            self._credit(account, currency, amount)

    def credit_waiting(self) -> None:
        """Credit, in order, the deposits that came during a suspension."""
        while self._waiting:
            self._credit(*self._waiting.popleft())

    def _credit(self, account: Account, currency: str, amount: int) -> None:
        state = self._state
        state.ledger.move(Cause.DEPOSIT, currency, EXTERNAL, account.wallet, amount)
        account.deposited[currency] = account.deposited.get(currency, 0) + amount
        state.tell_wallet(account, currency, amount, Cause.DEPOSIT, "")
        state.touch_margin(account, currency)

    def _deposit_fund(self, command: c.DepositFund) -> None:
        state = self._state
        if type(command.amount) is not int or command.amount <= 0 or not command.currency:
            state.refuse(Reason.BAD_AMOUNT, text=f"amount {command.amount} must be positive")
            return
        state.out.append(Accepted())
        state.ledger.move(Cause.DEPOSIT, command.currency, EXTERNAL, FUND, command.amount)
        tally(state.fund_given, command.currency, command.amount)

    def _cancel_all_after(self, command: c.CancelAllAfter) -> None:
        state = self._state
        account = state.accounts.get(command.account)
        if account is None or command.account == ENGINE_ID:
            state.refuse(Reason.UNKNOWN_ACCOUNT, command.account)
        elif command.timeout_ns < 0:
            state.refuse(Reason.BAD_AMOUNT, text=f"timeout {command.timeout_ns} is negative")
        elif command.timeout_ns == 0:
            account.dead_man_ns = None
            state.out.append(Accepted(ref=account.account_id))
        else:
            at_ns = state.now_ns + command.timeout_ns
            account.dead_man_ns = at_ns
            state.out.append(Accepted(ref=account.account_id))
            watched = self._watched.get(account.account_id)
            if watched is None or at_ns < watched:
                self._watch(account, at_ns)

    def _watch(self, account: Account, at_ns: int) -> None:
        """Look at an account's switch at ``at_ns``, whenever else it is armed until then."""
        self._watched[account.account_id] = at_ns
        self._state.timers.at(at_ns, DEAD_MAN, partial(self._dead_man, account, at_ns))

    def _dead_man(self, account: Account, at_ns: int) -> None:
        if self._watched.get(account.account_id) != at_ns:
            return  # it is looked at by another timer
        del self._watched[account.account_id]
        due_ns = account.dead_man_ns
        if due_ns is None:
            return  # disarmed
        if due_ns > at_ns:
            self._watch(account, due_ns)  # armed anew since
            return
        account.dead_man_ns = None
        canceled = self._state.cancel_every(account, Reason.CANCEL_ALL_AFTER)
        self._state.out.append(
            DeadManFired(account=account.account_id, canceled=canceled, at_ns=at_ns)
        )
