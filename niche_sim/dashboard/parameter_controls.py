"""The numbers that a visitor may turn, as text: label, range, stops, default, source; and what a turn makes of the overrides."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass

from niche_sim.dashboard.intervention_text import plain_unit
from niche_sim.engine.errors import InputError
from niche_sim.engine.units import from_model, to_model
from niche_sim.experiment import scenario
from niche_sim.experiment.protocol import GrowPrimary, InjectExosomes, InjectTumourCells
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.setup import SCENARIO_LENGTHS, SCHEDULE, experiment_of
from niche_sim.figures.labels import WORDS
from niche_sim.model.catalogue import EXOSOMES_OF_LINE
from niche_sim.model.parameters import resolve, rows, value_of
from niche_sim.model.parameters.groups import CHAPTERS, Chapter, groups_that_matter
from niche_sim.model.parameters.slider_ticks import stops
from niche_sim.model.schedule import schedule

KINDS_EXPLAINED = {
    "measured": "read in the named source",
    "derived": "arithmetic from measured numbers",
    "fitted": "to a published target",
    "recalled": "from the named source, not opened again",
    "assumed": "no source; the note says why",
    "setting": "bookkeeping, no biology",
}
RUN = Chapter("run", "The section and the run", ("section", "run"))

# What a scenario file says besides the register: unit, note, and the stops of its slider, all of which fit each other
# where the other numbers are the usual ones.
_OF_SCENARIO: dict[str, tuple[str, str, tuple[float, ...]]] = {
    "section.width": ("mm", "a whole number of times the spacing", tuple(n / 5 for n in range(2, 21))),
    "section.height": ("mm", "a whole number of times the spacing", tuple(n / 5 for n in range(2, 21))),
    "section.depth": ("um", "one spacing is a section, more a block", (20, 40, 60, 80, 100, 140, 200, 300, 400)),
    "section.spacing": ("um", "side of a site; finer takes longer", (10, 20, 25, 40, 50)),
    "run.duration": ("day", "how long the mouse is followed", tuple(range(1, 91))),
    "run.step": ("h", "a rule acts once a step", (0.25, 0.5, 1, 2, 3, 6)),
    "run.record": ("h", "how often the readouts are kept", (1, 2, 3, 6, 12, 24)),
}
_GROUP_WORDS = {
    "section": "The piece of tissue that is simulated.",
    "run": "How long, and in which steps.",
}
# The first word of a name in the register says what sort of number it is.
_SORTS = (
    "half_life", "rate", "chance", "fraction", "share", "gain", "loss", "half", "steepness", "secretion", "diffusivity",
    "reach", "ratio", "density", "speed", "spread", "background",
)  # fmt: skip
_SORT_WORDS = {"half_life": "half-life", "half": "half-effect"}
_MORE_WORDS = {
    "emt": "EMT", "nk": "NK cells", "s100": "S100A8/A9", "tgfb": "TGF-β", "pdl1": "PD-L1", "kupffer": "Kupffer cells",
    "vesicles": "vesicles",
}  # fmt: skip
SCHEDULES_EXPLAINED = {
    "default": "all rules",
    "no_feedback": "without the feedback of granulin and collagen peptides",
    "additive": "paths that add up instead of following from each other",
    "no_stage3": "without the hypothesis of early vessels",
}


@dataclass(frozen=True)
class Dial:
    """One number as a visitor meets it: value and range in `unit`, texts as they are shown.

    default: the value without overrides, in `unit`; standard: the same as text, as an override would be written.
    of_scenario: whether the scenario's own file sets it. source, note: of the default that holds.
    """

    name: str
    label: str
    group: str  # the sentence about its group
    unit: str
    low: float
    high: float
    kind: str
    source: str
    note: str
    default: float
    standard: str
    of_scenario: bool
    fixed_stops: tuple[float, ...] = ()

    @property
    def places(self) -> tuple[float, ...]:
        """The stops of its slider, rising, in `unit`."""
        if self.fixed_stops:
            return tuple(sorted({*self.fixed_stops, self.default}))
        return stops(self.low, self.high, self.unit, (self.default,))

    @property
    def range(self) -> str:
        """Between which values it lies where the register knows it: "1 to 10 min"."""
        return plain_unit(f"{number_text(self.low)} to {number_text(self.high)} {self.unit}".strip())

    def text(self, value: float) -> str:
        """A value in `unit` as an override is written: "5 min"; the default comes out as it stands in its file."""
        return self.standard if value == self.default else f"{number_text(value)} {self.unit}".strip()

    def about(self) -> list[tuple[str, str]]:
        """What a tooltip says: heading and text, line by line."""
        lines = [
            ("Unit", plain_unit(self.unit) or "none: a plain number"),
            ("Range", self.range),
            ("Default", plain_unit(self.standard) + (", set by this scenario" if self.of_scenario else "")),
            ("Kind", f"{self.kind}: {KINDS_EXPLAINED[self.kind]}"),
            ("Source", self.source or "none"),
        ]
        return [*lines, *([("Note", self.note)] if self.note else []), ("Name", self.name)]

    def says(self, words: str) -> bool:
        """Whether each of the words occurs in its name, label, unit, note or the sentence about its group."""
        text = f"{self.name} {self.label} {self.unit} {plain_unit(self.unit)} {self.note} {self.group}".lower()
        return all(word in text for word in words.lower().split())


def dials(experiment: Scenario) -> dict[str, Dial]:
    """Every number of the section, the run and the register by its name, with the scenario's defaults."""
    cited = _cited(experiment)
    table = {name: _of_scenario(experiment, name) for name in _OF_SCENARIO}
    for name, row in rows().items():
        change = experiment.parameters.get(name)
        if change is None:
            default, standard = float(row.value), f"{number_text(row.value)} {row.unit}".strip()
            kind, source, note = row.kind, row.source, row.note
        else:
            default, standard = float(from_model(value_of(name, change.text), row.unit)), change.text
            assumed = change.source == "assumed"
            kind, source, note = ("assumed", "", change.where) if assumed else (row.kind, change.source, change.where)
        table[name] = Dial(
            name=name, label=label_of(name), group=row.group, unit=row.unit, low=float(row.low), high=float(row.high),
            kind=kind, source=cited.get(source, source), note=note, default=default, standard=standard,
            of_scenario=change is not None,
        )  # fmt: skip
    return table


