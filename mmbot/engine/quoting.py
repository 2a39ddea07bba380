"""When to quote, and the step from a wish to requests."""

from enum import IntEnum

from mmbot.engine.config import EngineConfig
from mmbot.engine.outbox import Outbox
from mmbot.errors import StrategyError
from mmbot.execution.budget import bulk_cost
from mmbot.execution.limits import Bounds, Ladder, check_quotes, clip, keep_apart
from mmbot.execution.orders import InFlight, OwnOrder, OwnOrders
from mmbot.execution.reconcile import BULK, Plan, reconcile
from mmbot.pricing.contracts import contracts_for_value
from mmbot.state import Picture
from mmbot.strategy.api import Explains, Level, Quotes, Strategy, View
from mmbot.types import (
    SECOND_NS,
    Amend,
    AmendOrders,
    CancelOrders,
    Instrument,
    NewOrder,
    PlaceOrders,
    QuoteNote,
    Side,
)

ROUND_COST = 2.0  # requests that a round must find in the budget


class Cause(IntEnum):
    """Why the quote should be looked at again; the larger, the sooner."""

    NONE = 0
    DRIFT = 1  # spot has moved, time has passed
    CHANGE = 2  # a fill, a position, an order that is gone
    JUMP = 3  # spot has moved a lot


