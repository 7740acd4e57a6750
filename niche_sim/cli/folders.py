"""Where a run is written: chosen and tried before anything is simulated, and never over another run."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from niche_sim.cli.usage import CommandError, say
from niche_sim.engine.errors import InputError

if TYPE_CHECKING:
    from filelock import BaseFileLock

RUNS = Path("runs")
CHECKPOINT = "checkpoint.npz"
CLAIM = ".claim"  # locked in a folder for as long as somebody writes to it
_claims: dict[Path, BaseFileLock] = {}
WRITTEN = (
    "record.parquet",
    "events.parquet",
    "snapshots.npz",
    "summary.json",
    "provenance.json",
    "section.png",
    "timeline.png",
    "receptivity.npz",
    "receptivity.png",
)


def claim(given: Path | None, name: str, result: str = "") -> Path:
    """A folder, made, tried and locked, for one run or one set of mice: the given one, or else runs/<name>, runs/<name>-2 ...

    Of a command that names the file it ends with (`result`), a default folder that has mice and not yet that file is
    taken again, so that the same command goes on where it was interrupted. `tidy` unlocks the folder. Raises InputError
    if it holds a run, is written to by another command, or cannot be written.
    """
    try:
        if given is None:
            unfinished = _unfinished(name, result) if result else None
            if unfinished is not None:
                return unfinished
            folder = _fresh(name)
        else:
            folder = given
            refuse_a_run(folder, "-o")
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(RUNS if given is None else given, error) from None
    try:
        hold(folder)
        refuse_a_run(folder, "-o")  # once more: nobody else can write to it now
    except BaseException:  # a signal, too
        tidy(folder)
        raise
    return folder


def hold(folder: Path, option: str = "-o") -> None:
    """Lock the folder against other commands until `tidy`; the lock of a process that dies is free at once.

    Raises InputError if another command writes to it, or nothing can be written there.
    """
    _claims[folder] = _locked(folder / CLAIM, option, folder)


@contextlib.contextmanager
def new_file(target: Path, option: str = "-o", replace: bool = False) -> Iterator[None]:
    """Within, no other command writes this file, which must not be there before unless it may be replaced.

    Raises InputError if it is there, another command writes it, or its folder cannot be written.
    """
    claim = target.with_name(f".{target.name[:200]}{CLAIM}")
    lock = _locked(claim, option, target)
    try:
        if target.exists() and not replace:
            found = "is there already"
            raise InputError(f"{option} {target}", found, "another name is needed, since nothing is overwritten")
        yield
    finally:
        claim.unlink(missing_ok=True)
        lock.release()


def _locked(file: Path, option: str, what: Path) -> BaseFileLock:
    """The lock of a file beside or in `what`, which also tells whether anything can be written there. Raises InputError."""
    from filelock import FileLock, Timeout

    lock = FileLock(file, timeout=0)
    try:
        file.parent.stat()  # the lock would make it
        lock.acquire()
    except Timeout:
        allowed = "wait until that has ended, or choose another name"
        raise InputError(f"{option} {what}", "another niche-sim command is writing to it", allowed) from None
    except OSError as error:
        raise _unwritable(file.parent, error, option) from None
    return lock


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


def _unfinished(name: str, result: str) -> Path | None:
    """The first of runs/<name>, runs/<name>-2 ... that has mice, lacks the result and is written to by nobody; locked."""
    for number in itertools.count(1):
        folder = RUNS / (name if number == 1 else f"{name}-{number}")
        if not folder.exists():
            return None
        if (folder / "mice").is_dir() and not (folder / result).exists():
            with contextlib.suppress(InputError):  # another command goes on with it, or it cannot be written
                hold(folder)
                return folder
    return None


def _temporary(name: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=f"{name}-"))


def _unwritable(folder: Path, error: OSError, option: str = "-o") -> InputError:
    found = (error.strerror or str(error)).lower()
    return InputError(f"{option} {folder}", found, "a folder that can be written is needed")


def tidy(folder: Path) -> None:
    """Give the folder free, and take it away again if nothing was written into it."""
    with contextlib.suppress(OSError):
        if folder in _claims:
            (folder / CLAIM).unlink(missing_ok=True)
            _claims.pop(folder).release()
        folder.rmdir()
