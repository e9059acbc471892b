"""Loading a course, and all that can be wrong with one."""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from course_folders import CourseFolder, cases, small_course
from pydantic import StringConstraints

from dlcourse.course import CourseDefects, Defect, load_course
from dlcourse.course.reading import parse
from dlcourse.course.tables import Table

if TYPE_CHECKING:
    from pathlib import Path

DAY_ONE = "exercises/day01_sums/day.toml"
DAY_TWO = "exercises/day02_products/day.toml"


@pytest.fixture
def folder(tmp_path: Path) -> CourseFolder:
    """A course without a defect."""
    return small_course(tmp_path)


def defects(folder: CourseFolder) -> list[str]:
    """Return the lines that loading the course reports."""
    with pytest.raises(CourseDefects) as caught:
        load_course(folder.root)
    return str(caught.value).splitlines()


def test_days_and_exercises_come_in_order(folder: CourseFolder) -> None:
    """Days are ordered by number, and exercises as their day lists them."""
    course = load_course(folder.root)
    assert course.title == "A small course"
    assert [(day.number, day.folder, day.title) for day in course.days] == [
        (1, "day01_sums", "Sums"),
        (2, "day02_products", "Products"),
    ]
    names = [exercise.name for exercise in course.exercises]
    assert names == ["plain_sum", "masked_sum", "outer_product"]


def test_an_exercise_holds_what_its_table_says(folder: CourseFolder) -> None:
    """Every key of an `[[exercise]]` reaches the model."""
    exercise = load_course(folder.root).exercises[1]
    assert exercise.day == "day01_sums"
    assert exercise.title == "A masked sum"
    assert (exercise.difficulty, exercise.minutes) == (2, 30)
    assert (exercise.core, exercise.kind) == (True, "repair")
    assert exercise.prerequisites == ("plain_sum",)
    assert exercise.theory == ("day01_sums/day01_002_masks#masks-and-their-shapes",)
    assert exercise.forbidden == ("torch.nansum",)
    assert exercise.devices == ("cpu", "cuda")
    assert exercise.files == ("masking.py",)
    assert exercise.hints[2] == "Write `(x * mask).sum(0)`."


def test_what_is_not_said_has_a_default(folder: CourseFolder) -> None:
    """An exercise is to be written, not core, runs on the CPU, needs and forbids nothing."""
    exercise = load_course(folder.root).exercises[0]
    assert (exercise.core, exercise.kind) == (False, "write")
    assert exercise.devices == ("cpu",)
    assert exercise.prerequisites == exercise.theory == exercise.forbidden == exercise.files == ()


def test_the_tier_that_a_course_requires_is_its_own(folder: CourseFolder) -> None:
    """`[confinement]` reaches the model, and a course without it requires nothing."""
    assert load_course(folder.root).required == "none"
    folder.edit("course.toml", "format = 1", 'format = 1\nconfinement.required = "confined"')
    assert load_course(folder.root).required == "confined"


def test_paths_are_computed(folder: CourseFolder) -> None:
    """The files of an exercise follow from its day and name."""
    exercise = load_course(folder.root).exercises[0]
    root = folder.root
    assert exercise.stub == root / "exercises/day01_sums/plain_sum.py"
    assert exercise.solution == root / "solutions/day01_sums/plain_sum.py"
    assert exercise.suite == root / "graders/day01_sums/test_plain_sum.py"
    assert exercise.mistakes_file == root / "graders/day01_sums/plain_sum.mistakes.toml"
    assert exercise.variants == ()


def test_variants_are_sorted(folder: CourseFolder) -> None:
    """The variants of an exercise are the Python files of its folder, by name."""
    for name in ("b.py", "a.py", "notes.md"):
        folder.write(f"graders/day01_sums/plain_sum.variants/{name}", "")
    exercise = load_course(folder.root).exercises[0]
    assert [path.name for path in exercise.variants] == ["a.py", "b.py"]


