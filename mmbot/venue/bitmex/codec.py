"""Translates the venue's rows to events and our actions to requests; camelCase ends here.

Prices leave as ticks, quantities as contracts, times as ns.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import msgspec

from mmbot.types import (
    Amend,
    FillSeen,
    Instrument,
    Kind,
    MarginSeen,
    NewOrder,
    OrderSeen,
    OrdStatus,
    PositionSeen,
    PriceSeen,
    Side,
    WalletSeen,
)
from mmbot.venue.bitmex.rows import ExecutionRow, InstrumentRow, OrderRow

Instruments = Mapping[str, Instrument]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


class Request(msgspec.Struct, frozen=True):
    """A request before it is signed; ``target`` is under the API's prefix."""

    method: str
    target: str
    body: bytes = b""


# Columns of an instrument row that make ``Instrument``; the rest of the row is prices and volumes.
FACT_COLUMNS = frozenset(
    {
        "state", "typ", "listing", "expiry", "underlying", "quoteCurrency", "settlCurrency",
        "referenceSymbol", "maxOrderQty", "lotSize", "tickSize", "multiplier", "isQuanto",
        "isInverse", "initMargin", "makerFee", "takerFee", "settlementFee",
    }
)  # fmt: skip
PRICE_COLUMNS = frozenset(
    {"markPrice", "lastPrice", "indicativeSettlePrice", "settledPrice", "openInterest"}
)

_STATUSES = {
    "New": OrdStatus.NEW,
    "PartiallyFilled": OrdStatus.PARTIALLY_FILLED,
    "Filled": OrdStatus.FILLED,
    "Canceled": OrdStatus.CANCELED,
    "Rejected": OrdStatus.REJECTED,
    # Spellings of other years; what waits counts as working, what ended without a fill as canceled.
    "PendingNew": OrdStatus.NEW,
    "PendingCancel": OrdStatus.NEW,
    "PendingReplace": OrdStatus.NEW,
    "Untriggered": OrdStatus.NEW,
    "Triggered": OrdStatus.NEW,
    "Expired": OrdStatus.CANCELED,
    "DoneForDay": OrdStatus.CANCELED,
    "Stopped": OrdStatus.CANCELED,
}
_SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
_SIDE_NAMES = {Side.BUY: "Buy", Side.SELL: "Sell"}
# Reports of an order's life; every other execType moved money.
_REPORTS = frozenset(
    {
        "New", "Canceled", "CancelReject", "Replaced", "AmendReject", "Rejected", "Suspended",
        "Released", "TriggeredOrActivatedBySystem",
    }
)  # fmt: skip


def instant_ns(text: str) -> int:
    """Return an ISO 8601 time as ns since the epoch.

    >>> instant_ns("1970-01-01T00:00:01.500Z")
    1500000000
    """
    at = datetime.fromisoformat(text)
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // _MICRO * 1000


def price_ticks(price: float, tick: Fraction) -> int:
    """Return a price of the venue in ticks, to the nearest: it is on a tick already."""
    return round(price * tick.denominator / tick.numerator)


def side_of(name: str | None) -> Side | None:
    """Return the side, or None where the row has none."""
    return _SIDES.get(name or "")


def kind_of(row: InstrumentRow) -> Kind:
    """Return what an instrument is, from its ``typ`` and its two flags."""
    typ = row.get("typ", "")
    if typ == "IFXXXP":
        return Kind.SPOT
    if row["symbol"].startswith(".") or typ.startswith("MR"):
        return Kind.INDEX
    if row.get("isInverse"):
        return Kind.INVERSE
    return Kind.QUANTO if row.get("isQuanto") else Kind.LINEAR


def instrument_of(row: InstrumentRow) -> Instrument:
    """Return the facts of a whole instrument row."""
    tick = row.get("tickSize")
    expiry = row.get("expiry")
    listing = row.get("listing")
    return Instrument(
        symbol=row["symbol"],
        kind=kind_of(row),
        tick=Fraction(tick) if tick else Fraction(1, 10**8),
        lot_size=row.get("lotSize") or 1,
        multiplier=row.get("multiplier") or 1,
        settl_currency=row.get("settlCurrency") or "",
        underlying=row.get("underlying") or "",
        quote_currency=row.get("quoteCurrency") or "",
        max_order_qty=row.get("maxOrderQty") or 0,
        maker_fee=row.get("makerFee") or 0.0,
        taker_fee=row.get("takerFee") or 0.0,
        settlement_fee=row.get("settlementFee") or 0.0,
        init_margin=row.get("initMargin") or 0.0,
        listing_ns=instant_ns(listing) if listing else 0,
        expiry_ns=instant_ns(expiry) if expiry else None,
        reference_symbol=row.get("referenceSymbol") or "",
        state=row.get("state", ""),
    )


