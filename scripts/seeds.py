"""Run the demo over many seeds: python3 scripts/seeds.py [--seeds 20] [--jobs 2] [...].

Each run is a process of its own, one line is printed as it ends; then the mean P&L with its 95 %
interval (bootstrap of the mean, seeded), and the least and most fills and flips. Options after
``--`` go to ``mmbot demo`` (``-- --candles FILE``). Exit code 0 when every run closed its books.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts._setup import ROOT, run_in_house

if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(ROOT)
    sys.exit(run_in_house("base", ["-m", "scripts.benches.seeds", *sys.argv[1:]], "seeds"))
