"""The viewer as a widget: tissue, time and stages in one picture, tied to the session of a visitor."""

from __future__ import annotations

from typing import Any

from niche_sim.dashboard.canvas import TissueCanvas
from niche_sim.dashboard.drawing import drawing_code, drawing_style
from niche_sim.dashboard.session import Session


class Viewer(TissueCanvas):
    """The tissue with Play, Pause, Step, Reset, the clock and the scrubber above it, and the stage strip below.

    What the visitor does goes to the session; the session's pictures come by `show`, its answers by `show_card`.
    """

    _esm = drawing_code("transport.js", "strip.js", "viewer.js", "viewer_widget.js")
    _css = drawing_style("viewer.css")

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._session: Session | None = None
        super().__init__(*arguments, **named)
        self.observe(self._fields_changed, "shown_fields")

    def attend(self, session: Session) -> None:
        """Let a session act on what the visitor does, and show its run from now on."""
        self._session = session
        self.on_drawn = lambda _: session.drawn()
        self.on_pick = lambda place: session.pick(**place)
        self.on_hello = session.again
        session.show_fields(tuple(self.shown_fields))
        session.again()

    def _fields_changed(self, _: Any) -> None:
        if self._session is not None:
            self._session.show_fields(tuple(self.shown_fields))

    def _receive(self, widget: Any, message: dict[str, Any], buffers: Any) -> None:
        super()._receive(widget, message, buffers)
        session = self._session
        if session is None:
            return
        kind, hours = message.get("type"), float(message.get("hours", 0.0))
        if kind == "play":
            session.play()
        elif kind == "pause":
            session.pause()
        elif kind == "step":
            session.step(hours)
        elif kind == "reset":
            session.reset()
        elif kind == "seek":
            session.seek(hours)
        elif kind == "speed":
            session.speed(hours)
