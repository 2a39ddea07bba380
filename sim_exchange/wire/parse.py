"""Requests to commands, in all encodings that clients use (protocol.md 1.1)."""

from urllib.parse import parse_qsl

import msgspec

from sim_exchange.core.commands import AmendOrder, PlaceOrder
from sim_exchange.core.types import ExecInst, OrdType, Side, TimeInForce
from sim_exchange.core.views import MarketLike
from sim_exchange.errors import BadRequestError
from sim_exchange.wire.catalogue import Catalogue
from sim_exchange.wire.ids import IdKind, from_uuid
from sim_exchange.wire.numbers import to_integer, to_ticks

Params = dict[str, object]
"""Merged parameters of one request, by name, as they were sent."""

MAX_BULK = 200
MAX_CL_ORD_ID = 36
_MAX_QTY = 1 << 53
_MAX_TEXT = 1_000

_decode = msgspec.json.Decoder().decode

_SIDES = {"Buy": Side.BUY, "Sell": Side.SELL, "buy": Side.BUY, "sell": Side.SELL}
_ORD_TYPES = {kind.value: kind for kind in OrdType}
_TIMES = {kind.value: kind for kind in TimeInForce if kind is not TimeInForce.AT_THE_CLOSE}
EXEC_INSTS = {
    "ParticipateDoNotInitiate": ExecInst.POST_ONLY,
    "ReduceOnly": ExecInst.REDUCE_ONLY,
    "Close": ExecInst.CLOSE,
    "MarkPrice": ExecInst.MARK_PRICE,
    "LastPrice": ExecInst.LAST_PRICE,
    "IndexPrice": ExecInst.INDEX_PRICE,
    "LastWithinMark": ExecInst.LAST_WITHIN_MARK,
    "Fixed": ExecInst.FIXED,
    "AllOrNone": ExecInst.ALL_OR_NONE,
}
_PEGS = frozenset({"MarketPeg", "PrimaryPeg", "TrailingStopPeg", "LastPeg", "MidPricePeg"})
_CONTINGENCIES = frozenset(
    {
        "OneCancelsTheOther",
        "OneTriggersTheOther",
        "OneUpdatesTheOtherAbsolute",
        "OneUpdatesTheOtherProportional",
    }
)
_AT_ONCE = frozenset({OrdType.MARKET, OrdType.STOP, OrdType.MARKET_IF_TOUCHED})
_NEED_STOP = frozenset(
    {OrdType.STOP, OrdType.STOP_LIMIT, OrdType.MARKET_IF_TOUCHED, OrdType.LIMIT_IF_TOUCHED}
)
_NEED_PRICE = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT, OrdType.LIMIT_IF_TOUCHED})


def merge(query: bytes, body: bytes) -> Params:
    """Merge a request's parameters; the body wins over the query, None (JSON null) means absent.

    A body that starts with a brace is JSON whatever its content type says; any other is a form.

    Raises:
        BadRequestError: the JSON is broken.
    """
    if not query:
        if body[:1] == b"{":
            return _from_json(body)
        if not body:
            return {}
    params: Params = {}
    if query:
        _add_form(params, query)
    stripped = body.strip()
    if stripped[:1] in (b"{", b"["):
        params.update(_from_json(stripped))
    elif stripped:
        form: Params = {}
        _add_form(form, stripped)
        params.update(form)
    return params


def _from_json(body: bytes) -> Params:
    try:
        value = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError("Invalid JSON in the request body") from error
    if not isinstance(value, dict):
        raise BadRequestError("The request body must be a JSON object")
    return value


