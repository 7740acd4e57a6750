"""Receptivity: how likely a tumour cell that arrests here, now, is to found a metastasis."""

from niche_sim.inference.receptivity import files
from niche_sim.inference.receptivity.cohorts import LiverCounts, effects, liver_counts
from niche_sim.inference.receptivity.results import Receptivity, receptivity
from niche_sim.runs.expectation.recording import Recorder, Recording, record_hazards

__all__ = [
    "LiverCounts", "Receptivity", "Recorder", "Recording", "effects", "files", "liver_counts", "receptivity",
    "record_hazards",
]  # fmt: skip
