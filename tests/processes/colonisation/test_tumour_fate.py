"""What becomes of arrested tumour cells: detached, across, dormant, awake, on their way, dead."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.engine.kernels.walk import sub_steps
from niche_sim.engine.laws import niche_strength, turn_chance
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import resolve
from niche_sim.model.processes.arrival.detachment import Detachment
from niche_sim.model.processes.arrival.extravasation import Extravasation
from niche_sim.model.processes.arrival.post_extravasation_fate import PostExtravasationFate
from niche_sim.model.processes.colonisation.dormancy_exit import DormancyExit
from niche_sim.model.processes.colonisation.dormant_death import DormantDeath
from niche_sim.model.processes.colonisation.motile_search import MotileSearch

STATES = TumourCell.state.names
CODE = {name: TumourCell.state.code(name) for name in STATES}
N = 20_000
LINES = ["pan02", "b16f1"]


def both_lines(state, settle, where, **columns):
    """N cells of each line, in turn."""
    return settle(state, "tumour_cells", 2 * N, state=where, line=np.arange(2 * N) % 2, **columns)


def count(cells, line, state):
    return np.count_nonzero((cells.line == line) & (cells.state == CODE[state]))


# Which cells each rule concerns; the circulating have no place and concern none of them.
CONCERNS = {
    Detachment: {"arrested"},
    Extravasation: {"arrested"},
    PostExtravasationFate: {"extravasated"},
    DormantDeath: {"dormant"},
    DormancyExit: {"dormant"},
    MotileSearch: {"motile"},
}


@pytest.mark.parametrize("process", CONCERNS)
def test_nothing_happens_to_nobody(bare, p, changes, process):
    assert changes(process(), bare, p) == set()


@pytest.mark.parametrize("process", CONCERNS)
def test_nothing_happens_to_cells_in_any_other_state(bare, p, settle, changes, process):
    bare.fibronectin, bare.periostin = np.full((2, *bare.section.shape), 1e3)
    for state in STATES:
        if state not in CONCERNS[process] | {"circulating"}:
            settle(bare, "tumour_cells", 200, state=state, seed=CODE[state])
    assert changes(process(), bare, p, dt=1e4) == set()


@pytest.mark.parametrize("process", CONCERNS)
def test_cells_in_blood_are_left_alone_beside_others(bare, p, settle, act, process):
    """A cell may still circulate when the rule acts, as in a schedule of one's own."""
    (concerned,) = CONCERNS[process]
    settle(bare, "tumour_cells", 50, state=concerned)
    bare.enter_tumour_cells(20, 0, np.arange(1, 21, dtype=np.uint64))
    act(process(), bare, p)
    assert np.count_nonzero(bare.tumour_cells.state == CODE["circulating"]) == 20


# --- detachment ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(("level", "held"), [(0.0, 0.0), (1.0, 0.5), (1e3, 1.0)])
def test_fibronectin_retains_arrested_cells(bare, p, settle, act, happens, steps, level, held):
    cells = both_lines(bare, settle, "arrested")
    bare.fibronectin = np.full(bare.section.shape, level * p.tumour.half_fibronectin)
    act(Detachment(), bare, p, dt=10.0 / steps, steps=steps)
    for line, numbers in enumerate((p.pan02, p.b16f1)):
        left = count(cells, line, "arrested")
        if held < 1:
            happens(left, N, math.exp(-numbers.rate_detachment * (1 - held) * 10))
        else:
            assert left == N
    assert bare.counters.tumour_detached == 2 * N - len(cells)


