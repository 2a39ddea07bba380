"""The venue's words: why a request was refused, what an order's ``text`` says.

Sources: protocol.md 1.6, 1.7 and 4.6.
"""

from collections.abc import Sequence

from sim_exchange.core.types import Reason, Side
from sim_exchange.errors import BadRequestError, NotFoundError, RequestError

SUBMITTED = "Submitted via API."
LIQUIDATION = "Liquidation"
CANCELED = "Canceled via API."
AMENDED = "Amended via API."
CANCEL_ERROR_UNKNOWN = "Unable to cancel order: Not found or not owned by user"
CANCEL_ERROR_STATE = "Unable to cancel order due to existing state: {}"

_THROUGH_TOUCH = "Order price is more than 20% through the best price of the book"
_FAT_FINGER = "Order price is too far from the best price and the mark price"

_END_TEXTS = {
    Reason.POST_ONLY_WOULD_CROSS: "Order had execInst of ParticipateDoNotInitiate",
    Reason.IOC_REMAINDER: "Order had timeInForce of ImmediateOrCancel",
    Reason.FOK_NOT_FILLED: "Order had timeInForce of FillOrKill",
    Reason.MARKET_REMAINDER: "Market order found no more to trade with",
    Reason.MARGIN_RAN_OUT: "Account has insufficient Available Balance",
    Reason.SELF_TRADE: "Order would have traded with an order of its own account",
    Reason.POSITION_SHRANK: "Order had execInst of ReduceOnly or Close and the position shrank",
    Reason.CANCEL_ALL_AFTER: "Canceled via cancelAllAfter",
    Reason.LIQUIDATION: "Position is in liquidation",
    Reason.DELEVERAGE: "Position was deleveraged",
    Reason.SETTLEMENT: "Instrument was settled",
    Reason.DAY_END: "Order had timeInForce of Day",
    Reason.CLOSE_ORDER: "Canceled by an order with execInst of Close",
    Reason.TICK_CHANGE: "Tick size change",
    Reason.MARKET_HALTED: "Market was halted",
    Reason.PRICE_ABOVE_LIMIT: "Price greater than limitUpPrice",
    Reason.PRICE_BELOW_LIMIT: "Price less than limitDownPrice",
    Reason.OUTSIDE_BAND: "Price is outside limitDownPrice and limitUpPrice",
    Reason.ANCHOR_LOST: "Account may no longer be short",
    Reason.SHORT_NOT_ALLOWED: "Account may only be long or flat",
    Reason.LINKED: "Canceled by a linked order",
    # what a triggered order is canceled for: it is checked like a new one
    Reason.INSUFFICIENT_BALANCE: "Account has insufficient Available Balance",
    Reason.NO_FUNDS: "Account has insufficient Available Balance",
    Reason.NOTHING_TO_LEND: "Account has insufficient Available Balance, and nobody lends the rest",
    Reason.RISK_LIMIT: "Value of position and orders exceeds position Risk Limit",
    Reason.CLOSE_WITHOUT_POSITION: "Order had execInst of Close but there is no position to close",
    Reason.REDUCE_WITHOUT_POSITION: (
        "Order had execInst of ReduceOnly but there is no position to reduce"
    ),
    Reason.SHORT_CAP: "Account may not be short of so many contracts",
    Reason.TOO_MANY_ORDERS: "Too many open orders",
    Reason.SPAM: "Account has too many small orders; this one is too small to be post-only",
    Reason.BAD_PRICE: "Invalid price",
    Reason.PRICE_ABOVE_LIMIT: "Price greater than limitUpPrice",
    Reason.PRICE_BELOW_LIMIT: "Price less than limitDownPrice",
    Reason.PRICE_THROUGH_TOUCH: _THROUGH_TOUCH,
    Reason.FAT_FINGER: _FAT_FINGER,
    Reason.VALUE_TOO_SMALL: "Order value is too small",
    Reason.NO_MARK_PRICE: "Instrument has no mark price",
    Reason.NOT_OPEN: "Market is not open",
    Reason.EXPIRED: "Instrument expired",
}
_AMENDED_WORDS = {
    "order_qty": "orderQty",
    "leaves_qty": "leavesQty",
    "stop_px": "stopPx",
    "peg_offset": "pegOffsetValue",
    "cl_ord_id": "clOrdID",
}

VALIDATION = "HTTPError"
ENGINE = "ValidationError"

