"""What a measurement is, and how it is printed."""

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence

import msgspec
from rich.console import Console
from rich.table import Table


class Figure(msgspec.Struct, kw_only=True):
    """One measured figure: a value a round, in ``unit``, beside its yardstick's.

    ``must`` is the ratio to the yardstick (above 1 = we are better), or without a yardstick the
    value, that the figure has to reach.
    """

    bench: str
    what: str
    unit: str
    rounds: list[float]
    more_is_better: bool = False
    yardstick: str = ""
    yardstick_rounds: list[float] = []
    must: float | None = None

    @property
    def best(self) -> float:
        """The best round."""
        return max(self.rounds) if self.more_is_better else min(self.rounds)

    @property
    def median(self) -> float:
        """The median round."""
        return statistics.median(self.rounds)

    @property
    def ratio(self) -> float | None:
        """How many times as good as the yardstick, by medians; None without one."""
        if not self.yardstick_rounds:
            return None
        other = statistics.median(self.yardstick_rounds)
        return self.median / other if self.more_is_better else other / self.median


def in_turn(rounds: int, *measures: Callable[[], float]) -> list[list[float]]:
    """Call each measure once a round, in turn; return the values of each."""
    values: list[list[float]] = [[] for _ in measures]
    for _ in range(rounds):
        for kept, measure in zip(values, measures, strict=True):
            kept.append(measure())
    return values


def spell(value: float | None) -> str:
    """Return three significant digits, and all digits of what is larger."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def machine() -> str:
    """Return what the figures were measured on."""
    return (
        f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} "
        f"{platform.machine()}, {os.cpu_count()} cores"
    )


def print_table(figures: Sequence[Figure]) -> None:
    """Print the figures for people."""
    table = Table(title=machine(), title_justify="left")
    for name in ("bench", "what", "yardstick"):
        table.add_column(name)
    for name in ("best", "median", "unit", "its median", "ratio", "must"):
        table.add_column(name, justify="left" if name == "unit" else "right")
    for figure in figures:
        other = statistics.median(figure.yardstick_rounds) if figure.yardstick_rounds else None
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}x"
        table.add_row(
            figure.bench,
            figure.what,
            figure.yardstick,
            spell(figure.best),
            spell(figure.median),
            figure.unit,
            spell(other),
            ratio,
            "" if figure.must is None else f"{figure.must:,g}x",
        )
    console = Console()
    console.width = max(console.width, 118)  # into a pipe too, a row is a line
    console.print(table)


def print_json(figures: Sequence[Figure]) -> None:
    """Print the figures for programs: one object."""
    rows = [
        {
            **msgspec.to_builtins(figure),
            "best": figure.best,
            "median": figure.median,
            "ratio": figure.ratio,
        }
        for figure in figures
    ]
    print(
        msgspec.json.encode({"event": "bench", "machine": machine(), "figures": rows}).decode(),
        flush=True,
    )


def say(words: str) -> None:
    """Tell the person who waits."""
    print(words, file=sys.stderr, flush=True)


def wait_until(there: Callable[[], bool], what: str, within_s: float = 30.0) -> None:
    """Wait until something is there.

    Raises:
        RuntimeError: it did not come.
    """
    end = time.monotonic() + within_s
    while not there():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} did not come within {within_s:g} s")
        time.sleep(0.02)
