"""`dlcourse hint`, run for real in a learner's folder."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from cli_program import OUTCOMES, ROOT, environment, run

from dlcourse.cli.checking import _remember
from dlcourse.course import load_course
from dlcourse.course.progress import STATE_FILE, ProgressFile
from dlcourse.grading.report import Misconception
from dlcourse.reports.document import from_json

if TYPE_CHECKING:
    from pathlib import Path

    from dlcourse.grading.report import Report

TIDY = ROOT / "tests" / "audit" / "cases" / "tidy"
REPORT = ROOT / "tests" / "reports" / "golden" / "outcomes" / "report.json"
FITTING = {"version": 1, "exercises": {"row_sum": {"misconception": "first-axis"}}}
HINTS = ("Which axis goes?", "Count the axes from the end", "Sum over the last axis with")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A course in which a learner works; its exercise is `row_sum`."""
    return shutil.copytree(TIDY, tmp_path / "course")


def fit(folder: Path) -> None:
    """Let the last check have looked like a planted mistake."""
    (folder / STATE_FILE).parent.mkdir(exist_ok=True)
    (folder / STATE_FILE).write_text(json.dumps(FITTING))


def hint(folder: Path, *words: str, name: str = "row_sum") -> str:
    """Run `dlcourse hint` and return its output on one line."""
    ended = run("hint", name, *words, cwd=folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    return " ".join(ended.stdout.split())


def test_each_call_gives_one_hint_more(folder: Path) -> None:
    """Three calls give three hints in order, each alone; the fourth says that there are no more."""
    shown = [hint(folder) for _ in HINTS]
    for place, text in enumerate(shown):
        assert [words in text for words in HINTS] == [place == other for other in range(3)]
    assert shown[0].endswith(
        "Hint 1 of 3. Try it: `dlcourse check row_sum` One more: `dlcourse hint row_sum`"
    )
    assert shown[2].endswith("Hint 3 of 3: there are no more. Try it: `dlcourse check row_sum`")
    assert hint(folder) == (
        "All hints for `row_sum` are shown: type `dlcourse hint row_sum --again` for the last of"
        " them, `--reset` to begin anew, or `dlcourse check row_sum`."
    )


def test_the_fitting_mistake_comes_first(folder: Path) -> None:
    """After a check that looks like a mistake, its hint comes next, once, then the others."""
    hint(folder)
    state = json.loads((folder / STATE_FILE).read_text())
    state["exercises"]["row_sum"]["misconception"] = "first-axis"
    (folder / STATE_FILE).write_text(json.dumps(state))
    first = hint(folder)
    assert "Likely: The first axis was summed, not the last." in first
    assert "Hint: Rows run along the last axis." in first
    assert "Read: day01_sums/day01_001_axes #axes-1" in first
    assert "Your last check looks like this mistake. Try it: `dlcourse check row_sum`" in first
    assert HINTS[1] in hint(folder)


def test_a_mistake_that_the_course_has_no_more_is_passed_over(folder: Path) -> None:
    """A remembered mistake without a place in the course is no error."""
    fit(folder)
    (folder / "graders/day01_sums/row_sum.mistakes.toml").unlink()
    assert HINTS[0] in hint(folder)


def test_the_last_hint_can_be_read_again(folder: Path) -> None:
    """`--again` repeats what was shown last and moves nothing on."""
    fit(folder)
    texts = [hint(folder), hint(folder)]
    assert hint(folder, "--again") == texts[1]
    assert hint(folder, "--again") == texts[1]
    assert HINTS[1] in hint(folder)


def test_hints_can_begin_anew(folder: Path) -> None:
    """`--reset` forgets what was shown, and still knows the fitting mistake."""
    fit(folder)
    texts = [hint(folder), hint(folder)]
    said = hint(folder, "--reset")
    assert said == "The hints for `row_sum` begin anew: type `dlcourse hint row_sum`."
    assert [hint(folder), hint(folder)] == texts


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("row_sum", "--again"), "no hint for `row_sum` was shown yet: type `dlcourse hint row_s"),
        (("row_sums",), "`row_sums` names no day or exercise here: did you mean `row_sum`?"),
        (("row_sum", "--again", "--reset"), "`--again` and `--reset` exclude each other"),
    ],
)
def test_what_cannot_be_hinted_is_told(folder: Path, words: tuple[str, ...], sentence: str) -> None:
    """What names no hint is one sentence on the error output."""
    ended = run("hint", *words, cwd=folder)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert sentence in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_several_exercises_have_no_hint(folder: Path) -> None:
    """A name of more than one exercise asks which; a day of one exercise names it."""
    assert HINTS[0] in hint(folder, name="day1")
    ended = run("hint", "all", cwd=ROOT)
    assert ended.returncode == 2
    count = len(load_course(ROOT).exercises)
    due = f"`all` holds {count} exercises: name one of those that `dlcourse list all` shows."
    assert due in ended.stderr


