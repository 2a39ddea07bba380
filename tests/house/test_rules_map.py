"""The table of rules in docs/ names every section once or more, and only what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "rules.md"
SECTIONS = {
    "E0", "E0b", "E0c", "E13b", "E13c", "E13d", "L1", "L2",
    *(f"E{n}" for n in range(1, 34)),
    *(f"B{n}" for n in range(1, 17)),
}  # fmt: skip
STATES = {"held", "part", "C", "D"}


def rows() -> list[list[str]]:
    """Return the cells of every row: section, rule, files, tests, state."""
    lines = PAGE.read_text("utf-8").splitlines()
    table = [line for line in lines if re.match(r"\| [EBL]\d", line)]
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return [cells for cells in found if len(cells) == 5]  # golden lines have three


def patterns(cell: str) -> list[str]:
    """Return the paths that a cell names, from the top of the tree; tests may be patterns."""
    return [re.sub(r"^core/", "sim_exchange/core/", name) for name in re.findall("`(.+?)`", cell)]


def found(pattern: str) -> bool:
    """Return whether a path, or a pattern of a test's name, leads to a file."""
    folder = ROOT if "/" in pattern else ROOT / "tests"
    return any(folder.glob(pattern if "/" in pattern else f"**/{pattern}"))


def test_map_has_every_section() -> None:
    assert {row[0] for row in rows()} == SECTIONS


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row[0]} {row[1]}")
def test_map_names_what_is_there(row: list[str]) -> None:
    section, _, files, tests, state = row

    assert state in STATES
    assert [name for name in patterns(files) if not found(name)] == []
    if section[0] in "EL" or state == "held":
        assert patterns(files)
        assert patterns(tests), f"{section} is held by no test"
        assert [name for name in patterns(tests) if not found(name)] == []


def test_map_says_what_is_missing_of_each_section_that_is_not_whole() -> None:
    paragraphs = PAGE.read_text("utf-8").split("\n\n")
    said = {
        name
        for paragraph in paragraphs
        for name in re.findall(r"(?:^|\. )(E\d+[a-d]?): ", paragraph.replace("\n", " "))
    }

    assert {row[0] for row in rows() if row[4] in {"part", "C"} and row[0][0] in "EL"} <= said


def test_map_has_every_invariant() -> None:
    named = " ".join(row[1] for row in rows() if row[0] == "L2")

    assert {int(number) for number in re.findall(r"(?<!\d)\d+(?!\d)", named)} == set(range(1, 16))


def test_map_knows_every_test_that_is_named_after_a_section() -> None:
    known = [name for row in rows() for name in patterns(row[3])]
    sections = re.compile(r"test_([EBL]\d+[a-d]?)_")

    named = [path for path in (ROOT / "tests").rglob("test_*.py") if sections.match(path.name)]
    outside = [path for path in named if path.parent.name == "outside"]

    unknown = [path for path in named if not any(path.match(name) for name in known)]
    assert [path for path in unknown if path not in outside] == []
    assert {sections.match(path.name)[1] for path in outside} <= SECTIONS  # type: ignore[index]


def test_architecture_names_files_that_are_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = re.findall(r"`([a-z_/0-9]+(?:/|\.py))`", text)
    roots = [ROOT, ROOT / "sim_exchange", ROOT / "mmbot", ROOT / "mmbot" / "pricing"]

    missing = [name for name in named if not any((root / name).exists() for root in roots)]

    assert len(named) > 50
    assert missing == []


def test_architecture_names_every_room_of_the_core() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    core = ROOT / "sim_exchange" / "core"
    rooms = {path.parent.name for path in core.glob("*/__init__.py")}

    assert len(rooms) >= 7
    assert {room for room in rooms if f"`core/{room}/`" not in text} == set()
