"""The operator's announcements (design.md 6): each kind has a value of its own shape.

| kind | symbol | value |
| --- | --- | --- |
| tick | instrument | the tick size |
| fee | instrument | any of makerFee, takerFee, settlementFee |
| leverage | instrument | any of initMargin, maintMargin, riskLimit, riskStep |
| listing | the new symbol | the other fields of ``POST /instrument`` |
| index | instrument | its new index, or referenceSymbol and markMethod |
| index | index | its new members, a list of name and weight |
| split | absent | ``{"sum": [".A", ".B"]}``: what refers to .A refers to both from then on |
| funding | perpetual | its interval, as a row spells it; 8 hours of notice at least |
| mode | instrument or null | a mode, or mode, until and cancelOnlyMinutes |
| withdrawal | null | absent: a round of withdrawals runs then |
"""

from collections.abc import Callable

from sim_exchange.core import commands as c
from sim_exchange.core.events import Accepted, Refused
from sim_exchange.core.types import MINUTE_NS, Mode, Reason
from sim_exchange.server.admin_fixings import mark_method, members, tradable
from sim_exchange.server.admin_input import Fields, bad, check, instant, pico, ppm, whole
from sim_exchange.server.admin_market import (
    CAMEL_NAMES,
    index_symbol,
    instrument_spec,
    interval,
)
from sim_exchange.server.admin_refusals import in_words
from sim_exchange.server.venue import Venue
from sim_exchange.wire.rows import Row
from sim_exchange.wire.times import to_iso

_MOST = 1 << 53
_RATES = {
    "makerFee": "maker_fee_ppm",
    "takerFee": "taker_fee_ppm",
    "settlementFee": "settlement_fee_ppm",
    "initMargin": "init_margin_ppm",
    "maintMargin": "maint_margin_ppm",
}
_LIMITS = {"riskLimit": "risk_limit", "riskStep": "risk_step"}
_FEES = ("makerFee", "takerFee", "settlementFee")
_MARGINS = ("initMargin", "maintMargin", "riskLimit", "riskStep")
_DEFAULT_CANCEL_ONLY = 5


def announce(venue: Venue, fields: Fields) -> Row:
    """POST /announcement: publish a change; answers its number."""
    fields.only("kind", "symbol", "value", "effective", "supersedes", "text")
    kind = fields.text("kind")
    reader = _KINDS.get(kind)
    if reader is None:
        raise bad("kind", kind, f"allowed are {', '.join(_KINDS)}")
    effective_ns = instant("effective", fields.values.get("effective"))
    change = reader(venue, fields, effective_ns)
    given = fields.values.get("supersedes")
    supersedes = 0 if given is None else whole("supersedes", given, 1, _MOST)
    text = fields.values.get("text", "")
    if not isinstance(text, str) or len(text) > 2_000:
        raise bad("text", text, "a text of at most 2000 characters is needed")
    command = c.Announce(change=change, effective_ns=effective_ns, supersedes=supersedes, text=text)
    for event in venue.submit(command):
        if isinstance(event, Accepted):
            return {"id": event.ref}
        if isinstance(event, Refused):
            raise _refusal(venue, event, fields)
    raise RuntimeError(f"the core answered neither Accepted nor Refused to {command!r}")


def _refusal(venue: Venue, event: Refused, fields: Fields) -> Exception:
    match event.reason:
        case Reason.IN_THE_PAST:
            now = to_iso(venue.exchange.now_ns)
            return bad("effective", fields.values["effective"], f"it must not be before {now}")
        case Reason.UNKNOWN_ANNOUNCEMENT:
            return bad("supersedes", event.detail, "no announcement has this id")
        case Reason.NO_LONGER_PENDING:
            return bad("supersedes", event.detail, event.text)
        case Reason.BAD_ANNOUNCEMENT if event.text.startswith("supersedes "):
            return bad("supersedes", fields.values.get("supersedes"), event.text)
        case Reason.BAD_ANNOUNCEMENT if event.text.startswith("notice "):
            return bad("effective", fields.values["effective"], event.text)
        case _:
            text = in_words(event.text, CAMEL_NAMES) or event.reason.value
            return bad("value", fields.values.get("value"), text)


def _parts(fields: Fields, names: tuple[str, ...]) -> dict[str, object]:
    """Return the members of an object in ``value``, at least one of ``names``."""
    given = fields.values.get("value")
    if not isinstance(given, dict) or not given:
        raise bad("value", given, f"an object with any of {', '.join(names)} is needed")
    Fields(given).only(*names)
    return dict(given)


def _terms(fields: Fields, names: tuple[str, ...]) -> dict[str, int]:
    read: dict[str, int] = {}
    for name, value in _parts(fields, names).items():
        if name in _RATES:
            read[_RATES[name]] = ppm(name, value)
        else:
            read[_LIMITS[name]] = whole(name, value, 0, _MOST)
    return read


def _tick(venue: Venue, fields: Fields, _at_ns: int) -> c.AnyChange:
    tick_pico = pico("value", fields.values.get("value"))
    return c.TickChange(symbol=tradable(venue, fields), tick_pico=tick_pico)


