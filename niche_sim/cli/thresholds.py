"""`niche-sim thresholds`: run untreated mice and keep what their markers reach beside the scenario."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from niche_sim.cli.beforehand import Yes, agree
from niche_sim.cli.folders import try_writing
from niche_sim.cli.usage import SCENARIO, optioned, say, whole_number
from niche_sim.engine.errors import InputError


def thresholds(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="An id or a path of a scenario.toml.")] = SCENARIO,
    mice: Annotated[str, typer.Option(metavar="NUMBER", help="Untreated mice to run.")] = "200",
    seed: Annotated[str, typer.Option(metavar="NUMBER", help="Seed of the first.")] = "1000000",
    workers: Annotated[str | None, typer.Option(metavar="NUMBER", help="Processes. Default: one a core.")] = None,
    yes: Yes = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Default: thresholds.toml beside the scenario."),
    ] = None,
) -> None:
    """Make the thresholds of the stages anew: what markers reach in mice to which nothing is done. Takes minutes."""
    number, first = whole_number(mice, "--mice", least=2), whole_number(seed, "--seed")
    cores = whole_number(workers, "--workers", least=1) if workers is not None else os.cpu_count() or 1
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    from niche_sim.cli import report
    from niche_sim.experiment import scenario as library
    from niche_sim.experiment.estimate import estimate, total
    from niche_sim.experiment.protocol import Protocol
    from niche_sim.experiment.setup import setup
    from niche_sim.runs.record import whole
    from niche_sim.runs.thresholds import compute_thresholds

    try:
        experiment = library.load(scenario)
        untreated = estimate(setup(experiment.only(experiment.default_arm, Protocol())), snapshots=False)
    except InputError as error:
        raise optioned(error) from None
    file = output if output is not None else experiment.path.parent / "thresholds.toml"
    try_writing(file.parent)  # before minutes of work, not after
    agree(total([(untreated, number)]), yes, cores)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=report.output(error=True), transient=True) as bar:
        task = bar.add_task("untreated mice", total=number)
        text = compute_thresholds(
            str(experiment.path), number, first, cores, lambda done: bar.update(task, completed=done)
        )
    with whole(file) as part:
        part.write_text(text, encoding="utf-8")
    typer.echo(text, nl=False)
    say(f"written to {file}")
