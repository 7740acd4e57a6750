"""Rows seen as Mesa agents behave as ordinary agents do, on every Mesa we support.

The contract: each public name of AgentSet has a case below, run on ordinary agents, on the rows of one population, and on a
model that mixes rows and objects; results must agree. A name that a new Mesa adds and nobody looked at fails a test.
"""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import warnings
import weakref

import mesa
import numpy as np
import pandas as pd
import pytest
from mesa.agent import AgentSet

from niche_sim.engine.columns import Identities, Population, column
from niche_sim.mesa_model.agent_set import LazyAgentSet
from niche_sim.mesa_model.cell import Cell
from niche_sim.mesa_model.population_model import PopulationModel

STATES = ("arrested", "extravasated", "dividing")
N = 12
ROWS = [
    {
        "y": 2.0 * i,
        "x": 30.0 - i,
        "load": (7 * i) % 5,
        "bound": i % 3 == 0,
        "state": STATES[i % 3],
        "activation": 0.1 * i,
    }
    for i in range(N)
]


class Behaviour:
    """What both kinds of agents do; written once, so that only the storage differs."""

    def step(self):
        self.load += 1

    def eat(self, amount, times=1):
        self.load += amount * times
        return self.load

    def leave_if_bound(self):
        if self.bound:
            self.remove()

    def remove_next(self):
        for other in self.model.agents:
            if other.unique_id == self.unique_id + 1:
                self.model.log.append((self.unique_id, other.unique_id))
                other.remove()
                return

    def divide(self):
        self.load += 100
        type(self)(self.model, **{**ROWS[0], "load": 1000})

    @property
    def double(self):
        return 2 * self.load


class Kupffer(Behaviour, Cell):
    load = column(np.int64, unit="vesicle", meaning="vesicles inside")
    bound = column(np.bool_)
    state = column(np.int8, names=STATES)
    activation = column(np.float64, default=0.5)


class Tumour(Behaviour, Cell):
    load = column(np.int32)
    bound = column(np.bool_)
    state = column(np.int8, names=STATES)
    activation = column(np.float64)


class Ordinary(Behaviour, mesa.Agent):
    def __init__(self, model, **values):
        super().__init__(model)
        for name, value in values.items():
            setattr(self, name, value)


class Rows(PopulationModel):
    def __init__(self, *, rng=None):
        super().__init__(rng=rng)
        self.attach(Population(Kupffer, self.identities), Population(Tumour, self.identities))
        self.log = []


class Objects(mesa.Model):
    def __init__(self, *, rng=None):
        super().__init__(rng=rng)
        self.log = []


def ordinary():
    model = Objects(rng=5)
    for row in ROWS:
        Ordinary(model, **row)
    return model


def rows():
    model = Rows(rng=5)
    Kupffer.create_agents(model, N, **{name: [row[name] for row in ROWS] for name in ROWS[0]})
    return model


def mixed():
    """Two populations and ordinary agents, created in turns: the order of creation must show through."""
    model = Rows(rng=5)
    for i, row in enumerate(ROWS):
        (Kupffer, Ordinary, Tumour)[i % 3](model, **row)
    return model


def everybody(model):
    return model.agents


def selected(model):
    return model.agents.select(lambda agent: agent.unique_id > 2)


KINDS = pytest.mark.parametrize("build", [rows, mixed])
SETS = pytest.mark.parametrize("choose", [everybody, selected])


def plain(value):
    """A result as numbers that can be compared between models: agents become ids, sets become lists of them."""
    if isinstance(value, mesa.Agent):
        return value.unique_id
    if isinstance(value, AgentSet) or type(value).__name__ == "_HardKeyAgentSet":
        return [agent.unique_id for agent in value]
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if type(value).__name__ == "GroupBy":
        return plain(dict(value.groups))
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value


def state_of(model):
    """Everything about everybody."""
    names = ["unique_id", "y", "x", "load", "bound", "state", "activation"]
    return [[getattr(agent, name) for name in names] for agent in model.agents]


def error_of(call):
    """The result, or the kind of error: rows must fail where objects fail, and in the same way."""
    try:
        return plain(call())
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return type(error)


def agent_of(model, unique_id):
    return next(agent for agent in model.agents if agent.unique_id == unique_id)


def overlapping(model):
    """Another set of the same model, which overlaps with the selected one."""
    return model.agents.select(lambda agent: agent.unique_id in (1, 2, 3, 8))


