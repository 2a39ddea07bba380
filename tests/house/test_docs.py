"""What the pages at the top of the tree say is so."""

import os
import re
import tomllib
from pathlib import Path

import pytest

from scripts._setup import ROOT

PAGES = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"]
LOCKS = ROOT / "scripts" / "locks"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def locked(name: str) -> dict[str, str]:
    """Return name to version of a lock file."""
    return dict(re.findall(r"^([\w.-]+)==(\S+)", (LOCKS / name).read_text("utf-8"), re.MULTILINE))


def names(requirements: list[str]) -> set[str]:
    """Return the bare names of requirements."""
    return {re.split(r"[<>=;\[ ]", requirement)[0] for requirement in requirements}


@pytest.mark.parametrize("command", ["python3 scripts/demo.py", "python3 scripts/test.py"])
def test_readme_has_the_two_commands_and_ci_calls_them(command: str) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    ci = (ROOT / ".ci" / "run").read_text("utf-8")

    assert f"```\n{command}\n```" in readme
    assert command in ci


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")

    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]

    assert [link for link in links if not (ROOT / link).exists()] == []


def test_changelog_has_unreleased_on_top() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)

    assert headings[0] == "Unreleased"


def test_python_strategies_in_readme_are_python() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")

    for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL):
        compile(block, "README.md", "exec")


def test_license_is_the_one_that_the_package_names() -> None:
    assert PROJECT["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("MIT License")


def test_ci_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_locks_have_every_dependency_and_test_lock_contains_the_base_lock() -> None:
    base, test = locked("base.txt"), locked("test.txt")

    assert names(PROJECT["dependencies"]) <= set(base)
    assert names(PROJECT["optional-dependencies"]["test"]) <= set(test)
    assert base.items() <= test.items()
    assert "setuptools" in base


@pytest.mark.parametrize("name", ["base.txt", "test.txt"])
def test_every_locked_version_has_hashes_and_no_lock_names_a_place(name: str) -> None:
    text = (LOCKS / name).read_text("utf-8")

    pins = re.findall(r"^\S+==.*(?:\n    --hash=sha256:[0-9a-f]{64}.*)*", text, re.MULTILINE)

    assert len(pins) == len(locked(name))
    assert all("--hash" in pin for pin in pins)
    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash)", text, re.MULTILINE)


def test_package_data_patterns_reach_what_the_packages_carry() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    patterns = tool["setuptools"]["package-data"]["*"]
    carried = [
        path
        for package in ("mmbot", "sim_exchange")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    ]

    left_out = [path for path in carried if not any(path.match(p) for p in patterns)]

    assert left_out == []


def test_version_of_the_package_is_written_once_or_the_same() -> None:
    for package in ("mmbot", "sim_exchange"):
        text = Path(ROOT / package / "__init__.py").read_text("utf-8")
        for version in re.findall(r"__version__ = \"([^\"]+)\"", text):
            assert version == PROJECT["version"]
