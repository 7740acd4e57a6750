"""Each formula at points worked out by hand, at its limits, and against the equation it claims to solve."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from niche_sim.engine import laws

EXACT = 1e-12  # a handful of roundings of 1e-16 each


def test_chance_of_a_rate_by_hand():
    assert laws.probability(math.log(2), 1.0) == pytest.approx(0.5, rel=EXACT)
    assert laws.probability(2.0, 0.5) == pytest.approx(1 - math.exp(-1), rel=EXACT)
    np.testing.assert_allclose(laws.probability(np.array([0.0, 0.1]), 3.0), [0.0, 1 - math.exp(-0.3)], rtol=EXACT)


def test_chance_keeps_small_rates_and_stays_a_probability():
    # 1 - exp(-x) would round to 0 here; expm1 keeps x to first order.
    assert laws.probability(1e-18, 1.0) == pytest.approx(1e-18, rel=EXACT)
    assert laws.probability(0.0, 5.0) == 0.0
    assert laws.probability(1e9, 1.0) == 1.0


def test_chance_of_two_half_steps_is_that_of_one():
    half = laws.probability(0.7, 0.5)
    assert 1 - (1 - half) ** 2 == pytest.approx(laws.probability(0.7, 1.0), rel=EXACT)


def test_births_are_those_of_a_pure_birth_process():
    assert laws.births(math.log(2), 1.0) == pytest.approx(1.0, rel=EXACT)
    assert laws.births(0.0, 5.0) == 0.0
    assert laws.births(1e-18, 1.0) == pytest.approx(1e-18, rel=EXACT)
    half = laws.births(0.3, 0.5)
    assert (1 + half) ** 2 - 1 == pytest.approx(laws.births(0.3, 1.0), rel=EXACT)


def test_switch_chance_is_that_of_two_states():
    assert laws.switch_chance(0.5, 0.0, 2.0) == pytest.approx(1 - math.exp(-1), rel=EXACT)
    assert laws.switch_chance(0.0, 0.5, 2.0) == 0.0
    assert laws.switch_chance(0.0, 0.0, 2.0) == 0.0
    assert laws.switch_chance(3.0, 1.0, 1e3) == pytest.approx(0.75, rel=EXACT)
    # The share of a population that starts in one state solves the equation of gain and loss.
    assert laws.switch_chance(0.5, 0.1, 3.0) == pytest.approx(laws.gain_and_loss(0.0, 0.5, 0.1, 3.0), rel=EXACT)
    there, back = laws.switch_chance(0.5, 0.1, 1.5), laws.switch_chance(0.1, 0.5, 1.5)
    assert there * (1 - back) + (1 - there) * there == pytest.approx(laws.switch_chance(0.5, 0.1, 3.0), rel=EXACT)
    array = laws.switch_chance(np.array([0.5, 0.0]), np.array([0.1, 0.0]), 3.0)
    np.testing.assert_allclose(array, [laws.switch_chance(0.5, 0.1, 3.0), 0.0], rtol=EXACT)


def test_load_slows_a_cell():
    assert laws.slowed(276.0, 0, 50.0) == 276.0
    assert laws.slowed(276.0, 50, 50.0) == pytest.approx(138.0, rel=EXACT)
    assert laws.slowed(276.0, 150, 50.0) == pytest.approx(27.6, rel=EXACT)
    assert (np.diff(laws.slowed(276.0, np.arange(0, 5000, 10), 50.0)) < 0).all()


def test_a_molecule_in_model_units():
    # 1 nM um3 is 1e-9 mol in 1e15 um3: 1e-24 mol.
    assert pytest.approx(1 / 6.02214076e23 / 1e-24, rel=EXACT) == laws.MOLECULE


def test_rate_of_a_half_life():
    assert laws.rate_of(math.log(2)) == pytest.approx(1.0, rel=EXACT)
    assert math.exp(-laws.rate_of(8.0) * 8.0) == pytest.approx(0.5, rel=EXACT)


def test_hill_by_hand():
    assert laws.hill(0.0, 2.0, 3.0) == 0.0
    assert laws.hill(2.0, 2.0, 3.0) == 0.5
    assert laws.hill(4.0, 2.0, 3.0) == pytest.approx(8 / 9, rel=EXACT)
    assert laws.hill(1.0, 2.0, 1.0) == pytest.approx(1 / 3, rel=EXACT)
    np.testing.assert_allclose(laws.hill(np.array([0.0, 6.0]), 2.0, 2.0), [0.0, 0.9], rtol=EXACT)


def test_hill_rises_between_0_and_1_and_is_steeper_with_steepness():
    signal = np.linspace(0.0, 100.0, 500)
    for steepness in (1.0, 2.5, 6.0):
        response = laws.hill(signal, 3.0, steepness)
        assert (np.diff(response) > 0).all()
        assert response[0] == 0.0
        assert response[-1] < 1.0
    assert laws.hill(1.0, 2.0, 4.0) < laws.hill(1.0, 2.0, 2.0)
    assert laws.hill(4.0, 2.0, 4.0) > laws.hill(4.0, 2.0, 2.0)


def solution(rate_of_change, start, time):
    solved = solve_ivp(lambda _, v: rate_of_change(v), (0.0, time), [start], rtol=1e-11, atol=1e-13)
    return solved.y[0, -1]


def test_relax_solves_its_equation():
    # The integrator's tolerance is 1e-11 a step over some hundred steps.
    assert laws.relax(0.2, 0.9, 0.3, 2.0) == pytest.approx(solution(lambda v: 0.3 * (0.9 - v), 0.2, 2.0), rel=1e-8)
    assert laws.relax(0.2, 0.9, math.log(2), 1.0) == pytest.approx(0.55, rel=EXACT)
    assert laws.relax(0.2, 0.9, 0.0, 5.0) == pytest.approx(0.2, rel=EXACT)
    assert laws.relax(0.2, 0.9, 100.0, 5.0) == pytest.approx(0.9, rel=EXACT)


def test_gain_and_loss_solves_its_equation():
    found = laws.gain_and_loss(0.2, 0.5, 0.1, 3.0)
    assert found == pytest.approx(solution(lambda v: 0.5 * (1 - v) - 0.1 * v, 0.2, 3.0), rel=1e-8)
    assert laws.gain_and_loss(0.0, 1.0, 1.0, 1e3) == pytest.approx(0.5, rel=EXACT)
    assert laws.gain_and_loss(0.8, 0.0, math.log(2), 2.0) == pytest.approx(0.2, rel=EXACT)


def test_gain_and_loss_without_either_keeps_what_there_is():
    assert laws.gain_and_loss(0.3, 0.0, 0.0, 1.0) == 0.3
    np.testing.assert_array_equal(laws.gain_and_loss(np.array([0.3, 0.4]), np.array([0.0, 0.0]), 0.0, 1.0), [0.3, 0.4])


def test_gain_and_loss_stays_within_0_and_1():
    gain, loss = np.meshgrid([0.0, 0.01, 1.0, 50.0], [0.0, 0.01, 1.0, 50.0])
    for start in (0.0, 0.5, 1.0):
        end = laws.gain_and_loss(np.full(gain.shape, start), gain, loss, 10.0)
        assert (end >= 0.0).all()
        assert (end <= 1.0).all()


def test_produce_and_decay_solves_its_equation():
    assert laws.produce_and_decay(3.0, 2.0, 0.5, 1.5) == pytest.approx(
        solution(lambda v: 2 - 0.5 * v, 3.0, 1.5), rel=1e-8
    )
    assert laws.produce_and_decay(0.0, 2.0, 0.5, 1e3) == pytest.approx(4.0, rel=EXACT)
    assert laws.produce_and_decay(8.0, 0.0, math.log(2), 3.0) == pytest.approx(1.0, rel=EXACT)


@pytest.mark.parametrize(
    "law",
    [
        lambda v, dt: laws.relax(v, 0.9, 0.3, dt),
        lambda v, dt: laws.gain_and_loss(v, 0.5, 0.1, dt),
        lambda v, dt: laws.produce_and_decay(v, 2.0, 0.5, dt),
    ],
)
def test_two_half_steps_are_one(law):
    assert law(law(0.2, 0.7), 0.7) == pytest.approx(law(0.2, 1.4), rel=EXACT)


def test_exponential_growth():
    assert laws.exponential_growth(100.0, 12.0, 0.0) == 100.0
    assert laws.exponential_growth(100.0, 12.0, 36.0) == pytest.approx(800.0, rel=EXACT)


def test_gompertz_growth_starts_doubles_slows_and_ends_at_capacity():
    assert laws.gompertz_growth(1e6, 60.0, 2e9, 0.0) == pytest.approx(1e6, rel=EXACT)
    assert laws.gompertz_growth(1e6, 60.0, 2e9, 1e6) == pytest.approx(2e9, rel=EXACT)
    # Slope at the start is ln 2 / doubling; the second-order term of an hour is below 1e-2 of it.
    first_hour = math.log(laws.gompertz_growth(1e6, 60.0, 2e9, 1.0) / 1e6)
    assert first_hour == pytest.approx(math.log(2) / 60.0, rel=1e-2)
    assert laws.gompertz_growth(1e6, 60.0, 2e9, 60.0) < 2e6
    rate = math.log(2) / (60.0 * math.log(2000.0))
    expected = solution(lambda n: rate * n * np.log(2e9 / n), 1e6, 500.0)
    assert laws.gompertz_growth(1e6, 60.0, 2e9, 500.0) == pytest.approx(expected, rel=1e-7)


def test_gompertz_growth_is_one_curve_whatever_the_steps():
    # The curve has no memory: growing on from what it reached is the same, once the doubling there is taken.
    middle = laws.gompertz_growth(1e6, 60.0, 2e9, 100.0)
    rate = math.log(2) / (60.0 * math.log(2e9 / 1e6))
    doubling_there = math.log(2) / (rate * math.log(2e9 / middle))
    assert laws.gompertz_growth(middle, doubling_there, 2e9, 50.0) == pytest.approx(
        laws.gompertz_growth(1e6, 60.0, 2e9, 150.0), rel=1e-10
    )


def test_meeting_rate_is_the_area_swept():
    # In an hour a disc of radius 10 um that moves 100 um sweeps 2000 um2.
    assert laws.meeting_rate(10.0, 100.0, 1e-3) == pytest.approx(2.0, rel=EXACT)
    np.testing.assert_allclose(laws.meeting_rate(10.0, np.array([0.0, 50.0]), 1e-3), [0.0, 1.0], rtol=EXACT)


@pytest.mark.parametrize("sub_step", [0.01, 0.05, 0.1, 0.19])
def test_turn_chance_gives_the_long_run_motility_at_any_sub_step(sub_step):
    # Of headings kept with chance c = 1 - q, squares add up to (step)^2 (1 + c) / (1 - c) a sub-step in the long run.
    persistence, speed = 0.1, 200.0
    q = laws.turn_chance(sub_step, persistence)
    assert 0.0 < q < 1.0
    per_hour = (speed * sub_step) ** 2 * (2 - q) / q / sub_step
    assert per_hour == pytest.approx(2 * speed**2 * persistence, rel=EXACT)


def test_turn_chance_of_short_steps_is_that_of_the_rate():
    assert laws.turn_chance(1e-6, 0.1) == pytest.approx(1e-5, rel=1e-4)


def test_walk_mean_square_runs_first_and_wanders_later():
    # Straight at first: (v t)^2, the next term being t / (3 T) of it.
    assert laws.walk_mean_square(200.0, 0.1, 1e-4) == pytest.approx(0.02**2, rel=1e-3)
    # Diffusive later: 4 D t with D = v^2 T / 2, less a constant.
    late, later = (laws.walk_mean_square(200.0, 0.1, time) for time in (10.0, 11.0))
    assert later - late == pytest.approx(4 * 200.0**2 * 0.1 / 2, rel=EXACT)
    assert laws.walk_mean_square(200.0, 0.1, 0.1) == pytest.approx(2 * 200**2 * 0.1 * 0.1 * math.exp(-1), rel=EXACT)


def test_disc_diameter_packs_the_cells_into_a_cylinder():
    diameter = laws.disc_diameter(100.0, 2.4e-4, 20.0)
    assert math.pi * diameter**2 / 4 * 20.0 * 2.4e-4 == pytest.approx(100.0, rel=EXACT)
    assert laws.disc_diameter(0.0, 2.4e-4, 20.0) == 0.0
    assert laws.disc_diameter(400.0, 2.4e-4, 20.0) == pytest.approx(2 * diameter, rel=EXACT)


def test_a_sphere_touches_a_slab_more_often_than_its_centre_lies_in_it():
    assert laws.seen_in_section(0.0, 20.0) == 1.0
    assert laws.seen_in_section(60.0, 20.0) == pytest.approx(4.0, rel=EXACT)


def test_niche_strength_needs_fibronectin_and_gains_by_periostin():
    def strength(fibronectin, periostin, share):
        return laws.niche_strength(fibronectin, periostin, 4.0, 2.0, 4.0, share)

    assert strength(0.0, 1e6, 0.5) == 0.0
    assert strength(4.0, 0.0, 0.5) == pytest.approx(0.5 * 0.5, rel=EXACT)
    assert strength(4.0, 2.0, 0.5) == pytest.approx(0.5 * (0.5 + 0.25), rel=EXACT)
    assert strength(4.0, 0.0, 0.0) == pytest.approx(0.5, rel=EXACT)
    assert strength(4.0, 0.0, 1.0) == 0.0
    assert strength(1e3, 1e3, 0.7) == pytest.approx(1.0, rel=1e-9)
    field = strength(np.array([0.0, 4.0]), np.array([2.0, 2.0]), 0.5)
    np.testing.assert_allclose(field, [0.0, 0.375], rtol=EXACT)


def test_vessels_sprout_towards_the_most_and_fall_back_to_a_naive_organ():
    most, gain, loss = 3.0, 0.5, 0.25
    level = (most - 1.0) * gain / (gain + loss) + 1.0  # where gain and loss balance
    assert laws.vessels_after(1.0, gain, loss, most, 1e6) == pytest.approx(level)
    assert laws.vessels_after(most, 0.0, loss, most, math.log(2.0) / loss) == pytest.approx(2.0)
    half = laws.vessels_after(laws.vessels_after(1.5, gain, loss, most, 1.0), gain, loss, most, 1.0)
    assert laws.vessels_after(1.5, gain, loss, most, 2.0) == pytest.approx(half)
    assert laws.vessels_after(0.2, 0.0, loss, most, 100.0) == pytest.approx(0.2)  # displaced ones need a call
