"""What history keeps: compact frozen structs of integers; prices in pico (1e-12), times in ns.

Prices are pico because a relisted symbol may have another tick than its earlier contracts.
"""

import msgspec

from sim_exchange.core.events import Executed
from sim_exchange.core.types import (
    ExecInst,
    ExecType,
    OrdStatus,
    OrdType,
    Reason,
    Side,
    TimeInForce,
)
from sim_exchange.core.views import OrderLike


class Tick(msgspec.Struct, frozen=True, gc=False):
    """One public trade, or an index's value once a minute (``size`` 0)."""

    at_ns: int
    symbol: str
    buy: bool
    size: int
    price_pico: int
    direction: str
    match_id: int
    gross_value: int


class Quote(msgspec.Struct, frozen=True, gc=False):
    """A touch as it was after a command; 0 where a side is empty."""

    at_ns: int
    symbol: str
    bid_size: int
    bid_pico: int
    ask_pico: int
    ask_size: int


class Settled(msgspec.Struct, frozen=True, gc=False):
    """A contract's settlement."""

    at_ns: int
    symbol: str
    price_pico: int
    adjustment_ppm: int = 0
    strike_pico: int = 0  # of an option, 1e-12
    underlying_pico: int = 0


class Funded(msgspec.Struct, frozen=True, gc=False):
    """One funding of a perpetual."""

    at_ns: int
    symbol: str
    interval_ns: int
    rate_ppm: int


class Insured(msgspec.Struct, frozen=True, gc=False):
    """The insurance fund of a currency at one noon, minor units."""

    at_ns: int
    currency: str
    amount: int


class Transaction(msgspec.Struct, frozen=True, gc=False):
    """One row of wallet history; ``balance`` is the sum of the rows up to it, minor units."""

    at_ns: int
    number: int
    account: int
    currency: str
    kind: str
    amount: int
    fee: int
    symbol: str
    balance: int
    status: str = "Completed"
    address: str = ""
    text: str = ""
    asked_ns: int = 0
    """When it was asked for, where that was before ``at_ns``; 0 = then."""


class OrderFacts(msgspec.Struct, frozen=True, gc=False):
    """What an execution row repeats of its order, as it was right after the command."""

    cl_ord_id: str
    cl_ord_link_id: str
    price: int
    display_qty: int | None
    stop_px: int | None
    peg_offset: int | None
    peg_price_type: str
    contingency_type: str
    triggered: str
    ord_type: str
    time_in_force: str
    exec_inst: int
    tick_pico: int
    text: str
    amended: tuple[str, ...]
    amend_text: str
    end_reason: Reason | None
    end_text: str


class Execution(msgspec.Struct, frozen=True):
    """An execution report with the facts of its order; None for the venue's own."""

    event: Executed
    facts: OrderFacts | None


class EndedOrder(msgspec.Struct, gc=False):
    """A copy of an order that has ended; it reads like the core's own (``OrderLike``)."""

    order_id: int
    account: int
    symbol: str
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce
    exec_inst: ExecInst
    order_qty: int
    price: int
    display_qty: int | None
    stop_px: int | None
    peg_offset: int | None
    peg_price_type: str
    contingency_type: str
    cl_ord_id: str
    cl_ord_link_id: str
    status: OrdStatus
    triggered: str
    working: bool
    leaves_qty: int
    cum_qty: int
    avg_px: int
    text: str
    end_reason: Reason | None
    end_text: str
    amended: tuple[str, ...]
    amend_text: str
    at_ns: int
    tick_pico: int


BALANCE_TYPES = frozenset(
    {ExecType.TRADE, ExecType.FUNDING, ExecType.SETTLEMENT, ExecType.LIQUIDATION}
)
"""Kinds of execution that move a balance."""
ENDED = frozenset({OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED})
"""States that an order does not leave by itself."""
ENDED_TEXTS = frozenset(status.value for status in ENDED)
"""The same, as the wire spells them."""


def facts_of(order: OrderLike, tick_pico: int) -> OrderFacts:
    """Copy what an execution row needs of its order."""
    return OrderFacts(
        order.cl_ord_id,
        order.cl_ord_link_id,
        order.price,
        order.display_qty,
        order.stop_px,
        order.peg_offset,
        order.peg_price_type,
        order.contingency_type,
        order.triggered,
        order.ord_type.value,
        order.time_in_force.value,
        int(order.exec_inst),
        order.tick_pico or tick_pico,
        order.text,
        order.amended,
        order.amend_text,
        order.end_reason,
        order.end_text,
    )


def ended_copy(order: OrderLike, tick_pico: int) -> EndedOrder:
    """Copy an order that has ended; the core forgets it, and its tick may change."""
    return EndedOrder(
        order.order_id,
        order.account,
        order.symbol,
        order.side,
        order.ord_type,
        order.time_in_force,
        order.exec_inst,
        order.order_qty,
        order.price,
        order.display_qty,
        order.stop_px,
        order.peg_offset,
        order.peg_price_type,
        order.contingency_type,
        order.cl_ord_id,
        order.cl_ord_link_id,
        order.status,
        order.triggered,
        order.working,
        order.leaves_qty,
        order.cum_qty,
        order.avg_px,
        order.text,
        order.end_reason,
        order.end_text,
        order.amended,
        order.amend_text,
        order.at_ns,
        order.tick_pico or tick_pico,
    )
