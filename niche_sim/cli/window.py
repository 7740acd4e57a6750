"""`niche-sim window`: the effect of an intervention against the day on which it starts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from niche_sim.cli import report
from niche_sim.cli.beforehand import Yes
from niche_sim.cli.folders import claim, tidy
from niche_sim.cli.mice import (
    GOES_ON,
    At,
    Changes,
    Mice,
    Scenario,
    ScheduleName,
    Seed,
    Without,
    Workers,
    by_option,
    cores_of,
    end,
    moment,
    readouts_of,
    run_mice,
    schedule_of,
)
from niche_sim.cli.over_members import Members, Over
from niche_sim.cli.usage import SCENARIO, parsed, settings, time_of
from niche_sim.engine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from niche_sim.experiment.scenario import Scenario as Experiment
    from niche_sim.inference.windows import Onset, Point, Windows
    from niche_sim.runs.cohort import Cohort

HOURS_A_DAY = 24.0
TIME = parsed(time_of)
MOST_STARTS, POINTS = 60, 8  # starts allowed, and about how many without --step
MOST_READOUTS = 4


def window(
    scenario: Scenario = SCENARIO,
    arm: Annotated[str | None, typer.Option("--arm", metavar="ARM", help="Whose intervention is moved.")] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="DAY..DAY", help="The first and the last start.")] = None,
    step: Annotated[
        float | None,
        typer.Option("--step", metavar="DAY", parser=TIME, help="Between starts. Default: for 8 or so."),
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="ARM", help="Default: the arm to which it adds least.")
    ] = None,
    fixed: Annotated[
        str, typer.Option("--fixed", metavar="end|length", help="What stays: the day it ends, or how long it lasts.")
    ] = "end",
    readouts: Annotated[
        str | None, typer.Option("--readout", metavar="NAME,NAME", help="Default: those of the arm's targets.")
    ] = None,
    at: At = None,
    after: Annotated[
        float | None,
        typer.Option(
            "--after", metavar="DAYS", parser=TIME, help="Or so long after each start, so that each has had as long."
        ),
    ] = None,
    mice: Mice = 30,
    seed: Seed = 1,
    workers: Workers = None,
    yes: Yes = False,
    schedule: ScheduleName = None,
    without: Without = None,
    changes: Changes = None,
    ensemble: Members = None,
    folder: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help=f"Default: runs/SCENARIO-window{GOES_ON}"),
    ] = None,
) -> None:
    """Start an arm's intervention on each of several days: is it preventive or therapeutic? Ctrl-C keeps what is done."""
    cores, overrides = cores_of(workers), settings(changes or [])
    days = _days(by, step)
    if arm is None:
        raise InputError("--arm", "missing", "the arm whose intervention is moved, as `niche-sim scenarios` lists them")
    from niche_sim.experiment import scenario as library
    from niche_sim.inference import windows as study
    from niche_sim.runs import cohort
    from niche_sim.runs.expectation.readouts import KNOWN

    try:
        experiment = library.load(scenario, readouts=KNOWN)
        names = _readouts(readouts, experiment, arm)

        def planned(number: int, more: Mapping[str, str]) -> Windows:
            return study.windows(
                experiment, arm, days, against=against, fixed=fixed, mice=number, seed=seed, overrides={**more, **overrides},
                without=without or (), schedule=schedule_of(schedule), readouts=names,
            )  # fmt: skip

        made = planned(mice, {})
        over = None if ensemble is None else Over(ensemble, lambda number, more: planned(number, more).plan)
    except InputError as error:
        raise by_option(error, overrides, schedule) from None
    hours, since = _when(made, at, after)
    from niche_sim.figures import power_and_windows

    target = claim(folder, f"{experiment.id}-window", "windows.parquet")
    try:
        failures = run_mice([made.plan, *(over.plans.values() if over else ())], target, cores, yes, "-o" if folder else "")
        found = cohort.gather(made.plan, target / "mice")
        effects = [(name, study.effects(made, found, name, hours, after=since)) for name in names]
        onsets = study.onsets(made, found)
        bands: dict[str, list[tuple[float, float, float]]] = {}
        for name, _ in effects if over else ():

            def told(cohort: Cohort, name: str = name) -> list[float]:
                return [one.comparison.effect.estimate for one in study.effects(made, cohort, name, hours, after=since)]

            assert over is not None
            bands[name] = over.bands(target / "mice", told)
        rows = [row for name, points in effects for row in study.table(made, points, name)]
        cohort.write_table(rows, target / "windows.parquet")
        power_and_windows.save(power_and_windows.windows_figure(made, effects, onsets, bands), target / "windows.png")
    finally:
        tidy(target)
    for name, points in effects:
        _show(made, name, points, bands.get(name))
    _show_onsets(onsets, made.plan.reference)
    report.output().print(f"Written to {target}", soft_wrap=True)
    end(failures)


