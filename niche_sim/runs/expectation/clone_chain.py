"""The sizes that the clone of one tumour cell goes through, and how a clone of each size stands by itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import NDArray

from niche_sim.engine.laws import disc_diameter
from niche_sim.model.anatomy import Section
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.processes.colonisation.division import share_aside

SINGLE = ("arrested", "dormant", "motile")  # states of a cell that is alone; then come clones of cycling cells
RATIO, COARSE = 1.1, 1.3  # between the classes of size above a colony, and above the largest that is counted as such
BEYOND = 2.0  # up to where classes are fine, against the cells of the smallest macrometastasis
WIDEST = 4000.0  # um; the largest class. A mouse does not live to have wider ones
ALONE = 500  # cells; from so many on a member has as many neighbours as it can have
MOST_STEPS = 40  # of a random flight; longer ones are as good as a normal distribution


@dataclass(frozen=True)
class Clones:
    """What a lone tumour cell or a clone can be: first the single states, then cycling clones, smallest first.

    states: codes of `TumourCell`, int8[situations]; crowding: tumour cells per um3 around a member, float64[situations].
    sizes: cells of the cycling clones, int64[classes]: 1 to a colony in steps of one, then in classes a tenth apart.
    growing, shrinking: births and deaths of such clones, in rates of a single cell, float64[classes].
    fine: classes up to well above the smallest macrometastasis.
    """

    states: NDArray[np.int8]
    crowding: NDArray[np.float64]
    sizes: NDArray[np.int64]
    growing: NDArray[np.float64]
    shrinking: NDArray[np.float64]
    fine: int

    def upto(self, cells: float) -> int:
        """How many classes hold fewer than so many cells."""
        return int(np.searchsorted(self.sizes, cells))


def clones_of(section: Section, p: Parameters) -> Clones:
    """The classes of a section, up to the widest colonies."""
    tumour = p.tumour
    colony = max(1, round(tumour.colony_cells))
    fine = BEYOND * max(colony, cells_of_diameter(tumour.macro_diameter, section, p))
    largest = max(2.0 * fine, cells_of_diameter(WIDEST, section, p))
    sizes = list(range(1, colony + 1))
    while sizes[-1] < largest:
        ratio = RATIO if sizes[-1] < fine else COARSE
        sizes.append(max(sizes[-1] + 1, round(ratio * sizes[-1])))
    size = np.array(sizes)
    gap = np.diff(size, append=size[-1] + 1)
    growing = size * (1.0 - share_aside(size, p, section)) * share_with_room(size, p, section) / gap
    growing[-1] = 0.0  # nothing lies above the last class
    names = [*SINGLE, *["cycling"] * len(size)]
    return Clones(
        np.array([TumourCell.state.code(name) for name in names], np.int8),
        np.concatenate([np.full(len(SINGLE), crowding(np.array([1]), section, p)), crowding(size, section, p)]),
        size,
        growing,
        size / np.diff(size, prepend=0),
        int(np.searchsorted(size, fine)) + 1,
    )


def share_with_room(size: NDArray[np.int64], p: Parameters, section: Section) -> NDArray[np.float64]:
    """Share of the members of a round clone that can push a way out: in a random direction its edge is within the rim.

    Of a disc that is where it does not overlap with itself, moved by the rim's depth in whole cells.
    """
    deep = p.tumour.rim // p.tumour.diameter * p.tumour.diameter
    wide = np.maximum(disc_diameter(size, p.tumour.packing, section.thickness), deep)
    x = deep / wide
    covered: NDArray[np.float64] = 2.0 / np.pi * (np.arccos(x) - x * np.sqrt(1.0 - x**2))
    return 1.0 - covered


def cells_in_colony(size: NDArray[np.int64], p: Parameters, section: Section) -> NDArray[np.float64]:
    """All cells of a colony that shows so many in the section, float64[sizes]: it is a sphere once it is wider than that."""
    wide = disc_diameter(size, p.tumour.packing, section.thickness)
    return np.where(wide > section.thickness, np.maximum(size, p.tumour.packing * np.pi / 6.0 * wide**3), size)


def cells_of_diameter(diameter: float, section: Section, p: Parameters) -> float:
    """Cells of a clone that is so wide (um)."""
    return float((diameter / disc_diameter(1.0, p.tumour.packing, section.thickness)) ** 2)


def crowding(size: NDArray[np.int64], section: Section, p: Parameters) -> NDArray[np.float64]:
    """Tumour cells per um3 around a member of a clone of so many cells by itself, float64[sizes].

    Its mates are where their ancestors' divisions left them; a daughter goes only where it is at most half packed, so that
    a larger clone is no denser.
    """
    tumour = p.tumour
    volume = np.pi * tumour.neighbourhood**2 * section.thickness
    nearby = share_nearby(min(int(size.max()), ALONE), tumour.neighbourhood, tumour.diameter)[np.minimum(size, ALONE) - 1]
    dense: NDArray[np.float64] = np.minimum(size * nearby / volume, max(tumour.packing / 2.0, 1.0 / volume))
    return dense


@lru_cache(maxsize=8)
def share_nearby(most: int, radius: float, stride: float) -> NDArray[np.float64]:
    """Share of a clone of 1 to `most` cells within `radius` (um) of a member, itself included, float64[most].

    Each division puts a daughter `stride` (um) from its mother in a random direction. Two members are then the ends of a
    random flight (Kluyver 1905) with as many steps as lie between them in their tree, which is a random recursive one:
    of pairs that are k steps apart a further cell makes 2 / n times as many as were k - 1 apart.
    """
    within = np.array([_flight_within(steps, radius, stride) for steps in range(MOST_STEPS)])
    pairs = np.zeros(MOST_STEPS)  # ordered pairs of members by the steps between them
    pairs[0] = 1.0
    share = np.ones(most)
    for n in range(1, most):
        pairs[1:] += 2.0 / n * pairs[:-1].copy()
        pairs[0] = n + 1.0
        share[n] = (pairs @ within) / pairs.sum()
    share.setflags(write=False)
    return share


def _flight_within(steps: int, radius: float, stride: float) -> float:
    """Probability that a random flight of so many strides in the plane ends within `radius` of its start."""
    if steps * stride <= radius:
        return 1.0
    if steps < 2:
        return 0.0
    t: Any = np.arange(0.0, 400.0, 0.01) / stride
    return float(np.clip(np.trapezoid(radius * scipy.special.j1(radius * t) * scipy.special.j0(stride * t) ** steps, t), 0.0, 1.0))
