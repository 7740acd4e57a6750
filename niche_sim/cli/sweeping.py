"""`niche-sim sweep`: many runs of a plan, how far they are, and their tables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from niche_sim.cli import report
from niche_sim.cli.beforehand import Yes, agree_runs
from niche_sim.cli.folders import RUNS, refuse_a_run
from niche_sim.cli.mice import Workers, watching
from niche_sim.cli.usage import FAILED, CommandError, alone, say
from niche_sim.engine.errors import InputError

if TYPE_CHECKING:
    from niche_sim.runs.sweeps import Count, Swept

MOST_FAILURES = 5  # said one by one
OVERVIEW = "overview.png"


def sweep(
    plan: Annotated[Path | None, typer.Argument(metavar="PLAN", help="What to run: a PLAN.toml.")] = None,
    folder: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Default: runs/PLAN-sweep. Runs in it are used."),
    ] = None,
    workers: Workers = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Run on a Dask cluster, such as tcp://10.0.0.1:8786.")
    ] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Run one of N equal parts, for job arrays. All into one DIR.")
    ] = None,
    yes: Yes = False,
    status: Annotated[Path | None, typer.Option(metavar="DIR", help="Say how far the sweep in DIR is.")] = None,
    collect: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the tables of DIR from the runs that are there.")
    ] = None,
) -> None:
    """Run a plan of many points and seeds. However it is stopped, the same command goes on where it was."""
    choices = {"PLAN": plan, "-o": folder, "--workers": workers, "--scheduler": scheduler, "--shard": shard}
    if status is not None:
        alone("--status", {**choices, "--collect": collect})
        _status(status)
    elif collect is not None:
        alone("--collect", choices)
        _collect(collect)
    elif plan is None:
        raise InputError("PLAN", "missing", "a PLAN.toml, or --status DIR, or --collect DIR")
    else:
        _sweep(plan, folder, workers, scheduler, shard, yes)


def _sweep(
    plan: Path, given: Path | None, workers: int | None, scheduler: str | None, shard: str | None, yes: bool
) -> None:
    if workers is not None and scheduler is not None:
        raise InputError("--workers", "together with --scheduler", "one of them")
    from niche_sim.runs import sweeps

    part = None if shard is None else sweeps.Shard.read(shard, "--shard")
    wanted = sweeps.read_plan(plan)
    folder = RUNS / f"{plan.stem}-sweep" if given is None else given
    if not (folder / "plan.toml").is_file():  # with a plan in it, it is the folder of a sweep
        refuse_a_run(folder, "-o")
    agree_runs([wanted], folder, yes, workers or os.cpu_count() or 1)
    try:
        with watching("runs", folder, "-o" if given else "") as watch:
            found = sweeps.sweep(
                wanted, folder, workers=workers, scheduler=scheduler, shard=part, watch=watch, report=say
            )
    except InputError as error:
        raise InputError(
            f"-o {folder}" if error.where == str(folder) else error.where, error.found, error.allowed
        ) from None
    if part is not None and not (folder / "runs.parquet").exists():
        report.output().print(f"Shard {shard}: {_counted(found.count)}. In {folder}", soft_wrap=True)
        report.output().print("The last shard to finish writes the tables; `niche-sim sweep --collect` does, too.")
    else:
        _finish(found)
    if found.count.failed:
        raise typer.Exit(FAILED)


def _status(folder: Path) -> None:
    from niche_sim.runs import sweeps

    plan = _plan_of(folder, "--status")
    count = sweeps.count(plan, folder)
    points = f"{plan.points} points of design {plan.design}" if plan.axes else "one point"
    output = report.output()
    output.print(
        f"{plan.experiment.id}: {points}, arms {', '.join(plan.arms)}, {len(plan.seeds)} seeds", soft_wrap=True
    )
    output.print(_counted(count))
    _say_failures(folder, plan)
    if not count.missing and not (folder / "runs.parquet").exists():
        output.print(f"`niche-sim sweep --collect {folder}` writes the tables", soft_wrap=True)


def _collect(folder: Path) -> None:
    from niche_sim.engine.errors import reason_of
    from niche_sim.runs import sweeps

    plan = _plan_of(folder, "--collect")
    try:
        found = sweeps.collect(plan, folder, report=say)
    except OSError as error:
        raise CommandError(
            f"{folder}: {reason_of(error)}; the runs are kept, --collect again when there is room"
        ) from None
    _finish(found)


def _plan_of(folder: Path, option: str) -> Any:
    from niche_sim.runs import sweeps

    try:
        return sweeps.plan_of(folder)
    except InputError as error:
        raise InputError(
            f"{option} {folder}" if error.where == str(folder) else error.where, error.found, error.allowed
        ) from None


def _finish(found: Swept) -> None:
    """Draw, and say what came out."""
    from niche_sim.figures import sweep_overview

    output = report.output()
    if found.count.done:
        sweep_overview.save_overview(found, found.folder / OVERVIEW)
    output.print(_counted(found.count))
    _say_failures(found.folder, found.plan)
    output.print(
        f"Written to {found.folder}; pandas.read_parquet('{found.folder / 'runs.parquet'}') opens it", soft_wrap=True
    )


def _counted(count: Count) -> str:
    failed = f", {count.failed:,} failed" if count.failed else ""
    missing = f", {count.missing:,} to be run" if count.missing else ""
    return f"{count.done:,} of {count.total:,} runs done{failed}{missing}"


def _say_failures(folder: Path, plan: Any) -> None:
    """The first failures, one a line on standard error."""
    from niche_sim.runs import sweeps

    for shown, (run, why) in enumerate(sweeps.failures(plan, folder)):
        point = plan.described(run.point, run.arm)
        if shown == MOST_FAILURES:
            say("and more failed; failures.parquet has all")
            break
        say(", ".join(part for part in (f"arm {run.arm}", f"seed {run.seed}", point) if part) + f" failed: {why}")
