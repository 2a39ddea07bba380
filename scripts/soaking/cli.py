"""The command line of scripts/soak.py: legs of a long walk, two at a time, kept as they end."""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from scripts.soaking.auditor import Told
from scripts.soaking.market import START_NS
from scripts.soaking.walk import Walk
from sim_exchange.core.exchange import Exchange
from sim_exchange.errors import CoreError
from sim_exchange.journal import FILE_NAME, FileJournal, Header, read, read_header

LEG = 100_000
WHOLE_CHECK_EVERY = 1_000

Leg = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Walk; 0 when nothing broke, 1 when something did: which leg, and at which command."""
    args = _parser().parse_args(argv)
    for name in ("commands", "leg", "jobs"):
        if getattr(args, name) < 1:
            _parser().error(f"--{name} {getattr(args, name)} must be at least 1")
    if args.replay is not None:
        print(json.dumps({"event": "replay", "digest": replayed(args.replay)}), flush=True)
        return 0
    if args.one is not None:
        return _one(args.seed, args.one, args.leg, args.journal)
    return _all(args)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("soak", description="Walk the exchange core for long.")
    parser.add_argument("--commands", type=int, default=5_000_000, help="how many (5,000,000)")
    parser.add_argument("--seed", type=int, default=7, help="of the whole walk (7)")
    parser.add_argument("--leg", type=int, default=LEG, help=f"commands of a leg ({LEG:,})")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="legs at a time")
    parser.add_argument("--state", type=Path, help="file that keeps finished legs, to go on from")
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    parser.add_argument("--one", type=int, help="walk just this leg, and print it as JSON")
    parser.add_argument("--journal", type=Path, help="with --one: folder to keep its journal in")
    parser.add_argument("--replay", type=Path, help="replay such a folder, and print its digest")
    return parser


def walk_leg(seed: int, leg: int, commands: int, folder: Path | None = None) -> Leg:
    """Walk one leg from a fresh exchange; the whole check every 1,000 and after what moves much.

    Raises:
        CoreError: an invariant broke, or the exchange did; the text says at which command.
    """
    journal = None
    if folder is not None:
        header = Header(start_ns=START_NS, seed=seed, era="2018")
        journal = FileJournal(folder / FILE_NAME, header, durable=False)
    walk = Walk(f"{seed}/{leg}", journal)
    due = WHOLE_CHECK_EVERY
    try:
        while walk.steps < commands:
            walk.step()
            if walk.told_much or walk.steps >= due:
                walk.exchange.check()
                due = walk.steps + WHOLE_CHECK_EVERY
        walk.exchange.check()
    except Exception as error:
        name = "" if isinstance(error, CoreError) else f"{type(error).__name__}: "
        at = f"leg {leg} of seed {seed}, command {walk.steps}"
        raise CoreError(f"{at}, {walk.last!r}: {name}{error}") from error
    finally:
        if journal is not None:
            journal.close()
    return {"leg": leg, "commands": walk.steps, "digest": walk.digest, "seen": dict(walk.seen)}


def replayed(folder: Path) -> str:
    """Return the digest of all that a journal's commands bring when they are applied again.

    Raises:
        JournalError: the journal can't be read, or can't be trusted.
    """
    path = folder / FILE_NAME
    exchange, told = Exchange(read_header(path).start_ns), Told()
    for record in read(path):
        told.hear(record.at_ns, record.command, exchange.apply(record.command, record.at_ns))
    exchange.check()
    return told.digest


def _one(seed: int, leg: int, commands: int, folder: Path | None) -> int:
    try:
        found = walk_leg(seed, leg, commands, folder)
    except CoreError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(found), flush=True)
    return 0


def _all(args: argparse.Namespace) -> int:
    legs = -(-args.commands // args.leg)
    plan = {"seed": args.seed, "leg": args.leg}
    done = _kept(args.state, plan)
    faults: list[str] = []
    begun = time.monotonic()
    columns = (
        TextColumn("soak"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("commands"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress, ThreadPoolExecutor(args.jobs) as pool:
        bar = progress.add_task("soak", total=legs * args.leg, completed=len(done) * args.leg)
        missing = [leg for leg in range(legs) if leg not in done]
        started = {pool.submit(_in_a_process, args.seed, leg, args.leg): leg for leg in missing}
        for future in as_completed(started):
            found = future.result()
            if isinstance(found, str):
                faults.append(found)
                progress.console.print(found, style="bold red")
                for other in started:
                    other.cancel()
                break
            done[started[future]] = found
            _keep(args.state, plan, done)
            progress.advance(bar, args.leg)
    return _report(args, legs, done, faults, time.monotonic() - begun)


def _in_a_process(seed: int, leg: int, commands: int) -> Leg | str:
    """Walk a leg in an interpreter of its own, which hashes as it likes; a fault comes as words."""
    words = ["--one", str(leg), "--seed", str(seed), "--leg", str(commands)]
    done = subprocess.run(
        [sys.executable, "-m", "scripts.soaking.cli", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return done.stderr.strip()[-2_000:] or f"leg {leg} ended with {done.returncode}"
    found: Leg = json.loads(done.stdout)
    return found


def _kept(path: Path | None, plan: dict[str, int]) -> dict[int, Leg]:
    """Return the finished legs that a file keeps.

    Raises:
        SystemExit: the file is of another walk.
    """
    if path is None or not path.exists():
        return {}
    kept = json.loads(path.read_text("utf-8"))
    if kept["plan"] != plan:
        raise SystemExit(f"soak: {path} is of {kept['plan']}, not of {plan}")
    return {leg["leg"]: leg for leg in kept["legs"]}


def _keep(path: Path | None, plan: dict[str, int], done: dict[int, Leg]) -> None:
    if path is None:
        return
    text = json.dumps({"plan": plan, "legs": [done[leg] for leg in sorted(done)]})
    fresh = path.with_suffix(".new")
    fresh.write_text(text, "utf-8")
    fresh.replace(path)


def _report(
    args: argparse.Namespace, legs: int, done: dict[int, Leg], faults: list[str], took_s: float
) -> int:
    whole = hashlib.blake2b(digest_size=16)
    seen: Counter[str] = Counter()
    for leg in sorted(done):
        whole.update(done[leg]["digest"].encode())
        seen.update(done[leg]["seen"])
    report = {
        "event": "soak",
        "seed": args.seed,
        "commands": sum(leg["commands"] for leg in done.values()),
        "legs": f"{len(done)}/{legs}",
        "digest": whole.hexdigest(),
        "faults": faults,
        "wall_s": round(took_s, 1),
        "seen": dict(sorted(seen.items())),
    }
    if args.json:
        print(json.dumps(report), flush=True)
    else:
        for key, value in report.items():
            if key != "seen":
                print(f"{key:10}{value}")
        for name, count in sorted(seen.items()):
            print(f"  {count:>10,}  {name}")
    return 1 if faults or len(done) < legs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
