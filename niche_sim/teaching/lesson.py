"""Lessons: predict, run, compare, explain; read from data files, their answers taken from mice and from nowhere else.

A lesson is a file `lessons/<id>.toml` of this package, or a file of a teacher's own. It opens one scenario of the library,
perhaps with arms of its own beside it, and asks questions. A question says what to compare; what is right is what a cohort
of the model's mice gives (`answers`), with the same rules by which published targets are judged, so that it may be
undecided. Whatever is wrong in a file raises `InputError` that names file, key, what was found and what is allowed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import numpy as np

from niche_sim.engine.errors import InputError, check_keys, one_of, under
from niche_sim.engine.reading import read_text, read_toml
from niche_sim.engine.schema import read
from niche_sim.engine.units import to_model
from niche_sim.experiment import scenario as library
from niche_sim.experiment.editing import with_added
from niche_sim.experiment.protocol import Entries, check_in_time
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.targets import ONSET, USES, Target
from niche_sim.figures.labels import arm_words
from niche_sim.inference.verdicts import KINDS as EFFECTS
from niche_sim.inference.verdicts import MET, UNDECIDED, Comparison, compare_order, judge, judge_direction, word_of
from niche_sim.model.readouts import BY_NAME
from niche_sim.model.stages import STAGES
from niche_sim.runs import cohort
from niche_sim.runs.cohort import Cohort, Plan

FOLDER = Path(__file__).parent / "lessons"
DIRECTION, ORDER, NUMBER = "direction", "order", "number"
KINDS = (DIRECTION, ORDER, NUMBER)
DIRECTIONS = {"less": "Less", "more": "More", "same": "About the same"}
SAME_IN_WORDS = "About the same: less than a quarter more and less than a fifth less."
RIGHT, WRONG = "right", "wrong"  # or targets.UNDECIDED
FEWEST_STAGES, MOST_STAGES = 2, 4  # in a question about an order, whose orders are all offered
SMALLEST_RATIO = 1e-3  # below it nobody needs the digits
MOST_ARMS = 10  # of its own
MOST_MICE = 40  # an arm, of a cohort that a classroom waits for

_REQUIRED = ("title", "goal", "minutes", "scenario", "mice", "sources", "background", "assumed", "look", "question",
             "explain", "not_shown")  # fmt: skip
_KEYS = {
    DIRECTION: ("arm", "against", "readout", "at"),
    ORDER: ("arm", "stages"),
    NUMBER: ("arm", "readout", "at", "within"),
}
_OPTIONAL = {DIRECTION: (), ORDER: (), NUMBER: ("of", "times", "unit")}


@dataclass(frozen=True)
class Watch:
    """Something to watch in the dashboard: a sentence, and the hour (h) at which to, None if at no certain one."""

    ask: str
    at: float | None = None


@dataclass(frozen=True)
class Look:
    """What to open in the dashboard and what to watch there. arm, against: of the experiment."""

    arm: str
    against: str | None
    watch: tuple[Watch, ...]


@dataclass(frozen=True)
class Question:
    """A prediction to be made. ask: the question; because: the model answer, for the key and after the result.

    kind: "direction" asks whether `readout` at `at` (h) is less, more or the same in `arm` as in `against`; "order" in
    which order the stages begin in `arm`; "number" how large `readout` is, or `times` its ratio to the readout `of` of the
    same mice, right if within the factor `within` of it. unit: what a number counts, in words.
    """

    id: str
    kind: str
    ask: str
    because: str
    arm: str
    against: str | None = None
    readout: str = ""
    at: float = math.nan
    stages: tuple[str, ...] = ()
    of: str | None = None
    times: float = 1.0
    within: float = math.nan
    unit: str = ""

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
        return cohort.plan(
            self.experiment,
            self.arms,
            mice=self.mice if mice is None else mice,
            seed=seed,
            overrides=dict(self.numbers),
        )


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
    data = read_toml(text, name)
    check_keys(data, where, required=_REQUIRED, optional=("arms", "set"))
    scenario = one_of(data["scenario"], library.ids(), f"{where} scenario")
    experiment, own = _with_arms(library.load(scenario, readouts=BY_NAME), data.get("arms", {}), where)
    explain = _table(data, "explain", where)
    check_keys(explain, f"{where} explain", required=("ask", "answer"))
    questions = tuple(_questions(data, where, experiment))
    lesson = Lesson(
        id=name.removesuffix(".toml"),
        title=_text(data, "title", where),
        goal=_text(data, "goal", where),
        minutes=_whole(data, "minutes", where, 1, 240),
        experiment=experiment,
        own=own,
        numbers=_numbers(data, where),
        mice=_whole(data, "mice", where, 2, MOST_MICE),
        background=_texts(data, "background", where),
        assumed=_texts(data, "assumed", where),
        look=_look(data, where, experiment, own),
        questions=questions,
        explain=_text(explain, "ask", f"{where} explain"),
        model_answer=_text(explain, "answer", f"{where} explain"),
        not_shown=_texts(data, "not_shown", where),
        sources=_texts(data, "sources", where),
    )
    known = library.sources()
    for number, key in enumerate(lesson.sources):
        one_of(key, known, f"{where} sources[{number}]")
    try:
        lesson.plan(mice=2)
    except InputError as error:
        raise InputError(f"{where} set.{error.where}", error.found, error.allowed) from None
    return lesson


def _with_arms(experiment: Scenario, tables: object, where: str) -> tuple[Scenario, dict[str, str]]:
    """The scenario with the lesson's own arms, each an arm of the scenario with more done to the mouse."""
    if not isinstance(tables, Mapping):
        raise InputError(f"{where} arms", f"{tables!r} is not a table", "tables such as [arms.late]")
    if len(tables) > MOST_ARMS:
        raise InputError(f"{where} arms", f"{len(tables):,} arms", f"at most {MOST_ARMS}")
    own: dict[str, str] = {}
    scenario_arms = tuple(experiment.arms)
    for name in tables:
        place = f"{where} arms.{name}"
        table = _table(tables, name, f"{where} arms")
        check_keys(table, place, required=("like", "note", "add"))
        like = one_of(table["like"], scenario_arms, f"{place}.like")
        added = table["add"]
        if not isinstance(added, list) or not added:
            raise InputError(f"{place}.add", f"{added!r}", "a list in brackets of what is done, not empty")
        new = read(Entries, added, f"{place}.add")
        for number, intervention in enumerate(new):
            check_in_time(intervention, f"{place}.add[{number}]", experiment.duration)
        try:
            experiment = with_added(experiment, like, new, name, _text(table, "note", place), where=f"{place}.add")
        except InputError as error:
            if error.where == "name":
                raise InputError(place, error.found, error.allowed) from None
            raise
        own[name] = like
    return experiment, own


