"""Which experiment: a scenario of the library or an uploaded one, its arm, and the seed, that is the mouse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import solara

from niche_sim.dashboard.elements import Block, Choice, Entry, Press, Upload, Words
from niche_sim.dashboard.link import Setup
from niche_sim.engine.errors import InputError
from niche_sim.experiment import scenario
from niche_sim.experiment.scenario import Entry as CatalogueEntry
from niche_sim.figures.labels import arm_title, typeset

UPLOADED = "(uploaded)"
ORGANS = {"liver": "Liver", "lung": "Lung", "brain": "Brain"}


@cache
def catalogue() -> tuple[CatalogueEntry, ...]:
    """The scenarios of the library, read once a server."""
    return tuple(scenario.catalogue())


@solara.component
def ExperimentPanel(setup: Setup, load: Callable[[Setup], None], fail: Callable[[str], None]) -> None:
    """Choose the experiment. `load` gets another setup, `fail` a sentence about what cannot be loaded."""
    wrong_seed, set_wrong_seed = solara.use_state("")
    experiment = setup.experiment()
    organs: dict[str, dict[str, str]] = {}
    if setup.given is not None:
        organs["Uploaded"] = {UPLOADED: experiment.title}
    for entry in catalogue():
        organs.setdefault(ORGANS[entry.organ], {})[entry.id] = f"{entry.title} ({entry.id})"

    def choose_scenario(value: str) -> None:
        if value != UPLOADED:
            load(Setup(scenario=value, seed=setup.seed))

    def choose_seed(text: str) -> None:
        try:
            seed = int(text)
            if not 0 <= seed < 2**63:
                raise ValueError
        except ValueError:
            set_wrong_seed(f"{text!r} is no seed: a whole number from 0 is allowed.")
            return
        set_wrong_seed("")
        load(replace(setup, seed=seed, day=None))

    def upload(name: str, text: str) -> None:
        try:
            load(Setup.of_text(text, name, seed=setup.seed))
        except InputError as error:
            fail(str(error))

    arm = setup.arm_name()
    Choice("Scenario", organs, UPLOADED if setup.given is not None else setup.scenario, choose_scenario)
    Words(typeset(experiment.question), style="ns-help")
    arms = {name: arm_title(name) for name in experiment.arms}
    chooser = Choice("Arm", arms, arm, lambda name: load(setup.with_arm(name)))
    chooser.key(",".join(arms))  # a list cannot take a value in the moment in which it gets its option
    if experiment.arms[arm].note:
        Words(typeset(experiment.arms[arm].note), style="ns-help")
    with Block(style="ns-row"):
        Entry("Seed (which virtual mouse)", str(setup.seed), choose_seed, error=wrong_seed, kind="number")
        Press("Another mouse", lambda: load(replace(setup, seed=setup.seed + 1, day=None)))
    Upload("Open a scenario of your own (.toml)", upload)
    if setup.given is not None:
        Words("Not saved in the link; reopen the file after reloading.", style="ns-help")
