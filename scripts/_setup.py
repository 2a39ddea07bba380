"""Make .venv with exactly the locked packages, once, and run things in it.

A stamp in .venv says what is installed there. It is written last, so a set-up that was stopped or
failed has none and is done again; where it fits, nothing is installed and no network is needed.

    wanted          stamp                            done
    base or test    fits                             nothing
    test            fits, but packages are base      the rest of test.txt is added
    any             fits, but pyproject.toml changed the project is installed again
    any             none, or another lock or Python  all of .venv is made anew
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Level = Literal["base", "test"]

ROOT = Path(__file__).resolve().parent.parent
BIN = "Scripts" if os.name == "nt" else "bin"
STAMP = "mmbot-setup.json"
TAIL_LINES = 12  # of pip's last words, shown when it fails


class SetUpError(Exception):
    """The set-up cannot go on; the text is a sentence, and a tool's last words where they help."""


def base_python() -> str:
    """Return the Python outside any venv, so that .venv can be made anew from within itself."""
    return getattr(sys, "_base_executable", None) or sys.executable


def say(text: str) -> None:
    """Tell the person who waits; standard output stays the program's own."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class House:
    """One work tree and the Python that its .venv is made from."""

    root: Path = ROOT
    python: str = ""  # the default is base_python()

    @property
    def venv(self) -> Path:
        """The folder of the installed packages."""
        return self.root / ".venv"

    @property
    def venv_python(self) -> Path:
        """The interpreter inside .venv; may not exist yet."""
        return self.venv / BIN / ("python.exe" if os.name == "nt" else "python")

    def lock(self, level: Level) -> Path:
        """Return the file with the exact versions of a level."""
        return self.root / "scripts" / "locks" / f"{level}.txt"

    def wanted(self, level: Level) -> dict[str, str]:
        """Return what the stamp has to say for ``level`` to be installed."""
        return {
            "level": level,
            "path": str(self.root),
            "python": f"{sys.implementation.cache_tag} {sysconfig.get_platform()}",
            "base": _digest(self.lock("base")),
            "test": _digest(self.lock("test")),
            "project": _digest(self.root / "pyproject.toml"),
        }

    def stamped(self) -> dict[str, str]:
        """Return what the stamp says; empty when there is none, it is broken, or Python is gone."""
        try:
            stamp = json.loads((self.venv / STAMP).read_bytes())
        except (OSError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) and self.venv_python.exists() else {}

    def ready(self, level: Level) -> bool:
        """Say whether everything that ``level`` needs is installed."""
        return _covers(self.stamped(), self.wanted(level))

    def ensure(self, level: Level) -> Path:
        """Return the Python of .venv after installing whatever ``level`` lacks.

        Raises:
            SetUpError: it could not be made; the next call starts again.
        """
        if self.ready(level):
            return self.venv_python
        try:
            with _alone(self.lock("base")) as held:
                if not self.ready(level):  # another set-up may have finished while we waited
                    self._install(level, held)
        except OSError as error:
            raise SetUpError(_words_for(error, self.venv)) from error
        return self.venv_python

    def _install(self, level: Level, held: tuple[int, ...]) -> None:
        wanted, stamp = self.wanted(level), self.stamped()
        begun = time.monotonic()
        same = all(stamp.get(key) == wanted[key] for key in ("path", "python", "base", "test"))
        if same and stamp.get("level") == "test":
            wanted["level"] = level = "test"  # what is there stays there
        if not same:
            self._unstamp()
            self._make_venv(held)
        if not same or stamp.get("level") != level:
            locked = ["--require-hashes", "--no-compile", "-r", str(self.lock(level))]
            self._pip(locked, held, level)
        self._unstamp()
        # Built with the locked setuptools, so that this needs no network.
        self._pip(["--no-index", "--no-deps", "--no-build-isolation", "-e", str(self.root)], held)
        _write_whole(self.venv / STAMP, json.dumps(wanted, indent=1))
        say(f"set-up: done in {time.monotonic() - begun:.0f} s; later runs need no network")

    def _unstamp(self) -> None:
        (self.venv / STAMP).unlink(missing_ok=True)

    def _make_venv(self, held: tuple[int, ...]) -> None:
        """Make an empty .venv in place of one that we made before."""
        mark = self.venv / "made-by-mmbot"
        if self.venv.exists() and not mark.exists() and any(self.venv.iterdir()):
            raise SetUpError(
                f"{self.venv} was not made by this script, so it stays as it is: move it away, or "
                "activate it and use 'pip install -e .' and 'mmbot' yourself."
            )
        if not all(map(importlib.util.find_spec, ("venv", "ensurepip"))):
            raise SetUpError(_venv_missing())
        say(f"set-up: making {self.venv} (once)")
        self.venv.mkdir(exist_ok=True)
        mark.touch()
        for child in self.venv.iterdir():  # the mark stays, should we be stopped on the way
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child)
            elif child != mark:
                child.unlink()
        python = self.python or base_python()
        code, tail = _run([python, "-I", "-m", "venv", str(self.venv)], held)
        if code and "ensurepip" in "\n".join(tail):
            raise SetUpError(_venv_missing())
        if code:
            raise SetUpError(_words_for_failure("Python's venv module", code, tail, self.venv))

    def _pip(self, options: list[str], held: tuple[int, ...], level: Level | None = None) -> None:
        """Run 'pip install' with the Python of .venv; ``level`` names the lock that it installs."""
        progress = None
        if level:
            total = len(re.findall(r"^\S+==", self.lock(level).read_text("utf-8"), re.MULTILINE))
            say(f"set-up: installing {total} locked packages")
            # Until pip has everything at hand, what was there before stays good: a test.py that
            # finds no network must not take the demo away.
            progress = Progress(total, self._unstamp)
        command = [str(self.venv_python), "-I", "-m", "pip", "install", "--no-input", *options]
        code, tail = _run(command, held, progress)
        if code:
            raise SetUpError(_words_for_failure("pip", code, tail, self.venv))


class Progress:
    """Turns pip's lines into one moving line on a terminal, elsewhere a line per ten packages."""

    def __init__(self, total: int, unpacking: Callable[[], None]) -> None:
        self.total = total
        self.unpacking = unpacking
        self.count = 0
        self.moving = sys.stderr.isatty()

    def __call__(self, line: str) -> None:
        """Show that pip printed ``line``."""
        if line.startswith("Collecting "):
            self.count += 1
            name = line.split()[1]
            if self.moving:
                self._move(f"set-up: {min(self.count, self.total)} of {self.total}: {name}")
            elif self.count % 10 == 0:
                say(f"set-up: {min(self.count, self.total)} of {self.total}")
        elif line.startswith("Installing collected packages"):
            self.unpacking()
            if self.moving:
                self._move("set-up: unpacking")
            else:
                say("set-up: unpacking")

    def end(self) -> None:
        """Clear the moving line."""
        if self.moving:
            self._move("")

    @staticmethod
    def _move(text: str) -> None:
        sys.stderr.write("\r\x1b[K" + text[:78])
        sys.stderr.flush()


