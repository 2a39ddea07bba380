"""Which listings are good: each rule names the field, its value and what is allowed."""

from sim_exchange.core.contracts.guarding import guards_fault
from sim_exchange.core.contracts.terms import terms_fault
from sim_exchange.core.specs import Constituent, IndexSpec, InstrumentSpec
from sim_exchange.core.types import (
    DAY_NS,
    MINUTE_NS,
    PPM,
    SECOND_NS,
    ExecType,
    FeeSide,
    IndexKind,
    Kind,
    LossMethod,
    MarkMethod,
)

GRID_NS = 5 * SECOND_NS
"""Indices are published and marks move on this grid."""
MOST_RETURNS = 1440
"""How many returns a volatility index may look back over: a day of minutes."""
KEPT_MINUTES = 480
"""How many minute samples of an index are remembered: eight hours."""

_WHOLE = (
    "multiplier",
    "lot_size",
    "tick_pico",
    "mark_decimals",
    "max_order_qty",
    "max_price_ticks",
    "init_margin_ppm",
    "maint_margin_ppm",
    "risk_limit",
    "risk_step",
    "bankrupt_tick_pico",
    "maker_fee_ppm",
    "taker_fee_ppm",
    "settlement_fee_ppm",
    "insurance_fee_ppm",
    "listing_ns",
    "touch_band_ppm",
    "fat_finger_ppm",
    "min_value",
    "short_cap",
    "quote_rate_ppm",
    "base_rate_ppm",
    "impact_at_full_margin",
    "impact_notional",
    "impact_usd",
    "basis_interval_ns",
    "basis_spread_ticks",
)


def instrument_fault(spec: InstrumentSpec) -> str:
    """Return what is wrong with ``spec`` in one sentence, or "" when it may be listed."""
    for name in _WHOLE:
        value = getattr(spec, name)
        if type(value) is not int:
            return f"{name} {value!r} is not a whole number"
    return (
        _shape_fault(spec)
        or _sizes_fault(spec)
        or _rates_fault(spec)
        or _losses_fault(spec)
        or _times_fault(spec)
        or _price_fault(spec)
        or terms_fault(spec)
        or _funding_fault(spec)
        or _impact_fault(spec)
        or guards_fault(spec)
    )


def _shape_fault(spec: InstrumentSpec) -> str:
    if not spec.symbol or spec.symbol.startswith("."):
        return f"symbol {spec.symbol!r} must be non-empty and not start with a dot"
    if spec.kind is Kind.INDEX:
        return "kind index is listed as an index, not as an instrument"
    if len(spec.typ) != 6:
        return f"typ {spec.typ!r} must have six letters"
    if not spec.settl_currency:
        return "settl_currency must be named"
    if spec.kind is Kind.SPOT:
        if not spec.base_currency or spec.base_currency == spec.settl_currency:
            return f"base_currency {spec.base_currency!r} must name another coin on spot"
        if spec.multiplier != 1:
            return f"multiplier {spec.multiplier} must be 1 on spot"
        return ""
    if spec.kind is Kind.INVERSE and spec.multiplier >= 0:
        return f"multiplier {spec.multiplier} must be negative on an inverse contract"
    if spec.kind is not Kind.INVERSE and spec.multiplier <= 0:
        return f"multiplier {spec.multiplier} must be positive on a {spec.kind.value} contract"
    return ""


