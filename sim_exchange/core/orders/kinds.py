"""What stops, if-touched and pegged orders may say of themselves (E4, protocol.md 4.1 to 4.4)."""

from sim_exchange.core.commands import AmendOrder, PlaceOrder
from sim_exchange.core.events import Refused
from sim_exchange.core.orders.order import (
    ALL_OR_NONE,
    FIXED,
    INDEX_PRICE,
    LAST_PRICE,
    LAST_WITHIN_MARK,
    MARK_PRICE,
    STOP_KINDS,
    WAITING_KINDS,
)
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.types import Kind, OrdType, Reason, Side

TRAILING = "TrailingStopPeg"
PEGS = frozenset({"PrimaryPeg", "MarketPeg", "LastPeg", "MidPricePeg"})
"""What the price of a Pegged order may follow: near touch, far touch, a last price, the middle."""

_PRICES = (MARK_PRICE, LAST_PRICE, INDEX_PRICE)
_ANY_PRICE = MARK_PRICE | LAST_PRICE | INDEX_PRICE


def check_kind(command: PlaceOrder, spec: InstrumentSpec, inst: int) -> Refused | None:
    """Whether the fields that only stops and pegs have are there, and fit each other."""
    fault = check_instructions(command, inst, spec)
    if fault is not None:
        return fault
    kind, peg = command.ord_type, command.peg_price_type
    if kind is OrdType.PEGGED:
        return _check_peg(command, inst, floats=spec.floating_pegs)
    if peg and peg != TRAILING:
        return _refuse(Reason.BAD_PEG, f"pegPriceType {peg} of a {kind.value} order")
    side = command.side
    if side is None:
        return None  # refused with the sizes
    return check_stop(spec, kind, side, command, trails=bool(peg))


def check_instructions(
    command: PlaceOrder, inst: int, spec: InstrumentSpec | None = None
) -> Refused | None:
    """Whether the execInsts that name a price, or how to use it, fit the kind.

    ``spec`` may be left out for kinds that can't have any of them.
    """
    kind = command.ord_type
    named = [bit for bit in _PRICES if inst & bit]
    waits = kind in WAITING_KINDS
    if inst & ALL_OR_NONE:
        return _refuse(Reason.BAD_EXEC_INST, "AllOrNone is not taken")
    if len(named) > 1:
        return _refuse(Reason.BAD_EXEC_INST, "only one price may be named")
    if named and not waits and command.peg_price_type != "LastPeg":
        return _refuse(Reason.EXEC_INST_FOR_TYPE, f"a {kind.value} order has no trigger")
    if inst & FIXED and kind is not OrdType.PEGGED:
        return _refuse(Reason.EXEC_INST_FOR_TYPE, "Fixed needs ordType Pegged")
    if inst & LAST_WITHIN_MARK and (kind not in STOP_KINDS or not inst & LAST_PRICE):
        return _refuse(Reason.EXEC_INST_FOR_TYPE, "LastWithinMark needs a stop on LastPrice")
    if spec is not None and spec.kind is Kind.SPOT and inst & (INDEX_PRICE | LAST_WITHIN_MARK):
        return _refuse(Reason.EXEC_INST_FOR_TYPE, "not on spot")
    return None


def check_stop(
    spec: InstrumentSpec,
    kind: OrdType,
    side: Side,
    command: PlaceOrder | AmendOrder,
    *,
    trails: bool,
    amends: bool = False,
) -> Refused | None:
    """Whether there is a good stopPx, or on a trailing order an offset with the right sign.

    Args:
        spec: of the instrument.
        kind: of the order.
        side: of the order.
        command: what is asked.
        trails: whether the order's stopPx follows the market.
        amends: whether what is absent stays as it is.
    """
    stop_px, offset = command.stop_px, command.peg_offset
    if not trails:
        if offset is not None:
            return _refuse(Reason.BAD_PEG_OFFSET, "pegOffsetValue without a peg")
        if stop_px is None and amends:
            return None
        if type(stop_px) is not int or not 0 < stop_px <= spec.max_price_ticks:
            allowed = f"1..{spec.max_price_ticks} ticks"
            return _refuse(Reason.BAD_STOP_PX, f"stopPx {stop_px} is not in {allowed}")
        return None
    if stop_px is not None:
        return _refuse(Reason.BAD_STOP_PX, "a trailing order finds its own stopPx")
    if offset is None and amends:
        return None
    # Below the market where a falling price triggers, above it where a rising one does.
    sign = -1 if (side is Side.SELL) == (kind in STOP_KINDS) else 1
    if type(offset) is not int or offset * sign <= 0 or abs(offset) > spec.max_price_ticks:
        wanted = "under 0" if sign < 0 else "over 0"
        return _refuse(Reason.BAD_PEG_OFFSET, f"pegOffsetValue {offset} must be {wanted}")
    return None


def _check_peg(command: PlaceOrder, inst: int, *, floats: bool) -> Refused | None:
    if command.peg_price_type not in PEGS:
        return _refuse(Reason.BAD_PEG, f"pegPriceType {command.peg_price_type!r}")
    if not inst & FIXED and not floats:
        return _refuse(Reason.EXEC_INST_FOR_TYPE, "a Pegged order needs execInst Fixed")
    if inst & _ANY_PRICE and command.peg_price_type != "LastPeg":
        return _refuse(Reason.EXEC_INST_FOR_TYPE, "only LastPeg follows a named price")
    if command.stop_px is not None:
        return _refuse(Reason.BAD_STOP_PX, "stopPx without a stop")
    if command.peg_offset is not None and type(command.peg_offset) is not int:
        return _refuse(Reason.BAD_PEG_OFFSET, f"pegOffsetValue {command.peg_offset!r}")
    return None


def _refuse(reason: Reason, text: str) -> Refused:
    return Refused(reason=reason, text=text)
