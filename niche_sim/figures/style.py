"""The look that all figures share: fonts, widths, lines; and its width, which is that of a journal's page."""

from __future__ import annotations

import functools
import io
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec

import matplotlib as mpl
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

WIDTH = 180.0  # mm, two columns of a journal; every other length of a layout is in mm, too
MM = 1.0 / 25.4  # inch
DAY = 24.0  # h
PACKING = 4  # of PNG files, from 0 to 9

_TURN = threading.RLock()
STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so a figure looks the same everywhere
    "font.size": 7.0,
    "axes.labelsize": 7.0,
    "axes.titlesize": 7.5,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "legend.fontsize": 7.0,
    "axes.linewidth": 0.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2.0,
    "ytick.major.size": 2.0,
    "xtick.major.pad": 2.0,
    "ytick.major.pad": 2.0,
    "axes.labelpad": 2.0,
}

LEAST_PLAIN, MOST_PLAIN = 1e-3, 1e5  # of an axis: numbers between them are written out
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

P = ParamSpec("P")


@contextmanager
def style() -> Iterator[None]:
    """The look of the figures, whatever the user has set, and his settings again afterwards.

    Settings are the same for all threads, so those that draw take turns.
    """
    with _TURN, mpl.rc_context():
        before: Any = {name: value for name, value in dict(mpl.rcParams).items() if name != "backend"}
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        try:
            yield
        finally:
            # Where Solara serves pages it keeps settings of its own a page, which rc_context does not bring back.
            mpl.rcParams.update(before)


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """In the style of all figures, whatever the user's own."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with style():
            return draw(*args, **kwargs)

    return drawn


def label(axis: Axis, text: str, **look: Any) -> None:
    """Write what an axis shows. The power of ten of very large or small numbers stands in it, not above the axis, where it
    would lie over a title. Limits and ticks have to be set before."""
    most = max(map(abs, axis.get_view_interval()))
    if most > 0.0 and not LEAST_PLAIN <= most < MOST_PLAIN:
        power = 3 * math.floor(math.log10(most) / 3.0)
        scale = 10.0**power
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / scale:.3g}".replace("-", "−")))
        text = f"{text} (×10{str(power).translate(RAISED)})"
    axis.set_label_text(text, **look)


def png(figure: Figure, dpi: float, title: str | None = None) -> bytes:
    """A figure as the bytes of a PNG file: the same figure gives the same bytes. To be called within `style`.

    Packed lightly: the tightest packing takes ten times as long and saves less than a tenth.
    """
    buffer = io.BytesIO()
    notes = {"Software": None} | ({"Title": title} if title else {})
    figure.savefig(buffer, dpi=dpi, format="png", metadata=notes, pil_kwargs={"compress_level": PACKING})
    return buffer.getvalue()
