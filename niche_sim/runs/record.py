"""What one run left: table of readouts, events, snapshots, onsets, provenance; run, save, load, resume."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import math
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import niche_sim
from niche_sim.engine.errors import InputError, reason_of
from niche_sim.engine.reading import read_json as read_table_of_json
from niche_sim.engine.reading import reading
from niche_sim.experiment import scenario
from niche_sim.experiment.defaults import DEFAULT_SCENARIO
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.setup import Setup
from niche_sim.experiment.simulation import Simulation
from niche_sim.model import parameters
from niche_sim.model.cells import POPULATIONS
from niche_sim.model.process import Process
from niche_sim.model.readouts import BY_NAME
from niche_sim.model.schedule import KNOWN, schedule
from niche_sim.model.stages import STAGES
from niche_sim.model.state import EVENT_COLUMNS, FIELDS
from niche_sim.runs import identity
from niche_sim.runs.sealed import npz, read_npz

MADE = "a file as `niche-sim run` wrote it"
# What of the files is looked up later without a look at it.
NEEDED: dict[str, dict[str, Any]] = {
    "summary.json": {"run_hash": str, "onsets_h": dict},
    "provenance.json": {
        "run_hash": str, "scenario": str, "scenario_text": str, "arm": str, "niche_sim": str, "parameters": dict,
        "thresholds": dict, "marks": list, "anatomy": dict, "versions": dict, "machine": dict,
    },
}  # fmt: skip
TABLES = ("record.parquet", "events.parquet", "snapshots.npz")
SNAPSHOT_EVERY = 7 * 24.0  # h; also at 0 and at the end
Snapshots = dict[float, dict[str, NDArray[Any]]]
# How names of a frozen model begin of which only ever more rows come: readouts, and what happened to cells.
GROWING = ("table_", "state_event_")


@dataclass(frozen=True)
class Record:
    """One finished run.

    table: `time_h` and a float64 column a readout, one row a record time. events: columns of one length (time_h, kind,
    cause, y_um, x_um, clone). snapshots: time in h -> arrays `field_<name>` [y, x], of a block [z, y, x], and
    `<population>_<column>` [cell], with `_y`, `_x` (of a block `_z`) in sites. onsets: stage -> h or None. provenance: all that is
    needed to run it again.
    """

    table: dict[str, NDArray[np.float64]]
    events: dict[str, NDArray[Any]]
    snapshots: Snapshots
    onsets: dict[str, float | None]
    provenance: dict[str, Any]

    @property
    def end(self) -> dict[str, float]:
        """Every readout at the end of the run."""
        return {name: float(values[-1]) for name, values in self.table.items() if name != "time_h"}

    @property
    def run_hash(self) -> str:
        """Names the run: a hash of all that decides it."""
        return str(self.provenance["run_hash"])

    def parquet(self) -> bytes:
        """The table as a Parquet file, each column with its unit in the metadata; `save` writes it as record.parquet."""
        return _parquet(self.table, {"time_h": "h"} | {name: readout.unit for name, readout in BY_NAME.items()})

    def save(self, folder: str | Path) -> Path:
        """Write record.parquet, events.parquet, snapshots.npz, summary.json and provenance.json; returns the folder.

        Raises InputError if the folder cannot be written.
        """
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            events = _parquet(self.events, {"time_h": "h", "y_um": "um", "x_um": "um"})
            for name, content in (("record.parquet", self.parquet()), ("events.parquet", events)):
                with whole(folder / name) as path:
                    path.write_bytes(content)
            flat = {f"{time:g}h/{name}": array for time, part in self.snapshots.items() for name, array in part.items()}
            with whole(folder / "snapshots.npz") as path, path.open("wb") as file:
                arrays: dict[str, Any] = {"times_h": np.array(list(self.snapshots)), **flat}
                np.savez_compressed(file, **arrays)
            write_json(self.provenance, folder / "provenance.json")
            summary = {"run_hash": self.run_hash, "onsets_h": self.onsets, "end": self.end}
            digests = {name: _digest(folder / name) for name in TABLES}
            write_json({**summary, "sha256": digests}, folder / "summary.json")
        except OSError as error:
            raise InputError(
                str(folder), reason_of(error), "a folder that can be written, with room on the disk"
            ) from None
        return folder


@dataclass
class Runner:
    """Steps a model to its end and takes snapshots on the way; can stop anywhere, be saved and go on."""

    model: Simulation
    snapshots: Snapshots = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._snapshot_if_due()

    def advance(self, steps: int) -> int:
        """Take at most that many steps; returns how many were taken."""
        taken = min(steps, self.model.steps_left)
        for _ in range(taken):
            self.model.step()
            self._snapshot_if_due()
        return taken

    def record(self) -> Record:
        """What the run has left so far."""
        model = self.model
        table, onsets = table_of(model), dict(model.stages.onsets)
        events = dict(model.state.events.table())
        return Record(table, _with_onsets(events, onsets), dict(self.snapshots), onsets, provenance_of(model))

    def save(self, path: Path) -> None:
        """Write a checkpoint from which `resume` goes on bit for bit. Raises InputError if it cannot be written."""
        arrays: dict[str, Any] = freeze(self.model)
        for time, part in self.snapshots.items():
            arrays |= {f"snapshot_{time!r}/{name}": array for name, array in part.items()}
        notes = json.dumps({"provenance": provenance_of(self.model)})
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole(path) as part_path:
                part_path.write_bytes(npz({**arrays, "notes": np.array(notes)}, "checkpoint", compress=False))
        except OSError as error:
            raise InputError(str(path), reason_of(error), "a file that can be written") from None

    @classmethod
    def resume(cls, path: Path) -> Runner:
        """The run as `save` left it. Raises InputError if the file is not such a checkpoint."""
        with reading(path, "one that an interrupted run left", "not a checkpoint"):
            arrays = read_npz(path.read_bytes(), "checkpoint")
            model = model_like(json.loads(str(arrays["notes"]))["provenance"], str(path))
            thaw(model, arrays)
            snapshots: Snapshots = {}
            for key, array in arrays.items():
                if key.startswith("snapshot_"):
                    time, name = key.removeprefix("snapshot_").split("/")
                    snapshots.setdefault(float(time), {})[name] = array
            return cls(model, snapshots)

    def _snapshot_if_due(self) -> None:
        model = self.model
        time = model.state.time
        if time not in self.snapshots and (snapshot_due(time) or model.steps_left == 0):
            self.snapshots[time] = snapshot(model)


def run(
    scenario_id: str | Path | Scenario | Setup = DEFAULT_SCENARIO,
    arm: str | None = None,
    *,
    seed: int | None = None,
    rng: int | None = None,
    overrides: Mapping[str, str] | None = None,
    without: Iterable[str] = (),
    allow_large: bool = False,
    watch: Callable[[Simulation], None] | None = None,
) -> Record:
    """Run one virtual mouse to its end.

    Args as for `Simulation`; watch: called after every step with the model, to show progress; it must change nothing.
    """
    runner = Runner(
        Simulation(scenario_id, arm, seed=seed, rng=rng, overrides=overrides, without=without, allow_large=allow_large)
    )
    while runner.advance(1):
        if watch is not None:
            watch(runner.model)
    return runner.record()


def freeze(model: Simulation) -> dict[str, NDArray[Any]]:
    """All that changes in a run, as arrays, some of them views: what `thaw` needs to go on bit for bit.

    state_<name>: what `State.freeze` gives. table_<readout>: the rows so far. stages: onsets so far, as JSON.
    """
    arrays = {f"state_{name}": array for name, array in model.state.freeze().items()}
    arrays |= {f"table_{name}": np.array(values) for name, values in model.rows.items()}
    arrays["stages"] = np.array(json.dumps({"since": model.stages.since, "onsets": model.stages.onsets}))
    return arrays


def thaw(model: Simulation, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Set a model of the same mouse to what `freeze` gave; other names among the arrays are passed over.

    Raises KeyError if one is missing.
    """
    state, stages, rows = "state_", json.loads(str(arrays["stages"])), model.rows
    model.state.thaw({name.removeprefix(state): a for name, a in arrays.items() if name.startswith(state)})
    model.stages.since, model.stages.onsets = stages["since"], stages["onsets"]
    for name, values in rows.items():
        values[:] = arrays[f"table_{name}"].tolist()


