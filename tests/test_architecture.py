"""The folder tree is the architecture: who may import whom, where chance and numbers may stand, what files say."""

from __future__ import annotations

import ast
import inspect
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import niche_sim
from niche_sim.model.process import Process
from niche_sim.model.schedule import (
    ALTERNATIVES,
    CHAPTER_OF,
    CHAPTERS,
    DEFAULT,
    FEEDBACKS,
    PARALLEL,
    SCHEDULES,
    STAGE_3,
    schedule,
)

PACKAGE = Path(niche_sim.__file__).parent
RULES = (*DEFAULT, *ALTERNATIVES)

# From the bottom up: a folder imports from those before it and from itself, where no circle is allowed either.
FOLDERS = (
    "engine", "model", "experiment", "mesa_model", "runs", "inference", "figures", "description", "exports",
    "teaching", "dashboard", "cli",
)  # fmt: skip
FOLDERS_OF_STRANGERS = (("engine", "kernels"), ("model", "processes"))  # files in them do not know each other
ONLY_IN = {
    "matplotlib": {"figures", "dashboard"},
    "solara": {"dashboard"},
    "starlette": {"dashboard"},
    "uvicorn": {"dashboard"},
    "numba": {"engine"},
    "pydantic": {"engine"},
    "tomli_w": {"experiment", "runs"},
    "typer": {"cli"},
    "rich": {"cli"},
}
LONGEST_FILE = 500
VAGUE = {"utils", "util", "helpers", "core", "common", "base", "manager", "misc"}


def files(folder=""):
    return sorted(path for path in (PACKAGE / folder).rglob("*.py") if "__pycache__" not in path.parts)


def module_of(path):
    """niche_sim/model/processes/priming/steatosis.py -> ("processes", "priming", "steatosis"); the package itself is ()."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree):
    """Dotted names of all that a file imports, wherever in it, `from a import b` as a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(tree):
    """Parts below niche_sim of our modules that a file imports: ("kernels", "walk", "walk")."""
    for name in imported(tree):
        parts = tuple(name.split("."))
        if parts[0] == "niche_sim" and len(parts) > 1:
            yield parts[1:]


def relative(path):
    return str(path.relative_to(PACKAGE))


def test_the_folders_are_the_plan():
    names = {path.name for path in PACKAGE.iterdir()} - {"__pycache__", "scenarios"}
    assert names == {*FOLDERS, "__init__.py", "__main__.py", "py.typed"}


@pytest.mark.parametrize("path", files(), ids=relative)
def test_imports_go_to_folders_that_stand_before(path):
    here = module_of(path)
    if here in ((), ("__main__",)):
        return
    for parts in ours(tree_of(path)):
        if parts[0] not in FOLDERS:
            assert parts[0] in ("__version__", "InputError"), f"{relative(path)} imports {parts[0]}"
            continue
        assert FOLDERS.index(parts[0]) <= FOLDERS.index(here[0]), f"{relative(path)} imports {'.'.join(parts)}"
        for folder in FOLDERS_OF_STRANGERS:
            if here[:2] == folder and len(here) > 2:
                assert parts[:2] != folder, f"{relative(path)} imports its sibling {'.'.join(parts)}"


def loaded(tree):
    """The statements of a module that run when it is loaded, imports for types alone left out."""
    return [node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))]


def test_no_modules_import_each_other_in_a_circle():
    """What a module imports when it is loaded; what a function imports when it is called may close a circle."""
    modules = {module_of(path): path for path in files()}
    graph = {
        here: {
            next(there for there in (parts, parts[:-1]) if there in modules)
            for parts in ours(ast.Module(loaded(tree_of(path)), []))
            if parts in modules or parts[:-1] in modules
        }
        for here, path in modules.items()
        if here
    }
    top = {here: {there for there in found if there and there != here} for here, found in graph.items()}
    tuple(TopologicalSorter(top).static_order())  # raises CycleError


@pytest.mark.parametrize("path", files("engine/kernels"), ids=relative)
def test_kernels_know_nothing_of_ours_and_never_draw(path):
    tree = tree_of(path)
    assert {parts[:2] for parts in ours(tree)} <= {("engine", "compiling")}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {part for name in imported(tree) for part in name.split(".")}
    assert not names & {"random", "default_rng", "Generator", "Philox", "rand", "randn", "seed", "Chance"}


