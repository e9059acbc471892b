"""Folders made to do harm: links, pipes, devices, a million files."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest
from zips import tree

from dlcourse.bulk.submissions import find_submissions
from dlcourse.errors import UsageError
from dlcourse.sandbox.files import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN = "only plain files in plain folders are read"
_NOBODY = 65534


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up root's right to open everything for a while."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_students_folder_that_is_a_link_is_a_problem(tmp_path: Path) -> None:
    """A link where the student's folder should be is not followed, wherever it leads."""
    tree(tmp_path / "class", {"ben/a.py": ""})
    (tmp_path / "class/ada").symlink_to("ben")
    (tmp_path / "class/eve").symlink_to("nowhere")
    ada, ben, eve = find_submissions(tmp_path / "class").submissions
    assert ada.problem == f"`ada` is a symbolic link: {_PLAIN}"
    assert eve.problem == f"`eve` is a symbolic link: {_PLAIN}"
    assert (ada.paths(), ben.problem) == ((), None)


def test_an_archive_that_is_a_link_is_a_problem(tmp_path: Path) -> None:
    """A link named like an archive is not followed."""
    tree(tmp_path, {"ben/a.py": ""})
    (tmp_path / "ada.zip").symlink_to("/etc/passwd")
    ada, _ben = find_submissions(tmp_path).submissions
    assert (ada.student, ada.problem) == ("ada", f"`ada.zip` is a symbolic link: {_PLAIN}")


def test_a_folder_on_the_way_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    """Neither listing nor reading goes through a link, also one that came later."""
    tree(tmp_path / "secret", {"a.py": "secret"})
    tree(tmp_path / "class", {"ada/real/a.py": "x = 1", "ada/b.py": ""})
    (tmp_path / "class/ada/linked").symlink_to(tmp_path / "secret")
    (ada,) = find_submissions(tmp_path / "class").submissions
    assert [str(path) for path in ada.paths()] == ["b.py", "real/a.py"]
    assert ada.refused == (f"`ada/linked` is a symbolic link: {_PLAIN}",)
    (tmp_path / "class/ada/real").rename(tmp_path / "class/ada/away")
    (tmp_path / "class/ada/real").symlink_to(tmp_path / "secret")
    with pytest.raises(Unreadable) as raised:
        ada.read(PurePosixPath("real/a.py"))
    assert str(raised.value) == f"`ada/real` is a symbolic link: {_PLAIN}"


def test_what_is_no_file_is_never_opened(tmp_path: Path) -> None:
    """A link, a pipe and a socket in the file's place are named, and reading does not wait."""
    ada = tree(tmp_path / "ada", {"a.py": "", "b.py": "", "c.py": ""})
    (ada / "link.py").symlink_to("a.py")
    os.mkfifo(ada / "pipe.py")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(ada / "socket.py"))
        (one,) = find_submissions(tmp_path).submissions
        assert [str(path) for path in one.paths()] == ["a.py", "b.py", "c.py"]
    for name, kind in (("link", "symbolic link"), ("pipe", "named pipe"), ("socket", "socket")):
        with pytest.raises(Unreadable) as raised:
            one.read(PurePosixPath(f"{name}.py"))
        assert str(raised.value) == f"`ada/{name}.py` is a {kind}: {_PLAIN}"


