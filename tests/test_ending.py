"""How commands end: by a signal, by a kill, beside another command, or before they begin."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from niche_sim.cli import main
from niche_sim.engine.errors import InputError
from niche_sim.experiment.scenario import LONGEST_NAME, check_file_name, ids, load
from niche_sim.experiment.simulation import Simulation
from niche_sim.runs.record import load_record

SMALL = ["--set", "section.width=600 um", "--set", "section.height=600 um", "--no-figures", "--no-progress"]
KILLS = int(os.environ.get("NICHE_SIM_KILLS", "3"))


def command(*arguments, cwd):
    return subprocess.Popen(
        [sys.executable, "-m", "niche_sim", *map(str, arguments)],
        cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def wait_for(condition, process, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def same_tables(one, other):
    first, second = load_record(one), load_record(other)
    assert first.run_hash == second.run_hash
    assert first.table.keys() == second.table.keys()
    for name, values in first.table.items():
        np.testing.assert_array_equal(values, second.table[name])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    assert main(["run", *SMALL, "--days", "24", "-o", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_a_checkpoint_that_goes_on(number, undisturbed, tmp_path):
    process = command("run", *SMALL, "--days", "24", "--checkpoint-every", "0.01 s", "-o", "run", cwd=tmp_path)
    wait_for((tmp_path / "run" / "checkpoint.npz").exists, process)
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert "`niche-sim run --resume run` goes on" in said
    assert "Traceback" not in said
    assert not (tmp_path / "run" / ".claim").exists()
    assert main(["run", "--resume", str(tmp_path / "run"), "--no-figures", "--no-progress"]) == 0
    same_tables(tmp_path / "run", undisturbed)
    assert not (tmp_path / "run" / "checkpoint.npz").exists()


def test_a_run_that_is_killed_again_and_again_ends_as_if_undisturbed(undisturbed, tmp_path):
    dice = random.Random(1)
    folder = tmp_path / "run"
    kills = 0
    arguments = [*SMALL, "--days", "24", "-o", folder]
    while True:
        seen = (folder / "checkpoint.npz").stat().st_mtime_ns if (folder / "checkpoint.npz").exists() else 0
        process = command("run", *arguments, "--checkpoint-every", "0.01 s", cwd=tmp_path)
        if kills == KILLS:
            break
        wait_for(
            lambda seen=seen: (folder / "checkpoint.npz").exists()
            and (folder / "checkpoint.npz").stat().st_mtime_ns > seen,
            process,
        )
        time.sleep(dice.uniform(0.0, 0.05))
        assert process.poll() is None, "the run has ended before it could be killed"
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        kills += 1
        arguments = ["--resume", folder, "--no-figures", "--no-progress"]
    assert process.communicate(timeout=300)[1] == ""
    assert process.returncode == 0
    same_tables(folder, undisturbed)


def test_two_commands_never_write_into_one_folder(tmp_path):
    first = command("run", *SMALL, "--days", "200", "--set", "run.duration=200 day", "-o", "run", cwd=tmp_path)
    first.communicate(timeout=120)  # two options for one thing: refused, and no folder stays
    assert not (tmp_path / "run").exists()
    first = command("run", *SMALL, "--days", "200", "--checkpoint-every", "0.01 s", "-o", "run", cwd=tmp_path)
    wait_for((tmp_path / "run" / ".claim").exists, first)
    second = command("run", *SMALL, "--days", "1", "-o", "run", cwd=tmp_path)
    _, said = second.communicate(timeout=120)
    assert second.returncode == 2
    assert said.count("\n") == 1
    assert "another niche-sim command is writing to it" in said or "holds an interrupted run" in said
    wait_for((tmp_path / "run" / "checkpoint.npz").exists, first)
    third = command("run", "--resume", "run", cwd=tmp_path)
    assert "another niche-sim command is writing to it" in third.communicate(timeout=120)[1]
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    # The claim of a process that was killed is free.
    assert main(["run", "--resume", str(tmp_path / "run"), "--set", "x=1"]) == 2
    again = command("run", "--resume", "run", "--checkpoint-every", "0.01 s", cwd=tmp_path)
    os_time = (tmp_path / "run" / "checkpoint.npz").stat().st_mtime_ns
    wait_for(lambda: (tmp_path / "run" / "checkpoint.npz").stat().st_mtime_ns > os_time, again)
    os.killpg(again.pid, signal.SIGTERM)
    assert again.communicate(timeout=120) and again.returncode == 143


def test_a_stopped_command_leaves_no_empty_folder(tmp_path):
    process = command("compare", "--mice", "2", "-o", "cohort", cwd=tmp_path)
    wait_for((tmp_path / "cohort").exists, process)
    os.kill(process.pid, signal.SIGTERM)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 143
    assert "stopped by SIGTERM" in said
    assert "Traceback" not in said
    assert not (tmp_path / "cohort").exists() or any((tmp_path / "cohort").iterdir())


# --- before it begins ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"run.step": "0.001 s", "run.record": "0.001 s"},
        {"run.duration": "36500 day"},
        {"nk.density": "1e11 cell/mm^3"},
        {"exosomes.parcel_size": "1 vesicle", "exosomes.vesicles_per_ug": "1e13 vesicle/ug"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_no_machine_can_do_is_refused_with_an_estimate(changes, capsys):
    options = [part for name, value in changes.items() for part in ("--set", f"{name}={value}")]
    assert main(["run", *options]) == 2
    said = capsys.readouterr().err
    assert "asks for" in said
    assert "--yes" in said
    assert said.count("\n") == 1


def test_yes_lifts_the_limit_but_not_what_can_be_held(capsys):
    assert main(["run", "--yes", "--set", "nk.density=1e13 cell/mm^3"]) == 2
    assert "of memory: a smaller section" in capsys.readouterr().err
    with pytest.raises(InputError, match="at most 10,000,000 cells"):
        Simulation(overrides={"nk.density": "1e13 cell/mm^3"})


# --- names and places ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "..", ".hidden", "a\x00b", "a\nb", "\x1b[31m", "n" * 200])
def test_names_that_lead_elsewhere_are_refused(name):
    with pytest.raises(InputError, match="as a name of files"):
        check_file_name(name, "id")


@pytest.mark.parametrize("name", ["liver", "scenario (1)", "ήπαρ", "a.b", "n" * LONGEST_NAME])
def test_other_names_are_taken(name):
    check_file_name(name, "id")


def test_a_provenance_cannot_write_elsewhere(undisturbed, tmp_path, capsys, monkeypatch):
    folder = tmp_path / "edited"
    folder.mkdir()
    text = (undisturbed / "provenance.json").read_text(encoding="utf-8")
    name = '"scenario": "liver_education_costasilva2015"'
    assert name in text
    (folder / "provenance.json").write_text(text.replace(name, '"scenario": "../../x"'), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--like", str(folder), "--no-figures"]) == 2
    assert "as a name of files" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edited"]


def test_any_toml_file_is_a_scenario(tmp_path, capsys):
    text = load("liver_education_costasilva2015").text
    for name in ("scenario (1).toml", "x.toml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert load(tmp_path / name).id == name.removesuffix(".toml")
    (tmp_path / "bad.toml").write_text("title = ", encoding="utf-8")
    assert main(["describe", str(tmp_path / "bad.toml")]) == 2
    assert "bad.toml: line 1" in capsys.readouterr().err


def test_an_unknown_id_offers_the_three_nearest(capsys):
    assert main(["run", "liver_educatoin_costasilva2015"]) == 2
    said = capsys.readouterr().err
    assert "liver_education_costasilva2015" in said
    assert sum(one in said for one in ids()) == 3


@pytest.mark.parametrize("day", [30, 50])
def test_what_is_added_after_the_end_of_this_run_is_refused(day, capsys):
    added = f'{{ do = "resect_primary", at = "{day} day" }}'
    assert main(["run", "--days", "2", "--add", added]) == 2
    said = capsys.readouterr().err
    assert "--add" in said
    assert "the run ends on day 2" in said