_VALIDATION_TEXTS = {
    Reason.DUPLICATE_CL_ORD_ID: "Duplicate clOrdID",
    Reason.UNKNOWN_ORDER: "Invalid orderID",
    Reason.UNKNOWN_ACCOUNT: "Invalid account",
    Reason.ACCOUNT_SUSPENDED: "Account is suspended",
    Reason.ORDER_NOT_OPEN: "Invalid ordStatus",
    Reason.ALREADY_ENDED: "Invalid ordStatus",
    Reason.NOTHING_TO_AMEND: "Invalid amend: orderQty, leavesQty, price, stopPx unchanged",
    Reason.UNKNOWN_SYMBOL: "Invalid symbol",
    Reason.SYMBOLS_DIFFER: "Instruments do not match",
    Reason.NOT_LISTED_YET: "Instrument not listed for trading yet",
    Reason.EXPIRED: "Instrument expired",
    Reason.NO_MARK_PRICE: "Instrument has no mark price",
    Reason.BAD_SIDE: "Invalid side",
    Reason.BAD_QTY: "Invalid orderQty",
    Reason.QTY_NOT_LOT: "Invalid orderQty for lotSize",
    Reason.BAD_PRICE: "Invalid price",
    Reason.BAD_STOP_PX: "Invalid stopPx for ordType",
    Reason.BAD_PEG: "Invalid pegPriceType for ordType",
    Reason.BAD_PEG_OFFSET: "Invalid pegOffsetValue for pegPriceType",
    Reason.BAD_CONTINGENCY: "Unsupported contingencyType",
    Reason.BAD_LINK: "Invalid clOrdLinkID for contingencyType",
    Reason.BAD_DISPLAY_QTY: "Invalid displayQty",
    Reason.BAD_EXEC_INST: "Invalid execInst",
    Reason.EXEC_INST_FOR_TYPE: "Invalid ordType for execInst",
    Reason.BAD_TIME_IN_FORCE: "Unsupported timeInForce",
    Reason.BAD_LEVERAGE: "Invalid leverage",
    Reason.BAD_RISK_LIMIT: "Invalid riskLimit",
    Reason.BAD_AMOUNT: "Invalid amount",
    Reason.BAD_RATE: "Invalid rate",
    Reason.BAD_INSTRUMENT: "Invalid instrument",
    Reason.ALREADY_LISTED: "Instrument is already listed",
}
_ENGINE_TEXTS = {
    Reason.NOT_OPEN: "Market is not open",
    Reason.PRICE_ABOVE_LIMIT: "Price greater than limitUpPrice",
    Reason.PRICE_BELOW_LIMIT: "Price less than limitDownPrice",
    Reason.PRICE_THROUGH_TOUCH: _THROUGH_TOUCH,
    Reason.FAT_FINGER: _FAT_FINGER,
    Reason.VALUE_TOO_SMALL: "Order value is too small",
    Reason.NOTHING_TO_LEND: "Account has insufficient Available Balance, and nobody lends the rest",
    Reason.RISK_LIMIT: "Value of position and orders exceeds position Risk Limit",
    Reason.NO_POSITION: "No position to transfer margin into",
    Reason.POSITION_IS_CROSS: "Position is not isolated",
    Reason.WOULD_BE_LIQUIDATED: "Position would be liquidated",
    Reason.SHORT_NOT_ALLOWED: "Account may only be long or flat in this instrument",
    Reason.SHORT_CAP: "Account may not be short of so many contracts",
    Reason.TOO_MANY_ORDERS: "Too many open orders",
    Reason.TOO_MANY_STOPS: "Too many open stop orders",
    Reason.BAD_FEE_PLAN: "Invalid fee plan",
    Reason.FEE_PLAN_NEEDS_FLAT: "A fee plan may change only without open positions and orders",
    Reason.LEVERAGE_NEEDS_MARGIN: "Account has insufficient Available Balance for this leverage",
}


