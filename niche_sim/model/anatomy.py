"""Where: a slice or a block of tissue, its grid, vessels, zones and the flow along its sinusoids. It does not change in a run."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.errors import InputError
from niche_sim.engine.kernels.neighbourhood import ball, disc, sites_of
from niche_sim.engine.kernels.spectral import solve_poisson

Field = NDArray[np.float64]

# A run holds some tens of fields of this many sites (32 MB each).
MOST_SITES = 4_000_000


class _Frozen:
    """Makes every array attribute read-only, also after unpickling."""

    def __post_init__(self) -> None:
        for value in self.__dict__.values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()


@dataclass(frozen=True, eq=False)
class Flow(_Frozen):
    """Blood flow along the sinusoids, as routes between sites (flat index iy * columns + ix), the same in every plane of a block.

    order: int64[sites], upstream first.
    route: float64[sites, 4], probability that what leaves a site goes to its neighbour at y - 1, y + 1, x - 1, x + 1;
        what is missing to 1 leaves by a central vein.
    source_sites: int64[k], sites where blood enters; source_share: float64[k], their shares of the inflow, sum 1.
    sink_sites: int64[m], sites where blood leaves.
    passage: float64 of the section's shape, um of sinusoid that one passed site stands for; 0 in a vessel's lumen.
    """

    order: NDArray[np.int64]
    route: Field
    source_sites: NDArray[np.int64]
    source_share: Field
    sink_sites: NDArray[np.int64]
    passage: Field


@dataclass(frozen=True, eq=False)
class Section(_Frozen):
    """A slice of tissue on square sites with no-flux edges, or a block of such planes on cubic sites. Lengths in um.

    Positions are (y, x) from the first corner, in a block (z, y, x); what follows has the shape of the sites.
    shape: sites (ny, nx), of a block (nz, ny, nx). thickness: of a plane of sites; slab: of a section as a histologist cuts it.
    lobule: int64, index of the lobule. zone: float64, 0 portal .. 1 central by rank
    of area: a third of the parenchyma lies below 1/3, a third above 2/3. portal_triads: float64[k, 2] and
    central_veins: float64[m, 2], centres (y, x) of the vessels that reach into the section (a centre may lie just
    outside); in a block they run along z. lumen: bool, sites inside a vessel, where there is no parenchyma. flow: the sinusoids.
    """

    shape: tuple[int, ...]
    spacing: float
    thickness: float
    lobule: NDArray[np.int64]
    zone: Field
    portal_triads: Field
    central_veins: Field
    lumen: NDArray[np.bool_]
    flow: Flow
    slab: float

    @staticmethod
    def liver(
        width: float,
        height: float,
        spacing: float,
        thickness: float,
        lobule_radius: float,
        portal_radius: float,
        central_radius: float,
        depth: float | None = None,
    ) -> Section:
        """A section or block of liver, see `liver_section`."""
        return liver_section(width, height, spacing, thickness, lobule_radius, portal_radius, central_radius, depth)

    @property
    def grid(self) -> tuple[int, int, int]:
        """Sites (nz, ny, nx); nz is 1 in a section."""
        ny, nx = self.shape[-2:]
        return (self.shape[0] if self.is_block else 1), ny, nx

    @property
    def is_block(self) -> bool:
        """Whether it is more than one site deep."""
        return len(self.shape) > 2

    @property
    def depth(self) -> float:
        """um along z."""
        return self.grid[0] * self.thickness

    @property
    def slabs(self) -> float:
        """How many sections of the usual thickness it holds: 1 in a section."""
        return self.depth / self.slab

    @property
    def height(self) -> float:
        """um along y."""
        return self.shape[-2] * self.spacing

    @property
    def width(self) -> float:
        """um along x."""
        return self.shape[-1] * self.spacing

    @property
    def area(self) -> float:
        """um2."""
        return self.height * self.width

    @property
    def volume(self) -> float:
        """um3."""
        return self.area * self.depth

    @property
    def site_volume(self) -> float:
        """um3."""
        return self.spacing**2 * self.thickness

    def inside(self, y: Field, x: Field) -> NDArray[np.bool_]:
        """Which positions, um, lie in the section, its edges included."""
        within: NDArray[np.bool_] = (y >= 0) & (y <= self.height) & (x >= 0) & (x <= self.width)
        return within

    def ball(self, radius: float) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Field]:
        """Offsets dz, dy, dx (sites) and weights of a neighbourhood of `radius` um: a ball, of which a section is the middle."""
        return ball(radius, self.spacing) if self.is_block else disc(radius, self.spacing)

    def site_of(self, y: Field, x: Field, z: Field | None = None) -> NDArray[np.int64]:
        """Flat site index of each position, um; positions outside belong to the nearest site of the edge.

        What has no place (not a number) is at site 0: whoever asks leaves it out.
        """
        y, x = np.asarray(y, np.float64), np.asarray(x, np.float64)
        return sites_of(y, x, self.spacing, *self.grid, np.asarray(z, np.float64) if self.is_block else None)

    def within(self, sites: NDArray[np.int64], y: Field, x: Field, z: Field | float) -> dict[str, Field]:
        """Positions as columns of cells, um: y, x and in a block z. Where in its site (flat index), as a share of its side."""
        lines, ix = np.divmod(sites, self.shape[-1])
        if not self.is_block:
            return {"y": (lines + y) * self.spacing, "x": (ix + x) * self.spacing}
        iz, iy = np.divmod(lines, self.shape[-2])
        return {"y": (iy + y) * self.spacing, "x": (ix + x) * self.spacing, "z": (iz + z) * self.spacing}

    def place(self, uniforms: Field, cumulative: Field) -> dict[str, Field]:
        """Positions as columns of cells (y, x and in a block z), um, drawn by site weights and evenly within a site.

        uniforms: float64[n, 3] in [0, 1), for site, y and x; what is left of the first after the choice is even again and
        serves for z. cumulative: float64[sites], np.cumsum of weights that are not negative and of any sum > 0. Raises
        ValueError if it does not fit or all weights are 0.
        """
        if cumulative.shape != (self.zone.size,):
            raise ValueError(f"cumulative weights of shape {cumulative.shape} on a section of {self.shape}")
        if not cumulative[-1] > 0:
            raise ValueError("no site has a positive weight")
        drawn = uniforms[:, 0] * cumulative[-1]
        sites = np.minimum(np.searchsorted(cumulative, drawn, side="right"), np.searchsorted(cumulative, cumulative[-1]))
        # Off the very edge of a site, so that rounding cannot put a position into the next one.
        within = np.minimum(np.maximum(uniforms[:, 1:], 1e-9), 1 - 1e-9)
        before = np.where(sites > 0, cumulative[sites - 1], 0.0)
        left = (drawn - before) / (cumulative[sites] - before)
        return self.within(sites, within[:, 0], within[:, 1], np.minimum(np.maximum(left, 1e-9), 1 - 1e-9))


@lru_cache(maxsize=8)
def liver_section(
    width: float,
    height: float,
    spacing: float,
    thickness: float,
    lobule_radius: float,
    portal_radius: float,
    central_radius: float,
    depth: float | None = None,
) -> Section:
    """Hexagonal lobules around central veins, a portal triad at every corner; all arguments in um.

    lobule_radius is that of the hexagon's corners; one central vein is in the middle of the section. Sinusoids are an
    even porous medium: pressure solves Darcy's equation between the discs of triads and veins. Every triad gives the
    same flow, every vein takes the same; one cut by the edge as much as its share inside. depth: None or one spacing is a
    section of `thickness`; deeper, lobules are prisms and vessels run along z, and every plane of sites is alike. Equal arguments
    return the same section. Raises InputError.
    """
    lengths = {
        "width": width,
        "height": height,
        "spacing": spacing,
        "thickness": thickness,
        "lobule_radius": lobule_radius,
        "portal_radius": portal_radius,
        "central_radius": central_radius,
    }
    if depth is not None:
        lengths["depth"] = depth
    for name, value in lengths.items():
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"section.{name}", f"{value:g} um", "a length above 0 um")
    shape = (_sites_along("height", height, spacing), _sites_along("width", width, spacing))
    layers = 1 if depth is None else _sites_along("depth", depth, spacing)
    if layers * shape[0] * shape[1] > MOST_SITES:
        found = f"{spacing:g} um makes {layers * shape[0] * shape[1]:,} sites"
        raise InputError("section.spacing", found, f"at most {MOST_SITES:,} sites")
    for name, least in (("width", math.sqrt(3.0) * lobule_radius), ("height", 2.0 * lobule_radius)):
        if lengths[name] < least:
            raise InputError(f"section.{name}", f"{lengths[name]:g} um", f"at least one lobule, {least:.4g} um")
    # Triads are one lobule_radius apart, and as far from the central vein: vessels must not touch, sites must resolve.
    for name in ("spacing", "portal_radius", "central_radius"):
        if lengths[name] > lobule_radius / 3.0:
            allowed = f"at most a third of the lobule_radius, {lobule_radius / 3.0:.4g} um"
            raise InputError(f"section.{name}", f"{lengths[name]:g} um", allowed)

    spacing, thickness = float(spacing), float(thickness)
    veins, triads = _lobule_lattices(lobule_radius)
    middle = np.array([height / 2.0, width / 2.0])
    period = np.array([3.0, math.sqrt(3.0)]) * lobule_radius
    y: Field = (np.arange(shape[0], dtype=np.float64) + 0.5) * spacing
    x: Field = (np.arange(shape[1], dtype=np.float64) + 0.5) * spacing

    to_triad = np.full(shape, np.inf)
    for start in triads + middle:
        np.minimum(to_triad, _distance(y, x, start, period), out=to_triad)
    to_vein = np.full(shape, np.inf)
    nearest_vein = np.zeros(shape, dtype=np.int64)
    for number, start in enumerate(veins + middle):
        distance = _distance(y, x, start, period)
        nearer = distance < to_vein
        to_vein[nearer] = distance[nearer]
        iy, ix = (np.round((axis - o) / p).astype(np.int64) for axis, o, p in zip((y, x), start, period, strict=True))
        # One number for each vein of the plane, in reading order: the two interleaved lattices alternate in y.
        code = (2 * iy[:, None] + number) * 10_000_000 + ix[None, :]
        nearest_vein[nearer] = code[nearer]
    lobule = np.unique(nearest_vein, return_inverse=True)[1].reshape(shape).astype(np.int64)

    in_triad, in_vein = to_triad <= portal_radius, to_vein <= central_radius
    portal_triads = _reaching_in(triads + middle, period, portal_radius, height, width)
    central_veins = _reaching_in(veins + middle, period, central_radius, height, width)
    lumen = in_triad | in_vein
    from_portal = np.maximum(to_triad - portal_radius, 0.0)
    zone = _area_rank(from_portal / (from_portal + np.maximum(to_vein - central_radius, 0.0)), ~lumen)
    zone[in_triad], zone[in_vein] = 0.0, 1.0

    flow = _sinusoidal_flow(
        _disc_share(portal_triads, portal_radius, shape, spacing),
        _disc_share(central_veins, central_radius, shape, spacing),
        spacing,
        lumen,
    )
    if layers == 1:
        return Section(shape, spacing, thickness, lobule, zone, portal_triads, central_veins, lumen, flow, thickness)
    planes = (layers, 1, 1)
    flow = dataclasses.replace(flow, passage=np.tile(flow.passage, planes))
    lobule, zone, lumen = np.tile(lobule, planes), np.tile(zone, planes), np.tile(lumen, planes)
    return Section((layers, *shape), spacing, spacing, lobule, zone, portal_triads, central_veins, lumen, flow, thickness)


def _sites_along(name: str, length: float, spacing: float) -> int:
    sites = round(length / spacing)
    # A length written in mm and converted is off by rounding, not by a millionth of a site.
    if sites < 1 or abs(length / spacing - sites) > 1e-6:
        below = max(math.floor(length / spacing), 1) * spacing
        allowed = f"a multiple of the spacing, {spacing:g} um, such as {below:g} or {below + spacing:g} um"
        raise InputError(f"section.{name}", f"{length:g} um", allowed)
    return sites


def _lobule_lattices(radius: float) -> tuple[Field, Field]:
    """Central veins and triads (y, x) of one period, 3 x sqrt(3) radii, of hexagons with corners up and down.

    Each row of the result starts a rectangular lattice of that period, which makes nearest points a matter of rounding.
    """
    half = math.sqrt(3.0) / 2.0
    veins = radius * np.array([[0.0, 0.0], [1.5, half]])
    triads = radius * np.array([[1.0, 0.0], [2.0, 0.0], [0.5, half], [2.5, half]])
    return veins, triads


def _distance(y: Field, x: Field, start: Field, period: Field) -> Field:
    """Distance, um[y, x], to the nearest point of the rectangular lattice through start."""
    dy, dx = ((axis - o) - p * np.round((axis - o) / p) for axis, o, p in zip((y, x), start, period, strict=True))
    distance: Field = np.sqrt(dy[:, None] ** 2 + dx[None, :] ** 2)
    return distance


def _reaching_in(starts: Field, period: Field, radius: float, height: float, width: float) -> Field:
    """Lattice points (y, x) whose disc overlaps the section, in reading order."""
    repeats = [np.arange(-n, n + 1) for n in (math.ceil(height / period[0]) + 1, math.ceil(width / period[1]) + 1)]
    shifts = np.stack(np.meshgrid(*repeats, indexing="ij"), axis=-1).reshape(-1, 2) * period
    points = (starts[:, None, :] + shifts[None, :, :]).reshape(-1, 2)
    gap = np.maximum(np.maximum(-points, points - np.array([height, width])), 0.0)
    points = points[np.hypot(gap[:, 0], gap[:, 1]) < radius]
    reading: Field = points[np.lexsort((points[:, 1], np.round(points[:, 0], 6)))]
    return reading


def _disc_share(centres: Field, radius: float, shape: tuple[int, int], spacing: float) -> Field:
    """Fraction of each disc that lies in each site, summed over discs, float64 flat over sites.

    A disc is a lattice of points at least four to a site's length, mirror symmetric, so that vessels smaller than a
    site or cut by the edge still count by their area.
    """
    across = 2 * max(8, math.ceil(4.0 * radius / spacing))
    ticks = (np.arange(across) + 0.5) * (2.0 / across) - 1.0
    disc = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)
    disc = radius * disc[np.hypot(disc[:, 0], disc[:, 1]) < 1.0]
    points = np.floor((centres[:, None, :] + disc[None, :, :]).reshape(-1, 2) / spacing).astype(np.int64)
    points = points[((points >= 0) & (points < np.array(shape))).all(axis=1)]
    counts = np.bincount(points[:, 0] * shape[1] + points[:, 1], minlength=shape[0] * shape[1])
    share: Field = counts / len(disc)
    return share


def _area_rank(values: Field, counted: NDArray[np.bool_]) -> Field:
    """Rank of each counted value as a fraction of their number, 0 .. 1; equal values share their mean rank."""
    # Mirror images differ by rounding only; they are equal.
    _, group, size = np.unique(np.round(values[counted], 9), return_inverse=True, return_counts=True)
    ranks = np.zeros(values.shape)
    ranks[counted] = ((np.cumsum(size) - size / 2.0) / size.sum())[group.ravel()]
    return ranks


def _sinusoidal_flow(entering: Field, leaving: Field, spacing: float, lumen: NDArray[np.bool_]) -> Flow:
    """Darcy flow from where it enters to where it leaves (flat shares, any scale)."""
    shape = lumen.shape
    entering, leaving = entering / entering.sum(), leaving / leaving.sum()
    pressure = solve_poisson((entering - leaving).reshape(shape), spacing)

    # Flow over the faces: down[i] from row i to i + 1, right[j] from column j to j + 1. Below rounding there is none.
    down, right = -np.diff(pressure, axis=0), -np.diff(pressure, axis=1)
    still = 1e-12 * max(np.abs(down).max(), np.abs(right).max())
    down[np.abs(down) < still], right[np.abs(right) < still] = 0.0, 0.0
    out = np.zeros((*shape, 4))
    out[1:, :, 0], out[:-1, :, 1] = np.maximum(-down, 0.0), np.maximum(down, 0.0)
    out[:, 1:, 2], out[:, :-1, 3] = np.maximum(-right, 0.0), np.maximum(right, 0.0)

    onward = out.sum(axis=2).ravel()
    through = onward + leaving * spacing**2
    route = np.divide(out.reshape(-1, 4), through[:, None], out=np.zeros((onward.size, 4)), where=through[:, None] > 0)

    # Speed along each axis, from both faces of a site. A path in steps along the axes takes |cos| + |sin| as many steps
    # as the straight one has spacings, so each step stands for that much less of it.
    along_y, along_x = np.zeros(shape), np.zeros(shape)
    along_y[1:] += np.abs(down)
    along_y[:-1] += np.abs(down)
    along_x[:, 1:] += np.abs(right)
    along_x[:, :-1] += np.abs(right)
    steps = along_y + along_x
    passage = np.full(shape, spacing)
    np.divide(spacing * np.hypot(along_y, along_x), steps, out=passage, where=steps > 0)
    passage[lumen] = 0.0

    source_sites = np.flatnonzero(entering > 0)
    return Flow(
        order=np.argsort(-pressure, axis=None, kind="stable"),
        route=route,
        source_sites=source_sites,
        source_share=entering[source_sites],
        sink_sites=np.flatnonzero(leaving > 0),
        passage=passage,
    )