def _days(by: str | None, step: float | None) -> list[float]:
    """The starts, day. Raises InputError."""
    ends = [] if by is None else by.split("..")
    if len(ends) != 2 or not all(ends):
        raise InputError("--by", "missing" if by is None else f"'{by}'", "two days, such as 0..21")
    first, last = (time_of(text, "--by") / HOURS_A_DAY for text in ends)
    if first >= last:
        raise InputError("--by", f"'{by}'", "an earlier and a later day")
    every = max(1.0, -(-(last - first) // (POINTS - 1))) if step is None else step / HOURS_A_DAY
    if not every > 0.0 or (last - first) / every > MOST_STARTS:
        raise InputError("--step", f"{every:g} days", f"a step for at most {MOST_STARTS} starts")
    count = int((last - first) / every + 1e-9)
    return [round(first + every * number, 9) for number in range(count + 1)]


def _when(made: Windows, at: float | None, after: float | None) -> tuple[float | None, float | None]:
    """The time of all starts, or that after each of them, h. Raises InputError."""
    if after is None:
        return moment(made.plan, at), None
    if at is not None:
        raise InputError("--after", "beside --at", "one of the two")
    left = moment(made.plan, None) - min(made.days) * HOURS_A_DAY
    if after > left:
        raise InputError(
            "--after", f"{after / HOURS_A_DAY:g} days", f"at most {left / HOURS_A_DAY:g} days: the run ends then"
        )
    return None, after


def _readouts(text: str | None, experiment: Experiment, arm: str) -> list[str]:
    """Those that are asked for, or else those that the arm's targets name most, or else the marker of colonisation."""
    from niche_sim.model.stages import STAGES

    if text is not None:
        return readouts_of(text, MOST_READOUTS)
    named = Counter(t.readout for t in experiment.targets if t.arm == arm and not t.is_onset)
    return [name for name, _ in named.most_common(3)] or [STAGES[-1].marker]


def _show(
    made: Windows, readout: str, points: Sequence[Point], bands: Sequence[tuple[float, float, float]] | None
) -> None:
    from niche_sim.inference.verdicts import in_words
    from niche_sim.inference.windows import when

    title = f"{readout}, {when(points)}: {made.arm} against {made.plan.reference}, {made.fixed} fixed"
    over = [] if bands is None else ["members: 90 %"]
    table = report.table("start", "effect", "95 % interval", "n", *over, "", title=title)
    for place, point in enumerate(points):
        effect = point.comparison.effect
        told = effect.estimate == effect.estimate
        sign = "x" if point.comparison.kind == "ratio" else ""
        ends = f"{effect.low:.3g} to {effect.high:.3g}"
        table.add_row(
            f"day {point.day:g}", f"{sign}{effect.estimate:.3g}" if told else "-", ends if told else "-", f"{effect.n}",
            *(["{1:.3g} ({0:.3g} to {2:.3g})".format(*bands[place])] if bands is not None else []),
            point.comparison.note or in_words(point.comparison),
        )  # fmt: skip
    report.output().print(table)
    left_out = len(made.days) - len(points)
    if left_out:
        report.output().print(f"Left out, since the run ends sooner: {left_out} of {len(made.days)} starts.")


def _show_onsets(onsets: Sequence[Onset], arm: str) -> None:
    if onsets:
        said = ", ".join(f"{onset.stage} day {onset.median:.3g}" for onset in onsets)
        report.output().print(f"Onsets in {arm} (median): {said}")
