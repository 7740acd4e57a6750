"""Paths that add up instead of needing one another, and the schedules that have names."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from niche_sim.engine.errors import InputError
from niche_sim.model.cells import BoneMarrowDerivedCell
from niche_sim.model.parameters import resolve
from niche_sim.model.process import Process
from niche_sim.model.processes.licensing.parallel_deposition import ParallelDeposition
from niche_sim.model.processes.recruitment.parallel_arrest import ParallelArrest
from niche_sim.model.processes.recruitment.parallel_recruitment import ParallelRecruitment
from niche_sim.model.schedule import ALTERNATIVES, DEFAULT, PARALLEL, SCHEDULES, schedule

EXACT = 1e-12  # roundings of exponentials
MACROPHAGE, MDSC = map(BoneMarrowDerivedCell.kind.code, ("macrophage", "mdsc"))
# Which of three paths is open -> the share of the full rate.
PATHS = pytest.mark.parametrize(
    "paths", [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0.5, 0.2, 0.8), (1, 1, 1)], ids=str
)


def even(state, **levels):
    for name, level in levels.items():
        setattr(state, name, np.full(state.section.shape, float(level)))


# --- deposition ------------------------------------------------------------------------------------------------------


@PATHS
def test_each_path_lays_a_third_for_itself(bare, p, settle, one_a_site, act, paths):
    y, x = one_a_site(bare.section)
    activation, bare.blood.saa, bare.blood.s100a8 = paths
    settle(bare, "stellate_cells", len(y), y=y, x=x, activation=activation)
    act(ParallelDeposition(), bare, p, dt=24.0)
    source, decay = p.fibronectin.rate_deposit * sum(paths) / 3 / 8000, math.log(2) / p.fibronectin.half_life
    np.testing.assert_allclose(bare.fibronectin, 1 + source / decay * -math.expm1(-24 * decay), rtol=1e-9)


def test_a_naive_organ_keeps_its_floor(naive, p, changes):
    naive.fibronectin = np.ones(naive.section.shape)
    assert changes(ParallelDeposition(), naive, p, steps=50) == set()


@pytest.mark.parametrize("paths", [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0)])
@pytest.mark.parametrize(("y", "x"), [(350.0, 290.0), (5.0, 3.0)])
def test_one_cell_raises_its_surroundings_and_nothing_else(bare, p, settle, act, y, x, paths):
    activation, bare.blood.saa, bare.blood.s100a8 = paths
    settle(bare, "stellate_cells", 1, y=y, x=x, activation=activation)
    act(ParallelDeposition(), bare, p)
    raised, section, decay = bare.fibronectin - 1.0, bare.section, math.log(2) / p.fibronectin.half_life
    amount = p.fibronectin.rate_deposit / 3 / decay * -math.expm1(-decay)
    assert raised.sum() * section.site_volume == pytest.approx(amount, rel=1e-9)  # also in a corner
    middles = (np.indices(section.shape) + 0.5) * section.spacing
    distance = np.hypot(middles[0] - (y // 20 + 0.5) * 20, middles[1] - (x // 20 + 0.5) * 20)
    assert (raised[distance > p.stellate.reach + 14.2] < 1e-12).all()  # half a site's diagonal
    assert (raised[distance < p.stellate.reach - 14.2] > 1e-6).all()


@pytest.mark.parametrize("blocked", [0.5, 1.0])
def test_a_knock_out_stops_all_paths_and_leaves_the_floor(bare, p, settle, act, blocked):
    settle(bare, "stellate_cells", 50, activation=0.5)
    bare.blood.saa, bare.blood.s100a8 = 0.7, 0.3
    free = act(ParallelDeposition(), bare, p).fibronectin - 1.0
    even(bare, fibronectin=1.0)
    bare.blocked.fibronectin = blocked
    left = act(ParallelDeposition(), bare, p).fibronectin - 1.0
    np.testing.assert_allclose(left, (1 - blocked) * free, atol=EXACT)


def test_two_half_steps_of_deposition_are_one(naive, p, act):
    naive.stellate_cells.activation[:] = np.random.default_rng(1).random(len(naive.stellate_cells))
    naive.blood.saa = 0.4
    once = act(ParallelDeposition(), naive, p, dt=24.0).fibronectin
    even(naive, fibronectin=1.0)
    np.testing.assert_allclose(act(ParallelDeposition(), naive, p, dt=12.0, steps=2).fibronectin, once, rtol=EXACT)


# --- recruitment -----------------------------------------------------------------------------------------------------


def call(state, p, paths):
    """Open the paths; CCL2 so that it calls by its share."""
    by_ccl2, state.blood.saa, state.blood.s100a8 = paths
    ratio = (by_ccl2 / (1 - by_ccl2)) if by_ccl2 < 1 else 1e12
    state.blood.ccl2 = p.bmdc.half_signal * ratio ** (1 / p.bmdc.steepness)


def test_nobody_comes_if_nobody_comes_at_rest_or_called(bare, changes):
    nobody = resolve({"bmdc.rate_rest": "0 cell/mm^3/day"})
    assert changes(ParallelRecruitment(), bare, nobody, dt=1000.0) == set()


@PATHS
@pytest.mark.parametrize("blocked", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("steps", [1, 2])
def test_each_path_calls_a_third_for_itself(bare, p, act, agrees, happens, steps, blocked, paths):
    call(bare, p, paths)
    bare.blocked.ccr2 = blocked  # a block of one path leaves the others
    act(ParallelRecruitment(), bare, p, dt=4800.0 / steps, steps=steps)
    called = (paths[0] * (1 - blocked) + paths[1] + paths[2]) / 3
    expected = (p.bmdc.rate_rest + p.bmdc.rate_called * called) * bare.section.volume * 4800
    agrees(len(bare.bmdc), expected, math.sqrt(expected))
    at_rest = p.bmdc.rate_rest / (p.bmdc.rate_rest + p.bmdc.rate_called * called)
    happens(bare.bmdc.arrested.sum(), len(bare.bmdc), p.bmdc.chance_arrest_on_entry * at_rest)
    assert (bare.bmdc.kind == MACROPHAGE).all()


def test_newcomers_enter_anywhere_in_the_tissue_with_keys_of_their_own(bare, p, act):
    call(bare, p, (1, 1, 1))
    act(ParallelRecruitment(), bare, p, dt=24_000.0, steps=2)
    cells, tissue = bare.bmdc, ~bare.section.lumen.ravel()
    counts = np.bincount(bare.section.site_of(cells.y, cells.x), minlength=tissue.size)
    assert counts[~tissue].sum() == 0
    assert stats.chisquare(counts[tissue]).pvalue > 1e-4
    assert stats.chisquare(np.histogram(cells.heading, 12, (0, 2 * math.pi))[0]).pvalue > 1e-4
    assert len(np.unique(cells.key)) == len(cells)
    assert set(cells.entered_at) == {0.0, 24_000.0}


# --- arrest ----------------------------------------------------------------------------------------------------------


def hold(state, p, paths):
    """Open the paths: each field so that it holds by its share."""
    numbers = (
        ("fibronectin", p.bmdc.half_fibronectin, p.bmdc.steepness_fibronectin),
        ("collagen", p.bmdc.half_collagen, 2.0),
        ("tgfb", p.stellate.half_signal, p.stellate.steepness),
    )
    for (name, half, steepness), share in zip(numbers, paths, strict=True):
        ratio = (share / (1 - share)) if share < 1 else 1e12
        even(state, **{name: half * ratio ** (1 / steepness)})


@PATHS
@pytest.mark.parametrize("steps", [1, 2])
def test_each_path_holds_by_a_third_for_itself(bare, p, settle, act, happens, steps, paths):
    cells = settle(bare, "bmdc", 40_000, kind=np.arange(40_000) % 4)
    hold(bare, p, paths)
    act(ParallelArrest(), bare, p, dt=2.0 / steps, steps=steps)
    held = -math.expm1(-p.bmdc.rate_arrest * sum(paths) / 3 * 2.0)
    for kind in (MACROPHAGE, MDSC):
        arrested = cells.arrested[cells.kind == kind].sum()
        if held > 0:
            happens(arrested, 10_000, held)
        else:
            assert arrested == 0
    assert not cells.arrested[~np.isin(cells.kind, (MACROPHAGE, MDSC))].any()


@pytest.mark.parametrize("name", ["fibronectin", "collagen", "tgfb"])
def test_what_is_here_holds_here(bare, p, settle, act, name):
    cells = settle(bare, "bmdc", 2000)
    even(bare, fibronectin=0.0)
    getattr(bare, name)[:10, :12] = 1e6
    act(ParallelArrest(), bare, p, dt=200.0)
    np.testing.assert_array_equal(cells.arrested, (cells.y < 200.0) & (cells.x < 240.0))


def test_held_cells_stay_held(bare, p, settle, changes):
    settle(bare, "bmdc", 300, arrested=True)
    even(bare, fibronectin=0.0)
    assert changes(ParallelArrest(), bare, p, dt=100.0) == set()


@pytest.mark.parametrize("process", [kind() for kind in ALTERNATIVES], ids=lambda process: process.name)
def test_each_changes_what_it_writes_and_nothing_else(naive, p, settle, changes, process):
    settle(naive, "bmdc", 300)
    call(naive, p, (0.5, 0.5, 0.5))
    hold(naive, p, (0.5, 0.5, 0.5))
    naive.stellate_cells.activation[:] = 0.5
    assert changes(process, naive, p, dt=50.0) == set(process.writes)


# --- schedules -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "missing", "instead"),
    [
        ("default", [], []),
        ("no_feedback", ["CollagenPeptides", "GranulinFeedback"], []),
        ("no_stage3", ["EpithelialRecruitment", "NicheSprouting"], []),
        (
            "additive",
            ["BmdcArrest", "FibronectinDeposition", "Recruitment"],
            ["ParallelArrest", "ParallelDeposition", "ParallelRecruitment"],
        ),
    ],
)
def test_a_named_schedule_differs_from_the_default_as_it_says(name, missing, instead):
    default, named = ([process.name for process in schedule(which)] for which in ("default", name))
    assert default == [kind.__name__ for kind in DEFAULT]
    assert len(set(named)) == len(named)
    assert sorted(set(default) - set(named)) == missing
    assert sorted(set(named) - set(default)) == instead
    back = {after.__name__: before.__name__ for before, after in PARALLEL.items()}
    rest = missing if not instead else []
    assert [back.get(process, process) for process in named] == [process for process in default if process not in rest]


def test_every_process_is_in_a_schedule_once_and_is_new_for_every_mouse():
    first, second = schedule(), schedule()
    assert all(isinstance(process, Process) for process in first)
    assert not set(map(id, first)) & set(map(id, second))
    everywhere = {kind for kinds in SCHEDULES.values() for kind in kinds}
    assert everywhere == {*DEFAULT, *ALTERNATIVES}


@pytest.mark.parametrize("wrong", ["parallel", "Default", ""])
def test_an_unknown_schedule_is_one_line_that_lists_those_known(wrong):
    with pytest.raises(InputError, match="default, no_feedback, additive, no_stage3") as error:
        schedule(wrong)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "never"),
    [
        ("default", set()),
        ("no_feedback", {"periostin", "peptides"}),
        ("no_stage3", {"epithelial_cells", "vessels"}),
        ("additive", set()),
    ],
)
def test_without_its_rules_a_schedule_never_makes_what_they_make(naive, settle, act, name, never):
    """Half a day of the whole schedule in a niche that has it all to do."""
    p = resolve({"angiogenesis.rate_epithelial": "1e5 cell/mm^3/day"})
    settle(naive, "bmdc", 300, arrested=True)
    naive.stellate_cells.activation[:] = 1.0
    even(naive, fibronectin=8.0, collagen=0.5, vegf=1.0)
    for n in range(12):
        for process in schedule(name):
            if dt := process.due(n, 1.0):
                naive.step_index = n
                act(process, naive, p, dt=dt)
        naive.time = n + 1.0
    made = {
        "periostin": naive.periostin.any(),
        "peptides": naive.blood.peptides > 0,
        "epithelial_cells": len(naive.epithelial_cells) > 0,
        "vessels": (naive.vessels != 1).any(),
    }
    assert {what for what, there in made.items() if not there} == never


@pytest.mark.parametrize(("name", "rises"), [("default", False), ("additive", True)])
def test_serum_amyloid_a_alone_builds_matrix_only_where_paths_add_up(naive, p, act, name, rises):
    naive.blood.saa = 1.0
    for process in schedule(name):
        if "fibronectin" in process.writes:
            act(process, naive, p, dt=3.0)
    assert (naive.fibronectin > 1.01).any() == rises
