"""The register: every number of the biology, once, with unit, range, kind and source.

A row reads `name = number(value, unit, low, high, kind, source, note)`. Kinds: *measured* (read in the named source),
*derived* (arithmetic from such), *fitted* (to a target), *recalled* (from the named source, not opened again),
*assumed* (no source: the note says why, the range goes into the sensitivity analysis), *setting* (bookkeeping, no biology).
`source` is a key of `scenarios/sources.bib`. Attributes hold model units (um, h, nM, cell, vesicle).
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.errors import InputError, near
from niche_sim.engine.units import from_model, show, to_model
from niche_sim.model.catalogue import EXOSOME_SOURCES, TUMOUR_LINES
from niche_sim.model.parameters.assays import Assay
from niche_sim.model.parameters.immunity import Biomarker, Drug, NaturalKiller, TCells
from niche_sim.model.parameters.niche import (
    Bmdc,
    Ccl2,
    Collagen,
    Endothelium,
    Fibronectin,
    Granulin,
    Inflammation,
    Kupffer,
    Marrow,
    Stellate,
    Tgfb,
)
from niche_sim.model.parameters.organs import Brain, Liver, Lung, MouseSpread, Organ
from niche_sim.model.parameters.stroma import Angiogenesis, Stroma
from niche_sim.model.parameters.tumour import (
    B16f1,
    B16f10,
    Breast4t1,
    Ct26,
    Kcko,
    Llc,
    Pan02,
    Primary,
    Tumour,
    TumourLine,
)
from niche_sim.model.parameters.vesicles import (
    BrainTropic,
    Colorectal,
    Exosomes,
    ExosomeSource,
    Liposome,
    LungTropic,
    MetastaticBreast,
    MetastaticMelanoma,
    NonmetastaticBreast,
    NormalPancreas,
    Pdac,
    PoorlyMetastaticMelanoma,
)

# How far a number may be from its range, as a factor. Densities of cells may be farther: there the estimate of a run tells
# what it takes. Exponents and the radii of discs may not: powers overflow, and discs cost their area for every cell.
FARTHEST, STEEPEST, WIDEST = 1e5, 4.0, 10.0  # times a number may lie outside its range
ANY = 1e15
SWITCHES = ("rate_", "half_life", "gain_", "hits_", "packing", "share_", "chance_", "fraction_")  # to switch a rule on or off
KINDS = ("measured", "derived", "fitted", "recalled", "assumed", "setting")


@dataclass(frozen=True)
class Parameters:
    """The whole register, resolved: `p.tgfb.half_life` is a float in model units."""

    place: str = "liver"  # the organ of this run
    liver: Liver = Liver()
    lung: Lung = Lung()
    brain: Brain = Brain()
    exosomes: Exosomes = Exosomes()
    pdac: Pdac = Pdac()
    normal_pancreas: NormalPancreas = NormalPancreas()
    liposome: Liposome = Liposome()
    poorly_metastatic_melanoma: PoorlyMetastaticMelanoma = PoorlyMetastaticMelanoma()
    metastatic_melanoma: MetastaticMelanoma = MetastaticMelanoma()
    metastatic_breast: MetastaticBreast = MetastaticBreast()
    nonmetastatic_breast: NonmetastaticBreast = NonmetastaticBreast()
    colorectal: Colorectal = Colorectal()
    lung_tropic: LungTropic = LungTropic()
    brain_tropic: BrainTropic = BrainTropic()
    kupffer: Kupffer = Kupffer()
    tgfb: Tgfb = Tgfb()
    inflammation: Inflammation = Inflammation()
    marrow: Marrow = Marrow()
    endothelium: Endothelium = Endothelium()
    stellate: Stellate = Stellate()
    fibronectin: Fibronectin = Fibronectin()
    collagen: Collagen = Collagen()
    ccl2: Ccl2 = Ccl2()
    bmdc: Bmdc = Bmdc()
    granulin: Granulin = Granulin()
    stroma: Stroma = Stroma()
    angiogenesis: Angiogenesis = Angiogenesis()
    nk: NaturalKiller = NaturalKiller()
    t_cells: TCells = TCells()
    tumour: Tumour = Tumour()
    pan02: Pan02 = Pan02()
    b16f1: B16f1 = B16f1()
    b16f10: B16f10 = B16f10()
    kcko: Kcko = Kcko()
    ct26: Ct26 = Ct26()
    llc: Llc = Llc()
    breast_4t1: Breast4t1 = Breast4t1()
    primary: Primary = Primary()
    drug: Drug = Drug()
    biomarker: Biomarker = Biomarker()
    assay: Assay = Assay()
    mouse: MouseSpread = MouseSpread()

    @property
    def organ(self) -> Organ:
        """The numbers of the organ of this run."""
        organ: Organ = getattr(self, self.place)
        return organ

    def source(self, name: str) -> ExosomeSource:
        """The cargo of one exosome source, by its name in `vocabulary.EXOSOME_SOURCES`."""
        source: ExosomeSource = getattr(self, name)
        return source

    def of_sources(self, cargo: str) -> NDArray[np.float64]:
        """One cargo of every exosome source, float64[sources], in the order of `vocabulary.EXOSOME_SOURCES`."""
        return self._table(cargo, EXOSOME_SOURCES)

    def line(self, name: str) -> TumourLine:
        """The numbers of one tumour line, by its name in `vocabulary.TUMOUR_LINES`."""
        line: TumourLine = getattr(self, name)
        return line

    def of_lines(self, number: str, lines: NDArray[np.int8]) -> NDArray[np.float64]:
        """One number of every cell's tumour line, float64[n]; lines: codes as in `vocabulary.TUMOUR_LINES`, int8[n]."""
        return self._table(number, TUMOUR_LINES)[lines]

    def _table(self, number: str, groups: tuple[str, ...]) -> NDArray[np.float64]:
        # Kept on the instance, which does not change: to compare registers would cost more than to make it.
        tables: dict[tuple[str, int], NDArray[np.float64]] = self.__dict__.setdefault("_tables", {})
        found = tables.get((number, len(groups)))
        if found is None:
            found = tables[number, len(groups)] = np.array([getattr(getattr(self, name), number) for name in groups])
            found.setflags(write=False)
        return found


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
        for entry in dataclasses.fields(holder) if dataclasses.is_dataclass(holder) else ():
            name = f"{group.name}.{entry.name}"
            if entry.metadata:  # what an organ or a source simply lacks is no row
                table[name] = Row(name=name, group=" ".join((holder.__doc__ or "").split()), **entry.metadata)
    return table