def _fee(venue: Venue, fields: Fields, _at_ns: int) -> c.AnyChange:
    return c.FeeChange(symbol=tradable(venue, fields), **_terms(fields, _FEES))


def _leverage(venue: Venue, fields: Fields, _at_ns: int) -> c.AnyChange:
    return c.MarginChange(symbol=tradable(venue, fields), **_terms(fields, _MARGINS))


def _listing(venue: Venue, fields: Fields, at_ns: int) -> c.AnyChange:
    given = fields.values.get("value")
    if not isinstance(given, dict):
        raise bad("value", given, "the fields of POST /instrument are needed")
    listing = given.get("listing")
    if listing is not None and instant("listing", listing) != at_ns:
        raise bad("listing", listing, f"it is listed when that is effective, at {to_iso(at_ns)}")
    symbol = fields.text("symbol")
    if given.get("symbol", symbol) != symbol:
        raise bad("value", given["symbol"], f"the announcement is of symbol {symbol}")
    values = {**given, "symbol": symbol, "listing": to_iso(at_ns)}
    return c.ListInstrument(spec=instrument_spec(venue, Fields(values)))


def _index(venue: Venue, fields: Fields, _at_ns: int) -> c.AnyChange:
    given = fields.values.get("value")
    if isinstance(given, list):
        return c.SetComposition(
            index=fields.text("symbol"), constituents=members(Fields({"constituents": given}))
        )
    value = Fields(given if isinstance(given, dict) else {"referenceSymbol": given})
    value.only("referenceSymbol", "markMethod")
    method = value.values.get("markMethod")
    return c.SetReference(
        symbol=tradable(venue, fields),
        reference_symbol=index_symbol("referenceSymbol", value.values.get("referenceSymbol")),
        mark_method=None if method is None else mark_method("markMethod", method),
    )


def _funding(venue: Venue, fields: Fields, _at_ns: int) -> c.AnyChange:
    symbol = tradable(venue, fields)
    given = fields.values.get("value")
    interval_ns = interval("value", given)
    if interval_ns is None:
        raise bad("value", given, "a span like 2000-01-01T02:00:00.000Z is needed")
    return c.SetFundingInterval(symbol=symbol, interval_ns=interval_ns)


def _split(_venue: Venue, fields: Fields, _at_ns: int) -> c.AnyChange:
    if fields.values.get("symbol") is not None:
        raise bad("symbol", fields.values["symbol"], "it is absent for a split")
    given = fields.values.get("value")
    names = given.get("sum") if isinstance(given, dict) and given.keys() == {"sum"} else None
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names) or len(names) != 2:
        raise bad("value", given, 'an object such as {"sum": [".A", ".B"]} is needed')
    return c.SplitChain(index=names[0], other=names[1])


def _mode(venue: Venue, fields: Fields, _at_ns: int) -> c.AnyChange:
    given = fields.values.get("value")
    value = Fields(given if isinstance(given, dict) else {"mode": given})
    symbol = "" if fields.values.get("symbol") is None else tradable(venue, fields)
    return read_mode(value, symbol)


def read_mode(fields: Fields, symbol: str) -> c.SetMode:
    """Read a mode, until when it holds, and how much of that takes cancels only."""
    fields.only("mode", "until", "cancelOnlyMinutes")
    known = {each.value: each for each in Mode}
    word = fields.values.get("mode")
    if not isinstance(word, str) or word not in known:
        raise bad("mode", word, f"allowed are {', '.join(known)}")
    until = fields.values.get("until")
    minutes = fields.values.get("cancelOnlyMinutes", _DEFAULT_CANCEL_ONLY)
    return c.SetMode(
        symbol=symbol,
        mode=known[word],
        until_ns=None if until is None else instant("until", until),
        cancel_only_ns=whole("cancelOnlyMinutes", minutes, 0, 10_000) * MINUTE_NS,
    )


def mode(venue: Venue, fields: Fields) -> Row:
    """POST /mode: at once, of one instrument, or of all with ``symbol`` null."""
    symbol = "" if fields.values.get("symbol") is None else tradable(venue, fields)
    values = {name: value for name, value in fields.values.items() if name != "symbol"}
    command = read_mode(Fields(values), symbol)
    check(venue.submit(command), "until", fields.values.get("until"))
    return {name: market.mode.value for name, market in venue.exchange.markets.items()}


def _withdrawal(_venue: Venue, fields: Fields, _at_ns: int) -> c.AnyChange:
    for name in ("symbol", "value"):
        if fields.values.get(name) is not None:
            raise bad(name, fields.values[name], "it is absent for a round of withdrawals")
    return c.WithdrawalRound()


_KINDS: dict[str, Callable[[Venue, Fields, int], c.AnyChange]] = {
    "tick": _tick,
    "fee": _fee,
    "leverage": _leverage,
    "listing": _listing,
    "index": _index,
    "split": _split,
    "funding": _funding,
    "mode": _mode,
    "withdrawal": _withdrawal,
}
