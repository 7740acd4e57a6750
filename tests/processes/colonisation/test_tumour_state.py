"""Tumour cells turn mesenchymal, grow resistant and shed exosomes of their own."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.engine.laws import rate_of
from niche_sim.model.catalogue import CARGO, EXOSOME_SOURCES, EXOSOMES_OF_LINE, TUMOUR_LINES
from niche_sim.model.cells import Exosome, TumourCell
from niche_sim.model.processes.colonisation.emt import Emt
from niche_sim.model.processes.shedding.colony_shedding import ColonyShedding
from niche_sim.model.processes.therapy.resistance import Resistance

EXACT = 1e-12  # roundings of exponentials near 1
IN_TISSUE = [state for state in TumourCell.state.names if state != "circulating"]


def expose(state, doses):
    state.blood.exposure[CARGO.index("pgp")] = doses


def risen(gain, half_life, dt, start=0.0):
    total = gain + rate_of(half_life)
    return gain / total + (start - gain / total) * math.exp(-total * dt)


@pytest.mark.parametrize("process", [Emt, Resistance, ColonyShedding])
def test_nothing_happens_to_nobody_or_in_a_naive_liver(naive, p, settle, changes, process):
    naive.tgfb = np.full(naive.section.shape, 1.0)
    assert changes(process(), naive, p, dt=100.0) == set()
    naive.tgfb = np.zeros(naive.section.shape)
    settle(naive, "tumour_cells", 50, state="dormant")
    assert changes(process(), naive, p, dt=100.0) == set()


# --- EMT -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", IN_TISSUE)
@pytest.mark.parametrize("ratio", [0.3, 1.0, 20.0])
def test_even_tgfb_makes_all_cells_mesenchymal_alike(bare, p, settle, act, state, ratio):
    cells = settle(bare, "tumour_cells", 20, state=state, emt=0.1)
    bare.tgfb = np.full(bare.section.shape, ratio * p.tumour.half_tgfb_emt)
    act(Emt(), bare, p, dt=10.0)
    gain = p.tumour.rate_emt * ratio**2 / (1 + ratio**2)
    np.testing.assert_allclose(cells.emt, risen(gain, p.tumour.half_life_emt, 10.0, 0.1), rtol=1e-9)


@pytest.mark.parametrize("why", ["no TGF-beta", "blocked", "in blood"])
def test_without_the_signal_cells_turn_epithelial_with_a_half_life(bare, p, settle, act, why):
    if why == "in blood":
        bare.enter_tumour_cells(20, 0, np.arange(1, 21, dtype=np.uint64))
        bare.tumour_cells.emt[:] = 0.8
    else:
        settle(bare, "tumour_cells", 20, state="cycling", emt=0.8)
    bare.tgfb = np.full(bare.section.shape, 0.0 if why == "no TGF-beta" else 5.0)
    bare.blocked.tgfb_receptor = float(why == "blocked")
    act(Emt(), bare, p, dt=p.tumour.half_life_emt)
    np.testing.assert_allclose(bare.tumour_cells.emt, 0.4, rtol=EXACT)


def test_half_a_blockade_halves_the_gain(bare, p, settle, act):
    cells = settle(bare, "tumour_cells", 5, state="cycling")
    bare.tgfb, bare.blocked.tgfb_receptor = np.full(bare.section.shape, 1e6), 0.5
    act(Emt(), bare, p, dt=10.0)
    np.testing.assert_allclose(cells.emt, risen(p.tumour.rate_emt / 2, p.tumour.half_life_emt, 10.0), rtol=1e-9)


def test_tgfb_here_acts_here(bare, p, settle, act):
    cells = settle(bare, "tumour_cells", 400, state="motile")
    bare.tgfb[:10, :12] = 1.0
    act(Emt(), bare, p)
    here = (cells.y < 200.0) & (cells.x < 240.0)
    assert 0 < here.sum() < len(cells)
    assert (cells.emt[here] > 0).all() and (cells.emt[~here] == 0).all()


# --- resistance ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", IN_TISSUE)
@pytest.mark.parametrize(("ratio", "activation"), [(2.0, 0.0), (0.0, 0.5), (2.0, 1.0)])
def test_exosomes_and_active_fibroblasts_make_resistant(bare, p, settle, one_a_site, act, state, ratio, activation):
    cells = settle(bare, "tumour_cells", 20, state=state)
    y, x = one_a_site(bare.section)
    settle(bare, "fibroblasts", len(y), y=y, x=x, activation=activation)
    expose(bare, ratio * p.exosomes.half_exposure)
    act(Resistance(), bare, p, dt=10.0)
    near = activation / bare.section.site_volume
    by_fibroblasts = p.drug.share_fibroblasts * near / (near + p.angiogenesis.density_fibroblasts)
    gain = p.drug.rate_resistance * (ratio**2 / (1 + ratio**2) + by_fibroblasts)
    np.testing.assert_allclose(cells.resistance, risen(gain, p.drug.half_life_resistance, 10.0), rtol=1e-9)


def test_resistance_fades_with_its_half_life(bare, p, settle, act):
    cells = settle(bare, "tumour_cells", 5, state="dormant", resistance=0.8)
    act(Resistance(), bare, p, dt=p.drug.half_life_resistance)
    np.testing.assert_allclose(cells.resistance, 0.4, rtol=EXACT)


def test_cells_in_blood_gain_none(bare, p, settle, changes):
    expose(bare, 10.0)
    settle(bare, "fibroblasts", 50, activation=1.0)
    bare.enter_tumour_cells(20, 0, np.arange(1, 21, dtype=np.uint64))
    assert changes(Resistance(), bare, p, dt=10.0) == set()


def test_fibroblasts_act_nearby(bare, p, settle, act):
    cells = settle(bare, "tumour_cells", 20, state="cycling", y=350.0, x=100.0)
    settle(bare, "tumour_cells", 20, state="cycling", y=350.0, x=100.0 + p.tumour.neighbourhood + 30.0)
    settle(bare, "fibroblasts", 20, y=350.0, x=100.0, activation=1.0)
    act(Resistance(), bare, p, dt=24.0)
    assert (cells.resistance[:20] > 0).all()
    assert (cells.resistance[20:] == 0).all()


@pytest.mark.parametrize(("process", "column"), [(Emt, "emt"), (Resistance, "resistance")])
def test_two_half_steps_are_one_and_nothing_else_changes(naive, p, settle, act, freeze, changes, process, column):
    rng = np.random.default_rng(1)
    naive.tgfb = rng.random(naive.section.shape)
    naive.fibroblasts.activation[:] = 1.0
    expose(naive, 0.3)
    settle(naive, "tumour_cells", 200, state="cycling", **{column: rng.random(200)})
    start = freeze(naive)
    assert changes(process(), naive, p, dt=12.0) == {f"tumour_cells.{column}"}
    once = naive.tumour_cells.columns[column][:200].copy()
    naive.thaw(start)
    act(process(), naive, p, dt=6.0, steps=2)
    np.testing.assert_allclose(naive.tumour_cells.columns[column][:200], once, rtol=EXACT)


# --- shedding --------------------------------------------------------------------------------------------------------


def shed(state):
    """Vesicles in blood by source."""
    exosomes = state.exosomes
    assert (exosomes.place == Exosome.place.code("blood")).all()
    return np.bincount(exosomes.source, weights=exosomes.vesicles, minlength=len(EXOSOME_SOURCES))


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("blocked", [0.0, 0.5])
def test_growing_cells_shed_what_their_line_sheds(bare, p, settle, act, agrees, steps, blocked):
    lines = np.repeat(np.arange(len(TUMOUR_LINES)), 100 + 20 * np.arange(len(TUMOUR_LINES)))
    settle(bare, "tumour_cells", len(lines), state="cycling", line=lines)
    settle(bare, "tumour_cells", 500, state="dormant", seed=2)
    bare.blocked.exosome_release = blocked
    act(ColonyShedding(), bare, p, dt=6.0 / steps, steps=steps)
    each = p.exosomes.secretion * p.exosomes.fraction_escaping * (1 - blocked) * 6.0
    cells = np.zeros(len(EXOSOME_SOURCES))
    for line, source in EXOSOMES_OF_LINE.items():
        cells[EXOSOME_SOURCES.index(source)] += np.count_nonzero(lines == TUMOUR_LINES.index(line))
    for found, growing in zip(shed(bare), cells, strict=True):
        if growing:
            agrees(found, growing * each, math.sqrt(growing * each))
        else:
            assert found == 0
    assert bare.counters.exosomes_released == shed(bare).sum()
    assert len(np.unique(bare.exosomes.key)) == len(bare.exosomes)


def test_nothing_is_shed_when_release_is_blocked(bare, p, settle, changes):
    settle(bare, "tumour_cells", 500, state="cycling")
    bare.blocked.exosome_release = 1.0
    assert changes(ColonyShedding(), bare, p, dt=6.0) == set()


@pytest.mark.parametrize("state", [state for state in IN_TISSUE if state != "cycling"])
def test_only_growing_cells_shed(bare, p, settle, changes, state):
    settle(bare, "tumour_cells", 500, state=state)
    bare.enter_tumour_cells(50, 0, np.arange(1, 51, dtype=np.uint64))
    assert changes(ColonyShedding(), bare, p, dt=100.0) == set()


def test_shedding_changes_nothing_else(naive, p, settle, changes):
    settle(naive, "tumour_cells", 50, state="cycling")
    assert changes(ColonyShedding(), naive, p, dt=6.0) == {"exosomes", "counters.exosomes_released"}
