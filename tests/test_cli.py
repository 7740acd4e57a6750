"""The command line: what each command leaves and prints, and that every bad input is one line."""

from __future__ import annotations

import errno
import importlib.metadata
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import filelock
import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from waiting import PATIENCE, until

from niche_sim.cli import folders, main, report
from niche_sim.experiment import scenario as library
from niche_sim.experiment.simulation import Simulation
from niche_sim.model.parameters import KINDS, rows
from niche_sim.model.processes.priming.kupffer_patrol import KupfferPatrol
from niche_sim.model.readouts import READOUTS
from niche_sim.model.schedule import DEFAULT, SCHEDULES
from niche_sim.model.stages import STAGES
from niche_sim.runs import record as records
from niche_sim.runs.expectation import recording

FILES = {"record.parquet", "events.parquet", "snapshots.npz", "summary.json", "provenance.json", "receptivity.npz"}
FIGURES = {"section.png", "timeline.png", "receptivity.png"}
SMALL = ["--set", "section.width=0.6 mm", "--set", "section.height=0.6 mm", "--no-figures"]
QUICK = ["run", *SMALL, "--days", "2"]
@pytest.fixture(autouse=True)
def interruptible():
    """Ctrl-C arrives even where these tests run in the background, whose shell had it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


DEFAULT_NAME = "liver_education_costasilva2015-educated-1"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(records.__file__).parents[1])}  # wherever the tests run

Call = Callable[..., SimpleNamespace]


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """In a fresh checkout the first run says on standard error that code is being compiled; here none is to say it."""
    records.run(overrides={"section.width": "0.6 mm", "section.height": "0.6 mm", "run.duration": "1 day"})


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """Runs one command in an empty folder; gives its exit code, output and error lines."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str | Path) -> SimpleNamespace:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return SimpleNamespace(code=code, out=out, err=err.splitlines())

    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def flat(text: str) -> str:
    """Printed text without line breaks and rules, so that wrapped sentences can be found."""
    return " ".join(text.replace("─", " ").split())


def interrupt_at(step: int, monkeypatch: pytest.MonkeyPatch, times: int = 1) -> None:
    """Press Ctrl-C amid a step: while one of its processes is at work. Not again in the twin of the mouse."""
    calm, left = KupfferPatrol.step, [times]

    def interrupted(self, state, p, chance, dt):  # type: ignore[no-untyped-def]
        if state.step_index == step:
            while left[0]:
                left[0] -= 1
                signal.raise_signal(signal.SIGINT)
        calm(self, state, p, chance, dt)

    monkeypatch.setattr(KupfferPatrol, "step", interrupted)


# run


def test_run_writes_and_tells_all(call: Call, tmp_path: Path) -> None:
    done = call(*QUICK, "--all", "-o", "deep/out")
    assert (done.code, done.err) == (0, [])
    assert {path.name for path in (tmp_path / "deep/out").iterdir()} == FILES
    summary = json.loads((tmp_path / "deep/out/summary.json").read_text())
    assert list(summary["end"]) == [readout.name for readout in READOUTS]
    for readout in READOUTS:
        row = re.search(rf"^{readout.name} +(\S+)", done.out, re.MULTILINE)
        assert row is not None
        # Four digits are shown.
        assert float(row[1]) == pytest.approx(summary["end"][readout.name], rel=5e-4)
        assert readout.meaning.split()[0] in done.out
    assert re.search(r"^priming +day \d", done.out, re.MULTILINE)
    assert re.search(r"^colonisation +not reached", done.out, re.MULTILINE)
    assert "Written to deep/out" in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    short = call(*QUICK, "-o", "deep/short").out
    assert re.findall(r"^(\w+_\w+|colonies) +\d", short, re.MULTILINE) == [stage.marker for stage in STAGES]
    assert "--all" in short
    assert "…" not in done.out
    assert "\x1b" not in done.out


