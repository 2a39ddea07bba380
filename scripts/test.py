"""Run every check of the house: python3 scripts/test.py [--fast] [--only STEP] [-- PYTEST OPTIONS].

The first run makes .venv and installs the locked packages; later runs start at once and need no
network. Written so that a Python too old for the project can still read it and say so.
"""

import os
import sys

if sys.version_info < (3, 11):
    sys.stderr.write(
        "test: this needs Python 3.11 or newer, and %s is %d.%d; try 'python3.11 %s'\n"
        % (sys.executable, sys.version_info[0], sys.version_info[1], sys.argv[0])
    )
    sys.exit(1)

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from scripts._checks import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
