"""How cells and fields look, said once for figures, dashboard and replay, and what each of them looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.columns import CellType
from niche_sim.engine.units import to_model
from niche_sim.experiment.simulation import Simulation
from niche_sim.figures.labels import capital
from niche_sim.model.cells import (
    BMDC,
    POPULATIONS,
    BoneMarrowDerivedCell,
    EpithelialCell,
    Fibroblast,
    KupfferCell,
    NaturalKillerCell,
    ResidentRecipientCell,
    StellateCell,
    TCell,
    TumourCell,
)
from niche_sim.model.state import FIELDS, ONE_AT_REST
from niche_sim.runs.planes import cut_arrays, is_block, plane_of
from niche_sim.runs.record import anatomy_of

# Okabe and Ito's colours, told apart with any colour vision.
ORANGE, SKY, GREEN, BLUE = "#E69F00", "#56B4E9", "#009E73", "#0072B2"
YELLOW, VERMILLION, PURPLE, BLACK, WHITE = "#F0E442", "#D55E00", "#CC79A7", "#000000", "#FFFFFF"
GREY, PALE = "#5A5A5A", "#BDBDBD"
TRIAD, TRIAD_WALL, VEIN_WALL = "#EAD7C3", "#7A5C3E", "#6E6E6E"

Rows = NDArray[np.bool_]


class Sight(Protocol):
    """One moment of a run, wherever it comes from: all that is needed to draw it.

    arrays: `field_<name>` [y, x] and `<population>_<column>` [cell] by the names of a snapshot, `_y` and `_x` in sites.
    anatomy: of the section, lengths in um, as in a run's provenance.
    """

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]: ...

    @property
    def anatomy(self) -> Mapping[str, Any]: ...

    def parameter(self, name: str) -> float:
        """A number of the register as it is in this run, in model units."""
        ...

    def places(self, population: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Positions (y, x) of a population, um, each float64[n]; nan for a cell that is in blood."""
        ...


