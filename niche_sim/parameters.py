"""The register: every number of the biology, once, with unit, range, kind and source.

A row reads `name = number(value, unit, low, high, kind, source, note)`. Kinds: *measured* (read in the named source),
*derived* (arithmetic from such), *fitted* (to a target), *recalled* (from the named source, not opened again),
*assumed* (no source: the note says why, the range goes into the sensitivity analysis), *setting* (bookkeeping, no biology).
`source` is a key of `scenarios/sources.bib`. Attributes hold model units (um, h, nM, cell, vesicle).
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.errors import InputError
from niche_sim.units import from_model, show, to_model
from niche_sim.vocabulary import TUMOUR_LINES

KINDS = ("measured", "derived", "fitted", "recalled", "assumed", "setting")


def number(value: float, unit: str, low: float, high: float, kind: str, source: str = "", note: str = "") -> Any:
    """One row of the register. value, low and high stand in `unit`; the attribute's default is in model units."""
    meta = {"value": value, "unit": unit, "low": low, "high": high, "kind": kind, "source": source, "note": note}
    return field(default=to_model(f"{value!r} {unit}"), metadata=meta)


@dataclass(frozen=True)
class Liver:
    """The organ: its size, its lobules, its blood, its resident cells."""

    volume: float = number(1100, "mm^3", 900, 1400, "derived", "Sohlenius2006", "1.2 g at 1.06 g/mL, mouse")
    lobule_radius: float = number(285, "um", 250, 350, "recalled", "Hoehme2010", "circumradius of the hexagon")
    portal_radius: float = number(25, "um", 15, 40, "assumed", "", "portal vein branch, seen in section")
    central_radius: float = number(30, "um", 20, 45, "assumed", "", "central vein, seen in section")
    thickness: float = number(20, "um", 10, 30, "assumed", "", "slab of one hepatocyte; density is per volume")
    blood_flow: float = number(1.8, "mL/min", 1.2, 2.5, "recalled", "DaviesMorris1993", "hepatic, 20 g mouse")
    blood_volume: float = number(1.7, "mL", 1.4, 2.0, "recalled", "DaviesMorris1993", "20 g mouse")


@dataclass(frozen=True)
class Exosomes:
    """Vesicles in blood and inside cells, whatever their source."""

    vesicles_per_ug: float = number(1.5e9, "vesicle/ug", 1e8, 2e10, "assumed", "", "purity-dependent; 5 ug is 5e9-1e10")
    half_life_blood: float = number(3, "min", 2, 30, "recalled", "Takahashi2013", "with all Kupffer cells in place")
    fraction_liver: float = number(0.7, "", 0.5, 0.85, "recalled", "Wiklander2015", "of what leaves naive blood")
    half_life_inside: float = number(24, "h", 6, 72, "assumed", "", "signal of a vesicle inside a Kupffer cell")
    fraction_unmatched: float = number(0.02, "", 0.01, 0.5, "assumed", "", "capture left without integrin avb5")
    secretion: float = number(60, "vesicle/cell/h", 10, 500, "measured", "Chiu2016", "per tumour cell")
    fraction_escaping: float = number(0.1, "", 0.01, 1, "assumed", "", "of what a primary secretes, reaches blood")
    parcel_size: float = number(1000, "vesicle", 1, 1e6, "setting", "", "vesicles an agent holds at most")


@dataclass(frozen=True)
class ExosomeSource:
    """What the vesicles of one kind of cell carry, relative to those of a pancreatic cancer."""

    mif: float
    integrin_avb5: float


@dataclass(frozen=True)
class Pdac(ExosomeSource):
    """Exosomes of pancreatic ductal adenocarcinoma: the reference."""

    mif: float = number(1, "", 0.5, 2, "assumed", "", "reference cargo; MIF is high in them (Costa-Silva 2015)")
    integrin_avb5: float = number(1, "", 0.5, 1, "assumed", "", "reference; avb5 sends them to liver (Hoshino 2015)")


