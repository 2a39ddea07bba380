"""The list of golden lines in docs/rules.md names tests that are there, for every section."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WITH_GOLDENS = {
    "E13b", "E13c", "E13d", "L2",
    *(f"E{n}" for n in range(33)),
}  # fmt: skip


def rows() -> list[list[str]]:
    """Return the cells of every line of the list: section, golden line, tests."""
    page = (ROOT / "docs" / "rules.md").read_text("utf-8")
    section = page.split("### Golden lines")[1].split("\n## ")[0]
    table = [line for line in section.splitlines() if re.match(r"\| [EL]\d", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_every_golden_line_names_a_test_that_is_there() -> None:
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }

    assert len(rows()) >= 80
    for section, line, tests in rows():
        named = re.findall(r"`(\w+)`", tests)
        assert named, (section, line)
        assert [name for name in named if name not in there] == [], (section, line)


def test_every_section_with_golden_lines_is_in_the_list() -> None:
    assert {row[0] for row in rows()} == WITH_GOLDENS
