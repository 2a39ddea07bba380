"""The listener that remembers: per symbol for all, per account for those that are followed."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from sim_exchange.core.commands import Advance, Command, OpenAccount
from sim_exchange.core.events import (
    Accepted,
    BookChanged,
    Event,
    Executed,
    FundingPaid,
    FundSnapshot,
    IndexPublished,
    OrderChanged,
    OrderOpened,
    SettledAt,
    Traded,
    WalletChanged,
    WithdrawalChanged,
)
from sim_exchange.core.types import MINUTE_NS, Kind, Side, TickDirection
from sim_exchange.core.views import ExchangeView, OrderLike
from sim_exchange.history.bins import Bins, DayStats
from sim_exchange.history.quality import Quality
from sim_exchange.history.records import (
    BALANCE_TYPES,
    ENDED,
    EndedOrder,
    Execution,
    Funded,
    Insured,
    Quote,
    Settled,
    Tick,
    ended_copy,
    facts_of,
)
from sim_exchange.history.wallets import WalletHistory

TRADES_KEPT = 10_000
"""Trades kept of a symbol."""
QUOTES_KEPT = 10_000
"""Changes of the touch kept of a symbol."""
SETTLEMENTS_KEPT = 5_000
"""Settlements kept in all."""
FUNDINGS_KEPT = 20_000
"""Fundings kept in all."""
SNAPSHOTS_KEPT = 5_000
"""Noons of the insurance fund kept in all."""
EXECUTIONS_KEPT = 5_000
"""Execution reports kept of an account."""
BALANCE_EXECUTIONS_KEPT = 20_000
"""Balance-affecting executions (trade, funding, settlement) kept of an account."""
ENDED_ORDERS_KEPT = 5_000
"""Ended orders kept of an account."""

BACKGROUND = "background"
"""Flag of accounts that nobody reads: the market's own traders."""

_PICO_DECIMALS = 12


class AccountHistory:
    """What has happened to one account, oldest first."""

    def __init__(self, account: int) -> None:
        """Start empty."""
        self.executions: deque[Execution] = deque(maxlen=EXECUTIONS_KEPT)
        self.balance_executions: deque[Execution] = deque(maxlen=BALANCE_EXECUTIONS_KEPT)
        self.ended: dict[int, EndedOrder] = {}
        self.names: dict[str, int] = {}
        self.wallet = WalletHistory(account)
        self.quality = Quality()

    def order_ended(self, order: OrderLike, tick_pico: int) -> None:
        """Keep a copy of an order; the oldest one goes when there are too many."""
        self.ended.pop(order.order_id, None)
        self.ended[order.order_id] = ended_copy(order, tick_pico)
        if len(self.ended) > ENDED_ORDERS_KEPT:
            oldest = self.ended.pop(next(iter(self.ended)))
            if self.names.get(oldest.cl_ord_id) == oldest.order_id:
                del self.names[oldest.cl_ord_id]


