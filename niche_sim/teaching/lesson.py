"""Lessons: predict, run, compare, explain; read from data files, their answers taken from mice and from nowhere else.

A lesson is a file `lessons/<id>.toml` of this package, or a file of a teacher's own. It opens one scenario of the library,
perhaps with arms of its own beside it, and asks questions. A question says what to compare; what is right is what a cohort
of the model's mice gives (`answers`), with the same rules by which published targets are judged, so that it may be
undecided. Whatever is wrong in a file raises `InputError` that names file, key, what was found and what is allowed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise, permutations
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from niche_sim.engine.errors import InputError, one_of, shown
from niche_sim.engine.reading import read_text, read_toml
from niche_sim.engine.schema import Many, Table, Told, Value, key, names, number, read, table
from niche_sim.engine.units import show
from niche_sim.experiment import scenario as library
from niche_sim.experiment.editing import with_added
from niche_sim.experiment.interventions import Entry
from niche_sim.experiment.protocol import MOST_DONE, check_in_time
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.spelling import AnyTime
from niche_sim.experiment.targets import ONSET, USES, Target
from niche_sim.figures.labels import arm_words
from niche_sim.inference.comparisons import KINDS as EFFECTS
from niche_sim.inference.comparisons import Comparison, compare_order
from niche_sim.inference.verdicts import MET, UNDECIDED, judge, judge_direction, word_of
from niche_sim.model.catalogue import STAGE_NAMES
from niche_sim.runs import cohort
from niche_sim.runs.cohort import Cohort
from niche_sim.runs.expectation.readouts import KNOWN
from niche_sim.runs.plan import Plan

FOLDER = Path(__file__).parent / "lessons"
DIRECTION, ORDER, NUMBER = "direction", "order", "number"
KINDS = (DIRECTION, ORDER, NUMBER)
DIRECTIONS = {"less": "Less", "more": "More", "same": "About the same"}
SAME_IN_WORDS = "About the same: less than a quarter more and less than a fifth less."
RIGHT, WRONG = "right", "wrong"  # or targets.UNDECIDED
FEWEST_STAGES, MOST_STAGES = 2, 4  # in a question about an order, whose orders are all offered
_SOME_STAGES = f"{FEWEST_STAGES} to {MOST_STAGES} different stages"
SMALLEST_RATIO = 1e-3  # below it nobody needs the digits
MOST_ARMS, MOST_MICE = 10, 40  # of its own; an arm, of a cohort that a classroom waits for

_KEYS = {
    DIRECTION: ["arm", "against", "readout", "at"],
    ORDER: ["arm", "stages"],
    NUMBER: ["arm", "readout", "at", "within"],
}
_OPTIONAL = {DIRECTION: [], ORDER: [], NUMBER: ["of", "times", "unit"]}
_TEXT = {"type": "string", "minLength": 1}


def _on_one_line(value: Any, told: Told) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InputError("", shown(value), "text in quotes, not empty")
    return " ".join(value.split())


def _as_table(entry: Any) -> Any:
    """Something to watch may be its sentence alone."""
    if not isinstance(entry, str | Mapping | Watch):
        raise InputError("", shown(entry), 'text in quotes, or { ask = "...", at = "4 day" }')
    return {"ask": entry} if isinstance(entry, str) else entry


Words = Annotated[str, Value(_on_one_line, _TEXT)]
Texts = Annotated[tuple[Words, ...], Many("texts", "a list in brackets of texts in quotes, not empty", 1)]
_WATCHED = Many("sentences", "a list in brackets of what to watch, not empty", 1, entry=_as_table)


@table
class Watch(Table):
    """Something to watch in the dashboard: a sentence, and the hour (h) at which to, None if at no certain one."""

    ask: Words
    at: AnyTime | None = None


@table
class Look(Table):
    """What to open in the dashboard and what to watch there. arm, against: of the experiment."""

    arm: Words
    against: Words | None
    watch: Annotated[tuple[Watch, ...], _WATCHED]

    spelled = {  # noqa: RUF012
        "watch": {
            "type": "array",
            "items": {
                "anyOf": [_TEXT, {"type": "object", "properties": {"ask": _TEXT, "at": _TEXT}, "required": ["ask"]}]
            },
        }
    }

    @classmethod
    def keys(cls, entry: Mapping[str, Any]) -> tuple[list[str], list[str]]:
        return ["arm", "watch"], ["against"]

    @classmethod
    def values(cls, entry: Mapping[str, Any], told: dict[str, Any]) -> Mapping[str, Any]:
        return {"against": None, **entry}


@table
class Question(Table):
    """A prediction to be made. ask: the question; because: the model answer, for the key and after the result.

    kind: "direction" asks whether `readout` at `at` (h) is less, more or the same in `arm` as in `against`; "order" in
    which order the stages begin in `arm`; "number" how large `readout` is, or `times` its ratio to the readout `of` of the
    same mice, right if within the factor `within` of it. unit: what a number counts, in words.
    """

    id: Words
    kind: Annotated[str, names(KINDS)]
    ask: Words
    because: Words
    arm: Words
    against: Words | None = None
    readout: Annotated[str, names(KNOWN)] = ""
    at: AnyTime = math.nan
    stages: Annotated[
        tuple[Annotated[str, names(STAGE_NAMES)], ...], Many("stages", _SOME_STAGES, FEWEST_STAGES, MOST_STAGES)
    ] = ()
    of: Annotated[str | None, names(KNOWN)] = None
    times: Annotated[float, number(0.0, above=True)] = 1.0
    within: Annotated[float, number(1.0, above=True)] = math.nan
    unit: Words = ""

    def __post_init__(self) -> None:
        if self.against == self.arm:
            raise InputError(".against", f"'{self.arm}' again", "another arm than `arm`")
        if len(set(self.stages)) < len(self.stages):
            raise InputError(".stages", ", ".join(self.stages), _SOME_STAGES)

    @classmethod
    def keys(cls, entry: Mapping[str, Any]) -> tuple[list[str], list[str]]:
        common = ["id", "kind", "ask", "because"]
        if not entry:
            return [*common, "arm"], ["against", "readout", "at", "stages", "within", *_OPTIONAL[NUMBER]]
        if "kind" not in entry:
            raise InputError(".kind", "missing", f"needed is one of {', '.join(KINDS)}")
        kind = one_of(entry["kind"], KINDS, ".kind")
        return [*common, *_KEYS[kind]], _OPTIONAL[kind]

    @property
    def choices(self) -> dict[str, str]:
        """What can be predicted, value -> words; empty if a number is asked for."""
        if self.kind == DIRECTION:
            return dict(DIRECTIONS)
        if self.kind == ORDER:
            return {",".join(order): ", then ".join(order) for order in sorted(permutations(self.stages))}
        return {}

    @property
    def about(self) -> str:
        """Whose mice it is about, in words: "anti-MIF, compared with educated"."""
        against = f", compared with {arm_words(self.against)}" if self.against else ""
        return f"{arm_words(self.arm)}{against}"

    def check(self, prediction: str) -> str:
        """The prediction in one spelling. Raises InputError if it is no answer to this question."""
        if self.kind != NUMBER:
            return one_of(prediction, self.choices, self.id)
        try:
            value = float(prediction.strip().replace(",", "."))
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value >= 0.0):
            raise InputError(self.id, f"'{prediction}'", "a number from 0, such as 12.5")
        return f"{value:g}"


@table
class OwnArm(Table):
    """An arm of the lesson's own: what is done besides in an arm of the scenario."""

    like: Words
    note: Words
    add: Annotated[
        tuple[Entry, ...], Many("interventions", "a list in brackets of what is done, not empty", 1, MOST_DONE)
    ]


