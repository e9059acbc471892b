"""Reports as JSON, and what is said of text that is none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dlcourse.errors import UsageError
from dlcourse.grading.report import Report
from dlcourse.reports.document import from_json, to_json

_SAMPLE = Path(__file__).parent / "golden" / "outcomes" / "report.json"


def _report() -> Report:
    return from_json(_SAMPLE.read_text(encoding="ascii"))


def _titled(title: str) -> Report:
    """Return a report whose exercise is called `title`."""
    report = _report()
    exercise = report.exercises[0].model_copy(update={"title": title})
    return report.model_copy(update={"exercises": (exercise,)})


def _changed(**keys: object) -> str:
    return json.dumps({**json.loads(to_json(_report())), **keys})


def _refusal(text: str) -> str:
    with pytest.raises(UsageError) as refused:
        from_json(text)
    return str(refused.value)


@pytest.mark.parametrize("title", ["Δβ≤½ 漢字", "\x1b[2J\x00", "\ud800", "##[x] ### ::a::"])
def test_any_text_survives_in_ascii(title: str) -> None:
    """Whatever a string holds, the JSON is ASCII and reads back the same."""
    text = to_json(_titled(title))
    assert text.isascii()
    assert from_json(text) == _titled(title)


def test_no_runner_takes_the_json_for_commands() -> None:
    """Shown in a CI log, the JSON has no line that GitHub obeys."""
    text = to_json(_titled("##[add-path]/tmp\n::add-mask::x"))
    assert "##[" not in text
    assert not [line for line in text.splitlines() if line.lstrip().startswith("::")]


def test_keys_stand_in_the_order_of_the_model() -> None:
    """Two reports can be compared line by line."""
    assert list(json.loads(to_json(_report()))) == list(Report.model_fields)


def test_the_text_ends_with_one_newline() -> None:
    """The file is a text file as tools expect it."""
    assert to_json(_report()).endswith("\n}\n")


def test_a_newer_format_asks_for_an_upgrade() -> None:
    """A report of a later version is refused with the command that helps."""
    assert _refusal(_changed(format_version=2)) == (
        "The report has `format_version` 2, not 1; upgrade with `pip install --upgrade dlcourse`."
    )


@pytest.mark.parametrize(("version", "shown"), [(0, "0"), ("1", '"1"'), (True, "true")])
def test_another_format_is_refused(version: object, shown: str) -> None:
    """Only the number 1 is this version."""
    assert _refusal(_changed(format_version=version)) == (
        f"The report has `format_version` {shown}, not 1;"
        " make a new one with `dlcourse check --json`."
    )


def test_a_missing_version_is_named() -> None:
    """JSON of another kind is told apart from a report of another version."""
    assert _refusal("{}") == (
        "The report has no `format_version`; make a new one with `dlcourse check --json`."
    )


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"format_version": NaN}'])
def test_broken_json_is_refused(text: str) -> None:
    """Text that is not JSON, or nested beyond reason, is refused in one sentence."""
    assert _refusal(text) == (
        "The report is not valid JSON; make a new one with `dlcourse check --json`."
    )


def test_a_list_is_no_report() -> None:
    """JSON without keys is refused in one sentence."""
    assert _refusal("[]") == (
        "The report is JSON but no object; make a new one with `dlcourse check --json`."
    )


def test_the_first_defect_is_named_by_its_key() -> None:
    """A key that breaks the format is named with its path."""
    content = json.loads(to_json(_report()))
    content["exercises"][0]["tests"][2]["outcome"] = "won"
    assert _refusal(json.dumps(content)).startswith(
        "The report breaks its format at `exercises.0.tests.2.outcome`: input should be 'passed',"
    )


def test_an_unknown_key_is_refused_and_escaped() -> None:
    """A misspelt key is never ignored, and a hostile one cannot act on the terminal."""
    assert _refusal(_changed(**{"sc\x1bore": 1})) == (
        r"The report breaks its format at `sc\x1bore`: extra inputs are not permitted;"
        " make a new one with `dlcourse check --json`."
    )


def test_importing_the_package_loads_no_renderer() -> None:
    """`import dlcourse.reports` costs neither rich nor pydantic."""
    program = "import sys, dlcourse.reports; print({'rich', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == b"set()"
