"""The short form of `tests/fuzzing.py`: no input of it ends in anything but success or one line."""

from __future__ import annotations

import random
from pathlib import Path

import fuzzing
import pytest

from niche_sim.engine.errors import InputError

INPUTS = 1500


def test_damaged_and_nasty_input_is_one_line() -> None:
    faults, counts = fuzzing.go(INPUTS)
    assert faults == []
    assert counts.total() >= 0.95 * INPUTS
    assert all(counts.values())


def broken(_: bytes) -> None:
    raise KeyError("x")


def loud(_: bytes) -> None:
    error = InputError("here", "found", "allowed")
    error.args = ("\x1b[31m" * 100,)
    raise error


def heavy(_: bytes) -> None:
    bytearray(random.Random(1).randbytes(1000) * 400_000)


@pytest.mark.parametrize(("read", "what"), [(broken, "KeyError"), (loud, "message"), (heavy, "MB")])
def test_what_should_not_happen_is_found(read: object, what: str) -> None:
    parser = fuzzing.Parser("mine", [b"x = 1"], read, 1.0)  # type: ignore[arg-type]
    assert what in " ".join(fault.what for fault in fuzzing.tried(parser, 3))


def test_an_input_is_the_same_in_every_run(tmp_path: Path) -> None:
    parser = fuzzing.Parser("mine", [b'x = "1"\ny = 2\n' * 5], broken, 1.0)
    again = [[fuzzing.inputs(parser, number) for number in range(50)] for _ in range(2)]
    assert again[0] == again[1]
    assert len(set(again[0])) > 40
