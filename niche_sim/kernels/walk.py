"""Cells that run straight, turn at random, and keep to where they may be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

SPLIT = float(2**26)  # a 53-bit uniform carries two independent numbers: 26 bits for the turn, 27 for the acceptance
HEADINGS = 1024  # directions of a run; sines from a table, since they would be half the cost of a step
_SINE = np.sin(2.0 * np.pi * np.arange(HEADINGS) / HEADINGS)
_COSINE = np.cos(2.0 * np.pi * np.arange(HEADINGS) / HEADINGS)


@njit(cache=True)
def walk(
    y: Any, x: Any, heading: Any, run: Any, turn_chance: float, uniforms: Any, weight: Any, spacing: float
) -> None:  # pragma: no cover - compiled
    """Move n cells in place by m sub-steps of a velocity-jump walk on a section with reflecting edges.

    y, x: float64[n], um. heading: float64[n], radians. run: float64[n], um per sub-step. turn_chance: per sub-step.
    uniforms: float64[n, m], one 53-bit number a sub-step. weight: float64[ny, nx], relative density of such cells at rest;
    a move from weight a to weight b is accepted with probability min(1, b / a), else the cell turns back, so that the walk
    leaves that density as it is.
    """
    ny, nx = weight.shape
    height, width = ny * spacing, nx * spacing
    per_um = 1.0 / spacing
    per_turn = HEADINGS / (turn_chance * SPLIT)
    flat = weight.ravel()
    n = y.size
    step_y, step_x, here = np.empty(n), np.empty(n), np.empty(n)
    for i in range(n):
        step_y[i], step_x[i] = run[i] * math.sin(heading[i]), run[i] * math.cos(heading[i])
        here[i] = flat[min(int(y[i] * per_um), ny - 1) * nx + min(int(x[i] * per_um), nx - 1)]
    # Cells in the inner loop: the moves of one cell wait for each other, those of different cells do not. And arithmetic
    # instead of branches: which way chance falls cannot be predicted, and a wrong guess costs most of a move.
    for j in range(uniforms.shape[1]):
        for i in range(n):
            scaled = uniforms[i, j] * SPLIT
            first = int(scaled)
            way = int(first * per_turn)
            turns = 1.0 if way < HEADINGS else 0.0
            way = way & (HEADINGS - 1)
            dy = step_y[i] + turns * (run[i] * _SINE[way] - step_y[i])
            dx = step_x[i] + turns * (run[i] * _COSINE[way] - step_x[i])
            new_y = height - abs(height - abs(y[i] + dy))  # mirrored at both edges
            new_x = width - abs(width - abs(x[i] + dx))
            mirrored_y = 1.0 if new_y == y[i] + dy else -1.0
            mirrored_x = 1.0 if new_x == x[i] + dx else -1.0
            there = flat[min(int(new_y * per_um), ny - 1) * nx + min(int(new_x * per_um), nx - 1)]
            moves = 1.0 if (scaled - first) * here[i] < there else 0.0
            y[i] += moves * (new_y - y[i])
            x[i] += moves * (new_x - x[i])
            here[i] += moves * (there - here[i])
            step_y[i] = dy * (moves * (1.0 + mirrored_y) - 1.0)
            step_x[i] = dx * (moves * (1.0 + mirrored_x) - 1.0)
    for i in range(n):
        heading[i] = math.atan2(step_y[i], step_x[i])


def sub_steps(speed: float, persistence: float, dt: float, spacing: float) -> int:
    """How many sub-steps keep a cell at `speed` (um/h) within one site and one mean run time each."""
    return max(1, math.ceil(max(speed * dt / spacing, dt / persistence) - 1e-9))


def fold(position: np.ndarray, length: float) -> np.ndarray:
    """Positions (um) mirrored back into 0 .. length at reflecting edges."""
    folded = np.mod(position, 2.0 * length)
    return np.minimum(np.where(folded > length, 2.0 * length - folded, folded), np.nextafter(length, 0.0))
