"""What the parts do by themselves: shares by zone, reach, slowing, the judgement of the knock-out matrix, its figures."""

import dataclasses
from collections import Counter

import numpy as np
import pytest

from niche_sim.experiment import scenario
from niche_sim.experiment.protocol import Block, InjectExosomes
from niche_sim.figures.mechanism_chain import matrix_png, parts_png
from niche_sim.inference import mechanisms
from niche_sim.inference.effects import Effect
from niche_sim.inference.mechanisms import BLOCKS, SCHEDULES, Cell, Gate, Matrix, Reach, Slowing, Zonation
from niche_sim.model.catalogue import BLOCK_TARGETS
from niche_sim.model.parameters import resolve
from niche_sim.runs.cohort import Cohort
from niche_sim.runs.store import Part

PNG = b"\x89PNG\r\n\x1a\n"
DAY = 24.0
# Readouts of four mice without and with education: the niche's gain is 10, give or take a mouse's own 0.2.
CONTROL, EDUCATED = np.array([1.0, 1.2, 0.8, 1.0]), np.array([11.0, 11.4, 10.8, 11.2])


@pytest.fixture(scope="module")
def plans():
    return mechanisms.matrix_plans(4, seed=3)


def life(values):
    """A mouse of which rows on days 20 and 21 hold `values`, and an earlier row something else."""
    columns = {readout: np.array([value**2, value, value]) for readout, value in values.items()}
    return Part({"time_h": np.array([456.0, 480.0, 504.0]), **columns}, {})


def cohorts(plans, blocked):
    """Made-up mice of the matrix; blocked: (schedule, target) -> what the readout of the blocked arm holds, a mouse each."""
    found = []
    for name, plan in zip(SCHEDULES, plans, strict=True):
        lives = {}
        for arm in plan.arms:
            own = blocked.get((name, arm), CONTROL)
            values = {"pbs": CONTROL, "educated": blocked.get((name, "educated"), EDUCATED)}.get(arm, own)
            lives[arm] = {
                seed: life({"bmdc_arrested": value, "periostin_mean": value})
                for seed, value in zip(plan.seeds, values, strict=True)
            }
        found.append(Cohort(plan, lives))
    return found


# --- Zonation, reach, slowing ----------------------------------------------------------------------------------------


def test_zonation_is_in_shares_and_kupffer_cells_are_where_they_were_counted():
    zones = mechanisms.zonation(mice=4, seed=1)
    for shares in zones:
        assert shares.shape == (4, 3)
        np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-12)
    # Bouwens 1986. Some 1,440 cells a mouse: the standard error of a share over four mice is below 0.007.
    np.testing.assert_allclose(zones.kupffer.mean(axis=0), (0.43, 0.28, 0.29), atol=0.028)
    # What comes with the blood meets the portal third first: more arrests there than an even spread over cells or tissue.
    assert (zones.arrested[:, 0] > zones.arrested[:, 2]).all()
    assert not np.array_equal(zones.kupffer[0], zones.kupffer[1])
    again = mechanisms.zonation(mice=1, seed=2)
    for one, other in zip(again, zones, strict=True):
        np.testing.assert_array_equal(one[0], other[1])


def test_an_active_stellate_cell_lays_fibronectin_within_its_reach_and_nowhere_else():
    p = resolve()
    reach = mechanisms.stellate_reach(days=2.0)
    assert (np.diff(reach.distance) >= 0).all()
    gain = reach.fibronectin - 1.0  # in floors of a naive liver
    within = reach.distance <= p.stellate.reach
    assert gain[within].max() > 0.1
    beyond = reach.distance > p.stellate.reach + 10.0  # a site is 10 um wide
    assert beyond.sum() > 100
    np.testing.assert_array_equal(gain[beyond], 0.0)
    assert (mechanisms.stellate_reach(days=4.0).fibronectin[within] - 1.0).max() > 1.5 * gain[within].max()


