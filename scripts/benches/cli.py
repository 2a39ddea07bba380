"""The command line of scripts/bench.py."""

import argparse
import sys
from collections.abc import Callable

from scripts.benches import demo, door, frame, rest
from scripts.benches.figures import Figure, print_json, print_table, say

BENCHES: dict[str, Callable[[int], list[Figure]]] = {
    "demo": demo.measure,
    "door": door.measure,
    "rest": rest.measure,
    "frame": frame.measure,
}


def main(words: list[str]) -> int:
    """Measure what is asked for and print it."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure the house.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each, in turn (3)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(words)
    unknown = [name for name in options.names if name not in BENCHES]
    if unknown:
        parser.error(f"there is no {unknown[0]!r}; there are {', '.join(BENCHES)}")
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds} must be at least 1")
    figures: list[Figure] = []
    for name in options.names or BENCHES:
        say(f"bench: {name}, {options.rounds} rounds")
        figures += BENCHES[name](options.rounds)
    (print_json if options.json else print_table)(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
