"""The sequence emerges: in order in every educated mouse, whatever the calendar, and not at all without its cause."""

import pytest
from mice import GROWING, Mouse, cohort

SEEDS = range(10)
NICHE = ("priming", "licensing", "recruitment")


def check_order(onsets):
    """Priming before licensing before recruitment, and all before colonisation where there is any."""
    times = [onsets[stage] for stage in NICHE]
    assert None not in times, onsets
    assert times[0] < times[1] < times[2], onsets
    if onsets["colonisation"] is not None:
        assert times[2] < onsets["colonisation"], onsets


def test_stages_come_in_order_in_educated_mice():
    for mouse in cohort(*(Mouse("educated", seed) for seed in SEEDS)):
        check_order(mouse.onsets)


def test_the_order_needs_no_calendar_tumour_cells_on_day_0():
    for mouse in cohort(*(Mouse("educated", seed, challenge=("pan02", 500_000, 0.0)) for seed in SEEDS)):
        assert mouse.onsets["arrival"] < mouse.onsets["priming"] + 24.0
        check_order(mouse.onsets)


def test_stages_come_in_order_under_a_growing_primary():
    for mouse in cohort(*(Mouse("primary", seed, GROWING) for seed in SEEDS)):
        check_order(mouse.onsets)


@pytest.mark.parametrize("arm", ["pbs", "normal_exosomes"])
def test_no_niche_without_tumour_exosomes(arm):
    for mouse in cohort(*(Mouse(arm, seed) for seed in SEEDS)):
        for stage in NICHE:
            onset = mouse.onsets[stage]
            assert onset is None or onset >= 21 * 24.0, (stage, mouse.onsets)  # h; when tumour cells come


def test_without_the_link_to_fibronectin_nobody_is_recruited():
    mice = cohort(*(Mouse("educated", seed, without=("FibronectinDeposition",)) for seed in SEEDS))
    for mouse in mice:
        assert mouse.onsets["licensing"] is not None
        assert mouse.onsets["recruitment"] is None, mouse.onsets