class Quoter:
    """Owns the quotes of one contract."""

    def __init__(
        self,
        config: EngineConfig,
        strategy: Strategy,
        picture: Picture,
        orders: OwnOrders,
        out: Outbox,
    ) -> None:
        """Ask ``strategy`` and keep ``orders`` as it wishes."""
        self.orders = orders
        self.terms: dict[str, float] = {}
        self.cause = Cause.CHANGE
        self.ready_ns = 0  # when the next round may go out, while there is a cause
        self.error: StrategyError | None = None
        self.retry_ns = 0  # when a strategy that raised is asked again
        self._config = config
        self._strategy = strategy
        self._explains = strategy if isinstance(strategy, Explains) else None
        self._picture = picture
        self._out = out
        self._last = Quotes()
        self._round_ns = -(10**18)
        self._decided_ns = 0
        self._decided_sum = 0
        self._round_sum = 0  # mid_sum when something was sent last
        self._step = self._drift = self._jump = -1  # moves of mid_sum: see spot_moved
        self._pull_after_ns = 0
        self._refresh_span_ns = round(config.refresh_s * SECOND_NS)
        self._waits_ns = {
            Cause.JUMP: 0,
            Cause.CHANGE: round(config.min_react_s * SECOND_NS),
            Cause.DRIFT: round(config.min_requote_s * SECOND_NS),
        }

    def changed(self, cause: Cause) -> None:
        """Remember the strongest reason to look at the quote again."""
        self.cause = max(self.cause, cause)

    def spot_moved(self) -> bool:
        """Compare spot with the last decision; return whether there is a (stronger) reason now.

        Nearly all events end here: only a move that is large enough since the last round for an
        order to be off, and not just decided about, is worth asking the strategy.
        """
        mid_sum = self._picture.spot_book.mid_sum
        if mid_sum is None:
            return False
        move = abs(mid_sum - self._decided_sum)
        if move <= self._step or abs(mid_sum - self._round_sum) <= self._drift:
            return False
        cause = Cause.JUMP if move > self._jump else Cause.DRIFT
        if cause <= self.cause:
            return False
        self.cause = cause
        return True

    def wakes(self) -> list[int]:
        """Return the instants at which time alone changes something here."""
        return [self.ready_ns, self._pull_after_ns, self.retry_ns, self._refresh_ns()]

    def pause(self, until_ns: int) -> None:
        """Send no round before ``until_ns``, and then look again."""
        self._out.budget.pause(until_ns)
        self.changed(Cause.CHANGE)

    def pause_pulling(self, until_ns: int) -> None:
        """A cancel failed: try it again at ``until_ns``."""
        self._pull_after_ns = until_ns

    def pull(self, now_ns: int) -> None:
        """Cancel all quotes that are not being canceled already."""
        leaving = [o for o in self.orders.live.values() if o.in_flight is not InFlight.CANCEL]
        if leaving and now_ns >= self._pull_after_ns:
            self._cancel(leaving, now_ns)
        self.changed(Cause.CHANGE)

    def step(self, now_ns: int, unhedged_value: float) -> None:
        """Decide and send a round, when there is a reason, nothing is in flight and it is time."""
        if now_ns >= self._refresh_ns():
            self.changed(Cause.DRIFT)
        if not self.cause or self.orders.busy or now_ns < self.retry_ns:
            return
        self.ready_ns = self._when(now_ns)
        if now_ns < self.ready_ns:
            return
        view = self._picture.view(
            now_ns,
            last=self._last,
            target=self._config.target_position,
            home_rate=self._config.home_rate,
        )
        if view is None:
            return
        try:
            self._last = check_quotes(self._strategy.quote(view))
            if self._explains is not None:
                self.terms = dict(self._explains.explain())
        except Exception as error:  # the user's code may raise anything; it must not stay quoted
            self._failed(error, view, now_ns)
            return
        self.error = None
        rising = self._remember(now_ns)
        bids, asks, why = self._ladders(view, unhedged_value)
        if why:
            self._out.say(now_ns, "info", why)
        plan = self._plan(view, bids, asks, rising=rising)
        if plan.is_empty:
            return
        self._send(plan, now_ns)
        self._out.note(
            QuoteNote(
                at_ns=now_ns,
                symbol=view.instrument.symbol,
                spot=view.spot,
                terms=self.terms,
                bids=bids,
                asks=asks,
                position=view.position,
                spot_position=self._picture.spot_row,
                mark=view.mark,
                years=view.years_to_settlement,
                why=why,
            )
        )

    def _refresh_ns(self) -> int:
        return self._decided_ns + self._refresh_span_ns

    def _when(self, now_ns: int) -> int:
        rested_ns = self._round_ns + self._waits_ns[self.cause]
        return max(rested_ns, self._out.budget.ready_ns(ROUND_COST, now_ns))

    def _remember(self, now_ns: int) -> bool:
        """Note at what spot was decided; return whether it has risen since the last decision."""
        mid_sum = self._picture.spot_book.mid_sum or 0
        rising = mid_sum > self._decided_sum
        self._decided_ns, self._decided_sum = now_ns, mid_sum
        tolerance = mid_sum * self._config.requote_tolerance
        self._step, self._drift = int(tolerance / 4), int(tolerance * 0.75)
        self._jump = int(mid_sum * self._config.urgent_move)
        self.cause = Cause.NONE
        self.ready_ns = 0
        return rising

    def _failed(self, error: Exception, view: View, now_ns: int) -> None:
        words = str(error) if isinstance(error, StrategyError) else f"{error!r}"
        self.error = StrategyError(f"the strategy raised {words} for {view}")
        self.error.__cause__ = error
        self.retry_ns = now_ns + round(self._config.strategy_retry_s * SECOND_NS)
        self._out.say(now_ns, "error", str(self.error))
        self.pull(now_ns)

    def _ladders(self, view: View, unhedged_value: float) -> tuple[Ladder, Ladder, str]:
        instrument, config = view.instrument, self._config
        most = contracts_for_value(instrument, config.max_position, view.spot)
        if config.max_contracts is not None:
            most = min(most, config.max_contracts)
        whys = []
        ladders = []
        for side, levels in ((Side.BUY, self._last.bids), (Side.SELL, self._last.asks)):
            capacity = max(0, most - view.position * side)
            if unhedged_value * side > config.max_unhedged:
                capacity = 0
                whys.append(f"{side.name.lower()} side: too much is unhedged")
            ladder, why = self._clip(levels, side, view, capacity)
            ladders.append(ladder)
            if why:
                whys.append(f"{side.name.lower()} side: {why}")
        bids, asks = keep_apart(ladders[0], ladders[1])
        return bids, asks, "; ".join(whys)

    def _clip(
        self, levels: tuple[Level, ...], side: Side, view: View, capacity: int
    ) -> tuple[Ladder, str]:
        instrument = view.instrument
        own: dict[int, int] = {}
        for order in self.orders.live.values():
            if order.side is not side:
                own[order.price] = own.get(order.price, 0) + order.leaves
        bounds = Bounds(
            capacity=capacity,
            max_order_qty=self._config.max_order or instrument.max_order_qty,
            low=view.spot * (1 - self._config.price_band),
            high=view.spot * (1 + self._config.price_band),
            passive=self._picture.book.best_without(side.other, own),
        )
        return clip(levels, side, instrument, bounds)

    def _plan(self, view: View, bids: Ladder, asks: Ladder, *, rising: bool) -> Plan:
        tick = view.instrument.tick
        tolerance = int(
            view.spot * self._config.requote_tolerance * tick.denominator / tick.numerator
        )
        plan = Plan()
        # The side that spot moves towards goes first, so that our own other side never meets it.
        for side, ladder in sorted(
            ((Side.BUY, bids), (Side.SELL, asks)), key=lambda pair: pair[0], reverse=not rising
        ):
            reconcile(plan, side, ladder, self.orders.side(side), tolerance=tolerance)
        plan.limit(BULK)
        return plan

    def _send(self, plan: Plan, now_ns: int) -> None:
        self._round_ns, self._round_sum = now_ns, self._decided_sum
        symbol = self._config.symbol
        if plan.cancel:
            self._cancel(plan.cancel, now_ns)
        if plan.amend:
            action_id = self._out.next_id()
            amends = tuple(
                Amend(
                    order_id=target.order.order_id,
                    cl_ord_id=target.order.cl_ord_id,
                    symbol=symbol,
                    side=target.order.side,
                    order_qty=target.order_qty,
                    price=target.price,
                )
                for target in plan.amend
            )
            self.orders.mark(
                [amend.cl_ord_id for amend in amends], InFlight.AMEND, action_id, now_ns
            )
            self._out.send(
                AmendOrders(action_id=action_id, amends=amends), now_ns, bulk_cost(len(amends))
            )
        if plan.new:
            self._enter(plan.new, now_ns)

    def _enter(self, wished: list[tuple[Side, int, int]], now_ns: int) -> None:
        action_id = self._out.next_id()
        orders = []
        for side, price, qty in wished:
            cl_ord_id = self.orders.next_id("q")
            self.orders.sent(
                OwnOrder(
                    cl_ord_id=cl_ord_id,
                    symbol=self._config.symbol,
                    side=side,
                    price=price,
                    order_qty=qty,
                    in_flight=InFlight.NEW,
                    action_id=action_id,
                    sent_ns=now_ns,
                )
            )
            orders.append(
                NewOrder(
                    symbol=self._config.symbol,
                    side=side,
                    order_qty=qty,
                    price=price,
                    cl_ord_id=cl_ord_id,
                    post_only=True,
                )
            )
        self._out.send(
            PlaceOrders(action_id=action_id, orders=tuple(orders)), now_ns, bulk_cost(len(orders))
        )

    def _cancel(self, orders: list[OwnOrder], now_ns: int) -> None:
        action_id = self._out.next_id()
        self.orders.mark([order.cl_ord_id for order in orders], InFlight.CANCEL, action_id, now_ns)
        self._out.send(
            CancelOrders(
                action_id=action_id,
                order_ids=tuple(order.order_id for order in orders if order.order_id),
                cl_ord_ids=tuple(order.cl_ord_id for order in orders if not order.order_id),
            ),
            now_ns,
        )


def is_open(instrument: Instrument | None) -> bool:
    """Whether an instrument is known and trading."""
    return instrument is not None and instrument.state == "Open"
