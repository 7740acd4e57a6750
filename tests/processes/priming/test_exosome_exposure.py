"""What blood brings of each cargo adds up, and acts on marrow, endothelium and glucose uptake."""

from __future__ import annotations

import math

import numpy as np
import pytest

from niche_sim.model.catalogue import CARGO, EXOSOME_SOURCES
from niche_sim.model.parameters import in_unit
from niche_sim.model.processes.priming.endothelial_permeability import EndothelialPermeability
from niche_sim.model.processes.priming.exosome_exposure import ExosomeExposure
from niche_sim.model.processes.priming.glucose_sparing import GlucoseSparing
from niche_sim.model.processes.priming.marrow_education import MarrowEducation

EXACT = 1e-12  # roundings of exponentials
# A cargo of which a block takes away what blood brings -> a source that carries it.
CARRIERS = {
    "mir21": "colorectal",
    "mir25": "colorectal",
    "mir122": "metastatic_breast",
    "palmitate": "pdac",
    "met": "metastatic_melanoma",
    "pedf": "poorly_metastatic_melanoma",
    "tgfb": "metastatic_breast",
    "pdl1": "metastatic_melanoma",
    "pgp": "pdac",
    "itgbl1": "colorectal",
}


def fill(state, **vesicles):
    """Vesicles of some sources in this section's share of the blood."""
    state.blood.plasma = [float(vesicles.get(source, 0.0)) for source in EXOSOME_SOURCES]


def expose(state, **doses):
    """Exposure to some cargo, in usual doses."""
    state.blood.exposure = [float(doses.get(cargo, 0.0)) for cargo in CARGO]


def loss(half_life):
    return math.log(2) / half_life


def answer(doses, p):
    return doses**2 / (doses**2 + p.exosomes.half_exposure**2)


@pytest.mark.parametrize("process", [ExosomeExposure(), MarrowEducation(), EndothelialPermeability(), GlucoseSparing()])
def test_clean_blood_changes_nothing(naive, p, changes, process):
    assert changes(process, naive, p, dt=50.0) == set()


# --- exposure --------------------------------------------------------------------------------------------------------


def per_dose(state, p):
    """Vesicles in the section's share that bring one usual dose an hour."""
    blood_ml, organ_mm3 = in_unit(p, "liver.blood_volume"), in_unit(p, "liver.volume")
    section_mm3 = state.section.volume * 1e-9
    return in_unit(p, "exosomes.reference_exposure") * blood_ml * section_mm3 / organ_mm3


@pytest.mark.parametrize("hours", [1.0, 24.0, 500.0])
def test_a_steady_level_adds_up_to_the_closed_form(bare, p, act, hours):
    fill(bare, pdac=0.3 * per_dose(bare, p), colorectal=0.2 * per_dose(bare, p))
    act(ExosomeExposure(), bare, p, dt=hours)
    rate = loss(p.exosomes.half_life_exposure)
    for cargo in CARGO:
        brought = 0.3 * getattr(p.pdac, cargo) + 0.2 * getattr(p.colorectal, cargo)
        assert bare.blood.exposed(cargo) == pytest.approx(brought / rate * -math.expm1(-rate * hours), rel=1e-9)


def test_the_usual_dose_is_one(bare, p, act):
    """The unit: 5 ug of the reference, falling with the half-life of blood, in steps of a minute."""
    vesicles = 5.0 * p.exosomes.vesicles_per_ug * bare.section.volume / p.organ.volume
    decay, dt = loss(p.exosomes.half_life_blood), 1 / 60
    for n in range(60):
        fill(bare, pdac=vesicles * math.exp(-decay * n * dt) * -math.expm1(-decay * dt) / (decay * dt))
        act(ExosomeExposure(), bare, p, dt=dt)
    # The register gives it to two digits, and an hour of fading takes 3 %.
    assert bare.blood.exposed("marker") == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("still_coming", [False, True])
def test_exposure_fades_with_its_half_life(bare, p, act, still_coming):
    expose(bare, met=0.8, mir25=0.4)
    fill(bare, liposome=1e6 * still_coming)  # brings nothing of either
    act(ExosomeExposure(), bare, p, dt=p.exosomes.half_life_exposure)
    assert bare.blood.exposed("met") == pytest.approx(0.4, rel=EXACT)
    assert bare.blood.exposed("mir25") == pytest.approx(0.2, rel=EXACT)


@pytest.mark.parametrize("blocked", [0.5, 1.0])
@pytest.mark.parametrize("cargo", CARRIERS)
def test_a_blocked_cargo_is_not_brought_and_all_others_are(bare, p, act, cargo, blocked):
    fill(bare, **{CARRIERS[cargo]: per_dose(bare, p)})
    free = np.array(act(ExosomeExposure(), bare, p).blood.exposure)
    assert free[CARGO.index(cargo)] > 0
    expose(bare)
    name = {"tgfb": "exosomal_tgfb", "pdl1": "exosomal_pdl1"}.get(cargo, cargo)
    setattr(bare.blocked, name, blocked)
    expected = free.copy()
    expected[CARGO.index(cargo)] *= 1 - blocked
    np.testing.assert_allclose(act(ExosomeExposure(), bare, p).blood.exposure, expected, rtol=EXACT)


@pytest.mark.parametrize("coming", [0.0, 1.0])
def test_two_half_steps_of_exposure_are_one(bare, p, act, coming):
    fill(bare, pdac=coming * per_dose(bare, p))
    expose(bare, met=0.7, marker=0.1)
    once = act(ExosomeExposure(), bare, p, dt=6.0).blood.exposure
    expose(bare, met=0.7, marker=0.1)
    twice = act(ExosomeExposure(), bare, p, dt=3.0, steps=2).blood.exposure
    np.testing.assert_allclose(twice, once, rtol=EXACT)