def ever_less(agent):
    return -agent.load


# Each case takes (set, model) and gives something comparable. Cases may change the model: each gets a fresh one.
CASES = {
    "select": [
        lambda s, m: s.select(),
        lambda s, m: s.select() is s,
        lambda s, m: s.select(lambda a: a.load > 2),
        lambda s, m: s.select(lambda a: a.load > 2, at_most=2),
        lambda s, m: s.select(lambda a: a.state == "dividing", at_most=0.25),
        lambda s, m: s.select(at_most=0),
        lambda s, m: s.select(at_most=1),
        lambda s, m: s.select(at_most=1.0),
        lambda s, m: s.select(at_most=0.34),
        lambda s, m: s.select(at_most=0.99),
        lambda s, m: s.select(at_most=2.5),
        lambda s, m: s.select(at_most=-1),
        lambda s, m: s.select(agent_type=mesa.Agent, at_most=3),
        lambda s, m: s.select(agent_type=mesa.Model),
        lambda s, m: s.select(lambda a: a.bound).select(lambda a: a.load > 0),
        lambda s, m: (c := s.copy() if hasattr(s, "copy") else copy.copy(s)).select(at_most=4, inplace=True) is c,
        lambda s, m: copy.copy(s).select(lambda a: a.load > 2, inplace=True),
        lambda s, m: s.select(lambda a: a.missing),
    ],
    "shuffle": [
        lambda s, m: s.shuffle(),
        lambda s, m: [plain(s.shuffle()), plain(s.shuffle())],
        lambda s, m: copy.copy(s).shuffle(inplace=True),
        lambda s, m: (c := copy.copy(s)).shuffle(inplace=True) is c,
    ],
    "sort": [
        lambda s, m: s.sort("load"),
        lambda s, m: s.sort("load", ascending=True),
        lambda s, m: s.sort("state"),
        lambda s, m: s.sort("bound", ascending=True),
        lambda s, m: s.sort("double"),
        lambda s, m: s.sort(ever_less),
        lambda s, m: s.sort("model.running"),
        lambda s, m: s.sort(lambda a: a.x, ascending=True),
        lambda s, m: s.sort("unique_id").sort("load"),
        lambda s, m: (c := copy.copy(s)).sort("x", inplace=True) is c,
        lambda s, m: s.sort("missing"),
    ],
    "do": [
        lambda s, m: s.do("step") is s,
        lambda s, m: [s.do("eat", 3, times=2), state_of(m)],
        lambda s, m: [s.do(lambda a, more: a.eat(more), 2), state_of(m)],
        lambda s, m: [s.do("leave_if_bound"), s, state_of(m)],
        lambda s, m: [s.do("remove_next"), s, m.log, state_of(m)],
        lambda s, m: [s.do("divide"), s, state_of(m)],
        lambda s, m: [s.do("remove"), s, state_of(m)],
        lambda s, m: s.do("missing"),
    ],
    "shuffle_do": [
        lambda s, m: s.shuffle_do("step") is s,
        lambda s, m: [m.log, s.shuffle_do(lambda a: m.log.append(a.unique_id)), s],
        lambda s, m: [s.shuffle_do("eat", 3, times=2), state_of(m)],
        lambda s, m: [s.shuffle_do("remove_next"), s, m.log, state_of(m)],
        lambda s, m: [s.shuffle_do("leave_if_bound"), s, state_of(m)],
        lambda s, m: [s.shuffle_do("divide"), s, state_of(m)],
    ],
    "map": [
        lambda s, m: s.map("eat", 2),
        lambda s, m: s.map(lambda a, k=1: a.load * k, k=3),
        lambda s, m: s.map("step"),
        lambda s, m: s.map("missing"),
    ],
    "agg": [
        lambda s, m: s.agg("load", sum),
        lambda s, m: s.agg("activation", [min, max, np.mean, len]),
        lambda s, m: s.agg("double", np.sum),
        lambda s, m: s.agg("state", sorted),
        lambda s, m: s.agg("load", lambda values: values.count(2)),
        lambda s, m: s.agg("missing", sum),
    ],
    "get": [
        lambda s, m: s.get("load"),
        lambda s, m: [type(value) for name in ROWS[0] for value in s.get(name)],
        lambda s, m: s.get("state"),
        lambda s, m: s.get(["unique_id", "load", "bound", "state", "x"]),
        lambda s, m: s.get(("y",)),
        lambda s, m: s.get([]),
        lambda s, m: s.get(["load", "double"]),
        lambda s, m: s.get("missing"),
        lambda s, m: s.get("missing", "default"),
        lambda s, m: s.get(["load", "missing"], handle_missing="default", default_value=-1),
        lambda s, m: s.get("load", handle_missing="default"),
        lambda s, m: s.get("load", handle_missing="never"),
        lambda s, m: s.select(at_most=0).get("load"),
        lambda s, m: s.select(at_most=0).get(["load", "x"]),
    ],
    "set": [
        lambda s, m: s.set("load", 9) is s,
        lambda s, m: [s.set("activation", 0.75), state_of(m)],
        lambda s, m: [s.set("state", "dividing"), state_of(m)],
        lambda s, m: [s.set("bound", True), state_of(m)],
    ],
    "groupby": [
        lambda s, m: s.groupby("load"),
        lambda s, m: list(s.groupby("load").groups),
        lambda s, m: s.groupby("state", result_type="list"),
        lambda s, m: s.groupby(lambda a: a.load % 2),
        lambda s, m: s.groupby("double").count(),
        lambda s, m: s.groupby("state").agg("load", sum),
        lambda s, m: s.groupby("bound").map(len),
        lambda s, m: s.groupby("bound").map("get", "load"),
        lambda s, m: [len(s.groupby("bound").do("do", "step")), state_of(m)],
        lambda s, m: s.groupby("bound", result_type="list").map(len),
        lambda s, m: [(key, plain(group)) for key, group in s.groupby("state")],
        lambda s, m: s.groupby("missing"),
    ],
    "to_list": [lambda s, m: s.to_list(), lambda s, m: type(s.to_list())],
    "index": [
        lambda s, m: s.index(agent_of(m, 7)),
        lambda s, m: s.index(agent_of(m, 7), 2),
        lambda s, m: s.index(agent_of(m, 7), 0, 2),
        lambda s, m: s.index("nobody"),
    ],
    "count": [lambda s, m: [s.count(agent_of(m, 7)), s.count("nobody")]],
    "isdisjoint": [lambda s, m: s.isdisjoint(overlapping(m)), lambda s, m: s.isdisjoint(s.select(at_most=0))],
    "__and__": [lambda s, m: s & overlapping(m), lambda s, m: s & [agent_of(m, 3)]],
    "__or__": [lambda s, m: s.select(at_most=2) | overlapping(m), lambda s, m: s | []],
    "__sub__": [lambda s, m: s - overlapping(m), lambda s, m: s - {agent_of(m, 5)}],
    "__xor__": [lambda s, m: s ^ overlapping(m)],
    "__rand__": [lambda s, m: [agent_of(m, 8), agent_of(m, 3)] & s],
    "__ror__": [lambda s, m: [agent_of(m, 8), agent_of(m, 3)] | s],
    "__rsub__": [lambda s, m: [agent_of(m, 8), agent_of(m, 1)] - (s - overlapping(m))],
    "__rxor__": [lambda s, m: [agent_of(m, 8), agent_of(m, 1)] ^ s],
    "__eq__": [lambda s, m: [s == copy.copy(s), s == overlapping(m), s == 3, s != copy.copy(s), overlapping(m) == s]],
    "__le__": [
        lambda s, m: [
            s <= copy.copy(s),
            s < copy.copy(s),
            s >= overlapping(m),
            s > s.select(at_most=1),
            s.select(at_most=1) < s,
        ]
    ],
    "__len__": [lambda s, m: len(s), lambda s, m: [bool(s), bool(s.select(at_most=0))]],
    "__iter__": [lambda s, m: list(s), lambda s, m: next(iter(s))],
    "__reversed__": [lambda s, m: list(reversed(s))],
    "__contains__": [
        lambda s, m: [agent_of(m, n) in s for n in range(1, N + 1)],
        lambda s, m: [agent_of(ordinary(), 3) in s, "nobody" in s, None in s, [] in s.select()],
    ],
    "__getitem__": [
        lambda s, m: [s[0], s[-1], s[3]],
        lambda s, m: [s[2:5], s[::-2], s[99:]],
        lambda s, m: s[99],
        lambda s, m: s["load"],
        lambda s, m: s[np.int64(2)],
    ],
    "__copy__": [
        lambda s, m: copy.copy(s),
        lambda s, m: [c := copy.copy(s), agent_of(m, 4).remove(), plain(c), plain(s)],
        lambda s, m: [c := copy.copy(s), agent_of(m, 4).divide(), plain(c)],
    ],
    "__deepcopy__": [lambda s, m: copy.deepcopy(s).get("load")],
}
# Names of AgentSet that are compared through others, or that mean something else for rows (tested on their own below).
ELSEWHERE = {
    "__lt__": "__le__",
    "__gt__": "__le__",
    "__ge__": "__le__",
    "__ne__": "__eq__",
    "__hash__": "test_a_set_is_as_unhashable_as_mesas",
    "__getstate__": "test_sets_survive_a_pickle",
    "__setstate__": "test_sets_survive_a_pickle",
    "add": "test_membership_belongs_to_the_population",
    "discard": "test_membership_belongs_to_the_population",
    "remove": "test_membership_belongs_to_the_population",
    "pop": "test_membership_belongs_to_the_population",
    "clear": "test_membership_belongs_to_the_population",
    "__ior__": "test_membership_belongs_to_the_population",
    "__iand__": "test_membership_belongs_to_the_population",
    "__isub__": "test_membership_belongs_to_the_population",
    "__ixor__": "test_membership_belongs_to_the_population",
}
ONLY_SOME_MESAS = {"to_list"}  # not in 3.3; ours has it always
# What Python gives every class: construction, annotations, generics, documentation. None of it works on agents.
OF_EVERY_CLASS = set(dir(object)) | {
    "__abstractmethods__", "__annotations__", "__class_getitem__", "__dict__", "__firstlineno__", "__module__",
    "__orig_bases__", "__parameters__", "__slots__", "__static_attributes__", "__type_params__", "__weakref__",
}  # fmt: skip


