"""Sums over a round neighbourhood: spread an amount around cells, or gather a field around cells.

Fields are float64[ny, nx], of a block [nz, ny, nx]; the flat index of a site is (z * ny + y) * nx + x.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from niche_sim.engine.compiling import compiled

BELOW_ONE = 1.0 - 2.0**-53  # the largest float64 below 1


@functools.lru_cache(maxsize=64)
def disc(radius: float, spacing: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Offsets dz (all 0), dy, dx (int64[k], sites) and weights (float64[k], sum 1) of a disc of `radius` um around a site's middle.

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
    return np.zeros_like(dy), offsets[dy], offsets[dx], weights


@functools.lru_cache(maxsize=64)
def ball(radius: float, spacing: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The same of a ball: offsets dz, dy, dx and weights by the share of a cubic site's volume inside (8 probe points an axis)."""
    reach = int(np.ceil(radius / spacing + 0.5))
    offsets = np.arange(-reach, reach + 1)
    along = (offsets[:, None] + ((np.arange(8) + 0.5) / 8 - 0.5)[None, :]) * spacing  # um [sites, probes]
    plane = along[:, None, :, None] ** 2 + along[None, :, None, :] ** 2  # [y, x, probes, probes]
    share = np.array([np.mean([(z**2 + plane <= radius**2).mean(axis=(2, 3)) for z in layer], axis=0) for layer in along])
    if not share.any():  # so small that it holds no probe point
        share[reach, reach, reach] = 1.0
    dz, dy, dx = np.nonzero(share)
    return offsets[dz], offsets[dy], offsets[dx], share[dz, dy, dx] / share.sum()


@compiled()
def sites_of(
    y: Any, x: Any, spacing: float, layers: int, rows: int, columns: int, z: Any = None
) -> Any:  # pragma: no cover - compiled
    """Flat index of the site of each position (um), int64[n]: the nearest one of those outside, 0 where there is none.

    z: None in a section.
    """
    sites = np.empty(y.shape, np.int64)
    out, flat_y, flat_x = sites.ravel(), y.ravel(), x.ravel()
    flat_z = flat_y if z is None else z.ravel()
    for i in range(out.size):
        iy, ix = flat_y[i] / spacing, flat_x[i] / spacing
        iy = min(iy, rows - 1.0) if iy > 0.0 else 0.0
        ix = min(ix, columns - 1.0) if ix > 0.0 else 0.0
        out[i] = int(iy) * columns + int(ix)
        if z is not None:
            iz = flat_z[i] / spacing
            iz = min(iz, layers - 1.0) if iz > 0.0 else 0.0
            out[i] += int(iz) * rows * columns
    return sites


@compiled()
def add_up(sites: Any, amount: Any, size: int) -> Any:  # pragma: no cover - compiled
    """Sum of amount[n] (or of amount[0] for all) on each of `size` sites (flat index), float64[size]."""
    flat = np.zeros(size)
    for i in range(sites.size):
        flat[sites[i]] += amount[i if amount.size > 1 else 0]
    return flat


@compiled()
def mirrored(index: int, length: int) -> int:  # pragma: no cover - compiled
    """Site index reflected at the edges."""
    while index < 0 or index >= length:
        index = -1 - index if index < 0 else 2 * length - 1 - index
    return index


@compiled()
def spread(field: Any, sites: Any, amount: Any, dz: Any, dy: Any, dx: Any, weights: Any) -> None:  # pragma: no cover - compiled
    """Add amount[i] around sites[i] (flat index) to a field in place, shared out by the weights of a disc or ball."""
    ny, nx = field.shape[-2], field.shape[-1]
    nz = field.size // (ny * nx)
    flat = field.ravel()
    ahead = (dz * ny + dy) * nx + dx
    reach, deep = dy.max(), dz.max()
    for i in range(sites.size):
        if amount[i] == 0.0:
            continue
        z, y, x = sites[i] // nx // ny, sites[i] // nx % ny, sites[i] % nx
        if reach <= y < ny - reach and reach <= x < nx - reach and deep <= z < nz - deep:
            for j in range(ahead.size):
                flat[sites[i] + ahead[j]] += amount[i] * weights[j]
        else:
            for j in range(ahead.size):
                line = mirrored(z + dz[j], nz) * ny + mirrored(y + dy[j], ny)
                flat[line * nx + mirrored(x + dx[j], nx)] += amount[i] * weights[j]