def _look(data: Mapping[str, Any], where: str, experiment: Scenario, own: Mapping[str, str]) -> Look:
    table, place = _table(data, "look", where), f"{where} look"
    check_keys(table, place, required=("arm", "watch"), optional=("against",))
    arm = one_of(table["arm"], experiment.arms, f"{place}.arm")
    against = table.get("against")
    if against is not None:
        # The page runs an arm of the scenario itself beside the one that is looked at.
        one_of(against, [name for name in experiment.arms if name not in own and name != arm], f"{place}.against")
    entries = table["watch"]
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{place}.watch", f"{entries!r}", "a list in brackets of what to watch, not empty")
    watch = [_watch(entry, f"{place}.watch[{number}]", experiment) for number, entry in enumerate(entries)]
    return Look(arm, against, tuple(watch))


def _watch(entry: object, where: str, experiment: Scenario) -> Watch:
    if isinstance(entry, str):
        entry = {"ask": entry}
    if not isinstance(entry, Mapping):
        raise InputError(where, f"{entry!r}", 'text in quotes, or { ask = "...", at = "4 day" }')
    check_keys(entry, where, required=("ask",), optional=("at",))
    return Watch(_text(entry, "ask", where), _at(entry, where, experiment) if "at" in entry else None)


def _at(entry: Mapping[str, Any], where: str, experiment: Scenario) -> float:
    """The hour (h) that is called `at`."""
    time = to_model(_text(entry, "at", where), like="h", where=f"{where}.at")
    if not 0.0 <= time <= experiment.duration:
        raise InputError(
            f"{where}.at", f"'{entry['at']}'", f"within the run, 0 to {experiment.duration / 24.0:g} day"
        )
    return time


