"""The frozen bands that numbers may be fitted to: whole, sourced, and never what tests the model."""

import math

from niche_sim.engine.reading import read_toml
from niche_sim.experiment.scenario import bibliography, ids, library

FILE = library() / "fit_bands.toml"
BANDS = read_toml(FILE.read_text(encoding="utf-8"), str(FILE))["band"]
KEYS = {"id", "quantity", "scenario", "unit", "value", "low", "high", "strength", "source", "where"}
# What may be fitted to was written down once, before any fit to it. A band is added or moved by no later result.
FROZEN = {
    "arrested": (0.87, 0.80, 0.93),
    "extravasated": (0.83, 0.75, 0.90),
    "started": (0.02, 0.01, 0.04),
    "dormant": (0.36, 0.2, 0.5),
    "persisting": (2e-4, 6.7e-5, 6e-4),
    "visible_foci": (80, 20, 500),
    "seen_day_10": (0.7, 0.55, 0.85),
    "retained_24h": (0.65, 0.35, 0.85),
    "exosomes_in_liver": (0.5, 0.25, 0.85),
    "kupffer_density": (300, 170, 420),
    "stellate_per_hepatocyte": (0.109, 0.05, 0.15),
    "nk_density": (13.7, 10, 20),
    "exosome_half_life": (5, 1.5, 30),
    "tgfb_half_life": (3, 2, 30),
    "fibronectin_half_life": (5, 2, 14),
    "recruitment_begins": (8, 3, 10),
    "licensing_begins": (3, 1, 7),
    "stellate_reversion": (7.8, 5, 14),
}


def test_bands_are_the_frozen_ones():
    assert {band["id"]: (band["value"], band["low"], band["high"]) for band in BANDS} == FROZEN
    assert len(BANDS) == len(FROZEN)


def test_each_band_is_whole_and_sourced():
    known = set(bibliography()) | {"assumed"}
    for band in BANDS:
        assert set(band) == KEYS, band["id"]
        assert 0 < band["low"] <= band["value"] <= band["high"] < math.inf, band["id"]
        assert band["strength"] in ("good", "moderate", "weak", "assumed"), band["id"]
        assert band["source"] in known, band["id"]
        assert band["scenario"] in ids(), band["id"]
        assert (band["source"] == "assumed") == (band["strength"] == "assumed"), band["id"]


def test_no_band_is_an_effect_of_education_or_of_a_block():
    for band in BANDS:
        text = f"{band['id']} {band['quantity']}".lower()
        assert not any(word in text for word in ("educated", "against", "blocked", "depleted", "knock-out")), band["id"]
