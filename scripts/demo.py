"""Show the whole thing offline: python3 scripts/demo.py [options of 'mmbot demo'].

The first run makes .venv and installs the locked packages; later runs start at once and need no
network. Written so that a Python too old for the project can still read it and say so.
"""

import os
import sys

if sys.version_info < (3, 11):
    sys.stderr.write(
        "demo: this needs Python 3.11 or newer, and %s is %d.%d; try 'python3.11 %s'\n"
        % (sys.executable, sys.version_info[0], sys.version_info[1], sys.argv[0])
    )
    sys.exit(1)

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from scripts._setup import run_in_house

if __name__ == "__main__":
    sys.exit(run_in_house("base", ["-m", "mmbot", "demo", *sys.argv[1:]], "demo"))
