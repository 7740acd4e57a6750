"""Kupffer cells take exosomes out of the blood that passes: how many, which cells, and what parcels matter."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from niche_sim.engine.laws import rate_of
from niche_sim.model.catalogue import EXOSOME_SOURCES
from niche_sim.model.cells import Exosome
from niche_sim.model.initial_state import naive_liver, resting_density, section_of
from niche_sim.model.parameters import resolve
from niche_sim.model.processes.priming.exosome_digestion import ExosomeDigestion
from niche_sim.model.processes.priming.exosome_uptake import (
    ExosomeUptake,
    cross_section,
    keep_inside,
    passes_per_hour,
    uptake_by_zone,
)
from niche_sim.model.state import State

INSIDE = Exosome.place.code("inside")
PDAC, NORMAL = EXOSOME_SOURCES.index("pdac"), EXOSOME_SOURCES.index("normal_pancreas")


def slow_shares(section, capture):
    """Expected share of a pass's vesicles that stops at each site, site by site downstream."""
    flow, columns = section.flow, section.shape[1]
    arriving = dict(zip(flow.source_sites.tolist(), flow.source_share.tolist(), strict=True))
    stopped = np.zeros(capture.size)
    for site in flow.order.tolist():
        here = arriving.get(site, 0.0)
        stopped[site] = here * capture[site]
        for share, step in zip(flow.route[site], (-columns, columns, -1, 1), strict=True):
            if share > 0:
                arriving[site + step] = arriving.get(site + step, 0.0) + here * (1 - capture[site]) * share
    return stopped


def expected(state, p, match=1.0):
    """(rate to the liver, share of it that each Kupffer cell takes), from the cells as they are."""
    section, cells = state.section, state.kupffer_cells
    sites = section.site_of(cells.y, cells.x)
    zone = section.zone.ravel()[sites]
    weight = match * (1 - (1 - p.kupffer.fraction_central_uptake) * zone) * cells.responder
    weight = weight / (1 + cells.load / p.kupffer.half_load_uptake)
    per_site = np.bincount(sites, weights=weight, minlength=section.zone.size)
    path = section.flow.passage.ravel()
    stopped = slow_shares(section, 1 - np.exp(-cross_section(section, p) * per_site / section.site_volume * path))
    share = np.divide(stopped[sites] * weight, per_site[sites], out=np.zeros(len(cells)), where=per_site[sites] > 0)
    return passes_per_hour(p) * stopped.sum(), share / stopped.sum()


def elsewhere(p):
    return (1 - p.liver.fraction_exosomes) * rate_of(p.exosomes.half_life_blood)


def release(state, p, vesicles, source, key):
    state.release_exosomes(vesicles, source, key, p.exosomes.parcel_size)


def in_blood(state):
    return int(state.exosomes.vesicles[state.exosomes.place != INSIDE].sum())


def per_cell(state, source=None):
    """Vesicles inside each Kupffer cell, from the parcels."""
    exosomes, cells = state.exosomes, state.kupffer_cells
    mine = exosomes.place == INSIDE
    if source is not None:
        mine &= exosomes.source == source
    rows, alive = cells.find(exosomes.host[mine])
    assert alive.all()
    return np.bincount(rows, weights=exosomes.vesicles[mine], minlength=len(cells)).astype(int)


def parcels_of(size):
    return resolve({"exosomes.parcel_size": f"{size} vesicle"})


SIZES = [1, 10, 100, 1000]


# --- nowhere ---------------------------------------------------------------------------------------------------------


def test_nothing_in_blood_nothing_taken(naive, p, changes):
    assert changes(ExosomeUptake(), naive, p) == set()


def test_plasma_readout_falls_to_zero_once_blood_is_empty(naive, p, act):
    naive.blood.exosomes, naive.blood.plasma[NORMAL] = 5.0, 5.0
    act(ExosomeUptake(), naive, p)
    assert naive.blood.exosomes == 0.0
    assert naive.blood.plasma == [0.0] * len(EXOSOME_SOURCES)


