"""Arrested macrophages' granulin makes active stellate cells lay periostin."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.engine.laws import rate_of
from niche_sim.model.cells import BoneMarrowDerivedCell
from niche_sim.model.processes.recruitment.granulin_feedback import GranulinFeedback


def ground(state, settle, one_a_site, activation=1.0, macrophages=True):
    """An active stellate cell and a macrophage on every site."""
    y, x = one_a_site(state.section)
    settle(state, "stellate_cells", len(y), y=y, x=x, activation=activation)
    settle(state, "bmdc", len(y), y=y, x=x, arrested=macrophages)
    return state.stellate_cells


def test_no_macrophages_no_periostin(naive, p, changes):
    naive.stellate_cells.activation[:] = 1.0
    assert changes(GranulinFeedback(), naive, p) == set()


def test_moving_cells_give_no_granulin(bare, p, settle, one_a_site, changes):
    ground(bare, settle, one_a_site, macrophages=False)
    assert changes(GranulinFeedback(), bare, p) == set()


@pytest.mark.parametrize("kind", [kind for kind in BoneMarrowDerivedCell.kind.names if kind != "macrophage"])
def test_only_macrophages_give_granulin(bare, p, settle, one_a_site, changes, kind):
    ground(bare, settle, one_a_site)
    bare.bmdc.kind[:] = BoneMarrowDerivedCell.kind.code(kind)
    assert changes(GranulinFeedback(), bare, p) == set()


def test_stellate_cells_at_rest_answer_but_lay_nothing(bare, p, settle, one_a_site, changes):
    ground(bare, settle, one_a_site, activation=0.0)
    assert changes(GranulinFeedback(), bare, p) == {"stellate_cells.granulin"}


def test_even_macrophages_give_the_closed_form(bare, p, settle, one_a_site, act):
    cells = ground(bare, settle, one_a_site, activation=0.5)
    act(GranulinFeedback(), bare, p, dt=24.0)
    density = 1 / bare.section.site_volume
    answer = density / (density + p.granulin.half_density)
    granulin = answer * (1 - math.exp(-24 * p.granulin.rate_response))
    np.testing.assert_allclose(cells.granulin, granulin, rtol=1e-9)
    assert bare.periostin.std() < 1e-9 * bare.periostin.mean()
    # Half active; no more than with the answer of the end all the time, no less than with an answer that rose linearly.
    decay = rate_of(p.granulin.half_life_periostin)
    ceiling = p.granulin.rate_periostin * density * 0.5 * granulin / decay * (1 - math.exp(-24 * decay))
    assert ceiling / 2 < bare.periostin.mean() <= ceiling * (1 + 1e-9)


def test_periostin_of_a_lasting_answer(bare, p, settle, one_a_site, act):
    cells = ground(bare, settle, one_a_site)
    answer = 1 / (1 + p.granulin.half_density * bare.section.site_volume)
    cells.granulin[:] = answer
    act(GranulinFeedback(), bare, p, dt=48.0)
    np.testing.assert_allclose(cells.granulin, answer, rtol=1e-9)
    decay = rate_of(p.granulin.half_life_periostin)
    source = p.granulin.rate_periostin * answer / bare.section.site_volume
    np.testing.assert_allclose(bare.periostin, source / decay * -math.expm1(-decay * 48.0), rtol=1e-9)


def test_half_density_gives_half_an_answer(bare, p, settle, act):
    # One macrophage amid its disc is felt as the site's share of the disc.
    settle(bare, "stellate_cells", 1, y=350.0, x=290.0, activation=1.0)
    settle(bare, "bmdc", 1, y=350.0, x=290.0, arrested=True)
    act(GranulinFeedback(), bare, p, dt=1e4)
    felt = 1 / (math.pi * p.granulin.reach**2 * bare.section.thickness)
    # The disc is drawn with 16 x 16 probes a site.
    assert bare.stellate_cells.granulin[0] == pytest.approx(felt / (felt + p.granulin.half_density), rel=0.01)


def test_moving_cells_add_nothing_beside_arrested_ones(bare, p, settle, act, freeze):
    settle(bare, "stellate_cells", 1, y=350.0, x=290.0, activation=1.0)
    settle(bare, "bmdc", 2, y=350.0, x=290.0, arrested=True)
    start, felt = freeze(bare), []
    for moving in (0, 50):
        bare.thaw(start)
        settle(bare, "bmdc", moving, y=350.0, x=290.0, arrested=False)
        felt.append(act(GranulinFeedback(), bare, p).stellate_cells.granulin[0])
    assert felt[0] == felt[1] > 0


def test_macrophages_are_felt_within_their_reach_only(bare, p, settle, act):
    settle(bare, "bmdc", 5, y=350.0, x=290.0, arrested=True)
    distances = np.array([0.0, 20.0, 40.0, 80.0, 120.0, 200.0])
    cells = settle(bare, "stellate_cells", 6, y=350.0, x=290.0 + distances, activation=1.0)
    act(GranulinFeedback(), bare, p)
    assert (cells.granulin[:3] > 0).all()
    assert (cells.granulin[3:] == 0).all()  # 80 um are 50 um and more than half a site's diagonal
    far = np.zeros(bare.section.shape, bool)
    far[:, :4] = True  # 210 um away, beyond reach of macrophage and stellate cell together
    assert (bare.periostin[far] < 1e-12).all()
    assert bare.periostin.max() > 0


@pytest.mark.parametrize("blocked", [0.5, 1.0])
def test_granulin_blockade(bare, p, settle, one_a_site, act, blocked):
    cells = ground(bare, settle, one_a_site)
    bare.blocked.granulin = blocked
    act(GranulinFeedback(), bare, p, dt=1e4)
    answer = 1 / (1 + p.granulin.half_density * bare.section.site_volume)
    np.testing.assert_allclose(cells.granulin, (1 - blocked) * answer, atol=1e-12)


@pytest.mark.parametrize("blocked", [0.5, 1.0])
def test_periostin_blockade_leaves_the_answer(bare, p, settle, one_a_site, act, freeze, blocked):
    cells = ground(bare, settle, one_a_site)
    start = freeze(bare)
    free = act(GranulinFeedback(), bare, p, dt=24.0).periostin
    granulin = cells.granulin.copy()
    bare.thaw(start)
    bare.blocked.periostin = blocked
    act(GranulinFeedback(), bare, p, dt=24.0)
    np.testing.assert_allclose(bare.periostin, (1 - blocked) * free, atol=1e-12)
    np.testing.assert_array_equal(bare.stellate_cells.granulin, granulin)


def test_without_macrophages_answer_and_periostin_fade(bare, p, settle, act):
    cells = settle(bare, "stellate_cells", 30, granulin=0.8)
    bare.periostin = np.full(bare.section.shape, 3.0)
    act(GranulinFeedback(), bare, p, dt=p.granulin.half_life_periostin)
    np.testing.assert_allclose(bare.periostin, 1.5, rtol=1e-12)
    faded = math.exp(-p.granulin.rate_response * p.granulin.half_life_periostin)
    np.testing.assert_allclose(cells.granulin, 0.8 * faded, rtol=1e-9)


def test_it_lays_no_fibronectin(bare, p, settle, one_a_site, changes):
    ground(bare, settle, one_a_site)
    assert changes(GranulinFeedback(), bare, p) == {"stellate_cells.granulin", "periostin"}


def test_two_half_steps_of_the_answer_are_one(naive, p, settle, act, freeze):
    settle(naive, "bmdc", 200, arrested=True)
    start = freeze(naive)
    once = act(GranulinFeedback(), naive, p, dt=6.0).stellate_cells.granulin.copy()
    naive.thaw(start)
    twice = act(GranulinFeedback(), naive, p, dt=3.0, steps=2).stellate_cells.granulin
    np.testing.assert_allclose(twice, once, rtol=1e-12)


def test_half_the_step_lays_the_same_periostin(bare, p, settle, one_a_site, act, freeze):
    """From the first macrophage to a day later, when the answer has risen to two thirds."""
    ground(bare, settle, one_a_site)
    start = freeze(bare)
    laid = {}
    for dt in (1.0, 0.5):
        bare.thaw(start)
        laid[dt] = act(GranulinFeedback(), bare, p, dt=dt, steps=round(24 / dt)).periostin.mean()
    # The answer at the end of a step counts for the whole of it: half a step of lead in a rise of a day is 2 to 4 %.
    assert laid[0.5] == pytest.approx(laid[1.0], rel=0.04)