def test_paths_are_absolute(folder: CourseFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A course loaded by a relative path stays valid when the current folder changes."""
    monkeypatch.chdir(folder.root.parent)
    course = load_course(folder.root.relative_to(folder.root.parent))
    assert course.root == folder.root
    assert course.exercises[0].stub.is_absolute()


def test_weights_multiply(folder: CourseFolder) -> None:
    """An exercise weighs its own weight times its day's; what is not named weighs 1."""
    folder.edit(
        "course.toml",
        "title",
        """weights.exercises = { masked_sum = 0.5, outer_product = 2 }
weights.days = { day01_sums = 3 }
title""",
    )
    assert [exercise.weight for exercise in load_course(folder.root).exercises] == [3, 1.5, 2]


def test_helper_files_may_stand_beside_the_stub(folder: CourseFolder) -> None:
    """A module that an exercise lists under `files` is no stray."""
    folder.write("exercises/day01_sums/masking.py", "")
    folder.write("solutions/day01_sums/masking.py", "")
    assert load_course(folder.root).exercises


def test_a_day_may_wait_for_its_exercises(folder: CourseFolder) -> None:
    """A day with a title and no exercise is no defect."""
    folder.write("exercises/day03_later/day.toml", 'title = "Later"')
    assert load_course(folder.root).days[2].exercises == ()


def test_folders_that_tools_leave_behind_are_passed_over(folder: CourseFolder) -> None:
    """Caches and hidden files are neither days nor strays."""
    folder.write("exercises/__pycache__/x.pyc", "")
    folder.write("graders/.pytest_cache/x", "")
    folder.write("exercises/day01_sums/.plain_sum.py", "")
    assert load_course(folder.root).days


def test_nothing_of_a_course_changes_later(folder: CourseFolder) -> None:
    """Courses, days and exercises are frozen, and can be keys."""
    course = load_course(folder.root)
    for thing in (course, course.days[0], course.exercises[0]):
        with pytest.raises(ValueError, match="frozen"):
            thing.title = "Another"
    assert len(set(course.exercises)) == 3


@pytest.mark.parametrize("case", cases("defects.toml"), ids=itemgetter("name"))
def test_one_defect_is_one_line(folder: CourseFolder, case: dict[str, Any]) -> None:
    """A single defect is reported alone, with its file, key, problem and remedy."""
    folder.spoil(case)
    assert defects(folder) == [case["line"]]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Outer-Product", "is `Outer-Product`, which is no plain name"),
        ("lambda", "is `lambda`, which is no plain name"),
        ("random", "is `random`, which is a module of Python's own library"),
        ("all", "is `all`, which means whole days on the command line"),
        ("day2_product", "is `day2_product`, which means whole days on the command line"),
    ],
)
def test_a_name_must_be_typeable(folder: CourseFolder, name: str, problem: str) -> None:
    """An exercise's name is a plain module name that the command line can tell from a day."""
    folder.edit(DAY_TWO, '"outer_product"', f'"{name}"')
    found = defects(folder)
    assert any(f"{DAY_TWO}:4: exercise.{name}.name: {problem}; " in line for line in found)


def test_a_name_is_unique_in_the_course(folder: CourseFolder) -> None:
    """Two exercises of one name are a defect, also in different days."""
    folder.edit(DAY_TWO, '"outer_product"', '"plain_sum"')
    problem = "exercise.plain_sum.name: is also an exercise of `day01_sums`; rename one of the two"
    assert f"{DAY_TWO}:4: {problem}" in defects(folder)


def test_two_circles_are_two_defects(folder: CourseFolder) -> None:
    """Every circle of prerequisites is reported, each once."""
    folder.edit(DAY_ONE, "minutes = 20", 'minutes = 20\nprerequisites = ["masked_sum"]')
    folder.edit(DAY_TWO, '"masked_sum"', '"outer_product"')
    assert [line.partition("needs itself: ")[2].partition(";")[0] for line in defects(folder)] == [
        "`plain_sum` → `masked_sum` → `plain_sum`",
        "`outer_product` → `outer_product`",
    ]


def test_every_defect_is_reported_at_once(folder: CourseFolder) -> None:
    """Defects of all kinds come together, as data and as lines."""
    folder.edit("course.toml", 'title = "A small course"', "")
    folder.edit(DAY_ONE, "difficulty = 1", "difficulty = 9")
    folder.edit(DAY_TWO, '"masked_sum"', '"masked_sums"')
    folder.remove("solutions/day02_products/outer_product.py")
    folder.write("graders/day09_gone/test_x.py", "")
    with pytest.raises(CourseDefects) as caught:
        load_course(folder.root)
    assert [(defect.file, defect.key) for defect in caught.value.defects] == [
        ("course.toml", "title"),
        (DAY_ONE, "exercise.plain_sum.difficulty"),
        ("solutions/day02_products/outer_product.py", ""),
        ("graders/day09_gone", ""),
        (DAY_TWO, "exercise.outer_product.prerequisites"),
    ]
    assert len(str(caught.value).splitlines()) == 5


