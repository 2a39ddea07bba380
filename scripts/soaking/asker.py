"""Who asks: an exchange with a market, and prices and sizes that make sense there."""

import random
from collections import Counter

import msgspec

from scripts.soaking.auditor import Auditor, Told
from scripts.soaking.market import (
    ACCOUNTS,
    COIN,
    INSTRUMENTS,
    MEMBERS,
    PRICES,
    START_NS,
    opening,
)
from sim_exchange.core import commands as c
from sim_exchange.core.events import Event, Refused
from sim_exchange.core.exchange import Exchange
from sim_exchange.core.types import (
    SECOND_NS,
    Side,
    State,
)
from sim_exchange.journal import Journal

TELLING = frozenset({"SettledAt", "Liquidated", "FundingPaid", "Deleveraged", "SplitTaken"})
"""Events around which the whole check is run at once."""


class Asker:
    """One exchange, and what was asked of it so far."""

    def __init__(self, seed: str, journal: Journal | None = None) -> None:
        """Open the market of ``seed``; nobody has traded yet. ``journal`` keeps every command."""
        self.rng = random.Random(seed)  # noqa: S311 - a test, not a secret
        self.now_ns = START_NS
        self.exchange = Exchange(START_NS, audits=True)
        self.steps = 0
        self.last: c.AnyCommand = c.Advance()
        self.seen: Counter[str] = Counter()
        self.told_much = False
        """Whether the last command brought a settlement, funding, liquidation or the like."""
        self._auditor = Auditor(self.exchange)
        self._told = Told()
        self._journal = journal
        self._print_all()
        for command in opening():
            self.do(command)
        self._print_all()

    @property
    def digest(self) -> str:
        """All commands and events so far, in one number."""
        return self._told.digest

    def do(self, command: c.AnyCommand) -> tuple[Event, ...]:
        """Apply one command now; compare what it told with what is."""
        self.last = command
        events = self.exchange.apply(command, self.now_ns)
        self.steps += 1
        self._auditor.hear(events)
        self._told.hear(self.now_ns, command, events)
        if self._journal is not None:
            self._journal.append(self.steps, self.now_ns, command)
        self.told_much = False
        for event in events:
            name = type(event).__name__
            if name in TELLING:
                self.told_much = True
            self.seen[name] += 1
            if isinstance(event, Refused):
                self.seen[f"refused {event.reason.value}"] += 1
        return events

    def _account(self) -> int:
        return self.rng.randint(1, ACCOUNTS)

    def _symbol(self) -> str:
        return self.rng.choice(INSTRUMENTS).symbol

    def _price(self, symbol: str, side: Side) -> int | None:
        """Return a price near the mark in ticks, seldom through it; None without a mark."""
        market = self.exchange.markets[symbol]
        spec = market.spec
        mark = market.mark * 10 ** (12 - spec.mark_decimals) // spec.tick_pico
        if not mark:
            return None
        away = self.rng.randint(-mark // 400 - 1, mark // 60 + 2)
        price: int = mark - side * away
        return max(1, min(price, spec.max_price_ticks))

    def _qty(self, symbol: str, account: int) -> int:
        """Return a quantity that the account could often hold, and now and then can't."""
        market = self.exchange.markets[symbol]
        if market.spec.base_currency:
            return self.rng.randint(1, 40 * COIN)
        value = max(1, market.mark_value)
        free = self.exchange.margin(account, "XBt").available
        most = max(2, free * 20 // (value * self.rng.choice((1, 5, 20))))
        return self.rng.randint(1, min(most, 200_000))

    def _print_all(self) -> None:
        for symbol, price in PRICES.items():
            if symbol in self.exchange.indices:
                self.do(c.IndexPrints(index=symbol, prices=(price,) * len(MEMBERS)))
        self._publish()

    def _publish(self) -> None:
        self.now_ns = (self.now_ns // (5 * SECOND_NS) + 1) * 5 * SECOND_NS
        self.do(c.Advance())

    def _list_anew(self) -> None:
        """Relist what has been settled, for as long as it lived before."""
        for spec in INSTRUMENTS:
            market = self.exchange.markets[spec.symbol]
            if market.state is State.SETTLED and spec.expiry_ns is not None:
                life = spec.expiry_ns - spec.listing_ns
                again = msgspec.structs.replace(
                    spec, listing_ns=self.now_ns, expiry_ns=self.now_ns + life
                )
                self.do(c.ListInstrument(spec=again))
