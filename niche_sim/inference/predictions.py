"""Predictions: what the model says to a question before anybody knows the answer, kept so that it cannot be changed later."""

from __future__ import annotations

import datetime
import hashlib
import json
import math
from pathlib import Path
from typing import Annotated, Any

from niche_sim.engine.errors import InputError, reason_of
from niche_sim.engine.reading import read_text, read_toml
from niche_sim.engine.schema import Table, Text, number, read, table, written
from niche_sim.engine.units import show
from niche_sim.experiment.scenario_file import toml_text
from niche_sim.experiment.spelling import Time
from niche_sim.inference.comparisons import Comparison
from niche_sim.inference.verdicts import word_of
from niche_sim.runs.cohort import Cohort
from niche_sim.runs.identity import code_digest

FIRST_LINES = """\
# Written by `niche-sim predict`. All but [outcome] is as it was when it was made: `seal` is the SHA-256 of it. When the answer is
# known, add [outcome] with `date`, `source` and `found` (more, less, no effect, or a size in words).

"""


@table
class Outcome(Table):
    """What was found later: by whom, when, and what."""

    date: Text
    source: Text
    found: Text


@table
class Prediction(Table):
    """A question, how it is asked of virtual mice, what they say, and by which code and when.

    effect, low, high: of `kind` (a ratio of means, or a difference) with its 95 % interval. answer: the effect in a word. code:
    digest of the model. seal: of all but itself and the outcome.
    """

    question: Text
    scenario: Text
    arm: Text
    against: Text
    readout: Text
    at: Time
    mice: Annotated[int, number(2, 10**6, whole=True)]
    kind: Text
    effect: Annotated[float, number()]
    low: Annotated[float, number()]
    high: Annotated[float, number()]
    answer: Text
    made: Text
    code: Text
    seal: Text = "none"
    outcome: Outcome | None = None

    def sealed(self) -> str:
        """The digest of what was predicted."""
        content = written(Prediction, self)
        kept = {name: value for name, value in content.items() if name not in ("seal", "outcome")}
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def predict(question: str, cohort: Cohort, arm: str, against: str, readout: str, at: float, found: Comparison) -> Prediction:
    """The entry of a comparison that was just made.

    Raises
    ------
    InputError
        There is no effect to tell: too few mice, or nothing in either arm.
    """
    effect = found.effect
    if found.note or not all(map(math.isfinite, (effect.estimate, effect.low, effect.high))):
        why = found.note or "no end to the interval"
        raise InputError("--readout", f"{readout} tells nothing here ({why})", "more mice, or another readout")
    numbers = {name: float(f"{value:.4g}") for name, value in vars(effect).items() if name in ("low", "high")}
    entry: dict[str, Any] = {
        "question": question, "scenario": cohort.plan.experiment.id, "arm": arm, "against": against, "readout": readout,
        "at": at, "mice": effect.n, "kind": found.kind, "effect": float(f"{effect.estimate:.4g}"), **numbers,
        "answer": word_of(found), "made": datetime.date.today().isoformat(), "code": code_digest(),
    }  # fmt: skip
    return Prediction(**entry, seal=Prediction(**entry).sealed())


def name_of(entry: Prediction) -> str:
    """The name of the file of an entry."""
    return f"{entry.scenario}-{entry.arm}-to-{entry.against}-{entry.readout}-day{entry.at / 24.0:g}.toml"


def write(entry: Prediction, folder: Path) -> Path:
    """Write an entry into a folder of predictions; returns its path.

    Raises
    ------
    InputError
        There is one of that name already, or the folder cannot be written.
    """
    file = folder / name_of(entry)
    if file.exists():
        raise InputError(f"{file}", "is there already", "a prediction is made once; another question, or another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(toml_text(written(Prediction, entry), FIRST_LINES), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file}", reason_of(error), "a folder that can be written is needed") from None
    return file


def load(path: Path) -> Prediction:
    """An entry, unchanged since it was made.

    Raises
    ------
    InputError
        It cannot be read, or what was predicted is not what was sealed.
    """
    entry: Prediction = read(Prediction, read_toml(read_text(path), f"{path}"), f"{path}:")
    if entry.sealed() != entry.seal:
        raise InputError(f"{path}", "was changed after it was made", "only [outcome] may be added")
    return entry


def in_words(entry: Prediction) -> str:
    """The answer in a sentence."""
    ratio = entry.kind == "ratio"
    size = f"{'× ' if ratio else ''}{entry.effect:g} ({entry.low:g} to {entry.high:g})"
    return (
        f"{entry.question} {entry.readout} on day {show(entry.at, 'day').removesuffix(' day')}, {entry.arm} against "
        f"{entry.against}: {entry.answer}, {entry.kind} {size}, {entry.mice} mice an arm."
    )
