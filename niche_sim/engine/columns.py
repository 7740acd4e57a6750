"""Rows of one kind of cell, kept as NumPy columns.

A kind of cell is declared once, as a :class:`CellType` with a :class:`column` for each quantity. Two views derive from it: a
:class:`Population`, on which the engine computes (dense arrays, one entry a living cell, ordered by unique id), and the agents
of :mod:`niche_sim.mesa_model.cell`. Nothing here knows about Mesa.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

SMALLEST_CAPACITY = 16  # rows; below this, doubling would reallocate at every birth
S = TypeVar("S", bound=np.generic)


class column(Generic[S]):
    """One quantity of a cell, declared in the class body: ``load = column(np.int64, unit="vesicle")``.

    On a population the attribute is the array of all cells, on an agent a plain Python scalar, on the class this declaration.

    Parameters
    ----------
    dtype
        A bool, integer or float NumPy type.
    unit, meaning
        For people.
    default
        What a new row gets when nothing is given.
    names
        The words for the codes 0, 1, 2 ... of an enumerated column. The array then holds the codes, while an agent reads the
        word and takes either.

    Raises
    ------
    TypeError, ValueError
        The type holds no numbers, or cannot count the names; a name is given twice.
    """

    name = ""

    def __init__(
        self,
        dtype: type[S],
        *,
        unit: str = "",
        meaning: str = "",
        default: float | bool | str = 0,
        names: Sequence[str] = (),
    ) -> None:
        self.dtype, self.unit, self.meaning, self.names = np.dtype(dtype), unit, meaning, tuple(names)
        if self.dtype.kind not in "biuf":
            raise TypeError(f"a column holds booleans, integers or floats, not {self.dtype}")
        if self.names and (self.dtype.kind not in "iu" or len(self.names) - 1 > np.iinfo(self.dtype).max):
            raise TypeError(f"{len(self.names)} names need an integer column that can count them, not {self.dtype}")
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"names are given twice: {', '.join(self.names)}")
        self.default = self.encode(default).item()
        self.__doc__ = meaning

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, holder: None, owner: type) -> column[S]: ...
    @overload
    def __get__(self, holder: Population, owner: type) -> NDArray[S]: ...
    @overload
    def __get__(self, holder: Any, owner: type) -> Any: ...

    def __get__(self, holder: Any, owner: type | None = None) -> Any:
        if holder is None:
            return self
        if isinstance(holder, Population):
            found = holder._views.get(self.name)
            if found is None:
                found = holder._views[self.name] = holder.columns[self.name][: holder._length]
            return found
        population, row = holder.locate()
        return self.decode(population.columns[self.name].item(row))

    def __set__(self, holder: Any, value: Any) -> None:
        # A population writes by its own `__setattr__`, so this is an agent.
        population, row = holder.locate()
        encoded = self.encode(value)
        if encoded.ndim:
            raise TypeError(f"{self.name} of one agent is one value, not an array of shape {encoded.shape}")
        population.columns[self.name][row] = encoded

    def code(self, name: str) -> int:
        """The integer that stands for a name. ValueError lists the names."""
        if name not in self.names:
            known = f"one of {', '.join(self.names)}" if self.names else "a number, since it has no names"
            raise ValueError(f"{self.name} {name!r} is unknown; it is {known}")
        return self.names.index(name)

    def decode(self, value: Any) -> Any:
        """What an agent shows for a stored value: the name of an enumerated column, else the value itself."""
        return self.names[value] if self.names else value

    def encode(self, values: Any) -> NDArray[Any]:
        """Values or names as an array of this column's dtype, of whatever shape was given.

        TypeError when they would lose something (a float in an integer column), OverflowError or ValueError when they
        are out of range or no known name.
        """
        if type(values) is np.ndarray and values.dtype == self.dtype and not self.names:
            return values
        if type(values) in (float, int) and self.dtype.kind == "f":
            return np.array(values, self.dtype)
        given = np.asarray(values)
        if self.names and given.dtype.kind in "OT":  # what a data frame makes of words
            given = given.astype(np.str_)
        if given.dtype.kind == "U":
            given = np.array([self.code(str(name)) for name in given.ravel()], self.dtype).reshape(given.shape)
        # An empty Python list is float64 to NumPy, and holds nothing to lose.
        if given.size and self.dtype.kind in "biu" and given.dtype != self.dtype:
            if given.dtype.kind not in "biu":
                raise TypeError(f"{self.name or 'column'} holds {self.dtype}, not {given.dtype}")
            low, high = (0, 1) if self.dtype.kind == "b" else (np.iinfo(self.dtype).min, np.iinfo(self.dtype).max)
            if int(given.min()) < low or int(given.max()) > high:
                raise OverflowError(f"{self.name or 'column'} holds {self.dtype}, from {low} to {high}")
        elif given.dtype.kind not in "biuf":
            raise TypeError(f"{self.name or 'column'} holds {self.dtype}, not {given.dtype}")
        if self.names and given.size and not 0 <= int(given.min()) <= int(given.max()) < len(self.names):
            raise ValueError(f"{self.name} has codes 0 to {len(self.names) - 1}: {', '.join(self.names)}")
        return given.astype(self.dtype)

    def __repr__(self) -> str:
        unit = f", unit={self.unit!r}" if self.unit else ""
        return f"<column {self.name}: {self.dtype}{unit}>"


@functools.cache
def _columns_of(cell_type: type) -> Mapping[str, column[Any]]:
    found: dict[str, column[Any]] = {}
    for base in reversed(cell_type.__mro__):
        for name, value in vars(base).items():
            found.pop(name, None)  # whatever a subclass puts in its place
            if isinstance(value, column):
                found[name] = value
    return MappingProxyType(found)


class CellType:
    """What a kind of cell carries: the columns that a subclass declares, besides its position.

    population: what the state calls the cells. stream, row_stream: names from which their random numbers and keys are made;
    by default those of the population and of the class, so a cell that is renamed keeps its draws by stating the old ones.
    rests: whether such cells stay where they are. depletable: whether an experimenter can take them away. label: what people
    call several. marker: the shape of one in pictures, by Matplotlib's name; none for what is not drawn or has several.
    """

    population: ClassVar[str]
    label: ClassVar[str]
    marker: ClassVar[str] = ""
    rests: ClassVar[bool] = False
    depletable: ClassVar[bool] = False
    stream: ClassVar[str]
    row_stream: ClassVar[str]

    z = column(np.float64, unit="um", meaning="depth of the centre in a block; nothing in a section")
    y = column(np.float64, unit="um", meaning="position of the centre, across the rows of the section")
    x = column(np.float64, unit="um", meaning="position of the centre, along a row of the section")

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "population" in vars(cls) or not hasattr(cls, "population"):  # else a view of a kind declared elsewhere
            cls.stream = vars(cls).get("stream", getattr(cls, "population", cls.__name__))
            cls.row_stream = vars(cls).get("row_stream", cls.__name__)

    @classmethod
    def declared(cls) -> Mapping[str, column[Any]]:
        """Name and declaration of each column: dtype, unit, meaning, default, names."""
        return _columns_of(cls)  # type: ignore[arg-type]  # a class is hashable


class Identities:
    """Unique ids of one model: 1, 2, 3 ..., shared by all its populations and its ordinary agents."""

    def __init__(self, first: int = 1) -> None:
        self.next = first

    def take(self, n: int) -> NDArray[np.int64]:
        """The next n ids, int64[n], ascending and never given again."""
        start, self.next = self.next, self.next + n
        return np.arange(start, self.next, dtype=np.int64)


def derived_keys(name: str, unique_ids: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Birth keys, uint64[n], for rows that somebody adds without saying how they were born.

    key = splitmix64(splitmix64(h) + unique_id), where h is the first eight bytes (little-endian) of the BLAKE2b digest of
    the population's name and splitmix64 is the mixer of Steele, Lea and Flood 2014. A bijection of the id, hence free of
    collisions within a population. It depends on the order of creation: processes give keys of their own.
    """
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    start = splitmix64(np.frombuffer(digest, "<u8").astype(np.uint64))
    return splitmix64(start + unique_ids.astype(np.uint64))


