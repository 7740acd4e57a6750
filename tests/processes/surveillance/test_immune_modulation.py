"""NK cells put to rest, T cells primed and exhausted, Kupffer cells that turn beside a colony."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.engine.laws import hill, rate_of
from niche_sim.model.catalogue import CARGO
from niche_sim.model.cells import BoneMarrowDerivedCell, KupfferCell
from niche_sim.model.parameters import resolve
from niche_sim.model.processes.surveillance.exhaustion import Exhaustion
from niche_sim.model.processes.surveillance.lymph_node_priming import LymphNodePriming
from niche_sim.model.processes.surveillance.nk_modulation import NkModulation
from niche_sim.model.processes.surveillance.tumour_associated_kupffer import TumourAssociatedKupffer

EXACT = 1e-12  # roundings of exponentials near 1
N = 20_000
TUMOUR_ASSOCIATED = KupfferCell.state.code("tumour_associated")


def fill(state, level):
    return np.full(state.section.shape, level)


def expose(state, cargo, doses):
    state.blood.exposure[CARGO.index(cargo)] = doses


def on_each_site(state, settle, one_a_site, name, /, **columns):
    """One cell on every site: density 1 / site volume everywhere."""
    y, x = one_a_site(state.section)
    return settle(state, name, len(y), y=y, x=x, **columns)


@pytest.mark.parametrize("process", [NkModulation, LymphNodePriming, Exhaustion, TumourAssociatedKupffer])
def test_nothing_happens_in_a_naive_liver(naive, bare, p, changes, process):
    assert changes(process(), naive, p, dt=100.0) == set()
    assert changes(process(), bare, p, dt=100.0) == set()


@pytest.mark.parametrize("process", [LymphNodePriming, Exhaustion, TumourAssociatedKupffer])
def test_tumour_cells_in_blood_are_not_yet_there(naive, p, changes, process):
    naive.enter_tumour_cells(200, 0, np.arange(1, 201, dtype=np.uint64))
    assert changes(process(), naive, p, dt=100.0) == set()


# --- NK cells --------------------------------------------------------------------------------------------------------

# What lies in the tissue, and the activity it leaves in the end.
DAMPERS = {
    "cxcl12": lambda p, site: 1 - p.nk.share_quiescence * 4 / 5,  # twice the half-effect, squared
    "exosomes": lambda p, site: 1 - p.nk.share_exosomes * 9 / 10,  # three times
    "tgfb": lambda p, site: 1 / (1 + 0.6 / p.nk.half_tgfb),
    "mdsc": lambda p, site: 1 / (1 + 1 / site / p.nk.half_mdsc),
}


def damp(state, p, settle, one_a_site, by):
    if "cxcl12" in by:
        state.cxcl12 = fill(state, 2 * p.stroma.half_cxcl12)
    if "exosomes" in by:
        expose(state, "tgfb", 3 * p.exosomes.half_exposure)
    if "tgfb" in by:
        state.tgfb = fill(state, 0.6)
    if "mdsc" in by:
        on_each_site(state, settle, one_a_site, "bmdc", kind="mdsc")


@pytest.mark.parametrize("by", [("cxcl12",), ("exosomes",), ("tgfb",), ("mdsc",), tuple(DAMPERS)])
@pytest.mark.parametrize("il15", [1.0, 4.0])
def test_even_surroundings_dampen_all_nk_cells_alike(bare, p, settle, one_a_site, act, by, il15):
    cells = settle(bare, "nk_cells", 50)
    damp(bare, p, settle, one_a_site, by)
    bare.boosted.il15 = il15
    act(NkModulation(), bare, p, dt=9.0)
    rest = math.prod(DAMPERS[name](p, bare.section.site_volume) for name in by) ** (1 / il15)
    np.testing.assert_allclose(cells.activity, rest + (1 - rest) * math.exp(-p.nk.rate_modulation * 9.0), rtol=1e-9)


@pytest.mark.parametrize(("link", "by"), [("tgfb_receptor", "tgfb"), ("cxcr4", "cxcl12")])
def test_a_blocked_receptor_is_deaf_to_its_signal_alone(bare, p, settle, one_a_site, act, link, by):
    damp(bare, p, settle, one_a_site, (by,))
    cells, left = settle(bare, "nk_cells", 5), {}
    for efficacy in (0.0, 0.5, 1.0):
        setattr(bare.blocked, link, efficacy)
        cells.activity[:] = 1.0
        act(NkModulation(), bare, p, dt=1e4)
        left[efficacy] = cells.activity[0]
    lost = {
        "cxcl12": p.nk.share_quiescence * 0.5 * 4 / 5,
        "tgfb": 1 - 1 / (1 + 0.3 / p.nk.half_tgfb),
    }[by]
    assert left[0.5] == pytest.approx(1 - lost, rel=1e-9)
    assert left[0.0] < left[0.5] < left[1.0] == 1.0
    other = {"tgfb": "cxcl12", "cxcl12": "tgfb"}[by]
    damp(bare, p, settle, one_a_site, (other,))
    act(NkModulation(), bare, p, dt=1e4)
    assert cells.activity[0] == pytest.approx(DAMPERS[other](p, bare.section.site_volume), rel=1e-9)


@pytest.mark.parametrize("kind", [kind for kind in BoneMarrowDerivedCell.kind.names if kind != "mdsc"])
def test_other_marrow_cells_do_not_dampen(bare, p, settle, one_a_site, changes, kind):
    settle(bare, "nk_cells", 50)
    on_each_site(bare, settle, one_a_site, "bmdc", kind=kind)
    assert changes(NkModulation(), bare, p, dt=100.0) == set()


@pytest.mark.parametrize("by", ["tgfb", "cxcl12", "mdsc"])
def test_what_dampens_here_dampens_here(naive, p, settle, act, by):
    if by == "mdsc":
        settle(naive, "bmdc", 50, kind="mdsc", y=100.0, x=100.0)
        near, far = 30.0, p.tumour.neighbourhood + 30.0  # a site's diagonal beyond the neighbourhood
    else:
        field = fill(naive, 0.0)
        field[2:8, 2:8] = 1.0  # 40 to 160 um
        setattr(naive, by, field)
        near, far = 50.0, 90.0
    act(NkModulation(), naive, p, dt=24.0)
    cells = naive.nk_cells
    away = np.hypot(cells.y - 100.0, cells.x - 100.0)
    settle(naive, "nk_cells", 20, y=100.0 + near, x=100.0)
    act(NkModulation(), naive, p, dt=24.0)
    assert (cells.activity[-20:] < 1).all()
    assert (away > far).any()
    assert (cells.activity[:-20][away > far] == 1).all()


def test_nk_cells_recover_when_it_is_over(bare, p, settle, act):
    cells = settle(bare, "nk_cells", 5, activity=0.2)
    act(NkModulation(), bare, p, dt=24.0)
    np.testing.assert_allclose(cells.activity, 1 - 0.8 * math.exp(-p.nk.rate_modulation * 24.0), rtol=EXACT)


def test_it_changes_nothing_but_activity(naive, p, settle, one_a_site, changes):
    damp(naive, p, settle, one_a_site, tuple(DAMPERS))
    settle(naive, "tumour_cells", 50, state="cycling")
    assert changes(NkModulation(), naive, p, dt=72.0) == {"nk_cells.activity"}


# --- the lymph node --------------------------------------------------------------------------------------------------


def primed(p, antigen):
    return p.t_cells.rate_priming * antigen / (antigen + p.t_cells.half_antigen)


def lasting(p, antigen, time):
    """Precursors and effectors after a lasting antigen (cells/um3 times immunogenicity), in closed form."""
    k, renewal, loss = (
        primed(p, antigen),
        rate_of(p.t_cells.half_life_precursors),
        rate_of(p.t_cells.half_life_effectors),
    )
    total = k + renewal
    end = renewal / total
    gained = end / loss * (1 - math.exp(-loss * time))
    gained += (1 - end) * (math.exp(-total * time) - math.exp(-loss * time)) / (loss - total)
    return end + (1 - end) * math.exp(-total * time), p.t_cells.fold_expansion * k * gained


@pytest.mark.parametrize("dt", [6.0, 3.0])
@pytest.mark.parametrize("days", [1, 5, 30])
def test_a_lasting_antigen_primes_and_then_wears_off(bare, p, settle, act, dt, days):
    settle(bare, "tumour_cells", 300, line=np.arange(300) % 2, state=np.arange(300) % 5 + 1)  # anywhere but in blood
    act(LymphNodePriming(), bare, p, dt=dt, steps=round(days * 24 / dt))
    antigen = 150 * (p.pan02.immunogenicity + p.b16f1.immunogenicity) / bare.section.volume
    precursors, effectors = lasting(p, antigen, days * 24.0)
    assert bare.lymph_node.precursors == pytest.approx(precursors, rel=1e-9)
    assert bare.lymph_node.effectors == pytest.approx(effectors, rel=2e-3)  # what enters is even within a step


def test_effectors_peak_and_fall(bare, p, settle, act):
    settle(bare, "tumour_cells", 300, state="cycling")
    levels = [act(LymphNodePriming(), bare, p, dt=6.0, steps=4).lymph_node.effectors for _ in range(60)]
    assert 2 < np.argmax(levels) < 30
    assert levels[-1] < 0.7 * max(levels)


def test_without_antigen_effectors_contract_and_precursors_return(bare, p, act):
    bare.lymph_node.effectors, bare.lymph_node.precursors = 2.0, 0.4
    act(LymphNodePriming(), bare, p, dt=p.t_cells.half_life_effectors)
    assert bare.lymph_node.effectors == pytest.approx(1.0, rel=EXACT)
    left = 0.6 * math.exp(-rate_of(p.t_cells.half_life_precursors) * p.t_cells.half_life_effectors)
    assert bare.lymph_node.precursors == pytest.approx(1 - left, rel=EXACT)


def test_a_line_that_nobody_sees_primes_nobody(bare, settle, act):
    p = resolve({"pan02.immunogenicity": "0"})
    settle(bare, "tumour_cells", 300, state="cycling")
    act(LymphNodePriming(), bare, p, dt=6.0, steps=10)
    assert (bare.lymph_node.precursors, bare.lymph_node.effectors) == (1.0, 0.0)


def test_priming_changes_the_lymph_node_alone(naive, p, settle, changes):
    settle(naive, "tumour_cells", 300, state="cycling")
    assert changes(LymphNodePriming(), naive, p, dt=6.0) == {"lymph_node.precursors", "lymph_node.effectors"}


# --- exhaustion ------------------------------------------------------------------------------------------------------


def exhausted(state, p, ligand, dt):
    """Exhaustion after dt (h) with a cycling cell on every site."""
    near = 1 / state.section.site_volume
    gain = p.t_cells.rate_exhaustion * ligand * near / (near + p.kupffer.half_density_tumour_associated)
    total = gain + rate_of(p.t_cells.half_life_exhausted)
    return gain / total * -math.expm1(-total * dt)


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("exposed", [0.0, 1.0])  # times the half-effect
@pytest.mark.parametrize(("antibody", "blocked"), [(0.0, 0.0), (3.0, 0.0), (0.0, 0.5), (3.0, 0.5)])
def test_pdl1_exhausts(bare, p, settle, one_a_site, act, steps, exposed, antibody, blocked):
    cells = settle(bare, "t_cells", 50, effector=np.arange(50) % 2 == 0)
    on_each_site(bare, settle, one_a_site, "tumour_cells", state="cycling")
    expose(bare, "pdl1", exposed * p.exosomes.half_exposure)
    bare.drugs.anti_pd1, bare.blocked.pd1 = antibody * p.drug.half_antibody, blocked
    act(Exhaustion(), bare, p, dt=48.0 / steps, steps=steps)
    on_exosomes = exposed / 2  # hill at its half
    shown = p.t_cells.share_pdl1_tumour + (1 - p.t_cells.share_pdl1_tumour) * on_exosomes
    ligand = shown * (1 - antibody / (antibody + 1) * (1 - on_exosomes)) * (1 - blocked)
    np.testing.assert_allclose(cells.exhaustion, exhausted(bare, p, ligand, 48.0), rtol=1e-9)


def test_a_whole_blockade_keeps_t_cells_fresh_and_vesicles_use_the_antibody_up(bare, p, settle, one_a_site, act):
    cells = settle(bare, "t_cells", 5)
    on_each_site(bare, settle, one_a_site, "tumour_cells", state="cycling")
    bare.blocked.pd1 = 1.0
    assert not act(Exhaustion(), bare, p, dt=100.0).t_cells.exhaustion.any()
    bare.blocked.pd1, bare.drugs.anti_pd1 = 0.0, 1e9
    assert act(Exhaustion(), bare, p, dt=100.0).t_cells.exhaustion.max() < 1e-6
    expose(bare, "pdl1", 1e9)
    act(Exhaustion(), bare, p, dt=100.0)
    assert cells.exhaustion[0] == pytest.approx(exhausted(bare, p, 1.0, 100.0), rel=1e-6)


def test_t_cells_exhaust_beside_growing_cells_alone(bare, p, settle, act, changes):
    settle(bare, "t_cells", 20, y=350.0, x=100.0)
    away = settle(bare, "t_cells", 20, y=350.0, x=100.0 + p.tumour.neighbourhood + 30.0)
    settle(bare, "tumour_cells", 100, state="dormant", y=350.0, x=100.0)
    assert changes(Exhaustion(), bare, p, dt=100.0) == set()
    settle(bare, "tumour_cells", 100, state="cycling", y=350.0, x=100.0)
    act(Exhaustion(), bare, p, dt=100.0)
    assert (away.exhaustion[:20] > 0).all()
    assert (away.exhaustion[20:] == 0).all()


def test_t_cells_recover_with_their_half_life(bare, p, settle, act):
    cells = settle(bare, "t_cells", 5, exhaustion=0.8)
    act(Exhaustion(), bare, p, dt=p.t_cells.half_life_exhausted)
    np.testing.assert_allclose(cells.exhaustion, 0.4, rtol=EXACT)


# --- tumour-associated Kupffer cells ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2])
def test_kupffer_cells_turn_beside_a_colony_and_stay(bare, p, settle, one_a_site, act, happens, steps):
    cells = settle(bare, "kupffer_cells", N, state=np.arange(N) % 2)  # naive and educated alike
    on_each_site(bare, settle, one_a_site, "tumour_cells", state="cycling")
    act(TumourAssociatedKupffer(), bare, p, dt=24.0 / steps, steps=steps)
    rate = p.kupffer.rate_tumour_associated * hill(1 / bare.section.site_volume, p.kupffer.half_density_tumour_associated, 2.0)
    late = cells.state == TUMOUR_ASSOCIATED
    for before in (0, 1):
        happens(np.count_nonzero(late[np.arange(N) % 2 == before]), N // 2, -math.expm1(-rate * 24.0))
    assert (cells.state[~late] == (np.arange(N) % 2)[~late]).all()
    act(TumourAssociatedKupffer(), bare, p, dt=24.0)
    assert (cells.state[late] == TUMOUR_ASSOCIATED).all()


def test_kupffer_cells_turn_nearby_alone(bare, p, settle, act, changes):
    cells = settle(bare, "kupffer_cells", 20, y=350.0, x=100.0)
    settle(bare, "kupffer_cells", 20, y=350.0, x=100.0 + p.tumour.neighbourhood + 30.0)
    settle(bare, "tumour_cells", 100, state="motile", y=350.0, x=100.0)
    assert changes(TumourAssociatedKupffer(), bare, p, dt=1e4) == set()
    settle(bare, "tumour_cells", 100, state="cycling", y=350.0, x=100.0)
    act(TumourAssociatedKupffer(), bare, p, dt=1e4)
    assert (cells.state[:20] == TUMOUR_ASSOCIATED).all()
    assert (cells.state[20:] != TUMOUR_ASSOCIATED).all()


@pytest.mark.parametrize(
    ("process", "column"), [(Exhaustion, "t_cells.exhaustion"), (TumourAssociatedKupffer, "kupffer_cells.state")]
)
def test_they_change_nothing_else(naive, p, settle, one_a_site, changes, process, column):
    on_each_site(naive, settle, one_a_site, "tumour_cells", state="cycling")
    assert changes(process(), naive, p, dt=72.0) == {column}