def test_every_public_name_of_an_agent_set_is_compared():
    private = {name for name in dir(AgentSet) if name.startswith("_") and not name.startswith("__")}
    uncovered = set(dir(AgentSet)) - private - OF_EVERY_CLASS - set(CASES) - set(ELSEWHERE)
    assert uncovered == set(), "Mesa's AgentSet has names that nobody compared between objects and rows"
    gone = set(CASES) - set(dir(AgentSet)) - {"__copy__", "__deepcopy__"} - ONLY_SOME_MESAS
    assert gone == set(), "cases for names that AgentSet has not"
    assert all(where in CASES or where in globals() for where in ELSEWHERE.values())


@pytest.mark.filterwarnings("ignore:AgentSet.__getitem__ is deprecated:PendingDeprecationWarning")
@pytest.mark.filterwarnings("ignore:No Agents specified:UserWarning")
@KINDS
@SETS
@pytest.mark.parametrize("name", CASES)
def test_rows_do_as_objects_do(build, choose, name):
    """The same case on objects and on rows, result, errors, and everybody's state afterwards."""
    compared = 0
    for number, case in enumerate(CASES[name]):
        theirs, ours = ordinary(), build()
        their_set, our_set = choose(theirs), choose(ours)
        assert isinstance(our_set, LazyAgentSet)
        if not hasattr(type(their_set), name):  # in newer Mesas the set of a whole model is a class of its own
            their_set = AgentSet(list(their_set), theirs.random)
        if not hasattr(AgentSet, name) and name in ONLY_SOME_MESAS:
            assert plain(case(our_set, ours)) in (plain(list(their_set)), list)
            compared += 1
            continue
        expected = error_of(lambda case=case, s=their_set, m=theirs: case(s, m))
        found = error_of(lambda case=case, s=our_set, m=ours: case(s, m))
        assert found == expected, f"case {number} of {name}"
        assert state_of(ours) == state_of(theirs), f"state after case {number} of {name}"
        assert ours.random.getstate() == theirs.random.getstate(), f"random numbers drawn in case {number} of {name}"
        compared += 1
    assert compared == len(CASES[name])


