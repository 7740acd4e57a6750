"""Receptivity: how likely a tumour cell that arrests here, now, is to found a metastasis."""

from niche_sim.inference.receptivity import files
from niche_sim.inference.receptivity.cohorts import LiverCounts, effects, liver_counts
from niche_sim.inference.receptivity.results import Receptivity, receptivity
from niche_sim.inference.receptivity.why import Why, for_page, why
from niche_sim.runs.expectation.recording import Recorder, Recording, record_hazards

__all__ = [
    "LiverCounts", "Receptivity", "Recorder", "Recording", "Why", "effects", "files", "for_page", "liver_counts",
    "receptivity", "record_hazards", "why",
]  # fmt: skip
