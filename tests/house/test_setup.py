"""The set-up of scripts/: once, whole, in one sentence when it fails; without a network here.

A fake Python stands in for the real one: it 'makes' a venv by copying itself, and its pip writes
down what it was asked and fails as FAKE_PIP says.
"""

import ast
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from scripts._setup import BIN, ROOT, STAMP, House, SetUpError, base_python

FAKE = f"""#!{sys.executable} -I
import os, pathlib, shutil, sys
said = sys.argv[1:]
home = pathlib.Path(os.environ["FAKE_HOME"])
with open(home / "calls", "a") as calls:
    print(*said, file=calls)
if said[:3] == ["-I", "-m", "venv"]:
    how = os.environ.get("FAKE_VENV", "")
    if how:
        sys.exit(how)
    made = pathlib.Path(said[3]) / "{BIN}"
    made.mkdir()
    shutil.copy(home / "python", made / "python")
elif said[:3] == ["-I", "-m", "pip"]:
    if "-r" in said:
        print("Collecting left==1.0")
        how = os.environ.get("FAKE_PIP", "")
        if how:
            sys.exit(how)
        print("Installing collected packages: left")
else:
    print("ran", *said)
    sys.exit(7)
"""


class Fixture:
    """A work tree with this repository's scripts and small locks."""

    def __init__(self, root: Path) -> None:
        self.root = root / "tree"
        self.calls_file = root / "calls"
        self.fake = root / "python"
        self.fake.write_text(FAKE, encoding="utf-8")
        self.fake.chmod(0o755)
        (self.root / "scripts" / "locks").mkdir(parents=True)
        for name in ("demo.py", "test.py", "_setup.py", "_checks.py"):
            (self.root / "scripts" / name).write_bytes((ROOT / "scripts" / name).read_bytes())
        self.write("scripts/locks/base.txt", "left==1.0\n")
        self.write("scripts/locks/test.txt", "left==1.0\nright==1.0\n")
        self.write("pyproject.toml", "[project]\n")
        self.house = House(self.root, str(self.fake))

    def write(self, path: str, text: str) -> None:
        (self.root / path).write_text(text, encoding="utf-8")

    def calls(self) -> list[str]:
        """Return one word per call since last asked: venv, base, test or project."""
        lines = self.calls_file.read_text("utf-8").splitlines() if self.calls_file.exists() else []
        self.calls_file.unlink(missing_ok=True)
        return ["venv" if "venv" in line.split() else _installed(line) for line in lines]


def _installed(line: str) -> str:
    return Path(line.rsplit(maxsplit=1)[-1]).stem if " -r " in line else "project"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fixture:
    monkeypatch.setenv("FAKE_HOME", str(tmp_path))
    return Fixture(tmp_path)


def test_first_run_installs_and_second_run_does_nothing(tree: Fixture) -> None:
    tree.house.ensure("base")
    first = tree.calls()

    tree.house.ensure("base")

    assert first == ["venv", "base", "project"]
    assert tree.calls() == []


def test_tests_add_to_what_the_demo_installed_and_the_demo_then_needs_nothing(
    tree: Fixture,
) -> None:
    tree.house.ensure("base")
    tree.calls()

    tree.house.ensure("test")
    added = tree.calls()
    tree.house.ensure("base")

    assert added == ["test", "project"]
    assert tree.calls() == []


def test_changed_project_file_installs_the_project_only_and_keeps_the_level(tree: Fixture) -> None:
    tree.house.ensure("test")
    tree.calls()

    tree.write("pyproject.toml", "[project]\nname = 'other'\n")
    tree.house.ensure("base")

    assert tree.calls() == ["project"]
    assert tree.house.ready("test")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda tree: tree.write("scripts/locks/base.txt", "left==1.1\n"),
        lambda tree: (tree.house.venv / STAMP).unlink(),
        lambda tree: (tree.house.venv / STAMP).write_text('{"level": "ba'),
        lambda tree: (tree.house.venv / STAMP).write_text("[]"),
        lambda tree: tree.house.venv_python.unlink(),
    ],
    ids=["another lock", "no stamp", "half a stamp", "not a stamp", "no python"],
)
def test_whatever_does_not_fit_is_made_anew(tree: Fixture, spoil) -> None:
    tree.house.ensure("base")
    (tree.house.venv / "leftover").touch()
    tree.calls()

    spoil(tree)
    tree.house.ensure("base")

    assert tree.calls() == ["venv", "base", "project"]
    assert not (tree.house.venv / "leftover").exists()


def test_moved_work_tree_is_made_anew(tree: Fixture) -> None:
    tree.house.ensure("base")

    moved = tree.root.rename(tree.root.with_name("moved"))

    assert not House(moved, str(tree.fake)).ready("base")