@pytest.mark.parametrize(
    ("talin", "nets", "leakiness", "free"),
    [
        (0.0, 0.0, 0.0, 0.5),  # fibronectin alone holds half of them here
        (0.4, 0.0, 0.0, 1 - 0.5 * 0.6),
        (1.0, 0.0, 0.0, 1.0),
        (1.0, 1.0, 0.0, 0.5),
        (1.0, 3.0, 0.0, 0.1),
        (1.0, 0.0, 0.5, 1 - 0.6 * 0.5),
        (0.4, 1.0, 1.0, 0.7 * 0.5 * 0.4),
    ],
)
def test_talin_traps_and_a_leaky_wall_decide_who_is_retained(bare, settle, act, happens, talin, nets, leakiness, free):
    p = resolve({"pan02.rate_detachment": "0.05 1/h", "endothelium.gain_retention": "0.6"})
    cells = settle(bare, "tumour_cells", N, state="arrested")
    bare.fibronectin[:] = p.tumour.half_fibronectin
    bare.nets[:], bare.leakiness[:], bare.blocked.talin = nets * p.stroma.half_nets, leakiness, talin
    act(Detachment(), bare, p, dt=10.0)
    happens(len(cells), N, math.exp(-0.05 * free * 10))


def test_traps_hold_where_they_are(bare, settle, act):
    p = resolve({"pan02.rate_detachment": "1 1/h"})
    cells = settle(bare, "tumour_cells", 2000, state="arrested")
    here = {key for key, y, x in zip(cells.key, cells.y, cells.x, strict=True) if y < 200 and x < 240}
    bare.fibronectin = np.zeros(bare.section.shape)
    bare.nets[:10, :12] = 1e9
    act(Detachment(), bare, p, dt=100.0)
    assert 0 < len(here) < 2000
    assert set(bare.tumour_cells.key) == here


def test_retention_is_local(bare, settle, act):
    p = resolve({"pan02.rate_detachment": "1 1/h"})
    cells = settle(bare, "tumour_cells", 2000, state="arrested")
    here = {key for key, y, x in zip(cells.key, cells.y, cells.x, strict=True) if y < 200 and x < 240}
    bare.fibronectin = np.zeros(bare.section.shape)
    bare.fibronectin[:10, :12] = 1e6
    act(Detachment(), bare, p, dt=100.0)
    assert 0 < len(here) < 2000
    assert set(bare.tumour_cells.key) == here


# --- crossing and settling -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2])
def test_cells_cross_at_the_rate_of_their_line(bare, p, settle, act, happens, steps):
    cells = both_lines(bare, settle, "arrested")
    act(Extravasation(), bare, p, dt=8.0 / steps, steps=steps)
    for line, numbers in enumerate((p.pan02, p.b16f1)):
        happens(count(cells, line, "extravasated"), N, 1 - math.exp(-numbers.rate_extravasation * 8))
    assert bare.counters.tumour_extravasated == np.count_nonzero(cells.state == CODE["extravasated"])
    assert len(cells) == 2 * N


@pytest.mark.parametrize(("leakiness", "blocked"), [(0.5, 0.0), (1.0, 0.0), (0.0, 0.6), (1.0, 0.6)])
def test_a_leaky_wall_speeds_the_crossing_and_a_block_slows_it(bare, settle, act, happens, leakiness, blocked):
    p = resolve({"pan02.rate_extravasation": "0.04 1/h", "endothelium.gain_extravasation": "2"})
    cells = settle(bare, "tumour_cells", N, state="arrested")
    bare.leakiness[:], bare.blocked.extravasation = leakiness, blocked
    act(Extravasation(), bare, p, dt=8.0)
    rate = 0.04 * (1 + 2 * leakiness) * (1 - blocked)
    happens(count(cells, 0, "extravasated"), N, 1 - math.exp(-rate * 8))


def test_cells_cross_faster_where_the_wall_leaks(bare, settle, act):
    p = resolve({"pan02.rate_extravasation": "1e-9 1/h", "endothelium.gain_extravasation": "1e12"})
    cells = settle(bare, "tumour_cells", 2000, state="arrested")
    bare.leakiness[:10, :12] = 1.0
    act(Extravasation(), bare, p, dt=1.0)
    here = (cells.y < 200) & (cells.x < 240)
    assert 0 < here.sum() < 2000
    np.testing.assert_array_equal(cells.state == CODE["extravasated"], here)