@dataclass(frozen=True)
class NormalPancreas(ExosomeSource):
    """Exosomes of normal pancreas: the control that does nothing."""

    mif: float = number(0.1, "", 0, 0.3, "assumed", "", "low MIF; the control is flat (Costa-Silva 2015)")
    integrin_avb5: float = number(0.1, "", 0, 0.5, "assumed", "", "not liver-tropic")


@dataclass(frozen=True)
class Kupffer:
    """Kupffer cells: where they are, how they walk, take up, answer and kill."""

    density: float = number(1.8e4, "cell/mm^3", 1.5e4, 2.1e4, "derived", "Bouwens1986", "17e6 per g")
    share_portal: float = number(0.43, "", 0.40, 0.46, "measured", "Bouwens1986", "of cells, in the portal third")
    share_mid: float = number(0.28, "", 0.25, 0.33, "measured", "Bouwens1986", "of cells, in the middle third")
    fraction_responders: float = number(0.64, "", 0.5, 0.9, "measured", "Bouwens1986", "take up latex")
    fraction_central_uptake: float = number(0.6, "", 0.3, 1, "assumed", "", "central against portal; less active")
    half_load_uptake: float = number(2000, "vesicle", 500, 1e4, "assumed", "", "load that halves further uptake")
    speed: float = number(4.6, "um/min", 2, 7.2, "measured", "MacPhee1992", "unloaded")
    half_load_speed: float = number(
        50, "vesicle", 10, 500, "assumed", "", "particles slow and stop them (MacPhee 1992)"
    )
    persistence: float = number(5, "min", 2, 15, "assumed", "", "mean straight run, about a sinusoid's bend")
    secretion_tgfb: float = number(25, "molecule/s/cell", 2, 200, "assumed", "", "saturated; never measured")
    half_load_answer: float = number(300, "vesicle", 50, 1000, "assumed", "", "near the load of one 5 ug dose")
    steepness_answer: float = number(4, "", 2, 6, "assumed", "", "a threshold: single blocks must stop the chain")
    rate_teaching: float = number(1, "1/day", 0.3, 4, "assumed", "", "at full signal")
    rate_teaching_rest: float = number(
        0.002, "1/day", 5e-4, 0.01, "assumed", "", "without exosomes: a naive liver's few"
    )
    half_life_taught: float = number(7, "day", 2, 30, "assumed", "", "memory after the last exosome")
    contact_radius: float = number(16, "um", 12, 20, "derived", "Ghaffarizadeh2018", "macrophage 7.5 + tumour 8.4")


@dataclass(frozen=True)
class Tgfb:
    """Active transforming growth factor beta in the tissue."""

    diffusivity: float = number(26, "um^2/s", 10, 60, "recalled", "spQSP", "published agent-based parameter file")
    half_life: float = number(
        10, "min", 3, 30, "recalled", "Wakefield1990", "active form 2-3 min; longer while activation goes on"
    )


@dataclass(frozen=True)
class Stellate:
    """Hepatic stellate cells."""

    density: float = number(1.56e4, "cell/mm^3", 8e3, 2.1e4, "derived", "Marcos2003", "0.109 per hepatocyte")
    rate_activation: float = number(0.33, "1/day", 0.14, 1, "recalled", "Iredale1998", "aSMA in about 3 days")
    half_signal: float = number(0.1, "nM", 0.02, 0.5, "recalled", "spQSP", "0.14 nM in that file, for macrophages")
    steepness: float = number(2, "", 1, 4, "assumed", "", "cooperative receptor")
    half_life_active: float = number(7.8, "day", 5, 14, "derived", "Iredale1998", "12-fold fewer in 28 days")
    fraction_counted: float = number(0.5, "", 0.3, 0.7, "assumed", "", "activation above which a cell counts as active")
    reach: float = number(55, "um", 40, 70, "derived", "Wake2006", "wraps 20-40 hepatocytes")


