"""Epithelial cells, fibroblasts and vessels of the niche; what a colony does to vessels. Oxygen: test_perfusion.py."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from niche_sim.model.catalogue import CARGO
from niche_sim.model.cells import TumourCell
from niche_sim.model.initial_state import section_of
from niche_sim.model.parameters import in_unit, resolve
from niche_sim.model.processes.angiogenesis.colony_vessels import ColonyVessels
from niche_sim.model.processes.angiogenesis.epithelial_recruitment import EpithelialRecruitment
from niche_sim.model.processes.angiogenesis.fibroblast_activation import FibroblastActivation
from niche_sim.model.processes.angiogenesis.niche_sprouting import NicheSprouting
from niche_sim.model.state import State

EXACT = 1e-12  # roundings of exponentials
CYCLING, DORMANT = TumourCell.state.code("cycling"), TumourCell.state.code("dormant")


def name_of(process):
    return getattr(process, "name", None)


EACH = pytest.mark.parametrize(
    "process", [EpithelialRecruitment(), FibroblastActivation(), NicheSprouting(), ColonyVessels()], ids=name_of
)


def rate(half_life):
    return math.log(2) / half_life


def even(state, **levels):
    for name, level in levels.items():
        setattr(state, name, np.full(state.section.shape, float(level)))


def expose(state, doses):
    state.blood.exposure = [doses * (cargo == "itgbl1") for cargo in CARGO]


def risen(gain, loss, hours, start=0.0):
    settled = gain / (gain + loss)
    return settled + (start - settled) * math.exp(-(gain + loss) * hours)


def packed(state, settle, density, **columns):
    """Tumour cells on a lattice of `density` per um3 over all the section."""
    ny, nx = (round(length * math.sqrt(density * 20.0)) for length in (700.0, 600.0))
    iy, ix = np.indices((ny, nx))
    y, x = (iy.ravel() + 0.5) * 700.0 / ny, (ix.ravel() + 0.5) * 600.0 / nx
    settle(state, "tumour_cells", ny * nx, y=y, x=x, **({"state": CYCLING} | columns))
    return ny * nx / state.section.volume


@EACH
def test_a_naive_organ_stays_as_it_is(naive, p, settle, changes, process):
    settle(naive, "bmdc", 50)  # that nothing holds
    settle(naive, "tumour_cells", 50, y=np.nan, x=np.nan)  # in blood
    assert changes(process, naive, p, dt=24.0) == set()


# --- epithelial cells ------------------------------------------------------------------------------------------------


def hold(state, settle, per_mm3):
    n = round(per_mm3 * state.section.volume * 1e-9)
    settle(state, "bmdc", n, arrested=True)
    return n / (state.section.volume * 1e-9)


@pytest.mark.parametrize("times", [0.5, 1.0, 10.0])
def test_held_cells_call_epithelial_cells(bare, p, settle, act, agrees, times):
    half = in_unit(p, "angiogenesis.half_held")
    held = hold(bare, settle, times * half)
    act(EpithelialRecruitment(), bare, p, dt=24_000.0)  # a thousand days in one step, in which nobody leaves
    steepness = p.angiogenesis.steepness_held
    called = held**steepness / (held**steepness + half**steepness)
    expected = in_unit(p, "angiogenesis.rate_epithelial") * called * bare.section.volume * 1e-9 * 1000
    agrees(len(bare.epithelial_cells), expected, math.sqrt(expected))


@pytest.mark.parametrize("steps", [1, 2])
def test_epithelial_cells_leave_with_their_half_life(bare, p, settle, act, happens, steps):
    settle(bare, "epithelial_cells", 20_000)
    hours = p.angiogenesis.half_life_epithelial
    act(EpithelialRecruitment(), bare, p, dt=hours / steps, steps=steps)
    happens(len(bare.epithelial_cells), 20_000, 0.5)


@pytest.mark.parametrize("dt", [6.0, 3.0])
def test_coming_and_leaving_settle_at_a_balance(bare, settle, act, agrees, dt):
    p = resolve({"angiogenesis.rate_epithelial": "30000 cell/mm^3/day"})
    hold(bare, settle, 1e6)
    act(EpithelialRecruitment(), bare, p, dt=dt, steps=round(1200 / dt))
    rest = p.angiogenesis.rate_epithelial * bare.section.volume / rate(p.angiogenesis.half_life_epithelial)
    # Newcomers of a step stay it out: half a step of lead, at most 2 %, as large as a standard error.
    lead = 1 + rate(p.angiogenesis.half_life_epithelial) * dt / 2
    agrees(len(bare.epithelial_cells), rest * lead, math.sqrt(rest))


def test_newcomers_enter_anywhere_in_the_tissue_with_keys_of_their_own(bare, settle, act):
    p = resolve({"angiogenesis.half_life_epithelial": "1e6 day"})
    hold(bare, settle, 1e6)
    act(EpithelialRecruitment(), bare, p, dt=48_000.0, steps=4)
    cells, tissue = bare.epithelial_cells, ~bare.section.lumen.ravel()
    counts = np.bincount(bare.section.site_of(cells.y, cells.x), minlength=tissue.size)
    assert counts[~tissue].sum() == 0
    assert stats.chisquare(counts[tissue]).pvalue > 1e-4
    assert len(np.unique(cells.key)) == len(cells) > 10_000
    assert set(cells.entered_at) == {0.0, 48_000.0, 96_000.0, 144_000.0}


# --- fibroblasts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blocked", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(("tgfb", "doses"), [(0.1, 0.0), (5.0, 0.3), (0.0, 1.0), (0.05, 1.0)])
def test_the_stronger_of_tgfb_and_itgbl1_activates(bare, p, settle, act, tgfb, doses, blocked):
    cells = settle(bare, "fibroblasts", 10, activation=0.2)
    even(bare, tgfb=tgfb)
    expose(bare, doses)
    bare.blocked.tgfb_receptor = blocked  # which exosomes go around
    act(FibroblastActivation(), bare, p, dt=24.0)
    half, steepness = p.stellate.half_signal, p.stellate.steepness
    by_tgfb = (1 - blocked) * tgfb**steepness / (half**steepness + tgfb**steepness)
    by_exosomes = doses**2 / (doses**2 + p.exosomes.half_exposure**2)
    gain = p.angiogenesis.rate_activation * max(by_tgfb, by_exosomes)
    expected = risen(gain, rate(p.angiogenesis.half_life_active), 24.0, start=0.2)
    np.testing.assert_allclose(cells.activation, expected, rtol=1e-9)


def test_tgfb_here_activates_here(naive, p, settle, act):
    cells = settle(naive, "fibroblasts", 200)
    naive.tgfb[:10, :12] = 1.0
    act(FibroblastActivation(), naive, p)
    here = (cells.y < 200.0) & (cells.x < 240.0)
    assert 0 < here.sum() < len(cells)
    np.testing.assert_array_equal(cells.activation > 0, here)


# --- vessels ---------------------------------------------------------------------------------------------------------


def answer(state, p, vegf):
    free = vegf * (1 - state.blocked.vegf)
    return free**2 / (free**2 + p.stroma.half_vegf**2)


@pytest.mark.parametrize("blocked", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("start", [1.0, 1.6, 2.5])
@pytest.mark.parametrize("vegf", [0.0, 0.03, 10.0])
@pytest.mark.parametrize("process", [NicheSprouting(), ColonyVessels()], ids=name_of)
def test_vegf_makes_vessels_sprout_towards_a_bound(bare, p, settle, act, process, vegf, start, blocked):
    if isinstance(process, ColonyVessels):
        packed(bare, settle, 1e-4, coopting=True)  # which spares the vessels
    even(bare, vegf=vegf, vessels=start)
    bare.blocked.vegf = blocked
    act(process, bare, p, dt=72.0)
    numbers, span = p.angiogenesis, p.angiogenesis.most_vessels - 1
    gain = numbers.rate_sprouting * answer(bare, p, vegf)
    share = risen(gain, rate(numbers.half_life_sprouts), 72.0, start=(start - 1) / span)
    np.testing.assert_allclose(bare.vessels, 1 + span * share, rtol=1e-9)


def test_an_antibody_binds_vegf_by_its_amount(bare, p, act):
    even(bare, vegf=0.1)
    bare.drugs.anti_vegf = p.drug.half_antibody
    by_drug = act(NicheSprouting(), bare, p).vessels
    even(bare, vessels=1.0)
    bare.drugs.anti_vegf, bare.blocked.vegf = 0.0, 0.5
    np.testing.assert_allclose(by_drug, act(NicheSprouting(), bare, p).vessels, rtol=EXACT)


@pytest.mark.parametrize("vegf", [0.0, 0.03])
def test_displaced_vessels_grow_back_by_vegf_alone(bare, p, act, vegf):
    even(bare, vegf=vegf, vessels=0.3)
    act(NicheSprouting(), bare, p, dt=1e-2)
    gained = p.angiogenesis.rate_sprouting * answer(bare, p, vegf) * (p.angiogenesis.most_vessels - 0.3) * 1e-2
    np.testing.assert_allclose(bare.vessels - 0.3, gained, rtol=1e-3, atol=1e-15)  # linear in so short a step


@pytest.mark.parametrize("per_mm3", [4e4, 8e4, 2.4e5])
def test_a_pushing_colony_displaces_vessels(bare, p, settle, act, per_mm3):
    density = packed(bare, settle, per_mm3 * 1e-9) * 1e9
    act(ColonyVessels(), bare, p, dt=24.0)
    half = in_unit(p, "angiogenesis.half_density")
    lost = in_unit(p, "angiogenesis.rate_displacement") * density**2 / (density**2 + half**2)
    # Ten to two hundred cells lie within reach of a site, and their number differs by a few from site to site.
    assert -np.log(bare.vessels).mean() == pytest.approx(lost, rel=0.05)


def test_it_counts_cells_that_push_and_not_those_along_vessels(bare, p, settle, act):
    packed(bare, settle, 6e-5)
    alone = act(ColonyVessels(), bare, p, dt=24.0).vessels
    packed(bare, settle, 6e-5, coopting=True, seed=8)
    settle(bare, "tumour_cells", 500, seed=9, y=np.nan, x=np.nan)
    even(bare, vessels=1.0)
    np.testing.assert_allclose(act(ColonyVessels(), bare, p, dt=24.0).vessels, alone, rtol=EXACT)


@pytest.mark.parametrize("state", [DORMANT, CYCLING])
def test_vessels_are_a_colonys_within_its_reach_and_the_niches_beyond(bare, p, settle, act, state):
    settle(bare, "tumour_cells", 40, y=310.0, x=290.0, state=state)
    middles = (np.indices(bare.section.shape) + 0.5) * bare.section.spacing
    distance = np.hypot(middles[0] - 310.0, middles[1] - 290.0)
    near, far = distance < p.tumour.neighbourhood - 14.2, distance > p.tumour.neighbourhood + 14.2  # half a diagonal
    act(ColonyVessels(), bare, p)
    assert (bare.vessels[near] < 1).all() and (bare.vessels[far] == 1).all()
    lost = bare.vessels
    even(bare, vegf=0.1)
    act(NicheSprouting(), bare, p)
    assert (bare.vessels[far] > 1).all()
    np.testing.assert_array_equal(bare.vessels[near], lost[near])


@pytest.mark.parametrize("cells", [1, 2000])
def test_what_is_displaced_is_the_same_on_a_finer_grid(p, settle, act, cells):
    rng, area = np.random.default_rng(1), {}
    radius, angle = 120.0 * np.sqrt(rng.random(cells)), 2 * math.pi * rng.random(cells)
    for spacing in (20.0, 10.0):
        section = section_of(600.0, 700.0, spacing, p)
        state = State.empty(section)
        settle(
            state, "tumour_cells", cells, y=355 + radius * np.sin(angle), x=295 + radius * np.cos(angle), state=CYCLING
        )
        act(ColonyVessels(), state, p, dt=24.0)
        area[spacing] = (1 - state.vessels).sum() * spacing**2
    # The density's square is blurred by a site: its edge is 20 of 40 um wide for one cell, of 120 um for many.
    assert area[20.0] == pytest.approx(area[10.0], rel=0.15 if cells == 1 else 0.1)


# --- all -------------------------------------------------------------------------------------------------------------


def busy(state, settle):
    rng = np.random.default_rng(1)
    settle(state, "fibroblasts", 30, activation=rng.random(30))
    settle(state, "tumour_cells", 200, y=300 + 100 * rng.random(200), x=300 + 100 * rng.random(200), state=CYCLING)
    settle(state, "epithelial_cells", 200)
    settle(state, "bmdc", 200, arrested=True)
    state.vegf, state.tgfb = 0.1 * rng.random(state.section.shape), rng.random(state.section.shape)
    state.vessels = 0.5 + 1.5 * rng.random(state.section.shape)


def test_two_half_steps_of_activation_are_one(bare, p, settle, act, freeze):
    busy(bare, settle)
    expose(bare, 0.3)
    start = freeze(bare)
    once = act(FibroblastActivation(), bare, p, dt=12.0).fibroblasts.activation.copy()
    bare.thaw(start)
    twice = act(FibroblastActivation(), bare, p, dt=6.0, steps=2).fibroblasts.activation
    np.testing.assert_allclose(twice, once, rtol=EXACT)


@pytest.mark.parametrize("process", [NicheSprouting(), ColonyVessels()], ids=name_of)
def test_vessels_converge_as_the_step_does(bare, p, settle, act, freeze, process):
    """Exact from a naive organ's upwards; below it, and where displaced as well, of first order."""
    busy(bare, settle)
    start, vessels = freeze(bare), {}
    for steps in (16, 32, 256):  # of four days, from the rule's own period downwards
        bare.thaw(start)
        vessels[steps] = act(process, bare, p, dt=96.0 / steps, steps=steps).vessels
    if isinstance(process, NicheSprouting):
        above = start["field_vessels"] >= 1
        np.testing.assert_allclose(vessels[16][above], vessels[256][above], rtol=1e-9)
    wrong = {steps: np.abs(vessels[steps] - vessels[256]).max() for steps in (16, 32)}
    assert 0 < wrong[32] < 0.6 * wrong[16] < 0.6 * 0.03


@EACH
def test_each_changes_what_it_writes_and_nothing_else(bare, p, settle, changes, process):
    busy(bare, settle)
    assert changes(process, bare, p, dt=12.0) == set(process.writes)
