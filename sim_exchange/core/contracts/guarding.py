"""Which terms of guards are good: breaker, speed limit of liquidations, speed bump (E22)."""

from sim_exchange.core.specs import InstrumentSpec, SpeedBump
from sim_exchange.core.types import DAY_NS, PPM, Kind


def guards_fault(spec: InstrumentSpec) -> str:
    """Return what is wrong with the guards of ``spec`` in one sentence, or ""."""
    breaker, speed = spec.mwcb, spec.liq_speed
    if breaker is not None:
        levels = breaker.levels_ppm
        if (
            not levels
            or list(levels) != sorted(set(levels))
            or not 0 < levels[0] <= levels[-1] < PPM
        ):
            return f"mwcb levels {levels} must rise between 0 and {PPM}"
        if breaker.halt_ns < 1:
            return f"mwcb halt_ns {breaker.halt_ns} must be at least 1"
        if breaker.late_ns is not None and not 0 <= breaker.late_ns < DAY_NS:
            return f"mwcb late_ns {breaker.late_ns} must be a time of the day, under {DAY_NS}"
    if spec.kind is Kind.SPOT and speed is not None:
        return "liq_speed is for contracts only"
    if speed is not None and not (0 < speed.floor_ppm < PPM and speed.window_ns > 0):
        return f"liq_speed floor {speed.floor_ppm} must be between 0 and {PPM}, its window above 0"
    return "" if spec.speed_bump is None else _bump_fault(spec.speed_bump)


def _bump_fault(bump: SpeedBump) -> str:
    if type(bump.pct_ppm) is not int or not 0 < bump.pct_ppm < PPM:
        return f"speed_bump pct {bump.pct_ppm!r} must be over 0 and under {PPM}"
    if type(bump.delay_ns) is not int or not 0 < bump.delay_ns <= DAY_NS:
        return f"speed_bump delay_ns {bump.delay_ns!r} must be over 0 and at most {DAY_NS}"
    return ""