@table
class Explanation(Table):
    """What is asked at the end, and the model answer."""

    ask: Words
    answer: Words


@table
class LessonFile(Table):
    """Predict, run, compare, explain."""

    title: Words
    goal: Words
    minutes: Annotated[int, number(1, 240, whole=True)]
    scenario: Words
    mice: Annotated[int, number(2, MOST_MICE, whole=True)]
    sources: Texts
    background: Texts
    assumed: Texts
    look: Look
    question: Annotated[tuple[Question, ...], Many("questions", "one or more tables [[question]]", 1)]
    explain: Explanation
    not_shown: Texts
    arms: Annotated[dict[str, OwnArm], Many("arms", "tables such as [arms.late]", most=MOST_ARMS)] = field(
        default_factory=dict
    )
    numbers: Annotated[dict[str, Words], key("set"), Many("numbers", "a table of keys and values")] = field(
        default_factory=dict
    )


@dataclass(frozen=True)
class Lesson:
    """A lesson as it was read and checked.

    experiment: the scenario with the lesson's own arms. own: those arms, name -> arm of the scenario they are like.
    numbers: (name, text) of what differs from the scenario. mice: an arm, with which every answer is decided. assumed:
    what of the background is an assumption or a hypothesis. not_shown: what the model does not show.
    """

    id: str
    title: str
    goal: str
    minutes: int
    experiment: Scenario
    own: Mapping[str, str]
    numbers: tuple[tuple[str, str], ...]
    mice: int
    background: tuple[str, ...]
    assumed: tuple[str, ...]
    look: Look
    questions: tuple[Question, ...]
    explain: str
    model_answer: str
    not_shown: tuple[str, ...]
    sources: tuple[str, ...]

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that the questions need, those that are compared with first."""
        first = [question.against for question in self.questions if question.against is not None]
        return tuple(dict.fromkeys([*first, *(question.arm for question in self.questions)]))

    def plan(self, mice: int | None = None, seed: int = 1) -> Plan:
        """The cohort that answers the questions; `mice` an arm instead of the lesson's own number. Raises InputError."""
        number, read = self.mice if mice is None else mice, [one.readout for one in self.questions if one.readout]
        return cohort.plan(
            self.experiment, self.arms, mice=number, seed=seed, overrides=dict(self.numbers), readouts=read
        )  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What the mice say to a question. value: a key of its choices, or a number as text; None if they do not decide it.

    words: the effect with its interval, as a sentence. mice: from how many.
    """

    question: Question
    value: str | None
    words: str
    mice: int

    @property
    def in_words(self) -> str:
        """The answer as a student would tick or write it."""
        if self.value is None:
            return "not decided by these mice"
        return self.question.choices.get(self.value) or f"{self.value} {self.question.unit}".strip()

    def judge(self, prediction: str) -> str:
        """RIGHT, WRONG or UNDECIDED. Raises InputError if the prediction is no answer to the question."""
        said = self.question.check(prediction)
        if self.value is None:
            return UNDECIDED
        if self.question.kind != NUMBER:
            return RIGHT if said == self.value else WRONG
        low, high = _tolerated(float(self.value), self.question.within)
        return RIGHT if low <= float(said) <= high else WRONG


# --- reading ---------------------------------------------------------------------------------------------------------


def ids() -> list[str]:
    """The lessons that come with the package, by name of file."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(lesson: str | Path) -> Lesson:
    """A lesson by its id or by the path of its file. Raises InputError."""
    if isinstance(lesson, str) and lesson in ids():
        path = FOLDER / f"{lesson}.toml"
    elif Path(lesson).suffix == ".toml":
        path = Path(lesson)
    else:
        try:
            one_of(str(lesson), ids(), "lesson")
        except InputError as error:
            raise InputError("lesson", error.found, f"{error.allowed}, or a path to a .toml") from None
    return parse(read_text(path), path.name)


