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
# # Until which day can one wait, and still prevent the niche?
#
# In the experiments from which the model's first scenario is made, a link of the chain is cut from the first dose of
# exosomes on (Costa-Silva et al. 2015). That is prevention. Whoever is to be treated mostly comes later, when some of
# the niche is there.
#
# We take two blocks. One cuts **early** in the chain: MIF, by which exosomes make Kupffer cells secrete TGF-β. One cuts
# **late**: CCR2, by which bone-marrow-derived cells follow the call of CCL2 and come. Exosomes are given every other day for three
# weeks, and we look on day 21.
#
# Before you run anything, write down for each block: if it starts on day 9 only, how much of it is lost? Which of the
# two can wait longer?

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import niche_sim
from niche_sim.experiment.editing import with_added
from niche_sim.experiment.protocol import Block
from niche_sim.figures.power_and_windows import windows_figure
from niche_sim.inference.windows import effects, onsets, windows
from niche_sim.model.parameters import rows
from niche_sim.runs import cohort

# %% [markdown]
# ## Two blocks
#
# The arm `anti_mif` is in the scenario. One with CCR2 blocked is not, so we add it: the educated mouse, and one thing
# more. Both blocks have the same efficacy, which is assumed, so that they can be compared.

# %%
DAY = 24  # h
mouse = niche_sim.load_scenario("liver_education_costasilva2015")
mouse = with_added(mouse, "educated", [Block("ccr2", 0.95, 0, 21 * DAY)], name="anti_ccr2")

# %% [markdown]
# ## Seven starts, in the same mice
#
# `windows` makes an arm of each start, from day 0 to day 18, and leaves the end as it is: who starts late is treated
# for less long. (We come back to that.) Each is compared with `educated`, which gets no block. Mouse 1 is the same
# mouse in all of them, with the same chance events, so that six mice tell much; more mice give narrower intervals, and
# so do larger sections.

# %%
options = {"run.duration": "21 day", "section.width": "1 mm", "section.height": "1 mm"}
starts = range(0, 19, 3)  # day
tried = {
    arm: windows(mouse, arm, starts, against="educated", mice=6, overrides=options) for arm in ("anti_mif", "anti_ccr2")
}
with tempfile.TemporaryDirectory() as folder:
    failed = cohort.run([one.plan for one in tried.values()], Path(folder), workers=2)
    mice = {arm: cohort.gather(one.plan, Path(folder)) for arm, one in tried.items()}
print(len(failed), "mice failed")


# %%
def panels(arm):
    readouts = ("fibronectin_mean", "bmdc_arrested")
    return [(name, effects(tried[arm], mice[arm], name, at=21 * DAY)) for name in readouts]


# %% [markdown]
# ## The early cut
#
# Each dot is the effect of one start, as a ratio to the same mice without the block: 1 is no effect, and in the grey
# band it is too small to matter. Orange lines are the onsets of the stages in mice without the block; follow the curve
# of the bone-marrow-derived cells (b) past them.

# %%
windows_figure(tried["anti_mif"], panels("anti_mif"), onsets(tried["anti_mif"], mice["anti_mif"]))

# %% [markdown]
# From the first day on, the block prevents. Started when the stage of recruitment begins, it still does something. Some
# days later it is, for bone-marrow-derived cells, as good as none, though more than a week is left until day 21. So the window of
# this block closes in the days after the onset of recruitment, and not at the end of education.
#
# ## The late cut
#
# The same for CCR2. Look at fibronectin (a) first, then at where the curve of bone-marrow-derived cells leaves the bottom.

# %%
windows_figure(tried["anti_ccr2"], panels("anti_ccr2"), onsets(tried["anti_ccr2"], mice["anti_ccr2"]))

