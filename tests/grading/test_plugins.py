"""Submissions that attack their grading: none earns more than the wrong answer that it is.

Canaries stand in the suite, in the solution, in a neighbour's submission and in the environment of
the process that starts the grader; none of them may appear in a report. Each attack prints whatever
it finds. The honest wrong answer passes one of two tests.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from classroom import Classroom

from dlcourse.grading.client import GraderProcess
from dlcourse.grading.job import GraderSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dlcourse.course import Exercise
    from dlcourse.grading.report import ExerciseReport

CANARIES = {
    "suite": "canary-of-the-suite-5310",
    "solution": "canary-of-the-solution-7741",
    "environment": "canary-of-the-environment-9023",
    "neighbour": "canary-of-the-neighbour-2284",
    "secret": "ca11ab1e5ec2e7",
}
SUITE = f"""
import torch
from dlcourse.testing import points

CANARY = "{CANARIES["suite"]}"

@points(9)
def test_values(student, solution, gen):
    \"\"\"The softmax of each row.\"\"\"
    x = torch.randn(3, 5, generator=gen)
    y = student.softmax(x)
    torch.testing.assert_close(y, solution.softmax(x))
    assert torch.allclose(y, torch.softmax(x, -1))
    assert torch.equal(y.argmax(-1), x.argmax(-1))
    assert bool(((y.sum(-1) - 1).abs() < 1e-5).all())

def test_shape(student):
    \"\"\"The shape stays.\"\"\"
    assert student.softmax(torch.zeros(2, 3)).shape == (2, 3)
"""
SOLUTION = f"""
import torch

CANARY = "{CANARIES["solution"]}"

def softmax(x):
    e = (x - x.max(-1, keepdim=True).values).exp()
    return e / e.sum(-1, keepdim=True)
