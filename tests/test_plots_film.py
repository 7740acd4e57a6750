"""Films: decoded again they hold every shot for its time, say what begins when it begins, and nothing jumps."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from itertools import combinations, pairwise

import imageio_ffmpeg
import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image, ImageSequence

from niche_sim.engine.errors import InputError
from niche_sim.experiment.protocol import Block, Boost, Deplete, GrowPrimary, InjectExosomes, Protocol
from niche_sim.experiment.simulation import Simulation
from niche_sim.figures.appearance import FIELD_LOOKS, KINDS, SnapshotSight
from niche_sim.figures.film_drawing import NO_STAGE, Film, save_film, saved_shots
from niche_sim.model.catalogue import BLOCK_TARGETS
from niche_sim.model.cells import TumourCell
from niche_sim.model.stages import STAGES
from niche_sim.runs.record import Runner, number_of_shots, shots

SMALL = {"section.width": "0.7 mm", "section.height": "0.6 mm", "run.duration": "3 day"}
ONSETS = {"priming": 5.0, "licensing": 30.0, "recruitment": 36.0, "angiogenesis": 50.0, "arrival": None,
          "colonisation": None}  # fmt: skip
BEGINNING = {12.0, 36.0, 60.0}  # h, the frames every 12 h at which a stage begins: two of them at 36 h
CAPTION = (slice(60, 142), slice(695, 1280))  # rows and columns of the picture
SECTION = (slice(60, 608), slice(24, 664))
LEGEND = (slice(364, 580), slice(700, 900))  # symbols and labels of its left column, without the numbers
BAR = (slice(655, 720), slice(695, 1280))


def mouse(**more):
    return Simulation("liver_education_costasilva2015", overrides=SMALL | more, rng=1)


@pytest.fixture(scope="module")
def record():
    """Three days of a small section, with a snapshot every 12 h and onsets to order."""
    runner = Runner(mouse())
    runner.advance(10_000)
    return replace(runner.record(), onsets=dict(ONSETS), snapshots=dict(shots(mouse(), 12.0)))


@pytest.fixture(scope="module")
def film(record):
    return Film(record)


def with_provenance(record, **changes):
    return replace(record, provenance={**record.provenance, **changes})


def decoded(file):
    """What the decoder says of a film, and its frames as uint8[720, 1280, 3]."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(file), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    return done.stderr.decode(), np.frombuffer(done.stdout, np.uint8).reshape(-1, 720, 1280, 3)


def played(film):
    """Every frame of a film that is played from its beginning."""
    before, pictures = None, {}
    for time, arrays in saved_shots(film.record):
        pictures[time] = film.draw(time, arrays, before)
        before = time
    return pictures


# shots


def test_shots_come_at_even_times_and_at_the_end():
    model = mouse()
    assert number_of_shots(model, 20.0) == 5
    times, parts = zip(*shots(model, 20.0), strict=True)
    assert times == (0.0, 20.0, 40.0, 60.0, 72.0)
    assert model.steps_left == 0
    runner = Runner(mouse())
    runner.advance(10_000)
    last = runner.record().snapshots[72.0]
    assert all(np.array_equal(parts[-1][name], values, equal_nan=True) for name, values in last.items())


# files


@pytest.mark.slow
def test_an_mp4_shows_every_shot_for_its_time(record, tmp_path):
    seen = []
    file = save_film(saved_shots(record), 7, record, tmp_path / "run.mp4", watch=lambda *done: seen.append(done))
    assert [path.name for path in tmp_path.iterdir()] == ["run.mp4"]
    assert seen == [(number, 7) for number in range(1, 8)]
    about, pictures = decoded(file)
    assert re.search(r"Video: h264 .*\byuv420p\b.*\b1280x720\b.*\b12\.5\d* fps", about)
    # A look around, two ticks for 12 h, longer where a stage begins and at the end.
    ticks = [10, 20, 2, 20, 2, 20, 25]
    assert len(pictures) == sum(ticks)
    drawn = [picture[::3, ::3].astype(int) for picture in played(Film(record)).values()]
    starts = np.cumsum([0, *ticks[:-1]])
    for number, start in enumerate(starts):
        for tick in (start, start + ticks[number] - 1):
            off = [np.abs(pictures[tick][::3, ::3] - picture).mean() for picture in drawn]
            assert np.argmin(off) == number
            assert off[number] < 4.0  # of 255 levels: what H.264 takes away from thin outlines


