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
# # How do exosomes find their organ?
#
# Tumours have favourite organs. Hoshino et al. (2015) report that exosomes have them, too, and that integrins on their surface
# tell which: αvβ5 goes with the liver, α6β4 with the lung. Exosomes fuse preferentially with resident cells of the organ
# that they match, and prepare it (so its abstract).
#
# There are three virtual experiments after that paper, in liver, lung and brain. Each gives the same dose of exosomes every
# other day for a week, in three arms: *unmatched* (exosomes of a tumour that likes another organ), *matched*, and matched
# with the integrin blocked by nine tenths. We ask: what does the organ notice?

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import niche_sim
from niche_sim.inference import effects
from niche_sim.runs import cohort

# %% [markdown]
# ## What is given, and who takes it up
#
# The rules are the same in all three organs. What differs is which cells are there, how much blood comes by, and which
# integrin counts.

# %%
ARMS = ("unmatched", "matched", "integrin_knockdown")
experiments = {organ: niche_sim.load_scenario(f"{organ}_organotropism_hoshino2015") for organ in ("liver", "lung", "brain")}
for organ, experiment in experiments.items():
    print(f"{organ}: {experiment.question}")
    for arm in ARMS:
        print(f"    {arm:20s}{experiment.arm(arm).note}")

# %% [markdown]
# ## Six mice, three arms, three organs
#
# A week each, before tumour cells are injected in liver and lung (in the brain there never are any). Mouse 1 is the same
# mouse in all three arms of an organ. The sections are small, 1 x 1 mm; more mice give narrower intervals.

# %%
options = {"run.duration": "7 day", "section.width": "1 mm", "section.height": "1 mm"}
plans = [cohort.plan(experiment, ARMS, mice=6, overrides=options) for experiment in experiments.values()]
with tempfile.TemporaryDirectory() as folder:
    failed = cohort.run(plans, Path(folder), workers=2)
    mice = {organ: cohort.gather(plan, Path(folder)) for organ, plan in zip(experiments, plans, strict=True)}
print(len(failed), "mice failed")

# %% [markdown]
# ## Uptake: where do the vesicles go?
#
# Each dot is a mouse, a line joins the same mouse in three arms. The scale is logarithmic: a step from one tick to the next is ten
# times as much.


# %%
def mice_figure(readout, label, organs=("liver", "lung", "brain"), day=7, **axis):
    figure = Figure(figsize=(3.2 * len(organs), 3.0), layout="constrained")
    for axes, organ in zip(figure.subplots(1, len(organs), sharey=True), organs, strict=True):
        values = np.array([list(mice[organ].values(arm, readout, day * 24).values()) for arm in ARMS])
        axes.plot(range(len(ARMS)), values, "o-", color="#0072B2", alpha=0.5, linewidth=0.8, markersize=5)
        axes.set(title=organ, xlim=(-0.4, len(ARMS) - 0.6), **axis)
        axes.set_xticks(range(len(ARMS)), ["unmatched", "matched", "integrin\nblocked"])
    figure.axes[0].set_ylabel(f"{label}\nday {day}")
    return figure


mice_figure("exosomes_taken_up", "vesicles taken up (1/mm²)", yscale="log")

# %% [markdown]
# In all three organs far more of the matched exosomes are taken up than of the unmatched, and without the integrin far fewer.
# How far was put in: what an exosome without any match is still worth is an assumed number (`exosomes.fraction_unmatched`), and
# so is that a matched one has all of the integrin. This figure is hardly a finding. It shows what was built.
#
# Two things are worth a look all the same. The brain gets little at all, even of the exosomes that match it; how little is
# assumed. And a block by nine tenths leaves more than a tenth, in the liver most of all: vesicles pass an organ with the
# blood again and again, and an organ that misses them once has another chance.

# %%
for organ, found in mice.items():
    for arm, against in (("matched", "unmatched"), ("integrin_knockdown", "matched")):
        pair = found.pairs(*(found.values(one, "exosomes_taken_up", 7 * 24) for one in (arm, against)))
        ratio = effects.ratio_of_means(*pair)
        print(f"{organ:6s} {arm:19s}: {ratio.estimate:7.3g} times {against} ({ratio.low:.3g} to {ratio.high:.3g})")

# %% [markdown]
# ## Loading: does every cell get some?
#
# Now count not vesicles but the cells that hold at least one: Kupffer cells in the liver, fibroblasts and epithelium in the lung,
# endothelium in the brain. **Before you look:** is a liver cell that was offered unmatched exosomes empty?

# %%
mice_figure("recipient_cells_loaded", "recipient cells with vesicles (1/mm²)", ylim=(0, 280))

# %% [markdown]
# In liver and lung nearly every recipient cell holds some, matched or not. Only in the brain, where vesicles are scarce, does
# the integrin decide *whether* a cell has any. With a dose this large, "is it positive?" is the wrong question to a liver: all
# are. What differs is how much they hold.
#
# ## Answer: does the organ care?
#
# Recipient cells answer with TGF-β once what they hold passes a threshold. A moderate difference in load can then
# become a large one in answer.

# %%
mice_figure("tgfb_mean", "mean TGF-β (nM)", organs=("liver", "lung"))

# %% [markdown]
# Unmatched exosomes are taken up by the thousand, and the organ is silent. Of matched ones without their integrin a part
# arrives, and next to no TGF-β comes of it. Compare this figure with the first, between matched and blocked: what was lost at
# the door is lost once more at the threshold.
#
# And the signal reaches on, to stellate cells or the fibroblasts in their place, fibronectin, and the first
# bone-marrow-derived cells:

# %%
for organ in ("liver", "lung"):
    for readout in ("stellate_active", "fibronectin_mean", "bmdc_arrested"):
        means = [np.mean(list(mice[organ].values(arm, readout, 7 * 24).values())) for arm in ARMS]
        print(f"{organ:6s}{readout:18s}", *(f"{arm} {mean:6.1f}  " for arm, mean in zip(ARMS, means, strict=True)))

# %% [markdown]
# ## What the brain stands on
#
# For the brain we compare uptake and loading, and nothing else. That brain-tropic exosomes fuse preferentially with
# endothelium is in the paper's abstract. That nearly all cells that take them up are endothelial, and that integrin β3
# marks them, is recalled and was not checked. That a block of β3 keeps them out was not read anywhere: it follows from the
# rule, and is there to look at. How much reaches the brain is assumed, and that decides whether its cells answer. Here they do not.
#
# ## Try
#
# 1. Make a worse match: `overrides={**options, "exosomes.fraction_unmatched": "0.3"}`. From which value on does an unmatched
#    exosome educate the liver?
# 2. Which dose of unmatched exosomes does as much as the matched? Find `amount` in the scenario, and raise it by tens.
# 3. Run the liver to day 16 (`run.duration`), in sections of 2 x 2 mm, and compare `colonies`. How many mice do you need?

# %% [markdown]
# ## What the model does not show
#
# - **That integrins decide.** The model has that as a rule. It is contested: uptake may depend mainly on the cell that takes
#   up, and not on where the exosome comes from. The notes of the three scenarios say so.
# - **How large the preference is.** No bar of the paper could be read, so that its findings are directions. All sizes are assumed.
# - **Lung and brain as organs of their own.** They are sections with other residents, blood and integrins, and the rules of
#   the liver. What stands for MIF in exosomes that are not of the pancreas is not known.
# - **Metastases of the brain.** No tumour cell is injected there: assumed numbers alone would decide what becomes of it.