def test_kupffer_cells_slow_with_load():
    p = resolve()
    slowing = mechanisms.kupffer_slowing()
    assert slowing.speed[0] == pytest.approx(4.6)  # MacPhee 1992, unloaded, um/min
    assert (np.diff(slowing.speed) < 0).all()
    half = np.interp(p.kupffer.half_load_speed, slowing.load, slowing.speed)
    assert half == pytest.approx(2.3, rel=0.02)  # read between points a twelfth apart
    assert slowing.speed[-1] < 0.02 * slowing.speed[0]


# --- The knock-out matrix --------------------------------------------------------------------------------------------


def test_the_matrix_has_an_arm_for_each_block_under_each_schedule(plans):
    assert [plan.experiment.schedule for plan in plans] == list(SCHEDULES)
    educated = {run.name for plan in plans for run in plan.runs() if (run.arm, run.seed) == ("educated", 3)}
    assert len(educated) == len(SCHEDULES)  # their mice are kept apart
    for plan in plans:
        assert plan.arms == ("pbs", "educated", *(target for target, *_ in BLOCKS))
        assert plan.seeds == (3, 4, 5, 6)
        assert plan.experiment.duration == 21 * DAY
        arms = plan.experiment.arms
        assert arms["pbs"].protocol.interventions == ()
        doses = arms["educated"].protocol.interventions
        published = scenario.load(mechanisms.EDUCATION).arm("educated").protocol.interventions
        assert doses == tuple(i for i in published if isinstance(i, InjectExosomes)) != ()
        for target, *_ in BLOCKS:
            assert target in BLOCK_TARGETS
            assert arms[target].protocol.interventions == (*doses, Block(target, 0.95, 0.0, 21 * DAY))


def test_a_schedule_stands_if_every_block_prevents(plans):
    found = mechanisms.matrix(cohorts(plans, {}))
    assert found.mice == 4
    assert len(found.cells) == len(SCHEDULES) * len(BLOCKS)
    assert Counter(cell.verdict for cell in found.cells) == {"prevented": len(found.cells)}
    for cell in found.cells:
        assert cell.effect.estimate == pytest.approx(1.0)
    assert [found.verdict(name) for name in SCHEDULES] == ["not rejected"] * 3


def test_a_block_that_does_not_prevent_rejects_its_schedule_alone(plans):
    kept = CONTROL + 0.8 * (EDUCATED - CONTROL)  # a fifth of the gain is prevented
    found = mechanisms.matrix(cohorts(plans, {("additive", "lox"): kept, ("additive", "granulin"): EDUCATED}))
    assert found.verdict("additive") == "rejected: LOX, granulin"
    assert [found.verdict(name) for name in ("default", "no_feedback")] == ["not rejected"] * 2
    (lox,) = (cell for cell in found.cells if (cell.schedule, cell.block) == ("additive", "lox"))
    assert lox.effect.estimate == pytest.approx(0.2)
    assert lox.effect.high < 0.5
    assert lox.verdict == "not prevented"


def test_a_wide_interval_leaves_a_schedule_undecided_unless_another_block_rejects_it(plans):
    wide = np.array([1.0, 11.0, 1.0, 11.0])
    found = mechanisms.matrix(cohorts(plans, {("default", "saa"): wide}))
    assert found.verdict("default") == "undecided: SAA"
    (saa,) = (cell for cell in found.cells if (cell.schedule, cell.block) == ("default", "saa"))
    assert saa.effect.low < 0.5 < saa.effect.high
    both = mechanisms.matrix(cohorts(plans, {("default", "saa"): wide, ("default", "mif"): EDUCATED}))
    assert both.verdict("default") == "rejected: MIF"


