"""What a learner's folder remembers, and what happens to a file that cannot be used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dlcourse.course.progress import STATE_FILE, Progress, ProgressFile

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, text: str) -> Path:
    """Write the state file of `folder` and return its path."""
    path = folder / STATE_FILE
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    """The next command finds what the last one kept."""
    kept = ProgressFile(tmp_path)
    kept.keep(kept.progress.updated({"ppo_loss": {"shown": ("hint:1",)}}))
    kept.keep(kept.progress.updated({"ppo_loss": {"misconception": "max-for-min"}}))
    again = ProgressFile(tmp_path)
    assert again.progress == kept.progress
    assert again.progress.of("ppo_loss").shown == ("hint:1",)
    assert again.progress.of("ppo_loss").misconception == "max-for-min"
    assert (kept.complaints, again.complaints) == ([], [])


def test_a_folder_without_the_file_remembers_nothing(tmp_path: Path) -> None:
    """Reading makes no file."""
    kept = ProgressFile(tmp_path)
    assert kept.progress == Progress()
    assert (kept.progress.of("ppo_loss").shown, kept.complaints) == ((), [])
    assert list(tmp_path.iterdir()) == []


def test_the_file_can_be_read_by_a_person(tmp_path: Path) -> None:
    """The file is indented JSON with a version, and nothing else lies beside it."""
    kept = ProgressFile(tmp_path)
    kept.keep(kept.progress.updated({"ppo_loss": {"shown": ("hint:1",)}}))
    assert (tmp_path / STATE_FILE).read_text() == (
        '{\n  "version": 1,\n  "exercises": {\n    "ppo_loss": {\n      "shown": [\n'
        '        "hint:1"\n      ],\n      "misconception": null\n    }\n  }\n}\n'
    )
    assert [path.name for path in (tmp_path / STATE_FILE).parent.iterdir()] == [STATE_FILE.name]


def test_keys_of_a_later_program_are_kept(tmp_path: Path) -> None:
    """A key that is unknown here is written as it was read, at every level."""
    said = {"version": 1, "streak": 3, "exercises": {"a": {"shown": [], "best": 0.5}}}
    path = written(tmp_path, json.dumps(said))
    kept = ProgressFile(tmp_path)
    kept.keep(kept.progress.updated({"a": {"shown": ("hint:1",)}}))
    found = json.loads(path.read_text())
    assert (found["streak"], found["exercises"]["a"]["best"]) == (3, 0.5)
    assert found["exercises"]["a"]["shown"] == ["hint:1"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"version": 0}',
        '{"version": 1, "exercises": 3}',
        '{"version": 1, "exercises": {"a": {"shown": "hint:1"}}}',
        "[" * 100_000,
        '{"version": 1' + " " * (1 << 20) + "}",
    ],
    ids=lambda text: text[:20] or "empty",
)
def test_a_damaged_file_is_set_aside(tmp_path: Path, text: str) -> None:
    """A file that makes no sense is moved away with a sentence, and a new one begins."""
    path = written(tmp_path, text)
    kept = ProgressFile(tmp_path)
    assert kept.progress == Progress()
    (complaint,) = kept.complaints
    assert complaint == (
        f"`{path}` is damaged; it was set aside as `state.damaged.json`, and a new one begins:"
        f" remove it when you have looked at it."
    )
    assert path.with_name("state.damaged.json").read_text() == text
    kept.keep(kept.progress.updated({"a": {"shown": ("hint:1",)}}))
    assert ProgressFile(tmp_path).progress.of("a").shown == ("hint:1",)


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    """A newer program's file is neither read nor written, and the sentence says what to type."""
    path = written(tmp_path, '{"version": 2}')
    kept = ProgressFile(tmp_path)
    kept.keep(kept.progress.updated({"a": {"shown": ("hint:1",)}}))
    assert path.read_text() == '{"version": 2}'
    (complaint,) = kept.complaints
    assert "is of version 2" in complaint
    assert complaint.endswith("type `pip install --upgrade dlcourse`.")


def test_where_nothing_can_be_written_the_work_goes_on(tmp_path: Path) -> None:
    """A folder that takes no file is one sentence, told once, and no exception."""
    (tmp_path / STATE_FILE.parent).write_text("a file stands where the folder should\n")
    kept = ProgressFile(tmp_path)
    for _ in range(2):
        kept.keep(kept.progress.updated({"a": {"shown": ("hint:1",)}}))
    assert kept.progress.of("a").shown == ("hint:1",)
    (complaint,) = kept.complaints
    assert complaint.startswith(f"Nothing can be remembered in `{tmp_path / STATE_FILE.parent}`")


def test_a_file_that_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    """What is no file is told and not replaced."""
    (tmp_path / STATE_FILE).mkdir(parents=True)
    kept = ProgressFile(tmp_path)
    kept.keep(kept.progress.updated({"a": {"shown": ("hint:1",)}}))
    assert (tmp_path / STATE_FILE).is_dir()
    (complaint,) = kept.complaints
    assert "cannot be read" in complaint


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that fails half-way, as on a full disk, leaves what was kept before."""
    path = written(tmp_path, '{"version": 1, "exercises": {"a": {"shown": ["hint:1"]}}}')

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    kept = ProgressFile(tmp_path)
    kept.keep(kept.progress.updated({"a": {"shown": ("hint:1", "hint:2")}}))
    assert "(No space left on device)" in kept.complaints[0]
    assert ProgressFile(tmp_path).progress.of("a").shown == ("hint:1",)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