def snapshot_due(time: float) -> bool:
    """Whether a run keeps its fields and cells at this time (h), as it does at its end, too."""
    return abs(time / SNAPSHOT_EVERY - round(time / SNAPSHOT_EVERY)) < 1e-9


def table_of(model: Simulation) -> dict[str, NDArray[np.float64]]:
    """`time_h` and every readout of a model, float64[rows] each, a row a record time so far."""
    return {name: np.array(values, np.float64) for name, values in model.rows.items()}


def onsets_of(model: Simulation) -> dict[str, float]:
    """The onset of every stage so far, h; nan where it is not reached or has no threshold."""
    return {name: math.nan if onset is None else onset for name, onset in model.stages.onsets.items()}


def snapshot(model: Simulation) -> dict[str, NDArray[Any]]:
    """Fields and cells as they are now, by the names of snapshots.npz."""
    state, spacing, block = model.state, model.state.section.spacing, model.state.section.is_block
    arrays: dict[str, NDArray[Any]] = {f"field_{name}": getattr(state, name).copy() for name in FIELDS}
    for name, population in state.populations.items():
        for column in (*population.cell_type.declared(), "unique_id", "key"):
            if column != "z" or block:
                values = getattr(population, column).copy()
                arrays[f"{name}_{column}"] = values / spacing if column in ("z", "y", "x") else values
    return arrays