@dataclass(frozen=True)
class SnapshotSight:
    """One saved snapshot: its arrays, and the provenance of its run. Of a block a section through it is seen (`plane_of`)."""

    arrays: Mapping[str, NDArray[Any]]
    provenance: Mapping[str, Any]

    def __post_init__(self) -> None:
        if is_block(self.provenance):
            cut = cut_arrays(self.arrays, float(self.anatomy["spacing_um"]), plane_of(self.anatomy))
            object.__setattr__(self, "arrays", cut)

    @property
    def anatomy(self) -> Mapping[str, Any]:
        """Of the section, lengths in um."""
        anatomy: Mapping[str, Any] = self.provenance["anatomy"]
        return anatomy

    def parameter(self, name: str) -> float:
        """A number of the register as it was in this run, in model units."""
        return to_model(self.provenance["parameters"][name])

    def places(self, population: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Positions (y, x) of a population, um."""
        spacing = float(self.anatomy["spacing_um"])
        return self.arrays[f"{population}_y"] * spacing, self.arrays[f"{population}_x"] * spacing


class LiveSight:
    """A model as it is at this moment: nothing is copied, so what it gives is good until the next step."""

    def __init__(self, model: Simulation, more: Mapping[str, NDArray[Any]] | None = None, depth: float | None = None) -> None:
        """more: further arrays of this moment. depth: of a block, which plane of sites is seen, um; None: the middle."""
        self.model = model
        self.anatomy: Mapping[str, Any] = anatomy_of(model)
        self.depth: float | None = None
        self.plane: int | None = None
        if (section := model.state.section).is_block:
            at = section.depth / 2.0 if depth is None else min(max(depth, 0.0), section.depth)
            self.plane = min(int(at / section.spacing), section.grid[0] - 1)
            self.depth = (self.plane + 0.5) * section.spacing
        self._seen = _LiveArrays(model, self.plane, more or {})
        self.arrays: Mapping[str, NDArray[Any]] = self._seen

    def rows(self, population: str) -> Any:
        """Which cells of a population are seen: all of a section; of a block those of the plane and those without a place."""
        return self._seen.rows(population)

    def parameter(self, name: str) -> float:
        """A number of the register as it is in this run, in model units."""
        group, _, entry = name.partition(".")
        return float(getattr(getattr(self.model.parameters, group), entry))

    def places(self, population: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Positions (y, x) of a population, um: views of the columns."""
        cells, rows = self.model.state.populations[population], self.rows(population)
        return cells.y[rows], cells.x[rows]


class _LiveArrays(Mapping[str, NDArray[Any]]):
    """The arrays of a model's state by the names of a snapshot; read when asked for."""

    def __init__(self, model: Simulation, plane: int | None, more: Mapping[str, NDArray[Any]]) -> None:
        self.model, self.plane, self.more = model, plane, more
        self._rows: dict[str, Any] = {}
        self.columns = {
            f"{name}_{column}": (name, column)
            for name, population in model.state.populations.items()
            for column in (*population.cell_type.declared(), "unique_id", "key")
            if column != "z"
        }

    def __getitem__(self, name: str) -> NDArray[Any]:
        state = self.model.state
        if name in self.more:
            return self.more[name]
        if name in self.columns:
            population, column = self.columns[name]
            values: NDArray[Any] = getattr(state.populations[population], column)[self.rows(population)]
            # A snapshot holds places in sites, and one name means one thing wherever it is read.
            return values / state.section.spacing if column in ("y", "x") else values
        field = name.removeprefix("field_")
        if field not in FIELDS or field == name:
            raise KeyError(name)
        found: NDArray[Any] = getattr(state, field)
        return found if self.plane is None else found[self.plane]

    def rows(self, population: str) -> Any:
        """As of `LiveSight`, which would hold it in a circle if it asked there."""
        if self.plane is None:
            return slice(None)
        if population not in self._rows:
            layer = np.floor(self.model.state.populations[population].z / self.model.state.section.spacing)
            self._rows[population] = np.flatnonzero(~(layer < self.plane) & ~(layer > self.plane))
        return self._rows[population]

    def __iter__(self) -> Iterator[str]:
        return iter([*(f"field_{name}" for name in FIELDS), *self.columns])

    def __len__(self) -> int:
        return len(FIELDS) + len(self.columns)


# ---- fields ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FieldLook:
    """How a field is shown.

    label and unit: for people. least_span: a colour scale spans at least this much from rest, so that a trace does not
    look like a niche. full: how far from rest the scale that is the same in every run reaches: about the 99th percentile of
    sites of the educated liver over its 42 days. light, dark: colours from rest to the top, for a light and a dark page; of
    a field with `falls` from the bottom over rest (the middle one) to the top. highest: what it cannot exceed.
    """

    label: str
    unit: str
    rest: float
    least_span: float
    full: float
    light: tuple[str, ...]
    dark: tuple[str, ...]
    falls: bool = False
    highest: float = float("inf")


def _look(
    name: str, label: str, unit: str, least_span: float, full: float, light: str, dark: str, **more: Any
) -> tuple[str, FieldLook]:
    rest = 1.0 if name in ONE_AT_REST else 0.0
    return name, FieldLook(label, unit, rest, least_span, full, tuple(light.split()), tuple(dark.split()), **more)


# Close to the page at rest, and never far beyond mid grey at the top, so that the markers of cells stand out on both
# pages, also in a greyscale print. Each runs from light to dark (or dark to light) without a turn.
FIELD_LOOKS: dict[str, FieldLook] = dict(
    [
        _look("tgfb", "TGF-β", "nM", 0.2, 0.5, "#FBF6F0 #F6D9A8 #DB9F52 #8F5A1C", "#17140F #4A2F10 #92601F #E0A04A"),
        _look("fibronectin", "Fibronectin", "× naive organ", 5.0, 14.0,
              "#FBF4F1 #E3D3E4 #BBA9D0 #8878AE", "#16131A #3A2E52 #6A5794 #A993D6"),
        _look("lox", "Lysyl oxidase", "relative units", 2.0, 8.0,
              "#FBF5F0 #F0D5C9 #D6A08F #9A5F55", "#1A1311 #4A2721 #8A5044 #D3907F"),
        _look("collagen", "Cross-linked collagen", "share", 0.5, 0.9,
              "#FAF6F2 #CFDFEE #8FB3D9 #4F7CB0", "#12151A #1F3650 #3E6A9C #7FAEDF", highest=1.0),
        _look("periostin", "Periostin", "relative units", 4.0, 12.0,
              "#FBF6F0 #CFE3DC #7FB5AE #2F6F73", "#111716 #17403F #2F7470 #6FBDB4"),
        _look("cxcl12", "CXCL12", "nM", 0.5, 0.5, "#FBF6F0 #E4E3BF #BDBD76 #7C7F33", "#15160F #35380F #686C25 #B2B55A"),
        _look("hgf", "HGF", "nM", 0.1, 0.06, "#FBF6F2 #F3D3DE #D99BB4 #A15A7C", "#191217 #47203A #854567 #D187A9"),
        _look("vegf", "VEGF", "nM", 0.05, 0.1, "#FBF6F0 #F8D3C2 #E49A83 #B0584A", "#1A1211 #4F211B #93443A #E0836F"),
        _look("nets", "Neutrophil traps", "relative units", 2.0, 5.0,
              "#FAF6F2 #D6DCE0 #A2AFB8 #64747F", "#131517 #2B363D #55656F #98ABB7"),
        _look("leakiness", "Leakiness of vessels", "share", 0.5, 0.5,
              "#FBF6F2 #EBD2EA #CB9ACD #8F5A9A", "#17121A #40214A #7A4786 #C285CC", highest=1.0),
        _look("vessels", "Perfused vessels", "× naive organ", 0.5, 0.75,
              "#4F7CB0 #A9C4DF #FBF6F0 #F2B9A2 #B8503F", "#7FAEDF #35587F #15151A #7D3A2D #E58A74", falls=True),
        _look("oxygen", "Oxygen", "× naive tissue", 0.4, 0.4,
              "#3F6FA8 #A3BFDD #FBF6F0 #F4BFA6 #B4523F", "#8DB8E8 #375A85 #15151A #803C30 #E88E78", falls=True),
        _look("nutrient", "Glucose", "× naive tissue", 0.4, 0.4,
              "#7D5BA6 #C6B3DA #FBF6F0 #EFCB8E #B0741C", "#B79BE0 #59427C #161519 #6B4714 #E0A448", falls=True),
        _look("steatosis", "Fat of hepatocytes", "share", 0.5, 0.5,
              "#FBF8F0 #F3E8B8 #DCC768 #98842A", "#16150F #433A10 #7F7025 #CDB858", highest=1.0),
    ]
)  # fmt: skip
# Besides the fields of the tissue, a layer of the page: what a twin of the run tells.
RECEPTIVITY_LOOK = dict([
    _look("receptivity", "Where a cell lodging now would take root", "probability", 0.02, 0.4,
          "#FBF8F0 #D9E5C3 #97BE7A #4F8449", "#141611 #2C4423 #527F44 #93C979", highest=1.0),
])  # fmt: skip
# What a difference of two runs looks like: less, the same, more.
DIFFERENCE_LIGHT = ("#0B5C99", "#8FBCE0", "#FCFAF7", "#F6C37F", "#B85C00")
DIFFERENCE_DARK = ("#7CC3F5", "#1F5F94", "#131316", "#85490B", "#F6A94B")


def colour_table(stops: tuple[str, ...]) -> NDArray[np.uint8]:
    """256 colours, uint8[256, 3], evenly between the stops ("#RRGGBB")."""
    rgb = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in stops], np.float64)
    where = np.linspace(0.0, len(stops) - 1.0, 256)
    columns = [np.interp(where, np.arange(len(stops)), channel) for channel in rgb.T]
    return np.round(np.column_stack(columns)).astype(np.uint8)


