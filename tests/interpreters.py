"""The same program in other interpreters, which order their sets otherwise."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def said_elsewhere(*words: str, hash_seeds: tuple[str, ...] = ("1", "20181")) -> set[str]:
    """Run Python with ``words`` once for each hash seed; return all that was said."""
    return {
        subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout.strip()
        for seed in hash_seeds
    }