def test_run_draws_figures(call: Call, tmp_path: Path) -> None:
    done = call(*[argument for argument in QUICK if argument != "--no-figures"])
    assert done.code == 0
    assert {path.name for path in (tmp_path / "runs" / DEFAULT_NAME).iterdir()} == FILES | FIGURES
    said = json.loads((tmp_path / "runs" / DEFAULT_NAME / "summary.json").read_text())["receptivity"]
    assert {"arrival_h", "mean", "expected_metastases_per_liver", "take_rate"} <= said.keys()
    assert len(said["arrival_h"]) == len(said["mean"])
    for name in FIGURES:
        assert (tmp_path / "runs" / DEFAULT_NAME / name).read_bytes().startswith(b"\x89PNG")


def test_options_decide_the_run(call: Call, tmp_path: Path) -> None:
    call(*QUICK, "--arm", "pbs", "--seed", "7", "--set", "tgfb.half_life=5 min", "--without", "TgfbRelease")
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name == "liver_education_costasilva2015-pbs-7-no-TgfbRelease-tgfb.half_life=5min"
    provenance = json.loads((folder / "provenance.json").read_text())
    assert (provenance["arm"], provenance["seed"]) == ("pbs", 7)
    assert provenance["parameters"]["tgfb.half_life"].startswith("5")
    assert provenance["overrides"]["run.duration"] == "2.0 day"
    assert "TgfbRelease" not in provenance["schedule"]
    assert records.load_record(folder).table["time_h"][-1] == 48.0


def test_default_folders_are_numbered_and_a_path_names_its_scenario(call: Call, tmp_path: Path) -> None:
    own = tmp_path / "mine"
    own.mkdir()
    (own / "scenario.toml").write_text((library.library() / "liver_growing_primary/scenario.toml").read_text())
    for _ in range(3):
        assert call(*QUICK, "mine/scenario.toml").code == 0
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {
        "mine-no_primary-1",
        "mine-no_primary-1-2",
        "mine-no_primary-1-3",
    }


def test_an_interrupted_set_of_mice_in_a_default_folder_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = Path("runs/x-compare"), Path("runs/x-compare-2")
    for folder in (first, second):
        (folder / "mice").mkdir(parents=True)
    (first / "effects.parquet").touch()  # this one came to its end
    taken = folders.claim(None, "x-compare", "effects.parquet")
    assert taken == second
    assert folders.claim(None, "x-compare", "effects.parquet") == Path("runs/x-compare-3")  # the second is in use
    folders.tidy(taken)
    assert folders.claim(None, "x-compare", "effects.parquet") == second
    assert folders.claim(None, "x-compare") == Path("runs/x-compare-4")  # a single run never shares


