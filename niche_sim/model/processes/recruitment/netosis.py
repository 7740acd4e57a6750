"""Extracellular traps of neutrophils."""

from __future__ import annotations

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import produce_and_decay, rate_of
from niche_sim.model.cells import BoneMarrowDerivedCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State

NEUTROPHIL = BoneMarrowDerivedCell.kind.code("neutrophil")


class NETosis(Process):
    """Neutrophils cast traps that hold tumour cells.

    Each raises its site at rate_nets; DNases clear within a day (NETs and liver metastasis: Yang 2020; Bojmar 2024).
    *Assumed*: amount and half-life.
    """

    reads = ("section", "bmdc", "nets", "blocked.nets")
    writes = ("nets",)
    period = 3.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        neutrophils = state.bmdc.kind == NEUTROPHIL
        if not neutrophils.any() and not state.nets.any():
            return
        per_cell = p.stroma.rate_nets / state.section.site_volume * (1.0 - state.blocked.nets)
        cast = state.mapped(state.bmdc, neutrophils * per_cell)
        state.nets = produce_and_decay(state.nets, cast, rate_of(p.stroma.half_life_nets), dt)
