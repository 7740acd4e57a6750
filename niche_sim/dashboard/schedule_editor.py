"""What is done to the mouse and when, as a list in plain words over a picture of its days, to be changed by a form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import solara

from niche_sim.dashboard.elements import Block, Choice, Entry, Look, Press, Words
from niche_sim.dashboard.intervention_text import VERBS_EXPLAINED, refusal, sentence_of
from niche_sim.dashboard.schedule_form import Draft, Mistake, draft_of, fields, new_draft, read_draft, rewritten
from niche_sim.engine.errors import InputError
from niche_sim.engine.units import from_model
from niche_sim.experiment.protocol import Block as Blockade
from niche_sim.experiment.protocol import Boost, Deplete, GrowPrimary, Intervention, Protocol
from niche_sim.experiment.scenario import Scenario
from niche_sim.figures.appearance import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, YELLOW

COLOURS = {
    "block": VERMILLION, "inject_exosomes": ORANGE, "inject_tumour_cells": BLUE, "grow_primary": PURPLE,
    "resect_primary": GREY, "deplete": SKY, "boost": GREEN, "treat": YELLOW,
}  # fmt: skip
DAY = 24.0  # h
_NEW = -1  # the place of an intervention that is not yet there
_DAYS_BETWEEN = (1, 2, 5, 7, 14, 28, 56)
_MOST_TICKS = 8


@solara.component
def ScheduleEditor(
    experiment: Scenario,
    interventions: Sequence[Intervention],
    now_h: float,
    on_change: Callable[[tuple[Intervention, ...]], None],
    disabled: bool = False,
) -> None:
    """The protocol of an arm, to be changed.

    experiment: gives the length of the run; now_h: the time of the clock, h, at which a new intervention begins unless
    told otherwise; on_change gets all interventions after a change that is possible, a new one last.
    """
    edited, set_edited = solara.use_state(cast(int | None, None))
    said, set_said = solara.use_state("")
    closed, set_closed = solara.use_state(0)
    end = experiment.duration
    now = round(2.0 * _percent(now_h, end)) / 2.0  # a line that moves by less is not seen to move

    def close(news: str) -> None:
        set_edited(None)
        set_said(news)
        set_closed(closed + 1)

    def save(place: int, intervention: Intervention) -> None:
        news = "Added" if place == _NEW else "Changed"
        changed = [*interventions, intervention]
        if place != _NEW:
            changed = [*interventions[:place], intervention, *interventions[place + 1 :]]
        close(f"{news}: {sentence_of(intervention)}.")
        on_change(tuple(changed))

    def remove(place: int) -> None:
        left = (*interventions[:place], *interventions[place + 1 :])
        try:
            Protocol(left)
        except InputError as error:
            set_said(f"It stays: {refusal(error.found, error.allowed)}")
            return
        close(f"Removed: {sentence_of(interventions[place])}.")
        on_change(left)

    def turn(place: int) -> None:
        set_said("")
        set_edited(None if edited == place else place)

    Look()
    with Block():
        if not interventions:
            Words("Nothing is done to this mouse.", style="ns-help")
        with Block(style="ns-plan", tag="ul"):
            for place, intervention in enumerate(interventions):
                words = sentence_of(intervention)
                with Block(style="ns-plan-item", tag="li").key(f"{place} {words}"):
                    Words(words, style="ns-plan-words", tag="span")
                    with Block(style="ns-plan-keys", tag="span"):
                        Press("Edit", partial(turn, place), name=f"Edit: {words}", look="quiet",
                              expanded=edited == place, disabled=disabled)  # fmt: skip
                        Press("Remove", partial(remove, place), name=f"Remove: {words}", look="quiet",
                              disabled=disabled)  # fmt: skip
                    _track(
                        spans=spans(intervention, end),
                        now=now,
                        colour=COLOURS[intervention.verb],
                        ticks=[],
                    )
                    if edited == place:
                        others = [other for number, other in enumerate(interventions) if number != place]
                        _Form(draft_of(intervention, end), others, now_h, end, "Save", partial(save, place),
                              lambda: close("")).key(f"form {place} {words}")  # fmt: skip
        with Block(style="ns-axis"):
            _track(spans=[], now=now, colour=GREY, ticks=ticks(end))
            Words(f"Days of the run; the line is now, day {int(now_h // DAY)}.", style="ns-help")
        with Block(style="ns-row"):
            Press("Add an intervention", lambda: turn(_NEW), expanded=edited == _NEW, disabled=disabled, focus=closed)
            Words(said, style="ns-help", tag="span", attributes={"role": "status"})
        if edited == _NEW:
            _Form(new_draft("block", now_h, end), interventions, now_h, end, "Add", partial(save, _NEW),
                  lambda: close("")).key("form new")  # fmt: skip


@solara.component
def _Form(
    first: Draft,
    others: Sequence[Intervention],
    now_h: float,
    end: float,
    label: str,
    save: Callable[[Intervention], None],
    cancel: Callable[[], None],
) -> None:
    """The form of one intervention, filled with `first`."""
    draft, set_draft = solara.use_state(dict(first))
    mistake, set_mistake = solara.use_state(("", ""))

    def write(key: str, text: str) -> None:
        set_draft(rewritten(draft, key, text, now_h, end))
        set_mistake(("", ""))

    def finish() -> None:
        try:
            intervention = read_draft(draft, others, end)
        except Mistake as found:
            set_mistake((found.key, found.sentence))
        else:
            save(intervention)

    verb = draft["do"]
    verbs = {name: title for name, (title, _) in VERBS_EXPLAINED.items()}
    place, sentence = mistake
    with Block(style="ns-panel", attributes={"role": "group", "aria-label": f"{label} an intervention"}):
        with Block(style="ns-grid"):
            with Block(style="ns-wide"):
                Choice("What to do", verbs, verb, lambda text: write("do", text), help=VERBS_EXPLAINED[verb][1])
            for field in fields(draft):
                error = sentence if place == field.key else ""

                def change(text: str, key: str = field.key) -> None:
                    write(key, text)

                with Block(style="ns-wide" if field.wide else "").key(f"{verb} {field.key}"):
                    value = draft.get(field.key, "")
                    if field.options is None:
                        Entry(field.label, value, change, error=error, help=field.help)
                    else:
                        Choice(field.label, field.options, value, change, error=error, help=field.help)
        if sentence and not place:
            Words(sentence, style="ns-error", attributes={"role": "alert"})
        with Block(style="ns-row"):
            Press(label, finish, look="main")
            Press("Cancel", cancel)


def spans(intervention: Intervention, end: float) -> list[list[float]]:
    """Where it acts, as [left, width] in per cent of a run until `end` (h); a width of 0 is a moment."""
    if isinstance(intervention, Blockade | Boost | Deplete | GrowPrimary):
        stop = end if isinstance(intervention, GrowPrimary) else min(intervention.end, end)
        left = _percent(intervention.starts[0], end)
        return [[left, round(max(_percent(stop, end) - left, 0.0), 3)]]
    return [[_percent(time, end), 0.0] for time in intervention.starts if time <= end]


def ticks(end: float) -> list[tuple[float, str]]:
    """Days worth naming below a run until `end` (h): place in per cent, and the day."""
    days = from_model(end, "day")
    between = next((step for step in _DAYS_BETWEEN if days / step <= _MOST_TICKS), _DAYS_BETWEEN[-1])
    return [(100.0 * day / days, str(day)) for day in range(0, int(days) + 1, between)]


def _percent(time: float, end: float) -> float:
    return round(min(100.0 * time / end, 100.0), 3)


@solara.component_vue("front/track.vue", vuetify=False)
def _track(spans: list[list[float]], now: float, colour: str, ticks: list[tuple[float, str]]) -> None: ...
