"""Transfers between linked accounts, and who is linked to whom (E27).

Accounts of one owner are linked to it, and through it to each other. A transfer is instant, costs
nothing, conserves the total and takes no more than is withdrawable.
"""

from sim_exchange.core import commands as c
from sim_exchange.core.events import Accepted
from sim_exchange.core.orders.account import Account
from sim_exchange.core.risk.margin import withdrawable
from sim_exchange.core.risk.options import cancel_shorts
from sim_exchange.core.risk.state import ENGINE_ID, Handlers, State
from sim_exchange.core.treasury.offers import add
from sim_exchange.core.types import Cause, Reason


class Transfers:
    """Links accounts and moves money between those that are linked."""

    def __init__(self, state: State) -> None:
        self._state = state

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {
            c.SetFlags: self._set_flags,
            c.LinkAccount: self._link,
            c.Transfer: self._transfer,
        }

    def _set_flags(self, command: c.SetFlags) -> None:
        account = self._known(command.to_account)
        if account is not None:
            account.flags = command.flags
            self._state.out.append(Accepted(ref=account.account_id))
            cancel_shorts(self._state, account)

    def _link(self, command: c.LinkAccount) -> None:
        state = self._state
        account = self._known(command.to_account)
        if account is None:
            return
        key = account.account_id
        owned = any(other.owner == key for other in state.accounts.values())
        if command.owner and (owned or not may_own(state, command.owner, key)):
            text = "an owner is an account of its own, and owns or is owned, not both"
            state.refuse(Reason.NOT_LINKED, command.owner, text)
            return
        account.owner = command.owner
        state.out.append(Accepted(ref=key))

    def _transfer(self, command: c.Transfer) -> None:
        state, amount, currency = self._state, command.amount, command.currency
        source, target = self._known(command.source), state.accounts.get(command.target)
        if source is None:
            return
        if target is None or target is state.engine:
            state.refuse(Reason.UNKNOWN_ACCOUNT, command.target)
            return
        asks = state.accounts.get(command.account)
        ours = command.account == ENGINE_ID or (asks is not None and asks.group == source.group)
        if source is target or source.group != target.group or not ours:
            text = f"accounts {command.source} and {command.target} are not linked"
            state.refuse(Reason.NOT_LINKED, text=text)
            return
        if type(amount) is not int or amount <= 0 or not currency:
            state.refuse(Reason.BAD_AMOUNT, text=f"amount {amount} must be positive")
            return
        free = withdrawable(state, source, currency)
        if amount > free:
            text = f"{amount} is more than {free} {currency}"
            state.refuse(Reason.NOT_WITHDRAWABLE, free, text)
            return
        state.out.append(Accepted(ref=target.account_id))
        state.ledger.move(Cause.TRANSFER, currency, source.wallet, target.wallet, amount)
        add(state.cash.moved_out, (source.account_id, currency), amount)
        add(state.cash.moved_in, (target.account_id, currency), amount)
        for account, change in ((source, -amount), (target, amount)):
            state.tell_wallet(account, currency, change, Cause.TRANSFER, "")
            state.touch_margin(account, currency)

    def _known(self, account_id: int) -> Account | None:
        """Return an account of a client; refuse the command when it is none."""
        account = self._state.accounts.get(account_id)
        if account is None or account is self._state.engine:
            self._state.refuse(Reason.UNKNOWN_ACCOUNT, account_id)
            return None
        return account


def may_own(state: State, owner: int, owned: int) -> bool:
    """Whether an account may be the owner of another: it is there and has no owner itself."""
    account = state.accounts.get(owner)
    return owner not in (ENGINE_ID, owned) and account is not None and not account.owner
