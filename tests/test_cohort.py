"""Many mice: each is made once, kept under a name that all that decides it decides, and one that fails stops no other."""

import contextlib
import dataclasses
import math
import multiprocessing
import shutil
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from small_sweeps import assert_same
from waiting import PATIENCE, until

from niche_sim.engine.errors import InputError
from niche_sim.experiment import scenario
from niche_sim.experiment.simulation import Simulation
from niche_sim.inference.verdicts import effects
from niche_sim.model.process import Process
from niche_sim.runs import cohort, executors, identity
from niche_sim.runs.expectation.readouts import EXPECTED_BY_NAME
from niche_sim.runs.store import Store, _coarse

EDUCATION = "liver_education_costasilva2015"
SMALL = {"section.width": "600 um", "section.height": "700 um", "run.duration": "2 day"}


def planned(arms=("pbs", "educated"), **changes):
    return cohort.plan(EDUCATION, arms, **{"mice": 2, "overrides": SMALL, **changes})


def names_of(plan):
    return [run.name for run in plan.runs()]


def file_of(plan, folder, arm, seed):
    """The file in which a mouse is kept."""
    (name,) = {run.name for run in plan.runs() if (run.arm, run.seed) == (arm, seed)}
    return Store(folder)._file("runs", name)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder with two mice of two arms."""
    folder = tmp_path_factory.mktemp("mice")
    seen = []
    assert cohort.run([planned()], folder, 2, seen.append) == []
    assert seen == [(n, 0, n, 4) for n in range(5)]
    assert (seen[0].share, seen[-1].share) == (0.0, 1.0)
    return folder


@pytest.fixture
def folder(kept, tmp_path):
    """A copy of it, to be changed."""
    return shutil.copytree(kept, tmp_path / "mice")


def test_a_kept_mouse_is_the_mouse_itself(kept):
    found = cohort.gather(planned(), kept)
    model = Simulation(EDUCATION, "educated", overrides=SMALL, rng=2).run_to_end()
    life = found.lives["educated"][2]
    assert list(life.table) == [*model.rows, *EXPECTED_BY_NAME]  # which the scenario's targets ask for
    for name, values in model.rows.items():
        np.testing.assert_array_equal(life.table[name], values, err_msg=name)
    assert life.counters == {k: float(v) for k, v in dataclasses.asdict(model.state.counters).items()}
    assert {k: None if math.isnan(v) else v for k, v in life.onsets.items()} == model.stages.onsets
    assert found.ends == 48.0
    assert life.notes["run_hash"] == identity.name_of_model(model)


def test_only_the_first_mouse_of_an_arm_has_a_picture(kept):
    found = cohort.gather(planned(), kept)
    for mice in found.lives.values():
        assert mice[2].picture is None
        assert mice[1].picture.fibronectin.shape == (35, 30)
        assert (mice[1].picture.height, mice[1].picture.width) == (700.0, 600.0)


def test_only_what_is_missing_is_made(folder):
    one = planned()
    broken, gone, whole = (file_of(one, folder, *mouse) for mouse in (("pbs", 1), ("educated", 2), ("educated", 1)))
    broken.write_bytes(broken.read_bytes()[:200])
    gone.unlink()
    before = whole.stat().st_mtime_ns
    seen = []
    assert cohort.run([one], folder, 1, seen.append) == []
    assert seen[-1] == (4, 0, 2, 4)
    assert whole.stat().st_mtime_ns == before
    assert [len(mice) for mice in cohort.gather(one, folder).lives.values()] == [2, 2]
    assert not list(folder.rglob("*.part*"))


@pytest.mark.parametrize("damage", ["bit", "swapped", "unsealed"])
def test_mice_that_are_not_as_they_were_written_are_run_again_and_said(damage, kept, folder):
    one = planned()
    mine, other = (file_of(one, folder, *mouse) for mouse in (("educated", 2), ("educated", 1)))
    data = bytearray(mine.read_bytes())
    if damage == "bit":
        data[len(data) // 2] ^= 4
    mine.write_bytes(
        {"bit": bytes(data), "swapped": other.read_bytes(), "unsealed": data.replace(b"niche_sim-sha256:", b"")}[damage]
    )
    assert list(cohort.gather(one, folder).lives["educated"]) == [1]  # and is not taken meanwhile
    said = []
    assert cohort.run([one], folder, 1, report=said.append) == []
    assert said == [
        f"{folder}: 1 kept file was damaged, another run's or of an earlier niche_sim, and run again: {mine.name}"
    ]
    again, before = (cohort.gather(one, place).lives["educated"][2] for place in (folder, kept))
    assert all(np.array_equal(again.table[name], values) for name, values in before.table.items())


def test_arms_in_which_the_same_is_done_are_the_same_mice(folder):
    """A study of an arm against itself under another name: each mouse is run once and stands in both arms."""
    experiment = scenario.load(EDUCATION)
    twin = dataclasses.replace(experiment.arms["pbs"], name="again", note="As pbs.")
    both = dataclasses.replace(experiment, arms={**experiment.arms, "again": twin})
    one = cohort.plan(both, ("pbs", "again"), mice=3, overrides=SMALL)
    seen = []
    assert cohort.run([one], folder, 1, seen.append) == []
    assert seen[-1] == (6, 0, 1, 6)  # mice 1 and 2 of pbs are there
    found = cohort.gather(one, folder)
    for arm in ("pbs", "again"):
        assert list(found.lives[arm]) == [1, 2, 3]
    rows = effects(found)
    assert {row.arm for row in rows} == {"again"}
    assert not {row.word for row in rows} & {"more", "less"}


def test_a_picture_that_one_plan_asks_for_is_made_although_another_plan_has_no_need_of_it(tmp_path):
    plans = [planned(arms=("pbs",), mice=1, seed=2), planned(arms=("pbs",), mice=2, seed=1)]
    assert cohort.run(plans, tmp_path, 1) == []
    assert cohort.gather(plans[0], tmp_path).lives["pbs"][2].picture is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"mice": np.int64(2), "seed": np.uint8(1)},
        {"arms": np.array(["pbs", "educated"])},
        {"arms": iter(["pbs", "educated"]), "without": np.array([], str)},
    ],
)
def test_numpy_and_other_series_are_taken(changes):
    made = planned(**changes)
    assert names_of(made) == names_of(planned())
    assert type(made.seeds[0]) is int


def test_one_name_by_itself_is_one_name():
    assert planned(arms="pbs").arms == ("pbs",)
    assert planned(without="CollagenLinking").base.without == ("CollagenLinking",)


@pytest.mark.mice
def test_a_study_from_another_first_seed_uses_the_mice_that_are_there(folder):
    one = planned(seed=2)
    seen = []
    cohort.run([one], folder, 1, seen.append)
    assert seen[-1].ran == 4  # mice 3, and mice 2 again for their pictures
    assert cohort.gather(one, folder).lives["pbs"][2].picture is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"overrides": {**SMALL, "tgfb.half_life": "7 min"}},
        {"overrides": {**SMALL, "run.duration": "3 day"}},
        {"without": ["FibronectinDeposition"]},
        {"schedule": ("PrimaryGrowth", "ExosomeUptake")},
    ],
)
def test_another_mouse_has_another_name(kept, changes):
    assert cohort.gather(planned(**changes), kept).lives == {"pbs": {}, "educated": {}}


def test_arms_keep_their_names_whatever_others_run(kept):
    assert len(cohort.gather(planned(arms=("anti_mif", "educated")), kept).lives["educated"]) == 2
    assert len(set(names_of(planned(arms=None, mice=1)))) == 7


class Breaking(Process):
    """A rule that cannot be computed."""

    def step(self, state, p, chance, dt):
        raise ValueError("out of luck\nat all")


@pytest.mark.mice
def test_a_mouse_that_fails_is_told_and_the_others_go_on(tmp_path):
    one = planned()
    broken = dataclasses.replace(one, base=dataclasses.replace(one.base, schedule=(Breaking(),)))
    failures = cohort.run([broken, planned(arms=("pbs",))], tmp_path, 2)
    assert sorted((f.arm, f.seed) for f in failures if f.why == "ValueError: out of luck at all") == [
        ("educated", 1), ("educated", 2), ("pbs", 1), ("pbs", 2),
    ]  # fmt: skip
    assert len(cohort.gather(one, tmp_path).lives["pbs"]) == 2


@pytest.mark.mice
def test_what_ctrl_c_leaves_can_go_on(tmp_path):
    one = planned()

    def press(done):
        if done.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cohort.run([one], tmp_path, 1, press)
    left = sum(len(mice) for mice in cohort.gather(one, tmp_path).lives.values())
    assert 1 <= left < 4
    seen = []
    cohort.run([one], tmp_path, 1, seen.append)
    assert seen[-1] == (4, 0, 4 - left, 4)


KILLED = """
import os, signal, sys
from pathlib import Path
from niche_sim.runs import cohort, executors
write, calls = Path.write_bytes, []

