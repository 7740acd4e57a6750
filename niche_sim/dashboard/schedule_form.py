"""The form of one intervention as plain data: its fields, and the way from what was written in them to the intervention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from niche_sim.dashboard.intervention_text import names_of, plain_unit, refusal
from niche_sim.engine.errors import InputError
from niche_sim.engine.units import from_model
from niche_sim.experiment.protocol import (
    GROWTH_LAWS,
    Intervention,
    check_in_time,
    entry_of,
    make_protocol,
    read_intervention,
)

# What was written in a form: key of a field -> text. "do" is the verb, "when" the sort of its times.
Draft = Mapping[str, str]

_HERE = "form"
_TARGETS = {
    "block": ("target", "What to block"),
    "inject_exosomes": ("source", "Exosomes of"),
    "inject_tumour_cells": ("line", "Line"),
    "grow_primary": ("line", "Line"),
    "deplete": ("population", "Which cells"),
    "boost": ("target", "What to boost"),
    "treat": ("drug", "Drug"),
}
_FIRST_NAMES = {"block": "mif", "inject_exosomes": "pdac", "inject_tumour_cells": "pan02", "grow_primary": "pan02"}
_PERCENT = ("efficacy", "fraction")
_NUMBERS = ("cells", "capacity", "count", "factor", "dose")
_A_DAY = "a number of days such as 12, or hours such as 36 h, is needed"
_DAYS = ("at", "from", "to", "every", "doubling")
_WINDOW = ("from", "to")
_SERIES = ("every", "from", "to")
_TIMINGS = {
    "inject_exosomes": {"once": "Once", "series": "Again and again"},
    "treat": {"once": "Once", "series": "Again and again"},
    "deplete": {"once": "Once", "window": "For a time"},
}
_DATES = {"dates": "At dates of its own"}  # offered only for a series that has them already


@dataclass(frozen=True)
class Field:
    """One field: `options` makes it a list to choose from."""

    key: str
    label: str
    help: str = ""
    options: Mapping[str, str | Mapping[str, str]] | None = None
    wide: bool = False


class Mistake(Exception):
    """A form that cannot be used: the key of the field ("" for the whole) and the sentence about it."""

    def __init__(self, key: str, sentence: str) -> None:
        self.key, self.sentence = key, sentence
        super().__init__(sentence)


def new_draft(verb: str, now: float, end: float) -> dict[str, str]:
    """A form to begin with, from `now` to the `end` of the run (both h)."""
    start, stop = _days(now), _days(end)
    draft = {"do": verb, "at": start, "from": start, "to": stop}
    if verb in _TARGETS:
        key = _TARGETS[verb][0]
        draft[key] = _FIRST_NAMES.get(verb) or next(iter(_flat(names_of(verb))))
    draft |= {
        "block": {"efficacy": "95"},
        "inject_exosomes": {"amount": "5 µg", "when": "series", "every": "2"},
        "inject_tumour_cells": {"count": "500000"},
        "grow_primary": {"cells": "1000000", "doubling": "3", "law": "exponential", "sheds_cells": "no"},
        "resect_primary": {},
        "deplete": {"fraction": "90", "when": "window"},
        "boost": {"factor": "3"},
        "treat": {"dose": "1", "when": "once", "every": "3"},
    }[verb]
    return draft


def draft_of(intervention: Intervention, end: float) -> dict[str, str]:
    """The form filled with an intervention of a run until `end` (h)."""
    entry = entry_of(intervention)
    draft = new_draft(intervention.verb, min(intervention.starts), end)
    draft |= {key: _written(key, value) for key, value in entry.items()}
    if intervention.verb in _TIMINGS:
        timing = "dates" if isinstance(entry.get("at"), list) else "once"
        draft["when"] = timing if "at" in entry else next(t for t in _TIMINGS[intervention.verb] if t != "once")
    return draft


def rewritten(draft: Draft, key: str, text: str, now: float, end: float) -> dict[str, str]:
    """The form after one field was written; another verb begins anew, and a first date is kept of several."""
    if key == "do":
        return new_draft(text, now, end)
    first = {"at": draft["at"].partition(",")[0]} if key == "when" else {}
    return {**draft, **first, key: text}


def fields(draft: Draft) -> list[Field]:
    """The fields that this form has, in their order."""
    verb = draft["do"]
    found = []
    if verb in _TARGETS:
        key, label = _TARGETS[verb]
        found.append(Field(key, label, options=names_of(verb), wide=True))
    if verb == "block":
        found.append(Field("efficacy", "By how much, %", "100 blocks it wholly"))
    elif verb == "inject_exosomes":
        found.append(Field("amount", "Amount of each dose", "with its unit: 5 µg of protein, or 1e9 vesicle"))
    elif verb == "inject_tumour_cells":
        found.append(Field("count", "Number of cells"))
    elif verb == "grow_primary":
        found += [
            Field("cells", "Cells at first"),
            Field("doubling", "Doubles in, days"),
            Field("law", "Growth", options={law: _LAWS[law] for law in GROWTH_LAWS}),
            *([Field("capacity", "Cells at most")] if draft["law"] == "gompertz" else []),
            Field("sheds_cells", "Sheds tumour cells, too", options={"no": "No: exosomes alone", "yes": "Yes"}),
        ]
    elif verb == "deplete":
        found.append(Field("fraction", "By how much, %", "100 takes all of them"))
    elif verb == "boost":
        found.append(Field("factor", "Times normal", "1 is normal, 100 the most"))
    elif verb == "treat":
        found.append(Field("dose", "Dose", "1 is the usual dose"))
    if verb in _TIMINGS:
        own = _DATES if draft["when"] == "dates" else {}
        found.append(Field("when", "How often", options={**_TIMINGS[verb], **own}))
    labels = {
        "every": Field("every", "Every, days"),
        "from": Field("from", "From day", "a part of a day as 2.5, or hours as 36 h"),
        "to": Field("to", "To day", "the last dose lies before it" if "every" in _times(draft) else ""),
        "at": Field("at", "Days" if draft.get("when") == "dates" else "On day"),
    }
    return found + [labels[key] for key in _times(draft)]


def read_draft(draft: Draft, others: Sequence[Intervention], end: float) -> Intervention:
    """The intervention that the form says, beside the `others` of its protocol, in a run until `end` (h).

    Raises:
        Mistake: a field cannot be read, or the protocol cannot hold it.
    """
    try:
        intervention = read_intervention(_entry(draft), _HERE)
        check_in_time(intervention, f"{_HERE}.{_times(draft)[0]}", end)
        make_protocol([*others, intervention], _HERE)
    except InputError as error:
        raise _mistake(error, draft) from None
    return intervention


_LAWS = {"exponential": "Exponential: it never slows", "gompertz": "Gompertz: it slows towards a size"}


def _times(draft: Draft) -> tuple[str, ...]:
    """The keys of its times."""
    if draft["do"] in ("block", "boost"):
        return _WINDOW
    return {"series": _SERIES, "window": _WINDOW}.get(draft.get("when", ""), ("at",))


def _entry(draft: Draft) -> dict[str, Any]:
    """What was written as an entry of a protocol."""
    entry: dict[str, Any] = {"do": draft["do"]}
    for field in fields(draft):
        if field.key != "when":
            entry[field.key] = _read(field.key, draft.get(field.key, "").strip(), draft)
    return entry


def _read(key: str, text: str, draft: Draft) -> Any:
    if key == "sheds_cells":
        return text == "yes"
    if key == "at" and draft.get("when") == "dates":
        return [_time(part) for part in text.split(",")]
    if key in _DAYS:
        return _time(text)
    if key in _PERCENT:
        number = _number(text.removesuffix("%").strip())
        return number / 100.0 if isinstance(number, float) else text
    return _number(text.replace(",", "").replace(" ", "")) if key in _NUMBERS else text


def _time(text: str) -> str:
    """A bare number is days."""
    return f"{text} day" if isinstance(_number(text), float) else text.strip()


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _mistake(error: InputError, draft: Draft) -> Mistake:
    key = error.where.rpartition(".")[2]
    key = key if key in draft or key == "capacity" else ""
    found, allowed = error.found, error.allowed
    if key in _PERCENT:
        found, allowed = f"{draft[key].removesuffix('%').strip() or 'nothing'} % is not possible", "from 0 to 100 % is"
    elif found.endswith("is there twice"):
        found = "the schedule holds this already, at the same time"
    elif key and not draft.get(key, "").strip():
        found, allowed = "nothing is written", _A_DAY if key in _DAYS else allowed
    sentence = refusal(found, allowed)
    return Mistake(key, sentence[0].upper() + sentence[1:])


def _written(key: str, value: Any) -> str:
    """A value of an entry as it stands in a field."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_written(key, part) for part in value)
    if key in _PERCENT:
        return f"{100.0 * value:.15g}"
    text = f"{value:.17g}" if isinstance(value, float) and not value.is_integer() else str(value)
    return text.removesuffix(" day") if key in _DAYS else plain_unit(text)


def _days(time: float) -> str:
    return f"{from_model(time, 'day'):.10g}"


def _flat(names: Mapping[str, str | Mapping[str, str]]) -> list[str]:
    return [name for key, value in names.items() for name in ([key] if isinstance(value, str) else value)]
