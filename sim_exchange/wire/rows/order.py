"""Rows of tables ``order`` and ``execution`` (protocol.md 4.10, 4.11)."""

from sim_exchange.core.events import Executed
from sim_exchange.core.types import ExecInst, ExecType, Kind, OrdType, TimeInForce
from sim_exchange.core.views import OrderLike
from sim_exchange.history import OrderFacts
from sim_exchange.wire.catalogue import Catalogue, Listing
from sim_exchange.wire.ids import IdKind, order_uuid, to_uuid
from sim_exchange.wire.numbers import Number, pico_number, ppm_number, ticks_number
from sim_exchange.wire.parse import EXEC_INSTS
from sim_exchange.wire.rows import Row
from sim_exchange.wire.texts import order_text, side_text, triggered_text
from sim_exchange.wire.times import to_iso

_INST_TEXTS: dict[int, str] = {0: ""}
_OPENING = frozenset({ExecType.NEW, ExecType.CANCELED, ExecType.REPLACED, ExecType.TRIGGERED})


_OWN_TIMES = {
    "Liquidation": TimeInForce.IOC.value,
    "Deleverage": TimeInForce.GTC.value,
}
"""Of executions without an order of the account's; funding and settlement are AtTheClose."""


def exec_inst_text(inst: ExecInst) -> str:
    """Spell execution instructions as the venue's comma list, "" for none.

    >>> exec_inst_text(ExecInst.POST_ONLY | ExecInst.REDUCE_ONLY)
    'ParticipateDoNotInitiate,ReduceOnly'
    """
    number = int(inst)
    text = _INST_TEXTS.get(number)
    if text is None:
        text = ",".join(word for word, flag in EXEC_INSTS.items() if flag in inst)
        _INST_TEXTS[number] = text
    return text


