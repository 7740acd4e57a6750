"""Machine code of our loops: compiled once, then read from a folder that can be written, and never from a damaged file."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import multiprocessing
import os
import pickle
import stat
import tempfile
import threading
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

_preparing = threading.RLock()


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function with `numba.njit` when it is first called, and keep the machine code for later processes.

    Numba, which takes long to import, is imported then, too. It keeps the code beside the source or in the user's home.
    Where neither can be written, as in many containers, it goes to the folder for temporary files, which is said once;
    where nothing can be written, every process compiles anew.

    Parameters
    ----------
    options
        Those of `numba.njit`, but `cache`.
    """
    return lambda function: _Compiled(function, options)


class _Compiled:
    """A function that becomes one of Numba's when it is first called."""

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        functools.update_wrapper(self, function)
        self._function, self._options = function, options

    def __call__(self, *arguments: Any) -> Any:
        return self.made(*arguments)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.made, name)

    @functools.cached_property
    def made(self) -> Any:
        """Numba's function. Those that it calls are made first and take their places in the module, as Numba needs it."""
        with _preparing:
            names = self._function.__globals__
            for name in self._function.__code__.co_names:
                if isinstance(called := names.get(name), _Compiled):
                    names[name] = called.made
            return _with_numba(self._function, self._options)


def _with_numba(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    import numba

    settings: Any = numba.config
    try:
        made = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # Numba finds no folder
        folder = _temporary_folder()
        if folder is None:
            return numba.njit(**options)(function)
        before, settings.CACHE_DIR = settings.CACHE_DIR, str(folder)
        try:
            made = numba.njit(cache=True, **options)(function)
        finally:
            settings.CACHE_DIR = before
    if not settings.DISABLE_JIT:
        made._cache._cache_file = _CheckedFile(made._cache._cache_file)
    return made


class _CheckedFile:
    """A function's file of machine code, each entry with a digest: what is damaged is as good as not there."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def load(self, key: Any) -> Any:
        try:
            found = self.file.load(key)
            if found is None:
                return None
            digest, content = found
            if digest == _digest(key, content):
                return pickle.loads(content)
        except Exception:  # unpickling damaged bytes can raise anything
            pass
        self.flush()
        return None

    def save(self, key: Any, data: Any) -> None:
        from numba.core.serialize import dumps

        content = dumps(data)  # type: ignore[no-untyped-call]
        # A full disk, a folder that is gone: the code is there, it is only not kept.
        with contextlib.suppress(Exception):
            self.file.save(key, (_digest(key, content), content))

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self.file.flush()


def _digest(key: Any, content: bytes) -> bytes:
    return hashlib.sha256(repr(key).encode() + content).digest()


@cache
def _temporary_folder() -> Path | None:
    """A folder of this user's own among the temporary files, made if need be; None if there can be none."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder: Path | None
    try:
        folder = Path(tempfile.gettempdir()) / f"niche_sim-{user}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        # Whoever can write there can make us run anything.
        if not stat.S_ISDIR(found.st_mode) or user not in ("user", found.st_uid) or found.st_mode & 0o022:
            folder = None
        else:
            tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        folder = None
    if multiprocessing.parent_process() is None:
        kept = "nowhere, so every start compiles for some seconds" if folder is None else f"in {folder}"
        warnings.warn(
            f"neither niche_sim's folder nor the home folder can be written: compiled code is kept {kept}; the variable "
            "NUMBA_CACHE_DIR can name another folder",
            stacklevel=2,
        )
    return folder
