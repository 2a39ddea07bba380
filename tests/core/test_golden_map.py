"""The list of golden lines in docs/rules.md names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_golden_line_names_a_test_that_is_there() -> None:
    page = (ROOT / "docs" / "rules.md").read_text("utf-8")
    section = page.split("### Golden lines")[1].split("\n## ")[0]
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    rows = [line for line in section.splitlines() if line.startswith("| `")]

    assert len(rows) >= 30
    for row in rows:
        named = re.findall(r"`(test_\w+)(\.\.\.)?`", row)
        assert named, row
        for name, more in named:
            assert name in there or (more and any(one.startswith(name) for one in there)), name