def test_a_folder_that_takes_no_file_gives_hints(folder: Path) -> None:
    """Where nothing can be remembered the hint is shown, and a sentence says why it repeats."""
    (folder / STATE_FILE.parent).write_text("no folder\n")
    for _ in range(2):
        ended = run("hint", "row_sum", cwd=folder)
        assert ended.returncode == 0
        assert HINTS[0] in ended.stdout
        assert ended.stderr.startswith("Nothing can be remembered in `")


def test_a_damaged_file_is_no_traceback(folder: Path) -> None:
    """A state file that makes no sense is set aside with one sentence."""
    fit(folder)
    (folder / STATE_FILE).write_text("{")
    ended = run("hint", "row_sum", cwd=folder)
    assert ended.returncode == 0
    assert HINTS[0] in ended.stdout
    assert "is damaged; it was set aside" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("columns", [40, 80])
def test_a_hint_fits_its_terminal(folder: Path, columns: int) -> None:
    """No line is wider than the terminal."""
    fit(folder)
    for _ in range(4):
        text = run("hint", "row_sum", cwd=folder, env=environment(COLUMNS=str(columns))).stdout
        assert max(map(len, text.splitlines())) <= columns


def remembered(folder: Path, report: Report, *, only: tuple[str, ...] = ()) -> str | None:
    """Let a check of `folder` end with `report`, and return the mistake that is then remembered."""
    request: Any = SimpleNamespace(workdir=folder, only=only)
    _remember(request, report)
    return ProgressFile(folder).progress.of("softmax").misconception


def diagnosed(name: str | None) -> Report:
    """Return a report of `softmax` that fits the mistake `name`."""
    report = from_json(REPORT.read_text(encoding="ascii"))
    seen = None if name is None else Misconception(id=name, text="t", hint="h")
    exercise = report.exercises[0].model_copy(
        update={
            "exercise": "softmax",
            "misconception": seen,
            "tests": tuple(
                test.model_copy(update={"misconception": None})
                for test in report.exercises[0].tests
            ),
        }
    )
    return report.model_copy(update={"exercises": (exercise,)})


def test_a_check_remembers_what_it_saw(tmp_path: Path) -> None:
    """The mistake of the last check is kept; one that fits none forgets it, unless a part of it."""
    assert remembered(tmp_path, diagnosed("no-shift")) == "no-shift"
    assert remembered(tmp_path, diagnosed("other-axis")) == "other-axis"
    assert remembered(tmp_path, diagnosed(None), only=("test_a",)) == "other-axis"
    assert remembered(tmp_path, diagnosed(None)) is None


def test_a_check_that_saw_nothing_makes_no_file(tmp_path: Path) -> None:
    """Where nothing is to be remembered, no folder appears."""
    assert remembered(tmp_path, diagnosed(None)) is None
    assert list(tmp_path.iterdir()) == []


def test_another_s_folder_is_left_as_it_is(tmp_path: Path) -> None:
    """With `--workdir`, `check` writes nothing beside the files that it grades."""
    work = shutil.copytree(OUTCOMES / "submission", tmp_path / "work")
    before = sorted(work.rglob("*"))
    run("check", "softmax", "--course", str(OUTCOMES), "--workdir", str(work))
    assert sorted(work.rglob("*")) == before
