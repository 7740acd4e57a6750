"""Files that the server makes when asked: a button with progress and cancel, as an anywidget."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import anywidget
import solara
import traitlets

from niche_sim.dashboard.presence import of_this_page
from niche_sim.engine.errors import InputError
from niche_sim.exports.front_code import widget_module

log = logging.getLogger(__name__)


class File(NamedTuple):
    """A file to hand over: its name, its MIME type and its bytes."""

    name: str
    mime: str
    content: bytes


class Cancelled(Exception):
    """The visitor gave the making of a file up."""


class Making:
    """What a maker is given, to tell how far it is and to hear whether it is still wanted."""

    def __init__(self, widget: _DownloadWidget) -> None:
        self._widget, self._presence = widget, of_this_page()
        self.given_up = threading.Event()

    def stopped(self) -> bool:
        """Whether the visitor has given it up, or is gone."""
        return self.given_up.is_set() or self._presence.gone()

    def watch(self, done: int, total: int) -> None:
        """Show how far it is. Raises Cancelled if it is no longer wanted."""
        if self.stopped():
            raise Cancelled
        self._widget.share = done / total if total else -1.0
        self._widget.far = f"{100 * done // total} %" if total else ""


Maker = Callable[[Making], File]


class _DownloadWidget(anywidget.AnyWidget):
    _esm = widget_module("download.js")

    label = traitlets.Unicode("").tag(sync=True)
    state = traitlets.Unicode("idle").tag(sync=True)  # or busy
    share = traitlets.Float(-1.0).tag(sync=True)  # of the work done, -1 while it cannot be told
    far = traitlets.Unicode("").tag(sync=True)
    why = traitlets.Unicode("").tag(sync=True)  # the last one failed: a sentence
    disabled = traitlets.Bool(False).tag(sync=True)
    maker = traitlets.Any(None)

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._making: Making | None = None
        self.on_msg(self._heard)

    def _heard(self, _: Any, message: dict[str, Any], __: list[bytes]) -> None:
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "want" and self.state == "idle":
            self.state, self.why, self.share, self.far = "busy", "", -1.0, ""
            self._making = Making(self)
            threading.Thread(target=self._make, args=(self.maker, self._making), name="download", daemon=True).start()
        elif kind == "cancel" and self._making is not None:
            self._making.given_up.set()

    def _make(self, maker: Maker, making: Making) -> None:
        try:
            file = maker(making)
            if not making.stopped():
                self.send({"type": "file", "name": file.name, "mime": file.mime}, [file.content])
        except Cancelled:
            self.why = ""
        except InputError as error:
            self.why = str(error)
        except Exception as error:
            log.exception("a file could not be made")
            self.why = f"This file could not be made ({type(error).__name__}: {error})."
        finally:
            self.state = "idle"

    def close(self) -> None:
        if self._making is not None:
            self._making.given_up.set()
        super().close()


def Download(label: str, maker: Maker, *, disabled: bool = False) -> solara.Element:
    """A button that makes a file in a thread and hands it to the browser."""
    return _DownloadWidget.element(label=label, maker=maker, disabled=disabled)
