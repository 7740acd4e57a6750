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
RATIO = 1.1  # between the classes of size above a colony
BEYOND = 2.0  # the largest class, against the cells of the smallest macrometastasis
MOST_STEPS = 40  # of a random flight; longer ones are as good as a normal distribution


@dataclass(frozen=True)
class Clones:
    """What a lone tumour cell or a clone can be: first the single states, then cycling clones, smallest first.

    states: codes of `TumourCell`, int8[situations]; crowding: tumour cells per um3 around a member, float64[situations].
    sizes: cells of the cycling clones, int64[classes]: 1 to a colony in steps of one, then in classes a tenth apart.
    growing, shrinking: births and deaths of such clones, in rates of a single cell, float64[classes].
    """

    states: NDArray[np.int8]
    crowding: NDArray[np.float64]
    sizes: NDArray[np.int64]
    growing: NDArray[np.float64]
    shrinking: NDArray[np.float64]

    def upto(self, cells: float) -> int:
        """How many classes hold fewer than so many cells."""
        return int(np.searchsorted(self.sizes, cells))


def clones_of(section: Section, p: Parameters) -> Clones:
    """The classes of a section, up to well above a macrometastasis."""
    tumour = p.tumour
    colony = max(1, round(tumour.colony_cells))
    largest = BEYOND * cells_of_diameter(max(tumour.macro_diameter, disc_diameter(colony, tumour.packing, section.thickness)),
                                         section, p)  # fmt: skip
    sizes = list(range(1, colony + 1))
    while sizes[-1] < largest:
        sizes.append(max(sizes[-1] + 1, round(RATIO * sizes[-1])))
    size = np.array(sizes)
    gap = np.diff(size, append=size[-1] + 1)
    growing = size * (1.0 - share_aside(size, p, section)) / gap
    growing[-1] = 0.0  # nothing lies above the last class
    names = [*SINGLE, *["cycling"] * len(size)]
    return Clones(
        np.array([TumourCell.state.code(name) for name in names], np.int8),
        np.concatenate([np.full(len(SINGLE), crowding(np.array([1]), section, p)), crowding(size, section, p)]),
        size,
        growing,
        size / np.diff(size, prepend=0),
    )


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
    nearby = share_nearby(int(size.max()), tumour.neighbourhood, tumour.diameter)[size - 1]
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