@pytest.mark.parametrize(
    "educated",
    [CONTROL, CONTROL - 0.5, np.array([41.0, 1.1, 0.7, 0.9])],
    ids=["no gain", "a loss", "a gain of one mouse"],
)
def test_without_a_niche_there_is_nothing_to_prevent_and_the_schedule_is_rejected(plans, educated):
    found = mechanisms.matrix(cohorts(plans, {("no_feedback", "educated"): educated}))
    cells = [cell for cell in found.cells if cell.schedule == "no_feedback"]
    assert {(cell.effect, cell.verdict) for cell in cells} == {(None, "no niche")}
    assert found.verdict("no_feedback") == "rejected: " + ", ".join(called for _, called, *_ in BLOCKS)
    assert found.verdict("default") == "not rejected"


def test_only_mice_of_all_three_arms_count(plans):
    made = cohorts(plans, {})
    for found in made:
        del found.lives["pbs"][3]
    assert mechanisms.matrix(made).mice == 3


def test_the_table_has_a_row_a_schedule_with_its_verdict_last(plans):
    found = mechanisms.matrix(cohorts(plans, {("additive", "mif"): EDUCATED, ("no_feedback", "educated"): CONTROL}))
    table = mechanisms.matrix_rows(found)
    assert [row[0] for row in table] == list(SCHEDULES)
    assert {len(row) for row in table} == {len(BLOCKS) + 2}
    serial, without_feedback, additive = table
    assert serial[1] == "1.00 (1.00 to 1.00), prevented"
    assert set(without_feedback[1:-1]) == {"no gain to prevent"}
    assert additive[1].startswith("0.00 (") and additive[1].endswith("), not prevented")
    assert additive[-1] == "rejected: MIF"


def test_foci_are_taken_from_the_scenarios_that_compare_them():
    gates = mechanisms.nk_gate({})
    assert gates == []
    experiment = scenario.load("lung_nk_gorelik1982")
    (target,) = experiment.targets
    plan = dataclasses.replace(mechanisms.matrix_plans(2, 1)[0], experiment=experiment)
    arms = {target.arm: (20.0, 40.0), target.against: (2.0, 4.0)}
    lives = {
        arm: {
            seed: Part({"time_h": np.array([target.at]), target.readout: np.array([value])}, {})
            for seed, value in enumerate(values)
        }
        for arm, values in arms.items()
    }
    (gate,) = mechanisms.nk_gate({"lung_nk_gorelik1982": Cohort(plan, lives), "another": Cohort(plan, lives)})
    assert (gate.organ, gate.readout) == ("lung", target.readout)
    assert (gate.control.tolist(), gate.depleted.tolist()) == ([2.0, 4.0], [20.0, 40.0])


# --- Figures ---------------------------------------------------------------------------------------------------------


def test_figures_are_made_and_the_same_data_give_the_same_bytes(plans):
    none = Cell("additive", "mif", None, "no niche")
    held = Cell("default", "mif", Effect(0.9, 0.8, 1.0, 4, 0.95), "prevented")
    lost = Cell("no_feedback", "lox", Effect(-0.1, -0.4, 0.2, 4, 0.95), "not prevented")
    found = Matrix((none, held, lost), 4)
    first = matrix_png(found)
    assert first.startswith(PNG)
    assert first == matrix_png(found)
    assert first != matrix_png(Matrix((none, held), 4))

    shares = np.array([[0.43, 0.28, 0.29], [0.41, 0.3, 0.29]])
    parts = (
        Zonation(shares, shares[:, ::-1], shares),
        Reach(np.array([0.0, 10.0, 60.0]), np.array([2.0, 1.5, 1.0])),
        Slowing(np.array([0.0, 10.0, 100.0]), np.array([4.6, 4.0, 0.5])),
    )
    gate = Gate("lung", np.array([1.0, 2.0]), np.array([10.0, 12.0]), "colonies")
    with_gate, without = parts_png(*parts, [gate]), parts_png(*parts, [])
    assert with_gate.startswith(PNG)
    assert without.startswith(PNG)
    assert with_gate != without
