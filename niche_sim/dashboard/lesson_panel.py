"""Lessons on the page: read, predict, run, compare, explain; a prediction is kept before its result can be seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import solara

from niche_sim.dashboard.compare_panel import Progress
from niche_sim.dashboard.elements import Block, Choice, Entry, Press, Tick, Upload, Words, heard, one_text
from niche_sim.dashboard.link import Setup
from niche_sim.dashboard.session import Session
from niche_sim.dashboard.study import Report, Study
from niche_sim.dashboard.view import View
from niche_sim.engine.errors import InputError
from niche_sim.experiment import scenario
from niche_sim.experiment.defaults import DEFAULT_SEED
from niche_sim.figures.charts import MOST
from niche_sim.figures.labels import arm_title, arm_words, day_words
from niche_sim.teaching import lesson as library
from niche_sim.teaching.lesson import DIRECTION, NUMBER, RIGHT, SAME_IN_WORDS, WRONG, Answer, Lesson, Question, answers

STEPS = ("Read", "Predict", "Run", "Compare", "Explain")
READ, PREDICT, RUN, COMPARE, EXPLAIN = range(len(STEPS))
NONE, UNSAID = "(none)", "(unsaid)"
KEY = "lesson"  # of a link
VERDICTS = {RIGHT: "✓ Correct.", WRONG: "✗ Not what the mice show.", "undecided": "– These mice do not decide it."}


@dataclass(frozen=True)
class Work:
    """What a visitor has done of a lesson. predictions: by question; kept: they can no longer be changed; text: what was
    written to explain; shown: whether the model answer was asked for; seen: what was watched, by its number."""

    lesson: Lesson
    step: int = READ
    predictions: Mapping[str, str] = field(default_factory=dict)
    kept: bool = False
    opened: bool = False
    seen: frozenset[int] = frozenset()
    text: str = ""
    shown: bool = False


OWN: dict[str, Lesson] = {}  # of the folder that the server was started with, by id

# Every change is made to the work as it stands then, so that of two events at once none is lost.
Change = Callable[[Work], Work]


def offer(folder: Path) -> list[Lesson]:
    """Put the lessons of a folder on the shelf, for all visitors of this server. Raises InputError if one cannot be read."""
    if not folder.is_dir():
        raise InputError("--lessons", f"'{folder}' is no folder", "a folder with lessons, one .toml each")
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise InputError("--lessons", f"no .toml in '{folder}'", "a folder with lessons, one .toml each")
    found = {}
    for file in files:
        lesson = library.load(file)
        setup_of(lesson).check()
        if lesson.id in library.ids():
            raise InputError("--lessons", f"'{lesson.id}' comes with the package", "another name of the file")
        found[lesson.id] = lesson
    OWN.update(found)
    return list(found.values())


def shelf() -> tuple[dict[str, Lesson], tuple[str, ...]]:
    """The lessons by id, a teacher's own first, and a sentence about each of the package that cannot be read."""
    found, wrong = _of_the_package()
    return {**OWN, **found}, wrong


@cache
def _of_the_package() -> tuple[dict[str, Lesson], tuple[str, ...]]:
    found, wrong = {}, []
    for name in library.ids():
        try:
            found[name] = library.load(name)
        except InputError as error:
            wrong.append(str(error))
    return found, tuple(wrong)


def split_link(query: str) -> tuple[str | None, str]:
    """The lesson that a link asks for, if it does, and the rest of the link, which is an experiment."""
    if f"{KEY}=" not in query:
        return None, query
    pairs = parse_qsl(query.removeprefix("?"), keep_blank_values=True)
    asked = [value for key, value in pairs if key == KEY]
    return asked[-1], urlencode([pair for pair in pairs if pair[0] != KEY])


def setup_of(lesson: Lesson) -> Setup:
    """The run that a lesson opens."""
    arm = lesson.look.arm
    like = lesson.own.get(arm)
    setup = Setup(lesson.experiment.id, like or arm, DEFAULT_SEED, lesson.numbers)
    if like is None:
        return setup
    edited = setup.with_interventions(lesson.experiment.arms[arm].protocol.interventions)
    return replace(edited, called=arm_title(arm))


