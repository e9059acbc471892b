"""What an audit finds, in a course where one thing is wrong with each exercise."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from small_course import Flaw, course_with, line_of, path_of

if TYPE_CHECKING:
    from pathlib import Path

VALUE = "    assert_values_match(student.scaled(x, 2.5), expected(x, 2.5))"
FLAWS: dict[str, tuple[Flaw, ...]] = {
    "fine": (),
    "uncollected": (Flaw("suite", "import pytest\n", "import pytest\nimport nothing_there\n"),),
    "pointless": (
        Flaw("suite", "@points(2)\ndef test_value", "@points(0)\ndef test_value"),
        Flaw("suite", "@points(2)\ndef test_gradient", "@points(0)\ndef test_gradient"),
        Flaw("suite", "@points(1)\n", "@points(0)\n"),
    ),
    "generous": (
        Flaw(
            "suite",
            "    x = draw(gen, (3,))\n    student.scaled(x, 2.0)\n",
            "    x = draw(gen, (3,))\n",
        ),
        Flaw("suite", "pytest.raises(ValueError)", "pytest.raises(Exception)"),
    ),
    "refused": (Flaw("variant", "torch.mul(x, ", "torch.mul(x + 1, "),),
    "flaky": (Flaw("solution", "    return x * factor\n", "    return x * factor + _noise(x)\n"),),
    "passing": (Flaw("mistakes", 'replace = "x / factor"', 'replace = "factor * x"'),),
    "unmapped": (Flaw("mistakes", '"test_gradient_is_the_factor"', '"test_something_else"'),),
    "nowhere": (Flaw("mistakes", 'find = "x * factor"', 'find = "x ** factor"'),),
    "twice": (Flaw("mistakes", 'find = "x * factor"', 'find = "factor"'),),
    "cases": (
        Flaw(
            "suite",
            "@points(2)\ndef test_value_is_the_product(student: Student, gen",
            '@pytest.mark.parametrize("rows", [2, 3])\n@points(2)\n'
            "def test_value_is_the_product(student: Student, rows: int, gen",
        ),
    ),
    "alike": (
        Flaw(
            "mistakes",
            '[[mistake]]\nid = "detached"',
            '[[mistake]]\nid = "quotient-again"\nmisconception = "Again."\nhint = "Same."\n'
            'test = "test_value_is_the_product"\n[[mistake.edit]]\nfind = "x * factor"\n'
            'replace = "x / (factor * 1)"\n\n[[mistake]]\nid = "detached"',
        ),
    ),
    "weak": (
        Flaw(
            "suite",
            "for factor in (math.inf, -math.inf, math.nan):",
            "for factor in ():",
        ),
    ),
    "easy": (
        Flaw(
            "suite",
            "    x, upstream = draw(gen, (3, 4)).requires_grad_(), draw(gen, (3, 4))\n",
            "    x, upstream = torch.zeros(3, 4), None\n    student.scaled(x, 1.0)\n    return\n",
        ),
    ),
    "slow": (Flaw("day", "minutes = 10\n", "minutes = 10\nseconds = 0.001\n"),),
    "outdated": (
        Flaw(
            "survivors",
            "",
            '[[survivor]]\nmutant = "scaled: return x -> return None"\nreason = "No idea."\n',
        ),
    ),
    "differing": (Flaw("stub", "x: [...], any floating dtype.", "x: [...], any dtype."),),
    "untyped": (Flaw("stub", "x: Tensor, factor: float", "x: Tensor, factor: int"),),
}
NOISE = "\n\ndef _noise(x: Tensor) -> float:\n    return float(x.flatten()[0] > 0) / 2\n"


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, int]:
    """The course, the audit's document, and its exit status."""
    root = course_with(tmp_path_factory.mktemp("faulty"), FLAWS)
    solution = root / path_of("solution", "flaky")
    solution.write_text(solution.read_text() + NOISE)
    command = [sys.executable, "-m", "dlcourse", "audit", "--course", str(root), "--seeds", "6"]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return root, json.loads(done.stdout), done.returncode


def findings(audited: tuple[Path, Any, int], name: str) -> list[Any]:
    """What was found in one exercise."""
    (one,) = [each for each in audited[1]["exercises"] if each["exercise"] == name]
    found: list[Any] = one["findings"]
    return found


def told(audited: tuple[Path, Any, int], name: str) -> list[tuple[int, str]]:
    """What was found in one exercise, by point of the gate."""
    return [(one["gate"], one["problem"]) for one in findings(audited, name)]


def test_findings_give_exit_code_3(audited: tuple[Path, Any, int]) -> None:
    """An audit that finds something ends with exit code 3."""
    assert audited[2] == 3


def test_right_exercise_has_no_finding(audited: tuple[Path, Any, int]) -> None:
    """An exercise that keeps the law is green, with all that was counted."""
    assert findings(audited, "fine") == []


def test_every_finding_names_a_line_and_a_remedy(audited: tuple[Path, Any, int]) -> None:
    """Each finding names a file of the course, a line that it has, and what to do."""
    found = [one for each in audited[1]["exercises"] for one in each["findings"]]
    assert found
    for one in found:
        lines = (audited[0] / one["file"]).read_text().splitlines()
        assert 1 <= one["line"] <= len(lines)
        assert one["remedy"]


