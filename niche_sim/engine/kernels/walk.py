"""Cells that run straight, turn at random, and keep to where they may be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from niche_sim.engine.compiling import compiled

SPLIT = float(2**16)  # a 32-bit uniform carries two independent numbers: 16 bits for the turn, 16 for the acceptance
STILL = 0.05  # whoever makes less than this part of a site in a step need not be walked
HEADINGS = 1024  # directions of a run; sines from a table, since they would be half the cost of a step
_SINE = np.sin(2.0 * np.pi * np.arange(HEADINGS) / HEADINGS)
_COSINE = np.cos(2.0 * np.pi * np.arange(HEADINGS) / HEADINGS)


def _over_a_sphere() -> Any:
    """Directions (z, y, x) of length 1, even over a sphere, float64[HEADINGS, 3]: number 8 k + r is the k-th of an octant with
    the signs of z, y, x turned where bits 4, 2, 1 of r are set, so that the mirror image of a direction is one, too.
    """
    each = HEADINGS // 8
    up = (np.arange(each) + 0.5) / each  # bands of one area; the golden ratio spreads angles evenly
    angle = np.pi / 2.0 * np.mod((np.arange(each) + 0.5) * (math.sqrt(5.0) - 1.0) / 2.0, 1.0)
    octant = np.stack([up, np.sqrt(1.0 - up**2) * np.sin(angle), np.sqrt(1.0 - up**2) * np.cos(angle)], axis=1)
    turned = 1.0 - 2.0 * (np.arange(8)[:, None] >> np.array([2, 1, 0]) & 1)
    directions: Any = (octant[:, None, :] * turned[None, :, :]).reshape(-1, 3)
    return directions / np.sqrt((directions**2).mean(axis=0) * 3.0)  # each axis has a third of the mean square


_Z, _Y, _X = (np.ascontiguousarray(axis) for axis in _over_a_sphere().T)


@compiled(error_model="numpy")
def walk(
    y: Any, x: Any, heading: Any, run: Any, turn_chance: float, uniforms: Any, weight: Any, spacing: float, z: Any = None
) -> None:  # pragma: no cover - compiled
    """Move n cells in place by m sub-steps of a velocity-jump walk on a section with reflecting edges, or through a block.

    y, x: float64[n], um; z: the same in a block, None in a section. In a block a heading is the number of one of `HEADINGS`
    directions over the sphere, as a share of 2 pi. heading: float64[n], radians; the nearest of `HEADINGS` is taken.
    run: float64[n], um per sub-step. turn_chance: per sub-step.
    uniforms: float64[n, m], one 32-bit number a sub-step. weight: float64[ny, nx] or [nz, ny, nx], relative density of such
    cells at rest; a move from weight a to weight b is accepted with probability min(1, b / a), else the cell turns back, so
    that the walk leaves that density as it is.
    """
    ny, nx = weight.shape[-2], weight.shape[-1]
    plane = np.int32(ny * nx)
    nz = weight.size // (ny * nx)
    height, width = ny * spacing, nx * spacing
    per_um = 1.0 / spacing
    per_turn = HEADINGS / (turn_chance * SPLIT)
    columns = np.int32(nx)
    depth = nz * spacing
    flat = weight.ravel()
    n = y.size
    step_y, step_x, new_y, new_x = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    inside_y, inside_x, luck = np.empty(n), np.empty(n), np.empty(n)
    here, there = np.empty(n), np.empty(n)
    faces = np.empty(n, np.int32)  # the direction of the last turn; edges and refusals only change signs
    per_radian = HEADINGS / (2.0 * math.pi)
    way, site = np.empty(n, np.int32), np.empty(n, np.int32)
    along_y, along_x = (_SINE, _COSINE) if z is None else (_Y, _X)
    step_z, new_z, inside_z = np.empty(n), np.empty(n), np.empty(n)  # not looked at in a section
    for i in range(n):
        faces[i] = np.int32(math.floor(heading[i] * per_radian + 0.5)) & np.int32(HEADINGS - 1)
        step_y[i], step_x[i] = run[i] * along_y[faces[i]], run[i] * along_x[faces[i]]
        start = min(int(y[i] * per_um), ny - 1) * nx + min(int(x[i] * per_um), nx - 1)
        if z is not None:
            step_z[i] = run[i] * _Z[faces[i]]
            start += min(int(z[i] * per_um), nz - 1) * ny * nx
        here[i] = flat[start]
    # One sub-step of all cells at a time, in short loops without branches: the compiler then handles several cells at
    # once, which makes this three times as fast as one loop a cell.
    for j in range(uniforms.shape[1]):
        for i in range(n):
            scaled = uniforms[i, j] * SPLIT
            first = math.floor(scaled)
            luck[i] = scaled - first
            way[i] = np.int32(first * per_turn)
        for i in range(n):
            turns = 1.0 if way[i] < HEADINGS else 0.0
            k = np.uint32(way[i]) & np.uint32(HEADINGS - 1)
            step_y[i] += turns * (run[i] * along_y[k] - step_y[i])
            step_x[i] += turns * (run[i] * along_x[k] - step_x[i])
            if z is not None:
                step_z[i] += turns * (run[i] * _Z[k] - step_z[i])
            faces[i] = way[i] if way[i] < HEADINGS else faces[i]
        for i in range(n):
            new_y[i], new_x[i] = y[i] + step_y[i], x[i] + step_x[i]
            inside_y[i] = 1.0 if (new_y[i] >= 0.0) & (new_y[i] <= height) else -1.0
            inside_x[i] = 1.0 if (new_x[i] >= 0.0) & (new_x[i] <= width) else -1.0
            new_y[i] = height - abs(height - abs(new_y[i]))  # mirrored at both edges
            new_x[i] = width - abs(width - abs(new_x[i]))
            row = min(np.int32(new_y[i] * per_um), np.int32(ny - 1))
            site[i] = row * columns + min(np.int32(new_x[i] * per_um), np.int32(nx - 1))
            if z is not None:
                new_z[i] = z[i] + step_z[i]
                inside_z[i] = 1.0 if (new_z[i] >= 0.0) & (new_z[i] <= depth) else -1.0
                new_z[i] = depth - abs(depth - abs(new_z[i]))
                site[i] += min(np.int32(new_z[i] * per_um), np.int32(nz - 1)) * plane
        for i in range(n):
            there[i] = flat[np.uint32(site[i])]
        for i in range(n):
            moves = 1.0 if luck[i] * here[i] < there[i] else 0.0
            step_y[i] *= (
                moves * (1.0 + inside_y[i]) - 1.0
            )  # it keeps its way, or an edge mirrors it; refused, it turns back
            step_x[i] *= moves * (1.0 + inside_x[i]) - 1.0
            y[i] += moves * (new_y[i] - y[i])
            x[i] += moves * (new_x[i] - x[i])
            here[i] += moves * (there[i] - here[i])
            if z is not None:
                step_z[i] *= moves * (1.0 + inside_z[i]) - 1.0
                z[i] += moves * (new_z[i] - z[i])
    for i in range(n):
        if z is not None:
            k = faces[i]
            k ^= 4 * (step_z[i] * _Z[k] < 0.0) + 2 * (step_y[i] * _Y[k] < 0.0) + 1 * (step_x[i] * _X[k] < 0.0)
            heading[i] = k / per_radian
            continue
        angle = faces[i] / per_radian
        if step_y[i] * _SINE[faces[i]] < 0.0:
            angle = -angle
        if step_x[i] * _COSINE[faces[i]] < 0.0:
            angle = math.pi - angle
        if angle > math.pi:
            angle -= 2.0 * math.pi
        elif angle < -math.pi:
            angle += 2.0 * math.pi
        heading[i] = angle


def sub_steps(speed: float, persistence: float, dt: float, spacing: float) -> int:
    """How many sub-steps keep a cell at `speed` (um/h) within one site and one mean run time each."""
    return max(1, math.ceil(max(speed * dt / spacing, dt / persistence) - 1e-9))
