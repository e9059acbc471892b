"""The form of exercises: a tidy one, and all that can be wrong with it."""

from __future__ import annotations

import shutil
import tomllib
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from dlcourse.audit.form import Form, examine_all
from dlcourse.audit.form.anchors import sections, slug_of
from dlcourse.course import load_course

ROOT = Path(__file__).parents[2]
TIDY = Path(__file__).parent / "cases" / "tidy"
STUB = "exercises/day01_sums/row_sum.py"
SOLUTION = "solutions/day01_sums/row_sum.py"
DAY = "exercises/day01_sums/day.toml"
CASES = tomllib.loads((Path(__file__).parent / "form_defects.toml").read_text("utf-8"))["case"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A course with one exercise that has no defect."""
    return shutil.copytree(TIDY, tmp_path / "course")


def form(folder: Path) -> Form:
    """Examine the whole course in `folder`."""
    return examine_all(load_course(folder).exercises)


def edit(path: Path, old: str, new: str) -> None:
    """Replace `old`, which stands in the file once, by `new`."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def spoil(folder: Path, case: dict[str, Any]) -> None:
    """Do to the course what `case` says; `both` are stub, solution and variant."""
    match case:
        case {"file": "both", "old": old, "new": new}:
            edit(folder / STUB, old, new)
            edit(folder / SOLUTION, old, new)
        case {"file": file, "old": old, "new": new}:
            edit(folder / file, old, new)
        case {"file": file, "write": text}:
            (folder / file).write_text(text, encoding="utf-8")
        case {"file": file, "remove": True}:
            (folder / file).unlink()


def test_a_tidy_exercise_has_no_defect(folder: Path) -> None:
    """Where all is right nothing is reported, and theory that is not written yet is counted."""
    found = form(folder)
    assert found.defects == ()
    assert found.pending == ("day02_later/day02_001_pages#not-written-yet",)


@pytest.mark.parametrize("case", CASES, ids=itemgetter("name"))
def test_each_defect_is_one_line(folder: Path, case: dict[str, Any]) -> None:
    """What is wrong is told in one line each, with its place and what to do."""
    spoil(folder, case)
    assert [str(defect) for defect in form(folder).defects] == case["lines"]


def test_an_exercise_that_is_not_core_may_lack_mistakes_and_variants(folder: Path) -> None:
    """Three mistakes and a variant are asked of core exercises alone."""
    edit(folder / DAY, "core = true\n", "")
    (folder / "graders/day01_sums/row_sum.mistakes.toml").unlink()
    shutil.rmtree(folder / "graders/day01_sums/row_sum.variants")
    assert form(folder).defects == ()


def test_the_stub_of_a_repair_has_no_holes(folder: Path) -> None:
    """A program with bugs takes the place of holes where `day.toml` says so."""
    wrong = (folder / SOLUTION).read_text("utf-8").replace("x.sum(-1)", "x.sum(0)")
    (folder / STUB).write_text(wrong, encoding="utf-8")
    assert "row_sum: is no hole to fill" in str(form(folder).defects[0])
    edit(folder / DAY, "core = true\n", 'core = true\nkind = "repair"\n')
    assert form(folder).defects == ()


def test_theory_is_pending_until_its_day_has_a_page(folder: Path) -> None:
    """Without a page the whole day's theory is not written yet; with one, anchors must resolve."""
    shutil.rmtree(folder / "theory")
    found = form(folder)
    assert found.defects == ()
    assert len(found.pending) == 3
    (folder / "theory/day02_later").mkdir(parents=True)
    (folder / "theory/day02_later/day02_009_other.md").write_text("# Other\n")
    (defect,) = form(folder).defects
    assert defect.problem == "names the page `day02_001_pages`, which does not exist"


@pytest.mark.parametrize(
    ("heading", "slug"),
    [
        ("What's new?", "whats-new"),
        ("C++ & `torch.compile`", "c--torchcompile"),
        ("The **bold** and the _slanted_", "the-bold-and-the-slanted"),
        ("A [link](https://example.org/a#b) in it", "a-link-in-it"),
        ("state_dict and `__init__`", "state_dict-and-__init__"),
        ("2.1 Half-precision: float16", "21-half-precision-float16"),
        ("Größe", "größe"),
    ],
)
def test_headings_become_the_links_that_github_makes(heading: str, slug: str) -> None:
    """Punctuation and markup go, blanks become hyphens, letters become small."""
    assert slug_of(heading) == slug


def test_equal_headings_are_counted() -> None:
    """The second heading of the same words gets a number."""
    assert sections("# A\n## B\n## A\n~~~\n# C\n~~~\n#D\n### A ###\n") == ("a", "b", "a-1", "a-2")


def test_the_exercises_of_this_course_are_tidy() -> None:
    """No exercise of the repository has a defect of form."""
    assert list(map(str, form(ROOT).defects)) == []


def test_nothing_is_left_to_the_author() -> None:
    """No file of the course holds a place that a scaffold marked for its author."""
    files = [
        path
        for tree in ("exercises", "solutions", "graders")
        for path in (ROOT / tree).rglob("*")
        if path.suffix in {".py", ".toml"}
    ]
    left = [path.name for path in files if "TODO(author)" in path.read_text(encoding="utf-8")]
    assert left == []
