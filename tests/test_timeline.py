"""A run can be looked at on any hour and branched from there: whatever is shown is what an undisturbed run has, bit for bit."""

import dataclasses
import functools

import numpy as np
import pytest

import niche_sim
from niche_sim.engine.errors import InputError
from niche_sim.experiment.protocol import (
    Block,
    Boost,
    Deplete,
    GrowPrimary,
    InjectExosomes,
    InjectTumourCells,
    Protocol,
    ResectPrimary,
    Treat,
)
from niche_sim.experiment.scenario import load
from niche_sim.experiment.scenario_file import Arm, Extent, ParameterChange
from niche_sim.experiment.simulation import Simulation
from niche_sim.runs.checkpoints import Timeline, first_difference
from niche_sim.runs.record import freeze

SMALL = {"section.width": "600 um", "section.height": "640 um", "run.duration": "4 day"}
SEED = 5
EXPERIMENT = load("liver_education_costasilva2015")

DOSES = InjectExosomes("pdac", (0.0, 24.0, 48.0, 72.0), amount_ug=5.0)
CELLS = InjectTumourCells("pan02", 20_000_000, 30.0)
LONG, SHORT = Block("fibronectin", 0.9, 0.0, 90.0), Block("fibronectin", 0.9, 0.0, 60.0)
ARMS = {
    "educated": (DOSES, CELLS),
    "added": (DOSES, CELLS, Block("tgfb_receptor", 0.9, 53.0, 80.0)),
    "removed": (dataclasses.replace(DOSES, times=DOSES.times[:3]), CELLS),
    "long": (DOSES, CELLS, LONG),
    "short": (DOSES, SHORT, CELLS),
    "emptied": (DOSES, CELLS, Deplete("kupffer_cells", 0.5, 50.5, 90.0)),
}


def experiment(**changes):
    arms = {name: Arm(name, "", Protocol(interventions)) for name, interventions in ARMS.items()}
    return dataclasses.replace(EXPERIMENT, arms=arms, **changes)


def mouse(arm="educated", **changes):
    return Simulation(experiment(), arm, overrides={**SMALL, **changes}, rng=SEED)


def timeline(arm="educated", hours=96, **options):
    line = Timeline(mouse(arm), **options)
    line.advance(hours)
    return line


@functools.cache
def whole_run(arm):
    return niche_sim.run(experiment(), arm, seed=SEED, overrides=SMALL)


def copied(model):
    return {name: np.array(array) for name, array in freeze(model).items()}


def assert_same(first, second):
    assert list(first) == list(second)
    for name, array in first.items():
        assert array.dtype == second[name].dtype, name
        np.testing.assert_array_equal(array, second[name], err_msg=name)


def assert_same_record(first, second):
    assert_same(first.table, second.table)
    assert_same(first.events, second.events)
    assert list(first.snapshots) == list(second.snapshots)
    for time, arrays in first.snapshots.items():
        assert_same(arrays, second.snapshots[time])
    assert first.onsets == second.onsets
    assert first.provenance == second.provenance


@pytest.fixture(scope="module")
def undisturbed():
    """The frozen model at every step of a run that nobody disturbed."""
    model = mouse()
    moments = [copied(model)]
    while model.steps_left:
        model.step()
        moments.append(copied(model))
    return moments


def test_what_the_mouse_of_these_tests_goes_through(undisturbed):
    """Else the tests below would compare nothing with nothing."""
    kinds = undisturbed[-1]["state_event_kind"].tolist()
    assert len(kinds) > len(undisturbed[48]["state_event_kind"]) > 0
    assert len(undisturbed[-1]["table_time_h"]) == 17
    assert undisturbed[50]["stages"] != undisturbed[20]["stages"]  # an onset comes to be known


