"""`niche-sim thresholds`: run untreated mice and keep what their markers reach beside the scenario."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from niche_sim.cli.beforehand import Yes, agree_runs
from niche_sim.cli.folders import RUNS, new_file
from niche_sim.cli.mice import SEVERAL, WHOLE, Scenario, Workers, cores_of, watching
from niche_sim.cli.usage import SCENARIO, optioned, say
from niche_sim.engine.errors import InputError


def thresholds(
    scenario: Scenario = SCENARIO,
    mice: Annotated[int, typer.Option(metavar="NUMBER", parser=SEVERAL, help="Untreated mice to run.")] = 200,
    seed: Annotated[int, typer.Option(metavar="NUMBER", parser=WHOLE, help="Seed of the first.")] = 1_000_000,
    workers: Workers = None,
    yes: Yes = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Default: thresholds.toml beside the scenario."),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep", metavar="DIR", help="Of the mice. Default: runs/SCENARIO-thresholds. Mice in it are used."
        ),
    ] = None,
) -> None:
    """Make the thresholds of the stages anew from mice to which nothing is done. Takes minutes; Ctrl-C keeps what is done."""
    cores = cores_of(workers)
    from niche_sim.experiment import scenario as library
    from niche_sim.runs.record import whole
    from niche_sim.runs.thresholds import compute_thresholds, untreated

    try:
        experiment = library.load(scenario)
        plan = untreated(experiment, mice, seed)
    except InputError as error:
        raise optioned(error) from None
    file = output if output is not None else experiment.path.parent / "thresholds.toml"
    target = RUNS / f"{experiment.id}-thresholds" if keep is None else keep
    with new_file(file, replace=True):  # before minutes of work, not after
        agree_runs([plan], target, yes, cores)
        with watching("untreated mice", target, "--keep" if keep else "") as watch:
            text = compute_thresholds(experiment, target, mice, seed, cores, watch, say)
        with whole(file) as part:
            part.write_text(text, encoding="utf-8")
    typer.echo(text, nl=False)
    say(f"written to {file}")
