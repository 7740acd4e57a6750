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
    shrinking: Any, dt: float, forward: bool,
) -> None:  # pragma: no cover - compiled  # fmt: skip
    """Step values back by dt (h) in place, exactly for rates that are constant over it, by uniformisation.

    values: float64[3 + classes, sites], the probability from each situation: arrested, dormant, motile, then clones of cycling
    cells, the smallest first. What is lost has probability 0. leave, go_on: float64[3, sites], 1/h, at which the three are lost
    and go on: an arrested cell to a motile one (share `starting`) or a dormant one, that to a motile, this to the first clone.
    birth: float64[sites], 1/h, of a cell. deaths: float64[kinds, sites], 1/h, of a cell, and factors float64[kinds, classes],
    how each kind depends on the class. growing, shrinking: float64[classes], by how many cells' rates a class is left for the
    next and for the one before. A class with no way out keeps its value. forward: values are numbers in each situation, not
    probabilities from it, and are stepped on; the one is the transpose of the other.

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
                down[row * BLOCK + i] = 0.0
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
        # Backward a row takes from those to which its cells go, forward from those that come to it.
        source, target = (3, 0) if not forward else (1, 2)
        if forward:
            for j in range(length - BLOCK):
                up[length - 1 - j] = up[length - 1 - j - BLOCK]
            up[:BLOCK] = 0.0
            for j in range(length - BLOCK):
                down[j] = down[j + BLOCK]
            down[length - BLOCK :] = 0.0
            up, down = down, up
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
                    more = also[i] * now[source * BLOCK + i]
                    after[(target + 1) * BLOCK + i] += more
                    total[target * BLOCK + i] += weight * more
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
    parts = max(1, math.ceil(fastest**2 * dt / spacing**2))
    step = dt / parts / spacing**2 / 2.0
    turned = value.T.copy()
    down, across = _between(speed, closed), _between(speed.T.copy(), closed.T.copy())
    speed_turned = speed.T.copy()
    for _ in range(parts):
        if rows_first:
            _all_along(turned, speed_turned, across, step)
            value[:] = turned.T
            _all_along(value, speed, down, step)
            turned[:] = value.T
        else:
            _all_along(value, speed, down, step)
            turned[:] = value.T
            _all_along(turned, speed_turned, across, step)
            value[:] = turned.T


@compiled(error_model="numpy")
def _between(speed: Any, closed: Any) -> Any:  # pragma: no cover - compiled
    """The speed between each site and the next along the first axis, 0 into or out of what is closed."""
    n, lines = speed.shape
    between = np.zeros((n, lines))
    for i in range(n - 1):
        for j in range(lines):
            if not closed[i, j] and not closed[i + 1, j]:
                between[i, j] = (speed[i, j] + speed[i + 1, j]) / 2.0
    return between


@compiled(error_model="numpy")
def _all_along(value: Any, speed: Any, between: Any, step: float) -> None:  # pragma: no cover - compiled
    """One half-implicit step along the first axis, by Thomas's elimination, all lines side by side."""
    n, lines = value.shape
    upper, right = np.zeros((n, lines)), np.zeros((n, lines))
    for i in range(n):
        here, before, after = max(i - 1, 0), i - (i > 0), i + (i + 1 < n)
        for j in range(lines):
            lower = step * speed[i, j] * between[here, j] if i > 0 else 0.0
            higher = step * speed[i, j] * between[i, j]
            known = value[i, j] + lower * (value[before, j] - value[i, j]) + higher * (value[after, j] - value[i, j])
            pivot = 1.0 + higher + lower * (1.0 - upper[here, j])
            upper[i, j] = higher / pivot
            right[i, j] = (known + lower * right[here, j]) / pivot
    for i in range(n - 1, -1, -1):
        after = i + (i + 1 < n)
        for j in range(lines):
            value[i, j] = right[i, j] + upper[i, j] * value[after, j]
