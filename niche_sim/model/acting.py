"""What rules of several stages do alike: cells walk and enter, signals spread."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance, birth_key
from niche_sim.engine.kernels.spectral import spectral_step
from niche_sim.engine.kernels.walk import STILL, sub_steps, walk
from niche_sim.engine.laws import MOLECULE, rate_of, turn_chance
from niche_sim.model.cells import BoneMarrowDerivedCells, KupfferCells, NaturalKillerCells, TCells, TumourCells
from niche_sim.model.process import Process
from niche_sim.model.state import Field, State

Walking = KupfferCells | NaturalKillerCells | TCells  # the cells of an organ that patrol it


class Walker(Protocol):
    """Numbers of the register that a walk needs: speed (um/h) and persistence (h)."""

    @property
    def speed(self) -> float: ...
    @property
    def persistence(self) -> float: ...


def patrol(
    process: Process, state: State, cells: Walking, speed: NDArray[np.float64], numbers: Walker, chance: Chance, dt: float
) -> None:
    """Let every cell of a population walk for dt (h) at its own speed (um/h)."""
    name, spacing = cells.population, state.section.spacing
    steps = sub_steps(numbers.speed, numbers.persistence, dt, spacing)
    moving = np.flatnonzero(speed * dt > STILL * spacing)
    draws = chance.uniform32(process, cells.key[moving], steps, purpose=name).reshape(-1, steps)
    turn = turn_chance(dt / steps, numbers.persistence)
    walk_rows(state, cells, moving, speed[moving] * dt / steps, turn, draws)


def walk_rows(
    state: State, cells: Walking | BoneMarrowDerivedCells | TumourCells, rows: Any, run: Any, turn: float, draws: Any
) -> None:
    """Move some rows of a population; the other arguments are those of `walk`."""
    y, x, heading = cells.y[rows], cells.x[rows], cells.heading[rows]
    z = cells.z[rows] if state.section.is_block else None
    walk(y, x, heading, run, turn, draws, state.resting_density[cells.population], state.section.spacing, z)
    cells.y[rows], cells.x[rows], cells.heading[rows] = y, x, heading
    if z is not None:
        cells.z[rows] = z


def enter(process: Process, state: State, cells: Walking, n: int, chance: Chance) -> NDArray[np.float64]:
    """Add n cells where such cells live at rest. Returns a uniform for each, to decide more of it, float64[n]."""
    keys = birth_key(cells.stream, process.stream, state.step_index, np.arange(n))
    draws = chance.uniform(process, keys, 5, purpose="place")
    cells.add(n, key=keys, heading=2.0 * np.pi * draws[:, 3], **state.place(cells.population, draws[:, :3]))
    uniforms: NDArray[np.float64] = draws[:, 4]
    return uniforms


def spread_out(state: State, field: Field, secreted: Field, diffusivity: float, half_life: float, dt: float) -> Field:
    """A signal (nM) after dt (h) of secretion (nM um3 per h and site), diffusion and decay; less than a molecule is none."""
    section = state.section
    if not secreted.any() and field.sum() * section.site_volume < MOLECULE:
        return np.zeros(section.shape)
    step = spectral_step(section.shape, section.spacing, diffusivity, rate_of(half_life), dt)
    return step.advance(field, secreted / section.site_volume)
