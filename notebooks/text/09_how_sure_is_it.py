# ---
# jupyter:
#   jupytext:
#     formats: ipynb,text//py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # How sure is it, if most numbers are assumed?
#
# Exosomes of pancreatic cancer bring bone-marrow-derived cells into the liver: in the model, with its usual numbers.
# Most of these are assumed. The *ensemble* holds other sets of numbers that agree as well with what is measured of a
# naive liver and of the time course.
#
# Guess before you run anything. In how many of ten such sets does education bring more marrow cells? In how many by a
# factor of 1.5 to 5, as published of niches? And does blocking the receptor of TGF-β keep them away in all?

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import numpy as np

import niche_sim
from niche_sim.figures.ensemble import ensemble_figure
from niche_sim.inference.ensemble import claims
from niche_sim.runs import cohort

found = niche_sim.ensemble()
print(len(found.members), "sets of", found.members.shape[1], "numbers")

# %% [markdown]
# ## What was fitted to
#
# Left: what is measured (grey), what all sets over the ranges of the register give (red), what the members give (blue).
# Right: the numbers that this narrowed most. Most numbers stay as open as they were.

# %%
ensemble_figure(found)

# %% [markdown]
# ## Ten members, two mice each
#
# Untreated mice, educated ones and educated ones with a blocked receptor, on day 10 in a small section (as wide as
# the largest lobule needs). Members that lie far apart are taken, the most central one first.

# %%
small = {"run.duration": "10 day", "section.width": "1.2 mm", "section.height": "1.2 mm"}
arms, members = ["pbs", "educated", "tgfb_inhibitor"], found.some(10)


def planned(numbers):
    return cohort.plan("liver_education_costasilva2015", arms, mice=2, overrides={**numbers, **small})


plans = claims.plans(found, members, planned)
kept = tempfile.TemporaryDirectory()  # gone when the notebook ends
folder = Path(kept.name)
failed = cohort.run(list(plans.values()), folder, workers=2)
mice = {member: cohort.gather(plan, folder) for member, plan in plans.items()}
print(len(failed), "failed")

# %% [markdown]
# ## What they say
#
# A line an effect on marrow cells held by fibronectin: the range over members, and the share of them in which it goes
# the way of most.

# %%
for arm in arms[1:]:
    claim, word = claims.of_effect(arm, "bmdc_arrested", 240.0, mice, found)
    low, middle, high = claim.band
    print(f"{arm:15s} {word} in {100 * claim.share:.0f} % of members ({claim.verdict}): {middle:.3g} ({low:.3g} to {high:.3g})")

# %% [markdown]
# An effect against untreated mice is a ratio where these have any such cells, and a difference where they have none, so
# look at the numbers themselves, too.

# %%
for arm in arms:
    means = [np.mean(list(one.values(arm, "bmdc_arrested", 240.0).values())) for one in mice.values()]
    print(f"{arm:15s}", "  ".join(f"{value:5.1f}" for value in means))

# %% [markdown]
# ## Which measurement next
#
# If one could measure one thing in educated mice, which would tell most about how many marrow cells there will be? The
# share of the variance over members that each readout goes with:

# %%
seen = {name: np.array([np.mean(list(one.values("educated", name, 240.0).values())) for one in mice.values()])
        for name in ("tgfb_mean", "fibronectin_mean", "stellate_active", "kupffer_educated", "ccl2")}  # fmt: skip
answer = np.array([np.mean(list(one.values("educated", "bmdc_arrested", 240.0).values())) for one in mice.values()])
for name, share in claims.narrows(seen, answer):
    print(f"{name:18s} {100 * share:3.0f} %")

# %% [markdown]
# ## How to read it
#
# - **A range over members is no spread between mice.** Two mice differ by chance and by constitution; two members
#   differ by what nobody knows. The second does not shrink with more mice.
# - **A share is no probability.** All ranges count evenly, whoever wrote them down. *Robust* means that the claim survives them.
# - **Ten members are few.** The command line takes as many as there are:
#
# ```sh
# niche-sim compare --arms pbs,educated,tgfb_inhibitor --mice 6 --ensemble 0
# ```

# %% [markdown]
# ## What the model does not show
#
# - **That a rule is right.** All members share the rules. If one is missing or wrong, all agree and all are wrong.
# - **How likely a set is.** It is not ruled out, no more.
# - **What would be ruled out by data that nobody fitted to**, such as the size of the effect itself, which stays the question.