@solara.component
def LessonPanel(
    view: View,
    session: Session,
    chart: Callable[[tuple[str, ...]], None],
    asked: str | None = None,
    tell: Callable[[str | None], None] = lambda _: None,
) -> None:
    """The lessons. `session` opens and plays what they look at, `chart` draws the readouts that they ask for;
    `asked`: the lesson to begin with; `tell` gets the id of the one that is chosen, None if it is none of the shelf."""
    first = solara.use_memo(lambda: _begin(asked), [])
    work, set_work = solara.use_state(first)
    report, set_report = solara.use_state(None)
    study = solara.use_ref(None)
    wrong, set_wrong = solara.use_state("" if asked is None or first is not None else _unknown(asked))
    solara.use_effect(lambda: lambda: study.current and study.current.cancel(), [])

    def begin(lesson: Lesson | None) -> None:
        if study.current is not None:
            study.current.cancel()
            study.current = None
        set_report(None)
        set_wrong("")
        set_work(None if lesson is None else Work(lesson))
        tell(lesson.id if lesson is not None and shelf()[0].get(lesson.id) is lesson else None)

    def change(one: Change) -> None:
        set_work(lambda now: now if now is None else one(now))

    def run() -> None:
        if work is None:
            return

        def tell(found: Report) -> None:
            if study.current is mine:
                set_report(found)

        try:
            mine = Study(work.lesson.plan(), (), tell, session.presence)
            study.current = mine
            mine.start()
        except InputError as error:
            set_wrong(str(error))
        else:
            set_wrong("")

    def upload(name: str, text: str) -> None:
        try:
            lesson = library.parse(text, name)
            setup_of(lesson).check()
            begin(lesson)
        except InputError as error:
            set_wrong(str(error))

    found, broken = shelf()
    own = {work.lesson.id: work.lesson} if work is not None and work.lesson.id not in found else {}
    options = {NONE: "none"} | {key: f"{one.title} ({one.minutes} min)" for key, one in {**found, **own}.items()}
    value = NONE if work is None else work.lesson.id
    chooser = Choice(
        "Lesson", options, value, lambda key: begin(found.get(key)), help="Predict, run, compare, explain."
    )
    chooser.key(",".join(options))  # a list cannot take a value in the moment in which it gets its option
    for sentence in (wrong, *broken):
        if sentence:
            Words(sentence, style="ns-error", attributes={"role": "alert"})
    if work is not None:
        with Block():
            _Lesson(work, change, report, run, lambda: study.current and study.current.cancel(), session, chart, view)
    else:
        Upload("Open a lesson of your own (.toml)", upload)


@solara.component
def _Lesson(
    work: Work,
    set_work: Callable[[Change], None],
    report: Report | None,
    run: Callable[[], None],
    cancel: Callable[[], None],
    session: Session,
    chart: Callable[[tuple[str, ...]], None],
    view: View,
) -> None:
    """The steps of a lesson, one at a time."""
    lesson, step = work.lesson, work.step
    told = solara.use_memo(lambda: _answers(lesson, report), [report])
    _step(text=f"Step {step + 1} of {len(STEPS)}: {STEPS[step]}")
    if step == READ:
        _Read(lesson)
    elif step == PREDICT:
        _Predict(work, set_work)
    elif step == RUN:
        _Run(work, set_work, session, chart, view)
    elif step == COMPARE:
        _Compare(work, report, told, run, cancel)
    else:
        _Explain(work, set_work)
    why = _waits(work, told)
    if why:
        Words(why, style="ns-help")
    with Block(style="ns-row"):
        Press("Back", lambda: set_work(lambda now: replace(now, step=step - 1)), disabled=step == READ)
        if step < EXPLAIN:
            missed = step == RUN and len(work.seen) < len(lesson.look.watch)
            Press(
                "Go on without watching all" if missed else "Next",
                lambda: set_work(lambda now: replace(now, step=step + 1)),
                look="plain" if missed else "main",
                disabled=bool(why),
            )