def shots(model: Simulation, every: float) -> Iterator[tuple[float, dict[str, NDArray[Any]]]]:
    """Time (h) and snapshot of a model now, then every `every` h while it is stepped to its end, and there.

    every: h, a whole multiple of the step. There are `number_of_shots(model, every)` of them.
    """
    steps = max(1, round(every / model.dt))
    yield model.state.time, snapshot(model)
    while model.steps_left:
        for _ in range(min(steps, model.steps_left)):
            model.step()
        yield model.state.time, snapshot(model)


def number_of_shots(model: Simulation, every: float) -> int:
    """How many `shots` gives."""
    return 1 + math.ceil(model.steps_left / max(1, round(every / model.dt)))


def load_record(folder: str | Path) -> Record:
    """What `Record.save` wrote. Raises InputError if the folder holds no record."""
    folder = Path(folder)
    summary, provenance = read_json(folder, "summary.json"), read_json(folder, "provenance.json")
    with reading(folder / "summary.json", MADE):
        onsets = {stage.name: _hours(summary["onsets_h"][stage.name]) for stage in STAGES}
        digests = {
            name: str(summary["sha256"][name]) for name in TABLES if "sha256" in summary
        }  # of earlier versions, none
    for name, digest in digests.items():
        with reading(folder / name, MADE):
            if _digest(folder / name) != digest:
                raise InputError(f"{folder / name}", "not what the run wrote: it was damaged or changed", MADE)
    snapshots: Snapshots = {}
    packed = folder / "snapshots.npz"
    with reading(packed, MADE), packed.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        for time in stored["times_h"].tolist():
            prefix = f"{time:g}h/"
            arrays = {k.removeprefix(prefix): stored[k] for k in stored.files if k.startswith(prefix)}
            _check_snapshot(arrays, packed)
            snapshots[float(time)] = arrays
    table = _read_parquet(folder / "record.parquet", ("time_h", *BY_NAME))
    return Record(table, _read_parquet(folder / "events.parquet", EVENT_COLUMNS), snapshots, onsets, provenance)


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """A JSON file of a run's folder. Raises InputError if it is not there, broken, or lacks what is looked up in it."""
    content = read_table_of_json(folder / name, MADE)
    for key, kind in NEEDED.get(name, {}).items():
        if not isinstance(content.get(key), kind):
            raise InputError(f"{folder / name}", f"no {key}, or no {kind.__name__} as such", MADE)
    return content


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _hours(value: Any) -> float | None:
    return None if value is None else float(value)


