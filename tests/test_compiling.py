"""Machine code is kept where it can be, and damaged files of it count as none."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numba
import numpy as np
import pytest
from numba.core.caching import CacheImpl

import niche_sim
from niche_sim.engine import compiling
from niche_sim.engine.compiling import compiled

SOURCE = "def add(a, b):\n    return a + b\n\n\ndef twice(a, b):\n    return 2 * (a + b)\n"


@pytest.fixture
def loops(tmp_path):
    """A module with two functions in a folder of its own, beside which Numba keeps their code."""
    file = tmp_path / "loops.py"
    file.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("loops", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def hits(function, *arguments, result):
    """How many times a fresh decoration found the code of a function, which has to give this result."""
    made = compiled()(function)
    assert made(*arguments) == result
    return sum(made.stats.cache_hits.values())


def flipped(content, place):
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


DAMAGES = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "garbage": lambda content: bytes(range(256)) * 40,
    "text": lambda content: b"nothing of the kind",
    "another version": lambda content: content.replace(numba.__version__.encode(), b"0" * len(numba.__version__)),
    **{f"flipped at {share}": lambda content, share=share: flipped(content, int(share * len(content)))
       for share in np.linspace(0.0, 0.999, 12).round(3)},
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_of_code_is_a_missing_one(loops, damage):
    assert hits(loops.add, 2, 3, result=5) == 0
    assert hits(loops.add, 2, 3, result=5) == 1
    for ending in ("nbi", "nbc"):
        for file in Path(loops.__file__).parent.glob(f"__pycache__/loops.add-*.{ending}"):
            file.write_bytes(damage(file.read_bytes()))
        hits(loops.add, 2, 3, result=5)
        assert hits(loops.add, 2, 3, result=5) == 1


def test_the_code_of_another_function_is_not_taken(loops):
    for function, result in ((loops.add, 5), (loops.twice, 10)):
        assert hits(function, 2, 3, result=result) == 0
    folder = Path(loops.__file__).parent / "__pycache__"
    ((one,), (other,)) = (folder.glob(f"loops.{name}-*.nbc") for name in ("add", "twice"))
    shutil.copy(other, one)
    assert hits(loops.add, 2, 3, result=5) == 0
    assert hits(loops.add, 2, 3, result=5) == 1


def test_a_folder_that_is_gone_or_full_stops_nothing(loops, monkeypatch):
    made = compiled()(loops.add)
    shutil.rmtree(made.stats.cache_path)
    assert made(2, 3) == 5


@pytest.fixture
def no_home(monkeypatch, tmp_path):
    """Neither the folder of the source nor the home can be written; temporary files go to a folder of the test."""
    named = [one for one in CacheImpl._locator_classes if one.__name__.endswith("UserProvidedCacheLocator")]
    assert len(named) == 1
    monkeypatch.setattr(CacheImpl, "_locator_classes", named)
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    compiling._temporary_folder.cache_clear()
    yield temporary
    compiling._temporary_folder.cache_clear()


def test_without_a_home_code_is_kept_among_the_temporary_files(loops, no_home):
    with pytest.warns(UserWarning, match=f"compiled code is kept in {no_home}"):
        assert hits(loops.add, 2, 3, result=5) == 0
    assert hits(loops.add, 2, 3, result=5) == 1  # and it is not said again, which would be an error here
    assert numba.config.CACHE_DIR == ""
    (folder,) = no_home.iterdir()
    assert folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("spoil", ["open", "link", "file", "gone"])
def test_a_temporary_folder_that_is_not_ones_own_is_not_used(loops, no_home, spoil):
    with pytest.warns(UserWarning, match="is kept in"):
        hits(loops.add, 2, 3, result=5)
    compiling._temporary_folder.cache_clear()
    (folder,) = no_home.iterdir()
    shutil.move(folder, no_home / "elsewhere")
    if spoil == "open":
        folder.mkdir()
        folder.chmod(0o777)
    elif spoil == "link":
        folder.symlink_to(no_home / "elsewhere")
    elif spoil == "file":
        folder.write_text("")
    else:
        shutil.rmtree(no_home)
    with pytest.warns(UserWarning, match="kept nowhere, so every start compiles"):
        assert hits(loops.add, 2, 3, result=5) == 0
    assert hits(loops.add, 2, 3, result=5) == 0


def test_a_run_in_a_container_that_can_write_only_its_result():
    """An installation, a home and a working folder that are read-only."""
    powers = []
    if os.name != "posix":
        pytest.skip("permissions are of another kind here")
    if os.getuid() == 0:  # root asks no permission unless it gives that power away
        if not shutil.which("setpriv"):
            pytest.skip("root, and no setpriv to give the power to write everywhere away")
        powers = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    with tempfile.TemporaryDirectory() as top:
        places = {name: Path(top, name) for name in ("site", "home", "temporary", "results")}
        package = Path(niche_sim.__file__).parent
        for place in places.values():
            place.mkdir()
        left_out = shutil.ignore_patterns("__pycache__", "scenarios")
        shutil.copytree(package, places["site"] / "niche_sim", ignore=left_out)
        shutil.copytree(package.parent / "scenarios", places["site"] / "niche_sim" / "scenarios")
        shut = [path for name in ("site", "home") for path in (places[name], *places[name].rglob("*")) if path.is_dir()]
        for path in shut:
            path.chmod(0o555)
        environment = {"PATH": os.environ["PATH"], "HOME": str(places["home"]), "TMPDIR": str(places["temporary"])}
        command = [*powers, sys.executable, "-m", "niche_sim", "run", "--days", "0.25", "--set", "section.width=600 um",
                   "--set", "section.height=600 um", "--no-figures"]  # fmt: skip
        try:
            said = []
            for number in (1, 2):
                run = subprocess.run(
                    [*command, "-o", str(places["results"] / str(number))],
                    cwd=places["home"], env=environment | {"PYTHONPATH": str(places["site"])},
                    capture_output=True, text=True, timeout=300,
                )  # fmt: skip
                assert run.returncode == 0, run.stderr
                assert (places["results"] / str(number) / "record.parquet").exists()
                said.append(run.stderr.splitlines())
            refused = subprocess.run(
                command, cwd=places["home"], env=environment | {"PYTHONPATH": str(places["site"])},
                capture_output=True, text=True, timeout=300,
            )  # fmt: skip
        finally:
            for path in shut:
                path.chmod(0o755)
    kept = [line for line in said[1] if line.startswith("niche-sim: neither niche_sim's folder nor the home folder")]
    assert len(kept) == 1
    assert any("compiled code is being prepared" in line for line in said[0])
    assert not any("compiled code is being prepared" in line for line in said[1])
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1].startswith("niche-sim: -o runs: permission denied")