def test_a_set_is_as_unhashable_as_mesas():
    for model in (ordinary(), rows()):
        with pytest.raises(TypeError, match="unhashable"):
            hash(copy.copy(model.agents))


@KINDS
@SETS
def test_membership_belongs_to_the_population(build, choose):
    model = build()
    agents = choose(model)
    agent = agent_of(model, 4)
    calls = {
        "created": [lambda: agents.add(agent), lambda: agents.__ior__([agent])],
        r"agent\.remove\(\)": [
            lambda: agents.discard(agent),
            lambda: agents.remove(agent),
            lambda: agents.pop(),
            lambda: agents.clear(),
            lambda: agents.__iand__([agent]),
            lambda: agents.__isub__([agent]),
            lambda: agents.__ixor__([agent]),
        ],
    }
    before = plain(agents)
    for says, tried in calls.items():
        for call in tried:
            with pytest.raises(TypeError, match=says):
                call()
    assert plain(agents) == before and state_of(model) == state_of(build())


@KINDS
@SETS
def test_sets_survive_a_pickle(build, choose):
    model = build()
    agents = choose(model).shuffle()
    twin, twin_model = pickle.loads(pickle.dumps((agents, model)))
    assert plain(twin) == plain(agents) and twin.get("load") == agents.get("load")
    assert plain(twin.shuffle()) == plain(agents.shuffle())
    agent_of(twin_model, 5).remove()
    assert plain(twin) == [n for n in plain(agents) if n != 5]
    alone = pickle.loads(pickle.dumps(choose(model)))
    assert alone.get(["unique_id", "state"]) == choose(model).get(["unique_id", "state"])


