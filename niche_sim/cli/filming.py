"""`niche-sim film`: a run again, as a film of its section."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from niche_sim.cli import report
from niche_sim.cli.folders import folder_of_run, new_file
from niche_sim.cli.running import stopping, tell_differences
from niche_sim.cli.usage import CommandError, PlaneOption
from niche_sim.engine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from niche_sim.experiment.simulation import Simulation
    from niche_sim.runs.record import Record

MAKER = "`niche-sim run` wrote"


def film(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A folder that `niche-sim run` wrote.")],
    file: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="NAME.mp4 or NAME.gif. Default: RUN_DIR/film.mp4."),
    ] = None,
    every: Annotated[
        str | None, typer.Option(metavar="TIME", help="From frame to frame. Default: 6 h, for a GIF 12 h.")
    ] = None,
    plane: PlaneOption = None,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="Do not show how far it is.")] = False,
) -> None:
    """Repeat the run of a folder and film it, with a caption as each stage begins. Ctrl-C stops it and leaves no file."""
    provenance = folder_of_run(folder, "provenance.json", "RUN_DIR", MAKER)
    target = folder / "film.mp4" if file is None else file
    from niche_sim.figures.film_files import check_ending

    check_ending(target, f"-o {target}")
    context.with_resource(new_file(target))
    from niche_sim.figures.film_drawing import EVERY, save_film
    from niche_sim.runs.planes import seen_at
    from niche_sim.runs.record import load_record, model_like, number_of_shots, provenance_of, shots

    record = load_record(folder)
    model = model_like(record.provenance, str(provenance))
    step = EVERY[target.suffix.lower()] if every is None else _interval(every, model.dt)
    with stopping() as asked:
        if tell_differences(record.provenance, provenance_of(model), provenance):
            # The folder's onsets are those of another run then: this one is run first to know its own.
            record = _as_it_runs_here(model, asked, not no_progress)
            model = model_like(record.provenance, str(provenance))
        record = dataclasses.replace(record, provenance=dict(seen_at(record.provenance, plane)))
        total, done = number_of_shots(model, step), [0]
        with report.bar("frames", not no_progress) as show:

            def watch(number: int, of: int) -> None:
                done[0] = number
                show(number, of, "")

            made = save_film(shots(model, step), total, record, target, watch=watch, stop=lambda: bool(asked()))
    if made is None:
        raise CommandError(f"stopped at frame {done[0]} of {total}; no file was written", 128 + asked())
    report.output().print(f"Written to {made}", soft_wrap=True)


def _interval(text: str, step: float) -> float:
    """A time in h. Raises InputError if it is not a whole number of steps (h)."""
    from niche_sim.engine.units import to_model

    every = to_model(text, like="h", where="--every")
    if every <= 0.0 or abs(every / step - round(every / step)) > 1e-9:
        raise InputError("--every", text, f"a whole number of the run's steps of {step:g} h is allowed, such as 12 h")
    return every


def _as_it_runs_here(model: Simulation, asked: Callable[[], int], progress: bool) -> Record:
    """The record of the model's run. Raises CommandError if it was stopped."""
    from niche_sim.runs.record import Runner

    runner = Runner(model)
    with report.progress(model, progress) as watch:
        while not asked() and runner.advance(1):
            watch(model)
    if model.steps_left:
        raise CommandError("stopped before the first frame; no file was written", 128 + asked())
    return runner.record()
