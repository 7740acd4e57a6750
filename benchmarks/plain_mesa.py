"""How fast is niche_sim against the same rules written with ordinary Mesa agents, and do the two agree?

The twin below is what Mesa's tutorials teach: a class for every kind of cell, one Python object a cell, methods that
read and change that object, `AgentSet.do`, numbers from `model.random`. It holds the rules from the uptake of exosomes
to the arrest of bone-marrow-derived cells, with the parameters and the section of niche_sim. It shares no code with the
processes but what is no agent's work: the field solver, the disc around a cell, the number of sub-steps, and the
calibration of the capture cross-section. Vesicles are captured one by one, on their way, where niche_sim solves for
their distribution; so agreement of the two is a test of both.

Both models run in one process on one core, and what is compared is CPU time. See README.md for what is fair.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import math
import os
import sys
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # one core; read when the libraries below are imported
    for variable in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"

import mesa
import numpy as np
from scipy import stats

from niche_sim.engine.kernels.neighbourhood import disc
from niche_sim.engine.kernels.spectral import spectral_step
from niche_sim.engine.kernels.walk import sub_steps
from niche_sim.engine.units import to_model
from niche_sim.experiment import scenario
from niche_sim.experiment.protocol import Dose, InjectExosomes, Protocol
from niche_sim.experiment.simulation import Simulation
from niche_sim.model.initial_state import resting_density, section_of
from niche_sim.model.parameters import Parameters, resolve
from niche_sim.model.processes.licensing.fibronectin_deposition import FibronectinDeposition
from niche_sim.model.processes.licensing.stellate_activation import StellateActivation
from niche_sim.model.processes.priming.exosome_digestion import ExosomeDigestion
from niche_sim.model.processes.priming.exosome_uptake import cross_section
from niche_sim.model.processes.priming.tgfb_release import TgfbRelease
from niche_sim.model.processes.recruitment.ccl2_release import Ccl2Release
from niche_sim.model.readouts import BY_NAME
from niche_sim.model.schedule import DEFAULT

SCENARIO, ARM = "liver_education_costasilva2015", "educated"
RULES = (
    "KupfferPatrol",
    "ExosomeUptake",
    "ExosomeDigestion",
    "TgfbRelease",
    "StellateActivation",
    "FibronectinDeposition",
    "Ccl2Release",
    "Recruitment",
    "BmdcCrawling",
    "BmdcArrest",
    "BmdcDeparture",
)
# What the twin does not hold is set to do nothing in both: support by serum amyloid A and by collagen, which no rule
# above raises, cells of the marrow other than those that CCL2 calls, and how mice differ.
ALIKE = {
    "inflammation.share_rest": "1",
    "bmdc.share_without_collagen": "1",
    "bmdc.rate_neutrophils_rest": "0 cell/mm^3/day",
    "bmdc.rate_patrolling_rest": "0 cell/mm^3/day",
    "mouse.answer": "0",
    "mouse.matrix": "0",
    "mouse.recruitment": "0",
    "mouse.immunity": "0",
    "mouse.uptake": "0",
}
# Hours between two acts of a slow rule, as in niche_sim.
PERIODS = {"digestion": ExosomeDigestion.period, "answer": TgfbRelease.period, "activation": StellateActivation.period,
           "deposition": FibronectinDeposition.period, "release": Ccl2Release.period}  # fmt: skip
WITHOUT = tuple(kind.__name__ for kind in DEFAULT if kind.__name__ not in RULES)
READOUTS = (
    "exosomes_taken_up",
    "kupffer_load_mean",
    "kupffer_load_variance",
    "tgfb_mean",
    "stellate_activation_mean",
    "fibronectin_mean",
    "ccl2",
    "bmdc",
    "bmdc_arrested",
)
SAME_WITHIN = 0.10  # means that differ by less count as equal
LN2 = math.log(2.0)


# --- the twin ---------------------------------------------------------------------------------------------------------


def hill(signal: float, half: float, steepness: float) -> float:
    """Saturating response, 0 to 1."""
    ratio = (signal / half) ** steepness
    return ratio / (1.0 + ratio)


def chance(rate: float, dt: float) -> float:
    """Probability of an event of hazard `rate` (1/h) within `dt` (h)."""
    return -math.expm1(-rate * dt)


class Walker(mesa.Agent):
    """A cell that runs straight, turns at random and keeps to the density at rest of its kind; `pos` is (y, x), um."""

    model: PlainNiche

    def __init__(self, model: PlainNiche, pos: tuple[float, float]) -> None:
        super().__init__(model)
        self.pos = pos
        self.heading = math.tau * model.random.random()

    def site(self) -> int:
        """Flat index of the site where the cell is."""
        y, x = self.pos
        return int(y / self.model.spacing) * self.model.columns + int(x / self.model.spacing)

    def walk(self, speed: float, persistence: float, steps: int, weight: list[float]) -> None:
        """One step of runs at `speed` (um/h), in sub-steps; refused a move into sparser tissue, the cell turns back."""
        model = self.model
        random, spacing, columns = model.random.random, model.spacing, model.columns
        height, width = model.section.height, model.section.width
        sub_step = model.dt / steps
        turn_chance = 2.0 * sub_step / (2.0 * persistence + sub_step)
        run = speed * sub_step
        dy, dx = run * math.sin(self.heading), run * math.cos(self.heading)
        y, x = self.pos
        here = weight[self.site()]
        for _ in range(steps):
            if random() < turn_chance:
                heading = math.tau * random()
                dy, dx = run * math.sin(heading), run * math.cos(heading)
            new_y, new_x, new_dy, new_dx = y + dy, x + dx, dy, dx
            if not 0.0 <= new_y < height:
                new_y, new_dy = (-new_y if new_y < 0.0 else 2.0 * height - new_y), -dy
            if not 0.0 <= new_x < width:
                new_x, new_dx = (-new_x if new_x < 0.0 else 2.0 * width - new_x), -dx
            there = weight[int(new_y / spacing) * columns + int(new_x / spacing)]
            if there >= here or random() * here < there:
                y, x, dy, dx, here = new_y, new_x, new_dy, new_dx, there
            else:
                dy, dx = -dy, -dx
        self.pos = (y, x)
        self.heading = math.atan2(dy, dx)


class KupfferCell(Walker):
    """Patrols until it is loaded, holds vesicles, secretes TGF-beta once it holds enough."""

    def __init__(self, model: PlainNiche, pos: tuple[float, float]) -> None:
        super().__init__(model, pos)
        self.responder = model.random.random() < model.p.kupffer.fraction_responders
        self.load = 0
        self.parcel: Exosome | None = None  # the one with room

    def step(self) -> None:
        """Patrol."""
        p = self.model.p.kupffer
        speed = p.speed * (1.0 - hill(self.load, p.half_load_speed, 2.0))
        if speed * self.model.dt > 0.05 * self.model.spacing:
            self.walk(speed, p.persistence, self.model.patrol_steps, self.model.kupffer_density)

    def appetite(self) -> float:
        """Readiness to take up a vesicle, against an empty portal responder."""
        if not self.responder:
            return 0.0
        p = self.model.p
        match = p.exosomes.fraction_unmatched + (1.0 - p.exosomes.fraction_unmatched) * p.pdac.integrin_avb5
        by_zone = 1.0 - (1.0 - p.kupffer.fraction_central_uptake) * self.model.zone[self.site()]
        return match * by_zone / (1.0 + self.load / p.kupffer.half_load_uptake)

    def take_one_in(self) -> None:
        """Put one vesicle out of a larger parcel into the parcel with room."""
        if self.parcel is None or self.parcel.vesicles >= self.model.parcel_size:
            self.parcel = Exosome(self.model, 0, host=self)
        self.parcel.vesicles += 1

    def secrete(self) -> None:
        """Secrete TGF-beta into the site."""
        if self.load:
            p = self.model.p.kupffer
            answer = hill(self.load * self.model.p.pdac.mif, p.half_load_answer, p.steepness_answer)
            y, x = self.pos
            site = int(y / self.model.spacing), int(x / self.model.spacing)
            self.model.secreted[site] += answer * p.secretion_tgfb / self.model.section.site_volume


class Exosome(mesa.Agent):
    """One vesicle, or a parcel of them: in blood, or inside its host."""

    model: PlainNiche

    def __init__(self, model: PlainNiche, vesicles: int, host: KupfferCell | None = None) -> None:
        super().__init__(model)
        self.vesicles = vesicles
        self.host = host

    def circulate(self) -> None:
        """Pass the liver with the blood for an hour, each vesicle on its own, until something takes it."""
        model = self.model
        for _ in range(self.vesicles):
            fate = model.journey()
            if fate is None:
                continue  # still in blood
            if isinstance(fate, KupfferCell):
                model.taken_up += 1
                if self.vesicles == model.parcel_size == 1:
                    self.host = fate
                    return
                fate.take_one_in()
            self.vesicles -= 1
        if self.vesicles == 0:
            self.remove()

    def step(self) -> None:
        """Inside a cell: be digested; what is left counts in its load."""
        host = self.host
        if host is None:
            return
        model = self.model
        if self.vesicles == 1:
            lost = model.random.random() < model.chance_digested
        else:
            lost = model.rng.binomial(self.vesicles, model.chance_digested)
        if lost:
            self.vesicles -= lost
            if self.vesicles == 0:
                if host.parcel is self:
                    host.parcel = None
                self.remove()
        host.load += self.vesicles


class StellateCell(mesa.Agent):
    """Activated where it senses TGF-beta; lays fibronectin while active."""

    model: PlainNiche

    def __init__(self, model: PlainNiche, pos: tuple[float, float]) -> None:
        super().__init__(model)
        self.pos = pos
        self.at = (int(pos[0] / model.spacing), int(pos[1] / model.spacing))  # it does not move
        self.activation = 0.0

    def step(self) -> None:
        """Answer to TGF-beta."""
        model = self.model
        p = model.p.stellate
        gain = p.rate_activation * hill(model.tgfb.item(self.at), p.half_signal, p.steepness)
        total = gain + model.rate_rest
        self.activation = gain / total + (self.activation - gain / total) * math.exp(-total * model.acts["activation"] * model.dt)

    def lay(self) -> None:
        """Lay fibronectin all around."""
        model = self.model
        if self.activation > 0.0:
            (y, x), size = self.at, len(model.stamp)
            model.laid[y : y + size, x : x + size] += self.activation * model.stamp


class BoneMarrowDerivedCell(Walker):
    """Crawls, stops where fibronectin holds it, leaves."""

    def __init__(self, model: PlainNiche, pos: tuple[float, float], arrested: bool) -> None:
        super().__init__(model, pos)
        self.arrested = arrested

    def step(self) -> None:
        """Crawl unless held; be held; leave or die."""
        model, p = self.model, self.model.p.bmdc
        if not self.arrested:
            self.walk(p.speed, p.persistence, model.crawl_steps, model.bmdc_density)
        y, x = self.pos
        fibronectin = model.fibronectin.item(int(y / model.spacing), int(x / model.spacing))
        held = hill(fibronectin, p.half_fibronectin, p.steepness_fibronectin)
        if model.random.random() < chance(p.rate_arrest * held, model.dt):
            self.arrested = True
        half_life = p.half_life_arrested if self.arrested else p.half_life_moving
        if model.random.random() < chance(LN2 / half_life, model.dt):
            self.remove()


class PlainNiche(mesa.Model):
    """The same liver, hour by hour, out of ordinary Mesa agents.

    Args:
        p: the register. width, height, spacing: um. dt: h.
        doses: injections of PDAC exosomes, as niche_sim's protocol gives them.
        parcel_size: vesicles an Exosome holds at most.
        seed: of `random` and `rng`.
    """

    def __init__(
        self,
        p: Parameters,
        width: float,
        height: float,
        spacing: float,
        doses: Iterable[Dose],
        parcel_size: int = 1,
        dt: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(seed=seed)
        self.p, self.dt, self.spacing, self.parcel_size = p, dt, spacing, parcel_size
        self.doses = tuple(doses)
        self.section = section = section_of(width, height, spacing, p)
        self.columns = section.shape[1]
        self.clock = 0.0  # h
        self.cpu: dict[str, float] = defaultdict(float)  # seconds, by rule

        living = resting_density(section, p)
        self.kupffer_density = living["kupffer_cells"].ravel().tolist()
        self.bmdc_density = living["bmdc"].ravel().tolist()
        self.stellate_density = living["stellate_cells"].ravel().tolist()
        self.zone = section.zone.ravel().tolist()
        self.passage = section.flow.passage.ravel().tolist()
        self.entries = section.flow.source_sites.tolist()
        self.entering = list(itertools.accumulate(section.flow.source_share.tolist()))
        # Where blood goes on from each site: (cumulative chance, next site), the likeliest first; the rest leaves.
        self.onward: list[list[tuple[float, int]]] = []
        neighbours = (-self.columns, self.columns, -1, 1)
        for site, route in enumerate(section.flow.route.tolist()):
            ways = [(share, site + step) for share, step in zip(route, neighbours, strict=True) if share]
            ways.sort(reverse=True)
            shares = itertools.accumulate(share for share, _ in ways)
            self.onward.append([(total, to) for total, (_, to) in zip(shares, ways, strict=True)])

        self.tgfb = np.zeros(section.shape)
        self.fibronectin = np.ones(section.shape)
        self.ccl2 = 0.0
        self.taken_up = 0
        self.blood: list[Exosome] = []
        self.acts = {rule: max(1, round(hours / dt)) for rule, hours in PERIODS.items()}  # every how many steps
        hours = self.acts["answer"] * dt
        self.field_step = spectral_step(section.shape, spacing, p.tgfb.diffusivity, LN2 / p.tgfb.half_life, hours)
        # Fibronectin that one fully active stellate cell lays in an hour on the sites around it.
        _, dy, dx, share = disc(p.stellate.reach, spacing)
        self.margin = int(max(dy.max(), dx.max()))
        self.stamp = np.zeros((2 * self.margin + 1, 2 * self.margin + 1))
        self.stamp[dy + self.margin, dx + self.margin] = share * p.fibronectin.rate_deposit / section.site_volume

        passes = p.liver.blood_flow / p.liver.blood_volume  # 1/h
        elsewhere = (1.0 - p.liver.fraction_exosomes) * LN2 / p.exosomes.half_life_blood  # 1/h
        self.rate_moving_on = passes + elsewhere
        self.share_elsewhere = elsewhere / (passes + elsewhere)
        self.area = cross_section(section, p)  # um2
        self.chance_digested = chance(LN2 / p.exosomes.half_life_inside, self.acts["digestion"] * dt)
        self.rate_rest = LN2 / p.stellate.half_life_active
        self.patrol_steps = sub_steps(p.kupffer.speed, p.kupffer.persistence, dt, spacing)
        self.crawl_steps = sub_steps(p.bmdc.speed, p.bmdc.persistence, dt, spacing)
        self.capture: list[float] = []
        self.cells_at: dict[int, list[tuple[KupfferCell, float]]] = {}

        for pos in self.places(round(p.kupffer.density * section.volume), self.kupffer_density):
            KupfferCell(self, pos)
        for pos in self.places(round(p.stellate.density * section.volume), self.stellate_density):
            StellateCell(self, pos)

    def of(self, kind: type[mesa.Agent]) -> Any:
        """The agents of one class; empty where there are none yet."""
        return self.agents_by_type.get(kind, ())

    def places(self, n: int, weight: list[float]) -> list[tuple[float, float]]:
        """Positions (y, x), um, of n new cells."""
        uniform = self.random.random
        sites = self.random.choices(range(len(weight)), weights=weight, k=n)
        return [
            ((site // self.columns + uniform()) * self.spacing, (site % self.columns + uniform()) * self.spacing)
            for site in sites
        ]

    def step(self) -> None:
        """One hour, in niche_sim's order; a slow rule rests until it is due."""
        after = round(self.clock / self.dt) + 1
        order = ("inject", "patrol", "uptake", "digestion", "answer", "activation", "deposition", "release", "recruitment",
                 "arrest")  # fmt: skip
        for rule in order:
            if after % self.acts.get(rule, 1):
                continue
            start = time.process_time()
            getattr(self, rule)()
            self.cpu[rule] += time.process_time() - start
        self.clock += self.dt

    def inject(self) -> None:
        """Put each dose that is due into blood."""
        for dose in self.doses:
            if self.clock - 1e-9 <= dose.at < self.clock + self.dt - 1e-9:
                given = dose.vesicles if dose.vesicles is not None else dose.amount_ug * self.p.exosomes.vesicles_per_ug
                n = int(self.rng.poisson(given * self.section.volume / self.p.liver.volume))
                for first in range(0, n, self.parcel_size):
                    self.blood.append(Exosome(self, min(self.parcel_size, n - first)))

    def patrol(self) -> None:
        """Kupffer cells walk."""
        self.of(KupfferCell).do("step")

    def uptake(self) -> None:
        """Vesicles in blood pass the Kupffer cells as these are now."""
        if not self.blood:
            return
        self.cells_at = defaultdict(list)
        for cell in self.of(KupfferCell):
            appetite = cell.appetite()
            if appetite > 0.0:
                self.cells_at[cell.site()].append((cell, appetite))
        self.capture = [0.0] * len(self.passage)
        for site, cells in self.cells_at.items():
            density = sum(appetite for _, appetite in cells) / self.section.site_volume
            self.capture[site] = -math.expm1(-self.area * density * self.passage[site])
        for exosome in self.blood:
            exosome.circulate()
        self.blood = [exosome for exosome in self.blood if exosome.host is None and exosome.vesicles]

    def journey(self) -> KupfferCell | str | None:
        """One hour of a vesicle in blood: None if it is still there, else what took it."""
        random = self.random
        left = self.dt
        while True:
            left -= random.expovariate(self.rate_moving_on)
            if left < 0.0:
                return None
            if random.random() < self.share_elsewhere:
                return "another organ"
            site = self.pass_liver()
            if site >= 0:
                cells = self.cells_at[site]
                if len(cells) == 1:
                    return cells[0][0]
                return random.choices([cell for cell, _ in cells], weights=[appetite for _, appetite in cells])[0]

    def pass_liver(self) -> int:
        """One pass along a sinusoid, site by site: the site where the vesicle is captured, or -1."""
        random, capture, onward = self.random.random, self.capture, self.onward
        site = self.entries[min(bisect_right(self.entering, random() * self.entering[-1]), len(self.entries) - 1)]
        while True:
            captures = capture[site]
            if captures and random() < captures:
                return site
            luck = random()
            for below, following in onward[site]:
                if luck < below:
                    site = following
                    break
            else:
                return -1

    def digestion(self) -> None:
        """Vesicles inside cells are digested."""
        self.of(KupfferCell).set("load", 0)
        if exosomes := self.of(Exosome):
            exosomes.do("step")

    def answer(self) -> None:
        """Kupffer cells secrete TGF-beta, which spreads and decays."""
        self.secreted = np.zeros(self.section.shape)
        self.of(KupfferCell).do("secrete")
        self.tgfb = self.field_step.advance(self.tgfb, self.secreted)

    def activation(self) -> None:
        """Stellate cells answer to TGF-beta."""
        self.of(StellateCell).do("step")

    def deposition(self) -> None:
        """Stellate cells lay fibronectin, which turns over down to what plasma brings."""
        rows, columns = self.section.shape
        m = self.margin
        self.laid = np.zeros((rows + 2 * m, columns + 2 * m))
        self.of(StellateCell).do("lay")
        laid = self.laid  # what falls beyond an edge is mirrored back
        laid[m : 2 * m] += laid[:m][::-1]
        laid[-2 * m : -m] += laid[-m:][::-1]
        laid[:, m : 2 * m] += laid[:, :m][:, ::-1]
        laid[:, -2 * m : -m] += laid[:, -m:][:, ::-1]
        turnover = LN2 / self.p.fibronectin.half_life
        target = 1.0 + laid[m:-m, m:-m] / turnover
        hours = self.acts["deposition"] * self.dt
        self.fibronectin = target + (self.fibronectin - target) * math.exp(-turnover * hours)

    def release(self) -> None:
        """Active stellate cells release CCL2."""
        p, volume = self.p, self.section.volume
        decay = LN2 / p.ccl2.half_life
        target = p.ccl2.secretion * self.of(StellateCell).agg("activation", sum) / volume / decay
        self.ccl2 = target + (self.ccl2 - target) * math.exp(-decay * self.acts["release"] * self.dt)

    def recruitment(self) -> None:
        """CCL2 calls cells from the blood."""
        p, volume = self.p, self.section.volume
        rate = p.bmdc.rate_rest + p.bmdc.rate_called * hill(self.ccl2, p.bmdc.half_signal, p.bmdc.steepness)
        arriving = int(self.rng.poisson(rate * volume * self.dt))
        for pos in self.places(arriving, self.bmdc_density):
            settles = self.random.random() < p.bmdc.chance_arrest_on_entry * p.bmdc.rate_rest / rate  # such as come at rest
            BoneMarrowDerivedCell(self, pos, settles)

    def arrest(self) -> None:
        """Bone-marrow-derived cells crawl, arrest and leave."""
        if cells := self.of(BoneMarrowDerivedCell):
            cells.do("step")

    def measure(self) -> dict[str, float]:
        """The readouts now."""
        loads = [cell.load for cell in self.of(KupfferCell) if cell.responder]
        return {
            "exosomes_taken_up": float(self.taken_up),
            "kupffer_load_mean": float(np.mean(loads)),
            "kupffer_load_variance": float(np.var(loads)),
            "tgfb_mean": float(self.tgfb.mean()),
            "stellate_activation_mean": float(np.mean(self.of(StellateCell).get("activation"))),
            "fibronectin_mean": float(self.fibronectin.mean()),
            "ccl2": self.ccl2,
            "bmdc": float(len(self.of(BoneMarrowDerivedCell))),
            "bmdc_arrested": float(sum(cell.arrested for cell in self.of(BoneMarrowDerivedCell))),
        }


