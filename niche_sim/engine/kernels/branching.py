"""Backward steps of the probability that a clone meets an end: changes of state at each site, and walks between sites."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from niche_sim.engine.compiling import compiled

BLOCK = 64  # sites that are stepped together, so that several fit into one instruction
NEGLECTED = 1e-9  # of a probability: what the series leaves out
MOST_EVENTS = 100.0  # expected within one series; longer steps are made of several


@compiled(error_model="numpy")
def change_states(
    values: Any, leave: Any, go_on: Any, starting: float, birth: Any, deaths: Any, factors: Any, growing: Any,
    shrinking: Any, dt: float,
) -> None:  # pragma: no cover - compiled  # fmt: skip
    """Step values back by dt (h) in place, exactly for rates that are constant over it, by uniformisation.

    values: float64[3 + classes, sites], the probability from each situation: arrested, dormant, motile, then clones of cycling
    cells, the smallest first. What is lost has probability 0. leave, go_on: float64[3, sites], 1/h, at which the three are lost
    and go on: an arrested cell to a motile one (share `starting`) or a dormant one, that to a motile, this to the first clone.
    birth: float64[sites], 1/h, of a cell. deaths: float64[kinds, sites], 1/h, of a cell, and factors float64[kinds, classes],
    how each kind depends on the class. growing, shrinking: float64[classes], by how many cells' rates a class is left for the
    next and for the one before. A class with no way out keeps its value.

    The exact solution is a mean over how often something happens within dt, at most at the highest rate of a block of sites,
    so values stay between 0 and 1. Blocks are the same whatever runs beside: so are the bits.
    """
    rows, sites = values.shape
    classes = rows - 3
    # One row after the other, with an empty one before and after, so that a change is one loop over all of them.
    length = rows * BLOCK
    up, down, stay = np.zeros(length), np.zeros(length), np.zeros(length)
    also = np.zeros(BLOCK)  # from arrested to motile at once
    now, after, total = np.zeros(length + 2 * BLOCK), np.zeros(length + 2 * BLOCK), np.zeros(length)
    for start in range(0, sites, BLOCK):
        n = min(BLOCK, sites - start)
        fastest = 0.0
        for row in range(3):
            for i in range(n):
                up[row * BLOCK + i] = go_on[row, start + i]
                stay[row * BLOCK + i] = go_on[row, start + i] + leave[row, start + i]
        for c in range(classes):
            for i in range(n):
                death = 0.0
                for kind in range(deaths.shape[0]):
                    death += deaths[kind, start + i] * factors[kind, c]
                j = (3 + c) * BLOCK + i
                up[j] = birth[start + i] * growing[c]
                stay[j] = up[j] + death * shrinking[c]
                down[j] = death * shrinking[c] if c > 0 else 0.0  # what is left of a single cell is nothing
        for row in range(rows):
            for i in range(n):
                fastest = max(fastest, stay[row * BLOCK + i])
        if fastest == 0.0:
            continue
        parts = math.ceil(fastest * dt / MOST_EVENTS)
        events = fastest * dt / parts
        for j in range(length):
            up[j] /= fastest
            down[j] /= fastest
            stay[j] = 1.0 - stay[j] / fastest
        for i in range(BLOCK):
            also[i] = up[i] * starting
            up[i] -= also[i]
        for _ in range(parts):
            weight = math.exp(-events)
            left = 1.0 - weight
            for row in range(rows):
                for i in range(n):
                    now[(row + 1) * BLOCK + i] = values[row, start + i]
            for j in range(length):
                total[j] = weight * now[BLOCK + j]
            k = 0
            while left > NEGLECTED:
                k += 1
                weight *= events / k
                left -= weight
                if weight < 1e-17 and k > events:  # rounding is all that is left
                    break
                _mix(after, total, weight, now, up, down, stay)
                for i in range(BLOCK):
                    more = also[i] * now[3 * BLOCK + i]
                    after[BLOCK + i] += more
                    total[i] += weight * more
                now, after = after, now
            for row in range(rows):
                for i in range(n):
                    values[row, start + i] = total[row * BLOCK + i]


@compiled(error_model="numpy")
def _mix(after: Any, total: Any, weight: float, now: Any, up: Any, down: Any, stay: Any) -> None:
    length = np.uint64(up.size)  # pragma: no cover - compiled
    block = np.uint64(BLOCK)
    for j in range(length):
        mixed = up[j] * now[j + block + block] + down[j] * now[j] + stay[j] * now[j + block]
        after[j + block] = mixed
        total[j] += weight * mixed


@compiled(error_model="numpy")
def wander(
    value: Any, speed: Any, closed: Any, spacing: float, dt: float, rows_first: bool
) -> None:  # pragma: no cover - compiled
    """Step the probability of walking cells back by dt (h) in place: implicit, one direction after the other.

    value: float64[y, x]. speed: float64[y, x], the square root of the motility (um2/h) at a site: of walks whose speed differs
    from place to place the backward operator is speed * div(speed * grad). closed: bool[y, x], sites that are never entered.
    Crank and Nicolson's rule, in as many parts as keep every weight positive, so that values stay between 0 and 1.
    """
    fastest = 0.0
    for iy in range(value.shape[0]):
        for ix in range(value.shape[1]):
            fastest = max(fastest, speed[iy, ix])
    strongest = fastest**2 * dt / spacing**2
    parts = max(1, math.ceil(strongest))
    step = dt / parts / spacing**2 / 2.0
    for _ in range(parts):
        for turn in range(2):
            if (turn == 0) == rows_first:
                for iy in range(value.shape[0]):
                    _along(value[iy], speed[iy], closed[iy], step)
            else:
                for ix in range(value.shape[1]):
                    _along(value[:, ix], speed[:, ix], closed[:, ix], step)


@compiled(error_model="numpy")
def _along(value: Any, speed: Any, closed: Any, step: float) -> None:  # pragma: no cover - compiled
    """One half-implicit step along a line of sites, by Thomas's elimination."""
    n = value.size
    upper, right = np.empty(n), np.empty(n)
    before, last, carried = 0.0, 0.0, 0.0
    for i in range(n):
        after = 0.0
        if i + 1 < n and not closed[i] and not closed[i + 1]:
            after = (speed[i] + speed[i + 1]) / 2.0
        lower = step * speed[i] * before
        higher = step * speed[i] * after
        known = value[i]
        if i > 0:
            known += lower * (carried - value[i])
        if i + 1 < n:
            known += higher * (value[i + 1] - value[i])
        pivot = 1.0 + lower + higher - (lower * upper[i - 1] if i > 0 else 0.0)
        upper[i] = higher / pivot
        right[i] = (known + (lower * right[i - 1] if i > 0 else 0.0)) / pivot
        carried = value[i]
        before = after
    last = right[n - 1]
    value[n - 1] = last
    for i in range(n - 2, -1, -1):
        last = right[i] + upper[i] * last
        value[i] = last
