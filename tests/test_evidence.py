"""`niche-sim evidence`: the report of all targets, with reasons, rules and another study beside."""

import dataclasses
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from niche_sim.description import evidence
from niche_sim.engine.errors import InputError
from niche_sim.experiment import scenario
from niche_sim.experiment.targets import Band
from niche_sim.figures import effect_sizes
from niche_sim.inference.comparisons import Comparison
from niche_sim.inference.effects import Effect
from niche_sim.inference.ensemble import claims
from niche_sim.inference.verdicts import BY_CONSTRUCTION, MET, NOT_ASKED, NOT_MET, UNDECIDED, Judged, verdict_table
from niche_sim.runs import cohort

GROWING = "liver_growing_primary"
SET = [
    part for text in ("section.width=600 um", "section.height=700 um", "run.duration=2 day") for part in ("--set", text)
]
QUICK = ["evidence", "--scenarios", GROWING, "--mice", "2", "--workers", "1", *SET]


def study(verdicts=(MET, NOT_MET, UNDECIDED, NOT_MET), **changes):
    """The growing primary with made-up verdicts of its four targets."""
    experiment = scenario.load(GROWING)
    found = Comparison("ratio", Effect(2.0, 1.5, 2.5, 30, 0.95), Effect(2.0, 1.6, 2.4, 30, 0.9))
    targets = [dataclasses.replace(t, headline=False) for t in experiment.targets]
    judged = [Judged(t, found, verdict, NOT_ASKED, "so", 2) for t, verdict in zip(targets, verdicts, strict=True)]
    given = {"experiment": experiment, "judged": judged, "reasons": {"day10_ccl2_up": "CCL2 <is> late | here."},
             "sources": scenario.sources(), "mice": 30, "figure": b"\x89PNG"}  # fmt: skip
    return evidence.Study(**{**given, **changes})


