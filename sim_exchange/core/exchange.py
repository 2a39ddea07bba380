"""The exchange: one door for every change, and the order of the steps behind it.

    at_ns -> timers that are due -> the command -> events

Each room says which commands it takes (``handlers``); here they are only routed. Timers due at one
instant run in the order of E14, which is that of ``core/timers.py``: what was announced, dividends,
indices and samples, knock-outs, marks and remargin, settlement, funding, bands, listing, loans,
dead-man switches, day's end.
"""

from sim_exchange.core import commands as c
from sim_exchange.core.events import Event
from sim_exchange.core.fixings.bands import Bands
from sim_exchange.core.fixings.dividends import Dividends
from sim_exchange.core.fixings.funding import Funding
from sim_exchange.core.fixings.index import Member
from sim_exchange.core.fixings.knockout import KnockOuts
from sim_exchange.core.fixings.marks import PUBLISH_NS, Marks
from sim_exchange.core.fixings.operating import FixingOrders
from sim_exchange.core.fixings.settlement import Settlement
from sim_exchange.core.fixings.still import Still
from sim_exchange.core.invariants import check_all
from sim_exchange.core.office.accounts import Accounts
from sim_exchange.core.office.announcements import Announcements
from sim_exchange.core.office.awards import Awards
from sim_exchange.core.office.days import Days
from sim_exchange.core.office.deposits import Deposits
from sim_exchange.core.office.listings import Listings
from sim_exchange.core.office.loans import Loans
from sim_exchange.core.office.modes import Modes
from sim_exchange.core.office.plans import FeePlans
from sim_exchange.core.office.prints import Prints
from sim_exchange.core.office.references import References
from sim_exchange.core.office.refunds import Refunds
from sim_exchange.core.office.spam import Spam
from sim_exchange.core.office.split import Split
from sim_exchange.core.office.terms import Terms
from sim_exchange.core.office.transfers import Transfers
from sim_exchange.core.office.withdrawals import Withdrawals
from sim_exchange.core.orders.order import KEEP_NS
from sim_exchange.core.risk.amending import Amending
from sim_exchange.core.risk.canceling import Canceling
from sim_exchange.core.risk.covered import forget_covered
from sim_exchange.core.risk.floors import EngineFloors
from sim_exchange.core.risk.leverage import Leverage
from sim_exchange.core.risk.limits import RiskLimits
from sim_exchange.core.risk.liquidation import Liquidation
from sim_exchange.core.risk.loss_methods import LossMethods
from sim_exchange.core.risk.margin_transfers import MarginTransfers
from sim_exchange.core.risk.margincall import MarginCalls
from sim_exchange.core.risk.partial import PartialClose
from sim_exchange.core.risk.pictures import Reader
from sim_exchange.core.risk.placing import Placing
from sim_exchange.core.risk.quick import Quick, Shortcuts
from sim_exchange.core.risk.remargin import Remargin
from sim_exchange.core.risk.state import Handlers, State
from sim_exchange.core.risk.takeover import Takeovers
from sim_exchange.core.risk.triggers import Triggers
from sim_exchange.core.risk.waterfall import Waterfall
from sim_exchange.core.timers import BEFORE_PRINTS, EXPIRY, LOANS, NOON
from sim_exchange.core.types import MINUTE_NS
from sim_exchange.errors import CoreError

# Looked up once: what every command is compared with.
_ADVANCE = c.Advance


