"""S100A8, IL-6 and TNF in blood."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import hill, rate_of, relax
from niche_sim.model.catalogue import EXOSOME_SOURCES
from niche_sim.model.cells import Exosome
from niche_sim.model.initial_state import recipient_cells_at_rest
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State

INSIDE = Exosome.place.code("inside")


class Inflammation(Process):
    """Loaded recipient cells raise S100A8, IL-6 and TNF in blood; a primary and active fibroblasts add IL-6.

    Each level relaxes to hill(mean load) * recipient cells against those of a naive organ, the load for IL-6 weighted by miR-21
    (through TLR7: Shao 2018), for TNF by palmitate (Wang 2023); S100A8 needs uptake alone (Hoshino 2015). A primary brings
    IL-6 by its size (Lee 2019), fibroblasts that exosomal ITGBL1 activates do (Ji 2020). *Assumed*: half-effects, one
    half-life for all.
    """

    reads = (
        "section",
        "exosomes",
        "kupffer_cells",
        "resident_recipient_cells",
        "fibroblasts",
        "primary",
        "blocked.mir21",
        "blocked.palmitate",
        "blocked.s100a8",
        "blocked.tnf",
        "boosted.il6",
        "blood.s100a8",
        "blood.il6",
        "blood.tnf",
    )
    writes = ("blood.s100a8", "blood.il6", "blood.tnf")
    period = 3.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        blood, blocked, numbers = state.blood, state.blocked, p.inflammation
        recipient_cells = max(1, len(state.recipient_cells))
        at_rest = max(1.0, recipient_cells_at_rest(p) * state.section.volume)
        left = min(1.0, len(state.recipient_cells) / at_rest)  # of those of a naive organ
        inside = state.exosomes.place == INSIDE
        held = np.bincount(state.exosomes.source, state.exosomes.vesicles * inside, len(EXOSOME_SOURCES)) / recipient_cells
        mir21 = held @ p.of_sources("mir21") * (1.0 - blocked.mir21)
        palmitate = held @ p.of_sources("palmitate") * (1.0 - blocked.palmitate)
        il6 = 1.0 - (1.0 - left * hill(mir21, numbers.half_load_il6, 1.0)) * (
            1.0 - hill(state.primary.cells, numbers.half_cells_il6, 1.0)
        )
        active = state.fibroblasts.activation.mean() if len(state.fibroblasts) else 0.0
        il6 = 1.0 - (1.0 - il6) * (1.0 - numbers.share_fibroblasts * active)
        il6 = min(1.0, il6 + hill(state.boosted.il6 - 1.0, 1.0, 1.0))
        rate = rate_of(numbers.half_life)
        s100 = left * hill(held.sum(), numbers.half_load_s100, 1.0) * (1.0 - blocked.s100a8)
        blood.s100a8 = float(relax(blood.s100a8, s100, rate, dt))
        blood.il6 = float(relax(blood.il6, il6, rate, dt))
        tnf = left * hill(palmitate, numbers.half_load_tnf, 1.0) * (1.0 - blocked.tnf)
        blood.tnf = float(relax(blood.tnf, tnf, rate, dt))
