"""Division of tumour cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance, daughter_key
from niche_sim.engine.kernels.neighbourhood import find_room
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
    it and are counted out; in a block every daughter stays. *Assumed*: the depth of the rim (growth of colonies turns linear
    at some 200 um diameter).
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
        up = 2.0 * aside - 1.0 if section.is_block else 0.0  # even over a sphere
        flat = np.sqrt(1.0 - up * up)
        way = (up, flat * np.sin(2.0 * np.pi * angle), flat * np.cos(2.0 * np.pi * angle))
        z, y, x, fits = first_room(state, p, parents, way)
        leaves = fits & (aside < share_aside(cells.clone_size[parents], p, section))
        stays = fits & ~leaves
        state.counters.tumour_born += int(fits.sum())
        state.counters.tumour_left_slab += int(leaves.sum())
        inherited = {name: cells.columns[name][parents[stays]] for name in INHERITED}
        cells.add(int(stays.sum()), key=keys[stays], z=z[stays], y=y[stays], x=x[stays], **inherited)


SHARE_ASIDE = 1.0 / 3.0  # two of six directions leave the slab


def share_aside(clone_size: Any, p: Parameters, section: Section) -> Any:
    """Share of a clone's births that fall above or below the slab: if it is wider; float64[n]. In a block none."""
    if section.is_block:
        return np.zeros(np.shape(clone_size))
    wide = disc_diameter(clone_size, p.tumour.packing, section.thickness) > section.thickness
    return SHARE_ASIDE * wide


INHERITED = ("line", "state", "crowding", "clone_size", "reactivated_by", "clone", "arrived_at", "emt", "resistance", "coopting")


def first_room(state: State, p: Parameters, parents: Any, way: tuple[Any, Any, Any]) -> tuple[Any, Any, Any, Any]:
    """Where a daughter ends up: the nearest place on a way whose neighbourhood is not packed.

    parents: rows [n]; way: its direction along z, y, x, of length 1. Returns z, y, x [n] in um and whether there is one within the
    rim.
    """
    section, cells, step = state.section, state.tumour_cells, p.tumour.diameter
    z, y, x = cells.z[parents], cells.y[parents], cells.x[parents]
    dz, dy, dx = (step * along for along in way)
    farthest, most = int(p.tumour.rim // step), p.tumour.packing / 2.0  # the edge of a packed colony has half its neighbours
    if state.of_tracers:
        return room_among_own(state, p, parents, (dz, dy, dx), farthest, most)
    density = state.mapped_living_tumour() / section.site_volume
    dz = np.broadcast_to(dz, dy.shape).copy()
    return find_room(density, z, y, x, dz, dy, dx, farthest, most, section.spacing, *section.ball(p.tumour.neighbourhood))


def room_among_own(state: State, p: Parameters, parents: Any, way: tuple[Any, Any, Any], farthest: int, most: float) -> Any:
    """The same for tracers, which only their own clone crowds. way: um a step along z, y and x, float64[n] each."""
    section, cells = state.section, state.tumour_cells
    at, clone = [cells.z[parents], cells.y[parents], cells.x[parents]], cells.clone[parents]
    found, out = np.zeros(len(clone), bool), [axis.copy() for axis in at]
    lengths = (section.depth, section.height, section.width)
    for steps in range(1, 1 + farthest):
        z, y, x = to = [reflected(axis + steps * by, length) for axis, by, length in zip(at, way, lengths, strict=True)]
        fits = ~found & (crowding_at(state, p, y, x, z, clone) < most)
        for axis, new in zip(out, to, strict=True):
            axis[fits] = new[fits]
        found |= fits
        if found.all():
            break
    return *out, found


def reflected(position: Any, length: float) -> Any:
    """Positions (um) mirrored back into 0 .. length at reflecting edges, float64[n]."""
    folded = np.mod(position, 2.0 * length)
    return np.minimum(np.where(folded > length, 2.0 * length - folded, folded), np.nextafter(length, 0.0))