def _check_snapshot(arrays: Mapping[str, NDArray[Any]], file: Path) -> None:
    """Raises InputError if a field or a column of cells is missing, or they do not fit each other."""
    if len({arrays[f"field_{name}"].shape for name in FIELDS}) > 1:
        raise InputError(f"{file}", "fields of different sizes", MADE)
    block = arrays["field_tgfb"].ndim > 2
    for kind in POPULATIONS:
        columns = [column for column in (*kind.declared(), "key") if column != "z" or block]
        if len({arrays[f"{kind.population}_{column}"].shape for column in columns}) > 1:
            raise InputError(f"{file}", f"columns of different lengths of {kind.population}", MADE)


def provenance_of(model: Simulation) -> dict[str, Any]:
    """All that decides a run, and what it ran on."""
    experiment = model.experiment
    return {
        "run_hash": identity.name_of_model(model),
        "scenario": experiment.id,
        "scenario_path": str(experiment.path.resolve() if experiment.on_disk else experiment.path),
        "scenario_text": experiment.text,
        "scenario_sha256": experiment.sha256,
        "arm": model.arm,
        "seed": model.seed,
        "parameters": parameters.as_text(model.parameters),
        "schedule": [process.name for process in model.schedule],
        "thresholds": dict(model.stages.thresholds),
        "niche_sim": niche_sim.__version__,
        **identity.engine(),
        "overrides": model.overrides,
        "without": list(model.without),
        "marks": [list(mark) for mark in model.protocol.marks()],
        **machine(),
        "anatomy": anatomy_of(model),
    }


def model_like(provenance: Mapping[str, Any], where: str) -> Simulation:
    """The model of a run again, from its provenance, at time 0; scenario and rules as they were then, edited arms included.

    Raises InputError, naming `where`, if the provenance is not whole, names a rule that is not niche_sim's, or if the mouse
    was given another protocol than its scenario's.
    """
    try:
        # What stood beside it then, the thresholds, is in the provenance, too; citations decide nothing.
        text, name = provenance["scenario_text"], str(provenance["scenario"])
        experiment = scenario.parse(text, f"{where}: scenario_text", name, check_sources=False)
        model = Simulation(
            dataclasses.replace(experiment, path=Path(provenance["scenario_path"])),
            provenance["arm"],
            overrides=provenance["overrides"],
            rng=provenance["seed"],
            without=provenance["without"],
        )
        model.schedule = _rules(provenance["schedule"], where)
        if [list(mark) for mark in model.protocol.marks()] != provenance["marks"]:
            raise InputError(
                where, "what was done to the mouse is not what its scenario says",
                "a run of a scenario; an edited protocol is one, too, by `editing.with_protocol`",
            )  # fmt: skip
        model.stages.thresholds = {str(name): float(value) for name, value in provenance["thresholds"].items()}
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            where, f"incomplete provenance ({reason_of(error)})", "one that `niche-sim run` wrote"
        ) from error
    return model


def _rules(names: Sequence[str], where: str) -> tuple[Process, ...]:
    """The rules of a run, in its order. A rule that a user wrote is a name here and no more, so it is refused."""
    own = [name for name in names if name not in KNOWN]
    if own:
        raise InputError(
            where, f"the run had rules that niche_sim does not have ({', '.join(own)})",
            "a run with rules of niche_sim only; repeat this one in Python, with the rule at hand",
        )  # fmt: skip
    return schedule(names, where)


