"""Commands that run many mice: the options they share, the bar while mice run, and how they end."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from niche_sim.cli import report
from niche_sim.cli.beforehand import agree_runs
from niche_sim.cli.usage import FAILED, CommandError, optioned, parsed, say, stopped, time_of, whole_number
from niche_sim.engine.errors import InputError

if TYPE_CHECKING:
    from niche_sim.runs.farm import Done
    from niche_sim.runs.plan import Plan, Run

MOST_FAILURES = 5  # named one by one
GOES_ON = ", or a new one; an interrupted one goes on. Mice in the folder are used."  # of the option -o
TELL_EVERY = 60.0  # s, where no bar can be shown

WHOLE, COUNT, SEVERAL = parsed(whole_number), parsed(whole_number, least=1), parsed(whole_number, least=2)
Scenario = Annotated[str, typer.Argument(metavar="SCENARIO", help="An id or a path of a scenario.toml.")]
Mice = Annotated[
    int,
    typer.Option("--mice", metavar="NUMBER", parser=SEVERAL, help="Mice an arm, from 2; fewer than 6 decide nothing."),
]
Seed = Annotated[
    int, typer.Option("--seed", metavar="NUMBER", parser=WHOLE, help="Of the first mouse; mice of one seed are pairs.")
]
Workers = Annotated[
    int | None, typer.Option("--workers", metavar="NUMBER", parser=COUNT, help="Processes. Default: one a core.")
]
At = Annotated[
    float | None, typer.Option("--at", metavar="DAY", parser=parsed(time_of), help="When. Default: at the end.")
]
ScheduleName = Annotated[
    str | None, typer.Option("--schedule", metavar="NAME", help="Of rules. Default: that of the scenario.")
]
Without = Annotated[
    list[str] | None, typer.Option("--without", metavar="PROCESS", help="Leave a rule out. Repeatable.")
]
Changes = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Another value, as in `run`. Repeatable.")
]


def run_mice(plans: Sequence[Plan], target: Path, cores: int, yes: bool = False, option: str = "") -> list[Run]:
    """Run what is missing below `target`/mice, with a bar; says beforehand how long it may take.

    option: by which `target` was given, "" for a default folder.

    Raises CommandError when a signal or a full disk ends it, InputError if it takes more than is allowed without `yes`.
    """
    from niche_sim.runs import cohort

    agree_runs(plans, target / "mice", yes, cores)
    with watching("mice", target, option) as watch:
        return cohort.run(plans, target / "mice", cores, watch, report=say)


@contextmanager
def watching(noun: str, target: Path, option: str = "") -> Iterator[Callable[[Done], None]]:
    """Show on standard error how far runs are: a bar with their rate, time left and failures, or now and then a line.

    option: by which the folder `target` was given, "" if the same command finds it again by itself. Gives a function to be
    called with every `Done`. Raises CommandError when a signal, a full disk or a lost cluster ends it.
    """
    from niche_sim.runs.farm import Done, Stopped

    last, began = Done(0, 0, 0, 0), monotonic()
    told = math.inf if report.output(error=True).is_terminal else began
    try:
        with report.bar(noun) as show:

            def look(done: Done) -> None:
                nonlocal last, told
                last = done
                show(done.done + done.failed, done.total, f", {done.failed} failed" if done.failed else "")
                if monotonic() - told >= TELL_EVERY:
                    told = monotonic()
                    say(f"{done.done} of {done.total} {noun} done{_pace(noun, done, told - began)}")

            yield look
    except KeyboardInterrupt as error:
        done = f"{last.done} of {last.total} {noun} done" if last.total else f"no {noun} done"
        again = f"the same command with {option} {target}" if option else "the same command"
        raise stopped(error, f", {done}; {again} goes on") from None
    except Stopped as error:
        raise CommandError(f"{error}", FAILED) from None


def _pace(noun: str, done: Done, seconds: float) -> str:
    """ ", 1.3 runs/s, about 5 min left, 2 failed"."""
    from niche_sim.experiment.estimate import duration

    failed = f", {done.failed} failed" if done.failed else ""
    if not done.ran or seconds <= 0.0:
        return failed
    rate = done.ran / seconds
    pace = f"{rate:.1f} {noun}/s" if rate >= 1.0 else f"{60.0 * rate:.1f} {noun}/min"
    return f", {pace}, about {duration(done.seconds_left(seconds))} left{failed}"


def moment(plan: Plan, hours: float | None) -> float:
    """The time of --at, h; the end of the plan's runs if None. Raises InputError if it comes after that."""
    ends = plan.base.experiment.duration
    if hours is not None and hours > ends:
        raise InputError("--at", f"day {hours / 24.0:g} is after the end", f"up to day {ends / 24.0:g}")
    return ends if hours is None else hours


def end(failures: Sequence[Run]) -> None:
    """Say which mice failed; then the exit code is 1."""
    for failure in failures[:MOST_FAILURES]:
        say(f"{failure.scenario}, arm {failure.arm}, seed {failure.seed} failed: {failure.why}")
    if len(failures) > MOST_FAILURES:
        say(f"and {len(failures) - MOST_FAILURES} more failed")
    if failures:
        raise typer.Exit(FAILED)


def cores_of(workers: int | None) -> int:
    """How many processes --workers asks for; one a core without it."""
    return workers or os.cpu_count() or 1


def names_of(text: str) -> list[str]:
    """Names between commas."""
    return [name.strip() for name in text.split(",")]


def readouts_of(text: str, most: int) -> list[str]:
    """The readouts that --readout names, each once. Raises InputError if one is unknown, or they are more than `most`."""
    from niche_sim.engine.errors import one_of
    from niche_sim.runs.expectation.readouts import KNOWN

    names = [one_of(name, KNOWN, "--readout") for name in names_of(text)]
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
