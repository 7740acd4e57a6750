"""What is published and the model is compared with: the targets of a scenario, read from the targets.toml beside it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

from niche_sim.engine.errors import InputError, one_of
from niche_sim.engine.reading import read_text, read_toml
from niche_sim.engine.schema import Flag, Many, Table, Text, Told, Value, key, names, number, read, table
from niche_sim.engine.units import show, to_model
from niche_sim.experiment.spelling import time_text
from niche_sim.model.catalogue import STAGE_NAMES

EXPECTATIONS = ("less", "more", "same")
USES = ("fit", "validate")
# What is known of a published effect: its size, roughly its size, only its direction.
GRADES = {"Q": "size known", "S": "size known roughly", "D": "direction known"}
STRENGTHS = ("good", "moderate", "weak", "assumed")  # of a band: how far a published size can be carried over
# Of a value by itself: mean of the mice (of onsets the median), or how far counts spread between mice, k of a negative binomial.
STATISTICS = ("mean", "k")
NO_EFFECT = (0.8, 1.25)  # a ratio whose 90 % interval lies within is "no effect" in biology
COUNTED = ("colonies", "macrometastases")  # readouts that count foci one by one, so that they have a k
ONSET = "onset_"  # onset_<stage> is a readout of targets besides those of readouts.py: h, never counts as infinite

_TEXT = {"type": "string"}


def _arm(value: Any, told: Told) -> str:
    return one_of(value, told["arms"], "") if told else str(value)


def _readout(value: Any, told: Told) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InputError("", f"{value!r}", "text in quotes, not empty")
    onsets = [f"{ONSET}{stage}" for stage in STAGE_NAMES]
    if value.startswith(ONSET):
        return one_of(value, onsets, "")
    known = told["readouts"] if told else None
    return value if known is None else one_of(value, [*sorted(known), *onsets], "")


def _at(value: Any, told: Told) -> float:
    if told is None:
        return float(value)
    at, duration = to_model(value, "h", ""), told["duration"]
    if not 0.0 <= at <= duration:
        raise InputError("", show(at, "day"), f"within the run, 0 to {show(duration, 'day')}")
    return at


def cited_source(value: Any, told: Told) -> str:
    """A key of sources.bib, where these are known."""
    if not told or told["cited"] is None:
        return str(value)
    try:
        return one_of(value, sorted(told["cited"]), "")
    except InputError as error:
        hint = error.allowed.partition("allowed are")[0]
        raise InputError("", error.found, f"{hint}a key of sources.bib is needed") from None


Source = Annotated[str, Value(cited_source, _TEXT)]
Arm = Annotated[str, Value(_arm, _TEXT)]
Readout = Annotated[str, Value(_readout, _TEXT)]
Hours = Value(_at, {"type": "string", "examples": ["21 day"]}, time_text)


@table
class Band(Table):
    """Sizes that are in accord with what is published, and where they were read; of a direction: of the ratio to `against`.

    strength: of the evidence, one of STRENGTHS; "assumed" if no size was read anywhere.
    """

    low: Annotated[float, number()]
    high: Annotated[float, number()]
    strength: Annotated[str, names(STRENGTHS)]
    source: Source
    where: Text

    @classmethod
    def values(cls, entry: Mapping[str, Any], told: dict[str, Any]) -> Mapping[str, Any]:
        low, high = entry.get("low"), entry.get("high")
        if isinstance(low, int | float) and isinstance(high, int | float) and not low < high:
            raise InputError(".high", f"{high:g}", f"more than low, {low:g}")
        return entry


@table
class Target(Table):
    """Something published that the model is compared with.

    Either a direction (`expect` is "less", "more" or "same", of `readout` in `arm` against that of `against`), or a
    `value`: of the readout itself, or of its ratio to that of `against` if that is given. A value comes with `spread`,
    plus or minus in its own units, or with `within`, a factor (3: from a third to three times).

    grade: "Q", "S" or "D", a key of GRADES. at: h. window: h before `at` over which the readout is averaged; None takes
    it at `at`. above: the fraction of mice whose readout lies above it is compared instead. against_readout: another
    readout to compare with, of `against` or else of the same arm. headline: the one of a scenario that a summary shows.
    Of onset_<stage> (h, of a run until `at`) less means before. use: "fit" or "validate".

    size: the band in which the ratio of a direction should lie; of a value that is its tolerance. comparison: targets with
    one name are counted once, as several sources of one comparison; by default each is its own. n: animals a group in
    the published experiment. by_construction: why the model could not give anything else, if that cannot be told from the
    rules: it reads back a number that was put in. statistic: of a value by itself, one of STATISTICS.
    """

    id: Text
    readout: Readout
    arm: Arm
    against: Annotated[str | None, Value(_arm, _TEXT)]
    at: Annotated[float, Hours]
    expect: Annotated[str | None, names(EXPECTATIONS)]
    value: Annotated[float | None, number()]
    spread: Annotated[float | None, number(0.0, above=True)]
    within: Annotated[float | None, number(1.0, above=True)]
    use: Annotated[str, names(USES)]
    source: Source
    where: Text
    grade: Annotated[str, key("class"), names(tuple(GRADES))]
    against_readout: Annotated[str | None, Value(_readout, _TEXT)] = None
    above: Annotated[float | None, number()] = None
    window: Annotated[float | None, key("whole_window"), Hours] = None
    headline: Flag = False
    size: Band | None = None
    comparison: Text | None = None
    n: Annotated[int | None, number(1, 10**6, whole=True)] = None
    by_construction: Text | None = None
    statistic: Annotated[str, names(STATISTICS)] = "mean"

    @classmethod
    def keys(cls, entry: Mapping[str, Any]) -> tuple[list[str], list[str]]:
        onset = not entry or str(entry.get("readout", "")).startswith(ONSET)
        common = ["id", "class", "readout", "arm", *([] if onset else ["at"]), "use", "source", "where"]
        more = ["at", "against", "against_readout", "above", "whole_window", "headline"]
        more += ["comparison", "n", "by_construction"]
        if not entry:
            return common, [*more, "expect", "value", "spread", "within", "size", "statistic"]
        if "value" in entry:
            return [*common, "value"], [*more, "spread", "within", "statistic"]
        return [*common, *([] if "against_readout" in entry else ["against"]), "expect"], [*more, "size"]

    @classmethod
    def values(cls, entry: Mapping[str, Any], told: dict[str, Any]) -> Mapping[str, Any]:
        if "value" in entry and ("spread" in entry) == ("within" in entry):
            found = "'spread' and 'within'" if "spread" in entry else "no 'spread' or 'within'"
            raise InputError("", found, "one of them")
        optional = ("against", "expect", "value", "spread", "within")
        return {**dict.fromkeys(optional), "at": f"{told['duration']!r} h", **entry}

    @property
    def is_onset(self) -> bool:
        """Whether the readout is the onset of a stage."""
        return self.readout.startswith(ONSET)

    @property
    def tolerance(self) -> tuple[float, float]:
        """Lowest and highest value that meets the target; nan without a value."""
        if self.value is None:
            return math.nan, math.nan
        if self.spread is not None:
            return self.value - self.spread, self.value + self.spread
        ends = (self.value / (self.within or 1.0), self.value * (self.within or 1.0))
        return min(ends), max(ends)


    @property
    def band(self) -> tuple[float, float] | None:
        """Lowest and highest size in accord with what is published, None if no size is asked."""
        if self.value is not None:
            return self.tolerance
        return None if self.size is None else (self.size.low, self.size.high)

    @property
    def direction(self) -> str | None:
        """ "less", "more" or "same" than another arm or, of onsets, than another stage.

        None of a value by itself, and of a ratio that may be on either side of 1 and is not held to be the same.
        """
        if self.expect is not None or self.value is None or self.against is None:
            return self.expect
        low, high = self.tolerance  # a value against another arm is a ratio
        if low > 1.0 or high < 1.0:
            return "more" if low > 1.0 else "less"
        return "same" if NO_EFFECT[0] <= low and high <= NO_EFFECT[1] else None


@table
class TargetsFile(Table):
    """What a scenario is compared with."""

    target: Annotated[tuple[Target, ...], Many("targets", "a list in brackets")]


def read_targets(
    path: Path, arms: Collection[str], duration: float, cited: Collection[str], readouts: Collection[str] | None
) -> tuple[Target, ...]:
    """The targets of a targets.toml; none if there is no such file.

    Raises
    ------
    InputError
        Something in it is not as it must be, or cannot be compared.
    """
    if not path.is_file():
        return ()
    file = f"{path}:"
    data = read_toml(read_text(path), str(path))
    told = {"arms": arms, "duration": duration, "cited": cited, "readouts": readouts}
    targets: tuple[Target, ...] = read(TargetsFile, data, file, **told).target
    for index, target in enumerate(targets):
        place = f"{file} target[{index}]"
        _check_comparison(target, place)
        if any(target.id == other.id for other in targets[:index]):
            raise InputError(f"{place}.id", f"'{target.id}' is there twice", "each id once")
        if target.headline and any(other.headline for other in targets[:index]):
            raise InputError(f"{place}.headline", "true of a second target", "one target a scenario")
    return targets


@table
class Unaskable(Table):
    """A published finding that no rule of the model can express, and why."""

    id: Text
    claim: Text
    source: Source
    where: Text
    why: Text


@table
class UnaskableFile(Table):
    """What no scenario can ask."""

    finding: Annotated[tuple[Unaskable, ...], Many("findings", "tables [[finding]]")]


def _check_comparison(target: Target, where: str) -> None:
    """Refuse what cannot be compared."""
    if target.against == target.arm:
        raise InputError(f"{where}.against", f"'{target.against}', the arm itself", "another arm")
    if target.window is not None and not 0.0 < target.window <= target.at:
        allowed = f"above 0, and up to 'at', {show(target.at, 'day')}"
        raise InputError(f"{where}.whole_window", show(target.window, "day"), allowed)
    if target.against_readout is not None:
        if target.against is None and target.against_readout == target.readout:
            found = f"'{target.against_readout}', the readout itself"
            raise InputError(f"{where}.against_readout", found, "another readout, or another arm in 'against'")
        if target.against_readout.startswith(ONSET) != target.is_onset:
            found = f"'{target.against_readout}' against '{target.readout}'"
            raise InputError(f"{where}.against_readout", found, f"two readouts, or two {ONSET}<stage>")
        if target.above is not None:
            raise InputError(f"{where}.above", "beside 'against_readout'", "one of them")
    if target.statistic == "k":
        if target.readout not in COUNTED or target.window is not None:
            raise InputError(f"{where}.statistic", f"'k' of {target.readout}", f"of a count at one time: {' or '.join(COUNTED)}")
        if target.against or target.against_readout or target.above is not None:
            raise InputError(f"{where}.statistic", "'k' beside another to compare with, or 'above'", "of one readout in one arm")
    if target.size is not None and (target.above is not None or target.is_onset):
        found = "of a fraction of mice" if target.above is not None else "of an onset"
        raise InputError(f"{where}.size", found, "none: a size is that of a ratio of means")
    if target.is_onset and target.window is not None:
        raise InputError(f"{where}.whole_window", "of an onset", "none: an onset is one time")
    if target.is_onset and target.above is None:
        if target.expect == "same":
            raise InputError(f"{where}.expect", "'same' of an onset", "less (before) or more (after)")
        if target.value is not None and (target.against or target.against_readout):
            found = "an onset with 'value' and another to compare with"
            raise InputError(where, found, "a value in h alone, or 'expect', less (before) or more (after)")
    if target.value is not None and target.above is not None and target.against is None and not 0 <= target.value <= 1:
        raise InputError(f"{where}.value", f"{target.value:g}", "with 'above' a fraction of mice, 0 to 1")
    if target.value == 0.0 and target.within is not None:
        raise InputError(f"{where}.within", "of the value 0", "'spread' with that value")