@pytest.mark.parametrize("path", [path for path in files() if module_of(path) != ("engine", "chance")], ids=relative)
def test_nobody_draws_but_chance(path):
    # Names of Mesa's own interface (`model.random`, `shuffle`) are its way of drawing for whoever looks at agents.
    drawing = {"numpy.random", "random", "secrets", "uuid"}
    found = set(imported(tree_of(path))) & drawing
    here = module_of(path)
    # `secrets` makes tokens and ids of visitors, nothing of a mouse.
    secret = {"secrets"} if here in (("dashboard", "guard"), ("dashboard", "serve")) else set()
    assert found <= secret | ({"random"} if here[:1] in (("mesa_model",), ("dashboard",)) else set())
    # An ensemble's sets are drawn besides any mouse, by a generator of its own.
    if here[:1] != ("dashboard",) and here[:2] != ("inference", "ensemble"):
        attributes = {ast.unparse(node) for node in ast.walk(tree_of(path)) if isinstance(node, ast.Attribute)}
        assert not {name for name in attributes if name.startswith(("np.random", "numpy.random"))}


@pytest.mark.parametrize("path", files(), ids=relative)
def test_foreign_packages_are_touched_where_they_belong(path):
    here = (module_of(path) or ("",))[0]
    for name in imported(tree_of(path)):
        for package, places in ONLY_IN.items():
            if name == package or name.startswith(f"{package}."):
                assert here in places, f"{relative(path)} imports {name}"


def test_mesa_and_its_views_are_for_mesas_users_alone():
    """Nothing that simulates, analyses or shows needs Mesa, but the page with Mesa's own controls."""
    using = {
        module_of(path)
        for path in files()
        for name in imported(tree_of(path))
        if name.split(".")[0] == "mesa" or name.startswith("niche_sim.mesa_model.")
    }
    assert {here for here in using if here[0] != "mesa_model"} == {("dashboard", "mesa_app")}


@pytest.mark.parametrize("path", files(), ids=relative)
def test_files_are_short_and_say_what_they_are(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LONGEST_FILE
    assert ast.get_docstring(tree_of(path))
    assert not VAGUE & set(module_of(path))


@pytest.mark.parametrize("folder", ["engine", "model", "inference", "figures", "exports"])
def test_sections_of_docstrings_are_those_that_the_reference_renders(folder):
    """NumPy style: a heading underlined with as many dashes, which becomes a table; of another style it stays text."""
    for path in files(folder):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.Module)):
                lines = [line.strip() for line in (ast.get_docstring(node) or "").splitlines()]
                assert not {"Args:", "Raises:", "Returns:", "Parameters:"} & set(lines), f"{relative(path)}: {node}"
                for heading in {"Parameters", "Returns", "Raises"} & set(lines):
                    assert lines[lines.index(heading) + 1] == "-" * len(heading), f"{relative(path)}: {heading}"


def test_importing_the_package_imports_nothing_else():
    assert not [name for name in imported(tree_of(PACKAGE / "__init__.py")) if name.split(".")[0] not in
                ("__future__", "importlib", "typing")]  # fmt: skip


# --- rules -----------------------------------------------------------------------------------------------------------


def processes_written():
    """Every class of processes/ that is a Process: (file, class)."""
    found = []
    for path in files("model/processes"):
        module = __import__(f"niche_sim.{'.'.join(module_of(path))}", fromlist=["x"])
        for kind in vars(module).values():
            if inspect.isclass(kind) and issubclass(kind, Process) and kind.__module__ == module.__name__:
                found.append((path, kind))
    return found


def test_one_rule_a_file_named_for_it_in_the_folder_of_its_chapter():
    for path, kind in processes_written():
        assert path.stem.replace("_", "") == kind.__name__.lower()
        assert path.parent == PACKAGE / "model" / "processes" / CHAPTER_OF[kind]
    rules = [path for path, _ in processes_written()]
    assert len(rules) == len(set(rules))
    assert set(files("model/processes")) - set(rules) == {path for path in files("model/processes") if path.name == "__init__.py"}
    assert {path.name for path in (PACKAGE / "model" / "processes").iterdir() if path.is_dir()} - {"__pycache__"} == set(CHAPTERS)


def test_every_process_is_in_the_schedule_or_an_alternative_once():
    assert sorted(kind.__name__ for _, kind in processes_written()) == sorted(kind.__name__ for kind in RULES)
    assert [type(process) for process in schedule()] == list(DEFAULT)


def test_schedules_differ_by_what_they_are_named_for():
    """Each leaves the order of the default alone: it lacks some rules or has an alternative in the place of one."""
    for name, left_out in (("default", ()), ("no_feedback", FEEDBACKS), ("no_stage3", STAGE_3)):
        assert set(left_out) <= set(DEFAULT)
        assert [type(process) for process in schedule(name)] == [kind for kind in DEFAULT if kind not in left_out]
    additive = SCHEDULES["additive"]
    assert [(old, new) for old, new in zip(DEFAULT, additive, strict=True) if old is not new] == [
        (old, PARALLEL[old]) for old in DEFAULT if old in PARALLEL
    ]
    assert set(ALTERNATIVES) == set(additive) - set(DEFAULT)


