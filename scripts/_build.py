"""Build the wheel from a copy of the tree and check that it carries every file of both packages."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("mmbot", "sim_exchange")
BESIDE = ("pyproject.toml", "README.md", "LICENSE")
BUILD = ("-m", "pip", "wheel", "-q", "--no-index", "--no-deps", "--no-build-isolation")


def main() -> int:
    """Return 0 when the wheel is whole, 1 after naming what it lacks, or the build's own code."""
    with tempfile.TemporaryDirectory(prefix="mmbot-build-") as scratch:
        # A copy, because a build leaves files behind that a later one would pack again.
        source, out = Path(scratch, "source"), Path(scratch, "out")
        for package in PACKAGES:
            junk = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / package, source / package, ignore=junk)
        for name in BESIDE:
            shutil.copy(ROOT / name, source / name)
        code = subprocess.call([sys.executable, *BUILD, "-w", str(out), str(source)])
        if code:
            return code
        (wheel,) = out.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            packed = set(archive.namelist())
        wanted = {
            path.relative_to(source).as_posix()
            for package in PACKAGES
            for path in (source / package).rglob("*")
            if path.is_file()
        }
    for missing in sorted(wanted - packed):
        print(f"not in the wheel: {missing}")
    print(f"{wheel.name}: {len(packed)} files")
    return 1 if wanted - packed else 0


if __name__ == "__main__":
    sys.exit(main())