# ---- cells ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """Cells that look alike: who they are, how they are drawn, and which rows they are.

    marker: by Matplotlib's name. size: the marker's width in points where a section of 2 mm is 116 mm wide. layer: those
    of higher ones are drawn later.
    """

    label: str
    population: str
    marker: str
    face: str
    edge: str
    size: float
    layer: int
    description: str
    chosen: Callable[[Sight], Rows]


def _recipient_cell(population: str, state: int, loaded: bool | None = None) -> Callable[[Sight], Rows]:
    def chosen(sight: Sight) -> Rows:
        rows: Rows = sight.arrays[f"{population}_state"] == state
        return rows if loaded is None else rows & ((sight.arrays[f"{population}_load"] > 0) == loaded)

    return chosen


def _stellate(active: bool) -> Callable[[Sight], Rows]:
    def chosen(sight: Sight) -> Rows:
        counted: Rows = sight.arrays["stellate_cells_activation"] >= sight.parameter("stellate.fraction_counted")
        return counted if active else ~counted

    return chosen


def _tumour(*names: str) -> Callable[[Sight], Rows]:
    codes = [TumourCell.state.code(name) for name in names]

    def chosen(sight: Sight) -> Rows:
        state = sight.arrays["tumour_cells_state"]
        rows: Rows = state == codes[0]
        for code in codes[1:]:
            rows = rows | (state == code)
        return rows

    return chosen


def _every(population: str) -> Callable[[Sight], Rows]:
    return lambda sight: np.ones(len(sight.arrays[f"{population}_key"]), np.bool_)


def _of_bmdc(kind: str, held: bool | None = None) -> Callable[[Sight], Rows]:
    def chosen(sight: Sight) -> Rows:
        rows: Rows = sight.arrays["bmdc_kind"] == BoneMarrowDerivedCell.kind.code(kind)
        return rows if held is None else rows & (sight.arrays["bmdc_arrested"] == held)

    return chosen


LIVER, AWAY = KupfferCell.population, ResidentRecipientCell.population
_NAIVE, _EDUCATED, _TUMOUR_ASSOCIATED = range(len(KupfferCell.state.names))  # as of all recipient cells


# Label, face, edge, size, layer, description and rows: all of a `Kind` that the record of the cell does not say.
Look = tuple[str, str, str, float, int, str, Callable[[Sight], Rows]]


def _drawn(kind: type[CellType], *looks: Look, marker: str = "") -> list[Kind]:
    """The looks of one kind of cell, with the marker of its record or a given one."""
    return [
        Kind(label, kind.population, marker or kind.marker, face, edge, size, layer, description, chosen)
        for label, face, edge, size, layer, description, chosen in looks
    ]


# Each kind of cell has a shape, which its record says, each state of it a colour or filling: a greyscale print keeps the shapes.
_LOOKS = (
    _drawn(
        KupfferCell,
        ("Kupffer cell, naive", WHITE, ORANGE, 1.7, 2,
         "resident macrophage that holds no exosomes", _recipient_cell(LIVER, _NAIVE, loaded=False)),
        ("Kupffer cell, loaded, not educated", ORANGE, ORANGE, 2.1, 3,
         "has taken up exosomes and has not changed yet", _recipient_cell(LIVER, _NAIVE, loaded=True)),
        ("Kupffer cell, educated", VERMILLION, BLACK, 2.4, 4,
         "educated by exosomal MIF, it secretes TGF-β", _recipient_cell(LIVER, _EDUCATED)),
        ("Kupffer cell, tumour-associated", PURPLE, BLACK, 2.4, 4,
         "changed by tumour cells around it, it now helps them", _recipient_cell(LIVER, _TUMOUR_ASSOCIATED)),
    ),
    _drawn(
        ResidentRecipientCell,
        ("Recipient cell, naive", WHITE, ORANGE, 1.7, 2,
         "resident cell of lung or brain that holds no exosomes", _recipient_cell(AWAY, _NAIVE, loaded=False)),
        ("Recipient cell, loaded, not educated", ORANGE, ORANGE, 2.1, 3,
         "has taken up exosomes and has not changed yet", _recipient_cell(AWAY, _NAIVE, loaded=True)),
        ("Recipient cell, educated", VERMILLION, BLACK, 2.4, 4,
         "educated by exosomes, it prepares the organ", _recipient_cell(AWAY, _EDUCATED)),
    ),
    _drawn(
        StellateCell,
        ("Stellate cell, quiescent", "#9CC9BA", "#9CC9BA", 2.0, 1,
         "pericyte of the sinusoid, which lays no matrix yet", _stellate(False)),
        ("Stellate cell, active", GREEN, "#00553E", 3.6, 3,
         "pericyte that lays fibronectin and other matrix", _stellate(True)),
    ),
    _drawn(
        Fibroblast,
        ("Fibroblast", "#7FC8A9", "#00553E", 2.6, 2,
         "of the portal tract", _every(Fibroblast.population)),
    ),
    _drawn(
        BoneMarrowDerivedCell,
        ("Macrophage, moving", WHITE, BLUE, 2.6, 5,
         "called from the bone marrow, still crawling", _of_bmdc("macrophage", held=False)),
        ("Macrophage, arrested", BLUE, WHITE, 3.2, 5,
         "held by fibronectin, part of the niche", _of_bmdc("macrophage", held=True)),
        marker=BMDC["macrophages"].marker,
    ),
    _drawn(
        BoneMarrowDerivedCell,
        ("Suppressor cell", BLUE, BLACK, 2.8, 5,
         "from the bone marrow, it dampens NK and T cells", _of_bmdc("mdsc")),
        marker=BMDC["mdsc"].marker,
    ),
    _drawn(
        BoneMarrowDerivedCell,
        ("Neutrophil", SKY, BLUE, 2.8, 5,
         "casts traps that catch tumour cells", _of_bmdc("neutrophil")),
        marker=BMDC["neutrophils"].marker,
    ),
    _drawn(
        BoneMarrowDerivedCell,
        ("Patrolling monocyte", SKY, BLUE, 2.8, 5,
         "clears tumour cells from the vessels", _of_bmdc("patrolling")),
        marker=BMDC["patrolling_monocytes"].marker,
    ),
    _drawn(
        EpithelialCell,
        ("Epithelial cell", "#EAD7C3", BLACK, 2.8, 5,
         "recruited to the niche (hypothesis)", _every(EpithelialCell.population)),
    ),
    _drawn(
        NaturalKillerCell,
        ("NK cell", YELLOW, BLACK, 3.2, 6,
         "patrols and kills tumour cells", _every(NaturalKillerCell.population)),
    ),
    _drawn(
        TCell,
        ("T cell", SKY, BLACK, 3.0, 6,
         "patrols; once primed it hits tumour cells", _every(TCell.population)),
    ),
    _drawn(
        TumourCell,
        ("Tumour cell, just arrested", YELLOW, BLACK, 3.8, 7,
         "has come with the blood, not yet in the tissue", _tumour("arrested", "extravasated")),
        ("Tumour cell, dormant", PURPLE, BLACK, 3.8, 7,
         "alive and dormant", _tumour("dormant")),
        ("Tumour cell, motile", WHITE, BLACK, 3.8, 7,
         "crawls before it grows", _tumour("motile")),
        ("Tumour cell, cycling", BLACK, WHITE, 2.9, 8,
         "divides: the start of a metastasis", _tumour("cycling")),
    ),
)  # fmt: skip
# A kind of cell that has no look of its own is drawn with its marker in grey.
KINDS: tuple[Kind, ...] = (
    *(look for looks in _LOOKS for look in looks),
    *(
        Kind(capital(kind.label), kind.population, kind.marker, PALE, BLACK, 2.8, 5, "", _every(kind.population))
        for kind in POPULATIONS
        if kind.marker and kind.population not in {look.population for looks in _LOOKS for look in looks}
    ),
)


# ---- what lies in the section ---------------------------------------------------------------------------------------

# In liver, and elsewhere: vessels where blood comes and goes, and what lies between them.
VESSELS = {True: ("Portal triad", "Central vein"), False: ("Arteriole", "Venule")}  # in liver, elsewhere
ZONES = {
    True: ("Periportal zone", "Middle of the lobule", "Pericentral zone"),
    False: ("Near an arteriole", "Between the vessels", "Near a venule"),
}


def in_liver(sight: Sight) -> bool:
    """Whether the organ is the liver; lung and brain have recipient cells of their own."""
    return len(sight.arrays[f"{AWAY}_key"]) == 0


def lobule_centres(anatomy: Mapping[str, Any]) -> NDArray[np.float64]:
    """Middles (y, x), um, of all lobules that reach into the section: the veins' lattice, also where none is inside."""
    radius = float(anatomy["lobule_radius_um"])
    size = np.array([float(anatomy["height_um"]), float(anatomy["width_um"])])
    start = np.array(anatomy["central_veins_yx_um"][0])
    step_y, step_x = 1.5 * radius, np.sqrt(3.0) * radius
    reach = int(max(size[0] / step_y, size[1] / step_x)) + 2
    rows, columns = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1), indexing="ij")
    centres = start + np.stack([rows * step_y, (columns + 0.5 * (rows % 2)) * step_x], axis=-1).reshape(-1, 2)
    inside: NDArray[np.float64] = centres[((centres > -radius) & (centres < size + radius)).all(axis=1)]
    return inside