@pytest.mark.parametrize("kind", RULES, ids=lambda kind: kind.__name__)
def test_a_process_says_its_rule_in_one_sentence(kind):
    sentence = kind.sentence()
    assert sentence.endswith(".")
    assert sentence[0].isupper() or sentence[0].isdigit() or sentence.startswith(("TGF", "CCL"))
    assert len(sentence.split()) >= 5
    assert ". " not in sentence
    assert kind.__dict__.get("__doc__")
    assert (kind.__doc__ or "").count("\n") >= 2  # formula, evidence and what is assumed follow


@pytest.mark.parametrize("kind", RULES, ids=lambda kind: kind.__name__)
def test_a_process_is_one_class_with_one_step(kind):
    assert kind.__bases__ == (Process,)
    assert "step" in vars(kind)
    assert "__init__" not in vars(kind)
    assert kind.writes, "a rule that changes nothing is none"
    arguments = {"state": "State", "p": "Parameters", "chance": "Chance", "dt": "float"}
    assert kind.step.__annotations__ == {**arguments, "return": "None"}


@pytest.mark.parametrize("path", files("model/processes"), ids=relative)
def test_a_file_of_processes_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 180


def bare_numbers(tree):
    """Numbers in a file of rules other than 0, 1 and 2, with their lines.

    Not counted are numbers of things rather than of biology: places in an array (x[:, 3]), how many draws are asked
    for, the size of a cache, how exactly a root is found, and how often a slow rule acts (its period).
    """
    exempt = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            exempt |= {id(part) for part in ast.walk(node.slice)}
        elif isinstance(node, ast.keyword) and node.arg in ("maxsize", "xtol", "rtol"):
            exempt |= {id(part) for part in ast.walk(node.value)}
        elif isinstance(node, ast.ClassDef):
            periods = [part for part in node.body if isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) == "period"]
            exempt |= {id(part.value) for part in periods}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            exempt |= {id(part) for part in node.args[2:3] if node.func.attr in ("uniform", "uniform32")}
    for node in ast.walk(tree):
        number = isinstance(node, ast.Constant) and type(node.value) in (int, float, complex)
        if number and id(node) not in exempt and node.value not in (0, 1, 2):
            yield node.lineno, node.value


# Not a number of biology that could be otherwise: two of the six directions of space leave a slab.
GEOMETRY = {("division", 3.0)}


@pytest.mark.parametrize("path", files("model/processes"), ids=relative)
def test_rules_hold_no_number_but_0_1_2(path):
    numbers = list(bare_numbers(tree_of(path)))
    found = [(line, value) for line, value in numbers if (path.stem, value) not in GEOMETRY]
    assert found == [], f"numbers belong in the register: {path.name} has {found} (line, number)"
    assert sum((path.stem, value) in GEOMETRY for _, value in numbers) <= 1


@pytest.mark.parametrize("path", files("model/processes"), ids=relative)
def test_rules_have_no_option_switch(path):
    """A hypothesis is a process in or out of the schedule: no rule takes a default or branches on a text."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef):
            assert not node.args.defaults
            assert not [default for default in node.args.kw_defaults if default is not None]
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
            assert not [part for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]


@pytest.mark.parametrize(
    "path", [*files("model/processes"), *(PACKAGE / "model" / name for name in ("sensing.py", "acting.py"))], ids=relative
)
def test_rates_become_chances_by_one_law_only(path):
    """No `rate * dt` is compared with a uniform: only `laws.probability` makes a probability of a rate."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Compare) and any(isinstance(op, (ast.Lt, ast.LtE, ast.Gt, ast.GtE)) for op in node.ops):
            for part in ast.walk(node):
                if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mult):
                    factors = {ast.unparse(side) for side in (part.left, part.right)}
                    drawn = "chance.uniform" in ast.unparse(node)
                    assert not (drawn and "dt" in factors), f"line {node.lineno} compares a uniform with a rate * dt"


# --- the test itself -------------------------------------------------------------------------------------------------


def test_the_search_for_numbers_finds_them():
    lines = [
        "x = y[:, 3]",
        "z = 0.05 * x + 1.0 - 2",
        "u = chance.uniform(self, keys, 4)",
        "v = f(x, rtol=1e-9)",
        "w = 7",
    ]
    assert sorted(bare_numbers(ast.parse("\n".join(lines)))) == [(2, 0.05), (5, 7)]
