"""Files as they come: sizes and depth are looked at before anything is read, and whatever is wrong is an `InputError`."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

from niche_sim.engine.errors import InputError, reason_of, unseen

LONGEST_TEXT = 300_000  # characters; tomllib takes about 4 microseconds for one
DEEPEST = 20  # brackets within brackets; a scenario has 3
MOST_DOTS = 6  # in a key; tomllib takes time in proportion to their square
MOST_DOTTED = 5_000  # keys of three parts and more
LARGEST_WHOLE = 2**63  # TOML promises no larger whole numbers

TOML_NEEDED = 'valid TOML is needed: lines such as name = "text" or number = 3, and [heading] above what belongs together'

_TOML_PLACE = re.compile(r"\s*\(at (line \d+), (column \d+)\)$")
# Texts and comments; one that is not closed ends with the file, or with the line.
_TOML_TEXT = re.compile(
    r'"""(?:[^\\]|\\.)*?(?:"""|\Z)|'
    r"'''.*?(?:'''|\Z)|"
    r'"(?:[^"\\\n]|\\.)*+(?:"|$)?|'
    r"'[^'\n]*+(?:'|$)?|"
    r"#[^\n]*+",
    re.DOTALL | re.MULTILINE,
)
_BIB_HEAD = re.compile(r"@\w+\{([^,\s]*)(,?)")
_BIB_FIELD = re.compile(r"\s*(\w+)\s*=\s*\{(.*)\},?\s*")
_DECIMAL_COMMA = re.compile(r"=\s*[+-]?[0-9]+,[0-9]+\s*(?:#.*|[,}].*)?$")


@contextmanager
def reading(file: Path | str, allowed: str, found: str = "cannot be read") -> Iterator[None]:
    """Within, a file is read; if it is damaged, or is another kind of file, in whatever way, that is an InputError.

    NumPy, zipfile, zlib, pyarrow and json raise dozens of exceptions on damaged files, those of plain Python among them.
    """
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{file}", "not there", allowed) from None
    except Exception as error:
        raise InputError(f"{file}", f"{found} ({reason_of(error)})", allowed) from error


def read_text(path: Path) -> str:
    """The text of a file, without a byte order mark.

    Raises
    ------
    InputError
        it cannot be read, is no text in UTF-8, or is longer than `LONGEST_TEXT`.
    """
    try:
        with path.open("rb") as file:
            content = file.read(4 * LONGEST_TEXT + 1)
        text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        raise InputError(f"{path}", error.strerror or "cannot be read", "a file that can be read") from None
    except UnicodeDecodeError as error:
        if len(content) <= 4 * LONGEST_TEXT:
            raise InputError(f"{path}", f"byte {error.start} is not UTF-8", "text in UTF-8") from None
        text = "-" * len(content)
    except ValueError:  # a null in the name
        raise InputError(f"{path}", "no name of a file", "a file that can be read") from None
    check_length(text, f"{path}")
    return text


def check_length(text: str, where: str) -> None:
    """Raises InputError if a text is too long to be read."""
    if len(text) > LONGEST_TEXT:
        raise InputError(where, f"more than {LONGEST_TEXT:,} characters", "a file of niche-sim; they are shorter")


def read_toml(text: str, where: str) -> dict[str, Any]:
    """TOML as a table. Raises InputError that names `where` and the line."""
    check_length(text, where)
    _check_depth(text, where)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _as_input_error(str(error), text, where) from None
    except ValueError as error:  # a whole number of thousands of digits
        raise InputError(where, str(error).partition(";")[0], TOML_NEEDED) from None
    _check_content(table, where, ": ")
    return table


def read_json(file: Path, allowed: str) -> dict[str, Any]:
    """A JSON file that holds one table. Raises InputError if it is not there or broken."""
    with reading(file, allowed):
        content = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise InputError(f"{file}", "no table of names and values", allowed)
    return content


def read_bib(path: Path) -> dict[str, dict[str, str]]:
    """Key -> fields of every entry of a BibTeX file, as they stand.

    The file has one field a line, braced, and each entry ends with a brace at the start of a line.

    Raises
    ------
    InputError
        the file cannot be read, an entry is not of that form, or a key is there twice.
    """
    entries: dict[str, dict[str, str]] = {}
    key, is_open = "", False
    for line in read_text(path).splitlines():
        head = _BIB_HEAD.match(line)
        if head is not None and is_open:
            break
        if head is not None:
            key, is_open = head[1], True
            if not key or not head[2] or line[head.end() :].strip():
                break
            if key in entries:
                raise InputError(f"{path}: {key}", "there twice", "each key once")
            entries[key] = {}
        elif line.startswith("}"):
            is_open = False
        elif is_open and (found := _BIB_FIELD.fullmatch(line)):
            entries[key][found[1]] = found[2]
    if is_open:
        form = "one field a line, then a brace at the start of a line"
        raise InputError(f"{path}: {key}", "an entry that cannot be read", form)
    return entries


def _as_input_error(message: str, text: str, where: str) -> InputError:
    """What tomllib complains about, with its line."""
    lines, place = text.splitlines(), _TOML_PLACE.search(message)
    line = place[1] if place else f"line {len(lines)}"
    found = _TOML_PLACE.sub("", message).removesuffix(" (at end of document)")
    number = int(line.removeprefix("line "))
    if 0 < number <= len(lines) and _DECIMAL_COMMA.search(lines[number - 1]):
        return InputError(f"{where}: {line}", "a decimal comma", "a decimal point, such as 0.5")
    return InputError(f"{where}: {line}", found, TOML_NEEDED)


def _check_depth(text: str, where: str) -> None:
    """Refuse what would take tomllib long: brackets within brackets, and keys of many parts."""
    bare = _TOML_TEXT.sub("x", text)
    depth = accumulate(1 if bracket in "[{" else -1 for bracket in re.findall(r"[][{}]", bare))
    if max(depth, default=0) > DEEPEST:
        raise InputError(where, f"brackets within brackets, more than {DEEPEST}", TOML_NEEDED)
    joined = re.sub(r"[ \t]+", " ", bare).replace(" .", ".").replace(". ", ".")
    dots = [key.count(".") for key in re.findall(r"[^][{}\s=,]+", joined)]
    if (most := max(dots, default=0)) > MOST_DOTS:
        raise InputError(where, f"a key of {most + 1:,} parts", f"at most {MOST_DOTS + 1}")
    if (dotted := sum(number > 1 for number in dots)) > MOST_DOTTED:
        raise InputError(where, f"{dotted:,} keys of three parts and more", f"at most {MOST_DOTTED:,}")


def _check_content(value: Any, where: str, inside: str = ".") -> None:
    """Refuse what TOML can say and nobody means: control characters, and whole numbers of more than 64 bits.

    inside: what stands between a place and a key below it.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_content(key, where)
            _check_content(inner, f"{where}{inside}{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _check_content(inner, f"{where}[{number}]")
    elif isinstance(value, str) and (mark := unseen(value)):
        raise InputError(where, f"the character {mark!r} in a text or a name", "characters that can be seen")
    elif isinstance(value, int) and abs(value) >= LARGEST_WHOLE:
        raise InputError(where, "a whole number of more than 64 bits", f"less than {float(LARGEST_WHOLE):.3g}")