@dataclass(frozen=True)
class Fibronectin:
    """Tissue fibronectin, as multiples of the plasma-derived floor of a naive liver."""

    rate_deposit: float = number(
        8e4,
        "um^3/day/cell",
        2e4,
        3e5,
        "assumed",
        "",
        "tissue volume that a fully active cell raises by one floor a day",
    )
    half_life: float = number(5, "day", 2, 14, "assumed", "", "matrix turnover in liver never measured")


@dataclass(frozen=True)
class Ccl2:
    """The chemokine CCL2, organ-wide."""

    secretion: float = number(2, "molecule/s/cell", 0.2, 20, "assumed", "", "by a fully active stellate cell")
    half_life: float = number(11.5, "h", 2, 24, "recalled", "spQSP", "1.67e-5 per s")


@dataclass(frozen=True)
class Bmdc:
    """Bone-marrow-derived cells: coming, crawling, arresting, leaving."""

    rate_rest: float = number(170, "cell/mm^3/day", 50, 1000, "recalled", "spQSP", "macrophage recruitment, tumour")
    chance_settling: float = number(0.1, "", 0.02, 0.3, "assumed", "", "of those at rest, as resident macrophages")
    rate_called: float = number(1200, "cell/mm^3/day", 300, 4000, "assumed", "", "on top, at saturating CCL2")
    half_signal: float = number(0.6, "nM", 0.1, 3, "assumed", "", "CCL2; near the affinity of CCR2")
    steepness: float = number(2, "", 1, 4, "assumed", "", "response to CCL2")
    speed: float = number(2, "um/min", 1, 4, "recalled", "Ghaffarizadeh2018", "macrophages, monocytes")
    persistence: float = number(10, "min", 5, 30, "assumed", "", "mean straight run")
    rate_arrest: float = number(0.5, "1/h", 0.1, 2, "assumed", "", "on saturating fibronectin")
    half_fibronectin: float = number(4, "", 2, 8, "assumed", "", "floors of fibronectin for half that rate")
    steepness_fibronectin: float = number(8, "", 4, 10, "assumed", "", "a threshold: the plasma floor holds nobody")
    half_life_moving: float = number(12, "h", 4, 48, "assumed", "", "stay in the section unless arrested")
    half_life_arrested: float = number(5, "day", 1, 14, "assumed", "", "life of a niche macrophage")


@dataclass(frozen=True)
class Granulin:
    """Macrophage granulin and the periostin that stellate cells lay in answer."""

    reach: float = number(50, "um", 30, 100, "assumed", "", "neighbourhood in which macrophages are felt")
    half_density: float = number(3000, "cell/mm^3", 500, 1e4, "assumed", "", "arrested macrophages for half response")
    rate_response: float = number(1, "1/day", 0.3, 3, "assumed", "", "of the stellate cell")
    rate_periostin: float = number(
        8e4, "um^3/day/cell", 2e4, 3e5, "assumed", "", "tissue volume raised by one unit of periostin a day"
    )
    half_life_periostin: float = number(5, "day", 2, 14, "assumed", "", "deposited with the matrix")


@dataclass(frozen=True)
class NaturalKiller:
    """Natural killer cells."""

    density: float = number(1000, "cell/mm^3", 500, 1500, "derived", "Luo1995", "13.7 per mm2 of section, rat")
    ratio_zones: float = number(1.58, "", 1, 2, "measured", "Luo1995", "portal 17.1 against central 10.8")
    half_life: float = number(7, "day", 3, 17, "assumed", "", "turnover; sets refilling after depletion")
    speed: float = number(5, "um/min", 1, 15, "recalled", "Ghaffarizadeh2018", "8 there; liver is slower")
    persistence: float = number(3, "min", 1, 10, "assumed", "", "mean straight run")
    contact_radius: float = number(13.6, "um", 11, 17, "derived", "Ghaffarizadeh2018", "NK 5.2 + tumour 8.4")
    chance_kill: float = number(0.075, "", 0.01, 0.3, "assumed", "", "per meeting with a growing tumour cell")
    fraction_seen_resting: float = number(0.1, "", 0.03, 0.5, "assumed", "", "arrested or dormant cells hide from NK")