@pytest.mark.parametrize("why", ["no cells", "no responders", "uptake blocked"])
def test_without_takers_all_is_cleared_elsewhere(naive, p, act, happens, why):
    if why == "no cells":
        naive.kupffer_cells.remove(slice(None))
    elif why == "no responders":
        naive.kupffer_cells.responder[:] = False
    else:
        naive.blocked.exosome_uptake = 1.0
    release(naive, p, 50_000, PDAC, 1)
    act(ExosomeUptake(), naive, p, dt=0.05)
    counters = naive.counters
    assert counters.exosomes_taken_up == 0
    assert (naive.exosomes.place != INSIDE).all()
    happens(counters.exosomes_cleared, 50_000, 1 - math.exp(-elsewhere(p) * 0.05))
    assert counters.exosomes_cleared + in_blood(naive) == 50_000


# --- everywhere ------------------------------------------------------------------------------------------------------


def test_a_naive_liver_of_mean_density_takes_its_published_fraction(section, p):
    """Cross-section by an independent sweep: the liver's rate and all others' give the half-life in blood."""
    density = p.kupffer.density * p.kupffer.fraction_responders * resting_density(section, p)["kupffer_cells"]
    weighted = density * uptake_by_zone(section.zone, p) * section.flow.passage
    to_liver = (
        passes_per_hour(p) * slow_shares(section, 1 - np.exp(-cross_section(section, p) * weighted).ravel()).sum()
    )
    leaving = math.log(2) / p.exosomes.half_life_blood
    assert to_liver == pytest.approx(p.liver.fraction_exosomes * leaving, rel=1e-9)
    assert to_liver + elsewhere(p) == pytest.approx(leaving, rel=1e-9)


def test_blood_passes_the_liver_about_once_a_minute():
    p = resolve({"liver.blood_flow": "1.8 mL/min", "liver.blood_volume": "1.7 mL"})
    assert passes_per_hour(p) == pytest.approx(1.8 * 60 / 1.7, rel=1e-12)


def test_the_cells_of_a_mouse_take_about_that_much(p, section):
    # 97 responders where chance put them, against a density: their number alone varies by 10 % between mice.
    rates = [expected(naive_liver(section, p, _chance(seed)), p)[0] for seed in range(8)]
    assert np.mean(rates) == pytest.approx(p.liver.fraction_exosomes * rate_of(p.exosomes.half_life_blood), rel=0.1)


def _chance(seed):
    from niche_sim.engine.chance import Chance

    return Chance(seed)


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("size", SIZES)
def test_blood_empties_at_both_rates_in_one_step_or_two(naive, act, happens, steps, size):
    p = parcels_of(size)
    n, dt = 40_000, 0.05
    release(naive, p, n, PDAC, 1)
    to_liver, _ = expected(naive, p)
    act(ExosomeUptake(), naive, p, dt=dt / steps, steps=steps)
    leaving = to_liver + elsewhere(p)
    happens(in_blood(naive), n, math.exp(-leaving * dt))
    happens(naive.counters.exosomes_taken_up, n - in_blood(naive), to_liver / leaving)
    assert naive.counters.exosomes_taken_up == per_cell(naive).sum()


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("size", SIZES)
def test_every_vesicle_falls_on_a_cell_by_itself(naive, act, steps, size):
    """Shares of the cells against the sweep by chi-square; vesicles moved in parcels would be off by their size."""
    p = parcels_of(size)
    release(naive, p, 60_000, PDAC, 1)
    _, share = expected(naive, p)
    act(ExosomeUptake(), naive, p, dt=0.2 / steps, steps=steps)
    loads = per_cell(naive)
    assert loads[share == 0].sum() == 0
    taken = share > 0
    test = stats.chisquare(loads[taken], loads.sum() * share[taken])
    assert 1e-4 < test.pvalue < 1 - 1e-4  # neither too wide nor too narrow


@pytest.mark.parametrize("dt", [1.0, 0.5, 0.02])
def test_plasma_is_the_mean_over_the_step(naive, p, act, dt):
    release(naive, p, 100_000, PDAC, 1)
    to_liver, _ = expected(naive, p)
    k = (to_liver + elsewhere(p)) * dt
    act(ExosomeUptake(), naive, p, dt=dt)
    # What a step leaves in blood is drawn; the mean within it is not.
    assert naive.blood.exosomes == pytest.approx(100_000 * (1 - math.exp(-k)) / k, rel=1e-9)