def half(path, data):
    calls.append(path)
    if len(calls) == 7:  # two mice left three files each: picture, what is expected, run
        write(path, data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    return write(path, data)

Path.write_bytes = half
plan = cohort.plan(sys.argv[1], ["pbs", "educated"], mice=2, overrides=eval(sys.argv[2]))
with executors.here() as place:
    cohort.run([plan], Path(sys.argv[3]), place=place)
"""


@pytest.mark.mice
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="killed as POSIX does it")
def test_a_killed_cohort_goes_on_and_ends_with_the_same_files(kept, tmp_path):
    """Killed amid the writing of a file; nothing of what was finished is run again."""
    done = subprocess.run([sys.executable, "-c", KILLED, EDUCATION, repr(SMALL), str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.rglob("*.part-*"))) == 1
    left = len(list((tmp_path / "runs").glob("*.parquet")))
    assert left == 2
    seen = []
    with executors.here() as place:
        assert cohort.run([planned()], tmp_path, watch=seen.append, place=place) == []
    assert seen[-1] == (4, 0, 4 - left, 4)
    assert_same(tmp_path, kept)


class Study(threading.Thread):
    """A study in a thread of its own, as a page runs it. It is stopped when `enough` is set; what came of it is kept."""

    def __init__(self, one, folder, workers=1):
        super().__init__()
        self.one, self.folder, self.workers = one, folder, workers
        self.enough, self.done, self.failures, self.stopped = threading.Event(), [], None, False

    def run(self):
        try:
            self.failures = cohort.run([self.one], self.folder, self.workers, self.done.append, self.enough.is_set)
        except executors.Cancelled:
            self.stopped = True

    def wait_until(self, condition):
        until(lambda: condition() or not self.is_alive())

    def stop(self):
        self.enough.set()
        self.join(PATIENCE)
        assert not self.is_alive()


ENDLESS = {**SMALL, "run.duration": "40000 day"}  # hours of work


@pytest.mark.mice
def test_a_study_is_stopped_from_outside_and_goes_on_later(tmp_path):
    one, seen = planned(mice=1000), []
    study = Study(one, tmp_path)
    study.start()
    study.wait_until(lambda: len(study.done) >= 2)
    study.stop()
    assert study.stopped
    left = sum(len(mice) for mice in cohort.gather(one, tmp_path).lives.values())
    assert 1 <= left < 2000
    few = planned(mice=2)
    missing = 4 - sum(len(mice) for mice in cohort.gather(few, tmp_path).lives.values())
    assert missing < 4
    assert cohort.run([few], tmp_path, 1, seen.append, lambda: False) == []
    assert seen[-1] == (4, 0, missing, 4)


@pytest.mark.mice
def test_mice_at_work_are_given_up_at_once_and_other_studies_go_on(tmp_path, monkeypatch):
    usual = executors.local

    @contextlib.contextmanager
    def unforgiving(number):
        with usual(number) as place:
            yield dataclasses.replace(place, deaths=1)

    monkeypatch.setattr(executors, "local", unforgiving)  # a worker that is ended by mistake shows as a failure
    before = set(multiprocessing.active_children())
    endless = Study(planned(arms=("educated",), overrides=ENDLESS), tmp_path / "endless", 2)
    other = Study(planned(overrides={**SMALL, "run.duration": "6 day"}), tmp_path / "other")
    endless.start()
    endless.wait_until(lambda: len(set(multiprocessing.active_children()) - before) == 2)
    at_work = set(multiprocessing.active_children()) - before
    other.start()
    other.wait_until(lambda: len(other.done) >= 2)
    endless.stop()
    assert endless.stopped
    # Asked again and again: while another thread is just learning that a process has ended, it still counts as alive.
    until(lambda: not any(worker.is_alive() for worker in at_work))
    other.join(PATIENCE)
    assert other.failures == []
    assert not other.stopped
    assert [done.done for done in other.done] == [0, 1, 2, 3, 4]
    assert cohort.gather(endless.one, endless.folder).lives == {"educated": {}}


def test_a_study_that_nobody_wants_is_not_begun(tmp_path):
    one = planned()
    with pytest.raises(executors.Cancelled):
        cohort.run([one], tmp_path, 1, stop=lambda: True)
    assert not list(tmp_path.rglob("*.parquet*"))


def test_values_at_a_time_and_over_a_window(kept):
    found = cohort.gather(planned(), kept)
    life = found.lives["educated"][1]
    times, column = life.table["time_h"], life.table["exosomes_taken_up"]
    assert found.values("educated", "exosomes_taken_up", 26.0)[1] == column[times == 24.0][0]  # the last row up to it
    window = (times > 24.0) & (times <= 48.0)
    fibronectin = life.table["fibronectin_mean"]
    assert found.values("educated", "fibronectin_mean", 48.0, 24.0)[1] == pytest.approx(fibronectin[window].mean())
    assert len(np.unique(fibronectin[window])) == 4  # one dose deposits without a pause
    life.onsets["priming"] = 10.0
    assert found.values("educated", "onset_priming", 48.0)[1] == 10.0
    assert found.values("educated", "onset_priming", 9.0)[1] == math.inf  # not by then
    assert found.values("pbs", "onset_colonisation", 48.0)[1] == math.inf


def test_pairs_are_mice_of_one_seed():
    a, b = cohort.Cohort(None).pairs({1: 1.0, 2: 2.0, 4: 4.0}, {4: 40.0, 1: 10.0, 3: 30.0})
    np.testing.assert_array_equal(a, [1.0, 4.0])
    np.testing.assert_array_equal(b, [10.0, 40.0])


def test_coarse_pictures_are_means_of_blocks():
    values = np.arange(210.0 * 4).reshape(210, 4)
    coarse = _coarse(values)
    assert coarse.shape == (70, 1)
    assert coarse[0, 0] == values[:3, :3].mean()


@pytest.mark.parametrize(
    ("changes", "where", "allowed"),
    [
        ({"arms": ("pbs", "educatd")}, "arms", "educated"),
        ({"arms": ("pbs", "pbs")}, "arms", "once"),
        ({"arms": ()}, "arms", "at least one"),
        ({"arms": {"pbs": 1}}, "arms", "a list of names of arms"),
        ({"arms": ["pbs", 3]}, "arms", "each of them text"),
        ({"mice": 2.0}, "mice", "a whole number from 1"),
        ({"mice": "2"}, "mice", "a whole number from 1"),
        ({"mice": 0}, "mice", "a whole number from 1"),
        ({"seed": -1}, "seed", "a whole number from 0"),
        ({"seed": np.array([1, 2])}, "seed", "a whole number from 0"),
        ({"overrides": ["run.duration"]}, "overrides", "a table"),
        ({"without": ["Nothing"]}, "without", "lists all"),
        ({"overrides": {"tgfb.half_lif": "3 min"}}, "tgfb.half_lif", "tgfb.half_life"),
    ],
)
def test_what_cannot_be_run_is_refused_at_once(changes, where, allowed):
    with pytest.raises(InputError) as caught:
        planned(**changes)
    assert caught.value.where == where
    assert allowed in caught.value.allowed


def test_tables_are_read_as_they_were_written(tmp_path):
    rows = [{"arm": "a", "value": 1.5, "note": None}, {"arm": "b", "value": math.nan, "note": "x"}]
    assert cohort.read_table(cohort.write_table(rows, tmp_path / "t.parquet")) == [rows[0], {**rows[1], "value": None}]
    assert cohort.read_table(cohort.write_table([], tmp_path / "empty.parquet")) == []
    (tmp_path / "no.parquet").write_text("no")
    with pytest.raises(InputError, match="a table that niche-sim wrote"):
        cohort.read_table(tmp_path / "no.parquet")
