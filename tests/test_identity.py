"""What a run is called: rewording a text renames no mouse, and a changed formula never passes for the old one."""

import ast
import dataclasses
import json
import shutil
import subprocess
import sys

import pytest

import niche_sim
from niche_sim.engine.laws import probability
from niche_sim.experiment.protocol import (
    Block,
    Boost,
    Deplete,
    GrowPrimary,
    InjectExosomes,
    InjectTumourCells,
    Protocol,
    Treat,
)
from niche_sim.experiment.scenario import library, load
from niche_sim.experiment.simulation import Simulation
from niche_sim.model.process import Process
from niche_sim.runs import cohort, identity, sweeps
from niche_sim.runs.record import provenance_of

EDUCATION = "liver_education_costasilva2015"
SMALL = {"section.width": "600 um", "section.height": "600 um", "run.duration": "6 h"}
TEXTS = {
    "a docstring of a rule": ("model/processes/colonisation/dormant_death.py", '"""Death', '"""In other words, death'),
    "a comment": ("engine/laws.py", "from __future__ import annotations\n", "from __future__ import annotations\n# A remark.\n"),
    "what a stage means": ("model/stages.py", "clones have become colonies", "clones have grown to colonies"),
    "the story of a stage": ("model/stages.py", "A few tumour cells leave dormancy", "Some tumour cells leave dormancy"),
    "the note of a number": ("model/parameters/tumour.py", "few are lost on arrival", "only a few are lost"),
    "the source of a number": ("model/parameters/tumour.py", "Luzzi1998", "Luzzi1998b"),
    "what a cause of death is called": ("model/catalogue.py", '"died while dormant"', '"died in dormancy"'),
    "what a block is called": ("model/catalogue.py", '"miR-21"', '"miR-21-5p"'),
    "how cells are drawn": ("model/cells.py", 'marker = "s"', 'marker = "o"'),
    "a message of an error": ("model/anatomy.py", "at most a third of the lobule_radius", "no more than a third of lobule_radius"),
    "code that only looks on": ("figures/style.py", "from __future__ import annotations\n", "A = 1\n"),
}  # fmt: skip
FORMULAS = {
    "a law": ("engine/laws.py", "return -np.expm1(", "return -2.0 * np.expm1("),
    "a rule": ("model/process.py", "rows], rate, dt)]", "rows], 2.0 * rate, dt)]"),
    "the cargo that a block stops": ("model/catalogue.py", 'cargo="mir21"', 'cargo="mir25"'),
    "the purpose of a draw": ("model/processes/priming/exosome_uptake.py", '"leave blood"', '"leave the blood"'),
    "the words of a key": ("engine/chance.py", '"birth key"', '"key of birth"'),
    "a window": ("model/stages.py", "WINDOW = 24.0", "WINDOW = 12.0"),
    "the identity of a dose": ("experiment/interventions.py", 'f"inject_exosomes:{self.source}', 'f"inject:{self.source}'),
}


@pytest.fixture
def copied(tmp_path):
    """A copy of the package, to be changed."""
    return shutil.copytree(identity.PACKAGE, tmp_path / "niche_sim", ignore=shutil.ignore_patterns("__pycache__", "scenarios"))


def changed(package, name, old, new):
    text = (package / name).read_text(encoding="utf-8")
    assert old in text, f"{name} has no {old}"
    (package / name).write_text(text.replace(old, new), encoding="utf-8")


def test_rewording_a_text_keeps_every_mouse(copied):
    assert identity.digest_of(copied) == identity.code_digest()
    for change in TEXTS.values():
        changed(copied, *change)
    assert identity.digest_of(copied) == identity.code_digest()


@pytest.mark.parametrize("change", FORMULAS.values(), ids=FORMULAS)
def test_a_changed_formula_is_another_mouse(copied, change):
    changed(copied, *change)
    assert identity.digest_of(copied) != identity.code_digest()


def test_a_docstring_may_come_and_go():
    bare = "class A:\n    x = 1\n\ndef f(x):\n    return x + 1\n"
    told = '"""What."""\nclass A:\n    """Say."""\n    x = 1\ndef f(x):\n    """Do."""\n    return (x + 1)  # sum\n'
    assert identity.without_texts(told) == identity.without_texts(bare)
    assert identity.without_texts('class A(Exception):\n    """Only this."""\n') == "class A(Exception):\n    pass"
    assert identity.without_texts(bare.replace("+", "-")) != identity.without_texts(bare)


@pytest.mark.parametrize(
    "code", ['x == "two words"', 'x["two words"]', '{"two words": 1}', 'f(purpose="two words")']
)
def test_what_may_decide_is_no_text(code):
    assert identity.without_texts(code) == ast.unparse(ast.parse(code))


def everything():
    """A scenario in which each kind of intervention is done within hours."""
    done = [
        InjectExosomes("pdac", (0.0, 2.0), amount_ug=5.0), InjectTumourCells("pan02", 20_000_000, 1.0),
        GrowPrimary("pan02", 1e8, 60.0, "gompertz", 2e9, 0.0, True), Block("mif", 0.5, 0.0, 4.0),
        Deplete("kupffer_cells", 0.3, 1.0, 5.0), Boost("il6", 3.0, 0.0, 4.0), Treat("anti_pd1", 1.0, (2.0,)),
    ]  # fmt: skip
    experiment = load(EDUCATION)
    return dataclasses.replace(
        experiment, arms={"all": dataclasses.replace(experiment.arms["pbs"], name="all", protocol=Protocol(tuple(done)))}
    )


