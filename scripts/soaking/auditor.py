"""A second pair of eyes: keeps its own books from events alone, and compares after each command.

Whatever an event names is compared with the exchange at once: wallets with what was posted and
told, levels with what was published, longs with shorts, fees with commissions. The whole ``check``
is the exchange's own and is run by whoever soaks.
"""

import hashlib

import msgspec

from sim_exchange.core.commands import Command
from sim_exchange.core.events import BookChanged, Event, Executed, Posted, WalletChanged
from sim_exchange.core.exchange import Exchange
from sim_exchange.core.types import Side
from sim_exchange.errors import InvariantError

_encoder = msgspec.msgpack.Encoder()


class Told:
    """One number for all that was asked of an exchange and all that it told."""

    def __init__(self) -> None:
        self._digest = hashlib.blake2b(digest_size=16)

    def hear(self, at_ns: int, command: Command, events: tuple[Event, ...]) -> None:
        """Take one command and its events in."""
        self._digest.update(_encoder.encode((at_ns, command, events)))

    @property
    def digest(self) -> str:
        """The number so far."""
        return self._digest.hexdigest()


class Auditor:
    """Mirrors balances and levels of one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._balances: dict[tuple[str, str], int] = {}
        self._wallets: dict[tuple[int, str], int] = {}
        self._levels: dict[tuple[str, Side, int], int] = {}

    def hear(self, events: tuple[Event, ...]) -> None:
        """Take the events of one command in and compare what they name.

        Raises:
            InvariantError: the exchange and its events tell different stories.
        """
        posted: set[tuple[str, str]] = set()
        wallets: set[tuple[int, str]] = set()
        traded: set[str] = set()
        levels: set[tuple[str, Side, int]] = set()
        for event in events:
            if isinstance(event, Posted):
                self._post(event, posted)
            elif isinstance(event, WalletChanged):
                wallets.add(self._take_wallet(event))
            elif isinstance(event, BookChanged):
                level = (event.symbol, event.side, event.price)
                self._levels[level] = event.size
                levels.add(level)
            elif isinstance(event, Executed) and event.last_qty:
                traded.add(event.symbol)
        for currency, name in posted:
            self._compare_balance(currency, name)
        for account, currency in wallets:
            self._compare_wallet(account, currency)
        for symbol in traded:
            market = self._exchange.markets[symbol]
            if market.longs != market.shorts:
                raise InvariantError(f"L2-2 {symbol}: {market.longs} longs, {market.shorts} shorts")
        self._compare_levels(levels)

    def _post(self, event: Posted, posted: set[tuple[str, str]]) -> None:
        if sum(amount for _, amount in event.entries):
            raise InvariantError(f"posting {event} does not sum to 0")
        for name, amount in event.entries:
            key = (event.currency, name)
            self._balances[key] = self._balances.get(key, 0) + amount
            posted.add(key)

    def _take_wallet(self, event: WalletChanged) -> tuple[int, str]:
        key = (event.account, event.currency)
        self._wallets[key] = self._wallets.get(key, 0) + event.amount
        if self._wallets[key] != event.balance:
            raise InvariantError(f"wallet {key}: told {event.balance}, sum {self._wallets[key]}")
        return key

    def _compare_balance(self, currency: str, name: str) -> None:
        posted = self._balances[currency, name]
        if name == "fund:insurance" and posted < 0:
            raise InvariantError(f"L2-7: the fund has {posted} {currency}")
        if not name.startswith("user:"):
            return
        account = int(name.split(":")[1])
        held = self._exchange.wallet(account, currency).amount
        if held != posted:
            raise InvariantError(f"{name} has {held} {currency}, posted {posted}")
        if held != self._wallets.get((account, currency), 0):
            raise InvariantError(f"{name} has {held} {currency}, and that was not told")
        if held < 0:
            raise InvariantError(f"L2-7: {name} has {held} {currency}")

    def _compare_wallet(self, account: int, currency: str) -> None:
        held = self._exchange.wallet(account, currency).amount
        if held != self._wallets[account, currency]:
            raise InvariantError(f"wallet of {account}: {held} {currency}, told otherwise")

    def _compare_levels(self, levels: set[tuple[str, Side, int]]) -> None:
        markets = self._exchange.markets
        for symbol, side, price in levels:
            size = markets[symbol].book.size_at(side, price)
            if size != self._levels[symbol, side, price]:
                raise InvariantError(f"{symbol} {side.name} {price}: {size}, told otherwise")
        for symbol in {symbol for symbol, _, _ in levels}:
            book = markets[symbol].book
            bid, ask = book.bids.best(), book.asks.best()
            if bid is not None and ask is not None and bid >= ask:
                raise InvariantError(f"L2-9 {symbol}: bid {bid}, ask {ask}")
