"""Tracers: many times the dose, sensed by nothing, so that colonies at a real efficiency are counted."""

import numpy as np
import pytest

from niche_sim.engine.errors import InputError
from niche_sim.engine.kernels.neighbourhood import disc, gather, gather_own
from niche_sim.experiment import scenario
from niche_sim.experiment.editing import with_protocol
from niche_sim.experiment.protocol import read_protocol
from niche_sim.experiment.simulation import Simulation
from niche_sim.inference.receptivity import receptivity
from niche_sim.model.readouts import BY_NAME
from niche_sim.model.state import FIELDS

DOSES = '{ do = "inject_exosomes", source = "pdac", amount = "5 ug", every = "2 day", from = "0 day", to = "8 day" }'
EARLY = "{{ do = 'inject_tumour_cells', line = 'pan02', count = {count}, at = '{at} day'{more} }}"
SMALL = {"section.width": "0.6 mm", "section.height": "0.6 mm"}


def mouse(cells, days, seed=1, overrides=SMALL):
    """An educated mouse with such an injection, None for none."""
    base = scenario.load("liver_education_costasilva2015").with_(duration=24.0 * max(days, 30))
    done = f"[{DOSES}{', ' + cells if cells else ''}]"
    edited = with_protocol(base, "educated", read_protocol(done, "protocol"), until=base.duration, where="protocol")
    return Simulation(edited, list(edited.arms)[-1], overrides=overrides, rng=seed)


def run(model, days):
    for _ in range(24 * days):
        model.step()
    return model


def injected(count=500_000, at=2, more=""):
    return EARLY.format(count=count, at=at, more=more)


def traced(model):
    return BY_NAME["tracer_colonies"].measure(model.state, model.mouse)


def test_nothing_senses_tracers():
    with_them, without = run(mouse(injected(more=", oversample = 300"), 6), 6), run(mouse(None, 6), 6)
    assert len(with_them.state.tracers.cells) > 100
    assert len(with_them.state.tumour_cells) == 0
    for name in FIELDS:
        assert np.array_equal(getattr(with_them.state, name), getattr(without.state, name)), name
    for name, cells in without.state.populations.items():
        theirs = with_them.state.populations[name]
        for column, values in cells.columns.items():
            np.testing.assert_array_equal(theirs.columns[column][: len(theirs)], values[: len(cells)], f"{name}.{column}")
    assert with_them.state.counters == without.state.counters
    assert with_them.state.tracers.counters.tumour_arrived > 100


def test_real_cells_are_as_without_tracers_in_another_mouse():
    """The dose is Poisson about its mean times oversample: 1 gives as many as without."""
    one = run(mouse(injected(count=50_000_000, more=", oversample = 1"), 3), 3)
    real = run(mouse(injected(count=50_000_000), 3), 3)
    assert one.state.tracers.counters.tumour_entered == real.state.counters.tumour_entered > 50
    assert one.state.tracers.counters.tumour_arrived == real.state.counters.tumour_arrived


def test_a_checkpoint_keeps_tracers():
    calm = run(mouse(injected(more=", oversample = 300"), 6), 6)
    first = run(mouse(injected(more=", oversample = 300"), 6), 3)
    again = mouse(injected(more=", oversample = 300"), 6)
    again.state.thaw(first.state.freeze())
    run(again, 3)
    for name, values in calm.state.tracers.cells.columns.items():
        if name != "unique_id":
            n = len(calm.state.tracers.cells)
            assert np.array_equal(values[:n], again.state.tracers.cells.columns[name][:n], equal_nan=True), name
    assert again.state.tracers.counters == calm.state.tracers.counters


def test_crowding_among_own_by_hand():
    """As a field that holds but the members of one's own clone; at edges and in the middle."""
    shape, reach = (12, 9), disc(45.0, 20.0)
    rng = np.random.default_rng(1)
    clones = np.sort(rng.integers(0, 3, 40))
    members = rng.integers(0, shape[0] * shape[1], 40)
    sites, clone = rng.integers(0, shape[0] * shape[1], 25), rng.integers(0, 3, 25)
    first, after = (np.searchsorted(clones, clone, side=side) for side in ("left", "right"))
    found = gather_own(first, after - first, members, sites, shape, *reach)
    for i in range(25):
        own = np.bincount(members[clones == clone[i]], minlength=shape[0] * shape[1]).reshape(shape).astype(float)
        assert found[i] == pytest.approx(gather(own, sites[i : i + 1], *reach)[0])


@pytest.mark.slow
@pytest.mark.parametrize("oversample", [10, 100])
def test_tracers_found_as_many_colonies_as_receptivity_says(oversample):
    """Over three mice; the interval of a Poisson count, three standard errors and 8 % for what receptivity leaves out."""
    counted = expected = events = 0.0
    for seed in (1, 2, 3):
        model = run(mouse(injected(at=9, more=f", oversample = {oversample}"), 30, seed, {}), 30)
        counted += traced(model)
        events += len(model.state.tracers.colonies)
        expected += receptivity(mouse(injected(at=9), 30, seed, {}), event="reached_K").expected_colonies
    assert events > (5 if oversample == 10 else 50)
    assert abs(counted / expected - 1.0) < 3.0 / np.sqrt(events) + 0.08


@pytest.mark.slow
def test_shown_colonies_become_real():
    model = run(mouse(injected(at=4, more=", oversample = 2000, show_colonies = true"), 16), 16)
    tracers = model.state.tracers
    assert tracers.colonies
    assert len(model.state.tumour_cells) > 0
    assert tracers.colonies <= model.state.colonies
    assert not np.isin(tracers.cells.clone, list(tracers.colonies)).any()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (", oversample = 0.5", "oversample"),
        (", oversample = 1e7", "oversample"),
        (", oversample = 'many'", "oversample"),
        (", show_colonies = true", "show_colonies"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(more, said):
    with pytest.raises(InputError, match=said):
        read_protocol(f"[{injected(more=more)}]", "protocol")


def test_injections_are_all_traced_alike():
    both = f"{injected(at=1, more=', oversample = 10')}, {injected(at=2)}"
    with pytest.raises(InputError, match="the same oversample"):
        mouse(both, 4)
