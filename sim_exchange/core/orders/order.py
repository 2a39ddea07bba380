"""An order and its life: which state may follow which."""

from typing import TYPE_CHECKING

from sim_exchange.core.types import (
    MINUTE_NS,
    ExecInst,
    OrdStatus,
    OrdType,
    Reason,
    Side,
    TimeInForce,
)
from sim_exchange.errors import InvariantError

if TYPE_CHECKING:
    from sim_exchange.core.orders.account import Position
    from sim_exchange.core.orders.book import Level

REVIVE_NS = MINUTE_NS
"""How long a filled order may be revived by an amended leaves quantity (E4)."""
KEEP_NS = MINUTE_NS
"""How long at least an ended order stays readable."""

POST_ONLY = int(ExecInst.POST_ONLY)
REDUCE_ONLY = int(ExecInst.REDUCE_ONLY)
CLOSE = int(ExecInst.CLOSE)
MARK_PRICE = int(ExecInst.MARK_PRICE)
LAST_PRICE = int(ExecInst.LAST_PRICE)
INDEX_PRICE = int(ExecInst.INDEX_PRICE)
LAST_WITHIN_MARK = int(ExecInst.LAST_WITHIN_MARK)
FIXED = int(ExecInst.FIXED)
ALL_OR_NONE = int(ExecInst.ALL_OR_NONE)
"""Bits of ``Order.flags``: flag enums cost a microsecond an operation."""

_NEW, _PARTIAL = OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED
_FILLED, _CANCELED = OrdStatus.FILLED, OrdStatus.CANCELED

_PLAIN = ExecInst.NONE
_LIMIT = OrdType.LIMIT
_PEGGED = OrdType.PEGGED
MARKET_KINDS = frozenset({OrdType.MARKET, OrdType.STOP, OrdType.MARKET_IF_TOUCHED})
"""Kinds that take what there is and never rest."""
STOP_KINDS = frozenset({OrdType.STOP, OrdType.STOP_LIMIT})
WAITING_KINDS = STOP_KINDS | {OrdType.MARKET_IF_TOUCHED, OrdType.LIMIT_IF_TOUCHED}
"""Kinds that wait outside the book until a price triggers them."""

NEXT: dict[OrdStatus | None, frozenset[OrdStatus]] = {
    None: frozenset({_NEW}),
    _NEW: frozenset({_PARTIAL, _FILLED, _CANCELED}),
    _PARTIAL: frozenset({_PARTIAL, _FILLED, _CANCELED}),
    _FILLED: frozenset({_PARTIAL}),  # amended leavesQty revives it within 60 s (E4)
    _CANCELED: frozenset(),
    OrdStatus.REJECTED: frozenset(),
}
"""Legal successors of each state; None is the state of an order that does not exist yet."""


class Order:
    """One order, mutable, owned by the core; readers see it as ``views.OrderLike``.

    ``position`` is the one that it adds to or takes from; its account and contract are the order's.
    ``shown`` is what the book shows of it, ``prev`` and ``next`` its neighbours in the queue of its
    level. An order that ``waiting`` is true of is in no book and holds nothing: it waits for its
    trigger price, or for the primary order of its link. On spot it holds ``held_quote`` and
    ``held_base`` minor units of its account's wallets, and ``reserved`` minor units of the base
    coin at the lending desk.
    """

    __slots__ = (
        "account",
        "amend_text",
        "amended",
        "at_ns",
        "avg_px",
        "cl_ord_id",
        "cl_ord_link_id",
        "contingency_type",
        "cum_cost",
        "cum_price_qty",
        "cum_qty",
        "display_qty",
        "end_reason",
        "end_text",
        "exec_inst",
        "final",
        "flags",
        "held_base",
        "held_quote",
        "leaves_qty",
        "level",
        "linked",
        "next",
        "ord_type",
        "order_id",
        "order_qty",
        "peg_offset",
        "peg_price_type",
        "peg_reference",
        "position",
        "prev",
        "price",
        "reduces",
        "reserved",
        "shown",
        "side",
        "status",
        "stop_px",
        "symbol",
        "text",
        "tick_pico",
        "time_in_force",
        "triggered",
        "waiting",
        "working",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - an order is what it says
        self,
        order_id: int,
        position: "Position",
        side: Side,
        ord_type: OrdType,
        time_in_force: TimeInForce,
        exec_inst: ExecInst,
        order_qty: int,
        price: int,
        display_qty: int | None,
        cl_ord_id: str,
        cl_ord_link_id: str,
        text: str,
        at_ns: int,
    ) -> None:
        self.order_id = order_id
        self.position = position
        self.account, self.symbol, _ = position.key
        self.side = side
        self.ord_type = ord_type
        self.time_in_force = time_in_force
        self.exec_inst = exec_inst
        self.order_qty = order_qty
        self.price = price
        self.display_qty = display_qty
        self.stop_px: int | None = None
        self.peg_offset: int | None = None
        self.peg_price_type = ""
        self.contingency_type = ""
        self.cl_ord_id = cl_ord_id
        self.cl_ord_link_id = cl_ord_link_id
        self.status = _NEW
        self.triggered = ""
        self.working = False
        self.leaves_qty = order_qty
        self.cum_qty = 0
        self.avg_px = 0
        self.text = text
        self.end_reason: Reason | None = None
        self.end_text = ""
        self.amended: tuple[str, ...] = ()
        self.amend_text = ""
        self.at_ns = at_ns
        self.tick_pico = 0
        # the core's own
        self.flags = 0
        self.reduces = False
        if exec_inst is not _PLAIN:
            self.flags = int(exec_inst)
            self.reduces = self.flags & (REDUCE_ONLY | CLOSE) != 0
        self.final = False  # its contract has been listed anew: it can't be revived
        self.waiting = False
        self.linked = False  # what happens to it concerns other orders of its clOrdLinkID
        self.peg_reference = 0  # pico; what a trailing stop was last set by
        self.cum_cost = 0  # sum of absolute execution costs, minor units
        self.cum_price_qty = 0  # sum of ticks times quantity
        self.shown = 0
        self.held_quote = 0
        self.held_base = 0
        self.reserved = 0
        self.prev: Order | None = None
        self.next: Order | None = None
        self.level: Level | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may still trade."""
        return self.status is _NEW or self.status is _PARTIAL

    @property
    def is_market(self) -> bool:
        """Whether it takes without a limit of its own."""
        return self.ord_type is not _LIMIT and self.ord_type in MARKET_KINDS

    @property
    def floats(self) -> bool:
        """Whether its price follows the market."""
        return self.ord_type is _PEGGED and not self.flags & FIXED

    def enter(self, status: OrdStatus) -> None:
        """Move to ``status``.

        Raises:
            InvariantError: no order may go that way.
        """
        now = self.status
        if (now is not _NEW and now is not _PARTIAL) or status is _NEW:
            self._check_next(status)
        self.status = status

    def _check_next(self, status: OrdStatus) -> None:
        if status not in NEXT[self.status]:
            raise InvariantError(f"order {self.order_id} goes from {self.status} to {status}")

    def may_revive(self, now_ns: int) -> bool:
        """Whether an amended leaves quantity brings it back to life."""
        return (
            self.status is _FILLED
            and self.ord_type is _LIMIT
            and not self.final
            and now_ns - self.at_ns <= REVIVE_NS
        )
