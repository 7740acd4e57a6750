"""What each process says it reads and writes is true: whole mice, step by step, with a state that watches.

A process acts on a stand-in for the state that refuses whatever it has not declared, and the state before and after is
compared. At the end every declaration must have been needed at least once, or the wiring that is drawn from it would
show arrows that are not there.
"""

from __future__ import annotations

import types

import numpy as np
import pytest

from niche_sim.engine.columns import Population
from niche_sim.model.actions import intervene
from niche_sim.model.catalogue import CARGO
from niche_sim.model.process import Process
from niche_sim.model.schedule import ALTERNATIVES, DEFAULT, schedule
from niche_sim.model.state import COMPARTMENTS as COMPARTMENTS_OF_STATE
from niche_sim.model.state import FIELDS, State

STEPS = 10  # of each mouse: enough for every rule to have something to do
PARTS = tuple(COMPARTMENTS_OF_STATE)
RULES = (*DEFAULT, *ALTERNATIVES)
COUNTED = {"counters", "events", "colonies"}  # to count is to read where a counter stands


class UndeclaredError(AssertionError):
    """A process touched what it does not declare."""


class Watch:
    """What one process declares, and what it has touched so far."""

    def __init__(self, process):
        self.name, self.reads, self.writes = process.__name__, process.reads, process.writes
        self.read, self.written = set(), set()

    @staticmethod
    def covers(declared, name):
        """The declaration that covers a name: itself, or the whole of which it is a part."""
        return next((d for d in declared if d == name or d == name.partition(".")[0]), None)

    def reading(self, name):
        """Note that it reads; a column or part that it may write may be looked at on the way."""
        found = self.covers(self.reads, name)
        if found is not None:
            self.read.add(found)
        elif self.covers(self.writes, name) is None:
            raise UndeclaredError(f"{self.name} reads {name}; it declares {', '.join(self.reads)}")

    def writing(self, name):
        if self.covers(self.writes, name) is None:
            raise UndeclaredError(f"{self.name} writes {name}; it declares {', '.join(self.writes)}")


class WatchedPopulation:
    """Stands in for a population: columns by name, rows that come and go."""

    def __init__(self, population, name, watch):
        self.__dict__.update(_population=population, _name=name, _watch=watch)

    def _some_column(self):
        """Rows are counted and found, and their keys taken, by whoever reads any column of them."""
        declared = (*self._watch.reads, *self._watch.writes)
        self._watch.read |= {self._name} & set(self._watch.reads)
        if not any(d.partition(".")[0] == self._name for d in declared):
            raise UndeclaredError(f"{self._watch.name} looks at the rows of {self._name}")

    def __len__(self):
        self._some_column()
        return len(self._population)

    def __getattr__(self, name):
        if name in self._population.columns:
            if name in ("unique_id", "key"):
                self._some_column()
            else:
                self._watch.reading(f"{self._name}.{name}")
            return getattr(self._population, name)
        if name == "columns":
            return {column: getattr(self, column) for column in self._population.columns}
        if name == "find":
            self._some_column()
        elif name in ("add", "remove"):
            self._watch.writing(self._name)
        elif name not in ("removals", "name", "stream", "cell_type", "population", "rests"):
            raise UndeclaredError(f"{self._watch.name} asks {self._name} for {name}")
        return getattr(self._population, name)

    def __setattr__(self, name, value):
        self._watch.writing(f"{self._name}.{name}")
        setattr(self._population, name, value)


class WatchedPart:
    """Stands in for blood, the primary, blocks, boosts, drugs, marrow, lymph node or counters."""

    def __init__(self, part, name, watch):
        self.__dict__.update(_part=part, _name=name, _watch=watch)

    def __getattr__(self, name):
        if self._name not in COUNTED:
            self._watch.reading(f"{self._name}.{name}")
        return getattr(self._part, name)

    def __setattr__(self, name, value):
        self._watch.writing(f"{self._name}.{name}")
        setattr(self._part, name, value)


class WatchedPopulations(dict):
    """The populations by name."""


class WatchedState:
    """Stands in for the state; its own methods run on the stand-in, so that what they touch is seen, too."""

    def __init__(self, state, watch):
        stand_ins = {name: WatchedPopulation(rows, name, watch) for name, rows in state.populations.items()}
        self.__dict__.update(_state=state, _watch=watch, populations=WatchedPopulations(stand_ins))

    def __getattr__(self, name):
        state, watch = self._state, self._watch
        if name in self.populations:
            return self.populations[name]
        if name in PARTS:
            return WatchedPart(getattr(state, name), name, watch)
        if name in COUNTED:
            watch.writing(name)
        elif name in ("time", "step_index"):
            watch.reading("time")
        elif name == "of_tracers":
            pass  # whose cells these are
        elif name in FIELDS or name in ("section", "resting_density"):
            watch.reading(name)
        elif isinstance(method := getattr(State, name, None), types.FunctionType):
            return types.MethodType(method, self)
        elif isinstance(method, property):  # `recipient_cells`: whichever population it is
            return method.fget(self)
        else:
            raise UndeclaredError(f"{watch.name} asks the state for {name}")
        return getattr(state, name)

    def __setattr__(self, name, value):
        self._watch.writing(name)
        setattr(self._state, name, value)

    def sites(self, population):
        """As of the state, which remembers those of cells at rest; reads positions and the section."""
        _ = population.y, population.x, self.section
        return self._state.sites(population._population)

    def place(self, name, uniforms):
        """As of the state, which remembers sums of resting densities; reads them and the section."""
        _ = self.resting_density, self.section
        return self._state.place(name, uniforms)


