"""Digestion of exosomes inside the cells that took them up."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import probability, rate_of
from niche_sim.model.cells import Exosome
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State

INSIDE = Exosome.place.code("inside")


class ExosomeDigestion(Process):
    """Each vesicle inside a recipient cell is digested at a constant hazard; what is left is the cell's load and signal.

    A parcel of n loses a binomial number. Load counts vesicles; signal weighs each with its source's MIF cargo, less
    what is blocked (MIF: Costa-Silva 2015). Vesicles of a cell that died are digested at once. *Assumed*: the half-life
    inside, and that digestion does not saturate.
    """

    reads = ("exosomes", "kupffer_cells", "resident_recipient_cells", "blocked.mif")
    writes = (
        "exosomes",
        "kupffer_cells.load",
        "kupffer_cells.signal",
        "resident_recipient_cells.load",
        "resident_recipient_cells.signal",
        "counters",
    )
    period = 2.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        exosomes, cells = state.exosomes, state.recipient_cells
        inside = np.flatnonzero(exosomes.place == INSIDE)
        if len(inside) == 0 and not cells.load.any():
            return
        before = exosomes.vesicles[inside]
        lost = chance.binomial(
            self, before, probability(rate_of(p.exosomes.half_life_inside), dt), exosomes.key[inside]
        )
        host, alive = cells.find(exosomes.host[inside])
        lost = np.where(alive, lost, before)
        left = before - lost
        exosomes.vesicles[inside] = left
        state.counters.exosomes_degraded += int(lost.sum())

        mine, host = inside[alive], host[alive]
        exosomes.z[mine], exosomes.y[mine], exosomes.x[mine] = cells.z[host], cells.y[host], cells.x[host]
        mif = p.of_sources("mif") * (1.0 - state.blocked.mif)
        n = len(cells)
        cells.load[:] = np.bincount(host, weights=left[alive], minlength=n).astype(np.int64)
        cells.signal[:] = np.bincount(host, weights=left[alive] * mif[exosomes.source[mine]], minlength=n)
        exosomes.remove(inside[left == 0])
