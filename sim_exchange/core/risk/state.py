"""Everything that the exchange knows, and how each change of it is told.

What may change many times in a command (an order's row, a level, a position, a margin) is told
once, when ``flush`` ends the command; what happened once is told at once.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from sim_exchange.core.commands import Command
from sim_exchange.core.events import (
    BookChanged,
    Event,
    Executed,
    MarginChanged,
    OrderChanged,
    OrderOpened,
    Posted,
    Refused,
    WalletChanged,
)
from sim_exchange.core.orders.account import Account, Position
from sim_exchange.core.orders.book import Half
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import KEEP_NS, Order
from sim_exchange.core.orders.waiting import Waiting
from sim_exchange.core.timers import Timers
from sim_exchange.core.treasury.cash import CashDesk
from sim_exchange.core.treasury.ledger import ENGINE, Ledger
from sim_exchange.core.treasury.lending import LendingDesk
from sim_exchange.core.types import Cause, ExecType, Mode, OrdStatus, Reason, Side
from sim_exchange.core.types import State as Listing
from sim_exchange.errors import InvariantError

if TYPE_CHECKING:
    from sim_exchange.core.guards.announcement import Announcement
    from sim_exchange.core.guards.spam import SpamRule
    from sim_exchange.core.risk.contest import Contest
    from sim_exchange.core.risk.index_row import IndexRow

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_CANCELED = OrdStatus.CANCELED
_TOLD_CANCELED = ExecType.CANCELED

ENGINE_ID = 0
"""Account of the liquidation engine; its money is the ledger's ``engine:liquidation``."""

_HALT = Mode.HALT
_SETTLED = Listing.SETTLED
_BUY = Side.BUY
_SELL = Side.SELL

Handlers = dict[type[Command], Callable[[Any], None]]
"""What a room does for each kind of command that it takes."""


def _nobody_halts(market: Market, until_ns: int) -> None:
    raise InvariantError(f"{market.symbol} must halt until {until_ns} and nobody keeps modes")


class Snapshot(NamedTuple):
    """What was credited at a chain split, and what was owed to users at that instant (L2-14)."""

    currency: str
    at_ns: int
    credited: int
    liabilities: int


Covered = tuple[Account, str, int]
"""Whose order was found to be covered, in which currency, and the next match then (L2-8)."""


