"""The exchange: one door for every change, and the order of the steps behind it.

    at_ns -> timers that are due -> the command -> events

Timers due at one instant run in the order of E14: indices and samples, marks and remargin,
settlement, listing, loans, dead-man switches, orders of the day, the day's end.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import assert_never

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.instrument import index_fault, instrument_fault
from sim_exchange.core.events import (
    Accepted,
    DeadManFired,
    Event,
    InstrumentChanged,
    InstrumentListed,
    Refused,
)
from sim_exchange.core.fixings.marks import PUBLISH_NS, Marks
from sim_exchange.core.fixings.settlement import Settlement
from sim_exchange.core.invariants import check_all
from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk import leverage
from sim_exchange.core.risk.account import Account
from sim_exchange.core.risk.amending import Amending
from sim_exchange.core.risk.fills import tally
from sim_exchange.core.risk.liquidation import Liquidation
from sim_exchange.core.risk.margincall import MarginCalls
from sim_exchange.core.risk.pictures import Reader
from sim_exchange.core.risk.placing import Placing
from sim_exchange.core.risk.state import ENGINE_ID, State
from sim_exchange.core.treasury.ledger import EXTERNAL, FUND
from sim_exchange.core.types import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    Cause,
    IndexKind,
    Mode,
    Reason,
    TimeInForce,
)
from sim_exchange.core.types import (
    State as Listing,
)
from sim_exchange.errors import CoreError

# Classes of timers: their order within one instant (E14). Indices and marks come before them all.
_EXPIRY, _LISTING, _DEAD_MAN, _MIDNIGHT, _NOON = range(5)

_Timer = tuple[int, int, int, Callable[[], None]]


class Exchange(Reader):
    """The exchange core; satisfies ``views.ExchangeView``."""

    def __init__(self, start_ns: int) -> None:
        """Open an empty exchange at ``start_ns``, ns since the epoch."""
        state = State(start_ns)
        super().__init__(state)
        self._placing = Placing(state)
        self._amending = Amending(state, self._placing)
        self._marks = Marks(state)
        self._liquidation = Liquidation(state, self._placing)
        self._settlement = Settlement(
            state, self._marks, self._placing.contracts, self._liquidation
        )
        self._margin_calls = MarginCalls(state, self._placing, self._amending)
        self._timers: list[_Timer] = []
        self._sequence = 0
        self._grid_ns: int | None = None  # next publication; None before the first index
        self._stopped = ""
        self._at((start_ns // DAY_NS + 1) * DAY_NS, _MIDNIGHT, self._midnight)
        noon = start_ns // DAY_NS * DAY_NS + 12 * HOUR_NS
        self._at(noon if noon > start_ns else noon + DAY_NS, _NOON, self._noon)

    # --- the door

    def apply(self, command: c.AnyCommand, at_ns: int) -> tuple[Event, ...]:
        """Apply one command at ``at_ns``; the only way to change the exchange.

        Raises:
            CoreError: time went backwards, or the exchange has broken a promise of its own. It
                stays stopped after that.
        """
        if self._stopped:
            raise CoreError(f"the exchange stopped: {self._stopped}")
        state = self._state
        try:
            if at_ns < state.now_ns:
                raise CoreError(f"{at_ns} is before {state.now_ns}")  # noqa: TRY301 - it stops us too
            state.begin(at_ns)
            self._run_due(at_ns + 1 if isinstance(command, c.Advance) else at_ns)
            state.now_ns = at_ns
            self._do(command)
            return state.flush()
        except BaseException as error:
            self._stopped = f"{type(error).__name__}: {error} at {command!r}"
            raise

    def _do(self, command: c.AnyCommand) -> None:  # noqa: C901, PLR0912 - one case a command
        match command:
            case c.PlaceOrder():
                self._placing.place(command)
            case c.AmendOrder():
                self._amending.amend(command)
            case c.CancelOrders():
                self._amending.cancel_orders(command)
            case c.IndexPrints():
                self._prints(command)
            case c.Advance():
                return
            case c.PlaceBulk():
                self._place_bulk(command)
            case c.AmendBulk():
                self._amending.amend_bulk(command)
            case c.CancelAll():
                self._amending.cancel_all(command)
            case c.CancelAllAfter():
                self._cancel_all_after(command)
            case c.SetLeverage():
                leverage.set_leverage(self._state, command)
            case c.OpenAccount():
                self._open_account(command)
            case c.Deposit():
                self._deposit(command)
            case c.DepositFund():
                self._deposit_fund(command)
            case c.ListInstrument():
                self._list_instrument(command)
            case c.ListIndex():
                self._list_index(command)
            case c.SetConstituent():
                self._set_constituent(command)
            case c.OfferLoans():
                self._offer_loans(command)
            case c.SetMode():
                self._set_mode(command)
            case c.ExpireNow():
                self._expire_now(command)
            case _:
                assert_never(command)

    def _refuse(self, reason: Reason, detail: int = 0, text: str = "") -> None:
        self._state.out.append(Refused(reason=reason, detail=detail, text=text))

    # --- time

    def next_due_ns(self) -> int | None:
        """Return the instant of the earliest timer; None when nothing will happen by itself."""
        due = self._grid_ns
        timers = self._timers
        if timers and (due is None or timers[0][0] < due):
            due = timers[0][0]
        loans = self._state.desk.next_due_ns()
        if loans is not None and (due is None or loans < due):
            due = loans
        return due

    def _at(self, at_ns: int, order: int, run: Callable[[], None]) -> None:
        self._sequence += 1
        heappush(self._timers, (at_ns, order, self._sequence, run))

    def _run_due(self, before_ns: int) -> None:
        """Run every timer due before ``before_ns``, each at its own instant."""
        state = self._state
        timers = self._timers
        due = self.next_due_ns()
        while due is not None and due < before_ns:
            state.now_ns = max(state.now_ns, due)
            if self._grid_ns is not None and self._grid_ns <= due:
                self._publish()
            while timers and timers[0][0] <= due and timers[0][1] < _DEAD_MAN:
                heappop(timers)[3]()
            loans = state.desk.next_due_ns()
            if loans is not None and loans <= due:
                self._end_loans()
            while timers and timers[0][0] <= due:
                heappop(timers)[3]()
            due = self.next_due_ns()

    def _publish(self) -> None:
        """Publish indices, take samples, move marks, remargin: every 5 s and on each minute."""
        state = self._state
        self._marks.publish()
        if state.now_ns % MINUTE_NS == 0:
            self._marks.minute()
        self._marks.mark_all()
        self._remargin()
        self._grid_ns = (state.now_ns // PUBLISH_NS + 1) * PUBLISH_NS

    def _remargin(self) -> None:
        self._liquidation.run()
        self._margin_calls.run()

    def _midnight(self) -> None:
        """End the orders of the day."""
        state = self._state
        for account in state.accounts.values():
            for order in list(account.orders.values()):
                if order.time_in_force is TimeInForce.DAY:
                    state.cancel(order, Reason.DAY_END)
        self._at(state.now_ns // DAY_NS * DAY_NS + DAY_NS, _MIDNIGHT, self._midnight)

    def _noon(self) -> None:
        """Begin a new session: what was realised is in the wallet for good (E28)."""
        state = self._state
        for account in state.accounts.values():
            for position in account.positions.values():
                realised = position.realised_pnl
                if realised or position.opening_qty != position.qty:
                    position.rebalanced_pnl += realised
                    position.prev_realised_pnl = realised
                    position.realised_cost = position.comm = 0
                    position.opening_qty = position.qty
                    state.touch(account, position.market, position.market.spec.settl_currency)
        self._at(state.now_ns + DAY_NS, _NOON, self._noon)

    def _end_loans(self) -> None:
        """Renew the loans whose time is over; what can't be borrowed anew is closed (E24)."""
        state = self._state
        start = len(state.out)
        must_close = state.desk.due(state.now_ns)
        state.tell_postings(start)
        for borrower, currency in must_close:
            self._margin_calls.close_loan(state.accounts[borrower], currency)

    # --- accounts and money

    def _open_account(self, command: c.OpenAccount) -> None:
        state = self._state
        account_id = state.next_account
        state.next_account += 1
        state.accounts[account_id] = Account(account_id, command.name, command.flags, state.now_ns)
        state.out.append(Accepted(ref=account_id))

    def _deposit(self, command: c.Deposit) -> None:
        state = self._state
        account = state.accounts.get(command.to_account)
        if account is None or command.to_account == ENGINE_ID:
            self._refuse(Reason.UNKNOWN_ACCOUNT, command.to_account)
        elif type(command.amount) is not int or command.amount <= 0 or not command.currency:
            self._refuse(Reason.BAD_AMOUNT, text=f"amount {command.amount} must be positive")
        else:
            currency, amount = command.currency, command.amount
            state.out.append(Accepted(ref=account.account_id))
            state.ledger.move(Cause.DEPOSIT, currency, EXTERNAL, account.wallet, amount)
            account.deposited[currency] = account.deposited.get(currency, 0) + amount
            state.tell_wallet(account, currency, amount, Cause.DEPOSIT, "")
            state.touch_margin(account, currency)

    def _deposit_fund(self, command: c.DepositFund) -> None:
        state = self._state
        if type(command.amount) is not int or command.amount <= 0 or not command.currency:
            self._refuse(Reason.BAD_AMOUNT, text=f"amount {command.amount} must be positive")
            return
        state.out.append(Accepted())
        state.ledger.move(Cause.DEPOSIT, command.currency, EXTERNAL, FUND, command.amount)
        tally(state.fund_given, command.currency, command.amount)

    def _offer_loans(self, command: c.OfferLoans) -> None:
        state = self._state
        if command.account not in state.accounts or command.account == ENGINE_ID:
            self._refuse(Reason.UNKNOWN_ACCOUNT, command.account)
            return
        fault = state.desk.replace_offers(
            command.account, command.currency, command.offers, state.now_ns
        )
        if fault is not None:
            state.out.append(fault)
            return
        state.lenders.add((command.account, command.currency))
        state.out.append(Accepted(ref=command.account))
        self._marks.publish_lending(command.currency)
        state.touch_margin(state.accounts[command.account], command.currency)

    def _cancel_all_after(self, command: c.CancelAllAfter) -> None:
        state = self._state
        account = state.accounts.get(command.account)
        if account is None or command.account == ENGINE_ID:
            self._refuse(Reason.UNKNOWN_ACCOUNT, command.account)
        elif command.timeout_ns < 0:
            self._refuse(Reason.BAD_AMOUNT, text=f"timeout {command.timeout_ns} is negative")
        elif command.timeout_ns == 0:
            account.dead_man_ns = None
            state.out.append(Accepted(ref=account.account_id))
        else:
            at_ns = state.now_ns + command.timeout_ns
            account.dead_man_ns = at_ns
            state.out.append(Accepted(ref=account.account_id))
            self._at(at_ns, _DEAD_MAN, lambda: self._dead_man(account, at_ns))

    def _dead_man(self, account: Account, at_ns: int) -> None:
        if account.dead_man_ns != at_ns:
            return  # disarmed, or armed anew
        account.dead_man_ns = None
        canceled = self._amending.cancel_every(account, Reason.CANCEL_ALL_AFTER)
        self._state.out.append(
            DeadManFired(account=account.account_id, canceled=canceled, at_ns=at_ns)
        )

    def _place_bulk(self, command: c.PlaceBulk) -> None:
        if len({order.symbol for order in command.orders}) > 1:
            self._refuse(Reason.SYMBOLS_DIFFER)
            return
        for item, order in enumerate(command.orders):
            self._placing.place(order, item)

    # --- listings

    def _list_instrument(self, command: c.ListInstrument) -> None:
        state, spec = self._state, command.spec
        market = state.markets.get(spec.symbol)
        fault = instrument_fault(spec)
        if not fault and spec.reference_symbol and spec.reference_symbol not in state.indices:
            fault = f"reference_symbol {spec.reference_symbol} is not a listed index"
        if not fault and spec.expiry_ns is not None and spec.expiry_ns <= state.now_ns:
            fault = f"expiry_ns {spec.expiry_ns} must be after now, {state.now_ns}"
        if fault:
            self._refuse(Reason.BAD_INSTRUMENT, text=fault)
            return
        if market is not None and market.state is not Listing.SETTLED:
            self._refuse(Reason.ALREADY_LISTED, text=spec.symbol)
            return
        if market is None:
            market = state.markets[spec.symbol] = Market(state.next_row, spec)
            state.next_row += 1
        else:
            for account in state.accounts.values():
                account.forget(market)
            for order in state.orders.values():
                order.final = order.final or order.symbol == spec.symbol
            market.relist(spec)
        market.changed_ns = state.now_ns
        state.out.append(Accepted())
        state.out.append(InstrumentListed(symbol=spec.symbol))
        listed = market
        if spec.listing_ns <= state.now_ns:
            self._open(listed, spec)
        else:
            self._at(spec.listing_ns, _LISTING, lambda: self._open(listed, spec))
        if spec.expiry_ns is not None:
            self._at(spec.expiry_ns, _EXPIRY, lambda: self._expire(listed, spec))

    def _open(self, market: Market, spec: c.InstrumentSpec) -> None:
        if market.spec is not spec or market.state is not Listing.UNLISTED:
            return
        market.state = Listing.OPEN
        market.changed_ns = self._state.now_ns
        if market.mode is not Mode.HALT:
            self._marks.mark(market)
        self._state.out.append(InstrumentChanged(symbol=market.symbol))

    def _expire(self, market: Market, spec: c.InstrumentSpec) -> None:
        """Settle at expiry; a halted contract settles on resume (E14)."""
        if market.spec is not spec or market.state is Listing.SETTLED:
            return
        if market.mode is Mode.HALT:
            return
        price = self._settlement.price(market)
        if price is not None:
            self._settlement.settle(market, price)
            self._remargin()

    def _expire_now(self, command: c.ExpireNow) -> None:
        market = self._state.markets.get(command.symbol)
        if market is None:
            self._refuse(Reason.UNKNOWN_SYMBOL, text=command.symbol)
            return
        if market.state is Listing.SETTLED or market.is_spot:
            self._refuse(Reason.EXPIRED, text=command.symbol)
            return
        price = self._settlement.price(market)
        if price is None:
            self._refuse(Reason.NO_MARK_PRICE, text=command.symbol)
            return
        self._state.out.append(Accepted())
        self._settlement.settle(market, price)
        self._remargin()

    def _list_index(self, command: c.ListIndex) -> None:
        state, spec = self._state, command.spec
        fault = index_fault(spec)
        if not fault and spec.kind is IndexKind.TWAP30:
            source = state.indices.get(spec.source)
            if source is None or source.spec.kind is not IndexKind.COMPOSITE:
                fault = f"source {spec.source} is not a listed composite index"
        if fault:
            self._refuse(Reason.BAD_INSTRUMENT, text=fault)
            return
        if spec.symbol in state.indices:
            self._refuse(Reason.ALREADY_LISTED, text=spec.symbol)
            return
        state.out.append(Accepted())
        state.out.append(InstrumentListed(symbol=spec.symbol))
        self._marks.list_index(spec)
        if self._grid_ns is None:
            self._grid_ns = -(-state.now_ns // PUBLISH_NS) * PUBLISH_NS

    def _prints(self, command: c.IndexPrints) -> None:
        composite = self._marks.composites.get(command.index)
        if composite is None:
            self._refuse(Reason.UNKNOWN_SYMBOL, text=command.index)
            return
        expected = len(self._state.indices[command.index].spec.constituents)
        if len(command.prices) != expected:
            self._refuse(
                Reason.BAD_PRICE, expected, f"{len(command.prices)} prices, {expected} members"
            )
            return
        for i, price in enumerate(command.prices):
            if price > 0:  # zero and negative prints are no data (E9)
                composite.print(i, price, self._state.now_ns)
        self._state.out.append(Accepted())

    def _set_constituent(self, command: c.SetConstituent) -> None:
        composite = self._marks.composites.get(command.index)
        row = self._state.indices.get(command.index)
        if composite is None or row is None:
            self._refuse(Reason.UNKNOWN_SYMBOL, text=command.index)
        elif command.constituent not in {one.name for one in row.spec.constituents}:
            self._refuse(Reason.UNKNOWN_SYMBOL, text=command.constituent)
        elif command.status not in {"silent", "reinstate"}:
            self._refuse(
                Reason.BAD_INSTRUMENT, text=f"status {command.status}: silent or reinstate"
            )
        else:
            composite.set_status(command.constituent, command.status, self._state.now_ns)
            self._state.out.append(Accepted())

    def _set_mode(self, command: c.SetMode) -> None:
        state = self._state
        if command.symbol and command.symbol not in state.markets:
            self._refuse(Reason.UNKNOWN_SYMBOL, text=command.symbol)
            return
        state.out.append(Accepted())
        names = [command.symbol] if command.symbol else list(state.markets)
        for name in names:
            market = state.markets[name]
            if market.mode is command.mode:
                continue
            resumes = market.mode is Mode.HALT and market.state is Listing.OPEN
            market.mode = command.mode
            market.changed_ns = state.now_ns
            state.out.append(InstrumentChanged(symbol=name))
            if resumes:
                # Marks first, then remargin, then match (E17); and what expired meanwhile settles.
                expiry_ns = market.spec.expiry_ns
                if expiry_ns is not None and expiry_ns <= state.now_ns:
                    self._expire(market, market.spec)
                else:
                    self._marks.mark(market)
        # Nobody trades before those whom a suspension spared have been looked at.
        self._remargin()

    def check(self) -> list[str]:
        """Verify every invariant now; return what was checked.

        Raises:
            InvariantError: one does not hold; the exchange stops.
        """
        try:
            return check_all(self._state)
        except CoreError as error:
            self._stopped = str(error)
            raise
