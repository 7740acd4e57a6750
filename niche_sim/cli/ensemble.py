"""`niche-sim ensemble`: make the set of plausible parameter sets, and say what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from niche_sim.cli import report
from niche_sim.cli.beforehand import Yes, agree
from niche_sim.cli.folders import hold, refuse_a_run, tidy
from niche_sim.cli.mice import COUNT, SEVERAL, WHOLE, Workers, cores_of, watching
from niche_sim.cli.usage import say
from niche_sim.engine.errors import InputError

if TYPE_CHECKING:
    from niche_sim.inference.ensemble import Ensemble

RESULT = "result"  # folder of the finished ensemble in that of its making
app = typer.Typer(
    help="Parameter sets that the literature leaves plausible: make them, describe them.", no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip
Folder = Annotated[
    Path | None, typer.Argument(metavar="DIR", help="Of `ensemble make`. Default: the ensemble that comes with niche-sim.")
]


@app.command()
def make(
    folder: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="One in it goes on.")] = Path("runs/ensemble"),
    sets: Annotated[int, typer.Option("--sets", metavar="NUMBER", parser=SEVERAL, help="Parameter sets a wave.")] = 300,
    waves: Annotated[
        int, typer.Option("--waves", metavar="NUMBER", parser=COUNT, help="More may be asked for later, in the same folder.")
    ] = 3,
    members: Annotated[int, typer.Option("--members", metavar="NUMBER", parser=COUNT, help="At most.")] = 200,
    seed: Annotated[int, typer.Option("--seed", metavar="NUMBER", parser=WHOLE, help="Of the design.")] = 1,
    workers: Workers = None,
    yes: Yes = False,
) -> None:
    """Draw parameter sets over the register's ranges, run the fit panel for each, and keep what is plausible. Ctrl-C keeps runs."""
    from niche_sim.inference.ensemble.waves import Settings

    _make(folder, Settings(sets, waves, members, seed), workers, yes)


@app.command()
def resume(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Of an interrupted `ensemble make`.")] = Path("runs/ensemble"),
    workers: Workers = None,
    yes: Yes = False,
) -> None:
    """Go on with an interrupted `ensemble make`, with its settings."""
    from niche_sim.inference.ensemble import making

    _make(folder, making.settings_of(folder), workers, yes)


@app.command()
def status(folder: Folder = None) -> None:
    """Say how many members there are, how they came about, and what the literature ruled out."""
    found = _found(folder)
    about, out = found.about, report.output()
    told = about["truths"]
    out.print(f"members: {len(found.members)}")
    out.print(f"numbers: {found.members.shape[1]} varied")
    out.print(f"sets run: {about['sets']} in {len(about['waves'])} waves, {about['cpu_hours']:g} CPU hours")
    out.print(f"plausible: {about['plausible']}; {about['half_discrepancy']} if the model is granted half the discrepancy, "
              f"{about['double_discrepancy']} with twice", soft_wrap=True)  # fmt: skip
    for number, wave in enumerate(about["waves"], 1):
        out.print(f"wave {number}: {wave['plausible']} of {wave['sets']} plausible, {wave['refused']} refused by the model; "
                  f"{wave['space_left']:.3g} of the space was left before", soft_wrap=True)  # fmt: skip
    missed = ", ".join(f"{name} in {count}" for name, count in about["missed_by_members"].items() if count)
    out.print(f"one band may be missed: {missed or 'none is'}", soft_wrap=True)
    again = f"{100 * told['held']:.0f} % (standard error {100 * told['error']:.1f})"
    out.print(f"truths found again: of {told['truths']:g} sets, each taken for the truth, {again} lie within the 90 % interval of "
              "those that agree with it", soft_wrap=True)  # fmt: skip
    out.print(f"digest: {found.digest[:16]}")
    _warn(found)


@app.command()
def describe(folder: Folder = None) -> None:
    """Show what was fitted to, which numbers it narrowed, and what is still open."""
    from niche_sim.inference.ensemble import space
    from niche_sim.model.parameters import rows

    found = _found(folder)
    table = report.table("measured", "band", "all sets", "members", title="What was fitted to: 5th to 95th percentile")
    for name, row in found.targets.iterrows():
        table.add_row(
            report.cell(f"{name} ({row['unit']})"), f"{row['low']:.3g} to {row['high']:.3g}",
            f"{row['prior_low']:.2g} to {row['prior_high']:.2g}", f"{row['member_low']:.2g} to {row['member_high']:.2g}",
        )  # fmt: skip
    report.output().print(table)
    table = report.table("number", "range", "members", "%", title="Numbers that were narrowed: % of the range left")
    for name, left in space.narrowed(found.members).head(20).items():
        row = rows()[str(name)]
        low, high = found.members[name].quantile([0.05, 0.95])
        table.add_row(report.cell(f"{name} ({row.unit})" if row.unit else str(name)), f"{row.low:.3g} to {row.high:.3g}",
                      f"{low:.3g} to {high:.3g}", f"{100 * left:.0f}")  # fmt: skip
    table.columns[0].no_wrap, table.columns[-1].min_width = False, 3
    report.output().print(table)
    held = {why: sum(space.held(name) == why for name in rows()) for why in sorted({space.held(name) for name in rows()} - {""})}
    fixed = ", ".join(f"{count} ({why})" for why, count in held.items())
    report.output().print(f"Varied: {found.members.shape[1]} numbers. Held: {fixed}.", soft_wrap=True)
    for band, why in found.about["left_out"].items():
        report.output().print(f"Not fitted to: {band}, {why}.", soft_wrap=True)
    _warn(found)


def _make(folder: Path, settings: Any, workers: int | None, yes: bool) -> None:
    from niche_sim.experiment.estimate import estimate, total
    from niche_sim.figures import ensemble as figures
    from niche_sim.inference import ensemble as ensembles
    from niche_sim.inference.ensemble import making, panel, space

    cores = cores_of(workers)
    refuse_a_run(folder, "-o")
    folder.mkdir(parents=True, exist_ok=True)
    hold(folder)
    try:
        jobs = [one.job for one in panel.runs_of(space.values_of(space.default_point()[None, :])[0], (1,))]
        each = panel.MICE * settings.sets * settings.waves
        asked = [(estimate(job.setup, job.arm, snapshots=False), each) for job in jobs if job is not None]
        agree(total(asked), yes, cores)
        with watching("mice", folder, "-o") as watch:
            made = making.make(folder, settings, workers, watch, say, say)
        found = ensembles.write(made, folder / RESULT)
        figures.save(found, folder / RESULT / "ensemble.png")
    finally:
        tidy(folder)
    report.output().print(f"members: {len(found.members)}")
    report.output().print(f"Written to {folder / RESULT}", soft_wrap=True)


def _found(folder: Path | None) -> Ensemble:
    from niche_sim.inference import ensemble as ensembles

    return ensembles.ensemble(folder / RESULT if folder is not None and (folder / RESULT).is_dir() else folder)


def _warn(found: Ensemble) -> None:
    if found.other_code:
        say("the model has changed since these members were run; `niche-sim ensemble make` runs them anew")


def members_of(count: int | None, least: int = 1) -> tuple[Ensemble, list[int]]:
    """The ensemble that comes with niche-sim and `count` of its members that lie far apart; all for 0.

    Raises InputError for more than there are.
    """
    found = _found(None)
    if count is not None and count and not least <= count <= len(found.members):
        raise InputError("--ensemble", f"{count}", f"{least} to {len(found.members)} members, or 0 for all")
    _warn(found)
    return found, found.some(count or None)
