"""What the effects of arms decide: a word for each, and two verdicts of each published effect.

Each published effect (a `Target`) gets two verdicts, of its direction and of its size, by `RULES`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from niche_sim.experiment.setup import Setup
from niche_sim.experiment.targets import ONSET, Target
from niche_sim.inference.causes import path_length
from niche_sim.inference.comparisons import (
    KINDS,
    Comparison,
    compare,
    compare_order,
    compared,
    events_of,
    highest_mean,
)
from niche_sim.model.readouts import BY_NAME
from niche_sim.runs.cohort import Cohort

FEWEST_EVENTS = 20.0  # in the arm that has more of them
FEWEST_MICE = 6  # five mice differ all in one direction by chance once in 16 times
MET, NOT_MET, UNDECIDED = "met", "not met", "undecided"
BY_CONSTRUCTION, NOT_ASKED, CANNOT_BE_ASKED = "by construction", "not asked", "cannot be asked"
VERDICTS = (MET, NOT_MET, UNDECIDED)
DIRECTIONS = (*VERDICTS, BY_CONSTRUCTION, CANNOT_BE_ASKED)
SIZES = (*VERDICTS, NOT_ASKED)
RULES = (  # of verdicts, as a report prints them; an item begins with "- "
    "Every published effect (a `Target`) is judged twice: by its direction and, where a size is published or can be "
    "carried over from a similar experiment, by its size. Intervals are of 95 % unless said; they are of virtual mice, of "
    "which there can be as many as one likes, so no p-value is given.",
    '- *less* and *more*: not met if the 90 % interval lies within "no effect", however sure a trace of an effect may be, '
    "or if the 95 % interval lies wholly on the other side of 1 (of 0); met if that lies wholly on the right side; else "
    "undecided.",
    '- *same*: met if the 90 % interval lies within "no effect", not met if the 95 % interval lies wholly '
    "outside, else undecided.",
    '- "No effect" is a ratio of means of 0.8 to 1.25, or a difference between fractions of mice of -0.2 to '
    "0.2. Where the reference is 0 in all mice (but one), there is no ratio, or no end to its interval: for the direction the "
    "difference of means is taken, and a fifth of the mean of the arm that has most is no effect. It says nothing of the size.",
    "- A size, or a value by itself: met if the estimate is within the published band and so is half the interval or more; not met "
    "if the whole interval is outside; else undecided. A value by itself has no direction, nor has a ratio whose band holds 1 and "
    'is wider than "no effect"; the verdict on the size stands for both. The mean of a count has the wider of Student\'s and '
    "Poisson's exact interval. A spread between mice is k of a negative binomial, which a section shares with its organ.",
    "- Onsets: less means before. The effect is the fraction of mice in which it is, of those in which either "
    "stage is reached; a stage never reached comes after all others, and a tie counts half.",
    "- With fewer than 6 mice an arm everything is undecided: five differ all in one direction by chance once in 16 times.",
    "- Of events (colonies, cells of a tumour) that are compared, the arm that has more of them must have 20 or more, all its mice "
    "together; with fewer, what is not already known to be no effect is undecided. Colonies that are *expected* of a mouse are no "
    "events: they hold no chance of single cells.",
    "- *By construction* is what could not have come out otherwise: no way through the rules leads from what was done to what is "
    "read; or *same*, where every mouse has exactly the same value in both arms; or a value that reads back a number that was "
    "put in. The way through the rules is the shortest that the rules declare by what they read and write.",
    "- The headline counts comparisons that are independent and to which nothing was fitted: targets of several papers on one "
    "question are one comparison, met if all are. What is so by construction, and effects of a single rule, are left out.",
)


class Judgement(NamedTuple):
    """What a comparison decides, and why it does not decide more."""

    verdict: str
    why: str


class Judged(NamedTuple):
    """A target, what the model gives, and whether that meets its direction (one of DIRECTIONS) and its size (of SIZES).

    why: what keeps the direction from being met, or makes it so by construction. path: the fewest rules from what was
    done to what is read, None if there are no two arms, or no way.
    """

    target: Target
    comparison: Comparison
    direction: str
    size: str
    why: str = ""
    path: int | None = None

    @property
    def counts(self) -> bool:
        """Whether it belongs to the headline: nothing was fitted to it, it could fail, and it is not the act of one rule."""
        short = self.path is not None and self.path <= 1
        return self.target.use == "validate" and self.direction in VERDICTS and not short


class Row(NamedTuple):
    """The effect of an arm on a readout at a time (h): `word` is more, less, no effect or undecided."""

    readout: str
    arm: str
    against: str
    at: float
    comparison: Comparison
    word: str


def judge_direction(found: Comparison, expect: str) -> Judgement:
    """Whether an effect is "less", "more" or "same", by `RULES`."""
    effect, narrow = found.effect, found.narrow
    if few := found.note or _few_mice(found):
        return Judgement(UNDECIDED, few)
    none, bounds = KINDS[found.kind], found.bounds
    without = bounds[0] <= narrow.low and narrow.high <= bounds[1]
    if expect != "same" and (without or found.identical):
        return Judgement(NOT_MET, "no effect")
    if few := "" if found.identical else _few_events(found):
        return Judgement(UNDECIDED, few)
    if expect == "same":
        if without or found.identical:
            return Judgement(MET, "")
        outside = effect.high < bounds[0] or effect.low > bounds[1]
        return Judgement(NOT_MET, "") if outside else Judgement(UNDECIDED, "the interval leaves both open")
    down, up = effect.high < none, effect.low > none
    wanted, contrary = (down, up) if (expect == "less") != (found.kind == "fraction before") else (up, down)
    if wanted:
        return Judgement(MET, "")
    if contrary:
        return Judgement(NOT_MET, "the other way round")
    return Judgement(UNDECIDED, "the interval leaves both open")


def judge_value(found: Comparison, low: float, high: float) -> Judgement:
    """Whether an effect lies within a band, by `RULES`."""
    effect = found.effect
    if few := found.note or _few_mice(found) or _few_events(found):
        return Judgement(UNDECIDED, few)
    if effect.high < low or effect.low > high:
        return Judgement(NOT_MET, "too low" if effect.high < low else "too high")
    shared = min(effect.high, high) - max(effect.low, low)
    if low <= effect.estimate <= high and 2.0 * shared >= effect.high - effect.low:
        return Judgement(MET, "")
    return Judgement(UNDECIDED, "the interval lies partly within the band")


def _few_mice(found: Comparison) -> str:
    return f"{found.effect.n} mice, fewer than {FEWEST_MICE}" if found.effect.n < FEWEST_MICE else ""


def _few_events(found: Comparison) -> str:
    few = found.events < FEWEST_EVENTS
    return f"{found.events:.3g} events in the arm that has more, fewer than {FEWEST_EVENTS:g}" if few else ""


def judge_size(found: Comparison, target: Target) -> Judgement:
    """Whether an effect is as large as published; a difference says nothing of a ratio."""
    if target.band is None:
        return Judgement(NOT_ASKED, "")
    if target.against is not None and found.kind == "difference" and not found.note:
        return Judgement(UNDECIDED, "no ratio: the reference is 0 in all mice, or in all but one")
    return judge_value(found, *target.band)


def judge(target: Target, cohort: Cohort) -> Judged:
    """What the mice of a cohort say to a target."""
    found = compared(target, cohort)
    size = judge_size(found, target)
    if target.direction is None:
        judged = Judged(target, found, size.verdict, size.verdict, size.why)
    else:
        direction = judge_direction(found, target.direction)
        judged = Judged(target, found, direction.verdict, size.verdict, direction.why or size.why)
    if target.by_construction is not None:
        return judged._replace(direction=BY_CONSTRUCTION, why=target.by_construction)
    if target.against is None:
        return judged
    path = path_length(cohort.plan.base, target.arm, target.against, _readouts_of(target))
    if path is None:
        return judged._replace(direction=BY_CONSTRUCTION, why="no rules lead from what was done to what is read")
    if target.direction == "same" and found.identical and not _few_mice(found):
        return judged._replace(direction=BY_CONSTRUCTION, why="every mouse has the same value in both arms", path=path)
    return judged._replace(path=path)


def may_count(target: Target, base: Setup) -> bool:
    """Whether the headline can count a target, before any mouse has run: `Judged.counts` of whatever the mice will say."""
    if target.use != "validate" or target.by_construction is not None:
        return False
    path = 2 if target.against is None else path_length(base, target.arm, target.against, _readouts_of(target))
    return path is not None and path > 1


def _readouts_of(target: Target) -> list[str]:
    return [name for name in (target.readout, target.against_readout) if name is not None]


def judge_all(cohort: Cohort) -> list[Judged]:
    """Every target of the cohort's scenario."""
    return [judge(target, cohort) for target in cohort.plan.experiment.targets]


