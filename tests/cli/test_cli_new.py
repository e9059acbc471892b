"""`dlcourse new`, run for real: what it makes is tidy and is graded as it should be."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cli_program import ROOT, run

from dlcourse.audit.form import examine_all
from dlcourse.course import load_course, load_mistakes
from dlcourse.course.tables import ExerciseTable
from dlcourse.grading.check import Request, hidden_paths, job_for
from dlcourse.grading.client import GraderProcess
from dlcourse.grading.job import GraderSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlcourse.course import Exercise

NAME = "row_centre"
DAY = "exercises/day03_sums/day.toml"
HEAD = '# Written by hand.\ntitle = "Sums"  # kept\n'
FILES = {
    "exercises/day03_sums/row_centre.py",
    "solutions/day03_sums/row_centre.py",
    "graders/day03_sums/test_row_centre.py",
    "graders/day03_sums/row_centre.mistakes.toml",
    "graders/day03_sums/row_centre.variants/by_matrix.py",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A course with one day and no exercise."""
    (tmp_path / "course.toml").write_text('format = 1\ntitle = "A new course"\n')
    (tmp_path / DAY).parent.mkdir(parents=True)
    (tmp_path / DAY).write_text(HEAD)
    return tmp_path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course that `dlcourse new` alone has made, with one core exercise."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "course.toml").write_text('format = 1\ntitle = "A new course"\n')
    for words in (
        ("day", "3", "sums", "--title", "Sums"),
        ("exercise", f"day03/{NAME}", "--core", "--title", 'Rows "centred"'),
    ):
        ended = run("new", *words, cwd=folder)
        assert (ended.returncode, ended.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def grade(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Grades a text as the exercise that was made, and returns each test's end."""
    course = load_course(made)
    workdir = tmp_path_factory.mktemp("workdir")
    with GraderProcess() as grader:
        grader.configure(GraderSettings(hidden=hidden_paths(course), secret="5eed"))

        def ends(source: str) -> dict[str, str]:
            (exercise,) = course.exercises
            path = workdir / exercise.day / f"{exercise.name}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(source, encoding="utf-8")
            job = job_for(Request(course, (exercise,), workdir, 7), exercise)
            events = [event for event in grader.grade(job) if event["event"] == "test"]
            return {event["test"]["name"]: event["test"]["outcome"] for event in events}

        yield ends


def the_exercise(folder: Path) -> Exercise:
    """Return the one exercise of the course."""
    (exercise,) = load_course(folder).exercises
    return exercise


def test_an_exercise_is_made_and_told(folder: Path) -> None:
    """Each file that is made is named, and the last line is the command to type next."""
    ended = run("new", "exercise", f"day03/{NAME}", cwd=folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    told = [line.split() for line in ended.stdout.splitlines()]
    assert {words[1] for words in told if words[:1] == ["made"]} == FILES
    assert ["changed", DAY] in told
    assert " ".join(ended.stdout.split()).endswith(f"`dlcourse audit {NAME}`.")
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == FILES | {DAY, "course.toml"}


def test_what_stood_in_the_day_stays(folder: Path) -> None:
    """Exercises are added to the end of `day.toml`; comments and order stay."""
    for name in ("first_sum", "second_sum"):
        assert run("new", "exercise", f"3/{name}", cwd=folder).returncode == 0
    assert (folder / DAY).read_text().startswith(HEAD)
    names = [exercise.name for exercise in load_course(folder).exercises]
    assert names == ["first_sum", "second_sum"]


def test_what_was_typed_reaches_the_table(made: Path, folder: Path) -> None:
    """`--title` and `--core` are the exercise's; else its name is its title."""
    exercise = the_exercise(made)
    assert (exercise.title, exercise.core) == ('Rows "centred"', True)
    run("new", "exercise", f"day03_sums/{NAME}", cwd=folder)
    exercise = the_exercise(folder)
    assert (exercise.title, exercise.core) == ("Row centre", False)
    assert isinstance(exercise, ExerciseTable)


def test_a_new_course_is_listed(made: Path) -> None:
    """`dlcourse list` shows the new exercise."""
    ended = run("list", cwd=made)
    assert ended.returncode == 0
    assert NAME in ended.stdout


def test_a_new_exercise_is_tidy(made: Path) -> None:
    """The audit's form checks find nothing."""
    assert list(map(str, examine_all(load_course(made).exercises).defects)) == []


def test_the_author_s_places_can_be_found(made: Path) -> None:
    """Every file that was made holds `TODO(author)`."""
    files = [path for path in made.rglob("*") if path.is_file() and path.name != "course.toml"]
    assert [file.name for file in files if "TODO(author)" not in file.read_text()] == []


@pytest.mark.parametrize("name", ["norm", "a" * 30])
def test_new_files_are_formatted(made: Path, tmp_path: Path, name: str) -> None:
    """Whatever the name's length, the project's own style finds nothing to change."""
    course = shutil.copytree(made, tmp_path / "course")
    run("new", "exercise", f"3/{name}", cwd=course)
    ruff = [str(Path(sys.executable).with_name("ruff")), "--config", str(ROOT / "pyproject.toml")]
    if not Path(ruff[0]).is_file():
        pytest.skip("ruff is not installed")
    for words in (["check", "--no-cache", "--ignore", "I001"], ["format", "--check", "--no-cache"]):
        command = [ruff[0], words[0], *ruff[1:], *words[1:], "."]
        ended = subprocess.run(command, cwd=course, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout


def test_the_new_solution_is_full(made: Path, grade: Any) -> None:
    """The solution and the variant pass every test."""
    exercise = the_exercise(made)
    for path in (exercise.solution, *exercise.variants):
        assert set(grade(path.read_text()).values()) == {"passed"}


def test_the_new_stub_passes_nothing(made: Path, grade: Any) -> None:
    """The stub loses every test."""
    assert set(grade(the_exercise(made).stub.read_text()).values()) == {"error"}


def test_new_mistakes_lose_their_tests(made: Path, grade: Any) -> None:
    """Each of the three planted mistakes does not pass the test that is named for it."""
    exercise = the_exercise(made)
    mistakes = load_mistakes(exercise)
    assert len(mistakes) == 3
    for mistake in mistakes:
        ends = grade(mistake.apply(exercise.solution.read_text()))
        assert ends[mistake.test] in {"failed", "error"}, mistake.id


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("exercise", "day03/lambda"), "`lambda`, which is no plain name: use lowercase letters"),
        (("exercise", "day03/math"), "`math`, which is a module of Python's own library"),
        (("exercise", "day03/day4"), "`day4`, which means whole days on the command line"),
        (("exercise", "day03/"), "is ``, which is no plain name"),
        (("exercise", "row"), "`row` names no day: type `dlcourse new exercise DAY/NAME`"),
        (("exercise", "day4/row"), "`day4` is no day here: make it with `dlcourse new day"),
        (("exercise", "day03_sum/row"), "`day03_sum` is no day here: did you mean `day03_sums`?"),
        (("exercise", "3/row", "--title", " "), "`--title ' '` is no title: write one line"),
        (("exercise", "3/row", "--title", "a\nb"), "is no title: write one line of words."),
        (("day", "3", "more", "--title", "T"), "day 3 is `day03_sums` already: choose another"),
        (("day", "4", "Big-Sums", "--title", "T"), "`Big-Sums` is no slug: write it in lowercase"),
        (("day", "100", "sums", "--title", "T"), "100 is not in the range 0<=x<=99"),
    ],
)
def test_what_cannot_be_made_is_told(folder: Path, words: tuple[str, ...], sentence: str) -> None:
    """A name that cannot be is one sentence on the error output, and nothing is made."""
    before = sorted(folder.rglob("*"))
    ended = run("new", *words, cwd=folder)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert sentence in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert sorted(folder.rglob("*")) == before


def test_a_name_is_taken_once(made: Path, tmp_path: Path) -> None:
    """A name of another exercise is refused, whatever its day."""
    course = shutil.copytree(made, tmp_path / "course")
    run("new", "day", "4", "products", "--title", "Products", cwd=course)
    ended = run("new", "exercise", f"4/{NAME}", cwd=course)
    assert ended.returncode == 2
    assert f"`{NAME}` is an exercise of `day03_sums` already: choose another name." in ended.stderr


def test_no_file_is_written_over(folder: Path) -> None:
    """A file that is there already stays, and none of the others is made."""
    there = folder / f"graders/day03_sums/{NAME}.variants/by_matrix.py"
    there.parent.mkdir(parents=True)
    there.write_text("mine\n")
    before = sorted(folder.rglob("*"))
    ended = run("new", "exercise", f"3/{NAME}", cwd=folder)
    assert ended.returncode != 0
    assert there.read_text() == "mine\n"
    assert sorted(folder.rglob("*")) == before


def test_a_broken_course_is_told(folder: Path) -> None:
    """Nothing is added to a course that has defects."""
    (folder / DAY).write_text("title = 3\n")
    ended = run("new", "exercise", f"3/{NAME}", cwd=folder)
    assert ended.returncode == 3
    assert f"{DAY}:1: title: is `3`, but must be text" in ended.stderr