def parse(text: str, name: str) -> Lesson:
    """A lesson from the text of its file; `name` is the file's, for messages and as its id. Raises InputError."""
    where = f"{name}:"
    file: LessonFile = read(LessonFile, read_toml(text, name), where)
    scenario = one_of(file.scenario, library.ids(), f"{where} scenario")
    experiment = _with_arms(library.load(scenario, readouts=KNOWN), file.arms, where)
    _check_look(file.look, f"{where} look", experiment, file.arms)
    for index, question in enumerate(file.question):
        _check_question(question, f"{where} question[{index}]", experiment)
        if question.id in [other.id for other in file.question[:index]]:
            raise InputError(f"{where} question[{index}].id", f"'{question.id}' is there twice", "each id once")
    known = library.sources()
    for index, source in enumerate(file.sources):
        one_of(source, known, f"{where} sources[{index}]")
    lesson = Lesson(
        id=name.removesuffix(".toml"),
        title=file.title,
        goal=file.goal,
        minutes=file.minutes,
        experiment=experiment,
        own={arm: own.like for arm, own in file.arms.items()},
        numbers=tuple(file.numbers.items()),
        mice=file.mice,
        background=file.background,
        assumed=file.assumed,
        look=file.look,
        questions=file.question,
        explain=file.explain.ask,
        model_answer=file.explain.answer,
        not_shown=file.not_shown,
        sources=file.sources,
    )
    try:
        lesson.plan(mice=2)
    except InputError as error:
        raise InputError(f"{where} set.{error.where}", error.found, error.allowed) from None
    return lesson


