"""Where a run is written: chosen and tried before anything is simulated, and never over another run."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path

from niche_sim.cli.usage import CommandError, say
from niche_sim.errors import InputError

RUNS = Path("runs")
CHECKPOINT = "checkpoint.npz"
WRITTEN = (
    "record.parquet",
    "events.parquet",
    "snapshots.npz",
    "summary.json",
    "provenance.json",
    "section.png",
    "timeline.png",
)


def claim(given: Path | None, name: str) -> Path:
    """A folder, made and tried, for one run: the given one, or else runs/<name>, runs/<name>-2 ...

    Raises InputError if it holds a run, or cannot be written.
    """
    try:
        if given is None:
            folder = _fresh(name)
        else:
            folder = given
            refuse_a_run(folder, "-o")
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(RUNS if given is None else given, error) from None
    try_writing(folder)
    return folder


def try_writing(folder: Path, option: str = "-o") -> None:
    """Raises InputError if nothing can be written there."""
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise _unwritable(folder, error, option) from None


def folder_of_run(folder: Path, file: str, option: str, maker: str) -> Path:
    """`folder / file` if it is there. Raises InputError, naming the option."""
    if not (folder / file).is_file():
        raise InputError(f"{option} {folder}", f"no {file} in it", f"a folder that {maker} is needed")
    return folder / file


def refuse_a_run(folder: Path, option: str) -> None:
    """Raises InputError if the folder holds a run, finished or, unless it is to be resumed, interrupted."""
    held = [file for file in WRITTEN if (folder / file).exists()]
    if held:
        allowed = "an empty or a new folder is needed, since nothing is overwritten"
        raise InputError(f"{option} {folder}", f"holds a run already ({held[0]})", allowed)
    if option != "--resume" and (folder / CHECKPOINT).exists():
        allowed = f"`niche-sim run --resume {folder}` finishes it; another folder is needed for another run"
        raise InputError(f"{option} {folder}", f"holds an interrupted run ({CHECKPOINT})", allowed)


def keep(write: Callable[[Path], object], folder: Path, name: str) -> Path:
    """Write into the folder or, if that fails now, below runs/ here, or else below the folder for temporary files.

    Returns where it was written; says so if that is not the folder. Raises CommandError if nowhere can be written.
    """
    reason = _try(write, folder)
    if not reason:
        return folder
    for another in (_fresh, _temporary):
        with contextlib.suppress(OSError):
            other = another(name)
            if not _try(write, other):
                say(f"{folder}: {reason}; written to {other} instead")
                return other
            tidy(other)
    tried = f"{folder}, {RUNS} and {tempfile.gettempdir()}"
    raise CommandError(f"{folder}: {reason}; a folder that can be written is needed, and none of {tried} can")


def _try(write: Callable[[Path], object], folder: Path) -> str:
    """Write into the folder; if that fails, take away what was written and return why."""
    before = set(folder.glob("*"))
    try:
        write(folder)
        return ""
    except (OSError, InputError) as error:
        reason = error.found if isinstance(error, InputError) else (error.strerror or str(error)).lower()
    with contextlib.suppress(OSError):
        for part in set(folder.glob("*")) - before:
            part.unlink()
    return reason


def _fresh(name: str) -> Path:
    """Made here and now, so that two runs started at once never share one."""
    RUNS.mkdir(exist_ok=True)
    for number in itertools.count(1):
        folder = RUNS / (name if number == 1 else f"{name}-{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            break
    return folder


def _temporary(name: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=f"{name}-"))


def _unwritable(folder: Path, error: OSError, option: str = "-o") -> InputError:
    found = (error.strerror or str(error)).lower()
    return InputError(f"{option} {folder}", found, "a folder that can be written is needed")


def tidy(folder: Path) -> None:
    """Take the folder away again if nothing was written into it."""
    with contextlib.suppress(OSError):
        folder.rmdir()
