"""A primary tumour grows along its curve and sheds in proportion."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.engine.laws import gompertz_growth
from niche_sim.model.catalogue import EXOSOME_SOURCES, EXOSOMES_OF_LINE, TUMOUR_LINES
from niche_sim.model.cells import Exosome, TumourCell
from niche_sim.model.parameters import resolve
from niche_sim.model.processes.shedding.primary_growth import PrimaryGrowth
from niche_sim.model.processes.shedding.primary_shedding import PrimaryShedding
from niche_sim.model.state import PrimaryTumour


def primary(**changed):
    numbers = {"cells": 1e6, "line": "pan02", "started": 0.0, "start_cells": 1e6, "doubling": 60.0, "event": "e"}
    return PrimaryTumour(**(numbers | changed))


def test_no_primary_nothing_grows_or_is_shed(naive, p, changes):
    assert changes(PrimaryGrowth(), naive, p) == set()
    assert changes(PrimaryShedding(), naive, p) == set()


def test_a_resected_one_neither_grows_nor_sheds(naive, p, changes):
    naive.primary = primary(cells=0.0, sheds_cells=True)
    assert changes(PrimaryGrowth(), naive, p) == set()
    assert changes(PrimaryShedding(), naive, p) == set()


@pytest.mark.parametrize("steps", [1, 2, 60])
def test_exponential_growth_whatever_the_step(naive, p, act, steps):
    naive.primary, naive.time = primary(started=10.0), 10.0
    act(PrimaryGrowth(), naive, p, dt=120.0 / steps, steps=steps)
    assert naive.primary.cells == pytest.approx(4e6, rel=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 60])
def test_gompertz_growth_whatever_the_step(naive, p, act, steps):
    naive.primary = primary(capacity=2e9)
    act(PrimaryGrowth(), naive, p, dt=600.0 / steps, steps=steps)
    assert naive.primary.cells == pytest.approx(gompertz_growth(1e6, 60.0, 2e9, 600.0), rel=1e-12)
    assert naive.primary.cells < 2**10 * 1e6 / 2


def test_growth_changes_nothing_else(naive, p, changes):
    naive.primary = primary()
    assert changes(PrimaryGrowth(), naive, p) == {"primary.cells"}


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("blocked", [0.0, 0.5])
def test_vesicles_are_shed_in_proportion_to_its_cells(naive, p, act, agrees, steps, blocked):
    naive.primary, naive.blocked.exosome_release = primary(cells=1e9), blocked
    act(PrimaryShedding(), naive, p, dt=2.0 / steps, steps=steps)
    # Vesicles an hour and cell, of which a part escapes, to this section's share of the liver.
    share = 600 * 700 * p.liver.thickness / p.liver.volume
    mean = 1e9 * p.exosomes.secretion * p.exosomes.fraction_escaping * 2.0 * (1 - blocked) * share
    agrees(naive.counters.exosomes_released, mean, math.sqrt(mean))
    assert naive.exosomes.vesicles.sum() == naive.counters.exosomes_released
    assert (naive.exosomes.source == EXOSOME_SOURCES.index(EXOSOMES_OF_LINE["pan02"])).all()
    assert (naive.exosomes.place == Exosome.place.code("blood")).all()
    assert len(naive.tumour_cells) == 0


@pytest.mark.parametrize("steps", [1, 2])
def test_cells_are_shed_if_asked(naive, act, agrees, steps):
    p = resolve({"primary.rate_shedding": "1 1/day"})
    naive.primary, naive.blocked.exosome_release = primary(cells=1e9, sheds_cells=True), 1.0
    act(PrimaryShedding(), naive, p, dt=240.0 / steps, steps=steps)
    mean = 1e9 * p.primary.fraction_viable * 10 * 600 * 700 * p.liver.thickness / p.liver.volume
    agrees(naive.counters.tumour_entered, mean, math.sqrt(mean))
    cells = naive.tumour_cells
    assert len(cells) == naive.counters.tumour_entered > 500
    assert (cells.state == TumourCell.state.code("circulating")).all()
    assert (cells.line == TumourCell.line.code("pan02")).all()
    assert len(np.unique(cells.clone)) == len(cells)
    np.testing.assert_array_equal(cells.clone, cells.key)
    assert len(naive.exosomes) == 0  # release is blocked altogether


@pytest.mark.parametrize("line", EXOSOMES_OF_LINE)
def test_every_line_sheds_exosomes_and_cells_of_its_own(naive, act, line):
    naive.primary = primary(cells=1e9, line=line, sheds_cells=True)
    act(PrimaryShedding(), naive, resolve({"primary.rate_shedding": "20 1/day"}), dt=24.0)
    assert set(naive.exosomes.source) == {EXOSOME_SOURCES.index(EXOSOMES_OF_LINE[line])}
    assert set(naive.tumour_cells.line) == {TUMOUR_LINES.index(line)}


def test_shedding_of_vesicles_does_not_hang_on_shedding_of_cells(naive, p, act, freeze):
    shed, start = [], freeze(naive)
    for cells in (False, True):
        naive.thaw(start)
        naive.primary = primary(cells=1e9, sheds_cells=cells)
        shed.append(act(PrimaryShedding(), naive, p).counters.exosomes_released)
    assert shed[0] == shed[1] > 0


def test_shedding_changes_nothing_else(naive, changes):
    p = resolve({"primary.rate_shedding": "20 1/day"})
    naive.primary = primary(cells=1e9, sheds_cells=True)
    assert changes(PrimaryShedding(), naive, p, dt=24.0) == {
        "exosomes", "tumour_cells", "counters.exosomes_released", "counters.tumour_entered",
    }  # fmt: skip


# --- into blood ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 10, 1000])
@pytest.mark.parametrize("vesicles", [0, 1, 999, 1000, 2345])
def test_release_fills_parcels_and_counters(bare, size, vesicles):
    bare.release_exosomes(vesicles, 1, 2**64 - 5, size)  # keys wrap around
    exosomes = bare.exosomes
    assert exosomes.vesicles.sum() == bare.counters.exosomes_released == vesicles
    assert len(exosomes) == -(-vesicles // size)
    assert (exosomes.vesicles > 0).all()
    assert (exosomes.vesicles <= size).all()
    assert (exosomes.source == 1).all()
    assert (exosomes.place == Exosome.place.code("blood")).all()
    assert (exosomes.host == -1).all()
    assert np.isnan(exosomes.y).all()
    assert exosomes.key.tolist() == [(2**64 - 5 + k) % 2**64 for k in range(0, vesicles, size)]


def test_cells_enter_with_their_keys(bare):
    bare.enter_tumour_cells(3, 1, np.array([5, 6, 7], np.uint64))
    cells = bare.tumour_cells
    assert cells.key.tolist() == cells.clone.tolist() == [5, 6, 7]
    assert (cells.line == 1).all()
    assert (cells.state == TumourCell.state.code("circulating")).all()
    assert np.isnan(cells.arrived_at).all()
    assert bare.counters.tumour_entered == 3
