"""What reaches the section from outside: sources of exosomes and their cargo, lines of tumour cells.

Names are codes of columns: new ones stand at the end, so that kept runs keep their meaning.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

SOURCES = {  # of exosomes, with what people call them
    "pdac": "PDAC",
    "normal_pancreas": "normal pancreas",
    "liposome": "liposome",
    "poorly_metastatic_melanoma": "poorly metastatic melanoma",
    "metastatic_melanoma": "metastatic melanoma",
    "metastatic_breast": "metastatic breast cancer",
    "nonmetastatic_breast": "non-metastatic breast cancer",
    "colorectal": "colorectal cancer",
    "lung_tropic": "lung-tropic",
    "brain_tropic": "brain-tropic",
}
EXOSOME_SOURCES = tuple(SOURCES)
Cargo = Literal[
    "mif",
    "integrin_avb5",
    "integrin_a6b4",
    "integrin_b3",
    "mir21",
    "mir25",
    "mir122",
    "palmitate",
    "met",
    "pedf",
    "tgfb",
    "pdl1",
    "pgp",
    "itgbl1",
    "marker",
]
CARGO: tuple[Cargo, ...] = get_args(Cargo)


class Line(NamedTuple):
    """A line of tumour cells: what people call it, and the source whose exosomes a primary or a colony of it sheds.

    A line without a source sheds nothing and grows no primary.
    """

    label: str
    sheds: str = ""


LINES = {
    "pan02": Line("Pan02", "pdac"),
    "b16f1": Line("B16F1"),
    "b16f10": Line("B16-F10", "metastatic_melanoma"),
    "kcko": Line("KCKO", "pdac"),
    "ct26": Line("CT26", "colorectal"),
    "llc": Line("LLC", "lung_tropic"),
    "breast_4t1": Line("4T1", "metastatic_breast"),
}
TUMOUR_LINES = tuple(LINES)
EXOSOMES_OF_LINE = {name: line.sheds for name, line in LINES.items() if line.sheds}