def test_a_share_of_the_clones_will_co_opt_vessels(bare, settle, act, happens):
    p = resolve({"tumour.fraction_coopting": "0.2", "pan02.chance_start": "0.5"})
    cells = settle(bare, "tumour_cells", N, state="extravasated")
    act(PostExtravasationFate(), bare, p)
    happens(cells.coopting.sum(), N, 0.2)
    happens((cells.coopting & (cells.state == CODE["motile"])).sum(), N, 0.1)  # whether it starts or not


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("dt", [1.0, 0.01])
def test_of_those_across_a_share_starts_once(bare, p, settle, act, happens, steps, dt):
    cells = both_lines(bare, settle, "extravasated")
    act(PostExtravasationFate(), bare, p, dt=dt, steps=steps)
    for line, numbers in enumerate((p.pan02, p.b16f1)):
        happens(count(cells, line, "motile"), N, numbers.chance_start)
        assert count(cells, line, "motile") + count(cells, line, "dormant") == N
    reactivated = cells.reactivated_by == TumourCell.reactivated_by.code("arrival")
    np.testing.assert_array_equal(reactivated, cells.state == CODE["motile"])
    assert (cells.reactivated_by[~reactivated] == TumourCell.reactivated_by.code("nobody")).all()


# --- dormant ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2])
def test_dormant_cells_die_at_the_rate_of_their_line(bare, settle, act, happens, steps):
    p = resolve({"pan02.rate_death_dormant": "0.1 1/day", "b16f1.rate_death_dormant": "0.3 1/day"})
    cells = both_lines(bare, settle, "dormant")
    act(DormantDeath(), bare, p, dt=48.0 / steps, steps=steps)
    for line, rate in enumerate((0.1, 0.3)):
        happens(count(cells, line, "dormant"), N, math.exp(-rate * 2))
    assert bare.counters.tumour_died_dormant == 2 * N - len(cells)


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(("fibronectin", "periostin"), [(1.0, 0.0), (1.0, 1.0), (100.0, 100.0)])
def test_a_niche_reactivates_dormant_cells(bare, settle, act, happens, steps, fibronectin, periostin):
    p = resolve({"pan02.rate_dormancy_exit": "0.2 1/day", "b16f1.rate_dormancy_exit": "0.4 1/day"})
    t = p.tumour
    fibronectin, periostin = fibronectin * t.half_fibronectin, periostin * t.half_periostin
    bare.fibronectin = np.full(bare.section.shape, fibronectin)
    bare.periostin = np.full(bare.section.shape, periostin)
    cells = both_lines(bare, settle, "dormant")
    act(DormancyExit(), bare, p, dt=48.0 / steps, steps=steps)
    strength = niche_strength(
        fibronectin, periostin, t.half_fibronectin, t.half_periostin, t.steepness, t.share_periostin
    )
    for line, rate in enumerate((0.2, 0.4)):
        happens(count(cells, line, "motile"), N, 1 - math.exp(-rate * strength * 2))
    reactivated = cells.reactivated_by == TumourCell.reactivated_by.code("niche")
    np.testing.assert_array_equal(reactivated, cells.state == CODE["motile"])


@pytest.mark.parametrize(
    ("watching", "activity", "blocked", "dormant"),
    [(1.0, 1.0, 0.0, 0.7), (1.0, 0.5, 0.0, 0.35), (0.5, 1.0, 0.0, 0.35), (3.0, 1.0, 0.0, 0.7), (1.0, 1.0, 0.4, 0.42)],
)
def test_interferon_of_active_nk_cells_keeps_cells_dormant(
    bare, settle, act, happens, watching, activity, blocked, dormant
):
    """As many as in a naive organ keep seven tenths dormant, more do no more, quiet ones less."""
    sure = {"pan02.rate_dormancy_exit": "0.4 1/day", "nk.share_kept_dormant": "0.7", "tumour.share_periostin": "0"}
    p = resolve(sure | {"nk.density": "1e5 cell/mm^3"})
    bare.fibronectin[:] = 1e9
    settle(bare, "nk_cells", round(watching * p.nk.density * bare.section.volume), activity=activity)
    bare.blocked.ifng = blocked
    cells = settle(bare, "tumour_cells", N, state="dormant")
    act(DormancyExit(), bare, p, dt=48.0)
    happens(count(cells, 0, "motile"), N, 1 - math.exp(-0.8 * (1 - dormant)))


