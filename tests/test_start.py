"""What is not loaded until it is needed, so that reading an experiment, asking for help and refusing a mistake are quick."""

import subprocess
import sys

import pytest

SLOW = {"mesa", "pandas", "numba", "matplotlib", "pyarrow", "solara", "PIL"}
OF_COMMANDS = "from niche_sim.cli import main; main({!r})"
SMALL = "overrides={'section.width': '600 um', 'section.height': '700 um', 'run.duration': '2 h'}"


def loaded(code):
    """Names of the packages, and of the parts of SciPy, that a new process has loaded when the code has run."""
    told = f"{code}\nimport sys; print('LOADED', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    modules = done.stdout.split("LOADED")[-1].split()
    return {name.partition(".")[0] for name in modules} | {name for name in modules if name.startswith("scipy.")}


@pytest.mark.parametrize(
    ("code", "besides"),
    [
        ("import niche_sim", {"numpy"}),
        ("import niche_sim.experiment.simulation", {"scipy.fft", "scipy.optimize", "scipy.sparse"}),
        ("import niche_sim; niche_sim.load_scenario('liver_education_costasilva2015')", {"scipy.fft"}),
        (OF_COMMANDS.format(["--help"]), {"numpy", "scipy"}),
        (OF_COMMANDS.format(["run", "--seed", "one"]), {"numpy", "scipy"}),
        (OF_COMMANDS.format(["run", "nowhere"]), {"scipy.fft"}),
        (OF_COMMANDS.format(["run", "--set", "tgfb.half_life=5 um"]), {"scipy.fft"}),
        (OF_COMMANDS.format(["sweep", "nowhere.toml"]), {"scipy.fft"}),
        (OF_COMMANDS.format(["compare", "nowhere"]), {"scipy.stats"}),
        (OF_COMMANDS.format(["lessons", "nowhere"]), {"scipy.stats"}),
    ],
)
def test_reading_helping_and_refusing_load_nothing_slow(code, besides):
    assert loaded(code) & (SLOW | besides) == set()


def test_a_run_loads_no_mesa_and_nothing_that_draws():
    done = loaded(f"from niche_sim.runs.record import run; run({SMALL})")
    assert "numba" in done  # or the names above are not those of packages
    assert done & (SLOW - {"numba"}) == set()


def test_a_whole_command_loads_no_mesa_pandas_or_units(tmp_path):
    small = ["run", "--days", "1", "--set", "section.width=600 um", "--set", "section.height=700 um"]
    done = loaded(OF_COMMANDS.format([*small, "-o", str(tmp_path / "out")]))
    assert {"numba", "matplotlib", "pyarrow"} <= done
    assert done & {"mesa", "pandas", "pint", "solara"} == set()