@solara.component
def _Read(lesson: Lesson) -> None:
    Words(f"{lesson.title} (about {lesson.minutes} minutes)", style="ns-panel-title")
    Words(f"Goal: {lesson.goal}")
    for text in lesson.background:
        Words(text)
    Words("Assumed, or only a direction known", tag="h4", style="ns-panel-title")
    _List(lesson.assumed)


@solara.component
def _Predict(work: Work, set_work: Callable[[Change], None]) -> None:
    wrong, set_wrong = solara.use_state("")

    def say(question: Question) -> Callable[[str], None]:
        def with_it(now: Work, value: str) -> Work:
            said = {**now.predictions, question.id: value}
            if value == UNSAID or not value.strip():
                del said[question.id]
            return now if now.kept else replace(now, predictions=said)

        return lambda value: set_work(lambda now: with_it(now, value))

    def keep() -> None:
        for number, question in enumerate(work.lesson.questions, 1):
            try:
                if question.id not in work.predictions:
                    raise InputError(question.id, "no prediction", "one")
                question.check(work.predictions[question.id])
            except InputError as error:
                missing = question.id not in work.predictions
                set_wrong(
                    f"Question {number}: " + ("no prediction yet." if missing else f"{error.found}; {error.allowed}.")
                )
                return
        set_wrong("")
        set_work(lambda now: replace(now, kept=True))

    for number, question in enumerate(work.lesson.questions, 1):
        said, label = work.predictions.get(question.id), f"{number}. {question.ask}"
        if question.kind == NUMBER:
            help = f"{question.unit[:1].upper()}{question.unit[1:]}, in {arm_words(question.arm)}.".removeprefix(", ")
            Entry(label, said or "", say(question), help=help, live=True, disabled=work.kept)
        else:
            options = {UNSAID: "choose …"} | question.choices
            help = f"In {question.about}."
            Choice(label, options, said or UNSAID, say(question), help=help, disabled=work.kept)
    if any(question.kind == DIRECTION for question in work.lesson.questions):
        Words(SAME_IN_WORDS, style="ns-help")
    if wrong:
        Words(wrong, style="ns-error", attributes={"role": "alert"})
    if work.kept:
        Words("Your predictions are locked in; they can no longer be changed.", attributes={"role": "status"})
    else:
        Press("Lock in my predictions", keep, look="main")


@solara.component
def _Run(
    work: Work,
    set_work: Callable[[Change], None],
    session: Session,
    chart: Callable[[tuple[str, ...]], None],
    view: View,
) -> None:
    look, setup = work.lesson.look, setup_of(work.lesson)

    def show() -> None:
        session.load(setup)
        session.compare(look.against)
        asked = [name for one in work.lesson.questions for name in (one.readout, one.of) if name]
        if asked:
            chart(tuple(dict.fromkeys(asked))[:MOST])
        set_work(lambda now: replace(now, opened=True))

    def seen(number: int) -> Callable[[bool], None]:
        return lambda on: set_work(lambda now: replace(now, seen=now.seen | {number} if on else now.seen - {number}))

    beside = f", beside it {arm_words(look.against)}" if look.against else ""
    Words(f"One mouse of the arm {arm_words(look.arm)}{beside}, on the same chance events.")
    note = work.lesson.experiment.arms[look.arm].note
    if note:
        Words(note, style="ns-help")
    Press("Open this experiment", show, look="plain" if work.opened else "main")
    there = work.opened and (view.setup.scenario, view.setup.arm) == (setup.scenario, setup.arm)
    if there:
        with Block(style="ns-row"):
            Words("It is open.", attributes={"role": "status"})
            Block(["To the pictures"], style="ns-to-run", tag="a", attributes={"href": "#run"})
            Press("Pause it" if view.playing else "Play it", session.pause if view.playing else session.play)
    Words("Tick what you have watched:", style="ns-help")
    with Block(style="ns-lesson-list", tag="ol"):
        for number, one in enumerate(look.watch):
            with Block(style="", tag="li"):
                Tick(one.ask, number in work.seen, seen(number))
                if there and one.at is not None:
                    Press(f"Go to {day_words(one.at)}", partial(session.seek, one.at))


