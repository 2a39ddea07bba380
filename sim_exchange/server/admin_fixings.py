"""The operator's word on compositions, mark methods and fundings (design.md 6, E7-E10)."""

import re
from fractions import Fraction
from typing import Any

from sim_exchange.core.commands import (
    Command,
    FundNow,
    RemoveIndex,
    SetComposition,
    SetDifficulty,
    SetMarkMethod,
)
from sim_exchange.core.specs import Constituent
from sim_exchange.core.types import HOUR_NS, IndexKind, MarkMethod
from sim_exchange.server.admin_input import Fields, bad, check, part, whole
from sim_exchange.server.venue import Venue

MARK_METHODS = {
    "FairPrice": MarkMethod.FAIR,
    "LastPrice": MarkMethod.LAST,
    "LastPriceProtected": MarkMethod.LAST_PROTECTED,
    "CompositeIndex": MarkMethod.INDEX,
}


_WEIGHT = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?(e-[0-9]{1,2})?|[0-9]{1,18}/[0-9]{1,18}")
_MOST_WEIGHT = 1_000_000

EIGHT_HOURS_NS = 8 * HOUR_NS
"""How often a contract without expiry is funded unless the operator says otherwise."""

_DERIVED = {
    "twap30": IndexKind.TWAP30,
    "volatility": IndexKind.VOLATILITY,
    "premium": IndexKind.PREMIUM,
    "premium_mean": IndexKind.PREMIUM_MEAN,
}


def instrument(venue: Venue, fields: Fields) -> str:
    """Do what a request about a listed symbol asks; return that symbol, "" if it is none of this.

    ``{"symbol", "fund_now": true}``, ``{"symbol", "markMethod"}``, ``{"symbol", "composition"}``,
    ``{"symbol", "difficulty"}`` of a mining contract, ``{"symbol", "remove": true}`` of an index.

    Raises:
        BadRequestError: names the field, its value and what is allowed.
    """
    wanted = fields.values.keys() - {"symbol"}
    if "fund_now" in wanted:
        return _fund_now(venue, fields)
    if wanted == {"difficulty"}:
        difficulty = whole("difficulty", fields.values["difficulty"], 1, 1 << 62)
        command = SetDifficulty(symbol=fields.text("symbol"), difficulty=difficulty)
        return _submit(venue, fields, command, difficulty)
    if wanted == {"remove"}:
        if not fields.flag("remove"):
            raise bad("remove", False, "true is needed")
        return _submit(venue, fields, RemoveIndex(symbol=_listed_index(venue, fields)), True)
    if wanted == {"markMethod"}:
        symbol = tradable(venue, fields)
        name = fields.text("markMethod")
        method = mark_method("markMethod", name)
        return _submit(venue, fields, SetMarkMethod(symbol=symbol, method=method), name)
    if wanted == {"composition"}:
        symbol = _listed_index(venue, fields)
        if venue.exchange.indices[symbol].spec.kind is not IndexKind.COMPOSITE:
            raise bad("symbol", symbol, "an index with constituents is needed")
        change = SetComposition(index=symbol, constituents=members(fields, "composition"))
        return _submit(venue, fields, change, fields.values["composition"])
    return ""


def tradable(venue: Venue, fields: Fields) -> str:
    """Read the symbol of an instrument that is listed."""
    symbol = fields.text("symbol")
    if symbol not in venue.exchange.markets:
        names = ", ".join(venue.exchange.markets) or "none"
        raise bad("symbol", symbol, f"the instruments are {names}")
    return symbol


def _listed_index(venue: Venue, fields: Fields) -> str:
    symbol = fields.text("symbol")
    if symbol not in venue.exchange.indices:
        names = ", ".join(venue.exchange.indices) or "none"
        raise bad("symbol", symbol, f"the indices are {names}")
    return symbol


def mark_method(name: str, value: object) -> MarkMethod:
    """Read a mark method as the venue spells it."""
    found = MARK_METHODS.get(value) if isinstance(value, str) else None
    if found is None:
        raise bad(name, value, f"allowed are {', '.join(MARK_METHODS)}")
    return found


def members(fields: Fields, name: str = "constituents") -> tuple[Constituent, ...]:
    """Read the constituents of an index."""
    given = fields.values.get(name)
    if not isinstance(given, list) or not given:
        raise bad(name, given, "a list of {name, weight} is needed")
    found: list[Constituent] = []
    for item in given:
        member = part(name, item, "name", "weight")
        weight = _weight(member.values.get("weight", 1))
        found.append(Constituent(member.text("name"), weight.numerator, weight.denominator))
    return tuple(found)


def derived_index(fields: Fields) -> dict[str, Any]:
    """Read what makes an index of another one, fields of its spec; empty where it is a composite.

    ``{"source": ".BXBT", "kind": "twap30", "minutes": 30}``: the mean of as many minute samples;
    ``{"source": ".BXBT", "kind": "volatility", "minutes": 43200, "stepMinutes": 1440}``;
    ``{"source": "XBTUSD", "kind": "premium"}``: what each minute's premium of a perpetual is, and
    ``{"source": "XBTUSD", "kind": "premium_mean", "minutes": 480}``: that of a funding window.
    """
    if fields.values.get("source") is None:
        for name in ("kind", "minutes", "stepMinutes"):
            if name in fields.values:
                raise bad(name, fields.values[name], "source must be named with it")
        return {}
    if "constituents" in fields.values:
        raise bad("constituents", fields.values["constituents"], "source alone is allowed here")
    word = fields.values.get("kind", "twap30")
    kind = _DERIVED.get(word) if isinstance(word, str) else None
    if kind is None:
        raise bad("kind", word, f"allowed are {', '.join(_DERIVED)}")
    return {
        "kind": kind,
        "source": fields.text("source"),
        "minutes": whole("minutes", fields.values.get("minutes", 30), 1, 10**6),
        "step_minutes": whole("stepMinutes", fields.values.get("stepMinutes", 1), 1, 10**6),
    }


def _weight(value: object) -> Fraction:
    # A bare 1e999999999 would be written out, digit by digit.
    text = str(value)
    if isinstance(value, bool) or not _WEIGHT.fullmatch(text):
        raise bad("constituents.weight", value, 'a number or a fraction like "1/3" is needed')
    try:
        weight = Fraction(text)
    except ZeroDivisionError as error:
        raise bad("constituents.weight", value, "a fraction of something is needed") from error
    if not 0 < weight <= _MOST_WEIGHT:
        raise bad("constituents.weight", value, f"more than 0, at most {_MOST_WEIGHT} is needed")
    if max(weight.numerator, weight.denominator) >= 1 << 63:  # what a journal's record holds
        raise bad("constituents.weight", value, "a number of fewer digits is needed")
    return weight


def _fund_now(venue: Venue, fields: Fields) -> str:
    fields.only("symbol", "fund_now")
    symbol = fields.text("symbol")
    perpetuals = [name for name, each in venue.exchange.markets.items() if each.is_perpetual]
    if symbol not in perpetuals:
        raise bad("symbol", symbol, f"the perpetuals are {', '.join(perpetuals) or 'none'}")
    if not fields.flag("fund_now"):
        raise bad("fund_now", False, "true is needed")
    check(venue.submit(FundNow(symbol=symbol)), "symbol", symbol)
    return symbol


def _submit(venue: Venue, fields: Fields, command: Command, value: object) -> str:
    (field,) = fields.values.keys() - {"symbol"}
    check(venue.submit(command), field, value)
    return fields.text("symbol")
