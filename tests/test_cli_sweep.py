"""`niche-sim sweep`: the command runs a plan, says how far it is, gathers, and can be stopped at any time."""

import os
import signal
from pathlib import Path

import pandas as pd
import pytest
from small_sweeps import FAILED, RUNS, TINY, TOML, command, contents, planned, swept
from waiting import PATIENCE, until

from niche_sim.cli import main, mice, sweeping
from niche_sim.runs import sweeps
from niche_sim.runs.sweeps import Count, Done

SMALL = """
scenario = "liver_education_costasilva2015"
arms = ["pbs", "educated"]
seeds = 2
readouts = ["tgfb_mean"]
[overrides]
"section.width" = "0.6 mm"
"section.height" = "0.6 mm"
"run.duration" = "1 day"
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL, encoding="utf-8")
    (tmp_path / "failing.toml").write_text(TOML, encoding="utf-8")
    return tmp_path


@pytest.mark.mice
def test_a_plan_is_run_drawn_and_the_same_command_goes_on(here, capsys):
    assert main(["sweep", "small.toml", "--workers", "2"]) == 0
    out, err = capsys.readouterr()
    assert "4 of 4 runs done\nWritten to runs/small-sweep" in out
    assert err == ""
    folder = here / "runs" / "small-sweep"
    assert len(pd.read_parquet(folder / "runs.parquet")) == 4
    assert (folder / "overview.png").read_bytes().startswith(b"\x89PNG")
    parts = {file: file.stat().st_mtime_ns for file in (folder / "runs").iterdir()}
    assert main(["sweep", "small.toml"]) == 0
    assert parts == {file: file.stat().st_mtime_ns for file in (folder / "runs").iterdir()}
    capsys.readouterr()
    assert main(["sweep", "--status", str(folder)]) == 0
    assert "arms pbs, educated, 2 seeds\n4 of 4 runs done" in capsys.readouterr().out


@pytest.mark.mice
def test_failures_are_said_and_are_exit_code_1(here, capsys):
    plan = sweeps.read_plan("failing.toml")
    swept(plan, here / "out")
    assert main(["sweep", "--collect", "out"]) == 0
    out, err = capsys.readouterr()
    assert f"{RUNS - FAILED} of {RUNS} runs done, {FAILED} failed" in out
    lines = err.splitlines()
    assert lines[0].startswith(
        "niche-sim: arm anti_mif, seed 1, tgfb.half_life 3 min, liver.lobule_radius 285 um, anti_mif.from"
    )
    assert lines[-1] == "niche-sim: and more failed; failures.parquet has all"
    assert len(lines) == sweeping.MOST_FAILURES + 1
    assert main(["sweep", "failing.toml", "-o", "out", "--shard", "1/1", "--workers", "1"]) == 1


@pytest.mark.mice
def test_status_and_collect_of_what_is_not_done(here, capsys):
    plan = sweeps.read_plan("small.toml")
    # Names, and so shards, hang on the code: a shard that holds some of the runs and not all.
    held = {of: sum(sweeps.Shard(1, of).holds(run) for run in plan.runs()) for of in range(2, 30)}
    of = next(of for of, number in held.items() if 0 < number < 4)
    swept(plan, "out", shard=f"1/{of}")
    done = len(list((here / "out" / "runs").iterdir()))
    assert 0 < done < 4
    assert main(["sweep", "--status", "out"]) == 0
    assert f"{done} of 4 runs done, {4 - done} to be run" in capsys.readouterr().out
    assert not (here / "out" / "runs.parquet").exists()
    assert main(["sweep", "--collect", "out"]) == 0
    assert len(pd.read_parquet(here / "out" / "runs.parquet")) == done
    assert main(["sweep", "small.toml", "-o", "out", "--workers", "1"]) == 0
    assert len(pd.read_parquet(here / "out" / "runs.parquet")) == 4


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "PLAN: missing; a PLAN.toml, or --status DIR, or --collect DIR"),
        (["nowhere.toml"], "nowhere.toml: No such file or directory; a file that can be read"),
        (["small.toml", "--workers", "0"], "--workers: '0'; a whole number from 1 is allowed"),
        (["small.toml", "--workers", "2", "--scheduler", "x"], "--workers: together with --scheduler; one of them"),
        (["small.toml", "--shard", "2"], "--shard: '2'; i/n with i from 1 to n, such as 1/10"),
        (["small.toml", "--status", "out"], "--status: together with PLAN; it takes a run as it was, without them"),
        (["--collect", "out", "--status", "out"], "--status: together with --collect; it takes"),
        (["--status", "out"], "--status out: no plan.toml in it; a folder that `niche-sim sweep` wrote"),
        (["small.toml", "-o", "small.toml"], "-o small.toml: not a directory; a folder that can be written"),
        (["small.toml", "--worker", "2"], "--worker: unknown option; did you mean --workers?"),
    ],
)
def test_bad_input_is_one_line(here, capsys, arguments, line):
    assert main(["sweep", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"niche-sim: {line}")
    assert err.count("\n") == 1


def test_a_folder_of_a_run_is_not_taken(here, capsys):
    (here / "out").mkdir()
    (here / "out" / "record.parquet").touch()
    assert main(["sweep", "small.toml", "-o", "out"]) == 2
    assert "holds a run already (record.parquet)" in capsys.readouterr().err


@pytest.mark.mice
def test_ctrl_c_leaves_a_folder_that_goes_on_and_says_so(here, interruptible):
    (here / "long.toml").write_text(SMALL.replace("seeds = 2", "seeds = 5000"), encoding="utf-8")
    process = command("long.toml", "-o", "out", "--workers", 2)
    until(lambda: len(list((here / "out" / "runs").glob("*.parquet"))) >= 3, process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    line = err.splitlines()[-1]  # before it, how long it takes
    assert line.startswith("niche-sim: stopped by Ctrl-C, ")
    assert line.endswith("of 10000 runs done; the same command with -o out goes on")
    done = len(list((here / "out" / "runs").iterdir()))
    assert 3 <= done < 10_000
    assert not [name for name in contents(here / "out") if ".part-" in name]
    seen, few = [], sweeps.read_plan("small.toml")  # the first mice of the same arms
    missing = sum(not (here / "out" / "runs" / f"{run.name}.parquet").exists() for run in few.runs())
    assert missing < 4
    swept(few, "out", watch=seen.append)
    assert seen[-1] == Done(4, 0, missing, 4)


@pytest.mark.mice
def test_a_file_too_large_for_the_disk_is_one_line(here):
    """A real limit of the system, below the size of a part."""
    resource = pytest.importorskip("resource")

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))  # bytes; plan and provenance fit, a part does not

    process = command("small.toml", "-o", "out", "--workers", 1, preexec_fn=limited)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    line = err.splitlines()[-1]  # before it, how long it takes
    assert "file too large; the runs that are done are kept, and the same command goes on from there" in line
    assert not list((here / "out" / "runs").iterdir())  # and no half of a part under its name
    assert swept(sweeps.read_plan("small.toml"), "out").count == Count(4, 0, 0)


def test_the_pace_is_that_of_what_is_run_now():
    assert mice._pace("runs", Done(0, 0, 0, 100), 5.0) == ""
    assert mice._pace("runs", Done(60, 0, 10, 100), 5.0) == ", 2.0 runs/s, about 20 s left"
    assert mice._pace("runs", Done(10, 2, 2, 1000), 60.0) == ", 2.0 runs/min, about 8.2 h left, 2 failed"


def test_without_a_terminal_a_line_is_said_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr(mice, "TELL_EVERY", 0.0)
    with mice.watching("runs", Path("out")) as watch:
        watch(Done(3, 1, 2, 8))
    assert capsys.readouterr().err.startswith("niche-sim: 3 of 8 runs done, ")


@pytest.mark.mice
def test_the_command_is_the_function(here):
    import niche_sim

    assert niche_sim.sweep is sweeps.sweep
    found = niche_sim.sweep("small.toml", "out", workers=1)
    assert found.values("tgfb_mean", "educated").shape == (1, 2)
    assert planned().base.overrides == TINY
