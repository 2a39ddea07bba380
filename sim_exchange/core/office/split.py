"""The snapshot of a chain split (E18): who gets how many coins of the minor version.

Liquidations run first, at the marks of the snapshot. Then each account is credited with its margin
balance, unrealised profit and loss included; what is negative counts as 0. If those balances exceed
what the exchange owes its users, all of them are scaled down by liabilities/sum and floored.
"""

from sim_exchange.core import commands as c
from sim_exchange.core.events import Accepted
from sim_exchange.core.fixings.marks import Marks
from sim_exchange.core.orders.account import Account
from sim_exchange.core.risk.remargin import Remargin
from sim_exchange.core.risk.state import Handlers, Snapshot, State
from sim_exchange.core.treasury.ledger import EXTERNAL
from sim_exchange.core.types import Cause, Reason


class Split:
    """Takes snapshots."""

    def __init__(self, state: State, marks: Marks, remargin: Remargin) -> None:
        self._state = state
        self._marks = marks
        self._remargin = remargin

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {c.TakeSnapshot: self._take_snapshot}

    def _take_snapshot(self, command: c.TakeSnapshot) -> None:
        state, coin = self._state, command.coin
        known = state.ledger.currencies()
        if not coin or coin == command.currency or coin in state.snapshots or coin in known:
            state.refuse(Reason.BAD_SNAPSHOT, text=f"coin {coin!r} must be a new one")
            return
        if command.currency not in known:
            state.refuse(Reason.BAD_SNAPSHOT, text=f"currency {command.currency!r} has no wallets")
            return
        state.out.append(Accepted())
        self._marks.mark_all()
        self._remargin.run()
        users = [account for account in state.accounts.values() if account is not state.engine]
        balances = {one: self._margin_balance(one, command.currency) for one in users}
        total = sum(balances.values())
        liabilities = sum(max(0, state.balance(one, command.currency)) for one in users)
        before = state.ledger.balance(coin, EXTERNAL)
        for account, balance in balances.items():
            amount = balance * liabilities // total if total > liabilities else balance
            if amount:
                self._credit(account, coin, amount)
        credited = before - state.ledger.balance(coin, EXTERNAL)
        state.snapshots[coin] = Snapshot(command.currency, state.now_ns, credited, liabilities)
        if not command.deposits:
            state.no_deposits.add(coin)

    def _margin_balance(self, account: Account, currency: str) -> int:
        held = account.contracts.get(currency, ())
        unrealised = sum(position.unrealised_pnl for position in held if position.qty)
        return max(0, self._state.balance(account, currency) + unrealised)

    def _credit(self, account: Account, coin: str, amount: int) -> None:
        state = self._state
        state.ledger.move(Cause.SPLIT, coin, EXTERNAL, account.wallet, amount)
        account.deposited[coin] = account.deposited.get(coin, 0) + amount
        state.tell_wallet(account, coin, amount, Cause.SPLIT, "")
        state.touch_margin(account, coin)