class Exchange(Reader):
    """The exchange core; satisfies ``views.ExchangeView``."""

    def __init__(self, start_ns: int, *, shortcuts: bool = True, audits: bool = False) -> None:
        """Open an empty exchange at ``start_ns``, ns since the epoch.

        Without ``shortcuts`` every command goes the long way, to the same end. With ``audits`` it
        looks within commands, too, whether orders that it took in are covered.
        """
        state = State(start_ns)
        state.audits = audits
        super().__init__(state)
        placing = Placing(state)
        amending = Amending(state, placing)
        self._triggers = Triggers(state, placing, amending)
        funding = Funding(state, placing.contracts, self._remargin_now)
        marks = self._marks = Marks(state, funding)
        waterfall = Waterfall(state, placing.contracts, marks.mark)
        takeovers = Takeovers(state, placing, waterfall)
        liquidation = Liquidation(state, takeovers, PartialClose(state, placing), waterfall.remark)
        remargin = self._remargin = Remargin(
            state,
            EngineFloors(state, placing),
            waterfall,
            liquidation,
            MarginCalls(state, placing),
        )
        terms = Terms(state, remargin)
        losses = LossMethods(state)
        settlement = Settlement(state, marks, placing.contracts, liquidation, waterfall, losses)
        accounts = Accounts(state, marks)
        self._knock_outs = KnockOuts(state, marks, settlement)
        self._still = Still(
            state, marks, liquidation, remargin, self._triggers, shortcuts=shortcuts
        )
        bands = Bands(state, placing, waterfall)
        dividends = Dividends(state, marks, remargin)
        listings = Listings(state, marks, settlement, losses, bands, dividends, remargin)
        withdrawals = Withdrawals(state)
        self._handlers: Handlers = {c.Advance: self._advance}
        for handlers in (
            placing.handlers(),
            amending.handlers(),
            Canceling(state).handlers(),
            Leverage(state).handlers(),
            RiskLimits(state).handlers(),
            FeePlans(state).handlers(),
            MarginTransfers(state).handlers(),
            Prints(state, marks).handlers(),
            FixingOrders(state, marks, funding, remargin).handlers(),
            accounts.handlers(),
            Deposits(state, accounts).handlers(),
            Loans(state, marks).handlers(),
            Transfers(state).handlers(),
            Awards(state).handlers(),
            withdrawals.handlers(),
            listings.handlers(),
            Modes(state, marks, listings, remargin, accounts).handlers(),
            References(state, marks, bands, listings, remargin).handlers(),
            dividends.handlers(),
            Split(state, marks, remargin).handlers(),
            Refunds(state, takeovers).handlers(),
            Spam(state).handlers(),
            Announcements(state, terms, withdrawals, self._handlers).handlers(),
        ):
            self._handlers.update(handlers)
        self._shortcuts: Shortcuts = dict.fromkeys(self._handlers, self._no_short_way)
        if shortcuts:
            self._shortcuts.update(Quick(state, placing, self._follow_trades).handlers())
        self._quiet_ns = 0
        """The instant before which a usual command may go the short way."""
        self._stopped = ""
        Days(state)

    # --- the door

    def apply(self, command: c.AnyCommand, at_ns: int) -> tuple[Event, ...]:
        """Apply one command at ``at_ns``; the only way to change the exchange.

        Raises:
            CoreError: time went backwards, or the exchange has broken a promise of its own. It
                stays stopped after that.
        """
        state = self._state
        try:
            if state.now_ns <= at_ns < self._quiet_ns:
                state.now_ns = at_ns
                events = self._shortcuts[type(command)](command)
                if events is not None:
                    return events
            return self._do(command, at_ns)
        except BaseException as error:
            if not self._stopped:
                self._stop(f"{type(error).__name__}: {error} at {command!r}")
            raise

    def _no_short_way(self, _: c.AnyCommand) -> None:
        """Say that a command is to go the long way."""

    def _do(self, command: c.AnyCommand, at_ns: int) -> tuple[Event, ...]:
        """Apply a command the long way: whatever it is, and whatever is due before it."""
        if self._stopped:
            raise CoreError(f"the exchange stopped: {self._stopped}")
        state = self._state
        if at_ns < state.now_ns:
            raise CoreError(f"{at_ns} is before {state.now_ns}")
        state.epoch += 1
        # The usual command has nothing to forget and nothing due: no call for that.
        state.covered = ()
        if state.ended and state.ended[0][0] < at_ns - KEEP_NS:
            state.forget(at_ns)
        kind = type(command)
        due = self.next_due_ns()
        if due is not None and due <= at_ns:
            self._run_due(at_ns + 1 if kind is _ADVANCE else at_ns, at_ns)
        state.now_ns = at_ns
        self._handlers[kind](command)
        if state.armed or state.last_traded:
            self._follow_trades()
        self._quiet_ns = self._quiet_until()
        return state.flush()

    def _quiet_until(self) -> int:
        """Return the instant before which nothing happens and is forgotten by itself."""
        state = self._state
        first = state.ended[0][0] if state.ended else state.now_ns
        due = self.next_due_ns()
        quiet = first + KEEP_NS + 1
        return quiet if due is None else min(due, quiet)

    def _stop(self, why: str) -> None:
        self._stopped = why
        self._quiet_ns = 0  # the long way says why

    def _advance(self, command: c.Advance) -> None:
        """Do nothing more: what was due has run."""

    # --- time

    def next_due_ns(self) -> int | None:
        """Return the instant of the earliest timer; None when nothing will happen by itself."""
        due = self._marks.grid_ns
        timers = self._state.timers.next_ns
        if timers is not None and (due is None or timers < due):
            due = timers
        loans = self._state.desk.next_due_ns()
        if loans is not None and (due is None or loans < due):
            due = loans
        return due

    def still_until_ns(self, upto_ns: int) -> int:
        """Return the last instant up to which one ``Advance`` does what one for each timer would.

        Up to it publications only repeat what was published; 0 where that is not so.
        """
        return self._still.until(upto_ns)

    def _run_due(self, before_ns: int, at_ns: int) -> None:
        """Run every timer due before ``before_ns``, and what was announced for ``at_ns``."""
        state, marks = self._state, self._marks
        timers = state.timers
        due = self.next_due_ns()
        while due is not None and due < before_ns:
            if due == marks.grid_ns and due + PUBLISH_NS < before_ns:
                still_ns = self._still.until(before_ns - 1)
                if still_ns:
                    self._still.publish(still_ns)
                    due = self.next_due_ns()
                    continue
            state.now_ns = max(state.now_ns, due)
            timers.run(due, EXPIRY)
            if marks.grid_ns is not None and marks.grid_ns <= due:
                self._publish()
            timers.run(due, LOANS)
            loans = state.desk.next_due_ns()
            if loans is not None and loans <= due:
                self._remargin.end_loans()
            timers.run(due, NOON + 1)
            if state.armed or state.last_traded:
                self._follow_trades()
            due = self.next_due_ns()
        if due == at_ns:
            # What was announced for this instant holds for its commands, the first one too (E32).
            state.now_ns = at_ns
            timers.run(at_ns, BEFORE_PRINTS + 1)
            if state.armed:
                self._triggers.run()

    def _publish(self) -> None:
        """Publish indices, take samples, move marks, remargin: every 5 s and on each minute."""
        now_ns, marks = self._state.now_ns, self._marks
        forget_covered(self._state)
        marks.publish()
        if now_ns % MINUTE_NS == 0:
            marks.minute()
            self._knock_outs.run()
        marks.mark_all()
        self._remargin.run()
        self._triggers.published()
        marks.grid_ns = (now_ns // PUBLISH_NS + 1) * PUBLISH_NS

    def _remargin_now(self) -> None:
        """Look at everybody whom marks and rates of now could have reached."""
        self._remargin.run()

    def _follow_trades(self) -> None:
        """Do what trades entail: marks that are last trades move (E7), then triggers fire (E4).

        Again and again, until nobody trades by being liquidated or triggered any more.
        """
        state = self._state
        while True:
            while state.last_traded:
                # What an order was found to have was counted at the marks before it.
                forget_covered(state)
                self._marks.follow_trades()
                self._remargin.run()
            if state.armed:
                self._triggers.run()
            if not state.last_traded:
                return

    # --- the promise

    def index_members(self, symbol: str) -> list[Member]:
        """Return who makes up an index, with the weights last decided; [] of a derived one (E9)."""
        composite = self._marks.composites.get(symbol)
        return [] if composite is None else composite.members()

    def check(self) -> list[str]:
        """Verify every invariant now; return what was checked.

        Raises:
            InvariantError: one does not hold; the exchange stops.
        """
        try:
            return check_all(self._state)
        except CoreError as error:
            self._stop(str(error))
            raise
