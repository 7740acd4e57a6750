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
# # If one link of the chain is cut, what is lost and what stays?
#
# The niche of the liver is made by a chain, each link of which somebody has cut in mice or in a dish:
#
# exosomes hold to the liver (integrin αvβ5) → Kupffer cells take them up → their MIF makes these secrete TGF-β → stellate
# cells become active by its receptor → they lay fibronectin, cross-link collagen with LOX, and release CCL2 → cells from the bone
# marrow come by CCR2 and are held.
#
# Before you run anything, write down for each of six blocks, the integrin, MIF, TGF-β receptor, fibronectin, LOX and CCR2:
# does it take the bone-marrow-derived cells away? And what does it leave untouched?

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import niche_sim
from niche_sim.experiment.editing import with_added
from niche_sim.experiment.protocol import Block
from niche_sim.inference import effects
from niche_sim.runs import cohort

# %% [markdown]
# ## Six drugs that do not exist, each as good as the others
#
# Each arm is the educated mouse, exosomes every other day for three weeks, with one act blocked by nine tenths all the while.
# That efficacy is assumed, and the same for all, so that the links can be compared.

# %%
DAY_21 = 21 * 24  # h
CUTS = ("integrin_avb5", "mif", "tgfb_receptor", "fibronectin", "lox", "ccr2")

mouse = niche_sim.load_scenario("liver_education_costasilva2015")
for link in CUTS:
    mouse = with_added(mouse, "educated", [Block(link, 0.9, 0, DAY_21)], name=link)

# %% [markdown]
# ## Six mice, each of them eight times
#
# Once without exosomes, once educated, and once with each block. Mouse 1 is the same mouse in all eight arms, with the same
# chance events, so that few mice tell much. A ninth time comes further down: a whole rule of the model is taken out.
#
# The sections are small, 1 x 1 mm, to be quick. Larger ones and more mice give narrower intervals.

# %%
options = {"run.duration": "21 day", "section.width": "1 mm", "section.height": "1 mm"}
plan = cohort.plan(mouse, ["pbs", "educated", *CUTS], mice=6, overrides=options)
unlinked = cohort.plan(mouse, ["educated"], mice=6, overrides=options, without=["CollagenLinking"])

with tempfile.TemporaryDirectory() as folder:
    failed = cohort.run([plan, unlinked], Path(folder), workers=2)
    mice, mice_unlinked = (cohort.gather(one, Path(folder)) for one in (plan, unlinked))
print(len(failed), "mice failed")


# %% [markdown]
# ## What is left of the niche
#
# For each link along the chain we ask: of the gain that education brings, how much is left under the block? 1 is as much
# as in educated mice, 0 as little as in mice that got no exosomes.

# %%
def left(found, arm, readout):
    wanted = [(found, arm), (mice, "educated"), (mice, "pbs")]
    columns = [np.array(list(group.values(name, readout, DAY_21).values())) for group, name in wanted]
    prevented = effects.prevented_gain(*columns)
    # What is left is 1 less what was prevented, and so the two ends of the 95 % interval change places.
    return 1 - prevented.estimate, 1 - prevented.high, 1 - prevented.low


READOUTS = ["exosomes_taken_up", "tgfb_mean", "stellate_active", "ccl2"]  # in the order of the chain
READOUTS += ["fibronectin_mean", "collagen_mean", "bmdc_arrested"]
table = np.array([[left(mice, cut, readout)[0] for readout in READOUTS] for cut in CUTS])


# %% [markdown]
# Read each row from left to right, along the chain. The orange bar stands where the block cuts. What is dark is as in
# educated mice; what is white is gone.

