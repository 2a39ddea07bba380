"""Who lends the coin: a few rungs of offers around a daily rate that wanders over hours."""

from math import exp

import msgspec

from sim_exchange.core.commands import OfferLoans
from sim_exchange.core.types import PICO
from sim_exchange.market.agents.desk import Desk, Wanderer, coin_minor
from sim_exchange.market.prices import Priced


class LenderFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The lender of one coin."""

    rate_per_day: float = 0.001
    """Middle of the best rate, a plain fraction a day (0.1 %: 36.5 % a year)."""
    sigma: float = 0.3
    """Standard deviation of the best rate's logarithm."""
    relaxation_s: float = 86_400.0
    """Seconds in which a rate out of the ordinary fades by e."""
    lowest: float = 0.0005
    highest: float = 0.002
    """The best rate stays between these, plain fractions a day."""
    rungs: tuple[float, ...] = (1.0, 1.1, 1.25, 1.5, 2.0)
    """The offers' rates, as multiples of the best."""
    rung_value: float = 40.0
    """Coins on each rung, XBT."""
    pause_s: tuple[float, float] = (7_200.0, 14_400.0)
    """The offers are changed after a draw from this range of seconds."""


class Lender:
    """One account with coins to lend."""

    def __init__(self, desk: Desk, path: Priced, currency: str, figures: LenderFigures) -> None:
        """Prepare; ``start`` opens the account."""
        self._desk = desk
        self._currency = currency
        self._figures = figures
        self._log_rate = Wanderer(desk.rng, figures.sigma, figures.relaxation_s)
        self._path = path
        self._account = 0
        self._amount = 0

    def start(self) -> None:
        """Open the account and offer at once."""
        price = self._path.price(self._desk.session.at_ns)
        self._amount = coin_minor(self._currency, self._figures.rung_value, price)
        coins = 2 * self._amount * len(self._figures.rungs)
        self._account = self._desk.account(f"{self._currency} lender", **{self._currency: coins})
        self._offer(self._desk.session.at_ns)

    def _offer(self, at_ns: int) -> None:
        figures = self._figures
        best = figures.rate_per_day * exp(self._log_rate.at(at_ns))
        best = min(max(best, figures.lowest), figures.highest)
        # To the millionth a day: what a lender would type.
        offers = tuple(
            (self._amount, round(best * rung * 1e6) * (PICO // 10**6)) for rung in figures.rungs
        )
        self._desk.submit(OfferLoans(account=self._account, currency=self._currency, offers=offers))
        self._desk.wake_in(self._desk.rng.uniform(*figures.pause_s), self._offer)
