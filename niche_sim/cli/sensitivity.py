"""`niche-sim sensitivity`: which numbers a result hangs on, from a sweep that Morris or Sobol designed."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from niche_sim.cli import report
from niche_sim.cli.beforehand import Yes, agree_runs
from niche_sim.cli.folders import RUNS, refuse_a_run
from niche_sim.cli.mice import COUNT, WHOLE, At, Changes, Without, Workers, names_of, watching
from niche_sim.cli.usage import FAILED, SCENARIO, optioned, say, settings
from niche_sim.engine.errors import InputError

if TYPE_CHECKING:
    from niche_sim.inference.sensitivity import Sensitivity
    from niche_sim.runs.sweeps import Plan, Swept

METHOD, SAMPLES, SEEDS = "morris", {"morris": 10, "sobol": 64}, 2
MOST_SHOWN = 15  # numbers in a printed table
MOST_READOUTS = 6


def sensitivity(
    what: Annotated[
        str, typer.Argument(metavar="PLAN|SCENARIO", help="A PLAN.toml of design morris or sobol, or a scenario.")
    ] = SCENARIO,
    method: Annotated[str | None, typer.Option("--method", metavar="NAME", help="morris or sobol. Default: morris.")] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            "--samples", metavar="NUMBER", parser=WHOLE, help="Trajectories (default 10) or samples (64)."
        ),
    ] = None,
    vary: Annotated[
        str | None,
        typer.Option("--vary", metavar="NAME,NAME", help="Default: all assumed numbers that the arms read."),
    ] = None,
    arms: Annotated[str | None, typer.Option("--arms", metavar="ARM,ARM", help="Default: educated, or the first.")] = None,
    readouts: Annotated[
        str | None, typer.Option("--readout", metavar="NAME,NAME", help="Default: the markers of the stages.")
    ] = None,
    at: At = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", metavar="NUMBER", parser=COUNT, help="Mice a point. Default: 2.")
    ] = None,
    workers: Workers = None,
    yes: Yes = False,
    scheduler: Annotated[str | None, typer.Option("--scheduler", metavar="ADDRESS", help="Run on a Dask cluster.")] = None,
    changes: Changes = None,
    without: Without = None,
    folder: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Default: runs/SCENARIO-METHOD. Runs in it are used."),
    ] = None,
) -> None:  # fmt: skip
    """Which numbers a result hangs on: Morris' screening or Sobol's indices. Ctrl-C keeps what is done."""
    file = Path(what)
    if file.suffix == ".toml" and file.name != "scenario.toml":
        given = {
            "--method": method, "--samples": samples, "--vary": vary, "--arms": arms, "--readout": readouts, "--at": at,
            "--seeds": seeds, "--set": changes, "--without": without,
        }  # fmt: skip
        named = [option for option, value in given.items() if value not in (None, [])]
        if named:
            raise InputError(named[0], "beside a PLAN", "a SCENARIO, or the plan without it, which says that itself")
        plan = _of_file(file)
        name = f"{file.stem}-{plan.design}"
    else:
        plan = _of_scenario(
            what, method, samples, vary, arms, readouts, at, seeds, settings(changes or []), without or []
        )
        name = f"{plan.experiment.id}-{plan.design}"
    target = RUNS / name if folder is None else folder
    if not (target / "plan.toml").is_file():
        refuse_a_run(target, "-o")
    agree_runs([plan], target, yes, workers or os.cpu_count() or 1)
    _announce(plan)
    from niche_sim.runs import sweeps

    with watching("runs", target, "-o" if folder else "") as watch:
        swept = sweeps.sweep(plan, target, workers=workers, scheduler=scheduler, watch=watch, report=say)
    _analyse(swept, target)
    if swept.count.failed:
        say(f"{swept.count.failed} of {swept.count.total} runs failed; failures.parquet in {target} says why")
        raise typer.Exit(FAILED)


def _of_file(file: Path) -> Plan:
    from niche_sim.inference.sensitivity import METHODS
    from niche_sim.runs import sweeps

    plan = sweeps.read_plan(file)
    if plan.design not in METHODS:
        raise InputError(f"{file}: design", f"'{plan.design}'", f"one of {', '.join(METHODS)}")
    return plan


def _of_scenario(
    what: str,
    method: str | None,
    samples: int | None,
    vary: str | None,
    arms: str | None,
    readouts: str | None,
    at: float | None,
    seeds: int | None,
    overrides: dict[str, str],
    without: list[str],
) -> Plan:
    """The plan that the options ask for. Raises InputError that names the option."""
    from niche_sim.engine.errors import one_of
    from niche_sim.experiment import scenario as library
    from niche_sim.inference import active_parameters
    from niche_sim.inference.sensitivity import FEWEST, METHODS
    from niche_sim.model.parameters import rows
    from niche_sim.model.stages import STAGES
    from niche_sim.runs import sweeps
    from niche_sim.runs.expectation.readouts import KNOWN

    design = one_of(method or METHOD, METHODS, "--method")
    number = SAMPLES[design] if samples is None else samples
    if number < FEWEST[design]:
        raise InputError("--samples", f"{number}", f"a whole number from {FEWEST[design]} is allowed")
    measured = [stage.marker for stage in STAGES] if readouts is None else names_of(readouts)
    for name in measured:
        one_of(name, KNOWN, "--readout")
    if len(measured) > MOST_READOUTS:
        raise InputError("--readout", f"{len(measured)} readouts", f"at most {MOST_READOUTS}")
    when = [] if at is None else [f"{at!r} h"]
    try:
        experiment = library.load(what)
        chosen = [experiment.default_arm] if arms is None else names_of(arms)
        for arm in chosen:
            experiment.arm(arm, "--arms")
        if vary is None:
            varied = active_parameters.assumed_ranges(
                active_parameters.numbers_read(experiment, chosen, overrides, without)
            )
            varied = {name: scale for name, scale in varied.items() if name not in overrides}
        else:
            names = dict.fromkeys(names_of(vary))
            varied = {name: active_parameters.scale_of(name) if name in rows() else "register" for name in names}
        return sweeps.plan(
            experiment, arms=chosen, seeds=seeds or SEEDS, at=when, readouts=measured, design=design, samples=number, vary=varied,
            overrides=overrides, without=without,
        )  # fmt: skip
    except InputError as error:
        place = error.where
        if place.startswith("vary."):
            raise InputError(f"--vary {place.removeprefix('vary.')}", error.found, error.allowed) from None
        if place.startswith("overrides."):
            raise InputError(f"--set {place.removeprefix('overrides.')}", error.found, error.allowed) from None
        named = {
            "samples": "--samples",
            "design": "--method",
            "at": "--at",
            "at[0]": "--at",
            "scenario": "PLAN|SCENARIO",
        }
        if place in named:
            raise InputError(named[place], error.found, error.allowed) from None
        raise optioned(error, overrides) from None


def _announce(plan: Plan) -> None:
    """What this will take, before it begins, and which points cannot be run at all."""
    impossible = {run.point: run.why for run in plan.runs() if run.job is None}
    arms = f"{len(plan.arms)} arms" if len(plan.arms) > 1 else f"arm {plan.arms[0]}"
    points = f"{plan.points:,} points of design {plan.design} over {len(plan.axes)} numbers"
    report.output(error=True).print(
        f"{points}, {arms}, {len(plan.seeds)} mice each: {plan.total:,} runs", soft_wrap=True
    )
    if impossible:
        why = next(iter(impossible.values()))
        say(f"{len(impossible)} of {plan.points} points cannot be run and their samples are left out, such as: {why}")


def _analyse(swept: Swept, target: Path) -> None:
    """Indices of every readout and arm: the table, the figures, and what is printed."""
    from niche_sim.figures import power_and_windows, sensitivity_and_fit
    from niche_sim.inference import sensitivity as study
    from niche_sim.runs import cohort

    plan = swept.plan
    at = plan.at[0] if plan.at else None
    rows = []
    for arm in plan.arms:
        found = [study.of_sweep(swept, name, arm, at) for name in plan.readouts if not name.startswith("onset_")]
        for one in found:
            rows += study.table(one, swept, arm, at)
            _show(one, arm)
        figure = sensitivity_and_fit.sensitivity_figure(found, f"{plan.experiment.id} · {arm.replace('_', ' ')}")
        power_and_windows.save(figure, target / f"sensitivity_{arm}.png")
    cohort.write_table(rows, target / "sensitivity.parquet")
    report.output().print(f"Written to {target}", soft_wrap=True)


def _show(found: Sensitivity, arm: str) -> None:
    out = report.output()
    morris = found.method == "morris"
    columns = ("number", "mu*", "95 %", "sigma", "") if morris else ("number", "ST", "95 %", "S1", "95 %")
    table = report.table(*columns, title=f"{found.output}, {arm}")
    if found.constant:
        out.print(f"{found.output}, {arm}: the same at every point\n")
        return
    for index in found.ranked[:MOST_SHOWN]:
        second = "" if morris else f"±{index.second_reach:.2g}"
        table.add_row(index.name, f"{index.main:.3g}", f"±{index.main_reach:.2g}", f"{index.second:.3g}", second)
    out.print(table)
    if len(found.indices) > MOST_SHOWN:
        out.print(f"and {len(found.indices) - MOST_SHOWN} more, in sensitivity.parquet")
    unit = "trajectories" if morris else "samples"
    said = f"{found.stages[-1].samples} {unit}" + (f", {found.dropped} left out" if found.dropped else "")
    said += (
        "; settled: the last quarter moved no index beyond its interval"
        if found.settled
        else "; not settled yet: more --samples"
    )
    if not math.isnan(found.chance):
        said += f". Of the variance between points {found.chance:.0%} is chance of {found.mice} mice"
        said += "; more --seeds lessen it" if found.chance > 0.5 else ""
    out.print(f"{said}.\n")
