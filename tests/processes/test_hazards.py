"""One formula serves the step and a map: the hazard that a step uses is that of the place, whether cells are there or not."""

from __future__ import annotations

import numpy as np
import pytest

from niche_sim.model.actions import intervene
from niche_sim.model.process import Process
from niche_sim.model.processes.arrival.arrest import Arrest
from niche_sim.model.processes.arrival.post_extravasation_fate import PostExtravasationFate
from niche_sim.model.processes.shedding.primary_shedding import PrimaryShedding
from niche_sim.model.schedule import ALTERNATIVES, DEFAULT
from niche_sim.model.sensing import Present, Supposed
from niche_sim.model.state import State

EXACT = 1e-12  # rounding of a sum over a neighbourhood is the same, so this is generous
FATES = [kind for kind in DEFAULT if kind.has_hazard()]
CELLS = 8  # of each call of a rule whose hazard is looked up in a map
STEPS = 3
TRAITS = ("crowding", "emt", "resistance")


def without_tumour_cells(state):
    """A copy of the state that holds no tumour cell."""
    copy = State.empty(state.section)
    copy.thaw({name: np.array(values) for name, values in state.freeze().items()})
    copy.tumour_cells.remove(slice(None))
    return copy


def mapped(rate, state, p, where):
    """For some of the cells, the rate of each as a map over all sites of the state without tumour cells gives it."""
    bare = without_tumour_cells(state)
    chosen = np.unique(np.linspace(0, len(where) - 1, CELLS).astype(int))
    found = []
    for cell in chosen:
        traits = {name: float(getattr(where, name)[cell]) for name in TRAITS}
        supposed = Supposed.everywhere(state.section, where.line[cell], where.state[cell], **traits)
        found.append(rate(bare, p, supposed)[where.sites[cell]])
    return chosen, np.array(found)


def spy(method, used, shown):
    """The method of a rule, which now also notes what it gives for cells and what a map gives for them."""

    def noting(rule, state, p, where):
        rates = method(rule, state, p, where)
        if len(where) and isinstance(where, Present):
            before = state.freeze()
            chosen, found = mapped(lambda *given: method(rule, *given), state, p, where)
            after = state.freeze()
            assert all(before[name].tobytes() == after[name].tobytes() for name in before), "a hazard changes nothing"
            used.append(rates[chosen])
            shown.append(found)
        return rates

    return noting


@pytest.fixture(scope="module")
def compared(moments):
    """Name of a rule -> rates that its steps used, and the same from maps; all mice in which tumour cells are."""
    pairs = {kind.__name__: ([], []) for kind in (*FATES, PostExtravasationFate)}
    with pytest.MonkeyPatch.context() as patch:
        for kind in (*FATES, PostExtravasationFate):
            method = "hazard" if kind.has_hazard() else "share"
            patch.setattr(kind, method, spy(getattr(kind, method), *pairs[kind.__name__]))
        for name in ("challenge", "treated", "primary"):
            model = moments[name].model
            state, chance = model.state, model.chance
            state.thaw(moments[name].start)
            for _ in range(STEPS):
                chance.step = state.step_index
                intervene(model.protocol.interventions, state, model.parameters, chance, model.dt)
                for process in model.schedule:
                    process.step(state, model.parameters, chance, max(process.period, model.dt))
                state.step_index += 1
                state.time = state.step_index * model.dt
    return {name: tuple(np.concatenate(rates) for rates in both) for name, both in pairs.items() if both[0]}


@pytest.mark.parametrize("kind", [*FATES, PostExtravasationFate], ids=lambda kind: kind.__name__)
def test_a_step_uses_the_hazard_that_a_map_of_all_sites_shows(compared, kind):
    used, shown = compared[kind.__name__]
    np.testing.assert_allclose(used, shown, rtol=EXACT, atol=0.0)
    assert (used >= 0.0).all()
    assert used.max() > 0.0, "no cell was at risk: nothing was compared"


def test_a_hazard_that_looks_at_the_tumour_cells_would_be_seen(moments):
    class Careless(Process):
        def hazard(self, state, p, where):
            return np.full(len(where), float(len(state.tumour_cells)))

    model, start = moments["challenge"]
    model.state.thaw(start)
    where = Present(model.state, np.arange(5))
    chosen, found = mapped(Careless().hazard, model.state, model.parameters, where)
    assert Careless.has_hazard()
    assert not np.isclose(Careless().hazard(model.state, model.parameters, where)[chosen], found).any()


def test_a_supposed_cell_of_a_kind_is_on_every_site(section):
    supposed = Supposed.everywhere(section, 2, 3, crowding=1e-5, emt=0.25, resistance=0.5)
    assert len(supposed) == section.shape[0] * section.shape[1]
    assert supposed.sites.tolist() == list(range(len(supposed)))
    for name, value in (("line", 2), ("state", 3), ("crowding", 1e-5), ("emt", 0.25), ("resistance", 0.5)):
        assert (getattr(supposed, name) == value).all()


def test_every_rule_that_takes_or_moves_tumour_cells_states_its_hazard():
    """But those that bring them or arrest them by the flow, and the one that decides at once."""
    others = {PrimaryShedding, Arrest, PostExtravasationFate}
    touching = {
        kind for kind in (*DEFAULT, *ALTERNATIVES) if {"tumour_cells", "tumour_cells.state"} & set(kind.writes)
    }
    assert {kind for kind in touching if not kind.has_hazard()} == others
    with pytest.raises(NotImplementedError, match="Arrest states no hazard"):
        Arrest().hazard(None, None, None)
