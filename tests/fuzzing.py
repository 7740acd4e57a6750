"""Damaged and nasty input for everything that niche_sim reads: files, options, links, and what runs left.

    python tests/fuzzing.py 100000             # all parsers in turn, a count for each
    python tests/fuzzing.py 100 --only link    # one of them
    python tests/fuzzing.py --only link --number 17   # one input again, with its traceback

Valid input is mutated: bits flipped, words swapped for nasty ones, parts doubled, moved, nested or cut. Each input is the same
in every run. Allowed are success and one `InputError` of a line that can be shown; nothing may take 2 s of the processor, or
200 MB more memory than what was read before.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import re
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from niche_sim.cli import usage
from niche_sim.dashboard.link import Setup
from niche_sim.description.evidence import load_reasons, verdicts_of
from niche_sim.engine.errors import LONGEST_MESSAGE, InputError, unseen
from niche_sim.engine.units import to_model
from niche_sim.experiment import protocol as protocols
from niche_sim.experiment import scenario
from niche_sim.experiment.simulation import Simulation
from niche_sim.model import parameters, stages
from niche_sim.runs import record as records
from niche_sim.runs.record import Runner
from niche_sim.runs.sweeps import read_plan
from niche_sim.teaching import lesson

MOST_SECONDS, MOST_BYTES = 2.0, 200e6
EDUCATION = "liver_education_costasilva2015"
NASTY = [
    "0", "-0", "-1", "1", "1e300", "-1e300", "1e-300", "1e999", "nan", "inf", "-inf", "9" * 30, "9" * 5000, "0x" + "f" * 5000,
    "0,5", "1,000", "1_000", "٣", "58 um^٣/s", "5 um^9", "5 um^-9", "5 furlong", "7 day", "1e300 day", "-7 day", "1e-300 h",
    "1e18", "1000000000000000000", "true", "[]", "{}", '""', "''", '"""', "'''", "#", "\\", "\\u001b", "\x1b[31m", "\x00",
    "\u202e", "\ufeff", "\u2028", "é", "🧬", "a\u0301" * 50, "../../x", "/dev/zero", "a" * 300, "a" * 5000, "é" * 300,
    "1979-05-27", "25:00:00", "[[x]]", "[x]", "x = 1", "=", ",", ".", "a.b", "a" + ".a" * 400, "[" * 400, "{a=" * 100,
    "%s", "{0}", "$HOME", "None", "nul", "value", "educated", "like", "add", "do", "block", "mif", "default", "1e5 vesicle",
]  # fmt: skip
_TOKEN = re.compile(r'"[^"\n]*"|[\w.+-]+|[^\s\w]')


class Parser(NamedTuple):
    """Something that reads. valid: input it takes; read: reads the bytes; share: of all inputs."""

    name: str
    valid: list[bytes]
    read: Callable[[bytes], object]
    share: float


class Fault(NamedTuple):
    """What should not have happened, and with which input."""

    parser: str
    number: int
    what: str


# --- mutations -------------------------------------------------------------------------------------------------------


