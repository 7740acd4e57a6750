"""The sequence emerges: in order in every educated mouse, whatever the calendar, and not at all without its cause."""

import pytest
from mice import GROWING, Mouse, cohort

SEEDS = range(10)
NICHE = ("priming", "licensing", "recruitment")
SPROUTING = ("recruitment", "angiogenesis")


def check_order(onsets, races=False):
    """Priming before licensing before recruitment, and all before colonisation where there is any.

    races: cells that are there from the start may grow out on arrival, without a niche, before the niche is done.
    """
    times = [onsets[stage] for stage in NICHE]
    assert None not in times, onsets
    assert times[0] < times[1] < times[2], onsets
    if onsets["colonisation"] is not None and not races:
        assert times[2] < onsets["colonisation"], onsets


def test_stages_come_in_order_in_educated_mice():
    for mouse in cohort(*(Mouse("educated", seed) for seed in SEEDS)):
        check_order(mouse.onsets)
        first, then = (mouse.onsets[stage] for stage in SPROUTING)
        assert then is not None and first < then < mouse.onsets["arrival"], mouse.onsets


def test_the_order_needs_no_calendar_tumour_cells_on_day_0():
    mice = cohort(*(Mouse("educated", seed, challenge=("pan02", 500_000, 0.0)) for seed in SEEDS))
    for mouse in mice:
        assert mouse.onsets["arrival"] < mouse.onsets["priming"] + 24.0
        check_order(mouse.onsets, races=True)
    colonised = [mouse.onsets for mouse in mice if mouse.onsets["colonisation"] is not None]
    # A lone colony of ten cells takes five days, as long as the niche: most come after it, not all.
    assert sum(onsets["recruitment"] < onsets["colonisation"] for onsets in colonised) > len(colonised) / 2.0
    assert len(colonised) >= len(SEEDS) / 2.0


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
        onset = mouse.onsets["recruitment"]
        assert onset is None or onset >= 21 * 24.0, mouse.onsets  # h; when tumour cells come, whose colonies call cells
