# ---
# jupyter:
#   jupytext:
#     formats: ipynb,text//py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Do the stages follow each other, or does the model only say so?
#
# Before metastases there is a sequence: cells of the liver are primed by exosomes, stellate cells are licensed to lay
# fibronectin, bone-marrow-derived cells are recruited, vessels sprout, tumour cells arrive, colonies grow. A programme
# could simply play these six scenes one after another. So we look at the sequence first, and then try to break it, in
# three ways.
#
# A run of six weeks takes seconds; the first one after installation takes longer, since code is being compiled.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import niche_sim
from niche_sim.experiment.editing import with_protocol
from niche_sim.experiment.protocol import InjectTumourCells
from niche_sim.figures.single_run import timeline_figure
from niche_sim.model.stages import STAGES
from niche_sim.runs import cohort

record = niche_sim.run(arm="educated", seed=1)

# %% [markdown]
# ## Five days of one liver
#
# Exosomes are given every other day for three weeks, tumour cells on day 21, just after the third picture. Look from left to
# right: what is there before the bone-marrow-derived cells (black)? And what when the tumour cells (orange) come?


# %%
def days_figure(record, days=(0, 7, 21, 28, 42)):
    figure = Figure(figsize=(11, 2.6), layout="constrained")
    all_axes = figure.subplots(1, len(days))
    for axes, day in zip(all_axes, days, strict=True):
        shot = record.snapshots[day * 24.0]
        height, width = shot["field_fibronectin"].shape  # sites of 20 um
        image = axes.imshow(shot["field_fibronectin"], cmap="Blues", vmin=1, vmax=12, extent=(0, width, height, 0))
        held = shot["bmdc_arrested"]
        axes.plot(shot["bmdc_x"][held], shot["bmdc_y"][held], ".", color="black", markersize=1.5)
        axes.plot(shot["tumour_cells_x"], shot["tumour_cells_y"], ".", color="#D55E00", markersize=4)
        axes.set(title=f"day {day}", xticks=[], yticks=[], xlabel="2 mm", xlim=(0, width), ylim=(height, 0))
    figure.colorbar(image, ax=all_axes, shrink=0.8, label="fibronectin\n(× naive liver)")
    return figure


days_figure(record)

# %% [markdown]
# ## A stage is a marker above a threshold
#
# Nobody says to the model that a stage begins. Each has a marker, a readout that is counted or measured every hour, and a
# threshold: what 99 of 100 mice without exosomes and tumour cells never exceed for a whole day. The stage's *onset* is the
# beginning of the first 24 h above it. A threshold of 0 means that a naive liver has none of it.

# %%
timeline_figure(record)

# %% [markdown]
# Two of the six are not like the others. *Arrival* is what we do ourselves, on day 21. And *angiogenesis* before tumour cells
# come is a hypothesis that nobody has shown.
#
# Look at the first two markers after the last dose, too: they fall. When they rise again in this mouse, colonies have grown
# that shed exosomes themselves. A stage that has begun is not switched on for good.
#
# ## Is it so in every mouse?
#
# Six mice that differ, in five experiments: educated as above; two with a rule of the model taken out; and two with the
# tumour cells given on day 0, with and without exosomes. Five weeks of each are enough here. More mice tell more; these take
# half a minute.

# %%
mouse = niche_sim.load_scenario("liver_education_costasilva2015")
cells = mouse.arm("pbs").protocol.interventions[0]
early = InjectTumourCells(cells.line, cells.count, 0)
doses = [one for one in mouse.arm("educated").protocol.interventions if one != cells]
mouse = with_protocol(mouse, "educated", [*doses, early], name="cells_on_day_0")
mouse = with_protocol(mouse, "pbs", [early], name="cells_on_day_0_no_exosomes")

weeks = {"run.duration": "35 day"}
arms = ["educated", "cells_on_day_0", "cells_on_day_0_no_exosomes"]
plans = [cohort.plan(mouse, arms, mice=6, overrides=weeks)]
plans += [cohort.plan(mouse, ["educated"], mice=2, overrides=weeks, without=[rule]) for rule in ("TgfbRelease", "KupfferEducation")]
with tempfile.TemporaryDirectory() as folder:
    failed = cohort.run(plans, Path(folder), workers=2)
    mice, no_tgfb, no_education = (cohort.gather(plan, Path(folder)) for plan in plans)
