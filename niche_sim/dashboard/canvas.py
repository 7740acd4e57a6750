"""The tissue view as a widget: pictures go to the browser as bytes, clicks come back; callable from any thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anywidget
import traitlets

from niche_sim.dashboard import limits
from niche_sim.dashboard.drawing import drawing_code, drawing_style
from niche_sim.errors import InputError

MOST_PANELS = 3  # the run, what it is compared with, their difference
FARTHEST = 1e6  # um; a click is nearer


class TissueCanvas(anywidget.AnyWidget):
    """The section on the page: panels that share zoom and layers.

    static: what `frames.static_of` says. dark: the theme of the page. shown_fields: which fields the visitor wants to see,
    changed by the browser; observe it. The callbacks may be set at any time; each is called in the thread in which the
    message arrives: on_drawn(seq) when a picture is on the screen, on_pick(place) after a click, with `panel`, `y_um`,
    `x_um`, `reach_um` and `unique_id` (None for a site), on_hello() when a browser shows the widget, anew or again: it
    has been given the last picture by then; on_hidden(hidden) when its page lies behind another, or is seen again. A message
    that no browser sends is refused by InputError, with `on_refused` if that is set.
    """

    _esm = drawing_code("widget.js")
    _css = drawing_style()

    static = traitlets.Dict().tag(sync=True)
    dark = traitlets.Bool(False).tag(sync=True)
    shown_fields = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(
        self,
        *args: Any,
        on_drawn: Callable[[int], None] | None = None,
        on_pick: Callable[[dict[str, Any]], None] | None = None,
        on_hello: Callable[[], None] | None = None,
        on_hidden: Callable[[bool], None] | None = None,
        on_refused: Callable[[InputError], None] | None = None,
        **kwargs: Any,
    ) -> None:
        self.on_drawn, self.on_pick, self.on_hello = on_drawn, on_pick, on_hello
        self.on_hidden, self.on_refused = on_hidden, on_refused
        self._last: tuple[dict[str, Any], list[bytes]] | None = None
        self._seq = 0
        super().__init__(*args, **kwargs)
        self.on_msg(self._hear)

    def show(self, header: Mapping[str, Any], buffers: Sequence[bytes]) -> int:
        """Send a picture: `panels` of the header are headers of `frames.pack`, buffers theirs one after the other.

        Returns its number, with which `on_drawn` will be called. It is kept for browsers that come later.
        """
        self._seq += 1
        self._last = ({"type": "frame", "seq": self._seq, "header": dict(header)}, list(buffers))
        self.send(*self._last)
        return self._seq

    def show_card(self, card: Mapping[str, Any]) -> None:
        """Show what `biography.at_point` has told."""
        self.send({"type": "picked", "card": dict(card)})

    def _hear(self, _: Any, message: Any, __: Any) -> None:
        try:
            if not isinstance(message, dict):
                raise InputError("message", limits.shown(message), "what a page of niche_sim sends")
            self._receive(message)
        except InputError as error:
            if self.on_refused is None:
                raise
            self.on_refused(error)

    def _receive(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind == "drawn" and self.on_drawn is not None:
            self.on_drawn(int(limits.number(message.get("seq"), "drawn", 0.0)))
        elif kind == "pick" and self.on_pick is not None:
            self.on_pick(_place(message))
        elif kind == "hidden" and self.on_hidden is not None:
            self.on_hidden(message.get("hidden") is True)
        elif kind == "hello":
            if self._last is not None:
                self.send(*self._last)
            if self.on_hello is not None:
                self.on_hello()


def _place(message: Mapping[str, Any]) -> dict[str, Any]:
    """What was clicked on. Raises InputError."""
    cell = message.get("unique_id")
    return {
        "panel": int(limits.number(message.get("panel"), "panel", 0.0, MOST_PANELS - 1)),
        **{name: limits.number(message.get(name), name, 0.0, FARTHEST) for name in ("y_um", "x_um", "reach_um")},
        "unique_id": None if cell is None else int(limits.number(cell, "unique_id", 0.0, 2.0**53)),
    }
