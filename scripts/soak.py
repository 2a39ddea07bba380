"""Walk the exchange core for long: python3 scripts/soak.py [--commands 5000000] [--state FILE].

Seeded random commands over all kinds of instruments, in legs of 100,000, each from a fresh
exchange in an interpreter of its own. After each command what was told is compared with what is;
the whole check runs every 1,000 commands and after settlement, funding, liquidation and splits. The
same seed gives the same digest anywhere. With ``--state`` finished legs are kept, and a walk that
was stopped goes on from there.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts._setup import ROOT, run_in_house

if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(ROOT)
    os.chdir(ROOT)
    sys.exit(run_in_house("base", ["-m", "scripts.soaking.cli", *sys.argv[1:]], "soak"))
