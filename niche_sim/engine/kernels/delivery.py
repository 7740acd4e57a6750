"""Particles carried along a directed flow on the grid, captured on the way.

A particle enters at a source site, may be captured there and at every further site it passes, and moves on to one of the
four neighbours downstream. `route[site, k]` is the probability of moving on to neighbour k (0: y - 1, 1: y + 1, 2: x - 1,
3: x + 1); what is missing to 1 leaves the grid. The flow has no loops: `order` lists the sites upstream first. Sites are
flat indices, `iy * columns + ix`; all arrays over sites are flat.
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

    order: int64[sites]; route: float64[sites, 4]; capture: float64[sites], probability of capture on passing a site;
    columns: sites in x; source_sites: int64[k]; source_share: float64[k], summing to 1.
    Returns (h, extraction): h float64[sites], the probability that a particle arriving at a site is captured there or
    downstream; extraction, the fraction of all entering particles that one pass captures.
    """
    steps = (-columns, columns, -1, 1)
    h = np.zeros(order.size)
    for position in range(order.size - 1, -1, -1):
        site = order[position]
        later = 0.0
        for k in range(4):
            if route[site, k] > 0.0:
                later += route[site, k] * h[site + steps[k]]
        h[site] = capture[site] + (1.0 - capture[site]) * later
    extraction = 0.0
    for k in range(source_sites.size):
        extraction += source_share[k] * h[source_sites[k]]
    return h, extraction


@compiled()
def captured_share(
    order: Sites, route: Numbers, capture: Numbers, columns: int, source_sites: Sites, source_share: Numbers
) -> Numbers:
    """Expected fraction of all entering particles that one pass captures at each site, float64[sites].

    The sweep goes downstream; arguments as for `pass_probability`. The sum is the extraction, the rest leaves.
    """
    steps = (-columns, columns, -1, 1)
    arriving = np.zeros(order.size)
    for k in range(source_sites.size):
        arriving[source_sites[k]] += source_share[k]
    for site in order:
        onward = arriving[site] * (1.0 - capture[site])
        for k in range(4):
            if route[site, k] > 0.0:
                arriving[site + steps[k]] += onward * route[site, k]
    return arriving * capture


@compiled()
def _conditioned(
    route: Numbers, h: Numbers, value_of_leaving: float, capture: Numbers, columns: int
) -> tuple[Numbers, Numbers]:
    """How particles move that are known to meet an outcome whose probability from each site is h.

    value_of_leaving is the probability of that outcome once a particle has left. Returns (onward, turns): onward
    float64[sites], probability of not being captured at the site; turns float64[sites, 5], for those the cumulative
    probability of the four neighbours, from 0; what is missing to 1 leaves.
    """
    steps = (-columns, columns, -1, 1)
    onward = np.zeros(h.size)
    turns = np.zeros((h.size, 5))
    for site in range(h.size):
        total = 0.0
        leaving = 1.0
        for k in range(4):
            if route[site, k] > 0.0:
                leaving -= route[site, k]
                weight = route[site, k] * h[site + steps[k]]
                total += weight
            turns[site, k + 1] = total
        # A site that lets nothing leave has this much by rounding.
        total += value_of_leaving * leaving if leaving > 1e-12 else 0.0
        if total > 0.0:
            onward[site] = max(1.0 - capture[site] / h[site], 0.0)
            # Where none leaves the last is total / total, exactly 1, and above every uniform.
            for k in range(1, 5):
                turns[site, k] /= total
    return onward, turns


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
    for particle in range(u_route.size):
        # One uniform makes every choice of the way: a choice of weight w out of total, made by u * total, leaves
        # (u * total - weights before) / w, which is uniform again.
        target = min(u_route[particle], _BELOW_ONE) * entering[-1]
        entry = np.searchsorted(entering, target, side="right")
        before = entering[entry - 1] if entry > 0 else 0.0
        u = min((target - before) / (entering[entry] - before), _BELOW_ONE)
        site = source_sites[entry]
        # Captured at the first site where the probability of having come so far uncaptured falls below this.
        luck = 1.0 - min(u_capture[particle], _BELOW_ONE)
        uncaptured = 1.0
        count = 1
        while True:
            uncaptured *= 1.0 - capture[site]
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
        sites[particle] = site
        passed[particle] = count
    return sites, passed
