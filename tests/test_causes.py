"""The shortest way through the rules from what was done to what is read."""

import pytest

from niche_sim.experiment import scenario
from niche_sim.experiment.setup import setup
from niche_sim.experiment.simulation import Simulation
from niche_sim.inference.causes import path_length, read_by, steps_between
from niche_sim.inference.verdicts import comparison_of
from niche_sim.model.readouts import BY_NAME


class Rule:
    def __init__(self, reads, writes, name="rule"):
        self.reads, self.writes, self.name = reads, writes, name


CHAIN = [Rule(("c",), ("d",)), Rule(("a.one",), ("b.two",)), Rule(("b",), ("c.three",))]


@pytest.mark.parametrize(
    ("begun", "wanted", "steps"),
    [
        ("a.one", "a.one", 0), ("a.one", "a", 0), ("a", "a.one", 0), ("a.one", "b.two", 1), ("a.one", "b", 1),
        ("a.one", "d", 3), ("a", "d", 3), ("a.two", "d", None), ("d", "a", None), ("ab", "b.two", None),
    ],
)  # fmt: skip
def test_steps_of_a_chain(begun, wanted, steps):
    assert steps_between(CHAIN, {begun}, {wanted}) == steps


def test_rules_that_bring_no_tumour_cells_do_not_lead_to_them():
    rules = [Rule(("primary",), ("exosomes", "tumour_cells"), "Shedding"), Rule(("exosomes",), ("tumour_cells",))]
    assert steps_between(rules, {"primary"}, {"tumour_cells"}) == 1
    assert steps_between(rules, {"primary"}, {"tumour_cells"}, ["Shedding"]) == 2


@pytest.mark.parametrize(
    ("arm", "against", "readout", "steps"),
    [
        ("educated", "pbs", "exosomes_taken_up", 1),  # given, taken up
        ("educated", "pbs", "tgfb_mean", 2),  # digested, secreted
        ("tgfb_inhibitor", "educated", "fibronectin_mean", 2),
        ("educated", "educated", "colonies", None),
    ],
)
def test_ways_in_the_first_experiment(arm, against, readout, steps):
    made = setup(scenario.load("liver_education_costasilva2015"))
    found = path_length(made, arm, against, [readout])
    assert found == steps


def test_a_readout_says_what_it_looks_at():
    model = Simulation(rng=1)
    assert read_by("tgfb_mean", model) == {"tgfb"}
    assert read_by("il6", model) == {"blood.il6"}
    assert read_by("onset_angiogenesis", model) == {"vessels"}
    assert all(read_by(name, model) for name in BY_NAME)
    assert isinstance(model.state.populations, dict)  # it is left as it was
    assert type(model.state).__name__ == "State"


def test_what_cannot_be_asked_is_said_with_its_reason():
    found = scenario.cannot_be_asked()
    assert len({one["id"] for one in found}) == len(found) >= 5


def test_enough_is_asked_that_could_fail_and_enough_of_it_with_a_size():
    """Independent comparisons that nothing was fitted to and that take more than one rule; sizes that somebody read."""
    asked, sized = set(), set()
    for name in scenario.ids():
        experiment = scenario.load(name)
        made = setup(experiment)
        for target in experiment.targets:
            if target.use == "fit" or target.by_construction:
                continue
            if target.against is not None:
                readouts = [one for one in (target.readout, target.against_readout) if one is not None]
                if (path_length(made, target.arm, target.against, readouts) or 0) <= 1:
                    continue
            asked.add(comparison_of(name, target))
            if target.band is not None and (target.size is None or target.size.strength != "assumed"):
                sized.add(comparison_of(name, target))
    assert len(asked) >= 60
    assert len(sized) >= 30