class OrderRows:
    """Makes order and execution rows; ``blank`` is what an absent client id is served as (1.4)."""

    def __init__(self, catalogue: Catalogue, *, recorded_strings: bool = False) -> None:
        """Serve absent ids as null, or as ``""`` where the era's records have it."""
        self._catalogue = catalogue
        self._blank = "" if recorded_strings else None

    def order(self, order: OrderLike) -> Row:
        """Return the whole row of an order."""
        listing = self._catalogue.listing(order.symbol)
        spec = listing.spec
        tick = order.tick_pico or spec.tick_pico
        at = to_iso(order.at_ns)
        return {
            "orderID": order_uuid(order.order_id),
            "clOrdID": order.cl_ord_id or self._blank,
            "clOrdLinkID": order.cl_ord_link_id or self._blank,
            "account": order.account,
            "symbol": order.symbol,
            "side": side_text(order.side),
            "simpleOrderQty": None,
            # A Close that waits takes its quantity from the position when it is triggered.
            "orderQty": order.order_qty or None,
            "price": ticks_number(order.price, tick) if order.price else self._price(order),
            "displayQty": order.display_qty,
            "stopPx": None if order.stop_px is None else ticks_number(order.stop_px, tick),
            "pegOffsetValue": None
            if order.peg_offset is None
            else ticks_number(order.peg_offset, tick),
            "pegPriceType": order.peg_price_type,
            "currency": spec.quote_currency,
            "settlCurrency": spec.settl_currency,
            "ordType": order.ord_type.value,
            "timeInForce": order.time_in_force.value,
            "execInst": exec_inst_text(order.exec_inst),
            "contingencyType": order.contingency_type,
            "exDestination": "XBME",
            "ordStatus": order.status.value,
            "triggered": order.triggered,
            "workingIndicator": order.working,
            "ordRejReason": "",
            "simpleLeavesQty": None,
            "leavesQty": order.leaves_qty,
            "simpleCumQty": None,
            "cumQty": order.cum_qty,
            "avgPx": pico_number(order.avg_px) if order.avg_px else None,
            "multiLegReportingType": "SingleSecurity",
            "text": order_text(
                order.text,
                order.end_reason,
                order.end_text,
                order.amended,
                order.amend_text,
            ),
            "transactTime": at,
            "timestamp": at,
        }

    def execution(self, event: Executed, facts: OrderFacts | None) -> Row:
        """Return an execution row; ``facts`` is None for the venue's own (funding, settlement)."""
        listing = self._catalogue.listing(event.symbol)
        spec = listing.spec
        at = to_iso(event.at_ns)
        traded = event.exec_type not in _OPENING
        home, foreign = self._notionals(listing, event) if traded else (None, None)
        tick = facts.tick_pico if facts else spec.tick_pico
        last_px = pico_number(event.last_px) if traded else None
        price = ticks_number(facts.price, tick) if facts and facts.price else last_px
        stop = None if facts is None else facts.stop_px
        offset = None if facts is None else facts.peg_offset
        return {
            "execID": to_uuid(IdKind.EXECUTION, event.exec_id),
            "orderID": order_uuid(event.order_id),
            "clOrdID": (facts.cl_ord_id if facts else "") or self._blank,
            "clOrdLinkID": (facts.cl_ord_link_id if facts else "") or self._blank,
            "account": event.account,
            "symbol": event.symbol,
            "side": None if event.side is None else side_text(event.side),
            "lastQty": event.last_qty if traded else None,
            "lastPx": last_px if traded else None,
            "underlyingLastPx": None,
            "lastMkt": "XBME" if traded else "",
            "lastLiquidityInd": event.liquidity.value if event.liquidity else self._blank,
            "simpleOrderQty": None,
            "orderQty": event.order_qty or event.last_qty or None,
            "price": price,
            "displayQty": facts.display_qty if facts else None,
            "stopPx": None if stop is None else ticks_number(stop, tick),
            "pegOffsetValue": None if offset is None else ticks_number(offset, tick),
            "pegPriceType": facts.peg_price_type if facts else "",
            "currency": spec.quote_currency,
            "settlCurrency": spec.settl_currency,
            "execType": event.exec_type.value,
            "ordType": facts.ord_type if facts else OrdType.LIMIT.value,
            "timeInForce": _time_in_force(event, facts),
            "execInst": exec_inst_text(ExecInst(facts.exec_inst)) if facts else "",
            "contingencyType": facts.contingency_type if facts else "",
            "exDestination": "XBME",
            "ordStatus": event.ord_status.value,
            "triggered": facts.triggered if facts and event.exec_type is not ExecType.NEW else "",
            "workingIndicator": event.working,
            "ordRejReason": "",
            "simpleLeavesQty": None,
            "leavesQty": event.leaves_qty,
            "simpleCumQty": None,
            "cumQty": event.cum_qty,
            "avgPx": pico_number(event.avg_px) if event.avg_px else None,
            "commission": ppm_number(event.commission_ppm) if traded else None,
            "tradePublishIndicator": _publish_text(event) if traded else "",
            "multiLegReportingType": "SingleSecurity",
            "text": event.text or _execution_text(event, facts),
            "trdMatchID": to_uuid(IdKind.MATCH, event.match_id),
            "execCost": event.exec_cost if traded else None,
            "execComm": event.exec_comm if traded else None,
            "homeNotional": home,
            "foreignNotional": foreign,
            "transactTime": at,
            "timestamp": at,
        }

    def _price(self, order: OrderLike) -> Number | None:
        # A Market row's price is never null (4.3): worst fill, else far touch, else mark.
        if order.ord_type is not OrdType.MARKET:
            return None
        market = self._catalogue.exchange.markets[order.symbol]
        if order.avg_px:
            return pico_number(order.avg_px)
        far = market.book.best_ask() if order.side > 0 else market.book.best_bid()
        ticks = far or market.last_price
        if ticks:
            return ticks_number(ticks, market.spec.tick_pico)
        return market.mark / 10**market.spec.mark_decimals if market.mark else None

    def _notionals(self, listing: Listing, event: Executed) -> tuple[Number | None, Number | None]:
        sign = event.side.value if event.side is not None else 1
        qty = sign * event.last_qty
        value = event.exec_cost
        per_quote = (
            self._catalogue.quote_to_settle(listing.spec) if listing.kind is Kind.QUANTO else None
        )
        return (
            listing.home_notional(qty, value, per_quote),
            listing.foreign_notional(qty, value, per_quote),
        )


def _publish_text(event: Executed) -> str:
    if event.exec_type is not ExecType.TRADE:
        return ""
    return "PublishTrade" if event.publish else "DoNotPublishTrade"


def _execution_text(event: Executed, facts: OrderFacts | None) -> str:
    if facts is None:
        return event.exec_type.value
    if event.exec_type is ExecType.TRIGGERED and event.last_px:
        return triggered_text(facts.text, pico_number(event.last_px))
    # The facts are of the end of the command: a fill before the cancel must not tell of the cancel.
    ended = event.exec_type is ExecType.CANCELED
    return order_text(
        facts.text,
        facts.end_reason if ended else None,
        facts.end_text,
        facts.amended,
        facts.amend_text,
    )


def _time_in_force(event: Executed, facts: OrderFacts | None) -> str:
    if facts is not None:
        return facts.time_in_force
    return _OWN_TIMES.get(event.text, TimeInForce.AT_THE_CLOSE.value)
