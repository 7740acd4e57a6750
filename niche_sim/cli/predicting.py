"""`niche-sim predict`: ask the model a question and keep the answer before anybody knows it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from niche_sim.cli import report
from niche_sim.cli.beforehand import Yes
from niche_sim.cli.folders import claim, tidy
from niche_sim.cli.mice import GOES_ON, At, Mice, Seed, Workers, by_option, cores_of, end, moment, names_of, run_mice
from niche_sim.cli.usage import SCENARIO
from niche_sim.engine.errors import InputError

FOLDER = Path("predictions")


def predict(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="In a sentence, as somebody could answer it.")],
    scenario: Annotated[str, typer.Option("--scenario", metavar="SCENARIO", help="An id or a path.")] = SCENARIO,
    arms: Annotated[str | None, typer.Option(metavar="ARM,ARM", help="The reference first, then what is asked.")] = None,
    readout: Annotated[str | None, typer.Option(metavar="NAME", help="What would be measured.")] = None,
    at: At = None,
    mice: Mice = 12,
    seed: Seed = 1,
    workers: Workers = None,
    yes: Yes = False,
    kept: Annotated[Path, typer.Option("--in", metavar="DIR", help="Where predictions are kept.")] = FOLDER,
    folder: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help=f"Of the mice. Default: runs/SCENARIO-predict{GOES_ON}")
    ] = None,
) -> None:
    """Run mice of two arms and write what they say as a prediction that cannot be changed unnoticed; add its outcome later."""
    names = names_of(arms or "")
    if len(names) != 2:
        raise InputError("--arms", "missing" if arms is None else f"'{arms}'", "two arms, the reference first: pbs,educated")
    if readout is None:
        raise InputError("--readout", "missing", "one that `niche-sim describe` lists, such as bmdc_arrested")
    cores = cores_of(workers)
    from niche_sim.engine.errors import one_of
    from niche_sim.inference import predictions, verdicts
    from niche_sim.runs import cohort
    from niche_sim.runs.expectation.readouts import KNOWN

    one_of(readout, KNOWN, "--readout")
    try:
        plan = cohort.plan(scenario, names, mice=mice, seed=seed, readouts=[readout])
    except InputError as error:
        raise by_option(error, {}, None, "--scenario") from None
    hours = moment(plan, at)
    target = claim(folder, f"{plan.experiment.id}-predict", "done")
    try:
        failures = run_mice([plan], target, cores, yes, "-o" if folder else "")
        found = cohort.gather(plan, target / "mice")
        row = next(row for row in verdicts.effects(found, [(readout, hours)]) if row.readout == readout)
        entry = predictions.predict(question, found, names[1], names[0], readout, hours, row.comparison)
        file = predictions.write(entry, kept)
    finally:
        tidy(target)
    report.output().print(predictions.in_words(entry), soft_wrap=True)
    report.output().print(f"Written to {file}", soft_wrap=True)
    end(failures)
