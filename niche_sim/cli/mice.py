"""Commands that run many mice: the options they share, the bar while mice run, and how they end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from niche_sim.cli import report
from niche_sim.cli.beforehand import agree
from niche_sim.cli.usage import FAILED, optioned, say, stopped, time_of, whole_number
from niche_sim.engine.errors import InputError

if TYPE_CHECKING:
    from niche_sim.runs.cohort import Failure, Plan
    from niche_sim.runs.cohort import Progress as Done

MOST_FAILURES = 5  # named one by one

Mice = Annotated[str, typer.Option("--mice", metavar="NUMBER", help="Mice an arm, from 2.")]
Seed = Annotated[str, typer.Option("--seed", metavar="NUMBER", help="Of the first mouse; mice of one seed are pairs.")]
Workers = Annotated[str | None, typer.Option("--workers", metavar="NUMBER", help="Processes. Default: one a core.")]
ScheduleName = Annotated[
    str | None, typer.Option("--schedule", metavar="NAME", help="Of rules. Default: that of the scenario.")
]
Without = Annotated[
    list[str] | None, typer.Option("--without", metavar="PROCESS", help="Leave a rule out. Repeatable.")
]
Changes = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Another value, as in `run`. Repeatable.")
]


def run_mice(plans: Sequence[Plan], target: Path, cores: int, yes: bool = False) -> list[Failure]:
    """Run what is missing below `target`/mice, with a bar; says beforehand how long it may take.

    Raises CommandError when a signal ends it, InputError if it takes more than is allowed without `yes`.
    """
    from niche_sim.experiment.estimate import total
    from niche_sim.runs import cohort

    if parts := cohort.estimates(plans, target / "mice"):
        agree(total(parts), yes, cores)
    last: list[Done] = []
    try:
        with bar() as watch:

            def look(done: Done) -> None:
                last[:] = [done]
                watch(done)

            return cohort.run(plans, target / "mice", cores, look, report=say)
    except KeyboardInterrupt as error:
        done = f"{last[0].done} of {last[0].total} mice done" if last else "no mouse done"
        raise stopped(error, f", {done}; the same command with -o {target} goes on") from None


@contextmanager
def bar() -> Iterator[Callable[[Done], None]]:
    """A bar of mice and time left on standard error, if that is a terminal; else a line now and then."""
    from time import monotonic

    console = report.output(error=True)
    if not console.is_terminal:
        began, told = monotonic(), [monotonic()]

        def tell(done: Done) -> None:
            now = monotonic()
            if now - told[0] >= 60.0 and done.share > 0.0:
                told[0] = now
                left = (now - began) * (1.0 - done.share) / done.share / 60.0
                say(f"{done.done} of {done.total} mice, about {left:.0f} min left")

        yield tell
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(None), TextColumn("left"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task("mice", total=1.0)
        yield lambda done: shown.update(task, completed=done.share, description=f"mouse {done.done} of {done.total}")


def moment(plan: Plan, text: str | None, option: str = "--at") -> float:
    """The time that an option names, h; the end of the plan's runs if None. Raises InputError if it comes after that."""
    from niche_sim.engine.units import to_model

    changed = dict(plan.overrides).get("run.duration")
    ends = plan.experiment.duration if changed is None else to_model(changed, like="h", where="run.duration")
    hours = ends if text is None else time_of(text, option)
    if hours > ends:
        raise InputError(option, f"{text!r} is after the end", f"up to day {ends / 24.0:g}")
    return hours


def end(failures: Sequence[Failure]) -> None:
    """Say which mice failed; then the exit code is 1."""
    for failure in failures[:MOST_FAILURES]:
        say(f"{failure.scenario}, arm {failure.arm}, seed {failure.seed} failed: {failure.why}")
    if len(failures) > MOST_FAILURES:
        say(f"and {len(failures) - MOST_FAILURES} more failed")
    if failures:
        raise typer.Exit(FAILED)


def cores_of(workers: str | None) -> int:
    """How many processes --workers asks for; one a core without it. Raises InputError."""
    return whole_number(workers, "--workers", least=1) if workers is not None else os.cpu_count() or 1


def names_of(text: str) -> list[str]:
    """Names between commas."""
    return [name.strip() for name in text.split(",")]


def readouts_of(text: str, most: int) -> list[str]:
    """The readouts that --readout names, each once. Raises InputError if one is unknown, or they are more than `most`."""
    from niche_sim.engine.errors import one_of
    from niche_sim.model.readouts import BY_NAME

    names = [one_of(name, BY_NAME, "--readout") for name in names_of(text)]
    if len(names) > most:
        raise InputError("--readout", f"{len(names)} readouts", f"at most {most}")
    return list(dict.fromkeys(names))


def schedule_of(text: str | None) -> str | tuple[str, ...] | None:
    """The name of a schedule, or several names of rules."""
    return tuple(names_of(text)) if text is not None and "," in text else text


def by_option(
    error: InputError, overrides: dict[str, str], schedule: str | None, scenario: str = "SCENARIO"
) -> InputError:
    """The same error, naming the option by which the refused value came."""
    if error.where == "arms":
        return InputError("--arms", error.found, error.allowed)
    if error.where == "scenario":
        return InputError(scenario, error.found, error.allowed)
    if schedule is not None and error.where.endswith(": schedule"):
        return InputError("--schedule", error.found, error.allowed)
    return optioned(error, overrides)