def test_sources_add_up_in_plasma(naive, p, act, freeze):
    start, found = freeze(naive), []
    for sources in ((PDAC,), (NORMAL,), (PDAC, NORMAL)):
        naive.thaw(start)
        for source in sources:
            release(naive, p, 10_000, source, 1 + source)
        blood = act(ExosomeUptake(), naive, p).blood
        assert blood.exosomes == sum(blood.plasma)
        assert {source for source, vesicles in enumerate(blood.plasma) if vesicles > 0} == set(sources)
        found.append(np.array(blood.plasma))
    np.testing.assert_allclose(found[2], found[0] + found[1], rtol=1e-12)


@pytest.mark.parametrize("bound", [0.5, 0.9])
def test_a_binder_in_blood_takes_its_share_of_all_that_leaves(naive, p, act, happens, bound):
    """The sooner blood is empty, the less reaches the organ: each way out keeps its rate, the binder's comes on top."""
    naive.blocked.exosomes_in_blood = bound
    release(naive, p, 100_000, PDAC, 1)
    to_liver, _ = expected(naive, p)
    others = to_liver + elsewhere(p)
    act(ExosomeUptake(), naive, p, dt=0.01)
    counters, k = naive.counters, others / (1 - bound) * 0.01
    happens(in_blood(naive), 100_000, math.exp(-k))
    happens(counters.exosomes_taken_up, 100_000 - in_blood(naive), (1 - bound) * to_liver / others)
    assert counters.exosomes_taken_up + counters.exosomes_cleared + in_blood(naive) == 100_000
    assert naive.blood.plasma[PDAC] == pytest.approx(100_000 * (1 - math.exp(-k)) / k, rel=1e-9)


def test_a_perfect_binder_leaves_nothing_to_any_organ(naive, p, act):
    naive.blocked.exosomes_in_blood = 1.0
    release(naive, p, 10_000, PDAC, 1)
    act(ExosomeUptake(), naive, p, dt=0.01)
    assert (naive.counters.exosomes_taken_up, naive.counters.exosomes_cleared, in_blood(naive)) == (0, 10_000, 0)
    assert naive.blood.exosomes == 0.0


def test_where_nothing_takes_anything_blood_keeps_it(naive, act):
    p = resolve({"liver.fraction_exosomes": "1"})
    naive.blocked.exosome_uptake = 1.0
    release(naive, p, 10_000, PDAC, 1)
    act(ExosomeUptake(), naive, p)
    assert naive.blood.exosomes == in_blood(naive) == 10_000


@pytest.mark.parametrize(
    ("place", "matched", "other"), [("lung", "lung_tropic", "brain_tropic"), ("brain", "brain_tropic", "lung_tropic")]
)
def test_another_organ_takes_what_its_integrin_matches(place, matched, other, act, happens):
    p = resolve(organ=place)
    state = naive_liver(section_of(600.0, 700.0, 20.0, p), p, _chance(5))
    assert len(state.kupffer_cells) == 0 < len(state.resident_recipient_cells)
    leaving = rate_of(p.exosomes.half_life_blood)
    taken = {}
    for source in (matched, other):
        state.counters.exosomes_taken_up = 0
        release(state, p, 1_000_000, EXOSOME_SOURCES.index(source), 1)
        act(ExosomeUptake(), state, p)
        taken[source] = state.counters.exosomes_taken_up
        state.exosomes.remove(slice(None))
    # A matched vesicle as measured, save for where chance put the cells; an unmatched one seldom.
    assert taken[matched] / 1e6 == pytest.approx(p.organ.fraction_exosomes * -math.expm1(-leaving), rel=0.15)
    assert taken[other] < 2 * p.exosomes.fraction_unmatched * taken[matched]


# --- somewhere -------------------------------------------------------------------------------------------------------


