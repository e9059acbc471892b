"""The roster of a class, and whose a submission is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from zips import tree

from dlcourse.bulk.submissions import (
    Entry,
    Found,
    Roster,
    Submission,
    find_submissions,
    match_all,
    read_roster,
)
from dlcourse.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def roster(folder: Path, text: str | bytes) -> Roster:
    """Return the roster that `text` is."""
    path = tree(folder, {"roster.csv": text}) / "roster.csv"
    return read_roster(path)


@pytest.mark.parametrize(
    "text",
    [
        "student,name,email,section,canvas\nal,Ada Lovelace,a@x.org,A,4321\nbk,,,,\n",
        "\ufeffstudent;name;email;section;canvas\r\nal;Ada Lovelace;a@x.org;A;4321\r\nbk;;;;\r\n",
        "\n Student\tNAME\temail\tsection\tCanvas\nal\t Ada Lovelace \ta@x.org\tA\t4321\n\nbk\n",
        'student,name,email,section,canvas,\n"al","Ada Lovelace","a@x.org","A","4321",\nbk\n',
    ],
    ids=["commas", "a mark and semicolons", "tabs and blanks", "quotes and an empty column"],
)
def test_every_usual_form_of_csv_is_read(tmp_path: Path, text: str) -> None:
    """Separator, byte-order mark, line ends and blanks do not matter."""
    read = roster(tmp_path, text)
    assert read.entries == (
        Entry("al", "Ada Lovelace", "a@x.org", "A", {"canvas": "4321"}),
        Entry("bk"),
    )
    assert read.columns == ("student", "email", "canvas")


def test_names_with_separators_are_quoted(tmp_path: Path) -> None:
    """A field in quotes may hold separators and new lines, and lines are counted as they stand."""
    text = 'student,name\nal,"Lovelace, Ada"\nbk,"King\nBen"\n,x\n'
    with pytest.raises(UsageError, match="line 5 has an empty `student`"):
        roster(tmp_path, text)
    assert [one.name for one in roster(tmp_path, text[:-3]).entries] == [
        "Lovelace, Ada",
        "King\nBen",
    ]


_REFUSED = {
    "no key column": (
        "name,email\nAda,a@x.org\n",
        "line 1 has no column `student`: add it, with a key for each student",
    ),
    "a mistyped column": (
        "\nstudents,name\nal,Ada\n",
        "line 2 has no column `student`: rename `students`",
    ),
    "empty": ("", "line 1 has no column `student`: add it, with a key for each student"),
    "no student": ("student,name\n", "lists no student: add a line for each below the header"),
    "a column twice": (
        "student,canvas,Canvas\n",
        "line 1 has the column `canvas` twice: rename one",
    ),
    "an empty key": (
        "student,name\nal,Ada\n ,Ben\n",
        "line 3 has an empty `student`: give the student a key",
    ),
    "a key twice": (
        "student\nal\nbk\nal\n",
        "line 4 has the `student` `al` of line 2 again: give each student their own",
    ),
    "a key twice in another case": (
        "student\nal\nAL\n",
        "line 3 has the `student` `AL` of line 2 again: give each student their own",
    ),
    "an identifier twice": (
        "student,github\nal,ada\nbk,Ada\n",
        "line 3 has the `github` `Ada` of line 2 again: give each student their own",
    ),
    "an address twice": (
        "student,email\nal,a@x.org\nbk,a@x.org\n",
        "line 3 has the `email` `a@x.org` of line 2 again: give each student their own",
    ),
    "too many fields": (
        "student,name\nal,Lovelace, Ada\n",
        "line 2 has 3 fields, but the header has 2: put fields with a separator inside into quotes",
    ),
    "an open quote": (
        'student,name\nal,"Ada\n',
        "line 2 is no CSV (unexpected end of data): correct the quotes there",
    ),
    "no UTF-8": (
        "student,name\nal,Ada\nec,Émilie\n".encode("latin-1"),
        "line 3 is not UTF-8: save it as CSV in UTF-8",
    ),
    "an escape": (
        "student\na\x1b[2J\na\x1b[2J\n",
        "line 3 has the `student` `a\\x1b[2J` of line 2 again: give each student their own",
    ),
}


@pytest.mark.parametrize(("text", "message"), _REFUSED.values(), ids=_REFUSED)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    """The sentence names the file, the line and what to do."""
    with pytest.raises(UsageError) as raised:
        roster(tmp_path, text)
    assert str(raised.value) == f"`roster.csv` {message}"


def test_a_roster_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A missing, wrong or huge file is one sentence."""
    with pytest.raises(UsageError) as raised:
        read_roster(tmp_path / "roster.csv")
    assert str(raised.value) == (
        f"`{tmp_path}/roster.csv` cannot be read (No such file or directory): name a CSV file of"
        " the class"
    )
    with pytest.raises(UsageError, match=r"cannot be read \(Is a directory\)"):
        read_roster(tmp_path)
    with pytest.raises(UsageError, match=r"`roster\.csv` is larger than 16 MiB: name a CSV file"):
        roster(tmp_path, b"student\n" * (3 << 20))


