"""One moment of a run packed for the canvas of dashboard and replay: fields as bytes, cells as places, all else as numbers."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.errors import InputError
from niche_sim.figures.appearance import (
    AWAY,
    DIFFERENCE_DARK,
    DIFFERENCE_LIGHT,
    FIELD_LOOKS,
    KINDS,
    LIVER,
    RECEPTIVITY_LOOK,
    VESSELS,
    ZONES,
    FieldLook,
    Sight,
    colonies,
    extent,
    in_liver,
    lobule_centres,
    lobule_corners,
)
from niche_sim.figures.labels import capital
from niche_sim.model.anatomy import liver_section
from niche_sim.model.catalogue import LABELS

OF_LIVER = ("steatosis",)  # fields that no other organ has
FINEST = 65535  # places are told in this many parts of the section's sides
STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)  # a colour scale ends on one of these times a power of ten


@dataclass(frozen=True)
class Packed:
    """One panel of the canvas: `header` goes out as JSON, the buffers beside it in their order."""

    header: dict[str, Any]
    buffers: list[bytes]


FIXED, SEEN, MOMENT, HELD = "fixed", "seen", "moment", "held"
SCALINGS = (FIXED, SEEN, MOMENT, HELD)
MOST_SITES = 99.0  # per cent of the sites that the scale of a moment shows


@dataclass
class Scales:
    """How far each colour scale reaches from rest.

    Several panels share one. Let it `see` all of them before the first is packed, and all are drawn on the same scale.

    mode: "fixed", the same in every run and at every hour; "seen", as far as what was seen so far: scales grow by nice steps
    and never shrink, so none flickers; "moment", 99 % of the sites of what was seen since `begin`; "held", as it was before.
    """

    reach: dict[tuple[str, str], float] = field(default_factory=dict)
    mode: str = SEEN

    def begin(self) -> None:
        """Another moment is to be seen."""
        if self.mode == MOMENT:
            self.reach.clear()

    def see(self, sight: Sight, fields: Sequence[str]) -> None:
        """Widen the scales to what is there now. Raises InputError for a name that is no field."""
        for name in fields:
            look, values = field_look(name), sight.arrays[f"field_{name}"]
            ends = (values.min(), values.max())
            if self.mode == MOMENT:
                ends = tuple(np.percentile(values, (100.0 - MOST_SITES, MOST_SITES)))
            below, above = look.rest - float(ends[0]), float(ends[1]) - look.rest
            self._widen("field", name, max(above, below) if look.falls else above)

    def ends(self, name: str) -> tuple[float, float]:
        """The values of the first and the last colour of a field."""
        look = field_look(name)
        reach = self.reach.get(("field", name), look.least_span)
        return (look.rest - reach, look.rest + reach) if look.falls else (look.rest, min(look.rest + reach, look.highest))

    def difference(self, name: str, most: float) -> float:
        """Half the width of the scale of a difference map that has to show a difference of `most`."""
        return self._widen("difference", name, most)

    def _widen(self, kind: str, name: str, most: float) -> float:
        look = field_look(name)
        if self.mode == FIXED:
            self.reach[kind, name] = look.full
        if self.mode in (FIXED, HELD) and (kind, name) in self.reach:
            return self.reach[kind, name]
        known = self.reach.get((kind, name), look.least_span * (0.5 if kind == "difference" else 1.0))
        self.reach[kind, name] = known if most <= known else nice_step(most)
        return self.reach[kind, name]


def field_look(name: str) -> FieldLook:
    """How a field is shown. Raises InputError for a name that is no field."""
    looks = FIELD_LOOKS | RECEPTIVITY_LOOK
    if name not in looks:
        raise InputError("fields", f"{name!r} is no field", f"some of {', '.join(FIELD_LOOKS)}")
    return looks[name]


def nice_step(value: float) -> float:
    """The least of `STEPS` times a power of ten that is not below a value > 0."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step for step in (*STEPS, 10.0 * STEPS[0]) if step * power >= value * (1.0 - 1e-12)) * power)


def static_of(sight: Sight, receptivity: bool = False) -> dict[str, Any]:
    """What does not change in a run: the section, its vessels and lobules, and how fields and cells look. JSON-able.

    receptivity: whether there is the layer that says where tumour cells would take root.
    Only the liver has lobules and fat; a field that is not `offered` is no layer there. `zones` is base64 of uint8[y, x]: 0,
    1, 2 the zones from portal to central, 3 and 4 inside a vessel.
    """
    anatomy = sight.anatomy
    liver = in_liver(sight)
    corners = lobule_corners(anatomy)
    zones = zones_of(sight)
    return {
        "width_um": float(anatomy["width_um"]),
        "height_um": float(anatomy["height_um"]),
        "spacing_um": float(anatomy["spacing_um"]),
        "depth_um": float(anatomy.get("depth_um", 0.0)),
        "plane_um": getattr(sight, "depth", None),
        "shape": list(zones.shape),
        "portal_radius_um": float(anatomy["portal_radius_um"]),
        "central_radius_um": float(anatomy["central_radius_um"]),
        "triads": anatomy["portal_triads_yx_um"],
        "veins": anatomy["central_veins_yx_um"],
        "lobules": [np.round(centre + corners, 2).tolist() for centre in lobule_centres(anatomy)] if liver else [],
        "zones": base64.b64encode(zones.tobytes()).decode(),
        "zone_names": [*ZONES[liver], *VESSELS[liver]],
        "liver": liver,
        "kinds": [
            {
                "label": kind.label,
                "population": kind.population,
                "group": capital(LABELS[kind.population]),
                "marker": kind.marker,
                "face": kind.face,
                "edge": kind.edge,
                "size": kind.size,
                "layer": kind.layer,
                "description": kind.description,
                "resident": kind.population != (AWAY if liver else LIVER),
            }
            for kind in KINDS
        ],
        "fields": [
            {
                "name": name,
                "label": look.label,
                "unit": look.unit,
                "rest": look.rest,
                "falls": look.falls,
                "least_span": look.least_span,
                "light": look.light,
                "dark": look.dark,
                "offered": liver or name not in OF_LIVER,
            }
            for name, look in (RECEPTIVITY_LOOK | FIELD_LOOKS if receptivity else FIELD_LOOKS).items()
        ],
        "difference": {"light": DIFFERENCE_LIGHT, "dark": DIFFERENCE_DARK},
    }


