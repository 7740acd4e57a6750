"""What callers give from Python, in one form: NumPy's numbers, arrays and strings are taken, anything else refused in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Real
from operator import index
from typing import Any

import numpy as np

from niche_sim.engine.errors import InputError


def plain(value: Any) -> Any:
    """The same value without NumPy: arrays, tuples and ranges as lists, NumPy's numbers and strings as Python's."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return {plain(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    return [plain(inner) for inner in value] if isinstance(value, list | tuple | range) else value


def whole(value: object, where: str, least: int = 0, most: int = 2**63 - 1) -> int:
    """A whole number from `least` to `most`, of Python or NumPy. Raises InputError."""
    try:
        number = least - 1 if isinstance(value, bool | np.bool_) else index(value)  # type: ignore[arg-type]
    except TypeError:
        number = least - 1
    if not least <= number <= most:
        to = "" if most == 2**63 - 1 else f" to {most:,}"
        raise InputError(where, _shown(value), f"a whole number from {least}{to}")
    return number


def entries(value: object, where: str, of: str = "values") -> list[Any]:
    """What stands in a list, tuple, array or other series; a string or number by itself is the only entry.

    Raises InputError for a table or bytes.
    """
    value = plain(value)
    if isinstance(value, str | Real):
        return [value]
    if isinstance(value, Mapping | bytes) or not isinstance(value, Iterable):
        raise InputError(where, _shown(value), f"a list of {of}")
    return [plain(entry) for entry in value]


def names(value: object, where: str, of: str = "names") -> tuple[str, ...]:
    """Some names, or one by itself as a string. Raises InputError if anything among them is no text."""
    found = entries(value, where, of)
    for entry in found:
        if not isinstance(entry, str):
            raise InputError(where, _shown(value), f"a list of {of}, each of them text in quotes")
    return tuple(found)


def numbers(value: object, where: str, of: str = "numbers") -> tuple[float, ...]:
    """Some finite numbers, or one by itself. Raises InputError."""
    found = entries(value, where, of)
    for entry in found:
        if isinstance(entry, bool) or not isinstance(entry, int | float) or not abs(entry) < 1e300:
            raise InputError(where, _shown(value), f"a list of {of}")
    return tuple(float(entry) for entry in found)


def table(value: object, where: str) -> dict[str, Any]:
    """A table of names and values, without NumPy; None is an empty one. Raises InputError."""
    found = plain({} if value is None else value)
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise InputError(where, _shown(value), "a table of names and values")
    return found


def _shown(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