def anatomy_of(model: Simulation) -> dict[str, Any]:
    """What a drawing of the section needs besides the snapshots; lengths in um."""
    section = model.state.section
    return {
        "height_um": section.height,
        "width_um": section.width,
        "spacing_um": section.spacing,
        "thickness_um": section.slab,
        **({"depth_um": section.depth} if section.is_block else {}),
        "lobule_radius_um": model.parameters.organ.lobule_radius,
        "portal_radius_um": model.parameters.organ.portal_radius,
        "central_radius_um": model.parameters.organ.central_radius,
        "portal_triads_yx_um": section.portal_triads.tolist(),
        "central_veins_yx_um": section.central_veins.tolist(),
    }


def machine() -> dict[str, Any]:
    """What results rest on besides the libraries: the version of Python, the platform, the processor and its features."""
    import llvmlite.binding as llvm

    features = " ".join(sorted(name for name, on in llvm.get_host_cpu_features().items() if on))
    processor = {"platform": platform.platform(), "processor": llvm.get_host_cpu_name(), "features": features}
    return {"python": platform.python_version(), "machine": processor}


def _with_onsets(events: dict[str, NDArray[Any]], onsets: Mapping[str, float | None]) -> dict[str, NDArray[Any]]:
    """Events with a row for each stage onset, in order of time."""
    reached = [(onsets[stage.name], stage) for stage in STAGES if onsets[stage.name] is not None]
    rows = {
        "time_h": np.array([time for time, _ in reached], np.float64),
        "kind": np.array(["onset"] * len(reached), "U24"),
        "cause": np.array([stage.name for _, stage in reached], "U24"),
        "y_um": np.full(len(reached), np.nan),
        "x_um": np.full(len(reached), np.nan),
        "clone": np.zeros(len(reached), np.uint64),
    }
    joined = {name: np.concatenate([events[name], rows[name]]) for name in events}
    order = np.argsort(joined["time_h"], kind="stable")
    return {name: values[order] for name, values in joined.items()}


def part_name(name: str) -> str:
    """What a file is called while it is written: no other process writes under this name, here or on another machine."""
    return f"{name}.part-{platform.node()}-{os.getpid()}"


class whole:
    """A path to write to that becomes the wanted file only when all is written."""

    def __init__(self, path: Path) -> None:
        self.path, self.part = path, path.with_name(part_name(path.name))

    def __enter__(self) -> Path:
        return self.part

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.part.replace(self.path)
        else:
            self.part.unlink(missing_ok=True)


def _parquet(columns: Mapping[str, NDArray[Any]], units: Mapping[str, str]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = [_arrow(values) for values in columns.values()]
    fields = [
        pa.field(name, array.type, metadata={"unit": units.get(name, "")})
        for name, array in zip(columns, arrays, strict=True)
    ]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), buffer)
    return buffer.getvalue()


def _arrow(values: NDArray[Any]) -> Any:
    """Numbers or words as an Arrow array; not a number is null. From buffers, since `pa.array` imports pandas, 0.4 s."""
    import pyarrow as pa

    if values.dtype.kind == "U":
        words = [word.encode() for word in values.tolist()]
        ends = np.cumsum([0, *map(len, words)], dtype=np.int32)
        return pa.StringArray.from_buffers(len(words), pa.py_buffer(ends), pa.py_buffer(b"".join(words)))
    there = ~np.isnan(values)
    known = None if there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))
    content = [known, pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), content)


def _read_parquet(path: Path, columns: Iterable[str]) -> dict[str, NDArray[Any]]:
    import pyarrow.parquet as pq

    with reading(path, MADE):
        table = pq.read_table(path)
        table.validate(full=True)
        return {
            name: np.asarray(table[name].to_pylist() if str(table[name].type) == "string" else table[name])
            for name in columns
        }


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Write a JSON file as a whole. Raises OSError."""
    with whole(path) as part:
        part.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