@dataclass(frozen=True)
class TCells:
    """Liver T cells."""

    density: float = number(2000, "cell/mm^3", 1000, 3000, "derived", "LiverCells2022", "twice the NK cells")
    half_life: float = number(10, "day", 3, 30, "assumed", "", "turnover; sets refilling after depletion")
    speed: float = number(6, "um/min", 4, 10, "recalled", "Ghaffarizadeh2018", "CD8 cells")
    persistence: float = number(3, "min", 1, 10, "assumed", "", "mean straight run")


@dataclass(frozen=True)
class Tumour:
    """Tumour cells in the liver, whatever the line."""

    packing: float = number(2.4e5, "cell/mm^3", 2e5, 4e5, "derived", "Ghaffarizadeh2018", "2494 um3 at 0.6")
    diameter: float = number(17, "um", 15, 20, "recalled", "Abramczyk2015", "against 8 um sinusoids")
    neighbourhood: float = number(40, "um", 40, 60, "assumed", "", "radius in which crowding is felt")
    rim: float = number(100, "um", 50, 150, "assumed", "", "how deep growing cells can push; growth is linear beyond")
    fraction_lodging: float = number(0.87, "", 0.80, 0.93, "recalled", "Luzzi1998", "of cells passing, by size")
    half_fibronectin: float = number(4, "", 2, 8, "assumed", "", "floors of fibronectin for half its effects")
    half_periostin: float = number(2, "", 0.5, 6, "assumed", "", "periostin for half its effect on waking")
    steepness: float = number(4, "", 2, 6, "assumed", "", "of retention, waking and support")
    share_periostin: float = number(0.5, "", 0, 1, "assumed", "", "of niche support that needs periostin")
    half_crowding: float = number(9e4, "cell/mm^3", 3e4, 2e5, "assumed", "", "density that shelters its members")
    steepness_crowding: float = number(2, "", 1, 4, "assumed", "", "of that shelter")
    speed_motile: float = number(0.5, "um/min", 0.1, 2, "recalled", "Ghaffarizadeh2018", "mesenchymal")
    persistence: float = number(15, "min", 5, 60, "assumed", "", "mean straight run")
    rate_condensing: float = number(1, "1/day", 0.3, 3, "assumed", "", "motile to micrometastasis (Ritsma 2012)")
    colony_cells: float = number(10, "cell", 5, 30, "assumed", "", "cells of one founder that count as a colony")
    macro_diameter: float = number(200, "um", 100, 500, "assumed", "", "diameter of a macrometastasis")


@dataclass(frozen=True)
class TumourLine:
    """What differs between tumour cell lines."""

    rate_extravasation: float
    rate_washing_out: float
    chance_killed_by_kupffer: float
    chance_start: float
    rate_death_dormant: float
    rate_waking: float
    doubling: float
    rate_death_exposed: float
    fraction_supported: float


@dataclass(frozen=True)
class Pan02(TumourLine):
    """Panc02, pancreatic; its efficiency in liver is assumed, within the published spread."""

    rate_extravasation: float = number(0.04, "1/h", 0.02, 0.1, "assumed", "", "slower than B16F1")
    rate_washing_out: float = number(0.04, "1/h", 0.005, 0.1, "assumed", "", "unless fibronectin retains them")
    chance_killed_by_kupffer: float = number(0.02, "", 0.005, 0.05, "derived", "Matsumura2014", "a third in 6 h, rat")
    chance_start: float = number(0.25, "", 0.05, 0.4, "assumed", "", "of extravasated cells, without sleeping first")
    rate_death_dormant: float = number(0.04, "1/day", 0.02, 0.2, "assumed", "", "besides NK cells")
    rate_waking: float = number(0.25, "1/day", 0.01, 0.5, "assumed", "", "in a full niche")
    doubling: float = number(
        19.1, "h", 14.4, 96, "assumed", "", "19 h reported in vitro; net growth in vivo is slower, since cells die"
    )
    rate_death_exposed: float = number(0.35, "1/day", 0.1, 1.5, "assumed", "", "of cycling cells without any shelter")
    fraction_supported: float = number(0.9, "", 0.5, 1, "assumed", "", "of that death, spared by a full niche")


