"""When a clone's last commit was made, read without trusting the clone."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tracemalloc
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from zips import tree

from dlcourse.bulk.submissions import find_submissions

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git: install it")

_WHEN = datetime(2026, 11, 24, 18, 30, tzinfo=UTC)


def git(folder: Path, *arguments: str) -> None:
    """Run git in `folder` with nobody's configuration, committing at a known time."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_NAME": "Ada" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "ada@example.org" for who in ("AUTHOR", "COMMITTER")},
        "GIT_AUTHOR_DATE": "2026-11-23T08:00:00+0000",
        "GIT_COMMITTER_DATE": "2026-11-24T10:30:00-0800",
    }
    subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True)


def repository(folder: Path) -> Path:
    """Return a repository with a commit, made in `folder`."""
    tree(folder, {"ppo_loss.py": "x = 1\n"})
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=done")
    return folder


def time_of(root: Path) -> datetime | None:
    """Return the time of the only submission in `root`, whose file must still be found."""
    (one,) = find_submissions(root, layout="github").submissions
    assert [str(path) for path in one.paths()] == ["ppo_loss.py"]
    return one.submitted_at


def test_a_new_commit_has_its_committers_time(tmp_path: Path) -> None:
    """A commit that lies in a file of its own is read; the time is in UTC."""
    repository(tmp_path / "ada")
    assert time_of(tmp_path) == _WHEN


def test_a_packed_commit_has_its_time(tmp_path: Path) -> None:
    """After git has tidied up, reference and commit are in packs, and are found there."""
    ada = repository(tmp_path / "ada")
    git(ada, "gc", "--quiet", "--aggressive")
    assert list((ada / ".git/objects/pack").glob("*.idx"))
    assert not (ada / ".git/refs/heads/main").exists()
    assert time_of(tmp_path) == _WHEN


def test_a_fresh_clone_has_its_time(tmp_path: Path) -> None:
    """What `git clone` makes of many commits is read."""
    origin = repository(tmp_path / "origin")
    for number in range(30):
        git(origin, "commit", "--quiet", "--allow-empty", f"--message={number}")
    (tmp_path / "class").mkdir()
    git(tmp_path, "clone", "--quiet", "--no-local", "origin", "class/ada")
    assert time_of(tmp_path / "class") == _WHEN


def test_a_detached_head_has_its_time(tmp_path: Path) -> None:
    """HEAD may name the commit itself."""
    git(repository(tmp_path / "ada"), "checkout", "--quiet", "--detach")
    assert time_of(tmp_path) == _WHEN


def test_a_branch_in_a_folder_has_its_time(tmp_path: Path) -> None:
    """Branches may have slashes in their names."""
    git(repository(tmp_path / "ada"), "checkout", "--quiet", "-b", "hw1/final_2.0")
    assert time_of(tmp_path) == _WHEN


def test_a_repository_without_a_commit_has_no_time(tmp_path: Path) -> None:
    """Nothing was committed, so nothing tells when."""
    tree(tmp_path / "ada", {"ppo_loss.py": ""})
    git(tmp_path / "ada", "init", "--quiet")
    assert time_of(tmp_path) is None


def test_nothing_that_the_clone_names_is_run(tmp_path: Path) -> None:
    """Programs in the configuration, hooks and included files stay untouched."""
    ada = repository(tmp_path / "class/ada")
    ran = tmp_path / "ran"
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand", "filter.x.smudge"):
        git(ada, "config", key, f"touch {ran}")
    git(ada, "config", "include.path", "/dev/zero")
    hook = ada / ".git/hooks/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {ran}\n")
    hook.chmod(0o755)
    assert time_of(tmp_path / "class") == _WHEN
    assert not ran.exists()


def _commit_file(ada: Path) -> Path:
    sha = (ada / ".git/refs/heads/main").read_text().strip()
    return ada / ".git/objects" / sha[:2] / sha[2:]


