"""Each layout as instructors have it, read as a folder and as an archive."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from zips import tree, zipped

from dlcourse.bulk.submissions import LAYOUTS, Found, find_submissions
from dlcourse.errors import UsageError

_TABLE = tomllib.loads((Path(__file__).parent / "layouts.toml").read_text(encoding="utf-8"))
_CASES: list[dict[str, Any]] = _TABLE["case"]


def files_of(case: dict[str, Any]) -> dict[str, str | bytes]:
    """Return the content of a case's tree by path."""
    files: dict[str, str | bytes] = {name: name for name in case.get("files", [])}
    for name, inside in case.get("zips", {}).items():
        files[name] = zipped({path: path for path in inside})
    return files


def told(found: Found) -> list[dict[str, Any]]:
    """Return what a case says of each submission."""
    submissions = []
    for one in found.submissions:
        said: dict[str, Any] = {"student": one.student, "origin": one.origin}
        said["paths"] = [str(path) for path in one.paths()]
        said |= {"name": one.name} if one.name is not None else {}
        said |= {"late": one.late} if one.late is not None else {}
        assert one.problem is None
        submissions.append(said)
    return submissions


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case["name"])
def test_a_folder_is_read_as_its_layout(tmp_path: Path, case: dict[str, Any]) -> None:
    """Layout, reason, students, their files and what is left out are those of the table."""
    found = find_submissions(tree(tmp_path / "class", files_of(case)))
    assert (found.layout, found.reason) == (case["layout"], case["reason"])
    assert told(found) == case["submissions"]
    assert [list(pair) for pair in found.ignored] == case.get("ignored", [])


@pytest.mark.parametrize(
    "case",
    [case for case in _CASES if not case.get("only_folder")],
    ids=lambda case: case["name"],
)
def test_an_archive_is_read_as_the_folder(tmp_path: Path, case: dict[str, Any]) -> None:
    """The zip archive of a class gives what its folder gives."""
    path = tmp_path / "class.zip"
    path.write_bytes(zipped(files_of(case)))
    found = find_submissions(path)
    assert (found.layout, found.reason) == (case["layout"], case["reason"])
    assert told(found) == case["submissions"]
    ignored = case.get("zip_ignored", case.get("ignored", []))
    assert [list(pair) for pair in found.ignored] == ignored


def test_every_file_can_be_read(tmp_path: Path) -> None:
    """What is read is the content, from a folder, an archive, and an archive in an archive."""
    inner = zipped({"a.py": "in ben's archive"})
    path = tree(tmp_path / "class", {"ada/a.py": "in a folder", "ben.zip": inner})
    whole = tmp_path / "whole.zip"
    whole.write_bytes(zipped({"ada/a.py": "in a folder", "ben.zip": inner}))
    for where in (path, whole):
        ada, ben = find_submissions(where).submissions
        assert ada.read(ada.paths()[0]) == b"in a folder"
        assert ben.read(ben.paths()[0]) == b"in ben's archive"


def test_nothing_is_written(tmp_path: Path) -> None:
    """Reading a class leaves the folder as it was."""
    tree(tmp_path, {"ada/a.py": "", "ben.zip": zipped({"b.py": ""})})
    before = sorted(tmp_path.rglob("*"))
    for one in find_submissions(tmp_path).submissions:
        one.read(one.paths()[0])
    assert sorted(tmp_path.rglob("*")) == before


def test_an_archive_made_of_the_class_folder_is_looked_into(tmp_path: Path) -> None:
    """`class.zip` that holds the folder `class`, as a Mac makes it, is the class in that folder."""
    path = tmp_path / "class.zip"
    path.write_bytes(zipped({"class/ada/a.py": "", "class/ben/a.py": ""}))
    found = find_submissions(path)
    assert [one.student for one in found.submissions] == ["ada", "ben"]
    assert found.submissions[0].origin == "class/ada"


def test_a_single_student_is_a_class(tmp_path: Path) -> None:
    """One folder with folders in it is one student, since nothing says that it is the class."""
    found = find_submissions(tree(tmp_path, {"ada/hw1/a.py": "", "ada/hw2/a.py": ""}))
    assert [one.student for one in found.submissions] == ["ada"]


