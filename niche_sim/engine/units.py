"""Text with a unit into a number in model units and back; the only place that knows units.

Inside the package everything is in um, h, nM, cell, vesicle, ug and mmHg. A substance is counted in nM um^3 (1e-24 mol),
so that a concentration comes out in nM. Conversion factors are fractions, so a number is rounded once.
"""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from niche_sim.engine.errors import InputError, near

# The model units, each the base of a dimension, and then the rest in terms of those before them.
_BASES = {
    "um": "length", "h": "time", "nM_um3": "substance", "ug": "mass", "mmHg": "pressure", "cell": "cell", "vesicle": "vesicle",
}  # fmt: skip
_DERIVED = {
    "nm": ("1/1000", "um"),
    "mm": ("1000", "um"),
    "cm": ("10000", "um"),
    "m": ("1000000", "um"),
    "uL": ("1", "mm^3"),
    "mL": ("1", "cm^3"),
    "L": ("1000", "mL"),
    "hour": ("1", "h"),
    "s": ("1/3600", "h"),
    "second": ("1", "s"),
    "min": ("1/60", "h"),
    "minute": ("1", "min"),
    "day": ("24", "h"),
    "week": ("7", "day"),
    "ng": ("1/1000", "ug"),
    "mg": ("1000", "ug"),
    "g": ("1000000", "ug"),
    "kg": ("1000000000", "ug"),
    "nM": ("1", "nM_um3/um^3"),
    "pM": ("1/1000", "nM"),
    "uM": ("1000", "nM"),
    "mM": ("1000000", "nM"),
    "M": ("1000000000", "nM"),
    "mol": ("1", "M*L"),
    "molecule": ("1/602214076000000000000000", "mol"),
    "percent": ("1/100", "1"),
}

_NAMES = {*_BASES, *_DERIVED} - {"nM_um3"}  # written "nM um^3" outside
# Plurals are listed, not guessed: a guessed one would read "ms" as metres.
_PLURALS = {f"{name}s": name for name in ("hour", "second", "minute", "day", "week", "cell", "vesicle", "molecule")}
_OTHER_NAMES = _PLURALS | {"µm": "um", "μm": "um", "µg": "ug", "µL": "uL", "µM": "uM", "dimensionless": "1"}