def price_of(row: InstrumentRow, at_ns: int) -> PriceSeen:
    """Return the prices that an instrument row or update carries."""
    return PriceSeen(
        at_ns=at_ns,
        symbol=row["symbol"],
        mark=row.get("markPrice"),
        last=row.get("lastPrice"),
        indicative_settle=row.get("indicativeSettlePrice"),
        settled=row.get("settledPrice"),
        open_interest=row.get("openInterest"),
    )


def order_of(row: OrderRow, instruments: Instruments, at_ns: int) -> OrderSeen:
    """Return an order row; a price of an instrument that we don't know stays None.

    A row of the form ``{orderID, error}`` answers the cancel of an order that the venue does not
    have: it is gone, so it comes out as canceled.
    """
    symbol = row.get("symbol") or ""
    instrument = instruments.get(symbol)
    price = row.get("price")
    status = row.get("ordStatus")
    error = row.get("error") or ""
    return OrderSeen(
        at_ns=at_ns,
        order_id=row.get("orderID", ""),
        cl_ord_id=row.get("clOrdID") or "",
        symbol=symbol,
        side=side_of(row.get("side")),
        price=None if price is None or instrument is None else price_ticks(price, instrument.tick),
        order_qty=row.get("orderQty"),
        leaves_qty=row.get("leavesQty"),
        cum_qty=row.get("cumQty"),
        status=_STATUSES.get(status) if status else (OrdStatus.CANCELED if error else None),
        text=error or row.get("ordRejReason") or row.get("text") or "",
    )


def fill_of(row: ExecutionRow, at_ns: int) -> FillSeen | None:
    """Return an execution that moved money; None for the reports of an order's life."""
    exec_type = row.get("execType") or ""
    quantity, price = row.get("lastQty"), row.get("lastPx")
    if exec_type in _REPORTS or not quantity or price is None:
        return None
    at = row.get("transactTime")
    return FillSeen(
        at_ns=at_ns,
        exec_id=row["execID"],
        exec_type=exec_type,
        order_id=row.get("orderID") or "",
        cl_ord_id=row.get("clOrdID") or "",
        symbol=row.get("symbol") or "",
        side=side_of(row.get("side")),
        qty=quantity,
        price=price,
        exec_cost=row.get("execCost") or 0,
        exec_comm=row.get("execComm") or 0,
        maker=(row.get("lastLiquidityInd") or "").startswith("Added"),
        text=row.get("text") or "",
        venue_ns=instant_ns(at) if at else 0,
    )


def position_of(row: Mapping[str, Any], at_ns: int) -> PositionSeen:
    """Return a whole (merged) position row."""
    return PositionSeen(
        at_ns=at_ns,
        symbol=row["symbol"],
        qty=row.get("currentQty") or 0,
        cost=row.get("unrealisedCost"),
        entry=row.get("avgEntryPrice"),
        liquidation=row.get("liquidationPrice"),
    )


def margin_of(row: Mapping[str, Any], at_ns: int) -> MarginSeen:
    """Return a whole (merged) margin row."""
    return MarginSeen(
        at_ns=at_ns,
        currency=row["currency"],
        wallet_balance=row.get("walletBalance"),
        margin_balance=row.get("marginBalance"),
        available=row.get("availableMargin"),
    )


def wallet_of(row: Mapping[str, Any], at_ns: int) -> WalletSeen:
    """Return a whole (merged) wallet row."""
    return WalletSeen(
        at_ns=at_ns,
        currency=row["currency"],
        amount=row.get("amount") or 0,
        borrowed=row.get("borrowed") or 0,
        interest_owed=row.get("interestOwed") or 0,
    )


def order_fields(order: NewOrder, instrument: Instrument) -> dict[str, Any]:
    """Return the JSON members of an order to enter."""
    fields: dict[str, Any] = {"symbol": order.symbol}
    if order.side is not None:
        fields["side"] = _SIDE_NAMES[order.side]
    if order.order_qty is not None:
        fields["orderQty"] = order.order_qty
    if order.price is None:
        fields["ordType"] = "Market"
    else:
        fields["ordType"] = "Limit"
        fields["price"] = instrument.price(order.price)
        if order.immediate:
            fields["timeInForce"] = "ImmediateOrCancel"
    instructions = [
        word
        for flag, word in (
            (order.post_only, "ParticipateDoNotInitiate"),
            (order.reduce_only, "ReduceOnly"),
            (order.close, "Close"),
        )
        if flag
    ]
    if instructions:
        fields["execInst"] = ",".join(instructions)
    if order.cl_ord_id:
        fields["clOrdID"] = order.cl_ord_id
    if order.text:
        fields["text"] = order.text
    return fields


def amend_fields(amend: Amend, instrument: Instrument) -> dict[str, Any]:
    """Return the JSON members of an amend; the venue's id is preferred to ours."""
    name = {"orderID": amend.order_id} if amend.order_id else {"origClOrdID": amend.cl_ord_id}
    return {**name, "orderQty": amend.order_qty, "price": instrument.price(amend.price)}
