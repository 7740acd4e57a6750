"""Waiting for what happens in its own time. No test is about how fast a machine is."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

PATIENCE = 180.0  # s; whatever is waited for takes a few on an idle machine


def until(there: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Wait until something is true; a process, if there is one, must not end before."""
    deadline = time.monotonic() + PATIENCE
    while not there():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
