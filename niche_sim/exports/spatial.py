"""A run as AnnData, the table of spatial omics: cells by state, their places, and the fields they lie in.

Rows are the cells of a snapshot that have a place in the section (what circulates in blood has none and is counted in
`uns`). Columns of X are numbers of their state, nan where a kind of cell has no such number, then every field at the
cell's site. What is a name rather than a number (kind, state, line) is a category in `obs`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.errors import InputError
from niche_sim.model.cells import POPULATIONS
from niche_sim.model.state import FIELDS
from niche_sim.runs.planes import virtual_section
from niche_sim.runs.record import Record, whole

BETWEEN = 1e-6  # h; a snapshot is of a time if it lies no further off
PLACES = ("y", "x")


def to_anndata(record: Record, time: float | None = None) -> Any:
    """The snapshot of a run at a time (h; None: the last) as `anndata.AnnData`; of a block its middle plane, or as it was cut.

    obs: population, the named columns, unique_id, time_h. var: unit, meaning, `of` (cell or field), populations (those
    that have it). obsm["spatial"]: x, y in um, y downwards, as images have it. uns: "fields" (name -> float64[y, x]),
    "field_units", "spacing_um", "niche_sim" (provenance as JSON, cells without a place).

    Raises
    ------
    InputError
        anndata is not installed, or there is no snapshot of that time.
    """
    record = virtual_section(record)
    moment = _time_of(record, time)
    return _of_snapshots(record, {moment: record.snapshots[moment]})


def all_to_anndata(record: Record) -> Any:
    """Every snapshot, one below the other; `obs["time_h"]` tells them apart, "fields" are by time: "168h" -> name -> field."""
    record = virtual_section(record)
    return _of_snapshots(record, record.snapshots)


def write_h5ad(adata: Any, file: Path) -> Path:
    """Write it, whole or not at all; returns the path. Raises InputError if it cannot be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole(file) as part:
            adata.write_h5ad(part, compression="gzip")
    except OSError as error:
        found = (error.strerror or str(error)).lower()
        raise InputError(str(file), found, "a file that can be written, with room on the disk") from None
    return file


def _time_of(record: Record, time: float | None) -> float:
    if time is None:
        return max(record.snapshots)
    for moment in record.snapshots:
        if abs(moment - time) <= BETWEEN:
            return moment
    days = ", ".join(f"{moment / 24.0:g}" for moment in sorted(record.snapshots))
    raise InputError("--at", f"no snapshot of day {time / 24.0:g}", f"one of days {days}")


def _of_snapshots(record: Record, snapshots: dict[float, dict[str, NDArray[Any]]]) -> Any:
    try:
        import anndata
        import pandas as pd
    except ImportError:
        allowed = "pip install 'niche-sim[anndata]' brings it"
        raise InputError("export", "anndata is not installed", allowed) from None
    numbers, names = _columns()
    spacing = float(record.provenance["anatomy"]["spacing_um"])
    blocks: list[NDArray[np.float64]] = []
    places: list[NDArray[np.float64]] = []
    frames = []
    elsewhere: dict[str, int] = {}
    for time, shot in snapshots.items():
        for kind in POPULATIONS:
            population = kind.population
            y, x = (np.asarray(shot[f"{population}_{axis}"], np.float64) for axis in PLACES)
            there = np.isfinite(y) & np.isfinite(x)
            if len(y) > there.sum():
                elsewhere[f"{time:g}h {population}"] = int(len(y) - there.sum())
            y, x = y[there], x[there]
            own = kind.declared()
            columns = [
                np.asarray(shot[f"{population}_{name}"], np.float64)[there] if name in own else np.full(len(y), np.nan)
                for name in numbers
            ]
            columns += [_at_sites(shot[f"field_{name}"], y, x) for name in FIELDS]
            blocks.append(np.column_stack(columns))
            places.append(np.column_stack([x, y]) * spacing)
            told: dict[str, Any] = {"population": np.full(len(y), population), "time_h": np.full(len(y), time)}
            for name in names:
                told[name] = _named(own[name].names, shot[f"{population}_{name}"][there]) if name in own else ""
            identities = shot[f"{population}_unique_id"][there]
            told["unique_id"] = identities
            index = [f"{population}-{identity}" + f"-{time:g}h" * (len(snapshots) > 1) for identity in identities]
            frames.append(pd.DataFrame(told, index=pd.Index(index, dtype=object)))
    obs = pd.concat(frames)
    for name in ("population", *names):
        obs[name] = pd.Categorical(obs[name])
    made = anndata.AnnData(np.concatenate(blocks), obs=obs, var=_var(pd, numbers))
    made.obsm["spatial"] = np.concatenate(places)
    made.uns.update(_uns(record, snapshots, spacing, elsewhere))
    return made


def _columns() -> tuple[list[str], list[str]]:
    """Names of the columns that hold numbers, and of those that hold names, over all populations.

    Birth keys and ids of other cells are numbers of bookkeeping and left out.
    """
    numbers: dict[str, None] = {}
    names: dict[str, None] = {}
    for kind in POPULATIONS:
        for name, declared in kind.declared().items():
            if declared.names:
                names[name] = None
            elif name not in ("z", *PLACES, "host") and declared.dtype != np.uint64:
                numbers[name] = None
    return [name for name in numbers if name not in names], list(names)


def _named(known: tuple[str, ...], codes: NDArray[Any]) -> NDArray[np.str_]:
    return np.array(known, np.str_)[codes]


def _at_sites(field: NDArray[Any], y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """A field at positions in sites, float64[n]."""
    rows, columns = (np.clip(v.astype(np.int64), 0, size - 1) for v, size in zip((y, x), field.shape, strict=True))
    return np.asarray(field, np.float64)[rows, columns]


def _var(pd: Any, numbers: list[str]) -> Any:
    rows = []
    for name in numbers:
        having = [kind for kind in POPULATIONS if name in kind.declared()]
        declared = having[0].declared()[name]
        rows.append((name, declared.unit, declared.meaning, "cell", ", ".join(kind.population for kind in having)))
    rows += [(f"field_{name}", unit, meaning, "field", "all") for name, (unit, meaning) in FIELDS.items()]
    index = pd.Index([row[0] for row in rows], dtype=object)
    return pd.DataFrame([row[1:] for row in rows], index=index, columns=["unit", "meaning", "of", "populations"])


def _uns(
    record: Record, snapshots: dict[float, dict[str, NDArray[Any]]], spacing: float, elsewhere: dict[str, int]
) -> dict[str, Any]:
    by_time = {
        f"{time:g}h": {name: np.asarray(shot[f"field_{name}"], np.float64) for name in FIELDS}
        for time, shot in snapshots.items()
    }
    return {
        "fields": by_time if len(snapshots) > 1 else next(iter(by_time.values())),
        "field_units": {name: unit for name, (unit, _) in FIELDS.items()},
        "spacing_um": spacing,
        "niche_sim": {
            "provenance": json.dumps(record.provenance),
            "run_hash": record.run_hash,
            "times_h": np.array(list(snapshots)),
            "without_a_place": json.dumps(elsewhere),  # cells in blood
        },
    }