def _with_arms(experiment: Scenario, arms: Mapping[str, OwnArm], where: str) -> Scenario:
    """The scenario with the lesson's own arms, each an arm of the scenario with more done to the mouse."""
    scenario_arms = tuple(experiment.arms)
    for name, own in arms.items():
        place = f"{where} arms.{name}"
        like = one_of(own.like, scenario_arms, f"{place}.like")
        for index, intervention in enumerate(own.add):
            check_in_time(intervention, f"{place}.add[{index}]", experiment.duration)
        try:
            experiment = with_added(experiment, like, own.add, name, own.note, where=f"{place}.add")
        except InputError as error:
            if error.where == "name":
                raise InputError(place, error.found, error.allowed) from None
            raise
    return experiment


def _check_look(look: Look, where: str, experiment: Scenario, own: Mapping[str, OwnArm]) -> None:
    one_of(look.arm, experiment.arms, f"{where}.arm")
    if look.against is not None:
        # The page runs an arm of the scenario itself beside the one that is looked at.
        others = [name for name in experiment.arms if name not in own and name != look.arm]
        one_of(look.against, others, f"{where}.against")
    for index, watch in enumerate(look.watch):
        if watch.at is not None:
            _check_at(watch.at, f"{where}.watch[{index}].at", experiment)


def _check_question(question: Question, where: str, experiment: Scenario) -> None:
    one_of(question.arm, experiment.arms, f"{where}.arm")
    if question.against is not None:
        one_of(question.against, experiment.arms, f"{where}.against")
    if question.kind != ORDER:
        _check_at(question.at, f"{where}.at", experiment)


def _check_at(time: float, where: str, experiment: Scenario) -> None:
    if not 0.0 <= time <= experiment.duration:
        raise InputError(where, show(time, "day"), f"within the run, 0 to {experiment.duration / 24.0:g} day")


# --- answers ---------------------------------------------------------------------------------------------------------


def answers(lesson: Lesson, mice: Cohort) -> list[Answer]:
    """What a cohort of the lesson's arms says to each of its questions."""
    told = {DIRECTION: _direction, ORDER: _order, NUMBER: _number}
    return [told[question.kind](question, mice) for question in lesson.questions]


def _target(question: Question, **more: Any) -> Target:
    """The question as something that `targets.judge` compares; what is expected decides nothing about the comparison."""
    fixed: dict[str, Any] = {"spread": None, "within": None, "use": USES[1], "source": "-", "where": "-", "grade": "D"}
    return Target(question.id, question.readout, question.arm, question.against, question.at, **{**fixed, **more})


def _direction(question: Question, mice: Cohort) -> Answer:
    found = judge(_target(question, expect="more", value=None), mice).comparison
    word = word_of(found)
    value = {"no effect": "same", UNDECIDED: None}.get(word, word)
    return Answer(question, value, _effect_in_words(question, found), found.effect.n)


