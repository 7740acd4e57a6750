"""TGF-beta wakes stellate cells; without it they fall back to rest."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.laws import hill, rate_of
from niche_sim.processes.stellate_activation import StellateActivation

EXACT = 1e-12  # roundings of exponentials near 1


def test_no_tgfb_no_activation(naive, p, changes):
    assert changes(StellateActivation(), naive, p) == set()


@pytest.mark.parametrize("level", [0.02, 0.1, 5.0])
def test_even_tgfb_activates_all_alike(naive, p, act, level):
    naive.tgfb = np.full(naive.section.shape, level)
    act(StellateActivation(), naive, p, dt=5.0)
    half, steepness = p.stellate.half_signal, p.stellate.steepness
    gain = p.stellate.rate_activation * level**steepness / (half**steepness + level**steepness)
    loss = math.log(2) / p.stellate.half_life_active
    expected = gain / (gain + loss) * (1 - math.exp(-(gain + loss) * 5.0))
    np.testing.assert_allclose(naive.stellate_cells.activation, expected, rtol=1e-9)


def test_activation_settles_where_gain_and_loss_balance(naive, p, act):
    naive.tgfb = np.full(naive.section.shape, 0.3)
    act(StellateActivation(), naive, p, dt=1e5)
    gain = p.stellate.rate_activation * hill(0.3, p.stellate.half_signal, p.stellate.steepness)
    expected = gain / (gain + rate_of(p.stellate.half_life_active))
    np.testing.assert_allclose(naive.stellate_cells.activation, expected, rtol=EXACT)


def test_without_tgfb_activation_falls_with_its_half_life(naive, p, act):
    naive.stellate_cells.activation[:] = 0.8
    act(StellateActivation(), naive, p, dt=p.stellate.half_life_active)
    np.testing.assert_allclose(naive.stellate_cells.activation, 0.4, rtol=EXACT)


def test_tgfb_here_activates_here(naive, p, act):
    section = naive.section
    naive.tgfb = np.zeros(section.shape)
    naive.tgfb[:10, :12] = 1.0
    act(StellateActivation(), naive, p)
    cells = naive.stellate_cells
    here = (cells.y < 200.0) & (cells.x < 240.0)
    assert 0 < here.sum() < len(cells)
    assert (cells.activation[here] > 0).all()
    assert (cells.activation[~here] == 0).all()


def test_half_a_receptor_blockade_halves_the_gain_and_a_whole_one_stops_it(bare, p, settle, act):
    cells = settle(bare, "stellate_cells", 10)
    bare.tgfb = np.full(bare.section.shape, 1.0)
    gained = {}
    for blocked in (0.0, 0.5, 1.0):
        bare.blocked.tgfb_receptor = blocked
        cells.activation[:] = 0.0
        act(StellateActivation(), bare, p, dt=1e-3)
        gained[blocked] = cells.activation[0]
    # Gain is linear in so short a step; losses are 1e-5 of it.
    assert gained[0.5] == pytest.approx(gained[0.0] / 2, rel=1e-4)
    assert gained[1.0] == 0.0


def test_blockade_does_not_hold_active_cells_up(bare, p, settle, act):
    cells = settle(bare, "stellate_cells", 10, activation=0.8)
    bare.tgfb = np.full(bare.section.shape, 1.0)
    bare.blocked.tgfb_receptor = 1.0
    act(StellateActivation(), bare, p, dt=p.stellate.half_life_active)
    np.testing.assert_allclose(cells.activation, 0.4, rtol=EXACT)


def test_two_half_steps_are_one(naive, p, act, freeze):
    rng = np.random.default_rng(1)
    naive.tgfb = rng.random(naive.section.shape)
    naive.stellate_cells.activation[:] = rng.random(len(naive.stellate_cells))
    start = freeze(naive)
    once = act(StellateActivation(), naive, p, dt=6.0).stellate_cells.activation.copy()
    naive.thaw(start)
    twice = act(StellateActivation(), naive, p, dt=3.0, steps=2).stellate_cells.activation
    np.testing.assert_allclose(twice, once, rtol=EXACT)


def test_the_moment_of_becoming_active_is_kept_until_the_cell_falls_back(bare, p, settle, act):
    cells = settle(bare, "stellate_cells", 1, activation=p.stellate.fraction_counted - 1e-9)
    bare.tgfb = np.full(bare.section.shape, 5.0)
    bare.time = 10.0
    act(StellateActivation(), bare, p)
    assert cells.activation[0] > p.stellate.fraction_counted
    assert cells.active_at[0] == 11.0  # the end of that step
    act(StellateActivation(), bare, p)
    assert cells.active_at[0] == 11.0
    bare.tgfb = np.zeros(bare.section.shape)
    act(StellateActivation(), bare, p, dt=100.0)
    assert cells.activation[0] < p.stellate.fraction_counted
    assert np.isnan(cells.active_at[0])


def test_it_changes_nothing_but_activation(naive, p, changes):
    naive.tgfb = np.full(naive.section.shape, 5.0)
    assert changes(StellateActivation(), naive, p, dt=72.0) == {"stellate_cells.activation", "stellate_cells.active_at"}
