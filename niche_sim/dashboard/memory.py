"""Memory that a visitor took goes back to the system when the visitor has left."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
import threading

AFTER = 5.0  # s; Solara closes a page and collects what it left within two
_lock = threading.Lock()
_planned: threading.Timer | None = None


def give_back_soon() -> None:
    """Collect what nobody refers to and hand free pages to the system, a little later and once for many who leave at a time."""
    global _planned
    with _lock:
        if _planned is not None:
            return
        _planned = threading.Timer(AFTER, _give_back)
        _planned.daemon = True
        _planned.current_context = None  # type: ignore[attr-defined]  # Solara's threads would keep the page that is closed
        _planned.start()


def _give_back() -> None:
    global _planned
    with _lock:
        _planned = None
    gc.collect()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library than glibc has no such function
            ctypes.CDLL(None).malloc_trim(0)