# Digits are those of ASCII: Python reads those of other scripts, too, and readers of a paper do not.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?(?![0-9._]|[eE][+-]?[0-9])")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)(?![a-z])", re.IGNORECASE)
_NAME = re.compile(r"[^\W\d]\w*")
_FACTOR = rf"(?:{_NAME.pattern}(?:\^-?[1-9])?|1)"
_UNIT = re.compile(rf"/?{_FACTOR}(?:[*/]{_FACTOR})*")
_SUPERSCRIPTS = str.maketrans({"⁻": "-", **dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", strict=True))})
_LONGEST_TEXT = 100

# How a dimension is called in a message: exponents of the base dimensions.
_DIMENSIONS: dict[tuple[tuple[str, int], ...], str] = {
    (): "a plain number",
    (("length", 1),): "a length",
    (("length", 2),): "an area",
    (("length", 3),): "a volume",
    (("length", -1),): "a number per length",
    (("length", -2),): "a number per area",
    (("length", -3),): "a number per volume",
    (("time", 1),): "a time",
    (("time", -1),): "a rate",
    (("length", 1), ("time", -1)): "a speed",
    (("length", 2), ("time", -1)): "a diffusivity",
    (("length", 3), ("time", -1)): "a flow",
    (("length", -3), ("time", -1)): "a rate per volume",
    (("substance", 1),): "an amount of substance",
    (("length", -3), ("substance", 1)): "a concentration",
    (("length", -3), ("substance", 1), ("time", -1)): "a concentration per time",
    (("length", 3), ("substance", -1)): "a number per concentration",
    (("length", 3), ("substance", -1), ("time", -1)): "a rate per concentration",
    (("substance", 1), ("time", -1)): "a secretion",
    (("cell", -1), ("substance", 1), ("time", -1)): "a secretion per cell",
    (("mass", 1),): "a mass",
    (("length", -3), ("mass", 1)): "a mass per volume",
    (("mass", 1), ("time", -1)): "a mass per time",
    (("pressure", 1),): "a pressure",
    (("cell", 1),): "a number of cells",
    (("cell", 1), ("length", -2)): "a number of cells per area",
    (("cell", 1), ("length", -3)): "a number of cells per volume",
    (("cell", 1), ("time", -1)): "a number of cells per time",
    (("cell", 1), ("length", -3), ("time", -1)): "a number of cells per volume and time",
    (("vesicle", 1),): "a number of vesicles",
    (("mass", -1), ("vesicle", 1)): "a number of vesicles per mass",
    (("length", -3), ("vesicle", 1)): "a number of vesicles per volume",
    (("time", -1), ("vesicle", 1)): "a number of vesicles per time",
    (("cell", -1), ("vesicle", 1)): "a number of vesicles per cell",
    (("cell", -1), ("time", -1), ("vesicle", 1)): "a number of vesicles per cell and time",
}


class _Unit(NamedTuple):
    factor: Fraction  # one of this unit, in model units
    dimension: tuple[tuple[str, int], ...]

    def called(self) -> str:
        if self.dimension in _DIMENSIONS:
            return _DIMENSIONS[self.dimension]
        return "a quantity in " + " ".join(n if e == 1 else f"{n}^{e}" for n, e in self.dimension)


def _product(tidy: str) -> _Unit:
    """A unit of known names, such as "nM*um^3/s", from those of its factors; each division holds for the one after it."""
    factor, powers = Fraction(1), Counter[str]()
    for sign, name, power in re.findall(r"([*/]?)([^*/^]+)(?:\^(-?[1-9]))?", tidy):
        exponent = int(power or 1) * (-1 if sign == "/" else 1)
        part = _UNITS[_OTHER_NAMES.get(name, name)]
        factor *= part.factor**exponent
        powers.update({base: exponent * count for base, count in part.dimension})
    return _Unit(factor, tuple(sorted((base, count) for base, count in powers.items() if count)))


_UNITS = {"1": _Unit(Fraction(1), ())} | {name: _Unit(Fraction(1), ((base, 1),)) for name, base in _BASES.items()}
for _name, (_times, _of) in _DERIVED.items():
    _of_base = _product(_of)
    _UNITS[_name] = _Unit(Fraction(_times) * _of_base.factor, _of_base.dimension)


def _tidy(unit: str) -> str:
    """The unit in one spelling: `^` for powers, `*` for products, no blanks."""
    unit = re.sub(r"([^\W\d])([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", r"\1^\2", unit.strip()).translate(_SUPERSCRIPTS)
    unit = unit.replace("%", "percent").replace("**", "^").replace("·", "*")
    unit = re.sub(r"([^\W\d_])(-?[0-9])(?!\w)", r"\1^\2", unit)
    unit = re.sub(r"\s*([*/^])\s*", r"\1", unit)
    return re.sub(r"\s+", "*", unit)


@lru_cache(maxsize=1024)
def _unit(text: str, where: str) -> _Unit:
    """Read a unit such as "um^2/s"; "" is dimensionless."""
    tidy = _tidy(text)
    if not tidy or tidy == "1":
        return _Unit(Fraction(1), ())
    if len(text) > _LONGEST_TEXT or not _UNIT.fullmatch(tidy):
        raise InputError(where, f"{_quoted(text)} is not a unit", "a unit such as 'um^2/s' or 'vesicle/ug' is allowed")
    for name in _NAME.findall(tidy):
        if name not in _NAMES and name not in _OTHER_NAMES:
            known = sorted(_NAMES | set(_OTHER_NAMES))
            allowed = near(name, known) or sorted(_NAMES)
            raise InputError(where, f"unknown unit {_quoted(name)}", f"allowed are {', '.join(allowed)}")
    return _product(tidy)


def dimension_of(unit: str) -> str:
    """How the dimension of a unit is called: "a time" of "h"."""
    return _unit(unit, "unit").called()


def _digits(number: int) -> str:
    """A whole number as text; Python refuses to write one of thousands of digits."""
    return str(number) if abs(number) < 10**_LONGEST_TEXT else "9" * _LONGEST_TEXT + "..."


def _quoted(text: str) -> str:
    return f"'{text}'" if len(text) <= 40 else f"'{text[:37]}...'"


def to_model(text: str | float, like: str | None = None, where: str = "quantity") -> float:
    """A number with a unit, in model units.

    Parameters
    ----------
    text
        "58 um^2/s", "58 um2/s", "1/h", "7.8 day", "50 %"; also a plain number, which is dimensionless.
    like
        a unit of the dimension that is needed, "" for dimensionless; None takes any.
    where
        file, option or parameter, for the message.

    Raises
    ------
    InputError
        not a finite number, an unknown unit, or another dimension than that of `like`.
    """
    example = f"1 {like}" if like else "0.5" if like == "" else "58 um^2/s"
    allowed = (
        f"a number with a unit such as '{example}' is allowed" if like != "" else "a number such as '0.5' is allowed"
    )
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        raise InputError(where, f"{text!r} is not text", allowed)
    text = (repr(float(text)) if isinstance(text, float) else _digits(text) if isinstance(text, int) else text).strip()
    if _NOT_FINITE.match(text):
        raise InputError(where, f"{_quoted(text)} is not a finite number", allowed)
    if _DECIMAL_COMMA.match(text):
        raise InputError(where, f"{_quoted(text)} has a comma", "a decimal point, such as '0.5', and no other mark in a number")
    number = _NUMBER.match(text)
    if number is None or len(text) > _LONGEST_TEXT:
        raise InputError(where, f"{_quoted(text)} is not a number with a unit", allowed)
    unit = _unit(text[number.end() :].strip(), where)
    if like is not None and unit.dimension != (wanted := _unit(like, where)).dimension:
        raise InputError(
            where, f"{_quoted(text)} is {unit.called()}", f"{wanted.called()} such as '{example}' is allowed"
        )
    try:
        return float(Fraction(number[0]) * unit.factor)
    except OverflowError:
        raise InputError(where, f"{_quoted(text)} is too large", allowed) from None


def from_model(value: Any, unit: str) -> Any:
    """A value in model units (a number or an array) in the given unit.

    Raises
    ------
    InputError
        the unit is unknown.
    """
    factor = _unit(unit, "unit").factor
    # Model units are mostly larger or smaller by a whole number, and then this rounds once.
    if factor.numerator == 1:
        return value * float(factor.denominator)
    return value / float(factor)


def show(value: float, unit: str, digits: int = 4) -> str:
    """A value in model units as text in the given unit: "58 um^2/s". `to_model` reads it back.

    Parameters
    ----------
    digits
        significant digits; 17 keep every bit but the last.

    Raises
    ------
    InputError
        the unit is unknown.
    """
    number = f"{from_model(value, unit):.{digits}g}"
    number = re.sub(r"e([+-])0*(\d+)$", lambda match: f"e{match[1].replace('+', '')}{match[2]}", number)
    return f"{number} {unit}".strip()