def test_back_and_on_again_is_the_undisturbed_run(undisturbed):
    line = timeline(hours=60)
    model = line.model
    line.seek(31.0)
    assert line.model is model
    assert (line.time, line.frontier, line.duration) == (31.0, 60.0, 96.0)
    assert_same(copied(model), undisturbed[31])
    assert (model.state.step_index, model.steps_left) == (31, 65)
    assert line.advance(1000) == 65
    assert (line.time, line.frontier, line.advance()) == (96.0, 96.0, 0)
    assert_same(copied(model), undisturbed[96])
    line.seek(0.0)
    assert model.steps_left == 96
    assert_same(copied(model), undisturbed[0])
    line.seek(96.0)
    assert_same(copied(model), undisturbed[96])


@pytest.mark.mice
@pytest.mark.parametrize("budget", [10**9, 400_000, 0])
def test_wherever_one_looks_there_is_the_undisturbed_run(undisturbed, budget):
    """Looks here and there at random, as somebody does who plays with the scrubber; seeds are fixed."""
    where = np.random.default_rng(11)
    line = Timeline(mouse(), budget)
    frontier = 0
    for _ in range(60):
        if where.random() < 0.4:
            line.advance(int(where.integers(0, 40)))
        else:
            line.seek(float(where.uniform(0.0, line.frontier)))
        step = round(line.time)
        frontier = max(frontier, step)
        assert line.frontier == frontier
        assert_same(copied(line.model), undisturbed[step])
        rows = {k.removeprefix("table_"): v for k, v in undisturbed[frontier].items() if k.startswith("table_")}
        assert_same(line.table, {name: values.astype(float) for name, values in rows.items()})
        assert line.onsets_by(line.time) == line.model.stages.onsets
        assert line.onsets_by(line.frontier) == line.onsets
    assert frontier > 80


def test_a_time_within_a_step_shows_the_nearest():
    line = timeline(hours=10)
    for time, shown in ((3.4, 3.0), (3.6, 4.0), (10.0 + 1e-12, 10.0)):
        line.seek(time)
        assert line.time == shown


@pytest.mark.parametrize("time", [-1.0, 10.3, float("nan"), float("inf")])
def test_a_time_that_is_not_there_is_refused(time):
    line = timeline(hours=10)
    line.seek(4.0)
    with pytest.raises(InputError, match="from 0 to 10 h"):
        line.seek(time)
    with pytest.raises(InputError, match="from 0 to 10 h"):
        line.branch(experiment(), "educated", time)
    assert line.time == 4.0


def test_a_mouse_that_has_run_makes_no_timeline():
    model = mouse()
    model.step()
    with pytest.raises(InputError, match="time 0"):
        Timeline(model)


def test_memory_stays_within_the_budget():
    long = {"run.duration": "20 day"}
    roomy = Timeline(mouse(**long))
    roomy.advance(480)
    one = roomy.memory / 21  # one a day
    line = Timeline(mouse(**long), int(6 * one))
    seen = []
    while line.advance(31):
        seen.append(line.memory)
        line.seek(line.frontier - 1.0)  # the frontier is kept, too
        seen.append(line.memory)
        line.seek(line.frontier)
    assert line.frontier == 480.0
    assert max(seen) <= line.budget
    assert seen[-1] > 2 * one  # and it is made use of
    assert roomy.memory > 3 * line.budget
    straight = Timeline(mouse(**long), line.budget)  # nor does it hang on somebody looking back
    while straight.advance(6):
        assert straight.memory <= straight.budget
    line.seek(300.0)
    roomy.seek(300.0)
    assert_same(copied(line.model), copied(roomy.model))


