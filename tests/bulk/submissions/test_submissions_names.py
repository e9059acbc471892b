"""Names that others chose: kept as they are, shown so that they can do nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from dlcourse.bulk.submissions import find_submissions, shown_name

if TYPE_CHECKING:
    from pathlib import Path

_HOSTILE = [
    "--help",
    "-rf",
    "=cmd()",
    "@SUM(1)",
    "<script>alert(1)<",
    "a\nb",
    "\x1b[2J\x1b]0;title\x07",
    "ada\u202efdp.exe",
    "\udcff\udcfe",
    "`rm`",
    "$(rm)",
    " ",
    "~",
    "x" * 255,
    "::set-output name=x::y",
]


@pytest.mark.parametrize("name", _HOSTILE, ids=ascii)
def test_a_name_stays_the_students_identifier(tmp_path: Path, name: str) -> None:
    """The student is called what the folder is called, and messages are safe to print."""
    (tmp_path / name).mkdir()
    (ada,) = find_submissions(tmp_path, layout="folders").submissions
    assert (ada.student, ada.origin) == (name, name)
    assert ada.problem is not None
    assert ada.problem.isprintable()
    ada.problem.encode()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Émilie du Châtelet", "Émilie du Châtelet"),
        ("李雷", "李雷"),
        ("a\x1b[2J", "a\\x1b[2J"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("a\u202eb\u2066", "a\\u202eb\\u2066"),
        ("a\u200bb\u3164", "a\\u200bb\\u3164"),
        ("\udcff", "\\xff"),
        ("\ud800", "\\ud800"),
        ("`x`", "\\x60x\\x60"),
        ("e" + "\u0301" * 5, "e\u0301\u0301\u0301\\u0301\\u0301"),
        ("x" * 121, "x" * 120 + "…"),
        ("", ""),
    ],
    ids=ascii,
)
def test_a_name_is_shown_on_one_line_with_nothing_hidden(name: str, shown: str) -> None:
    """Whatever is not plainly visible is written out."""
    assert shown_name(name) == shown


def test_undecodable_names_are_read(tmp_path: Path) -> None:
    """A file whose name is no UTF-8 is found and read like any other."""
    folder = os.fsencode(tmp_path) + b"/ad\xe9"
    os.mkdir(folder)  # noqa: PTH102 - the name is bytes
    with open(folder + b"/\xff.py", "wb") as file:  # noqa: PTH123 - the name is bytes
        file.write(b"x = 1")
    (ada,) = find_submissions(tmp_path).submissions
    assert (ada.student, shown_name(ada.student)) == ("ad\udce9", "ad\\xe9")
    (path,) = ada.paths()
    assert (shown_name(path), ada.read(path)) == ("\\xff.py", b"x = 1")
