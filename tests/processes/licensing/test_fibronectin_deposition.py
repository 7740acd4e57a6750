"""Active stellate cells lay fibronectin on top of the plasma floor."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.engine.laws import rate_of
from niche_sim.model.initial_state import section_of
from niche_sim.model.parameters import resolve
from niche_sim.model.processes.licensing.fibronectin_deposition import FibronectinDeposition
from niche_sim.model.state import State


def support(p, saa):
    """What serum amyloid A leaves of the deposit: a share does without, the rest by its level."""
    ratio = (saa / p.inflammation.half_saa) ** p.inflammation.steepness
    return p.inflammation.share_rest + (1 - p.inflammation.share_rest) * ratio / (1 + ratio)


def test_without_active_cells_the_floor_stays(naive, p, changes):
    assert changes(FibronectinDeposition(), naive, p, steps=50) == set()


def test_what_was_laid_falls_back_to_the_floor_with_its_half_life(bare, p, act):
    bare.fibronectin = np.full(bare.section.shape, 5.0)
    act(FibronectinDeposition(), bare, p, dt=p.fibronectin.half_life)
    np.testing.assert_allclose(bare.fibronectin, 3.0, rtol=1e-12)
    bare.fibronectin = np.full(bare.section.shape, 0.2)
    act(FibronectinDeposition(), bare, p, dt=p.fibronectin.half_life)
    np.testing.assert_allclose(bare.fibronectin, 0.6, rtol=1e-12)


@pytest.mark.parametrize("saa", [0.0, 0.25, 1.0])
def test_even_activation_raises_all_alike_as_far_as_serum_amyloid_a_supports_it(bare, p, settle, one_a_site, act, saa):
    bare.blood.saa = saa
    y, x = one_a_site(bare.section)
    settle(bare, "stellate_cells", len(y), y=y, x=x, activation=0.5)
    act(FibronectinDeposition(), bare, p, dt=24.0)
    # Half active, one cell in 20 x 20 x 20 um3; less turnover.
    source = p.fibronectin.rate_deposit * 0.5 / 8000 * support(p, saa)
    decay = math.log(2) / p.fibronectin.half_life
    np.testing.assert_allclose(bare.fibronectin, 1 + source / decay * (1 - math.exp(-24 * decay)), rtol=1e-9)


@pytest.mark.parametrize(("y", "x"), [(350.0, 290.0), (5.0, 3.0), (350.0, 599.0)])
def test_one_active_cell_raises_its_surroundings_and_nothing_else(bare, p, settle, act, y, x):
    settle(bare, "stellate_cells", 1, y=y, x=x, activation=1.0)
    settle(bare, "stellate_cells", 40, activation=0.0)
    act(FibronectinDeposition(), bare, p)
    raised, section = bare.fibronectin - 1.0, bare.section
    decay = rate_of(p.fibronectin.half_life)
    amount = p.fibronectin.rate_deposit * support(p, 0.0) / decay * -math.expm1(-decay)
    assert raised.sum() * section.site_volume == pytest.approx(amount, rel=1e-9)  # also at an edge, also in a corner
    middles = (np.indices(section.shape) + 0.5) * section.spacing
    iy, ix = int(y / section.spacing), int(x / section.spacing)
    distance = np.hypot(middles[0] - (iy + 0.5) * section.spacing, middles[1] - (ix + 0.5) * section.spacing)
    half_diagonal = section.spacing / math.sqrt(2)
    # Whole sites are counted, so that the reach is felt up to half a site's diagonal beyond it.
    assert (raised[distance > p.stellate.reach + half_diagonal] < 1e-12).all()
    assert (raised[distance < p.stellate.reach - half_diagonal] > 1e-6).all()


def test_deposit_is_the_same_on_a_finer_grid(p, settle, act):
    laid = {}
    for spacing in (20.0, 10.0):
        section = section_of(600.0, 700.0, spacing, p)
        state = State.empty(section)
        settle(state, "stellate_cells", 1, y=310.0, x=290.0, activation=1.0)
        act(FibronectinDeposition(), state, p, dt=24.0)
        raised = state.fibronectin - 1.0
        weight, total = raised * section.site_volume, 0.0
        for at in (np.indices(section.shape) + 0.5) * spacing:
            total += (weight * (at - (weight * at).sum() / weight.sum()) ** 2).sum() / weight.sum()
        laid[spacing] = weight.sum(), total
    assert laid[10.0][0] == pytest.approx(laid[20.0][0], rel=1e-9)
    # Mean square distance from the middle of a disc; sites of 20 um blur it by spacing^2 / 6, 4 % of it.
    assert laid[10.0][1] == pytest.approx(laid[20.0][1], rel=0.05)
    assert laid[10.0][1] == pytest.approx(p.stellate.reach**2 / 2, rel=0.03)


@pytest.mark.parametrize("blocked", [0.5, 1.0])
def test_a_knock_out_stops_the_deposit_and_leaves_the_floor(bare, p, settle, act, blocked):
    settle(bare, "stellate_cells", 50, activation=1.0)
    free = act(FibronectinDeposition(), bare, p).fibronectin - 1.0
    bare.fibronectin = np.ones(bare.section.shape)
    bare.blocked.fibronectin = blocked
    left = act(FibronectinDeposition(), bare, p).fibronectin - 1.0
    np.testing.assert_allclose(left, (1 - blocked) * free, atol=1e-12)


def test_support_by_serum_amyloid_a_by_hand():
    p = resolve({"inflammation.share_rest": "0.2", "inflammation.half_saa": "0.25", "inflammation.steepness": "2"})
    assert support(p, 0.0) == 0.2  # without it a fifth is left
    assert support(p, 0.25) == pytest.approx(0.2 + 0.8 / 2)
    assert support(p, 0.75) == pytest.approx(0.2 + 0.8 * 0.9)


def test_two_half_steps_are_one(naive, p, act):
    naive.stellate_cells.activation[:] = np.random.default_rng(1).random(len(naive.stellate_cells))
    once = act(FibronectinDeposition(), naive, p, dt=24.0).fibronectin
    naive.fibronectin = np.ones(naive.section.shape)
    twice = act(FibronectinDeposition(), naive, p, dt=12.0, steps=2).fibronectin
    np.testing.assert_allclose(twice, once, rtol=1e-12)


def test_it_changes_nothing_but_fibronectin(naive, p, changes):
    naive.stellate_cells.activation[:] = 1.0
    assert changes(FibronectinDeposition(), naive, p) == {"fibronectin"}
