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
def sites_of(y: Any, x: Any, spacing: float, rows: int, columns: int) -> Any:  # pragma: no cover - compiled
    """Flat index of the site of each position (um), int64[n]: the nearest one of those outside, 0 where there is none."""
    sites = np.empty(y.shape, np.int64)
    out, flat_y, flat_x = sites.ravel(), y.ravel(), x.ravel()
    for i in range(out.size):
        iy, ix = flat_y[i] / spacing, flat_x[i] / spacing
        iy = min(iy, rows - 1.0) if iy > 0.0 else 0.0
        ix = min(ix, columns - 1.0) if ix > 0.0 else 0.0
        out[i] = int(iy) * columns + int(ix)
    return sites


@compiled()
def add_up(sites: Any, amount: Any, rows: int, columns: int) -> Any:  # pragma: no cover - compiled
    """Sum of amount[n] (or of amount[0] for all) on each site (flat index), float64[rows, columns]."""
    field = np.zeros((rows, columns))
    flat = field.ravel()
    for i in range(sites.size):
        flat[sites[i]] += amount[i if amount.size > 1 else 0]
    return field


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
