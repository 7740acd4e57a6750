"""Kept files: any flipped bit, a missing end, another name is found; what is given from Python is taken or refused in words."""

import io
import zipfile

import numpy as np
import pytest

from niche_sim.engine import given
from niche_sim.engine.errors import InputError
from niche_sim.experiment.simulation import Simulation
from niche_sim.runs import sealed
from niche_sim.runs.record import Runner

SMALL = {"section.width": "600 um", "section.height": "600 um", "run.duration": "1 day"}
ARRAYS = {"a": np.arange(3.0), "b": np.array("text")}


def test_every_flipped_bit_and_every_missing_end_is_found():
    data = sealed.npz(ARRAYS, "x.npz")
    assert sealed.checked(data, "x.npz") == data
    for bit in range(8 * len(data)):
        other = bytearray(data)
        other[bit // 8] ^= 1 << bit % 8
        with pytest.raises(sealed.Damaged):
            sealed.checked(bytes(other), "x.npz")
    for end in range(len(data)):
        with pytest.raises(sealed.Damaged):
            sealed.checked(data[:end], "x.npz")
    with pytest.raises(sealed.Damaged, match="does not fit its name"):
        sealed.checked(data, "y.npz")


def test_a_sealed_file_is_a_file_of_its_format_and_can_be_sealed_again():
    data = sealed.npz(ARRAYS, "x.npz")
    assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        assert stored["a"].tolist() == sealed.read_npz(data, "x.npz")["a"].tolist() == [0.0, 1.0, 2.0]
    assert sealed.sealed(sealed.unsealed(data, "x.npz"), "x.npz") == data


def test_a_checkpoint_with_a_flipped_bit_is_refused(tmp_path):
    runner = Runner(Simulation(overrides=SMALL))
    runner.advance(3)
    file = tmp_path / "checkpoint.npz"
    runner.save(file)
    assert Runner.resume(file).model.state.time == runner.model.state.time
    data = bytearray(file.read_bytes())
    for place in range(0, len(data), len(data) // 50):
        data[place] ^= 16
        file.write_bytes(data)
        with pytest.raises(InputError, match=r"not a checkpoint \(its digest does not fit|not a checkpoint \(no digest"):
            Runner.resume(file)
        data[place] ^= 16


@pytest.mark.parametrize("changes", [{"without": 5}, {"without": [1]}, {"overrides": "x"}, {"overrides": [("a", "b")]}])
def test_a_model_refuses_in_words_what_is_no_list_or_table(changes):
    with pytest.raises(InputError, match=rf"^{next(iter(changes))}: "):
        Simulation(**changes)


def test_a_model_takes_numpy_and_one_name():
    model = Simulation(overrides={**SMALL, "tgfb.half_life": np.str_("5 min")}, without="CollagenLinking")
    assert model.without == ("CollagenLinking",)
    assert Simulation(overrides=SMALL, without=np.array(["CollagenLinking"])).without == model.without


@pytest.mark.parametrize("value", [True, np.bool_(1), 2.0, "2", None, np.array([2]), [2], -1, 2**63, np.float64(2)])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(InputError, match="^n: .*a whole number from 0"):
        given.whole(value, "n")


@pytest.mark.parametrize("value", [2, np.int64(2), np.uint8(2), np.array(2)])
def test_whole_numbers_are_taken(value):
    assert type(given.whole(value, "n")) is int


def test_numbers_are_finite():
    assert given.numbers(np.float32(0.5), "n") == (0.5,)
    for value in ([True], ["1"], [float("inf")], [10**400], None, [[1.0]]):
        with pytest.raises(InputError, match="^n: "):
            given.numbers(value, "n")
