"""Kept files that show whether they are whole: each holds a digest of its name and of every other byte of it.

A file is made with `PLACE` somewhere in it, once, where its format keeps free text; `sealed` puts the digest there. So a
sealed Parquet file stays a Parquet file and a sealed npz file an npz file. A flipped bit, a missing end, another file's
content under this name: `checked` refuses them all.
"""

from __future__ import annotations

import hashlib
import io
import logging
import zipfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MARK = b"niche_sim-sha256:"
PLACE = _MARK + b"0" * 64

Report = Callable[[str], None]
log = logging.getLogger(__name__)


class Damaged(ValueError):
    """A file has no digest, or another one than its name and content have. The text says which."""


def sealed(data: bytes, name: str) -> bytes:
    """The content of a file, with `PLACE` in it, as it is written under that name."""
    return data.replace(PLACE, _MARK + _digest(data, name), 1)


def checked(data: bytes, name: str) -> bytes:
    """The same content if it is what was sealed under that name. Raises Damaged."""
    at = data.rfind(_MARK)
    if at < 0:
        raise Damaged("no digest in it")
    end = at + len(PLACE)
    if data[at:end] != _MARK + _digest(data[:at] + PLACE + data[end:], name):
        raise Damaged("its digest does not fit its name and content")
    return data


def unsealed(data: bytes, name: str) -> bytes:
    """The content as it was before it was sealed, to be changed and sealed again. Raises Damaged."""
    at = checked(data, name).rfind(_MARK)
    return data[:at] + PLACE + data[at + len(PLACE) :]


def npz(arrays: Mapping[str, NDArray[Any]], name: str, *, compress: bool = True) -> bytes:
    """Arrays as the content of an npz file, sealed."""
    file, write = io.BytesIO(), np.savez_compressed if compress else np.savez
    write(file, **arrays)  # type: ignore[arg-type]
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = PLACE
    return sealed(file.getvalue(), name)


def read_npz(data: bytes, name: str) -> dict[str, NDArray[Any]]:
    """The arrays that `npz` sealed under that name. Raises Damaged."""
    with np.load(io.BytesIO(checked(data, name)), allow_pickle=False) as stored:
        return dict(stored)


def report_damaged(files: Collection[str], folder: Path, report: Report | None, then: str = "run again") -> None:
    """Say in one line which kept files did not fit, and what is done; report: called with it, None logs it as a warning."""
    if files:
        first = ", ".join(sorted(files)[:3]) + (" ..." if len(files) > 3 else "")
        what = "1 kept file was" if len(files) == 1 else f"{len(files)} kept files were"
        (report or log.warning)(
            f"{folder}: {what} damaged, another run's or of an earlier niche_sim, and {then}: {first}"
        )


def _digest(data: bytes, name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass") + b"\0" + data).hexdigest().encode()
