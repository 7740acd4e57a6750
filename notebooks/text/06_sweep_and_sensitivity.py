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
# # On which of the assumed numbers does a result hang?
#
# Most numbers of the model have no source. They are *assumed*, each within a range that the register gives. Then a
# result is worth as much as it stands while they move. Two ways to ask: a **sweep** moves few numbers and looks at
# everything; a **screening** moves many and tells which matter.
#
# The result we ask about: exosomes of pancreatic cancer bring bone-marrow-derived cells into the liver, and a block of MIF keeps
# them away. We look on day 10, in small sections, to be quick.
#
# Guess before you run anything. Five numbers will be moved: at what load of exosomes Kupffer cells answer; how much
# fibronectin a stellate cell lays; how long it lasts; how much of it holds a bone-marrow-derived cell; how long neutrophils live.
# Which matters most, and which not at all?
#
# The screening needs SALib, which `pip install 'niche-sim[notebooks]'` brings (and `[sensitivity]` and `[test]`, too).

# %%
# %matplotlib inline
import tempfile

from niche_sim.figures.sensitivity_and_fit import sensitivity_figure
from niche_sim.figures.sweep_overview import overview_figure
from niche_sim.inference import sensitivity
from niche_sim.model.parameters import rows
from niche_sim.runs import sweeps

# %% [markdown]
# ## What is known of the five
#
# The low and the high are how far each may be off, by whoever made the register.

# %%
numbers = ["kupffer.half_load_answer", "fibronectin.rate_deposit", "fibronectin.half_life"]
numbers += ["bmdc.half_fibronectin", "bmdc.half_life_neutrophils"]
for name in numbers:
    row = rows()[name]
    print(f"{name:27s}{row.value:7g}   {row.low:g} to {row.high:g} {row.unit}, {row.kind}")

# %% [markdown]
# ## A sweep of two
#
# All combinations of three values of two numbers: the lowest, the usual, the highest. In three arms, in the same three
# mice each. A plan is checked before anything runs: a name that does not exist, a value that cannot be, or a section
# too small for a lobule (below 0.6 x 0.6 mm) is refused here.

# %%
small = {"run.duration": "10 day", "section.width": "0.6 mm", "section.height": "0.6 mm"}
plan = sweeps.plan(
    "liver_education_costasilva2015",
    arms=["pbs", "educated", "anti_mif"],
    seeds=3,
    readouts=["fibronectin_mean", "bmdc_arrested"],
    vary={
        "kupffer.half_load_answer": {"values": ["50 vesicle", "300 vesicle", "1000 vesicle"]},
        "fibronectin.rate_deposit": {"values": ["2e4 um^3/day/cell", "8e4 um^3/day/cell", "3e5 um^3/day/cell"]},
    },
    overrides=small,
)
folder = tempfile.TemporaryDirectory()  # gone when the notebook ends; name a folder of yours to keep what was run
swept = sweeps.sweep(plan, f"{folder.name}/grid", workers=2)
print(swept.count)

# %% [markdown]
# A map a readout and an arm, and one scale of colours for a row. Compare how dark the maps of `educated` become, from
# corner to corner.

# %%
overview_figure(swept)

# %% [markdown]
# ## The same as a table
#
# A row a run, as a pandas frame. We count in how many of the three mice education brings bone-marrow-derived cells, and in how many
# the block keeps some of them away.

# %%
wide = swept.runs.to_pandas().pivot(index=[*numbers[:2], "seed"], columns="arm", values="bmdc_arrested")
wide["more by education"] = wide["educated"] > wide["pbs"]
wide["less by the block"] = wide["anti_mif"] < wide["educated"]
points = wide.groupby(level=numbers[:2])
points[["pbs", "educated", "anti_mif"]].mean().round(1).join(points[["more by education", "less by the block"]].sum())

# %% [markdown]
# **The size hangs on both numbers**: from one corner to another it goes from a niche full of cells to none worth the
# name. So nobody should read a size off this model. **The direction** is the same wherever there is a niche. Where
# Kupffer cells answer to very high loads only, or little fibronectin is laid, there is hardly one by day 10, hence
# little to block, and three mice need not agree even in direction.
#
# That is what a statement about such a model should look like: a direction, and the range in which it holds.
#
# ## Five at once
#
# A grid of five numbers with three values each would be 243 points. Morris' screening asks less: it starts anywhere in
# the ranges, moves one number at a time by a large step, and does so from a few starts, its *trajectories*. Each point
# is run in the same two mice.

