"""What a learner reads, case by case: submissions to `ppo_loss` and the reports that were agreed.

A case is a folder of `tests/cases/` with a `submission`, which mirrors a learner's tree, and the
`expected.json` that its report must equal, without timing, seed, versions and confinement. What git
cannot keep is made by a `case.toml`:

    links = {"PATH" = "TARGET"}   # symbolic links, in the submission; TARGET as it stands
    pipes = ["PATH"]              # named pipes
    folders = ["PATH"]            # empty folders
    latin1 = ["PATH"]             # files of the submission to be handed in as Latin-1
    only = ["TEST"]               # the tests to run; those of `TESTS` below else

To add a case, add a folder with a submission, and have its expectation written; then read it as a
learner would. A loop that never ends stands on one line, so that the clock always finds it there:

    DLCOURSE_REGENERATE=1 pytest tests/grading/test_cases.py
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from classroom import KEY, Silent, without_timing

from dlcourse.course import load_course
from dlcourse.grading.check import Request, check, hidden_paths
from dlcourse.grading.client import GraderProcess
from dlcourse.grading.job import GraderSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlcourse.grading.report import Report

_ROOT = Path(__file__).parents[2]
_CASES = sorted(path for path in (_ROOT / "tests" / "cases").iterdir() if path.is_dir())
# Enough to see that one test's end is not the others': the first two call with different sizes.
TESTS = (
    "test_loss_matches_its_definition",
    "test_equal_advantages_are_no_news",
    "test_bad_arguments_are_refused",
)
_UNSTABLE = {"confinement", "course", "environment", "format_version", "isolation", "seed"}
_FLOOD = re.compile(r"\d+ more bytes")
# In one tier a file cannot be reached, in another it is not there or cannot be written.
_REFUSED = re.compile(r'(PermissionError|OSError)(: )?(?=\[Errno|")|\[Errno \d+\] [^:"]+(?=:)')


@pytest.fixture(scope="module")
def grader() -> Iterator[GraderProcess]:
    """One grader for all cases, with a short limit for those that never end."""
    course = load_course(_ROOT)
    with GraderProcess() as process:
        settings = GraderSettings(hidden=hidden_paths(course), secret=KEY, least_cpu=1.0)
        process.configure(settings)
        yield process


def _settings(case: Path) -> dict[str, Any]:
    file = case / "case.toml"
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def _hand_in(case: Path, folder: Path) -> Path:
    """Copy the case's submission to a folder, and make there what git cannot keep."""
    settings = _settings(case)
    workdir = folder / "submission"
    if (case / "submission").is_dir():
        shutil.copytree(case / "submission", workdir)
    workdir.mkdir(exist_ok=True)
    for name in settings.get("folders", ()):
        (workdir / name).mkdir(parents=True)
    for name, target in settings.get("links", {}).items():
        (workdir / name).parent.mkdir(parents=True, exist_ok=True)
        (workdir / name).symlink_to(target)
    for name in settings.get("pipes", ()):
        (workdir / name).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(workdir / name)
    for name in settings.get("latin1", ()):
        text = (workdir / name).read_text(encoding="utf-8")
        (workdir / name).write_text(text, encoding="latin-1")
    return workdir


def _stable(report: Report) -> Any:
    """Return the report without what differs from run to run or from machine to machine."""
    text = _REFUSED.sub("[refused]", report.model_dump_json())
    data = without_timing(json.loads(text))
    for exercise in data["exercises"]:
        del exercise["versions"]
        for test in exercise["tests"]:
            # A process that is ended while it prints may have printed any amount.
            test["output"] = _FLOOD.sub("[many] more bytes", _squeezed(test["output"]))
    return {key: value for key, value in data.items() if key not in _UNSTABLE}


def _squeezed(output: str) -> str:
    """Return a long output by its beginning and its last line."""
    if len(output) < 2000:
        return output
    return f"{output[:40]}[...]{output.splitlines()[-1]}"


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.name)
def test_a_learner_reads_what_was_agreed(case: Path, grader: GraderProcess, tmp_path: Path) -> None:
    """The report of each case equals its `expected.json`."""
    course = load_course(_ROOT)
    workdir = _hand_in(case, tmp_path)
    only = tuple(_settings(case).get("only", TESTS))
    request = Request(course, course.resolve("ppo_loss"), workdir, run=1, only=only)
    found = _stable(check(request, grader, Silent()))
    file = case / "expected.json"
    if "DLCOURSE_REGENERATE" in os.environ:
        file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    assert found == json.loads(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.name)
def test_a_case_keeps_the_grader_s_secrets(case: Path) -> None:
    """No agreed report holds a line of the suite or of the solution, or a path of this machine."""
    text = (case / "expected.json").read_text(encoding="utf-8")
    for tree, name in (("graders", "test_ppo_loss"), ("solutions", "ppo_loss")):
        source = (_ROOT / tree / "day24_reinforcement" / f"{name}.py").read_text(encoding="utf-8")
        code = source.split('"""')[-1]
        lines = [line.strip() for line in code.splitlines() if len(line.strip()) > 25]
        assert lines
        assert [line for line in lines if json.dumps(line)[1:-1] in text] == []
    assert str(_ROOT) not in text