def _questions(data: Mapping[str, Any], where: str, experiment: Scenario) -> Iterator[Question]:
    entries = data["question"]
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{where} question", f"{entries!r}", "one or more tables [[question]]")
    known: list[str] = []
    for number, entry in enumerate(entries):
        place = f"{where} question[{number}]"
        if not isinstance(entry, Mapping):
            raise InputError(place, f"{entry!r} is not a table", "a table of keys and values")
        question = _question(entry, place, experiment)
        if question.id in known:
            raise InputError(f"{place}.id", f"'{question.id}' is there twice", "each id once")
        known.append(question.id)
        yield question


def _question(entry: Mapping[str, Any], where: str, experiment: Scenario) -> Question:
    if "kind" not in entry:
        raise InputError(f"{where}.kind", "missing", f"needed is one of {', '.join(KINDS)}")
    kind = one_of(entry["kind"], KINDS, f"{where}.kind")
    check_keys(entry, where, required=("id", "kind", "ask", "because", *_KEYS[kind]), optional=_OPTIONAL[kind])
    fields: dict[str, Any] = {key: _text(entry, key, where) for key in ("id", "ask", "because")}
    for key in ("arm", "against"):
        if key in entry:
            fields[key] = one_of(entry[key], experiment.arms, f"{where}.{key}")
    if fields.get("against") == fields["arm"]:
        raise InputError(f"{where}.against", f"'{fields['arm']}' again", "another arm than `arm`")
    for key in ("readout", "of"):
        if key in entry:
            fields[key] = one_of(entry[key], BY_NAME, f"{where}.{key}")
    if "at" in entry:
        fields["at"] = _at(entry, where, experiment)
    if kind == ORDER:
        fields["stages"] = stages = _texts(entry, "stages", where)
        for number, stage in enumerate(stages):
            one_of(stage, [each.name for each in STAGES], f"{where}.stages[{number}]")
        if not FEWEST_STAGES <= len(stages) <= MOST_STAGES or len(set(stages)) < len(stages):
            allowed = f"{FEWEST_STAGES} to {MOST_STAGES} different stages"
            raise InputError(f"{where}.stages", f"{', '.join(stages)}", allowed)
    for key, least in (("times", 0.0), ("within", 1.0)):
        if key in entry:
            fields[key] = _above(entry, key, where, least)
    if "unit" in entry:
        fields["unit"] = _text(entry, "unit", where)
    return Question(kind=kind, **fields)


def _numbers(data: Mapping[str, Any], where: str) -> tuple[tuple[str, str], ...]:
    table = _table(data, "set", where) if "set" in data else {}
    return tuple((name, _text(table, name, f"{where} set")) for name in table)


def _table(data: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    value = data[key]
    if not isinstance(value, Mapping):
        raise InputError(under(where, key), f"{value!r} is not a table", "a table of keys and values")
    return value


def _text(data: Mapping[str, Any], key: str, where: str) -> str:
    value = data[key]
    if not isinstance(value, str) or not value.strip():
        raise InputError(under(where, key), f"{value!r}", "text in quotes, not empty")
    return " ".join(value.split())


def _texts(data: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    values = data[key]
    if not isinstance(values, list) or not values:
        raise InputError(under(where, key), f"{values!r}", "a list in brackets of texts in quotes, not empty")
    return tuple(_text({f"{key}[{n}]": value}, f"{key}[{n}]", where) for n, value in enumerate(values))


def _whole(data: Mapping[str, Any], key: str, where: str, least: int, most: int) -> int:
    value = data[key]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InputError(under(where, key), f"{value!r}", f"a whole number from {least} to {most}")
    return value


def _above(data: Mapping[str, Any], key: str, where: str, least: float) -> float:
    value = data[key]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value <= least:
        raise InputError(under(where, key), f"{value!r}", f"a number above {least:g}")
    return float(value)


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
        unit = BY_NAME[question.readout].unit
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
    if question.of is None:
        found = judge(_target(question, expect=None, value=1.0, within=question.within), mice).comparison
    else:
        ratio = _target(question, expect=None, value=1.0, within=question.within, against_readout=question.of)
        found = judge(ratio, mice).comparison
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