@solara.component
def _Compare(
    work: Work, report: Report | None, told: list[Answer], run: Callable[[], None], cancel: Callable[[], None]
) -> None:
    lesson = work.lesson
    busy = report is not None and report.state in ("waiting", "running")
    arms = " and ".join([", ".join(map(arm_words, lesson.arms[:-1])), arm_words(lesson.arms[-1])]).removeprefix(" and ")
    Words(
        f"One mouse tells little. {lesson.mice} mice of each of: {arms}; mice of the same seed share their chance events."
    )
    if busy:
        Press("Cancel the mice", cancel)
    elif not told:
        Press("Run the mice", run, look="main")
    if report is not None:
        Progress(report)
    for number, (question, answer) in enumerate(zip(lesson.questions, told, strict=bool(told)), 1):
        said = work.predictions[question.id]
        with Block(style="ns-panel", attributes={"role": "group", "aria-label": f"Question {number}"}):
            Words(f"{number}. {question.ask}")
            Words(f"You said: {question.choices.get(said) or f'{said} {question.unit}'}", style="ns-help")
            Words(VERDICTS[answer.judge(said)], style="ns-panel-title")
            Words(f"The mice: {answer.in_words}. {answer.words}")
            Words(f"Why: {question.because}")


@solara.component
def _Explain(work: Work, set_work: Callable[[Change], None]) -> None:
    lesson = work.lesson
    Words(lesson.explain)
    _writing(
        label="Your explanation",
        value=work.text,
        event_change=heard(lambda text: set_work(lambda now: replace(now, text=text)), one_text),
    )
    if work.shown:
        with Block(style="ns-panel", attributes={"role": "status"}):
            Words("A good answer", tag="h4", style="ns-panel-title")
            Words(lesson.model_answer)
            Words("That was the lesson. Another one can be chosen above; what you wrote here is gone then.", style="ns-help")
    else:
        written = bool(work.text.strip())
        Press(
            "Show a good answer",
            lambda: set_work(lambda now: replace(now, shown=True)),
            look="main",
            disabled=not written,
        )
        if not written:
            Words("First write your own.", style="ns-help")
    Words("What the model does not show", tag="h4", style="ns-panel-title")
    _List(lesson.not_shown)
    known = scenario.sources()
    Words(f"Sources: {'; '.join(known[key] for key in lesson.sources)}.", style="ns-help")


@solara.component
def _List(texts: tuple[str, ...]) -> None:
    with Block(style="ns-lesson-list", tag="ul"):
        for text in texts:
            Words(text, tag="li")


def _begin(asked: str | None) -> Work | None:
    lesson = shelf()[0].get(asked) if asked is not None else None
    return None if lesson is None else Work(lesson)


def _unknown(asked: str) -> str:
    return str(InputError("link: lesson", f"'{asked}'", f"allowed are {', '.join(shelf()[0])}"))


def _answers(lesson: Lesson, report: Report | None) -> list[Answer]:
    """What the mice say; nothing as long as they are not done."""
    done = report is not None and report.state == "done" and report.cohort is not None
    return answers(lesson, report.cohort) if done else []  # type: ignore[union-attr,arg-type]


def _waits(work: Work, told: list[Answer]) -> str:
    """Why the next step has to wait; empty if it has not."""
    if work.step == PREDICT and not work.kept:
        return "Lock in your predictions to go on."
    if work.step == COMPARE and not told:
        return "Run the mice to go on."
    return ""


@solara.component_vue("front/step.vue", vuetify=False)
def _step(text: str) -> None: ...


@solara.component_vue("front/writing.vue", vuetify=False)
def _writing(label: str, value: str, event_change: Callable[[str], None]) -> None: ...
