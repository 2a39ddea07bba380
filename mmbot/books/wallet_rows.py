"""Rows of the venue's wallet history, and what the account needs of them."""

from collections.abc import Iterable

import msgspec


class WalletRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the venue's wallet history.

    ``kind`` is the venue's transaction type; ``amount`` is in minor units of ``currency``,
    negative when it left the wallet.
    """

    at_ns: int
    currency: str
    kind: str
    amount: int
    fee: int = 0
    balance: int | None = None
    text: str = ""


class InterestPaid(msgspec.Struct, frozen=True, kw_only=True):
    """Interest that left the wallet: ``units`` of the coin, positive."""

    at_ns: int
    units: int


def interest_paid(rows: Iterable[WalletRow], currency: str) -> tuple[InterestPaid, ...]:
    """Return the interest in wallet-history rows of a coin, oldest first."""
    paid = (
        InterestPaid(at_ns=row.at_ns, units=-row.amount)
        for row in rows
        if row.kind == "Interest" and row.currency == currency and row.amount < 0
    )
    return tuple(sorted(paid, key=lambda interest: interest.at_ns))


def transfers(rows: Iterable[WalletRow], currency: str) -> int:
    """Return what deposits, withdrawals and transfers moved, minor units, positive when in."""
    kinds = {"Deposit", "Withdrawal", "Transfer"}
    return sum(row.amount for row in rows if row.kind in kinds and row.currency == currency)