@pytest.mark.parametrize("key", ["--help", "=cmd()", "a/b", "../x", "<script>", "\u202ex", "."])
def test_hostile_keys_are_kept(tmp_path: Path, key: str) -> None:
    """Keys are text; nothing is made of them here."""
    (entry,) = roster(tmp_path, f"student\n{key}\n").entries
    assert entry.student == key


_CLASS = """\
student,name,email,canvas,moodle,github,sis
al,Ada Lovelace,ada@x.org,4321,,ada-l,1815
ec,"Châtelet, Émilie du",emilie@x.org,,777,,
gh,Grace Hopper,grace@x.org,17,,ghopper,1906
b1,Ben King,,,,,
b2,Ben King,,,,,
4321,Nobody Else,,,,,
"""


def named(student: str, layout: str = "folders", **more: object) -> Submission:
    """Return a submission of somebody."""
    return Submission(student, student, layout, parts=(), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("submission", "key"),
    [
        (named("al"), "al"),
        (named("AL"), "al"),
        (named(" al "), "al"),
        (named("4321"), "4321"),
        (named("4321", "canvas"), "al"),
        (named("ada@x.org"), "al"),
        (named("1815", "gradescope"), "al"),
        (named("9", "gradescope", email="GRACE@x.org"), "gh"),
        (named("hw1-ada-l", "github", aliases=("hw1-ada-l", "ada-l", "l")), "al"),
        (named("Émilie du Châtelet", "moodle", aliases=("x_777", "777")), "ec"),
        (named("Ada Lovelace"), "al"),
        (named("Lovelace, Ada"), "al"),
        (named("lovelace_ada"), "al"),
        (named("du Chatelet Emilie"), "ec"),
        (named("7", "canvas", aliases=("hoppergrace",)), "gh"),
        (named("5", "gradescope", name="grace hopper"), "gh"),
        (named("Ben King"), None),
        (named("Adalbert Love"), None),
        (named("l"), None),
        (named(""), None),
        (named("李雷"), None),
    ],
    ids=lambda value: value.student if isinstance(value, Submission) else str(value),
)
def test_a_submission_is_matched(tmp_path: Path, submission: Submission, key: str | None) -> None:
    """The layout's column comes first, then the key, addresses, other columns and unique names."""
    entry = roster(tmp_path, _CLASS).match(submission)
    assert (entry and entry.student) == key


def test_what_is_left_over_is_told(tmp_path: Path) -> None:
    """Unknown submissions, students without one, and students with two names are listed."""
    folders = ("al", "Ada Lovelace", "gh", "eve", "Ben King")
    found = find_submissions(tree(tmp_path / "class", {f"{name}/a.py": "" for name in folders}))
    matched = match_all(found, roster(tmp_path, _CLASS))
    assert [(one.student, entry.student) for one, entry in matched.pairs] == [
        ("Ada Lovelace", "al"),
        ("al", "al"),
        ("gh", "gh"),
    ]
    assert [one.student for one in matched.unknown] == ["Ben King", "eve"]
    assert [entry.student for entry in matched.missing] == ["ec", "b1", "b2", "4321"]
    ((entry, called),) = matched.shared
    assert (entry.student, called) == ("al", ("Ada Lovelace", "al"))


def test_two_submissions_of_one_name_are_one_students(tmp_path: Path) -> None:
    """A student who handed in twice is no suspicion."""
    found = Found("folders", "", (named("al"), named("al")), ())
    matched = match_all(found, roster(tmp_path, _CLASS))
    assert (len(matched.pairs), matched.shared) == (2, ())
