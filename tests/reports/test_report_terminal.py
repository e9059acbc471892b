"""How a report reads on a terminal, beyond what the golden pages show."""

from __future__ import annotations

import io
import random
import re
from pathlib import Path

import pytest
from rich.console import Console

from dlcourse.grading.report import (
    ExerciseReport,
    Outcome,
    Raised,
    Report,
    TestReport,
    Timing,
)
from dlcourse.reports.document import from_json
from dlcourse.reports.terminal import TerminalReport, render

_GOLDEN = Path(__file__).parent / "golden"
_SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")


def _report(name: str) -> Report:
    return from_json((_GOLDEN / name / "report.json").read_text(encoding="ascii"))


def _console(file: io.StringIO, width: int = 80, *, coloured: bool = False) -> Console:
    """Return a console that no variable of the environment changes."""
    return Console(
        file=file,
        width=width,
        force_terminal=coloured,
        color_system="standard" if coloured else None,
        no_color=False,
    )


def _shown(report: Report, width: int = 80, *, coloured: bool = False) -> str:
    file = io.StringIO()
    render(report, _console(file, width, coloured=coloured))
    return file.getvalue()


def _with_tests(*tests: TestReport, problem: str | None = None) -> Report:
    """Return the report of one exercise that holds `tests`."""
    report = _report("passed")
    exercise = report.exercises[0].model_copy(update={"tests": tests, "problem": problem})
    return report.model_copy(update={"exercises": (exercise,)})


def _test(outcome: Outcome = Outcome.PASSED, **fields: object) -> TestReport:
    won = 1.0 if outcome is Outcome.PASSED else 0.0
    given = {"name": "test_x", "sentence": "It holds.", "points": 1.0, "earned": won}
    return TestReport.model_validate({**given, "outcome": outcome, **fields})


def test_each_test_is_shown_as_it_finishes() -> None:
    """A test's line stands on the screen before the next test has ended."""
    report = _report("passed")
    exercise = report.exercises[0]
    file = io.StringIO()
    terminal = TerminalReport(_console(file))
    terminal.exercise_started(exercise.exercise, exercise.title, exercise.file)
    for number, test in enumerate(exercise.tests, start=1):
        terminal.test_finished(test)
        assert file.getvalue().count("✓") == number


def test_the_misconception_that_fits_comes_before_the_lost_tests() -> None:
    """Tests stream until one is lost; that one and the rest wait, and follow what explains them."""
    exercise = _report("misconception").exercises[0]
    file = io.StringIO()
    terminal = TerminalReport(_console(file))
    terminal.exercise_started(exercise.exercise, exercise.title, exercise.file)
    for test in exercise.tests:
        terminal.test_finished(test)
    assert file.getvalue().count("✓") == 1
    assert "✗" not in file.getvalue()
    terminal.exercise_finished(exercise)
    shown = file.getvalue()
    assert shown.count("Likely:") == shown.count("Hint:") == 1
    assert shown.index("Likely:") < shown.index("✗")
    assert shown.count("✓") == 3


def test_lost_tests_of_an_unknown_mistake_are_shown_at_the_end() -> None:
    """Where no misconception fits, the tests that waited are shown without one."""
    exercise = _with_tests(_test(Outcome.FAILED, observed=["Odd."]), _test()).exercises[0]
    file = io.StringIO()
    terminal = TerminalReport(_console(file))
    terminal.exercise_started(exercise.exercise, exercise.title, exercise.file)
    for test in exercise.tests:
        terminal.test_finished(test)
    terminal.exercise_finished(exercise)
    shown = file.getvalue()
    assert "Likely:" not in shown
    assert shown.index("✗") < shown.index("Odd.") < shown.index("✓")


def test_streaming_and_rendering_agree() -> None:
    """What was streamed reads as the same report rendered at its end."""
    report = _report("many")
    file = io.StringIO()
    terminal = TerminalReport(_console(file))
    for exercise in report.exercises:
        terminal.exercise_started(exercise.exercise, exercise.title, exercise.file)
        for test in exercise.tests:
            terminal.test_finished(test)
        terminal.exercise_finished(exercise)
    terminal.finished(report)
    assert file.getvalue() == _shown(report)


def test_a_problem_learnt_from_the_tests_is_not_told_again() -> None:
    """Where a streamed test has told the problem, the end of the exercise does not."""
    report = _report("missing_file")
    exercise = report.exercises[0]
    file = io.StringIO()
    terminal = TerminalReport(_console(file, 100))
    terminal.exercise_started(exercise.exercise, exercise.title, exercise.file)
    for test in exercise.tests:
        terminal.test_finished(test)
    terminal.exercise_finished(exercise)
    assert file.getvalue().count("is not in the submission") == 1


