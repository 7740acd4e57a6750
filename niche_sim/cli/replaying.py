"""`niche-sim replay`: a run again, or two side by side, as one page that needs no server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from niche_sim.cli import report
from niche_sim.cli.folders import folder_of_run, new_file
from niche_sim.cli.running import stopping, tell_differences
from niche_sim.cli.usage import CommandError, PlaneOption
from niche_sim.engine.errors import InputError

if TYPE_CHECKING:
    from niche_sim.experiment.simulation import Simulation
    from niche_sim.runs.record import Record

MAKER = "`niche-sim run` wrote"


def replay(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A folder that `niche-sim run` wrote.")],
    second: Annotated[
        Path | None, typer.Argument(metavar="RUN_DIR_2", help="Another, to be shown beside it, with the difference.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="NAME.html. Default: RUN_DIR/replay.html.")
    ] = None,
    every: Annotated[
        str | None, typer.Option(metavar="TIME", help="From moment to moment. Default: 12 h, or what fits the run.")
    ] = None,
    plane: PlaneOption = None,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="Do not show how far it is.")] = False,
) -> None:
    """Repeat the run of a folder and keep every moment in one page to look at anywhere: no server, no network.

    With two folders both runs are shown side by side. Ctrl-C stops it and leaves no file.
    """
    folders = [folder] if second is None else [folder, second]
    metavars = ("RUN_DIR", "RUN_DIR_2")
    files = [
        folder_of_run(one, "provenance.json", metavar, MAKER) for one, metavar in zip(folders, metavars, strict=False)
    ]
    target = folder / "replay.html" if file is None else file
    if target.suffix.lower() not in (".html", ".htm"):
        raise InputError(
            f"-o {target}", f"a name that ends in {target.suffix or 'nothing'}", "one that ends in .html is needed"
        )
    context.with_resource(new_file(target))
    from niche_sim.figures.appearance import SnapshotSight
    from niche_sim.runs.planes import seen_at
    from niche_sim.runs.record import load_record, model_like, provenance_of
    from niche_sim.teaching import replay as pages

    records = [load_record(one) for one in folders]
    models = [model_like(record.provenance, str(one)) for record, one in zip(records, files, strict=True)]
    pages.check_alike(models, f"RUN_DIR_2 {second}")
    step = pages.suitable_interval(models[0]) if every is None else _interval(every, models[0])
    told = [
        tell_differences(record.provenance, provenance_of(model), one)
        for record, model, one in zip(records, models, files, strict=True)
    ]
    told_of = [seen_at(record.provenance, plane) for record in records]
    seen = [SnapshotSight(arrays, of) for record, of in zip(records, told_of, strict=True) for arrays in record.snapshots.values()]
    done = [0, 0]
    with stopping() as asked, report.bar("moments", not no_progress) as show:

        def watch(number: int, of: int) -> None:
            done[:] = number, of
            show(number, of, "")
            if number == of:
                for record, model, one, differs in zip(records, models, folders, told, strict=True):
                    if not differs:
                        _check_same(record, model.rows, one)

        made = pages.save_replay(models, step, target, seen=seen, plane=plane, watch=watch, stop=lambda: bool(asked()))
    if made is None:
        raise CommandError(f"stopped at moment {done[0]} of {done[1]}; no file was written", 128 + asked())
    size = made.stat().st_size / 1e6
    report.output().print(f"Written to {made} ({size:.1f} MB)", soft_wrap=True)


def _interval(text: str, model: Simulation) -> float:
    """A time in h. Raises InputError if the run is not a whole number of it."""
    from niche_sim.engine.units import to_model
    from niche_sim.teaching.replay import fits

    every = to_model(text, like="h", where="--every")
    if not fits(model, every):
        run = f"{model.duration / 24.0:g} days in steps of {model.dt:g} h"
        raise InputError("--every", text, f"whole steps that divide the run ({run}) are allowed, such as 6 h")
    return every


def _check_same(record: Record, now: Mapping[str, Any], folder: Path) -> None:
    """Raises InputError if a run that should repeat bit for bit has other numbers than its record."""
    import numpy as np

    for name, values in now.items():
        kept = record.table.get(name)
        if kept is None or not np.array_equal(kept, np.array(values, np.float64), equal_nan=True):
            raise InputError(
                f"{folder / 'record.parquet'}",
                f"other values of {name} than the run repeated has",
                "the record as it was written",
            )
