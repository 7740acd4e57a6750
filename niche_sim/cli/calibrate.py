"""`niche-sim calibrate`: which values of some numbers give what a scenario's fit targets say."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from niche_sim.cli import report
from niche_sim.cli.beforehand import Yes, agree
from niche_sim.cli.folders import RUNS, refuse_a_run
from niche_sim.cli.mice import COUNT, SEVERAL, Changes, Without, Workers, names_of
from niche_sim.cli.usage import (
    FAILED,
    SCENARIO,
    CommandError,
    number_between,
    optioned,
    parsed,
    say,
    settings,
    stopped,
    whole_number,
)
from niche_sim.engine.errors import InputError

if TYPE_CHECKING:
    from niche_sim.inference.calibration import Marginal, Posterior, Progress
    from niche_sim.inference.fitting import Checked, Fit

SETTINGS = "calibration.json"
TELL_EVERY = 60.0  # s
CHECKS = 30  # particles that are simulated anew


def calibrate(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="One that has fit targets.")] = SCENARIO,
    vary: Annotated[
        str | None, typer.Option("--vary", metavar="NAME,NAME", help="Numbers of the register, over their ranges.")
    ] = None,
    mice: Annotated[
        int, typer.Option("--mice", metavar="NUMBER", parser=SEVERAL, help="Of each arm, for a particle.")
    ] = 4,
    particles: Annotated[
        int,
        typer.Option("--particles", metavar="NUMBER", parser=parsed(whole_number, least=10), help="Of a population."),
    ] = 100,
    populations: Annotated[int, typer.Option("--populations", metavar="NUMBER", parser=COUNT, help="At most.")] = 6,
    limit: Annotated[
        float,
        typer.Option(
            "--limit",
            metavar="DISTANCE",
            parser=parsed(number_between, least=0.0),
            help="Stop at it; 1 is the edge of the targets' tolerance.",
        ),
    ] = 0.5,
    workers: Workers = None,
    yes: Yes = False,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="ADDRESS", help="Run on a Dask cluster.")
    ] = None,
    changes: Changes = None,
    without: Without = None,
    folder: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Default: runs/SCENARIO-calibrate. One in it goes on."),
    ] = None,
) -> None:
    """Fit numbers to a scenario's fit targets by ABC-SMC; those to validate stay unseen. Ctrl-C keeps whole populations."""
    if workers is not None and scheduler is not None:
        raise InputError("--workers", "together with --scheduler", "one of them")
    if vary is None:
        raise InputError("--vary", "missing", "names of numbers, as `niche-sim parameters --kind fitted` lists them")
    overrides = settings(changes or [])
    fit = _fit(scenario, names_of(vary), mice, overrides, without or [])
    target = RUNS / f"{fit.experiment.id}-calibrate" if folder is None else folder
    refuse_a_run(target, "-o")
    from niche_sim.experiment.estimate import estimate, total

    asked = [estimate(fit.plan.job(arm, 1).setup, arm, snapshots=False) for arm in fit.plan.arms]
    agree(total([(one, mice * particles * populations) for one in asked]), yes, workers or 1)
    _claim(target, fit, particles, overrides, without or [])
    from niche_sim.figures import power_and_windows, sensitivity_and_fit
    from niche_sim.inference import calibration, fitting
    from niche_sim.runs import cohort

    runs = f"{particles} particles or more a population, {len(fit.plan.arms)} arms x {mice} mice for each"
    report.output(error=True).print(f"{len(fit.targets)} fit targets, {len(fit.axes)} numbers; {runs}", soft_wrap=True)
    found, simulated = _calibrated(fit, target, workers, scheduler, particles, populations, limit)
    marginals, checked = calibration.marginals(found), fitting.check(fit.targets, simulated)
    cohort.write_table(_particles(found), target / "posterior.parquet")
    cohort.write_table(_rows(checked), target / "check.parquet")
    heading = f"{fit.experiment.id} · {len(found.shares)} particles, limit {found.limits[-1]:.3g}"
    power_and_windows.save(sensitivity_and_fit.posterior_figure(found, marginals, heading), target / "posterior.png")
    power_and_windows.save(sensitivity_and_fit.check_figure(checked, heading), target / "check.png")
    _show(found, marginals, checked, limit)
    report.output().print(f"Written to {target}", soft_wrap=True)


def _fit(scenario: str, names: Sequence[str], mice: int, overrides: dict[str, str], without: Sequence[str]) -> Fit:
    from niche_sim.experiment import scenario as library
    from niche_sim.inference import active_parameters, fitting
    from niche_sim.model.parameters import rows
    from niche_sim.runs.expectation.readouts import KNOWN

    try:
        experiment = library.load(scenario, readouts=KNOWN)
        varied = {name: active_parameters.scale_of(name) if name in rows() else "register" for name in names}
        return fitting.fit(experiment, varied, mice=mice, overrides=overrides, without=without)
    except InputError as error:
        for kind, option in (("vary.", "--vary "), ("overrides.", "--set ")):
            if error.where.startswith(kind):
                place = f"{option}{error.where.removeprefix(kind)}"
                raise InputError(place, error.found, error.allowed) from None
        raise optioned(error, overrides) from None


