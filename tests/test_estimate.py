"""What a run asks of the computer, told beforehand: right within a factor of three, and refused where it is too much."""

import dataclasses
import math
import tracemalloc

import pytest

from niche_sim import estimate as estimates
from niche_sim.errors import InputError
from niche_sim.estimate import FITS, Estimate, Limits, check, estimate, total
from niche_sim.model import NicheModel, setup
from niche_sim.protocol import GrowPrimary, InjectExosomes, Protocol
from niche_sim.scenario import catalogue, load

EDUCATION = "liver_education_costasilva2015"
SMALL = {"section.width": "1 mm", "section.height": "1 mm"}
# Few and many sites, lymphocytes, parcels, tumour cells, steps; doses, a primary; liver and lung.
EXPERIMENTS = {
    "fine sites": (EDUCATION, "educated", {"section.spacing": "5 um", "run.duration": "8 h"}),
    "many lymphocytes": (EDUCATION, "pbs", {**SMALL, "nk.density": "1e6 cell/mm^3", "run.duration": "12 h"}),
    "single vesicles": (EDUCATION, "educated", {"exosomes.parcel_size": "1 vesicle", "run.duration": "12 h"}),
    "a primary": ("liver_growing_primary", "primary", {**SMALL, "run.duration": "25 day", "run.step": "2 h"}),
    "tumour cells": ("liver_funnel_luzzi1998", None, {"run.duration": "2 day"}),
    "short steps in the lung": ("lung_marrow_peinado2012", None, {**SMALL, "run.step": "0.1 h", "run.duration": "6 day"}),
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_estimate_is_right_within_a_factor_of_three(name):
    scenario, arm, overrides = EXPERIMENTS[name]
    made = setup(scenario, overrides)
    told = estimate(made, arm, snapshots=False)
    NicheModel(made, arm).step()  # what is compiled and kept for all models is not of this one
    tracemalloc.start()
    try:
        model = NicheModel(made, arm)
        founders = sum(map(len, model.state.populations.values()))
        most = founders
        while model.steps_left:
            model.step()
            most = max(most, sum(map(len, model.state.populations.values())))
        peak = tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    assert (told.sites, told.steps) == (math.prod(model.state.section.shape), model.state.step_index)
    assert told.founders == founders
    assert most / 3.0 < told.cells < most * 3.0
    assert peak / 3.0 < told.memory - estimates.LIBRARIES < peak * 3.0


TOO_MUCH = {
    "run.step": ({"run.step": "0.001 s"}, "250,000 steps"),
    "run.duration": ({"run.duration": "36500 day"}, "250,000 steps"),
    "nk.density": ({"nk.density": "1e11 cell/mm^3"}, "10,000,000 cells, 8 GB of memory"),
    "nk.speed": ({"nk.speed": "1e9 um/min"}, "8 GB of memory"),
    "stellate.reach": ({"stellate.reach": "1000 m"}, "8 GB of memory"),
    "section.width": ({"section.width": "1 m"}, "4,000,000 sites"),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_what_is_too_much_is_refused_with_the_estimate(name):
    overrides, most = TOO_MUCH[name]
    wanted = estimate(setup(EDUCATION, overrides), "educated")
    with pytest.raises(InputError) as refused:
        check(wanted)
    assert str(wanted) in str(refused.value) and f"at most {most}" in str(refused.value)
    assert len(str(refused.value)) <= 300


@pytest.mark.parametrize("amount", [{"vesicles": 1e12}, {"vesicles": 1e300}, {"amount_ug": 1e9}])
def test_a_dose_in_parcels_of_one_vesicle_is_refused(amount):
    experiment = load(EDUCATION)
    protocol = Protocol((InjectExosomes("pdac", (0.0,), **amount),))
    made = setup(experiment.only("educated", protocol), {"exosomes.parcel_size": "1 vesicle"})
    with pytest.raises(InputError, match="at most 10,000,000 cells"):
        check(estimate(made))


@pytest.mark.parametrize("law", [{}, {"law": "gompertz", "capacity": 1e301}])
def test_an_immense_primary_is_refused(law):
    protocol = Protocol((GrowPrimary("pan02", 1e300, 60.0, sheds_cells=True, **law),))
    with pytest.raises(InputError, match="cells"):
        check(estimate(setup(load(EDUCATION).only("educated", protocol))))


def test_every_arm_of_every_scenario_may_run():
    for entry in catalogue():
        made = setup(entry.id)
        for arm in entry.arms:
            check(estimate(made, arm))


def test_many_runs_are_told_together():
    one, other = (estimate(setup(EDUCATION, {"run.duration": f"{days} day"}), "pbs") for days in (2, 4))
    both = total([(one, 3), (other, 2)])
    assert (both.runs, both.steps) == (5, other.steps)
    assert both.seconds == pytest.approx(3 * one.seconds + 2 * other.seconds)
    assert str(both).startswith("5 runs, the largest with 10,000 sites, ")


def test_limits_are_those_of_who_computes():
    wanted = Estimate(1e6, 1e5, 2e5, 1e6, 1e3, 900.0, 50.0)
    check(wanted)
    with pytest.raises(InputError, match=r"^section: asks for .*; at most 500 MB of memory, 30 s a run: smaller$"):
        check(wanted, Limits(memory=500.0, seconds=30.0), "section", "smaller")
    assert not FITS.exceeded(dataclasses.replace(wanted, steps=math.inf, seconds=math.inf))
    assert FITS.exceeded(dataclasses.replace(wanted, cells=math.nan)) == ["cells"]