@pytest.mark.filterwarnings("ignore:No Agents specified:UserWarning")
@KINDS
def test_sets_of_mesa_do_not_lose_our_agents_when_they_are_joined(build):
    """A Mesa set holds agents weakly, and ours live as long as the expression; so the result must be one of ours."""
    ours = build()
    theirs = AgentSet([], random=ours.random)
    assert plain(theirs | ours.agents) == list(range(1, N + 1))
    assert plain(theirs ^ ours.agents) == list(range(1, N + 1))
    kept = list(ours.agents)[:3]
    weak = AgentSet(kept, random=ours.random)
    subset = ours.agents.select(lambda agent: agent.unique_id > 1)
    assert plain(weak & subset) == [2, 3] and plain(weak - subset) == [1] and plain(weak ^ subset)[:2] == [1, 4]
    assert isinstance(weak & subset, LazyAgentSet)


# One agent


def test_an_agent_reads_and_writes_its_row():
    model = rows()
    population, agent = model.population_of(Kupffer), agent_of(model, 3)
    assert (agent.load, agent.state, agent.bound, agent.pos) == (4, "dividing", False, (28.0, 4.0))
    assert all(type(value) in (int, float, bool, str) for value in (agent.load, agent.y, agent.bound, agent.state))
    agent.load, agent.bound, agent.state, agent.pos = 8, True, "arrested", (1.5, 2.5)
    row = {name: values[2].item() for name, values in population.columns.items() if name != "z"}
    assert row == {
        "unique_id": 3, "key": agent.key, "y": 2.5, "x": 1.5, "load": 8, "bound": True, "state": 0, "activation": 0.2
    }  # fmt: skip
    agent.state = 1
    assert agent.state == "extravasated"
    population.load[2] = 11
    assert agent.load == 11


@pytest.mark.parametrize(
    ("name", "value", "error", "says"),
    [
        ("state", "gone", ValueError, "arrested, extravasated, dividing"),
        ("state", 3, ValueError, "codes 0 to 2"),
        ("load", 2.5, TypeError, "load holds int64"),
        ("load", [1], TypeError, "one value"),
        ("laod", 1, AttributeError, "no column 'laod'.*load, bound"),
        ("unique_id", 1, AttributeError, "unique_id"),
        ("key", 1, AttributeError, "key"),
        ("model", None, AttributeError, "model"),
        ("step", None, AttributeError, "no column 'step'"),
        ("pos", (1.0, "left"), ValueError, "a number"),
        ("pos", None, TypeError, "unpack"),
    ],
)
def test_an_agent_refuses_what_its_row_cannot_hold(name, value, error, says):
    model = rows()
    agent = agent_of(model, 3)
    with pytest.raises(error, match=says):
        setattr(agent, name, value)
    assert state_of(model) == state_of(rows())
    assert not vars(agent)


def test_agents_of_the_same_row_are_equal_and_of_others_are_not():
    model, other = rows(), rows()
    first, again = agent_of(model, 1), agent_of(model, 1)
    assert first == again and first is not again and hash(first) == hash(again) and len({first, again}) == 1
    assert first != agent_of(model, 2) and first != agent_of(other, 1) and first != 1
    assert copy.copy(first) == first
    first.load = 50
    assert again.load == 50 and copy.copy(first).load == 50


