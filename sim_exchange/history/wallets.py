"""Wallet history: a row a movement, but one ``RealisedPNL`` row a contract and wallet day (E28).

A row is never edited. A withdrawal has its row when it has ended, completed or canceled; until then
readers show it from the exchange, as they show the unrealised profit. A canceled one moves nothing,
and its money is back in the wallet.
"""

from collections import deque

from sim_exchange.core.events import WalletChanged, WithdrawalChanged
from sim_exchange.core.types import DAY_NS, HOUR_NS, Cause, WithdrawalStatus
from sim_exchange.history.records import Transaction

KEPT = 10_000
"""Rows kept of an account."""

_NOON_NS = 12 * HOUR_NS
_WITHDRAWALS = 1 << 27  # apart from the numbers of rows
_ENDED = (WithdrawalStatus.COMPLETED, WithdrawalStatus.CANCELED)
_DAY_CAUSES = frozenset(
    {
        Cause.TRADE,
        Cause.FEE,
        Cause.FUNDING,
        Cause.DIVIDEND,
        Cause.SETTLEMENT,
        Cause.LIQUIDATION,
        Cause.INSURANCE,
        Cause.SHORTFALL,
        Cause.EQUALISATION,
        Cause.ROUNDING,
    }
)


def day_end_ns(at_ns: int) -> int:
    """Return the noon that ends the wallet day of an instant; noon itself ends its own day.

    >>> day_end_ns(12 * 3600 * 10**9) == 12 * 3600 * 10**9
    True
    """
    return -(-(at_ns - _NOON_NS) // DAY_NS) * DAY_NS + _NOON_NS


def withdrawal_number(account: int, number: int) -> int:
    """Return the number of a withdrawal among all transactions: the same all its life."""
    return (account << 28) + _WITHDRAWALS + number


class WalletHistory:
    """The wallet rows of one account, oldest first, all currencies."""

    def __init__(self, account: int) -> None:
        """Start empty."""
        self.account = account
        self.rows: deque[Transaction] = deque(maxlen=KEPT)
        self._number = 0
        self._booked: dict[str, int] = {}
        self._day: dict[tuple[str, str], int] = {}
        self._day_end = 0
        self._spot: dict[tuple[str, str], list[int]] = {}

    def add(self, event: WalletChanged, *, is_spot: bool) -> None:
        """Count one movement; ``is_spot`` says whether its symbol is a spot instrument."""
        if is_spot and event.cause in (Cause.SPOT_TRADE, Cause.FEE):
            sums = self._spot.setdefault((event.currency, event.symbol), [0, 0])
            sums[0] += event.amount
            if event.cause is Cause.FEE:
                sums[1] -= event.amount
        elif event.cause is Cause.WITHDRAWAL:
            return  # the row is that of the withdrawal itself, when it has ended
        elif event.cause in _DAY_CAUSES and event.symbol:
            self.close_day(event.at_ns)
            self._day_end = day_end_ns(event.at_ns)
            key = (event.currency, event.symbol)
            self._day[key] = self._day.get(key, 0) + event.amount
        else:
            self.close_day(event.at_ns)
            kind = event.cause.value
            self._append(event.at_ns, event.currency, kind, event.amount, 0, event.symbol)

    def withdrawal(self, event: WithdrawalChanged) -> None:
        """Write the row of a withdrawal that has ended."""
        if event.status not in _ENDED:
            return
        self.close_day(event.at_ns)
        completed = event.status is WithdrawalStatus.COMPLETED
        booked = self._booked.get(event.currency, 0)
        if completed:
            booked = self._booked[event.currency] = booked - event.amount - event.fee
        self.rows.append(
            Transaction(
                event.at_ns,
                withdrawal_number(self.account, event.number),
                self.account,
                event.currency,
                Cause.WITHDRAWAL.value,
                -event.amount - event.fee,
                event.fee,
                "",
                booked,
                event.status.value,
                event.address,
                event.text,
                event.requested_ns,
            )
        )

    def end_command(self, at_ns: int) -> None:
        """Write the spot rows of a command: trade and fee of one execution are one row."""
        if not self._spot:
            return
        self.close_day(at_ns)
        kind = Cause.SPOT_TRADE.value
        for (currency, symbol), (amount, fee) in self._spot.items():
            self._append(at_ns, currency, kind, amount, fee, symbol)
        self._spot.clear()

    def close_day(self, now_ns: int, *, inclusive: bool = False) -> None:
        """Write the day's rows when its noon has passed (``inclusive``: or is now)."""
        end = self._day_end
        if not self._day or now_ns < end or (now_ns == end and not inclusive):
            return
        for (currency, symbol), amount in self._day.items():
            if amount:
                self._append(end, currency, Cause.TRADE.value, amount, 0, symbol)
        self._day.clear()

    def _append(
        self, at_ns: int, currency: str, kind: str, amount: int, fee: int, symbol: str
    ) -> None:
        self._number += 1
        balance = self._booked[currency] = self._booked.get(currency, 0) + amount
        # Unique over all accounts and the same after a replay: account and row number together.
        number = (self.account << 28) + self._number
        self.rows.append(
            Transaction(at_ns, number, self.account, currency, kind, amount, fee, symbol, balance)
        )