# %%
def links_figure(table):
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(table, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        axes.text(column, row, f"{abs(value):.2f}", ha="center", va="center", color="white" if value > 0.6 else "black")
    for row, column in enumerate((0, 1, 2, 4, 5, 6)):
        axes.plot([column - 0.5] * 2, [row - 0.45, row + 0.45], color="#D55E00", linewidth=5, clip_on=False)
    axes.set_xticks(range(len(READOUTS)), [readout.replace("_", "\n", 1) for readout in READOUTS])
    axes.set_yticks(range(len(CUTS)), [f"{cut} blocked" for cut in CUTS])
    axes.tick_params(length=0, pad=6)
    figure.colorbar(image).set_label("share of the gain that is left", labelpad=8)
    return figure


links_figure(table)

# %% [markdown]
# ## What you should have noticed
#
# - **What lies before the cut stays.** Without the receptor of TGF-β there is as much TGF-β as before, and no less is taken
#   up; it is only not heard. A marker of an early link says nothing about whether a later one is cut.
# - **The chain branches.** CCL2, fibronectin and collagen all come from stellate cells. Without fibronectin CCL2 still
#   calls, and nobody is held; without CCR2 there is as much fibronectin to hold cells, and few come.
# - **Nine tenths are not nine tenths.** Of the same efficacy, some blocks leave a trace of bone-marrow-derived cells
# and others more. What little is left behind a cut has to pass the thresholds that come after it, and there little
# becomes nothing. (So with stellate cells: they count as active above a threshold, but those below it still release
# some CCL2.)
# - **One row hardly differs from educated mice**: that of LOX.

# %% [markdown]
# ## The link that does surprisingly little
#
# Erler et al. (2009) report, in lung, that inhibition of LOX prevents both the gathering of CD11b-positive
# bone-marrow-derived cells and metastatic growth (so its abstract). In the row of LOX above most bone-marrow-derived
# cells are held all the same. A model that contradicts a paper should be asked why.
#
# One guess: nine tenths are not enough. Look at cross-linked collagen in the rows of the integrin and of the TGF-β
# receptor: it falls least of all that lies behind the cut. Linking saturates, so that a little enzyme does much of it. So
# let us do what no drug does, and take the whole rule out of the model: no enzyme, no linked collagen.
#
# The numbers are shares of the gain again, with their 95 % interval over mice.

# %%
for what, found, arm in (("LOX blocked", mice, "lox"), ("without the rule", mice_unlinked, "educated")):
    for readout in ("collagen_mean", "fibronectin_mean", "bmdc_arrested"):
        print("{:18s}{:18s}{:5.2f} ({:.2f} to {:.2f})".format(what, readout, *left(found, arm, readout)))

# %% [markdown]
# The guess was half of it. With the rule gone fewer bone-marrow-derived cells are held, yet still a good part of them:
# fibronectin is laid all the same, and it alone holds cells, only more slowly. At what share of the speed is a number
# without a source (`niche-sim parameters --kind assumed` lists it: `bmdc.share_without_collagen`).
#
# The model's own [report](../docs/evidence/report.md) says so, too. Of nine single blocks that are each reported to prevent
# the niche, eight do in the model, and LOX does not. In the experiment after Erler et al., in lung, the inhibitor does lower
# the held bone-marrow-derived cells as published, but the target of the burden is *not met*: a direct effect of stiff
# collagen on tumour cells is no rule of the model. Who is right about the liver cannot be decided here. What an
# experiment would have to measure can be said: how many cells fibronectin holds without linked collagen.
#
# ## Try
#
# 1. Add `"granulin"`, `"saa"` and `"il6r"` to `CUTS` (and three places to the orange bars of the figure). Granulin leaves all of
#    these readouts alone: which one does it change? (`periostin_mean`.) And does SAA cut where you expected it?
# 2. How good has a LOX inhibitor to be? Make arms with an efficacy of 0.5, 0.9, 0.95 and 0.99.
# 3. Take out another rule: `without=["FibronectinDeposition"]`. Does it do more than the block?
#    `niche-sim describe` lists all rules.

# %% [markdown]
# ## What the model does not show
#
# - **That a drug does this in a mouse.** A block is one number that acts everywhere at once and on one thing only: no dose,
#   no side effect, and no other path that takes over unless it is a rule of the model.
# - **That the chain is serial.** It was built so, because the single blocks were reported to prevent the niche. With paths
#   that add up (`schedule="additive"` in `cohort.plan`) most of the blocks leave much of it; the report has both.
# - **How much a link matters.** The shares hang on assumed rates and thresholds. What they show is the order along the chain.
# - **Metastases.** No tumour cell was injected here. A niche prevented is not yet a metastasis prevented.