@compiled(inline="always")
def around(
    flat: Any, site: int, ny: int, nx: int, dz: Any, dy: Any, dx: Any, ahead: Any, deep: int, reach: int, weights: Any
) -> float:  # pragma: no cover - compiled
    """Weighted mean of a flat field over the disc or ball around one site; ahead: its offsets of the flat index."""
    z, y, x = site // nx // ny, site // nx % ny, site % nx
    nz = flat.size // (ny * nx)
    total = 0.0
    if reach <= y < ny - reach and reach <= x < nx - reach and deep <= z < nz - deep:
        for j in range(ahead.size):
            total += flat[site + ahead[j]] * weights[j]
    else:
        for j in range(dy.size):
            line = mirrored(z + dz[j], nz) * ny + mirrored(y + dy[j], ny)
            total += flat[line * nx + mirrored(x + dx[j], nx)] * weights[j]
    return total


@compiled()
def gather(field: Any, sites: Any, dz: Any, dy: Any, dx: Any, weights: Any) -> Any:  # pragma: no cover - compiled
    """Weighted mean of a field over the disc or ball around each of sites (flat index): float64[n]."""
    ny, nx = field.shape[-2], field.shape[-1]
    flat = field.ravel()
    ahead, reach, deep = (dz * ny + dy) * nx + dx, dy.max(), dz.max()
    out = np.empty(sites.size)
    for i in range(sites.size):
        out[i] = around(flat, sites[i], ny, nx, dz, dy, dx, ahead, deep, reach, weights)
    return out


@compiled()
def find_room(
    field: Any, z: Any, y: Any, x: Any, step_z: Any, step_y: Any, step_x: Any, most_steps: int, most: float, spacing: float,
    dz: Any, dy: Any, dx: Any, weights: Any,
) -> Any:  # pragma: no cover - compiled  # fmt: skip
    """The nearest place on each way whose neighbourhood is less dense than `most`: z, y, x (um, [n]) and whether there is one.

    z, y, x: starts, um, float64[n] (z is not looked at in a section); step_z, step_y, step_x: float64[n], um a step; edges
    reflect. Where there is no such place within most_steps, the start. dz, dy, dx, weights: the disc or ball of a neighbourhood.
    """
    ny, nx = field.shape[-2], field.shape[-1]
    flat = field.ravel()
    nz = flat.size // (ny * nx)
    ahead, reach, deep = (dz * ny + dy) * nx + dx, dy.max(), dz.max()
    out_z, out_y, out_x, found = z.copy(), y.copy(), x.copy(), np.zeros(y.size, np.bool_)
    for i in range(y.size):
        for step in range(1, most_steps + 1):
            to_y = fold(y[i] + step * step_y[i], ny * spacing)
            to_x = fold(x[i] + step * step_x[i], nx * spacing)
            site = int(to_y / spacing) * nx + int(to_x / spacing)
            if nz > 1:
                to_z = fold(z[i] + step * step_z[i], nz * spacing)
                site += int(to_z / spacing) * ny * nx
            else:
                to_z = z[i]
            if around(flat, site, ny, nx, dz, dy, dx, ahead, deep, reach, weights) < most:
                out_z[i], out_y[i], out_x[i], found[i] = to_z, to_y, to_x, True
                break
    return out_z, out_y, out_x, found


@compiled(error_model="numpy")
def fold(position: float, length: float) -> float:  # pragma: no cover - compiled
    """A position (um) mirrored back into 0 .. length at reflecting edges."""
    folded = position % (2.0 * length)
    return min(2.0 * length - folded if folded > length else folded, length * BELOW_ONE)


@compiled()
def gather_own(
    first: Any, count: Any, members: Any, sites: Any, grid: Any, dz: Any, dy: Any, dx: Any, weights: Any
) -> Any:  # pragma: no cover - compiled
    """What `gather` gives around each of sites (flat index) of a field that holds but the members of one group: float64[n].

    members: sites of all members, group by group; first, count: int64[n], where the group of each site begins, and its size.
    grid: sites (nz, ny, nx).
    """
    nz, ny, nx = grid
    reach, deep = max(dy.max(), dx.max()), dz.max()
    table = np.zeros((2 * deep + 1, 2 * reach + 1, 2 * reach + 1))
    for j in range(dy.size):
        table[dz[j] + deep, dy[j] + reach, dx[j] + reach] += weights[j]
    out = np.zeros(sites.size)
    for i in range(sites.size):
        z, y, x = sites[i] // nx // ny, sites[i] // nx % ny, sites[i] % nx
        for k in range(first[i], first[i] + count[i]):
            mz, my, mx = members[k] // nx // ny, members[k] // nx % ny, members[k] % nx
            for to_z in (mz, -1 - mz, 2 * nz - 1 - mz):  # a member and its reflections at the edges
                if abs(to_z - z) > deep:
                    continue
                for to_y in (my, -1 - my, 2 * ny - 1 - my):
                    for to_x in (mx, -1 - mx, 2 * nx - 1 - mx):
                        if abs(to_y - y) <= reach and abs(to_x - x) <= reach:
                            out[i] += table[to_z - z + deep, to_y - y + reach, to_x - x + reach]
    return out