def test_a_problem_that_no_test_told_is_told_at_the_end() -> None:
    """A problem without tests still reaches the learner."""
    exercise = _with_tests(problem="`swish.py` is empty.").exercises[0]
    file = io.StringIO()
    terminal = TerminalReport(_console(file))
    terminal.exercise_started(exercise.exercise, exercise.title, exercise.file)
    terminal.exercise_finished(exercise)
    assert file.getvalue().count("`swish.py` is empty.") == 1


def test_a_problem_known_at_the_start_is_told_once() -> None:
    """A problem told in the heading is not repeated at the exercise's end."""
    assert _shown(_with_tests(problem="`swish.py` is empty.")).count("`swish.py` is empty.") == 1


def test_what_repeats_is_said_once() -> None:
    """The same exception in seven tests is shown once, and six times as `(as above)`."""
    shown = _shown(_report("stub"))
    assert shown.count("NotImplementedError: ") == 1
    assert shown.count("(as above)") == 6


def test_a_hint_is_given_once() -> None:
    """A second test lost to the same misconception names it without repeating the hint."""
    shown = _shown(_report("outcomes"))
    assert shown.count("Likely:") == 2
    assert shown.count("Hint:") == shown.count("Read:") == 1


def test_what_a_passed_test_printed_is_not_shown() -> None:
    """Output stands beneath tests that need explaining, not beneath the others."""
    assert "noise" not in _shown(_with_tests(_test(output="noise\n")))


def test_printed_blanks_are_not_shown() -> None:
    """Output that holds only blanks takes no room."""
    assert "printed:" not in _shown(_with_tests(_test(Outcome.FAILED, output=" \n\n")))


