"""The double-entry ledger: every movement of money is a set of postings that sums to 0 (L1).

Accounts of the ledger are strings; every balance is kept per currency, in minor units:

    user:<id>:wallet      an account's wallet
    clearing:<symbol>     the other side of realised trade PNL and of funding
    settlement:<symbol>   reserve while a contract settles
    exchange:fees, exchange:rounding, exchange:promo, exchange:refund, exchange:guarantee
    fund:insurance, engine:liquidation, withdrawal:pending
    external              the world outside: minus what came in, plus what left

A loan is ``loan:<id>``: what the lender may claim and the borrower owes cancel out, so it never
holds a balance; its principal moves from wallet to wallet (``lending.py``).
"""

from sim_exchange.core.events import Event, Posted
from sim_exchange.core.types import Cause
from sim_exchange.errors import InvariantError

FEES = "exchange:fees"
ROUNDING = "exchange:rounding"
PROMO = "exchange:promo"
REFUND = "exchange:refund"
GUARANTEE = "exchange:guarantee"  # pays what nobody else can, where winners are paid in full (E13d)
FUND = "fund:insurance"
ENGINE = "engine:liquidation"
EXTERNAL = "external"
PENDING = "withdrawal:pending"

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_FEE = Cause.FEE

_WALLETS: dict[int, str] = {}  # names only: spelling one afresh costs more than a posting


def user_wallet(account_id: int) -> str:
    """Return the ledger account of an account's wallet.

    >>> user_wallet(7)
    'user:7:wallet'
    """
    name = _WALLETS.get(account_id)
    if name is None:
        name = _WALLETS[account_id] = f"user:{account_id}:wallet"
    return name


def clearing(symbol: str) -> str:
    """Return the ledger account against which a contract's trade PNL is posted."""
    return f"clearing:{symbol}"


def settlement(symbol: str) -> str:
    """Return the ledger account of a contract's settlement reserve."""
    return f"settlement:{symbol}"


def loan(loan_id: int) -> str:
    """Return the name of a loan in the ledger's words."""
    return f"loan:{loan_id}"


class Ledger:
    """Balances per currency and ledger account, changed by balanced postings only.

    Each posting appends one ``Posted`` event to ``out``; whoever owns the ledger drains that list.
    """

    __slots__ = ("balances", "out")

    def __init__(self) -> None:
        self.balances: dict[str, dict[str, int]] = {}  # by currency, then by ledger account
        self.out: list[Event] = []

    def post(
        self,
        cause: Cause,
        currency: str,
        entries: tuple[tuple[str, int], ...],
        symbol: str = "",
    ) -> None:
        """Post ``entries`` of (ledger account, minor units) that sum to 0.

        Entries of 0 are dropped, and a posting of nothing but them is no posting.

        Raises:
            InvariantError: the entries do not sum to 0; nothing is posted then.
        """
        total = 0
        has_zero = False
        for _, amount in entries:
            total += amount
            if amount == 0:
                has_zero = True
        if total != 0:
            raise InvariantError(
                f"{cause.value} posting in {currency} is off by {total}: {entries}"
            )
        if has_zero:
            entries = tuple(entry for entry in entries if entry[1] != 0)
        if not entries:
            return
        balances = self.balances.get(currency)
        if balances is None:
            balances = self.balances[currency] = {}
        for ledger_account, amount in entries:
            balances[ledger_account] = balances.get(ledger_account, 0) + amount
        self.out.append(Posted(cause=cause, currency=currency, entries=entries, symbol=symbol))

    def move(
        self,
        cause: Cause,
        currency: str,
        source: str,
        target: str,
        amount: int,
        symbol: str = "",
    ) -> None:
        """Move ``amount`` minor units from ``source`` to ``target``; negative moves them back.

        The quick form of ``post`` for two legs: a profit of a wallet is
        ``move(Cause.TRADE, "XBt", clearing(symbol), user_wallet(1), pnl, symbol)``, loss or gain.
        """
        if amount == 0 or source == target:
            return
        balances = self.balances.get(currency)
        if balances is None:
            balances = self.balances[currency] = {}
        balances[source] = balances.get(source, 0) - amount
        balances[target] = balances.get(target, 0) + amount
        self.out.append(
            Posted(
                cause=cause,
                currency=currency,
                entries=((source, -amount), (target, amount)),
                symbol=symbol,
            )
        )

    def charge(
        self, currency: str, first: str, paid: int, second: str, also: int, symbol: str
    ) -> tuple[int, int]:
        """Post two fees to the exchange, negative ones from it; the quick form of ``post``.

        Args:
            currency: of both.
            first: the ledger account that pays the first.
            paid: minor units of it.
            second: the ledger account that pays the second; may be the same.
            also: minor units of it.
            symbol: what they are paid for.

        Returns:
            The balance of the first after its fee, and that of the second after both.
        """
        total = paid + also
        entries = ((first, -paid), (second, -also), (FEES, total))
        if not (paid and also and total):
            self.post(_FEE, currency, entries, symbol)
            after = self.balance(currency, second)
            return (after + also if first == second else self.balance(currency, first)), after
        balances = self.balances.get(currency)
        if balances is None:
            balances = self.balances[currency] = {}
        first_after = balances[first] = balances.get(first, 0) - paid
        second_after = balances[second] = balances.get(second, 0) - also
        balances[FEES] = balances.get(FEES, 0) + total
        self.out.append(Posted(cause=_FEE, currency=currency, entries=entries, symbol=symbol))
        return first_after, second_after

    def balance(self, currency: str, ledger_account: str) -> int:
        """Return the balance of a ledger account in minor units; 0 where nothing was posted."""
        balances = self.balances.get(currency)
        return 0 if balances is None else balances.get(ledger_account, 0)

    def user_balance(self, account_id: int, currency: str) -> int:
        """Return the wallet balance of an account in minor units."""
        return self.balance(currency, user_wallet(account_id))

    def accounts(self, currency: str) -> dict[str, int]:
        """Return the balances of a currency that are not 0, by ledger account in order of name."""
        balances = self.balances.get(currency, {})
        return {account: amount for account, amount in sorted(balances.items()) if amount != 0}

    def currencies(self) -> list[str]:
        """Return the currencies that were ever posted, in order of name."""
        return sorted(self.balances)

    def net_external(self, currency: str) -> int:
        """Return what came in from outside less what left, minor units (L2-1)."""
        return -self.balance(currency, EXTERNAL)

    def check(self) -> list[str]:
        """Verify that each currency sums to 0 with ``external``; return what was checked (L2-1).

        Raises:
            InvariantError: a currency does not.
        """
        for currency, balances in sorted(self.balances.items()):
            total = sum(balances.values())
            if total != 0:
                raise InvariantError(f"the ledger of {currency} sums to {total}, not 0")
        return [f"ledger {currency} sums to 0" for currency in sorted(self.balances)]
