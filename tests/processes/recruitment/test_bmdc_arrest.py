"""Bone-marrow-derived cells crawl, stop where fibronectin holds them, and leave."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from niche_sim.engine.kernels.walk import sub_steps
from niche_sim.engine.laws import turn_chance
from niche_sim.model.cells import BoneMarrowDerivedCell
from niche_sim.model.parameters import resolve
from niche_sim.model.processes.recruitment.bmdc_arrest import BmdcArrest
from niche_sim.model.processes.recruitment.bmdc_crawling import BmdcCrawling
from niche_sim.model.processes.recruitment.bmdc_departure import BmdcDeparture

KINDS = BoneMarrowDerivedCell.kind.names


def headings(n):
    return 2 * math.pi * np.random.default_rng(1).random(n)


def test_nothing_happens_to_nobody(bare, p, changes):
    for process in (BmdcCrawling(), BmdcArrest(), BmdcDeparture()):
        assert changes(process, bare, p) == set()


def test_arrested_cells_do_not_crawl(bare, p, settle, changes):
    settle(bare, "bmdc", 300, arrested=True, heading=headings(300))
    assert changes(BmdcCrawling(), bare, p) == set()


@pytest.mark.parametrize("place", [(0.3, 0.3), (0.3, 0.7), (0.7, 0.3), (0.7, 0.7)])
@pytest.mark.parametrize("steps", [1, 2])
def test_free_cells_crawl_as_far_as_theory_says_in_one_step_or_two(bare, p, settle, act, agrees, place, steps):
    bare.resting_density = bare.resting_density | {"bmdc": np.ones(bare.section.shape)}
    y, x, n, dt = 700.0 * place[0], 600.0 * place[1], 6000, 0.3
    cells = settle(bare, "bmdc", 2 * n, y=y, x=x, heading=headings(2 * n), arrested=np.arange(2 * n) % 2 == 0)
    act(BmdcCrawling(), bare, p, dt=dt / steps, steps=steps)
    pieces = steps * sub_steps(p.bmdc.speed, p.bmdc.persistence, dt / steps, 20.0)
    c = 1 - turn_chance(dt / pieces, p.bmdc.persistence)
    lags = np.arange(1, pieces)
    expected = (p.bmdc.speed * dt / pieces) ** 2 * (pieces + 2 * ((pieces - lags) * c**lags).sum())
    for moved in (cells.y - y, cells.x - x):
        assert (moved[cells.arrested] == 0).all()
        square = moved[~cells.arrested] ** 2  # the edge is 7 standard deviations away
        agrees(square.mean(), expected / 2, square.std() / math.sqrt(n))


def test_crawling_keeps_cells_in_the_tissue_evenly(bare, p, settle, act):
    cells = settle(bare, "bmdc", 20_000, heading=headings(20_000))
    act(BmdcCrawling(), bare, p, steps=12)
    tissue = ~bare.section.lumen.ravel()
    counts = np.bincount(bare.section.site_of(cells.y, cells.x), minlength=tissue.size)
    assert counts[~tissue].sum() == 0
    assert stats.chisquare(counts[tissue]).pvalue > 1e-4


def test_crawling_only_moves(bare, p, settle, changes):
    settle(bare, "bmdc", 300, heading=headings(300))
    assert changes(BmdcCrawling(), bare, p) == {"bmdc.y", "bmdc.x", "bmdc.heading"}


# --- arrest ----------------------------------------------------------------------------------------------------------


def test_the_plasma_floor_holds_nobody(bare, p, settle, act):
    cells = settle(bare, "bmdc", 2000)
    act(BmdcArrest(), bare, p)
    # A threshold several floors high and steep: in 2000 cells and an hour 0.1 are expected at the most.
    held = 1 / (1 + p.bmdc.half_fibronectin**p.bmdc.steepness_fibronectin)
    assert 2000 * p.bmdc.rate_arrest * held < 0.1
    assert not cells.arrested.any()


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(("linked", "by_collagen"), [(0.0, 0.0), (0.25, 0.5), (0.75, 0.9)])
@pytest.mark.parametrize(("level", "held"), [(1.0, 0.5), (1e3, 1.0)])
def test_even_fibronectin_arrests_at_its_rate_best_on_collagen(
    bare, settle, act, happens, steps, level, held, linked, by_collagen
):
    p = resolve({"bmdc.half_collagen": "0.25", "bmdc.share_without_collagen": "0.15"})
    cells = settle(bare, "bmdc", 20_000)
    bare.fibronectin = np.full(bare.section.shape, level * p.bmdc.half_fibronectin)
    bare.collagen = np.full(bare.section.shape, linked)
    act(BmdcArrest(), bare, p, dt=2.0 / steps, steps=steps)
    rate = p.bmdc.rate_arrest * held * (0.15 + 0.85 * by_collagen)
    happens(cells.arrested.sum(), 20_000, 1 - math.exp(-rate * 2.0))


def test_collagen_without_fibronectin_holds_nobody(bare, p, settle, changes):
    settle(bare, "bmdc", 2000)
    bare.fibronectin, bare.collagen = np.zeros(bare.section.shape), np.ones(bare.section.shape)
    assert changes(BmdcArrest(), bare, p, dt=100.0) == set()


def test_cross_linked_collagen_here_arrests_here(bare, settle, act):
    p = resolve({"bmdc.share_without_collagen": "0"})
    cells = settle(bare, "bmdc", 2000)
    bare.fibronectin = np.full(bare.section.shape, 1e3)
    bare.collagen[:10, :12] = 1.0
    act(BmdcArrest(), bare, p, dt=100.0)
    here = (cells.y < 200.0) & (cells.x < 240.0)
    assert 0 < here.sum() < 2000
    np.testing.assert_array_equal(cells.arrested, here)


def test_macrophages_and_suppressor_cells_are_held_and_no_others(bare, p, settle, act):
    cells = settle(bare, "bmdc", 400, kind=np.arange(400) % len(KINDS))
    bare.fibronectin, bare.collagen = np.full(bare.section.shape, 1e3), np.ones(bare.section.shape)
    act(BmdcArrest(), bare, p, dt=1000.0)
    assert {KINDS[kind] for kind in cells.kind[cells.arrested]} == {"macrophage", "mdsc"}
    assert np.count_nonzero(cells.arrested) == 200


def test_arrest_is_steep_in_fibronectin(bare, p, settle, act, happens):
    cells = settle(bare, "bmdc", 20_000)
    bare.fibronectin = np.full(bare.section.shape, p.bmdc.half_fibronectin / 2)
    bare.collagen = np.full(bare.section.shape, 1e6)  # more than there can be, so that all of the rate is left
    act(BmdcArrest(), bare, p, dt=10.0)
    held = 1 / (1 + 2**p.bmdc.steepness_fibronectin)
    happens(cells.arrested.sum(), 20_000, 1 - math.exp(-p.bmdc.rate_arrest * held * 10))


def test_fibronectin_here_arrests_here(bare, p, settle, act):
    cells = settle(bare, "bmdc", 2000)
    bare.fibronectin = np.zeros(bare.section.shape)
    bare.fibronectin[:10, :12] = 1e3
    act(BmdcArrest(), bare, p, dt=100.0)
    here = (cells.y < 200.0) & (cells.x < 240.0)
    assert 0 < here.sum() < 2000
    np.testing.assert_array_equal(cells.arrested, here)


def test_arrested_cells_stay_arrested_without_fibronectin(bare, p, settle, changes):
    settle(bare, "bmdc", 300, arrested=True)
    bare.fibronectin = np.zeros(bare.section.shape)
    assert changes(BmdcArrest(), bare, p, dt=100.0) == set()


def test_arrest_changes_nothing_else(bare, p, settle, changes):
    settle(bare, "bmdc", 300)
    bare.fibronectin = np.full(bare.section.shape, 1e3)
    assert changes(BmdcArrest(), bare, p) == {"bmdc.arrested"}


# --- departure -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2])
def test_moving_and_arrested_cells_leave_with_half_lives_of_their_own(bare, p, settle, act, happens, steps):
    n, each = 20_000 * len(KINDS), 10_000
    cells = settle(bare, "bmdc", n, arrested=np.arange(n) % 2 == 0, kind=np.arange(n) // 2 % len(KINDS))
    act(BmdcDeparture(), bare, p, dt=12.0 / steps, steps=steps)
    happens(np.count_nonzero(cells.arrested), each * len(KINDS), 0.5 ** (12 / p.bmdc.half_life_arrested))
    half_lives = {"macrophage": p.bmdc.half_life_moving, "mdsc": p.bmdc.half_life_moving,
                  "neutrophil": p.bmdc.half_life_neutrophils, "patrolling": p.bmdc.half_life_patrolling}  # fmt: skip
    for code, kind in enumerate(KINDS):
        happens(np.count_nonzero(~cells.arrested & (cells.kind == code)), each, 0.5 ** (12 / half_lives[kind]))


def test_who_stays_is_left_as_it_was(bare, p, settle, act):
    cells = settle(bare, "bmdc", 500, heading=headings(500))
    before = {key: (y, x, h) for key, y, x, h in zip(cells.key, cells.y, cells.x, cells.heading, strict=True)}
    act(BmdcDeparture(), bare, p, dt=6.0)
    assert 0 < len(cells) < 500
    for key, y, x, h in zip(cells.key, cells.y, cells.x, cells.heading, strict=True):
        assert before[key] == (y, x, h)
