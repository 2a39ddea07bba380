"""The operator's words on a contract's special terms: settlement, price band, option (design.md 6).

All of it is read after the plain fields, because prices are counted in the contract's own ticks.

``settlementKind`` is a word, ``{"sum": [".A", ".B"]}`` for the versions of a coin that split, or
``{"kind": "twap30", "else": "fixed", "price": 0.003, "lead_s": 86400}``: another kind, and the
fixed price, for the case that the index begins to print later than that before the settlement.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from sim_exchange.core.specs import (
    Band,
    CircuitBreaker,
    DividendTerms,
    FeePlan,
    InstrumentSpec,
    LiquidationSpeed,
    OptionTerms,
    SpeedBump,
)
from sim_exchange.core.types import (
    DAY_NS,
    PPM,
    SECOND_NS,
    FeeSide,
    LossMethod,
    MarkMethod,
    SettlementKind,
    currency_decimals,
)
from sim_exchange.server.admin_input import (
    Fields,
    bad,
    decimal,
    instant,
    mark_units,
    part,
    pico,
    ppm,
    whole,
)
from sim_exchange.wire.numbers import ticks_number

TERMS = (
    "settlementKind", "band", "limitUpPrice", "limitDownPrice", "optionStrikePrice", "barrier",
    "feeSide", "lossMethod", "circuitBreaker", "liquidationSpeed", "speedBump",
    "feePlans", "dividend",
)  # fmt: skip
"""The fields that are read here."""
CAMEL = {
    "settlement_kind": "settlementKind",
    "settlement_sum": "settlementKind",
    "settlement_else": "settlementKind",
    "settlement_price": "settlementKind",
    "settlement_lead_ns": "settlementKind",
    "strike": "optionStrikePrice",
    "fee_side": "feeSide",
    "loss_method": "lossMethod",
    "fee_plans": "feePlans",
    "speed_bump": "speedBump",
    "mwcb": "circuitBreaker",
    "liq_speed": "liquidationSpeed",
}
"""Words of the core's refusals -> fields."""

_T = TypeVar("_T")
_MOST_S = 10 * 365 * 86_400
_MOST_MS = 86_400_000
_UP_TYP, _DOWN_TYP = "OCECCS", "OPECCS"
_LAST_MARKS = (MarkMethod.LAST, MarkMethod.LAST_PROTECTED)


def option_defaults(chosen: dict[str, object], fields: Mapping[str, object]) -> None:
    """Fill in what an option has by its nature, where the operator left it out (E16).

    ``typ`` says whether it is an UP (OCECCS) or a DOWN (OPECCS); without it a barrier makes a DOWN.
    """
    if fields.get("optionStrikePrice") is None:
        return
    chosen.setdefault("typ", _UP_TYP if fields.get("barrier") is None else _DOWN_TYP)
    chosen.setdefault("tick_pico", 10**7)
    chosen.setdefault("multiplier", 10 ** currency_decimals(str(chosen.get("settl_currency", ""))))
    chosen.setdefault("mark_decimals", 8)
    chosen.setdefault("init_margin_ppm", PPM)
    chosen.setdefault("mark_method", MarkMethod.LAST)
    for name in ("maint_margin_ppm", "maker_fee_ppm", "taker_fee_ppm", "settlement_fee_ppm"):
        chosen.setdefault(name, 0)
    for name in ("risk_limit", "risk_step"):
        chosen.setdefault(name, 0)


def plain(spec: InstrumentSpec) -> InstrumentSpec:
    """Return a contract as the pattern of another one: without what is special to it."""
    return msgspec.structs.replace(
        spec,
        mark_method=MarkMethod.FAIR if spec.mark_method in _LAST_MARKS else spec.mark_method,
        settlement_kind=SettlementKind.TWAP30,
        settlement_price=None,
        settlement_sum=(),
        settlement_else=None,
        settlement_fees=(),
        fee_plans=(),
        short_cap=0,
        band=None,
        option=None,
        dividend=None,
        opening_reference=None,
        bankrupt_tick_pico=0,
        insurance_fee_ppm=0,
        loss_method=LossMethod.ADL,
        mwcb=None,
        liq_speed=None,
        speed_bump=None,
    )


def with_terms(spec: InstrumentSpec, fields: Fields) -> InstrumentSpec:
    """Return ``spec`` with its special terms as they were sent.

    Raises:
        BadRequestError: names the field, its value and what is allowed.
    """
    spec = _with_option(spec, fields)
    if fields.values.get("settlementKind") is not None:
        spec = _with_settlement(spec, fields.values["settlementKind"])
    band = _band(spec, fields)
    if band is not None:
        spec = msgspec.structs.replace(spec, band=band)
    spec = _with_guards(spec, fields)
    if fields.values.get("feePlans") is not None:
        spec = msgspec.structs.replace(spec, fee_plans=_plans(fields.values["feePlans"]))
    if fields.values.get("dividend") is not None:
        spec = msgspec.structs.replace(spec, dividend=_dividend(fields.values["dividend"]))
    for name, field, words in (
        ("feeSide", "fee_side", {one.value: one for one in FeeSide}),
        ("lossMethod", "loss_method", {one.value: one for one in LossMethod}),
    ):
        value = fields.values.get(name)
        if value is not None:
            spec = msgspec.structs.replace(spec, **{field: _word(name, value, words)})
    return spec


