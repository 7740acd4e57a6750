"""Sums over a round neighbourhood: spread an amount around cells, or gather a field around cells."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from niche_sim.engine.compiling import compiled


@functools.lru_cache(maxsize=64)
def disc(radius: float, spacing: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Offsets dy, dx (int64[k], sites) and weights (float64[k], sum 1) of a disc of `radius` um around a site's middle.

    A site counts by the share of its area inside the disc (16 x 16 probe points), so that the sum over the disc hardly
    depends on the spacing.
    """
    reach = int(np.ceil(radius / spacing + 0.5))
    offsets = np.arange(-reach, reach + 1)
    probe = (np.arange(16) + 0.5) / 16 - 0.5
    along = (offsets[:, None] + probe[None, :]) * spacing  # um [sites, probes]
    # Row by row, since all probe points of a wide disc on a fine grid would take gigabytes.
    share = np.array([(row[:, None, None] ** 2 + along[None, :, :] ** 2 <= radius**2).mean(axis=(0, 2)) for row in along])
    if not share.any():  # so small that it holds no probe point
        share[reach, reach] = 1.0
    dy, dx = np.nonzero(share)
    weights = share[dy, dx] / share.sum()
    return offsets[dy], offsets[dx], weights


@compiled()
def mirrored(index: int, length: int) -> int:  # pragma: no cover - compiled
    """Site index reflected at the edges."""
    while index < 0 or index >= length:
        index = -1 - index if index < 0 else 2 * length - 1 - index
    return index


@compiled()
def spread(field: Any, sites: Any, amount: Any, dy: Any, dx: Any, weights: Any) -> None:  # pragma: no cover - compiled
    """Add amount[i] around sites[i] (flat index) to field[ny, nx] in place, shared out by the disc's weights."""
    ny, nx = field.shape
    flat = field.ravel()
    ahead = dy * nx + dx
    reach = dy.max()
    for i in range(sites.size):
        if amount[i] == 0.0:
            continue
        y, x = sites[i] // nx, sites[i] % nx
        if reach <= y < ny - reach and reach <= x < nx - reach:
            for j in range(ahead.size):
                flat[sites[i] + ahead[j]] += amount[i] * weights[j]
        else:
            for j in range(ahead.size):
                flat[mirrored(y + dy[j], ny) * nx + mirrored(x + dx[j], nx)] += amount[i] * weights[j]


@compiled()
def gather(field: Any, sites: Any, dy: Any, dx: Any, weights: Any) -> Any:  # pragma: no cover - compiled
    """Weighted mean of field[ny, nx] over the disc around each of sites (flat index): float64[n]."""
    ny, nx = field.shape
    flat = field.ravel()
    ahead = dy * nx + dx
    reach = dy.max()
    out = np.empty(sites.size)
    for i in range(sites.size):
        y, x = sites[i] // nx, sites[i] % nx
        total = 0.0
        if reach <= y < ny - reach and reach <= x < nx - reach:
            for j in range(ahead.size):
                total += flat[sites[i] + ahead[j]] * weights[j]
        else:
            for j in range(ahead.size):
                total += flat[mirrored(y + dy[j], ny) * nx + mirrored(x + dx[j], nx)] * weights[j]
        out[i] = total
    return out


@compiled()
def gather_own(
    first: Any, count: Any, members: Any, sites: Any, shape: Any, dy: Any, dx: Any, weights: Any
) -> Any:  # pragma: no cover - compiled
    """What `gather` gives around each of sites (flat index) of a field that holds but the members of one group: float64[n].

    members: sites of all members, group by group; first, count: int64[n], where the group of each site begins, and its size.
    shape: sites (ny, nx).
    """
    ny, nx = shape
    reach = max(dy.max(), dx.max())
    table = np.zeros((2 * reach + 1, 2 * reach + 1))
    for j in range(dy.size):
        table[dy[j] + reach, dx[j] + reach] += weights[j]
    out = np.zeros(sites.size)
    for i in range(sites.size):
        y, x = sites[i] // nx, sites[i] % nx
        for k in range(first[i], first[i] + count[i]):
            my, mx = members[k] // nx, members[k] % nx
            for to_y in (my, -1 - my, 2 * ny - 1 - my):  # a member and its reflections at the edges
                for to_x in (mx, -1 - mx, 2 * nx - 1 - mx):
                    if abs(to_y - y) <= reach and abs(to_x - x) <= reach:
                        out[i] += table[to_y - y + reach, to_x - x + reach]
    return out