def test_an_unreadable_day_breeds_no_other_defects(folder: CourseFolder) -> None:
    """Where `day.toml` is no TOML, its stubs are no strays and its names are still known."""
    folder.edit("course.toml", "title", "weights.exercises.plain_sum = 2\ntitle")
    folder.write(DAY_ONE, "title")
    assert [line.partition(": ")[0] for line in defects(folder)] == [DAY_ONE]


def test_bytes_that_are_no_text_are_a_defect(folder: CourseFolder) -> None:
    """A file in another encoding is named, with what to do."""
    (folder.root / DAY_TWO).write_bytes(b'title = "\xff"')
    assert defects(folder) == [f"{DAY_TWO}: is not UTF-8 text; save it as UTF-8"]


def test_a_number_too_long_for_python_is_a_defect(folder: CourseFolder) -> None:
    """What TOML allows and Python refuses to read is named, with the reason."""
    folder.edit(DAY_TWO, "difficulty = 5", f"difficulty = {'5' * 5000}")
    (line,) = defects(folder)
    assert line.startswith(f"{DAY_TWO}: is no TOML: Exceeds the limit")


def test_a_folder_in_place_of_a_file_is_a_defect(folder: CourseFolder) -> None:
    """What cannot be read is named, with the system's reason."""
    folder.remove(DAY_TWO)
    (folder.root / DAY_TWO).mkdir()
    problem = "cannot be read: Is a directory; make it a readable file"
    assert defects(folder) == [f"{DAY_TWO}: {problem}"]


def test_a_course_without_a_day_is_a_defect(tmp_path: Path) -> None:
    """A `course.toml` alone is no course."""
    (tmp_path / "course.toml").write_text('format = 1\ntitle = "Empty"\n', encoding="utf-8")
    assert defects(CourseFolder(tmp_path)) == ["exercises: holds no day; add a folder `day01_SLUG`"]


@pytest.mark.parametrize("said", ["exercise = 3", "exercise = [3]", "[exercise]\nname = 'x'"])
def test_exercises_of_the_wrong_shape_are_defects(folder: CourseFolder, said: str) -> None:
    """Whatever stands in place of the `[[exercise]]` tables is reported, never a crash."""
    folder.write(DAY_TWO, f'title = "Products"\n{said}')
    assert any(re.match(rf"{DAY_TWO}(:\d+)?: exercise", line) for line in defects(folder))


@pytest.mark.parametrize("said", ["name = 3", 'name = ["x"]', "files = 3", "files = [[3], {}]"])
def test_rows_of_the_wrong_shape_are_defects(folder: CourseFolder, said: str) -> None:
    """Whatever stands in place of a name or a list is reported, never a crash."""
    folder.edit(DAY_TWO, 'title = "An outer product"', said)
    folder.edit(DAY_TWO, 'name = "outer_product"', "" if "name" in said else 'name = "x"')
    assert any(re.match(rf"{DAY_TWO}(:\d+)?: exercise", line) for line in defects(folder))


def test_a_refusal_that_has_no_sentence_yet_is_still_a_defect() -> None:
    """What pydantic alone has words for is said in those, braces and all."""

    class Colour(Table):
        rgb: Annotated[str, StringConstraints(pattern="^[0-9]{6}$")]

    with pytest.raises(CourseDefects) as caught:
        parse(Colour, {"rgb": "red"}, "colours.toml")
    problem = "is refused: String should match pattern '^[0-9]{6}$'"
    assert str(caught.value) == f"colours.toml: rgb: {problem}; correct it"


def test_a_defect_never_breaks_its_line() -> None:
    """Line breaks and terminal escapes from files are written out."""
    assert str(Defect("a\n.py", "\x1b[1m", "is é", "stop")) == r"a\n.py: \x1b[1m: is é; stop"