def _plans(value: object) -> tuple[FeePlan, ...]:
    """Read what accounts can choose to pay, a list of plans with a name and three fees (E3)."""
    if not isinstance(value, list):
        raise bad("feePlans", value, "a list of plans is needed")
    plans = []
    for given in value:
        plan = part("feePlans", given, "name", "makerFee", "takerFee", "sessionFee")
        plans.append(
            FeePlan(
                name=plan.text("name"),
                maker_ppm=ppm("feePlans.makerFee", plan.values.get("makerFee")),
                taker_ppm=ppm("feePlans.takerFee", plan.values.get("takerFee")),
                session_fee_ppm=ppm("feePlans.sessionFee", plan.values.get("sessionFee", 0)),
            )
        )
    return tuple(plans)


def _with_guards(spec: InstrumentSpec, fields: Fields) -> InstrumentSpec:
    """Read what may stop or slow a market (E22); ``true`` takes the usual figures."""
    given = fields.values.get("circuitBreaker")
    if given is not None and given is not False:
        spec = msgspec.structs.replace(spec, mwcb=_breaker(given))
    given = fields.values.get("liquidationSpeed")
    if given is not None and given is not False:
        usual = {} if given is True else given
        of = part("liquidationSpeed", usual, "floor", "windowSeconds").values
        floor = ppm("liquidationSpeed.floor", of.get("floor", 0.9))
        if not 0 < floor < PPM:
            raise bad("liquidationSpeed.floor", of["floor"], "between 0 and 1 is needed")
        window_ns = _seconds("liquidationSpeed.windowSeconds", of.get("windowSeconds", 60), 1)
        speed = LiquidationSpeed(floor_ppm=floor, window_ns=window_ns)
        spec = msgspec.structs.replace(spec, liq_speed=speed)
    given = fields.values.get("speedBump")
    if given is not None:
        of = part("speedBump", given, "pct", "delay_ms").values
        delay_ms = whole("speedBump.delay_ms", of.get("delay_ms"), 1, _MOST_MS)
        bump = SpeedBump(
            pct_ppm=ppm("speedBump.pct", of.get("pct")),
            delay_ns=delay_ms * (SECOND_NS // 1_000),
        )
        spec = msgspec.structs.replace(spec, speed_bump=bump)
    return spec


def _breaker(given: object) -> CircuitBreaker:
    names = ("levels", "haltSeconds", "lateSeconds")
    of = part("circuitBreaker", {} if given is True else given, *names).values
    levels = of.get("levels", [0.07, 0.13, 0.2])
    allowed = "a list of fractions is needed that rise between 0 and 1"
    if not isinstance(levels, list) or not levels:
        raise bad("circuitBreaker.levels", levels, allowed)
    read = tuple(ppm("circuitBreaker.levels", level) for level in levels)
    if not 0 < read[0] <= read[-1] < PPM or list(read) != sorted(set(read)):
        raise bad("circuitBreaker.levels", levels, allowed)
    late = of.get("lateSeconds")
    late_ns = None
    if late is not None:
        late_ns = whole("circuitBreaker.lateSeconds", late, 0, DAY_NS // SECOND_NS - 1) * SECOND_NS
    halt_ns = _seconds("circuitBreaker.haltSeconds", of.get("haltSeconds", 900), 1)
    return CircuitBreaker(levels_ppm=read, halt_ns=halt_ns, late_ns=late_ns)


def _dividend(value: object) -> DividendTerms:
    """Read what one contract of mining earns (E25); ``reward`` in minor units of a block."""
    of = part("dividend", value, "hashrate", "reward", "difficulty", "poolFee").values
    read = {
        name: whole(f"dividend.{name}", of.get(name), 1, 1 << 62)
        for name in ("hashrate", "reward", "difficulty")
    }
    return DividendTerms(**read, pool_fee_ppm=ppm("dividend.poolFee", of.get("poolFee", 0)))


def _seconds(name: str, value: object, least: int = 0) -> int:
    return whole(name, value, least, _MOST_S) * SECOND_NS


def _word(name: str, value: object, words: Mapping[str, _T]) -> _T:
    found = words.get(value) if isinstance(value, str) else None
    if found is None:
        raise bad(name, value, f"allowed are {', '.join(words)}")
    return found


def _with_option(spec: InstrumentSpec, fields: Fields) -> InstrumentSpec:
    strike, barrier = fields.values.get("optionStrikePrice"), fields.values.get("barrier")
    if strike is None:
        if barrier is not None:
            raise bad("barrier", barrier, "it goes with optionStrikePrice")
        return spec
    if spec.typ not in (_UP_TYP, _DOWN_TYP):
        allowed = f"an option's is {_UP_TYP} (UP) or {_DOWN_TYP} (DOWN)"
        raise bad("typ", spec.typ, allowed)
    highest = spec.max_price_ticks
    if fields.values.get("maxPrice") is None:
        highest = 10**11 // spec.tick_pico  # 0.1
    strike_pico = pico("optionStrikePrice", strike)
    barrier_pico = None if barrier is None else pico("barrier", barrier)
    if barrier_pico is not None and barrier_pico >= strike_pico:
        raise bad("barrier", barrier, f"a price under the strike {strike} is needed")
    option = OptionTerms(
        call=spec.typ == _UP_TYP, strike_pico=strike_pico, barrier_pico=barrier_pico
    )
    return msgspec.structs.replace(
        spec,
        option=option,
        settlement_kind=SettlementKind.OPTION,
        max_price_ticks=max(1, highest),
    )


_KIND_FIELDS = ("kind", "else", "price", "lead_s")


def _with_settlement(spec: InstrumentSpec, value: object) -> InstrumentSpec:
    kinds = {one.value: one for one in SettlementKind}
    if not isinstance(value, dict):
        kind = _word("settlementKind", value, kinds)
        if kind is SettlementKind.SUM:
            raise bad("settlementKind", value, 'the indices are needed: {"sum": [".A", ".B"]}')
        return msgspec.structs.replace(spec, settlement_kind=kind)
    if "sum" in value:
        symbols = part("settlementKind", value, "sum").words("sum")
        if not symbols:
            raise bad("settlementKind", value, "sum needs a list of indices")
        kind = SettlementKind.SUM
        return msgspec.structs.replace(spec, settlement_kind=kind, settlement_sum=symbols)
    part("settlementKind", value, *_KIND_FIELDS)
    changes: dict[str, object] = {
        "settlement_kind": _word("settlementKind.kind", value.get("kind", "twap30"), kinds)
    }
    if "else" in value:
        changes["settlement_else"] = _word("settlementKind.else", value["else"], kinds)
    if "price" in value:
        changes["settlement_price"] = mark_units(
            "settlementKind.price", value["price"], spec.mark_decimals
        )
    if "lead_s" in value:
        lead_s = whole("settlementKind.lead_s", value["lead_s"], 0, _MOST_S)
        changes["settlement_lead_ns"] = lead_s * SECOND_NS
    return msgspec.structs.replace(spec, **changes)


def _band(spec: InstrumentSpec, fields: Fields) -> Band | None:
    value = fields.values.get("band")
    limits = {
        name: fields.values[name]
        for name in ("limitDownPrice", "limitUpPrice")
        if fields.values.get(name) is not None
    }
    if value is None:
        return _limits(spec, limits) if limits else None
    if limits:
        raise bad(next(iter(limits)), next(iter(limits.values())), "band is given too")
    if not isinstance(value, dict):
        raise bad("band", value, '{"pct", "session_s"} or {"down", "up"} is needed')
    if "pct" in value or "session_s" in value:
        part("band", value, "pct", "session_s")
        session_s = whole("band.session_s", value.get("session_s"), 1, _MOST_S)
        return Band(pct_ppm=ppm("band.pct", value.get("pct")), session_ns=session_s * SECOND_NS)
    part("band", value, "down", "up", "until")
    until = value.get("until")
    down = _ticks(spec, "band.down", value.get("down"), up=True)
    up = _ticks(spec, "band.up", value.get("up"), up=False)
    _ordered(spec, "band", value, down, up)
    return Band(down=down, up=up, until_ns=None if until is None else instant("band.until", until))


def _limits(spec: InstrumentSpec, limits: Mapping[str, object]) -> Band | None:
    """Read limitDownPrice and limitUpPrice, a fixed band; an option has 0 and its highest price."""
    down, up = 0, spec.max_price_ticks
    if "limitDownPrice" in limits:
        down = _ticks(spec, "limitDownPrice", limits["limitDownPrice"], up=True)
    if "limitUpPrice" in limits:
        up = _ticks(spec, "limitUpPrice", limits["limitUpPrice"], up=False)
    if spec.option is None:
        name = "limitUpPrice" if "limitUpPrice" in limits else "limitDownPrice"
        _ordered(spec, name, limits[name], down, up)
        return Band(down=down, up=up)
    for name, found, allowed in (
        ("limitDownPrice", down, 0),
        ("limitUpPrice", up, spec.max_price_ticks),
    ):
        if found != allowed:
            raise bad(name, limits.get(name), "an option's are 0 and maxPrice")
    return None


def _ordered(spec: InstrumentSpec, name: str, value: object, down: int, up: int) -> None:
    """Refuse limits between which no price lies; ``name`` is the field to complain about."""
    if not max(down, 1) <= up <= spec.max_price_ticks:
        least, most = (
            ticks_number(ticks, spec.tick_pico) for ticks in (max(down, 1), spec.max_price_ticks)
        )
        raise bad(name, value, f"the upper limit must be from {least}, a price in it, to {most}")


def _ticks(spec: InstrumentSpec, name: str, value: object, *, up: bool) -> int:
    """Read a limit, 0 included, rounded inward to whole ticks."""
    number = decimal(value)
    if number is not None and number == 0:
        return 0
    price = pico(name, value)
    return -(-price // spec.tick_pico) if up else price // spec.tick_pico
