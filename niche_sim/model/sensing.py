"""What cells sense of their surroundings, where more than one rule needs it, and the situation a tumour cell is in."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.columns import Population
from niche_sim.engine.kernels.neighbourhood import gather, gather_own, spread
from niche_sim.engine.laws import hill, meeting_rate, niche_strength
from niche_sim.model.anatomy import Section
from niche_sim.model.catalogue import CARGO, Cargo
from niche_sim.model.parameters import Parameters
from niche_sim.model.state import State


@functools.lru_cache(maxsize=8)
def all_sites(n: int) -> NDArray[np.int64]:
    """Flat index of every site of a section with n of them, int64[n]: the same array each time, so that a map is known as one."""
    sites = np.arange(n)
    sites.setflags(write=False)
    return sites


class Present:
    """The situation of tumour cells that are in the section: some rows of the population."""

    def __init__(self, state: State, rows: NDArray[np.int64]) -> None:
        self._state, self._cells, self._rows = state, state.tumour_cells, rows

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def sites(self) -> NDArray[np.int64]:
        """Flat index of the site of each."""
        return self._state.sites(self._cells)[self._rows]

    def __getattr__(self, name: str) -> NDArray[Any]:
        values: NDArray[Any] = getattr(self._cells, name)[self._rows]
        return values


@dataclass(frozen=True)
class Supposed:
    """The situation that tumour cells would be in: one at each of some sites, without any being there.

    sites: flat index, int64[n]. line, state: codes of `TumourCell`. crowding: tumour cells per um3 of the neighbourhood, which
    a clone of so many cells makes by itself. emt, resistance: 0 to 1. Each is one a site, or of state and crowding one for all.
    """

    sites: NDArray[np.int64]
    line: NDArray[Any]
    state: NDArray[Any]
    crowding: NDArray[Any]
    emt: NDArray[Any]
    resistance: NDArray[Any]

    def __len__(self) -> int:
        return len(self.sites)

    @classmethod
    def everywhere(
        cls, section: Section, line: int, state: int, *, crowding: float, emt: float, resistance: float
    ) -> Supposed:
        """A cell of one kind on every site of a section; line and state are codes."""
        n = section.zone.size
        columns = (np.full(n, value) for value in (line, state, crowding, emt, resistance))
        return cls(all_sites(n), *columns)


Situation = Present | Supposed


def niche_at(state: State, p: Parameters, sites: NDArray[np.int64]) -> Any:
    """Strength of the niche, 0 to 1, at sites (flat index), float64[n]."""
    tumour = p.tumour
    return niche_strength(
        state.fibronectin.ravel()[sites],
        state.periostin.ravel()[sites],
        tumour.half_fibronectin,
        tumour.half_periostin,
        tumour.steepness,
        tumour.share_periostin,
    )


def met_nearby(state: State, p: Parameters, patrol: Population, speed: Any, radius: float, at: Any) -> NDArray[Any]:
    """How often (1/h) a cell at sites `at` (flat index) meets patrolling cells of its neighbourhood, float64[at].

    speed: um/h of each; radius: of contact, um. In a section they move in its plane.
    """
    per = state.section.site_volume if state.section.is_block else state.section.spacing**2
    swept = _around(state, p, patrol, speed, per, at)
    rates: NDArray[Any] = meeting_rate(radius, 1.0, swept, axes=len(state.section.shape))
    return rates


def _around(state: State, p: Parameters, cells: Population, amount: Any, per: float, at: Any) -> NDArray[Any]:
    """Mean over the neighbourhood of sites `at` (flat index) of each cell's amount, divided by `per`, float64[at]."""
    section = state.section
    reach = section.ball(p.tumour.neighbourhood)
    whole = at is all_sites(section.zone.size)
    if whole or np.count_nonzero(amount) < len(at):  # the fewer of the two are gone through
        everywhere = np.zeros(section.shape)
        spread(everywhere, state.sites(cells), amount / per, *reach)
        return everywhere.ravel() if whole else everywhere.ravel()[at]
    return gather(state.mapped(cells, amount) / per, at, *reach)


def exposure_answer(state: State, p: Parameters, cargo: Cargo) -> float:
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
    return _around(state, p, cells, rows / state.section.site_volume, 1.0, at)


def crowding_at(state: State, p: Parameters, y: Any, x: Any, z: Any, clone: Any) -> NDArray[Any]:
    """Tumour cells per um3 of the neighbourhood that a cell of a clone would have at y, x, z (um), float64[n].

    All living ones, or of tracers those of its own clone.
    """
    section, cells = state.section, state.tumour_cells
    reach, sites = section.ball(p.tumour.neighbourhood), section.site_of(y, x, z)
    if not state.of_tracers:
        return gather(state.mapped_living_tumour() / section.site_volume, sites, *reach)
    here = np.flatnonzero(~np.isnan(cells.y))
    here = here[np.argsort(cells.clone[here], kind="stable")]
    members, clones = section.site_of(cells.y[here], cells.x[here], cells.z[here]), cells.clone[here]
    first, after = (np.searchsorted(clones, clone, side=side) for side in ("left", "right"))
    return gather_own(first, after - first, members, sites, section.grid, *reach) / section.site_volume


def tumour_density_nearby(state: State, p: Parameters, rows: Any) -> NDArray[Any]:
    """Tumour cells (rows, bool[n]) per um3 of the neighbourhood of each site, float64 of its shape: the same on any grid."""
    section = state.section
    density = np.zeros(section.shape)
    reach = section.ball(p.tumour.neighbourhood)
    spread(density, state.sites(state.tumour_cells), rows / section.site_volume, *reach)
    return density


def answer_of(signal: Any, p: Parameters) -> NDArray[Any]:
    """How strongly each recipient cell answers its MIF-weighted load (vesicles, float64[n]): 0 to 1."""
    answer = np.zeros(len(signal))
    holds = np.flatnonzero(signal)  # most hold nothing most of the time, and powers are dear
    answer[holds] = hill(signal[holds], p.kupffer.half_load_answer, p.kupffer.steepness_answer)
    return answer
