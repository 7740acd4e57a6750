"""Form elements of the dashboard: native ones, which a keyboard and a screen reader know, with one look, light and dark."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import ipyvue
import ipyvuetify
import solara

from niche_sim.dashboard import limits
from niche_sim.engine.errors import InputError

_FRONT = Path(__file__).parent / "front"

# Solara's page does not say its language, without which a screen reader guesses how to speak it.
_LOOK = """<template><span hidden></span></template>
<script>
module.exports = { created() { document.documentElement.lang = document.documentElement.lang || "en"; } };
</script>"""

# What was refused of that which came from the browser: a sentence, for the page to show.
refused = solara.reactive("")

# What a list offers: value -> text, or the heading of a part -> its values and texts.
Options = Mapping[str, str | Mapping[str, str]]


def heard(act: Callable[[Any], None], read: Callable[[Any], Any]) -> Callable[[Any], None]:
    """Let something be done with what came from the browser, once it has been read; what is refused is said on the page."""

    def take(value: Any) -> None:
        try:
            act(read(value))
        except InputError as error:
            refused.set(str(error))

    return take


def one_text(value: Any) -> str:
    """A text of a form. Raises InputError."""
    return limits.text(value, "form")


def Look() -> solara.Element:
    """The style of all elements, and the language of the page; needed once, and more often does no harm."""
    style = (_FRONT / "elements.css").read_text(encoding="utf-8")
    template = f'{_LOOK}\n<style id="niche-sim-elements">\n{style}\n</style>'
    return cast(solara.Element, ipyvue.VueTemplate.element(template=template))


def Block(
    children: Sequence[Any] = (),
    *,
    style: str = "ns-form",
    tag: str = "div",
    attributes: Mapping[str, str] | None = None,
) -> solara.Element:
    """A part of the page with a style of `elements.css`; children may also be given by `with Block(): ...`."""
    element = _html(tag).element(tag=tag, children=list(children), class_=style, attributes=dict(attributes or {}))
    return cast(solara.Element, element)


@cache
def _html(tag: str) -> Any:
    """The element of a tag as a class of its own: Solara makes a new one of it, where another of the same class would be
    changed in place, and the browser does not change the tag of what it shows."""
    return type(f"Html_{tag}", (ipyvuetify.Html,), {})


def Words(text: str, *, style: str = "", tag: str = "p", attributes: Mapping[str, str] | None = None) -> solara.Element:
    """A line of text."""
    return Block([text], style=style, tag=tag, attributes=attributes)


def Press(
    label: str,
    on_click: Callable[[], None],
    *,
    name: str = "",
    look: str = "plain",
    pressed: bool | None = None,
    expanded: bool | None = None,
    controls: str = "",
    badge: str = "",
    hint: str = "",
    focus: int = 0,
    disabled: bool = False,
) -> solara.Element:
    """A button.

    name: what a screen reader says in place of the label; it begins with the label. look: "plain", "main" (the one to
    press), "quiet" or "fold". pressed: whether a button that stays down is down. expanded, controls: whether the part of
    the page with the id `controls` is open. badge: a remark at its right end. hint: shown by the browser under the
    pointer. focus: the button takes the focus whenever this changes, as when a form closes that it opened.
    """
    return _press(
        label=label, name=name, look=look, pressed=pressed, expanded=expanded, controls=controls, badge=badge, hint=hint,
        focus=focus, disabled=disabled, event_press=heard(lambda _: on_click(), lambda _: None),
    )  # fmt: skip


def Choice(
    label: str,
    options: Options | Sequence[str],
    value: str,
    on_value: Callable[[str], None],
    *,
    help: str = "",
    error: str = "",
    disabled: bool = False,
) -> solara.Element:
    """One of several: a list that opens. A value of `options` that is itself a mapping is a part with a heading."""
    parts: list[dict[str, Any]] = []
    named: Options = options if isinstance(options, Mapping) else {option: option for option in options}
    for key, text in named.items():
        if isinstance(text, Mapping):
            parts.append({"label": key, "options": [list(pair) for pair in text.items()]})
        else:
            if not parts or parts[-1]["label"]:
                parts.append({"label": "", "options": []})
            parts[-1]["options"].append([key, text])
    return _choice(
        label=label, parts=parts, value=value, help=help, error=error, disabled=disabled, event_change=heard(on_value, one_text)
    )


def Entry(
    label: str,
    value: str,
    on_value: Callable[[str], None],
    *,
    error: str = "",
    help: str = "",
    example: str = "",
    kind: str = "text",
    live: bool = False,
    disabled: bool = False,
) -> solara.Element:
    """A line to write in. `on_value` gets the text when it is left or Enter is pressed; `live`: while it is written, too.

    What was written stays while `value` does not change, so that a mistake can be mended: `error` is the sentence about it.
    """
    return _entry(
        label=label, value=value, error=error, help=help, example=example, kind=kind, live=live, disabled=disabled,
        event_change=heard(on_value, one_text),
    )  # fmt: skip


def Tick(label: str, value: bool, on_value: Callable[[bool], None], *, disabled: bool = False) -> solara.Element:
    """Yes or no."""
    return _tick(label=label, value=value, disabled=disabled, event_change=lambda on: on_value(on is True))


def Slider(
    label: str,
    low: float,
    high: float,
    value: float,
    step: float,
    on_value: Callable[[float], None],
    text: str | Sequence[str] = "",
    *,
    on_move: Callable[[float], None] | None = None,
    disabled: bool = False,
) -> solara.Element:
    """A number from `low` to `high`. `on_value` gets it once the slider is let go or moved by a key.

    text: the value in words, shown and spoken, or one for each step from `low`; on_move: called on the way, at most
    12 times a second.
    """

    def read(given: Any) -> float:
        return limits.number(given, label, low, high)

    words: Any = text if isinstance(text, str) else list(text)
    return _slider(
        label=label, low=low, high=high, value=value, step=step, text=words, moves=on_move is not None, disabled=disabled,
        event_change=heard(on_value, read), event_on_the_way=None if on_move is None else heard(on_move, read),
    )  # fmt: skip


def Upload(label: str, on_file: Callable[[str, str], None]) -> solara.Element:
    """A text file of the visitor's own. `on_file` gets its name and its text."""
    return _upload(label=label, most=limits.UPLOAD, event_file=heard(lambda file: on_file(*file), _uploaded))


