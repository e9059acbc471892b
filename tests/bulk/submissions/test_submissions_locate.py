"""Where the files of an exercise are found in a submission."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from zips import Entry, crafted, tree, zipped

from dlcourse.bulk.submissions import Submission, find_submissions, locate
from dlcourse.course import Exercise
from dlcourse.sandbox.files import Unreadable

_TABLE = tomllib.loads((Path(__file__).parent / "locations.toml").read_text(encoding="utf-8"))
_CASES: list[dict[str, Any]] = _TABLE["case"]
_PPO_LOSS = Exercise(
    root=Path("course"),
    day="day24_reinforcement",
    weight=1.0,
    name="ppo_loss",
    title="The clipped loss of PPO",
    difficulty=3,
    minutes=40,
    files=("rollouts.py",),
    hints=("a nudge", "a longer nudge", "nearly the answer"),
)


def submission(root: Path, files: list[str], layout: str) -> Submission:
    """Return a submission that holds `files`, those below `NAME.zip/` in archives."""
    prefix = "ada_1_2_" if layout == "canvas" else "ada/"
    content: dict[str, str | bytes] = {}
    archives: dict[str, dict[str, str | bytes]] = {}
    for name in files:
        outer, packed, inner = name.partition(".zip/")
        if packed:
            archives.setdefault(f"{prefix}{outer}.zip", {})[inner] = name
        else:
            content[prefix + name] = name
    content |= {name: zipped(inside) for name, inside in archives.items()}
    (ada,) = find_submissions(tree(root, content), layout=layout).submissions
    return ada


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case["name"])
def test_the_files_of_an_exercise_are_found(tmp_path: Path, case: dict[str, Any]) -> None:
    """The file that is meant is chosen as the table says, or the choice is refused."""
    ada = submission(tmp_path, case["files"], case.get("layout", "folders"))
    if "refused" in case:
        with pytest.raises(Unreadable) as raised:
            locate(ada, _PPO_LOSS)
        assert str(raised.value) == case["refused"]
        return
    found = locate(ada, _PPO_LOSS)
    assert {name: str(path) for name, path in found.items()} == case["found"]
    assert list(found)[:1] in ([], ["ppo_loss"])
    for path in found.values():
        assert ada.read(path) == str(path).encode()


def test_a_link_in_the_files_place_is_told(tmp_path: Path) -> None:
    """A stub that is a link is refused rather than missing, or found elsewhere."""
    tree(tmp_path, {"ada/exercises/day24_reinforcement/": "", "ada/ppo_loss.py": ""})
    (tmp_path / "ada/exercises/day24_reinforcement/ppo_loss.py").symlink_to("/etc/passwd")
    (ada,) = find_submissions(tmp_path).submissions
    with pytest.raises(Unreadable) as raised:
        locate(ada, _PPO_LOSS)
    assert str(raised.value) == (
        "`ada/exercises/day24_reinforcement/ppo_loss.py` is a symbolic link: only plain files in"
        " plain folders are read"
    )


@pytest.mark.parametrize("name", ["exercises", "exercises/day24_reinforcement"])
def test_a_link_above_the_files_place_is_told(tmp_path: Path, name: str) -> None:
    """A folder of the course that is a link is refused, not passed over as empty."""
    tree(tmp_path / "away", {"day24_reinforcement/ppo_loss.py": "", "ppo_loss.py": ""})
    ada = tree(tmp_path / "class/ada", {"gae.py": ""})
    (ada / name).parent.mkdir(exist_ok=True)
    (ada / name).symlink_to(tmp_path / "away")
    (one,) = find_submissions(tmp_path / "class").submissions
    with pytest.raises(Unreadable, match=f"`ada/{name}` is a symbolic link"):
        locate(one, _PPO_LOSS)


def test_a_link_that_has_nothing_to_do_with_it_costs_nothing(tmp_path: Path) -> None:
    """A submission with a link elsewhere, in which the file is missing, was not handed in."""
    ada = tree(tmp_path / "ada", {"gae.py": ""})
    (ada / "data").symlink_to("/")
    os.mkfifo(ada / "pipe")
    (one,) = find_submissions(tmp_path).submissions
    assert locate(one, _PPO_LOSS) == {}


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (
            {"ada/hw.zip": crafted([Entry(b"../x.py")])},
            "`hw.zip` is refused, since its entry `../x",
        ),
        ({"ada.zip": b"PK"}, "`ada.zip` is refused, since it is no zip archive"),
        ({"ada/hw.tar.gz": b""}, "`hw.tar.gz` is an archive of a kind that is not opened: hand in"),
    ],
    ids=["in a folder", "the whole submission", "another kind"],
)
def test_a_refused_archive_may_hide_the_file(
    tmp_path: Path, files: dict[str, str | bytes], sentence: str
) -> None:
    """Where an archive was refused, a missing file is not taken for one not handed in."""
    (ada,) = find_submissions(tree(tmp_path, files)).submissions
    with pytest.raises(Unreadable) as raised:
        locate(ada, _PPO_LOSS)
    assert str(raised.value).startswith(sentence)


def test_a_refused_archive_beside_the_file_costs_nothing(tmp_path: Path) -> None:
    """What is there is found, whatever lies beside it."""
    files: dict[str, str | bytes] = {"ada/ppo_loss.py": "x = 1", "ada/hw.zip": b"PK"}
    (ada,) = find_submissions(tree(tmp_path, files)).submissions
    assert locate(ada, _PPO_LOSS) == {"ppo_loss": PurePosixPath("ppo_loss.py")}


def test_a_names_trick_is_shown(tmp_path: Path) -> None:
    """Folders with escapes in their names are safe in the sentence."""
    files = {f"ada/{folder}/ppo_loss.py": "" for folder in ("a\x1b[2J", "b\u202e")}
    (ada,) = find_submissions(tree(tmp_path, files)).submissions
    with pytest.raises(Unreadable) as raised:
        locate(ada, _PPO_LOSS)
    assert str(raised.value).startswith("`a\\x1b[2J/ppo_loss.py` and `b\\u202e/ppo_loss.py` could")
