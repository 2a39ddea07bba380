"""Tiers of a contract: which margin rates go with a risk limit (E11).

A risk limit is the base limit of the contract plus whole steps. Each step raises both rates by the
base maintenance rate: maintenance is MM0*(1 + n), initial is IM0 + n*MM0.
"""

from sim_exchange.core.contracts.value import ceil_div
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.types import PPM


def rates(spec: InstrumentSpec, risk_limit: int) -> tuple[int, int]:
    """Return the initial and the maintenance rate under ``risk_limit`` minor units, both ppm."""
    base, step = spec.risk_limit, spec.risk_step
    steps = (risk_limit - base) // step if step and risk_limit > base else 0
    maint = spec.maint_margin_ppm
    return spec.init_margin_ppm + steps * maint, maint * (1 + steps)


def limit_for(spec: InstrumentSpec, value: int) -> int:
    """Return the lowest risk limit that takes a risk value, both minor units; equal is allowed."""
    base, step = spec.risk_limit, spec.risk_step
    if value <= base or not step:
        return base
    return base + step * ceil_div(value - base, step)


def limit_fault(spec: InstrumentSpec, risk_limit: int) -> str:
    """Return what is wrong with a risk limit that somebody wants, or "" when it may be chosen.

    It is the base and whole steps, and its initial margin is at most the whole value.
    """
    base, step, maint = spec.risk_limit, spec.risk_step, spec.maint_margin_ppm
    if not base:
        return f"{spec.symbol} has no risk limits"
    if not step:
        return "" if risk_limit == base else f"risk limit {risk_limit} is not {base}"
    if risk_limit < base or (risk_limit - base) % step:
        return f"risk limit {risk_limit} is not {base} and whole steps of {step}"
    most = base + (PPM - spec.init_margin_ppm) // maint * step if maint else 2**62
    if risk_limit > most:
        return f"risk limit {risk_limit} is over {most}, where initial margin is the whole value"
    return ""


def most_leverage_cents(init_ppm: int) -> int:
    """Return the highest leverage in hundredths at an initial rate in ppm, above 0."""
    return 100 * PPM // init_ppm
