"""The answer of Kupffer cells and other recipient cells: TGF-beta, and being educated."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.engine.laws import MOLECULE, probability, produce_and_decay, rate_of
from niche_sim.model.cells import KupfferCell
from niche_sim.model.parameters import in_unit, resolve
from niche_sim.model.processes.priming.kupffer_education import EDUCATED, NAIVE, KupfferEducation
from niche_sim.model.processes.priming.tgfb_release import TgfbRelease
from niche_sim.model.sensing import answer_of

AVOGADRO = 6.02214076e23


def test_no_signal_no_tgfb(naive, p, changes):
    assert changes(TgfbRelease(), naive, p) == set()


def test_an_even_answer_gives_the_even_steady_state(bare, p, settle, one_a_site, act):
    y, x = one_a_site(bare.section)
    settle(bare, "kupffer_cells", len(y), y=y, x=x, signal=p.kupffer.half_load_answer)
    act(TgfbRelease(), bare, p, dt=1.0)
    # Half of the molecules a second from one cell in each 20 x 20 x 20 um, against a half-life of minutes.
    moles_per_hour = in_unit(p, "kupffer.secretion_tgfb") / 2 * 3600 / AVOGADRO
    source = moles_per_hour / (20e-5**3) * 1e9  # mol / dm3 / h in nM/h; 20 um are 20e-5 dm
    decay = math.log(2) / p.tgfb.half_life
    expected = source / decay * (1 - math.exp(-decay))
    np.testing.assert_allclose(bare.tgfb, expected, rtol=1e-9)


@pytest.mark.parametrize("steps", [1, 2])
def test_growing_tumour_cells_secrete_it_too(bare, p, settle, one_a_site, act, steps):
    y, x = one_a_site(bare.section)
    settle(bare, "tumour_cells", len(y), y=y, x=x, state="cycling")
    settle(bare, "tumour_cells", 500, state="dormant", seed=2)
    bare.enter_tumour_cells(20, 0, np.arange(1, 21, dtype=np.uint64))
    act(TgfbRelease(), bare, p, dt=1.0 / steps, steps=steps)
    decay = math.log(2) / p.tgfb.half_life
    source = in_unit(p, "tumour.secretion_tgfb") * 3600 / AVOGADRO / (20e-5**3) * 1e9
    np.testing.assert_allclose(bare.tgfb, source / decay * (1 - math.exp(-decay)), rtol=1e-9)


def test_recipient_cells_of_another_organ_answer_and_are_educated_alike(bare, settle, one_a_site, act):
    p = restless()
    y, x = one_a_site(bare.section)
    settle(bare, "kupffer_cells", len(y), y=y, x=x, signal=p.kupffer.half_load_answer)
    act(TgfbRelease(), bare, p)
    act(KupfferEducation(), bare, p, dt=24.0)
    tgfb, educated = bare.tgfb, bare.kupffer_cells.state.copy()
    bare.kupffer_cells.remove(slice(None))
    bare.tgfb, bare.step_index, bare.time = np.zeros(bare.section.shape), 0, 0.0
    settle(bare, "resident_recipient_cells", len(y), y=y, x=x, signal=p.kupffer.half_load_answer)
    act(TgfbRelease(), bare, p)
    np.testing.assert_array_equal(bare.tgfb, tgfb)
    act(KupfferEducation(), bare, p, dt=24.0)
    share = np.count_nonzero(bare.resident_recipient_cells.state) / len(y)
    # Other keys, so other draws: two shares of the same chance.
    assert share == pytest.approx(np.count_nonzero(educated) / len(y), abs=4 * math.sqrt(2 * 0.25 / len(y)))
    assert 0.1 < share < 0.9


def test_without_cells_tgfb_is_gone_within_its_half_life(bare, p, act):
    bare.tgfb = np.full(bare.section.shape, 0.4)
    act(TgfbRelease(), bare, p, dt=p.tgfb.half_life)
    np.testing.assert_allclose(bare.tgfb, 0.2, rtol=1e-9)


def test_the_answer_has_a_threshold(bare, p, settle, one_a_site, act):
    level = {}
    y, x = one_a_site(bare.section)
    settle(bare, "kupffer_cells", len(y), y=y, x=x)
    for share in (0.5, 1.0, 2.0):
        bare.tgfb = np.zeros(bare.section.shape)
        bare.kupffer_cells.signal[:] = share * p.kupffer.half_load_answer
        level[share] = act(TgfbRelease(), bare, p).tgfb.mean()
    steepness = p.kupffer.steepness_answer
    for share in (0.5, 2.0):
        assert level[share] / level[1.0] == pytest.approx(2 * share**steepness / (1 + share**steepness), rel=1e-9)


def test_each_cell_answers_its_own_signal(p):
    half = p.kupffer.half_load_answer
    power = 3.0**p.kupffer.steepness_answer
    answer = answer_of(half * np.array([0.0, 1.0, 3.0, 0.0]), p)
    np.testing.assert_allclose(answer, [0.0, 0.5, power / (1 + power), 0.0], rtol=1e-12)


def test_less_than_a_molecule_is_none(bare, p, act):
    one = MOLECULE / (bare.section.site_volume * bare.tgfb.size)  # nM everywhere: one molecule in the section
    bare.tgfb[:] = 1.1 * one
    assert act(TgfbRelease(), bare, p).tgfb.sum() > 0.0
    bare.tgfb[:] = 0.9 * one
    assert not act(TgfbRelease(), bare, p).tgfb.any()


def test_teaching_needs_no_tgfb_rule(naive, act):
    p = restless()
    naive.kupffer_cells.signal[:] = 1e9
    act(KupfferEducation(), naive, p, dt=1e4)  # alone, as when TgfbRelease is left out of a schedule
    assert (naive.kupffer_cells.state == EDUCATED).all()


def test_load_without_signal_gives_no_tgfb(naive, p, changes):
    naive.kupffer_cells.load[:] = 5000
    assert changes(TgfbRelease(), naive, p) == set()


def test_one_cell_makes_a_peak_around_itself(bare, p, settle, act):
    settle(bare, "kupffer_cells", 1, y=310.0, x=250.0, signal=1e9)
    act(TgfbRelease(), bare, p)
    field, section = bare.tgfb, bare.section
    assert np.unravel_index(field.argmax(), field.shape) == (15, 12)
    # All that a saturated cell secretes and that has not decayed, wherever it went.
    secreted = p.kupffer.secretion_tgfb / section.site_volume
    assert field.sum() == pytest.approx(produce_and_decay(0.0, secreted, rate_of(p.tgfb.half_life), 1.0), rel=1e-9)
    iy, ix = np.indices(field.shape)
    far = np.hypot(iy - 15, ix - 12) * section.spacing
    rings = [field[(far >= d) & (far < d + 20)].mean() for d in range(0, 240, 20)]
    assert (np.diff(rings) < 0).all()
    assert field[15, 12] > 5 * field[far > 300].max()  # two decay lengths, sqrt(D / k), of 150 um


def test_two_half_steps_of_tgfb_are_one(naive, p, act, freeze):
    naive.kupffer_cells.signal[:] = np.arange(len(naive.kupffer_cells)) * 5.0
    start = freeze(naive)
    once = act(TgfbRelease(), naive, p, dt=1.0).tgfb
    naive.thaw(start)
    twice = act(TgfbRelease(), naive, p, dt=0.5, steps=2).tgfb
    np.testing.assert_allclose(twice, once, rtol=1e-9)


# --- teaching --------------------------------------------------------------------------------------------------------


def restless(**changed):
    return resolve({"kupffer.rate_education_rest": "0 1/day"} | changed)


def test_naive_cells_without_an_answer_stay_naive(naive, changes):
    assert changes(KupfferEducation(), naive, restless(), steps=24) == set()


@pytest.mark.parametrize("steps", [1, 2])
def test_a_full_answer_teaches_at_its_rate_and_nobody_forgets(bare, settle, act, happens, steps):
    p = restless(**{"kupffer.rate_education": "1 1/day"})
    cells = settle(bare, "kupffer_cells", 20_000, signal=1e9)
    cells.state[10_000:] = EDUCATED
    act(KupfferEducation(), bare, p, dt=12.0 / steps, steps=steps)
    happens(np.count_nonzero(cells.state[:10_000] == EDUCATED), 10_000, 1 - math.exp(-0.5))
    assert (cells.state[10_000:] == EDUCATED).all()


@pytest.mark.parametrize("steps", [1, 2])
def test_a_few_are_educated_at_rest(bare, p, settle, act, happens, steps):
    cells = settle(bare, "kupffer_cells", 200_000)
    act(KupfferEducation(), bare, p, dt=24.0 / steps, steps=steps)
    # Those who forget within the same day are 5 % of these 400, a standard error.
    happens(np.count_nonzero(cells.state == EDUCATED), 200_000, probability(p.kupffer.rate_education_rest, 24.0))


@pytest.mark.parametrize("steps", [1, 2])
def test_educated_cells_forget_with_their_half_life(bare, settle, act, happens, steps):
    p = restless()
    cells = settle(bare, "kupffer_cells", 20_000, state=EDUCATED)
    act(KupfferEducation(), bare, p, dt=p.kupffer.half_life_educated / steps, steps=steps)
    happens(np.count_nonzero(cells.state == NAIVE), 20_000, 0.5)


@pytest.mark.parametrize("steps", [1, 2])
def test_teaching_and_forgetting_at_once_balance_whatever_the_step(bare, settle, act, happens, steps):
    """Two states with constant rates: the exact share educated after a day, not the share that was educated once."""
    p = restless(**{"kupffer.half_life_educated": "1 day", "kupffer.rate_education": "1 1/day"})
    cells = settle(bare, "kupffer_cells", 40_000, signal=p.kupffer.half_load_answer)
    act(KupfferEducation(), bare, p, dt=24.0 / steps, steps=steps)
    teach, forget = 0.5, 0.5 * math.log(2)  # per day: half of the full rate, and half of the loss at rest
    share = teach / (teach + forget) * (1 - math.exp(-(teach + forget)))
    happens(np.count_nonzero(cells.state == EDUCATED), 40_000, share)


def test_tumour_associated_cells_are_neither_educated_nor_do_they_forget(bare, settle, changes):
    late = KupfferCell.state.code("tumour_associated")
    settle(bare, "kupffer_cells", 300, state=late, signal=np.repeat([0.0, 1e9, 300.0], 100))
    assert changes(KupfferEducation(), bare, restless(), dt=1e6) == set()


def test_only_cells_that_answer_are_educated(naive, act):
    p = restless()
    cells = naive.kupffer_cells
    cells.signal[:40] = 1e9
    naive.time = 5.0
    act(KupfferEducation(), naive, p, dt=1e4)
    assert (cells.state[:40] == EDUCATED).all()
    assert (cells.educated_at[:40] == 5.0).all()
    assert (cells.state[40:] == NAIVE).all()
    assert np.isnan(cells.educated_at[40:]).all()


def test_the_time_of_teaching_outlasts_forgetting_and_is_renewed(bare, settle, act):
    p = restless()
    cells = settle(bare, "kupffer_cells", 50, state=EDUCATED, educated_at=3.0)
    act(KupfferEducation(), bare, p, dt=1e6)
    assert (cells.state == NAIVE).all()
    assert (cells.educated_at == 3.0).all()
    cells.signal[:] = 1e9
    bare.time = 100.0
    act(KupfferEducation(), bare, p, dt=1e6)
    assert (cells.educated_at == 100.0).all()