def run_in_house(level: Level, arguments: list[str], name: str) -> int:
    """Become ``.venv/bin/python ARGUMENTS``; return an exit code only where that cannot be done."""
    python = ensure_or_say(level, name)
    if python is None:
        return 1
    command = [str(python), *arguments]
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name != "nt":  # there it would give the console back before the program ends
        os.execv(command[0], command)  # noqa: S606  signals and the exit code are the program's
    return subprocess.call(command)


def ensure_or_say(level: Level, name: str) -> Path | None:
    """Return the Python of .venv, or None after saying on standard error why there is none."""
    try:
        return House().ensure(level)
    except SetUpError as error:
        say(f"{name}: {error}")
    except KeyboardInterrupt:
        say(f"\n{name}: stopped; the next run starts the set-up again.")
    return None


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _covers(stamp: dict[str, str], wanted: dict[str, str]) -> bool:
    if wanted["level"] == "base" and stamp.get("level") == "test":
        stamp = {**stamp, "level": "base"}
    return stamp == wanted


def _write_whole(path: Path, text: str) -> None:
    """Write so that ``path`` is never seen half written."""
    draft = path.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[tuple[int, ...]]:
    """Let one set-up at a time through; yield the descriptors that children must keep open.

    They keep the lock, so that a pip which outlives a killed parent still holds the next one off.
    """
    try:
        import fcntl  # noqa: PLC0415  POSIX only
    except ImportError:
        yield ()
        return
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("set-up: waiting for another set-up of this folder to end")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            pass  # a file system without locks: go on without
        yield (file.fileno(),)


def _run(
    command: list[str], held: tuple[int, ...], progress: Progress | None = None
) -> tuple[int, list[str]]:
    """Run ``command``; return its exit code and the last lines that it printed."""
    # Of a user's pip settings only those that would install elsewhere are overruled.
    env = {**os.environ, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "LC_ALL": "C.UTF-8"}
    env |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_PROGRESS_BAR": "off"}
    for name in ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"):
        env.pop(name, None)
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=env,
        pass_fds=held,
    ) as process:
        assert process.stdout  # noqa: S101  a pipe was asked for
        tail = _follow(process.stdout, progress)
        return process.wait(), tail


def _follow(lines: IO[str], progress: Progress | None) -> list[str]:
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    for line in lines:
        if line.strip():
            tail.append(line.rstrip())
        if progress:
            progress(line)
    if progress:
        progress.end()
    return list(tail)


def _venv_missing() -> str:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return (
        f"Python {version} lacks its venv or ensurepip module on this machine; install it first "
        f"(on Debian and Ubuntu: apt install python{version}-venv)."
    )


def _words_for(error: OSError, where: Path) -> str:
    if _is_full(str(error)):
        return _disk_full(where)
    return f"the set-up could not write {error.filename or where} ({error.strerror})."


def _words_for_failure(tool: str, code: int, tail: list[str], where: Path) -> str:
    text = "\n".join(tail)
    if _is_full(text):
        return _disk_full(where)
    why = "is the package index within reach?"
    if "DO NOT MATCH THE HASHES" in text:
        why = "a package that came is not the locked one."
    elif tool != "pip":
        why = "see its last words."
    said = "".join(f"\n  {tool}: {line}" for line in tail)
    return f"{tool} failed (exit code {code}); {why} Nothing is half done: run this again.{said}"


def _is_full(text: str) -> bool:
    return "No space left on device" in text or "Disk quota exceeded" in text


def _disk_full(where: Path) -> str:
    return f"the disk is full: {where} needs 200 MB, 400 MB for the tests; make room, run again."
