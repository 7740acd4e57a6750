"""Gears: every test is in exactly one, and a plain `pytest` runs the quick ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def test_every_test_is_in_exactly_one_gear(gears):
    assert {test: found for test, found in gears.items() if len(found) != 1} == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "unit", "mice"),
    [
        (["checks"], True, False),  # as a plain `pytest` does
        (["checks", "-m", ""], True, True),
        (["checks", "-m", "mice"], False, True),
        (["checks/test_walk_theory.py", "checks/test_resolution.py"], True, True),  # files that are named, all of it
        (["checks/test_walk_theory.py", "checks/test_resolution.py", "-m", "unit"], True, False),
    ],
)
def test_what_is_run(words, unit, mice):
    command = [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider", *words]
    told = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, check=True).stdout
    assert ("test_walk_theory.py" in told, "test_numerical_settings_do_not_matter" in told) == (unit, mice)
