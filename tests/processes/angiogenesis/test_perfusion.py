"""Vessels bring oxygen and glucose; tissue and tumour cells use them up."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import resolve
from niche_sim.model.processes.angiogenesis.perfusion import Perfusion

SOLVED = 1e-4  # the solver stops at residuals of 1e-5 of the source
CYCLING = TumourCell.state.code("cycling")


def level(p, vessels, uptake=1.0):
    """Even tissue: supply against supply and uptake."""
    supply = vessels / (p.angiogenesis.blood_level - 1)
    return supply * p.angiogenesis.blood_level / (uptake + supply)


def pack(state, settle, density):
    """Tumour cells on a lattice of `density` per um3 over all the section."""
    ny, nx = (round(length * math.sqrt(density * 20.0)) for length in (700.0, 600.0))
    iy, ix = np.indices((ny, nx))
    y, x = (iy.ravel() + 0.5) * 700.0 / ny, (ix.ravel() + 0.5) * 600.0 / nx
    settle(state, "tumour_cells", ny * nx, y=y, x=x, state=CYCLING)
    return ny * nx / state.section.volume


def test_a_naive_organ_stays_as_it_is(naive, p, settle, changes):
    settle(naive, "tumour_cells", 50, y=np.nan, x=np.nan)  # in blood
    assert changes(Perfusion(), naive, p, dt=12.0) == set()


@pytest.mark.parametrize("spared", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("vessels", [1.0, 0.2, 2.5])
def test_even_vessels_bring_an_even_level(bare, p, act, vessels, spared):
    bare.vessels = np.full(bare.section.shape, vessels)
    bare.blood.spared = spared
    act(Perfusion(), bare, p)
    np.testing.assert_allclose(bare.oxygen, level(p, vessels), rtol=SOLVED)
    np.testing.assert_allclose(
        bare.nutrient, level(p, vessels, 1 - spared * p.angiogenesis.share_uptake_spared), rtol=SOLVED
    )


@pytest.mark.parametrize("per_mm3", [1.2e5, 9.6e5])
def test_packed_tumour_takes_up_its_own_share_that_mir122_does_not_lower(bare, settle, act, per_mm3):
    p = resolve({"angiogenesis.ratio_tumour_uptake": "2"})
    bare.blood.spared = 1.0
    share = min(1.0, pack(bare, settle, per_mm3 * 1e-9) / p.tumour.packing)
    act(Perfusion(), bare, p)
    # Smooth but for how many cells of the lattice lie within reach of a site.
    assert bare.oxygen.mean() == pytest.approx(level(p, 1.0, 1 + share), rel=0.01)
    uptake = (1 - share) * (1 - p.angiogenesis.share_uptake_spared) + 2 * share
    assert bare.nutrient.mean() == pytest.approx(level(p, 1.0, uptake), rel=0.01)


@pytest.mark.parametrize("name", ["oxygen", "nutrient"])
def test_without_vessels_it_reaches_as_far_as_it_should(bare, p, act, name):
    bare.vessels[:, :10] = 0.0  # the first 200 of 600 um
    act(Perfusion(), bare, p)
    reach, field = getattr(p.angiogenesis, f"reach_{name}"), getattr(bare, name)
    np.testing.assert_allclose(field, field[:1].repeat(35, axis=0), rtol=SOLVED)
    x = (np.arange(10) + 0.5) * 20.0
    # No flux at the edge: cosh(x / reach); sites of 20 um shift the length by (20 / 100)2 / 24, under 1 %.
    np.testing.assert_allclose(field[0, :10] / field[0, 0], np.cosh(x / reach) / math.cosh(x[0] / reach), rtol=0.01)
    used, left = field.sum(), p.angiogenesis.blood_level - field
    assert (bare.vessels / (p.angiogenesis.blood_level - 1) * left).sum() == pytest.approx(used, rel=SOLVED)


def test_one_site_hardly_off_rest_is_solved_as_a_section_at_rest(bare, p, act):
    """The short cut for even tissue and the solver give the same."""
    bare.blood.spared = 0.7
    even = act(Perfusion(), bare, p).nutrient
    bare.vessels[5, 7] = 1.0 + 1e-9
    np.testing.assert_allclose(act(Perfusion(), bare, p).nutrient, even, rtol=SOLVED)


def test_a_hole_in_the_vessels_starves_its_surroundings_alone(bare, p, act):
    bare.vessels[15:20, 12:17] = 0.0
    act(Perfusion(), bare, p)
    for field in (bare.oxygen, bare.nutrient):
        assert np.unravel_index(field.argmin(), field.shape) == (17, 14)
        assert field[17, 14] < 0.95
        # Where vessels are, it reaches by reach / sqrt(3), 58 and 87 um: a corner is more than three of these away.
        assert field[0, 0] == pytest.approx(1.0, abs=0.01)


def test_it_is_settled_whatever_the_step_or_what_was_before(bare, p, settle, act):
    settle(bare, "tumour_cells", 200, y=310.0, x=290.0, state=CYCLING)
    bare.vessels = 2 * np.random.default_rng(1).random(bare.section.shape)
    solved = []
    for dt, steps, before in ((12.0, 1, 1.0), (6.0, 2, 1.0), (6.0, 1, 0.0)):
        bare.oxygen = np.full(bare.section.shape, before)
        solved.append(act(Perfusion(), bare, p, dt=dt, steps=steps).oxygen)
    np.testing.assert_allclose(solved[1], solved[0], rtol=10 * SOLVED)
    np.testing.assert_allclose(solved[2], solved[0], rtol=10 * SOLVED)


def test_perfusion_changes_oxygen_and_nutrient_and_nothing_else(naive, p, changes):
    naive.vessels[:, :10] = 0.0
    assert changes(Perfusion(), naive, p) == {"oxygen", "nutrient"}