def test_uncollected_suite_is_one_finding(audited: tuple[Path, Any, int]) -> None:
    """A suite that errors at collection is told once, and nothing else is tried on it."""
    ((gate, problem),) = told(audited, "uncollected")
    assert gate == 0
    assert problem == (
        "the suite cannot be run (ModuleNotFoundError: No module named 'nothing_there')"
    )
    (one,) = findings(audited, "uncollected")
    assert one["line"] == line_of(audited[0], "suite", "uncollected", "import nothing_there")


def test_suite_without_points_is_found(audited: tuple[Path, Any, int]) -> None:
    """A suite none of whose tests gives a point is no suite."""
    assert (0, "no test gives a point") in told(audited, "pointless")


def test_points_for_the_stub_are_found(audited: tuple[Path, Any, int]) -> None:
    """A test that the stub passes is named."""
    problem = "`test_infinite_factor_is_refused` gives its points to the stub"
    assert (1, problem) in told(audited, "generous")
    (line,) = [one["line"] for one in findings(audited, "generous") if one["problem"] == problem]
    assert line == line_of(audited[0], "suite", "generous", "def test_infinite_factor")


def test_failing_variant_is_found(audited: tuple[Path, Any, int]) -> None:
    """A variant that fails is named once a test, with the run and what was observed."""
    lines = [problem for gate, problem in told(audited, "refused") if gate == 2]
    assert lines
    assert lines[0].startswith(
        "`test_value_is_the_product` fails the variant `through_mul` on run 1 "
    )


def test_flaky_solution_is_found(audited: tuple[Path, Any, int]) -> None:
    """A solution that some seeds fail is named with such a run."""
    lines = [problem for gate, problem in told(audited, "flaky") if gate == 2]
    assert any("fails the solution" in problem for problem in lines)


def test_passing_mistake_is_found(audited: tuple[Path, Any, int]) -> None:
    """A planted mistake that passes the test named for it is told where it is written."""
    problem = "the mistake `quotient` passes `test_value_is_the_product` on run 1"
    (one,) = [each for each in findings(audited, "passing") if each["problem"] == problem]
    assert one["file"] == path_of("mistakes", "passing")
    assert one["line"] == line_of(audited[0], "mistakes", "passing", 'id = "quotient"')


def test_mistake_of_no_test_is_found(audited: tuple[Path, Any, int]) -> None:
    """A mistake that is mapped to no test of the suite is told."""
    assert any("`test_something_else`" in problem for _, problem in told(audited, "unmapped"))


@pytest.mark.parametrize(
    ("name", "words"),
    [("nowhere", "is not in the solution"), ("twice", "is in the solution more than once")],
)
def test_edit_that_does_not_fit_is_found(
    audited: tuple[Path, Any, int], name: str, words: str
) -> None:
    """A mistake whose edit matches nothing, or twice, is told with its line."""
    (one,) = [each for each in findings(audited, name) if words in each["problem"]]
    assert one["file"] == path_of("mistakes", name)
    assert one["line"] > 1


def test_mistake_may_be_mapped_to_a_test_with_cases(audited: tuple[Path, Any, int]) -> None:
    """A mistake that is mapped to a parametrised test is caught and diagnosed as any other."""
    assert findings(audited, "cases") == []


def test_mistakes_that_look_alike_are_found(audited: tuple[Path, Any, int]) -> None:
    """Two mistakes that no test tells apart are told, since a learner would be shown the wrong."""
    problem = "the mistake `quotient-again` is diagnosed as `quotient`"
    assert (3, problem) in told(audited, "alike")


def test_surviving_mutant_is_found(audited: tuple[Path, Any, int]) -> None:
    """A mutant that passes every test is told at its line of the solution."""
    lines = [one for one in findings(audited, "weak") if one["gate"] == 4]
    assert lines
    assert {one["file"] for one in lines} == {path_of("solution", "weak")}
    assert any("raise ValueError" in one["problem"] for one in lines)


def test_points_for_thoughtless_answers_are_found(audited: tuple[Path, Any, int]) -> None:
    """A test that a program of zeros passes is told."""
    problem = "`test_gradient_is_the_factor` gives its points to a program that answers zeros"
    assert (5, problem) in told(audited, "easy")


def test_slow_suite_is_found(audited: tuple[Path, Any, int]) -> None:
    """A suite that takes longer than its exercise allows is told, and each long test."""
    lines = [problem for gate, problem in told(audited, "slow") if gate == 6]
    assert any(problem.startswith("the suite takes ") for problem in lines)
    assert any("more than half of the suite's 0.001 s" in problem for problem in lines)


def test_reason_for_no_survivor_is_found(audited: tuple[Path, Any, int]) -> None:
    """A row that explains a mutant that does not survive is told."""
    problem = "the mutant `outdated: return x -> return None` is killed, or not made any more"
    assert (4, problem) in told(audited, "outdated")


@pytest.mark.parametrize("name", ["differing", "untyped"])
def test_form_is_examined(audited: tuple[Path, Any, int], name: str) -> None:
    """A stub whose docstring or types differ from the solution's is told at its line."""
    (one,) = findings(audited, name)
    assert one["gate"] == 7
    assert one["file"] in {path_of("stub", name), path_of("solution", name)}


def test_only_green_exercises_are_locked(audited: tuple[Path, Any, int]) -> None:
    """`audit.lock` holds the exercises without findings, and no other."""
    lock = json.loads((audited[0] / "audit.lock").read_text())
    green = {one["exercise"] for one in audited[1]["exercises"] if not one["findings"]}
    assert set(lock["exercises"]) == green