@pytest.fixture(scope="module")
def watched(moments, freeze, changed):
    """Every process through some steps of every mouse: (watches by name, all that went wrong).

    A slow rule acts in each of these steps with its own period, and so do the alternatives of other schedules.
    """
    watches, wrong = {kind.__name__: Watch(kind) for kind in RULES}, []
    for mouse, moment in moments.items():
        model = moment.model
        state, p, chance = model.state, model.parameters, model.chance
        state.thaw(moment.start)
        resting_density = {name: home.copy() for name, home in state.resting_density.items()}
        section = state.section
        for _ in range(STEPS):
            chance.step = state.step_index
            intervene(model.protocol.interventions, state, p, chance, model.dt)
            after = freeze(state)
            for process in (*schedule(), *(kind() for kind in ALTERNATIVES)):
                watch, before = watches[process.name], after
                dt = max(process.period, model.dt)
                try:
                    process.step(WatchedState(state, watch), p, chance, dt)
                except UndeclaredError as error:
                    wrong.append(f"{mouse}: {error}")
                    state.thaw(before)
                    process.step(state, p, chance, dt)
                after = freeze(state)
                for name in changed(before, after):
                    declared = watch.covers(watch.writes, name)
                    if declared is None:
                        wrong.append(f"{mouse}: {process.name} changed {name}; it declares {', '.join(watch.writes)}")
                    else:
                        watch.written.add(declared)
                if chance.step != state.step_index or state.section is not section:
                    wrong.append(f"{mouse}: {process.name} changed the clock or the section")
            state.step_index += 1
            state.time = state.step_index * model.dt
        if not all(np.array_equal(resting_density[name], state.resting_density[name]) for name in resting_density):
            wrong.append(f"{mouse}: somebody changed the resting densities")
    return watches, wrong


def of(process, wrong):
    return sorted({line.partition(": ")[2] for line in wrong if f"{process.__name__} " in line})


@pytest.mark.parametrize("process", RULES, ids=lambda process: process.__name__)
def test_touches_only_what_it_declares(watched, process):
    _, wrong = watched
    assert of(process, wrong) == []


@pytest.mark.parametrize("process", RULES, ids=lambda process: process.__name__)
def test_declares_only_what_it_touches(watched, process):
    watches, wrong = watched
    if of(process, wrong):
        pytest.fail(f"{process.__name__} touches more than it declares, see the other test")
    watch = watches[process.__name__]
    assert set(process.reads) - watch.read == set()
    assert set(process.writes) - watch.written == set()


def names_there_are():
    """Everything that a declaration may name."""
    state = State.__dataclass_fields__
    names = {"section", "resting_density", "time", "events", "colonies", *PARTS, *FIELDS}
    assert names - {"time"} <= set(state)
    populations = {kind.population: kind for kind in _cell_typees()}
    names |= set(populations) | {f"{name}.{c}" for name, kind in populations.items() for c in kind.declared()}
    for part in PARTS:
        names |= {f"{part}.{line}" for line in state[part].default_factory.__dataclass_fields__}
    return names


def _cell_typees():
    from niche_sim.model.cells import POPULATIONS

    return POPULATIONS


@pytest.mark.parametrize("process", RULES, ids=lambda process: process.__name__)
def test_declarations_name_what_there_is_once(process):
    for declared in (process.reads, process.writes):
        assert set(declared) <= names_there_are()
        assert len(set(declared)) == len(declared)
        wholes = {name for name in declared if "." not in name}
        assert not [name for name in declared if "." in name and name.partition(".")[0] in wholes]


# --- the stand-in itself ---------------------------------------------------------------------------------------------


class Careless(Process):
    """Does one thing; declares what it is told."""

    def __init__(self, does):
        self.does = does

    def step(self, state, p, chance, dt):
        self.does(state)


