"""Which special terms a contract may have: its settlement, price band, option, dividend (E14-E25).

Each check returns what is wrong in one sentence that names the field, its value and what is
allowed, or "".
"""

from sim_exchange.core.specs import Band, DividendTerms, InstrumentSpec, OptionTerms
from sim_exchange.core.types import PPM, Kind, MarkMethod, SettlementKind

_ELSE = (SettlementKind.FIXED, SettlementKind.ZERO)


def terms_fault(spec: InstrumentSpec) -> str:
    """Return what is wrong with the special terms of ``spec``, or ""."""
    if spec.kind is Kind.SPOT:
        return _spot_fault(spec)
    fault = _settlement_fault(spec) or _fees_fault(spec) or _plans_fault(spec)
    if not fault and spec.band is not None:
        fault = _band_fault(spec, spec.band)
    if not fault:
        fault = _option_fault(spec)
    if not fault and spec.dividend is not None:
        fault = _dividend_fault(spec, spec.dividend)
    return fault


def _spot_fault(spec: InstrumentSpec) -> str:
    if spec.short_cap:
        return f"short_cap {spec.short_cap} must be 0 on spot"
    for name in ("band", "option", "dividend", "settlement_price", "settlement_else"):
        if getattr(spec, name) is not None:
            return f"{name} must be absent on spot"
    for name in ("settlement_sum", "settlement_fees", "fee_plans"):
        if getattr(spec, name):
            return f"{name} must be empty on spot"
    return ""


def _settlement_fault(spec: InstrumentSpec) -> str:
    kind, other = spec.settlement_kind, spec.settlement_else
    has_fixed = spec.settlement_price is not None or spec.opening_reference is not None
    if SettlementKind.FIXED in {kind, other} and not has_fixed:
        return "settlement_price must be given, or opening_reference, for settlement_kind fixed"
    if other is not None:
        if other not in _ELSE:
            return f"settlement_else {other.value} must be fixed or zero"
        if not spec.reference_symbol:
            return f"settlement_else {other.value} needs reference_symbol"
    if type(spec.settlement_lead_ns) is not int or spec.settlement_lead_ns < 0:
        return f"settlement_lead_ns {spec.settlement_lead_ns!r} must not be negative"
    added = bool(spec.settlement_sum)
    if added != (kind is SettlementKind.SUM) and not (added and spec.option is not None):
        return f"settlement_sum {list(spec.settlement_sum)} goes with settlement_kind sum only"
    if added and len(set(spec.settlement_sum)) < max(2, len(spec.settlement_sum)):
        return f"settlement_sum {list(spec.settlement_sum)} must be at least two indices"
    return _zero_fault(spec, kind, other)


def _zero_fault(spec: InstrumentSpec, kind: SettlementKind, other: SettlementKind | None) -> str:
    fixed = spec.opening_reference if spec.settlement_price is None else spec.settlement_price
    if fixed is not None and (type(fixed) is not int or fixed < 0):
        return f"settlement_price {fixed!r} must not be negative"
    if spec.kind is not Kind.INVERSE:
        return ""
    if SettlementKind.ZERO in {kind, other}:
        return "settlement_kind zero has no value on an inverse contract"
    if SettlementKind.FIXED in {kind, other} and not fixed:
        if spec.settlement_price is None:
            return f"opening_reference {fixed} has no value on an inverse contract"
        return f"settlement_price {fixed} has no value on an inverse contract"
    return ""


def _fees_fault(spec: InstrumentSpec) -> str:
    before = None
    for from_ns, ppm in spec.settlement_fees:
        if type(from_ns) is not int or type(ppm) is not int or not 0 <= ppm < PPM:
            return f"settlement_fees {ppm!r} must be from 0 to under 100 %"
        if before is not None and from_ns <= before:
            return f"settlement_fees {from_ns} must be in order of their instants"
        before = from_ns
    return ""


def _plans_fault(spec: InstrumentSpec) -> str:
    plans = spec.fee_plans
    if not plans:
        return ""
    if spec.option is not None:
        return "fee_plans must be empty on an option"
    names = [plan.name for plan in plans]
    if "" in names or len(set(names)) != len(names):
        return f"fee_plans {names} must have different names"
    for plan in plans:
        for name in ("maker_ppm", "taker_ppm", "session_fee_ppm"):
            ppm = getattr(plan, name)
            if type(ppm) is not int or abs(ppm) >= PPM or (ppm < 0 and name != "maker_ppm"):
                return f"fee_plans must have fees under 100 %, not {name} {ppm!r} in {plan.name}"
    # Who trades with whom is open, so the dearest rebate must be covered by the lowest fee.
    maker = min(spec.maker_fee_ppm, *(plan.maker_ppm for plan in plans))
    taker = min(spec.taker_fee_ppm, *(plan.taker_ppm for plan in plans))
    if maker + taker < 0:
        return f"fee_plans must have a taker fee of {taker} cover a maker fee of {maker}, in ppm"
    return ""


