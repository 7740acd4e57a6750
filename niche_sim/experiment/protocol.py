"""The protocol of one arm: its interventions together, and how they are read from a scenario and written.

An intervention is a class of `interventions`, whose fields are also the keys of its entry in TOML.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tomli_w

from niche_sim.engine.errors import InputError, one_line, shortened
from niche_sim.engine.reading import read_text, read_toml
from niche_sim.engine.schema import Many, Table, read, table, written
from niche_sim.engine.units import show
from niche_sim.experiment.interventions import EXAMPLE, Entry
from niche_sim.experiment.interventions import GROWTH_LAWS as GROWTH_LAWS
from niche_sim.experiment.interventions import MOST_CELLS as MOST_CELLS
from niche_sim.experiment.interventions import VERBS as VERBS
from niche_sim.experiment.interventions import Block as Block
from niche_sim.experiment.interventions import Boost as Boost
from niche_sim.experiment.interventions import Deplete as Deplete
from niche_sim.experiment.interventions import Dose as Dose
from niche_sim.experiment.interventions import GrowPrimary as GrowPrimary
from niche_sim.experiment.interventions import InjectExosomes as InjectExosomes
from niche_sim.experiment.interventions import InjectTumourCells as InjectTumourCells
from niche_sim.experiment.interventions import Intervention as Intervention
from niche_sim.experiment.interventions import Mark as Mark
from niche_sim.experiment.interventions import ResectPrimary as ResectPrimary
from niche_sim.experiment.interventions import Treat as Treat
from niche_sim.experiment.spelling import check_doses

MOST_DONE = 1000  # interventions of one arm
_ONE_LIST = f"a list in brackets such as '[{EXAMPLE}]'"
_ONE_TABLE = f"one table in braces such as '{EXAMPLE}'"

Entries = Annotated[tuple[Entry, ...], Many("interventions", "a list in brackets", most=MOST_DONE)]


@table
class ProtocolFile(Table):
    """What is done to a mouse, in a file of its own."""

    protocol: Entries


@dataclass(frozen=True)
class Protocol:
    """All interventions of one arm, in the order given. Raises InputError if two of them are the same event, if there
    is more than one primary or resection, or a resection without a primary growing before it."""

    interventions: tuple[Intervention, ...] = ()

    def __post_init__(self) -> None:
        given_ones: Any = self.interventions  # any series of them, or one by itself
        made = (given_ones,) if isinstance(given_ones, Intervention) else tuple(given_ones)
        object.__setattr__(self, "interventions", made)
        seen: set[str] = set()
        for intervention in self.interventions:
            for event in _events(intervention):
                if event in seen:
                    raise InputError("protocol", f"{event} is there twice", "each event once, as one amount")
                seen.add(event)
        if len({(one.oversample, one.show_colonies) for one in self.tumour_challenges}) > 1:
            found = "injections of tumour cells with and without oversample, or with several"
            raise InputError("protocol", found, "the same oversample and show_colonies in all of them")
        if len(self.primaries) > 1:
            raise InputError("protocol", f"{len(self.primaries)} primaries", "one grow_primary at most")
        if len(self.resections) > 1:
            raise InputError("protocol", f"{len(self.resections)} resections", "one resect_primary at most")
        for resection in self.resections:
            if not self.primaries or self.primaries[0].start >= resection.at:
                found = f"resect_primary at {show(resection.at, 'day')} finds no primary"
                raise InputError("protocol", found, "a grow_primary that starts before is needed")

    @property
    def doses(self) -> tuple[Dose, ...]:
        """Every single injection of exosomes, in order of time."""
        doses = [d for i in self.interventions if isinstance(i, InjectExosomes) for d in i.doses]
        return tuple(sorted(doses, key=lambda dose: (dose.at, dose.source)))

    @property
    def tumour_challenges(self) -> tuple[InjectTumourCells, ...]:
        """Every injection of tumour cells, in order of time."""
        challenges = [i for i in self.interventions if isinstance(i, InjectTumourCells)]
        return tuple(sorted(challenges, key=lambda challenge: (challenge.at, challenge.line)))

    @property
    def primaries(self) -> tuple[GrowPrimary, ...]:
        """The growing primary, if there is one."""
        return tuple(i for i in self.interventions if isinstance(i, GrowPrimary))

    @property
    def resections(self) -> tuple[ResectPrimary, ...]:
        """The resection, if there is one."""
        return tuple(i for i in self.interventions if isinstance(i, ResectPrimary))

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Every blockade, in the order given."""
        return tuple(i for i in self.interventions if isinstance(i, Block))

    @property
    def depletions(self) -> tuple[Deplete, ...]:
        """Every depletion, in the order given."""
        return tuple(i for i in self.interventions if isinstance(i, Deplete))

    @property
    def boosts(self) -> tuple[Boost, ...]:
        """Every boost, in the order given."""
        return tuple(i for i in self.interventions if isinstance(i, Boost))

    @property
    def treatments(self) -> tuple[Treat, ...]:
        """Every series of doses of a drug, in the order given."""
        return tuple(i for i in self.interventions if isinstance(i, Treat))

    def marks(self) -> list[Mark]:
        """What to mark on a time axis, (time in h, kind, label, event), in order of time."""
        return sorted(mark for intervention in self.interventions for mark in intervention.marks())