def effects(cohort: Cohort, also: Iterable[tuple[str, float]] = ()) -> list[Row]:
    """Each arm against the first: readouts at asked times (h), all at the end, those of targets at their times, onsets."""
    experiment, reference = cohort.plan.experiment, cohort.plan.reference
    moments = [*also, *((name, cohort.ends) for name in BY_NAME)]
    moments += [(t.readout, t.at) for t in experiment.targets if not t.is_onset and t.at < cohort.ends]
    stages = sorted({stage: None for mice in cohort.lives.values() for life in mice.values() for stage in life.onsets})
    moments += [(f"{ONSET}{stage}", cohort.ends) for stage in stages]
    rows = []
    for arm in cohort.plan.arms[1:]:
        if not (cohort.lives[arm] and cohort.lives[reference]):
            continue
        for readout, at in dict.fromkeys(moments):
            pair = cohort.pairs(cohort.values(arm, readout, at), cohort.values(reference, readout, at))
            if readout.startswith(ONSET):
                found = compare_order(*pair)
            else:
                events = events_of(cohort, (arm, readout, at), (reference, readout, at))
                found = compare(*pair, events, highest_mean(cohort, readout, at))
            rows.append(Row(readout, arm, reference, at, found, word_of(found)))
    return rows


def in_words(found: Comparison) -> str:
    """The effect in a word, and why it is undecided if it is."""
    word = word_of(found)
    if word != UNDECIDED:
        return word
    why = judge_direction(found, "more" if found.effect.estimate > KINDS[found.kind] else "less").why
    return f"{word}: {why}" if why else word