def mutated(valid: bytes, chance: random.Random, binary: bool) -> bytes:
    """The input with one to four things done to it."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        kind = chance.choice(_OF_BYTES if binary or chance.random() < 0.15 else _OF_TEXT)
        valid = kind(valid, chance)
    return valid


def _flip(data: bytes, chance: random.Random) -> bytes:
    if not data:
        return b"\xff"
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] if chance.random() < 0.5 else data[:at] + data[at + chance.randrange(1, 100) :]


def _blank(data: bytes, chance: random.Random) -> bytes:
    at, length = chance.randrange(len(data) + 1), chance.choice((1, 8, 64, 512))
    return data[:at] + bytes([chance.choice((0, 255, 65))]) * length + data[at + length :]


def _double(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    part = data[start : start + chance.choice((1, 10, 100, 1000))]
    at = chance.randrange(len(data) + 1)
    return data[:at] + part * chance.choice((1, 2, 50)) + data[at:]


def _swap_word(data: bytes, chance: random.Random) -> bytes:
    text = data.decode("utf-8", "replace")
    words = list(_TOKEN.finditer(text))
    if not words:
        return chance.choice(NASTY).encode()
    word, nasty = chance.choice(words), chance.choice(NASTY)
    if chance.random() < 0.3:
        nasty = chance.choice(words)[0]
    elif word[0].startswith('"') and chance.random() < 0.8:
        nasty = f'"{nasty}"'
    return (text[: word.start()] + nasty + text[word.end() :]).encode("utf-8", "replace")


def _swap_number(data: bytes, chance: random.Random) -> bytes:
    text = data.decode("utf-8", "replace")
    numbers = list(re.finditer(r"[0-9]+(?:\.[0-9]+)?", text))
    if not numbers:
        return _swap_word(data, chance)
    number = chance.choice(numbers)
    other = chance.choice(("0", "-1", "1e9", "1e18", "1e300", "1e-300", "0.5", "3", "1e5", "9" * 25, "0,5", "nan"))
    return (text[: number.start()] + other + text[number.end() :]).encode("utf-8", "replace")


def _lines(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    kind = chance.randrange(4)
    if kind == 0:
        del lines[one]
    elif kind == 1:
        lines[one], lines[other] = lines[other], lines[one]
    elif kind == 2:
        lines[one:one] = lines[min(one, other) : max(one, other) + 1] * chance.choice((1, 1, 20))
    else:
        lines.insert(one, chance.choice(NASTY).encode("utf-8", "replace"))
    return b"\n".join(lines)


def _nest(data: bytes, chance: random.Random) -> bytes:
    deep, at = chance.choice((2, 10, 100, 3000)), chance.randrange(len(data) + 1)
    opening, closing = chance.choice(((b"[", b"]"), (b"{a=", b"}"), (b'{"a":', b"}"), (b"a.", b""), (b'"', b'"')))
    end = chance.randrange(at, len(data) + 1)
    return data[:at] + opening * deep + data[at:end] + closing * deep + data[end:]


def _many(data: bytes, chance: random.Random) -> bytes:
    """What makes a reader work: thousands of one thing."""
    number = chance.choice((50, 3000, 20000))
    kind = chance.randrange(4)
    if kind == 0:
        arms = [f'[arms.a{n}]\nlike = "a{n - 1}"\nadd = []\n' if n else "[arms.a0]\nprotocol = []\n" for n in range(number)]
        return data + "".join(arms).encode()
    if kind == 1:
        return b"a" + b".a" * number + b" = 1\n" + data
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice((b" ", b"\n", b"(", b"1,", b"@a{b,\n", b"}\n", b'"', b"\\", b"[[a]]\n")) * number + data[at:]


def _mark(data: bytes, chance: random.Random) -> bytes:
    return chance.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\x00", b"\r\n", b"\xed\xa0\x80")) + data


_OF_BYTES = (_flip, _flip, _cut, _blank, _double)
_OF_TEXT = (_swap_word, _swap_word, _swap_word, _swap_number, _swap_number, _lines, _double, _cut, _flip, _nest, _many, _mark)


# --- what is read ----------------------------------------------------------------------------------------------------


def parsers(scratch: Path) -> list[Parser]:
    """Everything that reads; `scratch` is a folder for files."""
    library = scenario.library()
    texts = [scenario.load(name).text.encode() for name in scenario.ids()[::6]]
    run, checkpoint = scratch / "run", scratch / "checkpoint.npz"
    _leave_a_run(run, checkpoint)

    def as_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
        file = scratch / name

        def written(data: bytes) -> object:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            return read(file)

        return written

    def as_text(read: Callable[[str], object]) -> Callable[[bytes], object]:
        return lambda data: read(data.decode("utf-8", "surrogateescape"))

    def beside(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
        """A file beside a scenario.toml."""
        folder = scratch / f"own_{name.partition('.')[0]}"
        folder.mkdir()
        (folder / "scenario.toml").write_text(scenario.load(EDUCATION).text)
        return as_file(f"{folder.name}/{name}", lambda _: read(folder / "scenario.toml"))

    def damaged(name: str, read: Callable[[Path], object]) -> tuple[list[bytes], Callable[[bytes], object]]:
        """A file of a run, damaged while it is read and whole again afterwards."""
        whole = (run / name).read_bytes()

        def tried(data: bytes) -> object:
            (run / name).write_bytes(data)
            try:
                return read(run)
            finally:
                (run / name).write_bytes(whole)

        return [whole], tried

    own, reasons = library / EDUCATION, next(library.glob("*/reasons.toml"))
    drawn = f'scenario = "{EDUCATION}"\ndesign = "latin"\nsamples = 3\nvary = {{ "tgfb.half_life" = "register" }}\n'
    plans = [PLAN.encode(), drawn.encode()]
    line = b'{ do = "grow_primary", line = "kcko", cells = 1e6, doubling = "4 day", at = "3 day", sheds_cells = true }'
    protocol = b'[{ do = "inject_exosomes", source = "pdac", amount = "5 ug", every = "2 day", from = "0 day", to = "8 day" }, '
    protocol += b'{ do = "block", target = "mif", efficacy = 0.9, from = "0 day", to = "9 day" }, ' + line + b"]"
    amounts = [b"58 um^2/s", b"1e10 vesicle/ug", b"7.8 day", "5 µm²".encode(), b"50 %", b"3 molecule/s/cell", b"0.5", b"-1 1/h"]
    sets = [f"{name}={row.value} {row.unit}".encode() for name, row in list(parameters.rows().items())[::9]]
    links = [b"scenario=liver_day10_kcko&seed=3&set=tgfb.half_life%3D5+min", b"protocol=" + protocol.replace(b" ", b"+")]
    found = [
        Parser("quantity", amounts, as_text(to_model), 20),
        Parser("setting", sets, as_text(lambda text: parameters.resolve(usage.settings([text]))), 10),
        Parser("days", [b"14", b"2.5"], as_text(usage.number_of_days), 3),
        Parser("time", [b"14", b"2 week", b"36 h"], as_text(lambda text: usage.time_of(text, "--at")), 3),
        Parser("whole number", [b"14", b"+7"], as_text(lambda text: usage.whole_number(text, "--seed")), 2),
        Parser("number", [b"0.8", b"1e-3"], as_text(lambda text: usage.number_between(text, "--power", 0.0, 1.0)), 2),
        Parser("entry", [line], as_text(lambda text: protocols.read_entry(text, "--add")), 10),
        Parser("protocol", [protocol], as_text(lambda text: protocols.read_protocol(text, "--protocol")), 10),
        Parser("protocol file", [b"protocol = " + protocol],
               as_file("p.toml", lambda file: protocols.load_protocol(file, "--protocol")), 3),
        Parser("scenario text", texts, as_text(lambda text: scenario.parse(text, "x.toml")), 10),
        Parser("scenario file", texts, as_file("own/scenario.toml", scenario.load), 6),
        Parser("targets", [(own / "targets.toml").read_bytes()], beside("targets.toml", scenario.load), 5),
        Parser("sources", [(library / "sources.bib").read_bytes()],
               as_file("own/sources.bib", scenario.bibliography), 5),
        Parser("thresholds", [(own / "thresholds.toml").read_bytes()],
               beside("thresholds.toml", lambda file: stages.load_thresholds(file.parent)), 8),
        Parser("reasons", [reasons.read_bytes()], as_file("own/reasons.toml", lambda file: load_reasons(
               dataclasses.replace(scenario.load(reasons.parent.name), path=file))), 2),
        Parser("lesson", [file.read_bytes() for file in sorted(lesson.FOLDER.glob("*.toml"))[:3]],
               as_text(lambda text: lesson.parse(text, "x.toml")), 2),
        Parser("plan", plans, as_file("plan.toml", read_plan), 1),
        Parser("link", links, as_text(Setup.from_query), 1),
        Parser("provenance", *damaged("provenance.json", _repeat), 2),
        Parser("summary", *damaged("summary.json", records.load_record), 2),
        Parser("record", *damaged("record.parquet", records.load_record), 3),
        Parser("events", *damaged("events.parquet", records.load_record), 3),
        Parser("snapshots", *damaged("snapshots.npz", records.load_record), 3),
        Parser("verdicts", *damaged("verdicts.parquet", verdicts_of), 3),
        Parser("checkpoint", [checkpoint.read_bytes()], as_file("damaged.npz", Runner.resume), 0.5),
    ]  # fmt: skip
    return found


PLAN = """
scenario = "liver_education_costasilva2015"
arms = ["pbs", "educated", "anti_mif"]
seeds = 2
at = ["12 h"]
readouts = ["exosomes_taken_up", "tgfb_mean", "onset_priming"]
series = true
[overrides]
"section.width" = "0.6 mm"
"section.height" = "0.6 mm"
"run.duration" = "1 day"
[vary]
"tgfb.half_life" = { values = ["3 min", "30 min"] }
[vary_protocol.anti_mif]
from = { values = ["0 day", "6 h"] }
"""
BINARY = (".parquet", ".npz")
TINY = {"section.width": "0.6 mm", "section.height": "0.6 mm", "run.duration": "1 day"}


def _leave_a_run(run: Path, checkpoint: Path) -> None:
    """A folder of a run, and a checkpoint of the same."""
    from niche_sim.runs.cohort import write_table

    runner = Runner(Simulation(EDUCATION, "educated", overrides=TINY, rng=1))
    runner.advance(3)
    runner.save(checkpoint)
    runner.advance(10**6)
    runner.record().save(run)
    row = {"scenario": EDUCATION, "target": "a", "direction": "met", "effect": 0.03}
    write_table([row, {**row, "target": "b", "direction": "not met"}], run / "verdicts.parquet")


def _repeat(run: Path) -> object:
    """What `run --like` does before it runs."""
    return records.model_like(records.read_json(run, "provenance.json"), "provenance.json")


# --- going through them ----------------------------------------------------------------------------------------------


def inputs(parser: Parser, number: int) -> bytes:
    """The input of this number, the same in every run; the first ones are valid."""
    if number < len(parser.valid):
        return parser.valid[number]
    chance = random.Random(f"{parser.name} {number}")
    binary = parser.valid[0][:4] in (b"PAR1", b"PK\x03\x04")
    return mutated(chance.choice(parser.valid), chance, binary)


def tried(parser: Parser, number: int) -> Iterator[Fault]:
    """Faults of one input."""
    data = inputs(parser, number)
    memory, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        parser.read(data)
    except InputError as error:
        text = str(error)
        if number < len(parser.valid):
            yield Fault(parser.name, number, f"valid input refused: {text}")
        if len(text) > LONGEST_MESSAGE or "\n" in text or unseen(text) or not text.isprintable():
            yield Fault(parser.name, number, f"message: {text!r}")
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        yield Fault(parser.name, number, f"{type(error).__name__}: {str(error)[:100]} ({Path(last.filename).name}:{last.lineno})")
    if (spent := time.process_time() - began) > MOST_SECONDS:
        yield Fault(parser.name, number, f"{spent:.1f} s")
    if (more := 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory)) > MOST_BYTES:
        yield Fault(parser.name, number, f"{more / 1e6:.0f} MB")


def go(total: int, only: str | None = None, tell: Callable[[str], None] = lambda _: None) -> tuple[list[Fault], Counter[str]]:
    """Try that many inputs, over all parsers by their shares; what went wrong, and how many each had."""
    faults, counts = [], Counter[str]()
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("error")
        chosen = [parser for parser in parsers(Path(scratch)) if only in (None, parser.name)]
        shares = sum(parser.share for parser in chosen)
        for parser in chosen:
            began = time.perf_counter()
            for number in range(max(len(parser.valid), round(total * parser.share / shares))):
                faults += tried(parser, number)
                counts[parser.name] += 1
            own = [fault for fault in faults if fault.parser == parser.name]
            tell(f"{parser.name}: {counts[parser.name]:,} inputs, {len(own)} faults, {time.perf_counter() - began:.0f} s")
            for fault in own[:20]:
                tell(f"    {fault.number}: {fault.what}")
    return faults, counts


def main() -> int:
    """The command."""
    read = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    read.add_argument("total", type=int, nargs="?", default=2000)
    read.add_argument("--only")
    read.add_argument("--number", type=int)
    options = read.parse_args()
    if options.number is not None:
        with tempfile.TemporaryDirectory() as scratch:
            parser = next(one for one in parsers(Path(scratch)) if one.name == options.only)
            print(inputs(parser, options.number)[:2000])
            print(parser.read(inputs(parser, options.number)))
        return 0
    faults, counts = go(options.total, options.only, lambda line: print(line, flush=True))
    print(f"{counts.total():,} inputs, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
