"""Rows of tables ``announcement`` and ``publicNotifications``, and what each change says (E32).

The venue's columns come first; what the change is, from when, and in whose place is ours.
"""

from sim_exchange.core import commands as c
from sim_exchange.core.specs import Constituent
from sim_exchange.core.types import PICO
from sim_exchange.core.views import AnnouncementLike
from sim_exchange.wire.numbers import pico_number, ppm_number
from sim_exchange.wire.rows import Row
from sim_exchange.wire.times import to_interval, to_iso

_LINK = "/api/v1/announcement"


def announcement_row(item: AnnouncementLike) -> Row:
    """Return an announcement as the venue's site news, with the change in fields of its own."""
    return {
        "id": item.number,
        "link": _LINK,
        "title": title_of(item),
        "content": item.text,
        "date": to_iso(item.published_ns),
        "kind": item.kind,
        "symbol": item.symbol or None,
        "value": value_of(item.change),
        "effective": to_iso(item.effective_ns),
        "supersedes": item.supersedes or None,
        "supersededBy": item.superseded_by or None,
        "state": item.state.value,
        "fault": item.fault or None,
    }


def notification_row(item: AnnouncementLike) -> Row:
    """Return an announcement as a notification to everybody."""
    return {
        "id": item.number,
        "date": to_iso(item.published_ns),
        "title": title_of(item),
        "body": item.text or title_of(item),
        "ttl": max(0, item.effective_ns - item.published_ns) // 10**9,
        "type": "error" if item.kind == "mode" else "info",
        "closable": True,
        "persist": item.kind == "mode",
        "waitForVisibility": False,
        "sound": "",
    }


def title_of(item: AnnouncementLike) -> str:
    """Say in one line what changes and from when.

    Example: ``XBTUSD: tick 0.1 from 2017-03-31T12:00:00.000Z``.
    """
    value = value_of(item.change)
    if isinstance(value, dict):
        said = ", ".join(f"{name} {one}" for name, one in value.items())
    else:
        said = item.kind if value is None or isinstance(value, list) else f"{item.kind} {value}"
    return f"{item.symbol or 'All instruments'}: {said} from {to_iso(item.effective_ns)}"


def value_of(change: c.AnyChange) -> object:
    """Return what a change sets, in the fields in which the operator gave it."""
    match change:
        case c.TickChange():
            return pico_number(change.tick_pico)
        case c.FeeChange() | c.MarginChange():
            return _rates_of(change)
        case c.ListInstrument():
            spec = change.spec
            return _given(
                underlying=spec.underlying,
                tickSize=spec.tick_pico / PICO,
                listing=to_iso(spec.listing_ns),
                expiry=None if spec.expiry_ns is None else to_iso(spec.expiry_ns),
            )
        case c.SetReference():
            method = change.mark_method
            return _given(
                referenceSymbol=change.reference_symbol,
                markMethod=None if method is None else method.value,
            )
        case c.SplitChain():
            return {"sum": [change.index, change.other]}
        case c.SetComposition():
            return [{"name": one.name, "weight": _weight(one)} for one in change.constituents]
        case c.SetFundingInterval():
            return to_interval(change.interval_ns)
        case c.SetMode():
            return _given(
                mode=change.mode.value,
                until=None if change.until_ns is None else to_iso(change.until_ns),
            )
        case c.WithdrawalRound():
            return None


def _rates_of(change: c.FeeChange | c.MarginChange) -> Row:
    if isinstance(change, c.FeeChange):
        return _given(
            makerFee=_ppm(change.maker_fee_ppm),
            takerFee=_ppm(change.taker_fee_ppm),
            settlementFee=_ppm(change.settlement_fee_ppm),
        )
    return _given(
        initMargin=_ppm(change.init_margin_ppm),
        maintMargin=_ppm(change.maint_margin_ppm),
        riskLimit=change.risk_limit,
        riskStep=change.risk_step,
    )


def _weight(member: Constituent) -> str:
    """Spell an exact weight as the operator gave it: 1/3."""
    return f"{member.num}/{member.den}"


def _ppm(value: int | None) -> object:
    return None if value is None else ppm_number(value)


def _given(**fields: object) -> Row:
    return {name: value for name, value in fields.items() if value is not None}
