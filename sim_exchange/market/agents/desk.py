"""What every background trader has: accounts, a generator, a place in the order of an instant."""

import random
from collections.abc import Callable
from math import exp, sqrt

from sim_exchange.core.commands import CancelAll, Command, Deposit, OpenAccount
from sim_exchange.core.events import Accepted, Event
from sim_exchange.core.types import DAY_NS, PICO, PPM, SECOND_NS, State, currency_decimals
from sim_exchange.core.views import ExchangeView, MarketLike
from sim_exchange.errors import CoreError
from sim_exchange.session import Session

XBT = 10**8
"""XBt in an XBT."""

YEAR_S = 365 * 86_400


class Desk:
    """One trader's way to the exchange: its accounts go through the session like anybody's."""

    def __init__(
        self, session: Session, view: ExchangeView, rng: random.Random, source: int
    ) -> None:
        """Act as source number ``source`` of an instant."""
        self.session = session
        self.view = view
        self.rng = rng
        self.source = source

    def submit(self, command: Command) -> tuple[Event, ...]:
        """Hand a command in, now."""
        return self.session.submit(command)

    def wake_in(self, seconds: float, callback: Callable[[int], None]) -> None:
        """Call ``callback(instant)`` in so many seconds of the exchange's time."""
        at_ns = self.session.at_ns + round(seconds * SECOND_NS)
        self.session.scheduler.at(at_ns, self.source, callback)

    def account(self, name: str, **funds: int) -> int:
        """Return the id of the account called ``name``; open and fund it when there is none.

        ``funds`` are minor units by currency. What an account left open before a restart is
        canceled.
        """
        for account_id, account in self.view.accounts.items():
            if account.name == name:
                self.submit(CancelAll(account=account_id))
                return account_id
        account_id = opened(self.submit(OpenAccount(name=name, flags=("background",))))
        for currency, amount in funds.items():
            self.submit(Deposit(to_account=account_id, currency=currency, amount=amount))
        return account_id


def opened(events: tuple[Event, ...]) -> int:
    """Return the account id that an ``OpenAccount`` gave."""
    for event in events:
        if isinstance(event, Accepted):
            return event.ref
    raise CoreError(f"no account was opened: {events}")


def coins(value_xbt: float, price: int) -> float:
    """How many coins are worth ``value_xbt`` at ``price`` pico XBT."""
    return value_xbt * PICO / price


def coin_minor(currency: str, value_xbt: float, price: int) -> int:
    """Minor units of a coin worth ``value_xbt``, at least 1."""
    return max(1, round(coins(value_xbt, price) * 10.0 ** currency_decimals(currency)))


def open_market(view: ExchangeView, symbol: str) -> MarketLike | None:
    """The market of a symbol while it trades, else None."""
    market = view.markets.get(symbol)
    return market if market is not None and market.state is State.OPEN else None


def carry(view: ExchangeView, market: MarketLike, currency: str) -> float:
    """The basis that borrowing ``currency`` at the best rate on offer gives, a fraction of spot.

    Covered interest parity with a home rate of 0; 0 when nothing is on offer or nothing is left.
    """
    offers = view.loan_offers(currency)
    expiry_ns = market.spec.expiry_ns
    if not offers or expiry_ns is None:
        return 0.0
    days = max(0, expiry_ns - view.now_ns) / DAY_NS
    return 1 / (1 + offers[0][1] / PICO * days) - 1


class Wanderer:
    """A mean-reverting number, drawn exactly for whatever time has passed."""

    def __init__(self, rng: random.Random, deviation: float, relaxation_s: float) -> None:
        """Start at a draw of the stationary law, whose standard deviation is ``deviation``."""
        self._rng = rng
        self._deviation = deviation
        self._relaxation_s = relaxation_s
        self._at_ns: int | None = None
        self._value = rng.gauss(0.0, deviation)

    def at(self, at_ns: int) -> float:
        """The number at an instant; instants must not go back."""
        if self._at_ns is not None:
            keep = exp(-(at_ns - self._at_ns) / (self._relaxation_s * SECOND_NS))
            kick = self._deviation * sqrt(1 - keep * keep)
            self._value = self._value * keep + self._rng.gauss(0.0, kick)
        self._at_ns = at_ns
        return self._value


def fee(ppm: int) -> float:
    """A fee in ppm as a fraction."""
    return ppm / PPM