# --- marrow, endothelium, glucose ------------------------------------------------------------------------------------


def opening(state, p):
    """What opens the wall in an even field, 0 to 1 of the full rate."""
    numbers = p.endothelium
    free = (1 - state.blocked.vegf) * state.vegf.flat[0]
    by_vegf = free**2 / (free**2 + p.stroma.half_vegf**2)
    return min(1.0, answer(state.blood.exposed("mir25"), p) + numbers.share_vegf * by_vegf)


@pytest.mark.parametrize("doses", [0.1, 0.5, 20.0])
@pytest.mark.parametrize("hours", [6.0, 400.0])
def test_met_educates_the_marrow(bare, p, act, doses, hours):
    expose(bare, met=doses)
    act(MarrowEducation(), bare, p, dt=hours)
    gain, fading = p.marrow.rate_education * answer(doses, p), loss(p.marrow.half_life)
    expected = gain / (gain + fading) * -math.expm1(-(gain + fading) * hours)
    assert bare.marrow.educated == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("doses", [0.0, 0.5, 20.0])
@pytest.mark.parametrize("vegf", [0.0, 1.0, 1e3])
def test_mir25_and_vegf_open_the_wall_evenly(bare, p, act, doses, vegf):
    expose(bare, mir25=doses)
    bare.vegf = np.full(bare.section.shape, vegf * p.stroma.half_vegf)
    act(EndothelialPermeability(), bare, p, dt=12.0)
    gain, fading = p.endothelium.rate_permeability * opening(bare, p), loss(p.endothelium.half_life)
    expected = gain / (gain + fading) * -math.expm1(-(gain + fading) * 12)
    np.testing.assert_allclose(bare.leakiness, expected, rtol=1e-9)


@pytest.mark.parametrize(("doses", "start"), [(0.0, 0.8), (0.5, 0.0), (20.0, 0.3)])
def test_glucose_is_spared_as_mir122_says(bare, p, act, doses, start):
    expose(bare, mir122=doses)
    bare.blood.spared = start
    act(GlucoseSparing(), bare, p, dt=p.angiogenesis.half_life_spared)
    assert bare.blood.spared == pytest.approx((start + answer(doses, p)) / 2, rel=1e-9)


def test_without_exosomes_marrow_forgets_and_the_wall_tightens(bare, p, act):
    bare.marrow.educated, bare.leakiness = 0.6, np.full(bare.section.shape, 0.6)
    act(MarrowEducation(), bare, p, dt=p.marrow.half_life)
    act(EndothelialPermeability(), bare, p, dt=p.endothelium.half_life)
    assert bare.marrow.educated == pytest.approx(0.3, rel=EXACT)
    np.testing.assert_allclose(bare.leakiness, 0.3, rtol=EXACT)


def test_vegf_here_opens_here(bare, p, act):
    bare.vegf[5, 7] = 1.0
    act(EndothelialPermeability(), bare, p)
    assert bare.leakiness[5, 7] > 0
    assert np.count_nonzero(bare.leakiness) == 1


@pytest.mark.parametrize("blocked", [0.5, 1.0])
def test_a_vegf_blockade_leaves_what_mir25_does(bare, p, act, blocked):
    expose(bare, mir25=0.2)
    bare.vegf = np.full(bare.section.shape, p.stroma.half_vegf)
    bare.blocked.vegf = blocked
    act(EndothelialPermeability(), bare, p, dt=1e-3)
    gained = p.endothelium.rate_permeability * opening(bare, p) * 1e-3
    np.testing.assert_allclose(bare.leakiness, gained, rtol=1e-4)  # linear in so short a step


def test_an_antibody_binds_vegf_by_its_amount(bare, p, act):
    bare.vegf = np.full(bare.section.shape, p.stroma.half_vegf)
    bare.drugs.anti_vegf = p.drug.half_antibody
    by_drug = act(EndothelialPermeability(), bare, p).leakiness
    bare.leakiness, bare.drugs.anti_vegf, bare.blocked.vegf = np.zeros(bare.section.shape), 0.0, 0.5
    np.testing.assert_allclose(by_drug, act(EndothelialPermeability(), bare, p).leakiness, rtol=EXACT)


@pytest.mark.parametrize("process", [MarrowEducation(), EndothelialPermeability(), GlucoseSparing()])
def test_two_half_steps_are_one(bare, p, act, freeze, process):
    rng = np.random.default_rng(1)
    expose(bare, met=0.4, mir25=0.3, mir122=0.6)
    bare.vegf, bare.leakiness = 0.1 * rng.random(bare.section.shape), rng.random(bare.section.shape)
    bare.marrow.educated, bare.blood.spared = 0.2, 0.9
    start = freeze(bare)

    def after(**how):
        bare.thaw(start)
        act(process, bare, p, **how)
        return np.append(bare.leakiness, [bare.marrow.educated, bare.blood.spared])

    np.testing.assert_allclose(after(dt=3.0, steps=2), after(dt=6.0), rtol=EXACT)


@pytest.mark.parametrize("process", [ExosomeExposure(), MarrowEducation(), EndothelialPermeability(), GlucoseSparing()])
def test_each_changes_what_it_writes_and_nothing_else(naive, p, changes, process):
    fill(naive, pdac=1e6, colorectal=1e6)
    expose(naive, **dict.fromkeys(CARGO, 0.4))
    assert changes(process, naive, p) == set(process.writes)
