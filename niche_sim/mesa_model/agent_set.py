"""A set of cells that makes its agents when they are asked for."""

from __future__ import annotations

import itertools
import math
import operator
import random as standard_random
import weakref
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import mesa
import numpy as np
from mesa.agent import AgentSet
from numpy.typing import NDArray

from niche_sim.engine.columns import Population, column
from niche_sim.mesa_model.cell import Cell, agent_class_of, show_row

# This class lives in different files of Mesa 3.3 and 3.5; what `groupby` returns is the same public thing in both.
GroupBy = type(AgentSet([], random=standard_random.Random(0)).groupby("unique_id"))


class _Rows:
    """The rows of a population, as a set of agents draws on them."""

    def __init__(self, population: Population) -> None:
        self.population, self.removals = population, population.removals
        self.ids = population.unique_id

    def agent(self, row: int, unique_id: int) -> Cell | None:
        if self.population.removals != self.removals:
            row = self.population.find_one(unique_id, row)
        return None if row < 0 else show_row(object.__new__(agent_class_of(self.population)), self.population, row, unique_id)

    def are(self, rows: NDArray[np.int64], agent_type: Any) -> NDArray[np.bool_]:
        return np.full(len(rows), issubclass(agent_class_of(self.population), agent_type))

    def declaration(self, name: str) -> column[Any] | None:
        return self.population.cell_type.declared().get(name)

    def values(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any] | None:
        """What agents would show for a column, or None when it is none; names as Python strings."""
        declaration = self.declaration(name)
        if declaration is None and name not in ("unique_id", "key"):
            return None
        stored = self.population.columns[name][rows]
        return stored if declaration is None or not declaration.names else np.array(declaration.names, object)[stored]


class _Objects:
    """Ordinary Mesa agents, seen like the rows of a population; held weakly, as Mesa's sets do."""

    def __init__(self, agents: AgentSet) -> None:
        self.agents = agents
        held = sorted(((agent.unique_id, weakref.ref(agent)) for agent in agents), key=operator.itemgetter(0))
        self.ids = np.array([unique_id for unique_id, _ in held], np.int64)
        self.references = [reference for _, reference in held]

    def agent(self, row: int, unique_id: int) -> mesa.Agent | None:
        agent = self.references[row]()
        return agent if agent is not None and agent in self.agents else None

    def are(self, rows: NDArray[np.int64], agent_type: Any) -> NDArray[np.bool_]:
        return np.array([isinstance(self.references[row](), agent_type) for row in rows.tolist()], bool)

    def declaration(self, name: str) -> None:
        return None

    def values(self, name: str, rows: NDArray[np.int64]) -> None:
        return None


class _Members(NamedTuple):
    """The living members of a set in its order: ids[n], in row rows[n] of sources[owner[n]]."""

    sources: list[_Rows | _Objects]
    owner: NDArray[np.int64]
    rows: NDArray[np.int64]
    ids: NDArray[np.int64]

    def agents(self) -> Iterator[Any]:
        """Each member that is still there when its turn comes."""
        for owner, row, unique_id in zip(self.owner.tolist(), self.rows.tolist(), self.ids.tolist(), strict=True):
            agent = self.sources[owner].agent(row, unique_id)
            if agent is not None:
                yield agent

    def parts(self) -> Iterator[tuple[_Rows | _Objects, NDArray[np.int64]]]:
        """Each source that has members here, and their places in the order."""
        for number, source in enumerate(self.sources):
            places = np.flatnonzero(self.owner == number)
            if len(places):
                yield source, places

    def values(self, name: str) -> NDArray[Any] | None:
        """A column of all members, or None when some of them have no such column."""
        found = [(places, source.values(name, self.rows[places])) for source, places in self.parts()]
        if not found or any(values is None for _, values in found):
            return None
        if len(found) == 1:
            return found[0][1]
        # Plain Python objects, so that booleans, numbers and names of different populations stay what they are.
        merged = np.empty(len(self.ids), object)
        for places, values in found:
            merged[places] = values
        return merged


