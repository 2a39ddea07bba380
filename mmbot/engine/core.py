"""The one entrance of the bot: an event in, the actions that follow out.

The order of the steps after each event that matters: connections and the dead-man switch, the
hedge, the quote. Everything the engine knows of time comes with the events.
"""

from collections.abc import Callable
from typing import Any

from mmbot.engine.config import EngineConfig
from mmbot.engine.gate import Gate
from mmbot.engine.hedging import Hedger
from mmbot.engine.links import MAIN, RETRY_NS, Links
from mmbot.engine.outbox import Outbox
from mmbot.engine.quoting import Cause, Quoter
from mmbot.errors import AccessRefusedError, MMBotError, StateDivergedError
from mmbot.execution.budget import RequestBudget
from mmbot.execution.orders import OwnOrders
from mmbot.pricing.basis import cip_basis
from mmbot.pricing.contracts import COIN
from mmbot.state import Picture
from mmbot.strategy.api import SeesFills, Strategy
from mmbot.types import (
    MINUTE_NS,
    SECOND_NS,
    Action,
    AmendOrders,
    Answered,
    ArmDeadMan,
    BookSeen,
    CancelOrders,
    Connected,
    Disconnected,
    Event,
    FillNote,
    FillRole,
    FillSeen,
    InstrumentSeen,
    Listen,
    MarginSeen,
    Note,
    OrderSeen,
    PlaceOrders,
    PositionSeen,
    PriceSeen,
    RefreshState,
    SettlementSeen,
    Tick,
    TradeSeen,
    WalletSeen,
)

Handler = Callable[[Any], None]
STUCK_NS = 10 * SECOND_NS  # without an answer for this long, the venue is asked what is so
REFUSED_NS = 2 * SECOND_NS
SEEN_EXECS = 4096
INDEX_AHEAD_NS = 31 * MINUTE_NS  # the settlement's samples begin half an hour before it


