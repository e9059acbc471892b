"""Reports on a terminal, compared with the text that was agreed.

A case is a folder of `golden/` with a `report.json` and, for each form that it is shown in, a file
`WIDTH-ENCODING-plain.txt` or `WIDTH-ENCODING-colour.txt`. To add a form, make the file empty. To
write all of them anew, run this and read the difference:

    DLCOURSE_REGENERATE=1 pytest tests/reports/test_report_golden.py
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest
from rich.console import Console

from dlcourse.reports.document import from_json, to_json
from dlcourse.reports.terminal import render

_GOLDEN = Path(__file__).parent / "golden"
_REPORTS = sorted(_GOLDEN.glob("*/report.json"))
_PAGES = sorted(_GOLDEN.glob("*/*.txt"))
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _shown(page: Path) -> str:
    """Return the text of the report beside `page`, in the form that the page's name asks for."""
    width, rest = page.stem.split("-", 1)
    encoding, look = rest.rsplit("-", 1)
    written = io.BytesIO()
    console = Console(
        file=io.TextIOWrapper(written, encoding=encoding, write_through=True),
        width=int(width),
        force_terminal=look == "colour",
        color_system="standard" if look == "colour" else None,
        no_color=False,
    )
    report = from_json((page.parent / "report.json").read_text(encoding="ascii"))
    names = " ".join(exercise.exercise for exercise in report.exercises) or "all"
    render(report, console, replay=f"dlcourse check {names} --seed {report.seed}")
    return written.getvalue().decode(encoding)


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_a_report_looks_as_agreed(page: Path) -> None:
    """Every report is shown exactly as its golden page."""
    shown = _shown(page)
    if "DLCOURSE_REGENERATE" in os.environ:
        page.write_text(shown, encoding="utf-8")
    assert shown == page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_a_report_holds_nothing_that_a_terminal_or_a_runner_obeys(page: Path) -> None:
    """No control character but colours reaches the screen, and no line is a CI command."""
    lines = _COLOURS.sub("", page.read_text(encoding="utf-8")).split("\n")
    assert all(line.isprintable() for line in lines)
    assert not [line for line in lines if line.lstrip().startswith("::") or "##[" in line]


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_a_report_leaves_no_blanks_at_the_end_of_lines(page: Path) -> None:
    """Copied text carries no trailing blanks."""
    lines = _COLOURS.sub("", page.read_text(encoding="utf-8")).split("\n")
    assert [line for line in lines if line != line.rstrip()] == []


@pytest.mark.parametrize("path", _REPORTS, ids=_name)
def test_a_report_survives_json(path: Path) -> None:
    """Reading a report and writing it again gives the same text."""
    text = path.read_text(encoding="ascii")
    assert to_json(from_json(text)) == text
