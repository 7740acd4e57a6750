"""Bad input, said in one line: where it stands, what was found, what is allowed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

LONGEST_MESSAGE = 289  # characters; 300 with the name of the program before it
_LONGEST_LIST = 140  # characters of a list of allowed names
# What moves a cursor, colours or turns round what is shown: control characters, and marks of the direction of writing.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class InputError(ValueError):
    """Something a user gave cannot be used.

    where: file, option or parameter; found: what stands there; allowed: what would do. All three can be shown: what is not
    printable is escaped, and what is too long for one message, such as a quoted file, is cut in its middle.
    ``str(error)`` is one line of at most `LONGEST_MESSAGE` characters, ``<where>: <found>; <allowed>``.
    """

    def __init__(self, where: str, found: str, allowed: str) -> None:
        self.where, self.found, self.allowed = _fitting([one_line(part) for part in (where, found, allowed)])
        super().__init__(f"{self.where}: {self.found}; {self.allowed}")

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str]]:
        return type(self), (self.where, self.found, self.allowed)


def one_of(value: object, allowed: Iterable[str], where: str) -> str:
    """The value, if it is one of the allowed names.

    Raises
    ------
    InputError
        It is not; the message lists the near and the allowed names.
    """
    names = list(allowed)
    if isinstance(value, str) and value in names:
        return value
    raise InputError(where, shown(value), f"{_near(value, names)}{_listed(names)}")


def check_keys(table: Iterable[Any], where: str, required: Iterable[str], optional: Iterable[str] = ()) -> None:
    """Refuse a table with an unknown or a missing key.

    Raises
    ------
    InputError
        Names the key, the near and the allowed ones.
    """
    required = list(required)
    known = required + list(optional)
    for key in table:
        if key not in known:
            raise InputError(under(where, key), "unknown key", f"{_near(key, known)}{_listed(known)}")
    for key in required:
        if key not in table:
            raise InputError(under(where, key), "missing", f"needed are {', '.join(required)}")


def under(where: str, key: str) -> str:
    """The place of a key below `where`: "file: a" and "b" make "file: a.b"; a file ends in a colon."""
    return f"{where} {key}" if where.endswith(":") else f"{where}.{key}"


def below(where: str, inner: str) -> str:
    """The place `inner`, such as ".a", "[0].a" or "", below `where`."""
    return f"{where} {inner.lstrip('.')}".rstrip() if where.endswith(":") else f"{where}{inner}"


def shown(value: object) -> str:
    """A value as text for a message, not longer than a line bears."""
    text = f"'{value}'" if isinstance(value, str) else f"{value!r}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def near(value: object, names: Iterable[str], most: int = 3, cutoff: float = 0.6) -> list[str]:
    """The names that are most like a value, whatever its capitals; those alone that begin with it, if there are any."""
    if not isinstance(value, str):
        return []
    known, sought = list(names), value.casefold()
    found = [name for name in known if sought and name.casefold().startswith(sought)]
    for folded in [] if found else difflib.get_close_matches(sought, {name.casefold() for name in known}, most, cutoff):
        found += [name for name in known if name.casefold() == folded]
    return found[:most]


def _near(value: object, names: list[str]) -> str:
    found = near(value, names, most=2)
    return f"did you mean {' or '.join(found)}? " if found else ""


def _listed(names: list[str]) -> str:
    """The names that are allowed: all of them, or as many as fit into a message."""
    text = f"allowed are {', '.join(names)}"
    if len(text) <= _LONGEST_LIST:
        return text
    text = text[:_LONGEST_LIST].rpartition(",")[0]
    return f"{text} and {len(names) - text.count(',') - 1} more"


def one_line(text: str) -> str:
    """Text on one line, whatever is not printable escaped."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in " ".join(text.split()))


def shortened(text: str, longest: int) -> str:
    """Text of at most `longest` characters, cut in its middle."""
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 2
    return f"{text[: longest - 1 - tail]}…{text[len(text) - tail :]}"


def unseen(text: str) -> str:
    """The first control character, or mark of the direction of writing, in a text; "" if there is none.

    Line breaks and tabulators are none.
    """
    found = _UNSEEN.search(text)
    return found[0] if found else ""


def reason_of(error: BaseException) -> str:
    """Why a file could not be read or written, in a few words."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    text = f"no {text}" if isinstance(error, KeyError) else text
    return shortened(one_line(text), 100).lower() or type(error).__name__


def _fitting(parts: list[str]) -> list[str]:
    """The parts of a message, the longest of them cut so that all together are short enough."""
    room = LONGEST_MESSAGE - len(": ; ")
    if sum(map(len, parts)) <= room:
        return parts
    share = room
    for number, length in enumerate(sorted(map(len, parts))):
        share = room // (len(parts) - number)  # what shorter parts leave is for the longer ones
        if length > share:
            break
        room -= length
    return [shortened(part, share) for part in parts]
