"""Cohorts in the background: the mice are those of a cohort, one study at a time, and it can be given up."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from niche_sim.dashboard import study
from niche_sim.dashboard.link import Setup
from niche_sim.dashboard.study import Study, plan_of
from niche_sim.experiment.protocol import Block
from niche_sim.runs import cohort
from niche_sim.runs.store import Part

SHORT = (("section.width", "0.6 mm"), ("section.height", "0.6 mm"), ("run.duration", "4 day"))
OURS = Setup("liver_growing_primary", "primary", overrides=SHORT)
PATIENCE = 120.0  # s


class Reports:
    def __init__(self):
        self.changed, self.all = threading.Condition(), []

    def __call__(self, report):
        with self.changed:
            self.all.append(report)
            self.changed.notify_all()

    def wait(self, *states):
        with self.changed:
            assert self.changed.wait_for(lambda: self.all and self.all[-1].state in states, PATIENCE), self.all[-1:]
            return self.all[-1]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "mice_folder", lambda: tmp_path)
    return tmp_path


def blocked(setup, efficacy=0.9):
    return setup.with_interventions((*setup.interventions(), Block("mif", efficacy, 24.0, 96.0)))


@pytest.mark.mice
def test_a_study_gives_the_mice_of_a_cohort_and_their_effects(folder):
    ours = replace(OURS, arm="resected")
    reports = Reports()
    plan = plan_of(ours, OURS, 2)
    Study(plan, ("resected", "primary"), reports).start()
    report = reports.wait("done", "failed")
    assert report.state == "done", report.why
    assert report.arms == ("resected", "primary") and (report.done, report.total) == (4, 4)
    assert set(report.cohort.lives) == {"resected", "primary"}
    model = OURS.model().run_to_end()
    np.testing.assert_array_equal(
        report.cohort.lives["primary"][1].table["tgfb_mean"], model.rows["tgfb_mean"]
    )
    assert {row.readout for row in report.rows} >= {"tgfb_mean", "bmdc_arrested"}
    assert all((row.arm, row.against) == ("resected", "primary") for row in report.rows)
    shares = [one.share for one in reports.all if one.state == "running"]
    assert shares == sorted(shares) and shares[0] == 0.0


@pytest.mark.mice
def test_the_same_mice_are_not_run_twice(folder):
    plan = plan_of(replace(OURS, arm="resected"), OURS, 2)
    told, written = [], []
    for _ in range(2):
        reports = Reports()
        Study(plan, ("resected", "primary"), reports).start()
        report = reports.wait("done", "failed")
        told.append((report.state, report.done, report.total, len(report.cohort.lives["resected"])))
        written.append({file.name: file.stat().st_mtime_ns for file in folder.rglob("*.parquet")})
    assert told == [("done", 4, 4, 2)] * 2
    assert len(written[0]) == 4
    assert written[0] == written[1], "a second visitor has the first one's at once"


def test_both_may_have_been_edited():
    ours, theirs = blocked(OURS, 0.9), blocked(OURS, 0.5)
    assert ours.arm_name() == theirs.arm_name()
    plan = plan_of(ours, theirs, 3)
    first, second = (plan.experiment.arms[name].protocol for name in plan.arms)
    assert len(set(plan.arms)) == 2
    assert first.interventions == theirs.interventions() and second.interventions == ours.interventions()
    assert plan.seeds == (1, 2, 3) and dict(plan.base.overrides) == dict(SHORT)


def test_an_edited_run_against_its_own_arm():
    plan = plan_of(blocked(OURS), OURS, 2)
    assert plan.arms[0] == "primary" and plan.arms[1] == "primary_edited"


def test_it_can_be_given_up(folder):
    reports = Reports()
    long = replace(OURS, overrides=(*SHORT[:2], ("run.duration", "60 day")))
    one = Study(plan_of(replace(long, arm="resected"), long, 20), ("a", "b"), reports)
    one.start()
    reports.wait("running")
    one.cancel()
    assert reports.wait("cancelled", "done", "failed").state == "cancelled"


def test_a_second_study_waits_for_the_first(folder, monkeypatch):
    going, go = threading.Event(), threading.Event()

    def slow(plans, folder, workers, watch, stop):
        going.set()
        go.wait(PATIENCE)
        return []

    monkeypatch.setattr(cohort, "run", slow)
    monkeypatch.setattr(study, "effects", lambda mice: [])
    plan = plan_of(replace(OURS, arm="resected"), OURS, 2)
    first, second, third = Reports(), Reports(), Reports()
    Study(plan, ("a", "b"), first).start()
    assert going.wait(PATIENCE)
    Study(plan, ("a", "b"), second).start()
    given_up = Study(plan, ("a", "b"), third)
    given_up.start()
    given_up.cancel()
    assert third.wait("cancelled").state == "cancelled"
    assert second.all[-1].state == "waiting"
    go.set()
    first.wait("done")
    second.wait("done")


def test_a_fault_is_a_sentence(monkeypatch, caplog):
    def broken(*_, **__):
        raise ValueError("no such thing")

    monkeypatch.setattr(cohort, "run", broken)
    reports = Reports()
    Study(plan_of(replace(OURS, arm="resected"), OURS, 2), ("a", "b"), reports).start()
    assert "ValueError: no such thing" in reports.wait("failed").why
    assert caplog.records


def test_the_band_is_the_spread_of_mice():
    curves = np.arange(11.0)[:, None] * np.array([1.0, 10.0])
    lives = {"a": {n: Part({"time_h": np.zeros(2), "bmdc": curves[n]}, {}) for n in range(11)}}
    low, middle, high = cohort.Cohort(plan_of(replace(OURS, arm="resected"), OURS, 2), lives).band("a", "bmdc")
    np.testing.assert_allclose([low, middle, high], [[1.0, 10.0], [5.0, 50.0], [9.0, 90.0]])
