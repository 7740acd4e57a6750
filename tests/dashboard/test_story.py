"""The stages in words, and which of them is said to limit the rate."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from niche_sim.description.stage_summary import AWAITED, MARKERS, SLOW, limit_in_words, strip_of
from niche_sim.experiment.simulation import Simulation
from niche_sim.model.stages import STAGES, Standing, limiting

NAMES = tuple(stage.name for stage in STAGES)


def standings(**onsets):
    """A stage stands as told, in h; those not told have no onset. None leaves it without a threshold."""
    return [
        Standing(stage, 0.0, math.nan if onsets.get(stage.name, 0) is None else 1.0, onsets.get(stage.name))
        for stage in STAGES
    ]


@pytest.mark.parametrize(
    ("onsets", "expected"),
    [
        ({}, "priming"),
        ({"priming": 2.0}, "licensing"),
        ({"priming": 2.0, "licensing": 70.0}, "recruitment"),
        ({"priming": 2.0, "licensing": 70.0, "recruitment": 130.0}, "arrival"),  # the hypothesis is not waited for
        ({"priming": 2.0, "licensing": 70.0, "recruitment": 130.0, "arrival": 500.0}, "colonisation"),
        ({"licensing": 70.0, "recruitment": 130.0}, "priming"),  # whatever came out of turn
        ({"priming": None, "licensing": 70.0}, "recruitment"),  # what cannot be told is not waited for
    ],
)
def test_the_first_that_has_not_begun_is_awaited(onsets, expected):
    limit = limiting(standings(**onsets))
    assert limit.awaited and limit.stage.name == expected
    assert limit_in_words(limit) == f"Limits the rate now: {AWAITED[expected]}"


@pytest.mark.parametrize(
    ("hours", "expected", "took"),
    [
        ((2.0, 70.0, 130.0, 504.0, 620.0), "colonisation", 116.0),  # the arrival, which is given, took longer
        ((2.0, 300.0, 330.0, 504.0, 520.0), "licensing", 298.0),
        ((90.0, 100.0, 110.0, 120.0, 130.0), "priming", 90.0),
    ],
)
def test_once_all_have_begun_the_slowest_is_named(hours, expected, took):
    names = [name for name in NAMES if name != "angiogenesis"]
    limit = limiting(standings(**dict(zip(names, hours, strict=True))))
    assert (limit.stage.name, limit.took, limit.awaited) == (expected, took, False)
    assert SLOW[expected] in limit_in_words(limit) and f"{took / 24.0:.1f} days" in limit_in_words(limit)


def test_without_thresholds_nothing_is_said_to_limit():
    assert limiting(standings(**dict.fromkeys(NAMES))) is None
    assert "no thresholds" in limit_in_words(None)


def test_every_stage_that_can_limit_has_its_words():
    waited = {stage.name for stage in STAGES if not stage.hypothesis}
    assert set(AWAITED) == waited and set(MARKERS) == set(NAMES)
    assert set(SLOW) == {stage.name for stage in STAGES if not stage.hypothesis and not stage.given}


def test_only_the_article_s_conjecture_is_a_hypothesis():
    assert [stage.name for stage in STAGES if stage.hypothesis] == ["angiogenesis"]
    assert [stage.name for stage in STAGES if stage.given] == ["arrival"]


@pytest.fixture(scope="module")
def model():
    small = {"section.width": "0.8 mm", "section.height": "0.8 mm"}
    made = Simulation("liver_education_costasilva2015", "educated", overrides=small)
    for _ in range(96):
        made.step()
    return made


def test_the_strip_tells_the_model_as_it_stands(model):
    strip = strip_of(model)
    assert [card["title"] for card in strip["stages"]] == [name.capitalize() for name in NAMES]
    priming, licensing = strip["stages"][:2]
    onset, threshold = model.stages.onsets["priming"], model.stages.thresholds["priming"]
    educated = model.stages.standings(model.state, model.mouse)[0].value
    assert priming["state"] == "lit" and priming["when"] == f"since day {onset / 24.0:.1f}"
    assert priming["share"] == pytest.approx(educated / threshold)
    assert f"{educated:.0f}" in priming["marker"] and f"begins above {threshold:.3g}" in priming["marker"]
    assert licensing["hypothesis"] is False and strip["stages"][3]["hypothesis"] is True
    assert sum(card["limiting"] for card in strip["stages"]) == 1


def test_an_arm_without_exosomes_says_so(model):
    small = {"section.width": "0.8 mm", "section.height": "0.8 mm"}
    control = Simulation("liver_education_costasilva2015", "pbs", overrides=small)
    assert strip_of(control)["limit"].startswith("No tumour exosomes are given in this arm.")
    assert not strip_of(model)["limit"].startswith("No tumour")


def test_a_marker_above_for_less_than_a_day_is_not_yet_an_onset():
    small = {"section.width": "0.8 mm", "section.height": "0.8 mm"}
    young = Simulation("liver_education_costasilva2015", "educated", overrides=small)
    while young.state.time < 12.0:
        young.step()
    priming = strip_of(young)["stages"][0]
    assert (priming["state"], priming["when"]) == ("waiting", "above, for less than a day so far")
    assert priming["share"] > 1.0


def test_a_stage_that_fell_below_its_threshold_says_so(model):
    stages = replace(model.stages, onsets={**model.stages.onsets, "colonisation": 12.0})
    kept, model.stages = model.stages, stages
    try:
        last = strip_of(model)["stages"][-1]
    finally:
        model.stages = kept
    assert last["state"] == "faded" and last["when"].endswith("now below its threshold") and last["share"] == 0.0


def test_a_scenario_without_thresholds_still_shows_its_markers(model):
    stages = replace(model.stages, thresholds={})
    kept, model.stages = model.stages, stages
    try:
        strip = strip_of(model)
    finally:
        model.stages = kept
    assert {card["state"] for card in strip["stages"]} == {"unknown"}
    assert all(card["share"] is None and "above" not in card["marker"] for card in strip["stages"])