def test_a_gif_shows_every_shot_for_its_time(record, tmp_path):
    file = save_film(saved_shots(record), 7, record, tmp_path / "run.gif")
    with Image.open(file) as gif:
        assert (gif.size, gif.n_frames, gif.info["loop"]) == ((960, 540), 7, 0)
        durations, pictures = [], []
        for frame in ImageSequence.Iterator(gif):
            durations.append(frame.info["duration"])
            pictures.append(np.asarray(frame.convert("RGB")).astype(int))
    assert durations == [80 * ticks for ticks in (10, 20, 2, 20, 2, 20, 25)]
    for picture, drawn in zip(pictures, played(Film(record, 75)).values(), strict=True):
        assert np.abs(picture - drawn).mean() < 1.0  # of 255 levels: 256 colours stand for all
        assert np.quantile(np.abs(picture - drawn).max(axis=2), 0.999) < 48  # none is taken for another one's


def test_a_film_of_a_run_going_on_is_that_of_its_snapshots(record, tmp_path):
    live = save_film(shots(mouse(), 12.0), 7, record, tmp_path / "live.gif")
    saved = save_film(saved_shots(record), 7, record, tmp_path / "saved.gif")
    assert live.read_bytes() == saved.read_bytes()


@pytest.mark.parametrize("ending", ["mp4", "gif", "GIF"])
def test_stopping_leaves_nothing(record, tmp_path, ending):
    done = []
    stopped = save_film(
        saved_shots(record), 7, record, tmp_path / f"run.{ending}",
        watch=lambda number, total: done.append(number), stop=lambda: len(done) == 3,
    )  # fmt: skip
    assert stopped is None
    assert done == [1, 2, 3]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["mp4", "gif"])
def test_a_failure_amid_the_run_leaves_nothing(record, tmp_path, ending):
    def broken():
        yield from saved_shots(record)[:3]
        raise FloatingPointError("amid the run")

    with pytest.raises(FloatingPointError):
        save_film(broken(), 7, record, tmp_path / f"run.{ending}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["run.avi", "run", "run.mp4.png"])
def test_other_endings_are_refused_before_anything_is_drawn(record, tmp_path, name):
    with pytest.raises(InputError, match=r"one that ends in \.mp4 or \.gif"):
        save_film(iter([]), 7, record, tmp_path / name)


@pytest.mark.parametrize("ending", ["mp4", "gif"])
def test_a_place_that_cannot_be_written_is_one_line(record, tmp_path, ending):
    with pytest.raises(InputError, match="no such file or directory") as found:
        save_film(saved_shots(record), 7, record, tmp_path / "nowhere" / f"run.{ending}")
    assert "\n" not in str(found.value)


def test_an_encoder_that_fails_is_one_line_and_leaves_nothing(record, tmp_path, monkeypatch):
    encoder = tmp_path / "encoder"
    encoder.write_text(
        '#!/bin/sh\nfor last; do :; done\necho half > "$last"\necho No space left on device >&2\nexit 1\n'
    )
    encoder.chmod(0o755)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(encoder))
    with pytest.raises(InputError, match=r"run\.mp4: no space left on device; a file that can be written"):
        save_film(saved_shots(record), 7, record, tmp_path / "run.mp4")
    assert list(tmp_path.iterdir()) == [encoder]


def test_an_encoder_that_fails_at_its_end_is_noticed(record, tmp_path, monkeypatch):
    encoder = tmp_path / "encoder"
    encoder.write_text('#!/bin/sh\nfor last; do :; done\ncat > "$last"\nexit 1\n')
    encoder.chmod(0o755)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(encoder))
    with pytest.raises(InputError, match=r"run\.mp4: the encoder stopped"):
        save_film(saved_shots(record)[:1], 1, record, tmp_path / "run.mp4")
    assert list(tmp_path.iterdir()) == [encoder]