class State:
    """The exchange's memory; ``now_ns`` is the instant of what is being done."""

    __slots__ = (
        "_books",
        "accounts",
        "announcements",
        "armed",
        "audits",
        "cash",
        "changed_orders",
        "commissions",
        "contest",
        "covered",
        "desk",
        "ended",
        "engine",
        "engine_pnl",
        "epoch",
        "equalised",
        "fund_given",
        "funding_kept",
        "funding_told",
        "halt",
        "indices",
        "last_traded",
        "ledger",
        "lenders",
        "links",
        "markets",
        "mode",
        "next_account",
        "next_exec",
        "next_match",
        "next_order",
        "next_row",
        "no_deposits",
        "now_ns",
        "orders",
        "out",
        "released",
        "snapshots",
        "spam",
        "stale",
        "timers",
        "told_from",
        "touched",
        "unlinked",
    )

    def __init__(self, start_ns: int) -> None:
        self.now_ns = start_ns
        self.timers = Timers()
        self.out: list[Event] = []
        self.ledger = Ledger()
        self.ledger.out = self.out  # postings stand among the other events, in order
        self.desk = LendingDesk(self.ledger)
        self.cash = CashDesk(self.ledger)
        self.engine = Account(ENGINE_ID, "engine", ("engine",), start_ns)
        self.engine.wallet = ENGINE
        self.accounts: dict[int, Account] = {ENGINE_ID: self.engine}
        self.markets: dict[str, Market] = {}
        self.indices: dict[str, IndexRow] = {}
        self.orders: dict[int, Order] = {}
        self.spam: SpamRule | None = None
        self.announcements: dict[int, Announcement] = {}
        self.halt: Callable[[Market, int], None] = _nobody_halts  # set by whoever keeps the modes
        self.mode = Mode.OPEN  # of the whole engine; instruments may have their own (E17)
        self.contest: Contest | None = None  # while one runs (E29)
        self.lenders: set[tuple[int, str]] = set()
        self.armed: dict[str, Market] = {}  # whose waiting orders are to be looked at
        self.links: dict[tuple[int, str], list[Order]] = {}  # by account and clOrdLinkID
        self.unlinked: list[Order] = []  # linked orders that have ended; the others follow
        self.stale: list[Account] = []  # those with the mark, in the order in which they got it
        self.last_traded: dict[str, Market] = {}  # traded, and marked by its last trade
        self.next_account = 1
        self.next_row = 0
        self.next_order = 1
        self.next_exec = 1
        self.next_match = 1
        # What was told, summed apart from what was posted, so that both can be compared (L2).
        self.commissions: dict[str, int] = {}  # by currency, over all executions
        self.engine_pnl: dict[str, int] = {}  # realised by the engine, by currency
        self.snapshots: dict[str, Snapshot] = {}  # by the coin that was credited (E18)
        self.no_deposits: set[str] = set()  # currencies that may be withdrawn but not deposited
        self.fund_given: dict[str, int] = {}  # in the fund by anything else than its PNL
        self.equalised: dict[tuple[int, str], int] = {}  # trade PNL at the last rebalance (E13d)
        self.released: dict[tuple[int, str], int] = {}  # what was unlocked of the gains since
        self.funding_told: dict[str, int] = {}  # paid less received, by currency
        self.funding_kept: dict[str, int] = {}  # what was left of it in exchange:rounding
        self.covered: tuple[Covered, ...] = ()  # by orders that this command took in (L2-8)
        self.audits = False  # whether promises are looked at within commands too (L2-8)
        self.ended: deque[tuple[int, int]] = deque()  # instant and order, the oldest first
        self.epoch = 0
        """Moves on with every timer and every command but the usual ones (``quick.py``)."""
        self.told_from = 1  # orders from this number on were opened in this command
        self.changed_orders: dict[int, Order] = {}
        self.touched: dict[tuple[int, str, str], Position | None] = {}
        """By account, symbol or "", and currency."""
        self._books: dict[str, Market] = {}

    @property
    def suspended(self) -> bool:
        """Whether the whole engine stands still: every instrument that is not settled halts."""
        if self.mode is _HALT:
            return True
        live = [m.mode for m in self.markets.values() if m.state is not _SETTLED]
        return bool(live) and all(mode is _HALT for mode in live)

    def positions_in(self, market: Market) -> list[Position]:
        """Return every position ever taken in ``market``, flat ones too, by account number."""
        positions = market.positions
        return [positions[key] for key in sorted(positions)]

    # --- telling

    def refuse(self, reason: Reason, detail: int = 0, text: str = "") -> None:
        """Tell that the command is refused; it must not have changed anything."""
        self.out.append(Refused(reason=reason, detail=detail, text=text))

    def flush(self) -> tuple[Event, ...]:  # noqa: C901 - one go: each command ends here
        """Return all events of the command that ends here, and forget them."""
        out = self.out
        changed = self.changed_orders
        if changed:
            told_from = self.told_from
            for order_id, order in changed.items():
                if order_id < told_from:
                    out.append(OrderChanged(order_id, order.account, order.symbol))
            changed.clear()
        books = self._books
        if books:
            for symbol, market in books.items():
                book = market.book
                if book.bids.changed:
                    self._tell_levels(symbol, _BUY, book.bids)
                if book.asks.changed:
                    self._tell_levels(symbol, _SELL, book.asks)
            books.clear()
        touched = self.touched
        if touched:
            # Each position and each margin once, in the order in which they were touched.
            margins: dict[MarginChanged, None] = {}
            for key, position in touched.items():
                if position is None:
                    margins[MarginChanged(account=key[0], currency=key[2])] = None
                else:
                    out.append(position.told)
                    margins[position.margin_told] = None
            out.extend(margins)
            touched.clear()
        self.told_from = self.next_order
        events = tuple(out)
        out.clear()
        return events

    def _tell_levels(self, symbol: str, side: Side, half: Half) -> None:
        out, levels = self.out, half.by_price
        for price in half.changed:
            size = levels[price].size if price in levels else 0
            out.append(BookChanged(symbol, side, price, size))
        half.changed.clear()

    def touch(self, position: Position) -> None:
        """Take note that a position or its orders changed."""
        self.touched[position.key] = position
        account = position.account
        if not account.stale:
            self.look_again(account)

    def touch_margin(self, account: Account, currency: str) -> None:
        """Take note that what the account may use of ``currency`` changed."""
        self.touched[account.account_id, "", currency] = None
        if not account.stale:
            self.look_again(account)

    def look_again(self, account: Account) -> None:
        """Have the liquidation prices of an account found anew when somebody asks for them."""
        if not account.stale:
            account.stale = True
            self.stale.append(account)

    def cover(self, account: Account, currency: str) -> None:
        """Take note that an order was taken in because its account can hold it (L2-8)."""
        self.covered = (*self.covered, (account, currency, self.next_match))

    def touch_book(self, market: Market) -> None:
        """Take note that levels of the market's book changed."""
        self._books[market.symbol] = market

    def report(
        self,
        order: Order,
        exec_type: ExecType,
        text: str = "",
        *,
        publish: bool = True,
        last_px: int = 0,
    ) -> None:
        """Tell an execution report without a trade, with the order as it is now."""
        self.out.append(
            Executed(
                self.next_exec,
                exec_type,
                order.order_id,
                order.account,
                order.symbol,
                order.side,
                0,
                last_px,
                None,
                0,
                0,
                0,
                "",
                order.order_qty,
                order.leaves_qty,
                order.cum_qty,
                order.avg_px,
                order.status,
                order.working,
                0,
                text,
                publish,
                self.now_ns,
            )
        )
        self.next_exec += 1

    # --- money

    def balance(self, account: Account, currency: str) -> int:
        """Return the account's wallet balance, minor units."""
        return self.ledger.balance(currency, account.wallet)

    def tell_wallet(
        self,
        account: Account,
        currency: str,
        amount: int,
        cause: Cause,
        symbol: str,
        later: int = 0,
    ) -> None:
        """Tell that a wallet changed by ``amount``; nothing for 0, nothing for the engine.

        ``later`` is what the same posting has moved after it: the balance told is before that.
        """
        if amount and account is not self.engine:
            self.out.append(
                WalletChanged(
                    account=account.account_id,
                    currency=currency,
                    amount=amount,
                    cause=cause,
                    symbol=symbol,
                    balance=self.ledger.balance(currency, account.wallet) - later,
                    at_ns=self.now_ns,
                )
            )

    def tell_postings(self, start: int) -> None:
        """Tell the wallet changes of the postings in ``out`` from ``start`` on, in order."""
        changes: list[WalletChanged] = []
        after: dict[tuple[int, str], int] = {}
        for event in reversed(self.out[start:]):
            if not isinstance(event, Posted):
                continue
            for ledger_account, amount in reversed(event.entries):
                kind, _, rest = ledger_account.partition(":")
                if kind != "user":
                    continue
                account = int(rest.partition(":")[0])
                key = (account, event.currency)
                if key not in after:
                    after[key] = self.ledger.balance(event.currency, ledger_account)
                changes.append(
                    WalletChanged(
                        account=account,
                        currency=event.currency,
                        amount=amount,
                        cause=event.cause,
                        symbol=event.symbol,
                        balance=after[key],
                        at_ns=self.now_ns,
                    )
                )
                after[key] -= amount
        for account, currency in after:
            self.touch_margin(self.accounts[account], currency)
        self.out.extend(reversed(changes))

    # --- lives of orders

    def open_order(self, order: Order, account: Account) -> None:
        """Take in a new order; it does not rest yet."""
        self.next_order = order.order_id + 1
        self.orders[order.order_id] = order
        order.position.aside[order.order_id] = order
        if order.cl_ord_id:
            account.cl_ord_ids[order.cl_ord_id] = order.order_id
        self.out.append(OrderOpened(order.order_id, order.account, order.symbol))

    def changed(self, order: Order) -> None:
        """Take note that the order's row changed now."""
        order.at_ns = self.now_ns
        self.changed_orders[order.order_id] = order

    def rest(self, order: Order, market: Market, position: Position) -> None:
        """Let an order rest in the book."""
        market.book.add(order)
        position.aside.pop(order.order_id, None)
        position.add_open(order)
        self._books[market.symbol] = market

    def unrest(self, order: Order, market: Market, position: Position) -> None:
        """Take a resting order out of the book; it is still open."""
        market.book.remove(order)
        position.cut_open(order, order.leaves_qty)
        position.drop_open(order)
        position.aside[order.order_id] = order
        self._books[market.symbol] = market

    def wait(self, order: Order, market: Market) -> None:
        """Let an open order wait outside the book, for its trigger price or its primary order."""
        waiting = market.waiting
        if waiting is None:
            waiting = market.waiting = Waiting(market.spec.default_trigger)
        waiting.add(order, market.maths.tick_pico)
        self.armed[market.symbol] = market

    def hold(self, order: Order, market: Market) -> None:
        """Let an open order wait outside the book for its primary order."""
        if market.waiting is None:
            market.waiting = Waiting(market.spec.default_trigger)
        market.waiting.hold(order)

    def delay(self, order: Order, market: Market, due_ns: int) -> None:
        """Let an open order wait outside the book until ``due_ns``."""
        if market.waiting is None:
            market.waiting = Waiting(market.spec.default_trigger)
        market.waiting.delay(order, due_ns)

    def unwait(self, order: Order, market: Market) -> None:
        """Take an order out of those that wait.

        Raises:
            InvariantError: it does not wait.
        """
        waiting = market.waiting
        if waiting is None:
            raise InvariantError(f"order {order.order_id} does not wait")
        waiting.remove(order, market.maths.tick_pico)
        if not waiting.orders:
            market.waiting = None

    def cancel(self, order: Order, reason: Reason, text: str = "") -> None:
        """End an open order and give back what it holds."""
        market = self.markets[order.symbol]
        position = order.position
        if order.level is not None:
            self.unrest(order, market, position)
        elif order.waiting:
            self.unwait(order, market)
        order.enter(_CANCELED)
        order.leaves_qty = 0
        if order.linked:
            self.unlinked.append(order)
            self.armed[market.symbol] = market
        order.end_reason = reason
        order.end_text = text
        self.end(order, position, market)
        self.report(order, _TOLD_CANCELED, text)

    def cancel_contract(self, account: Account, market: Market, reason: Reason) -> None:
        """End all open orders of an account in one market, those that wait for a trigger too."""
        symbol = market.symbol
        for order in account.open_orders():
            if order.symbol == symbol and order.is_open:
                self.cancel(order, reason)

    def cancel_every(self, account: Account, reason: Reason) -> int:
        """End all open orders of an account; return how many."""
        orders = account.open_orders()
        for order in orders:
            self.cancel(order, reason)
        return len(orders)

    def end(self, order: Order, position: Position, market: Market) -> None:
        """Take an order that has just ended from the open ones; release its holds."""
        order_id = order.order_id
        at_ns = order.at_ns = self.now_ns
        self.changed_orders[order_id] = order
        self.ended.append((at_ns, order_id))
        account = position.account
        position.aside.pop(order_id, None)  # who was filled while it rested is not there
        if market.is_spot:
            self.release(order, account, market)
        self.touch(position)

    def release(self, order: Order, account: Account, market: Market) -> None:
        """Give back all that a spot order holds of wallets and of the lending desk."""
        spec = market.spec
        held = account.held
        if order.held_quote:
            held[spec.settl_currency] -= order.held_quote
            order.held_quote = 0
        if order.held_base:
            held[spec.base_currency] -= order.held_base
            order.held_base = 0
        if order.reserved:
            self.desk.release(order.order_id, order.reserved)
            order.reserved = 0

    def forget(self, at_ns: int) -> None:
        """Forget orders that ended over a minute before ``at_ns``, when a command begins.

        To be called before the timers of a command run: what ends by them must still be readable
        when the command is over, however far it jumps.
        """
        ended = self.ended
        while ended and ended[0][0] < at_ns - KEEP_NS:
            ended_ns, order_id = ended.popleft()
            order = self.orders.get(order_id)
            if order is not None and not order.is_open and order.at_ns <= ended_ns:
                del self.orders[order_id]
