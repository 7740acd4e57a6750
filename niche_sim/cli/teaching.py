"""`niche-sim lessons`: which lessons there are, a worksheet to print, the teacher's key, and whether mice decide them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from niche_sim.cli import report
from niche_sim.cli.folders import RUNS, claim, tidy
from niche_sim.cli.mice import SEVERAL, Workers, cores_of, end, run_mice
from niche_sim.cli.usage import FAILED, CommandError
from niche_sim.engine.errors import InputError

if TYPE_CHECKING:
    from niche_sim.teaching.lesson import Answer, Lesson


def lessons(
    lesson: Annotated[
        str | None, typer.Argument(metavar="LESSON", help="An id or a path of a .toml. Default: all of them.")
    ] = None,
    sheet: Annotated[bool, typer.Option("--worksheet", help="Write a worksheet to print, as HTML.")] = False,
    key: Annotated[bool, typer.Option("--key", help="Run the mice and write the teacher's key, as HTML.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Run the mice and show what is right, and whether it is decided.")
    ] = False,
    mice: Annotated[
        int | None,
        typer.Option(
            "--mice", metavar="NUMBER", parser=SEVERAL, help="An arm, from 2. Default: as many as the lesson says."
        ),
    ] = None,
    workers: Workers = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Of the sheet. Default: LESSON-worksheet.html, LESSON-key.html."
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--keep", metavar="DIR", help="Where mice are kept. Default: runs/lessons. Mice in it are used."),
    ] = None,
) -> None:
    """List the lessons; print a worksheet; run their mice for the teacher's key. Ctrl-C keeps the mice that are done."""
    wishes = [name for name, wanted in (("--worksheet", sheet), ("--key", key), ("--check", check)) if wanted]
    if len(wishes) > 1:
        raise InputError(wishes[1], f"together with {wishes[0]}", "one of --worksheet, --key and --check")
    if (sheet or key) and lesson is None:
        raise InputError(wishes[0], "without a lesson", "a lesson before it: `niche-sim lessons` lists them")
    if file is not None and not (sheet or key):
        raise InputError("-o", "without --worksheet or --key", "one of them beside it")
    if not (key or check):
        unused = [
            name for name, value in (("--mice", mice), ("--workers", workers), ("--keep", folder)) if value is not None
        ]
        if unused:
            raise InputError(unused[0], "without --key or --check", "one of them beside it")
    cores = cores_of(workers)
    from niche_sim.teaching import lesson as library
    from niche_sim.teaching import worksheet

    chosen = [library.load(name) for name in (library.ids() if lesson is None else [lesson])]
    if sheet or key:
        target = _free(file or Path(f"{chosen[0].id}-{'key' if key else 'worksheet'}.html"))
        text = (
            worksheet.key(chosen[0], _answers(chosen, mice, cores, folder)[0])
            if key
            else worksheet.worksheet(chosen[0])
        )
        report.output().print(f"Written to {_write(text, target)}", soft_wrap=True)
    elif check:
        _show(chosen, _answers(chosen, mice, cores, folder), mice)
    else:
        _list(chosen)


def _free(file: Path) -> Path:
    """Raises InputError if a sheet cannot be written there."""
    if file.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"-o {file}", f"the ending '{file.suffix}'", ".html; a browser prints it, to PDF as well")
    if file.exists():
        raise InputError(f"-o {file}", "is there already", "another name is needed, since nothing is overwritten")
    if not file.absolute().parent.is_dir():
        raise InputError(f"-o {file}", "its folder is not there", "a folder that can be written is needed")
    return file


def _write(text: str, file: Path) -> Path:
    from niche_sim.teaching import worksheet

    try:
        return worksheet.write(text, file)
    except OSError as error:
        found = (error.strerror or str(error)).lower()
        raise InputError(f"-o {file}", found, "a file that can be written is needed") from None


def _answers(chosen: list[Lesson], mice: int | None, cores: int, folder: Path | None) -> list[list[Answer]]:
    """Run what is missing and ask the mice; a list a lesson."""
    from niche_sim.runs import cohort
    from niche_sim.teaching import lesson as library

    plans = [one.plan(mice) for one in chosen]
    target = claim(folder or RUNS / "lessons", "lessons")
    try:
        end(run_mice(plans, target, cores, option="--keep" if folder else ""))
        return [
            library.answers(one, cohort.gather(plan, target / "mice")) for one, plan in zip(chosen, plans, strict=True)
        ]
    finally:
        tidy(target)


def _show(chosen: list[Lesson], found: list[list[Answer]], mice: int | None) -> None:
    """A table a lesson; fails if anything is undecided, which no lesson should be."""
    undecided = []
    for one, answers in zip(chosen, found, strict=True):
        table = report.table(
            "question", "answer", "what the mice give", title=f"{one.id}: {mice or one.mice} mice an arm"
        )
        for answer in answers:
            table.add_row(answer.question.id, answer.in_words, answer.words)
            if answer.value is None:
                undecided.append(f"{one.id}.{answer.question.id}")
        report.output().print(table)
    if undecided:
        raise CommandError(f"not decided by these mice: {', '.join(undecided)}; more mice, or another question", FAILED)


def _list(chosen: list[Lesson]) -> None:
    table = report.table("lesson", "minutes", "mice", "what it is about")
    for one in chosen:
        table.add_row(one.id, str(one.minutes), f"{len(one.arms)} x {one.mice}", f"{one.title}")
    report.output().print(table)
    console = report.output()
    console.print("In the browser: `niche-sim dashboard`, under Lessons.", soft_wrap=True)
    console.print(f"On paper: `niche-sim lessons {chosen[0].id} --worksheet`; for the teacher: --key.", soft_wrap=True)
