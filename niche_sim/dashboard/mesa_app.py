"""The model under Mesa's own controls: `niche-sim dashboard --mesa`. For who knows Mesa and its SolaraViz.

`solara run niche_sim.dashboard.mesa_app --production` serves it, too, but by Solara's own server, without what `guard`
checks: for a machine that is yours alone.
"""

from __future__ import annotations

from typing import Any

import solara
from mesa.visualization import Slider, SolaraViz, make_plot_component
from mesa.visualization.utils import update_counter

from niche_sim.dashboard.canvas import TissueCanvas
from niche_sim.dashboard.elements import Look
from niche_sim.experiment.defaults import DEFAULT_SCENARIO, DEFAULT_SEED
from niche_sim.experiment.scenario import load
from niche_sim.exports.canvas_encoding import Scales, pack, static_of
from niche_sim.figures.appearance import LiveSight
from niche_sim.figures.labels import arm_title
from niche_sim.mesa_model.model import NicheModel
from niche_sim.model.parameters import rows

PLAY_INTERVAL = 150  # ms; with much less, SolaraViz renders more often than Solara allows
RENDER_INTERVAL = 6  # steps between two pictures
FIELDS = ("fibronectin",)
# What Mesa's sliders vary: keyword of the model below -> a number of the register.
VARIED = {
    "tgfb_half_life": "tgfb.half_life",
    "stellate_half_signal": "stellate.half_signal",
    "bmdc_rate_called": "bmdc.rate_called",
    "pan02_chance_start": "pan02.chance_start",
}


class EducatedLiver(NicheModel):
    """The default scenario with a few explicit keywords, as Mesa's controls need them; numbers in the register's units."""

    def __init__(
        self,
        arm: str = "educated",
        tgfb_half_life: float | None = None,
        stellate_half_signal: float | None = None,
        bmdc_rate_called: float | None = None,
        pan02_chance_start: float | None = None,
        *,
        rng: int | str | None = None,
    ) -> None:
        given = {
            "tgfb_half_life": tgfb_half_life,
            "stellate_half_signal": stellate_half_signal,
            "bmdc_rate_called": bmdc_rate_called,
            "pan02_chance_start": pan02_chance_start,
        }
        overrides = {
            VARIED[key]: f"{value!r} {rows()[VARIED[key]].unit}" for key, value in given.items() if value is not None
        }
        super().__init__(DEFAULT_SCENARIO, arm, overrides=overrides, rng=int(rng) if isinstance(rng, str) else rng)


def controls() -> dict[str, Any]:
    """Mesa's controls: the arm, the seed, and a slider for each number that is varied, over its range in the register."""
    arms = list(load(DEFAULT_SCENARIO).arms)
    made: dict[str, Any] = {
        "arm": {"type": "Select", "value": "educated", "values": arms, "label": "Arm"},
        "rng": {"type": "InputText", "value": str(DEFAULT_SEED), "label": "Seed"},
    }
    for key, name in VARIED.items():
        row = rows()[name]
        made[key] = Slider(
            f"{name} ({row.unit})" if row.unit else name, row.value, row.low, row.high, (row.high - row.low) / 100.0
        )
    return made


@solara.component
def Tissue(model: NicheModel) -> None:
    """The section as it stands."""
    update_counter.get()
    scales = solara.use_memo(Scales, [model])
    sight = LiveSight(model)
    static = solara.use_memo(lambda: static_of(sight), [model])
    dark = bool(solara.lab.use_dark_effective())
    element = TissueCanvas.element(static=static, dark=dark, shown_fields=list(FIELDS))

    canvas = solara.use_ref(None)

    def attach() -> None:
        canvas.current = solara.get_widget(element)

    def draw() -> None:
        title = f"{arm_title(model.arm)}, day {model.state.time / 24.0:.2f}"
        packed = pack(sight, FIELDS, scales, title)
        canvas.current.show({"panels": [packed.header]}, packed.buffers)

    solara.use_effect(attach, [])
    solara.use_effect(draw, [model, model.state.time])
    Look()


@solara.component
def Page() -> None:
    """SolaraViz on a model of this visitor's own."""
    model = solara.use_reactive(solara.use_memo(EducatedLiver, []))
    SolaraViz(
        model,
        components=[
            (Tissue, 0),
            # On a page of their own: Mesa's tiles have one height, and the tissue is higher.
            make_plot_component(
                {"bmdc_arrested": "#0072B2", "stellate_active": "#009E73", "kupffer_educated": "#D55E00"}, page=1
            ),
            make_plot_component("colonies", page=1),
        ],
        model_params=controls(),
        name="niche_sim",
        play_interval=PLAY_INTERVAL,
        render_interval=RENDER_INTERVAL,
    )