def test_in_an_organ_that_has_no_nk_cells_nobody_is_kept_dormant(bare, settle, act, happens):
    p = resolve({"pan02.rate_dormancy_exit": "0.4 1/day", "nk.density": "0 cell/mm^3", "tumour.share_periostin": "0"})
    bare.fibronectin[:] = 1e9
    cells = settle(bare, "tumour_cells", N, state="dormant")
    act(DormancyExit(), bare, p, dt=48.0)
    happens(count(cells, 0, "motile"), N, 1 - math.exp(-0.8))


@pytest.mark.parametrize(("hgf", "answer"), [(1.0, 0.5), (3.0, 0.75)])
def test_growth_factor_adds_to_waking_in_a_niche(bare, settle, act, happens, hgf, answer):
    p = resolve({"pan02.rate_dormancy_exit": "0.4 1/day", "tumour.share_hgf_dormancy_exit": "0.3", "tumour.share_periostin": "0"})
    bare.fibronectin[:], bare.hgf[:] = 1e9, hgf * p.stroma.half_hgf
    cells = settle(bare, "tumour_cells", N, state="dormant")
    act(DormancyExit(), bare, p, dt=48.0)
    happens(count(cells, 0, "motile"), N, 1 - math.exp(-0.8 * (1 + 0.3 * answer)))


def test_growth_factor_without_a_niche_reactivates_nobody(bare, p, settle, changes):
    bare.fibronectin[:], bare.hgf[:] = 0.0, 1e9
    settle(bare, "tumour_cells", 2000, state="dormant")
    assert changes(DormancyExit(), bare, p, dt=1e4) == set()


def test_without_fibronectin_no_cell_is_reactivated(bare, p, settle, changes):
    bare.fibronectin = np.zeros(bare.section.shape)
    bare.periostin = np.full(bare.section.shape, 1e6)
    settle(bare, "tumour_cells", 2000, state="dormant")
    assert changes(DormancyExit(), bare, p, dt=1e4) == set()


def test_waking_is_local(bare, p, settle, act):
    cells = settle(bare, "tumour_cells", 2000, state="dormant")
    bare.fibronectin = np.zeros(bare.section.shape)
    bare.fibronectin[:10, :12] = bare.periostin[:10, :12] = 1e6
    act(DormancyExit(), bare, p, dt=1e6)
    here = (cells.y < 200) & (cells.x < 240)
    assert 0 < here.sum() < 2000
    np.testing.assert_array_equal(cells.state == CODE["motile"], here)


# --- motile ----------------------------------------------------------------------------------------------------------


def stay_motile(**changed):
    return resolve({"tumour.rate_condensing": "0 1/day"} | changed)


@pytest.mark.parametrize("place", [(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)])
@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(("emt", "blocked", "faster"), [(0.0, 0.0, 1.0), (1.0, 0.0, 2.0), (0.5, 0.4, 0.9)])
def test_motile_cells_walk_as_far_as_theory_says(bare, settle, act, agrees, place, steps, emt, blocked, faster):
    p, n, dt = stay_motile(**{"tumour.gain_motility": "1"}), 6000, 1.0
    bare.blocked.motility = blocked
    bare.resting_density = bare.resting_density | {"tumour_cells": np.ones(bare.section.shape)}
    y, x = 700.0 * place[0], 600.0 * place[1]
    heading = 2 * math.pi * np.random.default_rng(1).random(n)
    cells = settle(bare, "tumour_cells", n, state="motile", y=y, x=x, heading=heading, emt=emt)
    act(MotileSearch(), bare, p, dt=dt / steps, steps=steps)
    pieces = steps * sub_steps(2 * p.tumour.speed_motile, p.tumour.persistence, dt / steps, 20.0)  # all as the fastest
    speed = faster * p.tumour.speed_motile
    c = 1 - turn_chance(dt / pieces, p.tumour.persistence)
    lags = np.arange(1, pieces)
    expected = (speed * dt / pieces) ** 2 * (pieces + 2 * ((pieces - lags) * c**lags).sum())
    for moved in (cells.y - y, cells.x - x):
        agrees((moved**2).mean(), expected / 2, (moved**2).std() / math.sqrt(n))


