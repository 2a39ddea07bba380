"""A played world for engine tests: events in, actions out, and a venue that does what it is told.

Not an exchange: quotes rest until ``hit`` takes them, spot orders fill at once at the mid, answers
come ``latency_ns`` after the action. What a test wants otherwise it says with ``answer``.
"""

import heapq
from collections.abc import Callable
from typing import Any

from mmbot.engine import Engine, EngineConfig
from mmbot.strategy.api import Strategy
from mmbot.strategy.builtin.fixed_spread import FixedSpread
from mmbot.types import (
    SECOND_NS,
    Action,
    AmendOrders,
    Answered,
    ArmDeadMan,
    BookSeen,
    CancelOrders,
    Connected,
    Event,
    FillNote,
    FillSeen,
    InstrumentSeen,
    OrderSeen,
    OrdStatus,
    PlaceOrders,
    PositionSeen,
    PriceSeen,
    QuoteNote,
    RefreshState,
    Side,
    StatusNote,
    Tick,
)
from tests.bot.instruments import ETC7D, ETC_XBT, MONDAY_NS

Answer = Callable[[Action], Answered | None]


class World:
    """An engine and the venue that answers it."""

    def __init__(
        self,
        strategy: Strategy | None = None,
        *,
        mid: float = 0.02,
        at_ns: int = MONDAY_NS,
        latency_ns: int = 10**6,
        start: bool = True,
        **config: Any,
    ) -> None:
        names: dict[str, Any] = {
            "symbol": "ETC7D",
            "spot_symbol": "ETC_XBT",
            "lending_symbol": ".ETCBON",
            "cl_ord_prefix": "mm-test-",
            "max_position": 20.0,
            "max_unhedged": 10.0,
        }
        self.engine = Engine(
            EngineConfig(**{**names, **config}),
            strategy or FixedSpread(half_spread=0.005, size_value=6.0),
        )
        self.now = at_ns
        self.mid = mid
        self.position = 0
        self.spot_row = 0
        self.orders: dict[str, Any] = {}  # cl_ord_id -> OrderSeen
        self.sent: list[Action] = []
        self.notes: list = []
        self.answer: Answer = lambda action: None
        self.latency_ns = latency_ns
        self._later: list[tuple[int, int, Event]] = []
        self._count = 0
        self._book: dict[tuple[Side, int], int] = {}
        if start:
            self.start()

    # --- what happens ---------------------------------------------------------------------------

    def start(self) -> None:
        self.tell(InstrumentSeen(at_ns=self.now, instrument=ETC7D))
        self.tell(InstrumentSeen(at_ns=self.now, instrument=ETC_XBT))
        self.tell(PriceSeen(at_ns=self.now, symbol=".ETCBON", last=0.5 / 365))
        self.tell(PriceSeen(at_ns=self.now, symbol=".ETCXBT", last=self.mid))
        self.spot(self.mid)
        self.tell(Connected(at_ns=self.now, venue="main"))
        self.settle()

    def spot(self, mid: float, width: int = 100) -> list[Action]:
        """Move the spot book."""
        self.mid = mid
        ticks = round(mid * 10**8)
        levels = {(Side.BUY, ticks - width): 10**12, (Side.SELL, ticks + width): 10**12}
        changes = [(side, price, 0) for side, price in self._book if (side, price) not in levels]
        changes += [(side, price, size) for (side, price), size in levels.items()]
        self._book = levels
        event = BookSeen(at_ns=self.now, symbol="ETC_XBT", snapshot=False, levels=tuple(changes))
        return self.tell(event)

    def tell(self, event: Event) -> list[Action]:
        """Give one event, put its actions on the way, and return them."""
        actions = self.engine.on_event(event)
        self.take(actions)
        return actions

    def take(self, actions: list[Action]) -> None:
        """Perform actions that the engine gave outside an event."""
        self.sent += actions
        self.notes += self.engine.drain_notes()
        for action in actions:
            for event in self._perform(action):
                self._count += 1
                heapq.heappush(self._later, (self.now + self.latency_ns, self._count, event))

    def settle(self) -> None:
        """Play everything that is on its way, and what follows from it."""
        while self._later:
            self._step()

    def run(self, seconds: float, each_s: float = 1.0) -> None:
        """Let time pass: answers, ticks, and the wake-ups that the engine wants."""
        end = self.now + round(seconds * SECOND_NS)
        while True:
            wake = self.engine.next_wake_ns()
            instants: list[int] = [self.now + round(each_s * SECOND_NS), end]
            instants += [wake] if wake is not None and wake > self.now else []
            upto = min(instants)
            if self._later and self._later[0][0] <= upto:
                self._step()
                continue
            self.now = upto
            self.tell(Tick(at_ns=self.now))
            if self.now >= end:
                return

    def hit(self, side: Side, qty: int) -> str:
        """Take our best quote of ``side``; return its clOrdID."""
        open_rows = [row for row in self.orders.values() if row.side is side]
        best = max(open_rows, key=lambda row: row.price * side)
        qty = min(qty, best.leaves_qty)
        self._fill_quote(best, qty)
        return best.cl_ord_id

    def expire(self) -> None:
        """Settle the contract now."""
        if self.position:
            side = Side.SELL if self.position > 0 else Side.BUY
            self.tell(self._fill("", "ETC7D", side, abs(self.position), "Settlement"))
        self.position = 0
        self.tell(PositionSeen(at_ns=self.now, symbol="ETC7D", qty=0))

    # --- what was seen --------------------------------------------------------------------------

    @property
    def quotes(self) -> tuple[list[tuple[float, int]], list[tuple[float, int]]]:
        """Our open (price, leaves), best first: bids, asks."""
        rows = sorted(self.orders.values(), key=lambda row: row.price)
        sides = {
            side: [(row.price / 10**6, row.leaves_qty) for row in rows if row.side is side]
            for side in Side
        }
        return sides[Side.BUY][::-1], sides[Side.SELL]

    def sent_of(self, kind: type) -> list[Any]:
        return [action for action in self.sent if isinstance(action, kind)]

    def hedges(self) -> list[Any]:
        return [
            order
            for action in self.sent_of(PlaceOrders)
            for order in action.orders
            if order.symbol == "ETC_XBT"
        ]

    def fills(self) -> list[FillNote]:
        return [note for note in self.notes if isinstance(note, FillNote)]

    def words(self) -> str:
        return "\n".join(note.text for note in self.notes if isinstance(note, StatusNote))

    def decisions(self) -> list[QuoteNote]:
        return [note for note in self.notes if isinstance(note, QuoteNote)]

    # --- the venue ------------------------------------------------------------------------------

    def _step(self) -> None:
        at, _, event = heapq.heappop(self._later)
        self.now = max(self.now, at)
        event = event.__class__(**{**_fields(event), "at_ns": self.now})
        self.tell(event)

    def _perform(self, action: Action) -> list[Event]:
        said = self.answer(action)
        if said is not None:
            return [said]
        events: list[Event] = []
        match action:
            case PlaceOrders():
                rows = [self._enter(order, events) for order in action.orders]
            case AmendOrders():
                rows = [self._amend(amend) for amend in action.amends]
            case CancelOrders():
                ids = {*action.order_ids, *action.cl_ord_ids}
                gone = [r for r in self.orders.values() if {r.order_id, r.cl_ord_id} & ids]
                rows = [self._end(row, OrdStatus.CANCELED) for row in gone]
            case RefreshState():
                rows = list(self.orders.values())
                events.append(self._position_row("ETC7D", self.position))
                events.append(self._position_row("ETC_XBT", self.spot_row))
            case _:
                rows = []
        answer = Answered(at_ns=self.now, action_id=action.action_id, orders=tuple(rows))
        return [*events, answer]

    def _position_row(self, symbol: str, qty: int) -> PositionSeen:
        return PositionSeen(at_ns=self.now, symbol=symbol, qty=qty)

    def _enter(self, order: Any, events: list[Event]) -> OrderSeen:
        assert order.cl_ord_id not in self.orders, "a clOrdID was used twice"
        if order.symbol == "ETC7D":
            assert order.post_only
            row = OrderSeen(
                at_ns=self.now,
                order_id="id-" + order.cl_ord_id,
                cl_ord_id=order.cl_ord_id,
                symbol="ETC7D",
                side=order.side,
                price=order.price,
                order_qty=order.order_qty,
                leaves_qty=order.order_qty,
                cum_qty=0,
                status=OrdStatus.NEW,
            )
            self.orders[order.cl_ord_id] = row
            return row
        qty = order.order_qty if order.order_qty is not None else abs(self.spot_row)
        self.spot_row += order.side * qty
        events.append(self._fill(order.cl_ord_id, "ETC_XBT", order.side, qty, "Trade"))
        events.append(self._position_row("ETC_XBT", self.spot_row))
        return OrderSeen(
            at_ns=self.now,
            order_id="id-" + order.cl_ord_id,
            cl_ord_id=order.cl_ord_id,
            symbol="ETC_XBT",
            side=order.side,
            order_qty=qty,
            leaves_qty=0,
            cum_qty=qty,
            status=OrdStatus.FILLED,
        )

    def _amend(self, amend: Any) -> OrderSeen:
        row = self.orders[amend.cl_ord_id]
        leaves = amend.order_qty - row.cum_qty
        row = OrderSeen(
            **{
                **_fields(row),
                "price": amend.price,
                "order_qty": amend.order_qty,
                "leaves_qty": leaves,
            }
        )
        self.orders[row.cl_ord_id] = row
        return row

    def _end(self, row: Any, status: OrdStatus) -> OrderSeen:
        del self.orders[row.cl_ord_id]
        return OrderSeen(**{**_fields(row), "status": status, "leaves_qty": 0})

    def _fill_quote(self, row: Any, qty: int) -> None:
        leaves = row.leaves_qty - qty
        status = OrdStatus.PARTIALLY_FILLED if leaves else OrdStatus.FILLED
        row = OrderSeen(
            **{
                **_fields(row),
                "at_ns": self.now,
                "leaves_qty": leaves,
                "cum_qty": row.cum_qty + qty,
                "status": status,
            }
        )
        if leaves:
            self.orders[row.cl_ord_id] = row
        else:
            del self.orders[row.cl_ord_id]
        self.position += row.side * qty
        self.tell(row)
        fill = self._fill(row.cl_ord_id, "ETC7D", row.side, qty, "Trade", row.price / 10**6)
        self.tell(fill)
        self.tell(self._position_row("ETC7D", self.position))

    def _fill(
        self, cl_ord_id: str, symbol: str, side: Side, qty: int, kind: str, price: float = 0.0
    ) -> FillSeen:
        self._count += 1
        return FillSeen(
            at_ns=self.now,
            exec_id=f"exec-{self._count}",
            exec_type=kind,
            order_id="id-" + cl_ord_id,
            cl_ord_id=cl_ord_id,
            symbol=symbol,
            side=side,
            qty=qty,
            price=price or self.mid,
            exec_cost=0,
            exec_comm=0,
            maker=symbol == "ETC7D",
        )


def _fields(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def armed(world: World) -> list[int]:
    """Return the dead-man timeouts that were sent."""
    return [action.timeout_ms for action in world.sent_of(ArmDeadMan)]
