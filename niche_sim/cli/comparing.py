"""`niche-sim compare` and `niche-sim evidence`: many mice of many arms, what differs, and what the papers say to it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    names_of,
    readouts_of,
    run_mice,
    schedule_of,
)
from niche_sim.cli.over_members import Members, Over
from niche_sim.cli.usage import SCENARIO, number_of_days, parsed, settings
from niche_sim.engine.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from niche_sim.inference.comparisons import Comparison
    from niche_sim.inference.ensemble.claims import Claim
    from niche_sim.inference.verdicts import Judged, Row
    from niche_sim.runs.cohort import Cohort
    from niche_sim.runs.plan import Plan, Run

MICE = 30
FIGURE_DPI = 110  # of the figures of a report, which holds many


def compare(
    scenario: Scenario = SCENARIO,
    arms: Annotated[
        str | None, typer.Option(metavar="ARM,ARM", help="The first is the reference. Default: all, in their order.")
    ] = None,
    readouts: Annotated[
        str | None, typer.Option("--readout", metavar="NAME,NAME", help="To show. Default: those of the targets.")
    ] = None,
    at: At = None,
    days: Annotated[
        float | None,
        typer.Option("--days", metavar="DAYS", parser=parsed(number_of_days), help="Default: the scenario's duration."),
    ] = None,
    mice: Mice = MICE,
    seed: Seed = 1,
    workers: Workers = None,
    yes: Yes = False,
    schedule: ScheduleName = None,
    without: Without = None,
    changes: Changes = None,
    ensemble: Members = None,
    folder: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help=f"Default: runs/SCENARIO-compare{GOES_ON}"),
    ] = None,
) -> None:
    """Run many mice of each arm; print and write how arms differ and which targets are met. Ctrl-C keeps what is done."""
    cores, overrides = cores_of(workers), settings(changes or [])
    names = None if arms is None else names_of(arms)
    if days is not None:
        if "run.duration" in overrides:
            raise InputError("--days", "together with --set run.duration", "one of them")
        overrides["run.duration"] = f"{days!r} day"
    from niche_sim.inference import receptivity, verdicts
    from niche_sim.runs import cohort

    def planned(number: int, more: Mapping[str, str]) -> Plan:
        return cohort.plan(
            scenario, names, mice=number, seed=seed, overrides={**more, **overrides}, without=without or (),
            schedule=schedule_of(schedule), readouts=names_of(readouts or ""),
        )  # fmt: skip

    try:
        wanted = planned(mice, {})
        over = None if ensemble is None else Over(ensemble, planned)
    except InputError as error:
        raise by_option(error, overrides, schedule) from None
    from niche_sim.figures import arms as plots_compare

    hours = moment(wanted, at)
    shown = None if readouts is None else readouts_of(readouts, plots_compare.MOST_READOUTS)
    target = claim(folder, f"{wanted.experiment.id}-compare", "effects.parquet")
    try:
        failures = run_mice([wanted, *(over.plans.values() if over else ())], target, cores, yes, "-o" if folder else "")
        found = cohort.gather(wanted, target / "mice")
        named = [name for name, _ in plots_compare.key_readouts(found, shown)]
        rows = [*verdicts.effects(found, [(name, hours) for name in named]), *receptivity.effects(found)]
        judged = verdicts.judge_all(found)
        cohort.write_table(verdicts.effect_table(rows, judged), target / "effects.parquet")
        cohort.write_table(verdicts.mouse_table(found), target / "mice.parquet")
        if any(found.lives.values()):
            plots_compare.save_compare(found, target / "compare.png", shown)
    finally:
        tidy(target)
    _show_effects(found, rows, named, hours)
    _show_targets(judged, wanted.arms)
    if over is not None:
        over.show(found, named, target, hours)
    if mice < verdicts.FEWEST_MICE:
        few = f"{mice} mice an arm decide nothing: --mice {verdicts.FEWEST_MICE} or more can."
        report.output().print(few, soft_wrap=True)
    for arm, why in found.refused.items():
        report.output().print(f"Nothing is expected of {arm}: {why}", soft_wrap=True)
    report.output().print(f"Written to {target}", soft_wrap=True)
    end(failures)


def evidence(
    scenarios: Annotated[str | None, typer.Option(metavar="ID,ID", help="Default: all that have targets.")] = None,
    mice: Mice = MICE,
    seed: Seed = 1,
    workers: Workers = None,
    yes: Yes = False,
    schedule: ScheduleName = None,
    changes: Changes = None,
    ensemble: Members = None,
    against: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Another folder of `evidence`, to set its verdicts beside.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(metavar="NAME", help="What that one is called. Default: its name.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help=f"Default: runs/evidence{GOES_ON}")
    ] = None,
) -> None:
    """Run the arms that the targets of all scenarios name and report which are met. Ctrl-C keeps what is done."""
    cores, overrides = cores_of(workers), settings(changes or [])
    if label is not None and against is None:
        raise InputError("--label", "without --against", "a folder to compare with")
    from niche_sim.description import evidence as reports
    from niche_sim.experiment.scenario import cannot_be_asked
    from niche_sim.figures import effect_sizes
    from niche_sim.inference import mechanisms

    other = reports.verdicts_of(against) if against is not None else {}
    plans, reasons = _plans(scenarios, mice, seed, overrides, schedule)
    over = {} if ensemble is None else {
        one.experiment.id: Over(ensemble, functools.partial(_planned, one, arms, seed, overrides, schedule_of(schedule)))
        for one, arms in ((plan, _arms_that_count(plan)) for plan in plans) if arms
    }  # fmt: skip
    # The knock-out matrix belongs to the report of all scenarios under the schedule that is the model's own.
    whole = scenarios is None and schedule is None
    wider = mechanisms.matrix_plans(min(mice, mechanisms.MOST_MICE), seed) if whole else []
    target = claim(folder, "evidence", "report.html")
    try:
        members = [plan for one in over.values() for plan in one.plans.values()]
        failures = run_mice([*plans, *wider, *members], target, cores, yes, "-o" if folder else "")
        made = _report(plans, reasons, failures, target / "mice")
        extras = _mechanisms(plans, wider, target / "mice")
        shown = schedule or "default"
        name = (label or against.name) if against is not None else ""
        sizes, unaskable = effect_sizes.sizes_png(reports.all_judged(made)), cannot_be_asked() if scenarios is None else ()
        full = reports.Report(made, shown, other, name, extras, sizes, unaskable, _claims(over, plans, target / "mice"))
        reports.write(full, target)
    finally:
        tidy(target)
    report.output().print(reports.summary(full))
    table = report.table(*reports.STATUS[:-1])
    _fold_first(table, last=9)
    for *cells, headline in reports.status_rows(full):
        table.add_row(report.cell(f"{cells[0]}\n{headline}"), *cells[1:])
    report.output().print(table)
    report.output().print(f"Written to {target / 'report.html'}", soft_wrap=True)
    end(failures)


def _arms_that_count(plan: Plan) -> list[str]:
    """The arms of the targets that the headline can count: members run no others."""
    from niche_sim.inference.verdicts import may_count

    named = {arm for one in plan.experiment.targets if may_count(one, plan.base) for arm in (one.arm, one.against)}
    return [arm for arm in plan.arms if arm in named]


def _planned(
    one: Plan,
    arms: Sequence[str],
    seed: int,
    overrides: Mapping[str, str],
    schedule: str | tuple[str, ...] | None,
    mice: int,
    more: Mapping[str, str],
) -> Plan:
    """The same plan with some of its arms and other numbers of the register, without pictures."""
    from niche_sim.runs import cohort

    made = cohort.plan(one.experiment, arms, mice=mice, seed=seed, overrides={**more, **overrides}, schedule=schedule)
    return dataclasses.replace(made, pictures=False)


def _claims(over: Mapping[str, Over], plans: Sequence[Plan], mice: Path) -> dict[tuple[str, str], Claim]:
    """How each target that the headline can count fares over the members, by scenario and target."""
    from niche_sim.inference.ensemble import claims
    from niche_sim.inference.verdicts import may_count

    found = {}
    for plan in plans:
        if (one := over.get(plan.experiment.id)) is not None:
            cohorts = one.gathered(mice)
            for target in plan.experiment.targets:
                if may_count(target, plan.base):
                    found[plan.experiment.id, target.id] = claims.of_target(target, cohorts, one.found)
    return found


def _plans(
    scenarios: str | None, mice: int, seed: int, overrides: dict[str, str], schedule: str | None
) -> tuple[list[Plan], dict[str, dict[str, str]]]:
    """The arms that targets name, of each scenario that has targets; and the written reasons, by scenario."""
    from niche_sim.description import evidence as reports
    from niche_sim.experiment import scenario as library
    from niche_sim.runs import cohort
    from niche_sim.runs.expectation.readouts import KNOWN

    ids = [entry.id for entry in library.catalogue()] if scenarios is None else names_of(scenarios)
    plans, reasons = [], {}
    for name in ids:
        try:
            experiment = library.load(name, readouts=KNOWN)
            named = {arm for target in experiment.targets for arm in (target.arm, target.against)}
            arms = [arm for arm in experiment.arms if arm in named]
            if not arms and scenarios is None:
                continue
            if not arms:
                raise InputError("scenario", f"{name!r} has no targets", "one that has")
            reasons[experiment.id] = reports.load_reasons(experiment)
            plans.append(
                cohort.plan(experiment, arms, mice=mice, seed=seed, overrides=overrides, schedule=schedule_of(schedule))
            )
        except InputError as error:
            raise by_option(error, overrides, schedule, "--scenarios") from None
    return plans, reasons


def _report(
    plans: Sequence[Plan], reasons: dict[str, dict[str, str]], failures: Sequence[Run], mice: Path
) -> list[Any]:
    from niche_sim.description import evidence
    from niche_sim.experiment import scenario as library
    from niche_sim.figures import arms as plots_compare
    from niche_sim.inference import verdicts
    from niche_sim.runs import cohort

    studies = []
    for one in plans:
        found = cohort.gather(one, mice)
        own = one.experiment.path.with_name("sources.bib")
        cited = library.sources() | (library.sources(own) if own.is_file() else {})
        failed = sum(failure.scenario == one.experiment.id for failure in failures)
        figure = plots_compare.compare_png(found, FIGURE_DPI) if any(found.lives.values()) else b""
        judged = verdicts.judge_all(found)
        studies.append(
            evidence.Study(one.experiment, judged, reasons[one.experiment.id], cited, len(one.seeds), failed, figure)
        )
    return studies


def _mechanisms(plans: Sequence[Plan], wider: Sequence[Plan], mice: Path) -> list[Any]:
    """The studies beside the scenarios, if those of the knock-out matrix were run."""
    if not wider:
        return []
    from niche_sim.description import evidence
    from niche_sim.figures import mechanism_chain
    from niche_sim.inference import mechanisms
    from niche_sim.runs import cohort

    found = mechanisms.matrix(mechanisms.load_matrix(wider, mice))
    columns = ("schedule", *(word for _, word, _, _ in mechanisms.BLOCKS), "verdict")
    gates = mechanisms.nk_gate({one.experiment.id: cohort.gather(one, mice) for one in plans})
    parts = mechanisms.zonation(), mechanisms.stellate_reach(), mechanisms.kupffer_slowing(), gates
    size = f"{found.mice} mice an arm, 2 x 2 mm, means over the last two days of three weeks."
    return [
        evidence.Extra(
            "knockouts",
            "Serial against parallel",
            (mechanisms.QUESTION, size),
            columns,
            mechanisms.matrix_rows(found),
            mechanism_chain.matrix_png(found),
        ),
        evidence.Extra(
            "mechanisms",
            "Parts of the model by themselves",
            (mechanisms.PARTS,),
            figure=mechanism_chain.parts_png(*parts),
        ),
    ]


def _show_effects(found: Cohort, rows: Sequence[Row], readouts: Sequence[str], at: float) -> None:
    """Effects on the key readouts at a time, h."""
    title = f"Against {found.plan.reference}, day {at / 24.0:.4g}"
    table = report.table("readout", "arm", "effect", "95 % interval", "n", "", title=title)
    _fold_first(table, last=9)
    once = {(row.readout, row.arm): row for row in rows if row.readout in readouts and row.at == at}
    for row in once.values():
        table.add_row(row.readout, row.arm, *_numbers(row.comparison), row.word)
    if table.row_count:
        report.output().print(table)


def _show_targets(judged: Sequence[Judged], arms: Sequence[str]) -> None:
    """Every target of the arms that were run, and its verdict; how many ask for others."""
    asked = [one for one in judged if {one.target.arm, one.target.against or one.target.arm} <= set(arms)]
    table = report.table("target", "day", "effect", "n", "direction", title="Targets, effects with 95 % interval")
    _fold_first(table, last=22)
    for one in asked:
        band = "" if one.target.band is None else "\npublished: {:.3g} to {:.3g}".format(*one.target.band)
        estimate, interval, n = _numbers(one.comparison)
        size = "" if one.target.band is None else f"its size: {one.size}"
        judged_so = "\n".join(text for text in (one.direction, one.why, size) if text)
        day = f"{one.target.at / report.HOURS_A_DAY:.4g}"
        table.add_row(report.cell(one.target.id + band), day, report.cell(f"{estimate}\n{interval}"), n, report.cell(judged_so))
    if asked:
        report.output().print(table)
    if len(asked) < len(judged):
        report.output().print(f"Undecided, since their arms were not run: {len(judged) - len(asked)} more targets")


def _fold_first(table: Table, last: int) -> None:
    """Let the first column wrap, too, and leave the last at least some room."""
    table.columns[0].no_wrap = False
    table.columns[-1].min_width = last


def _numbers(found: Comparison) -> tuple[str, str, str]:
    """Effect, interval, n."""
    effect = found.effect
    if effect.estimate != effect.estimate:
        return "-", "-", f"{effect.n}"
    sign = {"ratio": "x", "difference": "+" if effect.estimate >= 0 else ""}.get(found.kind, "")
    return f"{sign}{effect.estimate:.3g}", f"{effect.low:.3g} to {effect.high:.3g}", f"{effect.n}"
