"""Seeds: the same for every student of a run, unknown to graded code, repeatable by their owner."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest
from classroom import without_timing

from dlcourse.grading.seeds import MAX_SEED, derive_seed, load_secret, new_run

if TYPE_CHECKING:
    from pathlib import Path

    from classroom import Classroom

    from dlcourse.course import Exercise
    from dlcourse.grading.report import Report

SHOWS_ITS_INPUT = "def double(x):\n    print(x.tolist())\n    return 2 * x\n"
SHOWS_ITS_DRAWS = """
import random
import torch
import numpy

def double(x):
    print(torch.rand(8).tolist(), random.random(), numpy.random.rand())
    return 2 * x
"""
DRAWS_GLOBALLY = """
import random
import torch
import numpy

def test_it(student):
    x = torch.rand(1) + random.random() + numpy.random.rand()
    assert student.double(x) == 2 * x
"""


def graded(classroom: Classroom, exercise: Exercise, source: str, run: int = 1) -> Report:
    """Grade a new submission with a source to an exercise."""
    return classroom.check(classroom.submission((exercise, source)), exercise, run=run)


def outputs(report: Report) -> list[str]:
    """What was printed, test by test."""
    return [test.output for test in report.exercises[0].tests]


def test_a_run_gives_every_student_the_same_inputs(classroom: Classroom) -> None:
    """Two students of a run meet the same numbers; another run has others."""
    exercise = classroom.exercise()
    first = outputs(graded(classroom, exercise, SHOWS_ITS_INPUT))
    second = outputs(graded(classroom, exercise, f"# mine\n{SHOWS_ITS_INPUT}"))
    other = outputs(graded(classroom, exercise, SHOWS_ITS_INPUT, run=2))
    assert first == second
    assert first[0] != other[0]


def test_graded_code_draws_from_seeds_of_its_own(classroom: Classroom) -> None:
    """The worker's generators repeat within a run and tell nothing of the inputs."""
    exercise = classroom.exercise()
    first = outputs(graded(classroom, exercise, SHOWS_ITS_DRAWS))
    assert first == outputs(graded(classroom, exercise, SHOWS_ITS_DRAWS))
    assert len(set(first)) == len(first)
    inputs = outputs(graded(classroom, exercise, SHOWS_ITS_INPUT))[0].strip()
    assert inputs not in first[0]


def test_a_suite_that_draws_globally_is_repeatable_too(classroom: Classroom) -> None:
    """torch, Python and NumPy are seeded for each test, for a suite that does not use `gen`."""
    exercise = classroom.exercise(DRAWS_GLOBALLY)
    first = graded(classroom, exercise, SHOWS_ITS_INPUT)
    assert outputs(first) == outputs(graded(classroom, exercise, SHOWS_ITS_INPUT))
    assert outputs(first) != outputs(graded(classroom, exercise, SHOWS_ITS_INPUT, run=2))


@pytest.mark.parametrize(
    "source",
    [
        "def double(x):\n    return 2 * x\n",
        "def double(x):\n    return 3 * x\n",
        "def double(x):\n    print(x)\n    raise ValueError(x)\n",
        "import os\ndef double(x):\n    os._exit(3)\n",
        "def double(x):\n    return\n",
        "def double(:\n",
    ],
)
def test_equal_runs_differ_in_their_timing_alone(classroom: Classroom, source: str) -> None:
    """The same submission under the same seed gives the same report."""
    exercise = classroom.exercise()
    workdir = classroom.submission((exercise, source))
    first, second = (classroom.check(workdir, exercise).model_dump_json() for _ in range(2))
    assert _bare(first) == _bare(second)


def _bare(text: str) -> object:
    return without_timing(json.loads(text))


def test_seeds_differ_in_every_part_of_their_context() -> None:
    """Run, exercise, test and purpose each change a seed, and so does the secret."""
    contexts = [(1, "a", "t", "inputs"), (2, "a", "t", "inputs"), (1, "b", "t", "inputs")]
    contexts += [(1, "a", "u", "inputs"), (1, "a", "t", "worker"), (1, "at", "", "inputs")]
    seeds = {derive_seed(secret, *context) for context in contexts for secret in (b"x", b"y")}
    assert len(seeds) == 2 * len(contexts)
    assert all(0 <= seed < 1 << 63 for seed in seeds)


def test_a_run_s_number_fits_the_option() -> None:
    """A new run has a number that `--seed` takes."""
    assert 0 <= new_run() < MAX_SEED


def test_the_secret_is_made_once_for_its_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first use writes a secret that only its owner may read, and later uses find it."""
    monkeypatch.delenv("DLCOURSE_SECRET_FILE", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    secret = load_secret()
    assert secret.kept
    (path,) = (tmp_path / "state" / "dlcourse").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_secret() == secret
    path.unlink()
    assert load_secret() != secret


def test_a_secret_of_any_length_is_read_from_the_named_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An instructor's own secret file counts as a whole, and is left as it is."""
    file = tmp_path / "secret"
    file.write_text("correct horse battery staple\n")
    monkeypatch.setenv("DLCOURSE_SECRET_FILE", str(file))
    assert len(load_secret().value) == 32
    assert file.read_text() == "correct horse battery staple\n"


def test_an_empty_secret_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that a full disk left empty does not stop the grader, and is filled."""
    file = tmp_path / "secret"
    file.touch()
    monkeypatch.setenv("DLCOURSE_SECRET_FILE", str(file))
    assert load_secret() == load_secret()
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_without_a_place_for_it_the_secret_lasts_for_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no file can be kept, grading still works, with a secret that nobody knows."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("DLCOURSE_SECRET_FILE", str(tmp_path / "file" / "secret"))
    first, second = load_secret(), load_secret()
    assert first.value != second.value
    assert not first.kept
