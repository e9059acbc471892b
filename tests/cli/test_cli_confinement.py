"""The tier of confinement that is required, on machines that are made weaker for the test."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cli_program import OUTCOMES, ROOT, run, run_on_weaker

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

DAY = Path("day01_outcomes")
RIGHT = "def softmax(x):\n    return x.softmax(-1)\n"
# A confined worker can make no file; the file system tells whether these lines ran.
TOUCH = "import os\nos.close(os.open({!r}, os.O_CREAT | os.O_WRONLY))\n"
EVERYTHING = ("unshare", "landlock_create_ruleset", "seccomp")
GOOD_TESTS = ("--only", "small_logits")


def submit(folder: Path, source: str = RIGHT) -> Path:
    """Write a submission of the softmax exercise into `folder` and return it."""
    (folder / DAY).mkdir(parents=True)
    (folder / DAY / "softmax.py").write_text(source)
    return folder


def course_that_requires(tier: str, folder: Path) -> Path:
    """Copy the course of outcomes into `folder`, with a tier that it requires."""
    shutil.copytree(OUTCOMES, folder, ignore=shutil.ignore_patterns("submission"))
    with (folder / "course.toml").open("a") as file:
        file.write(f'\n[confinement]\nrequired = "{tier}"\n')
    return folder


def check_words(course: Path, workdir: Path, *more: str) -> tuple[str, ...]:
    """Return what to type to grade a submission."""
    return ("check", "softmax", "--course", str(course), "--workdir", str(workdir), *more)


def is_refused(ended: subprocess.CompletedProcess[str]) -> bool:
    """Whether a run ended with 4, one sentence and no verdict."""
    said = re.fullmatch(
        r"Error: this run requires confinement `\w+`, and a worker here gets `\w+`, without .+:"
        r" type `dlcourse doctor` to see what to do\.\n",
        ended.stderr,
    )
    verdicts = [word for word in ("passed", "failed", "error", "%") if word in ended.stdout]
    return ended.returncode == 4 and said is not None and verdicts == []


def test_nothing_of_a_submission_runs_below_the_required_tier(tmp_path: Path) -> None:
    """Code that does run where nothing confines it has not run when the check ends with 4."""
    mark = tmp_path / "ran"
    words = check_words(
        OUTCOMES, submit(tmp_path / "work", TOUCH.format(str(mark)) + RIGHT), *GOOD_TESTS
    )
    ended = run_on_weaker(*words, "--require-confinement", "confined", calls=EVERYTHING)
    assert is_refused(ended)
    assert not mark.exists()
    free = run_on_weaker(*words, calls=EVERYTHING)
    assert (free.returncode, free.stderr) == (0, "")
    assert "not confined: " in free.stdout
    assert mark.exists()


@pytest.mark.parametrize(
    ("calls", "error", "reason"),
    [
        (
            ("unshare", "landlock_create_ruleset"),
            "ENOSYS",
            "`landlock` (`landlock_create_ruleset` failed: Function not implemented)",
        ),
        (("seccomp",), "EPERM", "`seccomp` (`seccomp` failed: Operation not permitted)"),
    ],
)
def test_the_sentence_says_what_is_missing_and_why(
    calls: Sequence[str], error: str, reason: str
) -> None:
    """With `--json` too, the one line that is printed names the layer and the kernel's answer."""
    words = check_words(OUTCOMES, OUTCOMES / "submission", "--json")
    ended = run_on_weaker(*words, "--require-confinement", "confined", calls=calls, error=error)
    assert is_refused(ended)
    assert ended.stdout == ""
    assert "requires confinement `confined`, and a worker here gets `none`" in ended.stderr
    assert reason in ended.stderr


def test_without_namespaces_a_worker_is_not_sandboxed() -> None:
    """Where no namespace can be made, the strongest tier is refused, by the layers' names."""
    words = check_words(OUTCOMES, OUTCOMES / "submission")
    ended = run_on_weaker(
        *words, "--require-confinement", "sandboxed", calls=("unshare", "setns", "mount")
    )
    assert is_refused(ended)
    assert "`namespaces` (" in ended.stderr
    assert "`view` (" in ended.stderr


