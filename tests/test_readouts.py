"""Readouts on states whose answer is known by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.model.parameters import resolve
from niche_sim.model.readouts import BY_NAME, READOUTS, measure
from niche_sim.model.state import FIELDS

P = resolve({"tumour.colony_cells": "5 cell", "tumour.packing": "2e5 cell/mm^3", "tumour.macro_diameter": "50 um",
             "stellate.fraction_counted": "0.5", "nk.fraction_counted": "0.5", "liver.volume": "1100 mm^3",
             "liver.blood_volume": "1.7 mL"})  # fmt: skip


def found(state, *names):
    return [BY_NAME[name].measure(state, P) for name in names]


def test_names_and_units_are_given_once():
    assert len(BY_NAME) == len(READOUTS)
    cumulative = {readout.name for readout in READOUTS if readout.cumulative}
    counters = {"exosomes_taken_up", "tumour_arrived", "tumour_extravasated", "tumour_started", "tumour_killed", "toxicity"}
    assert cumulative == counters | {"tracer_colonies"}


def test_a_naive_organ(naive):
    values = measure(naive, P)
    at_rest = {"kupffer_educated", "tgfb_mean", "il6", "saa", "stellate_active", "bmdc", "colonies", "largest_colony_um"}
    assert {values[name] for name in at_rest} == {0.0}
    ones = {"fibronectin_mean", "vessel_density", "oxygen_mean", "nutrient_mean"}
    assert {values[name] for name in ones} == {1.0}
    assert values["nk_active"] == values["nk_cells"] == len(naive.nk_cells)
    assert all(type(value) is float and math.isfinite(value) for value in values.values())


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_has_its_mean(bare, field):
    name = {"vessels": "vessel_density", "hgf": None}.get(field, f"{field}_mean")
    if name is not None:
        getattr(bare, field)[:] = 0.0
        getattr(bare, field)[::5] = 10.0  # 7 of 35 rows
        assert found(bare, name) == [pytest.approx(2.0)]


def test_kinds_of_marrow_cells_and_of_other_cells(bare, settle):
    settle(bare, "bmdc", 10, kind=[0, 0, 0, 0, 1, 1, 1, 2, 2, 3], arrested=[True] * 3 + [False] * 7)
    names = ("bmdc", "bmdc_arrested", "macrophages", "mdsc", "neutrophils", "patrolling_monocytes")
    assert found(bare, *names) == [10.0, 3.0, 4.0, 3.0, 2.0, 1.0]
    settle(bare, "fibroblasts", 4, activation=[0.1, 0.5, 0.6, 0.49])
    settle(bare, "nk_cells", 3, activity=[0.5, 0.4, 1.0])
    settle(bare, "epithelial_cells", 2)
    assert found(bare, "fibroblasts_active", "nk_active", "nk_cells", "epithelial_cells") == [2.0, 2.0, 3.0, 2.0]


@pytest.mark.parametrize("population", ["kupffer_cells", "resident_recipient_cells"])
def test_recipient_cells_are_those_of_the_organ(bare, settle, population):
    responder = [True, True, True, False]
    settle(bare, population, 4, load=[0, 6, 3, 9], state=[0, 1, 1, 0], responder=responder)
    names = ("recipient_cells_loaded", "kupffer_educated", "kupffer_load_mean", "kupffer_load_variance")
    assert found(bare, *names) == [3.0, 2.0, 3.0, 6.0]
    in_liver = population == "kupffer_cells"
    assert found(bare, "kupffer_loaded", "kupffer_tumour_associated") == [3.0 * in_liver, 0.0]


def test_tumour_cells_by_state_and_what_became_of_them(bare, settle):
    clone = np.repeat(np.array([1, 2, 3], np.uint64), [4, 5, 11])
    state = np.repeat(np.array([3, 5], np.int8), [4, 16])
    settle(bare, "tumour_cells", 20, clone=clone, state=state, emt=np.repeat([0.0, 0.5], 10), resistance=0.25)
    bare.enter_tumour_cells(7, 0, np.arange(100, 107, dtype=np.uint64))
    names = ("tumour_present", "tumour_dormant", "tumour_cycling", "emt_mean", "resistant_fraction")
    assert found(bare, *names) == [20.0, 4.0, 16.0, 0.25, 0.25]
    # Clones of 5 and 11 count; packed at 2e5 per mm3 in 20 um, 11 cells are a disc of 2750 um2.
    wide = 2 * math.sqrt(11 / (2e-4 * 20) / math.pi)
    assert found(bare, "colonies", "largest_colony_um") == [2.0, pytest.approx(wide)]
    assert found(bare, "macrometastases") == [1.0]  # 59 um; the other one is 40 um wide
    assert found(bare, "tumour_area_fraction") == [pytest.approx(20 / (2e-4 * 20) / (600 * 700))]
    assert found(bare, "metastases_per_liver") == [pytest.approx(2 * 1100 / (0.6 * 0.7 * 0.02))]
    for book, n in (("kupffer", 1), ("nk", 2), ("t", 4), ("patrolling", 8), ("drug", 16)):
        setattr(bare.counters, f"tumour_killed_by_{book}", n)
    bare.counters.tumour_died_hypoxic = bare.counters.tumour_detached = 100
    assert found(bare, "tumour_killed") == [31.0]


def test_blood_and_drugs(bare):
    blood = bare.blood
    blood.s100a8, blood.il6, blood.saa, blood.tnf = 0.1, 0.2, 0.3, 0.4
    blood.ccl2, blood.mif, blood.marker, blood.exosomes = 0.7, 3e-12, 5e-12, 8.4
    names = ("s100a8", "il6", "saa", "tnf", "ccl2", "plasma_mif", "plasma_marker")
    assert found(bare, *names) == [0.1, 0.2, 0.3, 0.4, 0.7, pytest.approx(3.0), pytest.approx(5.0)]
    # 8.4 in the share of 0.0084 of 1100 mm3 are 1.1e6 in the 1.7 mL of a mouse.
    assert found(bare, "exosomes_plasma") == [pytest.approx(1.1e6 / 1.7)]
    bare.drugs.gemcitabine, bare.drugs.toxicity = 0.5, 9.0
    bare.marrow.educated, bare.lymph_node.effectors = 0.6, 1.5
    assert found(bare, "drug", "toxicity", "marrow_educated", "lymph_effectors") == [0.5, 9.0, 0.6, 1.5]


def test_the_area_that_stains_for_fibronectin(bare):
    bare.fibronectin[:] = P.assay.stained_fibronectin - 0.01
    bare.fibronectin[::5] = P.assay.stained_fibronectin  # 7 of 35 rows
    assert found(bare, "fibronectin_area_fraction") == [pytest.approx(0.2)]
