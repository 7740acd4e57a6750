"""Exosomes that growing colonies shed."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance, birth_key
from niche_sim.model.catalogue import EXOSOME_SOURCES, EXOSOMES_OF_LINE, TUMOUR_LINES
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State

CYCLING = TumourCell.state.code("cycling")


class ColonyShedding(Process):
    """Growing colonies shed exosomes themselves.

    Vesicles: cycling cells * secretion * fraction escaping, Poisson, of the source of their line. *Assumed*: as a primary.
    """

    reads = ("tumour_cells", "blocked.exosome_release", "time")
    writes = ("exosomes", "counters")
    period = 6.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        growing = cells.line[cells.state == CYCLING]
        if len(growing) == 0:
            return
        secretion = p.exosomes.secretion * p.exosomes.fraction_escaping * (1.0 - state.blocked.exosome_release)
        for line, count in zip(*np.unique(growing, return_counts=True), strict=True):
            source = EXOSOMES_OF_LINE.get(TUMOUR_LINES[line])
            if source is not None:
                key = birth_key("colonies", int(line), state.step_index)
                vesicles = chance.poisson(self, count * secretion * dt, [key]).item()
                state.release_exosomes(vesicles, EXOSOME_SOURCES.index(source), key, p.exosomes.parcel_size)