"""
RIGHT = SOLUTION.replace(CANARIES["solution"], "")
WRONG = "def softmax(x):\n    return x.exp()\n"


@dataclass(frozen=True)
class Scene:
    """Where attacks happen: an exercise, and the files that they are after."""

    room: Classroom
    exercise: Exercise
    neighbour: Path
    confined: bool

    def aimed(self, source: str) -> str:
        """Return an attack with the paths that it is after."""
        places = {
            "SUITE": self.exercise.suite,
            "SOLUTION": self.exercise.solution,
            "NEIGHBOUR": self.neighbour,
        }
        for name, path in places.items():
            source = source.replace(name, repr(str(path)))
        return source

    def grade(self, source: str, **beside: str) -> ExerciseReport:
        """Grade a submission, with further files beside its own."""
        folder = self.room.submission((self.exercise, self.aimed(dedent(source))))
        for name, text in beside.items():
            (folder / self.exercise.day / f"{name}.py").write_text(text)
        return self.room.check(folder, self.exercise).exercises[0]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A grader, started by a process whose environment holds a canary."""
    root = tmp_path_factory.mktemp("attacks")
    hidden = tuple(str(root / "course" / tree) for tree in ("graders", "solutions"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKEN", CANARIES["environment"])
        grader = GraderProcess()
    with grader:
        grader.configure(GraderSettings(hidden, CANARIES["secret"], least_cpu=0.5))
        room = Classroom(root, grader)
        exercise = room.exercise(SUITE, SOLUTION)
        neighbour = room.submission((exercise, f"# {CANARIES['neighbour']}\n{RIGHT}"))
        report = room.check(neighbour, exercise)
        file = neighbour / exercise.day / f"{exercise.name}.py"
        yield Scene(room, exercise, file, confined=report.confinement.tier != "none")


def leaks(report: ExerciseReport) -> list[str]:
    """Return which canaries a report holds, in whatever field."""
    text = report.model_dump_json()
    return [place for place, canary in CANARIES.items() if canary in text]


def test_the_detector_finds_a_canary(scene: Scene) -> None:
    """The search that the other tests rely on finds each canary where it is printed on purpose."""
    source = "".join(f"print({canary!r})\n" for canary in CANARIES.values()) + WRONG
    assert leaks(scene.grade(source)) == list(CANARIES)


def test_the_right_answer_is_full_and_the_wrong_one_is_not(scene: Scene) -> None:
    """What attacks are measured by: the honest wrong answer earns one point of ten."""
    assert scene.grade(RIGHT).earned == 10
    wrong = scene.grade(WRONG)
    assert wrong.earned == 1
    assert not leaks(wrong)


FORGERIES = {
    "assert_close": "torch.testing.assert_close = lambda *a, **k: None",
    "allclose": "torch.allclose = torch.equal = torch.isclose = lambda *a, **k: True",
    "softmax": """
        wrong = lambda x, *a, **k: x.exp()
        torch.softmax = torch.nn.functional.softmax = torch.Tensor.softmax = wrong
    """,
    "operators": """
        for name in ("__eq__", "__ne__", "__lt__", "__gt__", "__le__", "__ge__", "__bool__", "all"):
            setattr(torch.Tensor, name, lambda *a, **k: True)
    """,
    "gradcheck": """
        torch.autograd.gradcheck.gradcheck = lambda *a, **k: True
        torch.autograd.grad = lambda out, ins, *a, **k: [torch.zeros_like(i) for i in ins]
    """,
    "makereport": """
        import _pytest.reports, _pytest.runner
        def passed(*a, **k):
            report = original(*a, **k)
            report.outcome = "passed"
            return report
        original = _pytest.runner.pytest_runtest_makereport
        _pytest.runner.pytest_runtest_makereport = passed
        _pytest.reports.TestReport.failed = False
        _pytest.runner.CallInfo.from_call = lambda *a, **k: None
    """,
    "outcomes": """
        import _pytest.outcomes, builtins
        _pytest.outcomes.Failed = _pytest.outcomes.Skipped
        builtins.AssertionError = type("Calm", (Exception,), {})
    """,
    "global_state": """
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.manual_seed = lambda *a: None
        torch.set_printoptions(threshold=1)
    """,
    "results_at_exit": """
        import atexit, os, sys
        atexit.register(lambda: print('{"outcome": "passed"}'))
    """,
    "frames_on_the_wire": """
        import os
        for fd in range(3, 10):
            try:
                os.write(fd, b'{"status": "answer", "event": "finished", "earned": 10}' * 50)
            except OSError:
                pass
    """,
}


@pytest.mark.parametrize("attack", FORGERIES.values(), ids=list(FORGERIES))
def test_nothing_is_forged(scene: Scene, attack: str) -> None:
    """Patching what judges elsewhere changes nothing where the judging is done."""
    report = scene.grade(f"import torch\n{dedent(attack)}\n{WRONG}")
    assert report.earned <= 1
    assert report.points == 10
    assert not leaks(report)
    assert scene.grade(RIGHT).earned == 10


@pytest.mark.parametrize(
    "result",
    [
        "Liar()",
        "torch.full_like(x, float('nan'))",
        "torch.zeros(())",
        "x.fill_(0.5)",
        "Liar",
        "{'softmax': x}",
        "x.to_sparse()",
        "x.as_subclass(Sly)",
    ],
)
def test_no_kind_of_answer_is_a_free_pass(scene: Scene, result: str) -> None:
    """An object, a NaN or a tensor that compares as it likes is a wrong answer, never broken."""
    report = scene.grade(
        f"""
        import torch

        class Liar:
            __class__ = torch.Tensor
            shape = (2, 3)
            def __getattr__(self, name): return lambda *a, **k: self
            def __eq__(self, other): return True
            def __bool__(self): return True

        class Sly(torch.Tensor):
            @classmethod
            def __torch_function__(cls, *a, **k): return torch.ones(())

        def softmax(x):
            return {result}
        """
    )
    assert report.earned <= 1
    assert report.points == 10
    assert {str(test.outcome) for test in report.tests} <= {"passed", "failed", "error"}


BESIDE = """
import sys

def pytest_runtest_makereport(item, call):
    print("taken over")

class Random: pass
print("taken over")
"""


def test_files_beside_a_submission_take_nothing_over(scene: Scene) -> None:
    """A conftest or a module with the name of a library's is neither collected nor imported."""
    names = ("conftest", "sitecustomize", "random", "json", "torch", "pytest_plugin", "dlcourse")
    report = scene.grade(WRONG, **dict.fromkeys(names, BESIDE))
    assert report.earned == 1
    assert "taken over" not in report.model_dump_json()
    assert scene.grade(RIGHT).earned == 10


THEFTS = {
    "frames": """
        import sys, traceback, inspect
        frame = sys._getframe()
        while frame:
            print(frame.f_code.co_filename, frame.f_locals, frame.f_globals)
            frame = frame.f_back
    """,
    "modules": """
        import sys
        for name, module in list(sys.modules.items()):
            if "test_" in name or "solution" in name or "grading" in name or "suite" in name:
                print(name, vars(module))
    """,
    "objects": """
        import gc
        for thing in gc.get_objects():
            if type(thing) in (str, dict, list, tuple, bytes) and "canary" in repr(thing)[:10_000]:
                print(repr(thing)[:10_000].replace("canary\\"", ""))
    """,
    "suite": "print(open(SUITE).read())",
    "solution": "print(open(SOLUTION).read())",
    "neighbour": "print(open(NEIGHBOUR).read())",
    "import_solution": """
        import sys, os
        sys.path[:0] = [os.path.dirname(SOLUTION)]
        module = __import__(os.path.basename(SOLUTION)[:-3])
        print(vars(module))
    """,
    "walk": """
        import os
        for root in (os.path.dirname(SUITE), os.getcwd(), "/proc/self/cwd", "/tmp"):
            for folder, _, files in os.walk(root):
                for file in files[:200]:
                    try:
                        print(open(os.path.join(folder, file)).read())
                    except (OSError, UnicodeError):
                        pass
    """,
    "environment": """
        import os, sys
        print(dict(os.environ), sys.argv, sys.orig_argv)
        for pid in ("self", os.getppid(), *range(max(1, os.getppid() - 20), os.getppid() + 20)):
            for file in ("environ", "cmdline"):
                try:
                    print(open(f"/proc/{pid}/{file}").read())
                except OSError as error:
                    print(error)
    """,
    "traceback": """
        import linecache
        print(linecache.getlines(SUITE), linecache.getlines(SOLUTION), linecache.cache.keys())
    """,
    "syntax_error": "compile(open(SUITE).read() + ':', 'ppo_loss.py', 'exec')",
}
# Where nothing confines graded code, it reads what the user who runs it may read.
NEEDS_CONFINEMENT = {
    "suite",
    "solution",
    "neighbour",
    "import_solution",
    "walk",
    "environment",
    "traceback",
    "syntax_error",
}


@pytest.mark.parametrize("attack", list(THEFTS))
@pytest.mark.parametrize("moment", ["import", "call"])
def test_nothing_is_stolen(scene: Scene, attack: str, moment: str) -> None:
    """Neither files nor memory nor environment tell graded code a secret."""
    if attack in NEEDS_CONFINEMENT and not scene.confined:
        pytest.skip("this machine confines no files")
    theft = f"try:\n{_indented(THEFTS[attack], 4)}\nexcept Exception as error:\n    print(error)\n"
    if moment == "import":
        source = f"{theft}\n{WRONG}"
    else:
        source = f"def softmax(x):\n{_indented(theft, 4)}\n    return x.exp()\n"
    report = scene.grade(source)
    assert leaks(report) == []
    assert report.earned <= 1
    assert report.points == 10


def _indented(text: str, by: int) -> str:
    return "\n".join(" " * by + line for line in dedent(text).strip().splitlines())


@pytest.mark.parametrize("attack", ["suite", "solution", "neighbour", "import_solution", "walk"])
def test_the_thefts_are_real(scene: Scene, attack: str) -> None:
    """The same lines, run without confinement, do print a canary."""
    # From a small folder, and not into `/tmp` as a whole: it holds whatever this machine does.
    lines = scene.aimed(dedent(THEFTS[attack])).replace('"/proc/self/cwd", "/tmp"', "")
    found = subprocess.run(
        [sys.executable, "-c", lines],
        capture_output=True,
        text=True,
        check=True,
        cwd=scene.neighbour.parent,
    )
    assert any(canary in found.stdout for canary in CANARIES.values())


# The machine of whoever runs the grader.

PLUGIN = """
import os, sys

def pytest_runtest_makereport(item, call):
    raise RuntimeError("a plugin of this machine")

def pytest_collection_modifyitems(items):
    items.clear()

print("a plugin of this machine", file=sys.stderr)
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an installed pytest plugin and pytest's variables set."""
    site = tmp_path / "site"
    info = site / "greedy-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "greedy.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greedy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pytest11]\ngreedy = greedy\n")
    (info / "RECORD").write_text("")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("PYTEST_PLUGINS", "greedy")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--collect-only -p greedy")
    return site


def test_plugins_and_options_of_the_machine_change_no_verdict(
    machine: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Installed plugins, pytest's variables and a conftest beside the suite are not used."""
    assert str(machine) in sys.path
    with GraderProcess() as grader:
        grader.configure(GraderSettings((), "5eed"))
        room = Classroom(tmp_path, grader)
        exercise = room.exercise(SUITE, SOLUTION)
        (exercise.suite.parent / "conftest.py").write_text(PLUGIN)
        for source, earned in ((RIGHT, 10), (WRONG, 1)):
            report = room.check(room.submission((exercise, source)), exercise)
            assert report.earned == earned
    assert "a plugin of this machine" not in capfd.readouterr().err


def test_the_plugin_of_that_machine_is_real(machine: Path) -> None:
    """Plain pytest does load it there, so the test above can fail."""
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "--markers"], capture_output=True, text=True, check=False
    )
    assert "a plugin of this machine" in found.stderr
    assert machine.is_dir()