# --- both, side by side -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """What both models simulate: sides and spacing of the section (um), hours, doses, register."""

    width: float
    height: float
    spacing: float
    hours: float
    doses: tuple[Dose, ...]
    overrides: tuple[tuple[str, str], ...] = ()

    def plain(self, parcel_size: int, seed: int) -> PlainNiche:
        """The twin at time 0."""
        p = resolve({**ALIKE, **dict(self.overrides)})
        return PlainNiche(p, self.width, self.height, self.spacing, self.doses, parcel_size, seed=seed)

    def niche(self, parcel_size: int, seed: int) -> Simulation:
        """niche_sim at time 0, with the same rules and nothing else."""
        overrides = {
            **ALIKE,
            **dict(self.overrides),
            "section.width": f"{self.width!r} um",
            "section.height": f"{self.height!r} um",
            "section.spacing": f"{self.spacing!r} um",
            "run.duration": f"{self.hours!r} h",
            "exosomes.parcel_size": f"{parcel_size} vesicle",
        }
        model = Simulation(SCENARIO, ARM, overrides=overrides, rng=seed, without=WITHOUT)
        model.protocol = Protocol(tuple(InjectExosomes(d.source, (d.at,), d.amount_ug, d.vesicles) for d in self.doses))
        return model


@dataclass(frozen=True)
class Run:
    """One finished run: readouts at its end, CPU and wall seconds of the stepping, agents at the end, CPU by rule."""

    end: dict[str, float]
    cpu: float
    wall: float
    agents: int
    by_rule: dict[str, float]