def test_an_existing_folder_is_tried_before_anything_is_simulated(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(filelock.FileLock, "acquire", refused)  # mode bits would not stop a test that root runs
    monkeypatch.setattr(KupfferPatrol, "step", None)
    done = call(*QUICK, "-o", tmp_path)
    assert (done.code, len(done.err)) == (2, 1)
    assert "permission denied; a folder that can be written" in done.err[0]
    assert call(*QUICK).code == 2


@pytest.mark.parametrize("held", ["summary.json", "section.png", "checkpoint.npz"])
def test_a_run_is_never_overwritten(call: Call, tmp_path: Path, held: str) -> None:
    (tmp_path / held).write_text("precious")
    done = call(*QUICK, "-o", tmp_path)
    assert done.code == 2
    assert len(done.err) == 1
    assert held in done.err[0]
    assert contents(tmp_path) == {held: b"precious"}


def test_a_cold_cache_is_announced_unless_progress_is_off(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(*QUICK).err == []
    assert report.code_is_compiled()
    monkeypatch.setattr(report, "code_is_compiled", lambda: False)
    (line,) = call(*QUICK).err
    assert "once after installation" in line
    assert call(*QUICK, "--no-progress").err == []


def test_a_terminal_is_told_what_is_to_be_simulated_before_anything_slow(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = io.StringIO()
    output = report.output
    terminal = Console(file=shown, force_terminal=True, width=100, highlight=False)
    monkeypatch.setattr(report, "output", lambda error=False: terminal if error else output())
    before: list[str] = []
    monkeypatch.setattr(Simulation, "__init__", lambda *_, **__: before.append(shown.getvalue()))
    call(*QUICK)
    assert before[0].startswith("liver_education_costasilva2015, arm educated, seed 1: ")
    call(*QUICK, "--no-progress")
    assert before[1] == before[0]


def test_an_empty_cache_is_seen_as_cold(tmp_path: Path) -> None:
    code = "from niche_sim.cli.report import code_is_compiled; print(code_is_compiled())"
    environment = {**ENVIRONMENT, "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_stages_without_thresholds_say_so(call: Call, tmp_path: Path) -> None:
    (tmp_path / "scenario.toml").write_text((library.library() / "liver_growing_primary/scenario.toml").read_text())
    done = call(*QUICK, "scenario.toml")
    assert done.out.count("no threshold") == len(STAGES)
    assert "not reached" not in done.out


def test_the_bar_follows_the_onset(monkeypatch: pytest.MonkeyPatch) -> None:
    onsets = dict.fromkeys((stage.name for stage in STAGES), None) | {"priming": 0.0, "licensing": 24.0}
    thresholds = dict.fromkeys(onsets, 1.0)
    record = SimpleNamespace(table={"time_h": [0.0, 48.0]}, onsets=onsets, provenance={"thresholds": thresholds})
    console = report.output()
    table = report.stages(record, console)  # type: ignore[arg-type]
    bars = list(table.columns[2].cells)
    assert set(bars[0]) == {"█"}
    assert bars[1].count("█") == bars[1].count("·") == len(bars[0]) / 2
    assert set(bars[2]) == {"·"}


# run --like, Ctrl-C and --resume


def test_like_repeats_bit_for_bit(call: Call, tmp_path: Path) -> None:
    options = ["--seed", "3", "--arm", "educated", "--set", "tgfb.half_life=5 min", "--without", "BmdcCrawling"]
    assert call(*QUICK, *options, "-o", "first").code == 0
    done = call("run", "--like", "first", "-o", "again", "--no-figures", "--no-progress")
    assert (done.code, done.err) == (0, [])
    first, again = contents(tmp_path / "first"), contents(tmp_path / "again")
    for name in FILES - {"provenance.json"}:
        assert first[name] == again[name], name
    assert json.loads(first["provenance.json"]) == json.loads(again["provenance.json"])
    call(*QUICK, *options, "--seed", "4", "-o", "other")
    assert contents(tmp_path / "other")["record.parquet"] != first["record.parquet"]


def test_like_repeats_the_schedule_that_was_chosen(call: Call, tmp_path: Path) -> None:
    assert call(*QUICK, "--schedule", "additive", "-o", "first").code == 0
    done = call("run", "--like", "first", "-o", "again", "--no-figures", "--no-progress")
    assert (done.code, done.err) == (0, [])
    first, again = (json.loads((tmp_path / name / "provenance.json").read_text()) for name in ("first", "again"))
    assert first == again
    kinds = [kind.__name__ for kind in SCHEDULES["additive"]]
    assert first["schedule"] == kinds != [kind.__name__ for kind in DEFAULT]
    table = contents(tmp_path / "first")["record.parquet"]
    assert contents(tmp_path / "again")["record.parquet"] == table
    assert call(*QUICK, "-o", "serial").code == 0
    assert contents(tmp_path / "serial")["record.parquet"] != table


def test_like_says_what_differs_here(call: Call, tmp_path: Path) -> None:
    call(*QUICK, "-o", "first")
    file = tmp_path / "first/provenance.json"
    provenance = json.loads(file.read_text())
    provenance["versions"]["numpy"] = "0.1"
    provenance["parameters"]["tgfb.half_life"] = "7 min"
    file.write_text(json.dumps(provenance))
    done = call("run", "--like", "first", "--no-figures")
    assert done.code == 0
    (line,) = done.err
    assert line.startswith("niche-sim: first/provenance.json: made with numpy 0.1 (now")
    assert "tgfb.half_life 7 min (now 10 min)" in line
    assert (tmp_path / "runs" / DEFAULT_NAME / "summary.json").exists()


def test_an_interrupted_run_goes_on_as_if_nothing_had_been(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(*QUICK, "-o", "calm").code == 0
    with monkeypatch.context() as patch:
        interrupt_at(20, patch)
        done = call(*QUICK, "-o", "cut")
    assert done.code == 130
    assert done.err == ["niche-sim: stopped at day 0.875 of 2; `niche-sim run --resume cut` goes on"]
    assert list(contents(tmp_path / "cut")) == ["checkpoint.npz"]
    with monkeypatch.context() as patch:
        interrupt_at(30, patch)
        assert call("run", "--resume", "cut", "--no-figures").code == 130
    assert call("run", "--resume", "cut", "--no-figures").code == 0
    calm, cut = contents(tmp_path / "calm"), contents(tmp_path / "cut")
    assert calm.keys() == cut.keys() == FILES  # the checkpoint is gone
    for name in FILES:
        assert calm[name] == cut[name], name
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_amid_the_last_step_comes_too_late(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_at(47, monkeypatch)
    assert call(*QUICK, "-o", "out", "--no-receptivity").code == 0
    assert contents(tmp_path / "out").keys() == FILES - {"receptivity.npz"}


def test_a_profile_names_every_rule_and_changes_nothing(call: Call, tmp_path: Path) -> None:
    assert call(*QUICK, "-o", "plain").code == 0
    done = call(*QUICK, "-o", "watched", "--profile")
    assert done.code == 0 and "KupfferPatrol" in done.out and "CPU time" in done.out
    plain, watched = contents(tmp_path / "plain"), contents(tmp_path / "watched")
    found = json.loads(watched.pop("provenance.json"))
    spent = found.pop("cpu_seconds")
    assert found == json.loads(plain.pop("provenance.json"))
    assert watched == plain
    assert {"KupfferPatrol", "ExosomeUptake", "(stages)", "(readouts)", "(interventions, clock)"} <= spent.keys()
    assert spent["KupfferPatrol"] > 0.0 and min(spent.values()) >= 0.0


def test_figures_have_the_dots_that_are_asked_for(call: Call, tmp_path: Path) -> None:
    loud = [argument for argument in QUICK if argument != "--no-figures"]
    for dots, pixels in ((["--dpi", "40"], 283), ([], 1063)):  # of 180 mm
        assert call(*loud, "-o", f"at{pixels}", *dots).code == 0
        for name in ("section.png", "timeline.png", "receptivity.png"):
            with Image.open(tmp_path / f"at{pixels}" / name) as picture:
                assert picture.size[0] == pytest.approx(pixels, abs=1), name
    for wrong in ("29", "1201", "fine"):
        done = call(*loud, "-o", "never", "--dpi", wrong)
        assert done.code == 2 and len(done.err) == 1 and "--dpi" in done.err[0]
    assert not (tmp_path / "never").exists()


def test_ctrl_c_after_the_record_leaves_out_receptivity(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calm = recording.advance

    def interrupted(state: Any, *given: Any) -> None:  # the twin goes on where tumour cells came
        assert state.step_index > 24
        if state.step_index == 30:
            signal.raise_signal(signal.SIGINT)
        calm(state, *given)

    monkeypatch.setattr(recording, "advance", interrupted)
    challenge = '{ do = "inject_tumour_cells", line = "pan02", count = 100_000_000, at = "1 day" }'
    done = call(*QUICK, "-o", "out", "--add", challenge)
    said = "niche-sim: stopped; out holds all but receptivity, which `niche-sim run --resume out` computes"
    assert (done.code, done.err) == (130, [said])
    assert "Stages" in done.out
    assert (tmp_path / "out" / "record.parquet").exists()
    assert not (tmp_path / "out" / "receptivity.npz").exists()
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert call("run", "--resume", "out", "--no-figures").code == 0
    assert call(*QUICK, "-o", "calm", "--add", challenge).code == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "calm")
    done = call("run", "--resume", "out")
    assert done.code == 2  # nothing is left to do


def test_a_second_ctrl_c_stops_at_once(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_at(20, monkeypatch, times=2)
    done = call(*QUICK, "-o", "out")
    assert done.code == 130
    assert len(done.err) == 1
    assert not (tmp_path / "out").exists()


def test_a_real_ctrl_c(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "niche_sim", "run", *SMALL, "--days", "40000", "--yes"]
    started = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # tests may run in the background
    )
    folder = tmp_path / "runs" / DEFAULT_NAME
    try:
        until(folder.exists, started)
        time.sleep(1.0)  # into the run; what comes of it is the same sooner or later
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=PATIENCE)
    finally:
        started.kill()
    assert started.returncode == 130
    assert out == ""
    assert re.fullmatch(
        r"niche-sim: [^\n]* on one core\n(niche-sim: compiled code [^\n]*\n)?"
        rf"niche-sim: stopped at day \S+ of \S+; `niche-sim run --resume runs/{DEFAULT_NAME}` .*\n", err
    )
    assert [path.name for path in folder.iterdir()] == ["checkpoint.npz"]


# What happens when things fail


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Lets the writing of arrays fail below a folder, as on a full disk: half way through a record."""
    full: list[Path] = []
    calm = np.savez_compressed

    def savez(file, **arrays):  # type: ignore[no-untyped-def]
        if any(folder in Path(file.name).absolute().parents for folder in full):
            raise OSError(errno.ENOSPC, "No space left on device")
        calm(file, **arrays)

    monkeypatch.setattr(np, "savez_compressed", savez)
    return full.append


def test_a_full_disk_loses_nothing(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_disk: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    full_disk(tmp_path / "out")
    done = call(*QUICK, "-o", "out")
    assert done.code == 1
    assert done.err == [f"niche-sim: out: no space left on device; written to runs/{DEFAULT_NAME} instead"]
    assert not (tmp_path / "out").exists()
    assert contents(tmp_path / "runs" / DEFAULT_NAME).keys() == FILES
    full_disk(tmp_path / "runs")
    done = call(*QUICK, "-o", "out")
    elsewhere = Path(done.err[0].split()[-2])
    assert elsewhere.name.startswith(DEFAULT_NAME)
    assert contents(elsewhere).keys() == FILES
    full_disk(elsewhere.parent)
    done = call(*QUICK, "-o", "out")
    assert done.code == 1
    assert len(done.err) == 1
    assert "no space left on device" in done.err[0]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [DEFAULT_NAME]  # nothing empty is left behind
    assert list(elsewhere.parent.glob(f"{DEFAULT_NAME}-*")) == [elsewhere]


def test_any_other_failure_is_one_line_and_with_debug_a_traceback(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("by\nnothing")

    monkeypatch.setattr(KupfferPatrol, "step", fail)
    done = call(*QUICK, "-o", "out")
    assert (done.code, done.err) == (1, ["niche-sim: ZeroDivisionError: by nothing; --debug shows where"])
    assert not Path("out").exists()
    done = call(*QUICK, "-o", "out", "--debug")
    assert done.code == 1
    assert done.err[0].startswith("Traceback")
    assert done.err[-1].startswith("niche-sim: ZeroDivisionError")


BAD = {
    "unknown scenario": (["run", "liver_educaton_costasilva2015"], "SCENARIO", "liver_education_costasilva2015"),
    "unknown scenario, described": (["describe", "nothing"], "SCENARIO", "did you mean"),
    "unknown arm": (["run", "--arm", "educatd"], "--arm", "did you mean educated"),
    "unknown parameter": (["run", "--set", "tgfb.half_lif=5 min"], "--set tgfb.half_lif", "tgfb.half_life"),
    "dimension": (["run", "--set", "tgfb.half_life=5 um"], "--set tgfb.half_life", "a time"),
    "dimension of the section": (["run", "--set", "section.width=5 h"], "--set section.width", "a length"),
    "fraction": (["run", "--set", "kupffer.fraction_responders=1.5"], "--set kupffer", "between 0 and 1"),
    "negative": (["run", "--set", "tgfb.half_life=-5 min"], "--set tgfb.half_life", "0 or more"),
    "zero": (["run", "--set", "tgfb.half_life=0 min"], "--set tgfb.half_life", "more than 0"),
    "not a number": (["run", "--set", "tgfb.half_life=nan min"], "--set tgfb.half_life", "a number with a unit"),
    "sections too small": (["run", "--set", "section.width=0.03 mm"], "--set section.width", "the spacing"),
    "step": (["run", "--set", "run.step=7 h", "--days", "7"], "--set run.record", "of the step"),
    "no =": (["run", "--set", "tgfb.half_life"], "--set", "name=value"),
    "no name": (["run", "--set", "=5 min"], "--set", "name=value"),
    "no value": (["run", "--set", "tgfb.half_life= "], "--set", "name=value"),
    "twice": (["run", "--set", "tgfb.half_life=5 min", "--set", "tgfb.half_life=6 min"], "--set", "once"),
    "days twice": (["run", "--set", "run.duration=2 day", "--days", "3"], "--days", "one of them"),
    "days 0": (["run", "--days", "0"], "--days", "above 0"),
    "days negative": (["run", "--days", "-1"], "--days", "above 0"),
    "days nan": (["run", "--days", "nan"], "--days", "above 0"),
    "days inf": (["run", "--days", "inf"], "--days", "above 0"),
    "days text": (["run", "--days", "two"], "--days", "above 0"),
    "days between steps": (["run", "--days", "0.05"], "--days", "a multiple (1 or more) of the step, 1 h"),
    "seed negative": (["run", "--seed", "-1"], "--seed", "a whole number from 0"),
    "seed text": (["run", "--seed", "text"], "--seed", "a whole number from 0"),
    "seed fraction": (["run", "--seed", "1.5"], "--seed", "a whole number from 0"),
    "seed too large": (["run", "--seed", str(2**64)], "--seed", str(2**64 - 1)),
    "unknown process": (["run", "--without", "PrimaryGrowt"], "--without", "PrimaryGrowth"),
    "unknown schedule": (["run", "--schedule", "no_stage_3"], "--schedule", ", ".join(SCHEDULES)),
    "schedule twice": (
        ["run", "--schedule", "additive", "--set", "schedule=default"],
        "--schedule",
        "one of them",
    ),
    "like and schedule": (["run", "--like", "x", "--schedule", "additive"], "--like", "together with --schedule"),
    "malformed TOML": (["run", "bad/scenario.toml"], "bad/scenario.toml: line 2", "valid TOML"),
    "malformed TOML, described": (["describe", "bad"], "bad/scenario.toml: line 2", "valid TOML"),
    "below a file": (["run", "-o", "file/out"], "-o file/out", "a folder that can be written"),
    "a file": (["run", "-o", "file"], "-o file", "a folder that can be written"),
    "like nothing": (["run", "--like", "bad"], "--like bad", "provenance.json"),
    "like a broken one": (["run", "--like", "broken"], "broken/provenance.json", "`niche-sim run` wrote"),
    "like half a one": (["run", "--like", "half"], "half/provenance.json", "`niche-sim run` wrote"),
    "like and days": (["run", "--like", "x", "--days", "2"], "--like", "together with --days"),
    "like and scenario": (["run", "liver_growing_primary", "--like", "x"], "--like", "together with SCENARIO"),
    "like and others": (
        ["run", "--like", "x", "--arm", "pbs", "--seed", "0", "--set", "a=1", "--without", "KupfferPatrol"],
        "--like",
        "together with --arm, --seed, --set, --without",
    ),
    "resume nothing": (["run", "--resume", "bad"], "--resume bad", "checkpoint.npz"),
    "resume a broken one": (["run", "--resume", "cut"], "cut/checkpoint.npz", "not a checkpoint"),
    "resume a finished one": (["run", "--resume", "done"], "--resume done", "nothing is overwritten"),
    "resume and more": (["run", "--resume", "x", "--like", "y", "-o", "z"], "--resume", "together with -o, --like"),
    "kind": (["parameters", "--kind", "guessed"], "--kind", ", ".join(KINDS)),
    "group": (["parameters", "--group", "tgf"], "--group", "did you mean tgfb"),
    "unknown option": (["run", "--sed", "1"], "--sed", "--seed"),
    "unlike any option": (["run", "-x"], "-x", "`niche-sim run --help`"),
    "missing value": (["run", "--seed"], "--seed", "a value after it"),
    "unknown command": (["rum"], "rum", "did you mean run"),
    "unlike any command": (["zzz"], "zzz", "describe"),
    "too many": (["describe", "a", "b"], "describe", "unexpected extra argument"),
    "unknown option of all": (["--zzz"], "--zzz", "`niche-sim --help`"),
}


@pytest.mark.parametrize(("arguments", "where", "hint"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line(call: Call, tmp_path: Path, arguments: list[str], where: str, hint: str) -> None:
    for folder in ("bad", "broken", "half", "cut", "done"):
        (tmp_path / folder).mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "bad/scenario.toml").write_text('title = "x"\n[section\n')
    (tmp_path / "broken/provenance.json").write_text("{")
    (tmp_path / "cut/checkpoint.npz").write_text("{")
    (tmp_path / "done/checkpoint.npz").write_text("{")
    (tmp_path / "done/summary.json").write_text("{}")
    (tmp_path / "half/provenance.json").write_text("{}")
    before = sorted(tmp_path.rglob("*")), contents(tmp_path)
    done = call(*arguments)
    assert (done.code, done.out) == (2, "")
    (line,) = done.err
    assert line.startswith(f"niche-sim: {where}")
    assert hint in line
    assert "; " in line
    assert (sorted(tmp_path.rglob("*")), contents(tmp_path)) == before


# describe, parameters, scenarios, help


def test_describe_tells_all_in_order(call: Call) -> None:
    done = call("describe")
    assert (done.code, done.err) == (0, [])
    text = flat(done.out)
    places = [text.index(f" {kind.__name__} ") for kind in DEFAULT]
    assert places == sorted(places)
    chapters = ["shedding", "priming", "licensing", "recruitment", "angiogenesis", "surveillance", "arrival"]
    chapters += ["colonisation", "therapy"]
    assert (
        re.findall(r"^(\w+) +[A-Z]\w+[a-z] ", done.out.partition("Every 1 h")[2].partition("Stages:")[0], re.M)
        == chapters
    )
    for kind in DEFAULT:
        for name in (*kind.reads, *kind.writes):
            assert name in text
    for stage in STAGES:
        assert re.search(rf"^{stage.name} +{stage.marker} ", done.out, re.MULTILINE)
    for readout in READOUTS:
        counts = "since start" if readout.cumulative else "now"
        unit = "" if readout.unit == "1" else re.escape(readout.unit)
        assert re.search(rf"^{readout.name} +{unit} +{counts} ", done.out, re.MULTILINE), readout.name
    for word in ("inject_exosomes", "deplete", "tgfb_receptor", "kupffer_cells", "normal_pancreas", "b16f1"):
        assert word in done.out
    assert "day 0 to 20, 11 times: pdac exosomes, 5 ug" in done.out
    assert max(map(len, done.out.splitlines())) <= 80


def test_describe_follows_the_scenario(call: Call, tmp_path: Path) -> None:
    text = (library.library() / "liver_growing_primary/scenario.toml").read_text()
    text = text.replace('schedule = "default"', 'schedule = ["KupfferPatrol", "TgfbRelease"]')
    text += '\n[parameters]\n"tgfb.half_life" = { value = "7 min", source = "assumed", where = "to see it" }\n'
    (tmp_path / "scenario.toml").write_text(text)
    done = call("describe", ".")
    assert done.code == 0
    assert re.search(r"^tgfb.half_life +7 min +assumed: to see it", done.out, re.MULTILINE)
    assert done.out.index("KupfferPatrol") < done.out.index("TgfbRelease")
    assert "Arrest" not in done.out
    assert done.out.count("unknown") == len(STAGES)  # no thresholds beside it


def test_describe_shows_only_what_is_asked_for(call: Call) -> None:
    rules = call("describe", "--part", "rules", "--search", "priming").out
    assert "KupfferPatrol" in rules and "FibronectinDeposition" not in rules
    assert "Readouts" not in rules
    blocks = call("describe", "--part", "blocks", "--search", "MIF").out
    assert re.search(r" mif ", blocks) and " ccr2 " not in blocks
    assert re.search(r"^\w+ ", blocks.partition("target")[2].partition("mif")[0].splitlines()[-1]), "its group is named"
    assert "Nothing is like that." in call("describe", "--search", "zzzz").out
    wrong = call("describe", "--part", "blocs")
    assert wrong.code == 2
    assert "blocks" in wrong.err[0]


def test_a_default_folder_is_named_with_what_was_changed(call: Call, tmp_path: Path) -> None:
    done = call(*QUICK, "--no-receptivity", "--without", "TgfbRelease", "--set", "tgfb.half_life=3 min")
    assert done.code == 0
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [f"{DEFAULT_NAME}-no-TgfbRelease-tgfb.half_life=3min"]


def test_parameters_lists_each_row_whole(call: Call) -> None:
    done = call("parameters")
    assert done.code == 0
    for name, row in rows().items():
        match = re.search(rf"^{name} +(\S+) ?{re.escape(row.unit)} +{row.kind} *$", done.out, re.MULTILINE)
        assert match is not None, name
        assert float(match[1]) == row.value
    assert max(map(len, done.out.splitlines())) <= 80
    assert "…" not in done.out
    text = flat(done.out)
    for row in rows().values():
        assert row.source in text
        assert set(row.note.split()) <= set(text.split())
    assert f"{len(rows())} of {len(rows())}" in text


def test_parameters_filters(call: Call) -> None:
    def names(*arguments: str) -> set[str]:
        return set(re.findall(r"^(\w+\.\w+) ", call("parameters", *arguments).out, re.MULTILINE))

    assert names("--kind", "fitted") == {name for name, row in rows().items() if row.kind == "fitted"}
    assert names("--group", "nk") == {name for name in rows() if name.startswith("nk.")}
    bouwens = {name for name, row in rows().items() if row.source == "Bouwens1986"}
    assert bouwens
    assert names("--search", "bouwens") == names("--search", "BOUWENS") == bouwens
    nothing = call("parameters", "--search", "zzzz")
    assert (nothing.code, nothing.out, nothing.err) == (0, "No parameter is like that.\n", [])


def test_scenarios_lists_arms_with_notes(call: Call) -> None:
    done = call("scenarios")
    assert (done.code, done.err) == (0, [])
    text = flat(done.out)
    for entry in library.catalogue():
        experiment = library.load(entry.id)
        assert entry.id in text
        assert experiment.question in text
        for arm in experiment.arms.values():
            assert re.search(rf"^{arm.name} ", done.out, re.MULTILINE)
            assert arm.note in text


def test_help_and_version(call: Call) -> None:
    assert call("--version").out == f"niche-sim {importlib.metadata.version('niche_sim')}\n"
    bare, helped = call(), call("--help")
    assert bare.code == helped.code == 0
    tried = re.findall(r"^  niche-sim (.+?)  ", bare.out, re.MULTILINE)
    assert len(tried) == 3
    for words in tried:
        command, *options = words.split()
        assert re.search(rf"\b{command} ", helped.out)
        assert all(option in call(command, "--help").out for option in options if option.startswith("-"))
    assert max(map(len, bare.out.splitlines())) <= 80
    for command in ("run", "describe", "parameters", "scenarios"):
        assert re.search(rf"\b{command} ", helped.out)
        assert call(command, "-h").code == 0


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from niche_sim.cli import main; main(['run', '--help']); "
        "print(sorted({'numpy', 'numba', 'mesa', 'matplotlib', 'pint'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


def test_a_closed_pipe_is_no_traceback(tmp_path: Path) -> None:
    started = subprocess.Popen(
        [sys.executable, "-m", "niche_sim", "parameters"],
        cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert started.stdout is not None
    assert started.stderr is not None
    started.stdout.close()
    assert "Traceback" not in started.stderr.read()
    started.stderr.close()
    started.wait(30)