def test_without_an_encoder_a_gif_can_still_be_made(record, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(InputError, match=r"MP4 needs imageio-ffmpeg.*ends in \.gif"):
        save_film(saved_shots(record), 7, record, tmp_path / "run.mp4")
    assert save_film(saved_shots(record)[:2], 2, record, tmp_path / "run.gif").exists()


# the picture


def test_captions_begin_with_their_stages(film):
    told, before = {}, None
    for time, arrays in saved_shots(film.record):
        film.draw(time, arrays, before)
        told[time] = film.caption.get_text(), " ".join(film.words.get_text().split())
        before = time
    meaning = {stage.name: stage.meaning[0].upper() + stage.meaning[1:] for stage in STAGES}
    assert told[0.0] == (NO_STAGE, "")
    assert told[12.0] == told[24.0] == ("Priming", meaning["priming"])
    both = "stellate cells are active and lay fibronectin; bone-marrow-derived cells settle on fibronectin"
    assert told[36.0] == told[48.0] == ("Licensing, recruitment", both[0].upper() + both[1:])
    assert told[60.0] == told[72.0] == ("Angiogenesis", meaning["angiogenesis"])
    assert "hypothesis" in told[60.0][1]


def test_stages_light_up_at_their_onsets(film):
    played(film)
    lit = [name.get_weight() == "bold" for name in film.names]
    assert lit == [True, True, True, True, False, False]
    for stage, bar in zip(STAGES, film.bars, strict=True):
        onset = ONSETS[stage.name]
        if onset is None:
            assert bar.get_width() == 0.0
        else:
            # Day 3 less the onset, to rounding
            assert (bar.get_x(), bar.get_width()) == pytest.approx((onset / 24.0, 3.0 - onset / 24.0), abs=1e-12)
    shown = {text.get_text() for text in film.figure.texts}
    assert "(hypothesis)" in shown


def test_the_clock_goes(film, record):
    for time, said in ((0.0, "Day 0, 00:00"), (36.0, "Day 1, 12:00"), (72.0, "Day 3, 00:00")):
        film.draw(time, record.snapshots[time])
        assert film.clock.get_text() == said


def test_frames_differ_and_do_not_depend_on_those_before(film, record):
    pictures = played(film)
    for earlier, later in pairwise(pictures.values()):
        assert not np.array_equal(earlier[SECTION], later[SECTION])
    again = film.draw(24.0, record.snapshots[24.0], 12.0)
    assert np.array_equal(again[SECTION], pictures[24.0][SECTION])


def test_legend_and_colour_bar_keep_their_place_and_scale(film, record):
    pictures = list(played(film).values())
    for picture in pictures[1:]:
        assert np.array_equal(picture[LEGEND], pictures[0][LEGEND])
        assert np.array_equal(picture[BAR], pictures[0][BAR])
    look = FIELD_LOOKS["fibronectin"]
    top = max(arrays["field_fibronectin"].max() for arrays in record.snapshots.values())
    assert film.field.get_clim() == (look.rest, max(top, look.rest + look.least_span))
    shown = " ".join(text.get_text() for text in film.figure.texts)
    assert look.label in shown and look.unit in shown


def test_the_scale_reaches_what_the_run_reaches(record):
    last = dict(record.snapshots[72.0])
    last["field_fibronectin"] = last["field_fibronectin"] * 50.0
    brighter = replace(record, snapshots={**record.snapshots, 72.0: last})
    assert Film(brighter).field.get_clim()[1] == last["field_fibronectin"].max()


def test_cells_lie_where_they_are_and_are_counted(film, record):
    for time in (12.0, 72.0):
        film.draw(time, record.snapshots[time])
        sight = SnapshotSight(record.snapshots[time], record.provenance)
        for number, kind in enumerate(KINDS):
            rows = kind.chosen(sight)
            y, x = sight.places(kind.population)
            assert np.array_equal(film.cells[number].get_offsets(), np.column_stack([x[rows], y[rows]]))
            if number in film.counts:
                assert film.counts[number].get_text() == f"{rows.sum():,}"
    assert {kind.population for number, kind in enumerate(KINDS) if number not in film.counts} == {"resident_recipient_cells"}


def test_a_colony_is_ringed(record):
    arrays = dict(record.snapshots[72.0])
    n = 12
    columns = {
        name.removeprefix("tumour_cells_"): values
        for name, values in arrays.items()
        if name.startswith("tumour_cells_")
    }
    arrays |= {f"tumour_cells_{name}": np.zeros(n, values.dtype) for name, values in columns.items()}
    arrays["tumour_cells_y"], arrays["tumour_cells_x"] = np.full(n, 5.0), np.full(n, 12.0)
    arrays["tumour_cells_state"] = np.full(n, TumourCell.state.code("cycling"), np.int8)
    film = Film(record)
    film.draw(72.0, arrays)
    (ring,) = film.rings.get_segments()
    spacing = record.provenance["anatomy"]["spacing_um"]
    middle = np.array([12.0, 5.0]) * spacing
    assert ring[:-1].mean(axis=0) == pytest.approx(middle)
    assert np.hypot(*(ring - middle).T) == pytest.approx(14.0)  # um, of a colony in one place
    assert film.colony_count.get_text() == "1"


def busy(record):
    """The longest words everywhere: many changes, all that can be blocked, all stages at once."""
    marks = Protocol((
        *(Block(target, 0.9, 8.0 * n, 8.0 * n + 20.0) for n, target in enumerate(BLOCK_TARGETS[:6])),
        Deplete("kupffer_cells", 0.5, 10.0, 30.0), GrowPrimary("pan02", 1e6, 60.0), Boost("il15", 10.0, 5.0, 50.0),
        InjectExosomes("poorly_metastatic_melanoma", tuple(np.arange(0.0, 70.0, 2.0)), vesicles=7.5e9),
    )).marks()  # fmt: skip
    changed = {f"tumour.some_long_name_{n}": "1.2345 1/day" for n in range(9)}
    longer = with_provenance(record, marks=[list(mark) for mark in marks], overrides=changed, arm="educated_" * 8)
    return replace(longer, onsets={name: 10.0 + n for n, name in enumerate(ONSETS)})


@pytest.mark.parametrize("case", [lambda record: record, busy], ids=["as it ran", "busy"])
def test_texts_stay_inside_and_apart(record, case):
    film = Film(case(record))
    renderer = film.canvas.get_renderer()
    for time, before in ((0.0, None), (72.0, 0.0), (72.0, 60.0)):
        film.draw(time, film.record.snapshots[time], before)
        texts = [text for text in film.figure.findobj(Text) if text.get_visible() and text.get_text()]
        boxes = {text: text.get_window_extent(renderer) for text in texts}
        for text, box in boxes.items():
            assert box.x0 >= 0.0 and box.x1 <= 1280.0 and box.y0 >= 0.0 and box.y1 <= 720.0, text.get_text()
        for (one, first), (other, second) in combinations(boxes.items(), 2):
            apart = min(first.x1, second.x1) - max(first.x0, second.x0) <= 0.5  # of a pixel
            apart = apart or min(first.y1, second.y1) - max(first.y0, second.y0) <= 0.5
            assert apart, (one.get_text(), other.get_text())


def test_other_organs_have_their_recipient_cells_in_the_legend(record):
    first = dict(record.snapshots[0.0])
    for name in [name for name in first if name.startswith("kupffer_cells_")]:
        first[name.replace("kupffer_cells", "resident_recipient_cells")] = first[name]
        first[name] = first[name][:0]
    film = Film(replace(record, snapshots={**record.snapshots, 0.0: first}))
    shown = {KINDS[number].population for number in film.counts}
    assert "resident_recipient_cells" in shown
    assert "kupffer_cells" not in shown


def test_the_palette_holds_every_flat_colour(film):
    palette = {tuple(colour) for colour in film.palette()}
    assert len(palette) <= 256
    for kind in KINDS:
        for colour in (kind.face, kind.edge):
            assert tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) in palette