def _uploaded(file: Any) -> tuple[str, str]:
    """Name and text of a file as the browser sends it; `size` is that of one too large to be sent. Raises InputError."""
    given = file if isinstance(file, dict) else {}
    name = re.sub(r"[^\w.() -]", "_", limits.text(given.get("name"), "name of the file", 255))
    limits.at_most(limits.number(given.get("size", 0), name, 0.0), limits.UPLOAD, name, "bytes", "a smaller file")
    return name, limits.text(given.get("text"), name, limits.UPLOAD)


@solara.component
def Foldout(
    title: str,
    children: Sequence[Any] = (),
    open: bool | None = None,
    on_open: Callable[[bool], None] | None = None,
    badge: str = "",
    level: int = 3,
) -> None:
    """A part of the page under a heading that opens it; what is inside is made only while it is open.

    open, on_open: whether it is, and what to do when that is asked to change; None leaves it to the element, closed at
    first. badge: a remark at the right end of the heading. level: of the heading, 2 to 6.
    """
    own, set_own = solara.use_state(False)
    inside = f"ns-{solara.use_unique_key()}"
    shown = own if open is None else open

    def turn() -> None:
        set_own(not shown)
        if on_open is not None:
            on_open(not shown)

    with Block(style="ns-fold"):
        with Block(style="ns-fold-head", tag=f"h{level}"):
            Press(title, turn, look="fold", expanded=shown, controls=inside, badge=badge)
        if shown:
            Block(children, style="ns-fold-inside", attributes={"id": inside})


@solara.component_vue("front/press.vue", vuetify=False)
def _press(
    label: str,
    name: str,
    look: str,
    pressed: bool | None,
    expanded: bool | None,
    controls: str,
    badge: str,
    hint: str,
    focus: int,
    disabled: bool,
    event_press: Callable[[None], None],
) -> None: ...


@solara.component_vue("front/choice.vue", vuetify=False)
def _choice(
    label: str,
    parts: list[dict[str, Any]],
    value: str,
    help: str,
    error: str,
    disabled: bool,
    event_change: Callable[[str], None],
) -> None: ...


@solara.component_vue("front/entry.vue", vuetify=False)
def _entry(
    label: str,
    value: str,
    error: str,
    help: str,
    example: str,
    kind: str,
    live: bool,
    disabled: bool,
    event_change: Callable[[str], None],
) -> None: ...


@solara.component_vue("front/upload.vue", vuetify=False)
def _upload(label: str, most: int, event_file: Callable[[Any], None]) -> None: ...


@solara.component_vue("front/tick.vue", vuetify=False)
def _tick(label: str, value: bool, disabled: bool, event_change: Callable[[bool], None]) -> None: ...


@solara.component_vue("front/slider.vue", vuetify=False)
def _slider(
    label: str,
    low: float,
    high: float,
    value: float,
    step: float,
    text: str | list[str],
    moves: bool,
    disabled: bool,
    event_change: Callable[[float], None],
    event_on_the_way: Callable[[float], None] | None,
) -> None: ...
