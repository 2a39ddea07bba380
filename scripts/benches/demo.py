"""The demo: a contract's week in virtual time, by its own count, in a process of its own."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from scripts.benches.figures import Figure

SEED = 7


def measure(rounds: int) -> list[Figure]:
    """Run the demo ``rounds`` times."""
    speeds, walls, peaks = [], [], []
    for _ in range(rounds):
        line, peak_mb = _run()
        speeds.append(line["virtual_s"] / line["wall_s"])
        walls.append(line["wall_s"])
        peaks.append(peak_mb)
    return [
        Figure(
            bench="demo",
            what="virtual seconds a wall second",
            unit="x",
            rounds=speeds,
            more_is_better=True,
            yardstick="the wall clock",
            yardstick_rounds=[1.0] * rounds,
            must=10_000,
        ),
        Figure(bench="demo", what="wall time of the week", unit="s", rounds=walls),
        Figure(bench="demo", what="peak memory", unit="MB", rounds=peaks),
    ]


def _run() -> tuple[dict[str, float], float]:
    with tempfile.TemporaryDirectory() as folder:
        words = ["-m", "mmbot", "demo", "--json", "--plain", "--seed", str(SEED)]
        told = Path(folder, "told")
        with told.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, *words, "--report", folder], stdout=out, stderr=subprocess.DEVNULL
            )
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        lines = told.read_bytes().splitlines()
    if process.returncode or not lines:
        raise RuntimeError(f"the demo ended with {process.returncode}")
    # Linux counts in KiB, macOS in bytes.
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return msgspec.json.decode(lines[-1]), usage.ru_maxrss / scale