def test_outcomes_are_words_where_colours_are_not_seen() -> None:
    """Without colours each line names its outcome; with colours the mark is enough."""
    report = _report("outcomes")
    words = [f" {outcome} " for outcome in Outcome]
    plain = _shown(report).split("ppo_loss  ━")[0]
    coloured = _SEQUENCE.sub("", _shown(report, coloured=True)).split("ppo_loss  ━")[0]
    assert all(word in plain for word in words)
    assert not any(word in coloured for word in words)


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR in the environment a terminal gets words and no colours."""
    monkeypatch.setenv("NO_COLOR", "1")
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True, color_system="standard")
    render(_report("passed"), console)
    codes = {
        code for found in _SEQUENCE.findall(file.getvalue()) for code in found[2:-1].split(";")
    }
    assert codes <= {"", "0", "1", "2"}
    assert "✓ passed" in _SEQUENCE.sub("", file.getvalue())


def test_a_file_gets_no_control_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redirected output is plain text."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    file = io.StringIO()
    render(_report("outcomes"), Console(file=file, width=80))
    assert "\x1b" not in file.getvalue()


def test_markup_is_not_interpreted() -> None:
    """Square brackets and colons of graded code are text."""
    shown = _shown(_with_tests(_test(Outcome.FAILED, observed=("[red]a[/red] :smile: [/]",))))
    assert "[red]a[/red] :smile: [/]" in shown


@pytest.mark.parametrize("width", [80, 50, 30])
def test_lines_fit_the_console(width: int) -> None:
    """No line of an honest report is wider than the console, down to 30 columns."""
    assert max(map(len, _shown(_report("many"), width).splitlines())) <= width


def test_nothing_is_cut_off_a_sentence() -> None:
    """A long sentence is wrapped whole, without an ellipsis."""
    sentence = "The " + "very " * 60 + "long sentence ends."
    shown = _shown(_with_tests(_test(sentence=sentence)))
    words = re.sub(r"1/1|\s+", " ", shown)
    assert " ".join(sentence.split()) in " ".join(words.split())


def test_points_that_do_not_count_are_a_dash() -> None:
    """A test that only informs shows no points to win."""
    shown = _shown(_with_tests(_test(points=0.0, earned=0.0)))
    assert re.search(r"It holds\. +–", shown)  # noqa: RUF001 - the dash that is shown
    assert "0/0" not in shown.split("swish_function  ")[1]


def test_a_device_other_than_the_processor_is_named() -> None:
    """The closing line says where the inputs were."""
    report = _report("passed")
    exercise = report.exercises[0].model_copy(update={"device": "cuda:0"})
    shown = _shown(report.model_copy(update={"exercises": (exercise,)}))
    assert "100 %  on cuda:0" in shown


@pytest.mark.parametrize(
    ("earned", "of", "shown"),
    [
        (999.0, 1000.0, "━" * 19 + "─  999/1000   99 %"),
        (1.0, 1000.0, "━" + "─" * 19 + "  1/1000    0 %"),
        (29.0, 100.0, "━" * 5 + "─" * 15 + "  29/100   29 %"),
        (0.0, 2.5, "─" * 20 + "  0/2.5    0 %"),
    ],
)
def test_a_bar_never_rounds_a_point_away(earned: float, of: float, shown: str) -> None:
    """Only all points fill a bar and only none leave it empty; 29 of 100 are 29 %."""
    report = _report("passed")
    exercise = report.exercises[0].model_copy(update={"points": of, "earned": earned})
    assert shown in _shown(report.model_copy(update={"exercises": (exercise,)}))


def test_a_bar_without_room_is_left_out() -> None:
    """On a narrow console the numbers stay and the bar goes."""
    shown = _shown(_report("passed"), 32)
    assert "━" not in shown
    assert "12/12  100 %" in shown


def test_a_missing_layer_is_named() -> None:
    """Confinement that lacks a layer says which one, and why."""
    report = _report("passed")
    first, *others = report.confinement.layers
    lacking = first.model_copy(update={"active": False, "detail": "not known here"})
    confinement = report.confinement.model_copy(update={"layers": (lacking, *others)})
    shown = _shown(report.model_copy(update={"confinement": confinement}), 100)
    assert "confined by capabilities, landlock (ABI 7), seccomp, limits;" in shown
    assert "; without no_new_privs: `dlcourse doctor` says why" in " ".join(shown.split())


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0002, "<1 ms"),
        (0.0124, "12 ms"),
        (0.9996, "1.0 s"),
        (59.94, "59.9 s"),
        (59.99, "1 min 0 s"),
        (200.4, "3 min 20 s"),
    ],
)
def test_times_are_in_the_unit_that_a_person_would_choose(seconds: float, shown: str) -> None:
    """Times are never shown as `0 ms`, `1000 ms` or `60.0 s`."""
    assert f" {shown}\n" in _shown(_with_tests(_test(timing=Timing(wall=seconds))))


def test_a_location_is_shown_unless_the_traceback_names_it() -> None:
    """Line 4 is not hidden by a frame at line 41."""
    at = {"file": "a.py", "line": 4}
    other = Raised(type="E", message="", traceback='  File "a.py", line 41, in f\n')
    same = Raised(type="E", message="", traceback='  File "a.py", line 4, in f\n')
    assert "at a.py:4\n" in _shown(_with_tests(_test(Outcome.ERROR, location=at, raised=other)))
    assert "at a.py:4\n" not in _shown(_with_tests(_test(Outcome.ERROR, location=at, raised=same)))


_HOSTILE = ["\x1b[31m", "\n", "\r", "::", "##[", " ", "\u202e", "\x9b", "\x00", "x", "[/]", "\t"]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("coloured", [False, True])
def test_random_hostile_text_is_never_obeyed(seed: int, *, coloured: bool) -> None:
    """However the fragments fall and lines wrap, no control and no CI command comes out."""
    draw = random.Random(seed)  # noqa: S311 - a repeatable choice, no secret

    def text() -> str:
        return "".join(draw.choices(_HOSTILE, k=draw.randrange(300)))

    test = _test(
        Outcome.ERROR,
        sentence=text(),
        observed=(text(), text()),
        location={"file": text(), "line": 1},
        raised=Raised(type=text(), message=text(), traceback=text()),
        output=text(),
    )
    shown = _shown(_with_tests(test, problem=text()), draw.choice([20, 47, 80]), coloured=coloured)
    lines = _SEQUENCE.sub("", shown).split("\n") if coloured else shown.split("\n")
    assert all(line.isprintable() for line in lines)
    assert not [line for line in lines if line.lstrip().startswith("::") or "##[" in line]


def test_hostile_names_reach_the_screen_escaped() -> None:
    """The heading and the closing line hold names, and those are escaped too."""
    report = _report("passed")
    exercise: ExerciseReport = report.exercises[0].model_copy(
        update={"exercise": "::a\x1b", "title": "b\u202e", "file": "c\n::d", "device": "e\x07"}
    )
    shown = _shown(report.model_copy(update={"exercises": (exercise,)}))
    assert shown.startswith("\\::a\\x1b  b\\u202e\nc\\n::d\n")
    assert "on e\\x07" in shown
