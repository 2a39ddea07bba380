"""Limits of prices (E15): a share on either side of a close, rounded inward to ticks."""

from sim_exchange.core.types import PPM


def session_limits(close_pico: int, pct_ppm: int, tick_pico: int) -> tuple[int, int]:
    """Return (limit down, limit up) in ticks about a session's close of 1e-12.

    Limit down is rounded up to the tick and limit up down, but neither below one tick.

    >>> session_limits(3_400_000_000, 250_000, 10_000)
    (255000, 425000)
    """
    whole = PPM * tick_pico
    down = -(-close_pico * (PPM - pct_ppm) // whole)
    up = close_pico * (PPM + pct_ppm) // whole
    return max(1, down), max(1, up)


def reticked(down: int, up: int, before: int, after: int) -> tuple[int, int]:
    """Return limits in ticks of ``after`` that were in ticks of ``before``, rounded inward.

    >>> reticked(255, 425, 10, 100)
    (26, 42)
    """
    return -(-down * before // after), up * before // after
