"""Planted mistakes: how they are read, planted and refused."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pytest
from course_folders import SOLUTION, CourseFolder, cases, small_course

from dlcourse.course import CourseDefects, Exercise, Mistake, load_course, load_mistakes

if TYPE_CHECKING:
    from pathlib import Path

FILE = "graders/day01_sums/plain_sum.mistakes.toml"
HEAD = """\
[[mistake]]
id = "no-limit"
misconception = "Believes that sums need no limit."
hint = "Try a very large number."
theory = "day01_sums/day01_002_masks#limits"
test = "test_limit"
"""


@pytest.fixture
def folder(tmp_path: Path) -> CourseFolder:
    """A course without a defect."""
    return small_course(tmp_path)


def exercise(folder: CourseFolder) -> Exercise:
    """Return the exercise whose mistakes are planted here."""
    return load_course(folder.root).exercises[0]


def planted(folder: CourseFolder, change: str) -> Mistake:
    """Return the one mistake that makes this change."""
    folder.write(FILE, HEAD + change)
    (mistake,) = load_mistakes(exercise(folder))
    return mistake


def defects(folder: CourseFolder, text: str) -> list[str]:
    """Return what is wrong with a file of mistakes, without the file's name."""
    folder.write(FILE, text)
    with pytest.raises(CourseDefects) as caught:
        load_mistakes(exercise(folder))
    assert {defect.file for defect in caught.value.defects} == {FILE}
    return [line.removeprefix(f"{FILE}: ") for line in str(caught.value).splitlines()]


def test_a_mistake_holds_what_its_table_says(folder: CourseFolder) -> None:
    """Every key of a `[[mistake]]` reaches the model."""
    mistake = planted(folder, "edit = [{ find = 'LIMIT = 20.0', replace = 'LIMIT = 1e9' }]")
    assert mistake.id == "no-limit"
    assert mistake.misconception == "Believes that sums need no limit."
    assert mistake.hint == "Try a very large number."
    assert mistake.theory == "day01_sums/day01_002_masks#limits"
    assert mistake.test == "test_limit"
    assert [(edit.find, edit.replace) for edit in mistake.edits] == [
        ("LIMIT = 20.0", "LIMIT = 1e9")
    ]


def test_an_exercise_without_the_file_has_no_mistakes(folder: CourseFolder) -> None:
    """The file of mistakes is optional."""
    assert load_mistakes(exercise(folder)) == ()


def test_edits_change_the_solution_in_any_order(folder: CourseFolder) -> None:
    """Edits are placed in the solution as it stands, whatever their order and their text."""
    mistake = planted(
        folder,
        """
[[mistake.edit]]
find = "clipped(x).sum()"
replace = "clipped(x).mean()  # LIMIT = 20.0"
[[mistake.edit]]
find = "LIMIT = 20.0"
replace = "LIMIT = 30.0"
""",
    )
    assert mistake.apply(SOLUTION) == SOLUTION.replace("20.0", "30.0").replace(
        "clipped(x).sum()", "clipped(x).mean()  # LIMIT = 20.0"
    )


def test_a_function_takes_the_place_of_its_namesake(folder: CourseFolder) -> None:
    """A whole definition is replaced with its decorators; everything else stays."""
    mistake = planted(folder, "function = '''\ndef total(x):\n    return x.sum()\n'''")
    head, _, _ = SOLUTION.partition("@torch.no_grad()")
    assert mistake.apply(SOLUTION) == head + "def total(x):\n    return x.sum()\n"


def test_a_function_in_the_middle_keeps_what_follows(folder: CourseFolder) -> None:
    """The lines before and after a replaced definition are untouched."""
    mistake = planted(folder, 'function = "def clipped(x):\\n    return x"')
    assert mistake.apply(SOLUTION) == SOLUTION.replace("x.clamp(-LIMIT, LIMIT)", "x")


def test_a_class_can_be_replaced(folder: CourseFolder) -> None:
    """A class is a definition like a function, and a form feed is no line break."""
    source = '"""A \x0c sign."""\n\n\nclass Sum:\n    start = 0\n\n\nEND = 1\n'
    folder.write("solutions/day01_sums/plain_sum.py", source)
    mistake = planted(folder, 'function = "class Sum:\\n    start = 1"')
    assert mistake.apply(source) == source.replace("start = 0", "start = 1")


@pytest.mark.parametrize("case", cases("misfits.toml"), ids=itemgetter("name"))
def test_a_change_that_does_not_fit_is_a_defect(folder: CourseFolder, case: dict[str, Any]) -> None:
    """A change that cannot be planted is reported with its place and remedy."""
    assert defects(folder, HEAD + case["change"]) == [case["line"]]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("no-limit", "No limit", "#1.id: is `No limit`, which is no identifier"),
        ("test_limit", "limit", ".no-limit.test: is `limit`, which is no test's name"),
        ("day01_002", "day1", ".no-limit.theory: is `day01_sums/day1_masks#limits`, which is no"),
        ("hint", "hnt", ".no-limit.hint: is missing; add it"),
    ],
)
def test_a_table_that_is_wrong_is_a_defect(
    folder: CourseFolder, old: str, new: str, line: str
) -> None:
    """Identifiers, tests' names and anchors have their forms, and keys must be there."""
    change = "function = 'def total(x): ...'"
    found = defects(folder, HEAD.replace(old, new, 1) + change)
    assert found[0].startswith(f"mistake{line}")


def test_two_mistakes_of_one_id_are_a_defect(folder: CourseFolder) -> None:
    """Identifiers are unique in the file."""
    one = f"{HEAD}function = 'def total(x): ...'\n"
    assert defects(folder, one + one) == [
        "mistake: holds `no-limit` more than once; give each mistake an `id` of its own"
    ]


def test_all_mistakes_are_tried(folder: CourseFolder) -> None:
    """Every mistake that does not fit is reported, not the first alone."""
    first = f"{HEAD}edit = [{{ find = 'absent', replace = '' }}]\n"
    second = f"{HEAD.replace('no-limit', 'other')}function = 'def absent(): ...'\n"
    assert [line.partition(":")[0] for line in defects(folder, first + second)] == [
        "mistake.no-limit.edit#1.find",
        "mistake.other.function",
    ]


def test_a_broken_solution_is_said_to_be_broken(folder: CourseFolder) -> None:
    """A function cannot be replaced in a solution that does not compile."""
    folder.write("solutions/day01_sums/plain_sum.py", "def total(x)\n")
    (line,) = defects(folder, f"{HEAD}function = 'def total(x): ...'")
    problem = "does not compile: expected ':' (the solution, line 1)"
    assert line == f"mistake.no-limit: {problem}; correct the Python"


def test_a_mistake_is_refused_on_another_source(folder: CourseFolder) -> None:
    """Planting fails aloud on a source that the mistake was not written for."""
    mistake = planted(folder, "edit = [{ find = '20.0', replace = '30.0' }]")
    with pytest.raises(CourseDefects, match="is not in the solution"):
        mistake.apply("LIMIT = 10.0\n")