def splitmix64(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The SplitMix64 output for each 64-bit state, uint64[n]: a bijection that scatters neighbours."""
    z = numbers + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


class Population(CellType):
    """All cells of one kind. ``population.<column>`` is a writable view, one entry a row, rows in order of unique id.

    A kind of cell of the model has a subclass, ``class KupfferCells(KupfferCell, Population)``, so that a type checker knows its
    columns. Views of columns are good until the next :meth:`add` or :meth:`remove`; take them again afterwards. Besides the
    declared columns there are always ``unique_id`` (int64) and ``key`` (uint64, the birth key). Assigning
    ``population.load = values`` writes into the column (one value, or one a row).
    """

    cell_type: Any  # a CellType: its columns by name
    identities: Identities
    name: str
    model: Any  # the Mesa model that shows these rows as agents; None while the engine runs by itself
    columns: dict[str, NDArray[Any]]  # with spare capacity; only the first len(self) entries are alive
    _length: int
    _views: dict[str, NDArray[Any]]  # the living entries of columns that were asked for, while no row comes or goes
    removals: int  # how often rows have moved, so that whoever remembers rows knows whether they still hold

    def __init__(self, cell_type: Any, identities: Identities) -> None:
        declared = cell_type.declared()
        taken = sorted(name for name in declared if name not in "zyx" and (hasattr(Population, name) or name in RESERVED))
        if taken:
            raise ValueError(f"{cell_type.__name__}: a column cannot be called {', '.join(taken)}")
        arrays = {"unique_id": np.empty(0, np.int64), "key": np.empty(0, np.uint64)}
        arrays |= {name: np.empty(0, declared[name].dtype) for name in declared}
        start = {"cell_type": cell_type, "identities": identities, "name": cell_type.__name__, "model": None}
        self.__setstate__(start | {"columns": arrays, "removals": 0, "_length": 0})

    def __len__(self) -> int:
        return self._length

    @property
    def unique_id(self) -> NDArray[np.int64]:
        """Of each row, ascending."""
        return self.columns["unique_id"][: self._length]

    @property
    def key(self) -> NDArray[np.uint64]:
        """The birth key of each row."""
        return self.columns["key"][: self._length]

    if not TYPE_CHECKING:  # a type checker knows the columns that a subclass declares, and no others

        def __getattr__(self, name: str) -> Any:
            # Underscored names are asked for while a copy or an unpickled object is still empty.
            if name.startswith("_") or name in RESERVED:
                raise AttributeError(name)
            if name in self.columns:
                return self.columns[name][: self._length]
            raise AttributeError(f"{self.name} has no column {name!r}{self._known()}")

        def __setattr__(self, name: str, value: Any) -> None:
            if name in RESERVED:
                self.__dict__[name] = value
            elif name == "unique_id":
                raise AttributeError("unique ids are given once, when a row is added")
            elif name in self.columns:
                self._write(slice(0, self._length), name, value)
            else:
                raise AttributeError(f"{self.name} has no column {name!r}{self._known()}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.columns]

    def __repr__(self) -> str:
        return f"<Population of {self._length} {self.name}>"

    def add(self, n: int, key: ArrayLike | None = None, **columns: Any) -> slice:
        """Append n rows and return where they are. A value is one for all or one a row; left out, the column's default.

        key: the birth keys, uint64[n]; left out, they are :func:`derived_keys`. TypeError or ValueError, before anything
        has changed, for a column that does not exist, a wrong length or a value that does not fit.
        """
        n = int(n)
        if n < 0:
            raise ValueError(f"{self.name}: cannot add {n} rows")
        declared: Mapping[str, column[Any]] = self.cell_type.declared()
        unknown = [name for name in columns if name not in declared]
        if unknown:
            raise TypeError(f"{self.name} has no column {', '.join(unknown)}{self._known()}")
        given = {name: self._shaped(name, declared[name].encode(value), n) for name, value in columns.items()}
        keys = None if key is None else self._shaped("key", KEY.encode(key), n)
        rows = slice(self._length, self._length + n)
        self._reserve(rows.stop)
        identities = self.identities.take(n)
        self.columns["unique_id"][rows] = identities
        stream = getattr(self.cell_type, "row_stream", self.name)
        self.columns["key"][rows] = derived_keys(stream, identities) if keys is None else keys
        for name, declaration in declared.items() if n else ():
            self.columns[name][rows] = given.get(name, declaration.default)
        self._length = rows.stop
        self._views.clear()
        return rows

    def remove(self, rows: ArrayLike | slice) -> int:
        """Take rows out and close the gaps, keeping the order. Returns how many went.

        rows: bool[len(self)], or row numbers (each from 0; repeats count once), or a slice. IndexError when out of range.
        """
        n = self._length
        if isinstance(rows, slice):
            keep = np.ones(n, bool)
            keep[rows] = False
        else:
            chosen = np.asarray(rows)
            if chosen.size == 0 or (chosen.dtype == bool and chosen.shape == (n,) and not chosen.any()):
                return 0
            keep = np.ones(n, bool)
            if chosen.dtype == bool and chosen.shape != (n,):
                raise IndexError(f"{self.name} has {n} rows; the mask has shape {chosen.shape}")
            if chosen.size and chosen.dtype != bool and (chosen.dtype.kind not in "iu" or chosen.min() < 0):
                raise IndexError(f"{self.name}: rows are integers from 0 to {n - 1}")
            keep[chosen if chosen.size else []] = False
        left = int(np.count_nonzero(keep))
        if left < n:
            first = int(np.argmin(keep))  # rows before it stay where they are
            moved = first + np.flatnonzero(keep[first:])
            for array in self.columns.values():
                array[first:left] = array[moved]
            self._length = left
            self._views.clear()
            self.removals += 1
        return n - left

    def find(self, unique_ids: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Rows of these ids, int64[n], and which of them live, bool[n]; the row of one that does not is meaningless."""
        wanted = np.asarray(unique_ids, np.int64)
        rows = np.searchsorted(self.unique_id, wanted)
        alive = rows < self._length
        alive[alive] = self.columns["unique_id"][rows[alive]] == wanted[alive]
        return rows, alive

    def find_one(self, unique_id: int, hint: int) -> int:
        """The row of one id, or -1 when it is gone; hint: the row where it was last seen."""
        ids = self.columns["unique_id"]
        # Beyond the living rows stand leftovers of removed ones, whose ids must not be believed.
        if hint < self._length and ids.item(hint) == unique_id:
            return hint
        row = int(np.searchsorted(ids[: self._length], unique_id))
        return row if row < self._length and ids[row] == unique_id else -1

    def __getstate__(self) -> dict[str, Any]:
        living = {name: array[: self._length].copy() for name, array in self.columns.items()}
        return {name: value for name, value in self.__dict__.items() if name != "_views"} | {"columns": living}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state | {"_views": {}})

    def _known(self) -> str:
        return f"; its columns are {', '.join(self.columns)}"

    def _reserve(self, rows: int) -> None:
        capacity = len(self.columns["unique_id"])
        if rows > capacity:
            capacity = max(rows, 2 * capacity, SMALLEST_CAPACITY)
            for name, array in self.columns.items():
                larger = np.empty(capacity, array.dtype)
                larger[: self._length] = array[: self._length]
                self.columns[name] = larger

    def _shaped(self, name: str, values: NDArray[Any], n: int) -> NDArray[Any]:
        if values.shape not in ((), (n,)):
            raise ValueError(f"{self.name}.{name}: shape {values.shape} given; one value or {n} are needed")
        return values

    def _write(self, rows: slice, name: str, value: Any) -> None:
        declaration = KEY if name == "key" else self.cell_type.declared()[name]
        values = self._shaped(name, declaration.encode(value), rows.stop - rows.start)
        self.columns[name][rows] = values


KEY = column(np.uint64, meaning="birth key: the number that this cell's draws are made from")
KEY.name = "key"
RESERVED = frozenset({"cell_type", "identities", "name", "model", "columns", "removals", "_length", "_views"})