def _sizes_fault(spec: InstrumentSpec) -> str:
    for name in ("lot_size", "tick_pico", "max_order_qty", "max_price_ticks"):
        value = getattr(spec, name)
        if value < 1:
            return f"{name} {value} must be at least 1"
    if not 0 <= spec.mark_decimals <= 12:
        return f"mark_decimals {spec.mark_decimals} must be from 0 to 12"
    if spec.tick_pico % 10 ** (12 - spec.mark_decimals):
        return f"tick_pico {spec.tick_pico} is finer than {spec.mark_decimals} mark decimals"
    for name in (
        "risk_limit",
        "risk_step",
        "bankrupt_tick_pico",
        "touch_band_ppm",
        "fat_finger_ppm",
        "min_value",
        "short_cap",
    ):
        value = getattr(spec, name)
        if value < 0:
            return f"{name} {value} must not be negative"
    if spec.max_order_qty < spec.lot_size:
        return f"max_order_qty {spec.max_order_qty} must be at least a lot, {spec.lot_size}"
    if spec.bankrupt_tick_pico and spec.tick_pico % spec.bankrupt_tick_pico:
        return f"bankrupt_tick_pico {spec.bankrupt_tick_pico} must be a whole part of the tick"
    return ""


def _rates_fault(spec: InstrumentSpec) -> str:
    for name in ("maker_fee_ppm", "taker_fee_ppm", "settlement_fee_ppm"):
        value = getattr(spec, name)
        if abs(value) >= PPM:
            return f"{name} {value} must be under 100 %"
    if spec.taker_fee_ppm < 0 or spec.maker_fee_ppm + spec.taker_fee_ppm < 0:
        return f"taker_fee_ppm {spec.taker_fee_ppm} must cover maker_fee_ppm {spec.maker_fee_ppm}"
    if spec.kind is Kind.SPOT:
        return ""
    if spec.fee_side is not FeeSide.QUOTE:
        return f"fee_side {spec.fee_side.value} must be quote on a contract"
    if not 0 < spec.init_margin_ppm <= PPM:
        return f"init_margin_ppm {spec.init_margin_ppm} must be over 0 and at most {PPM}"
    if not 0 <= spec.maint_margin_ppm < spec.init_margin_ppm:
        return f"maint_margin_ppm {spec.maint_margin_ppm} must be under {spec.init_margin_ppm}"
    return ""


def _losses_fault(spec: InstrumentSpec) -> str:
    if not 0 <= spec.insurance_fee_ppm < PPM:
        return f"insurance_fee_ppm {spec.insurance_fee_ppm} must be from 0 to under {PPM}"
    if spec.forced_exec_type not in {ExecType.TRADE, ExecType.LIQUIDATION}:
        return f"forced_exec_type {spec.forced_exec_type.value} must be Trade or Liquidation"
    if spec.kind is Kind.SPOT:
        if spec.insurance_fee_ppm:
            return f"insurance_fee_ppm {spec.insurance_fee_ppm} must be 0 on spot"
        if spec.loss_method is not LossMethod.ADL:
            return f"loss_method {spec.loss_method.value} is of contracts, not of spot"
    return ""


def _times_fault(spec: InstrumentSpec) -> str:
    if spec.expiry_ns is not None:
        if type(spec.expiry_ns) is not int:
            return f"expiry_ns {spec.expiry_ns!r} is not a whole number"
        if spec.expiry_ns <= spec.listing_ns:
            return f"expiry_ns {spec.expiry_ns} must be after listing_ns {spec.listing_ns}"
    return ""


def interval_fault(interval_ns: int) -> str:
    """Return what is wrong with a funding interval in one sentence, or ""."""
    if type(interval_ns) is not int or interval_ns < MINUTE_NS or DAY_NS % interval_ns:
        return f"funding_interval_ns {interval_ns!r} must be a whole part of a day"
    if interval_ns % MINUTE_NS:
        return f"funding_interval_ns {interval_ns} must be whole minutes, {MINUTE_NS} ns each"
    return ""


