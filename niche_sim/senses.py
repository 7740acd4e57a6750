"""What cells sense of their surroundings, where more than one rule needs it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.columns import Population
from niche_sim.kernels.neighbourhood import disc, gather, spread
from niche_sim.laws import hill, niche_strength
from niche_sim.parameters import Parameters
from niche_sim.state import State
from niche_sim.vocabulary import CARGO


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


def exposure_answer(state: State, p: Parameters, cargo: str) -> float:
    """How strongly cells along the vessels answer what blood has brought of a cargo, 0 to 1."""
    exposed = state.blood.exposure[CARGO.index(cargo)]
    return float(hill(exposed, p.exosomes.half_exposure, 2.0)) if exposed > 0.0 else 0.0


def plasma(state: State, p: Parameters) -> NDArray[Any]:
    """Vesicles of each source per um3 of blood, mean over the last step, float64[sources]."""
    return np.array(state.blood.plasma) * p.organ.volume / state.section.volume / p.organ.blood_volume


def bound(amount: float, p: Parameters) -> float:
    """Share of its target that an antibody binds, 0 to 1; amount: usual doses in the body."""
    return float(hill(amount, p.drug.half_antibody, 1.0)) if amount > 0.0 else 0.0


def vegf_answer(state: State, p: Parameters, vegf: Any) -> Any:
    """Answer to VEGF (nM) that is neither blocked nor bound, 0 to 1."""
    free = (1.0 - state.blocked.vegf) * (1.0 - bound(state.drugs.anti_vegf, p))
    return hill(vegf * free, p.stroma.half_vegf, 2.0)


def monocyte_call(state: State, p: Parameters) -> float:
    """How strongly CCL2 calls monocytes, 0 to 1."""
    return float(hill(state.blood.ccl2, p.bmdc.half_signal, p.bmdc.steepness) * (1.0 - state.blocked.ccr2))


def saa_support(state: State, p: Parameters) -> float:
    """What serum amyloid A leaves of matrix and recruitment, 0 to 1: a share that does without, the rest by its level."""
    inflammation = p.inflammation
    answer = float(hill(state.blood.saa, inflammation.half_saa, inflammation.steepness))
    return inflammation.share_rest + (1.0 - inflammation.share_rest) * answer


def density_nearby(state: State, p: Parameters, cells: Population, rows: Any, at: Any) -> NDArray[Any]:
    """Cells per um3 of some rows of a population within the neighbourhood of sites `at` (flat index), float64[at]."""
    section = state.section
    density = state.mapped(cells, rows / section.site_volume)
    return gather(density, at, *disc(p.tumour.neighbourhood, section.spacing))


def tumour_density_nearby(state: State, p: Parameters, rows: Any) -> NDArray[Any]:
    """Tumour cells (rows, bool[n]) per um3 of the neighbourhood of each site, float64[y, x]: the same on any grid."""
    section = state.section
    density = np.zeros(section.shape)
    reach = disc(p.tumour.neighbourhood, section.spacing)
    spread(density, state.sites(state.tumour_cells), rows / section.site_volume, *reach)
    return density


def answer_of(signal: Any, p: Parameters) -> NDArray[Any]:
    """How strongly each recipient cell answers its MIF-weighted load (vesicles, float64[n]): 0 to 1."""
    answer = np.zeros(len(signal))
    holds = np.flatnonzero(signal)  # most hold nothing most of the time, and powers are dear
    answer[holds] = hill(signal[holds], p.kupffer.half_load_answer, p.kupffer.steepness_answer)
    return answer
