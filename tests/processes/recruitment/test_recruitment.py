"""CCL2, and the bone-marrow-derived cells that it and other signals call."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from niche_sim.engine.laws import rate_of
from niche_sim.model.catalogue import CARGO
from niche_sim.model.cells import BoneMarrowDerivedCell
from niche_sim.model.parameters import in_unit, resolve
from niche_sim.model.processes.recruitment.ccl2_release import Ccl2Release
from niche_sim.model.processes.recruitment.recruitment import Recruitment

AVOGADRO = 6.02214076e23


def test_quiet_stellate_cells_release_no_ccl2(naive, p, changes):
    assert changes(Ccl2Release(), naive, p) == set()


def test_ccl2_falls_with_its_half_life(bare, p, act):
    bare.blood.ccl2 = 0.6
    act(Ccl2Release(), bare, p, dt=p.ccl2.half_life)
    assert bare.blood.ccl2 == pytest.approx(0.3, rel=1e-12)


def test_ccl2_rises_by_what_active_cells_secrete(naive, p, act):
    cells = naive.stellate_cells
    cells.activation[:50] = 0.5
    act(Ccl2Release(), naive, p, dt=4.0)
    # Molecules a second from each of 25 whole cells into 600 x 700 x 20 um (dm3), decaying.
    molecules = in_unit(p, "ccl2.secretion")
    source = molecules * 3600 / AVOGADRO * 25 / (600e-5 * 700e-5 * 20e-5) * 1e9  # nM/h
    decay = math.log(2) / p.ccl2.half_life
    assert naive.blood.ccl2 == pytest.approx(source / decay * (1 - math.exp(-4 * decay)), rel=1e-9)


def test_growing_tumour_cells_release_ccl2_too(bare, p, settle, act):
    for state in ("arrested", "dormant", "motile", "cycling"):
        settle(bare, "tumour_cells", 40, state=state, seed=len(state))
    act(Ccl2Release(), bare, p, dt=4.0)
    decay = math.log(2) / p.ccl2.half_life
    source = p.tumour.secretion_ccl2 * 40 / (600 * 700 * 20)  # those that divide
    assert bare.blood.ccl2 == pytest.approx(source / decay * (1 - math.exp(-4 * decay)), rel=1e-9)


def test_ccl2_is_of_the_organ_whoever_releases_it(naive, p, act):
    cells, level = naive.stellate_cells, []
    for row in (0, len(cells) // 2):
        naive.blood.ccl2 = 0.0
        cells.activation[:] = 0.0
        cells.activation[row] = 1.0
        level.append(act(Ccl2Release(), naive, p).blood.ccl2)
    assert level[0] == level[1] > 0


def test_two_half_steps_of_ccl2_are_one(naive, p, act):
    naive.stellate_cells.activation[:] = 0.3
    once = act(Ccl2Release(), naive, p, dt=6.0).blood.ccl2
    naive.blood.ccl2 = 0.0
    assert act(Ccl2Release(), naive, p, dt=3.0, steps=2).blood.ccl2 == pytest.approx(once, rel=1e-12)


def test_ccl2_release_changes_nothing_else(naive, p, changes):
    naive.stellate_cells.activation[:] = 0.3
    assert changes(Ccl2Release(), naive, p) == {"blood.ccl2"}


# --- recruitment -----------------------------------------------------------------------------------------------------


KIND = {name: BoneMarrowDerivedCell.kind.code(name) for name in BoneMarrowDerivedCell.kind.names}
AT_REST = ("rate_rest", "rate_neutrophils_rest", "rate_patrolling_rest")
PLENTY = 1e9  # serum amyloid A, far above what there is: its support is then 1


def called_only(**changed):
    return resolve({f"bmdc.{name}": "0 cell/mm^3/day" for name in AT_REST} | changed)


def count(state, *kinds):
    return int(np.isin(state.bmdc.kind, [KIND[kind] for kind in kinds]).sum())


def after(state, p, act, hours=2400.0, steps=1):
    """Let cells come for some hours. Returns hours times volume, um3 h: the number per rate."""
    act(Recruitment(), state, p, dt=hours / steps, steps=steps)
    return state.section.volume * hours


def came(agrees, found, expected):
    agrees(found, expected, math.sqrt(expected))  # Poisson


def test_nobody_comes_uncalled_if_nobody_comes_at_rest(bare, changes):
    assert changes(Recruitment(), bare, called_only(), dt=1000.0) == set()


@pytest.mark.parametrize("steps", [1, 2])
def test_cells_come_at_rest(bare, p, act, agrees, steps):
    """Uncalled there are monocytes, few neutrophils and patrols, and no suppressor cells."""
    each = after(bare, p, act, steps=steps)
    came(agrees, count(bare, "macrophage"), p.bmdc.rate_rest * each)
    assert in_unit(p, "bmdc.rate_rest") * bare.section.volume * 1e-9 * 100 == pytest.approx(p.bmdc.rate_rest * each)
    came(agrees, count(bare, "neutrophil"), p.bmdc.rate_neutrophils_rest * each)
    came(agrees, count(bare, "patrolling"), p.bmdc.rate_patrolling_rest * each)
    assert count(bare, "mdsc") == 0


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(("ccl2", "called"), [(1.0, 0.5), (3.0, 0.9), (1e6, 1.0)])
def test_ccl2_calls_monocytes_and_with_them_some_suppressor_cells(bare, act, agrees, steps, ccl2, called):
    p = called_only(**{"bmdc.steepness": "2", "bmdc.share_mdsc": "0.2"})
    bare.blood.ccl2, bare.blood.saa = ccl2 * p.bmdc.half_signal, PLENTY
    expected = p.bmdc.rate_called * called * after(bare, p, act, steps=steps)
    came(agrees, count(bare, "macrophage"), 0.8 * expected)
    came(agrees, count(bare, "mdsc"), 0.2 * expected)
    assert len(bare.bmdc) == count(bare, "macrophage", "mdsc")
    assert not bare.bmdc.arrested.any()


@pytest.mark.parametrize(("saa", "support"), [(0.0, 0.1), (0.25, 0.55), (0.75, 0.91)])
def test_the_call_needs_serum_amyloid_a(bare, act, agrees, saa, support):
    inflammation = {"share_rest": "0.1", "half_saa": "0.25", "steepness": "2"}
    p = called_only(**{f"inflammation.{name}": text for name, text in inflammation.items()})
    bare.blood.ccl2, bare.blood.saa = 1e9, saa
    each = after(bare, p, act)
    came(agrees, len(bare.bmdc), p.bmdc.rate_called * support * each)


def test_serum_amyloid_a_alone_calls_nobody(bare, changes):
    bare.blood.saa = bare.blood.peptides = bare.marrow.educated = 1.0
    assert changes(Recruitment(), bare, called_only(), dt=1000.0) == set()


@pytest.mark.parametrize("blocked", [0.0, 1.0])
def test_peptides_educated_marrow_and_vegfr1_raise_the_call(bare, act, agrees, blocked):
    p = called_only(**{"collagen.gain_peptides": "0.4", "marrow.gain_recruitment": "1.5", "bmdc.gain_vegfr1": "2"})
    bare.blood.ccl2, bare.blood.saa, bare.blood.peptides, bare.marrow.educated = 1e9, PLENTY, 0.5, 0.4
    bare.vegf[:, :10] = 1e9  # a third of the section is full of it
    bare.blocked.vegfr1 = blocked
    each = after(bare, p, act)
    gains = 1.0 + 0.4 * 0.5 + 1.5 * 0.4 + 2 / 3 * (1 - blocked)
    came(agrees, len(bare.bmdc), p.bmdc.rate_called * gains * each)


@pytest.mark.parametrize(("drug", "block", "left"), [(0.0, 1.0, 0.0), (1e12, 0.0, 0.0), (0.3, 0.5, 1.0)])
def test_vegf_that_is_bound_or_blocked_calls_nobody(bare, act, agrees, drug, block, left):
    p = called_only(**{"bmdc.gain_vegfr1": "2"})
    bare.blood.ccl2, bare.blood.saa = 1e9, PLENTY
    bare.vegf[:] = 1e9 if left else 1.0  # so much that what little is free is enough, or less
    bare.drugs.anti_vegf, bare.blocked.vegf = drug, block
    each = after(bare, p, act)
    came(agrees, len(bare.bmdc), p.bmdc.rate_called * (1 + 2 * left) * each)


@pytest.mark.parametrize("blocked", [0.0, 0.4, 1.0])
def test_s100a8_calls_suppressor_cells_by_cxcr2(bare, act, agrees, blocked):
    p = called_only(**{"bmdc.share_mdsc": "0"})
    bare.blood.ccl2, bare.blood.saa, bare.blood.s100a8, bare.blocked.cxcr2 = 1e9, PLENTY, 0.5, blocked
    each = after(bare, p, act)
    expected = p.bmdc.rate_mdsc * 0.5 * (1 - blocked) * each
    if blocked < 1.0:
        came(agrees, count(bare, "mdsc"), expected)
    else:
        assert count(bare, "mdsc") == 0
    came(agrees, count(bare, "macrophage"), p.bmdc.rate_called * each)


def test_s100a8_calls_nobody_without_ccl2(bare, changes):
    bare.blood.s100a8, bare.blood.saa = 1.0, PLENTY
    assert changes(Recruitment(), bare, called_only(), dt=1000.0) == set()


@pytest.mark.parametrize("blocked", [0.0, 0.4, 1.0])
def test_cxcl12_calls_neutrophils_by_cxcr4(bare, act, agrees, blocked):
    p = called_only()
    bare.cxcl12[::2] = 2 * p.stroma.half_cxcl12 * 35 / 18  # every other row; twice the half-signal on average
    bare.blocked.cxcr4 = blocked
    each = after(bare, p, act)
    if blocked < 1.0:
        came(agrees, count(bare, "neutrophil"), p.bmdc.rate_neutrophils * 0.8 * (1 - blocked) * each)
    assert len(bare.bmdc) == count(bare, "neutrophil")
    assert (len(bare.bmdc) == 0) == (blocked == 1.0)


@pytest.mark.parametrize("boost", [1.0, 3.0])
def test_pedf_and_a_boost_call_patrols(bare, act, agrees, boost):
    p = resolve({"bmdc.rate_rest": "0 cell/mm^3/day", "bmdc.rate_neutrophils_rest": "0 cell/mm^3/day"})
    bare.blood.exposure[CARGO.index("pedf")] = p.exosomes.half_exposure
    bare.boosted.patrolling_monocytes = boost
    each = after(bare, p, act)
    came(agrees, len(bare.bmdc), boost * (p.bmdc.rate_patrolling_rest + 0.5 * p.bmdc.rate_patrolling) * each)
    assert len(bare.bmdc) == count(bare, "patrolling")


def test_arrivals_of_a_step_are_poisson(section, act):
    from niche_sim.model.initial_state import resting_density
    from niche_sim.model.state import State

    p = called_only(**{"bmdc.share_mdsc": "0"})
    state = State.empty(section)
    state.resting_density, state.blood.ccl2, state.blood.saa = resting_density(section, p), 1e9, PLENTY
    sizes = [0]
    for _ in range(1500):
        act(Recruitment(), state, p, dt=24.0)
        sizes.append(len(state.bmdc))
    counts = np.diff(sizes)
    mean = p.bmdc.rate_called * section.volume * 24
    # Variance over mean of a Poisson count is 1, with a standard error of sqrt(2 / n).
    assert counts.mean() == pytest.approx(mean, abs=4 * math.sqrt(mean / len(counts)))
    assert counts.var() / counts.mean() == pytest.approx(1.0, abs=4 * math.sqrt(2 / len(counts)))


@pytest.mark.parametrize("blocked", [0.5, 1.0])
def test_ccr2_blockade_stops_the_called_and_not_those_at_rest(bare, p, act, agrees, blocked):
    bare.blood.ccl2, bare.blood.saa, bare.blood.s100a8, bare.blocked.ccr2 = 1e6, PLENTY, 0.5, blocked
    each = after(bare, p, act)
    called = p.bmdc.rate_called + 0.5 * p.bmdc.rate_mdsc
    came(agrees, count(bare, "macrophage", "mdsc"), (p.bmdc.rate_rest + called * (1 - blocked)) * each)


def test_a_share_of_those_at_rest_settles_at_once(bare, p, act, happens):
    after(bare, p, act, 1e6)
    happens(bare.bmdc.arrested.sum(), count(bare, "macrophage"), p.bmdc.chance_arrest_on_entry)
    assert set(bare.bmdc.kind[bare.bmdc.arrested]) == {KIND["macrophage"]}


def test_those_called_do_not_settle_at_once(bare, p, act, happens):
    bare.blood.ccl2, bare.blood.saa = 1e6, PLENTY
    after(bare, p, act, 1e6)
    at_rest = p.bmdc.rate_rest / (p.bmdc.rate_rest + p.bmdc.rate_called * (1 - p.bmdc.share_mdsc))
    happens(bare.bmdc.arrested.sum(), count(bare, "macrophage"), p.bmdc.chance_arrest_on_entry * at_rest)


def test_newcomers_enter_anywhere_in_the_tissue(bare, act):
    p = called_only()
    bare.blood.ccl2, bare.blood.saa, bare.time = 1e6, PLENTY, 12.0
    act(Recruitment(), bare, p, dt=48_000.0)  # some 20 a site
    cells, tissue = bare.bmdc, ~bare.section.lumen.ravel()
    counts = np.bincount(bare.section.site_of(cells.y, cells.x), minlength=tissue.size)
    assert counts[~tissue].sum() == 0
    assert stats.chisquare(counts[tissue]).pvalue > 1e-4
    assert stats.chisquare(np.histogram(cells.heading, 12, (0, 2 * math.pi))[0]).pvalue > 1e-4
    assert (cells.entered_at == 12.0).all()


def test_keys_of_newcomers_are_their_own_in_every_step(bare, p, act):
    bare.blood.ccl2 = 1e6
    act(Recruitment(), bare, p, dt=500.0, steps=3)
    assert len(np.unique(bare.bmdc.key)) == len(bare.bmdc) > 100


def test_recruitment_changes_nothing_else(naive, p, changes):
    naive.blood.ccl2 = 1e6
    assert changes(Recruitment(), naive, p, dt=100.0) == {"bmdc"}


def test_ccl2_of_an_educated_liver_reaches_what_calls(p):
    # The share of all stellate cells that has to be active for CCL2 to stand at its half-signal is possible.
    needed = p.bmdc.half_signal * rate_of(p.ccl2.half_life) / p.ccl2.secretion
    assert 0.05 < needed / p.stellate.density < 1.0