def test_a_removed_agent_says_so_whatever_it_is_asked_and_never_comes_back():
    model = rows()
    agent, neighbour, last = agent_of(model, 4), agent_of(model, 5), agent_of(model, N)
    agent.remove(), last.remove()
    Kupffer.create_agents(model, 40, load=999)  # takes the places in the storage that became free
    uses = [
        *(lambda agent, name=name: getattr(agent, name) for name in ("load", "y", "state", "pos", "key", "double")),
        *(lambda agent, name=name: setattr(agent, name, 0) for name in ("load", "x", "state")),
        lambda agent: setattr(agent, "pos", (0.0, 0.0)),
        lambda agent: agent.step(),
        lambda agent: agent.locate(),
    ]
    for gone, number in ((agent, 4), (last, N), (copy.copy(agent), 4), (pickle.loads(pickle.dumps(agent)), 4)):
        for use in uses:
            with pytest.raises(ReferenceError, match=f"Kupffer {number} was removed"):
                use(gone)
        assert gone.unique_id == number and "removed" in repr(gone) and gone not in model.agents
        gone.remove()  # as in Mesa, a second time does no harm
    assert agent.model is model and neighbour.load == 3 and len(model.agents) == N - 2 + 40
    assert model.population_of(Kupffer).load[-40:].tolist() == [999] * 40


def test_an_agent_finds_its_row_wherever_it_moved():
    model = rows()
    population, kept = model.population_of(Kupffer), list(model.agents)
    population.remove(np.arange(N) % 4 == 0)
    population.add(3, load=77)
    population.remove([0])
    alive = {3: 4, 4: 1, 6: 0, 7: 2, 8: 4, 10: 3, 11: 0, 12: 2}
    assert {agent.unique_id: agent.load for agent in kept if agent in model.agents} == alive


@KINDS
def test_an_agent_that_was_removed_is_left_out_even_while_somebody_holds_it(build):
    model, met = build(), []
    held = list(model.agents)

    def remove_the_next(agent):
        met.append(agent.unique_id)
        for other in held:
            if other.unique_id == agent.unique_id + 1:
                other.remove()

    model.agents.do(remove_the_next)
    assert met == [1, 3, 5, 7, 9, 11] == plain(model.agents)


@KINDS
@SETS
def test_every_agent_gets_the_same_value_never_one_of_an_array(build, choose):
    model = build()
    with pytest.raises(TypeError, match="one value, not an array"):
        choose(model).select(agent_type=Cell).set("load", np.arange(len(choose(model).select(agent_type=Cell))))
    assert state_of(model) == state_of(build())


def test_iterating_goes_on_while_the_population_changes():
    model = rows()
    met = []
    for agent in model.agents:
        met.append((agent.unique_id, agent.load))
        if agent.unique_id % 3 == 1:
            agent.remove()
            for later in model.agents.select(lambda other, me=agent: other.unique_id == me.unique_id + 1):
                later.remove()
            Kupffer(model, load=500)
    assert met == [(n, (7 * (n - 1)) % 5) for n in range(1, N + 1) if n % 3 != 2]


def test_agents_pickle_with_their_model_even_when_it_remembers_them():
    model = rows()
    model.favourites = {agent_of(model, 2), agent_of(model, 9)}
    model.first = agent_of(model, 1)
    agent = pickle.loads(pickle.dumps(model.first))
    assert agent.load == 0 and agent.model.first == agent and agent.model is not model
    twin = copy.deepcopy(model)
    assert {agent.unique_id for agent in twin.favourites} == {2, 9}
    assert all(agent.model is twin and agent in twin.favourites for agent in twin.agents if agent.unique_id in (2, 9))
    twin.first.load = 70
    assert model.first.load == 0 and twin.population_of(Kupffer).load[0] == 70


# Classes and models


def test_a_class_lists_its_columns():
    assert list(Kupffer.declared()) == ["z", "y", "x", "load", "bound", "state", "activation"]
    assert Kupffer.declared()["load"] is Kupffer.load
    assert (Kupffer.load.unit, Kupffer.load.meaning, Kupffer.load.dtype) == ("vesicle", "vesicles inside", np.int64)
    assert Kupffer.state.code("dividing") == 2 and Kupffer.y.unit == "um"

    class Resting(Kupffer):
        load = None
        depth = column(np.float64)

    assert list(Resting.declared()) == ["z", "y", "x", "bound", "state", "activation", "depth"]
    for name in ("pos", "key", "unique_id", "model", "remove", "random", "step", "locate"):
        with pytest.raises(TypeError, match=f"cannot be called {name}"):
            type("Clash", (Cell,), {name: column(np.int8)})


