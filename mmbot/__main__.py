"""``python -m mmbot``."""

import sys

from mmbot.cli import main

if __name__ == "__main__":
    sys.exit(main())
