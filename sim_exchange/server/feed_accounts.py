"""Feeds of an account: order, execution, position, margin, wallet (protocol.md 6.5, 6.8)."""

from sim_exchange.core.events import (
    Deleveraged,
    DepositChanged,
    Executed,
    Liquidated,
    LoansChanged,
    MarginChanged,
    MarkChanged,
    OrderChanged,
    OrderOpened,
    PositionChanged,
    WalletChanged,
    WithdrawalChanged,
)
from sim_exchange.core.types import Kind
from sim_exchange.core.views import MarkReaderLike, PositionMark
from sim_exchange.history import BALANCE_TYPES, ENDED_TEXTS, facts_of
from sim_exchange.server.topics import Outlet, Topic
from sim_exchange.server.venue import Venue
from sim_exchange.wire.rows import Row

TABLES = ("order", "execution", "position", "margin", "wallet")
DRIFT_INTERVAL_NS = 60_000_000_000
"""Updates of a spot row that nothing but its mark and a loan's interest moved: one in this span."""

_POSITION_ALWAYS = frozenset(
    {"account", "symbol", "currency", "currentQty", "homeNotional", "timestamp"}
)
_MARGIN_ALWAYS = frozenset({"account", "currency", "availableMargin", "marginBalance", "timestamp"})
_WALLET_ALWAYS = frozenset({"account", "currency", "amount", "timestamp"})
_TIMES = frozenset({"openingTimestamp", "currentTimestamp", "prevTimestamp", "timestamp"})

_Rows = list[tuple[str, Row]]


class _Account:
    """What subscribers of one account have been told, and what has changed since."""

    def __init__(self, reader: MarkReaderLike) -> None:
        self.reader = reader
        self.orders: dict[int, Row] = {}
        self.positions: dict[str, Row] = {}
        self.marks: dict[str, PositionMark] = {}
        self.margins: dict[str, Row] = {}
        self.wallets: dict[str, Row] = {}
        self.changed_orders: dict[int, Row] = {}
        self.executions: list[tuple[str, Row]] = []
        self.dirty_positions: dict[str, None] = {}
        self.states: dict[str, str] = {}  # position states to be told once, by symbol
        self.dirty_margins: dict[str, None] = {}
        self.dirty_wallets: dict[str, None] = {}
        self.marked: dict[str, None] = {}
        self.marked_margins: dict[str, None] = {}
        self.mark_due_ns = 0
        self.drifted: dict[str, None] = {}
        self.drift_due_ns = 0