def sinusoid(section):
    """A site in tissue through which blood flows, and its middle."""
    share = slow_shares(section, 1 - np.exp(-0.002 * section.flow.passage.ravel()))
    site = int(share.argmax())
    return (site // section.shape[1] + 0.5) * section.spacing, (site % section.shape[1] + 0.5) * section.spacing


def test_only_responders_take_up(naive, p, act):
    release(naive, p, 50_000, PDAC, 1)
    act(ExosomeUptake(), naive, p)
    loads, responder = per_cell(naive), naive.kupffer_cells.responder
    assert loads[~responder].sum() == 0
    assert (loads[responder] > 0).mean() > 0.9


def test_one_responder_takes_all_that_the_liver_takes(bare, p, settle, act):
    y, x = sinusoid(bare.section)
    settle(bare, "kupffer_cells", 3, y=[y, 300.0, 500.0], x=[x, 310.0, 100.0], responder=[True, False, False])
    release(bare, p, 200_000, PDAC, 1)
    act(ExosomeUptake(), bare, p)
    loads = per_cell(bare)
    assert loads[0] == bare.counters.exosomes_taken_up > 100
    assert loads[1:].sum() == 0
    inside = bare.exosomes.place == INSIDE
    assert (bare.exosomes.y[inside] == y).all()
    assert (bare.exosomes.x[inside] == x).all()


def test_a_full_neighbour_takes_half(bare, p, settle, act, happens):
    y, x = sinusoid(bare.section)
    load = [0, round(p.kupffer.half_load_uptake)]
    settle(bare, "kupffer_cells", 2, y=y, x=x, responder=True, load=load)
    release(bare, p, 500_000, PDAC, 1)
    act(ExosomeUptake(), bare, p)
    loads = per_cell(bare)
    happens(loads[0], loads.sum(), 2 / 3)


def test_central_cells_take_less():
    p = resolve({"kupffer.fraction_central_uptake": "0.6"})
    np.testing.assert_allclose(uptake_by_zone(np.array([0.0, 0.5, 1.0]), p), [1.0, 0.8, 0.6], rtol=1e-12)


def test_the_portal_third_takes_most(naive, p, act):
    release(naive, p, 200_000, PDAC, 1)
    act(ExosomeUptake(), naive, p)
    zone = naive.section.zone.ravel()[naive.section.site_of(naive.kupffer_cells.y, naive.kupffer_cells.x)]
    taken = np.bincount(np.minimum((zone * 3).astype(int), 2), weights=per_cell(naive)) / per_cell(naive).sum()
    assert taken[0] > 1.2 * max(taken[1], taken[2])  # more cells, the more active ones, and the first to meet the blood


@pytest.mark.parametrize(
    ("source", "integrin", "uptake", "match"),
    [
        (PDAC, 0.0, 0.0, 1.0),
        (NORMAL, 0.0, 0.0, 0.05 + 0.95 * 0.1),
        (PDAC, 1.0, 0.0, 0.05),
        (PDAC, 0.5, 0.0, 0.05 + 0.95 * 0.5),
        (PDAC, 0.0, 0.5, 0.5),
        (NORMAL, 0.5, 0.5, 0.5 * (0.05 + 0.95 * 0.05)),
    ],
)
def test_integrins_and_blocks_scale_the_capture(naive, act, happens, source, integrin, uptake, match):
    p = resolve(
        {"exosomes.fraction_unmatched": "0.05", "normal_pancreas.integrin_avb5": "0.1", "pdac.integrin_avb5": "1"}
    )
    naive.blocked.integrin_avb5, naive.blocked.exosome_uptake = integrin, uptake
    release(naive, p, 200_000, source, 1)
    to_liver, _ = expected(naive, p, match)
    act(ExosomeUptake(), naive, p)
    gone = naive.counters.exosomes_taken_up + naive.counters.exosomes_cleared
    happens(naive.counters.exosomes_taken_up, gone, to_liver / (to_liver + elsewhere(p)))


# --- counters and parcels -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_counters_balance_to_the_vesicle(naive, act, size):
    p = parcels_of(size)
    counters = naive.counters
    for step in range(12):
        if step < 3:
            release(naive, p, 15_000, PDAC, 10 * step)
            release(naive, p, 4_321, NORMAL, 10 * step + 5)
        act(ExosomeUptake(), naive, p, dt=0.1)
        act(ExosomeDigestion(), naive, p, dt=3.0)
        if step == 6:
            naive.kupffer_cells.remove(np.arange(0, 151, 3))
            act(ExosomeDigestion(), naive, p, dt=1e-9)
        inside = int(naive.exosomes.vesicles[naive.exosomes.place == INSIDE].sum())
        assert counters.exosomes_taken_up == inside + counters.exosomes_degraded
        assert counters.exosomes_released == in_blood(naive) + counters.exosomes_taken_up + counters.exosomes_cleared
        np.testing.assert_array_equal(per_cell(naive), naive.kupffer_cells.load)
        assert (naive.exosomes.vesicles > 0).all()
        assert (naive.exosomes.vesicles <= size).all()
    assert counters.exosomes_released == 3 * 19_321
    assert counters.exosomes_degraded > 0


@pytest.mark.parametrize("size", SIZES)
def test_captured_vesicles_fill_parcels(naive, size):
    p = parcels_of(size)
    want = np.zeros(len(naive.kupffer_cells), int)
    for step, captured in enumerate([0, 7, 1, 2500, 999, 1]):
        naive.step_index = step
        part = np.zeros_like(want)
        part[[3, 50, 120]] = captured, 2 * captured, 1
        keep_inside(naive, p, part, PDAC)
        keep_inside(naive, p, part[::-1].copy(), NORMAL)
        want += part
        np.testing.assert_array_equal(per_cell(naive, PDAC), want)
        np.testing.assert_array_equal(per_cell(naive, NORMAL), want[::-1])
    exosomes = naive.exosomes
    assert (exosomes.vesicles <= size).all()
    assert len(np.unique(exosomes.key)) == len(exosomes)
    # No more parcels than are needed: at most one a cell and source is not full.
    partly = exosomes.vesicles < size
    owners = np.stack([exosomes.host[partly], exosomes.source[partly]])
    assert len(np.unique(owners, axis=1).T) == partly.sum()


def loads_after_a_day(section, size, seed):
    """Loads of responders a day after two doses."""
    p = parcels_of(size)
    state = naive_liver(section, p, _chance(100))  # one liver, so that only the draws differ
    chance = _chance(seed)
    for step in range(24):
        chance.step = state.step_index = step
        if step in (0, 12):
            release(state, p, 12_000, PDAC, 1000 * step + 1)
        ExosomeUptake().step(state, p, chance, 1.0)
        ExosomeDigestion().step(state, p, chance, 1.0)
    return state.kupffer_cells.load[state.kupffer_cells.responder].astype(float)


def test_parcels_are_bookkeeping_and_never_the_variance_of_a_load(section):
    """Mean and variance of the load at every parcel size, between cells and of each cell between mice."""
    mice = 12
    loads = {size: np.array([loads_after_a_day(section, size, seed) for seed in range(mice)]) for size in SIZES}
    means = {size: table.mean() for size, table in loads.items()}
    between_cells = {size: table.var(axis=1).mean() for size, table in loads.items()}
    of_a_cell = {size: (table.var(axis=0, ddof=1) / table.mean(axis=0)).mean() for size, table in loads.items()}
    for size in SIZES:
        # Equivalence, within 10 %. Standard errors: of a mean of 1e5 vesicles 0.3 %; of the variance between the same
        # cells some 1 %; of a cell's own variance sqrt(2 / 11) / sqrt(97 cells), 4 %, halved for the pair by the mean.
        assert means[size] == pytest.approx(np.mean(list(means.values())), rel=0.01)
        assert between_cells[size] == pytest.approx(np.mean(list(between_cells.values())), rel=0.1)
        # Thinned multinomial counts of many boxes are nearly Poisson: variance over mean 1 (in parcels of 10 it is 10).
        assert of_a_cell[size] == pytest.approx(1.0, abs=4 * math.sqrt(2 / (mice - 1) / loads[size].shape[1]))


def test_the_grid_is_not_felt(p, act, agrees):
    """The same cells on sites of 20 and 10 um: the liver as a whole takes as much."""
    rates = {}
    for spacing in (20.0, 10.0):
        section = section_of(600.0, 700.0, spacing, p)
        state = State.empty(section)
        liver = naive_liver(section_of(600.0, 700.0, 20.0, p), p, _chance(3))
        state.kupffer_cells.add(
            len(liver.kupffer_cells),
            y=liver.kupffer_cells.y,
            x=liver.kupffer_cells.x,
            responder=liver.kupffer_cells.responder,
        )
        rates[spacing] = expected(state, p)[0]
    # A cell's reach across the flow is its site: which streamlines it meets differs, by some percent over 97 cells.
    assert rates[10.0] == pytest.approx(rates[20.0], rel=0.1)


def test_uptake_changes_nothing_else(naive, p, changes):
    release(naive, p, 50_000, PDAC, 1)
    found = changes(ExosomeUptake(), naive, p)
    counters = {"counters.exosomes_taken_up", "counters.exosomes_cleared"}
    assert found == {"exosomes", "blood.exosomes", "blood.plasma"} | counters
