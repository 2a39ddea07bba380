"""What a request may say: the checks of an order's own fields, before anything else is looked at.

Each check returns the refusal, or None when all is well; nothing is changed here.
"""

from sim_exchange.core.commands import AmendOrder, PlaceOrder
from sim_exchange.core.events import Refused
from sim_exchange.core.orders.kinds import check_instructions, check_kind, check_stop
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import (
    CLOSE,
    MARKET_KINDS,
    POST_ONLY,
    REDUCE_ONLY,
    WAITING_KINDS,
    Order,
)
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.types import ExecInst, Mode, OrdType, Reason, State, TimeInForce

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_UNLISTED = State.UNLISTED
_SETTLED = State.SETTLED
_OPEN = State.OPEN
_HALT = Mode.HALT
_CANCEL_ONLY = Mode.CANCEL_ONLY
_AT_THE_CLOSE = TimeInForce.AT_THE_CLOSE
_LIMIT = OrdType.LIMIT
_MARKET = OrdType.MARKET
_IOC = TimeInForce.IOC
_FOK = TimeInForce.FOK
_PLAIN = ExecInst.NONE

_PEGGED = OrdType.PEGGED

_BUILT = POST_ONLY | REDUCE_ONLY | CLOSE


def refuse(reason: Reason, detail: int = 0, text: str = "", ref: int = 0) -> Refused:
    """Make a refusal; whoever publishes it gives it its place among the items of the command."""
    return Refused(reason=reason, detail=detail, text=text, ref=ref)


CONTINGENCIES = frozenset(
    {
        "OneCancelsTheOther",
        "OneTriggersTheOther",
        "OneUpdatesTheOtherAbsolute",
        "OneUpdatesTheOtherProportional",
    }
)
"""How the orders of one clOrdLinkID may depend on each other (protocol.md 4.8)."""


def check_market(market: Market, now_ns: int) -> Refused | None:
    """Whether the instrument takes orders now (E14, E17)."""
    spec = market.spec
    if market.state is _UNLISTED:
        return refuse(Reason.NOT_LISTED_YET)
    # The settlement instant is exclusive for trading (E14).
    if market.state is _SETTLED or (spec.expiry_ns is not None and now_ns >= spec.expiry_ns):
        return refuse(Reason.EXPIRED)
    mode = market.mode
    if mode is _HALT or mode is _CANCEL_ONLY or market.state is not _OPEN:
        return refuse(Reason.NOT_OPEN, text=f"mode is {market.mode.value}")
    if not market.mark and not market.is_spot:
        return refuse(Reason.NO_MARK_PRICE)
    return None


def check_price(spec: InstrumentSpec, price: int | None) -> Refused | None:
    """Whether ``price`` is a price in ticks that the instrument allows."""
    if type(price) is not int or not 0 < price <= spec.max_price_ticks:
        return refuse(
            Reason.BAD_PRICE, text=f"price {price} is not in 1..{spec.max_price_ticks} ticks"
        )
    return None


def check_band(market: Market, price: int) -> Refused | None:
    """Whether ``price`` in ticks lies within the limits that the instrument has now (E15)."""
    if market.limit_up is not None and price > market.limit_up:
        return refuse(Reason.PRICE_ABOVE_LIMIT, market.limit_up)
    if market.limit_down is not None and price < market.limit_down:
        return refuse(Reason.PRICE_BELOW_LIMIT, market.limit_down)
    return None


def check_qty(spec: InstrumentSpec, qty: int) -> Refused | None:
    """Whether ``qty`` is a quantity that the instrument allows."""
    if type(qty) is not int or not 0 < qty <= spec.max_order_qty:
        return refuse(Reason.BAD_QTY, text=f"quantity {qty} is not in 1..{spec.max_order_qty}")
    if qty % spec.lot_size:
        return refuse(
            Reason.QTY_NOT_LOT, text=f"quantity {qty} is not a multiple of {spec.lot_size}"
        )
    return None


