"""Where the course stands that a command works on."""

from __future__ import annotations

from pathlib import Path

import pytest
from course_folders import small_course

from dlcourse.course import find_course, location
from dlcourse.errors import UsageError


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand outside every course, with the variable unset and a package that carries none."""
    outside = tmp_path / "outside"
    outside.mkdir()
    monkeypatch.chdir(outside)
    monkeypatch.delenv("DLCOURSE_COURSE", raising=False)
    monkeypatch.setattr(location, "_PACKAGE", tmp_path / "site-packages/dlcourse")


def test_the_option_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is named beats the variable and the current folder."""
    named = small_course(tmp_path / "named").root
    other = small_course(tmp_path / "other").root
    monkeypatch.setenv("DLCOURSE_COURSE", str(other))
    monkeypatch.chdir(other)
    assert find_course(Path("../named")) == named


def test_the_variable_comes_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`DLCOURSE_COURSE` beats the current folder."""
    named = small_course(tmp_path / "named").root
    monkeypatch.setenv("DLCOURSE_COURSE", str(named))
    monkeypatch.chdir(small_course(tmp_path / "other").root)
    assert find_course(None) == named


def test_the_nearest_folder_above_comes_third(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a course, the course is found from any folder; an empty variable is as unset."""
    monkeypatch.setenv("DLCOURSE_COURSE", "")
    outer = small_course(tmp_path / "outer").root
    inner = small_course(outer / "deep/inner").root
    for inside, course in ((outer, outer), (outer / "deep", outer), (inner / "graders", inner)):
        monkeypatch.chdir(inside)
        assert find_course(None) == course


def test_the_course_in_the_wheel_comes_last(tmp_path: Path) -> None:
    """Outside of every course, an installed program falls back to the course that it carries."""
    carried = small_course(tmp_path / "site-packages/dlcourse/_course").root
    assert find_course(None) == carried


def test_the_course_around_the_source_comes_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside of every course, an editable install falls back to its repository."""
    repository = small_course(tmp_path / "repository").root
    monkeypatch.setattr(location, "_PACKAGE", repository / "src/dlcourse")
    assert find_course(None) == repository


def test_a_course_around_an_installed_program_is_not_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel inside another course's virtual environment falls back to what it carries."""
    other = small_course(tmp_path / "other").root
    package = other / ".venv/lib/dlcourse"
    carried = small_course(package / "_course").root
    monkeypatch.setattr(location, "_PACKAGE", package)
    assert find_course(None) == carried


def test_a_named_folder_without_a_course_is_refused(tmp_path: Path) -> None:
    """A wrong `--course` is named, with what was looked for there."""
    with pytest.raises(UsageError) as caught:
        find_course(tmp_path)
    assert str(caught.value) == (
        f"`{tmp_path}` names no course: no `course.toml` stands there;"
        f" create it, or leave `--course {tmp_path}` out."
    )


def test_a_variable_without_a_course_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong variable is named, with the command that takes it away."""
    monkeypatch.setenv("DLCOURSE_COURSE", str(tmp_path))
    with pytest.raises(UsageError) as caught:
        find_course(None)
    assert str(caught.value) == (
        f"`DLCOURSE_COURSE={tmp_path}` names no course: no `course.toml` stands there;"
        " type `unset DLCOURSE_COURSE`."
    )


def test_no_course_anywhere_says_where_it_was_sought(tmp_path: Path) -> None:
    """Where nothing fits, the message names each place and the option.

    A `course.toml` above the package is not enough for a default course.
    """
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages/course.toml").touch()
    with pytest.raises(UsageError) as caught:
        find_course(None)
    assert str(caught.value) == (
        f"no course is found: `{tmp_path}/outside` and the folders above it hold no `course.toml`,"
        f" and `{tmp_path}/site-packages/dlcourse` carries no default course;"
        " name a course with `--course FOLDER`."
    )


@pytest.mark.parametrize("inside", [".", "graders", "deep"])
def test_a_submission_brings_no_course_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    """A course that nobody named is refused where it lies in the submission to be graded."""
    submission = small_course(tmp_path / "submission").root
    (submission / "deep").mkdir()
    monkeypatch.chdir(submission / inside)
    with pytest.raises(UsageError) as refused:
        find_course(None, Path("../submission" if inside == "." else ".."))
    assert str(refused.value).startswith(f"the course in `{submission}` lies in `..")
    assert str(refused.value).endswith(
        "whose files are graded and decide nothing: name the course with `--course FOLDER`, or"
        " leave `--workdir` out."
    )


def test_a_link_to_the_submission_is_seen_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A submission is known by where it lies, not by what it is called."""
    submission = small_course(tmp_path / "submission").root
    (tmp_path / "alias").symlink_to(submission)
    monkeypatch.chdir(submission)
    with pytest.raises(UsageError, match="decide nothing"):
        find_course(None, tmp_path / "alias")


def test_a_course_may_lie_around_the_submission_or_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of the course can be graded, and a course that was named can hold its own work."""
    course = small_course(tmp_path / "course").root
    monkeypatch.chdir(course)
    assert find_course(None, Path("solutions")) == course
    assert find_course(Path(), Path()) == course
    monkeypatch.setenv("DLCOURSE_COURSE", str(course))
    assert find_course(None, Path()) == course
