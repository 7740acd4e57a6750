"""The numbers of a run as sliders and fields, stage by stage, with their sources; a group is made when it is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import solara

from niche_sim.dashboard import limits
from niche_sim.dashboard.elements import Block, Choice, Entry, Foldout, Look, Press, Tick, Words, heard
from niche_sim.dashboard.intervention_text import plain_unit
from niche_sim.dashboard.parameter_controls import (
    RUN,
    SCHEDULES_EXPLAINED,
    Dial,
    chapters,
    dials,
    in_unit,
    own_schedule,
    sentence,
    turned,
)
from niche_sim.engine.errors import InputError
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.setup import SCHEDULE
from niche_sim.figures.labels import plain_words
from niche_sim.model.parameters import rows
from niche_sim.model.parameters.groups import Chapter
from niche_sim.model.parameters.slider_ticks import nearest
from niche_sim.model.schedule import SCHEDULES

_OPENED_BY_SEARCH = 60  # so many hits are shown at once; more are folded, by stage, with their number

# What was refused: name of a number -> what was written, and the sentence about it.
Refused = Mapping[str, tuple[str, str]]


@solara.component
def Numbers(
    experiment: Scenario,
    values: Mapping[str, str],
    on_values: Callable[[dict[str, str]], None],
    disabled: bool = False,
) -> None:
    """Every number that decides a run, to be changed.

    experiment: the scenario without overrides; values: the overrides as text with units, by name, as `Simulation` takes
    them; on_values gets all of them after a change that is possible. What is not possible is said under its field.
    """
    words, set_words = solara.use_state("")
    everything, set_everything = solara.use_state(False)
    opened, set_opened = solara.use_state(dict[str, bool]())
    refused, set_refused = solara.use_state(dict[str, tuple[str, str]]())
    table = solara.use_memo(lambda: dials(experiment), [experiment])
    solara.use_effect(lambda: set_refused({}), [experiment])

    def turn(name: str, text: str) -> None:
        try:
            after = turned(experiment, table, values, name, text)
        except InputError as error:
            set_refused({**refused, name: (text, sentence(error, name))})
            return
        set_refused({other: pair for other, pair in refused.items() if other != name})
        if after != dict(values):
            on_values(after)

    def reset(name: str) -> None:
        turn(name, table[name].standard if name in table else own_schedule(experiment))

    def reset_all() -> None:
        set_refused({})
        on_values({})

    def search(text: str) -> None:
        set_words(text)
        set_opened({})

    hits = {name: dial for name, dial in table.items() if dial.says(words)}
    shown = []
    for chapter in chapters(experiment, everything):
        names = [name for group in chapter.groups for name in hits if name.partition(".")[0] == group]
        if names or (chapter is RUN and not words):
            shown.append((chapter, names))
    unfolded = bool(words) and sum(len(names) for _, names in shown) <= _OPENED_BY_SEARCH

    Look()
    with Block():
        Entry("Find a parameter", words, search, example="name, note or unit", kind="search", live=True)
        with Block(style="ns-row"):
            Tick(f"Show all {len(table)} numbers", everything, set_everything)
            Words(
                f"{len(rows())} of the register, as `niche-sim parameters` lists them, and {len(table) - len(rows())} of the "
                "section and the run.",
                style="ns-help",
            )
            if values:
                Press(f"Reset all to default ({len(values)})", reset_all, disabled=disabled)
        if not shown:
            Words("No match. Try a word of the name, the note or the unit.", style="ns-help")
        with Block(style="ns-folds"):
            for chapter, names in shown:
                changed = [name for name in values if name.partition(".")[0] in chapter.groups]
                if chapter is RUN and SCHEDULE in values:
                    changed.append(SCHEDULE)
                badge = f"{len(changed)} changed" if changed else f"{len(names)} number{'s' if len(names) != 1 else ''}"

                def open_or_close(open: bool, key: str = chapter.key) -> None:
                    set_opened({**opened, key: open})

                is_open = opened.get(chapter.key, unfolded)
                with Foldout(chapter.title, open=is_open, on_open=open_or_close, badge=badge).key(chapter.key):
                    if chapter is RUN and not words:
                        _Schedule(experiment, values, lambda name: turn(SCHEDULE, name), disabled)
                    _Chapter(chapter, [table[name] for name in names], values, refused, turn, reset, disabled)


@solara.component
def _Chapter(
    chapter: Chapter,
    numbers: Sequence[Dial],
    values: Mapping[str, str],
    refused: Refused,
    turn: Callable[[str, str], None],
    reset: Callable[[str], None],
    disabled: bool,
) -> None:
    """The numbers of one chapter, group by group."""
    for group in chapter.groups:
        members = [dial for dial in numbers if dial.name.partition(".")[0] == group]
        if members:
            with Block(style="ns-group").key(group):
                if len(chapter.groups) > 1:
                    Words(members[0].group, style="ns-group-words", tag="h4")
                _Group(members, values, refused, turn, reset, disabled)


@solara.component
def _Group(
    numbers: Sequence[Dial],
    values: Mapping[str, str],
    refused: Refused,
    turn: Callable[[str, str], None],
    reset: Callable[[str], None],
    disabled: bool,
) -> None:
    """The numbers of one group of the register."""
    names = [dial.name for dial in numbers]
    places = solara.use_memo(
        lambda: {dial.name: dial.places for dial in numbers}, [names, [d.standard for d in numbers]]
    )
    by_name = {dial.name: dial for dial in numbers}

    def read(pair: Any) -> tuple[str, Any]:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise InputError("numbers", limits.shown(pair), "a name and a value")
        return limits.names([pair[0]], by_name, "numbers")[0], pair[1]

    def stop(place: tuple[str, Any]) -> None:
        name, index = place
        turn(name, by_name[name].text(places[name][int(limits.number(index, name, 0, len(places[name]) - 1))]))

    def write(pair: tuple[str, Any]) -> None:
        turn(pair[0], limits.text(pair[1], pair[0]))

    _numbers(
        rows=[row_of(dial, places[dial.name]) for dial in numbers],
        states={dial.name: state_of(dial, places[dial.name], values, refused) for dial in numbers},
        disabled=disabled,
        event_stop=heard(stop, read),
        event_write=heard(write, read),
        event_reset=heard(reset, lambda name: limits.names([name], by_name, "numbers")[0]),
    )


def row_of(dial: Dial, places: Sequence[float]) -> dict[str, Any]:
    """What does not change about a number while it is shown."""
    return {
        "name": dial.name,
        "label": dial.label,
        "stops": [plain_unit(dial.text(place)) for place in places],
        "about": [list(line) for line in dial.about()],
        "note": dial.note,
        "standard": plain_unit(dial.standard),
    }


def state_of(dial: Dial, places: tuple[float, ...], values: Mapping[str, str], refused: Refused) -> dict[str, Any]:
    """Where a number stands: its text, the stop nearest to it, and what is to be said about it."""
    text = values.get(dial.name, dial.standard)
    value = in_unit(dial, text)
    written, error = refused.get(dial.name, ("", ""))
    remarks = ["Set by this scenario"] if dial.of_scenario and dial.name not in values else []
    if not dial.low <= value <= dial.high:
        remarks.append(f"Outside its range, {dial.range}; taken as given")
    return {
        "text": plain_unit(text),
        "place": nearest(value, places),
        "changed": dial.name in values,
        "written": written,
        "error": error,
        "remark": ". ".join(remarks),
    }


@solara.component
def _Schedule(experiment: Scenario, values: Mapping[str, str], choose: Callable[[str], None], disabled: bool) -> None:
    """Which rules act, by the name of a schedule."""
    given = own_schedule(experiment)
    names = {name: f"{plain_words(name).replace('_', ' ')}: {SCHEDULES_EXPLAINED[name]}" for name in SCHEDULES}
    own = {} if given else {"": f"the scenario's own list of {len(experiment.schedule)} rules"}
    Choice("Rules", {**own, **names}, values.get(SCHEDULE, given), choose, disabled=disabled)


@solara.component_vue("front/numbers.vue", vuetify=False)
def _numbers(
    rows: list[dict[str, Any]],
    states: dict[str, dict[str, Any]],
    disabled: bool,
    event_stop: Callable[[Sequence[Any]], None],
    event_write: Callable[[Sequence[str]], None],
    event_reset: Callable[[str], None],
) -> None: ...
