"""Lung and brain: who lives there, which exosomes and how many tumour cells reach them, and a whole short run."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from niche_sim.engine.chance import Chance
from niche_sim.experiment.protocol import InjectTumourCells
from niche_sim.experiment.simulation import Simulation
from niche_sim.model.actions import intervene
from niche_sim.model.catalogue import EXOSOME_SOURCES, INTEGRIN_OF_ORGAN, ORGANS
from niche_sim.model.cells import Exosome, ResidentRecipientCell
from niche_sim.model.initial_state import naive_liver, section_of
from niche_sim.model.parameters import resolve
from niche_sim.model.processes.arrival.arrest import Arrest
from niche_sim.model.processes.priming.exosome_digestion import ExosomeDigestion
from niche_sim.model.processes.priming.exosome_uptake import ExosomeUptake
from niche_sim.model.processes.shedding.primary_shedding import PrimaryShedding
from niche_sim.model.readouts import READOUTS
from niche_sim.model.state import FIELDS, PrimaryTumour

ELSEWHERE = ("lung", "brain")
MATCHED = {"liver": "pdac", "lung": "lung_tropic", "brain": "brain_tropic"}  # integrin 1 of its organ, 0 of the others
CODE = ResidentRecipientCell.kind.code


def naive_organ(organ, **overrides):
    """(a naive section of 1.2 x 1.2 mm, the register of that organ)."""
    p = resolve(overrides, organ=organ)
    return naive_liver(section_of(1200.0, 1200.0, 20.0, p), p, Chance(7)), p


# --- who lives there -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("organ", ORGANS)
def test_cells_are_there_at_the_density_of_their_organ(organ):
    state, p = naive_organ(organ)
    volume = state.section.volume
    counts = {
        "kupffer_cells": p.kupffer.density if organ == "liver" else 0.0,
        "resident_recipient_cells": 0.0 if organ == "liver" else p.organ.density_recipient_cells,
        "stellate_cells": p.stellate.density * p.organ.ratio_matrix_cells,
        "nk_cells": p.nk.density * p.organ.ratio_lymphocytes,
        "t_cells": p.t_cells.density * p.organ.ratio_lymphocytes,
        "fibroblasts": p.angiogenesis.density_fibroblasts,
    }
    for name, population in state.populations.items():
        assert len(population) == round(counts.get(name, 0.0) * volume), name
        assert not state.section.lumen.ravel()[state.sites(population)].any(), name
    assert state.recipient_cells is (state.kupffer_cells if organ == "liver" else state.resident_recipient_cells)
    assert len(state.recipient_cells) > 100


@pytest.mark.parametrize("organ", ELSEWHERE)
def test_which_recipient_cells_they_are(organ, happens):
    state, p = naive_organ(organ)
    cells = state.resident_recipient_cells
    happens(cells.responder.sum(), len(cells), p.kupffer.fraction_responders)
    if organ == "brain":
        assert (cells.kind == CODE("brain_endothelium")).all()
    else:
        fibroblasts = cells.kind == CODE("lung_fibroblast")
        assert (cells.kind[~fibroblasts] == CODE("lung_epithelium")).all()
        happens(fibroblasts.sum(), len(cells), p.lung.share_first_recipient_cell)
    assert not cells.load.any() and not cells.signal.any() and not cells.state.any()


def test_organs_differ_from_the_liver_as_registered():
    sizes = {organ: {name: len(of) for name, of in naive_organ(organ)[0].populations.items()} for organ in ORGANS}
    assert sizes["brain"]["nk_cells"] < sizes["liver"]["nk_cells"] / 5
    assert sizes["brain"]["stellate_cells"] < sizes["liver"]["stellate_cells"] / 2
    assert sizes["lung"]["nk_cells"] == sizes["liver"]["nk_cells"]


# --- exosomes --------------------------------------------------------------------------------------------------------

VESICLES = 2_000_000


def taken(organ, source, act, **blocked):
    """Share of the vesicles that leave blood which the organ takes, over an hour; the counters are checked on the way."""
    state, p = naive_organ(organ)
    for link, efficacy in blocked.items():
        setattr(state.blocked, link, efficacy)
    state.release_exosomes(VESICLES, EXOSOME_SOURCES.index(source), 5, p.exosomes.parcel_size)
    act(ExosomeUptake(), state, p)
    counters, exosomes = state.counters, state.exosomes
    inside = exosomes.place == Exosome.place.code("inside")
    assert exosomes.vesicles[inside].sum() == counters.exosomes_taken_up
    assert exosomes.vesicles[~inside].sum() + counters.exosomes_taken_up + counters.exosomes_cleared == VESICLES
    assert np.isin(exosomes.host[inside], state.recipient_cells.unique_id[state.recipient_cells.responder]).all()
    return counters.exosomes_taken_up / (counters.exosomes_taken_up + counters.exosomes_cleared)


@pytest.mark.parametrize("organ", ORGANS)
def test_an_organ_takes_matched_exosomes_far_more_than_unmatched(organ, act):
    p = resolve(organ=organ)
    share = {source: taken(organ, source, act) for source in MATCHED.values()}
    matched = share.pop(MATCHED[organ])
    # The cross-section is that of an organ with its mean density; this one's cells lie at random, in clumps and gaps.
    assert matched == pytest.approx(p.organ.fraction_exosomes, rel=0.12)
    # What goes elsewhere is constant, so shares follow from odds.
    odds = matched / (1 - matched) * p.exosomes.fraction_unmatched
    for source, other in share.items():
        sampling = 5 / math.sqrt(VESICLES * odds)  # 5 standard errors; and in a liver cells shade each other, by half
        assert 0.98 - sampling < other / (1 - other) / odds < 1.02 + sampling + (organ == "liver"), source
        assert matched > 10 * other


@pytest.mark.parametrize("organ", ORGANS)
@pytest.mark.parametrize("integrin", INTEGRIN_OF_ORGAN.values())
def test_the_block_of_the_organs_own_integrin_acts_and_no_other(organ, integrin, act):
    free, blocked = taken(organ, MATCHED[organ], act), taken(organ, MATCHED[organ], act, **{integrin: 0.9})
    if integrin == INTEGRIN_OF_ORGAN[organ]:
        p = resolve(organ=organ)
        left = p.exosomes.fraction_unmatched + (1 - p.exosomes.fraction_unmatched) * 0.1
        odds = free / (1 - free) * left
        assert 0.95 < blocked / (1 - blocked) / odds < (1.05 if organ != "liver" else 2.0)
    else:
        assert blocked == free  # to the vesicle


@pytest.mark.parametrize("organ", ELSEWHERE)
def test_without_uptake_the_organ_takes_none(organ, act):
    assert taken(organ, MATCHED[organ], act, exosome_uptake=1.0) == 0.0


@pytest.mark.parametrize("organ", ELSEWHERE)
def test_recipient_cells_hold_and_digest_what_they_took(organ, act):
    state, p = naive_organ(organ)
    state.release_exosomes(VESICLES, EXOSOME_SOURCES.index(MATCHED[organ]), 5, p.exosomes.parcel_size)
    act(ExosomeUptake(), state, p)
    act(ExosomeDigestion(), state, p, dt=2.0)
    cells = state.resident_recipient_cells
    counters = state.counters
    assert cells.load.sum() == counters.exosomes_taken_up - counters.exosomes_degraded > 1000
    np.testing.assert_allclose(cells.signal, cells.load * p.source(MATCHED[organ]).mif)
    assert not cells.load[~cells.responder].any()
    cells.remove(slice(0, 100))  # and what a lost cell held is digested at once
    act(ExosomeDigestion(), state, p, dt=2.0)
    assert cells.load.sum() == counters.exosomes_taken_up - counters.exosomes_degraded


# --- tumour cells ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("organ", ORGANS)
def test_the_share_of_injected_cells_that_reaches_the_organ_enters_and_arrests(organ, act, agrees, happens):
    state, p = naive_organ(organ)
    count = 200_000_000
    intervene([InjectTumourCells("llc", count, 0.0)], state, p, Chance(7), 1.0)
    expected = count * p.organ.fraction_cells * state.section.volume / p.organ.volume
    agrees(state.counters.tumour_entered, expected, math.sqrt(expected))
    act(Arrest(), state, p)
    counters = state.counters
    assert counters.tumour_arrived + counters.tumour_passed == counters.tumour_entered
    assert counters.tumour_arrived == len(state.tumour_cells)
    happens(counters.tumour_arrived, counters.tumour_entered, p.tumour.fraction_arrested)


@pytest.mark.parametrize("organ", ORGANS)
def test_cells_that_a_primary_sheds_reach_an_organ_as_injected_ones_do(organ, act, agrees):
    state, p = naive_organ(organ, **{"primary.rate_shedding": "10 1/day"})
    state.primary = PrimaryTumour(cells=1e9, line="llc", sheds_cells=True, event="primary")
    act(PrimaryShedding(), state, p)
    shed = 1e9 * p.primary.rate_shedding * p.primary.fraction_viable
    expected = shed * p.organ.fraction_cells * state.section.volume / p.organ.volume
    agrees(state.counters.tumour_entered, expected, math.sqrt(expected))


def test_half_the_fraction_is_half_the_cells():
    entered = {}
    for fraction in ("0.9", "0.45"):
        state, p = naive_organ("lung", **{"lung.fraction_cells": fraction})
        intervene([InjectTumourCells("llc", 200_000_000, 0.0)], state, p, Chance(7), 1.0)
        entered[fraction] = state.counters.tumour_entered
    assert entered["0.9"] / entered["0.45"] == pytest.approx(2.0, rel=0.03)  # some 25,000 and 12,500


# --- a whole run -----------------------------------------------------------------------------------------------------

SCENARIO = """
title = "A short lung"
question = "Does it run?"
organ = "{organ}"
schedule = "default"
[section]
width = "600 um"
height = "700 um"
spacing = "20 um"
[run]
duration = "5 day"
step = "1 h"
[arms.pbs]
note = "Tumour cells alone."
protocol = [ {{ do = "inject_tumour_cells", line = "llc", count = {cells}, at = "2 day" }} ]
[arms.educated]
note = "Matched exosomes first."
like = "pbs"
add = [ {{ do = "inject_exosomes", source = "{source}", amount = "{dose}", every = "1 day", from = "0 day", to = "3 day" }} ]
"""
# Little of either reaches a brain: far more than any mouse gets, so that something happens there.
AMOUNTS = {"lung": {"cells": 3_000_000, "dose": "5 ug"}, "brain": {"cells": 100_000_000, "dose": "200 ug"}}
SHARES = ("leakiness", "collagen", "steatosis")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """(organ, arm) -> the model at its end; its counters and bounds are checked at every step."""
    done = {}
    for organ in ELSEWHERE:
        folder = tmp_path_factory.mktemp(organ)
        text = SCENARIO.format(organ=organ, source=MATCHED[organ], **AMOUNTS[organ])
        (folder / "scenario.toml").write_text(text, encoding="utf-8")
        for arm in ("pbs", "educated"):
            model = Simulation(folder / "scenario.toml", arm, rng=3)
            while model.steps_left:
                model.step()
                check(model.state)
            done[organ, arm] = model
    return done


def check(state):
    book, cells = dataclasses.asdict(state.counters), state.tumour_cells
    lost = sum(
        n
        for name, n in book.items()
        if name.startswith(("tumour_killed", "tumour_died", "tumour_left", "tumour_detached"))
    )
    assert book["tumour_arrived"] + book["tumour_born"] == len(cells) + lost
    assert book["tumour_entered"] == book["tumour_arrived"] + book["tumour_passed"]
    held = state.exosomes.vesicles[state.exosomes.place == Exosome.place.code("inside")].sum()
    blood = state.exosomes.vesicles.sum() - held
    assert book["exosomes_taken_up"] == held + book["exosomes_degraded"]
    assert book["exosomes_released"] == blood + book["exosomes_taken_up"] + book["exosomes_cleared"]
    assert len(state.kupffer_cells) == 0
    for name in FIELDS:
        field = getattr(state, name)
        assert np.isfinite(field).all() and (field >= 0).all(), name
        assert name not in SHARES or (field <= 1).all(), name
    for population in state.populations.values():
        if population is not state.exosomes:  # parcels in blood have no place
            assert state.section.inside(population.y, population.x).all(), population.name


@pytest.mark.parametrize("organ", ELSEWHERE)
def test_a_short_run_keeps_its_counters_and_measures_all(runs, organ):
    for arm in ("pbs", "educated"):
        model = runs[organ, arm]
        assert model.state.time == 120.0
        table = {name: np.array(values) for name, values in model.rows.items()}
        assert all(np.isfinite(values).all() for values in table.values())
        for readout in READOUTS:
            if readout.cumulative:
                assert (np.diff(table[readout.name]) >= 0).all(), readout.name
        assert model.state.counters.tumour_arrived > 10


@pytest.mark.parametrize("organ", ELSEWHERE)
def test_exosomes_reach_recipient_cells_and_activate_the_stroma(runs, organ):
    naive, educated = (runs[organ, arm].state for arm in ("pbs", "educated"))
    # Growing tumour cells shed vesicles and secrete TGF-beta, too.
    assert educated.counters.exosomes_taken_up > 10 * naive.counters.exosomes_taken_up
    assert educated.resident_recipient_cells.load.sum() > 3 * naive.resident_recipient_cells.load.sum()
    assert educated.stellate_cells.activation.mean() > naive.stellate_cells.activation.mean()
    assert naive.counters.tumour_entered == educated.counters.tumour_entered  # the same mouse
    educated = np.count_nonzero(educated.resident_recipient_cells.state), np.count_nonzero(naive.resident_recipient_cells.state)
    assert educated[0] > educated[1]


@pytest.mark.parametrize("organ", ELSEWHERE)
def test_the_same_again(runs, organ):
    again = Simulation(runs[organ, "educated"].scenario_id, "educated", rng=3).run_to_end().state.freeze()
    for name, array in runs[organ, "educated"].state.freeze().items():
        np.testing.assert_array_equal(again[name], array, err_msg=name)