def default_case(hours: float) -> Case:
    """The default section and the doses of the educated arm, for some hours."""
    experiment = scenario.load(SCENARIO)
    width, height, spacing, _ = experiment.section
    doses = tuple(dose for dose in experiment.arm(ARM).protocol.doses if dose.at < hours)
    return Case(width, height, spacing, hours, doses)


def measure(model: Simulation) -> dict[str, float]:
    """The readouts of niche_sim now."""
    values = {name: BY_NAME[name].measure(model.state, model.parameters) for name in READOUTS if name in BY_NAME}
    return values | {"stellate_activation_mean": float(model.state.stellate_cells.activation.mean())}


def run_plain(case: Case, parcel_size: int, seed: int) -> Run:
    """Step the twin to the end of the case."""
    model = case.plain(parcel_size, seed)
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(round(case.hours / model.dt)):
        model.step()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    end, agents, by_rule = model.measure(), len(model.agents), dict(model.cpu)
    model.remove_all_agents()  # some hundred thousand objects that refer to each other
    return Run(end, cpu, wall, agents, by_rule)


def run_niche(case: Case, parcel_size: int, seed: int) -> Run:
    """Step niche_sim to the end of the case, its readouts every six hours included."""
    model = case.niche(parcel_size, seed)
    cpu, wall = time.process_time(), time.perf_counter()
    model.run_to_end()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    used = (model.state.exosomes, model.state.kupffer_cells, model.state.stellate_cells, model.state.bmdc)
    return Run(measure(model), cpu, wall, sum(len(population) for population in used), {})


