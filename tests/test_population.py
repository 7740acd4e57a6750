"""The engine's side of a population: columns, adding, removing, finding."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from niche_sim.engine.columns import Identities, Population, column, derived_keys, splitmix64


class Row:
    """What a population needs of an agent class, without Mesa."""

    load = column(np.int64, unit="vesicle", meaning="vesicles inside")
    activation = column(np.float64, default=0.5)
    flag = column(np.bool_)
    state = column(np.int8, names=("arrested", "extravasated", "dividing"), default="extravasated")

    @classmethod
    def declared(cls):
        return {name: value for name, value in vars(cls).items() if isinstance(value, column)}


@pytest.fixture
def population():
    return Population(Row, Identities())


def test_a_new_population_is_empty_and_says_what_it_has(population):
    assert len(population) == 0
    assert population.load.dtype == np.int64 and population.load.shape == (0,)
    assert population.key.dtype == np.uint64 and population.unique_id.dtype == np.int64
    with pytest.raises(AttributeError, match="Row has no column 'laod'.*load, activation"):
        population.laod  # noqa: B018


def test_added_rows_take_values_scalars_and_defaults(population):
    assert population.add(3, [7, 8, 9], load=[1, 2, 3], activation=0.25) == slice(0, 3)
    assert population.add(2, np.array([10, 2**64 - 1], np.uint64), state=["arrested", "dividing"]) == slice(3, 5)
    assert population.load.tolist() == [1, 2, 3, 0, 0]
    assert population.activation.tolist() == [0.25, 0.25, 0.25, 0.5, 0.5]
    assert population.state.tolist() == [1, 1, 1, 0, 2]
    assert population.key.tolist() == [7, 8, 9, 10, 2**64 - 1]
    assert population.unique_id.tolist() == [1, 2, 3, 4, 5]
    assert population.add(0) == slice(5, 5)


def test_columns_are_writable_views_and_assignment_writes_into_them(population):
    population.add(4)
    population.load[1:3] = 5
    population.load += 1
    population.activation = np.arange(4.0)
    population.flag = True
    assert population.load.tolist() == [1, 6, 6, 1]
    assert population.activation.tolist() == [0, 1, 2, 3]
    assert population.flag.all()
    same = population.load
    population.load = [4, 3, 2, 1]
    assert same.tolist() == [4, 3, 2, 1]


@pytest.mark.parametrize(
    ("name", "value", "error", "says"),
    [
        ("load", [1, 2, 3], ValueError, "shape \\(3,\\).*one value or 2"),
        ("load", 1.5, TypeError, "load holds int64, not float64"),
        ("flag", 2, OverflowError, "from 0 to 1"),
        ("state", 3, ValueError, "arrested, extravasated, dividing"),
        ("state", "arested", ValueError, "'arested' is unknown.*arrested, extravasated"),
        ("activation", "high", ValueError, "a number"),
        ("activation", None, TypeError, "not object"),
        ("key", -1, OverflowError, "uint64"),
        ("unique_id", [1, 2], AttributeError, "given once"),
        ("laod", 1, AttributeError, "no column 'laod'"),
    ],
)
def test_assignments_that_would_lose_something_are_refused(population, name, value, error, says):
    population.add(2, load=9)
    before = {column: getattr(population, column).copy() for column in population.columns}
    with pytest.raises(error, match=says):
        setattr(population, name, value)
    assert all(np.array_equal(before[column], getattr(population, column)) for column in before)


@pytest.mark.parametrize("arguments", [{"load": [1, 2]}, {"laod": 1}, {"load": 0.5}, {"key": [1]}, {"state": "gone"}])
def test_a_refused_addition_changes_nothing(population, arguments):
    with pytest.raises((TypeError, ValueError)):
        population.add(3, **arguments)
    assert len(population) == 0
    assert population.identities.next == 1


def test_removal_is_a_stable_compaction_whatever_names_the_rows():
    for rows in ([1, 3, 3], np.array([False, True, False, True, False, False]), slice(1, 4, 2)):
        population = Population(Row, Identities())
        population.add(6, np.arange(6) + 50, load=np.arange(6) * 10)
        assert population.remove(rows) == 2
        assert population.load.tolist() == [0, 20, 40, 50]
        assert population.unique_id.tolist() == [1, 3, 5, 6]
        assert population.key.tolist() == [50, 52, 54, 55]
    assert population.remove([]) == 0
    assert population.remove(slice(None)) == 4 and len(population) == 0
    assert population.add(1) == slice(0, 1) and population.unique_id.tolist() == [7]


@pytest.mark.parametrize("rows", [[2], [-1], [0.5], [True], np.zeros(3, bool)])
def test_rows_that_do_not_exist_are_refused(population, rows):
    population.add(2)
    with pytest.raises(IndexError):
        population.remove(rows)
    assert len(population) == 2


def test_many_random_births_and_deaths_keep_every_row_whole():
    """Against a list of tuples; the columns of a row must travel together, and the ids must stay sorted."""
    rng = np.random.default_rng(3)
    population, twin, number = Population(Row, Identities()), [], 0
    for _ in range(200):
        born = int(rng.integers(0, 12))
        population.add(born, np.arange(number, number + born), load=np.arange(born), activation=number)
        twin += [(number + i, i, float(number)) for i in range(born)]
        number += born
        dead = rng.random(len(twin)) < 0.15
        assert population.remove(dead) == dead.sum()
        twin = [row for row, gone in zip(twin, dead, strict=True) if not gone]
        rows = zip(population.key.tolist(), population.load.tolist(), population.activation.tolist(), strict=True)
        assert list(rows) == twin
        assert (np.diff(population.unique_id) > 0).all()


def test_rows_are_found_by_id_and_leftovers_of_removed_rows_are_not(population):
    population.add(6)
    population.remove([0, 2, 5])
    rows, alive = population.find([1, 2, 4, 5, 6, 99])
    assert alive.tolist() == [False, True, True, True, False, False]
    assert rows[alive].tolist() == [0, 1, 2]
    # Row 5 of the storage still holds id 6, which is removed.
    assert population.find_one(6, hint=5) == -1
    assert population.find_one(5, hint=4) == 2
    assert population.find_one(4, hint=1) == 1


def test_identities_are_shared():
    identities = Identities()
    first, second = Population(Row, identities), Population(Row, identities)
    first.add(2), second.add(2), first.add(1)
    assert first.unique_id.tolist() == [1, 2, 5] and second.unique_id.tolist() == [3, 4]


def test_a_copy_and_a_pickle_hold_the_living_rows_only_and_go_their_own_way(population):
    population.add(5, load=np.arange(5))
    population.remove([0])
    for twin in (pickle.loads(pickle.dumps(population)), copy.deepcopy(population)):
        assert twin.load.tolist() == [1, 2, 3, 4]
        assert len(twin.columns["load"]) == 4
        twin.load[0] = 77
        twin.add(1)
        assert twin.unique_id.tolist() == [2, 3, 4, 5, 6]
    assert population.load.tolist() == [1, 2, 3, 4] and population.identities.next == 6


def test_splitmix64_gives_its_published_sequence():
    """First outputs of the reference generator seeded with 1234567 (Vigna, splitmix64.c)."""
    weyl = np.uint64(0x9E3779B97F4A7C15)
    states = np.uint64(1234567) + np.arange(3, dtype=np.uint64) * weyl
    assert splitmix64(states).tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_derived_keys_depend_on_the_name_and_the_id_alone(population):
    population.add(3)
    population.remove([0])
    assert population.key.tolist() == derived_keys("Row", np.array([2, 3])).tolist()
    many = derived_keys("Row", np.arange(1, 10_001))
    assert len(np.unique(many)) == 10_000
    assert not np.isin(many, derived_keys("Kupffer", np.arange(1, 10_001))).any()
    # Each bit is set in half of the keys: 10,000 draws, standard error 0.005, and 5 of those over 64 bits.
    bits = np.unpackbits(many.view(np.uint8)).reshape(-1, 64).mean(axis=0)
    assert np.abs(bits - 0.5).max() < 0.025


def test_a_declaration_knows_its_codes_and_refuses_what_cannot_work():
    assert Row.state.code("dividing") == 2
    assert Row.state.decode(1) == "extravasated" and Row.state.default == 1
    with pytest.raises(ValueError, match="arrested, extravasated, dividing"):
        Row.state.code("gone")
    with pytest.raises(TypeError, match="booleans, integers or floats"):
        column(np.str_)
    with pytest.raises(TypeError, match="integer column"):
        column(np.float64, names=("a",))
    with pytest.raises(ValueError, match="twice"):
        column(np.int8, names=("a", "a"))


def test_a_column_cannot_hide_what_a_population_is():
    class Clash:
        remove = column(np.int8)

        @classmethod
        def declared(cls):
            return {"remove": cls.remove}

    with pytest.raises(ValueError, match="cannot be called remove"):
        Population(Clash, Identities())
