"""Division of tumour cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance, daughter_key
from niche_sim.engine.kernels.neighbourhood import disc, find_room
from niche_sim.engine.laws import LN2, against_naive, births, disc_diameter, hill
from niche_sim.model.anatomy import Section
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import Present, Situation, crowding_at
from niche_sim.model.state import State

CYCLING = TumourCell.state.code("cycling")


class Division(Process):
    """Cycling cells divide as long as they can push a way to room; colonies grow exponentially, then from their rim.

    ln 2 / doubling per h, times what oxygen and nutrient allow (1 in naive tissue), less by EMT (halved: Wang 2008), more
    by growth factor (Zhang 2017). A daughter goes in a random direction to the first place, a cell diameter or more away, where
    the neighbourhood is not packed; if there is none within the rim, the division does not happen. The slab is the
    central slice of a spherical colony: once the clone is wider than the slab, a third of the births fall above or below
    it and are counted out. *Assumed*: the depth of the rim (growth of colonies turns linear at some 200 um diameter).
    """

    reads = ("section", "oxygen", "nutrient", "hgf", "tumour_cells", "blocked.division")
    writes = ("tumour_cells", "counters")
    befalls = ("cycling",)
    becomes = "divided"

    def hazard(self, state: State, p: Parameters, where: Situation) -> NDArray[np.float64]:
        sites = where.sites
        rate = LN2 / p.of_lines("doubling", where.line)
        rate *= against_naive(state.oxygen.ravel()[sites], p.angiogenesis.half_oxygen)
        rate *= against_naive(state.nutrient.ravel()[sites], p.angiogenesis.half_nutrient)
        rate *= 1.0 - p.tumour.loss_division * where.emt
        rate *= 1.0 + p.tumour.gain_hgf * hill(state.hgf.ravel()[sites], p.stroma.half_hgf, 1.0)
        return rate * (1.0 - state.blocked.division)

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells, section = state.tumour_cells, state.section
        rows = np.flatnonzero(cells.state == CYCLING)
        if len(rows) == 0:
            return
        rate = self.hazard(state, p, Present(state, rows))
        parents = rows[chance.uniform(self, cells.key[rows]) < births(rate, dt)]
        if len(parents) == 0:
            return
        cells.divisions[parents] += 1
        keys = daughter_key(cells.key[parents], cells.divisions[parents])
        aside, angle = chance.uniform(self, keys, 2, purpose="daughter").T
        y, x, fits = first_room(state, p, parents, 2.0 * np.pi * angle)
        leaves = fits & (aside < share_aside(cells.clone_size[parents], p, section))
        stays = fits & ~leaves
        state.counters.tumour_born += int(fits.sum())
        state.counters.tumour_left_slab += int(leaves.sum())
        inherited = {name: cells.columns[name][parents[stays]] for name in INHERITED}
        cells.add(int(stays.sum()), key=keys[stays], y=y[stays], x=x[stays], **inherited)


SHARE_ASIDE = 1.0 / 3.0  # two of six directions leave the slab


def share_aside(clone_size: Any, p: Parameters, section: Section) -> Any:
    """Share of a clone's births that fall above or below the slab: those of a clone wider than the slab; float64[n]."""
    wide = disc_diameter(clone_size, p.tumour.packing, section.thickness) > section.thickness
    return SHARE_ASIDE * wide


INHERITED = ("line", "state", "crowding", "clone_size", "reactivated_by", "clone", "arrived_at", "emt", "resistance", "coopting")


def first_room(state: State, p: Parameters, parents: Any, angle: Any) -> tuple[Any, Any, Any]:
    """Where a daughter ends up: the nearest place along `angle` (radians) whose neighbourhood is not packed.

    parents: rows [n]. Returns y, x [n] in um and whether there is one within the rim.
    """
    section, cells, step = state.section, state.tumour_cells, p.tumour.diameter
    y, x = cells.y[parents], cells.x[parents]
    dy, dx = step * np.sin(angle), step * np.cos(angle)
    farthest, most = int(p.tumour.rim // step), p.tumour.packing / 2.0  # the edge of a packed colony has half its neighbours
    if state.of_tracers:
        return room_among_own(state, p, parents, (dy, dx), farthest, most)
    density = state.mapped_living_tumour() / section.site_volume
    reach = disc(p.tumour.neighbourhood, section.spacing)
    return find_room(density, y, x, dy, dx, farthest, most, section.spacing, *reach)


def room_among_own(state: State, p: Parameters, parents: Any, way: tuple[Any, Any], farthest: int, most: float) -> Any:
    """The same for tracers, which only their own clone crowds. way: um a step along y and x, float64[n] each."""
    section, cells = state.section, state.tumour_cells
    y, x, clone = cells.y[parents], cells.x[parents], cells.clone[parents]
    found = np.zeros(len(y), bool)
    out_y, out_x = y.copy(), x.copy()
    for steps in range(1, 1 + farthest):
        to_y, to_x = reflected(y + steps * way[0], section.height), reflected(x + steps * way[1], section.width)
        fits = ~found & (crowding_at(state, p, to_y, to_x, clone) < most)
        out_y[fits], out_x[fits] = to_y[fits], to_x[fits]
        found |= fits
        if found.all():
            break
    return out_y, out_x, found


def reflected(position: Any, length: float) -> Any:
    """Positions (um) mirrored back into 0 .. length at reflecting edges, float64[n]."""
    folded = np.mod(position, 2.0 * length)
    return np.minimum(np.where(folded > length, 2.0 * length - folded, folded), np.nextafter(length, 0.0))
