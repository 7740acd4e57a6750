"""Receptivity: how likely a tumour cell that arrests here, now, is to found a metastasis."""

from niche_sim.inference.receptivity import files
from niche_sim.inference.receptivity.recording import Recorder, Recording, record_hazards
from niche_sim.inference.receptivity.results import Receptivity, receptivity

__all__ = ["Receptivity", "Recorder", "Recording", "files", "receptivity", "record_hazards"]
