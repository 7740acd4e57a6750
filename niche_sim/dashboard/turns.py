"""Turns: no more than so many threads at once, and who came first goes first."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ASK_AGAIN = 0.2  # s between two questions whether the turn is still wanted


class Turns:
    """Who waits is served in the order of asking. A plain lock is given to whoever happens to run, and leaves others behind."""

    def __init__(self, places: int) -> None:
        self._lock = threading.Lock()
        self._free = places
        self._waiting: deque[threading.Event] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @contextmanager
    def turn(self, given_up: Callable[[], bool] | None = None) -> Iterator[bool]:
        """Wait for a place and hold it. False: it was given up before, which is asked several times a second."""
        got = self._take(given_up)
        try:
            yield got
        finally:
            if got:
                self._leave()

    def _take(self, given_up: Callable[[], bool] | None) -> bool:
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            called = threading.Event()
            self._waiting.append(called)
        while not called.wait(None if given_up is None else ASK_AGAIN):
            if given_up is not None and given_up():
                with self._lock:
                    if not called.is_set():
                        self._waiting.remove(called)
                        return False
        return True

    def _leave(self) -> None:
        """The place goes to the next, without a moment in which somebody else could take it."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1