# %%
screening = sweeps.plan(
    "liver_education_costasilva2015",
    arms=["educated"],
    seeds=2,
    readouts=["bmdc_arrested", "fibronectin_mean", "tgfb_mean"],
    design="morris",
    samples=8,
    vary=dict.fromkeys(numbers, "register"),
    overrides=small,
)
screened = sweeps.sweep(screening, f"{folder.name}/morris", workers=2)
print(screening.points, "points,", screened.count)

# %% [markdown]
# - **μ\*** (mark): how much the readout moves, on average, when the number goes through its range, whichever way.
# - **σ** (ring): how unlike these moves are. A ring near the mark or beyond it says that the number does much here and
#   little there: it bends, or it hangs on the others.
# - **Chance**: in the heading of each panel, how much of the variance between points is owed to there being so few
#   mice. It adds to σ.
#
# On the right: whether more trajectories would still move the order.

# %%
found = [sensitivity.of_sweep(screened, readout, "educated") for readout in screening.readouts]
sensitivity_figure(found, "Educated mice, day 10: five assumed numbers over their ranges")

# %% [markdown]
# μ\* says how much, not whether more or less. The mean move with its sign, μ, does; if its size is that of μ\*, all
# moves went the same way.

# %%
for index in found[0].ranked:
    size = f"μ* {index.main:4.1f} ± {index.main_reach:4.1f}"
    print(f"{index.name:27s}{size}   σ {index.second:4.1f}   μ {index.signed:+5.1f}")

# %% [markdown]
# ## How to read it
#
# - **For bone-marrow-derived cells the Kupffer cells' threshold matters most**, though it is far from them: it decides whether
#   anything after it begins.
# - **Rings near their marks.** How much fibronectin is laid, or how long it lasts, does much at some points and nothing
#   at others: where Kupffer cells do not answer, nobody lays any. That is an interaction, and varying one number at a
#   time around the usual values would have missed it.
# - **What comes next is not settled.** Where the intervals overlap, another design may turn the order round (try it).
# - **Follow the zeros.** TGF-β moves by one number only; fibronectin does not move by what holds bone-marrow-derived cells. These
#   zeros are exact, since mice are the same at all points: no rule leads back from there. So the order of links can be
#   read from a screening.
# - **How long neutrophils live does nothing to these three.** It was put in to see whether the method says so. It does
#   not follow that the number is of no use: it may matter to another readout.
# - **μ\* is as large as the range is wide.** A number that is known well matters little here however strongly the model
#   answers to it. So the first in the list is what to measure next, not what is biologically most important.
#
# ## At scale
#
# Here few trajectories, few mice, ten days. On the command line all assumed numbers that the arms read can be screened,
# over night, and it goes on where it was stopped:
#
# ```sh
# niche-sim sensitivity liver_education_costasilva2015 --readout bmdc_arrested --at 21 --samples 20 --seeds 4
# niche-sim sensitivity --method sobol --samples 64 --readout bmdc_arrested \
#     --vary kupffer.half_load_answer,fibronectin.rate_deposit
# niche-sim sweep scenarios/plans/grid_dose_and_tgfb.toml
# ```
#
# Sobol's method gives shares of the variance, with interactions, of the few that the screening has left. What a plan in
# a file can say, and how it is spread over a cluster, stands in docs/sweeps.md.
#
# ## Try
#
# 1. Another design of the same screening: `design_seed=2`, and then `samples=16`. What of the order stays?
# 2. Does a higher dose make up for a higher threshold? Give the sweep `vary_protocol={"educated": {"amount": {"values":
#    ["1 ug", "5 ug", "20 ug"]}}}` in the place of `fibronectin.rate_deposit`, with `arms=["educated"]`, and look at the
#    maps.
# 3. Screen the difference, not the number: add the arm `"anti_mif"`, and give `sensitivity.analyse` the points
#    `screening.unit_cube` and the difference of `screened.values("bmdc_arrested", arm)` of both arms.

# %% [markdown]
# ## What the model does not show
#
# - **Which numbers matter in a mouse.** It is which matter to the model, within ranges that somebody assumed.
# - **What is wrong with the rules.** A screening moves numbers. If a rule is missing, no number will tell.
# - **That the result stands.** Five numbers of many were moved, with the others where they are, and together they may
#   do more.
# - **Anything about day 21 or day 42.** A slow number has little time to matter in ten days.