class Engine:
    """Makes a market in one contract and hedges it; pure: no clock, no socket, no file."""

    def __init__(self, config: EngineConfig, strategy: Strategy) -> None:
        """Quote as ``strategy`` wishes, within ``config``."""
        self.config = config
        self.picture = Picture(
            symbol=config.symbol,
            spot_symbol=config.spot_symbol,
            index_symbol=config.index_symbol,
            lending_symbol=config.lending_symbol,
            foreign_rate=config.foreign_rate,
        )
        self.orders = OwnOrders(config.cl_ord_prefix)
        self.halted: MMBotError | None = None
        """Why the bot must end; the shell shuts down when this is set."""
        self.quiet = "not connected yet"
        """Why nothing is quoted; "" while quotes are wanted."""
        budget = RequestBudget(
            config.request_capacity, config.request_window_s, reserve=config.request_reserve
        )
        self._out = Outbox(budget)
        self._quoter = Quoter(config, strategy, self.picture, self.orders, self._out)
        self._hedger = Hedger(config, self.picture, self.orders, self._out)
        self._on_fill = strategy.on_fill if isinstance(strategy, SeesFills) else None
        self._now = 0
        self._due = True
        self._wake_ns: int | None = None
        self._links = Links(config, self._out)
        self._gate = Gate(config, self.picture, self._links)
        self._closing = False
        self._asks_index = config.index_is_late and bool(config.index_symbol)
        self._execs: dict[str, None] = {}
        self._fill_ns = -1
        # A table and not a match: 400,000 events in a demo, and the rare kinds would come last.
        self._fold: dict[type[Event], Handler] = {
            BookSeen: self._see_book,
            PriceSeen: self._see_price,
            TradeSeen: self._pass,
            Tick: self._pass,
            OrderSeen: self._see_order,
            FillSeen: self._see_fill,
            PositionSeen: self._see_position,
            MarginSeen: self.picture.see_wallet,
            WalletSeen: self.picture.see_wallet,
            Answered: self._see_answer,
            InstrumentSeen: self._see_instrument,
            SettlementSeen: self._see_settlement,
            Connected: self._see_connected,
            Disconnected: self._see_disconnected,
        }

    # --- what the shell calls -------------------------------------------------------------------

    def on_event(self, event: Event) -> list[Action]:
        """Take one event in and return the actions to perform, in order."""
        self._now = max(self._now, event.at_ns)
        self._fold[type(event)](event)
        wake_ns = self._wake_ns
        if not self._due and (wake_ns is None or self._now < wake_ns):
            return []
        self._due = False
        if self._closing:
            self._close()
        else:
            self._act()
        self._wake_ns = self._next_wake()
        return self._out.take_actions()

    def drain_notes(self) -> list[Note]:
        """Return what was decided or learnt since the last call."""
        return self._out.take_notes() if self._out.notes else []

    def next_wake_ns(self) -> int | None:
        """Return when a Tick is wanted at the latest; None = no need."""
        return self._wake_ns

    def shutdown_actions(self) -> list[Action]:
        """Stop for good: cancel all own orders, then disarm the dead-man switch.

        The shell performs them and goes on giving ``Answered`` and ``Tick`` to ``on_event``, which
        repeats what failed, until ``is_closed``.
        """
        self._closing = True
        self._close()
        self._wake_ns = self._next_wake()
        return self._out.take_actions()

    @property
    def is_closed(self) -> bool:
        """After ``shutdown_actions``: no own order is left and the dead-man switch is off."""
        return self._closing and not self.orders.live and not self._links.is_armed

    @property
    def is_done(self) -> bool:
        """Contract settled, spot row 0, nothing working: there is nothing left to do."""
        return (
            self._gate.is_settled(self._now)
            and self._now >= self._gate.all_told_ns(self._now)
            and not self.orders.live
            and self._hedger.desk.under_way is None
            and (not self._hedger.is_on or self.picture.spot_row == 0)
        )

    @property
    def unhedged(self) -> int:
        """Net exposure in minor units of the coin, positive when long."""
        return self._hedger.unhedged

    @property
    def why_unhedged(self) -> str:
        """Why the last hedge was not done, or that there is no venue for it; "" = no trouble."""
        return self._hedger.desk.trouble if self._hedger.is_on else "no hedge venue"

    # --- events ---------------------------------------------------------------------------------

    def _pass(self, event: TradeSeen | Tick) -> None:
        """Nothing to learn but the time."""

    def _see_price(self, event: PriceSeen) -> None:
        if self.picture.see_price(event):
            self._changed(Cause.DRIFT)

    def _see_instrument(self, event: InstrumentSeen) -> None:
        self.picture.see_instrument(event.instrument)
        self._due = True

    def _see_settlement(self, event: SettlementSeen) -> None:
        if event.symbol == self.config.symbol:
            self._gate.settled, self.picture.settled_price = True, event.price
            self._due = True

    def _changed(self, cause: Cause) -> None:
        self._quoter.changed(cause)
        self._due = True

    def _see_book(self, event: BookSeen) -> None:
        if event.symbol == self.config.spot_symbol:
            if self.picture.spot_book.apply(event):
                if self._gate.see_spot(self._now):
                    self._due = True
                if self._quoter.spot_moved():
                    self._due = True
        elif event.symbol == self.config.symbol:
            self.picture.book.apply(event)

    def _see_order(self, row: OrderSeen) -> None:
        role = self.orders.role_of(row.cl_ord_id or self.orders.name_of(row.order_id))
        if role == "q":
            try:
                lost = self.orders.see(row)
            except StateDivergedError as error:
                self._diverged(error)
                return
            if lost:
                self._changed(Cause.CHANGE)
        elif role:
            self._hedger.desk.see(row)
            self._due = True

    def _see_position(self, event: PositionSeen) -> None:
        if not self.picture.see_position(event):
            return
        if event.symbol == self.config.symbol:
            self._changed(Cause.CHANGE)
        elif self._hedger.is_wanted():  # interest moves the spot row with every print
            self._due = True

    def _see_fill(self, fill: FillSeen) -> None:
        if fill.exec_id in self._execs:
            return
        self._execs[fill.exec_id] = None
        if len(self._execs) > SEEN_EXECS:
            del self._execs[next(iter(self._execs))]
        self._due, self._fill_ns = True, self._now
        letter = self.orders.role_of(fill.cl_ord_id)
        mid = self.picture.spot_mid or self.picture.index or fill.price
        sent = self._hedger.desk.find(fill.cl_ord_id)
        role = FillRole.OTHER
        if sent is not None:
            self._hedger.desk.see_fill(fill)
            role = sent.role
        elif fill.exec_type == "Settlement":
            role = FillRole.SETTLEMENT
        elif letter == "q":
            role = FillRole.QUOTE
            self.orders.see_fill(fill)
            self._quoter.changed(Cause.CHANGE)
        self._out.note(
            FillNote(
                at_ns=self._now,
                fill=fill,
                role=role,
                mid=mid,
                fair=mid * (1 + self._basis()),
                decided_mid=sent.decided_mid if sent else mid,
                sample=sent.sample if sent else None,
                slice_no=sent.slice_no if sent else 0,
            )
        )
        if self._on_fill is not None and fill.symbol == self.config.symbol:
            try:
                self._on_fill(fill)
            except Exception as error:  # the user's code may raise anything
                self._out.say(self._now, "error", f"on_fill raised {error!r}")

    def _basis(self) -> float:
        told = self._quoter.terms.get("basis")
        if told is not None:
            return told
        years = self.picture.years(self._now)
        return cip_basis(self.config.home_rate, self.picture.foreign_rate or 0.0, years)

    def _see_connected(self, event: Connected) -> None:
        self._due = True
        if not self._links.up(event.venue) and event.venue == MAIN:
            self._first_words()

    def _first_words(self) -> None:
        if not self._hedger.is_on:
            self._out.say(self._now, "warning", "no hedge venue: every position stays unhedged")
        elif self.picture.spot_row and not self.picture.position:
            held = self.picture.spot_row / COIN
            text = f"{held:+.8f} coins of {self.config.spot_symbol} hedge nothing: they are closed"
            self._out.say(self._now, "warning", text)

    def _see_disconnected(self, event: Disconnected) -> None:
        self._due = True
        self._links.down(event.venue, self._now)
        if event.venue == MAIN:
            self.picture.book.clear()
        if event.venue == (self.config.hedge_venue or MAIN):
            self.picture.spot_book.clear()
            self._gate.spot_bad_ns = self._now
        self._out.say(self._now, "warning", f"disconnected from {event.venue}: {event.reason}")

    # --- answers --------------------------------------------------------------------------------

    def _see_answer(self, event: Answered) -> None:
        action, asked_ns = self._out.asked.pop(event.action_id, (None, 0))
        if isinstance(action, ArmDeadMan) and event.error is None and not self._closing:
            return
        self._due = True
        for row in event.orders:
            self._see_order(row)
        if event.error is not None:
            self._failed(event, action)
        elif isinstance(action, RefreshState):
            self._refreshed(event, action.venue, asked_ns)
        elif isinstance(action, (PlaceOrders, AmendOrders)):
            sent = self._hedger.desk.under_way
            if sent is not None and sent.action_id == event.action_id:
                sent.answered = True
            self.orders.answered(event.action_id, placed=True)

    def _failed(self, event: Answered, action: Action | None) -> None:
        kind, words = event.error_kind, event.error or ""
        level, text = "warning", f"{type(action).__name__} {kind}: {words}"
        if isinstance(action, AmendOrders):
            level = "info"
            names = [a.cl_ord_id for a in action.amends if self.orders.is_filled(a.cl_ord_id)]
            if kind == "refused" and names:
                text = f"order {', '.join(names)} was filled before its amend arrived"
        self._out.say(self._now, level, text)
        if kind == "access":
            self.halted = AccessRefusedError(words)
            return
        wait_ns = round(event.retry_after_s * SECOND_NS)
        sent = self._hedger.desk.under_way
        unknown = kind == "unavailable"
        if sent is not None and sent.action_id == event.action_id:
            if unknown:
                self._want_refresh()
            else:
                self._hedger.desk.refused(words, self._now + wait_ns)
            return
        match action:
            case RefreshState():
                self._links.asking_failed(action.venue, self._now, wait_ns)
            case ArmDeadMan():
                self._links.arming_failed(self._now, wait_ns)
            case PlaceOrders() | AmendOrders() | CancelOrders():
                self._requests_failed(event, action, max(wait_ns, REFUSED_NS))
            case _:
                pass

    def _requests_failed(
        self, event: Answered, action: PlaceOrders | AmendOrders | CancelOrders, wait_ns: int
    ) -> None:
        if event.error_kind == "unavailable":
            self._want_refresh()  # it may or may not have been done
            if isinstance(action, CancelOrders):
                self.orders.answered(event.action_id, placed=True)
                self._quoter.pause_pulling(self._now + RETRY_NS)
            return
        self.orders.answered(event.action_id, placed=False)
        if isinstance(action, CancelOrders):
            asked_ns = round(event.retry_after_s * SECOND_NS)
            self._quoter.pause_pulling(self._now + max(asked_ns, RETRY_NS // 2))
        if event.error_kind == "busy":
            self._quoter.pause(self._now + wait_ns)
            return
        if isinstance(action, PlaceOrders):
            self._quoter.pause(self._now + wait_ns)
        else:
            self._want_refresh()  # filled or gone in between: the rows tell
        self._quoter.changed(Cause.CHANGE)

    def _want_refresh(self) -> None:
        self._links.refresh_wanted = True
        self._due = True

    def _refreshed(self, event: Answered, venue: str, asked_ns: int) -> None:
        self._links.told(venue, self._now)
        if venue == MAIN:
            try:
                self.orders.resync(event.orders, asked_ns)
            except StateDivergedError as error:
                self._diverged(error)
        sent = self._hedger.desk.under_way
        if venue == self.config.hedge_venue and sent is not None and sent.sent_ns < asked_ns:
            self._hedger.desk.forget()
        self._quoter.changed(Cause.CHANGE)
        if self._fill_ns >= asked_ns:
            # The answer may be older than the fill that the stream told.
            self._links.ask_again(self._now)

    def _diverged(self, error: StateDivergedError) -> None:
        self._out.say(self._now, "error", f"{error}; canceling all own orders and starting over")
        self._quoter.pull(self._now)
        self._links.is_resyncing = True
        self._want_refresh()

    # --- steps ----------------------------------------------------------------------------------

    def _act(self) -> None:
        now, links = self._now, self._links
        connected = links.main_is_up
        halted = self.halted
        self.quiet = self._gate.why_quiet(now) if halted is None else str(halted)
        links.keep_armed(now, needed=connected and (not self.quiet or bool(self.orders.live)))
        if self._asks_index and connected:
            self._ask_for_index(now)
        hedge_connected = self.config.hedge_venue in links.connected
        hedge_is_late = self._hedger.step(now, connected=hedge_connected)
        if hedge_is_late or self.orders.stuck(now - STUCK_NS):
            links.refresh_wanted = True
        if links.refresh_wanted and connected:
            links.ask(now)
        if not self.quiet:
            self._quoter.step(now, self._hedger.unhedged_value() if self._hedger.is_on else 0.0)
            if self._quoter.error is not None and self.config.stop_on_strategy_error:
                self.halted = self._quoter.error
        elif self.orders.live and self._gate.must_pull(now, connected=connected):
            self._quoter.pull(now)

    def _ask_for_index(self, now_ns: int) -> None:
        index_ns = self._index_ns()
        if index_ns is not None and now_ns >= index_ns:
            self._asks_index = False
            symbol = self.config.index_symbol
            self._out.send(Listen(action_id=self._out.next_id(), symbol=symbol), now_ns, 0.0)

    def _index_ns(self) -> int | None:
        contract = self.picture.contract
        if contract is None or contract.expiry_ns is None:
            return None
        return contract.expiry_ns - INDEX_AHEAD_NS

    def _close(self) -> None:
        self.quiet = "shutting down"
        if self.orders.live:
            self._quoter.pull(self._now)
        elif self._links.is_armed:
            self._links.disarm(self._now)
        if self.orders.stuck(self._now - RETRY_NS) or self._links.refresh_wanted:
            self._links.ask(self._now)

    def _next_wake(self) -> int | None:
        now, links = self._now, self._links
        wakes = self._quoter.wakes() if not self.quiet or self._closing else []
        wakes += self._hedger.wakes()
        wakes += links.wakes(needed=not self.quiet)
        wakes += self._gate.wakes(now, quiet=bool(self.quiet), quotes=bool(self.orders.live))
        if self._asks_index:
            index_ns = self._index_ns()
            if index_ns is not None:
                wakes.append(index_ns)
        if self.orders.busy:
            patience_ns = RETRY_NS if self._closing else STUCK_NS
            wakes += [o.sent_ns + patience_ns for o in self.orders.live.values() if o.in_flight]
        coming = [wake for wake in wakes if wake > now]
        return min(coming) if coming else None