def _funding_fault(spec: InstrumentSpec) -> str:
    interval = spec.funding_interval_ns
    if interval is not None:
        if spec.kind is Kind.SPOT or spec.expiry_ns is not None:
            return f"funding_interval_ns {interval} is for contracts without expiry only"
        fault = interval_fault(interval)
        if fault:
            return fault
    if spec.funding_ppm is not None:
        if interval is None:
            return f"funding_ppm {spec.funding_ppm} needs funding_interval_ns"
        if type(spec.funding_ppm) is not int or abs(spec.funding_ppm) >= PPM:
            return f"funding_ppm {spec.funding_ppm!r} must be whole and under 100 %"
    for name in ("quote_rate_ppm", "base_rate_ppm"):
        if abs(getattr(spec, name)) >= PPM:
            return f"{name} {getattr(spec, name)} must be under 100 %"
    return ""


def _impact_fault(spec: InstrumentSpec) -> str:
    if spec.impact_at_full_margin < 1:
        return f"impact_at_full_margin {spec.impact_at_full_margin} must be at least 1"
    for name in ("impact_notional", "impact_usd", "basis_spread_ticks"):
        if getattr(spec, name) < 0:
            return f"{name} {getattr(spec, name)} must not be negative"
    if spec.impact_index and not spec.impact_usd:
        return f"impact_index {spec.impact_index} needs impact_usd"
    if spec.basis_interval_ns < GRID_NS or spec.basis_interval_ns % GRID_NS:
        return f"basis_interval_ns {spec.basis_interval_ns} must be whole steps of {GRID_NS} ns"
    return ""


def _price_fault(spec: InstrumentSpec) -> str:
    if spec.opening_reference is not None and spec.opening_reference < 0:
        return f"opening_reference {spec.opening_reference} must not be negative"
    if spec.kind is Kind.SPOT:
        return ""
    by_last = spec.mark_method in {MarkMethod.LAST, MarkMethod.LAST_PROTECTED}
    if by_last and not spec.opening_reference:
        return f"mark_method {spec.mark_method.value} needs opening_reference"
    if not by_last and not spec.reference_symbol and not spec.settlement_sum:
        return f"mark_method {spec.mark_method.value} needs reference_symbol"
    return ""


def index_fault(spec: IndexSpec) -> str:
    """Return what is wrong with an index in one sentence, or "" when it may be listed."""
    if not spec.symbol.startswith(".") or len(spec.symbol) < 2:
        return f"symbol {spec.symbol!r} must start with a dot"
    if not 0 <= spec.decimals <= 12:
        return f"decimals {spec.decimals} must be from 0 to 12"
    if spec.kind is not IndexKind.COMPOSITE:
        return _derived_fault(spec)
    if not 0 < spec.outlier_ppm <= PPM:
        return f"outlier_ppm {spec.outlier_ppm} must be over 0 and at most {PPM}"
    return composition_fault(spec.constituents)


def _derived_fault(spec: IndexSpec) -> str:
    if not spec.source:
        return f"source must be named for a {spec.kind.value} index"
    if spec.kind is IndexKind.TWAP30 and not 1 <= spec.minutes <= KEPT_MINUTES:
        return f"minutes {spec.minutes} must be from 1 to {KEPT_MINUTES}"
    if spec.kind is IndexKind.PREMIUM_MEAN and interval_fault(spec.minutes * MINUTE_NS):
        return f"minutes {spec.minutes} must be a whole part of a day"
    if spec.kind is IndexKind.VOLATILITY:
        step, minutes = spec.step_minutes, spec.minutes
        if step < 1 or minutes % step or not 2 <= minutes // step <= MOST_RETURNS:
            return (
                f"minutes {minutes} must be 2 to {MOST_RETURNS} whole steps of step_minutes {step}"
            )
    return ""


def composition_fault(constituents: tuple[Constituent, ...]) -> str:
    """Return what is wrong with the constituents of an index in one sentence, or ""."""
    if not constituents:
        return "constituents must not be empty"
    names = [one.name for one in constituents]
    if len(set(names)) != len(names):
        return f"constituents {names} must have different names"
    for one in constituents:
        if one.num <= 0 or one.den <= 0:
            return f"weight {one.num}/{one.den} of {one.name} must be positive"
    return ""
