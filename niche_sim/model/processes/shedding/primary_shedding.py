"""Exosomes and tumour cells that a primary tumour sheds into blood."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance, birth_key
from niche_sim.model.catalogue import EXOSOME_SOURCES, EXOSOMES_OF_LINE, TUMOUR_LINES
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import PrimaryTumour, State


class PrimaryShedding(Process):
    """The primary sheds exosomes, and if asked tumour cells, into blood in proportion to its cells.

    Vesicles: cells * secretion * fraction escaping; tumour cells: cells * shedding rate * fraction viable; both Poisson,
    scaled to the section's share of the organ. Secretion per cell from Chiu 2016; *assumed*: the fraction that escapes
    the primary, and that shed cells reach the organ as injected ones do. Blocking release acts on vesicles only (Rab27a:
    Peinado 2012).
    """

    reads = ("section", "primary", "blocked.exosome_release", "time")
    writes = ("exosomes", "tumour_cells", "counters")

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        primary = state.primary
        if primary.cells <= 0.0:
            return
        share = state.section.volume / p.organ.volume
        key = birth_key("primary", primary.event, state.step_index)
        secretion = p.exosomes.secretion * p.exosomes.fraction_escaping * (1.0 - state.blocked.exosome_release)
        vesicles = chance.poisson(self, primary.cells * secretion * dt * share, [key], "exosomes").item()
        source = EXOSOME_SOURCES.index(EXOSOMES_OF_LINE[primary.line])
        state.release_exosomes(vesicles, source, key, p.exosomes.parcel_size)
        if primary.sheds_cells:
            n = chance.poisson(self, cells_reaching(primary, p) * dt * share, [key], "cells").item()
            state.enter_tumour_cells(n, TUMOUR_LINES.index(primary.line), birth_key(key, "cell", np.arange(n)))


def cells_reaching(primary: PrimaryTumour, p: Parameters) -> float:
    """Tumour cells of the primary that reach the organ alive per h, if it sheds any."""
    shedding = p.primary.rate_shedding * p.primary.fraction_viable
    return primary.cells * shedding * p.organ.fraction_cells