@pytest.mark.parametrize(
    ("old", "new", "at", "shown"),
    [
        ("educated", "added", 53.0, 90.0),
        ("educated", "added", 53.0, 53.0),
        ("educated", "added", 53.0, 13.0),
        ("educated", "added", 0.0, 90.0),
        ("added", "educated", 48.0, 49.0),
        ("educated", "removed", 72.0, 90.0),
        ("removed", "educated", 70.5, 13.0),
        ("long", "short", 60.0, 90.0),
        ("short", "long", 59.0, 13.0),
        ("educated", "emptied", 50.0, 90.0),
        ("educated", "educated", 90.0, 90.0),
        ("educated", "educated", 90.0, 13.0),
    ],
)
def test_a_branch_is_the_whole_run_of_its_arm(old, new, at, shown):
    line = timeline(old, hours=90)
    line.seek(shown)
    branch = line.branch(experiment(), new, at)
    assert branch.time == branch.frontier == np.floor(at)
    whole = mouse(new)
    for _ in range(int(at)):
        whole.step()
    assert_same(copied(branch.model), copied(whole))
    branch.advance(1000)
    branch.seek(20.0)  # the past that is shared can be looked at, too
    assert_same_record(branch.record(), whole_run(new))


def test_a_branch_leaves_the_first_run_as_it_was(undisturbed):
    line = timeline(hours=70)
    line.seek(60.0)
    branch = line.branch(experiment(), "added", 53.0)
    assert (line.time, line.frontier) == (60.0, 70.0)
    assert_same(copied(line.model), undisturbed[60])
    while branch.advance(5) + line.advance(3):  # in turns
        pass
    assert_same(copied(line.model), undisturbed[96])
    assert_same(copied(branch.model), copied(mouse("added").run_to_end()))
    assert branch.model is not line.model
    line.seek(55.0)
    assert branch.time == 96.0
    assert line.onsets == line.onsets_by(96.0)


@pytest.mark.parametrize(
    ("old", "new", "differ"),
    [("educated", "added", 53), ("removed", "educated", 72), ("long", "short", 60), ("educated", "emptied", 50)],
)
def test_a_branch_after_the_protocols_differ_is_refused(old, new, differ):
    line = timeline(old, hours=80)
    assert line.branch(experiment(), new, differ).time == differ
    with pytest.raises(InputError, match=rf"'{new}' differs from .* day on, before .* day"):
        line.branch(experiment(), new, differ + 1.0)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("organ", {"organ": "lung"}),
        ("section", {"section": Extent(700.0, 640.0, 20.0)}),
        ("run.step", {"step": 0.5}),
        ("run.record", {"record": 12.0}),
        ("run.duration", {"duration": 120.0}),
        ("schedule", {"schedule": "no_stage3"}),
        ("threshold.priming", {"path": EXPERIMENT.path.parent / "elsewhere" / "scenario.toml"}),
        ("tgfb.half_life", {"parameters": {"tgfb.half_life": "7 min"}}),
    ],
)
def test_a_branch_of_another_mouse_is_refused(name, changes):
    same = {"section": Extent(600.0, 640.0, 20.0), "duration": 96.0}
    line = Timeline(Simulation(experiment(**same), "educated", rng=SEED))
    line.branch(experiment(**same), "added", 0.0)
    if "parameters" in changes:
        changed = {k: ParameterChange(v, "assumed", "chosen") for k, v in changes["parameters"].items()}
        changes = {"parameters": {**EXPERIMENT.parameters, **changed}}
    with pytest.raises(InputError, match="as in the run that is left") as caught:
        line.branch(experiment(**{**same, **changes}), "added", 0.0)
    assert caught.value.where == f"branch: {name}"
    assert len(str(caught.value)) < 200


def test_a_record_is_that_of_a_run():
    """Over more than two weeks and to an end that is no time of a row, so that every kind of snapshot is in it."""
    size = {**SMALL, "run.duration": "363 h"}
    line = Timeline(mouse(**{"run.duration": "363 h"}), 700_000)
    line.advance(363)
    assert_same_record(line.record(), niche_sim.run(experiment(), "educated", seed=SEED, overrides=size))
    line.seek(190.0)
    shown = copied(line.model)
    record = line.record()
    assert list(record.snapshots) == [0.0, 168.0, 336.0, 363.0]
    assert line.time == 190.0
    assert_same(copied(line.model), shown)
    line.advance(1000)
    assert_same_record(line.record(), record)