@dataclass(frozen=True)
class B16f1(TumourLine):
    """B16F1 melanoma: the line of the published funnel."""

    rate_extravasation: float = number(0.085, "1/h", 0.05, 0.15, "derived", "Koop1995", "over 80 % by 24 h")
    rate_washing_out: float = number(0.001, "1/h", 0, 0.005, "derived", "Luzzi1998", "0.87 arrested, 0.83 extravasated")
    chance_killed_by_kupffer: float = number(0.0003, "", 0, 0.002, "derived", "Luzzi1998", "few are lost on arrival")
    chance_start: float = number(0.035, "", 0.01, 0.08, "fitted", "Luzzi1998", "0.02 of injected started by day 3")
    rate_death_dormant: float = number(0.04, "1/day", 0.02, 0.2, "fitted", "Luzzi1998", "0.36 dormant at day 13")
    rate_waking: float = number(0.1, "1/day", 0.01, 0.5, "assumed", "", "in a full niche")
    doubling: float = number(
        15, "h", 12, 20, "assumed", "", "B16-F10 in vitro; net growth in vivo is slower, since cells die"
    )
    rate_death_exposed: float = number(1.2, "1/day", 0.5, 2, "fitted", "Luzzi1998", "1 in 100 persists to day 13")
    fraction_supported: float = number(0.9, "", 0.5, 1, "assumed", "", "of that death, spared by a full niche")


@dataclass(frozen=True)
class Primary:
    """A growing primary tumour."""

    rate_shedding: float = number(
        3e-3, "1/day", 1e-4, 1e-2, "recalled", "ButlerGullino1975", "cells per cell, 3-4e6/g/day"
    )
    fraction_viable: float = number(
        0.01, "", 1e-3, 2e-2, "recalled", "Fidler1970", "about 1 % of injected cells alive at 24 h"
    )


@dataclass(frozen=True)
class Parameters:
    """The whole register, resolved: `p.tgfb.half_life` is a float in model units."""

    liver: Liver = Liver()
    exosomes: Exosomes = Exosomes()
    pdac: Pdac = Pdac()
    normal_pancreas: NormalPancreas = NormalPancreas()
    kupffer: Kupffer = Kupffer()
    tgfb: Tgfb = Tgfb()
    stellate: Stellate = Stellate()
    fibronectin: Fibronectin = Fibronectin()
    ccl2: Ccl2 = Ccl2()
    bmdc: Bmdc = Bmdc()
    granulin: Granulin = Granulin()
    nk: NaturalKiller = NaturalKiller()
    t_cells: TCells = TCells()
    tumour: Tumour = Tumour()
    pan02: Pan02 = Pan02()
    b16f1: B16f1 = B16f1()
    primary: Primary = Primary()

    def source(self, name: str) -> ExosomeSource:
        """The cargo of one exosome source, by its name in `vocabulary.EXOSOME_SOURCES`."""
        source: ExosomeSource = getattr(self, name)
        return source

    def line(self, name: str) -> TumourLine:
        """The numbers of one tumour line, by its name in `vocabulary.TUMOUR_LINES`."""
        line: TumourLine = getattr(self, name)
        return line

    def of_lines(self, number: str, lines: NDArray[np.int8]) -> NDArray[np.float64]:
        """One number of every cell's tumour line, float64[n]; lines: codes as in `vocabulary.TUMOUR_LINES`, int8[n]."""
        return np.array([getattr(self.line(name), number) for name in TUMOUR_LINES])[lines]


@dataclass(frozen=True)
class Row:
    """One row as a reader sees it: numbers in `unit`, the paper's."""

    name: str
    value: float
    unit: str
    low: float
    high: float
    kind: str
    source: str
    note: str
    group: str  # the sentence that describes its group


