"""Lost Kupffer cells are replaced; lymphocytes are called."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from niche_sim.model.catalogue import CARGO
from niche_sim.model.cells import KupfferCell
from niche_sim.model.parameters import resolve
from niche_sim.model.processes.priming.kupffer_renewal import KupfferRenewal
from niche_sim.model.processes.surveillance.lymphocyte_renewal import LymphocyteRenewal

SMALLEST_P = 1e-4  # as in conftest.py


def dense(organ="liver"):
    """Many cells in a small section, for narrow errors."""
    many = {"kupffer.density": "2e6 cell/mm^3", "nk.density": "2e6 cell/mm^3", "t_cells.density": "2e6 cell/mm^3"}
    return resolve(many, organ=organ)


def full(state, p):
    return round(p.kupffer.density * state.section.volume)


# --- Kupffer cells ---------------------------------------------------------------------------------------------------


def test_a_liver_that_lacks_none_gains_none(naive, p, settle, changes):
    assert changes(KupfferRenewal(), naive, p, dt=1e4) == set()
    settle(naive, "kupffer_cells", 20)
    assert changes(KupfferRenewal(), naive, p, dt=1e4) == set()


@pytest.mark.parametrize("organ", ["lung", "brain"])
def test_other_organs_have_none_to_replace(bare, changes, organ):
    assert changes(KupfferRenewal(), bare, dense(organ), dt=1e4) == set()


@pytest.mark.parametrize("steps", [1, 2, 20])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_it_refills_as_a_saturating_curve(bare, settle, act, agrees, steps, share):
    p = dense()
    all_of_them = full(bare, p)
    cells = settle(bare, "kupffer_cells", round(share * all_of_them), state="educated", load=3)
    days = 4.0
    act(KupfferRenewal(), bare, p, dt=days * 24 / steps, steps=steps)
    missing = all_of_them * (1 - share)
    expected = missing * math.exp(-p.kupffer.rate_refill * days * 24)
    # Newcomers of a step are Poisson, so at most as many as have come vary.
    agrees(all_of_them - len(cells), expected, math.sqrt(missing - expected))
    assert np.count_nonzero(cells.load == 3) == round(share * all_of_them)  # who survived stays as it was


def test_it_takes_one_to_two_weeks_and_ends_at_the_full_number(naive, p, act):
    cells, all_of_them = naive.kupffer_cells, full(naive, p)
    cells.remove(slice(None))
    after = {}
    for day in range(1, 61):
        act(KupfferRenewal(), naive, p, dt=6.0, steps=4)
        after[day] = len(cells) / all_of_them
    assert 0.02 < after[1] < 0.4
    assert 0.7 < after[14] < 1.0  # 1 - exp(-0.15 * 14) = 0.88, of some 150 cells
    assert max(after.values()) <= 1.0 and after[60] > 0.97
    assert len(np.unique(cells.key)) == len(np.unique(cells.unique_id)) == len(cells)


def test_newcomers_are_naive_and_live_where_the_others_did(bare, section, act, happens):
    p = dense()
    bare.time = 30.0
    cells = act(KupfferRenewal(), bare, p, dt=24.0).kupffer_cells
    assert len(cells) > 1000
    assert (cells.state == KupfferCell.state.code("naive")).all()
    assert not cells.load.any() and not cells.signal.any()
    happens(np.count_nonzero(cells.responder), len(cells), p.kupffer.fraction_responders)
    assert not section.lumen.ravel()[bare.sites(cells)].any()
    third = np.minimum(3 * section.zone.ravel(), 2).astype(int)
    by_zone = np.bincount(third[bare.sites(cells)], minlength=3)
    wanted = np.bincount(third, weights=bare.resting_density["kupffer_cells"].ravel(), minlength=3)
    assert stats.chisquare(by_zone, wanted / wanted.sum() * len(cells)).pvalue > SMALLEST_P
    assert np.ptp(cells.heading) > 6.0


def test_refilling_changes_nothing_else(naive, p, changes):
    naive.kupffer_cells.remove(slice(100))
    assert changes(KupfferRenewal(), naive, p, dt=48.0) == {"kupffer_cells"}


# --- lymphocytes -----------------------------------------------------------------------------------------------------


def entering(state, p, name, dt):
    """Mean number that enters an empty section in dt (h) when nobody calls."""
    numbers = {"nk_cells": p.nk, "t_cells": p.t_cells}[name]
    renewed = -math.expm1(-math.log(2) / numbers.half_life * dt)
    return numbers.density * p.organ.ratio_lymphocytes * state.section.volume * renewed


CALLS = {
    "nothing": (1.0, 1.0),
    "il15": (3.0, 1.0),
    "nk_cells": (3.0, 1.0),
    "t_cells": (1.0, 3.0),
    "pedf": (None, 1.0),
    "effectors": (1.0, 2.5),
}


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("call", CALLS)
def test_each_call_brings_its_own_cells(bare, act, agrees, steps, call):
    p = dense()
    if call == "pedf":
        bare.blood.exposure[CARGO.index("pedf")] = 2 * p.exosomes.half_exposure
    elif call == "effectors":
        bare.lymph_node.effectors = 1.5
    elif call != "nothing":
        setattr(bare.boosted, call, 3.0)
    act(LymphocyteRenewal(), bare, p, dt=12.0 / steps, steps=steps)
    for name, factor in zip(("nk_cells", "t_cells"), CALLS[call], strict=True):
        factor = 1 + p.bmdc.gain_nk_patrolling * 4 / 5 if factor is None else factor
        expected = factor * entering(bare, p, name, 12.0)
        agrees(len(bare.populations[name]), expected, math.sqrt(expected))


def test_calls_multiply(bare, act, agrees):
    p = dense()
    bare.boosted.il15 = bare.boosted.nk_cells = 2.0
    expected = 4 * entering(bare, p, "nk_cells", 12.0)
    agrees(len(act(LymphocyteRenewal(), bare, p, dt=12.0).nk_cells), expected, math.sqrt(expected))


@pytest.mark.parametrize("level", [0.0, 0.25, 3.0])
def test_newcomers_are_effectors_in_the_share_that_the_lymph_node_sends(bare, act, happens, level):
    p = dense()
    bare.lymph_node.effectors = level
    cells = act(LymphocyteRenewal(), bare, p, dt=12.0).t_cells
    assert not cells.exhaustion.any()
    if level == 0:
        assert not cells.effector.any()
    else:
        happens(np.count_nonzero(cells.effector), len(cells), level / (1 + level))


@pytest.mark.parametrize("organ", ["lung", "brain"])
def test_an_organ_renews_to_its_own_number(bare, act, agrees, organ):
    p = dense(organ)
    act(LymphocyteRenewal(), bare, p, dt=1e5)
    for name, numbers in (("nk_cells", p.nk), ("t_cells", p.t_cells)):
        expected = numbers.density * p.organ.ratio_lymphocytes * bare.section.volume
        agrees(len(bare.populations[name]), expected, math.sqrt(expected))


def test_a_call_changes_nothing_else(naive, p, changes):
    naive.boosted.il15 = naive.boosted.t_cells = 5.0
    naive.lymph_node.effectors = 1.0
    assert changes(LymphocyteRenewal(), naive, p, dt=48.0) == {"nk_cells", "t_cells"}
