"""One row of a population as a Mesa agent.

The rows themselves are in :mod:`niche_sim.engine.columns`. A :class:`Cell` holds no state but which row it shows. Only
public names of Mesa are used, 3.3 to 3.5, here and in the files beside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mesa

from niche_sim.engine.columns import CellType, Population, column

if TYPE_CHECKING:
    from niche_sim.mesa_model.agent_set import LazyAgentSet
    from niche_sim.mesa_model.population_model import PopulationModel


class Cell(mesa.Agent, CellType):
    """An agent that shows one row of a population. Subclasses declare their columns and nothing that varies besides.

    ``KupfferCell(model, y=.., x=.., load=3)`` adds a row. Columns left out take their defaults; ``key`` is the birth key.
    Reading gives plain Python scalars, writing goes to the row. Once the cell is removed its state is gone: any use of
    that raises ReferenceError, for ever. Its ``unique_id`` and ``model`` stay known.
    """

    __slots__ = ("_population", "_row", "_unique_id")

    _population: Population
    _row: int  # where the row was last seen
    _unique_id: int

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        inherited = [name for base in cls.__mro__[1:] for name, it in vars(base).items() if not isinstance(it, column)]
        hidden = [name for name, it in vars(cls).items() if isinstance(it, column) and name in inherited]
        if hidden:
            raise TypeError(f"{cls.__name__}: a column cannot be called {', '.join(hidden)}; agents have one already")

    def __init__(self, model: PopulationModel, **columns: Any) -> None:
        # Mesa's own initialiser is left out: it would store this passing view in the model.
        if not hasattr(model, "population_of"):
            raise TypeError(f"{type(self).__name__} needs a PopulationModel, not {type(model).__name__}")
        population = model.population_of(type(self))
        row = population.add(1, **columns).start
        show_row(self, population, row, int(population.unique_id[row]))

    @classmethod
    def create_agents(cls, model: PopulationModel, n: int, **columns: Any) -> LazyAgentSet:
        """Add n rows at once; each value is one for all or n of them."""
        return model.create_agents(cls, n, **columns)

    @classmethod
    def from_dataframe(cls, model: PopulationModel, df: Any, **columns: Any) -> LazyAgentSet:
        """Add a row for each row of a pandas DataFrame, whose columns are ours; columns given besides come first."""
        return cls.create_agents(model, len(df), **{name: df[name].to_numpy() for name in df} | columns)

    def locate(self) -> tuple[Population, int]:
        """The population and the row that this agent shows now. ReferenceError when it was removed."""
        row = self._population.find_one(self._unique_id, self._row)
        if row < 0:
            raise ReferenceError(f"{type(self).__name__} {self._unique_id} was removed: it has no state any more")
        _set_row(self, row)
        return self._population, row

    @property
    def unique_id(self) -> int:
        """Unique among all agents of the model, from 1."""
        return self._unique_id

    @property
    def model(self) -> Any:
        """The model this agent is in, or was in."""
        return self._population.model

    @property
    def key(self) -> int:
        """The 64-bit birth key."""
        population, row = self.locate()
        return population.columns["key"].item(row)

    @property
    def pos(self) -> tuple[float, float]:
        """(x, y) in um."""
        population, row = self.locate()
        return population.columns["x"].item(row), population.columns["y"].item(row)

    @pos.setter
    def pos(self, position: tuple[float, float]) -> None:
        given_x, given_y = position
        columns = self.declared()
        # Both must be good before one of them is kept.
        x, y = columns["x"].encode(given_x), columns["y"].encode(given_y)
        self.x, self.y = x, y

    def remove(self) -> None:
        """Take the row out of the population. Nothing happens when it is out already."""
        row = self._population.find_one(self._unique_id, self._row)
        if row >= 0:
            self._population.remove([row])

    def __setattr__(self, name: str, value: Any) -> None:
        if not hasattr(getattr(type(self), name, None), "__set__"):
            known = ", ".join(self.declared())
            raise AttributeError(f"{type(self).__name__} has no column {name!r} and keeps nothing else; it has {known}")
        super().__setattr__(name, value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cell):
            return NotImplemented
        return other._unique_id == self._unique_id and other._population is self._population

    def __hash__(self) -> int:
        return hash(self._unique_id)

    def __repr__(self) -> str:
        gone = self._population.find_one(self._unique_id, self._row) < 0
        return f"<{type(self).__name__} {self._unique_id}{' (removed)' if gone else ''}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # The id comes first, because an agent in a set is hashed before the population, which may hold it, is there.
        return _named, (type(self), self._unique_id), (self._population, self._row)

    def __setstate__(self, state: tuple[Population, int]) -> None:
        show_row(self, *state, self._unique_id)


_VIEWS: dict[type, type[Cell]] = {}


def shows(cell_type: type) -> Callable[[type[Cell]], type[Cell]]:
    """Decorator of an agent class: cells of this type, whose columns it inherits, are seen as agents of that class."""

    def register(agent_class: type[Cell]) -> type[Cell]:
        _VIEWS[cell_type] = agent_class
        return agent_class

    return register


def agent_class_of(population: Population) -> type[Cell]:
    """The class of the agents that show the rows of a population: its cell type, if that is an agent class itself."""
    cell_type: type = population.cell_type
    return cell_type if issubclass(cell_type, Cell) else _VIEWS[cell_type]


_set_population = vars(Cell)["_population"].__set__
_set_row = vars(Cell)["_row"].__set__
_set_unique_id = vars(Cell)["_unique_id"].__set__


def show_row(agent: Cell, population: Population, row: int, unique_id: int) -> Cell:
    _set_population(agent, population)
    _set_row(agent, row)
    _set_unique_id(agent, unique_id)
    return agent


def _named(agent_class: type[Cell], unique_id: int) -> Cell:
    agent = object.__new__(agent_class)
    _set_unique_id(agent, unique_id)
    return agent
