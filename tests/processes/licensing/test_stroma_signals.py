"""CXCL12, hepatocyte growth factor and VEGF spread from the stroma; neutrophils cast traps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.model.cells import BoneMarrowDerivedCell, KupfferCell, TumourCell
from niche_sim.model.parameters import in_unit
from niche_sim.model.processes.angiogenesis.vegf_release import VegfRelease
from niche_sim.model.processes.licensing.cxcl12_release import Cxcl12Release
from niche_sim.model.processes.licensing.hgf_release import HgfRelease
from niche_sim.model.processes.recruitment.netosis import NETosis

EXACT = 1e-12  # roundings of exponentials
NEUTROPHIL = BoneMarrowDerivedCell.kind.code("neutrophil")
CYCLING, TUMOUR_ASSOCIATED = TumourCell.state.code("cycling"), KupfferCell.state.code("tumour_associated")
LONG = 1e3  # h, hundreds of half-lives
# Rule -> its field, its parameters, a population that secretes at the full rate and how.
SIGNALS = {
    "cxcl12": (Cxcl12Release(), "stellate_cells", {"activation": 1.0}),
    "hgf": (HgfRelease(), "fibroblasts", {"activation": 1.0}),
    "vegf": (VegfRelease(), "bmdc", {"arrested": True}),
}
EACH = pytest.mark.parametrize("signal", SIGNALS)


def numbers(p, signal):
    """Diffusivity (um2/h), decay (1/h) and what a cell secretes (nM um3/h: molecules a second over Avogadro's)."""
    molecules = in_unit(p, f"stroma.secretion_{signal}")
    return (
        in_unit(p, f"stroma.diffusivity_{signal}") * 3600,
        math.log(2) / getattr(p.stroma, f"half_life_{signal}"),
        molecules * 3600 / 6.02214076e23 * 1e9 * 1e15,  # 1 mol / dm3 is 1e9 nM; 1 dm3 is 1e15 um3
    )


def amount(state, signal):
    """All of a signal in the section, nM um3."""
    return getattr(state, signal).sum() * state.section.site_volume


@pytest.mark.parametrize("process", [rule for rule, _, _ in SIGNALS.values()] + [NETosis()])
def test_a_quiet_stroma_secretes_nothing(naive, p, settle, changes, process):
    settle(naive, "bmdc", 50)  # macrophages that nothing holds
    settle(naive, "tumour_cells", 20, state=TumourCell.state.code("dormant"))
    assert changes(process, naive, p, dt=12.0) == set()


@EACH
def test_even_secretion_raises_all_alike(bare, p, settle, one_a_site, act, signal):
    process, name, how = SIGNALS[signal]
    y, x = one_a_site(bare.section)
    settle(bare, name, len(y), y=y, x=x, **how)
    act(process, bare, p, dt=0.5)
    _, decay, secretion = numbers(p, signal)
    expected = secretion / 8000 / decay * -math.expm1(-decay * 0.5)  # one cell in 20 x 20 x 20 um3
    np.testing.assert_allclose(getattr(bare, signal), expected, rtol=1e-9)


@EACH
@pytest.mark.parametrize(("y", "x"), [(350.0, 290.0), (5.0, 3.0)])
def test_the_budget_of_one_cell_closes_and_it_is_felt_around_it(bare, p, settle, act, signal, y, x):
    process, name, how = SIGNALS[signal]
    settle(bare, name, 1, y=y, x=x, **how)
    act(process, bare, p, dt=0.5)
    _, decay, secretion = numbers(p, signal)
    assert amount(bare, signal) == pytest.approx(secretion / decay * -math.expm1(-decay * 0.5), rel=1e-9)
    field, (iy, ix) = getattr(bare, signal), (int(y / 20), int(x / 20))
    assert np.unravel_index(field.argmax(), field.shape) == (iy, ix)
    along = field[:, ix]
    assert (np.diff(along[: iy + 1]) > 0).all() and (np.diff(along[iy:]) < 0).all()


@EACH
def test_at_rest_it_falls_over_its_own_length(bare, p, settle, act, signal):
    process, name, how = SIGNALS[signal]
    x = (np.arange(30) + 0.5) * 20.0
    settle(bare, name, 30, y=10.0, x=x, **how)  # all along an edge
    act(process, bare, p, dt=LONG)
    diffusivity, decay, secretion = numbers(p, signal)
    assert amount(bare, signal) == pytest.approx(30 * secretion / decay, rel=1e-9)
    length = 20.0 / math.acosh(1 + 200.0 * decay / diffusivity)  # sqrt(D / decay), as on sites of 20 um
    expected = np.cosh((690.0 - 20.0 * np.arange(35)) / length)  # no flux at the other edge
    np.testing.assert_allclose(
        getattr(bare, signal) / getattr(bare, signal)[0], np.outer(expected / expected[0], np.ones(30)), rtol=1e-6
    )


@EACH
def test_a_signal_fades_with_its_half_life_and_then_is_gone(bare, p, act, signal):
    start = np.random.default_rng(1).random(bare.section.shape)
    setattr(bare, signal, start)
    half_life = getattr(p.stroma, f"half_life_{signal}")
    act(SIGNALS[signal][0], bare, p, dt=half_life)
    assert getattr(bare, signal).mean() == pytest.approx(start.mean() / 2, rel=1e-9)
    act(SIGNALS[signal][0], bare, p, dt=half_life * 100, steps=2)  # below a molecule at the end of the first
    assert not getattr(bare, signal).any()


@EACH
def test_two_half_steps_are_one(bare, p, settle, act, freeze, signal):
    process, name, how = SIGNALS[signal]
    settle(bare, name, 60, **how)
    setattr(bare, signal, np.random.default_rng(1).random(bare.section.shape))
    start = freeze(bare)
    once = getattr(act(process, bare, p, dt=1.0), signal)
    bare.thaw(start)
    twice = getattr(act(process, bare, p, dt=0.5, steps=2), signal)
    np.testing.assert_allclose(twice, once, rtol=1e-9)  # of a cosine transform


@EACH
def test_secretion_changes_its_field_and_nothing_else(naive, p, settle, changes, signal):
    process, name, how = SIGNALS[signal]
    settle(naive, name, 10, **how)
    assert changes(process, naive, p) == {signal}


# --- who secretes how much: the total at rest, in cells that secrete fully ---------------------------------------------


def secreting(state, p, act, signal):
    act(SIGNALS[signal][0], state, p, dt=LONG)
    _, decay, secretion = numbers(p, signal)
    return amount(state, signal) * decay / secretion


@pytest.mark.parametrize(
    ("activation", "boost", "primary"), [(0.3, 1, 0), (0, 4, 0), (0, 1, 3e8), (0.2, 7, 3e8), (1, 9, 0)]
)
def test_cxcl12_of_activation_and_of_timp1(bare, p, settle, act, activation, boost, primary):
    settle(bare, "stellate_cells", 40, activation=activation)
    bare.boosted.timp1, bare.primary.cells = boost, primary
    excess = boost - 1 + primary / p.stroma.cells_timp1
    sensed = p.stroma.share_cd63 * excess / (excess + p.stroma.half_timp1)
    assert secreting(bare, p, act, "cxcl12") == pytest.approx(40 * min(1.0, activation + sensed), rel=1e-9)


@pytest.mark.parametrize("blocked", [0.5, 1.0])
@pytest.mark.parametrize(("name", "signal"), [("cd63", "cxcl12"), ("cxcl12", "cxcl12"), ("hgf", "hgf")])
def test_a_block_takes_its_share(bare, p, settle, act, name, signal, blocked):
    settle(bare, "stellate_cells", 40, activation=0.25)
    bare.boosted.timp1 = 1 + p.stroma.half_timp1
    by_timp1 = 0.5 * p.stroma.share_cd63 if signal == "cxcl12" else 0.0
    setattr(bare.blocked, name, blocked)
    left = 1 - blocked
    each = 0.25 + left * by_timp1 if name == "cd63" else left * (0.25 + by_timp1)
    assert secreting(bare, p, act, signal) == pytest.approx(40 * each, rel=1e-9, abs=1e-12)


def test_hgf_of_stellate_cells_and_fibroblasts(bare, p, settle, act):
    settle(bare, "stellate_cells", 40, activation=0.25)
    settle(bare, "fibroblasts", 10, activation=0.5)
    assert secreting(bare, p, act, "hgf") == pytest.approx(15.0, rel=1e-9)


def test_vegf_of_each_that_secretes(bare, p, settle, act):
    total = 0.0
    for name, n, columns, each in (
        ("stellate_cells", 20, {"activation": 0.25}, 0.25),
        ("fibroblasts", 10, {"activation": 0.5}, 0.5),
        ("epithelial_cells", 7, {}, 1.0),
        ("bmdc", 8, {"arrested": np.arange(8) < 3}, 3 / 8),
        ("kupffer_cells", 9, {"state": np.where(np.arange(9) < 2, TUMOUR_ASSOCIATED, 0)}, 2 / 9),
    ):
        settle(bare, name, n, **columns)
        total += n * each
        assert secreting(bare, p, act, "vegf") == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize("oxygen", [1.0, 0.25, 0.0])
def test_growing_tumour_cells_secrete_more_without_oxygen(bare, p, settle, act, oxygen):
    settle(bare, "tumour_cells", 6, y=110.0, x=130.0, state=CYCLING)
    settle(bare, "tumour_cells", 5, seed=8, y=np.nan, x=np.nan)  # in blood
    bare.oxygen[5, 6] = oxygen
    lack = p.angiogenesis.half_oxygen**2 / (oxygen**2 + p.angiogenesis.half_oxygen**2)
    assert secreting(bare, p, act, "vegf") == pytest.approx(6 * (1 + p.stroma.gain_hypoxia * lack), rel=1e-9)
    assert np.unravel_index(bare.vegf.argmax(), bare.vegf.shape) == (5, 6)


# --- traps -----------------------------------------------------------------------------------------------------------


def test_even_neutrophils_cast_traps_evenly(bare, p, settle, one_a_site, act):
    y, x = one_a_site(bare.section)
    settle(bare, "bmdc", len(y), y=y, x=x, kind=NEUTROPHIL)
    act(NETosis(), bare, p, dt=12.0)
    source, decay = p.stroma.rate_nets / 8000, math.log(2) / p.stroma.half_life_nets
    np.testing.assert_allclose(bare.nets, source / decay * -math.expm1(-12 * decay), rtol=1e-9)


def test_one_neutrophil_casts_where_it_is(bare, p, settle, act):
    settle(bare, "bmdc", 1, y=110.0, x=130.0, kind=NEUTROPHIL)
    settle(bare, "bmdc", 60, seed=8, kind=np.arange(60) % 2)  # macrophages and suppressor cells
    act(NETosis(), bare, p)
    assert np.argwhere(bare.nets).tolist() == [[5, 6]]


def test_traps_are_cleared_with_their_half_life(bare, p, act):
    bare.nets = np.random.default_rng(1).random(bare.section.shape)
    start = bare.nets
    act(NETosis(), bare, p, dt=p.stroma.half_life_nets)
    np.testing.assert_allclose(bare.nets, start / 2, rtol=EXACT)


@pytest.mark.parametrize("blocked", [0.5, 1.0])
def test_a_block_of_traps(bare, p, settle, act, blocked):
    settle(bare, "bmdc", 30, kind=NEUTROPHIL)
    free = act(NETosis(), bare, p).nets
    bare.nets, bare.blocked.nets = np.zeros(bare.section.shape), blocked
    np.testing.assert_allclose(act(NETosis(), bare, p).nets, (1 - blocked) * free, rtol=EXACT)


def test_two_half_steps_of_traps_are_one(bare, p, settle, act):
    settle(bare, "bmdc", 30, kind=NEUTROPHIL)
    once = act(NETosis(), bare, p, dt=6.0).nets
    bare.nets = np.zeros(bare.section.shape)
    np.testing.assert_allclose(act(NETosis(), bare, p, dt=3.0, steps=2).nets, once, rtol=EXACT)


def test_casting_changes_traps_and_nothing_else(naive, p, settle, changes):
    settle(naive, "bmdc", 30, kind=NEUTROPHIL)
    assert changes(NETosis(), naive, p) == {"nets"}
