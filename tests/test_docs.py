"""The pages of the documentation: every link leads somewhere, every command and every file shown works, every name exists."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import tomllib
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import click
import pytest

import niche_sim
from niche_sim.cli.usage import settings
from niche_sim.experiment.protocol import read_entry
from niche_sim.experiment.scenario import catalogue, load
from niche_sim.experiment.setup import SCENARIO_LENGTHS
from niche_sim.experiment.targets import Target
from niche_sim.model import catalogue as vocabulary
from niche_sim.model.parameters import rows, value_of
from niche_sim.model.readouts import READOUTS
from niche_sim.model.schedule import ALTERNATIVES, DEFAULT, SCHEDULES
from niche_sim.model.stages import STAGES
from niche_sim.runs import sweeps
from niche_sim.runs.expectation.readouts import KNOWN

TOP = Path(__file__).parents[1]
DOCS = TOP / "docs"
SITE = DOCS / "site"
WRITTEN = sorted(
    path.relative_to(DOCS).as_posix()
    for path in (*DOCS.glob("*.md"), *(DOCS / "howto").glob("*.md"))
    if path.name != "odd.md"  # written by the package, and tested as such
)
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
NEEDED = ("mkdocs", "material", "mkdocstrings_handlers")
HOWTO_SCENARIO, HOWTO_TARGETS = "howto/scenario.md", "howto/judge.md"
OF_A_PAGE = "liver_early_or_late"  # the scenario that those two pages write


def module(path: Path) -> ModuleType:
    """A script of docs/ as a module."""
    spec = importlib.util.spec_from_file_location(f"docs_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


PAGES = module(SITE / "pages.py")
COMMANDS: dict[str, click.Command] = PAGES.commands()
FILES = {name: (DOCS / name).read_text(encoding="utf-8") for name in WRITTEN}
MADE = {name: make() for name, make in PAGES.PAGES.items()}


def blocks(name: str, language: str) -> list[str]:
    """Code of a language on a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", FILES[name], re.MULTILINE | re.DOTALL)


