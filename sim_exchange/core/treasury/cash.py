"""Money on its way in or out: withdrawals, deposits that wait for blocks, and their rules (E27).

A withdrawal's money, fee included, leaves the wallet for ``withdrawal:pending`` when it is asked
for and ``external`` when it is sent: the fee is the network's, not the exchange's. A deposit that
waits for blocks is in no ledger account yet. Amounts are minor units.
"""

from sim_exchange.core.treasury.ledger import PENDING, Ledger
from sim_exchange.core.types import WithdrawalStatus
from sim_exchange.errors import InvariantError

MIN_FEES = {"XBt": 20_000, "USDt": 1_000_000}
"""Least network fees of withdrawals at the start, minor units; 0 for coins that are not here."""
CONFIRMATIONS = 1
"""Blocks that credit a deposit at the start; an operator demands 6 while a fork threatens."""


Key = tuple[int, str]
"""(account, currency)."""


class Withdrawal:
    """One withdrawal that has not ended; readers see it as ``views.WithdrawalView``."""

    __slots__ = (
        "account",
        "address",
        "amount",
        "at_ns",
        "currency",
        "fee",
        "number",
        "requested_ns",
        "status",
        "text",
    )

    def __init__(
        self,
        number: int,
        account: int,
        currency: str,
        amount: int,
        fee: int,
        address: str,
        text: str,
        at_ns: int,
    ) -> None:
        self.number = number
        self.account = account
        self.currency = currency
        self.amount = amount
        self.fee = fee
        self.address = address
        self.text = text
        self.status = WithdrawalStatus.PENDING
        self.requested_ns = at_ns
        self.at_ns = at_ns

    @property
    def total(self) -> int:
        """What left the wallet, minor units."""
        return self.amount + self.fee


class WaitingDeposit:
    """A deposit that the network shows and that has too few confirmations yet."""

    __slots__ = ("account", "amount", "confirmations", "currency", "number")

    def __init__(self, number: int, account: int, currency: str, amount: int) -> None:
        self.number = number
        self.account = account
        self.currency = currency
        self.amount = amount
        self.confirmations = 0


class WalletRules:
    """What holds for deposits and withdrawals of one currency."""

    __slots__ = ("confirmations", "min_fee", "withdrawals")

    def __init__(self, min_fee: int) -> None:
        self.min_fee = min_fee
        self.confirmations = CONFIRMATIONS
        self.withdrawals = True


class CashDesk:
    """All that is on its way, by number, oldest first, and what has gone through."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._rules: dict[str, WalletRules] = {}
        self.withdrawals: dict[int, Withdrawal] = {}  # pending and confirmed
        self.ended: dict[int, int] = {}  # number of a withdrawal that has ended: its account
        self.deposits: dict[int, WaitingDeposit] = {}
        self.rounds: set[int] = set()  # instants of the rounds that are going to run
        self.withdrawn: dict[Key, int] = {}  # sent, fees included
        self.moved_in: dict[Key, int] = {}  # by transfers
        self.moved_out: dict[Key, int] = {}
        self.next_withdrawal = 1
        self.next_deposit = 1

    def rules(self, currency: str) -> WalletRules:
        """Return what holds for a currency; it is kept only where it is changed."""
        return self._rules.get(currency) or WalletRules(MIN_FEES.get(currency, 0))

    def own_rules(self, currency: str) -> WalletRules:
        """Return what holds for a currency, to be changed."""
        return self._rules.setdefault(currency, self.rules(currency))

    def debit(self, account: int, currency: str, status: WithdrawalStatus) -> int:
        """Return what an account's withdrawals of a status took from its wallet, minor units."""
        return sum(
            held.total
            for held in self.withdrawals.values()
            if held.account == account and held.currency == currency and held.status is status
        )

    def credit(self, account: int, currency: str) -> int:
        """Return what an account's deposits that wait for blocks will bring, minor units."""
        return sum(
            held.amount
            for held in self.deposits.values()
            if held.account == account and held.currency == currency
        )

    def check(self) -> list[str]:
        """Verify that what is pending is what its withdrawals are (L2-1); return what was checked.

        Raises:
            InvariantError: it is not, or a round that a withdrawal waits for will not run.
        """
        pending: dict[str, int] = {}
        for held in self.withdrawals.values():
            pending[held.currency] = pending.get(held.currency, 0) + held.total
            if held.amount <= 0 or held.fee < 0:
                raise InvariantError(
                    f"withdrawal {held.number} is of {held.amount} and a fee of {held.fee}"
                )
            if held.status is WithdrawalStatus.CONFIRMED and not self.rounds:
                raise InvariantError(f"no round will send withdrawal {held.number}")
        for currency in {*pending, *self._ledger.currencies()}:
            kept = self._ledger.balance(currency, PENDING)
            if kept != pending.get(currency, 0):
                raise InvariantError(
                    f"{PENDING} has {kept} {currency}, its withdrawals {pending.get(currency, 0)}"
                )
        for currency in self._ledger.currencies():
            moved_in = sum(n for (_, held), n in self.moved_in.items() if held == currency)
            moved_out = sum(n for (_, held), n in self.moved_out.items() if held == currency)
            if moved_in != moved_out:
                raise InvariantError(f"transfers of {currency}: {moved_in} in, {moved_out} out")
        return ["pending withdrawals are in the ledger", "transfers in = transfers out"]