def test_a_file_that_turns_into_something_else_is_refused(tmp_path: Path) -> None:
    """What was a file when it was found may be a link, a pipe or a folder when it is read."""
    ada = tree(tmp_path / "ada", {"a.py": "", "b.py": "", "c.py": "", "d.py": ""})
    (one,) = find_submissions(tmp_path).submissions
    paths = one.paths()
    for path in paths:
        (ada / path).unlink()
    (ada / "a.py").symlink_to("/etc/passwd")
    os.mkfifo(ada / "b.py")
    (ada / "c.py").mkdir()
    said = []
    for path in paths:
        with pytest.raises(Unreadable) as raised:
            one.read(path)
        said.append(str(raised.value))
    assert said == [
        f"`ada/a.py` is a symbolic link: {_PLAIN}",
        f"`ada/b.py` is a named pipe: {_PLAIN}",
        f"`ada/c.py` is a folder: {_PLAIN}",
        "`ada/d.py` is gone: somebody removed or renamed it",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device: run as root")
def test_a_device_is_refused(tmp_path: Path) -> None:
    """An endless device in the file's place is named and not read."""
    ada = tree(tmp_path / "ada", {"a.py": ""})
    try:
        os.mknod(ada / "zero.py", 0o020644, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("this container may not make devices")
    (one,) = find_submissions(tmp_path).submissions
    with pytest.raises(Unreadable) as raised:
        one.read(PurePosixPath("zero.py"))
    assert str(raised.value) == f"`ada/zero.py` is a device: {_PLAIN}"


def test_a_pipe_among_the_students_is_told(tmp_path: Path) -> None:
    """What lies among the students' folders and is none has a problem, and nothing waits."""
    tree(tmp_path, {"ada/a.py": ""})
    os.mkfifo(tmp_path / "ben")
    os.mkfifo(tmp_path / "zoe.zip")
    _ada, ben, zoe = find_submissions(tmp_path).submissions
    assert ben.problem == f"`ben` is a named pipe: {_PLAIN}"
    assert zoe.problem == f"`zoe.zip` is a named pipe: {_PLAIN}"


def test_folders_that_may_not_be_opened_are_told(tmp_path: Path) -> None:
    """An unreadable folder or file is one sentence, and the others are read."""
    tmp_path.chmod(0o755)
    for folder in (tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(folder.stat().st_mode | 0o011)
    tree(tmp_path, {"ada/a.py": "", "ben/inner/b.py": "", "ben/c.py": "", "ben/d.py": ""})
    for path in ("ada", "ben/inner", "ben/d.py"):
        (tmp_path / path).chmod(0)
    with as_nobody():
        ada, ben = find_submissions(tmp_path).submissions
        assert ada.problem == "`ada` cannot be opened: Permission denied"
        assert ben.refused == ("`ben/inner` cannot be opened: Permission denied",)
        with pytest.raises(Unreadable) as raised:
            ben.read(PurePosixPath("d.py"))
        assert str(raised.value) == "`ben/d.py` cannot be opened: Permission denied"
        assert ben.read(PurePosixPath("c.py")) == b""
        with pytest.raises(UsageError) as refused:
            find_submissions(tmp_path / "ada")
        assert str(refused.value) == f"`{tmp_path}/ada` cannot be opened: Permission denied"
    for path in ("ada", "ben/inner"):
        (tmp_path / path).chmod(0o755)


def test_a_folder_of_too_many_files_is_refused(tmp_path: Path) -> None:
    """Looking stops after twenty thousand entries, in whatever order they come."""
    tree(tmp_path, {"ada/data/": "", "ben/a.py": ""})
    for number in range(20_001):
        os.mknod(tmp_path / f"ada/data/{number}")
    ada, ben = find_submissions(tmp_path).submissions
    assert ada.problem == "`ada/data` holds more than 20,000 entries: hand in source code only"
    assert (ada.paths(), ben.problem) == ((), None)


def test_too_many_files_among_what_is_left_out_cost_nothing(tmp_path: Path) -> None:
    """The files of `.git` and of virtual environments are not counted."""
    tree(tmp_path, {"ada/a.py": "", "ada/.venv/": ""})
    for number in range(20_001):
        os.mknod(tmp_path / f"ada/.venv/{number}")
    (ada,) = find_submissions(tmp_path).submissions
    assert [str(path) for path in ada.paths()] == ["a.py"]


def test_folders_are_entered_twelve_deep(tmp_path: Path) -> None:
    """A file twelve folders down is found; what lies deeper is said to."""
    tree(tmp_path, {"ada/" + "d/" * 12 + "a.py": "", "ada/" + "d/" * 13 + "b.py": ""})
    (ada,) = find_submissions(tmp_path).submissions
    assert [str(path) for path in ada.paths()] == ["d/" * 12 + "a.py"]
    deep = "ada/" + "/".join("d" * 13)
    assert ada.refused == (f"`{deep}` lies too deep: nothing in it is read",)


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    """Reading and refusing leave as many files open as before."""
    tree(tmp_path, {"ada/x/a.py": "", "ben/b.py": "", "ben/c.py": ""})
    (tmp_path / "ada/link").symlink_to("x")
    before = _open_files()
    for one in find_submissions(tmp_path).submissions:
        assert one.problem is None
        if one.student == "ben":
            (tmp_path / "ben/c.py").unlink()
            os.mkfifo(tmp_path / "ben/c.py")
        for path in (*one.paths(), PurePosixPath("link/a.py"), PurePosixPath("gone.py")):
            try:
                one.read(path)
            except Unreadable:
                continue
    assert _open_files() == before


def test_a_path_outside_is_never_read(tmp_path: Path) -> None:
    """Only paths that were found are read, whatever is asked for."""
    tree(tmp_path, {"ada/a.py": "", "secret.txt": "secret"})
    (ada,) = find_submissions(tmp_path).submissions
    for path in ("../secret.txt", str(tmp_path / "secret.txt"), ".", "a.py/../../secret.txt"):
        with pytest.raises(Unreadable, match="is not in the submission"):
            ada.read(PurePosixPath(path))