def refusal(
    reason: Reason,
    detail: int = 0,
    *,
    currency: str = "XBt",
    side: Side | None = None,
    field: str = "orderID",
) -> RequestError:
    """Spell a refusal of the core as the answer that clients know.

    Args:
        reason: why.
        detail: the number that goes with it (required minor units, current position).
        currency: minor code that an insufficient balance is told in.
        side: the refused order's side, for Close and ReduceOnly.
        field: which id of the request did not name an order.
    """
    match reason:
        case Reason.INSUFFICIENT_BALANCE:
            message = f"Account has insufficient Available Balance, {detail} {currency} required"
            return BadRequestError(message, name=ENGINE)
        case Reason.RISK_LIMIT_IN_USE:
            message = f"Risk Limit is below the value of position and orders, {detail} {currency}"
            return BadRequestError(message, name=ENGINE)
        case Reason.MARGIN_BELOW_INITIAL:
            message = f"Margin would be below initial, at most {detail} {currency} can be removed"
            return BadRequestError(message, name=ENGINE)
        case Reason.NO_FUNDS:
            return BadRequestError(f"Account has no {currency}", name=VALIDATION)
        case Reason.CLOSE_WITHOUT_POSITION | Reason.REDUCE_WITHOUT_POSITION:
            inst = "Close" if reason is Reason.CLOSE_WITHOUT_POSITION else "ReduceOnly"
            named = side_text(side) if side is not None else ("Sell" if detail >= 0 else "Buy")
            message = (
                f"Order had execInst of {inst} and side of {named} but current position is {detail}"
            )
            return BadRequestError(message, name=ENGINE)
        case Reason.UNKNOWN_ORDER:
            return BadRequestError(f"Invalid {field}", name=VALIDATION)
        case _:
            return _plain_refusal(reason)


def _plain_refusal(reason: Reason) -> RequestError:
    text = _VALIDATION_TEXTS.get(reason)
    if text is not None:
        return BadRequestError(text, name=VALIDATION)
    text = _ENGINE_TEXTS.get(reason)
    if text is not None:
        return BadRequestError(text, name=ENGINE)
    return BadRequestError(f"Order was refused: {reason.value}", name=ENGINE)


_WALLET_TEXTS = {
    Reason.NEGATIVE_AMOUNT: "Negative withdrawal amount",
    Reason.BAD_AMOUNT: "Invalid withdrawal amount",
    Reason.NOT_WITHDRAWABLE: "Account has insufficient Withdrawable Balance",
    Reason.NOT_PENDING: "transactStatus is not Pending",
    Reason.WITHDRAWALS_DISABLED: "Withdrawals currently disabled",
    Reason.BAD_ADDRESS: "Invalid address",
    Reason.UNKNOWN_WITHDRAWAL: "Invalid token",
    Reason.UNKNOWN_ACCOUNT: "Invalid account",
    Reason.NOT_LINKED: "Invalid account: it is not linked to yours",
}


def wallet_refusal(reason: Reason, detail: int, currency: str) -> str:
    """Spell why a withdrawal or transfer was refused (exchange-rules.md E27).

    >>> wallet_refusal(Reason.BAD_FEE, 20_000, "XBt")
    'Invalid fee, at least 20000 XBt required'
    """
    if reason is Reason.BAD_FEE:
        return f"Invalid fee, at least {detail} {currency} required"
    return _WALLET_TEXTS.get(reason) or f"Refused: {reason.value}"


def not_found() -> NotFoundError:
    """Spell 404."""
    return NotFoundError("Not Found")


def side_text(side: Side) -> str:
    """Spell a side.

    >>> side_text(Side.SELL)
    'Sell'
    """
    return "Buy" if side is Side.BUY else "Sell"


def triggered_text(text: str, price: float) -> str:
    """Spell the text of an order's trigger: the price that triggered it, then as before.

    >>> triggered_text("", 95.5).splitlines()
    ['Triggered: Order triggered at 95.5', 'Submitted via API.']
    """
    return f"Triggered: Order triggered at {price}\n{order_text(text, None, '', (), '')}"


def order_text(
    text: str,
    end_reason: Reason | None,
    end_text: str,
    amended: Sequence[str],
    amend_text: str,
) -> str:
    """Spell an order's text: what happened to it last, then the client's words and the venue's.

    >>> order_text("", Reason.POST_ONLY_WOULD_CROSS, "", (), "").splitlines()[0]
    'Canceled: Order had execInst of ParticipateDoNotInitiate'
    >>> order_text("hi", None, "", ("price",), "").splitlines()
    ['Amended price: Amended via API.', 'hi', 'Submitted via API.']
    """
    first = f"{text}\n{SUBMITTED}" if text else SUBMITTED
    if text == LIQUIDATION:
        first = text  # the engine works it, nobody submitted it (E13)
    if end_reason is not None:
        why = _END_TEXTS.get(end_reason) or end_text or CANCELED
        return f"Canceled: {why}\n{first}"
    if amended:
        words = " ".join(_AMENDED_WORDS.get(name, name) for name in amended)
        return f"Amended {words}: {amend_text or AMENDED}\n{first}"
    return first
