"""The demo over many seeds: what it earns on average, and whether every run closed its books."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from random import Random
from statistics import fmean, stdev
from typing import Any

SATOSHI = 10**8
RESAMPLES = 10_000

Run = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the seeds and print what they earned; 1 when a run failed or did not end flat."""
    args, rest = _parser().parse_known_args(argv)
    passed_on = [word for word in rest if word != "--"]
    seeds = range(args.first, args.first + args.seeds)
    runs: list[Run] = []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(args.jobs) as pool:
        started = {
            pool.submit(one_run, seed, Path(folder) / str(seed), passed_on): seed for seed in seeds
        }
        for done in as_completed(started):
            run = done.result()
            runs.append(run)
            print(f"[{len(runs)}/{args.seeds}] {_line(run)}", file=sys.stderr, flush=True)
    runs.sort(key=lambda run: int(run["seed"]))
    faults = [fault for run in runs for fault in faults_of(run)]
    for fault in faults:
        print(fault, file=sys.stderr)
    good = [run for run in runs if not run.get("error")]
    if good:
        summary = summarise(good)
        print(json.dumps(summary) if args.json else _table(summary))
    return 1 if faults else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("seeds", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    return parser


def one_run(seed: int, folder: Path, options: Sequence[str]) -> Run:
    """Live one contract in a process of its own; ``error`` says what went wrong."""
    command = [sys.executable, "-m", "mmbot", "demo", "--seed", str(seed), "--json", "--plain"]
    done = subprocess.run(
        [*command, "--report", str(folder), *options], capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    run: Run = json.loads(lines[-1]) if lines else {}
    run["seed"] = seed
    if done.returncode:
        words = done.stderr.strip().splitlines()
        run["error"] = words[-1] if words else f"exit code {done.returncode}"
    return run


def faults_of(run: Run) -> list[str]:
    """Return what is wrong with a run, one sentence each; empty when its books are closed."""
    seed = run["seed"]
    if run.get("error"):
        return [f"seed {seed}: {run['error']}"]
    coins = [key for key in run["wallet"] if key != "XBt"]
    owed = [*run["loans"].values(), *run["interest_owed"].values()]
    left = [run["position"], *(run["wallet"][coin] for coin in coins), *owed]
    faults = []
    if any(left):
        faults.append(f"seed {seed}: not flat at the end: {left}")
    if run["unexplained"] or not run["audit_ok"]:
        faults.append(f"seed {seed}: unexplained {run['unexplained']}, audit ok {run['audit_ok']}")
    return faults


def summarise(runs: Sequence[Run]) -> dict[str, float]:
    """Return the mean P&L in XBT with the 95 % interval of its bootstrap, and the extremes."""
    earned = [int(run["wallet_change"]["XBt"]) / SATOSHI for run in runs]
    low, high = interval(earned, Random(1))  # noqa: S311 - a bootstrap, not a secret
    fills = [run["fills"]["buy"] + run["fills"]["sell"] for run in runs]
    sides = [min(run["fills"]["buy"], run["fills"]["sell"]) for run in runs]
    flips = [run["flips"] for run in runs]
    return {
        "runs": len(runs),
        "mean": fmean(earned),
        "low": low,
        "high": high,
        "stdev": stdev(earned) if len(earned) > 1 else 0.0,
        "worst": min(earned),
        "best": max(earned),
        "fills_least": min(fills),
        "fills_most": max(fills),
        "side_least": min(sides),
        "flips_least": min(flips),
        "flips_most": max(flips),
        "wall_s_most": max(run["wall_s"] for run in runs),
    }


def interval(values: Sequence[float], rng: Random) -> tuple[float, float]:
    """Return the 95 % percentile interval of the mean, by resampling.

    >>> interval([1.0, 1.0, 1.0], Random(1))
    (1.0, 1.0)
    """
    means = sorted(fmean(rng.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return means[RESAMPLES * 25 // 1000], means[RESAMPLES * 975 // 1000]


def _line(run: Run) -> str:
    if run.get("error"):
        return f"seed {run['seed']}: {run['error']}"
    fills = run["fills"]
    earned = run["wallet_change"]["XBt"] / SATOSHI
    return (
        f"seed {run['seed']}: {earned:+.8f} XBT, fills {fills['buy']}+{fills['sell']}, "
        f"flips {run['flips']}, {run['wall_s']:.0f} s"
    )


def _table(of: dict[str, float]) -> str:
    rows = {
        "runs": f"{of['runs']:.0f}",
        "mean P&L": f"{of['mean']:+.4f} XBT, 95 % interval {of['low']:+.4f} to {of['high']:+.4f}",
        "worst, best": f"{of['worst']:+.4f}, {of['best']:+.4f}; deviation {of['stdev']:.4f}",
        "fills": f"{of['fills_least']:.0f} to {of['fills_most']:.0f}",
        "fills of a side": f"at least {of['side_least']:.0f}",
        "flips": f"{of['flips_least']:.0f} to {of['flips_most']:.0f}",
        "slowest run": f"{of['wall_s_most']:.1f} s of wall time",
    }
    return "\n".join(f"{name:<16} {words}" for name, words in rows.items())


if __name__ == "__main__":
    sys.exit(main())