def _claim(target: Path, fit: Fit, size: int, overrides: Mapping[str, str], without: Sequence[str]) -> None:
    """Note in the folder what decides this calibration. Raises InputError if another one is in it, or it cannot be written."""
    from niche_sim.engine.errors import reason_of
    from niche_sim.runs import identity
    from niche_sim.runs.record import whole

    ranges = {axis.name: [axis.low, axis.high, axis.unit, "log" if axis.log else "linear"] for axis in fit.axes}
    decides = {
        "scenario": fit.experiment.id, "sha256": fit.experiment.sha256, "targets": [t.id for t in fit.targets],
        "vary": ranges, "mice": fit.mice, "particles": size, "set": dict(overrides), "without": list(without),
        **identity.engine(),
    }  # fmt: skip
    file = target / SETTINGS
    try:
        if file.exists():
            then: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            differs = [name for name, value in decides.items() if then.get(name) != value]
            if differs:
                found = f"holds a calibration with another {' and '.join(differs)}"
                raise InputError(f"-o {target}", found, "another folder is needed for this one")
            return
        target.mkdir(parents=True, exist_ok=True)
        with whole(file) as part:
            part.write_text(json.dumps(decides, indent=2) + "\n", encoding="utf-8")
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        found = reason_of(error)
        raise InputError(f"-o {target}", found, "a folder that can be written, with a calibration or none") from None


def _calibrated(
    fit: Fit, target: Path, processes: int | None, scheduler: str | None, size: int, rounds: int, lowest: float
) -> tuple[Posterior, list[dict[str, float]]]:
    """The posterior, and what drawn particles give in other mice. Raises CommandError on Ctrl-C or a failing mouse."""
    import dataclasses
    import os

    from niche_sim.inference import calibration, fitting
    from niche_sim.runs import sweeps

    calibration.needed()
    from pyabc.sampler import ConcurrentFutureSampler

    reached = "no population done"
    watch = _teller()

    def look(done: Progress) -> None:
        nonlocal reached
        reached = f"{done.population} of {done.of} populations done"
        watch(done)

    place_of = sweeps.dask(scheduler) if scheduler is not None else sweeps.local(processes or os.cpu_count() or 1)
    try:
        with place_of as place:
            counted = calibration.Counted(place.executor, _counter())
            sampler = ConcurrentFutureSampler(counted, client_max_jobs=place.at_once())
            found = calibration.calibrate(
                fit, fitting.distance, fit.observed, fit.axes, target, sampler=sampler, particles=size,
                populations=rounds, limit=lowest, watch=look, report=say,
            )  # fmt: skip
            names = [axis.name for axis in fit.axes]
            points = [dict(zip(names, map(float, shares), strict=True)) for shares in found.drawn(CHECKS)]
            again = dataclasses.replace(fit, salt=1)
            return found, [future.result() for future in [place.executor.submit(again, point) for point in points]]
    except KeyboardInterrupt as error:
        raise stopped(error, f", {reached}; the same command with -o {target} goes on") from None
    except fitting.Failed as error:
        raise CommandError(f"{error}; what is done is in {target}, and the same command goes on", FAILED) from None


def _counter() -> Callable[[int], None]:
    """Says now and then how many simulations have ended."""
    began = told = monotonic()

    def tell(ended: int) -> None:
        nonlocal told
        if monotonic() - told >= TELL_EVERY:
            told = monotonic()
            say(f"{ended} simulations done, {60.0 * ended / (told - began):.0f} a minute")

    return tell


def _teller() -> Callable[[Progress], None]:
    """Says each population that is done, and how long the rest takes at least."""
    began = monotonic()

    def tell(done: Progress) -> None:
        nonlocal began
        took, began = monotonic() - began, monotonic()
        left = (done.of - done.population) * took / 60.0
        more = f", {left:.0f} min left or more" if left else ""
        text = f"population {done.population} of at most {done.of}: distance below {done.limit:.3g}"
        say(f"{text}, {done.simulations} simulations{more}")

    return tell


def _particles(found: Posterior) -> list[dict[str, Any]]:
    names = [axis.name for axis in found.axes]
    return [
        {"weight": float(weight), **dict(zip(names, map(float, values), strict=True))}
        for weight, values in zip(found.weights, found.values, strict=True)
    ]


def _rows(checked: Sequence[Checked]) -> list[dict[str, Any]]:
    return [
        {
            "target": one.target.id, "readout": one.target.readout, "arm": one.target.arm, "against": one.target.against,
            "at_h": one.target.at, "expect": one.target.expect, "value": one.target.value,
            "value_low": one.target.tolerance[0], "value_high": one.target.tolerance[1],
            "median": one.median, "low": one.low, "high": one.high, "n": one.n, "missed": one.missed,
        }
        for one in checked
    ]  # fmt: skip


def _show(found: Posterior, marginals: Sequence[Marginal], checked: Sequence[Checked], lowest: float) -> None:
    out = report.output()
    table = report.table("number", "median", "90 % interval", "unit", "width", "", title="Posterior")
    for one in marginals:
        ends = f"{one.low:.3g} to {one.high:.3g}"
        table.add_row(one.name, f"{one.median:.3g}", ends, one.unit, f"{one.width:.0%} of prior", one.word)
    out.print(table)
    lost = [one.name for one in marginals if one.word == "not identified"]
    if lost:
        out.print(f"Not identified by these targets: {', '.join(lost)}. Any value of the range does.")
    table = report.table(
        "fit target", "published", "posterior, new mice", "missed by", title="Posterior predictive check"
    )
    for check in checked:
        low, high = check.target.tolerance
        published = check.target.expect or f"{low:.3g} to {high:.3g}"
        table.add_row(
            check.target.id,
            published,
            f"{check.median:.3g} ({check.low:.3g} to {check.high:.3g})",
            f"{check.missed:.2g}",
        )
    out.print(table)
    text = f"{found.simulations:,} simulations, {found.effective:.0f} effective particles"
    out.print(f"{text}, distances below {found.limits[-1]:.3g}.")
    if found.limits[-1] > max(1.0, lowest):
        out.print(
            "That is not within the targets' tolerance yet: more --populations, or else the model cannot meet them all, "
            "whatever these numbers are."
        )
