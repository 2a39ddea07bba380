"""A contest between traders while it runs: what each has turned over, made and lost (E29).

Nothing of it costs anything while no contest runs. Amounts are XBt: turnover counts what is settled
or paid in XBt. A match between accounts of one owner counts for nothing, and profit counts by
owner, so that linked accounts can neither wash nor shift it. The market's own traders do not take
part.
"""

from collections.abc import Iterable

from sim_exchange.core.orders.account import Account
from sim_exchange.core.types import Award

CURRENCY = "XBt"
BACKGROUND = "background"
"""Flag of the market's own traders."""

Score = tuple[int, int]
"""(value, instant at which it was reached, ns)."""


class Contest:
    """What has happened since the contest began."""

    def __init__(self, accounts: Iterable[Account], at_ns: int) -> None:
        self.started_ns = at_ns
        self._turnover: dict[int, Score] = {}
        self._liquidated: dict[int, Score] = {}
        self._base: dict[int, int] = {}  # profit before the contest, by account
        for account in accounts:
            self._base[account.account_id] = profit(account)

    def traded(
        self, making: Account, taking: Account, currency: str, value: int, at_ns: int
    ) -> None:
        """Count one match of ``value`` minor units."""
        if currency != CURRENCY or making.group == taking.group:
            return
        turnover = self._turnover
        for account in (making, taking):
            key = account.account_id
            turnover[key] = (turnover.get(key, (0, 0))[0] + value, at_ns)

    def liquidated(self, account: Account, currency: str, value: int, at_ns: int) -> None:
        """Count one liquidation of ``value`` minor units."""
        key = account.account_id
        if currency == CURRENCY and value > self._liquidated.get(key, (0, 0))[0]:
            self._liquidated[key] = (value, at_ns)

    def scores(self, award: Award, accounts: dict[int, Account], at_ns: int) -> dict[int, Score]:
        """Return the scores above 0 of those who take part, by account (profit: by owner)."""
        if award is Award.BIG_SPENDER:
            found = self._turnover
        elif award is Award.SHOOT_THE_MOON:
            found = self._liquidated
        else:
            sums: dict[int, int] = {}
            for key, account in accounts.items():
                made = profit(account) - self._base.get(key, 0)
                sums[account.group] = sums.get(account.group, 0) + made
            found = {key: (made, at_ns) for key, made in sums.items()}
        return {
            key: score for key, score in found.items() if score[0] > 0 and takes_part(accounts[key])
        }


def profit(account: Account) -> int:
    """Return what an account has made of contracts, realised and unrealised, fees paid, XBt."""
    made = account.closed_pnl.get(CURRENCY, 0)
    for position in account.contracts.get(CURRENCY, ()):
        made += position.rebalanced_pnl + position.realised_pnl
        if position.qty:
            made += position.unrealised_pnl
    return made


def takes_part(account: Account) -> bool:
    """Whether an account may win: it is neither the engine nor one of the market's own."""
    return account.account_id > 0 and BACKGROUND not in account.flags


def best(scores: dict[int, Score]) -> list[int]:
    """Return whose score is the highest, the earliest first."""
    if not scores:
        return []
    top = max(value for value, _ in scores.values())
    tied = [(at_ns, key) for key, (value, at_ns) in scores.items() if value == top]
    return [key for _, key in sorted(tied)]


def split(prize: int, winners: int) -> list[int]:
    """Split a prize evenly; what is left over goes to the first.

    >>> split(200, 3)
    [68, 66, 66]
    """
    share, rest = divmod(prize, winners)
    return [share + rest, *[share] * (winners - 1)]


def draw(seed: int, entrants: int) -> int:
    """Draw one of ``entrants`` evenly, from 0: the same for the same seed.

    The generator is SplitMix64, whose first number is taken; the bias is under 2**-32 for fewer
    than 2**32 entrants.

    >>> [draw(seed, 10) for seed in range(6)]
    [8, 5, 5, 1, 4, 3]
    """
    mask = (1 << 64) - 1
    x = (seed + 0x9E3779B97F4A7C15) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return ((x ^ (x >> 31)) * entrants) >> 64
