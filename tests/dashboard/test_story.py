"""The stages in words, and which of them is said to limit the rate."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from niche_sim.description.stage_summary import AWAITED, MARKERS, SLOW, limit_in_words, strip_of, told
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
    stand = standings(**onsets)
    died = "all tumour cells that arrived have died."
    assert limit_in_words(limit, stand) == f"Bottleneck now: {died if expected == 'colonisation' else AWAITED[expected]}"


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
    stand = standings(**dict(zip(names, hours, strict=True)))
    limit = limiting(stand)
    assert (limit.stage.name, limit.took, limit.awaited) == (expected, took, False)
    assert limit_in_words(limit, stand) == f"Slowest step: {SLOW[expected]}, {took / 24.0:.1f} days."


def at_random(rng):
    """Standings as no run need have them: anything reached, missed, lost, or without a threshold."""
    found = []
    for stage in STAGES:
        threshold = rng.choice([math.nan, 0.0, 0.0, 5.25, 11.0])
        value = rng.choice([0.0, 0.0, 2.0, 5.25, 19.0, 178.0])
        onset = None if math.isnan(threshold) else rng.choice([None, None, 2.0, 70.0, 504.0])
        found.append(Standing(stage, value, threshold, onset))
    return found


@pytest.mark.parametrize("seed", range(200))
def test_no_sentence_contradicts_a_card(seed):
    stand = at_random(random.Random(seed))
    strip = told(stand, sheds=True)
    sentence, cards = strip["limit"], dict(zip(NAMES, strip["stages"], strict=True))
    values = {one.stage.name: one for one in stand}
    limiting_cards = [name for name, card in cards.items() if card["limiting"]]
    assert len(limiting_cards) == (0 if "no thresholds" in sentence else 1)
    if sentence.startswith("Bottleneck now: "):
        (name,) = limiting_cards
        assert cards[name]["state"] == "waiting", "what is awaited has not begun"
        if AWAITED[name] in sentence:
            assert values[name].value == 0.0, "nothing is said to be missing that is there"
        assert ("just reached" in sentence) == (cards[name]["when"] == "just reached (confirmed after 24 h)")
        if "have died" in sentence:
            assert values["arrival"].value == 0.0 and cards["arrival"]["state"] == "faded"
    if sentence.startswith("Slowest step: "):
        done = [card["state"] for name, card in cards.items() if name != "angiogenesis"]
        assert "waiting" not in done, "nothing is called slow while something is awaited"
    for name, card in cards.items():
        one = values[name]
        assert (card["state"] == "lit") == (one.onset is not None and one.value > one.threshold)
        assert ("now below" in card["when"]) == (card["state"] == "faded")
        assert card["when"] != "not yet" or one.value <= one.threshold
        assert "above 0" not in card["marker"], "a threshold of 0 is said in words"


def test_without_thresholds_nothing_is_said_to_limit():
    assert limiting(standings(**dict.fromkeys(NAMES))) is None
    assert "no thresholds" in limit_in_words(None, [])


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
    assert (priming["state"], priming["when"]) == ("waiting", "just reached (confirmed after 24 h)")
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