def _replaced(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def _object(ada: Path, raw: bytes) -> None:
    """Make `raw` the commit of HEAD, under its right name."""
    data = b"commit %d\0" % len(raw) + raw
    sha = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    tree(ada / ".git", {f"objects/{sha[:2]}/{sha[2:]}": zlib.compress(data), "HEAD": sha})


_TREE = b"tree " + b"4b825dc642cb6eb9a060e54bf8d69288fbee4904" + b"\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        _TREE,
        _TREE + b"committer Ada <a@b> 99999999999999999999 +0000\n\n",
        _TREE + b"committer Ada <a@b> soon +0000\n\n",
        _TREE + b"committer Ada\n\n",
        b"\xff" * 40,
        b"x" * (2 << 20),
    ],
    ids=["empty", "no committer", "far future", "no number", "no time", "no text", "too large"],
)
def test_a_commit_of_another_form_has_no_time(tmp_path: Path, raw: bytes) -> None:
    """What is no plain commit is passed over, although its name is right."""
    _object(repository(tmp_path / "ada"), raw)
    assert time_of(tmp_path) is None


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"ref: ../../secret",
        b"ref: refs/heads/../../../secret",
        b"ref: /etc/passwd",
        b"ref: refs/heads/",
        b"ref: refs/heads/.lock",
        b"ref: refs/heads/main\0",
        b"ref: refs/heads/" + b"x" * 5000,
        b"z" * 40,
        b"\xff",
        b"0" * 40,
        b"x" * (2 << 20),
    ],
    ids=lambda head: ascii(head[:30]),
)
def test_a_head_that_leads_nowhere_has_no_time(tmp_path: Path, head: bytes) -> None:
    """HEAD is followed to a branch of this clone only."""
    ada = repository(tmp_path / "ada")
    shutil.copy(ada / ".git/refs/heads/main", tmp_path / "ada/.git/secret")
    (ada / ".git/HEAD").write_bytes(head)
    assert time_of(tmp_path) is None


def test_what_is_no_plain_file_has_no_time(tmp_path: Path) -> None:
    """A link or a pipe for HEAD, the branch or the commit is not opened, and nothing waits."""
    for number, name in enumerate(("HEAD", "refs/heads/main", "commit")):
        for kind in ("link", "pipe", "folder"):
            root = tmp_path / f"{number}{kind}"
            ada = repository(root / "ada")
            path = _commit_file(ada) if name == "commit" else ada / ".git" / name
            path.rename(tmp_path / "moved")
            if kind == "link":
                path.symlink_to(tmp_path / "moved")
            elif kind == "pipe":
                os.mkfifo(path)
            else:
                path.mkdir()
            assert time_of(root) is None


def test_a_git_folder_that_is_no_folder_has_no_time(tmp_path: Path) -> None:
    """A `.git` that is a link, or a file that names another place, is no clone."""
    real = repository(tmp_path / "real/ada")
    linked = tree(tmp_path / "linked/ada", {"ppo_loss.py": ""})
    (linked / ".git").symlink_to(real / ".git")
    named = tree(tmp_path / "named/ada", {"ppo_loss.py": ""})
    (named / ".git").write_text(f"gitdir: {real}/.git\n")
    assert time_of(tmp_path / "linked") is None
    assert time_of(tmp_path / "named") is None
    assert find_submissions(tmp_path / "linked").layout == "folders"


def test_a_commit_that_unpacks_without_end_has_no_time(tmp_path: Path) -> None:
    """A commit of a hundred mebibytes of zeros is given up after the first."""
    ada = repository(tmp_path / "ada")
    _replaced(_commit_file(ada), zlib.compress(b"commit 104857600\0" + b"\0" * (100 << 20)))
    tracemalloc.start()
    try:
        assert time_of(tmp_path) is None
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_commit_under_another_name_has_no_time(tmp_path: Path) -> None:
    """A commit that was changed no longer has its name, and is not believed."""
    ada = repository(tmp_path / "ada")
    path = _commit_file(ada)
    raw = zlib.decompress(path.read_bytes())
    _replaced(path, zlib.compress(raw.replace(b"1795", b"1695")))
    assert time_of(tmp_path) is None


def test_a_damaged_pack_is_no_exception(tmp_path: Path) -> None:
    """Every hundredth byte of index and pack is spoiled in turn: the right time or none comes."""
    ada = repository(tmp_path / "ada")
    git(ada, "gc", "--quiet")
    for ending in ("*.idx", "*.pack"):
        (path,) = (ada / ".git/objects/pack").glob(ending)
        whole = path.read_bytes()
        places = range(0, len(whole), 7 if ending == "*.pack" else 13)
        for place in places:
            _replaced(path, whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
            assert time_of(tmp_path) in {_WHEN, None}
        _replaced(path, b"")
        assert time_of(tmp_path) is None
        _replaced(path, whole)
    assert time_of(tmp_path) == _WHEN


def test_a_class_with_a_clone_in_it_needs_no_hyphens(tmp_path: Path) -> None:
    """One clone alone keeps its folder's name, and what may be the login are its aliases."""
    repository(tmp_path / "hw1-ada-l")
    (one,) = find_submissions(tmp_path).submissions
    assert (one.student, one.aliases) == ("hw1-ada-l", ("hw1-ada-l", "ada-l", "l"))