class Cells(HTMLParser):
    """Texts of the cells of all tables, row by row; and that every tag is closed."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open, self.text = [], [], text
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "img"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def test_status_counts_every_verdict_once():
    report = evidence.Report([study()])
    assert evidence.status_rows(report) == [[GROWING, "3", "1", "0", "1", "0", "0 of 0", "day10_myeloid_cells_up: met"]]
    assert evidence.summary(report) == (
        "1 independent comparison that nothing was fitted to: direction 0 met, 1 not met, 0 undecided. Of 0 with a size: "
        "0 met, 0 not met, 0 undecided. Left out: 0 targets that are so by construction, 0 that are the effect of one rule. "
        "3 targets were fitted to: 1 met, 1 not met, 1 undecided."
    )


def test_the_story_tells_directions_sizes_and_what_was_left_out():
    """Of four validate targets: size met, size not met, by construction, and the effect of one rule."""
    made = study(verdicts=(MET, MET, BY_CONSTRUCTION, MET))
    size = Band(1.5, 3.0, "weak", "Burga2015", "abstract")
    judged = [
        one._replace(target=dataclasses.replace(one.target, use="validate", size=size, n=7), size=verdict, path=path)
        for one, verdict, path in zip(made.judged, (MET, NOT_MET, NOT_ASKED, MET), (2, 3, 2, 1), strict=True)
    ]
    report = evidence.Report([study(judged=judged)], unaskable=[{"id": "x", "claim": "It glows", "source": "Burga2015",
                                                                 "where": "p. 1", "why": "No light."}])  # fmt: skip
    assert evidence.summary(report).startswith(
        "2 independent comparisons that nothing was fitted to: direction 2 met, 0 not met, 0 undecided. Of 2 with a size: "
        "1 met, 1 not met, 0 undecided. Left out: 1 targets that are so by construction, 1 that are the effect of one rule."
    )
    both, size_only, *others = (lines for _, lines in evidence.story(report))
    assert (len(both), len(size_only), others) == (1, 1, [[], [], [], []])
    contrary = [judged[0]._replace(direction=NOT_MET), judged[1]]
    assert [len(lines) for _, lines in evidence.story(evidence.Report([study(judged=contrary)]))] == [0, 1, 0, 0, 1, 0]
    assert both[0].endswith("Model: × 2 (1.5 to 2.5), n = 30; published × 1.5 to 3 (weak, n = 7 a group).")
    for text in (evidence.markdown(report), evidence.page(report)):
        assert "It glows" in text
        assert both[0] in text
    rows = evidence.verdict_rows(report)
    assert [row["direction"] for row in rows] == [MET, MET, BY_CONSTRUCTION, MET, "cannot be asked"]
    assert [row["counts"] for row in rows] == [True, True, False, False, False]
    columns = (
        "scenario target comparison use by_construction direction size published_low published_high effect low high n"
    )
    assert all(set(columns.split()) <= row.keys() for row in rows)


def ratio(estimate):
    return Comparison(
        "ratio", Effect(estimate, 0.9 * estimate, 1.1 * estimate, 30, 0.95), Effect(estimate, 0, 9, 30, 0.9)
    )


def sized(name, estimate, low, high, verdict, comparison=None):
    """A validate target with a band and what a model gives for it."""
    first = study().judged[0]
    size = Band(low, high, "weak", "Burga2015", "abstract")
    target = dataclasses.replace(first.target, id=name, use="validate", size=size, comparison=comparison, expect="more")
    return Judged(target, ratio(estimate), MET, verdict, path=2)


def test_the_figure_shows_each_comparison_once_by_the_target_that_decides_and_the_farthest_off_first():
    judged = [
        sized("within", 2.0, 1.2, 5.0, MET),
        sized("too_low", 0.1, 1.0, 2.0, NOT_MET),  # ten times too low
        sized("too_high", 6.0, 1.0, 2.0, NOT_MET),  # three times too high
        sized("fine", 1.5, 1.0, 2.0, MET, "shared"),
        sized("bad", 40.0, 1.0, 2.0, NOT_MET, "shared"),
    ]
    judged.append(judged[0]._replace(target=dataclasses.replace(judged[0].target, id="fitted", use="fit")))
    rows = effect_sizes.rows_of([("s", one) for one in judged])
    assert [one.target.id for _, one in rows] == ["bad", "too_low", "too_high", "within"]
    assert {scenario for scenario, _ in rows} == {"s"}
    assert effect_sizes.sizes_png([("s", one) for one in judged]).startswith(b"\x89PNG")
    assert effect_sizes.sizes_png([("s", judged[-1])]) == b""


def test_the_columns_of_verdicts():
    one = sized("within", 2.0, 1.2, 5.0, MET, "shared")
    target = dataclasses.replace(one.target, at=48.0, window=24.0, n=7, above=None)
    (row,) = verdict_table("mine", [one._replace(target=target, why="so")])
    expected = {
        "scenario": "mine", "target": "within", "comparison": "shared", "use": "validate", "by_construction": False,
        "direction": MET, "size": MET, "published_low": 1.2, "published_high": 5.0, "kind": "ratio", "effect": 2.0, "low": 1.8,
        "high": 2.2, "n": 30, "why": "so", "path": 2, "counts": True, "strength": "weak", "published_n": 7, "at_h": 48.0,
        "window_h": 24.0, "expect": "more", "arm": target.arm, "against": target.against, "readout": target.readout,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == {**expected, "low": pytest.approx(1.8), "high": pytest.approx(2.2)}


def test_both_reports_say_the_same_and_hide_nothing():
    report = evidence.Report([study()])
    cells = Cells(evidence.page(report)).rows
    targets = {row[0]: row for row in cells if row[0] in {t.id for t in study().experiment.targets}}
    assert len(targets) == 4
    up = targets["day10_ccl2_up"]
    assert up[1] == "ccl2 on day 10: primary more than no primary"
    assert "KCKO" in up[3] and "class D (direction known); to fit" in up[3]
    assert up[4] == "× 2 (1.5 to 2.5), n = 30"
    assert up[5] == "2"
    assert up[6] == "not met: so. CCL2 <is> late | here."
    assert targets["primary_raises_fibronectin"][6] == "not met: so. no reason written yet"
    assert targets["day10_myeloid_cells_up"][6] == "met"
    assert targets["day10_no_metastasis"][6] == "undecided: so"
    markdown = evidence.markdown(report)
    for row in targets.values():
        assert "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" in markdown
    assert "- *same*: met if the 90 % interval lies within" in markdown
    assert "<li><em>same</em>: met if the 90 % interval" in evidence.page(report)


def test_the_page_needs_nothing_else():
    page = evidence.page(evidence.Report([study()]))
    assert 'src="data:image/png;base64,' in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "prefers-color-scheme: dark" in page
    assert "overflow-x: auto" in page


def test_a_headline_may_be_marked():
    made = study()
    marked = made.judged[2]._replace(target=dataclasses.replace(made.judged[2].target, headline=True))
    judged = [*made.judged[:2], marked, made.judged[3]]
    assert study(judged=judged).headline is marked


def test_another_study_beside():
    ids = [t.id for t in study().experiment.targets]
    other = dict(zip([(GROWING, name) for name in ids], [MET, MET, UNDECIDED, UNDECIDED], strict=True))
    report = evidence.Report([study()], other=other, label="without stage 3")
    assert evidence.differing(report) == [(GROWING, ids[1], NOT_MET, MET), (GROWING, ids[3], NOT_MET, UNDECIDED)]
    for row in Cells(evidence.page(report)).rows:
        if row[0] in ids:
            assert row[7] == other[GROWING, row[0]]
    assert f"| {GROWING} | {ids[1]} | not met | met |" in evidence.markdown(report)
    same = evidence.Report([study()], other={}, label="x")
    assert "No verdict differs." in evidence.markdown(same)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"above": 0.0}, "fraction of mice with ccl2 above 0 on day 10: primary more than no primary"),
        ({"arm": "anti_mif"}, "ccl2 on day 10: anti-MIF more than no primary"),
        ({"window": 48.0}, "ccl2 on day 10 (mean of 2 days): primary more than no primary"),
        ({"against_readout": "bmdc", "against": None}, "ccl2 on day 10: primary more than bmdc in primary"),
        ({"expect": None, "value": 3.0, "within": 3.0}, "ccl2 on day 10 in primary, as a ratio to no primary: 3 (1 to 9)"),
        ({"readout": "onset_recruitment", "against_readout": "onset_arrival", "against": None, "expect": "less"},
         "onset of recruitment in primary before onset of arrival in primary"),
        ({"readout": "onset_arrival", "expect": "more"}, "onset of arrival in primary after no primary"),
    ],
)  # fmt: skip
def test_targets_in_words(changes, words):
    assert evidence.published(dataclasses.replace(study().experiment.targets[1], **changes)) == words


def test_reasons_belong_to_targets(tmp_path):
    experiment = scenario.load(GROWING)
    file = tmp_path / "reasons.toml"

    def read(text):
        file.write_text(text)
        return evidence.load_reasons(SimpleNamespace(path=tmp_path / "scenario.toml", targets=experiment.targets))

    assert read('[day10_ccl2_up]\nreason = """Late,\n  and little."""\n') == {"day10_ccl2_up": "Late, and little."}
    for text, where, allowed in (
        ('[day10_ccl2]\nreason = "x"', ": day10_ccl2", "did you mean day10_ccl2_up"),
        ("[day10_ccl2_up]\n", ": day10_ccl2_up.reason", "needed are reason"),
        ('[day10_ccl2_up]\nreason = ""', ": day10_ccl2_up.reason", "not empty"),
        ('day10_ccl2_up = "x"', ": day10_ccl2_up", "with reason"),
        ("[day10", ": line 1", "valid TOML"),
    ):
        with pytest.raises(InputError) as caught:
            read(text)
        assert caught.value.where == f"{file}{where}"
        assert allowed in caught.value.allowed
        assert "\n" not in str(caught.value)
    file.unlink()
    assert evidence.load_reasons(SimpleNamespace(path=tmp_path / "scenario.toml", targets=())) == {}


@pytest.mark.mice
def test_evidence_from_mice_to_report(call, tmp_path):
    done = call(*QUICK)
    folder = tmp_path / "runs" / "evidence"
    assert (done.code, done.err) == (0, [])
    assert GROWING in done.out
    assert {path.name for path in folder.iterdir()} == {
        "mice",
        "figures",
        "report.html",
        "report.md",
        "verdicts.parquet",
    }
    assert [path.name for path in (folder / "figures").iterdir()] == [f"{GROWING}.png"]
    rows = cohort.read_table(folder / "verdicts.parquet")
    assert [row["direction"] for row in rows] == [UNDECIDED] * 4
    assert {row["why"] for row in rows} == {"the runs end on day 2"}
    assert len(list((folder / "mice" / "runs").glob("*.parquet"))) == 2 * len(["no_primary", "primary"])

    done = call(*QUICK, "-o", "again", "--against", folder, "--label", "before")
    assert done.code == 0
    assert "No verdict differs." in (tmp_path / "again" / "report.md").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--scenarios", "nope"], "--scenarios: 'nope'"),
        (["--against", "nope"], "nope/verdicts.parquet: not there"),
        (["--label", "x"], "--label: without --against"),
        (["--mice", "1"], "--mice: '1'"),
    ],
)
def test_bad_input_is_one_line(call, tmp_path, options, said):
    done = call("evidence", *options)
    assert done.code == 2
    assert len(done.err) == 1
    assert done.err[0].startswith(f"niche-sim: {said}")
    assert not list(tmp_path.iterdir())


def test_a_study_beside_the_scenarios_is_in_both_reports(tmp_path):
    extra = evidence.Extra(
        "beside", "A study beside", ("Said <once>.",), ("rule", "says"), (("one", "met"),), b"\x89PNG"
    )
    report = evidence.Report([study()], extras=[extra])
    text, page = evidence.markdown(report), evidence.page(report)
    for part in ("## A study beside", "Said <once>.", "![A study beside](figures/beside.png)", "| one | met |"):
        assert part in text
    for part in ('id="beside"', "Said &lt;once&gt;.", "data:image/png;base64,iVBORw", "<td>one</td>"):
        assert part in page
    assert text.index("A study beside") < text.index(report.studies[0].experiment.title)
    evidence.write(report, tmp_path)
    assert (tmp_path / "figures" / "beside.png").read_bytes() == b"\x89PNG"


def test_the_whole_report_holds_the_matrix_and_the_parts(monkeypatch, tmp_path):
    """The wiring only: what is in them is tested with the mechanisms."""
    from niche_sim.cli import comparing
    from niche_sim.inference import mechanisms

    assert comparing._mechanisms([], [], tmp_path) == []
    effect = Effect(0.9, 0.8, 1.0, 4, 0.95)
    cells = [
        mechanisms.Cell(name, block[0], effect, "prevented")
        for name in mechanisms.SCHEDULES
        for block in mechanisms.BLOCKS
    ]
    monkeypatch.setattr(mechanisms, "load_matrix", lambda plans, folder: [])
    monkeypatch.setattr(mechanisms, "matrix", lambda cohorts: mechanisms.Matrix(tuple(cells), 4))
    knockouts, parts = comparing._mechanisms([], ["any"], tmp_path)
    assert knockouts.title == "Serial against parallel"
    assert [row[0] for row in knockouts.rows] == list(mechanisms.SCHEDULES)
    assert {len(row) for row in knockouts.rows} == {len(knockouts.columns)}
    assert knockouts.figure.startswith(b"\x89PNG") and parts.figure.startswith(b"\x89PNG")


def claim(verdict, share=0.5, hangs_on=()):
    return claims.Claim(share, share - 0.1, share + 0.1, verdict, hangs_on, dict.fromkeys(range(12), 1.0))


def test_a_report_over_an_ensemble_says_the_shares_and_what_they_hang_on():
    judged = [sized("one", 2.0, 1.2, 5.0, MET), sized("two", 2.0, 1.2, 5.0, MET), sized("three", 2.0, 1.2, 5.0, MET)]
    told = {(GROWING, "one"): claim("robust", 1.0), (GROWING, "two"): claim("contingent", 0.5, ("tgfb.half_life",))}
    report = evidence.Report([study(judged=judged)], claims=told)
    over = evidence.over_members(report)
    assert over[0] == (
        "Of 3 independent comparisons, in 12 plausible parameter sets, two mice an arm of each: 1 robust, 1 contingent, 0 refuted, "
        "1 not told."
    )
    assert evidence.over_members(evidence.Report([study()])) == []
    for text in (evidence.markdown(report), evidence.page(report)):
        assert over[0] in text
        assert "contingent: in 50 % (40 to 60); hangs on tgfb.half_life" in text
    rows = {row["target"]: row for row in evidence.verdict_rows(report)}
    assert (rows["one"]["share_met"], rows["one"]["verdict"], rows["one"]["hangs_on"]) == (1.0, "robust", "")
    assert (rows["two"]["share_low"], rows["two"]["share_high"]) == (pytest.approx(0.4), pytest.approx(0.6))
    assert rows["two"]["hangs_on"] == "tgfb.half_life"
    assert rows["three"]["share_met"] is None and rows["three"]["verdict"] is None
    assert Cells(evidence.page(report)).rows  # well formed