def zones_of(sight: Sight) -> NDArray[np.uint8]:
    """Where in its lobule each site lies, uint8[y, x]: 0, 1, 2 from portal to central, 3, 4 in a vessel of either."""
    numbers = ("width", "height", "spacing", "thickness", "lobule_radius", "portal_radius", "central_radius")
    section = liver_section(*(float(sight.anatomy[f"{name}_um"]) for name in numbers))  # kept from when it was made
    zones = np.minimum(section.zone * 3.0, 2.0).astype(np.uint8)
    zones[section.lumen] = np.where(section.zone[section.lumen] > 0.5, 4, 3)
    return zones


def pack(sight: Sight, fields: Sequence[str], scales: Scales, title: str = "") -> Packed:
    """One moment as a panel.

    Buffers: for each field uint8[y, x], 0 to 255 from `low` to `high` of its header, which says whether
    some lie `above`; then of all cells in the tissue, kind
    by kind in the order of `looks.KINDS` and as many of each as `counts` says, x and y (uint16, in 1/65535 of the section's
    sides) and the unique id (uint32). `colonies`: y, x, radius (um) of a ring around each, and its cells, the largest first.
    Raises InputError for a name that is no field.
    """
    scales.see(sight, fields)
    shown, buffers = [], []
    for name in fields:
        values = sight.arrays[f"field_{name}"]
        low, high = scales.ends(name)
        above = {"above": True} if float(values.max()) > high * (1.0 + 1e-9) else {}
        shown.append({"name": name, "low": low, "high": high, "shape": list(values.shape), **above})
        buffers.append(_in_bytes(values, low, high))
    anatomy = sight.anatomy
    per_y, per_x = FINEST / float(anatomy["height_um"]), FINEST / float(anatomy["width_um"])
    places = {kind.population: sight.places(kind.population) for kind in KINDS}
    counts: list[int] = []
    xs, ys, ids = [], [], []
    for kind in KINDS:
        y, x = places[kind.population]
        rows = np.flatnonzero(kind.chosen(sight)) if len(y) else np.empty(0, np.int64)
        counts.append(len(rows))
        if len(rows):
            ys.append(y[rows])
            xs.append(x[rows])
            ids.append(sight.arrays[f"{kind.population}_unique_id"][rows])
    names = np.concatenate([np.empty(0, np.int64), *ids]).astype("<u4")
    buffers += [_in_parts(xs, per_x), _in_parts(ys, per_y), names.tobytes()]
    rings = [_ring(cells) for cells in colonies(sight)]
    return Packed({"title": title, "fields": shown, "counts": counts, "colonies": rings}, buffers)


def pack_difference(a: Sight, b: Sight, name: str, scales: Scales, title: str = "") -> Packed:
    """What a field of b has more than that of a, as a panel without cells on a scale that is symmetric about 0."""
    image, low, high = difference(a, b, name, scales)
    shown = {"name": name, "low": low, "high": high, "shape": list(image.shape), "difference": True}
    return Packed({"title": title, "fields": [shown], "counts": [], "colonies": []}, [image.tobytes()])


def difference(a: Sight, b: Sight, name: str, scales: Scales) -> tuple[NDArray[np.uint8], float, float]:
    """b - a of one field: uint8[y, x] from low to high, and these two; no difference lies in the middle.

    Raises InputError if the two sections are not alike or the name is no field.
    """
    field_look(name)
    before, after = a.arrays[f"field_{name}"], b.arrays[f"field_{name}"]
    if before.shape != after.shape:
        found = f"{before.shape[0]} x {before.shape[1]} and {after.shape[0]} x {after.shape[1]} sites"
        raise InputError("difference", found, "two sections of the same sites")
    change = after - before
    reach = scales.difference(name, float(np.abs(change).max()))
    return np.frombuffer(_in_bytes(change, -reach, reach), np.uint8).reshape(change.shape), -reach, reach


def _ring(cells: NDArray[np.float64]) -> list[float]:
    middle, radius = extent(cells)
    return [*middle.tolist(), radius, len(cells)]


def _in_bytes(values: NDArray[np.float64], low: float, high: float) -> bytes:
    scaled = (values - low) * (255.0 / (high - low)) + 0.5
    return np.clip(scaled, 0.0, 255.0, out=scaled).astype(np.uint8).tobytes()


def _in_parts(lengths: list[NDArray[np.float64]], per_um: float) -> bytes:
    scaled = np.concatenate([np.empty(0), *lengths]) * per_um + 0.5
    return np.clip(scaled, 0.0, FINEST, out=scaled).astype("<u2").tobytes()
