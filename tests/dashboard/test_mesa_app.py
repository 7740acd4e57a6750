"""The same model under Mesa's own controls, as `niche-sim dashboard --mesa` serves it."""

from __future__ import annotations

import re

import pytest
from conftest import look, serving
from playwright.sync_api import expect

from niche_sim.dashboard.link import Setup


@pytest.fixture
def mesa_server(site):
    with serving("niche_sim.dashboard.mesa_app"):
        yield site


def test_mesas_controls_step_reset_and_change_it(visit, mesa_server):
    page = visit(mesa_server)
    expect(page.locator("canvas.ns-canvas")).to_be_visible()
    caption = page.locator("figcaption")
    expect(caption).to_have_text("Educated, day 0.00")
    page.get_by_role("button", name="Step", exact=True).click()
    expect(caption).to_have_text(re.compile(r"Educated, day 0\.[1-9]"))
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(caption).to_have_text("Educated, day 0.00")
    expect(page.get_by_text("tgfb.half_life (min)")).to_be_visible()
    look(page, "mesa")


def test_its_model_is_the_models_own():
    from niche_sim.dashboard.mesa_app import VARIED, EducatedLiver, controls

    made = EducatedLiver("pbs", tgfb_half_life=5.0, rng="7")
    same = Setup(arm="pbs", seed=7, overrides=(("tgfb.half_life", "5 min"),)).model()
    for one in (made, same):
        one.step()
    assert made.parameters == same.parameters and made.arm == "pbs" and made.seed == 7
    assert made.datacollector.model_vars == same.rows
    assert set(VARIED) < set(controls())
