"""A replay: one HTML file with every moment of a run, or of two side by side, that needs no server and no network."""

from __future__ import annotations

import base64
import json
import sys
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.description.stage_summary import strip_of
from niche_sim.engine.errors import InputError
from niche_sim.engine.templates import render
from niche_sim.experiment.simulation import Simulation
from niche_sim.exports.canvas_encoding import Packed, Scales, pack, pack_difference, static_of
from niche_sim.exports.front_code import linked
from niche_sim.figures import charts
from niche_sim.figures.appearance import FIELD_LOOKS, LiveSight, SnapshotSight
from niche_sim.figures.labels import arm_title, plain_words
from niche_sim.model.readouts import BY_NAME
from niche_sim.model.stages import STAGES
from niche_sim.runs.planes import seen_at
from niche_sim.runs.record import anatomy_of, provenance_of, shots, whole

FIELDS = tuple(FIELD_LOOKS)
FIRST_SHOWN = ("fibronectin",)
NOT_FOR = "For research and teaching, not for predictions about a patient."
ECHARTS = Path("share/solara/cdn/echarts@5.4.0/dist/echarts.common.min.js")  # below the prefix, from solara-assets
MOST_RUNS = 2
SUITABLE = (12.0, 8.0, 6.0, 4.0, 3.0, 2.0, 1.0)  # h from moment to moment
SMALLEST = 1e-9


class Stopped(Exception):
    """`stop` said so."""


@dataclass(frozen=True)
class Moments:
    """All moments of the runs: a header for each, and its bytes, filtered and deflated."""

    headers: list[dict[str, Any]]
    bytes: list[bytes]


def check_alike(models: Sequence[Simulation], where: str = "RUN_DIR_2") -> None:
    """Raises InputError, naming `where`, if two runs cannot be shown side by side on one scrubber."""
    if len(models) < MOST_RUNS:
        return
    a, b = models
    if anatomy_of(a) != anatomy_of(b):
        raise InputError(
            where, f"another section than the first run's ({_size(b)} and {_size(a)})", "two runs of one section"
        )
    if a.duration != b.duration or a.dt != b.dt:
        times = [f"{model.duration / 24.0:g} days in steps of {model.dt:g} h" for model in (a, b)]
        raise InputError(where, f"{times[1]}, and the first run {times[0]}", "two runs of one length and step")


def suitable_interval(model: Simulation) -> float:
    """Hours from moment to moment if nobody says: the longest of `SUITABLE` that fits the run, or else its step."""
    return next((every for every in SUITABLE if fits(model, every)), model.dt)


def fits(model: Simulation, every: float) -> bool:
    """Whether moments `every` h apart are whole steps and the last of them is the end of the run."""
    return every > 0.0 and all(
        abs(share - round(share)) < SMALLEST for share in (every / model.dt, model.duration / every)
    )


def chart_code() -> str:
    """ECharts, to be put into the page. Raises InputError if it is not installed."""
    file = Path(sys.prefix) / ECHARTS
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        raise InputError(
            str(file), "not there", "ECharts of the package solara-assets is needed: pip install 'niche_sim[dashboard]'"
        ) from None


