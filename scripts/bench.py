"""Measure: python3 scripts/bench.py [NAME ...] [--rounds N] [--json] [--with-peers] [--large].

    demo    virtual seconds a wall second of the whole demo, and its peak memory
    door    commands a second through the door of the exchange
    core    commands a second through the core alone, beside a book of other people's
    marks   a mark tick with many open positions, liquidations, memory of orders and accounts
    rest    CPU of a signed order by REST over loopback, and the server's peak memory
    frame   time from a market-data frame in the bot to the order request sent

Each figure stands beside its yardstick, measured in the same run, round by round in turn: absolute
figures of a shared machine wander, ratios much less. Best and median of the rounds are shown.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts._setup import ROOT, run_in_house

if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(run_in_house("base", ["-m", "scripts.benches.cli", *sys.argv[1:]], "bench"))
