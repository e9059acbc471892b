"""Loading a course, and all that can be wrong with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from course_folders import CourseFolder, small_course

from dlcourse.course import CourseDefects, Defect, load_course

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Change = Callable[[CourseFolder], None]

DAY_ONE = "exercises/day01_sums/day.toml"
DAY_TWO = "exercises/day02_products/day.toml"


@pytest.fixture
def folder(tmp_path: Path) -> CourseFolder:
    """A course without a defect."""
    return small_course(tmp_path)


def edited(file: str, old: str, new: str) -> Change:
    """Return the change that replaces `old` by `new` in `file`."""
    return lambda folder: folder.edit(file, old, new)


def written(file: str, text: str = "") -> Change:
    """Return the change that writes `text` to `file`."""
    return lambda folder: folder.write(file, text)


def removed(file: str) -> Change:
    """Return the change that removes `file`."""
    return lambda folder: folder.remove(file)


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
    assert exercise.prerequisites == ("plain_sum",)
    assert exercise.theory == ("day01_sums/day01_002_masks#masks-and-their-shapes",)
    assert exercise.forbidden == ("torch.nansum",)
    assert exercise.devices == ("cpu", "cuda")
    assert exercise.files == ("masking.py",)
    assert exercise.hints[2] == "Write `(x * mask).sum(0)`."


def test_what_is_not_said_has_a_default(folder: CourseFolder) -> None:
    """An exercise that names no device runs on the CPU, and needs and forbids nothing."""
    exercise = load_course(folder.root).exercises[0]
    assert exercise.devices == ("cpu",)
    assert exercise.prerequisites == exercise.theory == exercise.forbidden == exercise.files == ()


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
            thing.title = "Another"  # type: ignore[misc]  # that it is read-only is the point
    assert len(set(course.exercises)) == 3


TABLES = [
    # The file as a whole.
    (removed("course.toml"), "course.toml: does not exist; create it"),
    (
        edited("course.toml", "title =", "title"),
        "course.toml: line 2, column 7: is no TOML: Expected '=' after a key in a key/value pair;"
        " correct the syntax there",
    ),
    (
        edited(DAY_TWO, '* y`."]', '* y`."'),
        f"{DAY_TWO}: end of document: is no TOML: Unclosed array; correct the syntax there",
    ),
    (removed(DAY_TWO), f"{DAY_TWO}: does not exist; create it"),
    # The format.
    (
        edited("course.toml", "format = 1", "format = 2\nnew_key = 3"),
        "course.toml: format: is 2, but this program reads format 1;"
        " type `pip install --upgrade dlcourse`",
    ),
    (edited("course.toml", "format = 1", ""), "course.toml: format: is missing; add it"),
    (
        edited("course.toml", "format = 1", "format = true"),
        "course.toml: format: is `true`, but must be a whole number; write it like `3`, without quotes",
    ),
    # Keys.
    (edited(DAY_ONE, 'title = "Sums"', ""), f"{DAY_ONE}: title: is missing; add it"),
    (
        edited(DAY_ONE, "minutes = 30", "minuts = 30\nminutes = 30"),
        f"{DAY_ONE}: exercise.masked_sum.minuts: is not a known key; did you mean `minutes`?",
    ),
    (
        edited(DAY_ONE, "minutes = 30", 'minutes = 30\n"tell\\n me" = 30'),
        f"{DAY_ONE}: exercise.masked_sum.tell\\n me: is not a known key; remove it",
    ),
    # Types.
    (
        edited(DAY_ONE, "minutes = 20", 'minutes = "20"'),
        f'{DAY_ONE}: exercise.plain_sum.minutes: is `"20"`, but must be a whole number;'
        " write it like `3`, without quotes",
    ),
    (
        edited(DAY_ONE, '"A sum"', "1979-05-27"),
        f'{DAY_ONE}: exercise.plain_sum.title: is `"1979-05-27"`, but must be text;'
        " put it in quotes",
    ),
    (
        edited(DAY_ONE, '["torch.nansum"]', '"torch.nansum"'),
        f'{DAY_ONE}: exercise.masked_sum.forbidden: is `"torch.nansum"`, but must be a list;'
        " use `[…]`, or `[[…]]` for tables",
    ),
    (
        edited("course.toml", "title", "weights.days = 3\ntitle"),
        "course.toml: weights.days: is `3`, but must be a table;"
        " write its keys under a `[…]` of its own",
    ),
    (
        edited("course.toml", "title", "weights = [3]\ntitle"),
        "course.toml: weights: is a list, but must be a table;"
        " write its keys under a `[…]` of its own",
    ),
    (
        edited("course.toml", "title", 'weights.days.day01_sums = "3"\ntitle'),
        'course.toml: weights.days.day01_sums: is `"3"`, but must be a number;'
        " write it like `1.5`, without quotes",
    ),
    (
        edited(DAY_ONE, '"A sum"', "'''A\nsum'''"),
        f"{DAY_ONE}: exercise.plain_sum.title: runs over more than one line; write it on one line",
    ),
    # Ranges.
    (
        edited(DAY_ONE, "difficulty = 1", "difficulty = 0"),
        f"{DAY_ONE}: exercise.plain_sum.difficulty: is `0`, but must be at least 1;"
        " choose a larger number",
    ),
    (
        edited(DAY_ONE, "minutes = 20", "minutes = 241"),
        f"{DAY_ONE}: exercise.plain_sum.minutes: is `241`, but must be at most 240;"
        " choose a smaller number",
    ),
    (
        edited("course.toml", "title", "weights.days.day01_sums = -1\ntitle"),
        "course.toml: weights.days.day01_sums: is `-1`, but must be at least 0;"
        " choose a larger number",
    ),
    (
        edited("course.toml", "title", "weights.days.day01_sums = inf\ntitle"),
        "course.toml: weights.days.day01_sums: is `Infinity`, but must be finite;"
        " write an ordinary number",
    ),
    (
        edited(DAY_ONE, '"A sum"', '" "'),
        f"{DAY_ONE}: exercise.plain_sum.title: is empty; write it",
    ),
    # Hints.
    (
        edited(DAY_ONE, '"Look at the shapes.", ', ""),
        f"{DAY_ONE}: exercise.plain_sum.hints: holds 2, but must hold exactly 3;"
        " lead from a nudge to nearly the answer",
    ),
    (
        edited(DAY_ONE, "Think of the axis.", "Look at the shapes. "),
        f"{DAY_ONE}: exercise.plain_sum.hints: says the same thing twice; keep one of each",
    ),
    (
        edited(DAY_ONE, "Think of the axis.", ""),
        f"{DAY_ONE}: exercise.plain_sum.hints#2: is empty; write it",
    ),
    # Devices, calls, anchors and helper files.
    (
        edited(DAY_ONE, '"cpu", "cuda"', '"cuda"'),
        f"{DAY_ONE}: exercise.masked_sum.devices: leaves out `cpu`;"
        " add it: every exercise runs without a GPU",
    ),
    (
        edited(DAY_ONE, '"cpu", "cuda"', '"cpu", "tpu"'),
        f"{DAY_ONE}: exercise.masked_sum.devices#2: is `\"tpu\"`, but must be 'cpu' or 'cuda';"
        " choose one that is known",
    ),
    (
        edited(DAY_ONE, "torch.nansum", "nansum"),
        f"{DAY_ONE}: exercise.masked_sum.forbidden#1: is `nansum`, which is no dotted name;"
        " write it like `torch.nn.functional.silu`",
    ),
    (
        edited(DAY_ONE, "day01_002_masks#", "day02_002_masks#"),
        f"{DAY_ONE}: exercise.masked_sum.theory#1: is"
        " `day01_sums/day02_002_masks#masks-and-their-shapes`, which is no theory anchor;"
        " write it like `day03_tensors/day03_001_tensor_fundamentals#strides`",
    ),
    (
        edited(DAY_ONE, "masking.py", "../masking.py"),
        f"{DAY_ONE}: exercise.masked_sum.files#1: is `../masking.py`, which is no Python file of"
        " this folder; name a `NAME.py`",
    ),
    (
        edited(DAY_ONE, "masking.py", "random.py"),
        f"{DAY_ONE}: exercise.masked_sum.files#1: is `random`, which is a module of Python's own"
        " library; choose another name",
    ),
    (
        edited(DAY_ONE, '"masking.py"', '"a.py", "b.py", "c.py", "d.py", "e.py"'),
        f"{DAY_ONE}: exercise.masked_sum.files: holds 5 entries, more than 4; take some away",
    ),
    (
        edited(DAY_ONE, "masking.py", "outer_product.py"),
        f"{DAY_ONE}: exercise.masked_sum.files: names `outer_product.py`, which is an exercise;"
        " rename the file",
    ),
]

TREES = [
    # Files.
    (
        removed("exercises/day01_sums/plain_sum.py"),
        "exercises/day01_sums/plain_sum.py: does not exist;"
        f" write it, or take `plain_sum` out of `{DAY_ONE}`",
    ),
    (
        removed("solutions/day01_sums/plain_sum.py"),
        "solutions/day01_sums/plain_sum.py: does not exist;"
        f" write it, or take `plain_sum` out of `{DAY_ONE}`",
    ),
    (
        removed("graders/day01_sums/test_plain_sum.py"),
        "graders/day01_sums/test_plain_sum.py: does not exist;"
        f" write it, or take `plain_sum` out of `{DAY_ONE}`",
    ),
    (
        written("exercises/day01_sums/zzz.py"),
        "exercises/day01_sums/zzz.py: belongs to no exercise;"
        f" remove it, or name its exercise in `{DAY_ONE}`",
    ),
    (
        written("solutions/day01_sums/plain_sums.py"),
        "solutions/day01_sums/plain_sums.py: belongs to no exercise; did you mean `plain_sum.py`?",
    ),
    (
        written("graders/day01_sums/plane_sum.mistakes.toml"),
        "graders/day01_sums/plane_sum.mistakes.toml: belongs to no exercise;"
        " did you mean `plain_sum.mistakes.toml`?",
    ),
    (
        written("graders/day01_sums/plain_sum.py"),
        "graders/day01_sums/plain_sum.py: belongs to no exercise;"
        " did you mean `test_plain_sum.py`?",
    ),
    # Folders.
    (
        written("exercises/day7_pools/day.toml"),
        "exercises/day7_pools: is no day folder: it is not named `dayNN_slug`; rename or remove it",
    ),
    (
        written("exercises/day01_other/day.toml", 'title = "Other"'),
        "exercises/day01_sums: has the number of `day01_other`; give it a number of its own",
    ),
    (
        written("solutions/day02_product/x.txt"),
        "solutions/day02_product: has no twin in `exercises`; did you mean `day02_products`?",
    ),
    (
        written("graders/other/x.txt"),
        "graders/other: has no twin in `exercises`; remove it, or add its exercises",
    ),
]

NAMES = [
    (
        edited(DAY_TWO, '"masked_sum"', '"masked_sums"'),
        f"{DAY_TWO}: exercise.outer_product.prerequisites: names `masked_sums`,"
        " which is no exercise; did you mean `masked_sum`?",
    ),
    (
        edited(DAY_TWO, '"masked_sum"', '"zzz"'),
        f"{DAY_TWO}: exercise.outer_product.prerequisites: names `zzz`, which is no exercise;"
        " take it away, or name one that exists",
    ),
    (
        edited(DAY_ONE, "minutes = 20", 'minutes = 20\nprerequisites = ["outer_product"]'),
        f"{DAY_ONE}: exercise.plain_sum.prerequisites: needs itself:"
        " `plain_sum` → `outer_product` → `masked_sum` → `plain_sum`;"
        " take one of these prerequisites away",
    ),
    (
        edited(DAY_TWO, '"masked_sum"', '"outer_product"'),
        f"{DAY_TWO}: exercise.outer_product.prerequisites: needs itself:"
        " `outer_product` → `outer_product`; take one of these prerequisites away",
    ),
    (
        edited("course.toml", "title", "weights.exercises.plain = 2\ntitle"),
        "course.toml: weights.exercises.plain: names no exercise of this course;"
        " did you mean `plain_sum`?",
    ),
    (
        edited("course.toml", "title", "weights.days.day02_product = 2\ntitle"),
        "course.toml: weights.days.day02_product: names no day of this course;"
        " did you mean `day02_products`?",
    ),
]


@pytest.mark.parametrize(("change", "line"), [*TABLES, *TREES, *NAMES])
def test_one_defect_is_one_line(folder: CourseFolder, change: Change, line: str) -> None:
    """A single defect is reported alone, with its file, key, problem and remedy."""
    change(folder)
    assert defects(folder) == [line]


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
    assert any(f"{DAY_TWO}: exercise.{name}.name: {problem}; " in line for line in found)


def test_a_name_is_unique_in_the_course(folder: CourseFolder) -> None:
    """Two exercises of one name are a defect, also in different days."""
    folder.edit(DAY_TWO, '"outer_product"', '"plain_sum"')
    problem = "exercise.plain_sum.name: is also an exercise of `day01_sums`; rename one of the two"
    assert f"{DAY_TWO}: {problem}" in defects(folder)


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
    assert any(line.startswith(f"{DAY_TWO}: exercise") for line in defects(folder))


@pytest.mark.parametrize("said", ["name = 3", 'name = ["x"]', "files = 3", "files = [[3], {}]"])
def test_rows_of_the_wrong_shape_are_defects(folder: CourseFolder, said: str) -> None:
    """Whatever stands in place of a name or a list is reported, never a crash."""
    folder.edit(DAY_TWO, 'title = "An outer product"', said)
    folder.edit(DAY_TWO, 'name = "outer_product"', "" if "name" in said else 'name = "x"')
    assert any(line.startswith(f"{DAY_TWO}: exercise") for line in defects(folder))


def test_a_defect_never_breaks_its_line() -> None:
    """Line breaks and terminal escapes from files are written out."""
    assert str(Defect("a\n.py", "\x1b[1m", "is é", "stop")) == r"a\n.py: \x1b[1m: is é; stop"
