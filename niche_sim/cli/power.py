"""`niche-sim power`: how many real mice a study needs, from the spread of virtual ones."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
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
    Scenario,
    ScheduleName,
    Seed,
    Without,
    Workers,
    by_option,
    cores_of,
    end,
    moment,
    names_of,
    run_mice,
    schedule_of,
)
from niche_sim.cli.over_members import Members, Over
from niche_sim.cli.usage import SCENARIO, number_between, parsed, settings, whole_number
from niche_sim.engine.errors import InputError

if TYPE_CHECKING:
    from niche_sim.inference.effects import Effect
    from niche_sim.inference.power import Curve, Groups, Look, Needed
    from niche_sim.runs.plan import Plan

MICE, MOST = 30, 200  # virtual mice an arm; the most with --until-width
HOURS_A_DAY = 24.0
POSITIVE = parsed(number_between, least=0.0)
SHARE = parsed(number_between, least=0.0, most=1.0)
SHOWN = (3, 5, 10, 20, 50, 100, 200)  # mice a group whose power is printed


def power(
    scenario: Scenario = SCENARIO,
    arms: Annotated[
        str | None,
        typer.Option("--arms", metavar="REFERENCE,ARM", help="The two groups; one is enough if an --effect is assumed."),
    ] = None,
    readout: Annotated[str | None, typer.Option("--readout", metavar="NAME", help="What is measured.")] = None,
    at: At = None,
    effect: Annotated[
        float | None,
        typer.Option("--effect", metavar="RATIO", parser=POSITIVE, help="Of means (or shares), assumed. Default: as simulated."),
    ] = None,
    above: Annotated[
        float | None,
        typer.Option(
            "--above", metavar="LIMIT", parser=parsed(number_between, least=-math.inf),
            help="Compare shares of mice above it, such as what can be seen.",
        ),
    ] = None,
    share: Annotated[
        float, typer.Option("--power", metavar="SHARE", parser=SHARE, help="Of studies that find the effect.")
    ] = 0.8,
    level: Annotated[
        float, typer.Option("--alpha", metavar="P", parser=SHARE, help="What counts as found, two-sided.")
    ] = 0.05,
    test: Annotated[
        str | None, typer.Option("--test", metavar="NAME", help="welch-log, welch or mann-whitney. Default: as suits.")
    ] = None,
    mice: Annotated[
        int | None,
        typer.Option(
            "--mice", metavar="NUMBER", parser=parsed(whole_number, least=3),
            help=f"Virtual, an arm. Default: {MICE}; {MOST} with --until-width.",
        ),
    ] = None,
    width: Annotated[
        float | None,
        typer.Option(
            "--until-width", metavar="FACTOR", parser=parsed(number_between, least=1.0),
            help="Add virtual mice until the upper end of the effect's interval is at most that many times the lower.",
        ),
    ] = None,
    seed: Seed = 1,
    workers: Workers = None,
    yes: Yes = False,
    schedule: ScheduleName = None,
    without: Without = None,
    changes: Changes = None,
    ensemble: Members = None,
    folder: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help=f"Default: runs/SCENARIO-power{GOES_ON}"),
    ] = None,
) -> None:  # fmt: skip
    """How many real mice a group a study needs, from the spread of virtual mice. Ctrl-C keeps what is done."""
    cores, overrides = cores_of(workers), settings(changes or [])
    number = mice or (MICE if width is None else MOST)
    if effect == 1.0:
        raise InputError("--effect", "1", "another ratio: no number of mice shows what is not there")
    names = _arms(arms, effect)
    from niche_sim.inference import power as study
    from niche_sim.inference import verdicts
    from niche_sim.runs import cohort

    _check_names(readout, test)
    assert readout is not None

    def planned(size: int, more: Mapping[str, str] | None = None) -> Plan:
        try:
            return cohort.plan(
                scenario, list(dict.fromkeys(names)), mice=size, seed=seed, overrides={**(more or {}), **overrides},
                without=without or (), schedule=schedule_of(schedule), readouts=(readout,),
            )  # fmt: skip
        except InputError as error:
            raise by_option(error, overrides, schedule) from None

    if ensemble is not None and (effect is not None or above is not None):
        raise InputError("--ensemble", "beside --effect or --above", "an effect that is simulated")
    plan = planned(number)
    over = None if ensemble is None else Over(ensemble, planned)
    hours = moment(plan, at)
    from niche_sim.figures import power_and_windows

    target = claim(folder, f"{plan.experiment.id}-power", "power.parquet")
    given = "-o" if folder else ""
    looks: list[Look] = []
    try:
        if over is not None:
            run_mice(list(over.plans.values()), target, cores, yes, given)
        if width is None:
            failures = run_mice([plan], target, cores, yes, given)
        else:
            failures = []

            def look(size: int) -> Effect:
                failures[:] = run_mice([planned(size)], target, cores, yes, given)
                return study.effect_of(cohort.gather(planned(size), target / "mice"), names[1], readout, hours)

            looks = study.advise(look, width, number, cores)
            plan = planned(looks[-1].n)
        found = cohort.gather(plan, target / "mice")
        made = study.groups(found, names[1], readout, hours, above=above, effect=effect, test=test)
        curve, needed = study.study(made, share, level)
        if over is not None:
            (band,) = over.bands(target / "mice", lambda one: [study.effect_of(one, names[1], readout, hours).estimate])
        cohort.write_table(study.table(made, curve, level), target / "power.parquet")
        cohort.write_table(verdicts.mouse_table(found), target / "mice.parquet")
        power_and_windows.save(power_and_windows.power_figure(made, curve, needed, share), target / "power.png")
    finally:
        tidy(target)
    if width is not None:
        _show_looks(looks, width)
    _show(made, curve, needed, share, level)
    if over is not None:
        others = [dataclasses.replace(made, effect=one) for one in band if math.isfinite(one) and one not in (0.0, 1.0)]
        sizes = [study.study(one, share, level)[1].n for one in others]
        effects = "x{1:.3g} (x{0:.3g} to x{2:.3g})".format(*band)
        many = ", ".join(study.mice_of(size) for size in sizes)
        here = f"Over {len(over.plans)} plausible parameter sets the effect is {effects} (90 % of them)"
        text = f"{here}; mice a group for {100 * share:.3g} % power with these three effects and the spread above: {many}."
        report.output().print(text, soft_wrap=True)
    report.output().print(f"Written to {target}", soft_wrap=True)
    end(failures)


def _arms(text: str | None, effect: float | None) -> tuple[str, str]:
    """Reference and treated arm; the same twice if only one is given. Raises InputError."""
    names = [] if text is None else names_of(text)
    if len(names) == 1 and effect is not None:
        return names[0], names[0]
    if len(names) != 2 or names[0] == names[1]:
        found = "missing" if text is None else f"'{text}'"
        raise InputError("--arms", found, "two arms, reference first, such as pbs,educated; or one with --effect")
    return names[0], names[1]


def _check_names(readout: str | None, test: str | None) -> None:
    from niche_sim.engine.errors import one_of
    from niche_sim.inference.power import TESTS
    from niche_sim.runs.expectation.readouts import KNOWN

    if readout is None:
        raise InputError("--readout", "missing", "the name of a readout, as `niche-sim describe` lists them")
    one_of(readout, KNOWN, "--readout")
    if test is not None:
        one_of(test, TESTS, "--test")


def _show_looks(looks: Sequence[Look], width: float) -> None:
    table = report.table(
        "virtual mice", "effect", "95 % interval", "ends differ by", title="The effect as mice were added"
    )
    for look in looks:
        effect = look.effect
        ends = f"{effect.low:.3g} to {effect.high:.3g}"
        table.add_row(f"{look.n}", f"x{effect.estimate:.3g}", ends, f"x{look.width:.3g}")
    report.output().print(table)
    if looks[-1].width <= width:
        text = f"Narrow enough (x{width:g}) with {looks[-1].n} virtual mice an arm."
    else:
        text = f"Not narrow enough (x{width:g}) with {looks[-1].n} virtual mice an arm, the most allowed (--mice)."
    report.output().print(
        f"{text} The interval looked at last covers a little less than 95 %, since it stopped the growth."
    )


def _show(made: Groups, curve: Curve, needed: Needed, share: float, level: float) -> None:
    """What was compared, the answer, the curve in numbers, what the spread is made of, and what all this cannot know."""
    from niche_sim.inference.power import TEST_NAMES, limits, mice_of, spread_of
    from niche_sim.runs.expectation.readouts import KNOWN

    out = report.output()
    unit = KNOWN[made.readout].unit
    limit = "" if made.above is None else f" above {made.above:g} {unit}"
    assumed = "as simulated" if made.effect is None else f"assumed to be x{made.effect:g}"
    out.print(
        f"{made.readout}{limit}, day {made.at / HOURS_A_DAY:.4g}: {made.arm} against {made.against}, effect {assumed}."
    )
    out.print(f"Test: {TEST_NAMES[made.test]}, two-sided, p < {level:g}.")
    out.print()
    table = report.table(
        "arm", "virtual mice", "mean", "spread (CV)", "of its variance, counting alone", title=f"{unit}"
    )
    for arm, values in ((made.against, made.reference), (made.arm, made.treated)):
        one = spread_of(values, made.readout)
        counting = "" if math.isnan(one.counting) else f"{one.counting:.0%}"
        table.add_row(arm, f"{len(values)}", f"{one.mean:.3g}", f"{one.variation:.0%}", counting)
    out.print(table)
    table = report.table("mice a group", "power", "95 % interval", title="Power")
    for n, power, low, high in zip(*curve, strict=True):
        if n in SHOWN or n == curve.n[-1]:
            table.add_row(f"{n}", f"{power:.2f}", f"{low:.2f} to {high:.2f}")
    out.print(table)
    out.print(
        f"Mice a group for {100 * share:.3g} % power: {mice_of(needed.n)} ({mice_of(needed.low)} to {mice_of(needed.high)})."
    )
    for line in limits(made):
        out.print(line)