def _add_form(params: Params, raw: bytes) -> None:
    try:
        pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=2_000)
    except (UnicodeDecodeError, ValueError) as error:
        raise BadRequestError("Invalid form or query encoding") from error
    for name, value in pairs:
        before = params.get(name)
        if before is None:
            params[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            params[name] = [before, value]


def text_of(params: Params, name: str, longest: int = _MAX_TEXT) -> str:
    """Return a text parameter, "" when absent.

    Raises:
        BadRequestError: ``Invalid <name>``: not a text, or longer than ``longest``.
    """
    value = params.get(name)
    if value is None:
        return ""
    if isinstance(value, bool | list | dict):
        raise BadRequestError(f"Invalid {name}")
    text = value if isinstance(value, str) else str(value)
    if len(text) > longest:
        raise BadRequestError(f"Invalid {name}")
    return text


def flag_of(params: Params, name: str, default: bool = False) -> bool:
    """Return a boolean: ``true``, ``True``, ``1`` and their opposites.

    Raises:
        BadRequestError: anything else.
    """
    value = params.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word in ("true", "1", "1.0"):
        return True
    if word in ("false", "0", "0.0"):
        return False
    raise BadRequestError(f"Invalid {name}")


def quantity_of(params: Params, name: str) -> int | None:
    """Return a whole number (may be negative), None when absent.

    Raises:
        BadRequestError: ``Invalid <name>``.
    """
    value = params.get(name)
    if value is None or value == "":
        return None
    number = to_integer(value)
    if number is None or not -_MAX_QTY < number < _MAX_QTY:
        raise BadRequestError(f"Invalid {name}")
    return number


def list_of(params: Params, name: str) -> list[str] | None:
    """Return a list of texts sent as an array, JSON text or a single value; None when absent.

    Raises:
        BadRequestError: ``Invalid <name>``.
    """
    value = params.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        try:
            value = _decode(value)
        except msgspec.DecodeError as error:
            raise BadRequestError(f"Invalid {name}") from error
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in items):
        raise BadRequestError(f"Invalid {name}")
    return [str(item) for item in items]


def objects_of(params: Params, name: str) -> list[Params]:
    """Return a list of objects sent as an array or as its JSON text.

    Raises:
        BadRequestError: absent, not a list of objects, empty, or longer than ``MAX_BULK``.
    """
    value = params.get(name)
    if isinstance(value, str):
        try:
            value = _decode(value)
        except msgspec.DecodeError as error:
            raise BadRequestError(f"Invalid {name}") from error
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadRequestError(f"Invalid {name}")
    if not 0 < len(value) <= MAX_BULK:
        raise BadRequestError(f"Invalid {name}: between 1 and {MAX_BULK} are allowed")
    return value


def _price(params: Params, name: str, tick_pico: int, *, signed: bool = False) -> int | None:
    value = params.get(name)
    if value is None or value == "":
        return None
    ticks = to_ticks(value, tick_pico, name)
    if ticks <= 0 and not signed:
        raise BadRequestError(f"Invalid {name}")
    return ticks


def _exec_inst(params: Params) -> ExecInst:
    value = params.get("execInst")
    if value is None or value in ("", []):
        return ExecInst.NONE
    words = value if isinstance(value, list) else str(value).split(",")
    result = ExecInst.NONE
    for word in words:
        known = EXEC_INSTS.get(word.strip()) if isinstance(word, str) else None
        if known is None or known is ExecInst.ALL_OR_NONE:  # the latter to 2018-05-14 only (E4)
            raise BadRequestError("Unsupported execInst")
        result |= known
    return result


def _word(params: Params, name: str, allowed: frozenset[str]) -> str:
    word = text_of(params, name)
    if word and word not in allowed:
        raise BadRequestError(f"Unsupported {name}")
    return word


def _ord_type(
    params: Params, *, price: int | None, stop_px: int | None, peg: str, closes: bool
) -> OrdType:
    word = params.get("ordType")
    if word is None or word == "":
        word = params.get("type")
    if word is not None and word != "":
        known = _ORD_TYPES.get(word) if isinstance(word, str) else None
        if known is None:
            raise BadRequestError("Unsupported ordType")
        return known
    if stop_px is not None:
        return OrdType.STOP_LIMIT if price is not None else OrdType.STOP
    if price is not None:
        return OrdType.LIMIT
    return OrdType.PEGGED if peg and not closes else OrdType.MARKET


def _time_in_force(params: Params, ord_type: OrdType) -> TimeInForce:
    word = params.get("timeInForce")
    if word is None or word == "":
        return TimeInForce.IOC if ord_type in _AT_ONCE else TimeInForce.GTC
    known = _TIMES.get(word) if isinstance(word, str) else None
    if known is None:
        raise BadRequestError("Unsupported timeInForce")
    return known


def _side_and_qty(params: Params, *, closes: bool) -> tuple[Side | None, int | None]:
    qty = quantity_of(params, "orderQty" if params.get("orderQty") is not None else "quantity")
    word = params.get("side")
    side: Side | None = None
    if word is not None and word != "":
        side = _SIDES.get(word) if isinstance(word, str) else None
        if side is None:
            raise BadRequestError("Invalid side")
    if qty is None:
        if not closes:
            raise BadRequestError("Invalid orderQty")
        return side, None
    if qty < 0:
        if side is Side.BUY:
            raise BadRequestError("Invalid side")
        return Side.SELL, -qty
    if qty == 0:
        raise BadRequestError("Invalid orderQty")
    if side is None and not closes:
        side = Side.BUY
    return side, qty