class LazyAgentSet(AgentSet):
    """An AgentSet whose agents are made when asked for.

    It is either *live*, all rows of some populations (and all ordinary agents of a model) in order of unique id, or a
    *subset* that remembers unique ids. Removed agents drop out of both, also in the middle of ``do``; agents that are born
    meanwhile wait for the next call. In-place methods turn a live set into a subset and leave the model as it was. What
    belongs to a population is not decided here: ``add``, ``discard`` and ``remove`` raise TypeError.
    """

    def __init__(self, agents: Iterable[mesa.Agent], random: standard_random.Random | None = None) -> None:
        members = list(dict.fromkeys(agents))
        if random is None and members:
            random = members[0].model.random
        # With neither agents nor random numbers, this warns as it does for everybody.
        ordinary = AgentSet([agent for agent in members if not isinstance(agent, Cell)], random)
        populations = tuple(dict.fromkeys(agent._population for agent in members if isinstance(agent, Cell)))
        self._fill(populations, ordinary, np.array([agent.unique_id for agent in members], np.int64), ordinary.random)

    @classmethod
    def of(
        cls,
        *populations: Population,
        ordinary: AgentSet | None = None,
        ids: NDArray[np.int64] | None = None,
        random: standard_random.Random | None = None,
    ) -> LazyAgentSet:
        """All rows of these populations and all ordinary agents, live; or, with ids, those in this order.

        random: where shuffling draws from; left out, it is the model's, to which the populations must belong.
        """
        self = object.__new__(cls)
        self._fill(populations, ordinary, ids, random or populations[0].model.random)
        return self

    def _fill(self, populations: Any, ordinary: Any, ids: Any, random: Any) -> None:
        if len({id(population.identities) for population in populations}) > 1:
            raise ValueError("one set cannot hold agents of several models")
        self._populations: tuple[Population, ...] = populations
        self._ordinary: AgentSet | None = ordinary
        self._ids: NDArray[np.int64] | None = ids
        self._known_ids: frozenset[int] | None = None  # the same, made when membership is first asked for
        self.random = random

    def _members(self) -> _Members:
        sources: list[_Rows | _Objects] = [_Rows(population) for population in self._populations if len(population)]
        if self._ordinary:
            sources.append(_Objects(self._ordinary))
        if self._ids is None:
            ids = np.concatenate([source.ids for source in sources]) if sources else np.empty(0, np.int64)
            owner = np.repeat(np.arange(len(sources)), [len(source.ids) for source in sources])
            rows = np.concatenate([np.arange(len(source.ids)) for source in sources]) if sources else ids
            if len(sources) > 1:
                order = np.argsort(ids, kind="stable")  # each source is sorted already, which makes this cheap
                ids, owner, rows = ids[order], owner[order], rows[order]
            return _Members(sources, owner, rows, ids)
        owner, rows = np.full(len(self._ids), -1), np.zeros(len(self._ids), np.int64)
        for number, source in enumerate(sources):
            found = np.searchsorted(source.ids, self._ids)
            here = source.ids[np.minimum(found, len(source.ids) - 1)] == self._ids
            owner[here], rows[here] = number, found[here]
        alive = owner >= 0
        return _Members(sources, owner[alive], rows[alive], self._ids[alive])

    def _subset(self, ids: NDArray[np.int64], inplace: bool = False) -> LazyAgentSet:
        if inplace:
            self._ids, self._known_ids = ids, None
            return self
        return LazyAgentSet.of(*self._populations, ordinary=self._ordinary, ids=ids, random=self.random)

    # Mesa's sets are also sequences, and Python's sets build their results from agents.

    def __len__(self) -> int:
        if self._ids is None:
            return sum(map(len, self._populations)) + len(self._ordinary or ())
        return len(self._members().ids)

    def __iter__(self) -> Iterator[Any]:
        return self._members().agents()

    def __reversed__(self) -> Iterator[Any]:
        return reversed(self.to_list())

    def __contains__(self, agent: object) -> bool:
        if isinstance(agent, Cell):
            alive = agent._population.find_one(agent._unique_id, agent._row) >= 0
            if not alive or not any(agent._population is population for population in self._populations):
                return False
        elif not isinstance(agent, mesa.Agent) or self._ordinary is None or agent not in self._ordinary:
            return False
        if self._ids is None:
            return True
        if self._known_ids is None:
            self._known_ids = frozenset(self._ids.tolist())
        return agent.unique_id in self._known_ids

    def __getitem__(self, item: Any) -> Any:
        """One agent, or the list of a slice."""
        chosen = item if isinstance(item, slice) else operator.index(item)
        sources, owner, rows, ids = self._members()
        part = _Members(sources, *(np.atleast_1d(array[chosen]) for array in (owner, rows, ids)))
        agents = list(part.agents())
        return agents if isinstance(item, slice) else agents[0]

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        """Place of an agent in the order. ValueError when it is not there."""
        agents = self.to_list()
        return agents.index(value, start, len(agents) if stop is None else stop)

    def count(self, value: Any) -> int:
        """1 if the agent is in the set, else 0."""
        return int(value in self)

    def to_list(self) -> list[Any]:
        """The agents, in order."""
        return list(self)

    def copy(self) -> LazyAgentSet:
        """Those who are in the set now, as a subset."""
        return self._subset(self._members().ids.copy())

    __copy__ = copy

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} agents>"

    def _from_iterable(self, it: Iterable[mesa.Agent]) -> LazyAgentSet:
        return LazyAgentSet(it, self.random)

    # With a Mesa set on the left and one of ours on the right, Python asks ours, because it is a subclass with methods of
    # its own: Mesa's would hold our agents weakly and lose them.

    def __rand__(self, other: Iterable[Any]) -> Any:
        return self._from_iterable(agent for agent in other if agent in self)

    def __ror__(self, other: Iterable[Any]) -> Any:
        # Mesa lets a set come before a plain list, on whichever side it stands.
        order = (other, self) if isinstance(other, AbstractSet) else (self, other)
        return self._from_iterable(itertools.chain(*order))

    def add(self, agent: Any) -> None:
        """TypeError: agents are created in their population."""
        raise TypeError("an agent enters by being created, as in KupfferCell(model, ...); to join sets write a | b")

    def discard(self, agent: Any) -> None:
        """TypeError: agents leave by being removed from their population."""
        raise TypeError("an agent leaves with agent.remove(); for a set without it write agents - {agent}")

    remove = discard

    # Mesa's own methods.

    def select(
        self,
        filter_func: Callable[[Any], bool] | None = None,
        at_most: float = math.inf,
        inplace: bool = False,
        agent_type: Any = None,
    ) -> LazyAgentSet:
        """Those of a type that pass a filter, the first at_most of them (a float up to 1 is a fraction of the set)."""
        if filter_func is None and agent_type is None and at_most == math.inf:
            return self if inplace else self.copy()
        members = self._members()
        if isinstance(at_most, float) and at_most <= 1.0:
            at_most = int(len(members.ids) * at_most)
        limit = len(members.ids) if at_most == math.inf else max(0, math.ceil(at_most))
        if agent_type:
            fits = np.zeros(len(members.ids), bool)
            for source, places in members.parts():
                fits[places] = source.are(members.rows[places], agent_type)
            members = _Members(members.sources, members.owner[fits], members.rows[fits], members.ids[fits])
        if filter_func is None:
            return self._subset(members.ids[:limit].copy(), inplace)
        passed = itertools.islice((agent.unique_id for agent in members.agents() if filter_func(agent)), limit)
        return self._subset(np.fromiter(passed, np.int64), inplace)

    def shuffle(self, inplace: bool = False) -> LazyAgentSet:
        """The same agents in random order; with the same random state, the order that Mesa's own set would get."""
        ids = self._members().ids
        order = list(range(len(ids)))
        self.random.shuffle(order)
        return self._subset(ids[order], inplace)

    def sort(self, key: Callable[[Any], Any] | str, ascending: bool = False, inplace: bool = False) -> LazyAgentSet:
        """The same agents ordered by an attribute or function; equals keep their order, also when descending."""
        members = self._members()
        column_values = members.values(key) if isinstance(key, str) else None
        if column_values is not None:
            ids, values = members.ids, column_values.tolist()
        else:
            of = operator.attrgetter(key) if isinstance(key, str) else key
            pairs = [(agent.unique_id, of(agent)) for agent in members.agents()]
            ids, values = np.array([pair[0] for pair in pairs], np.int64), [pair[1] for pair in pairs]
        order = sorted(range(len(ids)), key=values.__getitem__, reverse=not ascending)
        return self._subset(ids[order], inplace)

    def do(self, method: str | Callable[..., Any], *args: Any, **kwargs: Any) -> LazyAgentSet:
        """Call a method, or a function of the agent, on each agent that is still there when its turn comes."""
        if method == "remove" and not args and not kwargs and self._remove_at_once():
            return self
        for agent in self:
            getattr(agent, method)(*args, **kwargs) if isinstance(method, str) else method(agent, *args, **kwargs)
        return self

    def _remove_at_once(self) -> bool:
        """Closing the gaps once instead of after every agent, unless some class has a remove of its own."""
        members = self._members()
        parts = list(members.parts())
        for source, _ in parts:
            if isinstance(source, _Objects) or agent_class_of(source.population).remove is not Cell.remove:
                return False
        for source, places in parts:
            source.population.remove(members.rows[places])  # type: ignore[union-attr]
        return True

    def shuffle_do(self, method: str | Callable[..., Any], *args: Any, **kwargs: Any) -> LazyAgentSet:
        """The same in random order."""
        self.shuffle().do(method, *args, **kwargs)
        return self

    def map(self, method: str | Callable[..., Any], *args: Any, **kwargs: Any) -> list[Any]:
        """The results of calling a method, or a function of the agent, on each agent."""
        if isinstance(method, str):
            return [getattr(agent, method)(*args, **kwargs) for agent in self]
        return [method(agent, *args, **kwargs) for agent in self]

    def get(self, attr_names: Any, handle_missing: str = "error", default_value: Any = None) -> list[Any]:
        """One attribute of each agent, or a list of several. handle_missing: "error" or "default"."""
        if handle_missing not in ("error", "default"):
            raise ValueError(f"Unknown handle_missing option: {handle_missing}, should be one of 'error' or 'default'")
        names = [attr_names] if isinstance(attr_names, str) else list(attr_names)
        members = self._members()
        found = [members.values(name) for name in names]
        if names and all(values is not None for values in found):
            lists = [values.tolist() for values in found]  # type: ignore[union-attr]
        else:
            missing = () if handle_missing == "error" else (default_value,)
            agents = list(members.agents())
            lists = [[getattr(agent, name, *missing) for agent in agents] for name in names]
            if not names:
                return [[] for _ in agents]
        return lists[0] if isinstance(attr_names, str) else [list(row) for row in zip(*lists, strict=True)]

    def set(self, attr_name: str, value: Any) -> LazyAgentSet:
        """Give every agent the same value of an attribute."""
        members = self._members()
        for source, places in members.parts():
            declaration = source.declaration(attr_name)
            encoded = None if declaration is None else declaration.encode(value)
            if encoded is not None and encoded.ndim == 0:
                source.population.columns[attr_name][members.rows[places]] = encoded  # type: ignore[union-attr]
            else:
                part = _Members(members.sources, members.owner[places], members.rows[places], members.ids[places])
                for agent in part.agents():
                    setattr(agent, attr_name, value)
        return self

    def agg(self, attribute: str, func: Any) -> Any:
        """A function of the list of values of an attribute, or the list of results of several functions."""
        values = self.get(attribute)
        return func(values) if callable(func) else [one(values) for one in func]

    def groupby(self, by: Callable[[Any], Any] | str, result_type: str = "agentset") -> Any:
        """Groups of agents by an attribute or function, as subsets ("agentset") or lists, in order of appearance."""
        members = self._members()
        values = members.values(by) if isinstance(by, str) else None
        if values is not None:
            named: Iterable[tuple[Any, int]] = zip(values.tolist(), members.ids.tolist(), strict=True)
        else:
            agents = members.agents()
            named = ((by(it) if callable(by) else getattr(it, by), it.unique_id) for it in agents)
        groups: dict[Any, list[int]] = {}
        for value, unique_id in named:
            groups.setdefault(value, []).append(unique_id)
        sets = {value: self._subset(np.array(ids, np.int64)) for value, ids in groups.items()}
        return GroupBy(sets if result_type == "agentset" else {value: list(agents) for value, agents in sets.items()})
