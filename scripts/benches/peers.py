"""Peers: other people's engines, measured in the same run where they are there.

``--with-peers`` installs those that the package index has into .peers, a folder of their own; and
``--peer NAME=DIR`` takes one from a folder.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from scripts._setup import ROOT, say

PEERS = {"lightmatchingengine": "lightmatchingengine==2019.1.4"}
"""What pip calls each."""
FOLDER = ROOT / ".peers"


def install_peers() -> dict[str, Path]:
    """Install every peer that is not there yet; return where each is.

    Raises:
        RuntimeError: pip failed; the text has its last words.
    """
    found = {}
    for name, wanted in PEERS.items():
        folder = FOLDER / name
        if not folder.exists():
            say(f"bench: installing {wanted}")
            done = subprocess.run(
                [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target",
                 str(folder), wanted],
                capture_output=True,
                text=True,
                check=False,
            )  # fmt: skip
            if done.returncode:
                raise RuntimeError(f"pip could not install {wanted}: {done.stderr[-400:]}")
        found[name] = folder
    return found


def given_peers(words: list[str]) -> dict[str, Path]:
    """Return the folders of ``--peer NAME=DIR``.

    Raises:
        ValueError: one is not of that form, or there is no such folder.
    """
    found = {}
    for word in words:
        name, equals, folder = word.partition("=")
        if not equals or not Path(folder).is_dir():
            raise ValueError(f"--peer {word!r} must be NAME=DIR with a folder that is there")
        found[name] = Path(folder)
    return found


def peer_module(name: str, peers: dict[str, Path]) -> ModuleType | None:
    """Import a peer from its own folder, or return None where it is absent."""
    folder = peers.get(name)
    if folder is None:
        return None
    for path in (
        folder / name / f"{name}.py",
        folder / name / "__init__.py",
        folder / f"{name}.py",
    ):
        if path.exists():
            spec = importlib.util.spec_from_file_location(f"peer_{name}", path)
            if spec is None or spec.loader is None:
                continue
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    return None