def chapters(experiment: Scenario, everything: bool = False) -> tuple[Chapter, ...]:
    """The chapters in their order, each with the groups that matter to the scenario (everything: with all its groups)."""
    sources, lines = _named(experiment)
    matter = groups_that_matter(experiment.organ, sources, lines)
    chosen = [
        dataclasses.replace(chapter, groups=tuple(group for group in chapter.groups if everything or group in matter))
        for chapter in CHAPTERS
    ]
    return (RUN, *(chapter for chapter in chosen if chapter.groups))


def turned(
    experiment: Scenario, table: Mapping[str, Dial], values: Mapping[str, str], name: str, text: str
) -> dict[str, str]:
    """The overrides after the number `name` was set to a text such as "5 min"; one equal to its default is none.

    table: the dials of the experiment. Raises InputError if the text is no such number, lies outside what is possible, or
    does not fit the other numbers.
    """
    text = " ".join(text.split())
    after = {other: value for other, value in values.items() if other != name}
    standard = table[name].standard if name in table else own_schedule(experiment)
    known = name == SCHEDULE
    same = text == standard if known else _model_value(name, text) == _model_value(name, standard)
    if not same:
        after[name] = text
    changed = experiment_of(experiment, after)
    schedule(changed.schedule, SCHEDULE)
    of_register = {name: text for name, text in after.items() if name in rows()}
    resolve({**{name: change.text for name, change in experiment.parameters.items()}, **of_register})
    return after