def lobule_corners(anatomy: Mapping[str, Any]) -> NDArray[np.float64]:
    """Corners of a lobule around its middle, um float64[7, 2] of (y, x); the last is the first again."""
    angle = np.radians(np.arange(7) * 60.0)  # corners up and down
    corners: NDArray[np.float64] = float(anatomy["lobule_radius_um"]) * np.column_stack([np.cos(angle), np.sin(angle)])
    return corners


def colonies(sight: Sight) -> list[NDArray[np.float64]]:
    """Positions (y, x) of the cells of every colony, um float64[n, 2] each, the largest first."""
    clone = sight.arrays["tumour_cells_clone"]
    y, x = sight.places("tumour_cells")
    arrested = np.flatnonzero(sight.arrays["tumour_cells_state"] != TumourCell.state.code("circulating"))
    if not len(arrested):
        return []
    _, names, cells = np.unique(clone[arrested], return_inverse=True, return_counts=True)
    rows = np.argsort(names, kind="stable")
    ends = np.cumsum(cells)
    large = np.flatnonzero(cells >= sight.parameter("tumour.colony_cells"))
    chosen = [arrested[rows[ends[n] - cells[n] : ends[n]]] for n in large[np.argsort(-cells[large], kind="stable")]]
    return [np.column_stack([y[part], x[part]]) for part in chosen]


def extent(places: NDArray[np.float64]) -> tuple[NDArray[Any], float]:
    """Middle (y, x) and radius, um, of a ring around a colony; cells that have crawled off do not widen it."""
    middle: NDArray[Any] = np.percentile(places, (3.0, 97.0), axis=0).mean(axis=0)
    return middle, float(np.percentile(np.hypot(*(places - middle).T), 97)) + 14.0
