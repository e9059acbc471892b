"""How a submission's files are opened."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path, PurePosixPath

import pytest

from dlcourse.sandbox.files import MAX_SOURCE, Unreadable, read_source


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A submission with one honest file, next to a secret that is not part of it."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.py").write_text("secret = 1\n")
    folder = tmp_path / "submission"
    (folder / "day01" / "inner").mkdir(parents=True)
    (folder / "day01" / "inner" / "work.py").write_text("x = 1\n")
    return folder


def refusal(root: Path, name: str) -> str:
    """The sentence with which a file is refused."""
    with pytest.raises(Unreadable) as refused:
        read_source(root, PurePosixPath(name))
    return str(refused.value)


def test_a_regular_file_is_read(root: Path) -> None:
    """A file in plain folders gives its text."""
    assert read_source(root, PurePosixPath("day01/inner/work.py")) == "x = 1\n"


def test_the_folder_itself_may_be_reached_through_a_link(root: Path) -> None:
    """The folder is the grader's own choice, so a link to it is followed."""
    link = root.parent / "link"
    link.symlink_to(root)
    assert read_source(link, PurePosixPath("day01/inner/work.py")) == "x = 1\n"


def test_a_byte_order_mark_is_no_part_of_the_source(root: Path) -> None:
    """What Windows editors put before the text is taken away."""
    (root / "work.py").write_bytes(b"\xef\xbb\xbfx = 1\n")
    assert read_source(root, PurePosixPath("work.py")) == "x = 1\n"


@pytest.mark.parametrize("level", ["day01", "day01/inner", "day01/inner/work.py"])
def test_a_link_at_any_level_is_refused_by_name(root: Path, level: str) -> None:
    """Neither the file nor a folder above it may be a symbolic link, even to a good one."""
    place = root / level
    place.rename(root / "moved")
    place.symlink_to(root / "moved")
    assert refusal(root, "day01/inner/work.py").startswith(f"`{level}` is a symbolic link: put ")


def test_a_link_to_a_secret_does_not_show_it(root: Path) -> None:
    """The refusal holds nothing of the file behind the link."""
    (root / "work.py").symlink_to(root.parent / "outside" / "secret.py")
    assert "secret" not in refusal(root, "work.py")


def test_a_named_pipe_is_refused_without_waiting(root: Path) -> None:
    """A FIFO that nobody writes to does not hold the grader."""
    os.mkfifo(root / "work.py")
    assert "`work.py` is a named pipe" in refusal(root, "work.py")


def test_a_socket_is_refused(root: Path) -> None:
    """A socket is named as what it is."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "work.py"))
        assert "`work.py` is a socket" in refusal(root, "work.py")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
def test_a_device_is_refused(root: Path) -> None:
    """A device, here one without end, is not read."""
    os.mknod(root / "work.py", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    assert "`work.py` is a device" in refusal(root, "work.py")


def test_a_folder_in_place_of_the_file_is_refused(root: Path) -> None:
    """A folder with the file's name is named as a folder."""
    (root / "work.py").mkdir()
    assert "`work.py` is a folder" in refusal(root, "work.py")


def test_a_file_in_place_of_a_folder_is_refused(root: Path) -> None:
    """A file where the path needs a folder is named, with what to do."""
    (root / "day02").write_text("")
    assert refusal(root, "day02/work.py") == (
        "`day02` is a file: put a folder of this name in its place"
    )


def test_a_missing_file_is_named(root: Path) -> None:
    """The sentence names the part of the path that is missing."""
    assert "`day03` does not exist" in refusal(root, "day03/work.py")


def test_a_missing_submission_is_told(tmp_path: Path) -> None:
    """A folder that is not there gives a sentence, no traceback."""
    assert "cannot be read: No such file" in refusal(tmp_path / "nowhere", "work.py")


@pytest.mark.parametrize("name", ["../outside/secret.py", "day01/../../outside/secret.py", "."])
def test_a_path_out_of_the_submission_is_refused(root: Path, name: str) -> None:
    """Two dots lead nowhere, and neither does no name at all."""
    assert "does not lie in the submission" in refusal(root, name)


def test_an_absolute_path_is_refused(root: Path) -> None:
    """A path from the root of the machine is not opened."""
    assert "does not lie" in refusal(root, str(root.parent / "outside" / "secret.py"))


def test_a_name_that_the_system_does_not_take_is_told(root: Path) -> None:
    """Whatever else the system says of a file becomes the sentence."""
    assert "File name too long" in refusal(root, "x" * 300 + ".py")


def test_the_largest_source_is_read_and_one_byte_more_is_not(root: Path) -> None:
    """The bound is exact, and stated in the refusal."""
    (root / "work.py").write_bytes(b"#" * MAX_SOURCE)
    assert len(read_source(root, PurePosixPath("work.py"))) == MAX_SOURCE
    (root / "work.py").write_bytes(b"#" * (MAX_SOURCE + 1))
    assert "larger than 256 KiB" in refusal(root, "work.py")


def test_a_sparse_giant_is_not_read_whole(root: Path) -> None:
    """A file that says it holds a terabyte is refused after the bound."""
    with (root / "work.py").open("wb") as file:
        file.truncate(1 << 40)
    assert "larger than 256 KiB" in refusal(root, "work.py")


def test_a_file_that_is_not_utf8_is_told_with_its_line(root: Path) -> None:
    """The sentence says where the first bad byte is."""
    (root / "work.py").write_bytes(b"x = 1\n# caf\xe9\n")
    assert "is not UTF-8 text (line 2)" in refusal(root, "work.py")


def test_no_descriptor_stays_open(root: Path) -> None:
    """Reading and refusing, at every level, close what they open."""
    (root / "link").symlink_to(root / "day01")
    before = len(list(Path("/proc/self/fd").iterdir()))
    read_source(root, PurePosixPath("day01/inner/work.py"))
    for name in ("link/inner/work.py", "day01/none/work.py", "day01/inner", "nothing"):
        refusal(root, name)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
