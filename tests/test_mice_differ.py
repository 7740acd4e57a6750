"""Each seed is a mouse of its own: some rates differ between mice, and are the same in all arms of one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats

from niche_sim.engine.chance import Chance
from niche_sim.experiment.simulation import Simulation
from niche_sim.model.initial_state import between_subject_variability
from niche_sim.model.parameters import resolve, rows

MICE = 1500
SMALLEST_P = 1e-4  # as in conftest.py
SMALL = {"section.width": "600 um", "section.height": "700 um"}
# What spreads -> the numbers that it multiplies, all by the same.
SPREADS = {
    "answer": ("kupffer.secretion_tgfb",),
    "matrix": ("fibronectin.rate_deposit",),
    "recruitment": ("bmdc.rate_called",),
    "immunity": ("nk.chance_kill",),
    "uptake": ("exosomes.vesicles_per_ug", "exosomes.fraction_escaping"),
    "vessels": ("angiogenesis.vessels_at_rest",),
}
EVEN = {f"mouse.{name}": "0" for name in SPREADS}


def value(p, name):
    group, entry = name.split(".")
    return getattr(getattr(p, group), entry)


@pytest.fixture(scope="module")
def factors(p):
    """By what each number of the register is multiplied, in 1500 mice: those that differ in any."""
    mice = [between_subject_variability(p, Chance(seed)) for seed in range(MICE)]
    table = {name: np.array([value(mouse, name) for mouse in mice]) for name in rows()}
    return {name: of / value(p, name) for name, of in table.items() if (of != value(p, name)).any()}


def test_the_names_are_those_of_the_register(p):
    assert {field.name for field in dataclasses.fields(p.mouse)} == set(SPREADS)


def test_what_differs_and_nothing_else(factors):
    assert set(factors) == {name for names in SPREADS.values() for name in names}


@pytest.mark.parametrize("spread", SPREADS)
def test_spreads_are_log_normal_about_the_register_as_registered(p, factors, spread):
    for name in SPREADS[spread]:
        logs = np.log(factors[name]) / getattr(p.mouse, spread)
        assert len(np.unique(logs)) == MICE
        assert stats.kstest(logs, "norm").pvalue > SMALLEST_P


def test_rates_differ_independently_but_those_of_one_spread_go_together(factors, agrees):
    np.testing.assert_allclose(*(factors[name] for name in SPREADS["uptake"]), rtol=1e-12)
    logs = [np.log(factors[names[0]]) for names in SPREADS.values()]
    for i, one in enumerate(logs):
        for other in logs[:i]:
            agrees(np.corrcoef(one, other)[0, 1], 0.0, 1 / np.sqrt(MICE))


@pytest.mark.parametrize("changed", SPREADS)
def test_each_spread_acts_on_its_own_numbers(p, changed):
    only = resolve(EVEN | {f"mouse.{changed}": "0.5"})
    mouse = between_subject_variability(only, Chance(3))
    differ = {name for name in rows() if value(mouse, name) != value(only, name)}
    assert differ == set(SPREADS[changed])


def test_chances_stay_chances():
    p = resolve(
        EVEN
        | {"mouse.immunity": "3", "mouse.uptake": "3", "nk.chance_kill": "0.9", "exosomes.fraction_escaping": "0.9"}
    )
    mice = [between_subject_variability(p, Chance(seed)) for seed in range(50)]
    assert max(mouse.nk.chance_kill for mouse in mice) == max(mouse.exosomes.fraction_escaping for mouse in mice) == 1.0


def test_without_spread_mice_are_the_register():
    even = resolve(EVEN)
    assert {between_subject_variability(even, Chance(seed)) == even for seed in range(50)} == {True}


def mouse_of(arm="educated", seed=5, **overrides):
    return Simulation(arm=arm, overrides=SMALL | overrides, rng=seed)


def test_a_seed_is_the_same_mouse_in_every_arm_and_however_it_is_run(p):
    mice = [mouse_of(arm).mouse for arm in ("pbs", "educated", "anti_mif")]
    mice.append(Simulation("liver_growing_primary", "primary", overrides=SMALL, rng=5, without=["Division"]).mouse)
    mice.append(mouse_of(**{"section.width": "800 um", "run.step": "0.5 h"}).mouse)
    assert all(mouse == mice[0] for mouse in mice)
    assert mice[0] == between_subject_variability(p, Chance(5))
    assert mouse_of(seed=6).mouse != mice[0]


def test_the_mouse_is_drawn_once(p):
    chance = Chance(5)
    first = between_subject_variability(p, chance)
    assert between_subject_variability(p, chance) == first
    model = mouse_of()
    before = model.mouse
    for _ in range(3):
        model.step()
    assert model.mouse == before == first


def test_the_register_of_a_run_stays_that_of_all_mice(p):
    model = mouse_of()
    assert model.parameters == p
    assert model.mouse != p


def test_drawing_a_mouse_moves_no_other_draw(p):
    drawn, fresh = Chance(5), Chance(5)
    between_subject_variability(p, drawn)
    keys = np.arange(1, 50)
    np.testing.assert_array_equal(drawn.uniform("mouse", keys), fresh.uniform("mouse", keys))
    np.testing.assert_array_equal(drawn.poisson("patrol", 3.0, keys), fresh.poisson("patrol", 3.0, keys))


def test_mice_of_one_seed_differ_in_nothing_but_their_rates():
    """An untouched mouse has no use for any of the rates that differ, so with and without spread it lives the same."""
    spread, even = (mouse_of("pbs", **overrides) for overrides in ({}, EVEN))
    assert spread.mouse != even.mouse
    for _ in range(6):
        one, other = (model.state.freeze() for model in (spread, even))
        for name in one:
            if name.startswith("rows_") and "bmdc" not in name:  # bone-marrow-derived cells come at a rate that differs
                np.testing.assert_array_equal(one[name], other[name], err_msg=name)
        spread.step(), even.step()


def test_mice_answer_by_their_own_rates():
    """Two doses of one seed: the mouse of twice the spread gets its own, not the register's, number of vesicles."""
    released = {}
    for name, overrides in {"even": EVEN, "spread": EVEN | {"mouse.uptake": "0.4"}}.items():
        model = mouse_of(**overrides)
        model.step()
        released[name] = model.state.counters.exosomes_released
        dose = model.mouse.exosomes.vesicles_per_ug / model.parameters.exosomes.vesicles_per_ug
    assert released["spread"] / released["even"] == pytest.approx(dose, rel=0.02)  # some 3e6 vesicles each
    assert dose != pytest.approx(1.0, abs=0.05)
