"""What cells sense of their surroundings, where more than one rule needs it."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from niche_sim.columns import Population
from niche_sim.kernels.neighbourhood import disc, gather
from niche_sim.laws import niche_strength
from niche_sim.parameters import Parameters
from niche_sim.state import State


def niche_at(state: State, p: Parameters) -> Any:
    """Strength of the niche, 0 to 1, where each tumour cell is, float64[n]."""
    cells, tumour = state.tumour_cells, p.tumour
    return niche_strength(
        state.at(state.fibronectin, cells),
        state.at(state.periostin, cells),
        tumour.half_fibronectin,
        tumour.half_periostin,
        tumour.steepness,
        tumour.share_periostin,
    )


def swept_nearby(state: State, p: Parameters, patrol: Population, speed: Any, rows: Any) -> NDArray[Any]:
    """Speed times density (um/h/um2) of patrolling cells in the neighbourhood of tumour cells (rows), float64[n]."""
    section = state.section
    swept = state.mapped(patrol, speed) / section.spacing**2
    sites = state.sites(state.tumour_cells)[rows]
    return gather(swept, sites, *disc(p.tumour.neighbourhood, section.spacing))