def test_all_code_that_acts_while_a_mouse_is_stepped_is_in_the_digest():
    model = Simulation(everything(), "all", overrides=SMALL)
    called = set()

    def look(frame, event, _):
        if event == "call":
            called.add(frame.f_code.co_filename)

    sys.setprofile(look)
    try:
        model.run_to_end()
    finally:
        sys.setprofile(None)
    ours = {name for name in called if name.startswith(str(identity.PACKAGE))}
    assert len(ours) > 30
    assert ours <= {str(path) for path in identity.deciding()}


class Reworded(identity._Bare):
    """Code whose texts are other ones, where `without_texts` has none."""

    def visit_Raise(self, node):  # noqa: N802
        return node

    def visit_Call(self, node):  # noqa: N802
        return self.generic_visit(node)

    def visit_Constant(self, node):  # noqa: N802
        return ast.Constant("other words") if super().visit_Constant(node) is not node else node


MOUSE = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
import niche_sim
assert niche_sim.__file__.startswith(sys.argv[1]), niche_sim.__file__
from niche_sim.experiment.simulation import Simulation
model = Simulation(overrides={"section.width": "600 um", "section.height": "600 um", "run.duration": "3 day"}).run_to_end()
frozen = model.state.freeze()
told = [name.encode() + frozen[name].tobytes() for name in sorted(frozen) if not name.startswith("event_")]
print(hashlib.sha256(b"".join(told)).hexdigest(), model.state.counters.exosomes_taken_up)
"""


@pytest.mark.mice
def test_the_texts_that_are_left_out_decide_nothing(copied, tmp_path):
    """The mouse of a package in which each of them reads "other words" is the same, bit for bit."""
    (tmp_path / "scenarios").symlink_to(library())
    for file in identity.deciding(copied):
        if file.relative_to(copied).parts[0] != "engine" and file.name != "row.py":
            tree = Reworded(labels=True).visit(ast.parse(file.read_text(encoding="utf-8")))
            file.write_text(ast.unparse(ast.fix_missing_locations(tree)), encoding="utf-8")
    mice = [
        subprocess.run([sys.executable, "-c", MOUSE, str(where)], capture_output=True, text=True, check=True).stdout
        for where in (identity.PACKAGE.parent, tmp_path)
    ]
    assert float(mice[0].split()[1]) > 0
    assert mice[0] == mice[1]


# --- one name --------------------------------------------------------------------------------------------------------


def test_a_mouse_has_one_name_wherever_it_is_run():
    """In a cohort, in a sweep and by itself, whatever scenario and arm are called and however a number is written."""
    name = niche_sim.run(EDUCATION, "educated", seed=2, overrides={**SMALL, "tgfb.half_life": "300 s"}).run_hash
    experiment = load(EDUCATION)
    again = dataclasses.replace(experiment.arms["educated"], name="again", note="Said otherwise.")
    other = dataclasses.replace(experiment, id="mine", title="Other words", arms={"again": again})
    options = {**SMALL, "tgfb.half_life": "5 min"}
    (of_cohort,) = cohort.plan(other, ["again"], mice=1, seed=2, overrides=options).runs()
    swept = {"tgfb.half_life": {"values": ["5 min"]}}
    (of_sweep,) = sweeps.plan(EDUCATION, arms=["educated"], seeds=[2], overrides=SMALL, vary=swept).runs()
    assert name == of_cohort.name == of_sweep.name


def slow():
    class Rule(Process):
        """A rule that a user wrote."""

        def step(self, state, p, chance, dt):
            return probability(0.1, dt)

    return Rule()


def fast():
    class Rule(Process):
        """A rule that a user wrote."""

        def step(self, state, p, chance, dt):
            return probability(0.2, dt)

    return Rule()


def typed_at_a_prompt(rate):
    known = {"Process": Process}
    exec(f"class Rule(Process):\n    def step(self, state, p, chance, dt):\n        return {rate} * dt", known)
    return known["Rule"]()


def test_a_rule_of_a_user_is_known_by_its_code():
    model = Simulation(overrides=SMALL)
    rules, names = model.schedule, []
    for rule in (slow(), fast(), typed_at_a_prompt(0.1), typed_at_a_prompt(0.2), slow()):
        model.schedule = (*rules, rule)
        names.append(identity.name_of_model(model))
    assert len(set(names)) == 4
    assert names[0] == names[-1]


def test_another_protocol_of_a_model_is_another_run():
    model = Simulation(overrides=SMALL)
    before = identity.name_of_model(model)
    model.protocol = Protocol()
    assert identity.name_of_model(model) != before


def test_the_digest_is_in_the_provenance_and_a_repeated_run_says_that_it_differs(call, tmp_path):
    run = ["run", "--days", "0.25", "--set", "section.width=0.6 mm", "--set", "section.height=0.6 mm", "--no-figures"]
    assert call(*run, "-o", "first").code == 0
    file = tmp_path / "first" / "provenance.json"
    kept = json.loads(file.read_text())
    assert kept["code"] == identity.code_digest() == provenance_of(Simulation(overrides=SMALL))["code"]
    assert call("run", "--like", "first", "-o", "same", "--no-figures").err == []
    file.write_text(json.dumps({**kept, "code": "0123456789abcdef"}))
    told = call("run", "--like", "first", "-o", "second", "--no-figures").err
    assert told == [
        f"niche-sim: first/provenance.json: made with code of the model 0123456789abcdef (now {kept['code']}); results may "
        "differ from that run's"
    ]
