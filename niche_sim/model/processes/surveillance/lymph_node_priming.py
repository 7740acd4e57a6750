"""Priming of T cells in the lymph node."""

from __future__ import annotations

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import gain_and_loss, hill, rate_of, relax
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State

CIRCULATING = TumourCell.state.code("circulating")


class LymphNodePriming(Process):
    """Tumour antigen drains to the lymph node, where naive T cells become effectors, which contract again.

    Precursors are primed at rate_priming * hill(tumour cells in the organ * immunogenicity); effectors gain fold_expansion
    of them and are lost with a half-life; precursors are renewed slowly, so that a lasting antigen gives a peak and then a
    lower level. *Assumed*: all numbers.
    """

    reads = ("section", "tumour_cells", "lymph_node")
    writes = ("lymph_node.precursors", "lymph_node.effectors")
    period = 6.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        node, numbers, cells = state.lymph_node, p.t_cells, state.tumour_cells
        here = cells.state != CIRCULATING
        if not here.any() and node.effectors == 0.0 and node.precursors == 1.0:
            return
        antigen = (p.of_lines("immunogenicity", cells.line) * here).sum() / state.section.volume
        primed = numbers.rate_priming * hill(antigen, numbers.half_antigen, 1.0)
        left = float(gain_and_loss(node.precursors, rate_of(numbers.half_life_precursors), primed, dt))
        gained = numbers.fold_expansion * primed * (node.precursors + left) / 2.0
        loss = rate_of(numbers.half_life_effectors)
        node.effectors = float(relax(node.effectors, gained / loss, loss, dt))
        node.precursors = left