def test_agents_are_created_one_by_one_or_many_at_once():
    model = Rows(rng=1)
    one = Kupffer(model, y=1.0, x=2.0, load=3, key=2**63 + 5)
    assert (one.pos, one.load, one.activation, one.key, one.unique_id) == ((2.0, 1.0), 3, 0.5, 2**63 + 5, 1)
    many = Tumour.create_agents(model, 3, load=(4, 5, 6), state="dividing")
    assert isinstance(many, LazyAgentSet)
    assert many.get(["unique_id", "load", "state"]) == [[2, 4, "dividing"], [3, 5, "dividing"], [4, 6, "dividing"]]
    framed = Kupffer.from_dataframe(
        model, pd.DataFrame({"load": [7, 8], "state": ["dividing", "arrested"]}), y=2.0, load=9
    )
    assert framed.get(["load", "state", "y"]) == [[9, "dividing", 2.0], [9, "arrested", 2.0]]
    assert len({agent.key for agent in model.agents}) == len(model.agents) == 6
    for wrong in ({"load": [1]}, {"laod": 1}, {"state": "gone"}):
        with pytest.raises((TypeError, ValueError)):
            Kupffer.create_agents(model, 2, **wrong)
    assert len(model.agents) == 6
    with pytest.raises(TypeError, match="PopulationModel, not Objects"):
        Kupffer(Objects())
    with pytest.raises(KeyError, match="no population of Strange; there are Kupffer, Tumour"):
        type("Strange", (Cell,), {})(model)


def test_objects_and_rows_share_ids_types_and_the_order_of_creation():
    model = mixed()
    assert plain(model.agents) == list(range(1, N + 1))
    assert [type(agent) for agent in model.agents][:4] == [Kupffer, Ordinary, Tumour, Kupffer]
    assert set(model.agent_types) == {Kupffer, Tumour, Ordinary}
    assert {kind: plain(agents) for kind, agents in model.agents_by_type.items()} == {
        Kupffer: [1, 4, 7, 10], Ordinary: [2, 5, 8, 11], Tumour: [3, 6, 9, 12],
    }  # fmt: skip
    assert plain(model.agents.select(agent_type=Cell)) == [1, 3, 4, 6, 7, 9, 10, 12]
    assert plain(model.agents.select(agent_type=Ordinary, at_most=2)) == [2, 5]
    agent_of(model, 5).remove()
    model.deregister_agent(agent_of(model, 6))
    assert plain(model.agents) == [1, 2, 3, 4, *range(7, N + 1)]
    assert Ordinary(model).unique_id == 13 and Kupffer(model).unique_id == 14
    with pytest.raises(TypeError, match="already"):
        model.register_agent(agent_of(model, 1))
    model.remove_all_agents()
    assert len(model.agents) == 0 and not model.agents and list(model.agents) == []
    assert [len(agents) for agents in model.agents_by_type.values()] == [0, 0, 0]


def test_a_live_set_follows_the_model_and_a_subset_only_forgets():
    model = mixed()
    live, subset = model.agents, model.agents.select(lambda agent: agent.unique_id < 7)
    of_a_kind = model.agents_by_type[Kupffer]
    Kupffer(model, load=1)
    agent_of(model, 1).remove()
    assert agent_of(model, 4) in subset and agent_of(model, 13) not in subset and agent_of(model, 13) in live
    assert plain(live) == list(range(2, 14)) and plain(of_a_kind) == [4, 7, 10, 13] and plain(subset) == [2, 3, 4, 5, 6]
    assert subset.select(at_most=1, inplace=True) is subset
    assert plain(subset) == [2] and agent_of(model, 4) not in subset and agent_of(model, 2) in subset
    assert plain(live.sort("unique_id", inplace=True)) == list(range(13, 1, -1))
    assert plain(live) == plain(model.agents)[::-1]
    with pytest.raises(AttributeError):
        model.agents = []


def test_a_class_with_a_remove_of_its_own_is_asked():
    class Mourned(Cell):
        def remove(self):
            self.model.log.append(self.unique_id)
            super().remove()

    model = Rows(rng=1)
    model.attach(Population(Mourned, model.identities))
    Mourned.create_agents(model, 3), Kupffer.create_agents(model, 2)
    model.agents.do("remove")
    assert model.log == [1, 2, 3] and len(model.agents) == 0