def check_place(command: PlaceOrder, market: Market) -> Refused | None:
    """Whether the fields of a new order fit each other and its instrument (protocol.md 4.2)."""
    spec = market.spec
    inst, kind, tif = int(command.exec_inst), command.ord_type, command.time_in_force
    if tif is _AT_THE_CLOSE:
        return refuse(Reason.BAD_TIME_IN_FORCE, text="AtTheClose is the venue's own")
    fault = None
    if kind is not _LIMIT and kind is not _MARKET:
        fault = check_kind(command, spec, inst)
    elif (
        inst & ~_BUILT
        or command.stop_px is not None
        or command.peg_offset is not None
        or command.peg_price_type
    ):
        fault = _refuse_unlike_plain(command, inst)
    if fault is None and command.contingency_type:
        fault = _check_contingency(command, spec)
    return fault or _check_limit(command, spec, inst, tif) or _check_size(command, spec, inst)


def is_plain(command: PlaceOrder, spec: InstrumentSpec) -> bool:
    """Whether an order is what most are, so that ``check_place`` has nothing against it."""
    price, qty = command.price, command.order_qty
    return (
        command.ord_type is _LIMIT
        and command.exec_inst is _PLAIN
        and command.time_in_force is not _AT_THE_CLOSE
        and type(price) is int
        and 0 < price <= spec.max_price_ticks
        and type(qty) is int
        and 0 < qty <= spec.max_order_qty
        and qty % spec.lot_size == 0
        and command.side is not None
        and command.display_qty is None
        and command.stop_px is None
        and command.peg_offset is None
        and not command.peg_price_type
        and not command.contingency_type
    )


def _refuse_unlike_plain(command: PlaceOrder, inst: int) -> Refused | None:
    """Say what a Limit or Market order has that only other kinds can have."""
    if inst & ~_BUILT:
        return check_instructions(command, inst)
    if command.stop_px is not None:
        return refuse(Reason.BAD_STOP_PX, text="stopPx without a stop")
    if command.peg_price_type:
        return refuse(Reason.BAD_PEG, text="a peg needs ordType Pegged or a stop")
    return refuse(Reason.BAD_PEG_OFFSET, text="pegOffsetValue without a peg")


def _check_contingency(command: PlaceOrder, spec: InstrumentSpec) -> Refused | None:
    if not spec.contingent_orders or command.contingency_type not in CONTINGENCIES:
        return refuse(Reason.BAD_CONTINGENCY, text=f"contingencyType {command.contingency_type}")
    if not command.cl_ord_link_id:
        return refuse(Reason.BAD_LINK, text="contingencyType needs clOrdLinkID")
    return None


def _check_limit(
    command: PlaceOrder, spec: InstrumentSpec, inst: int, tif: TimeInForce
) -> Refused | None:
    """Whether the price and what is said of resting fit the kind."""
    kind = command.ord_type
    if kind is not _LIMIT and (kind is _PEGGED or kind in MARKET_KINDS):
        if command.price is not None:
            return refuse(Reason.BAD_PRICE, text=f"a {kind.value} order has no price of its own")
        if inst & POST_ONLY and kind is not _PEGGED:
            return refuse(Reason.BAD_EXEC_INST, text=f"a {kind.value} order can't be post-only")
    else:
        fault = check_price(spec, command.price)
        if fault is not None:
            return fault
    if inst & POST_ONLY and (tif is _IOC or tif is _FOK):
        return refuse(Reason.BAD_EXEC_INST, text="post-only needs an order that may rest")
    return None


def _check_size(command: PlaceOrder, spec: InstrumentSpec, inst: int) -> Refused | None:
    if command.order_qty is None:
        if not inst & CLOSE:
            return refuse(Reason.BAD_QTY, text="quantity may be absent only with Close")
    else:
        fault = check_qty(spec, command.order_qty)
        if fault is not None:
            return fault
    if command.side is None and (not inst & CLOSE or command.ord_type in WAITING_KINDS):
        # The side of a Close that waits says whether it is triggered above or below (4.3).
        return refuse(Reason.BAD_SIDE, text="side may be absent only with a Close at once")
    return None if command.display_qty is None else _check_display(command, spec)


