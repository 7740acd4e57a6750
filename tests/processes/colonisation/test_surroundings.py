"""How tumour cells fare by oxygen, nutrient, EMT, growth factor, traps, leaky walls, NK interferon and blocks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.engine.laws import walk_mean_square
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import resolve
from niche_sim.model.processes.arrival.detachment import Detachment
from niche_sim.model.processes.arrival.extravasation import Extravasation
from niche_sim.model.processes.arrival.post_extravasation_fate import PostExtravasationFate
from niche_sim.model.processes.colonisation.division import Division
from niche_sim.model.processes.colonisation.dormancy_exit import DormancyExit
from niche_sim.model.processes.colonisation.hypoxic_death import HypoxicDeath
from niche_sim.model.processes.colonisation.motile_search import MotileSearch

CODE = {name: TumourCell.state.code(name) for name in TumourCell.state.names}
N = 20_000


def fill(state, level):
    return np.full(state.section.shape, level)


def count(cells, state):
    return np.count_nonzero(cells.state == CODE[state])


# --- division --------------------------------------------------------------------------------------------------------

ROOM = {"tumour.packing": "1e12 cell/mm^3", "pan02.doubling": "20 h"}  # nobody is ever in the way

CONDITIONS = {
    "naive tissue": ({}, 1.0),
    "half the oxygen": ({"oxygen": 0.5}, 0.5 * 1.25 / 0.75),
    "no oxygen": ({"oxygen": 0.0}, 0.0),
    "a third more nutrient": ({"nutrient": 4 / 3}, (4 / 3) * 1.25 / (4 / 3 + 0.25)),
    "no nutrient": ({"nutrient": 0.0}, 0.0),
    "full EMT": ({"emt": 1.0}, 0.5),
    "half EMT": ({"emt": 0.5}, 0.75),
    "growth factor": ({"hgf": 0.3}, 1.5),
    "more growth factor": ({"hgf": 0.9}, 1.75),
    "half a block": ({"block": 0.5}, 0.5),
    "a block": ({"block": 1.0}, 0.0),
    "all": ({"oxygen": 0.25, "nutrient": 0.25, "emt": 1.0, "hgf": 0.9, "block": 0.5}, 0.625**2 * 0.5 * 1.75 * 0.5),
}


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("name", CONDITIONS)
def test_cells_divide_as_their_surroundings_allow(bare, settle, act, agrees, name, steps):
    numbers = {f"angiogenesis.half_{supply}": "0.25" for supply in ("oxygen", "nutrient")}
    p = resolve(ROOM | numbers | {"tumour.loss_division": "0.5", "tumour.gain_hgf": "1", "stroma.half_hgf": "0.3 nM"})
    what, factor = CONDITIONS[name]
    for field in ("oxygen", "nutrient", "hgf"):
        if field in what:
            setattr(bare, field, fill(bare, what[field]))
    bare.blocked.division = what.get("block", 0.0)
    cells = settle(bare, "tumour_cells", 4 * N, state="cycling", clone_size=1, emt=what.get("emt", 0.0))
    act(Division(), bare, p, dt=4.0 / steps, steps=steps)
    growth = math.exp(factor * math.log(2) / 20 * 4)
    assert bare.counters.tumour_born == len(cells) - 4 * N
    if factor:
        agrees(len(cells), 4 * N * growth, math.sqrt(4 * N * growth * (growth - 1)))
    else:
        assert len(cells) == 4 * N


@pytest.mark.parametrize("supply", ["oxygen", "nutrient"])
def test_division_stops_where_the_supply_is_gone(bare, settle, act, supply):
    cells = settle(bare, "tumour_cells", 2000, state="cycling", clone_size=1)
    getattr(bare, supply)[:10, :12] = 0.0
    here = (cells.y < 200) & (cells.x < 240)
    act(Division(), bare, resolve(ROOM), dt=1e4)
    assert 0 < here.sum() < 2000
    np.testing.assert_array_equal(cells.divisions[:2000] > 0, ~here)


def test_daughters_inherit_what_the_mother_has_become_but_not_her_wounds(bare, settle, act):
    ramp = np.linspace(0, 1, 500)
    own = {"emt": ramp, "resistance": ramp[::-1], "coopting": np.arange(500) % 3 == 0}
    cells = settle(bare, "tumour_cells", 500, state="cycling", clone_size=1, hits=2.0, **own)
    act(Division(), bare, resolve(ROOM), dt=1e4)
    assert len(cells) == 1000
    for name, values in own.items():
        np.testing.assert_array_equal(cells.columns[name][500:1000], values)
    assert not cells.hits[500:].any() and (cells.hits[:500] == 2).all()


# --- death without oxygen --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [1.0, 1.01, 5.0])
def test_with_enough_oxygen_nobody_dies_of_it(bare, p, settle, changes, level):
    bare.oxygen = fill(bare, level * p.angiogenesis.half_oxygen)
    settle(bare, "tumour_cells", 500, state="cycling")
    assert changes(HypoxicDeath(), bare, p, dt=1e4) == set()


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("level", [0.0, 0.6])
def test_growing_cells_die_by_lack_of_oxygen(bare, p, settle, act, happens, steps, level):
    bare.oxygen = fill(bare, level * p.angiogenesis.half_oxygen)
    cells = settle(bare, "tumour_cells", N, state="cycling", line=np.arange(N) % 7)
    act(HypoxicDeath(), bare, p, dt=24.0 / steps, steps=steps)
    happens(len(cells), N, math.exp(-p.angiogenesis.rate_death_hypoxic * (1 - level) * 24))
    assert bare.counters.tumour_died_hypoxic == N - len(cells)


def test_other_cells_do_without_oxygen_and_only_where_it_lacks_is_death(bare, p, settle, act, changes):
    bare.oxygen[:10, :12] = 0.0
    for state in set(CODE) - {"circulating", "cycling"}:
        settle(bare, "tumour_cells", 100, state=state, seed=CODE[state])
    bare.enter_tumour_cells(20, 0, np.arange(1, 21, dtype=np.uint64))
    assert changes(HypoxicDeath(), bare, p, dt=1e5) == set()
    cells = settle(bare, "tumour_cells", 1000, state="cycling", seed=20)
    lacking = (cells.y < 200) & (cells.x < 240) & (cells.state == CODE["cycling"])
    gone, bare.time = set(cells.clone[lacking]), 9.0
    assert changes(HypoxicDeath(), bare, p, dt=1e5) == {"tumour_cells", "counters.tumour_died_hypoxic", "events"}
    events = bare.events.table()
    assert set(events["clone"]) == gone and set(events["cause"]) == {"died without oxygen"}
    assert bare.counters.tumour_died_hypoxic == len(gone) > 10 and len(cells) == 420 + 1000 - len(gone)


# --- detachment and crossing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(
    ("fibronectin", "talin", "nets", "leaky", "free"),
    [
        (1.0, 0.0, 0.0, 0.0, 0.5),
        (1.0, 0.5, 0.0, 0.0, 0.75),
        (1e6, 1.0, 0.0, 0.0, 1.0),  # without talin fibronectin holds nobody
        (0.0, 0.0, 1.0, 0.0, 0.5),
        (0.0, 1.0, 1.0, 0.0, 0.5),  # traps do without talin
        (0.0, 0.0, 0.0, 1.0, 0.6),
        (1.0, 0.5, 1.0, 1.0, 0.75 * 0.5 * 0.6),
    ],
)
def test_what_holds_arrested_cells(bare, settle, act, happens, steps, fibronectin, talin, nets, leaky, free):
    p = resolve({"pan02.rate_detachment": "0.2 1/h", "endothelium.gain_retention": "0.4"})
    bare.fibronectin = fill(bare, fibronectin * p.tumour.half_fibronectin)
    bare.nets = fill(bare, nets * p.stroma.half_nets)
    bare.leakiness, bare.blocked.talin = fill(bare, leaky), talin
    cells = settle(bare, "tumour_cells", N, state="arrested")
    act(Detachment(), bare, p, dt=5.0 / steps, steps=steps)
    happens(len(cells), N, math.exp(-free * 0.2 * 5))
    assert bare.counters.tumour_detached == N - len(cells)


def test_traps_hold_where_they_are(bare, settle, act):
    cells = settle(bare, "tumour_cells", 2000, state="arrested")
    bare.fibronectin = fill(bare, 0.0)
    bare.nets[:10, :12] = 1e9
    here = set(cells.key[(cells.y < 200) & (cells.x < 240)])
    act(Detachment(), bare, resolve({"pan02.rate_detachment": "1 1/h"}), dt=100.0)
    assert 0 < len(here) < 2000 and set(cells.key) == here


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(("leaky", "blocked"), [(0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (1.0, 0.5), (1.0, 1.0)])
def test_cells_cross_faster_where_the_wall_leaks_unless_blocked(bare, p, settle, act, happens, steps, leaky, blocked):
    bare.leakiness, bare.blocked.extravasation = fill(bare, leaky), blocked
    cells = settle(bare, "tumour_cells", N, state="arrested", line=1)
    act(Extravasation(), bare, p, dt=4.0 / steps, steps=steps)
    rate = p.b16f1.rate_extravasation * (1 + p.endothelium.gain_extravasation * leaky) * (1 - blocked)
    assert bare.counters.tumour_extravasated == count(cells, "extravasated")
    if rate:
        happens(count(cells, "arrested"), N, math.exp(-rate * 4))
    else:
        assert count(cells, "arrested") == N


def test_crossing_changes_nothing_else(naive, p, settle, changes):
    naive.leakiness = fill(naive, 0.5)
    settle(naive, "tumour_cells", 500, state="arrested")
    assert changes(Extravasation(), naive, p, dt=9.0) == {"tumour_cells.state", "counters.tumour_extravasated"}


# --- exit from dormancy ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(
    ("nk", "activity", "ifng", "watching"),
    [
        (0.0, 1.0, 0.0, 0.0),
        (1.0, 1.0, 0.0, 1.0),
        (1.0, 0.5, 0.0, 0.5),
        (3.0, 1.0, 0.0, 1.0),
        (1.0, 1.0, 0.5, 0.5),
        (1.0, 1.0, 1.0, 0.0),
    ],
)
@pytest.mark.parametrize("hgf", [0.0, 1.0])
def test_nk_interferon_keeps_dormant_and_growth_factor_reactivates(
    bare, settle, act, happens, steps, nk, activity, ifng, watching, hgf
):
    p = resolve(
        {
            "pan02.rate_dormancy_exit": "0.4 1/day",
            "nk.share_kept_dormant": "0.8",
            "tumour.share_hgf_dormancy_exit": "0.3",
            "nk.density": "1e5 cell/mm^3",
        }
    )
    bare.fibronectin = bare.periostin = fill(bare, 1e9)  # a full niche
    bare.hgf, bare.blocked.ifng = fill(bare, hgf * p.stroma.half_hgf), ifng
    settle(bare, "nk_cells", round(nk * p.nk.density * bare.section.volume), activity=activity)
    cells = settle(bare, "tumour_cells", N, state="dormant")
    act(DormancyExit(), bare, p, dt=24.0 / steps, steps=steps)
    happens(count(cells, "dormant"), N, math.exp(-0.4 * (1 - 0.8 * watching) * (1 + 0.15 * hgf)))


def test_growth_factor_reactivates_nobody_without_a_niche(bare, p, settle, changes):
    bare.fibronectin, bare.hgf = fill(bare, 0.0), fill(bare, 1e3)
    settle(bare, "tumour_cells", 500, state="dormant")
    assert changes(DormancyExit(), bare, p, dt=1e4) == set()


# --- co-option and the search ----------------------------------------------------------------------------------------


def test_a_share_of_clones_will_coopt_vessels_whether_they_start_or_sleep(bare, p, settle, act, happens):
    cells = settle(bare, "tumour_cells", 2 * N, state="extravasated", line=1)
    act(PostExtravasationFate(), bare, p, steps=3)
    happens(cells.coopting.sum(), 2 * N, p.tumour.fraction_coopting)
    starts = cells.state == CODE["motile"]
    happens(cells.coopting[starts].sum(), starts.sum(), p.tumour.fraction_coopting)  # drawn apart


@pytest.mark.parametrize("blocked", [0.0, 0.4, 1.0])
def test_a_motility_block_takes_cooption_from_those_that_condense(bare, p, settle, act, happens, blocked):
    cells = settle(bare, "tumour_cells", N, state="motile", coopting=True)
    bare.blocked.motility = blocked
    act(MotileSearch(), bare, p, dt=12.0)
    new = cells.state == CODE["cycling"]
    happens(new.sum(), N, -math.expm1(-p.tumour.rate_condensing * 12))  # they condense all the same
    assert cells.coopting[~new].all()
    if 0 < blocked < 1:
        happens(cells.coopting[new].sum(), new.sum(), 1 - blocked)
    else:
        assert (cells.coopting[new] == (blocked == 0)).all()
    cells.coopting[:] = False
    act(MotileSearch(), bare, p, dt=12.0)
    assert not cells.coopting.any()


@pytest.mark.parametrize(("emt", "blocked"), [(0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (1.0, 0.5), (0.3, 1.0)])
def test_mesenchymal_cells_search_farther(bare, settle, act, emt, blocked):
    p = resolve({"tumour.rate_condensing": "0 1/day"})
    bare.resting_density = bare.resting_density | {"tumour_cells": np.ones(bare.section.shape)}
    bare.blocked.motility = blocked
    heading = 2 * math.pi * np.random.default_rng(1).random(6000)
    cells = settle(bare, "tumour_cells", 6000, state="motile", emt=emt, heading=heading, y=350.0, x=300.0)
    act(MotileSearch(), bare, p, dt=1.0)
    moved = ((cells.y - 350.0) ** 2 + (cells.x - 300.0) ** 2).mean()
    speed = p.tumour.speed_motile * (1 + p.tumour.gain_motility * emt) * (1 - blocked)
    # Sub-steps of a site instead of continuous turning: some per cent; 6000 cells: 1.3 % a standard error.
    assert moved == pytest.approx(walk_mean_square(speed, p.tumour.persistence, 1.0), rel=0.12)


def test_searching_changes_nothing_else(naive, p, settle, changes):
    settle(naive, "tumour_cells", 500, state="motile", emt=0.5, coopting=True)
    naive.blocked.motility = 0.5
    columns = {f"tumour_cells.{name}" for name in ("coopting", "y", "x", "heading", "state")}
    assert changes(MotileSearch(), naive, p, dt=12.0) == columns | {"counters.tumour_started"}
