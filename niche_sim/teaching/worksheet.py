"""A lesson on paper: a worksheet to print, and the teacher's key with the answers that a cohort of mice gave.

Both are one HTML file without anything from elsewhere, laid out for A4 paper and readable in any browser.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from niche_sim.experiment import scenario as library
from niche_sim.figures.labels import arm_words
from niche_sim.model.readouts import BY_NAME
from niche_sim.runs.record import whole
from niche_sim.teaching.lesson import DIRECTION, FOLDER, NUMBER, ORDER, SAME_IN_WORDS, Answer, Lesson, Question

WARNING = "For teaching, not for predictions about a patient. What the model assumes is marked so."
_LINES_TO_EXPLAIN = 8

_STYLE = FOLDER / "sheet.css"


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
    told = {} if answers is None else {answer.question.id: answer for answer in answers}
    parts = [
        f"<h1>{escape(title)}</h1>",
        "" if told else '<div class="name"><span>Name</span><span>Date</span></div>',
        f'<p class="goal"><strong>Goal.</strong> {escape(lesson.goal)} <span class="small">({lesson.minutes} minutes)</span></p>',
        "<h2>1. Read</h2>",
        *(f"<p>{escape(text)}</p>" for text in lesson.background),
        f'<div class="assumed"><strong>Assumed, or only a direction known</strong>{_list(lesson.assumed)}</div>',
        "<h2>2. Predict, before you run anything</h2>",
        *(_question(number, question, told.get(question.id)) for number, question in enumerate(lesson.questions, 1)),
        f'<p class="small">{SAME_IN_WORDS}</p>' if any(q.kind == DIRECTION for q in lesson.questions) else "",
        "<h2>3. Run one mouse and watch</h2>",
        f"<p>{_opening(lesson)}</p>",
        f"<ol>{''.join(f'<li>{escape(one.ask)}</li>' for one in lesson.look.watch)}</ol>",
        "" if told else _lines(3),
        "<h2>4. Compare many mice</h2>",
        f"<p>One mouse tells little. In the same place run the {lesson.mice} mice an arm, and write down what they give.</p>",
        "" if told else _results(lesson.questions),
        "<h2>5. Explain</h2>",
        f"<p>{escape(lesson.explain)}</p>",
        f'<div class="answer"><p><strong>A good answer.</strong> {escape(lesson.model_answer)}</p></div>' if told
        else _lines(_LINES_TO_EXPLAIN),
        "<h2>What the model does not show</h2>",
        _list(lesson.not_shown),
        "<h2>Sources</h2>",
        _list(_sources(lesson)),
        f'<p class="small">{WARNING} Lesson {escape(lesson.id)}, scenario {escape(lesson.experiment.id)}.</p>',
    ]  # fmt: skip
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><meta name="viewport" content="width=device-width">'
    body = "\n".join(part for part in parts if part)
    head += f"<style>\n{_STYLE.read_text(encoding='utf-8')}</style>"
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _question(number: int, question: Question, answer: Answer | None) -> str:
    ticked = answer.value if answer is not None else None
    if question.kind == NUMBER:
        value = escape(ticked or "") or "&nbsp;"
        ticks = f'<div class="ticks"><span><span class="blank">{value}</span> {escape(question.unit)}</span></div>'
    else:
        boxes = "".join(
            f'<span><span class="box">{"&#10003;" if value == ticked else "&nbsp;"}</span>{escape(words)}</span>'
            for value, words in question.choices.items()
        )
        ticks = f'<div class="ticks{"" if question.kind == DIRECTION else " orders"}">{boxes}</div>'
    said = ""
    if answer is not None:
        said = (
            f'<div class="answer"><p><strong>{escape(answer.in_words.capitalize())}.</strong> {escape(answer.words)}</p>'
            f"<p>{escape(question.because)}</p></div>"
        )
    of = f'<p class="small">In {escape(question.about)}.</p>'
    return f'<div class="question"><p><strong>{number}.</strong> {escape(question.ask)}</p>{of}{ticks}{said}</div>'


def _opening(lesson: Lesson) -> str:
    look = lesson.look
    against = f", beside it <strong>{escape(arm_words(look.against))}</strong>" if look.against else ""
    return (
        'Open the page at <span class="blank wide">&nbsp;</span> (on your own machine <code>niche-sim dashboard</code> opens '
        "it), unfold <strong>Lessons</strong>, choose "
        f"<strong>{escape(lesson.title)}</strong> and open its experiment: "
        f"the arm <strong>{escape(arm_words(look.arm))}</strong>{against}."
    )


def _results(questions: Iterable[Question]) -> str:
    rows = "".join(
        f"<tr><td>{number}</td><td>{escape(_compared(question))}</td><td class='empty'></td><td class='empty'></td></tr>"
        for number, question in enumerate(questions, 1)
    )
    heads = "".join(f"<th>{head}</th>" for head in ("", "What is compared", "What the mice give", "Was I right?"))
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _compared(question: Question) -> str:
    arm = arm_words(question.arm)
    if question.kind == ORDER:
        return f"beginning of {', '.join(sorted(question.stages))}: {arm}"
    what, day = BY_NAME[question.readout].meaning, f"{question.at / 24.0:g}"
    if question.kind == DIRECTION:
        return f"{what}, day {day}: {arm} against {arm_words(question.against or '')}"
    of = f", of {question.times:g} {BY_NAME[question.of].meaning}" if question.of else ""
    return f"{what}{of}, day {day}: {arm}"


def _sources(lesson: Lesson) -> list[str]:
    known = library.bibliography()
    cited = []
    for name in lesson.sources:
        fields = known[name]
        doi = f" doi:{fields['doi']}" if "doi" in fields else ""
        cited.append(f"{library.sources()[name]}: {fields.get('title', '').strip('{}')}.{doi}")
    return cited


def _list(texts: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"


def _lines(number: int) -> str:
    return '<div class="line"></div>' * number
