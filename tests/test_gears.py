"""Gears: every test is in exactly one, and a plain `pytest` runs the quick ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mice
import numpy as np
import pytest

from niche_sim.runs import identity

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


@pytest.mark.mice
def test_mice_are_kept_until_the_code_that_makes_them_is_another(tmp_path, monkeypatch):
    monkeypatch.setattr(mice, "_kept", [])
    mice.keep_in(tmp_path)
    small = (("section.width", "0.6 mm"), ("section.height", "0.6 mm"), ("run.duration", "1 day"))
    pair = [mice.Mouse("educated", seed, overrides=small) for seed in (1, 2)]
    first = mice.cohort(*pair)
    files = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.parquet")}
    again = mice.cohort(*reversed(pair))[::-1]
    assert len(files) == 2 and files == {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.parquet")}
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.table["fibronectin_mean"], other.table["fibronectin_mean"])
    assert first[0].table["kupffer_load_mean"][-1] != first[1].table["kupffer_load_mean"][-1]
    for digest in "abcd":
        monkeypatch.setattr(identity, "code_digest", lambda digest=digest: digest)
        mice.keep_in(tmp_path)
    assert len(list(tmp_path.iterdir())) == mice.MOST_KEPT and not list(tmp_path.rglob("*.parquet"))
