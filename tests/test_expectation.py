"""The forward pass against the backward one and against theory, the assays by hand, and cohorts that ask for them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from mice import Mouse, cohort, model_of
from test_receptivity import SMALL, even

import niche_sim
from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import disc_diameter
from niche_sim.experiment.editing import with_added
from niche_sim.experiment.protocol import Boost
from niche_sim.experiment.scenario import load
from niche_sim.inference.receptivity import effects, liver_counts, record_hazards
from niche_sim.model.readouts import BY_NAME
from niche_sim.runs import cohort as cohorts
from niche_sim.runs.expectation.clone_chain import cells_in_colony, cells_of_diameter, clones_of, share_with_room
from niche_sim.runs.expectation.forward import ExpectedClones, expected_clones
from niche_sim.runs.expectation.readouts import EXPECTED, EXPECTED_BY_NAME, KNOWN, Expectation
from niche_sim.runs.store import Store

DAY = 24.0


@pytest.fixture(scope="module")
def recording():
    given = record_hazards(niche_sim.Simulation(arm="educated", seed=3, overrides=SMALL))
    return dataclasses.replace(given, arrivals=((24.0, 20.0), (31.5, 10.0), (96.0, 3.0)))


def test_forward_and_backward_give_one_number(recording):
    forward = expected_clones(recording)
    least = cells_of_diameter(60.0, recording.section, recording.p)
    for event, expected in (
        ("reached_K", forward.founded[-1]),
        ("alive_at_T", forward.from_cells(recording.p.tumour.colony_cells)[-1]),
        ("visible_at_T", forward.from_cells(least)[-1]),
    ):
        backward = niche_sim.receptivity(recording, event=event, detection_um=60.0).expected_colonies
        assert expected > 0.0
        assert backward == pytest.approx(expected, rel=1e-5)  # the one stops at fewer classes of size than the other


def test_clones_under_constant_hazards_grow_as_expected(section, p):
    """All arrested cells come to cycle; from then on numbers of cells grow at the rate of births less deaths."""
    b, d, rest = 0.04, 0.01, {"leave": 0.0, "kill": 0.0, "die": 0.0}
    fast = {"cross": 2.0, "condense": 2.0, "wake": 2.0}
    found = dataclasses.replace(even(section, p, 3.0, b=b, d=d, **rest, **fast), arrivals=((0.0, 1.0),))
    clones = expected_clones(found)
    assert clones.singles[0].tolist() == [pytest.approx(p.tumour.fraction_arrested, rel=1e-3), 0.0, 0.0]
    later = clones.cells[5:]  # of cells that are still alone some e-40 are left
    np.testing.assert_allclose(later[1:] / later[:-1], np.exp((b - d) * 6.0), rtol=1e-6)
    number = clones.clones.sum(axis=1)
    assert number[-1] < number[5]  # of clones some are lost


def test_expected_cells_walk_and_are_not_lost(section, p):
    """Motile cells of uneven speed, which nothing befalls, stay as many: the walk forward is the transpose of that backward."""
    still = dict.fromkeys(("leave", "kill", "condense", "die", "wake"), 0.0)
    found = even(section, p, 2.0, cross=2.0, **still)
    u = np.linspace(60.0, 140.0, section.zone.size)
    found = dataclasses.replace(found, motility=np.tile(u, (len(found.edges) - 1, 1)), starting=1.0, arrivals=((0.0, 1.0),))
    singles = expected_clones(found).singles
    np.testing.assert_allclose(singles.sum(axis=1), singles[0, 0], rtol=1e-6)
    assert singles[-1, 2] == pytest.approx(singles[0, 0])


def test_members_of_a_clone_find_room_within_the_rim(section, p):
    """Against discs of random points: where does a random direction leave the disc?"""
    size = np.array([5, 60, 400, 3000, 20000])
    wide = disc_diameter(size, p.tumour.packing, section.thickness)
    deep = 5.0 * p.tumour.diameter  # whole cells within the rim of 100 um
    chance = Chance(1)
    for diameter, expected in zip(wide, share_with_room(size, p, section), strict=True):
        u = chance.uniform("test", np.arange(20_000), 3)
        radius, angle = diameter / 2.0 * np.sqrt(u[:, 0]), 2.0 * np.pi * u[:, 1]
        out = np.hypot(radius + deep * np.cos(angle), deep * np.sin(angle)) >= diameter / 2.0
        assert expected == pytest.approx(out.mean(), abs=0.012)  # 3.5 standard errors


# ---- readouts ----------------------------------------------------------------------------------------------------------


def test_names_are_new():
    assert len(EXPECTED_BY_NAME) == len(EXPECTED)
    assert not EXPECTED_BY_NAME.keys() & BY_NAME.keys()
    assert KNOWN.keys() == EXPECTED_BY_NAME.keys() | BY_NAME.keys()


def one_colony(recording, cells):
    """An expectation of a single colony of the class next to so many cells, in the section, at the end."""
    found = Expectation(recording)
    sizes = recording.clones.sizes
    clones = np.zeros((2, len(sizes)))
    clones[1, int(np.searchsorted(sizes, cells))] = 1.0
    found.__dict__["clones"] = ExpectedClones(np.array([0.0, 96.0]), np.zeros((2, 3)), clones, sizes, np.array([0.0, 1.0]))
    return found, float(sizes[int(np.searchsorted(sizes, cells))])


def test_what_an_assay_would_see_of_one_colony(recording):
    assay, organ, tumour = recording.p.assay, recording.p.organ, recording.p.tumour
    for cells in (30, 30_000):
        found, size = one_colony(recording, cells)
        wide = float(disc_diameter(size, tumour.packing, recording.section.thickness))
        assert (wide >= assay.nodule_diameter) == (cells == 30_000)
        livers = organ.volume / recording.section.volume
        sphere = tumour.packing * np.pi / 6.0 * wide**3
        each = max(size, sphere)
        values = {one.name: float(one.measure(found)[1]) for one in EXPECTED if not one.name.startswith("receptivity")}
        assert values["expected_metastases_per_liver"] == pytest.approx(livers)
        assert values["take_rate"] == pytest.approx(1.0)
        assert values["bioluminescence"] == pytest.approx(livers * each)
        assert values["visible_metastases_per_liver"] == pytest.approx(livers * (wide >= tumour.macro_diameter))
        cut = (wide + assay.section_thickness) * assay.section_area / recording.section.volume * (wide >= assay.focus_diameter)
        assert values["foci_on_section"] == pytest.approx(cut)
        shown = wide / 2.0 * assay.surface / organ.volume * livers if wide >= assay.nodule_diameter else 0.0
        assert values["surface_nodules"] == pytest.approx(min(shown, livers))
        grams = (organ.volume + livers * each / tumour.packing) * assay.tissue_density / 1e6
        assert values["liver_weight"] == pytest.approx(1000.0 * grams)
        assert values["tumour_cells_per_gram"] == pytest.approx(livers * each / grams)
        per_volume = livers * each / (grams * 1e6 / assay.tissue_density)
        slice_ = assay.field_area * (assay.section_thickness + tumour.diameter)
        assert values["tumour_cells_per_field"] == pytest.approx(per_volume * slice_)


def test_light_below_its_limit_is_dark(recording):
    found, _ = one_colony(recording, 30)
    p = recording.p
    dim = dataclasses.replace(p, assay=dataclasses.replace(p.assay, limit_light=1e12))
    found = dataclasses.replace(found, recording=dataclasses.replace(recording, p=dim))
    found.__dict__["clones"] = one_colony(recording, 30)[0].clones
    assert EXPECTED_BY_NAME["bioluminescence"].measure(found).tolist() == [0.0, 0.0]


def test_a_colony_is_a_disc_and_then_a_sphere(recording):
    section, p = recording.section, recording.p
    sizes = clones_of(section, p).sizes
    cells = cells_in_colony(sizes, p, section)
    assert cells[0] == 1.0 and (np.diff(cells) > 0.0).all() and (cells >= sizes).all()


# ---- many mice -----------------------------------------------------------------------------------------------------------


def test_a_cohort_that_asks_keeps_what_is_expected(tmp_path):
    overrides = {**SMALL, "run.duration": "2 day"}
    experiment = dataclasses.replace(load("liver_education_costasilva2015"), targets=())  # whose targets would ask for it
    plain = cohorts.plan(experiment, ["pbs", "educated"], mice=2, overrides=overrides)
    asking = cohorts.plan(experiment, ["pbs", "educated"], mice=2, overrides=overrides, readouts=["receptivity_mean"])
    assert (plain.expected, asking.expected) == (False, True)
    assert [one.name for one in plain.runs()] == [one.name for one in asking.runs()]
    assert cohorts.run([plain], tmp_path, 1) == []
    assert not EXPECTED_BY_NAME.keys() & set(cohorts.gather(plain, tmp_path).readouts)
    assert cohorts.run([asking], tmp_path, 1) == []  # runs them again, since it was not kept
    found = cohorts.gather(asking, tmp_path)
    assert EXPECTED_BY_NAME.keys() < set(found.readouts)
    assert cohorts.gather(plain, tmp_path).readouts == found.readouts
    value = found.values("educated", "receptivity_mean", 24.0)[1]
    model = niche_sim.Simulation(arm="educated", seed=1, overrides=overrides)
    curve = niche_sim.receptivity(model, end="eventual")
    assert value == pytest.approx(float(np.interp(24.0, curve.time_h, curve.mean)), rel=1e-9)
    rows = {row.readout: row for row in effects(found)}
    assert rows.keys() == EXPECTED_BY_NAME.keys()
    pair = (found.values(arm, "receptivity_mean", found.ends) for arm in ("educated", "pbs"))
    a, b = found.pairs(*pair)
    assert rows["receptivity_mean"].comparison.effect.estimate == pytest.approx(a.mean() / b.mean())


def test_an_arm_that_is_refused_says_why(tmp_path):
    experiment = niche_sim.load_scenario("liver_education_costasilva2015")
    edited = with_added(experiment, "educated", [Boost("t_cells", 3.0, 0.0, 12.0)])
    name = list(edited.arms)[-1]
    plan = cohorts.plan(
        edited, [name], mice=2, overrides={**SMALL, "run.duration": "1 day"}, readouts=["take_rate"]
    )
    assert cohorts.run([plan], tmp_path, 1) == []
    found = cohorts.gather(plan, tmp_path)
    assert "acts by T cells" in found.refused[name]
    assert np.isnan(list(found.values(name, "take_rate", 24.0).values())).all()


def test_a_store_forgets_what_other_code_expected(tmp_path, monkeypatch):
    plan = cohorts.plan(
        "liver_education_costasilva2015", ["pbs"], mice=2, overrides={**SMALL, "run.duration": "12 h"}, readouts=["take_rate"]
    )
    assert cohorts.run([plan], tmp_path, 1) == []
    (one, _) = plan.runs()
    assert Store(tmp_path).has(one.name, one.job)
    monkeypatch.setattr("niche_sim.runs.identity.expectation_digest", lambda: "another")
    assert not Store(tmp_path).has(one.name, one.job) and Store(tmp_path).has(one.name)


# ---- livers --------------------------------------------------------------------------------------------------------------


def test_counts_of_livers_hold_poisson_niche_and_mouse():
    alike = liver_counts([50.0] * 10)
    assert (alike.mean, alike.between, alike.low, alike.high) == (50.0, 0.0, 50.0, 50.0)
    assert (alike.one_low, alike.one_high) == (37.0, 64.0)  # of Poisson(50)
    apart = liver_counts([20.0, 40.0, 60.0, 80.0])
    assert apart.one_low < alike.one_low and apart.one_high > alike.one_high
    assert apart.between == pytest.approx(np.std([20, 40, 60, 80], ddof=1) / 50.0)
    # What a section adds by chance is not a difference between livers.
    blurred = liver_counts([20.0, 40.0, 60.0, 80.0], [0.3] * 4)
    assert 0.0 < blurred.between < apart.between
    assert liver_counts([20.0, 40.0, 60.0, 80.0], [2.0] * 4).between == 0.0


def test_take_rate_of_unlike_livers_is_that_of_the_negative_binomial():
    found = liver_counts([0.5, 1.5])
    shape = 1.0 / found.between**2
    assert found.take_rate == pytest.approx(1.0 - (1.0 + 1.0 / shape) ** -shape)
    assert liver_counts([0.0, 0.0]).take_rate == 0.0
    for wrong in ([1.0], [1.0, -1.0], [1.0, np.nan]):
        with pytest.raises(ValueError, match="two mice"):
            liver_counts(wrong)


def test_burden_of_two_arms_needs_few_mice():
    """The ratio of expected colonies of two arms, educated and naive, from 8 mice: its standard error is a tenth of what
    colonies of the same mice would give."""
    seeds = range(1, 9)
    tables = {}
    for arm in ("pbs", "educated"):
        tables[arm] = [Expectation(record_hazards(model_of(Mouse(arm, seed)))).clones.founded[-1] for seed in seeds]
    log_ratio = np.log(np.array(tables["educated"]) / np.array(tables["pbs"]))
    counted = [one.table["colonies"][-1] for one in cohort(*[Mouse("educated", seed) for seed in seeds])]
    assert np.mean(log_ratio) > 2.0 * np.std(log_ratio, ddof=1) / np.sqrt(len(seeds))
    assert np.std(tables["educated"]) / np.mean(tables["educated"]) < np.std(counted) / np.mean(counted)