def _events(intervention: Intervention) -> tuple[str, ...]:
    """The identities of all that an intervention does: one, or one a dose."""
    return intervention.events if isinstance(intervention, InjectExosomes | Treat) else (intervention.event,)


def make_protocol(interventions: Iterable[Intervention], where: str) -> Protocol:
    """A protocol of what was read at `where` ("file: key path"), which the message of an InputError then names."""
    made = tuple(interventions)
    try:
        return Protocol(made)
    except InputError as error:
        raise InputError(where, error.found, error.allowed) from None


def check_amount(interventions: Iterable[Intervention], where: str) -> None:
    """Raises InputError if there are too many interventions, or doses in all."""
    done = list(interventions)
    if len(done) > MOST_DONE:
        raise InputError(where, f"more than {MOST_DONE:,} interventions", f"at most {MOST_DONE:,}")
    check_doses(sum(len(one.starts) for one in done), where)


def check_in_time(intervention: Intervention, where: str, duration: float) -> None:
    """Raises InputError if something of it is done only when the run, of `duration` h, is over."""
    if (last := max(intervention.starts)) >= duration:
        allowed = f"the run ends on day {_day(duration)}: an earlier time is needed"
        raise InputError(where, f"begins on day {_day(last)}", allowed)


def _day(hours: float) -> str:
    return show(hours, "day").removesuffix(" day")


def read_intervention(entry: object, where: str) -> Intervention:
    """One entry of a protocol as written in TOML, with units as text.

    Parameters
    ----------
    entry
        A table such as {"do": "block", "target": "mif", "efficacy": 0.95, "from": "0 day", "to": "21 day"}.
    where
        "file: key path" of the entry, for the message.

    Raises
    ------
    InputError
        An unknown verb, key or name, a missing key, a wrong type or dimension, a value out of range.
    """
    made: Intervention = read(Entry, entry, where)
    return made


def entry_of(intervention: Intervention) -> dict[str, Any]:
    """An intervention as an entry of a protocol, with units as text; `read_intervention` gives it back exactly."""
    entry = {"do": intervention.verb, **written(type(intervention), intervention)}
    if isinstance(intervention, Deplete) and intervention.start == intervention.end:
        entry["at"] = entry.pop("from")
        del entry["to"]
    times = entry.pop("times", {})
    return {**entry, **times}


def entry_text(intervention: Intervention) -> str:
    """An intervention as one line of TOML: `{ do = "block", target = "mif", ... }`."""
    parts = [f"{key} = {_inline(value)}" for key, value in entry_of(intervention).items()]
    return f"{{ {', '.join(parts)} }}"


def protocol_text(interventions: Iterable[Intervention]) -> str:
    """A protocol as one line of TOML, a list of entries: what `niche-sim run --protocol` takes."""
    return f"[{', '.join(entry_text(intervention) for intervention in interventions)}]"


def read_protocol(text: str, where: str) -> tuple[Intervention, ...]:
    """The interventions of a list of entries in TOML; what `protocol_text` wrote.

    Raises
    ------
    InputError
        It is no such list, or an entry is not as it must be; names `where`.
    """
    made: tuple[Intervention, ...] = read(Entries, _value(text, where, "[", _ONE_LIST), where)
    return made


def load_protocol(path: Path, where: str) -> tuple[Intervention, ...]:
    """The interventions of a TOML file that says `protocol = [...]`.

    Raises
    ------
    InputError
        It cannot be read, or is no such file; names `where` and the file.
    """
    place = f"{where} {path}"
    try:
        text = read_text(path)
    except InputError as error:
        raise InputError(place, error.found, error.allowed) from None
    file: ProtocolFile = read(ProtocolFile, read_toml(text, place), f"{place}:")
    return file.protocol


def read_entry(text: str, where: str) -> Intervention:
    """The intervention of one entry in TOML. Raises InputError as `read_protocol`."""
    return read_intervention(_value(text, where, "{", _ONE_TABLE), where)


def _value(text: str, where: str, opening: str, form: str) -> Any:
    """The one value of a piece of TOML."""
    if not text.lstrip().startswith(opening):
        raise InputError(where, f"'{shortened(one_line(text), 60)}'", f"{form} is needed")
    found = read_toml(f"value = {text.strip()}", where)
    if list(found) != ["value"]:
        raise InputError(where, f"'{list(found)[1]}' after it", f"{form} and nothing else")
    return found["value"]


def _inline(value: Any) -> str:
    """A value on one line; a list of its own accord takes many."""
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    return tomli_w.dumps({"x": value}).removeprefix("x = ").removesuffix("\n")
