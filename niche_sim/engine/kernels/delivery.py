"""Particles carried along a directed flow on the grid, captured on the way.

A particle enters at a source site, may be captured there and at every further site it passes, and moves on to one of the
four neighbours downstream. `route[site, k]` is the probability of moving on to neighbour k (0: y - 1, 1: y + 1, 2: x - 1,
3: x + 1); what is missing to 1 leaves the grid. The flow has no loops: `order` lists the sites upstream first. Sites are
flat indices, `iy * columns + ix`; all arrays over sites are flat. In a block the flow is the same in every plane of sites:
`order` and `route` are those of one, an equal share enters each, and `capture` holds all planes one after the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.compiling import compiled

Sites = NDArray[np.int64]
Numbers = NDArray[np.float64]

# The largest float64 below 1. For every u up to it, u * total < total also after rounding.
_BELOW_ONE = 1.0 - 2.0**-53
_ROUNDING = 1e-12


@compiled()
def pass_probability(
    order: Sites, route: Numbers, capture: Numbers, columns: int, source_sites: Sites, source_share: Numbers
) -> tuple[Numbers, float]:
    """What becomes of a particle in one pass, by one sweep from the last site upstream.

    order: int64[sites]; route: float64[sites, 4]; capture: float64[planes * sites], probability of capture on passing a site;
    columns: sites in x; source_sites: int64[k]; source_share: float64[k], summing to 1.
    Returns (h, extraction): h float64[planes * sites], the probability that a particle arriving at a site is captured there or
    downstream; extraction, the fraction of all entering particles that one pass captures.
    """
    steps = (-columns, columns, -1, 1)
    h = np.zeros(capture.size)
    extraction = 0.0
    for plane in range(0, capture.size, order.size):
        for position in range(order.size - 1, -1, -1):
            here = order[position]
            site = plane + here
            later = 0.0
            for k in range(4):
                if route[here, k] > 0.0:
                    later += route[here, k] * h[site + steps[k]]
            h[site] = capture[site] + (1.0 - capture[site]) * later
        for k in range(source_sites.size):
            extraction += source_share[k] * h[plane + source_sites[k]]
    return h, extraction / (capture.size // order.size)


@compiled()
def captured_share(
    order: Sites, route: Numbers, capture: Numbers, columns: int, source_sites: Sites, source_share: Numbers
) -> Numbers:
    """Expected fraction of all entering particles that one pass captures at each site, float64[planes * sites].

    The sweep goes downstream; arguments as for `pass_probability`. The sum is the extraction, the rest leaves.
    """
    steps = (-columns, columns, -1, 1)
    arriving = np.zeros(capture.size)
    planes = capture.size // order.size
    for plane in range(0, capture.size, order.size):
        for k in range(source_sites.size):
            arriving[plane + source_sites[k]] += source_share[k] / planes
        for here in order:
            site = plane + here
            onward = arriving[site] * (1.0 - capture[site])
            for k in range(4):
                if route[here, k] > 0.0:
                    arriving[site + steps[k]] += onward * route[here, k]
    return arriving * capture


@compiled()
def pass_through(
    source_share: Numbers,
    source_sites: Sites,
    route: Numbers,
    capture: Numbers,
    columns: int,
    u_route: Numbers,
    u_capture: Numbers,
) -> tuple[Sites, NDArray[np.int32]]:
    """One pass of n particles, each walked from its source site to capture or out of the grid.

    Arguments as for `pass_probability`; u_route, u_capture: float64[n] uniforms in [0, 1), one of each a particle.
    Returns (site int64[n], passed int32[n]): the site of capture, -1 for those that leave uncaptured, and the number of
    sites passed, the entry and the last included.
    """
    steps = (-columns, columns, -1, 1)
    sites = np.empty(u_route.size, np.int64)
    passed = np.empty(u_route.size, np.int32)
    entering = np.cumsum(source_share)
    planes = capture.size // route.shape[0]
    for particle in range(u_route.size):
        # One uniform makes every choice of the way: a choice of weight w out of total, made by u * total, leaves
        # (u * total - weights before) / w, which is uniform again.
        target = min(u_route[particle], _BELOW_ONE) * planes
        plane = int(target)
        target = (target - plane) * entering[-1]
        plane *= route.shape[0]
        entry = np.searchsorted(entering, target, side="right")
        before = entering[entry - 1] if entry > 0 else 0.0
        u = min((target - before) / (entering[entry] - before), _BELOW_ONE)
        site = source_sites[entry]
        # Captured at the first site where the probability of having come so far uncaptured falls below this.
        luck = 1.0 - min(u_capture[particle], _BELOW_ONE)
        uncaptured = 1.0
        count = 1
        while True:
            uncaptured *= 1.0 - capture[plane + site]
            if uncaptured < luck:
                break
            chosen = -1  # unless a neighbour is chosen, the particle leaves
            weight = 1.0
            target = u
            for k in range(4):
                if route[site, k] > 0.0:
                    if target < route[site, k]:
                        chosen = site + steps[k]
                        weight = route[site, k]
                        break
                    target -= route[site, k]
            # What a sink sends on is less than 1 by what it drains; elsewhere the rest is rounding, and the last
            # neighbour gets it.
            if chosen < 0 and target < _ROUNDING:
                for k in range(4):
                    if route[site, k] > 0.0:
                        chosen = site + steps[k]
                        weight = route[site, k]
            site = chosen
            if site < 0:
                break
            u = min(target / weight, _BELOW_ONE)
            count += 1
        sites[particle] = site + plane if site >= 0 else -1
        passed[particle] = count
    return sites, passed
