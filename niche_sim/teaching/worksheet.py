"""A lesson on paper: a worksheet to print, and the teacher's key with the answers that a cohort of mice gave.

Both are one HTML file without anything from elsewhere, laid out for A4 paper and readable in any browser.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from niche_sim.engine.templates import render
from niche_sim.experiment import scenario as library
from niche_sim.figures.labels import arm_words
from niche_sim.runs.expectation.readouts import KNOWN
from niche_sim.runs.record import whole
from niche_sim.teaching.lesson import DIRECTION, ORDER, SAME_IN_WORDS, Answer, Lesson, Question

WARNING = "For teaching, not for predictions about a patient. What the model assumes is marked so."


def worksheet(lesson: Lesson) -> str:
    """The sheet that a student gets, as HTML: it holds no answer."""
    return _page(lesson, lesson.title, None)


def key(lesson: Lesson, answers: Sequence[Answer]) -> str:
    """The teacher's key, as HTML: the same sheet with what the mice gave, why, and a model answer."""
    return _page(lesson, f"Teacher's key: {lesson.title}", answers)


def write(text: str, file: Path) -> Path:
    """Write a sheet. Raises OSError."""
    with whole(file) as part:
        part.write_text(text, encoding="utf-8")
    return file


def _page(lesson: Lesson, title: str, answers: Sequence[Answer] | None) -> str:
    return render(
        "teaching/templates/worksheet.html",
        lesson=lesson,
        title=title,
        told=None if answers is None else {answer.question.id: answer for answer in answers},
        has_directions=any(question.kind == DIRECTION for question in lesson.questions),
        same_in_words=SAME_IN_WORDS,
        compared=[_compared(question) for question in lesson.questions],
        sources=_sources(lesson),
        warning=WARNING,
        arm_words=arm_words,
    )


def _compared(question: Question) -> str:
    arm = arm_words(question.arm)
    if question.kind == ORDER:
        return f"beginning of {', '.join(sorted(question.stages))}: {arm}"
    what, day = KNOWN[question.readout].meaning, f"{question.at / 24.0:g}"
    if question.kind == DIRECTION:
        return f"{what}, day {day}: {arm} against {arm_words(question.against or '')}"
    of = f", of {question.times:g} {KNOWN[question.of].meaning}" if question.of else ""
    return f"{what}{of}, day {day}: {arm}"


def _sources(lesson: Lesson) -> list[str]:
    known = library.bibliography()
    cited = []
    for name in lesson.sources:
        fields = known[name]
        doi = f" doi:{fields['doi']}" if "doi" in fields else ""
        cited.append(f"{library.sources()[name]}: {fields.get('title', '').strip('{}')}.{doi}")
    return cited