def value_of(name: str, text: str, where: str = "") -> float:
    """`text` such as "10 min" as a number in model units, for the row `name`.

    Raises InputError for an unknown name (near ones offered), a wrong dimension, or a value outside what is physical.
    """
    where = where or name
    row = rows().get(name)
    if row is None:
        close = near(name, rows(), cutoff=0.5) or [k for k in rows() if name.split(".")[-1].casefold() in k][:3]
        hint = f"did you mean {' or '.join(close)}?" if close else "`niche-sim parameters` lists the names"
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
    least, most = limits_of(row)
    if value != 0.0 and not least * (1.0 - 1e-9) <= from_model(value, row.unit) <= most * (1.0 + 1e-9):
        found = f"{text} is outside what can be computed"
        raise InputError(where, found, f"{least:.3g} to {most:.3g} {row.unit}, usually {row.low:g} to {row.high:g}")
    return value


def limits_of(row: Row) -> tuple[float, float]:
    """What a number may be set to, in its unit, and 0 besides where that is allowed.

    Farther out nothing is biology any more, and somewhere a step overflows or never ends.
    """
    last = row.name.split(".")[-1]
    up = down = FARTHEST
    if last.startswith("steepness"):
        up = down = STEEPEST
    elif last in ("reach", "neighbourhood"):
        up = down = WIDEST
    elif last.startswith(SWITCHES):
        up = down = ANY
    elif last.startswith("doubling") or "density" in last:
        up = ANY
    least = next((value for value in (row.low, row.value, row.high) if value > 0.0), 1.0)
    return least / down, max(row.high, row.value, least) * up


def resolve(overrides: Mapping[str, str] | None = None, where: str = "", organ: str = "liver") -> Parameters:
    """The register for one organ, with some values replaced: `{"tgfb.half_life": "5 min"}`.

    Raises InputError as `value_of` does; `where` names the file or option the overrides come from.
    """
    changed: dict[str, dict[str, float]] = {}
    for name, text in (overrides or {}).items():
        value = value_of(name, str(text), f"{where}: {name}" if where else name)
        group, entry = name.split(".")
        changed.setdefault(group, {})[entry] = value
    base = Parameters(place=organ)
    result = dataclasses.replace(
        base, **{group: dataclasses.replace(getattr(base, group), **values) for group, values in changed.items()}
    )
    if result.kupffer.share_portal + result.kupffer.share_mid > 1.0:
        raise InputError(where or "kupffer.share_mid", "portal and mid shares exceed 1", "a sum of 1 or less")
    return result


def as_text(parameters: Parameters) -> dict[str, str]:
    """Every resolved value with its unit, for provenance: `{"tgfb.half_life": "10 min", ...}`."""
    result = {}
    for name, (group, entry, default, text) in _defaults().items():
        value = getattr(getattr(parameters, group), entry)
        result[name] = text if value == default else show(value, rows()[name].unit, digits=17)
    return result


@functools.cache
def _defaults() -> dict[str, tuple[str, str, float, str]]:
    """Of each row its group, its name there, its value in model units, and the same as text in its own unit."""
    found = {}
    for name, row in rows().items():
        group, entry = name.split(".")
        value = getattr(getattr(Parameters(), group), entry)
        found[name] = group, entry, value, f"{row.value!r} {row.unit}".strip()
    return found


def in_unit(parameters: Parameters, name: str) -> float:
    """A resolved value in the unit of its row."""
    group, entry = name.split(".")
    return from_model(getattr(getattr(parameters, group), entry), rows()[name].unit)


def digest(parameters: Parameters) -> str:
    """A hash of every resolved value, hexadecimal."""
    values = {name: in_unit(parameters, name).hex() for name in rows()}
    text = json.dumps({"place": parameters.place, **values})
    return hashlib.sha256(text.encode()).hexdigest()[:16]