def _band_fault(spec: InstrumentSpec, band: Band) -> str:
    if spec.option is not None:
        return "band must be absent on an option: it has 0 and its highest price"
    if band.session_ns or band.pct_ppm:
        if band.down is not None or band.up is not None or band.until_ns is not None:
            return "band has either pct and session, or down and up"
        if type(band.pct_ppm) is not int or not 0 < band.pct_ppm < PPM:
            return f"band pct {band.pct_ppm!r} must be over 0 and under {PPM}"
        if type(band.session_ns) is not int or band.session_ns <= 0:
            return f"band session {band.session_ns!r} must be over 0"
        if not spec.opening_reference:
            return "band of sessions needs opening_reference"
        return ""
    down, up = band.down, band.up
    if type(down) is not int or type(up) is not int:
        return f"band down {down!r} and up {up!r} must both be given"
    if not 0 <= down <= up <= spec.max_price_ticks or up < 1:
        return f"band {down}..{up} must lie in 0..{spec.max_price_ticks} ticks"
    if band.until_ns is not None and band.until_ns <= spec.listing_ns:
        return f"band until {band.until_ns} must be after listing_ns {spec.listing_ns}"
    return ""


def _option_fault(spec: InstrumentSpec) -> str:
    option = spec.option
    if (option is None) != (spec.settlement_kind is not SettlementKind.OPTION):
        return f"settlement_kind {spec.settlement_kind.value} goes with an option, and only with it"
    if option is None:
        return ""
    wrong = (
        ("kind", spec.kind.value, "linear", spec.kind is Kind.LINEAR),
        ("mark_method", spec.mark_method.value, "LastPrice", spec.mark_method is MarkMethod.LAST),
        ("init_margin_ppm", spec.init_margin_ppm, PPM, spec.init_margin_ppm == PPM),
        ("maint_margin_ppm", spec.maint_margin_ppm, 0, spec.maint_margin_ppm == 0),
        ("taker_fee_ppm", spec.taker_fee_ppm, 0, spec.taker_fee_ppm == 0),
        ("maker_fee_ppm", spec.maker_fee_ppm, 0, spec.maker_fee_ppm == 0),
        ("settlement_fee_ppm", spec.settlement_fee_ppm, 0, spec.settlement_fee_ppm == 0),
    )
    for name, value, allowed, fits in wrong:
        if not fits:
            return f"{name} {value} must be {allowed} on an option"
    if not spec.reference_symbol:
        return "reference_symbol must be named on an option"
    if spec.short_cap:
        return f"short_cap {spec.short_cap} must be 0 on an option"
    if spec.expiry_ns is None:
        return "expiry_ns must be given on an option"
    return _strike_fault(option)


def _strike_fault(option: OptionTerms) -> str:
    strike, barrier = option.strike_pico, option.barrier_pico
    if type(strike) is not int or strike < 1:
        return f"strike {strike!r} must be above 0"
    if barrier is None:
        return ""
    if option.call:
        return f"barrier {barrier!r} must be absent on an UP"
    if type(barrier) is not int or not 0 < barrier < strike:
        return f"barrier {barrier!r} must be above 0 and under the strike {strike}"
    return ""


def _dividend_fault(spec: InstrumentSpec, dividend: DividendTerms) -> str:
    if spec.expiry_ns is None:
        return "expiry_ns must be given on a contract that pays a dividend"
    for name in ("hashrate", "reward", "difficulty"):
        value = getattr(dividend, name)
        if type(value) is not int or value < 1:
            return f"dividend {name} {value!r} must be above 0"
    if type(dividend.pool_fee_ppm) is not int or not 0 <= dividend.pool_fee_ppm < PPM:
        return f"dividend pool_fee_ppm {dividend.pool_fee_ppm!r} must be from 0 to under {PPM}"
    return ""


def indices_named(spec: InstrumentSpec) -> tuple[str, ...]:
    """Return the indices that must be listed for ``spec``."""
    named = (spec.reference_symbol,) if spec.reference_symbol else ()
    return named + spec.settlement_sum
