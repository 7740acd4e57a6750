"""Why here: rows whose product is the whole, and words; the window of arrival."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from test_receptivity import SMALL

import niche_sim
from niche_sim import InputError
from niche_sim.inference.receptivity import for_page, record_hazards, why
from niche_sim.inference.receptivity.why import INTERACTION


@pytest.fixture(scope="module")
def recording():
    return record_hazards(niche_sim.Simulation(arm="educated", seed=3, overrides={**SMALL, "run.duration": "12 day"}))


def test_rows_and_interaction_make_the_whole(recording):
    made = why(recording, every=72.0)
    assert made.found.time_h.tolist() == [0.0, 72.0, 144.0, 216.0, 288.0]
    tissue = ~recording.section.lumen
    both = sum(made.parts.values())
    whole = np.log(made.found.probability[:, tissue] / made.base.probability[:, tissue])
    np.testing.assert_allclose(both[:, tissue], whole, rtol=0.0, atol=1e-9)
    assert {"Detachment", "DormancyExit", INTERACTION} <= made.parts.keys()
    assert np.nanmean(made.parts["DormancyExit"][1:]) > 0.0  # fibronectin reactivates


def test_a_rule_that_is_left_out_has_its_own_row(recording):
    made = why(recording, "hazard", every=288.0)
    assert "Extravasation" not in made.parts  # nothing takes root without it
    bare = dataclasses.replace(recording, factors={k: v for k, v in recording.factors.items() if k != "NkKilling"})
    without = niche_sim.receptivity(bare, end="eventual", every=288.0).probability
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.log(made.found.probability / without)
    tissue = ~recording.section.lumen
    np.testing.assert_allclose(made.parts["NkKilling"][:, tissue], expected[:, tissue], atol=1e-12)
    assert (made.parts["NkKilling"][:, tissue] <= 0.0).all()


def test_a_site_in_words(recording):
    made = why(recording, every=72.0)
    when = 144.0
    y, x = np.unravel_index(int(np.argmax(made.found.probability[2])), recording.section.shape)
    rows = made.at(when + 10.0, int(y), int(x))
    sizes = [abs(np.log(ratio)) for name, ratio in rows.items() if name != INTERACTION]
    assert sizes == sorted(sizes, reverse=True) and list(rows)[-1] == INTERACTION
    said = made.in_words(when, int(y), int(x))
    assert said[0].startswith("A pan02 cell that arrests here on day 6 founds a colony with a probability of 0.")
    assert said[1].endswith("times as likely as in the organ as it was at the beginning.")
    assert any(line.startswith(f"× {rows['DormancyExit']:.3g} by DormancyExit: Fibronectin, periostin") for line in said)
    lumen = np.argwhere(recording.section.lumen)[0]
    assert made.in_words(when, *lumen.tolist())[0].endswith("with a probability of 0.") and len(made.at(when, *lumen)) == 0
    for wrong in ((-1, 0), (0, 10_000)):
        with pytest.raises(InputError, match="within"):
            made.at(when, *wrong)
    with pytest.raises(InputError, match="one of niche, hazard"):
        why(recording, "all")


def test_what_a_page_needs(recording):
    given = for_page(recording)
    assert given["map"].dtype == np.float32 and given["map"].shape == (49, *recording.section.shape)
    assert len(given["mean"]) == len(given["time_h"]) == 49
    assert given["why"].in_words(24.0, 3, 3)


@pytest.mark.parametrize(
    ("mean", "window"),
    [
        ([0.0, 0.1, 0.6, 1.0, 0.7, 0.2], (48.0, 96.0)),
        ([1.0, 0.9, 0.1, 0.0], (0.0, 24.0)),
        ([0.0, 0.2, 0.9, 1.0], (48.0, 72.0)),
        ([0.9, 0.0, 1.0, 0.0], (48.0, 48.0)),
        ([0.5, 0.5, 0.5], (np.nan, np.nan)),
    ],
)
def test_when_the_organ_is_receptive(recording, mean, window):
    found = niche_sim.receptivity(recording, end="eventual")
    one = dataclasses.replace(found, mean=np.array(mean), time_h=24.0 * np.arange(len(mean)))
    np.testing.assert_array_equal(one.window_h, window)