def test_a_record_halfway_ends_at_the_frontier(undisturbed):
    line = timeline(hours=50)
    line.seek(20.0)
    record = line.record()
    assert list(record.snapshots) == [0.0, 50.0]
    np.testing.assert_array_equal(record.snapshots[50.0]["field_tgfb"], undisturbed[50]["state_field_tgfb"])
    assert record.table["time_h"].tolist() == [6.0 * n for n in range(9)]
    assert record.onsets == line.onsets
    assert line.time == 20.0


A, B = Block("mif", 0.9, 24.0, 240.0), Block("mif", 0.5, 48.0, 240.0)
C, D = Block("lox", 0.9, 24.0, 240.0), Deplete("nk_cells", 0.5, 24.0, 240.0)
GROWING = GrowPrimary("pan02", 1e6, 60.0)


@pytest.mark.parametrize(
    ("a", "b", "time"),
    [
        ((), (), None),
        ((A, DOSES), (A, DOSES), None),
        ((), (A,), 24.0),
        ((A,), (dataclasses.replace(A, end=200.0),), 200.0),
        ((A,), (dataclasses.replace(A, end=300.0),), 240.0),
        ((A,), (dataclasses.replace(A, start=30.0),), 24.0),
        ((A,), (dataclasses.replace(A, efficacy=0.8),), 24.0),
        ((A,), (C,), 24.0),
        ((A, B), (A,), 48.0),
        ((A, B), (B, A), 48.0),  # what is left is multiplied in another order
        ((A, C, D, DOSES), (DOSES, D, C, A), None),  # on different things in any order
        ((Boost("il6", 2.0, 5.0, 9.0),), (Boost("il6", 2.0, 5.0, 8.0),), 8.0),
        ((Boost("il6", 2.0, 5.0, 9.0),), (Boost("il6", 3.0, 5.0, 9.0),), 5.0),
        ((D,), (dataclasses.replace(D, end=200.0),), 24.0),  # whom it hits hangs on the whole window
        ((D,), (dataclasses.replace(D, fraction=0.4),), 24.0),
        ((DOSES,), (dataclasses.replace(DOSES, times=DOSES.times[:2]),), 48.0),
        ((DOSES,), (dataclasses.replace(DOSES, times=(0.0, 24.0, 60.0)),), 48.0),
        ((DOSES,), (dataclasses.replace(DOSES, amount_ug=4.0),), 0.0),
        ((DOSES,), (dataclasses.replace(DOSES, source="normal_pancreas"),), 0.0),
        ((DOSES,), tuple(dataclasses.replace(DOSES, times=(time,)) for time in DOSES.times), None),
        ((CELLS,), (dataclasses.replace(CELLS, count=10),), 30.0),
        ((CELLS,), (dataclasses.replace(CELLS, at=40.0),), 30.0),
        ((CELLS, InjectExosomes("pdac", (30.0,), 5.0)), (InjectExosomes("pdac", (30.0,), 5.0), CELLS), 30.0),
        ((Treat("gemcitabine", 1.0, (3.0, 6.0)),), (Treat("gemcitabine", 1.0, (3.0, 9.0)),), 6.0),
        ((Treat("gemcitabine", 1.0, (3.0, 6.0)),), (Treat("gemcitabine", 2.0, (3.0, 6.0)),), 3.0),
        ((GROWING,), (GROWING, ResectPrimary(100.0)), 100.0),
        ((GROWING,), (dataclasses.replace(GROWING, doubling=61.0),), 0.0),
        ((GROWING, A), (DOSES, GROWING), 0.0),
    ],
)
def test_from_when_protocols_differ(a, b, time):
    assert first_difference(Protocol(a), Protocol(b)) == time
    assert first_difference(Protocol(b), Protocol(a)) == time


def test_hourly_doses_for_a_year_are_compared_at_once():
    """8,760 doses are allowed: all pairs of them would take minutes."""
    year = InjectExosomes("pdac", tuple(float(hour) for hour in range(8760)), 5.0)
    assert first_difference(Protocol((year,)), Protocol((dataclasses.replace(year, times=year.times[:-1]),))) == 8759.0
