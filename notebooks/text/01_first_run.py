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
# # Does the liver change before a single tumour cell is there?
#
# In mice, exosomes of pancreatic cancer cells alone make the liver receptive: Kupffer cells take them up and secrete
# TGF-beta, stellate cells answer with fibronectin, and macrophages from the bone marrow come (Costa-Silva et al. 2015).
# We let a virtual mouse get such exosomes every other day for three weeks, then inject tumour cells, and look: what comes
# first? And what is left of it if one link is cut?
#
# A run takes seconds; the first one after installation takes longer, since code is being compiled.

# %%
# %matplotlib inline
import niche_sim
from niche_sim.figures.single_run import section_figure, timeline_figure

educated = niche_sim.run("liver_education_costasilva2015", "educated", seed=1)

# %% [markdown]
# ## What was done, and what came of it
#
# Nobody starts a stage. Each is read out: it is reached when its marker stays for 24 h above what nearly all untreated
# mice show.

# %%
timeline_figure(educated)

# %%
for stage, onset in educated.onsets.items():
    print(f"{stage:14s}", "not reached" if onset is None else f"day {onset / 24:.1f}")

# %% [markdown]
# ## The section on day 21, in the hour before tumour cells are injected
#
# Colour is fibronectin, in multiples of a naive liver's. The niche is there; no tumour cell is.

# %%
section_figure(educated, time=21 * 24)

# %% [markdown]
# ## Cut one link
#
# The same mouse again, with a TGF-beta receptor inhibitor during the three weeks; and once without any exosomes. The seed
# is the same, so that chance is the same, too: what differs between the runs is owed to the treatment. Read the table from
# top to bottom, along the chain: what lies before the cut stays, what lies behind it does not.

# %%
blocked = niche_sim.run("liver_education_costasilva2015", "tgfb_inhibitor", seed=1)
untreated = niche_sim.run("liver_education_costasilva2015", "pbs", seed=1)

day_21 = list(educated.table["time_h"]).index(21 * 24)
print(f"{'on day 21':20s}{'no exosomes':>14s}{'educated':>14s}{'TGF-b blocked':>14s}")
for marker in ("exosomes_taken_up", "tgfb_mean", "stellate_active", "fibronectin_mean", "bmdc_arrested"):
    values = [record.table[marker][day_21] for record in (untreated, educated, blocked)]
    print(f"{marker:20s}" + "".join(f"{value:14.4g}" for value in values))

# %% [markdown]
# ## And the metastases?
#
# Half a million injected cells are some 36 in a section this small. How many of them make a colony is chance, so that one
# mouse proves nothing: repeat it with other seeds, or with `overrides={"section.width": "4 mm", "section.height": "4 mm"}`.

# %%
for name, record in {"no exosomes": untreated, "educated": educated, "TGF-b blocked": blocked}.items():
    print(f"{name:14s} {record.end['colonies']:.0f} colonies on day 42")

# %%
section_figure(educated)

# %% [markdown]
# ## Cell by cell
#
# The same model, stepped hour by hour. It is a Mesa model, and every cell is a Mesa agent that can be asked.

# %%
model = niche_sim.NicheModel(arm="educated", rng=2)
for _ in range(48):
    model.step()
for kind, cells in model.agents_by_type.items():
    print(f"{kind.__name__:18s}{len(cells):6d}")

# %%
kupffer_cells = next(cells for kind, cells in model.agents_by_type.items() if kind.population == "kupffer_cells")
educated = kupffer_cells.select(lambda cell: cell.state == "educated")
print(f"{len(educated)} of {len(kupffer_cells)} Kupffer cells are educated after two days; the fullest of them holds")
print(f"{educated.agg('load', max)} vesicles")

# %% [markdown]
# ## What the model does not show
#
# - **Nothing about a patient.** It is a section of a mouse's liver, built from experiments on mice.
# - **How large an effect is in a mouse.** Most numbers are assumed (`niche-sim parameters --kind assumed`), and the
#   published effects could be compared in direction only. How often Pan02 cells grow out is assumed as well.
# - **Whether the order of the stages is right**: that they follow each other comes from how the rules are chained, and the
#   rules were written by people who knew the order.
# - **What is not looked at here**: the model has new vessels, oxygen, T cells, drugs and other organs, too. What it leaves out
#   altogether stands in the README.
# - **Anything by one run.** One seed is one mouse.
