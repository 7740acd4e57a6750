"""A Mesa model that shows rows of populations as its agents."""

from __future__ import annotations

from typing import Any

import mesa

from niche_sim.engine.columns import Identities, Population
from niche_sim.mesa_model.agent_set import LazyAgentSet
from niche_sim.mesa_model.cell import Cell, agent_class_of


class PopulationModel(mesa.Model):
    """A Mesa model whose agents may be rows of populations beside ordinary objects.

    ``model.attach(Population(KupfferCell, model.identities))`` shows rows as agents; ``model.agents`` and
    ``model.agents_by_type`` are live sets. Unique ids are shared by all. Mesa's own events about added and removed agents
    (experimental, 3.5) are sent for ordinary agents only.
    """

    def __init__(self, *, rng: Any = None) -> None:
        super().__init__(rng=rng)
        self.identities = Identities()
        self.populations: dict[str, Population] = {}  # by name of the agent class

    def attach(self, *populations: Population) -> None:
        """Show the rows of these populations as agents. ValueError when ids or names would not be unique.

        Populations that were made with identities of their own bring them, as long as nobody has an id of this model yet.
        """
        for population in populations:
            if population.identities is not self.identities:
                if self.populations or self.identities.next > 1:
                    raise ValueError(f"{population.name} takes its unique ids elsewhere than the agents of this model")
                self.identities = population.identities
            if population.name in self.populations or population.model not in (None, self):
                raise ValueError(f"{population.name} is attached already")
            population.model = self
            self.populations[population.name] = population

    def population_of(self, agent_class: type[Cell]) -> Population:
        """The population whose rows are agents of this class. KeyError when there is none."""
        population = self.populations.get(agent_class.__name__)
        if population is None or agent_class_of(population) is not agent_class:
            known = ", ".join(self.populations) or "none"
            raise KeyError(f"no population of {agent_class.__name__}; there are {known}")
        return population

    def create_agents(self, agent_class: type[Cell], n: int, **columns: Any) -> LazyAgentSet:
        """Add n cells at once; each value is one for all or n of them."""
        population = self.population_of(agent_class)
        rows = population.add(n, **columns)
        return LazyAgentSet.of(population, ids=population.unique_id[rows].copy())

    @property
    def agents(self) -> LazyAgentSet:
        """All agents, in the order in which they were created."""
        return LazyAgentSet.of(*self.populations.values(), ordinary=super().agents, random=self.random)

    @property
    def agents_by_type(self) -> dict[type, Any]:
        """The agents of each class; a class whose population is attached is there even before its first cell."""
        rows = {agent_class_of(population): LazyAgentSet.of(population) for population in self.populations.values()}
        return {**super().agents_by_type, **rows}

    @property
    def agent_types(self) -> list[type]:
        """The classes of the agents."""
        return list(self.agents_by_type)

    def register_agent(self, agent: mesa.Agent) -> None:
        """Called by Mesa for each ordinary agent, which gets its id from the shared counter."""
        if isinstance(agent, Cell):
            raise TypeError(f"{agent!r} is in its population already")
        super().register_agent(agent)
        agent.unique_id = int(self.identities.take(1)[0])

    def deregister_agent(self, agent: mesa.Agent) -> None:
        """Take an agent out of the model."""
        if isinstance(agent, Cell):
            agent.remove()
        else:
            super().deregister_agent(agent)

    def remove_all_agents(self) -> None:
        """Empty all populations and remove all ordinary agents."""
        super().remove_all_agents()
        for population in self.populations.values():
            population.remove(slice(None))