def test_the_layout_can_be_given(tmp_path: Path) -> None:
    """A layout that was asked for is taken whatever the names say."""
    path = tree(tmp_path, {"exercises/a.py": "", "Ada_1_assignsubmission_file/a.py": ""})
    found = find_submissions(path, layout="folders")
    assert (found.layout, found.reason) == ("folders", "it was asked for")
    assert [one.student for one in found.submissions] == [
        "Ada_1_assignsubmission_file",
        "exercises",
    ]


def test_a_given_layout_is_found_one_folder_further_in(tmp_path: Path) -> None:
    """A platform's export that is wrapped in a folder is found there when it is asked for too."""
    path = tree(tmp_path, {"export/Ada_1_assignsubmission_file/a.py": ""})
    (ada,) = find_submissions(path, layout="moodle").submissions
    assert ada.student == "Ada"


def test_submissions_are_sorted_by_student_time_and_origin(tmp_path: Path) -> None:
    """A student's folder and archive are two submissions, in the order of their names."""
    path = tree(tmp_path, {"ada/a.py": "", "ada.zip": zipped({"a.py": ""}), "Zoe/a.py": ""})
    found = find_submissions(path)
    assert [(one.student, one.origin) for one in found.submissions] == [
        ("Zoe", "Zoe"),
        ("ada", "ada"),
        ("ada", "ada.zip"),
    ]


def test_a_folder_named_like_an_archive_is_a_folder(tmp_path: Path) -> None:
    """`ada.zip` that is a folder keeps its name and its files."""
    (ada,) = find_submissions(tree(tmp_path, {"ada.zip/a.py": "x = 1"})).submissions
    assert (ada.student, ada.problem, ada.read(ada.paths()[0])) == ("ada.zip", None, b"x = 1")


def test_an_empty_folder_is_a_student_with_a_problem(tmp_path: Path) -> None:
    """A student's folder without files is told, from a folder and from an archive."""
    tree(tmp_path / "class", {"ada/": "", "ben/a.py": ""})
    (tmp_path / "class.zip").write_bytes(zipped({"ada/": "", "ben/a.py": ""}))
    for name in ("class", "class.zip"):
        ada, ben = find_submissions(tmp_path / name).submissions
        assert (ada.problem, ben.problem) == ("`ada` holds no file", None)


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"exercises/day24_reinforcement/ppo_loss.py": "", "notes/": ""}, "exercises"),
        ({"day24_reinforcement/ppo_loss.py": ""}, "day24_reinforcement"),
        ({"ppo_loss.py": ""}, "ppo_loss.py"),
        ({".git/config": "", "src/": ""}, ".git"),
    ],
    ids=["exercises", "a day", "a file", "a clone"],
)
def test_a_single_submission_is_no_class(
    tmp_path: Path, files: dict[str, str | bytes], named: str
) -> None:
    """One student's submission is told from a class, and what was expected is said."""
    path = tree(tmp_path / "ada", files)
    with pytest.raises(UsageError) as raised:
        find_submissions(path)
    assert str(raised.value) == (
        f"`{path}` holds no submissions but looks like a single one, since it holds `{named}`:"
        " name the folder above it, or say what it is with `--layout`; expected is a folder or zip"
        " archive for each student (`ada/exercises/day24_reinforcement/ppo_loss.py`, `ben.zip`),"
        " or a download from Canvas, Moodle, Gradescope or GitHub Classroom"
    )


def test_a_folder_without_submissions_is_refused(tmp_path: Path) -> None:
    """A folder with nothing of a student is told so, with the layouts."""
    with pytest.raises(UsageError) as raised:
        find_submissions(tree(tmp_path, {"README.md": ""}))
    message = str(raised.value)
    assert message.startswith(f"`{tmp_path}` holds no submissions: expected is a folder or zip")
    assert message.endswith(f"(layouts: {', '.join(f'`{name}`' for name in LAYOUTS)})")


