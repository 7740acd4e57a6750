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
# # Can we catch the model being wrong about a paper?
#
# Tumours of the breast make lung receptive, too: in mice, lysyl oxidase (LOX) accumulates there before any tumour cell,
# cross-links collagen, and cells of the bone marrow hold to it. With LOX inhibited they do not come, and metastases grow less
# (Erler et al. 2009). A model that agrees with everything teaches nothing. So we do what one would do with a rival's model:
# write down what it has to show, run it, and judge.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import niche_sim
from niche_sim.figures.arms import compare_figure
from niche_sim.inference.effects import ratio_of_means
from niche_sim.inference.verdicts import judge_all
from niche_sim.runs import cohort
from niche_sim.runs.cohort import Cohort

# %% [markdown]
# ## First the questions
#
# A published experiment is a folder of `scenarios/`. Its *targets* were written from the paper before the first run, and
# what is to *validate* was never used to choose a number. Class D means that only the direction is known: from an abstract
# one learns "less", seldom how much less.
#
# Read the four, and bet on each.

# %%
paper = niche_sim.load_scenario("lung_lox_erler2009")
print(paper.title, "\n" + paper.question, "\n")
for target in paper.targets:
    print(f"{target.id}: {target.readout} on day {target.at / 24:.0f}, {target.arm} {target.expect} than {target.against}")
    print(f"    class {target.grade}, to {target.use}; {target.source}, {target.where}")

# %% [markdown]
# ## Then the experiment
#
# Three arms, of which each adds to the one before. Which cells, how many and when is assumed, and the line is another than
# in the paper; the folder's `NOTE.md` says so, part by part.

# %%
for name, arm in paper.arms.items():
    print(f"{name:14s} {arm.note}")

# %% [markdown]
# Six mice an arm, by two processes. Mouse 1 is the same mouse in all three arms.

# %%
plan = cohort.plan(paper, mice=6)
with tempfile.TemporaryDirectory() as folder:
    failed = cohort.run([plan], Path(folder), workers=2)
    mice = cohort.gather(plan, Path(folder))
print(len(failed), "mice failed")

# %% [markdown]
# ## Look before you judge
#
# Where along the chain do the arms part, and where do they not? One of the last pictures cannot be told from another.

# %%
compare_figure(mice)

# %% [markdown]
# ## The verdicts
#
# The direction of an effect is *met* if its whole 95 % interval lies on the right side. It is *not met*
# if it lies on the wrong side, or so near to none that it counts as none. Otherwise it is *undecided*: that asks for more
# mice and says nothing against the model. Mice are compared with themselves, by ratio where there is something to divide by.


# %%
def verdicts(mice):
    for one in judge_all(mice):
        found = one.comparison
        size = f"{found.kind} {found.effect.estimate:.3g} ({found.effect.low:.3g} to {found.effect.high:.3g})"
        print(f"{one.target.id:36s}{size:34s}{one.direction}{': ' if one.why else ''}{one.why}")


verdicts(mice)

# %% [markdown]
# ## With three mice?
#
# The first three of the same mice. The effects hardly move; what becomes of the verdicts?

# %%
few = {arm: {seed: lives[seed] for seed in plan.seeds[:3]} for arm, lives in mice.lives.items()}
verdicts(Cohort(plan, few))

# %% [markdown]
# Three mice a group can be as different as they like: that all three differ in one direction happens in one of four
# studies without any effect. With fewer than six mice nothing is decided, however large the effect.

# %% [markdown]
# ## Why?
#
# A verdict is where the work begins. We walk along the chain, inhibited against not: how much is left at each link?

# %%
for readout in ("stellate_active", "fibronectin_mean", "collagen_mean", "bmdc_arrested", "tumour_dormant", "tumour_cycling"):
    pair = [list(mice.values(arm, readout, mice.ends).values()) for arm in ("lox_inhibited", "primary")]
    left = ratio_of_means(*pair)
    print(f"{readout:18s} {left.estimate:.2f} ({left.low:.2f} to {left.high:.2f}) of what it is without inhibitor")

# %% [markdown]
# ## What we make of it
#
# The model has what the paper says of the lung: collagen is cross-linked, bone-marrow-derived cells come, and both hang
# on LOX. It does not have what the paper says of metastases. The table shows where the chain tears: the inhibitor
# reaches collagen and, weaker, the bone-marrow-derived cells. Fibronectin it does not touch, and in this model it is
# fibronectin that reactivates tumour cells and shelters them, so that they grow all the same. If the paper is right,
# something is missing: perhaps that stiff collagen itself acts on tumour cells, which is no rule here; perhaps
# bone-marrow-derived cells do more than they are given to do.
#
# One could now turn a number until the fourth target is met. Then it would be fitted, it would have to say so, and the model
# would have one thing less that it can be wrong about. Here it stays, with its reason, in the evidence report
# (`niche-sim evidence`, docs/evidence/report.md), beside the others that are not met.
#
# ## Try
#
# 1. Repeat it with mice of your own: `cohort.plan(paper, mice=6, seed=101)`. Which verdicts are the same?
# 2. Does the verdict hang on a number that is only assumed? Give `overrides={"bmdc.share_without_collagen": ...}`
#    a value at either end of its range (`niche-sim parameters`).
# 3. Take a paper of which you have opened more than the abstract. Copy a folder of `scenarios/`, write its targets *first*,
#    and have someone else judge them. CONTRIBUTING.md, *Add a scenario*, has the keys.

# %% [markdown]
# ## What the model does not show
#
# - **That it is right where it agrees.** Most of its rules were written by people who had read these abstracts; that
#   collagen hangs on LOX is a rule. Only what nobody put in can surprise.
# - **Sizes.** The targets are directions, since no more could be read. A ratio in the table is the model's, and no paper's.
# - **This paper's mice.** Cell line, host, doses and days are assumed, and in the paper the enzyme comes from the primary
#   tumour's hypoxic cells, here from the lung's own active cells.
# - **Lung**: it is a section with the residents of lung and the rules of the liver.
