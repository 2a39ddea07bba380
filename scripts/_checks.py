"""Run the checks of the house one after the other, each with its time, and say which failed."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from scripts._setup import ROOT, ensure_or_say

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT = ("format", "lint", "types", "layers", "tests")
ON_REQUEST = ("build",)
NO_TESTS = 5  # pytest's exit code when nothing was collected


def main(arguments: list[str]) -> int:
    """Return 0 when all steps passed, 1 when a step or the set-up failed, 2 for a wrong option."""
    options, to_pytest = parse(arguments)
    begun = time.monotonic()
    python = ensure_or_say("test", "test")
    if python is None:
        return 1
    names = options.only or list(DEFAULT)
    try:
        failed = [name for name in names if not run_step(name, python, options.fast, to_pytest)]
    except KeyboardInterrupt:
        print("test: stopped", flush=True)
        return 130
    verdict = f"failed: {', '.join(failed)}" if failed else "all passed"
    plural = "" if len(names) == 1 else "s"
    print(
        f"test: {len(names)} step{plural} in {time.monotonic() - begun:.1f} s, {verdict}",
        flush=True,
    )
    return 1 if failed else 0


def parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Split our options from those behind ``--``, which are pytest's."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(
        prog="scripts/test.py",
        description="Run every check of the house.",
        epilog="What follows -- goes to pytest: scripts/test.py --only tests -- -k book -x",
    )
    parser.add_argument("--fast", action="store_true", help="leave out tests marked slow")
    parser.add_argument(
        "--only",
        action="append",
        choices=DEFAULT + ON_REQUEST,
        metavar="STEP",
        help=f"run this step only (may be repeated): {', '.join(DEFAULT + ON_REQUEST)}",
    )
    return parser.parse_args(arguments[:cut]), arguments[cut + 1 :]


def run_step(name: str, python: Path, fast: bool, to_pytest: list[str]) -> bool:
    """Run one step between two lines that name it; return whether it passed."""
    print(f"== {name}", flush=True)
    begun = time.monotonic()
    command = command_of(name, python, fast, to_pytest)
    code = subprocess.call(command, cwd=ROOT, stdin=subprocess.DEVNULL)
    words = "ok" if code == 0 else f"FAILED (exit code {code})"
    if name == "tests" and code == NO_TESTS:
        words = "FAILED (no test was collected)"
    print(f"== {name}: {words}, {time.monotonic() - begun:.1f} s\n", flush=True)
    return code == 0


def command_of(name: str, python: Path, fast: bool, to_pytest: list[str]) -> list[str]:
    """Return the words of a step's command; they run in the root of the work tree."""
    ruff = str(python.parent / "ruff")
    pytest = [str(python), "-m", "pytest"]
    chosen = ["-m", "not slow"] if fast else []
    narrowed = any((ROOT / word.split("::")[0]).exists() for word in to_pytest)
    where = [] if narrowed else ["tests", "mmbot", "sim_exchange"]
    return {
        "format": [ruff, "format", "--check", "."],
        "lint": [ruff, "check", "."],
        "types": [str(python), "-m", "mypy"],
        "layers": [*pytest, "-q", "tests/house/test_layers.py"],
        "tests": [
            *pytest, "-q", "--doctest-modules", "--durations=5", *chosen,
            *where, *to_pytest,
        ],
        "build": [str(python), "scripts/_build.py"],
    }[name]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