@pytest.mark.parametrize("layout", ["canvas", "moodle", "zips"])
def test_a_layout_without_submissions_is_refused(tmp_path: Path, layout: str) -> None:
    """A layout that was asked for and fits nothing is named."""
    with pytest.raises(UsageError, match=f"holds no submissions of the layout `{layout}`"):
        find_submissions(tree(tmp_path, {"ada.txt": ""}), layout=layout)


def test_an_unknown_layout_is_refused_with_the_nearest(tmp_path: Path) -> None:
    """A layout that is not known is met with the one that was probably meant."""
    with pytest.raises(UsageError) as raised:
        find_submissions(tmp_path, layout="canvass")
    assert str(raised.value) == "`canvass` is no layout of submissions: did you mean `canvas`?"
    with pytest.raises(UsageError, match="choose one of `canvas`, `folders`, `github`"):
        find_submissions(tmp_path, layout="xyz")


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A mistyped path is one sentence."""
    with pytest.raises(UsageError) as raised:
        find_submissions(tmp_path / "clas\x1bs")
    assert str(raised.value) == (
        f"`{tmp_path}/clas\\x1bs` cannot be opened (No such file or directory): name a folder or a"
        " zip archive of submissions"
    )
    with pytest.raises(UsageError, match="this can be no path"):
        find_submissions("a\0b")


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    """A plain file, and a file that is only named like an archive, are told apart."""
    tree(tmp_path, {"a.py": "", "b.zip": "nothing"})
    with pytest.raises(
        UsageError, match=r"`.*a\.py` is neither a folder nor a zip archive: name a"
    ):
        find_submissions(tmp_path / "a.py")
    with pytest.raises(UsageError, match=r"`.*b\.zip` is refused, since it is no zip archive, or"):
        find_submissions(tmp_path / "b.zip")


def test_the_folder_that_was_typed_may_be_a_link(tmp_path: Path) -> None:
    """The instructor's own path is followed."""
    tree(tmp_path / "real", {"ada/a.py": ""})
    (tmp_path / "link").symlink_to("real")
    (ada,) = find_submissions(tmp_path / "link").submissions
    assert ada.problem is None


def test_metadata_tell_who_and_when(tmp_path: Path) -> None:
    """A group's submission in Gradescope belongs to each submitter, at the time of the metadata."""
    metadata = """\
---
submission_1:
  :submitters:
  - :name: Ada Lovelace
    :email: ada@example.org
    :sid: '1815'
  - :name: Ben King
    :email: ben@example.org
    :sid:
  :created_at: 2026-11-24 18:30:00.514215000 Z
  :score: 3.0
  :status: processed
submission_2:
  :submitters:
  - :name: Grace Hopper
    :email:
    :sid:
  :created_at: 2026-11-24 10:30:00 -08:00
submission_9:
  :submitters: []
  :created_at: soon
"""
    files: dict[str, str | bytes] = {
        "submission_metadata.yml": metadata,
        "submission_1/ppo_loss.py": "",
        "submission_2/gae.py": "",
        "submission_3/gae.py": "",
        "extra/x.py": "",
    }
    tree(tmp_path / "class", {f"assignment_7_export/{name}": files[name] for name in files})
    (tmp_path / "class.zip").write_bytes(zipped(files))
    half_past_six = datetime(2026, 11, 24, 18, 30, 0, tzinfo=UTC)
    for name, where in (("class", "assignment_7_export/"), ("class.zip", "")):
        found = find_submissions(tmp_path / name)
        assert (found.layout, found.reason) == ("gradescope", "there is `submission_metadata.yml`")
        ada, grace, ben, nobody = found.submissions
        assert (ada.student, ada.name, ada.email) == ("1815", "Ada Lovelace", "ada@example.org")
        assert (ben.student, ben.origin) == ("ben@example.org", f"{where}submission_1")
        assert ada.submitted_at == half_past_six.replace(microsecond=514215)
        assert (grace.student, grace.submitted_at) == ("Grace Hopper", half_past_six)
        assert (nobody.student, nobody.name, nobody.submitted_at) == ("submission_3", None, None)
        assert found.ignored == (
            (f"{where}extra", "a folder that no student's submission is named like"),
            (f"{where}submission_9", "in the metadata, but not among the folders"),
            (f"{where}submission_metadata.yml", "the metadata"),
        )