class AccountFeed:
    """Keeps what each followed account's subscribers know and tells the difference."""

    def __init__(self, venue: Venue, outlet: Outlet) -> None:
        """Read ``venue``, write to ``outlet``."""
        self._venue = venue
        self._outlet = outlet
        self._mark_interval_ns = venue.settings.mark_interval_ns
        self._accounts: dict[int, _Account] = {}

    def order_changed(self, event: OrderOpened | OrderChanged) -> None:
        """Note an order's row as it is right after the command."""
        state = self._accounts.get(event.account)
        if state is None:
            return
        order = self._venue.exchange.orders.get(event.order_id)
        if order is not None and self._wanted("order", event.symbol, event.account):
            state.changed_orders[event.order_id] = self._venue.orders.order(order)

    def executed(self, event: Executed) -> None:
        """Note an execution report."""
        state = self._accounts.get(event.account)
        if state is None:
            return
        if event.exec_type in BALANCE_TYPES:
            state.dirty_positions[event.symbol] = None
            self._dirty_margin_of(state, event.symbol)
        if not self._wanted("execution", event.symbol, event.account):
            return
        order = self._venue.exchange.orders.get(event.order_id) if event.order_id else None
        tick = self._venue.exchange.markets[event.symbol].spec.tick_pico
        facts = None if order is None else facts_of(order, tick)
        state.executions.append((event.symbol, self._venue.orders.execution(event, facts)))

    def position_changed(self, event: PositionChanged) -> None:
        """Note that a position's row changed."""
        state = self._accounts.get(event.account)
        if state is not None:
            # What fills does not wait (``executed``); what orders hold waits like a mark.
            state.marked[event.symbol] = None
            state.reader.forget(event.symbol)

    def forced(self, event: Liquidated | Deleveraged) -> None:
        """Note what became of a position; what is left of it is told after that."""
        state = self._accounts.get(event.account)
        if state is not None:
            word = "Liquidated" if type(event) is Liquidated else "Deleverage"
            state.states[event.symbol] = word

    def margin_changed(self, event: MarginChanged) -> None:
        """Note that a margin row changed."""
        state = self._accounts.get(event.account)
        if state is not None:
            state.marked_margins[event.currency] = None

    def wallet_changed(
        self, event: WalletChanged | LoansChanged | WithdrawalChanged | DepositChanged
    ) -> None:
        """Note that a wallet changed, and with it the margin."""
        state = self._accounts.get(event.account)
        if state is not None:
            state.dirty_wallets[event.currency] = None
            state.dirty_margins[event.currency] = None

    def mark_changed(self, event: MarkChanged) -> None:
        """Note that a mark moved, for accounts that were told of a position in it."""
        symbol = event.symbol
        is_spot = self._venue.exchange.markets[symbol].spec.kind is Kind.SPOT
        for state in self._accounts.values():
            if symbol in state.positions or symbol in state.dirty_positions:
                (state.drifted if is_spot else state.marked)[symbol] = None

    def _dirty_margin_of(self, state: _Account, symbol: str) -> None:
        market = self._venue.exchange.markets[symbol]
        state.dirty_margins[market.spec.settl_currency] = None

    def flush(self, now_ns: int, *, all_marks: bool = False) -> None:
        """Tell changes: executions, orders, positions, margins, wallets.

        With ``all_marks`` updates that only a mark caused do not wait either.
        """
        for account, state in self._accounts.items():
            if state.drifted and (all_marks or now_ns >= state.drift_due_ns):
                state.drift_due_ns = now_ns + DRIFT_INTERVAL_NS
                state.dirty_positions.update(state.drifted)
                state.drifted.clear()
            if state.marked or state.marked_margins:
                self._take_marks(state, now_ns, all_marks=all_marks)
            self._follow_wallets(state)
            if state.states:
                self._flush_states(account, state)
            if state.executions:
                rows, state.executions = state.executions, []
                self._outlet.emit("execution", "insert", rows, account)
            if state.changed_orders:
                self._flush_orders(account, state)
            if state.dirty_positions:
                self._flush_positions(account, state)
            if state.dirty_margins:
                self._flush_margins(account, state)
            if state.dirty_wallets:
                self._flush_wallets(account, state)

    def _take_marks(self, state: _Account, now_ns: int, *, all_marks: bool) -> None:
        if now_ns < state.mark_due_ns and not all_marks:
            self._outlet.wake_at(state.mark_due_ns)
            return
        state.mark_due_ns = now_ns + self._mark_interval_ns
        for symbol in state.marked:
            state.dirty_positions[symbol] = None
            self._dirty_margin_of(state, symbol)
        state.marked.clear()
        state.dirty_margins.update(state.marked_margins)
        state.marked_margins.clear()

    def _follow_wallets(self, state: _Account) -> None:
        """Note the cross contracts of margins that changed: where they end moves with them."""
        if not state.dirty_margins:
            return
        for symbol, row in state.positions.items():
            if (
                row["crossMargin"]
                and row["isOpen"]
                and row["currency"] in state.dirty_margins
                and not self._is_spot(symbol)
            ):
                state.dirty_positions[symbol] = None

    def _flush_orders(self, account: int, state: _Account) -> None:
        changed, state.changed_orders = state.changed_orders, {}
        inserts: _Rows = []
        updates: _Rows = []
        for number, row in changed.items():
            symbol = str(row["symbol"])
            before = state.orders.get(number)
            if before is None:
                inserts.append((symbol, row))
            else:
                update = _order_update(before, row)
                if update is not None:
                    updates.append((symbol, update))
            if row["ordStatus"] in ENDED_TEXTS:
                state.orders.pop(number, None)
            else:
                state.orders[number] = row
        self._emit("order", account, inserts, updates)

    def _flush_states(self, account: int, state: _Account) -> None:
        """Tell what became of positions; their rows follow, and take the state back."""
        states, state.states = state.states, {}
        updates: _Rows = []
        for symbol, word in states.items():
            told = state.positions.get(symbol)
            if told is not None and self._wanted("position", symbol, account):
                told["posState"] = word
                always = {name: told[name] for name in told if name in _POSITION_ALWAYS}
                updates.append((symbol, {**always, "posState": word}))
        self._emit("position", account, [], updates)

    def _flush_positions(self, account: int, state: _Account) -> None:
        dirty, state.dirty_positions = state.dirty_positions, {}
        inserts: _Rows = []
        updates: _Rows = []
        for symbol in dirty:
            if not self._wanted("position", symbol, account):
                continue
            told = state.positions.get(symbol)
            if told is None:
                row = self._position(account, state, symbol)
                if row is not None:
                    inserts.append((symbol, row))
                continue
            update = self._position_update(account, state, symbol, told)
            if update is not None:
                updates.append((symbol, update))
        self._emit("position", account, inserts, updates)

    def _position(self, account: int, state: _Account, symbol: str) -> Row | None:
        """Read a whole position and remember it as told."""
        view = self._venue.exchange.position(account, symbol)
        if view is None:
            return None
        state.reader.remember(symbol)
        state.marks.pop(symbol, None)
        row = state.positions[symbol] = self._venue.accounts.position(view)
        return row

    def _position_update(self, account: int, state: _Account, symbol: str, told: Row) -> Row | None:
        mark = state.reader.mark(symbol)
        if mark is None or self._is_quanto(symbol):
            row = self._position(account, state, symbol)
            return None if row is None else _difference(told, row, _POSITION_ALWAYS)
        before = state.marks.get(symbol)
        state.marks[symbol] = mark
        if before is not None and before[:-1] == mark[:-1]:
            return None
        fresh = self._venue.accounts.marked(account, symbol, mark)
        update = _difference(told, fresh, _POSITION_ALWAYS)
        told.update(fresh)
        return update

    def _is_spot(self, symbol: str) -> bool:
        return self._venue.exchange.markets[symbol].spec.kind is Kind.SPOT

    def _is_quanto(self, symbol: str) -> bool:
        return self._venue.exchange.markets[symbol].spec.kind is Kind.QUANTO

    def _flush_margins(self, account: int, state: _Account) -> None:
        dirty, state.dirty_margins = state.dirty_margins, {}
        if not self._wanted("margin", "", account):
            return
        venue = self._venue
        inserts: _Rows = []
        updates: _Rows = []
        for currency in dirty:
            told = state.margins.get(currency)
            if told is None:
                if currency in venue.exchange.margin_currencies(account):
                    view = venue.exchange.margin(account, currency)
                    row = state.margins[currency] = venue.accounts.margin(view)
                    inserts.append(("", row))
                continue
            fresh = venue.accounts.margin_part(state.reader.margin(currency))
            update = _difference(told, fresh, _MARGIN_ALWAYS)
            if update is not None:
                told.update(fresh)
                updates.append(("", update))
        self._emit("margin", account, inserts, updates)

    def _flush_wallets(self, account: int, state: _Account) -> None:
        dirty, state.dirty_wallets = state.dirty_wallets, {}
        if not self._wanted("wallet", "", account):
            return
        inserts: _Rows = []
        updates: _Rows = []
        for currency in dirty:
            row = self._venue.accounts.wallet(self._venue.exchange.wallet(account, currency))
            told = state.wallets.get(currency)
            state.wallets[currency] = row
            if told is None:
                inserts.append(("", row))
                continue
            update = _difference(told, row, _WALLET_ALWAYS)
            if update is not None:
                updates.append(("", update))
        self._emit("wallet", account, inserts, updates)

    def _emit(self, table: str, account: int, inserts: _Rows, updates: _Rows) -> None:
        if inserts:
            self._outlet.emit(table, "insert", inserts, account)
        if updates:
            self._outlet.emit(table, "update", updates, account)

    def partial(self, topic: Topic) -> list[Row]:
        """Return a topic's rows and remember the account's rows as told."""
        account = topic.account
        venue = self._venue
        exchange = venue.exchange
        state = self._accounts.get(account)
        if state is None:
            state = self._accounts[account] = _Account(exchange.mark_reader(account))
        symbol = topic.symbol
        match topic.table:
            case "order":
                opened = exchange.open_orders(account)
                state.orders = {order.order_id: venue.orders.order(order) for order in opened}
                return [row for row in state.orders.values() if symbol in ("", row["symbol"])]
            case "position":
                views = exchange.positions(account)
                state.positions = {view.symbol: venue.accounts.position(view) for view in views}
                state.marks.clear()
                for key in state.positions:
                    state.reader.remember(key)
                return [row for key, row in state.positions.items() if symbol in ("", key)]
            case "margin":
                for currency in exchange.margin_currencies(account):
                    view = exchange.margin(account, currency)
                    state.margins[currency] = venue.accounts.margin(view)
                return list(state.margins.values())
            case "wallet":
                for currency in exchange.wallet_currencies(account):
                    wallet = exchange.wallet(account, currency)
                    state.wallets[currency] = venue.accounts.wallet(wallet)
                return list(state.wallets.values())
            case _:
                return []

    def forget(self, accounts: set[int]) -> None:
        """Drop accounts that nobody listens to any more."""
        for account in [a for a in self._accounts if a not in accounts]:
            del self._accounts[account]

    def _wanted(self, table: str, symbol: str, account: int) -> bool:
        return self._outlet.wanted(table, symbol, account)


def _difference(told: Row, fresh: Row, always: frozenset[str]) -> Row | None:
    """Return the update that makes ``told`` of ``fresh``, or None when only times differ."""
    for name, value in fresh.items():
        if told[name] != value and name not in _TIMES:
            break
    else:
        return None
    return {name: value for name, value in fresh.items() if told[name] != value or name in always}


def _order_update(before: Row, row: Row) -> Row | None:
    changed = {k: v for k, v in row.items() if before[k] != v}
    if not changed.keys() - {"timestamp", "transactTime"}:
        return None
    if changed.get("avgPx", 0) is None:
        # A client raises on a null avgPx in an update (6.5).
        del changed["avgPx"]
    update: Row = {"orderID": row["orderID"], **changed, "timestamp": row["timestamp"]}
    update["clOrdID"] = row["clOrdID"]
    update["account"] = row["account"]
    update["symbol"] = row["symbol"]
    return update