def _check_display(command: PlaceOrder, spec: InstrumentSpec) -> Refused | None:
    shown = command.display_qty
    most = command.order_qty if command.order_qty is not None else spec.max_order_qty
    if type(shown) is not int or not 0 <= shown <= most or shown % spec.lot_size:
        return refuse(Reason.BAD_DISPLAY_QTY, text=f"displayQty {shown} is not in 0..{most}")
    if shown == 0 and int(command.exec_inst) & POST_ONLY:
        return refuse(Reason.BAD_DISPLAY_QTY, text="a hidden order always pays as a taker")
    return None


def check_amend(
    command: AmendOrder, order: Order, spec: InstrumentSpec, now_ns: int
) -> Refused | None:
    """Whether an amend says something that can be done to ``order`` (protocol.md 4.7)."""
    revives = command.leaves_qty is not None and order.may_revive(now_ns)
    if not order.is_open and not revives:
        return refuse(Reason.ORDER_NOT_OPEN, ref=order.order_id)
    if command.order_qty is not None and command.leaves_qty is not None:
        return refuse(Reason.BAD_QTY, text="orderQty and leavesQty exclude each other")
    qty = command.order_qty if command.leaves_qty is None else command.leaves_qty
    if qty is not None and type(qty) is not int:
        return refuse(Reason.BAD_QTY, text=f"quantity {qty!r} is no whole number")
    if command.cl_ord_id and not command.orig_cl_ord_id:
        return refuse(Reason.UNKNOWN_ORDER, text="a new clOrdID needs origClOrdID")
    fault = None
    if command.stop_px is not None or command.peg_offset is not None:
        fault = _check_amended_stop(command, order, spec)
    if fault is None and command.price is not None:
        fault = check_price(spec, command.price)
        if fault is None and ((order.waiting and order.is_market) or order.floats):
            fault = refuse(Reason.BAD_PRICE, text="the order has no price of its own")
    wanted = new_leaves(command, order)
    if fault is None and wanted is not None:
        fault = _check_leaves(command, spec, wanted, revives=revives)
    return fault or _check_says_something(command, order, wanted)


def _check_says_something(command: AmendOrder, order: Order, wanted: int | None) -> Refused | None:
    if (
        (command.price is None or command.price == order.price)
        and wanted in {None, order.leaves_qty}
        and command.stop_px in {None, order.stop_px}
        and command.peg_offset in {None, order.peg_offset}
    ):
        return refuse(Reason.NOTHING_TO_AMEND, ref=order.order_id)
    return None


def _check_amended_stop(command: AmendOrder, order: Order, spec: InstrumentSpec) -> Refused | None:
    """Whether the trigger of an order can still be changed in this way: before it has triggered."""
    if command.stop_px is None and order.floats:
        return None
    if order.triggered or order.ord_type not in WAITING_KINDS:
        if command.stop_px is None:
            text = "the order follows no price"
            return refuse(Reason.BAD_PEG_OFFSET, ref=order.order_id, text=text)
        return refuse(Reason.BAD_STOP_PX, ref=order.order_id, text="the order waits for no price")
    trails = bool(order.peg_price_type)
    return check_stop(spec, order.ord_type, order.side, command, trails=trails, amends=True)


def _check_leaves(
    command: AmendOrder, spec: InstrumentSpec, wanted: int, *, revives: bool
) -> Refused | None:
    """Whether ``wanted`` may be left: 0 only where that is what was asked, and cancels."""
    if wanted == 0 and 0 in {command.order_qty, command.leaves_qty}:
        return refuse(Reason.BAD_QTY, text="nothing left to revive") if revives else None
    return check_qty(spec, wanted)


def new_leaves(command: AmendOrder, order: Order) -> int | None:
    """Return what will be left to trade after the amend; None when it says nothing of quantity.

    An amended orderQty counts from the start: 10 with 4 filled, amended to 8, leaves 4.
    """
    if command.leaves_qty is not None:
        return command.leaves_qty
    if command.order_qty is not None:
        return command.order_qty - order.cum_qty if command.order_qty else 0
    return None
