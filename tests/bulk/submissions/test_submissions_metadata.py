"""Gradescope's metadata, read without building anything of them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from zips import tree

from dlcourse.bulk.submissions import Found, find_submissions
from dlcourse.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

_FILE = "submission_metadata.yml"
_AGAIN = "export the submissions from Gradescope again"


def found(folder: Path, metadata: str | bytes) -> Found:
    """Return what is found with these metadata beside one submission."""
    tree(folder, {_FILE: metadata, "submission_1/a.py": ""})
    return find_submissions(folder)


def _doubling(levels: int) -> str:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, levels)]
    return "\n".join(lines)


def _merging(levels: int) -> str:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "metadata",
    [_doubling(40), _merging(40), "[" * 500 + "]" * 500, "[" + "x," * 1_000_001 + "]"],
    ids=["aliases", "merges", "depth", "width"],
)
def test_a_bomb_is_refused(tmp_path: Path, metadata: str) -> None:
    """Metadata that would grow without bounds are counted first, which is quick."""
    began = time.process_time()
    with pytest.raises(UsageError) as raised:
        found(tmp_path, metadata)
    assert str(raised.value) == f"`{_FILE}` grows beyond all bounds when it is read: {_AGAIN}"
    assert time.process_time() - began < 20


def test_aliases_are_followed(tmp_path: Path) -> None:
    """Ruby writes an object that occurs twice once, and an alias for it."""
    (ada,) = found(
        tmp_path,
        """\
submission_0:
  :submitters: &people
  - :name: Ada
    :email: ada@example.org
    :sid: "1815"
submission_1:
  :submitters: *people
""",
    ).submissions
    assert (ada.student, ada.email) == ("1815", "ada@example.org")


def test_tags_make_nothing(tmp_path: Path) -> None:
    """A tag that would make an object, or run a program, is passed over."""
    ran = tmp_path / "ran"
    (ada,) = found(
        tmp_path / "class",
        f"""\
submission_1: !ruby/hash:ActiveSupport::HashWithIndifferentAccess
  :submitters:
  - :name: !!python/object/apply:os.system ["touch {ran}"]
    :sid: !ruby/object:Gem::Requirement "7"
  :created_at: !ruby/object:ActiveSupport::TimeWithZone {{utc: 2026-11-24 18:30:00 Z}}
""",
    ).submissions
    assert (ada.student, ada.name, ada.submitted_at) == ("7", None, None)
    assert not ran.exists()


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ("a: [", f"`{_FILE}` is no YAML in line 2: {_AGAIN}"),
        ("a: 1\nb: *x", f"`{_FILE}` is no YAML in line 2: {_AGAIN}"),
        ("a\0", f"`{_FILE}` is no YAML: {_AGAIN}"),
        (b"a: \xff\xfe", f"`{_FILE}` is no YAML: {_AGAIN}"),
        ("a: 1\n---\nb: 2", f"`{_FILE}` is no YAML in line 2: {_AGAIN}"),
        ("", f"`{_FILE}` does not tell submissions by name: {_AGAIN}"),
        ("- submission_1", f"`{_FILE}` does not tell submissions by name: {_AGAIN}"),
    ],
    ids=["syntax", "alias", "control", "bytes", "two documents", "empty", "list"],
)
def test_damaged_metadata_are_refused(tmp_path: Path, metadata: str | bytes, message: str) -> None:
    """What is no YAML is told with its line, and what to do."""
    with pytest.raises(UsageError) as raised:
        found(tmp_path, metadata)
    assert str(raised.value) == message


def test_missing_metadata_are_told(tmp_path: Path) -> None:
    """The layout needs its file when it is asked for, and a link is no file."""
    tree(tmp_path, {"submission_1/a.py": ""})
    with pytest.raises(UsageError) as raised:
        find_submissions(tmp_path, layout="gradescope")
    assert str(raised.value) == (
        f"`{_FILE}` is gone: somebody removed or renamed it: the layout `gradescope` needs"
        f" Gradescope's own `{_FILE}` at the top"
    )
    (tmp_path / _FILE).symlink_to("/dev/zero")
    with pytest.raises(UsageError, match="is a symbolic link: only plain files"):
        find_submissions(tmp_path)


def test_metadata_of_any_other_form_tell_nothing(tmp_path: Path) -> None:
    """Values of unexpected kinds are as if they were not there."""
    for metadata in (
        "submission_1:",
        "submission_1: 3",
        "submission_1: [1]",
        "submission_1: {submitters: 3, created_at: [1]}",
        "submission_1: {submitters: [1, [2], {3: 4}, ~]}",
        "submission_1: {submitters: [{name: [x], sid: ''}]}",
        "? [a]\n: 3",
    ):
        for one in found(tmp_path, metadata).submissions:
            assert (one.student, one.submitted_at) == ("submission_1", None)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2026-11-24 18:30:00.514215678 Z", datetime(2026, 11, 24, 18, 30, 0, 514215, UTC)),
        ("2026-11-24 18:30:00 UTC", datetime(2026, 11, 24, 18, 30, tzinfo=UTC)),
        ("2026-11-24T10:30:00-0800", datetime(2026, 11, 24, 18, 30, tzinfo=UTC)),
        ("'2026-11-24T10:30:00.5-08:00'", datetime(2026, 11, 24, 18, 30, 0, 500000, UTC)),
        ("2026-11-24 18:30:00", None),
        ("2026-02-31 18:30:00 Z", None),
        ("0001-01-01 00:00:00 +10:00", None),
        ("soon", None),
    ],
)
def test_times_are_read_with_their_zone(tmp_path: Path, said: str, meant: datetime | None) -> None:
    """Ruby's and ISO's forms are read; a time without a zone, or that is none, is not guessed."""
    (one,) = found(tmp_path, f"submission_1:\n  :created_at: {said}\n").submissions
    assert one.submitted_at == meant