def test_populations_are_attached_once_and_with_ids_that_stay_unique():
    identities = Identities()
    alone = Population(Kupffer, identities)
    alone.add(3)
    model = PopulationModel(rng=1)
    model.attach(alone)
    assert model.identities is identities and plain(model.agents) == [1, 2, 3] and agent_of(model, 1).model is model
    with pytest.raises(ValueError, match="attached already"):
        model.attach(alone)
    with pytest.raises(ValueError, match="unique ids elsewhere"):
        model.attach(Population(Tumour, Identities()))
    with pytest.raises(ValueError, match="attached already"):
        PopulationModel(rng=1).attach(alone)
    with pytest.raises(ValueError, match="several models"):
        LazyAgentSet([agent_of(model, 1), agent_of(rows(), 1)])


def test_a_model_of_rows_is_freed():
    model = rows()
    model.agents.do("step")
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


# Mesa's own tools


class Collected(Rows):
    def __init__(self, cells=3, *, rng=None):
        super().__init__(rng=rng)
        Kupffer.create_agents(self, cells, load=np.arange(cells))
        Tumour(self, load=20), Ordinary(self, load=30, **{k: v for k, v in ROWS[0].items() if k != "load"})
        self.datacollector = mesa.DataCollector(
            model_reporters={
                "count": lambda model: len(model.agents),
                "load": lambda model: model.agents_by_type[Kupffer].agg("load", sum),
            },
            agent_reporters={"load": "load", "pos": lambda agent: (agent.x, agent.y)},
            agenttype_reporters={Kupffer: {"state": "state"}, Cell: {"double": lambda agent: agent.double}},
        )

    def step(self):
        self.agents.shuffle_do("step")
        self.population_of(Kupffer).remove([0])
        self.datacollector.collect(self)


def test_the_data_collector_records_rows_and_objects():
    model = Collected(rng=2)
    model.step(), model.step()
    frame = model.datacollector.get_model_vars_dataframe()
    assert frame["count"].tolist() == [4, 3] and frame["load"].tolist() == [2 + 3, 4]
    agents = model.datacollector.get_agent_vars_dataframe()["load"]
    assert [agents[1].to_dict(), agents[2].to_dict()] == [{2: 2, 3: 3, 4: 21, 5: 31}, {3: 4, 4: 22, 5: 32}]
    kind = model.datacollector.get_agenttype_vars_dataframe(Kupffer)["state"]
    assert kind[1].to_dict() == {2: "arrested", 3: "arrested"}
    assert model.datacollector.get_agenttype_vars_dataframe(Cell)["double"][2].to_dict() == {3: 8, 4: 44}


def test_batch_run_runs_a_model_of_rows():
    seeds = {"rng": [7]}  # an argument of its own in newer Mesas, a parameter like others before
    own = "rng" in inspect.signature(mesa.batch_run).parameters
    results = mesa.batch_run(
        Collected,
        {"cells": [3, 4]} if own else {"cells": [3, 4], **seeds},
        max_steps=2,
        data_collection_period=1,
        display_progress=False,
        **(seeds if own else {}),
    )
    # After the first step: the first Kupffer cell is gone and everybody has one more.
    first = [one for one in results if one["Step"] == 1 and "pos" in one]
    assert {(one["cells"], one["AgentID"]): one["load"] for one in first} == {
        (3, 2): 2, (3, 3): 3, (3, 4): 21, (3, 5): 31,
        (4, 2): 2, (4, 3): 3, (4, 4): 4, (4, 5): 21, (4, 6): 31,
    }  # fmt: skip


def test_a_whole_model_pickles_and_goes_on_as_if_nothing_had_happened():
    model = Collected(6, rng=3)
    model.datacollector = mesa.DataCollector(model_reporters={"running": "running"})  # Mesa's lambdas do not pickle
    model.step()
    twin = pickle.loads(pickle.dumps(model))
    model.step(), twin.step()
    Kupffer(model), Kupffer(twin)
    assert state_of(twin) == state_of(model) and plain(twin.agents.shuffle()) == plain(model.agents.shuffle())
    assert all(agent.model is twin for agent in twin.agents)


def test_a_set_warns_like_mesas_when_it_has_neither_agents_nor_random_numbers():
    with pytest.warns(UserWarning, match="No Agents specified"):
        LazyAgentSet([])
    model = rows()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nobody = model.agents - model.agents  # knows where it comes from
    assert len(nobody) == 0 and nobody.random is model.random