@pytest.mark.parametrize("steps", [1, 2])
def test_motile_cells_condense_at_their_rate(bare, settle, act, happens, steps):
    p = resolve({"tumour.rate_condensing": "1 1/day"})
    cells = settle(bare, "tumour_cells", 5000, state="motile", reactivated_by=1 + np.arange(5000) % 2)
    act(MotileSearch(), bare, p, dt=12.0 / steps, steps=steps)
    cycling = cells.state == CODE["cycling"]
    happens(cycling.sum(), 5000, 1 - math.exp(-0.5))
    assert bare.counters.tumour_started == cycling.sum()
    events = bare.events.table()
    assert (events["kind"] == "micrometastasis").all()
    for cause, code in (("on arrival", 1), ("reactivated by the niche", 2)):
        found = set(events["clone"][events["cause"] == cause].tolist())
        assert found == set(cells.clone[cycling & (cells.reactivated_by == code)].tolist())


@pytest.mark.parametrize("blocked", [0.0, 0.25, 1.0])
def test_without_motility_cells_do_not_co_opt(bare, settle, act, happens, blocked):
    p = resolve({"tumour.rate_condensing": "1e6 1/h"})
    bare.blocked.motility = blocked
    cells = settle(bare, "tumour_cells", N, state="motile", coopting=np.arange(N) % 2 == 0)
    act(MotileSearch(), bare, p)
    assert not cells.coopting[1::2].any()
    if blocked in (0.0, 1.0):
        assert cells.coopting.sum() == (1 - blocked) * N / 2
    else:
        happens(cells.coopting.sum(), N // 2, 0.75)


def test_a_cycling_cell_does_not_walk(bare, p, settle, changes):
    settle(bare, "tumour_cells", 300, state="cycling")
    assert changes(MotileSearch(), bare, p, dt=24.0) == set()


def test_a_motile_cell_stays_in_the_tissue(bare, settle, act):
    cells = settle(bare, "tumour_cells", 3000, state="motile")
    act(MotileSearch(), bare, stay_motile(), steps=20)
    assert bare.section.inside(cells.y, cells.x).all()
    assert not bare.section.lumen.ravel()[bare.section.site_of(cells.y, cells.x)].any()


# --- beside others ---------------------------------------------------------------------------------------------------

# Nothing ever happens to one line; to the other all that can, where there is fibronectin or where there is none.
CERTAIN = {
    "pan02.rate_detachment": "1e6 1/h",
    "b16f1.rate_detachment": "0 1/h",
    "pan02.rate_extravasation": "1e6 1/h",
    "b16f1.rate_extravasation": "0 1/h",
    "pan02.chance_start": "1",
    "b16f1.chance_start": "0",
    "pan02.rate_death_dormant": "1e6 1/h",
    "b16f1.rate_death_dormant": "0 1/h",
    "pan02.rate_dormancy_exit": "1e6 1/h",
    "b16f1.rate_dormancy_exit": "0 1/h",
    "tumour.rate_condensing": "1e6 1/h",
}


@pytest.mark.parametrize(
    ("process", "state", "end"),
    [
        (Detachment, "arrested", None),
        (Extravasation, "arrested", "extravasated"),
        (PostExtravasationFate, "extravasated", "motile"),
        (DormantDeath, "dormant", None),
        (DormancyExit, "dormant", "motile"),
        (MotileSearch, "motile", "cycling"),
    ],
)
@pytest.mark.parametrize("others_first", [True, False])
def test_a_cell_fares_by_its_own_line_and_place_beside_others(bare, settle, act, process, state, end, others_first):
    p = resolve(CERTAIN)
    other = "cycling" if state != "cycling" else "dormant"
    # The others lie in a corner where the opposite holds: fibronectin keeps cells from detachment and reactivates them.
    here, there = (1e9, 0.0) if process is DormancyExit else (0.0, 1e9)
    bare.fibronectin = np.full(bare.section.shape, here)
    bare.fibronectin[:5, :5] = there
    bare.periostin = bare.fibronectin.copy()
    for others in (others_first, not others_first):
        if others:
            settle(bare, "tumour_cells", 70, state=other, line="b16f1", y=50.0, x=50.0, seed=2)
        else:
            settle(bare, "tumour_cells", 50, state=state, line="pan02", y=400.0, x=300.0)
    act(process(), bare, p)
    cells = bare.tumour_cells
    others = cells.line == 1
    assert others.sum() == 70
    assert (cells.state[others] == CODE[other]).all()
    assert (cells.y[others] == 50.0).all()
    if end is None:
        assert len(cells) == 70
    else:
        assert (cells.state[~others] == CODE[end]).all()
        assert (np.hypot(cells.y[~others] - 400.0, cells.x[~others] - 300.0) <= p.tumour.speed_motile + 1e-6).all()  # no EMT


# --- losses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("process", "state", "book", "cause"),
    [
        (Detachment, "arrested", "tumour_detached", "detached"),
        (DormantDeath, "dormant", "tumour_died_dormant", "died while dormant"),
    ],
)
def test_losses_are_booked_and_noted_with_their_cause(bare, settle, act, process, state, book, cause):
    p = resolve({"pan02.rate_detachment": "0.1 1/h", "pan02.rate_death_dormant": "1 1/day"})
    bare.time = 33.0
    cells = settle(bare, "tumour_cells", 500, state=state)
    before = {key: (y, x) for key, y, x in zip(cells.clone, cells.y, cells.x, strict=True)}
    act(process(), bare, p, dt=6.0)
    gone = set(before) - set(cells.clone)
    assert 0 < len(gone) < 500
    assert getattr(bare.counters, book) == len(gone)
    events = bare.events.table()
    assert set(events["clone"]) == gone
    assert set(events["kind"]) == {"lost"}
    assert set(events["cause"]) == {cause}
    assert set(events["time_h"]) == {33.0}
    for clone, y, x in zip(events["clone"], events["y_um"], events["x_um"], strict=True):
        assert before[clone] == (y, x)


def present(cells, *states):
    return int(np.isin(cells.state, [CODE[state] for state in states]).sum())


def test_counters_of_tumour_cells_balance_all_the_time(moments):
    """Whole mice, step by step, every cell under one cause."""
    seen = 0
    for moment in moments.values():
        model = moment.model
        model.state.thaw(moment.start)
        for _ in range(30):
            book, cells = model.state.counters, model.state.tumour_cells
            seen += len(cells)
            in_tissue = present(cells, "arrested", "extravasated", "dormant", "motile", "cycling")
            assert book.tumour_entered == present(cells, "circulating") + book.tumour_passed + book.tumour_arrived
            killed = book.tumour_killed_by_kupffer + book.tumour_killed_by_nk + book.tumour_killed_by_t
            killed += book.tumour_killed_by_patrolling + book.tumour_killed_by_drug
            gone = killed + book.tumour_died_dormant + book.tumour_died_cycling + book.tumour_died_hypoxic
            gone += book.tumour_left_slab + book.tumour_detached
            assert book.tumour_arrived + book.tumour_born == in_tissue + gone
            lost_across = book.tumour_arrived - book.tumour_extravasated
            assert lost_across >= present(cells, "arrested") + book.tumour_detached
            model.step()
    assert seen > 1000