@pytest.mark.parametrize(
    ("does", "needs_reads", "needs_writes"),
    [
        (lambda s: s.tgfb.sum(), ("tgfb",), ()),
        (lambda s: s.section.area, ("section",), ()),
        (lambda s: s.resting_density["bmdc"], ("resting_density",), ()),
        (lambda s: s.time, ("time",), ()),
        (lambda s: s.step_index, ("time",), ()),
        (lambda s: s.blood.ccl2, ("blood.ccl2",), ()),
        (lambda s: s.blocked.mif, ("blocked.mif",), ()),
        (lambda s: s.primary.cells, ("primary",), ()),
        (lambda s: s.kupffer_cells.load.sum(), ("kupffer_cells.load",), ()),
        (lambda s: s.populations["kupffer_cells"].load, ("kupffer_cells.load",), ()),
        (lambda s: len(s.bmdc), ("bmdc",), ()),
        (lambda s: s.mapped(s.kupffer_cells), ("section", "kupffer_cells.y", "kupffer_cells.x"), ()),
        (lambda s: s.at(s.tgfb, s.nk_cells), ("section", "tgfb", "nk_cells"), ()),
        (lambda s: s.place("bmdc", np.full((2, 3), 0.5)), ("section", "resting_density"), ()),
        (lambda s: setattr(s, "tgfb", s._state.tgfb + 1), (), ("tgfb",)),
        (lambda s: setattr(s.blood, "ccl2", 1.0), (), ("blood.ccl2",)),
        (lambda s: setattr(s.counters, "tumour_born", 1), (), ("counters",)),
        (lambda s: s.bmdc.add(1), (), ("bmdc",)),
        (lambda s: s.nk_cells.remove([0]), (), ("nk_cells",)),
        (lambda s: s.events.note(0.0, "a", "b", [1.0], [1.0], [1]), (), ("events",)),
        (lambda s: s.colonies.add(4), (), ("colonies",)),
    ],
)
def test_the_stand_in_notices(naive, does, needs_reads, needs_writes):
    needed = [("reads", name) for name in needs_reads] + [("writes", name) for name in needs_writes]
    for left_out in [None, *needed]:
        kept = [item for item in needed if item != left_out]
        kind = type("Careless", (), {"reads": (), "writes": ()})
        kind.reads, kind.writes = (tuple(n for w, n in kept if w == which) for which in ("reads", "writes"))
        act = Careless(does)
        if left_out is None:
            act.step(WatchedState(naive, Watch(kind)), None, None, 1.0)
        else:
            with pytest.raises(UndeclaredError):
                act.step(WatchedState(naive, Watch(kind)), None, None, 1.0)


def test_changes_are_named(naive, freeze, changed):
    def scenes():
        yield lambda: None, set()
        yield lambda: naive.kupffer_cells.load.__setitem__(3, 5), {"kupffer_cells.load"}
        yield lambda: naive.kupffer_cells.educated_at.__setitem__(3, 5.0), {"kupffer_cells.educated_at"}
        yield lambda: naive.bmdc.add(1), {"bmdc"}
        yield lambda: naive.nk_cells.remove([0]), {"nk_cells"}
        yield lambda: naive.periostin.__setitem__((2, 3), 1.0), {"periostin"}
        yield lambda: setattr(naive.blood, "ccl2", 1.0), {"blood.ccl2"}
        yield lambda: setattr(naive.counters, "tumour_born", 3), {"counters.tumour_born"}
        yield lambda: naive.events.note(1.0, "a", "b", [1.0], [1.0], [1]), {"events"}
        yield lambda: naive.colonies.add(3), {"colonies"}
        yield lambda: setattr(naive, "time", 9.0), {"time"}

    for scene, names in scenes():
        before = freeze(naive)
        scene()
        assert changed(before, freeze(naive)) == names


def test_every_mouse_is_alive_with_what_its_rules_need(moments):
    """The mice in which processes are watched: each state of a tumour cell, all cargo, blocks, drugs, every organ."""
    for moment in moments.values():
        moment.model.state.thaw(moment.start)
    mice = {name: moment.model.state for name, moment in moments.items()}
    challenge, blocked, treated = mice["challenge"], mice["blocked"], mice["treated"]
    assert set(challenge.tumour_cells.cell_type.state.names) - {"circulating", "extravasated"} == {
        challenge.tumour_cells.cell_type.state.names[code] for code in np.unique(challenge.tumour_cells.state)
    }
    assert set(np.unique(challenge.tumour_cells.line)) == {0, 1}
    assert set(np.unique(blocked.exosomes.source)) == {0, 1}
    assert blocked.primary.cells > 0
    assert mice["primary"].primary.cells > 0
    assert isinstance(challenge.bmdc, Population)
    assert challenge.bmdc.arrested.any()
    assert challenge.periostin.max() > 0
    exposed = {cargo for cargo, doses in zip(CARGO, treated.blood.exposure, strict=True) if doses > 0}
    assert exposed == set(CARGO)
    assert len(np.unique(treated.bmdc.kind)) == len(treated.bmdc.cell_type.kind.names)
    assert treated.t_cells.effector.any()
    assert treated.lymph_node.effectors > 0
    assert treated.drugs.gemcitabine > 0
    assert treated.nets.any()
    assert (treated.oxygen < 1.0).any()
    for organ in ("lung", "brain"):
        assert len(mice[organ].kupffer_cells) == 0
        assert mice[organ].resident_recipient_cells.load.any()
