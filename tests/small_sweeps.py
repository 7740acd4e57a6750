"""Sweeps for the tests: tiny mice of a day, in this process or as a command, and folders compared bit by bit."""

from __future__ import annotations

import os
import subprocess
import sys

from niche_sim.runs import sweeps
from niche_sim.runs.executors import here

EDUCATION = "liver_education_costasilva2015"
TINY = {"section.width": "0.6 mm", "section.height": "0.6 mm", "run.duration": "1 day"}
TOML = """
scenario = "liver_education_costasilva2015"
arms = ["pbs", "educated", "anti_mif"]
seeds = 2
at = ["12 h"]
readouts = ["exosomes_taken_up", "tgfb_mean", "onset_priming"]
series = true
[overrides]
"section.width" = "0.6 mm"
"section.height" = "0.6 mm"
"run.duration" = "1 day"
[vary]
"tgfb.half_life" = { values = ["3 min", "30 min"] }
"liver.lobule_radius" = { values = ["285 um", "900 um"] }
[vary_protocol.anti_mif]
from = { values = ["0 day", "6 h", "30 day"] }
"""
# In it: a lobule of 900 um does not fit into the section (known when the mouse is made), and a window to day 28 cannot begin
# at day 30 (known before). Points x seeds: 2 x 2 of pbs, of educated, and 3 times as many of anti_mif.
RUNS, FAILED, REFUSED = 40, 24, 8  # refused: failed before a mouse was made


def planned(**changes):
    """A plan of 3 mice in 2 arms, or as the changes say."""
    given = {"arms": ["pbs", "educated"], "seeds": 3, "overrides": TINY, "readouts": ["tgfb_mean", "exosomes_taken_up"]}
    return sweeps.plan(EDUCATION, **{**given, **changes})


def swept(plan, folder, **options):
    """Sweep in this process."""
    with here() as place:
        return sweeps.sweep(plan, folder, place=place, **options)


def command(*arguments, **options):
    """`niche-sim sweep` as a process of its own group, not waited for."""
    return subprocess.Popen(
        [sys.executable, "-m", "niche_sim", "sweep", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONWARNINGS": "default", "COLUMNS": "120"},
        **options,
    )


def contents(folder):
    """Every file that a sweep leaves, by its name below the folder: bytes. Not the figure, which tables decide."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "overview.png")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def assert_same(folder, other):
    """Both folders hold the same files, bit for bit, and nothing half written."""
    mine, others = contents(folder), contents(other)
    assert sorted(mine) == sorted(others)
    assert [name for name in mine if mine[name] != others[name]] == []
    assert not [name for name in mine if ".part-" in name]