def place(params: Params, catalogue: Catalogue, account: int) -> PlaceOrder:
    """Read a new order (protocol.md 4.2).

    Raises:
        BadRequestError: with the venue's words of 1.7.
    """
    market = catalogue.market(params.get("symbol"))
    tick = market.spec.tick_pico
    if params.get("simpleOrderQty") is not None:
        raise BadRequestError("Invalid simpleOrderQty")
    exec_inst = _exec_inst(params)
    closes = ExecInst.CLOSE in exec_inst
    side, qty = _side_and_qty(params, closes=closes)
    price = _price(params, "price", tick)
    stop_px = _price(params, "stopPx" if params.get("stopPx") is not None else "stopPrice", tick)
    peg = _word(params, "pegPriceType", _PEGS)
    ord_type = _ord_type(params, price=price, stop_px=stop_px, peg=peg, closes=closes)
    _check_prices(ord_type, price=price, stop_px=stop_px, peg=peg)
    display_qty = quantity_of(params, "displayQty")
    if display_qty is not None and display_qty < 0:
        raise BadRequestError("Invalid displayQty")
    return PlaceOrder(
        account=account,
        symbol=market.spec.symbol,
        side=side,
        ord_type=ord_type,
        order_qty=qty,
        price=price,
        display_qty=display_qty,
        stop_px=stop_px,
        peg_offset=_price(params, "pegOffsetValue", tick, signed=True),
        peg_price_type=peg,
        time_in_force=_time_in_force(params, ord_type),
        exec_inst=exec_inst,
        cl_ord_id=text_of(params, "clOrdID", MAX_CL_ORD_ID),
        cl_ord_link_id=text_of(params, "clOrdLinkID", MAX_CL_ORD_ID),
        contingency_type=_word(params, "contingencyType", _CONTINGENCIES),
        text=text_of(params, "text"),
    )


def _check_prices(ord_type: OrdType, *, price: int | None, stop_px: int | None, peg: str) -> None:
    if ord_type in _NEED_PRICE and price is None:
        raise BadRequestError("Invalid price")
    if ord_type in _AT_ONCE and price is not None:
        raise BadRequestError("Invalid price")
    if ord_type in _NEED_STOP:
        if stop_px is None and peg != "TrailingStopPeg":
            raise BadRequestError("Invalid stopPx for ordType")
    elif stop_px is not None:
        raise BadRequestError("Invalid stopPx for ordType")


def amend_target(params: Params) -> tuple[int, str]:
    """Return (order number, origClOrdID) of an amend; one of them is set.

    Raises:
        BadRequestError: neither was sent, or the orderID is no id of this venue.
    """
    order_text = text_of(params, "orderID")
    if order_text:
        order_id = from_uuid(IdKind.ORDER, order_text)
        if not order_id:
            raise BadRequestError("Invalid orderID")
        return order_id, ""
    orig = text_of(params, "origClOrdID")
    if not orig:
        raise BadRequestError("orderID or origClOrdID must be sent.")
    return 0, orig


def amend(
    params: Params, market: MarketLike, account: int, order_id: int, orig_cl_ord_id: str, side: Side
) -> AmendOrder:
    """Read an amend of an order of ``side`` that trades in ``market`` (protocol.md 4.7).

    Raises:
        BadRequestError: with the venue's words of 1.7.
    """
    tick = market.spec.tick_pico
    order_qty = quantity_of(params, "orderQty")
    if order_qty is not None and order_qty < 0 and side is Side.BUY:
        raise BadRequestError("Invalid side")
    leaves_qty = quantity_of(params, "leavesQty")
    if order_qty is not None and leaves_qty is not None:
        raise BadRequestError("Invalid orderQty")
    new_name = text_of(params, "clOrdID", MAX_CL_ORD_ID)
    if new_name == orig_cl_ord_id or not orig_cl_ord_id:
        new_name = ""
    if leaves_qty is not None and leaves_qty < 0:
        raise BadRequestError("Invalid leavesQty")
    return AmendOrder(
        account=account,
        order_id=order_id,
        orig_cl_ord_id="" if order_id else orig_cl_ord_id,
        cl_ord_id=new_name,
        order_qty=None if order_qty is None else abs(order_qty),
        leaves_qty=leaves_qty,
        price=_price(params, "price", tick),
        stop_px=_price(params, "stopPx", tick),
        peg_offset=_price(params, "pegOffsetValue", tick, signed=True),
        text=text_of(params, "text"),
    )
