"""`niche-sim compare`: what it leaves, prints and refuses; and its figure."""

import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from waiting import PATIENCE, until

from niche_sim.engine.errors import InputError
from niche_sim.experiment.scenario import load
from niche_sim.figures import arms
from niche_sim.model.readouts import BY_NAME
from niche_sim.model.stages import STAGES
from niche_sim.runs import cohort, farm
from niche_sim.runs.expectation.readouts import KNOWN
from niche_sim.runs.plan import Run

EDUCATION = "liver_education_costasilva2015"
SMALL = {"section.width": "600 um", "section.height": "700 um", "run.duration": "2 day"}
SET = [part for name, value in SMALL.items() for part in ("--set", f"{name}={value}")]
QUICK = ["compare", "--arms", "pbs,educated", "--mice", "2", "--workers", "1", *SET]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Three mice of three arms."""
    folder = tmp_path_factory.mktemp("mice")
    one = cohort.plan(EDUCATION, ["pbs", "educated", "anti_mif"], mice=3, overrides=SMALL)
    assert cohort.run([one], folder, 2) == []
    return cohort.gather(one, folder)


@pytest.mark.mice
def test_compare_leaves_tables_and_a_figure(call, tmp_path):
    done = call(*QUICK)
    folder = tmp_path / "runs" / f"{EDUCATION}-compare"
    assert (done.code, done.err) == (0, [])
    assert f"runs/{EDUCATION}-compare" in done.out
    assert "exosomes_taken_up" in done.out
    assert "undecided" in done.out
    assert "2 mice an arm decide nothing: --mice 6 or more" in done.out
    assert {path.name for path in folder.iterdir()} == {"mice", "effects.parquet", "mice.parquet", "compare.png"}

    rows = cohort.read_table(folder / "effects.parquet")
    assert {"readout", "arm", "against", "at_h", "effect", "low", "high", "n", "kind", "verdict", "size"} <= set(
        rows[0]
    )
    at_the_end = {row["readout"] for row in rows if row["target"] is None}
    assert at_the_end == set(KNOWN) | {f"onset_{stage.name}" for stage in STAGES}
    of_targets = {row["target"]: row for row in rows if row["target"] is not None}
    assert of_targets["education_raises_tgfb"]["why"] == "the runs end on day 2"

    early = call(
        "compare",
        *QUICK[1:7],
        *SET[:4],
        "--days",
        "2",
        "--at",
        "1",
        "--readout",
        "kupffer_loaded",
        "-o",
        str(tmp_path / "early"),
    )
    assert early.code == 0
    assert "Against pbs, day 1 " in early.out
    at_day_1 = {
        (row["readout"], row["at_h"])
        for row in cohort.read_table(tmp_path / "early" / "effects.parquet")
        if row["target"] is None
    }
    assert ("kupffer_loaded", 24.0) in at_day_1

    mice = cohort.read_table(folder / "mice.parquet")
    assert [(row["arm"], row["seed"]) for row in mice] == [("pbs", 1), ("pbs", 2), ("educated", 1), ("educated", 2)]
    taken_up = {row["arm"]: row["exosomes_taken_up"] for row in mice}
    assert taken_up["pbs"] == 0.0 < taken_up["educated"]
    assert "onset_priming" in mice[0]

    again = call(*QUICK, "--readout", "leakiness_mean")
    assert again.code == 0
    assert "leakiness_mean" in again.out and "exosomes_taken_up" not in again.out.partition("Targets")[0]
    other = tmp_path / "runs" / f"{EDUCATION}-compare-2"
    assert imread(other / "compare.png").shape != imread(folder / "compare.png").shape  # one panel, not six


@pytest.mark.mice
def test_mice_that_are_there_are_used_again(call, tmp_path, monkeypatch):
    assert call(*QUICK, "-o", "mine").code == 0
    before = (tmp_path / "mine" / "effects.parquet").read_bytes()
    monkeypatch.setattr(farm, "work", lambda *_: pytest.fail("a mouse was made again"))
    assert call(*QUICK, "-o", "mine").code == 0
    assert (tmp_path / "mine" / "effects.parquet").read_bytes() == before


def test_failed_mice_are_told_and_the_exit_code_is_1(call, monkeypatch):
    monkeypatch.setattr(cohort, "run", lambda *_, **__: [Run("", "s", 0, "pbs", 3, None, "out of luck")])
    done = call(*QUICK, "-o", "mine")
    assert done.code == 1
    assert done.err == ["niche-sim: s, arm pbs, seed 3 failed: out of luck"]
    assert "no mice of" in " ".join(done.out.split())
    of_others = [t for t in load(EDUCATION).targets if not {t.arm, t.against or t.arm} <= {"pbs", "educated"}]
    assert f"Undecided, since their arms were not run: {len(of_others)} more targets" in done.out


@pytest.mark.mice
def test_ctrl_c_says_how_to_go_on(tmp_path):
    command = [sys.executable, "-m", "niche_sim", *QUICK[:3], "--mice", "4000", "--workers", "1", *SET, "-o", "mine"]
    reset = (
        "import signal, runpy, sys; signal.signal(signal.SIGINT, signal.default_int_handler); sys.argv = sys.argv[1:]; "
    )
    start = [sys.executable, "-c", f"{reset}runpy.run_module('niche_sim', run_name='__main__', alter_sys=True)"]
    process = subprocess.Popen([*start, *command[2:]], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    mice = tmp_path / "mine" / "mice" / "runs"
    until(lambda: len(list(mice.glob("*.parquet"))) >= 2, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert re.fullmatch(
        r"(niche-sim: 8,000 runs, .*\n)?"
        r"niche-sim: stopped by Ctrl-C, \d+ of 8000 mice done; the same command with -o mine goes on\n",
        err,
    ), err
    assert 2 <= len(list(mice.glob("*.parquet"))) < 8000


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["nope"], "SCENARIO: 'nope'"),
        (["--arms", "pbs,educatd"], "--arms: 'educatd'; did you mean educated?"),
        (["--readout", "colonies,tgfb_maen"], "--readout: 'tgfb_maen'; did you mean "),
        (["--readout", ",".join(list(BY_NAME)[:7])], "--readout: 7 readouts; at most 6"),
        (["--mice", "1"], "--mice: '1'; a whole number from 2"),
        (["--workers", "0"], "--workers: '0'; a whole number from 1"),
        (["--seed", "x"], "--seed: 'x'"),
        (["--schedule", "backwards"], "--schedule: "),
        (["--without", "Nothing"], "--without: "),
        (["--set", "tgfb.half_lif=3 min"], "--set tgfb.half_lif: "),
        (["--days", "3", "--at", "4"], "--at: day 4 is after the end; up to day 3"),
        (["--days", "3", "--set", "run.duration=2 day"], "--days: together with --set run.duration"),
        (["--ensemble", "3"], "--ensemble: 3; 10 to "),
        (["--ensemble", "many"], "--ensemble: 'many'"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(call, tmp_path, options, said):
    done = call("compare", *options)
    assert done.code == 2
    assert len(done.err) == 1
    assert done.err[0].startswith(f"niche-sim: {said}")
    assert not list(tmp_path.iterdir())


# --- the figure ------------------------------------------------------------------------------------------------------


def test_at_most_six_readouts_that_targets_name(found):
    readouts = arms.key_readouts(found)
    named = {target.readout for target in found.plan.experiment.targets}
    assert len(readouts) == 6
    assert {name for name, _ in readouts} <= named
    assert all(at <= found.ends for _, at in readouts)


def test_every_readout_has_curves_and_dots_of_each_arm_with_units(found):
    figure = arms.compare_figure(found)
    readouts = arms.key_readouts(found)
    panels = figure.axes[: 2 * len(readouts)]
    for (name, at), curves, dots in zip(readouts, panels[::2], panels[1::2], strict=True):
        assert curves.get_xlabel() == "Time (days)"
        assert curves.get_ylabel() == arms._unit(name)
        means = [found.curves(arm, name).mean(axis=0) for arm in found.plan.arms]
        for line, mean in zip(curves.get_lines(), means, strict=False):
            np.testing.assert_allclose(line.get_ydata(), mean)
        assert dots.get_xlabel().startswith(arms._unit(name))
        assert [label.get_text() for label in dots.get_yticklabels()] == ["PBS", "educated", "anti-MIF"]
        of_arm = [line for line in dots.get_lines() if len(line.get_xdata()) == 3]
        values = [sorted(found.values(arm, name, at).values()) for arm in found.plan.arms]
        assert [sorted(line.get_xdata()) for line in of_arm] == values
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["PBS", "educated", "anti-MIF"]


def test_readouts_that_are_asked_for_are_shown_in_that_order(found):
    wanted = ["tgfb_mean", "bmdc_arrested"]
    assert [name for name, _ in arms.key_readouts(found, wanted)] == wanted
    assert arms.key_readouts(found, ["oxygen_mean"]) == [("oxygen_mean", found.ends)]  # which no target names
    figure = arms.compare_figure(found, wanted)
    units = [ax.get_ylabel() for ax in figure.axes if ax.get_xlabel() == "Time (days)"]
    assert units == [arms._unit(name) for name in wanted]
    with pytest.raises(InputError, match="tgfb_maen"):
        arms.compare_figure(found, ["tgfb_maen"])


def test_arms_are_told_apart():
    assert len(set(arms.COLOURS)) * len(arms.DASHES) >= 12
    brightness = [sum(np.array(to_rgb(c)) * (0.299, 0.587, 0.114)) for c in arms.COLOURS]
    assert max(brightness) < 0.75  # seen on white


def test_texts_do_not_overlap(found):
    figure = arms.compare_figure(found)
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    texts = [text for text in figure.texts if text.get_text()]
    texts += [text for legend in figure.legends for text in legend.get_texts()]
    for ax in figure.axes:
        low_x, high_x, low_y, high_y = *sorted(ax.get_xlim()), *sorted(ax.get_ylim())
        texts += [tick.label1 for tick in ax.xaxis.get_major_ticks() if low_x <= tick.get_loc() <= high_x]
        texts += [tick.label1 for tick in ax.yaxis.get_major_ticks() if low_y <= tick.get_loc() <= high_y]
        texts += [ax.xaxis.label, ax.yaxis.label, ax.title, *ax.texts]
    texts = [text for text in texts if text.get_text() and text.get_visible()]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
    page = figure.bbox
    for number, (text, box) in enumerate(boxes):
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1, text
        for other, another in boxes[number + 1 :]:
            width = min(box.x1, another.x1) - max(box.x0, another.x0)
            height = min(box.y1, another.y1) - max(box.y0, another.y0)
            assert min(width, height) < 1.0, (text, other)


def test_the_same_mice_give_the_same_bytes(found, tmp_path):
    file = arms.save_compare(found, tmp_path / "compare.png")
    assert file.read_bytes() == arms.compare_png(found)
    assert imread(file).shape[1] == 1417  # 180 mm at 200 dpi
