"""One submission of several exercises: files, weights, scores, and what the report says of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest
from classroom import DAY, DOUBLE, SUITE, Silent, outcomes

from dlcourse.course import load_course
from dlcourse.grading import score
from dlcourse.grading.check import Request, check, confinement, hidden_paths, job_for, trains
from dlcourse.grading.report import Confinement, ExerciseReport, Layer, Versions

if TYPE_CHECKING:
    from classroom import Classroom

    from dlcourse.grading.report import TestReport


class Diary(Silent):
    """A listener that writes down what it hears."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def exercise_started(
        self, name: str, title: str, file: str, *, problem: str | None = None
    ) -> None:
        """Note the file, and the problem if there is one."""
        assert name.startswith("exercise_")
        assert title == "Doubling"
        self.lines.append(f"{file}: {problem}" if problem else file)

    def test_finished(self, test: TestReport) -> None:
        """Note the outcome."""
        self.lines.append(f"{test.name} {test.outcome}")

    def exercise_finished(self, exercise: ExerciseReport) -> None:
        """Note the score."""
        self.lines.append(f"score {exercise.score}")


def test_a_listener_hears_each_step_in_order(classroom: Classroom) -> None:
    """Start, tests and end of each exercise are told as they happen."""
    exercise, missing = classroom.exercise(), classroom.exercise()
    workdir = classroom.submission((exercise, DOUBLE))
    diary = Diary()
    request = Request(classroom.course, (exercise, missing), workdir, 1)
    report = check(request, classroom.grader, diary)
    gone = f"{DAY}/{missing.name}.py"
    assert diary.lines == [
        f"{DAY}/{exercise.name}.py",
        "test_value passed",
        "test_zero passed",
        "score 1.0",
        f"{gone}: {report.exercises[1].problem}",
        "test_value error",
        "test_zero error",
        "score 0.0",
    ]
    assert str(report.exercises[1].problem).startswith(f"`{gone}` does not exist")


def test_the_score_is_the_mean_by_weight(classroom: Classroom) -> None:
    """Suites decide points within an exercise, weights decide between exercises."""
    light, heavy = classroom.exercise(weight=1.0), classroom.exercise(weight=3.0)
    workdir = classroom.submission((light, DOUBLE), (heavy, "def double(x):\n    return 3 * x\n"))
    report = classroom.check(workdir, light, heavy)
    assert [exercise.score for exercise in report.exercises] == [1.0, 1 / 3]
    assert report.score == pytest.approx((1 + 3 / 3) / 4)
    assert (report.points, report.earned) == (6.0, 4.0)


def test_a_broken_suite_leaves_the_mean(classroom: Classroom) -> None:
    """The grader's own fault costs no points, and the report counts it."""
    good, bad = classroom.exercise(), classroom.exercise("import nowhere")
    report = classroom.check(classroom.submission((good, DOUBLE), (bad, DOUBLE)), good, bad)
    assert report.score == 1.0
    assert {str(outcome): count for outcome, count in report.counts().items() if count} == {
        "passed": 2,
        "broken": 1,
    }


def test_nothing_that_counts_has_no_score() -> None:
    """Without points there is no score, not a zero."""
    assert score.overall([]) is None
    assert score.countable([]) == 0


def test_helper_files_are_loaded_with_the_stub(classroom: Classroom) -> None:
    """A stub may import the helpers that its exercise names, and others are not read."""
    exercise = classroom.exercise(files=("helper.py",))
    workdir = classroom.submission((exercise, "from helper import double\n"))
    helper = workdir / DAY / "helper.py"
    helper.write_text(DOUBLE)
    before = classroom.check(workdir, exercise).exercises[0]
    assert outcomes(before) == ["passed", "passed"]
    helper.write_text("raise ValueError('in the helper')\n")
    after = classroom.check(workdir, exercise).exercises[0]
    assert after.problem is not None
    assert after.problem.endswith("raised ValueError: in the helper (`helper.py`, line 1)")
    assert before.versions.submission != after.versions.submission


@pytest.mark.parametrize("prefix", ["", "exercises/"])
def test_a_submission_may_be_a_tree_like_the_course_s(classroom: Classroom, prefix: str) -> None:
    """Day folders lie in the submission itself or below `exercises`."""
    exercise = classroom.exercise()
    workdir = classroom.submission()
    file = workdir / f"{prefix}{DAY}" / f"{exercise.name}.py"
    file.parent.mkdir(parents=True)
    file.write_text(DOUBLE)
    report = classroom.check(workdir, exercise).exercises[0]
    assert report.file == f"{prefix}{DAY}/{exercise.name}.py"
    assert outcomes(report) == ["passed", "passed"]


def test_a_folder_that_does_not_exist_is_named(classroom: Classroom, tmp_path: Path) -> None:
    """A wrong working folder is the problem of every test."""
    report = classroom.check(tmp_path / "nowhere", classroom.exercise()).exercises[0]
    assert report.problem == f"the folder `{tmp_path / 'nowhere'}` does not exist"
    assert [test.observed for test in report.tests] == [(report.problem,)] * 2


def test_the_report_names_what_decided(classroom: Classroom) -> None:
    """Hashes of submission, suite and solution differ where the files do, and only there."""
    first, second = classroom.exercise(), classroom.exercise(f"{SUITE}\n# another suite\n")
    workdir = classroom.submission((first, DOUBLE), (second, DOUBLE))
    one, two = (report.versions for report in classroom.check(workdir, first, second).exercises)
    assert one.solution == two.solution
    assert one.suite != two.suite
    assert len(one.suite) == 64
    assert isinstance(one, Versions)


def test_suites_and_solutions_are_hidden(classroom: Classroom) -> None:
    """No worker may read the trees that hold answers."""
    root = classroom.course.root
    assert hidden_paths(classroom.course) == (str(root / "graders"), str(root / "solutions"))


def test_an_unconfined_worker_is_said_aloud() -> None:
    """Only file and system call layers together count as confinement."""
    names = ("limits", "landlock", "seccomp")
    layers = [Layer(name=name, active=True, detail="") for name in names]
    assert confinement(layers).tier == "confined"
    off = layers[2].model_copy(update={"active": False})
    assert confinement([*layers[:2], off]).tier == "none"
    assert confinement([]).tier == "none"
    assert "none" in get_args(Confinement.model_fields["tier"].annotation)


def test_a_job_says_where_everything_lies(classroom: Classroom) -> None:
    """All of a job can be computed from the request and the exercise's name."""
    exercise = classroom.exercise(files=("helper.py",))
    request = Request(classroom.course, (exercise,), classroom.root, 7, isolation="test")
    job = job_for(request, exercise)
    assert list(job.files) == [exercise.name, "helper"]
    assert (job.run, job.isolation, job.suite) == (7, "test", str(exercise.suite))
    assert dataclasses.replace(job) == job


def test_only_suites_that_train_need_a_warm_grader() -> None:
    """An exercise whose suite uses optimizers is known before it is graded, and no other is."""
    course = load_course(Path(__file__).parents[2])
    assert trains(course.resolve("prune"))
    assert not trains(course.resolve_all(["ppo_loss", "value_iteration"]))