@dataclass(frozen=True)
class Agreement:
    """Two samples: (mean, standard deviation) of each, difference of the means in standard errors, a verdict."""

    plain: tuple[float, float]
    niche: tuple[float, float]
    errors: float
    verdict: str


def agreement(plain: Sequence[float], niche: Sequence[float]) -> Agreement:
    """Compare the means of two samples of at least two runs each.

    "equal": the 90 % interval of the difference (Welch) lies within SAME_WITHIN of niche_sim's mean; "different": it
    lies outside as a whole; else "undecided".
    """
    a, b = np.asarray(plain, np.float64), np.asarray(niche, np.float64)
    parts = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    error = math.sqrt(sum(parts))
    difference, allowed = float(a.mean() - b.mean()), SAME_WITHIN * abs(float(b.mean()))
    if error == 0.0:  # nothing varies
        errors, half = (0.0 if difference == 0.0 else math.copysign(math.inf, difference)), 0.0
    else:
        freedom = error**4 / (parts[0] ** 2 / (len(a) - 1) + parts[1] ** 2 / (len(b) - 1))
        errors, half = difference / error, float(stats.t.ppf(0.95, freedom)) * error
    if abs(difference) + half <= allowed:
        verdict = "equal"
    elif abs(difference) - half > allowed:
        verdict = "different"
    else:
        verdict = "undecided"
    return Agreement((float(a.mean()), float(a.std(ddof=1))), (float(b.mean()), float(b.std(ddof=1))), errors, verdict)


