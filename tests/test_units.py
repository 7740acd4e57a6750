"""Text with units: what is read, what is refused and in which words, and the way back."""


from itertools import product

import numpy as np
import pint
import pytest

from niche_sim.engine import units
from niche_sim.engine.errors import InputError
from niche_sim.engine.units import from_model, show, to_model


# Expected values are worked out by hand in um, h, nM, cell, ug; conversion is in fractions, so equality is exact.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("58 um^2/s", 208_800.0),
        ("58 um2/s", 208_800.0),
        ("58 µm²/s", 208_800.0),
        ("58 μm^2 / s", 208_800.0),
        ("5 days", 120.0),
        ("7.8 day", 187.2),
        ("2 week", 336.0),
        ("10 min", 10 / 60),
        ("1/h", 1.0),
        ("0.5 h^-1", 0.5),
        ("2 h⁻¹", 2.0),
        ("3/min", 180.0),
        ("2e9 vesicle/ug", 2e9),
        ("1 mg", 1e3),
        ("1 kg", 1e9),
        ("250 ng", 0.25),
        ("1 mM", 1e6),
        ("1 M", 1e9),
        ("7 pM", 0.007),
        ("1 nM um^3", 1.0),
        ("1 mol/L", 1e9),
        ("1 mL", 1e12),
        ("1 uL", 1e9),
        ("1 mm^3", 1e9),
        ("4 cm", 4e4),
        ("20 nm", 0.02),
        ("12 cell/mm^2/day", 5e-7),
        ("3 mmHg", 3.0),
        ("5 %", 0.05),
        ("5 percent", 0.05),
        ("0.25", 0.25),
        ("-1.5 um", -1.5),
        (" .5um ", 0.5),
    ],
)
def test_reads(text: str, expected: float) -> None:
    assert to_model(text) == expected


def test_molecules_per_volume_are_a_concentration() -> None:
    # 1 nM is 0.602214076 molecules in a cubic micrometre.
    assert to_model("0.602214076 molecule/um^3", like="nM") == pytest.approx(1.0, rel=1e-15)
    assert to_model("1 molecule", like="mol") == pytest.approx(1 / 0.602214076, rel=1e-15)


def test_plain_numbers_only_where_dimensionless() -> None:
    assert to_model(3, like="") == 3.0
    assert to_model(0.1, like="percent") == 0.1
    assert to_model(np.float64(0.1), like="dimensionless") == 0.1
    assert to_model("50 %", like="") == 0.5
    with pytest.raises(InputError, match="'3' is a plain number; a length such as '1 um' is allowed"):
        to_model(3, like="um")


def test_dimension_is_checked_in_plain_words() -> None:
    with pytest.raises(InputError) as caught:
        to_model("5 min", like="um^2/h", where="tgfb.diffusivity")
    assert str(caught.value) == "tgfb.diffusivity: '5 min' is a time; a diffusivity such as '1 um^2/h' is allowed"
    with pytest.raises(InputError, match=r"a quantity in length\^2 time\^3; a plain number"):
        to_model("5 um^2 h^3", like="")
    # Cells and vesicles are counted separately.
    with pytest.raises(InputError, match="a number of cells; a number of vesicles"):
        to_model("5 cell", like="vesicle")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("nan um", "'nan um' is not a finite number"),
        ("-inf", "'-inf' is not a finite number"),
        (float("nan"), "'nan' is not a finite number"),
        ("1e400 um", "'1e400 um' is too large"),
        ("1e999999999 um", "'1e999999999 um' is not a number with a unit"),
        ("um", "'um' is not a number with a unit"),
        ("", "'' is not a number with a unit"),
        ("1_000 um", "'1_000 um' is not a number with a unit"),
        ("1.2.3 um", "'1.2.3 um' is not a number with a unit"),
        ("1 " + "u" * 1000, "..."),
        (True, "True is not text"),
        (None, "None is not text"),
        ("5 furlong", "unknown unit 'furlong'"),
        ("5 ms", "unknown unit 'ms'"),  # not the plural of m
        ("5 Day", "unknown unit 'Day'"),
        ("5 nM_um3", "unknown unit"),
        ("5 um)", "'um)' is not a unit"),
        ("5 um + 3 um", "'um + 3 um' is not a unit"),
        ("5,3 um", "'5,3 um' has a comma"),
        ("9**9**9**9", "'**9**9**9' is not a unit"),
        ("9 um^999999", "'um^999999' is not a unit"),
        ("1 um.__class__", "'um.__class__' is not a unit"),
    ],
)
def test_refuses(text: object, found: str) -> None:
    with pytest.raises(InputError) as caught:
        to_model(text, where="here")  # type: ignore[arg-type]
    assert found in caught.value.found
    assert str(caught.value).startswith("here: ")


def test_an_unknown_unit_names_the_near_ones() -> None:
    with pytest.raises(InputError, match="allowed are .*vesicle"):
        to_model("5 vesicel")


@pytest.mark.parametrize(
    "text", ["58 um^2/s", "5 day", "2e9 vesicle/ug", "10 min", "7.8 day", "0.2 nM", "50 %", "0.5", "3 molecule", "1e-9 m"]
)
def test_round_trip_of_text(text: str) -> None:
    unit = text.partition(" ")[2]
    assert show(to_model(text), unit) == text


@pytest.mark.parametrize("unit", ["um^2/s", "day", "min", "molecule/um^3", "vesicle/ug", "uM", "%", "", "1/week"])
def test_round_trip_of_values(unit: str) -> None:
    for value in np.random.default_rng(1).lognormal(0.0, 20.0, 50):
        # 17 digits keep every bit; two roundings on the way and one back leave at most three units in the last place.
        assert to_model(show(value, unit, digits=17), like=unit) == pytest.approx(value, rel=3 * 2.0**-52)


def test_from_model_takes_arrays() -> None:
    np.testing.assert_array_equal(from_model(np.array([24.0, 12.0]), "day"), [1.0, 0.5])
    assert from_model(1.0, "min") == 60.0
    with pytest.raises(InputError, match="unknown unit 'fortnight'"):
        from_model(1.0, "fortnight")


def test_show() -> None:
    assert show(208_800.0, "um^2/h") == "2.088e5 um^2/h"
    assert show(1e-9, "um") == "1e-9 um"
    assert show(1 / 3, "um", digits=2) == "0.33 um"


def test_pint_makes_the_same_of_every_pair_of_units() -> None:
    """Pint, by its own definitions, converts each to the model units of the dimension that we give it."""
    registry = pint.UnitRegistry()
    ours = ("vesicle = [vesicle]", "cell = [cell]", "nM_um3 = 1e-24 mol", "M = mol / L", "mM = mmol / L", "uM = umol / L",
            "nM = nmol / L", "pM = pmol / L", "molecule = mol / 6.02214076e23")  # fmt: skip
    for line in ours:
        registry.define(line)
    model = {"length": "um", "time": "h", "substance": "nM_um3", "mass": "ug", "pressure": "mmHg"}
    names = ("um", "mm", "m", "uL", "mL", "s", "min", "day", "week", "ng", "kg", "pM", "nM", "M", "mol", "molecule", "mmHg",
             "cell", "vesicle", "percent")  # fmt: skip
    for first, second in product(names, repeat=2):
        for unit in (f"{first}*{second}", f"{first}/{second}^2"):
            factor, dimension = units._unit(unit, "unit")
            target = "*".join(f"{model.get(base, base)}**{power}" for base, power in dimension) or "dimensionless"
            converted = registry.Quantity(1.0, unit.replace("^", "**")).to(target).magnitude
            assert converted == pytest.approx(float(factor), rel=1e-12), unit