def save_replay(
    models: Sequence[Simulation],
    every: float,
    file: Path,
    *,
    seen: Iterable[SnapshotSight] = (),
    plane: str | None = None,
    watch: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Path | None:
    """Step one or two models from where they are to their end and write the page; returns the file, or None if stopped.

    every: h from moment to moment, for which `fits` holds. seen: sights that the colour scales show from the beginning, so
    that one colour means one value all along. plane: of a block, the one that is seen, as `seen_at` takes it. watch: called
    with (moments done, total); stop: asked before each moment.
    The file is there only once it is whole.

    Raises InputError if the runs are not alike, ECharts is not installed, or the file cannot be written.
    """
    check_alike(models)
    code = chart_code()
    names = names_of(models)
    scales = Scales()
    for sight in seen:
        scales.see(sight, FIELDS)
    static = static_of(LiveSight(models[0]))
    try:
        moments = _moments(models, names, every, scales, plane, watch, stop)
    except Stopped:
        return None
    page = _page(models, names, every, static, moments, code)
    try:
        with whole(file) as part:
            part.write_text(page, encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(str(file), reason, "a file that can be written, with room on the disk") from None
    return file


def names_of(models: Sequence[Simulation]) -> list[str]:
    """What tells the runs apart: the arm and the seed, and more where these are the same."""
    plain = [f"{arm_title(model.arm)}, seed {model.seed}" for model in models]
    if len(set(plain)) == len(plain):
        return plain
    return [f"{name}, run {provenance_of(model)['run_hash']}" for name, model in zip(plain, models, strict=True)]


def pack_moment(panels: Sequence[Packed]) -> bytes:
    """The buffers of panels one after the other, fields as differences along each row, all deflated.

    Raw deflate (RFC 1951): browsers undo it by themselves.
    """
    parts = []
    for panel in panels:
        shapes = [field["shape"] for field in panel.header["fields"]]
        fields, rest = panel.buffers[: len(shapes)], panel.buffers[len(shapes) :]
        parts += [
            _along_rows(np.frombuffer(raw, np.uint8).reshape(shape)) for raw, shape in zip(fields, shapes, strict=True)
        ]
        parts += rest
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return squeeze.compress(b"".join(parts)) + squeeze.flush()


def _along_rows(values: NDArray[np.uint8]) -> bytes:
    return np.diff(values, axis=1, prepend=np.uint8(0)).tobytes()


def _moments(
    models: Sequence[Simulation],
    names: Sequence[str],
    every: float,
    scales: Scales,
    plane: str | None,
    watch: Callable[[int, int], None] | None,
    stop: Callable[[], bool] | None,
) -> Moments:
    made = Moments([], [])
    told = [seen_at(provenance_of(model), plane) for model in models]
    total = 1 + round((models[0].duration - models[0].state.time) / every)
    for taken in zip(*(shots(model, every) for model in models), strict=True):
        if stop is not None and stop():
            raise Stopped
        sights = [SnapshotSight(arrays, provenance) for (_, arrays), provenance in zip(taken, told, strict=True)]
        for sight in sights:
            scales.see(sight, FIELDS)
        titles = names if len(models) > 1 else [""]
        panels = [pack(sight, FIELDS, scales, title) for sight, title in zip(sights, titles, strict=True)]
        if len(sights) == MOST_RUNS:
            panels.append(_differences(sights, scales, names))
        strips = [strip_of(model, title) for model, title in zip(models, titles, strict=True)]
        made.headers.append({"time_h": taken[0][0], "panels": [panel.header for panel in panels], "strips": strips})
        made.bytes.append(pack_moment(panels))
        if watch is not None:
            watch(len(made.bytes), total)
    return made


def _differences(sights: Sequence[SnapshotSight], scales: Scales, names: Sequence[str]) -> Packed:
    """What the first run has more than the second, of every field: the page shows the one that is chosen."""
    first, second = sights
    packed = [pack_difference(second, first, name, scales) for name in FIELDS]
    fields = [one.header["fields"][0] for one in packed]
    header = {**packed[0].header, "title": f"{names[0]} less {names[1]}", "fields": fields}
    return Packed(header, [one.buffers[0] for one in packed])


def _page(
    models: Sequence[Simulation],
    names: Sequence[str],
    every: float,
    static: dict[str, Any],
    moments: Moments,
    chart: str,
) -> str:
    first = models[0]
    tables = [{n: np.array(v, np.float64) for n, v in model.rows.items()} for model in models]
    curves = [charts.Curve(name, table) for name, table in zip(names, tables, strict=True)]
    doses = sorted({mark.time for model in models for mark in model.protocol.marks() if mark.kind in charts.DOSES})
    options = {
        theme: charts.option_of(
            curves, charts.DEFAULT, duration=first.duration, now=0.0, doses=doses, dark=theme == "dark"
        )
        for theme in ("light", "dark")
    }
    given = {
        "static": static,
        "fields": FIRST_SHOWN,
        "names": names,
        "every_h": every,
        "duration_h": first.duration,
        "headers": moments.headers,
        "runs": [_run(model, table) for model, table in zip(models, tables, strict=True)],
        "charts": options,
        "readouts": [{"name": name, "title": charts.title_of(name)} for name in BY_NAME],
        "chart_height": charts.height_of(charts.DEFAULT),
        "chart_summary": charts.summary_of(curves, charts.DEFAULT),
    }
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    head = squeeze.compress(json.dumps(given, allow_nan=False).encode()) + squeeze.flush()
    packed = json.dumps([base64.b64encode(part).decode() for part in (head, *moments.bytes)])
    title = first.experiment.title
    return render(
        "teaching/templates/replay.html",
        heading=f"{title}: {' and '.join(names)}",
        title=title,
        names=names,
        not_for=NOT_FOR,
        every=f"{every:g} h",
        provenance=[(name, _provenance(model)) for model, name in zip(models, names, strict=True)],
        chart_code=chart,
        code=linked("replay.js"),
        packed=packed,
    )


def _run(model: Simulation, table: charts.Table) -> dict[str, Any]:
    """What the page tells of one run beside its pictures."""
    # What a shortened run does not come to is not of it, and would lie beyond the scrubber's end.
    marks = [mark for mark in model.protocol.marks() if mark.time <= model.duration]
    onsets = [(onset, stage) for stage in STAGES if (onset := model.stages.onsets[stage.name]) is not None]
    said = [(mark.time, plain_words(mark.label)) for mark in marks]
    said += [(onset, f"{stage.name.capitalize()} begins. {stage.story}") for onset, stage in onsets]
    rows = {
        name: [None if np.isnan(value) else value for value in table[name].tolist()] for name in ("time_h", *BY_NAME)
    }
    return {
        "marks": [[mark.time, mark.kind, mark.label] for mark in marks],
        "captions": sorted(said, key=lambda one: one[0]),
        "table": rows,
    }


def _provenance(model: Simulation) -> dict[str, str]:
    """Where a run comes from: heading -> text."""
    told = provenance_of(model)
    return {
        "Scenario": told["scenario"],
        "Arm": told["arm"],
        "Seed": told["seed"],
        "Run": told["run_hash"],
        "Numbers changed": ", ".join(f"{key} = {value}" for key, value in told["overrides"].items()) or "none",
        "Rules left out": ", ".join(told["without"]) or "none",
        "Made with": ", ".join(
            f"{key} {value}"
            for key, value in {"niche_sim": told["niche_sim"], "Python": told["python"], **told["versions"]}.items()
        ),
        "Scenario file (SHA-256)": told["scenario_sha256"],
    }


def _size(model: Simulation) -> str:
    section = model.state.section
    return f"{section.width / 1000.0:g} x {section.height / 1000.0:g} mm"
