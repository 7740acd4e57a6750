"""Drugs fade and kill; a blood sample shows what is in plasma, over a background and with noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from niche_sim.engine.laws import rate_of
from niche_sim.model.catalogue import EXOSOME_SOURCES
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import resolve
from niche_sim.model.processes.therapy.blood_sample import BloodSample
from niche_sim.model.processes.therapy.drug_fading import DrugFading
from niche_sim.model.processes.therapy.drug_killing import DrugKilling

EXACT = 1e-12  # roundings of exponentials near 1
N = 20_000
SMALLEST_P = 1e-4  # as in conftest.py


# --- fading ----------------------------------------------------------------------------------------------------------


def test_without_a_drug_nothing_fades(naive, p, changes):
    naive.steatosis = np.full(naive.section.shape, 0.5)
    assert changes(DrugFading(), naive, p, dt=100.0) == set()


@pytest.mark.parametrize("steps", [1, 2, 10])
@pytest.mark.parametrize("fat", [0.0, 0.5, 1.0])
def test_gemcitabine_halves_more_slowly_in_a_fatty_liver_and_is_the_more_toxic(bare, p, act, steps, fat):
    half_life = p.drug.half_life_gemcitabine * (1 + p.drug.gain_steatosis * fat)
    bare.steatosis[:, :15] = min(1.0, 2 * fat)  # uneven: the mean over the section counts
    bare.steatosis[:, 15:] = max(0.0, 2 * fat - 1)
    bare.drugs.gemcitabine, bare.drugs.toxicity = 3.0, 7.0
    act(DrugFading(), bare, p, dt=half_life / steps, steps=steps)
    assert bare.drugs.gemcitabine == pytest.approx(1.5, rel=EXACT)
    assert bare.drugs.toxicity == pytest.approx(7.0 + 1.5 / rate_of(half_life), rel=EXACT)


def test_a_dose_is_toxic_by_all_the_time_it_spends_in_the_body(bare, p, act):
    bare.drugs.gemcitabine = 1.0
    act(DrugFading(), bare, p, dt=1e5)
    assert bare.drugs.toxicity == pytest.approx(p.drug.half_life_gemcitabine / math.log(2), rel=EXACT)


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("drug", ["anti_pd1", "anti_vegf"])
def test_antibodies_halve_whatever_the_liver_and_are_not_toxic(bare, p, changes, act, steps, drug):
    bare.steatosis = np.full(bare.section.shape, 0.7)
    setattr(bare.drugs, drug, 2.0)
    act(DrugFading(), bare, p, dt=p.drug.half_life_antibody / steps, steps=steps)
    assert getattr(bare.drugs, drug) == pytest.approx(1.0, rel=EXACT)
    assert changes(DrugFading(), bare, p) == {f"drugs.{drug}"}


def test_fading_changes_nothing_but_drugs(naive, p, changes):
    naive.drugs.gemcitabine = naive.drugs.anti_pd1 = naive.drugs.anti_vegf = 1.0
    names = {f"drugs.{name}" for name in ("gemcitabine", "anti_pd1", "anti_vegf", "toxicity")}
    assert changes(DrugFading(), naive, p) == names


# --- killing ---------------------------------------------------------------------------------------------------------


def test_without_the_drug_or_without_dividing_cells_nobody_is_killed(bare, p, settle, changes):
    settle(bare, "tumour_cells", 200, state="cycling")
    bare.drugs.anti_pd1 = bare.drugs.anti_vegf = 10.0
    assert changes(DrugKilling(), bare, p, dt=1e4) == set()
    bare.tumour_cells.remove(slice(None))
    bare.drugs.gemcitabine = 10.0
    assert changes(DrugKilling(), bare, p, dt=1e4) == set()
    for code, state in enumerate(TumourCell.state.names):
        if state not in ("circulating", "cycling"):
            settle(bare, "tumour_cells", 200, state=state, seed=code)
    bare.enter_tumour_cells(20, 0, np.arange(1, 21, dtype=np.uint64))
    assert changes(DrugKilling(), bare, p, dt=1e4) == set()


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(
    ("ratio", "resistance", "emt"), [(0.5, 0.0, 0.0), (2.0, 0.6, 0.0), (2.0, 0.0, 1.0), (9.0, 0.5, 0.5)]
)
def test_dividing_cells_die_by_dose_less_if_resistant_or_mesenchymal(
    bare, p, settle, act, happens, steps, ratio, resistance, emt
):
    cells = settle(bare, "tumour_cells", N, state="cycling", resistance=resistance, emt=emt, line=np.arange(N) % 7)
    bare.drugs.gemcitabine = ratio * p.drug.half_gemcitabine
    act(DrugKilling(), bare, p, dt=12.0 / steps, steps=steps)
    rate = p.drug.rate_kill * ratio**2 / (1 + ratio**2) * (1 - resistance) * (1 - p.drug.share_emt * emt)
    happens(len(cells), N, math.exp(-rate * 12.0))
    assert bare.counters.tumour_killed_by_drug == N - len(cells)


def test_each_cell_by_its_own_resistance(bare, p, settle, act):
    settle(bare, "tumour_cells", 30, state="dormant", seed=2)
    settle(bare, "tumour_cells", 100, state="cycling", resistance=np.arange(100) % 2)
    bare.drugs.gemcitabine, bare.time = 100.0, 9.0
    clones = set(bare.tumour_cells.clone[30:][bare.tumour_cells.resistance[30:] == 0])
    act(DrugKilling(), bare, p, dt=1e4)
    assert len(bare.tumour_cells) == 80
    assert np.count_nonzero(bare.tumour_cells.resistance == 1) == 50
    events = bare.events.table()
    assert set(events["clone"]) == clones
    assert set(events["cause"]) == {"killed by drug"} and set(events["time_h"]) == {9.0}


def test_killing_changes_nothing_else(naive, p, settle, changes):
    settle(naive, "tumour_cells", 500, state="cycling")
    naive.drugs.gemcitabine = 1.0
    assert changes(DrugKilling(), naive, p, dt=12.0) == {"tumour_cells", "counters.tumour_killed_by_drug", "events"}


# --- blood samples ---------------------------------------------------------------------------------------------------


def test_a_sample_without_noise_counts_vesicles_by_cargo(bare, act):
    p = resolve({"biomarker.spread": "0"})
    rng = np.random.default_rng(1)
    bare.blood.plasma = (1e4 * rng.random(len(EXOSOME_SOURCES))).tolist()
    act(BloodSample(), bare, p, dt=24.0)
    scale = (
        p.organ.volume / bare.section.volume / p.organ.blood_volume
    )  # vesicles/um3 of blood for one in the section's share
    for name, background in (("mif", p.biomarker.background_mif), ("marker", p.biomarker.background_marker)):
        bearing = sum(
            n * getattr(p.source(source), name) for n, source in zip(bare.blood.plasma, EXOSOME_SOURCES, strict=True)
        )
        assert getattr(bare.blood, name) == pytest.approx(background + scale * bearing, rel=EXACT)


def test_noise_is_log_normal_about_the_median_and_each_marker_has_its_own(bare, p, act, agrees):
    logs = []
    for seed in range(1500):
        bare.step_index = 0
        act(BloodSample(), bare, p, dt=24.0, seed=seed)
        logs.append((math.log(bare.blood.mif), math.log(bare.blood.marker)))
    for values, background in zip(
        np.array(logs).T, (p.biomarker.background_mif, p.biomarker.background_marker), strict=True
    ):
        normal = (values - math.log(background)) / p.biomarker.spread
        assert stats.kstest(normal, "norm").pvalue > SMALLEST_P
    agrees(np.corrcoef(np.array(logs).T)[0, 1], 0.0, 1 / math.sqrt(1500))


def test_the_noise_multiplies_and_is_that_of_the_day_and_the_mouse(bare, p, act):
    def sample(plasma, day, seed=7):
        bare.blood.plasma = [plasma] + [0.0] * (len(EXOSOME_SOURCES) - 1)
        bare.step_index = 24 * day
        act(BloodSample(), bare, p, dt=24.0, seed=seed)
        return bare.blood.marker

    scale = p.organ.volume / bare.section.volume / p.organ.blood_volume * p.pdac.marker
    background = p.biomarker.background_marker
    assert sample(1e5, 3) / sample(0.0, 3) == pytest.approx((background + scale * 1e5) / background, rel=EXACT)
    assert len({sample(0.0, 3), sample(0.0, 4), sample(0.0, 3, seed=8)}) == 3


def test_a_sample_a_day_changes_nothing_else(naive, p, changes):
    assert sum(BloodSample().due(n, 1.0) for n in range(72)) == 72.0
    assert sum(BloodSample().due(n, 1.0) > 0 for n in range(72)) == 3
    naive.blood.plasma[0] = 100.0
    assert changes(BloodSample(), naive, p, dt=24.0) == {"blood.mif", "blood.marker"}
