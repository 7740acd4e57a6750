"""The chapters of the register: every group has one place, and only what a run can read matters to it."""

from niche_sim.model.catalogue import EXOSOME_SOURCES, ORGANS, TUMOUR_LINES
from niche_sim.model.parameters import rows
from niche_sim.model.parameters.groups import CHAPTERS, groups_that_matter
from niche_sim.model.stages import STAGES

GROUPS = [group for chapter in CHAPTERS for group in chapter.groups]


def test_every_group_of_the_register_has_one_place():
    assert sorted(GROUPS) == sorted({name.partition(".")[0] for name in rows()})


def test_every_stage_has_a_chapter_in_the_order_of_the_stages():
    keys = [chapter.key for chapter in CHAPTERS]
    stages = [stage.name for stage in STAGES]
    assert [key for key in keys if key in stages] == stages
    assert len(keys) == len(set(keys))
    hypotheses = [chapter.key for chapter in CHAPTERS if "hypothesis" in chapter.title]
    assert hypotheses == [stage.name for stage in STAGES if stage.hypothesis]


def test_only_the_organ_sources_and_lines_of_a_run_matter():
    matter = groups_that_matter("lung", {"pdac"}, {"llc", "pan02"})
    assert matter & set(ORGANS) == {"lung"}
    assert matter & set(EXOSOME_SOURCES) == {"pdac"}
    assert matter & set(TUMOUR_LINES) == {"llc", "pan02"}
    assert set(GROUPS) - matter == {*ORGANS, *EXOSOME_SOURCES, *TUMOUR_LINES} - {"lung", "pdac", "llc", "pan02"}
