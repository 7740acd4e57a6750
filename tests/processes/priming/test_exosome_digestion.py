"""Kupffer cells digest what they took up; what is left is their load and signal."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.model.catalogue import EXOSOME_SOURCES
from niche_sim.model.cells import Exosome
from niche_sim.model.processes.priming.exosome_digestion import ExosomeDigestion

INSIDE = Exosome.place.code("inside")
PDAC, NORMAL = EXOSOME_SOURCES.index("pdac"), EXOSOME_SOURCES.index("normal_pancreas")


def fill(state, settle, vesicles, cells=None, size=1000, source=PDAC):
    """Put `vesicles` into each of some Kupffer cells, in parcels of at most `size`."""
    hosts = state.kupffer_cells.unique_id if cells is None else state.kupffer_cells.unique_id[cells]
    parcels = -(-vesicles // size)
    counts = np.full(parcels, size)
    counts[-1] = vesicles - size * (parcels - 1)
    settle(
        state, "exosomes", len(hosts) * parcels, y=np.nan, x=np.nan, place=INSIDE, source=source,
        vesicles=np.tile(counts, len(hosts)), host=np.repeat(hosts, parcels),
    )  # fmt: skip


def test_nothing_inside_nothing_digested(naive, p, changes):
    assert changes(ExosomeDigestion(), naive, p) == set()


def test_blood_is_not_digested(naive, p, changes):
    naive.release_exosomes(5000, PDAC, 1, p.exosomes.parcel_size)
    assert changes(ExosomeDigestion(), naive, p, dt=1e6) == set()


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("size", [1, 10, 100, 1000])
def test_each_vesicle_is_digested_by_itself(naive, p, settle, act, agrees, steps, size):
    """Losses of 151 cells of 1000 vesicles: binomial in mean and variance, whatever the parcels."""
    fill(naive, settle, 1000, size=size)
    act(ExosomeDigestion(), naive, p, dt=6.0 / steps, steps=steps)
    load, left = naive.kupffer_cells.load, 0.5 ** (6 / p.exosomes.half_life_inside)
    n, variance = len(load), 1000 * left * (1 - left)
    agrees(load.mean(), 1000 * left, math.sqrt(variance / n))
    agrees(((load - 1000 * left) ** 2).mean(), variance, variance * math.sqrt(2 / n))
    assert naive.counters.exosomes_degraded == 1000 * n - load.sum()


def test_load_counts_and_signal_weighs_by_mif(naive, p, settle, act):
    fill(naive, settle, 300, cells=[2, 5])
    fill(naive, settle, 200, cells=[5, 9], source=NORMAL)
    act(ExosomeDigestion(), naive, p, dt=1e-12)
    load, signal = np.zeros(len(naive.kupffer_cells)), np.zeros(len(naive.kupffer_cells))
    load[[2, 5, 9]] = 300, 500, 200
    mif = p.normal_pancreas.mif
    signal[[2, 5, 9]] = p.pdac.mif * np.array([300, 300, 0]) + mif * np.array([0, 200, 200])
    np.testing.assert_array_equal(naive.kupffer_cells.load, load)
    np.testing.assert_allclose(naive.kupffer_cells.signal, signal, rtol=1e-12)


@pytest.mark.parametrize("blocked", [0.4, 1.0])
def test_mif_blockade_takes_the_signal_and_leaves_the_load(naive, p, settle, act, blocked):
    fill(naive, settle, 300, cells=[2])
    naive.blocked.mif = blocked
    act(ExosomeDigestion(), naive, p, dt=1e-12)
    assert naive.kupffer_cells.load[2] == 300
    assert naive.kupffer_cells.signal[2] == pytest.approx(300 * p.pdac.mif * (1 - blocked), abs=1e-9)


def test_only_cells_that_hold_vesicles_change(naive, p, settle, act):
    fill(naive, settle, 500, cells=[7, 70])
    act(ExosomeDigestion(), naive, p, dt=6.0)
    assert np.flatnonzero(naive.kupffer_cells.load).tolist() == [7, 70]
    assert np.flatnonzero(naive.kupffer_cells.signal).tolist() == [7, 70]


def test_what_a_dead_cell_held_is_digested_at_once(naive, p, settle, act):
    fill(naive, settle, 400, cells=[3, 8])
    naive.kupffer_cells.remove([3])
    act(ExosomeDigestion(), naive, p, dt=1e-12)
    assert naive.counters.exosomes_degraded == 400
    assert naive.kupffer_cells.load.sum() == 400
    assert naive.kupffer_cells.load[7] == 400  # one row up


def test_all_may_be_digested_and_then_nothing_is_left(naive, p, settle, act):
    fill(naive, settle, 400, cells=[3, 8], size=50)
    act(ExosomeDigestion(), naive, p, dt=1e6)
    assert len(naive.exosomes) == 0
    assert not naive.kupffer_cells.load.any()
    assert not naive.kupffer_cells.signal.any()
    assert naive.counters.exosomes_degraded == 800


def test_a_load_whose_parcels_have_gone_is_forgotten(naive, p, act):
    naive.kupffer_cells.load[4], naive.kupffer_cells.signal[4] = 9, 9.0
    act(ExosomeDigestion(), naive, p)
    assert not naive.kupffer_cells.load.any()
    assert not naive.kupffer_cells.signal.any()


def test_parcels_go_where_their_cell_goes(naive, p, settle, act):
    fill(naive, settle, 5000, cells=[3, 8])
    naive.kupffer_cells.y[3], naive.kupffer_cells.x[3] = 123.0, 45.0
    act(ExosomeDigestion(), naive, p)
    mine = naive.exosomes.host == naive.kupffer_cells.unique_id[3]
    assert mine.sum() == 5
    assert (naive.exosomes.y[mine] == 123.0).all()
    assert (naive.exosomes.x[mine] == 45.0).all()
    assert (naive.exosomes.y[~mine] == naive.kupffer_cells.y[8]).all()


def test_it_changes_nothing_else(naive, p, settle, changes):
    fill(naive, settle, 500)
    naive.exosomes.vesicles[0] = 1
    found = changes(ExosomeDigestion(), naive, p, dt=200.0)
    assert found == {"exosomes", "kupffer_cells.load", "kupffer_cells.signal", "counters.exosomes_degraded"}


def test_counters_of_vesicles_balance_all_the_time(moments):
    """Whole mice, step by step: released = in blood + taken up + cleared; taken up = inside + degraded."""
    for moment in moments.values():
        model = moment.model
        model.state.thaw(moment.start)
        state = model.state
        for _ in range(30):
            counters, vesicles, inside = state.counters, state.exosomes.vesicles, state.exosomes.place == INSIDE
            assert counters.exosomes_released > 0
            assert counters.exosomes_taken_up == vesicles[inside].sum() + counters.exosomes_degraded
            assert (
                counters.exosomes_released == vesicles[~inside].sum() + counters.exosomes_taken_up + counters.exosomes_cleared
            )
            assert state.kupffer_cells.load.sum() <= vesicles[inside].sum()
            model.step()
