"""`dlcourse grade` and `dlcourse gradebook`, as an instructor types them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from class_program import Class, copy_class, make_class, source

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Class:
    """A class with a right, a wrong, a half and a refused submission, graded once."""
    school = make_class(tmp_path_factory.mktemp("first"))
    school.hand_in("ada", double="2 * x", halve="x / 2")
    school.hand_in("ben", double="x * x")
    school.hand_in("cem", double="2 * x")
    school.hand_in_zip("eve", {"../double.py": source("double", "2 * x")})
    (school.root / "first.txt").write_text(_checked(school.run()))
    return school


@pytest.fixture
def graded(first: Class, tmp_path: Path) -> Class:
    """A copy of the class with its gradebook."""
    return copy_class(first, tmp_path / "class")


@pytest.fixture
def school(graded: Class) -> Class:
    """A copy of the class before it was graded."""
    graded.forget()
    return graded


def _checked(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def words(text: str) -> str:
    """What was printed, on one line."""
    return " ".join(text.split())


def grades(school: Class, *options: str) -> dict[str, list[str]]:
    """The grades that `dlcourse gradebook grades` shows, by student."""
    done = school.gradebook("grades", "--course", "course", *options)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.replace(" %", "%").splitlines()[1:]]
    return {row[0]: row[1:] for row in rows}


def test_class_is_graded_and_kept(graded: Class) -> None:
    """Every submission gets its grade; what was graded once is not graded again."""
    said = words((graded.root / "first.txt").read_text())
    assert "4 submissions of 4 students, layout folders" in said
    assert "Could not be read, and counts as 0: eve:" in said
    assert "../double.py" in said
    assert grades(graded) == {
        "ada": ["100%", "100%", "100%"],
        "ben": ["33%", "0%", "16%"],
        "cem": ["100%", "0%", "50%"],
        "eve": ["0%", "0%", "0%"],
    }
    before = graded.results()
    again = graded.run()
    assert "0 files graded, 6 as the gradebook had them." in words(again.stdout)
    assert graded.results() == before


def test_new_work_is_a_new_attempt(graded: Class) -> None:
    """Whoever hands in again has both attempts, and the best one counts."""
    graded.hand_in("ben", double="x + x")
    assert "1 file graded" in words(graded.run().stdout)
    assert grades(graded)["ben"][0] == "100%"
    graded.hand_in("ben", double="x")
    graded.run()
    assert grades(graded)["ben"][0] == "100%"
    assert len([row for row in graded.results() if row[0] == "ben"]) == 3


def test_changed_suite_changes_nothing_unasked(graded: Class) -> None:
    """Results of another suite stay; `--regrade` shows what would change, and `accept` does it."""
    suite = graded.suite.read_text().replace(
        "@points(1)\ndef test_zero", "@points(2)\ndef test_one"
    )
    graded.suite.write_text(suite.replace("x = torch.zeros(3)", "x = torch.ones(3)"))
    assert "4 results of other versions" in words(graded.run().stdout)
    assert grades(graded)["cem"][0] == "100%"
    shown = words(graded.run("--regrade").stdout)
    assert "ada double 100 % -> 50 % test_one: not there -> failed" in shown
    assert "test_zero: passed -> not there" in shown
    assert "Nothing has changed yet" in shown
    assert grades(graded)["cem"][0] == "100%"
    accepted = graded.gradebook("accept", "--author", "Grace")
    assert "4 proposed results: they count from now on." in words(accepted.stdout)
    assert grades(graded)["cem"][0] == "50%"


def test_rejected_results_count_no_more(graded: Class) -> None:
    """What is rejected is neither counted nor graded again."""
    graded.suite.write_text(graded.suite.read_text().replace("@points(2)", "@points(3)"))
    graded.run("--regrade")
    graded.gradebook("reject", "--author", "Grace")
    assert grades(graded)["ben"][0] == "33%"
    assert "0 files graded" in words(graded.run("--regrade").stdout)


def test_changes_by_hand_outlast_regrading(graded: Class) -> None:
    """An adjustment stays when results are replaced, and says who made it and why."""
    change = ("adjust", "ben", "double", "--points", "1", "--author", "Grace", "--reason", "Shown")
    assert graded.gradebook(*change, "--course", "course").returncode == 0
    assert grades(graded)["ben"][0] == "66%"
    graded.suite.write_text(graded.suite.read_text() + "\n# another version\n")
    graded.run("--regrade", "--accept")
    assert grades(graded)["ben"][0] == "66%"
    told = graded.gradebook("grades", "--course", "course", "--why").stdout
    assert "changed by Grace (Shown)" in words(told)


def test_roster_decides_who_is_graded(school: Class) -> None:
    """Submissions that match nobody are left out and named, and so are missing students."""
    (school.root / "roster.csv").write_text("student,github\nA1,ada\nB2,ben\nD4,dora\n")
    text = words(school.run("--roster", "roster.csv").stdout)
    assert "2 match the roster, 2 do not." in text
    assert "match nobody on the roster: cem (cem) eve (eve.zip)" in text
    assert "Nothing handed in by: D4" in text
    assert set(grades(school)) == {"A1", "B2", "D4"}


def test_dry_run_grades_nothing(school: Class) -> None:
    """With `--dry-run` what was found is shown, and no gradebook is made."""
    done = school.run("--dry-run")
    assert done.returncode == 0
    assert "4 submissions" in done.stdout
    assert not school.book.exists()


def test_broken_suite_is_the_graders_fault(school: Class) -> None:
    """Where a suite is broken nobody loses points, and the exit code says so."""
    school.suite.write_text("import nothing_of_this_name\n")
    done = school.run()
    assert done.returncode == 3
    assert grades(school)["ada"] == ["-", "100%", "100%"]
    # Mended, it is graded without being asked twice.
    school.suite.write_text(make_class(school.root / "other").suite.read_text())
    assert school.run().returncode == 0
    assert grades(school)["ada"] == ["100%", "100%", "100%"]


def test_hostile_names_are_shown_harmlessly(school: Class) -> None:
    """A folder named like an option or with an escape sequence is a student like any other."""
    school.hand_in("--help", double="2 * x")
    school.hand_in("\x1b[31mred", double="2 * x")
    done = school.run()
    assert done.returncode == 0, done.stderr
    shown = school.gradebook("grades", "--course", "course").stdout
    assert "\x1b" not in done.stdout + shown
    assert "--help" in shown
    assert "\\x1b[31mred" in shown


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--layout", "canvas"), "`class` holds no submissions of the layout `canvas`"),
        (("--gradebook", "class"), "`class` is a folder"),
        (("--roster", "course/course.toml"), "`course.toml`"),
        (("--day", "nope"), "`nope` names no day or exercise here"),
        (("--accept",), "`--accept` is for what `--regrade` finds"),
    ],
)
def test_what_was_typed_wrong_is_named(school: Class, options: tuple[str, ...], said: str) -> None:
    """What cannot be meant is one sentence and exit code 2, and makes no gradebook."""
    done = school.run(*options)
    assert done.returncode == 2, done.stdout
    assert done.stderr.startswith("Error: ")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not school.book.exists()


def test_confinement_is_required_by_default(school: Class) -> None:
    """Without `--require-confinement` a class is graded under confinement at least."""
    command = [word for word in school.command() if word not in {"--require-confinement", "none"}]
    done = school.call(command)
    assert done.returncode in {0, 4}
    if done.returncode == 4:
        assert "confined" in done.stderr
    else:
        assert "graded code is confined" in done.stdout or "sandboxed" in done.stdout


def test_same_files_share_a_result(graded: Class) -> None:
    """Files that somebody else handed in before are not graded a second time."""
    graded.hand_in("dan", double="2 * x")
    assert "0 files graded, 7 as the gradebook had them." in words(graded.run().stdout)
    assert grades(graded)["dan"][0] == "100%"
