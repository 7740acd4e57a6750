"""Whether anybody is still there to see what is computed for a page."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from solara.server import kernel_context

from niche_sim.dashboard import limits


class Presence:
    """A page and its connection. connected: whether there is one now; patience: s without one, after which nobody waits."""

    def __init__(
        self, connected: Callable[[], bool] = lambda: True, visitor: str = "", patience: float = limits.GONE
    ) -> None:
        self.visitor = visitor  # the browser, whatever number of pages it shows
        self._connected, self._patience = connected, patience
        self._lock = threading.Lock()
        self._apart: float | None = None  # since when

    def gone(self) -> bool:
        """Whether the page has been without a connection for too long. Whoever works for it asks again and again."""
        with self._lock:
            if self._connected():
                self._apart = None
                return False
            now = monotonic()
            self._apart = now if self._apart is None else self._apart
            return now - self._apart >= self._patience


def of_this_page() -> Presence:
    """The page that is being made, to be asked for while it is made."""
    if not kernel_context.has_current_context():
        return Presence()
    context = kernel_context.get_current_context()
    return Presence(
        lambda: kernel_context.PageStatus.CONNECTED in tuple(context.page_status.values()), context.session_id
    )