def beyond(experiment: Scenario, values: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence about each override outside the range that the register gives its number; it is taken all the same, as the command
    line takes it, since the range says what is known and not what is possible."""
    given = [name for name in values if name != SCHEDULE]
    if not given:
        return ()
    table = dials(experiment)
    found = [(table[name], values[name]) for name in given if name in table]
    return tuple(
        f"{dial.name} = {plain_unit(text)} is outside its range, {dial.range}; taken as given."
        for dial, text in found
        if not (dial.fixed_stops or dial.low <= in_unit(dial, text) <= dial.high)
    )


def own_schedule(experiment: Scenario) -> str:
    """The name of the scenario's schedule; "" if it lists rules of its own."""
    return experiment.schedule if isinstance(experiment.schedule, str) else ""


def in_unit(dial: Dial, text: str) -> float:
    """An override as a number in the unit of its dial. Raises InputError as `turned` does."""
    return dial.default if text == dial.standard else float(from_model(_model_value(dial.name, text), dial.unit))


def sentence(error: InputError, name: str) -> str:
    """An error as one sentence beside the field `name`; what is wrong with another number names that."""
    other = error.where != name and error.where in (*_OF_SCENARIO, *rows())
    place = f"{label_of(error.where).replace(':', '')}: " if other else ""
    text = plain_unit(" ".join(f"{place}{error.found}; {error.allowed}".split()))
    return f"{text[0].upper()}{text[1:].rstrip('.')}."


def label_of(name: str) -> str:
    """The name of a number in words: "kupffer.half_life_educated" is "Half-life: educated"."""
    entry = name.partition(".")[2]
    if entry in WORDS:
        text = WORDS[entry]
    else:
        sort = next((sort for sort in _SORTS if entry.startswith(f"{sort}_") or entry == sort), "")
        rest = " ".join(_word(word) for word in entry.removeprefix(sort).split("_") if word)
        text = ": ".join(part for part in (_SORT_WORDS.get(sort, sort), rest) if part)
    return text if text[:1].isupper() or text.startswith("miR") else text[:1].upper() + text[1:]


def number_text(value: float) -> str:
    """A number as short as reads back the same: "0.0125", "1e6"."""
    text = repr(float(value)).removesuffix(".0")
    digits, _, power = f"{value:e}".partition("e")
    short = f"{digits.rstrip('0').rstrip('.')}e{int(power)}"
    return short if float(short) == value and len(short) < len(text) - 1 else text


def _model_value(name: str, text: str) -> float:
    """A text as a number in model units. Raises InputError."""
    if name in _OF_SCENARIO:
        return to_model(text, "um" if name in SCENARIO_LENGTHS else "h", name)
    return value_of(name, text)


def _of_scenario(experiment: Scenario, name: str) -> Dial:
    """The dial of a number that the scenario file says besides the register."""
    unit, note, fixed = _OF_SCENARIO[name]
    part, _, entry = name.partition(".")
    holder = experiment.section if part == "section" else experiment
    value = getattr(holder, entry) or experiment.section.spacing  # the depth of a section is one spacing
    default = float(from_model(value, unit))
    return Dial(
        name=name, label=entry.capitalize(), group=_GROUP_WORDS[part], unit=unit, low=float(fixed[0]),
        high=float(fixed[-1]), kind="setting", source="", note=note, default=default,
        standard=f"{number_text(default)} {unit}", of_scenario=False, fixed_stops=tuple(map(float, fixed)),
    )  # fmt: skip


@functools.cache
def _library_sources() -> dict[str, str]:
    return scenario.sources()


def _cited(experiment: Scenario) -> dict[str, str]:
    """Key -> "Author Year, Journal" of all that a scenario may cite."""
    own = experiment.path.with_name("sources.bib")
    beside = scenario.sources(own) if experiment.on_disk and own.is_file() else {}
    return _library_sources() | beside


def _named(experiment: Scenario) -> tuple[set[str], set[str]]:
    """Exosome sources and tumour lines that occur in any arm, and the sources that those lines shed."""
    sources: set[str] = set()
    lines: set[str] = set()
    for arm in experiment.arms.values():
        for intervention in arm.protocol.interventions:
            if isinstance(intervention, InjectExosomes):
                sources.add(intervention.source)
            elif isinstance(intervention, GrowPrimary | InjectTumourCells):
                lines.add(intervention.line)
    return sources | {EXOSOMES_OF_LINE[line] for line in lines if line in EXOSOMES_OF_LINE}, lines


def _word(word: str) -> str:
    return _MORE_WORDS.get(word) or WORDS.get(word, word)
