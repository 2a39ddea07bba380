"""The command line of scripts/bench.py."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from scripts.benches import core, demo, door, frame, marks, rest
from scripts.benches.figures import Figure, print_json, print_table, say
from scripts.benches.peers import PEERS, given_peers, install_peers


class Extras(NamedTuple):
    """What some benches take beside their rounds."""

    peers: dict[str, Path]
    large: bool


BENCHES: dict[str, Callable[[int, Extras], list[Figure]]] = {
    "demo": lambda rounds, _: demo.measure(rounds),
    "door": lambda rounds, _: door.measure(rounds),
    "core": lambda rounds, extras: core.measure(rounds, extras.peers),
    "marks": lambda rounds, extras: marks.measure(rounds, large=extras.large),
    "rest": lambda rounds, _: rest.measure(rounds),
    "frame": lambda rounds, _: frame.measure(rounds),
}


def main(words: list[str]) -> int:
    """Measure what is asked for and print it."""
    parser = _parser()
    options = parser.parse_args(words)
    unknown = [name for name in options.names if name not in BENCHES]
    if unknown:
        parser.error(f"there is no {unknown[0]!r}; there are {', '.join(BENCHES)}")
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds} must be at least 1")
    try:
        peers = install_peers() if options.with_peers else {}
        peers |= given_peers(options.peer)
    except (ValueError, RuntimeError) as error:
        parser.error(str(error))
    extras = Extras(peers, options.large)
    figures: list[Figure] = []
    for name in options.names or BENCHES:
        say(f"bench: {name}, {options.rounds} rounds")
        figures += BENCHES[name](options.rounds, extras)
    (print_json if options.json else print_table)(figures)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description="Measure the house.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; default: all"
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each, in turn (3)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--large", action="store_true", help="marks at 1,000,000 positions too")
    parser.add_argument(
        "--with-peers", action="store_true", help=f"install {', '.join(PEERS)} and measure them"
    )
    parser.add_argument(
        "--peer", action="append", default=[], metavar="NAME=DIR", help="a peer from a folder"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
