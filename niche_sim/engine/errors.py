"""Bad input, said in one line: where it stands, what was found, what is allowed."""

from __future__ import annotations

import re

LONGEST_MESSAGE = 289  # characters; 300 with the name of the program before it
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