def compare(case: Case, parcel_sizes: Sequence[int], seeds: int) -> dict[tuple[str, int], list[Run]]:
    """All runs, by model ("plain", "niche") and parcel size; seed after seed, so that disturbances hit all alike."""
    for size in parcel_sizes:  # compile, fill caches
        run_niche(dataclasses.replace(case, hours=2.0), size, seeds)
    runs: dict[tuple[str, int], list[Run]] = defaultdict(list)
    for seed in range(seeds):
        for size in parcel_sizes:
            runs["niche", size].append(run_niche(case, size, seed))
            runs["plain", size].append(run_plain(case, size, seed))
            print(f"seed {seed}, parcels of {size}: done", file=sys.stderr)
    return dict(runs)


def total(runs: Sequence[Run], hours: float) -> tuple[float, float]:
    """Mean CPU and wall milliseconds per simulated hour."""
    return 1e3 * float(np.mean([run.cpu for run in runs])) / hours, 1e3 * float(
        np.mean([run.wall for run in runs])
    ) / hours


def ratios(runs: dict[tuple[str, int], list[Run]]) -> dict[tuple[int, int], float]:
    """CPU time of the twin over that of niche_sim, by the parcel sizes (of the twin, of niche_sim)."""
    cpu = {key: float(np.mean([run.cpu for run in some])) for key, some in runs.items()}
    sizes = sorted({size for _, size in runs})
    return {(a, b): cpu["plain", a] / cpu["niche", b] for a in sizes for b in sizes}


