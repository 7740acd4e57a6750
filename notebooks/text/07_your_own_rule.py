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
# # What if the cells of the niche ate the ground they stand on?
#
# Bone-marrow-derived cells settle where there is fibronectin. Macrophages can also cut matrix down. If those of the
# niche did, the niche would undermine itself: a brake that the model does not have. Nobody has measured how strong it
# would be here, so this is a conjecture, and a good one to learn on: we write it as a rule, test the rule, and ask what
# it would change.
#
# Write down your guess before you go on: with the brake, will there be half as many settled cells, or almost none, or
# hardly fewer?

# %%
# %matplotlib inline
import numpy as np

from niche_sim import NicheModel
from niche_sim.engine.kernels.neighbourhood import disc, spread
from niche_sim.engine.laws import relax
from niche_sim.figures.single_run import timeline_figure
from niche_sim.inference.effects import ratio_of_means
from niche_sim.model.process import Process
from niche_sim.runs.record import Runner

# %% [markdown]
# ## The rule
#
# A rule of the model is a class. Its docstring begins with the rule as one sentence; `reads` and `writes` say what it
# touches; `step` does it, for all cells at once and for `dt` hours.
#
# In words: around each settled cell, within its reach, fibronectin falls towards the floor that plasma keeps (which is 1,
# the unit of the field). One cell clears a given *volume* of tissue an hour. A volume an hour can be thought about and could be
# measured; "a tenth per site and step" could not, and would change its meaning with the grid.
#
# `spread` shares each cell's part out over the disc that it reaches. `relax` is the exact solution of a decay, whatever the
# step.


# %%
class FibronectinCutting(Process):
    """Settled bone-marrow-derived cells cut the fibronectin around them."""

    reads = ("section", "bmdc.arrested", "fibronectin")
    writes = ("fibronectin",)
    reach = 30.0  # µm; assumed, a cell's width around it

    def __init__(self, clearance):
        self.clearance = clearance  # µm³/h a cell; assumed, to be varied below

    def step(self, state, p, chance, dt):
        section, held = state.section, state.bmdc.arrested.astype(float)
        rate = np.zeros(section.shape)  # 1/h [y, x]
        each = held * self.clearance / section.site_volume
        spread(rate, state.sites(state.bmdc), each, *disc(self.reach, section.spacing))
        floor = np.minimum(state.fibronectin, 1.0)
        state.fibronectin = relax(state.fibronectin, floor, rate, dt)


# %% [markdown]
# ## A mouse with the rule
#
# The schedule of a model is a tuple of rules, in the order in which they act. Ours goes in behind the one that lays
# fibronectin. The run ends on day 21, before any tumour cell comes. The figure's second line says that a rule was added.


# %%
def mouse(seed, clearance):
    model = NicheModel("liver_education_costasilva2015", "educated", rng=seed, overrides={"run.duration": "21 day"})
    place = [rule.name for rule in model.schedule].index("FibronectinDeposition") + 1
    if clearance:
        model.schedule = (*model.schedule[:place], FibronectinCutting(clearance), *model.schedule[place:])
    return Runner(model)


bitten = mouse(seed=1, clearance=1000)
bitten.advance(bitten.model.steps_left)
timeline_figure(bitten.record())

# %% [markdown]
# ## Does it do what its sentence says, and nothing else?
#
# Ask before you believe any result. *Nowhere*: where no cell has settled, nothing may change. *Halves*: one step of two hours
# must do the same as two of one hour, or the result would hang on the clock. *Only there*: no site gains, and sites out of
# reach of all cells keep what they have.

# %%
naive, grown = mouse(seed=1, clearance=0).model, bitten.model


def after(model, *steps):
    kept = model.state.fibronectin.copy()
    for dt in steps:
        FibronectinCutting(1000).step(model.state, model.mouse, model.chance, dt)
    cut, model.state.fibronectin = model.state.fibronectin, kept
    return cut


print("nowhere:   ", "nothing changes" if np.array_equal(after(naive, 1.0), naive.state.fibronectin) else "WRONG")
print("halves:    ", "the same" if np.allclose(after(grown, 2.0), after(grown, 1.0, 1.0), rtol=1e-12) else "WRONG")
change = after(grown, 1.0) - grown.state.fibronectin
print(f"only there: {(change < 0).mean():.0%} of the sites lose some, {(change > 0).mean():.0%} gain any")

# %% [markdown]
# ## How strong would it have to be?
#
# We do not know the clearance, so we try it over two powers of ten, in five mice each. Mice of one seed are the same mouse
# but for the rule: they share all chance events that both have. So each value is compared with the same mice without it.
# Read each row along the chain: what lies before the brake, what it acts on, what lies behind it.

# %%
markers, ends = ("stellate_active", "fibronectin_mean", "bmdc_arrested"), {}
for clearance in (0, 100, 1000, 10000):
    runs = [mouse(seed, clearance) for seed in range(1, 6)]
    for run in runs:
        run.advance(run.model.steps_left)
    ends[clearance] = {name: [run.record().end[name] for run in runs] for name in markers}

print("as a share of the same mice without the rule, with the 95 % interval\n")
print(f"{'µm³/h a cell':>12s}" + "".join(f"{name:>24s}" for name in markers))
for clearance in (100, 1000, 10000):
    shares = [ratio_of_means(ends[clearance][name], ends[0][name]) for name in markers]
    print(f"{clearance:12d}" + "".join(f"{s.estimate:10.2f} ({s.low:.2f} to {s.high:.2f})" for s in shares))

# %% [markdown]
# ## What we learn, and about what
#
# Was your guess near? Even cells that clear a cube of more than 20 µm an hour each take away more than half of the fibronectin
# and far less than half of the settled cells. Two things in the model make it so, and both can be read in its rules
# (`niche-sim describe`):
#
# - Cells *settle* above a threshold. As long as stellate cells keep laying more than that somewhere, newcomers find a place.
# - Once settled a cell stays for its days of life, whether the ground below it lasts or not: no rule lets it go.
#
# The second is an assumption that nobody made on purpose. Writing a rule of one's own finds such things, and that is as much
# worth as the number in the table.
#
# ## Try
#
# 1. Write `LettingGo`: settled cells whose fibronectin has fallen below 4 move on (`cells.arrested[...] = False`). Does the
#    brake bite now? Choose a rate, and draw who goes by `chance.uniform(self, cells.key) < laws.probability(rate, dt)`.
# 2. Let educated Kupffer cells cut instead: `state.kupffer_cells`, those whose `state` is `KupfferCell.state.code("educated")`
#    (`from niche_sim.mesa_model.cells import KupfferCell`). Where would the niche lie then?
# 3. If you keep the rule, it wants its numbers in the register with range and source, and tests of its own: CONTRIBUTING.md,
#    *Add a rule*.

# %% [markdown]
# ## What the model does not show
#
# - **That cells of the niche do cut fibronectin**, or how fast: here it is a thought with a range of numbers. That macrophages can
#   degrade matrix is known; how much of it in this niche, nobody measured.
# - **Fragments**: what is cut off may itself be a signal. Here it is gone.
# - **A saved run knows our rule by name only.** `niche-sim run --like` refuses to repeat it: who wants to repeat it needs this
#   notebook.
# - **Much by five mice**: they narrow an interval, they do not make an assumption true.