@functools.cache
def rows() -> dict[str, Row]:
    """Every row of the register by its name, `group.number`, in the order of the file."""
    table = {}
    for group in dataclasses.fields(Parameters):
        holder: Any = type(group.default)
        for entry in dataclasses.fields(holder):
            name = f"{group.name}.{entry.name}"
            table[name] = Row(name=name, group=(holder.__doc__ or "").strip(), **entry.metadata)
    return table


def value_of(name: str, text: str, where: str = "") -> float:
    """`text` such as "10 min" as a number in model units, for the row `name`.

    Raises InputError for an unknown name (near ones offered), a wrong dimension, or a value outside what is physical.
    """
    where = where or name
    row = rows().get(name)
    if row is None:
        near = (
            difflib.get_close_matches(name, rows(), n=3, cutoff=0.5)
            or [k for k in rows() if name.split(".")[-1] in k][:3]
        )
        hint = f"did you mean {' or '.join(near)}?" if near else "`niche-sim parameters` lists the names"
        raise InputError(where, f"unknown parameter {name!r}", hint)
    value = to_model(text, like=row.unit, where=where)
    last = name.split(".")[-1]
    bounded = last.startswith(("fraction_", "chance_", "share_"))
    positive = last.startswith(
        (
            "half_",
            "doubling",
            "diffusivity",
            "persistence",
            "volume",
            "thickness",
            "parcel_size",
            "lobule",
            "portal",
            "central",
            "steepness",
            "packing",
            "diameter",
            "neighbourhood",
            "blood",
            "contact",
            "reach",
            "ratio",
            "colony",
            "macro",
        )
    )
    if bounded and not 0.0 <= value <= 1.0:
        raise InputError(where, f"{text} is outside what is possible", f"a {last.split('_')[0]} lies between 0 and 1")
    if value < 0.0:
        raise InputError(where, f"{text} is negative", f"0 or more, usually {row.low:g} to {row.high:g} {row.unit}")
    if positive and value == 0.0:
        raise InputError(where, f"{text} is zero", f"more than 0, usually {row.low:g} to {row.high:g} {row.unit}")
    if name == "exosomes.parcel_size" and value < 1.0:
        raise InputError(where, f"{text} is less than one vesicle", "1 vesicle or more")
    return value


def resolve(overrides: Mapping[str, str] | None = None, where: str = "") -> Parameters:
    """The register with some values replaced: `{"tgfb.half_life": "5 min"}`.

    Raises InputError as `value_of` does; `where` names the file or option the overrides come from.
    """
    changed: dict[str, dict[str, float]] = {}
    for name, text in (overrides or {}).items():
        value = value_of(name, str(text), f"{where}: {name}" if where else name)
        group, entry = name.split(".")
        changed.setdefault(group, {})[entry] = value
    base = Parameters()
    result = dataclasses.replace(
        base, **{group: dataclasses.replace(getattr(base, group), **values) for group, values in changed.items()}
    )
    if result.kupffer.share_portal + result.kupffer.share_mid > 1.0:
        raise InputError(where or "kupffer.share_mid", "portal and mid shares exceed 1", "a sum of 1 or less")
    return result


def as_text(parameters: Parameters) -> dict[str, str]:
    """Every resolved value with its unit, for provenance: `{"tgfb.half_life": "10 min", ...}`."""
    result = {}
    for name, row in rows().items():
        group, entry = name.split(".")
        value = getattr(getattr(parameters, group), entry)
        default = getattr(getattr(Parameters(), group), entry)
        if value == default:
            result[name] = f"{row.value!r} {row.unit}".strip()
        else:
            result[name] = show(value, row.unit, digits=17)
    return result


def in_unit(parameters: Parameters, name: str) -> float:
    """A resolved value in the unit of its row."""
    group, entry = name.split(".")
    return from_model(getattr(getattr(parameters, group), entry), rows()[name].unit)


def digest(parameters: Parameters) -> str:
    """A hash of every resolved value, hexadecimal."""
    text = json.dumps({name: in_unit(parameters, name).hex() for name in rows()})
    return hashlib.sha256(text.encode()).hexdigest()[:16]
