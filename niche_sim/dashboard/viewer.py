"""The viewer as a widget: tissue, time and stages in one picture, tied to the session of a visitor."""

from __future__ import annotations

from typing import Any

from niche_sim.dashboard.canvas import TissueCanvas
from niche_sim.dashboard.session import FIELDS, Session
from niche_sim.engine.errors import InputError


class Viewer(TissueCanvas):
    """The tissue, and below it Play, Pause, Step, Reset, the clock and the time line.

    Which fields are shown is the browser's to say, from those that a session shows at first: whoever makes the element of the page
    must leave it alone, or each renewal of the page would bring the first ones back.

    What the visitor does goes to the session; the session's pictures come by `show`, its answers by `show_card`.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._session: Session | None = None
        super().__init__(*arguments, **{"shown_fields": list(FIELDS), "fill": True, **named})
        self.observe(self._fields_changed, "shown_fields")

    def attend(self, session: Session) -> None:
        """Let a session act on what the visitor does, and show its run from now on."""
        self._session = session
        self.on_drawn = lambda _: session.drawn()
        self.on_pick = lambda place: session.pick(**place)
        self.on_hello = session.again
        self.on_hidden = session.hide
        self.on_refused = lambda error: session.say(f"{error}")
        self._fields_changed(None)
        session.again()

    def _fields_changed(self, _: Any) -> None:
        if self._session is not None:
            try:
                self._session.show_fields(tuple(self.shown_fields))
            except InputError as error:
                self._session.say(f"{error}")

    def _receive(self, message: dict[str, Any]) -> None:
        super()._receive(message)
        session = self._session
        if session is None:
            return
        kind = message.get("type")
        hours: Any = message.get("hours")  # the session refuses what is no number
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
        elif kind == "plane":
            session.plane(message.get("depth_um"))  # type: ignore[arg-type]  # as hours above
        elif kind == "scale":
            session.scale(message.get("mode"))
        elif kind == "speed":
            session.speed(hours)