def _effect_in_words(question: Question, found: Comparison) -> str:
    if found.note:
        return f"There is nothing to compare: {found.note}."
    effect, ours, theirs = found.effect, arm_words(question.arm), arm_words(question.against or "")
    if effect.estimate == effect.low == effect.high == EFFECTS[found.kind]:
        return f"Exactly as much in {ours} as in {theirs}, in each of the {effect.n} pairs of mice."
    if found.kind == "ratio":
        size = f"{_ratio(effect.estimate).capitalize()} times as much in {ours} as in {theirs}"
        if effect.high < SMALLEST_RATIO:
            return f"{size}, and so is its 95 % interval ({effect.n} pairs of mice)."
    else:
        unit = KNOWN[question.readout].unit
        size = f"{effect.estimate:+.3g}{'' if unit == '1' else f' {unit}'} in {ours} compared with {theirs}"
    end = _ratio if found.kind == "ratio" else "{:.3g}".format
    high = end(effect.high) if math.isfinite(effect.high) else "no upper end"
    why = "" if word_of(found) != UNDECIDED else f" Not decided: {judge_direction(found, 'more').why}."
    return f"{size} (95 % interval {end(effect.low)} to {high}; {effect.n} pairs of mice).{why}"


def _ratio(value: float) -> str:
    return "less than 0.001" if 0.0 < value < SMALLEST_RATIO else f"{value:.3g}"


def _order(question: Question, mice: Cohort) -> Answer:
    lives, until = mice.lives[question.arm], mice.ends
    untold = [stage for stage in question.stages if stage not in mice.plan.stages]
    if untold:
        return Answer(
            question, None, f"There is no threshold of {' and '.join(untold)} beside the scenario.", len(lives)
        )
    onsets = {
        stage: np.array(list(mice.values(question.arm, f"{ONSET}{stage}", until).values())) for stage in question.stages
    }
    # A stage that no mouse reached is after all others; equal ranks are told apart by no pair and so stay undecided.
    ranked = sorted(
        question.stages, key=lambda stage: float(np.mean(np.where(np.isinf(onsets[stage]), 1e9, onsets[stage])))
    )
    decided = all(
        judge_direction(compare_order(onsets[first], onsets[second]), "less").verdict == MET
        for first, second in pairwise(ranked)
    )
    return Answer(
        question,
        ",".join(ranked) if decided else None,
        "; ".join(_onset_in_words(stage, onsets[stage]) for stage in ranked) + f" ({len(lives)} mice).",
        len(lives),
    )


def _onset_in_words(stage: str, onsets: np.ndarray) -> str:
    reached = onsets[np.isfinite(onsets)] / 24.0
    if not len(reached):
        return f"{stage} in no mouse"
    earliest, latest = reached.min(), reached.max()
    often = "" if len(reached) == len(onsets) else f" in {len(reached)} of them"
    return f"{stage} on day {np.median(reached):.3g} (from {earliest:.3g} to {latest:.3g}){often}"


def _number(question: Question, mice: Cohort) -> Answer:
    asked = _target(question, expect=None, value=1.0, within=question.within, against_readout=question.of)
    found = judge(asked, mice).comparison
    if found.note:
        return Answer(question, None, f"There is no number to tell: {found.note}.", found.effect.n)
    estimate, low, high = (
        question.times * part for part in (found.effect.estimate, found.effect.low, found.effect.high)
    )
    least, most = _tolerated(estimate, question.within)
    decided = estimate > 0.0 and least <= low and high <= most
    words = (
        f"{arm_words(question.arm)}: {estimate:.3g} {question.unit}".rstrip()
        + f" (95 % interval {low:.3g} to {high:.3g}; {found.effect.n} mice). "
        f"An answer counts as right from {least:.3g} to {most:.3g}."
    )
    return Answer(question, f"{estimate:.3g}" if decided else None, words, found.effect.n)


def _tolerated(value: float, within: float) -> tuple[float, float]:
    """Lowest and highest number that is near enough."""
    return value / within, value * within