# %% [markdown]
# Fibronectin does not notice. Bone-marrow-derived cells fall, and they do so at starts at which the early cut has long lost. Yet
# from the first day on the early cut is the better one: some bone-marrow-derived cells always come, called or not, and only without
# fibronectin do hardly any of them stay. **Of these two blocks the early one prevents more, and is sooner too late.**
#
# ## Why is it too late?
#
# Look at what lies behind the cut on day 21 when MIF is blocked from day 9 on: as a share of the mice without the
# block.

# %%
day_9 = list(starts).index(9)
for readout in ("exosomes_taken_up", "tgfb_mean", "stellate_active", "fibronectin_mean", "bmdc_arrested"):
    left = effects(tried["anti_mif"], mice["anti_mif"], readout, at=21 * DAY)[day_9].comparison.effect
    print(f"{readout:18s}{left.estimate:6.2f}  ({left.low:.2f} to {left.high:.2f})")

# %% [markdown]
# The signal is gone, twelve days after the block began. What it has *made* is not: stellate cells that are active,
# fibronectin that is laid, bone-marrow-derived cells that sit. Each of them outlasts what made it, by its own half-life. What do we
# know of these?

# %%
for name in ("tgfb.half_life", "stellate.half_life_active", "fibronectin.half_life", "bmdc.half_life_arrested"):
    number = rows()[name]
    print(f"{name:27s}{number.value:6g} {number.unit:5s}{number.low:g} to {number.high:g}, {number.kind}")

# %% [markdown]
# Minutes, then days. After an early cut one store after the other has to run down. Even when fibronectin has fallen a
# good deal, cells are held wherever there is still more of it than some threshold. A late cut has one store behind it
# only, the cells that sit already.
#
# ## Late, or only short?
#
# A block that starts on day 12 has nine days until day 21, one from day 0 has 21. So give all of them the same: look at
# each of them nine days after its start, and compare with the same mice without block on that day.

# %%
print("Bone-marrow-derived cells held after nine days of block, as a share of mice without it")
print(f"{'from day':>9s}" + "".join(f"{arm:>26s}" for arm in tried))
for both in zip(*(effects(tried[arm], mice[arm], "bmdc_arrested", after=9 * DAY) for arm in tried), strict=True):
    shares = [point.comparison.effect for point in both]
    print(f"{both[0].day:9g}" + "".join(f"{s.estimate:12.2f} ({s.low:.2f} to {s.high:.2f})" for s in shares))

# %% [markdown]
# Read each column downwards. Nine days without MIF keep the niche away, or do next to nothing to one that is there:
# this block **prevents** and hardly treats. Nine days without CCR2 do much the same whenever they begin, a little less
# when it is late: in the model this block **treats**, too, if to have fewer bone-marrow-derived cells is a treatment. The ground on
# which they sit, it leaves.
#
# ## Try
#
# 1. A link in the middle: do the same with the arm `fibronectin_knockout`. Where does its curve lie, between the two or
#    beside them? (No knock-out can be started on day 9. A model may ask.)
# 2. Let the CCR2 block end on day 15 (in `Block`, and as the last start take day 12). Do the bone-marrow-derived cells stay away
#    until day 21? Look at `fibronectin_mean` before you answer.
# 3. Add `"fibronectin.half_life": "2 day"` to `options`, then `"14 day"`: how far does the window of MIF move?
#
# On the command line, with any arm of a scenario:
# `niche-sim window --arm anti_mif --by 0..21 --mice 10 --readout bmdc_arrested --at 21` (or `--after 9`)

# %% [markdown]
# ## What the model does not show
#
# - **On which day a window closes in a mouse.** That hangs on half-lives and thresholds, and most of them are assumed,
#   as the table above says. What it shows is that links have windows of different width, and why.
# - **A drug.** A block is an efficacy from one hour to the next: no dose, no delay, no side effect.
# - **Metastases.** We looked at the niche on day 21, before tumour cells came; a section this small would hold too few
#   of them. Whether a niche that is cleared late is as good as one that never was, is another question.
# - **A patient.** Day 0 is the first injection of exosomes. No patient has such a day: a growing tumour sheds them all
#   along.