def prose(name: str) -> str:
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```", "", FILES[name], flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """The addresses of the headings of a page, as MkDocs makes them."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title.lower()).strip()) for title in titles}


def commands_of(name: str) -> list[str]:
    return [line for block in blocks(name, "sh") for line in block.splitlines() if line.startswith("niche-sim")]


COMMAND_LINES = [(name, line) for name in WRITTEN for line in commands_of(name)]


# ---- links


@pytest.mark.parametrize("name", WRITTEN)
def test_links_and_images_lead_somewhere(name: str) -> None:
    found = re.findall(r"\]\(([^)]+)\)", prose(name)) + re.findall(r'(?:src|srcset)="([^"]+)"', prose(name))
    for target in found:
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        page = os.path.normpath(Path(name).parent / path) if path else name
        made = page in MADE
        assert made or (DOCS / page).is_file(), f"{name}: {target}"
        if anchor:
            text = MADE[page] if made else (DOCS / page).read_text(encoding="utf-8")
            assert anchor in anchors(text), f"{name}: {target}; there are {sorted(anchors(text))[:20]}"


def test_every_page_is_in_the_menu_and_nothing_else_is() -> None:
    menu = re.findall(r"^ *- (?:[\w ,]+: )?(\S+\.md)$", (SITE / "mkdocs.yml").read_text().partition("\nnav:")[2], re.M)
    reports = [
        path.relative_to(DOCS).as_posix()
        for folder in ("evidence", "calibration")
        for path in (DOCS / folder).rglob("*.md")
    ]
    assert sorted(menu) == sorted([*WRITTEN, *MADE, *reports, "odd.md"])


# ---- what is shown works


@pytest.mark.parametrize(("name", "line"), COMMAND_LINES)
def test_commands_are_understood(name: str, line: str) -> None:
    words = shlex.split(re.sub(r"\$\w+", "1", line), comments=True)  # what the shell puts in is a number
    assert words[1] in COMMANDS, f"{name}: {line}"
    command = COMMANDS[words[1]]
    given = command.make_context(words[1], words[2:]).params  # raises for options and arguments that do not exist
    scenario = given.get("scenario")
    if words[1] == "evidence":
        assert set((given["scenarios"] or "").split(",")) - {""} <= {entry.id for entry in catalogue()}
    own = scenario is not None and OF_A_PAGE in scenario
    experiment = load("liver_education_costasilva2015" if own or scenario is None else scenario)
    for arm in (given.get("arms") or given.get("arm") or "").split(","):
        assert not arm or own or arm in experiment.arms, f"{name}: {line}: {arm}"
    for number, value in settings(given.get("changes") or []).items():
        if number.partition(".")[0] not in ("run", "section"):
            value_of(number, value)
    assert set((given.get("vary") or "").split(",")) - {""} <= set(rows())
    if given.get("search"):
        assert any(given["search"] in f"{row.name} {row.source} {row.note}".lower() for row in rows().values())
    for entry in given.get("add") or []:
        read_entry(entry, "--add")
    assert (given.get("schedule") or "default") in SCHEDULES
    for rule in given.get("without") or []:
        assert rule in {kind.__name__ for kind in (*DEFAULT, *ALTERNATIVES)}


def test_every_command_is_shown() -> None:
    shown = {line.split()[1] for _, line in COMMAND_LINES}
    assert shown == set(COMMANDS)
    for name in COMMANDS:
        assert f"\n## niche-sim {name}\n" in MADE["reference/cli.md"]


def test_the_scenario_and_its_targets_that_are_shown_load(tmp_path: Path) -> None:
    folder = tmp_path / OF_A_PAGE
    folder.mkdir()
    (scenario,), (targets,) = blocks(HOWTO_SCENARIO, "toml"), blocks(HOWTO_TARGETS, "toml")
    (folder / "scenario.toml").write_text(scenario, encoding="utf-8")
    (folder / "targets.toml").write_text(targets, encoding="utf-8")
    experiment = load(folder / "scenario.toml", {readout.name for readout in READOUTS})
    assert list(experiment.arms) == ["control", "early", "late"]
    assert [target.id for target in experiment.targets] == [entry["id"] for entry in tomllib.loads(targets)["target"]]
    used = {word for _, line in COMMAND_LINES if OF_A_PAGE in line for word in line.split() if OF_A_PAGE in word}
    assert used == {f"{OF_A_PAGE}/scenario.toml"}


def test_the_plan_that_is_shown_is_read(tmp_path: Path) -> None:
    (plan,) = blocks("howto/sweep.md", "toml")
    (tmp_path / "dose.toml").write_text(plan, encoding="utf-8")
    assert sweeps.read_plan(tmp_path / "dose.toml").total == 2 * 3 * 3  # doses, half-lives, mice


@pytest.mark.slow
def test_python_that_is_shown_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(TOP), *sys.path])
    for name in WRITTEN:
        shown = blocks(name, "python")
        if shown and name != "cluster.md":  # which needs a cluster
            script = tmp_path / f"{Path(name).stem}_shown.py"
            script.write_text("\n".join(shown), encoding="utf-8")  # a file, since processes of a cohort import it
            done = subprocess.run([sys.executable, "-W", "error", script], capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{name}: {done.stderr}"
            if name == "howto/python.md":
                assert done.stdout.count("Row(") > 10  # an effect a readout
    assert (tmp_path / "section.png").is_file()


# ---- names


def known_names() -> set[str]:
    """Whatever a page may name as code and which has no place of its own to look up."""
    experiments = [load(entry.id) for entry in catalogue()]
    names = set(KNOWN) | {stage.name for stage in STAGES}
    names |= set(rows()) | {name.partition(".")[0] for name in rows()}
    names |= {one.id for one in experiments} | {arm for one in experiments for arm in one.arms}
    names |= set(vocabulary.BLOCK_TARGETS) | set(vocabulary.DEPLETABLE) | set(vocabulary.EXOSOME_SOURCES)
    names |= set(SCHEDULES) | {kind.__name__ for kind in (*DEFAULT, *ALTERNATIVES)}
    names |= {"use" if name == "uses" else name for name in Target.__dataclass_fields__}
    names |= {*SCENARIO_LENGTHS, "run.step", "run.duration"}
    return names


# What else is written as code: keys and values of TOML files, literals, names within an example.
OTHERS = {
    "[z, y, x]", "[section]", 'depth = "200 um"', "overrides", "<population>_z",
    "design", "grid", "list", "latin", "morris", "sobol", "samples", "[vary]", "[vary_protocol.ARM]", '"register"',
    '{ low = "3 min", high = "30 min" }',
    "D", "S", "Q", "None", "null", "class", "do", "like", "add", "protocol", "efficacy", '"validate"', '"fit"', "[y, x]",
    "onset_", "reads", "writes", "step", "[parameters]", "record.save(FOLDER)", "rng=7", "model.state.time", "-2",
    "model.datacollector", "mesa.batch_run", "niche_sim.Simulation", "niche_sim.NicheModel",
    "film", "dashboard", ".gif", ".mp4", ".toml", "Process",
    "oversample = 500", "show_colonies = true", "inject_tumour_cells", "oversample", "show_colonies", "why", "for_page",
    "seed=7", "--seed 7", "rng", "batch_run", "iterations", "data_collection_period", "NUMBA_CACHE_DIR", "MPLCONFIGDIR",
    '"tgfb.half_life" = { value = "10 min", source = "Wakefield1990", where = "recalled" }',
}  # fmt: skip
LEFT_BY_COMMANDS = {
    "predictions/", "[outcome]", "python benchmarks/make_predictions.py", "python benchmarks/growth.py",
    "receptivity.npz", "receptivity.png",
    "section.png", "timeline.png", "summary.json", "record.parquet", "events.parquet", "snapshots.npz", "provenance.json",
    "runs.parquet", "failures.parquet", "overview.png", "sensitivity.parquet", "windows.parquet", "windows.png", "dose.toml",
    "effects.parquet", "mice.parquet", "compare.png", "film.mp4", "members.png", "scenario.toml", "targets.toml", "sources.bib",
}  # fmt: skip


def is_known(span: str, known: set[str]) -> bool:
    options = {option for command in COMMANDS.values() for parameter in command.params for option in parameter.opts}
    if span.startswith(("niche-sim ", "pip ", "solara ")):
        words = shlex.split(span)
        return words[0] != "niche-sim" or (words[1] in COMMANDS and all(w in options for w in words[2:] if w[0] == "-"))
    if span.startswith("-") and span.split()[0] in options:
        return True
    if span.startswith("niche_sim."):
        return resolves(span.partition("(")[0])
    parts = [part.strip() for part in span.split(",")]
    if len(parts) > 1 and span not in OTHERS:
        return all(is_known(part, known) for part in parts)
    if span in known | OTHERS | LEFT_BY_COMMANDS or span.startswith(("runs/", OF_A_PAGE)):
        return True
    return ("/" in span or "." in span) and (TOP / span).exists()


def resolves(name: str) -> bool:
    """Whether a dotted name of the package exists."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for part in parts[end:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


# Pages of sweeps write keys of plans, columns of tables and commands of a cluster, which tests of sweeps hold to the code.
OF_SWEEPS = {"sweeps.md", "cluster.md"}


@pytest.mark.parametrize("name", sorted(set(WRITTEN) - OF_SWEEPS))
def test_names_exist(name: str) -> None:
    known = known_names()
    spans = re.findall(r"(?<!`)`([^`\n]+)`", prose(name))
    assert [span for span in spans if not is_known(span, known)] == []


def test_what_the_dashboard_is_said_to_have_is_on_it() -> None:
    folder = Path(niche_sim.__file__).parent / "dashboard"
    sources = "".join(file.read_text(encoding="utf-8") for file in folder.rglob("*.*") if file.suffix in (".py", ".js"))
    labels = set(re.findall(r"\*\*(.+?)\*\*", FILES["howto/dashboard.md"]))
    assert len(labels) > 8
    assert [label for label in sorted(labels) if f'"{label}"' not in sources] == []


def test_the_reference_of_python_lists_what_the_package_offers() -> None:
    assert {name for name in niche_sim.__all__ if name != "__version__"} == set(
        re.findall(r"^\| `niche_sim\.(\w+)`", MADE["reference/python.md"], re.M)
    )


# ---- pages made from the code


def test_made_pages_hold_all_there_is() -> None:
    text = MADE["reference/parameters.md"]
    assert re.findall(r"^\| `(\w+\.\w+)` \|", text, re.M) == list(rows())
    assert all(f"`{target}`" in MADE["reference/interventions.md"] for target in vocabulary.BLOCK_TARGETS)
    measured = MADE["reference/measured.md"]
    assert all(f"| `{one.name}` |" in measured for one in (*KNOWN.values(), *STAGES))
    for entry in catalogue():
        section = MADE["reference/scenarios.md"].partition(f"\n## {entry.id}\n")[2].partition("\n## ")[0]
        assert re.findall(r"^\| `(\w+)` \|", section, re.M) == list(load(entry.id).arms)
    for file in (TOP / "notebooks").glob("*.ipynb"):
        written = file.parent / "text" / f"{file.stem}.py"
        (question,) = re.findall(r"^# # (.+\?)$", written.read_text(encoding="utf-8"), re.M)
        section = MADE["notebooks.md"].partition(f"\n## {question}\n")[2].partition("\n## ")[0]
        assert f"`notebooks/{file.name}`" in section
        assert (DOCS / re.findall(r"\]\((images/.+\.png)\)", section)[0]).is_file()
        assert f"](notebooks/{file.name}) | {question}" in (TOP / "README.md").read_text(encoding="utf-8")
    for name, command in COMMANDS.items():
        section = MADE["reference/cli.md"].partition(f"\n## niche-sim {name}\n")[2].partition("\n## ")[0]
        for parameter in command.params:
            option = parameter.opts[0].startswith("-")
            written = parameter.opts[0] if option else str(getattr(parameter, "metavar", None))
            assert written in section, (name, written)


def test_tables_of_made_pages_have_as_many_cells_in_every_row() -> None:
    for name, text in MADE.items():
        columns = 0
        for line in text.splitlines():
            bars = len(re.findall(r"(?<!\\)\|", line))
            if line.startswith("|"):
                assert columns in (0, bars), f"{name}: {line}"
            columns = bars if line.startswith("|") else 0


def test_modules_of_the_reference_exist_and_say_what_they_are() -> None:
    for name in PAGES.MODULES:
        assert importlib.import_module(name).__doc__


# ---- the figure of the sequence


def test_markers_that_the_figure_names_are_those_of_the_stages() -> None:
    drawing = module(DOCS / "make_sequence.py")
    named = [marker for _, _, markers in drawing.CAPTIONS for marker in markers.split(", ")]
    assert named == ["exosomes_plasma", *(stage.marker for stage in STAGES)]
    hypotheses = [stage.name for stage in STAGES if stage.hypothesis]
    assert [title for title, _, _ in drawing.CAPTIONS if "hypothesis" in title] == ["3  Angiogenesis: a hypothesis"]
    assert hypotheses == ["angiogenesis"]


# ---- the site


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built with warnings as errors."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"without the extra docs: {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-f", SITE / "mkdocs.yml", "-d", folder]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_built_pages_load_nothing_from_elsewhere(built: Path) -> None:
    pages = list(built.rglob("*.html"))
    assert {path.relative_to(built).with_suffix(".md").as_posix() for path in pages} >= {*WRITTEN, *MADE, "odd.md"}
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe|source)\b[^>]*\b(?:src|srcset)="?([^">\s]+)', text)
        loaded += [tag for tag in re.findall(r"<link\b[^>]*>", text) if "stylesheet" in tag or "preconnect" in tag]
        assert not [one for one in loaded if re.search(r"(?:https?:)?//", one)], page
    assert "niche_sim.mesa_model.model.NicheModel" in (built / "reference" / "python.html").read_text(encoding="utf-8")


@pytest.fixture
def served(built: Path):
    """The address of the site on a server."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=built))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("width", [390, 1360])
@pytest.mark.parametrize("folder", [True, False])
def test_a_browser_asks_for_nothing_elsewhere_and_pages_fit(
    built: Path, served: str, browser, width: int, folder: bool
) -> None:
    asked, wrong = [], []
    start = f"file://{built}/" if folder else served
    page = browser.new_page(viewport={"width": width, "height": 850})
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    for name in ("index", "concepts", "howto/scenario", "reference/python", "reference/parameters", "glossary"):
        page.goto(f"{start}{name}.html")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        broken = "[...document.images].filter(i => !i.complete || i.naturalWidth === 0).map(i => i.src)"
        assert page.evaluate(broken) == [], name
    assert len(asked) > 20  # pages, styles, scripts, pictures: it is looked at the right place
    assert [url for url in asked if not url.startswith((start, "data:", "blob:"))] == []
    if not folder:  # a browser lets no worker read the index from a folder
        assert wrong == []


def test_the_search_finds(served: str, browser) -> None:
    page = browser.new_page(viewport={"width": 1360, "height": 850})
    page.goto(f"{served}index.html")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("f")  # opens the search
    page.locator(".md-search input").first.wait_for()
    page.keyboard.type("organotropism", delay=30)
    page.locator(".md-search a[href$='glossary.html#organotropism']").wait_for()
