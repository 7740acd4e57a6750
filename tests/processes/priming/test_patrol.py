"""Patrolling Kupffer cells and lymphocytes, and how lymphocytes are renewed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from niche_sim.engine.kernels.walk import sub_steps
from niche_sim.engine.laws import turn_chance
from niche_sim.model.catalogue import CARGO
from niche_sim.model.parameters import resolve
from niche_sim.model.processes.priming.kupffer_patrol import KupfferPatrol
from niche_sim.model.processes.priming.kupffer_renewal import KupfferRenewal
from niche_sim.model.processes.surveillance.lymphocyte_patrol import LymphocytePatrol
from niche_sim.model.processes.surveillance.lymphocyte_renewal import LymphocyteRenewal

DT = 0.1  # h; a Kupffer cell then runs some 25 um, far from any edge where it is put
PLACES = [(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)]


def even(state, name):
    """Let a population walk anywhere, without zonation and vessels."""
    state.resting_density = state.resting_density | {name: np.ones(state.section.shape)}


def mean_square(speed, persistence, dt, steps):
    """Mean square displacement of runs whose headings are kept with one chance from each to the next."""
    c = 1 - turn_chance(dt / steps, persistence)
    lags = np.arange(1, steps)
    return (speed * dt / steps) ** 2 * (steps + 2 * ((steps - lags) * c**lags).sum())


def headings(n, seed=1):
    return 2 * math.pi * np.random.default_rng(seed).random(n)


def crowd(settle, state, name, n, place, **columns):
    section = state.section
    y, x = place[0] * section.height, place[1] * section.width
    return settle(state, name, n, y=y, x=x, heading=headings(n), **columns), y, x


def test_nobody_walks_where_nobody_is(bare, p, changes):
    assert changes(KupfferPatrol(), bare, p) == set()
    assert changes(LymphocytePatrol(), bare, p) == set()


def test_full_kupffer_cells_stand_still(bare, p, settle, changes):
    settle(bare, "kupffer_cells", 500, load=10**6, heading=headings(500))
    assert changes(KupfferPatrol(), bare, p) == set()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(
    ("name", "process"),
    [("kupffer_cells", KupfferPatrol), ("nk_cells", LymphocytePatrol), ("t_cells", LymphocytePatrol)],
)
def test_everybody_walks_as_far_as_theory_says_in_one_step_or_two(
    bare, p, settle, act, agrees, place, steps, name, process
):
    even(bare, name)
    cells, y, x = crowd(settle, bare, name, 6000, place)
    act(process(), bare, p, dt=DT / steps, steps=steps)
    numbers = {"kupffer_cells": p.kupffer, "nk_cells": p.nk, "t_cells": p.t_cells}[name]
    pieces = steps * sub_steps(numbers.speed, numbers.persistence, DT / steps, bare.section.spacing)
    expected = mean_square(numbers.speed, numbers.persistence, DT, pieces)
    for moved in (cells.y - y, cells.x - x):
        agrees((moved**2).mean(), expected / 2, (moved**2).std() / math.sqrt(len(moved)))
        agrees(moved.mean(), 0.0, moved.std() / math.sqrt(len(moved)))


def test_a_loaded_cell_among_empty_ones_walks_half_as_fast(bare, p, settle, act, agrees):
    even(bare, "kupffer_cells")
    n = 20_000
    load = np.where(np.arange(n) % 2, round(p.kupffer.half_load_speed), 0)
    cells, y, x = crowd(settle, bare, "kupffer_cells", n, (0.5, 0.5), load=load)
    act(KupfferPatrol(), bare, p, dt=DT)
    square = (cells.y - y) ** 2 + (cells.x - x) ** 2
    loaded, free = square[load > 0], square[load == 0]
    # The same sub-steps for all, so that half the speed is a quarter of the square.
    agrees(loaded.mean(), free.mean() / 4, math.hypot(loaded.std(), free.std() / 4) / math.sqrt(n / 2))


def test_founders_have_keys_of_their_own_so_that_no_two_walk_alike(naive):
    keys = np.concatenate([rows.key for rows in naive.populations.values()])
    assert len(np.unique(keys)) == len(keys) > 300


def test_walks_only_move(naive, p, changes):
    assert changes(KupfferPatrol(), naive, p) == {"kupffer_cells.y", "kupffer_cells.x", "kupffer_cells.heading"}
    assert changes(LymphocytePatrol(), naive, p) == {
        f"{name}.{column}" for name in ("nk_cells", "t_cells") for column in ("y", "x", "heading")
    }


@pytest.mark.parametrize("name", ["nk_cells", "kupffer_cells"])
def test_zonation_stays(bare, p, settle, act, name):
    cells = settle(bare, name, 20_000, heading=headings(20_000))
    process = KupfferPatrol() if name == "kupffer_cells" else LymphocytePatrol()
    act(process, bare, p, steps=12)
    section, home = bare.section, bare.resting_density[name]
    counts = np.bincount(section.site_of(cells.y, cells.x), minlength=home.size)
    tissue = home.ravel() > 0
    assert counts[~tissue].sum() == 0
    assert stats.chisquare(counts[tissue], len(cells) * home.ravel()[tissue] / home.sum()).pvalue > 1e-4


def test_kupffer_cells_live_in_the_published_zones(bare, p):
    third = np.minimum((bare.section.zone * 3).astype(int), 2)
    tissue = ~bare.section.lumen
    at_rest = bare.resting_density["kupffer_cells"]
    shares = np.bincount(third[tissue], weights=at_rest[tissue]) / at_rest.sum()
    # Thirds of the tissue by area, to within a site in 350.
    np.testing.assert_allclose(shares, [0.43, 0.28, 0.29], atol=0.005)


# --- renewal ---------------------------------------------------------------------------------------------------------


def nobody_at_rest():
    return resolve({"nk.density": "0 cell/mm^3", "t_cells.density": "0 cell/mm^3"})


def many(density="5e5 cell/mm^3"):
    return resolve({"nk.density": density, "t_cells.density": density})


def test_nobody_comes_or_goes_where_there_are_none_at_rest(bare, changes):
    assert changes(LymphocyteRenewal(), bare, nobody_at_rest()) == set()


@pytest.mark.parametrize("steps", [1, 2])
def test_lymphocytes_leave_with_their_half_lives(bare, settle, act, happens, steps):
    p = nobody_at_rest()
    nk, t = settle(bare, "nk_cells", 20_000), settle(bare, "t_cells", 20_000)
    act(LymphocyteRenewal(), bare, p, dt=24.0 / steps, steps=steps)
    happens(len(nk), 20_000, 0.5 ** (24.0 / p.nk.half_life))
    happens(len(t), 20_000, 0.5 ** (24.0 / p.t_cells.half_life))


@pytest.mark.parametrize("steps", [1, 2])
def test_an_emptied_population_refills(bare, act, agrees, steps):
    """As many enter as would leave at rest: after one half-life half of them are back, in one step or two."""
    p = many()
    act(LymphocyteRenewal(), bare, p, dt=p.nk.half_life / steps, steps=steps)
    rest = p.nk.density * bare.section.volume
    # Entry is Poisson, and so is what is left of it.
    agrees(len(bare.nk_cells), rest / 2, math.sqrt(rest / 2))


@pytest.mark.parametrize("dt", [1.0, 24.0, 168.0])
def test_at_rest_the_numbers_hold_whatever_the_step(bare, act, settle, agrees, dt):
    p = many("1e6 cell/mm^3")
    rest = p.nk.density * bare.section.volume
    settle(bare, "nk_cells", round(rest))
    act(LymphocyteRenewal(), bare, p, dt=dt)
    agrees(len(bare.nk_cells), rest, math.sqrt(rest * 2 * (1 - 0.5 ** (dt / p.nk.half_life))))


def test_newcomers_live_where_their_kind_lives_and_walk_any_way(bare, p, act):
    p = many("2e6 cell/mm^3")
    act(LymphocyteRenewal(), bare, p, dt=168.0)
    cells, home = bare.nk_cells, bare.resting_density["nk_cells"].ravel()
    counts = np.bincount(bare.section.site_of(cells.y, cells.x), minlength=home.size)
    tissue = home > 0
    assert counts[~tissue].sum() == 0
    expected = home[tissue] * len(cells) / home.sum()
    assert stats.chisquare(counts[tissue], expected).pvalue > 1e-4
    assert stats.chisquare(np.histogram(cells.heading, 12, (0, 2 * math.pi))[0]).pvalue > 1e-4
    assert len(np.unique(cells.key)) == len(cells)


def test_renewal_of_one_kind_leaves_the_other(bare, changes, settle):
    settle(bare, "t_cells", 500)
    nk_only = resolve({"t_cells.density": "0 cell/mm^3", "t_cells.half_life": "1e9 h", "nk.density": "1e5 cell/mm^3"})
    assert changes(LymphocyteRenewal(), bare, nk_only) == {"nk_cells"}


def test_newcomers_have_new_keys_in_every_step(bare, act):
    act(LymphocyteRenewal(), bare, many(), dt=24.0, steps=3)
    for cells in (bare.nk_cells, bare.t_cells):
        assert len(np.unique(cells.key)) == len(cells)


def full_pedf(state):
    state.blood.exposure[CARGO.index("pedf")] = 1e9


@pytest.mark.parametrize(
    ("name", "what", "factor"),
    [
        ("nk_cells", {"boosted.il15": 3.0}, 3.0),
        ("nk_cells", {"boosted.nk_cells": 2.0}, 2.0),
        ("nk_cells", {"boosted.nk_cells": 2.0, "boosted.il15": 3.0, "pedf": True}, 2.0 * 3.0 * 1.8),
        ("nk_cells", {"boosted.t_cells": 9.0, "lymph_node.effectors": 9.0}, 1.0),
        ("t_cells", {"boosted.t_cells": 2.0}, 2.0),
        ("t_cells", {"lymph_node.effectors": 1.5}, 2.5),
        ("t_cells", {"lymph_node.effectors": 1.5, "boosted.t_cells": 2.0}, 5.0),
        ("t_cells", {"boosted.il15": 3.0, "boosted.nk_cells": 3.0, "pedf": True}, 1.0),
    ],
)
def test_what_calls_more_lymphocytes(bare, act, agrees, name, what, factor):
    numbers = {"nk.density": "5e5 cell/mm^3", "t_cells.density": "5e5 cell/mm^3", "bmdc.gain_nk_patrolling": "0.8"}
    p = resolve(numbers)
    for path, value in what.items():
        if path == "pedf":
            full_pedf(bare)
        else:
            part, _, line = path.partition(".")
            setattr(getattr(bare, part), line, value)
    act(LymphocyteRenewal(), bare, p, dt=24.0)
    half_life = {"nk_cells": p.nk, "t_cells": p.t_cells}[name].half_life
    mean = 5e-4 * bare.section.volume * (1 - 0.5 ** (24.0 / half_life)) * factor
    agrees(len(bare.populations[name]), mean, math.sqrt(mean))


@pytest.mark.parametrize("effectors", [0.0, 0.5, 3.0])
def test_effectors_come_on_top_of_naive_t_cells(bare, settle, act, happens, effectors):
    settle(bare, "t_cells", 300)  # those that were there are none, and none of them becomes one
    bare.lymph_node.effectors = effectors
    act(LymphocyteRenewal(), bare, many(), dt=48.0)
    old = np.isnan(bare.t_cells.heading) | (bare.t_cells.heading == 0.0)  # settled without a heading
    assert 200 < old.sum() <= 300
    assert not bare.t_cells.effector[old].any()
    if effectors:
        happens(bare.t_cells.effector.sum(), (~old).sum(), effectors / (1 + effectors))
    else:
        assert not bare.t_cells.effector.any()


# --- Kupffer cells come back -----------------------------------------------------------------------------------------


def test_an_organ_that_lacks_no_kupffer_cell_gets_none(naive, p, changes, settle):
    assert changes(KupfferRenewal(), naive, p, dt=1e4) == set()
    settle(naive, "kupffer_cells", 20)
    assert changes(KupfferRenewal(), naive, p, dt=1e4) == set()


def test_an_organ_that_has_none_gets_none(bare, changes):
    assert changes(KupfferRenewal(), bare, resolve(organ="lung"), dt=1e4) == set()


@pytest.mark.parametrize("steps", [1, 2])
def test_lost_kupffer_cells_come_back_at_their_rate(bare, act, agrees, steps):
    """The same share of what is missing, whatever the step; Poisson in each."""
    p = resolve({"kupffer.density": "1e6 cell/mm^3", "kupffer.rate_refill": "0.15 1/day"})
    act(KupfferRenewal(), bare, p, dt=48.0 / steps, steps=steps)
    full = 1e-3 * bare.section.volume
    back = full * (1 - math.exp(-0.3))
    agrees(len(bare.kupffer_cells), back, math.sqrt(back))


def test_there_are_never_more_than_before(bare, p, act):
    act(KupfferRenewal(), bare, p, dt=1e3, steps=40)
    assert len(bare.kupffer_cells) == round(p.kupffer.density * bare.section.volume)
    assert len(np.unique(bare.kupffer_cells.key)) == len(bare.kupffer_cells)


def test_newcomers_are_naive_kupffer_cells_of_their_zones(bare, act, happens):
    p = resolve({"kupffer.density": "3e6 cell/mm^3"})
    act(KupfferRenewal(), bare, p, dt=1e3)
    cells, home = bare.kupffer_cells, bare.resting_density["kupffer_cells"].ravel()
    happens(cells.responder.sum(), len(cells), p.kupffer.fraction_responders)
    assert {cell for column in (cells.load, cells.state) for cell in column.tolist()} == {0}
    counts = np.bincount(bare.section.site_of(cells.y, cells.x), minlength=home.size)
    tissue = home > 0
    assert counts[~tissue].sum() == 0
    assert stats.chisquare(counts[tissue], home[tissue] * len(cells) / home.sum()).pvalue > 1e-4
    assert stats.chisquare(np.histogram(cells.heading, 12, (0, 2 * math.pi))[0]).pvalue > 1e-4


def test_return_changes_nothing_else(naive, p, changes):
    naive.kupffer_cells.remove(np.arange(0, 100))
    assert changes(KupfferRenewal(), naive, p, dt=48.0) == {"kupffer_cells"}