def word_of(found: Comparison) -> str:
    """An effect in a word: less, more, no effect or undecided; of onsets earlier and later."""
    onset = found.kind == "fraction before"
    words = {"less": "earlier" if onset else "less", "more": "later" if onset else "more", "same": "no effect"}
    return next((words[one] for one in words if judge_direction(found, one).verdict == MET), UNDECIDED)


class Question(NamedTuple):
    """An independent comparison: all targets on one question, of one or several papers.

    direction, size: met if those of all its targets are, not met if that of one is not, else undecided; "not asked" if
    no target has a size.
    """

    name: str
    judged: tuple[Judged, ...]
    direction: str
    size: str

    @property
    def deciding(self) -> Judged:
        """The target on which its verdicts hang: the first whose direction, and if possible size, are those of the whole."""
        return max(self.judged, key=lambda judged: (judged.direction == self.direction, judged.size == self.size))

    @property
    def sized(self) -> Judged:
        """The first target whose size is that of the whole."""
        return next(one for one in self.judged if one.size == self.size)


def questions(judged: Iterable[tuple[str, Judged]]) -> list[Question]:
    """The independent comparisons that the headline counts; judged: (scenario, a target of it)."""
    groups: dict[str, list[Judged]] = {}
    for scenario, one in judged:
        if one.counts:
            groups.setdefault(comparison_of(scenario, one.target), []).append(one)
    return [
        Question(name, tuple(group), _together([one.direction for one in group]), _together([one.size for one in group]))
        for name, group in groups.items()
    ]


def comparison_of(scenario: str, target: Target) -> str:
    """The name under which a target is counted."""
    return target.comparison or f"{scenario}: {target.id}"


def _together(found: Sequence[str]) -> str:
    asked = [verdict for verdict in found if verdict != NOT_ASKED]
    if not asked:
        return NOT_ASKED
    return NOT_MET if NOT_MET in asked else UNDECIDED if UNDECIDED in asked else MET


# --- as tables -------------------------------------------------------------------------------------------------------


def effect_table(rows: Iterable[Row], judged: Iterable[Judged]) -> list[dict[str, Any]]:
    """Rows of effects.parquet: first each arm's effect on each readout, then each target (`target` is its id)."""
    table = [
        {"target": None, "readout": row.readout, "arm": row.arm, "against": row.against, "at_h": row.at}
        | _numbers(row.comparison)
        | {"verdict": row.word, "size": None, "why": row.comparison.note}
        for row in rows
    ]
    for one in judged:
        t = one.target
        what = {
            "target": t.id,
            "readout": t.readout,
            "arm": t.arm,
            "against": t.against or t.against_readout,
            "at_h": t.at,
        }
        table.append({**what, **_numbers(one.comparison), "verdict": one.direction, "size": one.size, "why": one.why})
    return table


def verdict_table(scenario: str, judged: Iterable[Judged]) -> list[dict[str, Any]]:
    """Rows of verdicts.parquet: each target with what was published, what the model gives and both verdicts."""
    table = []
    for one in judged:
        t = one.target
        low, high = t.band or (None, None)
        strength = t.size.strength if t.size is not None else None
        table.append({
            "scenario": scenario, "target": t.id, "comparison": comparison_of(scenario, t), "use": t.use,
            "by_construction": one.direction == BY_CONSTRUCTION, "direction": one.direction, "size": one.size,
            "published_low": low, "published_high": high, **_numbers(one.comparison), "why": one.why, "path": one.path,
            "counts": one.counts, "class": t.grade, "strength": strength, "published_n": t.n, "headline": t.headline,
            "source": t.source, "where": t.where, "readout": t.readout, "arm": t.arm, "against": t.against,
            "against_readout": t.against_readout, "at_h": t.at, "window_h": t.window, "above": t.above, "expect": t.expect,
            "value": t.value,
        })  # fmt: skip
    return table


def mouse_table(cohort: Cohort) -> list[dict[str, Any]]:
    """Rows of mice.parquet: a row a mouse and arm, every readout at its end and the onsets (h, nan if not reached)."""
    return [
        {"arm": arm, "seed": seed}
        | {name: float(values[-1]) for name, values in life.table.items()}
        | {f"{ONSET}{stage}": float(onset) for stage, onset in life.onsets.items()}
        for arm, mice in cohort.lives.items()
        for seed, life in mice.items()
    ]


def _numbers(found: Comparison) -> dict[str, Any]:
    effect = found.effect
    return {
        "kind": found.kind, "effect": effect.estimate, "low": effect.low, "high": effect.high,
        "n": effect.n,
    }  # fmt: skip