def pairs(sizes: Iterable[int]) -> list[tuple[int, int]]:
    """Which parcel sizes (of the twin, of niche_sim) are compared: like with like, and the finest twin with all."""
    ordered = sorted(sizes)
    return sorted({(size, size) for size in ordered} | {(ordered[0], size) for size in ordered})


def report(case: Case, runs: dict[tuple[str, int], list[Run]]) -> str:
    """Time, ratios and agreement as Markdown."""
    sizes = sorted({size for _, size in runs})
    names = {"plain": "plain Mesa", "niche": "niche_sim"}
    seeds = len(runs["niche", sizes[0]])
    lines = [
        f"{case.hours:g} h of a section of {case.width / 1e3:g} x {case.height / 1e3:g} mm, {len(case.doses)} doses, "
        f"{seeds} seeds, Mesa {mesa.__version__}, one core",
        "",
        "| model | vesicles an agent holds | agents at the end | CPU ms per simulated hour | wall ms |",
        "|---|--:|--:|--:|--:|",
    ]
    for (model, size), some in sorted(runs.items(), key=lambda item: (item[0][0] == "niche", item[0][1])):
        cpu, wall = total(some, case.hours)
        agents = np.mean([run.agents for run in some])
        lines.append(f"| {names[model]} | {size:,} | {agents:,.0f} | {cpu:.3g} | {wall:.3g} |")
    ratio = ratios(runs)
    lines += ["", "| CPU time of the twin / niche_sim |" + "".join(f" niche_sim, {b:,} a parcel |" for b in sizes)]
    lines += ["|---|" + "--:|" * len(sizes)]
    for a in sizes:
        lines.append(f"| plain Mesa, {a:,} a parcel |" + "".join(f" {ratio[a, b]:.0f} |" for b in sizes))
    for size in sizes:
        by_rule: dict[str, float] = defaultdict(float)
        for run in runs["plain", size]:
            for rule, seconds in run.by_rule.items():
                by_rule[rule] += 1e3 * seconds / case.hours / seeds
        shown = ", ".join(f"{rule} {ms:.3g}" for rule, ms in sorted(by_rule.items(), key=lambda item: -item[1]))
        lines += ["", f"Twin with {size:,} a parcel, ms per hour by rule: {shown}."]
    for a, b in pairs(sizes):
        lines += [
            "",
            f"| at {case.hours:g} h, mean (spread) | plain Mesa, {a:,} a parcel | niche_sim, {b:,} a parcel |"
            f" difference, standard errors | within {SAME_WITHIN:.0%}? |",
            "|---|--:|--:|--:|---|",
        ]
        for name in READOUTS:
            result = agreement([run.end[name] for run in runs["plain", a]], [run.end[name] for run in runs["niche", b]])
            shown = " | ".join(f"{mean:.4g} ({spread:.2g})" for mean, spread in (result.plain, result.niche))
            lines.append(f"| {name} | {shown} | {result.errors:+.1f} | {result.verdict} |")
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = options.add_argument
    add("--hours", type=positive, default=72.0, help="simulated hours (default: 72; doses at 0, 48 ... h)")
    add("--seeds", type=several, default=3, help="runs of each model, at least 2 (default: 3)")
    parcels = "vesicles an agent holds at most, in both models (default: 1 1000)"
    add("--parcels", type=count, nargs="+", default=[1, 1000], metavar="N", help=parcels)
    add("--side", type=length, default=None, help="of a square section, such as '1 mm' (default: the scenario's)")
    add("--json", type=Path, default=None, metavar="FILE", help="write all runs there, too")
    return options


def positive(text: str) -> float:
    """A number above 0."""
    if not 0.0 < (value := float(text)) < math.inf:
        raise ValueError(text)
    return value


def count(text: str) -> int:
    """A whole number from 1."""
    if (value := int(text)) < 1:
        raise ValueError(text)
    return value


def several(text: str) -> int:
    """A whole number from 2, so that there is a spread."""
    if (value := int(text)) < 2:
        raise ValueError(text)
    return value


def length(text: str) -> float:
    """A length with a unit, in um."""
    return positive(str(to_model(text, like="um", where="--side")))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both and print what came out."""
    chosen = parser().parse_args(arguments)
    if hasattr(os, "sched_setaffinity"):  # Linux
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    case = default_case(chosen.hours)
    if chosen.side is not None:
        case = dataclasses.replace(case, width=chosen.side, height=chosen.side)
    runs = compare(case, sorted(set(chosen.parcels)), chosen.seeds)
    print(report(case, runs))
    if chosen.json is not None:
        rows = [
            {"model": model, "parcel_size": size, "seed": seed, **dataclasses.asdict(run)}
            for (model, size), some in runs.items()
            for seed, run in enumerate(some)
        ]
        chosen.json.write_text(json.dumps({"hours": case.hours, "runs": rows}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
