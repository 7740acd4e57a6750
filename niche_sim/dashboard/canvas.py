"""The tissue view as a widget: pictures go to the browser as bytes, clicks come back; callable from any thread."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anywidget
import traitlets

from niche_sim.dashboard import limits
from niche_sim.engine.errors import InputError
from niche_sim.exports.front_code import drawing_style, widget_module

MOST_PANELS = 3  # the run, what it is compared with, their difference
FARTHEST = 1e6  # um; a click is nearer


class TissueCanvas(anywidget.AnyWidget):
    """The section on the page: panels that share zoom and layers.

    static: what `frames.static_of` says. dark: the theme of the page. fill: whether panels
    fill the room that the page gives them. shown_fields: which fields the visitor wants to see,
    changed by the browser; observe it. The callbacks may be set at any time; each is called in the thread in which the
    message arrives: on_drawn(seq) when a picture is on the screen, on_pick(place) after a click, with `panel`, `y_um`,
    `x_um`, `reach_um` and `unique_id` (None for a site), on_hello() when a browser shows the widget, anew or again: it
    has been given the last picture by then; on_hidden(hidden) when its page lies behind another, or is seen again. A message
    that no browser sends is refused by InputError, with `on_refused` if that is set.
    """

    _esm = widget_module("widget.js")
    _css = drawing_style()

    static = traitlets.Dict().tag(sync=True)
    dark = traitlets.Bool(False).tag(sync=True)
    fill = traitlets.Bool(False).tag(sync=True)
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
        self._seq = self._drawn = 0
        super().__init__(*args, **kwargs)
        self.on_msg(self._hear)

    def show(self, header: Mapping[str, Any], buffers: Sequence[bytes]) -> int:
        """Send a picture: `panels` of the header are headers of `frames.pack`, buffers theirs one after the other.

        Returns its number, with which `on_drawn` will be called. It is kept for browsers that come later. To one that has drawn
        the picture before goes only what is not as it was there.
        """
        before, known = self._last, self._drawn == self._seq
        self._seq += 1
        self._last = ({"type": "frame", "seq": self._seq, "header": dict(header)}, list(buffers))
        if known and before is not None and len(before[1]) == len(buffers):
            copies, rest = what_is_new(before, self._last)
            if copies:
                same = {"base": self._seq - 1, "sizes": [len(one) for one in buffers], "copies": copies}
                self.send({**self._last[0], "same": same}, [rest])
                return self._seq
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
        if kind == "drawn":
            self._drawn = int(limits.number(message.get("seq"), "drawn", 0.0))
            if self.on_drawn is not None:
                self.on_drawn(self._drawn)
        elif kind == "pick" and self.on_pick is not None:
            self.on_pick(_place(message))
        elif kind == "hidden" and self.on_hidden is not None:
            self.on_hidden(message.get("hidden") is True)
        elif kind == "hello":
            self._drawn = 0
            if self._last is not None:
                self.send(*self._last)
            if self.on_hello is not None:
                self.on_hello()


Frame = tuple[dict[str, Any], list[bytes]]


def what_is_new(old: Frame, new: Frame) -> tuple[list[list[int]], bytes]:
    """How to make the buffers of a frame from those of another with as many.

    Returns (buffer, where to, where from, how many bytes) of all that is copied, in order, and the bytes that lie between,
    one after the other.
    """
    copies: list[list[int]] = []
    rest: list[bytes] = []
    for number, (before, now) in enumerate(zip(_parts(*old), _parts(*new), strict=True)):
        there = here = 0
        for k in range(max(len(before), len(now))):
            was, part = before[k] if k < len(before) else b"", now[k] if k < len(now) else b""
            if part and part == was:
                last = copies[-1] if copies else [-1, 0, 0, 0]
                if last[0] == number and last[1] + last[3] == here and last[2] + last[3] == there:
                    last[3] += len(part)
                else:
                    copies.append([number, here, there, len(part)])
            else:
                rest.append(part)
            there, here = there + len(was), here + len(part)
    return copies, b"".join(rest)


def _parts(message: Mapping[str, Any], buffers: Sequence[bytes]) -> list[list[bytes]]:
    """Each buffer in parts that change or do not: a field is one, of cells each kind is one."""
    sizes: list[list[int]] = []
    for panel in message["header"]["panels"]:
        sizes += [[math.prod(field["shape"])] for field in panel["fields"]]
        sizes += [[size * count for count in panel["counts"]] for size in (2, 2, 4) if panel["counts"]]
    found = []
    for number, buffer in enumerate(buffers):
        ends = [0, *itertools.accumulate(sizes[number] if number < len(sizes) else [])]
        whole = ends[-1] == len(buffer)
        found.append([buffer[a:b] for a, b in itertools.pairwise(ends)] if whole else [buffer])
    return found


def _place(message: Mapping[str, Any]) -> dict[str, Any]:
    """What was clicked on. Raises InputError."""
    cell = message.get("unique_id")
    return {
        "panel": int(limits.number(message.get("panel"), "panel", 0.0, MOST_PANELS - 1)),
        **{name: limits.number(message.get(name), name, 0.0, FARTHEST) for name in ("y_um", "x_um", "reach_um")},
        "unique_id": None if cell is None else int(limits.number(cell, "unique_id", 0.0, 2.0**53)),
    }