@pytest.mark.parametrize(("tier", "typed"), [("confined", "none"), ("none", "confined")])
def test_neither_the_course_nor_the_option_lowers_the_other(
    tmp_path: Path, tier: str, typed: str
) -> None:
    """The stronger of both demands holds."""
    course = course_that_requires(tier, tmp_path / "course")
    words = check_words(course, OUTCOMES / "submission", "--require-confinement", typed)
    assert is_refused(run_on_weaker(*words, calls=EVERYTHING))


def test_a_course_that_requires_nothing_is_graded_with_what_there_is(tmp_path: Path) -> None:
    """A check of one's own work asks for no tier, and the report says what held."""
    words = check_words(OUTCOMES, submit(tmp_path), *GOOD_TESTS, "--json")
    ended = run_on_weaker(*words, calls=EVERYTHING)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["confinement"]["tier"] == "none"


def test_a_machine_that_is_strong_enough_grades_as_always(tmp_path: Path) -> None:
    """With the tier reached, points and status are those of any run, and a repeat asks for it."""
    wrong = submit(tmp_path, "def softmax(x):\n    return x\n")
    words = check_words(OUTCOMES, wrong, *GOOD_TESTS)
    if "not confined" in run(*words).stdout:
        pytest.skip("this machine cannot confine graded code")
    ended = run(*words, "--require-confinement", "confined")
    assert (ended.returncode, ended.stderr) == (1, "")
    assert " --require-confinement confined --seed " in ended.stdout


@pytest.mark.parametrize("planted", ["none", "sandboxed"])
@pytest.mark.parametrize("here", [False, True])
def test_a_submission_changes_no_policy(tmp_path: Path, planted: str, *, here: bool) -> None:
    """A `course.toml` that was handed in neither lowers nor raises a demand, wherever one types."""
    course = course_that_requires("confined", tmp_path / "course")
    work = submit(course_that_requires(planted, tmp_path / "work"))
    cwd = work if here else ROOT
    refused = run_on_weaker(*check_words(course, work), calls=EVERYTHING, cwd=cwd)
    assert is_refused(refused)
    assert "requires confinement `confined`" in refused.stderr
    free = run_on_weaker(*check_words(OUTCOMES, work, *GOOD_TESTS), calls=EVERYTHING, cwd=cwd)
    assert (free.returncode, free.stderr) == (0, "")


def test_a_submission_is_not_graded_by_its_own_course(tmp_path: Path) -> None:
    """A course that was handed in is not taken for the one to grade by."""
    work = submit(course_that_requires("none", tmp_path / "work"))
    ended = run("check", "softmax", "--workdir", ".", cwd=work)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"Error: the course in `{work}` lies in `.`, whose files are graded and decide nothing:"
        " name the course with `--course FOLDER`, or leave `--workdir` out.\n"
    )


def test_a_submission_that_cannot_be_read_is_judged_under_the_same_demand(tmp_path: Path) -> None:
    """No report is made of a missing file either, where the tier is not reached."""
    words = check_words(OUTCOMES, tmp_path, "--require-confinement", "confined")
    assert is_refused(run_on_weaker(*words, calls=EVERYTHING))


def test_a_broken_suite_makes_no_report_below_the_tier(tmp_path: Path) -> None:
    """Where no worker was needed, a report still claims no less than what was required."""
    course = course_that_requires("confined", tmp_path / "course")
    (course / "graders" / DAY / "test_softmax.py").write_text("import nowhere\n")
    words = check_words(course, OUTCOMES / "submission", "--json")
    assert is_refused(run_on_weaker(*words, calls=EVERYTHING))
    ended = run(*words)
    if ended.returncode == 4:
        pytest.skip("this machine cannot confine graded code")
    assert ended.returncode == 3
    assert json.loads(ended.stdout)["confinement"]["tier"] != "none"


def test_a_tier_that_is_none_is_answered_with_those_there_are() -> None:
    """A slip in the tier's name ends with 2 and names the tiers."""
    ended = run("check", "all", "--require-confinement", "much")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "Error: `--require-confinement`: `much` is not one of `none`, `confined`, `sandboxed`;"
        " type `dlcourse check --help` to see how it is used.\n"
    )
