"""What surroundings make of tumour cells: mesenchymal or epithelial, resistant or not; and what they shed."""

from __future__ import annotations

from typing import Any

import numpy as np

from niche_sim.cells import TumourCell
from niche_sim.chance import Chance, birth_key
from niche_sim.laws import gain_and_loss, hill, rate_of
from niche_sim.process import Process
from niche_sim.senses import density_nearby, exposure_answer
from niche_sim.vocabulary import EXOSOME_SOURCES, EXOSOMES_OF_LINE, TUMOUR_LINES

CIRCULATING, CYCLING = TumourCell.state.code("circulating"), TumourCell.state.code("cycling")


class Emt(Process):
    """TGF-beta makes tumour cells mesenchymal; its fall makes them epithelial again.

    emt rises at rate_emt * hill(TGF-beta) and falls with a half-life. Full EMT doubles motility and halves division (Wang
    2007). *Assumed*: rate and half-life.
    """

    reads = ("section", "tgfb", "tumour_cells", "blocked.tgfb_receptor")
    writes = ("tumour_cells.emt",)
    period = 3.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        if len(cells) == 0:
            return
        sensed = hill(state.at(state.tgfb, cells), p.tumour.half_tgfb_emt, 2.0) * (1.0 - state.blocked.tgfb_receptor)
        sensed *= cells.state != CIRCULATING
        cells.emt[:] = gain_and_loss(cells.emt, p.tumour.rate_emt * sensed, rate_of(p.tumour.half_life_emt), dt)


class Resistance(Process):
    """Exosomal P-gp and microRNA, and active fibroblasts nearby, make tumour cells resistant to a drug.

    resistance rises at rate_resistance * (hill(exposure) + share_fibroblasts * hill(active fibroblasts nearby)) and fades
    with a half-life (review of exosomal cargo and gemcitabine response: see the scenario on resistance). *Assumed*: all.
    """

    reads = ("section", "tumour_cells", "fibroblasts", "blood.exposure")
    writes = ("tumour_cells.resistance",)
    period = 6.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells, numbers = state.tumour_cells, p.drug
        by_exosomes = exposure_answer(state, p, "pgp")
        active = state.fibroblasts.activation
        if len(cells) == 0 or (by_exosomes == 0.0 and not active.any() and not cells.resistance.any()):
            return
        near = density_nearby(state, p, state.fibroblasts, active, state.sites(cells))
        by_fibroblasts = numbers.share_fibroblasts * hill(near, p.angiogenesis.density_fibroblasts, 1.0)
        gain = numbers.rate_resistance * (by_exosomes + by_fibroblasts) * (cells.state != CIRCULATING)
        cells.resistance[:] = gain_and_loss(cells.resistance, gain, rate_of(numbers.half_life_resistance), dt)


class ColonyShedding(Process):
    """Growing colonies shed exosomes themselves.

    Vesicles: cycling cells * secretion * fraction escaping, Poisson, of the source of their line. *Assumed*: as a primary.
    """

    reads = ("tumour_cells", "blocked.exosome_release", "time")
    writes = ("exosomes", "ledger")
    period = 6.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
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
