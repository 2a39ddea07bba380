"""scripts/test.py: which steps run, how they are told apart, what the exit code says."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts._checks import DEFAULT, ON_REQUEST, command_of, parse, run_step
from scripts._setup import ROOT


def test_options_before_the_dashes_are_ours_and_those_behind_are_pytests() -> None:
    options, to_pytest = parse(["--fast", "--only", "tests", "--", "-k", "book", "--fast"])

    assert options.fast
    assert options.only == ["tests"]
    assert to_pytest == ["-k", "book", "--fast"]


@pytest.mark.parametrize("wrong", [["--only", "nonsense"], ["--slow"]])
def test_a_wrong_option_is_a_usage_error(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(wrong)

    assert caught.value.code == 2


@pytest.mark.parametrize("name", DEFAULT + ON_REQUEST)
def test_every_step_has_a_command_in_the_house(name: str) -> None:
    command = command_of(name, Path("/house/bin/python"), fast=False, to_pytest=[])

    assert command[0].startswith("/house/bin/")


def test_fast_leaves_out_slow_tests_and_doctests_of_both_packages_are_collected() -> None:
    command = command_of("tests", Path("python"), fast=True, to_pytest=["-x"])

    assert " ".join(command).endswith("-m not slow tests mmbot sim_exchange -x")
    assert "--doctest-modules" in command


def test_a_place_behind_the_dashes_takes_the_place_of_everything() -> None:
    named = ["tests/house/test_checks.py::test_help_reads_well", "-x"]

    command = command_of("tests", Path("python"), fast=False, to_pytest=named)

    assert command[-2:] == named
    assert "tests" not in command


def test_a_step_that_fails_says_so_with_its_time(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    fake.chmod(0o755)

    passed = run_step("types", fake, fast=False, to_pytest=[])

    assert not passed
    assert "== types: FAILED (exit code 3), " in capfd.readouterr().out


def test_no_test_collected_is_a_failure(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\nexit 5\n", encoding="utf-8")
    fake.chmod(0o755)

    assert not run_step("tests", fake, fast=False, to_pytest=[])
    assert "no test was collected" in capfd.readouterr().out


def test_help_reads_well() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from scripts._checks import main; main(['--help'])"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )

    assert done.returncode == 0
    assert "goes to pytest" in done.stdout
