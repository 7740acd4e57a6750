"""The front end's ES modules: their unit tests in Node.js, how they are linked, and that they read what Python packs."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from niche_sim.dashboard.canvas import what_is_new
from niche_sim.exports import front_code
from niche_sim.exports.canvas_encoding import Scales, pack
from niche_sim.exports.front_code import FRONT, linked, widget_module
from niche_sim.figures.appearance import LiveSight
from niche_sim.mesa_model.model import NicheModel
from niche_sim.teaching.replay import pack_moment

TESTS = sorted(map(str, (Path(__file__).parent / "front").glob("*.test.js")))


@pytest.fixture(scope="module")
def node():
    """Runs Node.js with arguments and gives its output; without Node.js tests are skipped, or fail where they are required."""
    command = shutil.which("node")
    if command is None:
        required = os.environ.get("NICHE_SIM_BROWSER_TESTS") == "required"
        (pytest.fail if required else pytest.skip)("no Node.js 20 or newer here")

    def run(*arguments, given=None):
        done = subprocess.run([command, *arguments], input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_the_unit_tests_of_the_modules_pass(node):
    told = node("--test", "--test-reporter=tap", *TESTS)
    passed = re.search(r"^# pass (\d+)$", told, re.MULTILINE)
    assert passed
    assert int(passed[1]) >= 70


def test_modules_read_what_python_packs(node):
    """A frame, the next one as a patch of it, and a moment of a replay."""
    model = NicheModel(overrides={"section.width": "600 um", "section.height": "700 um"}, rng=3)
    frames, scales = [], Scales()
    for _ in range(2):
        frames.append(pack(LiveSight(model), ["oxygen", "fibronectin"], scales))
        model.step()
    headers = [{"header": {"panels": [frame.header]}} for frame in frames]
    copies, rest = what_is_new((headers[0], frames[0].buffers), (headers[1], frames[1].buffers))
    same = {"sizes": [len(one) for one in frames[1].buffers], "copies": copies}
    given = {
        "header": frames[1].header,
        "last": [base64.b64encode(one).decode() for one in frames[0].buffers],
        "same": same,
        "rest": base64.b64encode(rest).decode(),
        "moment": base64.b64encode(pack_moment([frames[1]])).decode(),
    }
    script = f"""
        import {{ inflate, momentBuffers, patchBuffers, unpackFrame }} from "{(FRONT / "frames.js").as_uri()}";
        import {{ readFileSync }} from "node:fs";
        const {{ header, last, same, rest, moment }} = JSON.parse(readFileSync(0, "utf-8"));
        const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
        const buffers = patchBuffers(last.map(bytes), same, bytes(rest));
        const [panel] = unpackFrame({{ panels: [header] }}, buffers);
        const [{{ fields, cells }}] = momentBuffers([header], await inflate(moment));
        const again = unpackFrame({{ panels: [header] }}, [...fields, ...cells])[0];
        const told = ({{ fields, cells, starts }}) =>
            [fields.map(({{ values }}) => [...values]), [...cells.x], [...cells.y], [...cells.id], starts];
        console.log(JSON.stringify([told(panel), told(again)]));
    """
    from_patch, from_moment = json.loads(node("--input-type=module", "-e", script, given=json.dumps(given)))
    assert 0 < len(rest) < sum(map(len, frames[1].buffers))
    header, buffers = frames[1].header, frames[1].buffers
    types = ("u1", "u1", "<u2", "<u2", "<u4")
    *fields, x, y, ids = [np.frombuffer(raw, kind).tolist() for raw, kind in zip(buffers, types, strict=True)]
    assert from_patch == from_moment == [fields, x, y, ids, [0, *np.cumsum(header["counts"]).tolist()]]


@pytest.mark.parametrize("entry", ["widget.js", "download.js", "replay.js"])
def test_linked_modules_are_one_script_that_exports_what_the_modules_do(node, entry):
    text = linked(entry)
    assert not re.search(r"^\s*(import|export)\b", text, re.MULTILINE)
    exports = f"(await import('{(FRONT / entry).as_uri()}'))"
    told = node("--input-type=module", "-e", f"console.log(Object.keys({exports}).sort().join())")
    alone = node("--input-type=module", "-e", f"{text}\nconsole.log(Object.keys(front['{entry}']).sort().join())")
    assert alone == told


def test_a_module_is_linked_once_and_before_those_that_import_it():
    order = re.findall(r'^front\["([\w.]+)"\] =', linked("widget.js"), re.MULTILINE)
    assert len(order) == len(set(order))
    assert order.index("frames.js") < order.index("picking.js") < order.index("tissue.js") < order.index("viewer.js")
    assert order[-1] == "widget.js"
    assert "replay.js" not in order


@pytest.mark.parametrize("line", ['import * as all from "./frames.js";', "export default {};", "export { a };"])
def test_what_the_linker_does_not_know_is_no_silent_gap(tmp_path, monkeypatch, line):
    monkeypatch.setattr(front_code, "FRONT", tmp_path)
    (tmp_path / "one.js").write_text(f"export const a = 1;\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"one\.js: cannot link"):
        linked("one.js")


def test_a_widget_is_one_module_with_a_default_export(node):
    text = widget_module("download.js")
    url = "data:text/javascript;base64," + base64.b64encode(text.encode()).decode()
    told = node("--input-type=module", "-e", f"console.log(typeof (await import('{url}')).default.render)")
    assert told.strip() == "function"


def test_style_sheets_fetch_nothing():
    style = "".join(file.read_text(encoding="utf-8") for file in FRONT.glob("*.css"))
    assert "url(" not in style
    assert "@import" not in style