print(len(failed), "mice failed")

# %% [markdown]
# A line is a mouse, a dot an onset. Where a line ends or has a gap, a stage was not reached; how many mice did reach it
# stands on the right.


# %%
def onsets_figure(**lives_of):
    figure = Figure(figsize=(4.4 * len(lives_of), 2.8), layout="constrained")
    for axes, (title, lives) in zip(figure.subplots(1, len(lives_of), squeeze=False)[0], lives_of.items(), strict=True):
        days = np.array([[life.onsets[stage.name] / 24 for stage in STAGES] for life in lives.values()])
        axes.plot(days.T, range(len(STAGES)), "o-", color="#0072B2", alpha=0.5, markersize=5, linewidth=0.8)
        for row, reached in enumerate(np.isfinite(days).sum(axis=0)):
            axes.text(36, row, f"{reached} of {len(days)}", va="center", fontsize=9)
        axes.set(title=title.replace("_", " "), xlabel="onset (day)", xlim=(-1, 35), ylim=(len(STAGES) - 0.5, -0.5))
        axes.set_yticks(range(len(STAGES)), [stage.name for stage in STAGES])
    return figure


onsets_figure(educated=mice.lives["educated"])

# %% [markdown]
# The order is the same in all of these mice, and so it was in others that we looked at. When a stage of the niche comes
# differs from mouse to mouse, the more the later it is. But an order that never fails is just what a script would give, too.
#
# ## First try: take a rule out
#
# Without `TgfbRelease` Kupffer cells are educated and keep silent. Without `KupfferEducation` they are never educated.
# **Before you look:** which stages will be missing in the one, which in the other?

# %%
onsets_figure(without_TgfbRelease=no_tgfb.lives["educated"], without_KupfferEducation=no_education.lives["educated"])

# %% [markdown]
# Without TGF-β the chain ends there: no licensing, no recruitment, no vessels. Tumour cells arrive all the same, since we
# inject them, and now and then some grow. Nothing waited for its turn.
#
# Without `KupfferEducation` the first stage is never reached, and all others come as if nothing had happened. A script would have
# stopped. The explanation is a lesson about markers: the educated state is what we *count*, but the rule that releases TGF-β
# reads the vesicles inside a cell and not that state. A marker can go with a cause without being the cause.
#
# ## Second try: tumour cells on day 0
#
# Here nothing is ready when the cells arrive. On the left exosomes are given as before, on the right none at all.

# %%
onsets_figure(**{name: mice.lives[name] for name in arms[1:]})

# %%
for name in arms:
    found = mice.values(name, "colonies", 35 * 24)
    print(f"{name:30s} colonies on day 35: {sorted(map(int, found.values()))}")

# %% [markdown]
# On the left arrival has moved to the front, and the stages of the niche come when they came before: they need exosomes and
# do not care for tumour cells. The first colony is there longer after the injection than in educated mice, or never, in
# most of them, and colonies are fewer in all, although they had five weeks instead of two.
#
# On the right most mice have no colony and no niche. In the odd one a colony grows without help, and then the order is
# turned round: first the colony, then priming, licensing, recruitment. A growing colony sheds exosomes itself. That is no
# sequence that anybody wrote down. It is what the rules do.
#
# ## Try
#
# 1. Leave out `NicheSprouting` (`without=["NicheSprouting"]`). It takes away the stage before arrival. Which stage after it
#    suffers?
# 2. Give tumour cells on day 7 instead (`InjectTumourCells(cells.line, cells.count, 7 * 24)`). Between which stages does
#    arrival fall now, and are there more colonies than with day 0?
# 3. Look at mouse 5 of the last experiment: `niche_sim.run(mouse, "cells_on_day_0_no_exosomes", seed=5)` and its `days_figure`.
#    Does the niche grow around the colony, or everywhere? Why?

# %% [markdown]
# ## What the model does not show
#
# - **That the order is right.** Rules do not know stages, but they were chained by people who knew the order, and that
#   priming precedes licensing and licensing recruitment was even used to fit the model. What can be tested is how it breaks.
# - **When a stage comes in a mouse.** Rates are assumed, and so is what counts as an active cell or as a colony.
# - **That vessels sprout before tumour cells come.** The fourth stage is a hypothesis, two rules that can be left out.
# - **That a niche needs exosomes from afar.** A primary tumour does more than the exosomes that are injected here.