class History:
    """What has happened; subscribe ``on_commit`` to the session before it replays its journal."""

    def __init__(self, exchange: ExchangeView) -> None:
        """Start empty; ``exchange`` is read right after each command."""
        self.exchange = exchange
        self.trades: dict[str, deque[Tick]] = {}
        self.quotes: dict[str, deque[Quote]] = {}
        self.bins: dict[str, Bins] = {}
        self.stats: dict[str, DayStats] = {}
        self.settlements: deque[Settled] = deque(maxlen=SETTLEMENTS_KEPT)
        self.insured: deque[Insured] = deque(maxlen=SNAPSHOTS_KEPT)
        self.fundings: deque[Funded] = deque(maxlen=FUNDINGS_KEPT)
        self.accounts: dict[int, AccountHistory] = {}
        self._index_next_ns: dict[str, int] = {}  # from when on its next value is kept
        self._touched: set[str] = set()
        self._moved: set[int] = set()
        self._handlers: dict[type[Event], Callable[[Any], None]] = {
            Traded: self._traded,
            BookChanged: self._book_changed,
            Executed: self._executed,
            OrderOpened: self._order_changed,
            OrderChanged: self._order_changed,
            WalletChanged: self._wallet_changed,
            WithdrawalChanged: self._withdrawal_changed,
            SettledAt: self._settled,
            FundingPaid: self._funded,
            FundSnapshot: self._fund_told,
        }

    def follow(self, account: int) -> AccountHistory:
        """Remember an account from now on; all but background ones are, from their opening."""
        found = self.accounts.get(account)
        if found is None:
            found = self.accounts[account] = AccountHistory(account)
        return found

    def on_commit(self, _seq: int, at_ns: int, command: Command, events: Sequence[Event]) -> None:
        """Take in what one command did."""
        if type(command) is OpenAccount:
            self._opened(command, events)
        self._take_in(events)
        if self._touched:
            for symbol in self._touched:
                self._look_at_touch(symbol, at_ns)
            self._touched.clear()
        if self._moved:
            for account in self._moved:
                self.accounts[account].wallet.end_command(at_ns)
            self._moved.clear()
        if type(command) is Advance:
            for history in self.accounts.values():
                history.wallet.close_day(at_ns, inclusive=True)

    def _take_in(self, events: Sequence[Event]) -> None:
        handlers, next_ns = self._handlers, self._index_next_ns
        for event in events:
            # Every value would be 17,280 rows a day; the venue's table has one a minute (2.7).
            if type(event) is IndexPublished:
                if event.at_ns >= next_ns.get(event.symbol, 0):
                    self._index_published(event)
                continue
            handler = handlers.get(type(event))
            if handler is not None:
                handler(event)

    def _opened(self, command: OpenAccount, events: Sequence[Event]) -> None:
        if BACKGROUND in command.flags:
            return
        for event in events:
            if type(event) is Accepted:
                self.follow(event.ref)

    def stats_of(self, symbol: str) -> DayStats:
        """Return the rolling day of a symbol, empty when it never traded."""
        found = self.stats.get(symbol)
        if found is None:
            found = self.stats[symbol] = DayStats()
        return found

    def last_trade(self, symbol: str) -> Tick | None:
        """Return a symbol's last trade."""
        trades = self.trades.get(symbol)
        return trades[-1] if trades else None

    def last_quote(self, symbol: str) -> Quote | None:
        """Return a symbol's touch as of its last change."""
        quotes = self.quotes.get(symbol)
        return quotes[-1] if quotes else None

    def tick_of(self, event: Traded) -> Tick:
        """Return a public trade as it is kept."""
        tick_pico = self.exchange.markets[event.symbol].spec.tick_pico
        return Tick(
            event.at_ns,
            event.symbol,
            event.side is Side.BUY,
            event.qty,
            event.price * tick_pico,
            event.direction.value,
            event.match_id,
            event.gross_value,
        )

    def _record_tick(self, tick: Tick) -> None:
        symbol = tick.symbol
        trades = self.trades.get(symbol)
        if trades is None:
            trades = self.trades[symbol] = deque(maxlen=TRADES_KEPT)
            self.bins[symbol] = Bins(symbol)
        trades.append(tick)
        self.bins[symbol].add(tick.at_ns, tick.price_pico, tick.size, tick.gross_value)
        self.stats_of(symbol).add(tick.at_ns, tick.price_pico, tick.size, tick.gross_value)

    def _traded(self, event: Traded) -> None:
        self._record_tick(self.tick_of(event))

    def _index_published(self, event: IndexPublished) -> None:
        self._index_next_ns[event.symbol] = (event.at_ns // MINUTE_NS + 1) * MINUTE_NS
        index = self.exchange.indices[event.symbol]
        price = event.price * 10 ** (_PICO_DECIMALS - index.spec.decimals)
        direction = index.direction or TickDirection.ZERO_PLUS
        self._record_tick(Tick(event.at_ns, event.symbol, True, 0, price, direction.value, 0, 0))

    def _book_changed(self, event: BookChanged) -> None:
        self._touched.add(event.symbol)

    def _look_at_touch(self, symbol: str, at_ns: int) -> None:
        market = self.exchange.markets[symbol]
        book = market.book
        tick = market.spec.tick_pico
        bid, ask = book.best_bid(), book.best_ask()
        bid_size = 0 if bid is None else book.size_at(Side.BUY, bid)
        ask_size = 0 if ask is None else book.size_at(Side.SELL, ask)
        bid_pico = 0 if bid is None else bid * tick
        ask_pico = 0 if ask is None else ask * tick
        quotes = self.quotes.get(symbol)
        if quotes is None:
            quotes = self.quotes[symbol] = deque(maxlen=QUOTES_KEPT)
        elif quotes:
            last = quotes[-1]
            if (
                last.bid_pico == bid_pico
                and last.ask_pico == ask_pico
                and last.bid_size == bid_size
                and last.ask_size == ask_size
            ):
                return
        quotes.append(Quote(at_ns, symbol, bid_size, bid_pico, ask_pico, ask_size))

    def _executed(self, event: Executed) -> None:
        history = self.accounts.get(event.account)
        if history is None:
            return
        order = self.exchange.orders.get(event.order_id) if event.order_id else None
        facts = None
        if order is not None:
            facts = facts_of(order, self.exchange.markets[event.symbol].spec.tick_pico)
        in_xbt = self.exchange.markets[event.symbol].spec.settl_currency == "XBt"
        history.quality.add(event, in_xbt=in_xbt)
        record = Execution(event, facts)
        history.executions.append(record)
        if event.exec_type in BALANCE_TYPES:
            history.balance_executions.append(record)

    def _order_changed(self, event: OrderOpened | OrderChanged) -> None:
        history = self.accounts.get(event.account)
        if history is None:
            return
        order = self.exchange.orders.get(event.order_id)
        if order is None:
            return
        if order.cl_ord_id:
            history.names[order.cl_ord_id] = order.order_id
        if order.status in ENDED:
            history.order_ended(order, self.exchange.markets[order.symbol].spec.tick_pico)
        elif event.order_id in history.ended:
            # An amend of leavesQty has revived it (E4).
            del history.ended[event.order_id]

    def _wallet_changed(self, event: WalletChanged) -> None:
        history = self.accounts.get(event.account)
        if history is None:
            return
        market = self.exchange.markets.get(event.symbol) if event.symbol else None
        is_spot = market is not None and market.spec.kind is Kind.SPOT
        history.wallet.add(event, is_spot=is_spot)
        if is_spot:
            self._moved.add(event.account)

    def _withdrawal_changed(self, event: WithdrawalChanged) -> None:
        history = self.accounts.get(event.account)
        if history is not None:
            history.wallet.withdrawal(event)

    def _fund_told(self, event: FundSnapshot) -> None:
        self.insured.append(Insured(event.at_ns, event.currency, event.amount))

    def _funded(self, event: FundingPaid) -> None:
        self.fundings.append(Funded(event.at_ns, event.symbol, event.interval_ns, event.rate_ppm))

    def _settled(self, event: SettledAt) -> None:
        spec = self.exchange.markets[event.symbol].spec
        price = event.price * 10 ** (_PICO_DECIMALS - spec.mark_decimals)
        strike = 0 if spec.option is None else spec.option.strike_pico
        self.settlements.append(
            Settled(
                event.at_ns,
                event.symbol,
                price,
                event.adjustment_ppm,
                strike,
                event.underlying_pico,
            )
        )
