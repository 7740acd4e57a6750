"""`niche-sim describe`, `parameters` and `scenarios`: what there is, as tables."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated

import typer

from niche_sim.cli import report
from niche_sim.cli.usage import SCENARIO, optioned
from niche_sim.engine.errors import InputError, one_of


def describe(
    scenario: Annotated[
        str | None,
        typer.Argument(metavar="SCENARIO", help="An id or a path of a scenario.toml.", show_default=SCENARIO),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(metavar="PART", help="Only arms, parameters, rules, stages, readouts, verbs, blocks or names."),
    ] = None,
    search: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only rows with this word, such as mif, or those of a chapter.")
    ] = None,
    odd: Annotated[
        bool, typer.Option("--odd", help="The whole model instead, in the ODD protocol, as Markdown.")
    ] = False,
    file: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="With --odd: write it there.")
    ] = None,
) -> None:
    """Show a scenario: its arms, the rules of a step in order, stages, readouts, and what can be done to the mouse."""
    if odd:
        unused = [name for name, value in (("--part", part), ("--search", search)) if value is not None]
        if unused:
            raise InputError(unused[0], "together with --odd", "one of them")
        _odd(scenario, file)
        return
    if file is not None:
        raise InputError("-o", "without --odd", "the option --odd beside it")
    from niche_sim.description import describe as description
    from niche_sim.experiment import scenario as library

    try:
        experiment = library.load(SCENARIO if scenario is None else scenario)
    except InputError as error:
        raise optioned(error) from None
    parts = description.describe(experiment, part, search or "")
    console = report.output()
    console.print(f"{experiment.id}: {experiment.title}\n{experiment.question}")
    if not parts:
        console.print("\nNothing is like that.")
    for one in parts:
        table = report.table(*one.columns, title=one.title)
        grouped = any(not row[0] for row in one.rows)
        for row in one.rows:
            if grouped and row[0]:
                table.add_section()
            table.add_row(*(report.cell(text) for text in row))
        console.print()
        console.print(table)


def _odd(scenario: str | None, file: Path | None) -> None:
    """Print the document, or write it."""
    from niche_sim.description import odd as protocol

    if scenario is not None:
        raise InputError("--odd", f"together with {scenario}", "no scenario beside it, since it describes them all")
    if file is None:
        report.output().print(protocol.document(), soft_wrap=True, end="")
        return
    try:
        written = protocol.write(file)
    except OSError as error:
        found = (error.strerror or str(error)).lower()
        raise InputError(f"-o {file}", found, "a file that can be written is needed") from None
    report.output().print(f"Written to {written}", soft_wrap=True)


def parameters(
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Only those measured, derived, assumed ...")] = None,
    search: Annotated[str | None, typer.Option(metavar="TEXT", help="Only with this in name, source or note.")] = None,
    group: Annotated[str | None, typer.Option(metavar="GROUP", help="Only those of one group, such as tgfb.")] = None,
) -> None:
    """List the register: every number of the biology with unit, range, kind, source and note."""
    from niche_sim.engine.units import show
    from niche_sim.model.parameters import KINDS, rows

    groups = dict.fromkeys(name.partition(".")[0] for name in rows())
    for name, known, option in ((kind, KINDS, "--kind"), (group, groups, "--group")):
        if name is not None:
            one_of(name, known, option)
    console = report.output()
    found = [
        row
        for name, row in rows().items()
        if kind in (None, row.kind)
        and group in (None, name.partition(".")[0])
        and (search or "").lower() in f"{name} {row.source} {row.note}".lower()
    ]
    if not found:
        console.print("No parameter is like that.")
        return
    values = {row.name: f"{show(row.value, '')} {row.unit}".strip() for row in found}
    widths = (max(map(len, values.values())), max(len(row.source) for row in found))
    for heading, members in itertools.groupby(found, lambda row: row.group):
        table = report.table("parameter, note", "value, range", "kind, source", title=heading, widths=widths)
        for row in members:
            span = f"{show(row.low, '')} to {show(row.high, '')}"
            cells = (f"{values[row.name]}\n{span}", f"{row.kind}\n{row.source}")
            table.add_row(report.cell(f"{row.name}\n{row.note}"), *cells)
        console.print(table)
        console.print()
    console.print(f"{len(found)} of {len(rows())} parameters", soft_wrap=True)


def scenarios() -> None:
    """List the scenarios: question and arms."""
    from niche_sim.experiment import scenario as library

    console = report.output()
    for entry in library.catalogue():
        experiment = library.load(entry.id)
        table = report.table("arm", "note", title=f"{entry.id}: {entry.title}\n{experiment.question}")
        for arm in experiment.arms.values():
            table.add_row(arm.name, arm.note)
        console.print(table)
        console.print()
