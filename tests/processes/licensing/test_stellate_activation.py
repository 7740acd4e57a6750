"""TGF-beta activates stellate cells; without it they fall back to rest."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.engine.laws import hill
from niche_sim.model.parameters import resolve
from niche_sim.model.processes.licensing.stellate_activation import StellateActivation

EXACT = 1e-12  # roundings of exponentials near 1
N = 20_000


def gain_at(p, level):
    """Rate of activation (1/h) of a cell that senses this level of TGF-beta (nM)."""
    half, steepness = p.stellate.half_signal, p.stellate.steepness
    return p.stellate.rate_activation * level**steepness / (half**steepness + level**steepness)


def kept(p, hours):
    """Chance that a cell has not reverted."""
    return 2.0 ** (-hours / p.stellate.half_life_active)


def test_no_tgfb_no_activation(naive, p, changes):
    assert changes(StellateActivation(), naive, p) == set()


@pytest.mark.parametrize("level", [0.02, 0.1, 5.0])
def test_even_tgfb_activates_resting_cells_all_alike(naive, p, act, level):
    naive.tgfb = np.full(naive.section.shape, level)
    act(StellateActivation(), naive, p, dt=5.0)
    expected = -math.expm1(-gain_at(p, level) * 5.0)
    np.testing.assert_allclose(naive.stellate_cells.activation, expected, rtol=1e-9)


# --- reversion, cell by cell -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 4])
def test_without_tgfb_half_of_the_active_cells_are_at_rest_after_a_half_life(bare, p, settle, act, happens, steps):
    cells = settle(bare, "stellate_cells", N, activation=0.8, active_at=5.0)
    act(StellateActivation(), bare, p, dt=p.stellate.half_life_active / steps, steps=steps)
    active = cells.activation >= p.stellate.fraction_counted
    happens(np.count_nonzero(active), N, 0.5)
    assert (cells.activation[active] == 0.8).all() and (cells.active_at[active] == 5.0).all()
    assert (cells.activation[~active] == 0.0).all() and np.isnan(cells.active_at[~active]).all()


def test_active_cells_are_twelve_times_fewer_after_four_weeks(bare, p, settle, act, happens):
    """As counted after the last of CCl4 (Iredale 1998)."""
    cells = settle(bare, "stellate_cells", N, activation=1.0)
    act(StellateActivation(), bare, p, dt=24.0, steps=28)
    happens(np.count_nonzero(cells.activation >= p.stellate.fraction_counted), N, 1 / 12)


def test_cells_revert_each_by_itself(bare, p, settle, act, agrees):
    """Counts of those left among groups of neighbours in the list vary as binomial numbers do, whatever they were."""
    size, groups = 50, N // 50
    cells = settle(bare, "stellate_cells", N, activation=np.where(np.arange(N) % 2, 0.2, 1.0))
    act(StellateActivation(), bare, p, dt=24.0, steps=4)
    chance = kept(p, 96.0)
    left = np.count_nonzero(cells.activation.reshape(groups, size), axis=1)
    variance = size * chance * (1 - chance)
    agrees(left.mean(), size * chance, math.sqrt(variance / groups))
    fourth = variance * (1 - 6 * chance * (1 - chance)) + 3 * variance**2  # central moment of a binomial number
    agrees(left.var(ddof=1), variance, math.sqrt((fourth - variance**2) / groups))
    for start in (0.2, 1.0):
        those = cells.activation[(np.arange(N) % 2 == 0) == (start == 1.0)]
        agrees(np.count_nonzero(those), N / 2 * chance, math.sqrt(N / 2 * chance * (1 - chance)))


@pytest.mark.parametrize("dt", [1.0, 60.0])
@pytest.mark.parametrize("level", [0.03, 5.0])
def test_who_reverts_starts_anew_and_the_others_rise_on(bare, p, settle, act, happens, level, dt):
    cells = settle(bare, "stellate_cells", N, activation=0.4)
    bare.tgfb = np.full(bare.section.shape, level)
    act(StellateActivation(), bare, p, dt=dt)
    anew, on = 1 - math.exp(-gain_at(p, level) * dt), 1 - 0.6 * math.exp(-gain_at(p, level) * dt)
    reverted = np.isclose(cells.activation, anew, rtol=1e-9)
    assert (reverted | np.isclose(cells.activation, on, rtol=1e-9)).all()
    happens(np.count_nonzero(reverted), N, 1 - kept(p, dt))


def test_activation_settles_where_gain_and_reversion_balance(bare, p, settle, act, agrees):
    """A cell rose for as many steps as passed since it reverted: a geometric number, which gives every moment."""
    n = 5000
    cells = settle(bare, "stellate_cells", n)
    bare.tgfb = np.full(bare.section.shape, 0.1)
    act(StellateActivation(), bare, p, dt=1.0, steps=1500)
    gain, stays = gain_at(p, 0.1), kept(p, 1.0)

    def moment(power):
        """Mean of (1 - activation) ** power."""
        fell = math.exp(-gain * power)
        return (1 - stays) * fell / (1 - stays * fell)

    one, two, three, four = (moment(power) for power in (1, 2, 3, 4))
    variance = two - one**2
    fourth = four - 4 * three * one + 6 * two * one**2 - 3 * one**4
    agrees(cells.activation.mean(), 1 - one, math.sqrt(variance / n))
    agrees(cells.activation.var(), variance, math.sqrt((fourth - variance**2) / n))
    loss = math.log(2) / p.stellate.half_life_active
    assert 1 - one == pytest.approx(gain / (gain + loss), rel=0.005)  # as in continuous time


# --- where, when -----------------------------------------------------------------------------------------------------


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


def test_blockade_does_not_hold_active_cells_up(bare, p, settle, act, happens):
    cells = settle(bare, "stellate_cells", N, activation=0.8)
    bare.tgfb = np.full(bare.section.shape, 1.0)
    bare.blocked.tgfb_receptor = 1.0
    act(StellateActivation(), bare, p, dt=p.stellate.half_life_active)
    happens(np.count_nonzero(cells.activation), N, 0.5)
    assert set(cells.activation) == {0.0, 0.8}


def test_two_half_steps_of_the_rise_are_one(naive, act, freeze):
    p = resolve({"stellate.half_life_active": "1e9 day"})  # nobody reverts
    rng = np.random.default_rng(1)
    naive.tgfb = rng.random(naive.section.shape)
    start = rng.random(len(naive.stellate_cells))
    naive.stellate_cells.activation[:] = start
    before = freeze(naive)
    once = act(StellateActivation(), naive, p, dt=6.0).stellate_cells.activation.copy()
    naive.thaw(before)
    twice = act(StellateActivation(), naive, p, dt=3.0, steps=2).stellate_cells.activation
    np.testing.assert_allclose(twice, once, rtol=EXACT)
    sensed = hill(naive.at(naive.tgfb, naive.stellate_cells), p.stellate.half_signal, p.stellate.steepness)
    np.testing.assert_allclose(once, 1 - (1 - start) * np.exp(-p.stellate.rate_activation * sensed * 6), rtol=1e-9)


def test_the_moment_of_becoming_active_is_kept_until_the_cell_falls_back(bare, p, settle, act):
    cells = settle(bare, "stellate_cells", 1, activation=p.stellate.fraction_counted - 1e-9)
    bare.tgfb = np.full(bare.section.shape, 5.0)
    bare.time = 10.0
    act(StellateActivation(), bare, p)
    assert cells.activation[0] > p.stellate.fraction_counted
    assert cells.active_at[0] == 11.0  # the end of that step
    act(StellateActivation(), bare, p)
    assert cells.activation[0] > p.stellate.fraction_counted
    assert cells.active_at[0] == 11.0
    bare.tgfb = np.zeros(bare.section.shape)
    act(StellateActivation(), bare, p, dt=1e5)  # who has not reverted in so many half-lives?
    assert cells.activation[0] == 0.0
    assert np.isnan(cells.active_at[0])


def test_it_changes_nothing_but_activation(naive, p, changes):
    naive.tgfb = np.full(naive.section.shape, 5.0)
    assert changes(StellateActivation(), naive, p, dt=72.0) == {"stellate_cells.activation", "stellate_cells.active_at"}