def test_failed_pip_says_its_last_words_and_the_next_run_starts_again(
    tree: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_PIP", "ERROR: Could not find a version that satisfies left==1.0")

    with pytest.raises(SetUpError, match=r"pip failed \(exit code 1\)") as caught:
        tree.house.ensure("base")

    assert "pip: ERROR: Could not find a version" in str(caught.value)
    assert not tree.house.ready("base")
    monkeypatch.delenv("FAKE_PIP")
    tree.house.ensure("base")
    assert tree.house.ready("base")


def test_test_set_up_that_finds_no_network_does_not_take_the_demo_away(
    tree: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.house.ensure("base")
    monkeypatch.setenv("FAKE_PIP", "ERROR: no network")

    with pytest.raises(SetUpError):
        tree.house.ensure("test")

    assert tree.house.ready("base")


@pytest.mark.parametrize(
    ("variable", "last_words", "sentence"),
    [
        ("FAKE_PIP", "OSError: [Errno 28] No space left on device", "the disk is full"),
        ("FAKE_VENV", "Error: [Errno 28] No space left on device", "the disk is full"),
        ("FAKE_PIP", "THESE PACKAGES DO NOT MATCH THE HASHES", "is not the locked one"),
        ("FAKE_VENV", "The virtual environment needs ensurepip", "apt install python3"),
        ("FAKE_VENV", "Segmentation fault", "Python's venv module failed"),
    ],
)
def test_each_failure_has_its_sentence(
    tree: Fixture,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    last_words: str,
    sentence: str,
) -> None:
    monkeypatch.setenv(variable, last_words)

    with pytest.raises(SetUpError, match=sentence):
        tree.house.ensure("base")

    assert not tree.house.ready("base")


def test_a_venv_of_somebody_else_is_left_alone(tree: Fixture) -> None:
    tree.house.venv.mkdir()
    (tree.house.venv / "pyvenv.cfg").write_text("home = /elsewhere\n")

    with pytest.raises(SetUpError, match="was not made by this script"):
        tree.house.ensure("base")

    assert (tree.house.venv / "pyvenv.cfg").exists()
    assert tree.calls() == []


def test_a_folder_that_cannot_be_written_is_named(tree: Fixture) -> None:
    tree.house.venv.write_text("a file where the folder should be")

    with pytest.raises(SetUpError, match=r"could not write .*\.venv"):
        tree.house.ensure("base")


@pytest.mark.skipif(os.name == "nt", reason="no file locks there")
def test_a_second_set_up_waits_for_the_first(tree: Fixture) -> None:
    import fcntl

    with tree.house.lock("base").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        waiting = threading.Thread(target=tree.house.ensure, args=("base",))
        waiting.start()
        time.sleep(0.2)
        before = tree.calls()
    waiting.join(timeout=30)

    assert before == []
    assert tree.calls() == ["venv", "base", "project"]


def test_demo_becomes_the_program_with_its_options_and_exit_code(tree: Fixture) -> None:
    tree.house.ensure("base")
    script = tree.root / "scripts" / "demo.py"

    done = subprocess.run(
        [base_python(), str(script), "--seed", "7"], capture_output=True, text=True
    )

    assert done.stdout == "ran -m mmbot demo --seed 7\n"
    assert done.stderr == ""
    assert done.returncode == 7


def test_demo_that_cannot_be_set_up_ends_with_one_and_a_sentence(tree: Fixture) -> None:
    tree.house.venv.mkdir()
    (tree.house.venv / "mine").touch()

    done = subprocess.run(
        [base_python(), str(tree.root / "scripts" / "demo.py")],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("demo: ")
    assert "was not made by this script" in done.stderr


@pytest.mark.parametrize("name", ["demo", "test"])
def test_a_python_too_old_is_told_so(name: str) -> None:
    script = ROOT / "scripts" / f"{name}.py"
    pretend = (
        "import runpy, sys; sys.version_info = (3, 6, 15, 'final', 0); "
        f"sys.argv = [{str(script)!r}]; runpy.run_path({str(script)!r}, run_name='__main__')"
    )

    done = subprocess.run([sys.executable, "-c", pretend], capture_output=True, text=True)

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "is 3.6" in done.stderr


@pytest.mark.parametrize("name", ["demo", "test"])
def test_an_old_python_can_read_the_script_that_tells_it_so(name: str) -> None:
    source = (ROOT / "scripts" / f"{name}.py").read_text("utf-8")

    tree = ast.parse(source, feature_version=(3, 6))

    assert not [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr | ast.AnnAssign)]
    source.encode("ascii")


def test_the_stamp_names_the_lock_the_python_and_the_place(tree: Fixture) -> None:
    tree.house.ensure("base")

    stamp = json.loads((tree.house.venv / STAMP).read_text("utf-8"))

    assert stamp["level"] == "base"
    assert stamp["path"] == str(tree.root)
    assert f"{sys.version_info[0]}{sys.version_info[1]}" in stamp["python"]
