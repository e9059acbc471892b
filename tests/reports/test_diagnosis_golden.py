"""What the doctor found, on a terminal, compared with the text that was agreed.

A case is a folder of `machines/` with a `machine.json` and, for each form that it is shown in, a
file `WIDTH-ENCODING-plain.txt` or `WIDTH-ENCODING-colour.txt`. To add a form, make the file empty.
To write all of them anew, run this and read the difference:

    DLCOURSE_REGENERATE=1 pytest tests/reports/test_diagnosis_golden.py
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest
from rich.console import Console

from dlcourse.cli.doctoring import exit_status
from dlcourse.grading.machine.model import Machine
from dlcourse.reports.diagnosis import write_machine
from dlcourse.reports.document import to_json
from dlcourse.reports.page import Page

_MACHINES = Path(__file__).parent / "machines"
_PAGES = sorted(_MACHINES.glob("*/*.txt"))
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_STATUSES = {"broken": 3, "confined": 4, "sandboxed": 0, "weak": 0}


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _machine(name: str) -> Machine:
    text = (_MACHINES / name / "machine.json").read_text(encoding="ascii")
    return Machine.model_validate_json(text)


def _shown(machine: Machine, form: str) -> str:
    """Return the page about `machine` in a form such as `80-utf-8-plain`."""
    width, rest = form.split("-", 1)
    encoding, look = rest.rsplit("-", 1)
    written = io.BytesIO()
    console = Console(
        file=io.TextIOWrapper(written, encoding=encoding, write_through=True),
        width=int(width),
        force_terminal=look == "colour",
        color_system="standard" if look == "colour" else None,
        no_color=False,
    )
    write_machine(Page(console), machine)
    return written.getvalue().decode(encoding)


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_a_machine_looks_as_agreed(page: Path) -> None:
    """Every machine is shown exactly as its golden page."""
    shown = _shown(_machine(page.parent.name), page.stem)
    if "DLCOURSE_REGENERATE" in os.environ:
        page.write_text(shown, encoding="utf-8")
    assert shown == page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_a_page_fits_its_terminal(page: Path) -> None:
    """No line but a command is too wide, none ends in blanks, and nothing in them is obeyed."""
    lines = _COLOURS.sub("", page.read_text(encoding="utf-8")).splitlines()
    commands = {layer.command for layer in _machine(page.parent.name).worker.layers}
    wide = [line for line in lines if len(line) > int(page.stem.split("-")[0])]
    assert [line for line in wide if line.strip() not in commands] == []
    assert all(line.isprintable() and line == line.rstrip() for line in lines)


def test_advice_is_given_once() -> None:
    """Two layers with the same remedy have it beneath the first, with its command."""
    machine = _machine("weak")
    layers = {layer.name: layer for layer in machine.worker.layers}
    command = layers["namespaces"].command
    assert command is not None
    assert layers["view"].command == command
    assert _shown(machine, "80-utf-8-plain").count(command) == 1


def test_colour_carries_no_meaning_of_its_own() -> None:
    """Without colours, the words are the same."""
    coloured = _shown(_machine("weak"), "80-utf-8-colour")
    assert coloured != _shown(_machine("weak"), "80-utf-8-plain")
    assert _COLOURS.sub("", coloured) == _shown(_machine("weak"), "80-utf-8-plain")


def test_what_a_machine_says_of_itself_is_escaped() -> None:
    """A name that would move the cursor or command a runner is written out."""
    machine = _machine("confined")
    hostile = machine.model_copy(
        update={"course": machine.course.model_copy(update={"title": "\x1b[2J\n::set-env\u202e"})}
    )
    shown = _shown(hostile, "80-utf-8-plain")
    assert all(line.isprintable() for line in shown.splitlines())
    assert r"\x1b[2J\n::set-env\u202e" in shown


@pytest.mark.parametrize("name", sorted(path.name for path in _MACHINES.iterdir()))
def test_the_exit_status_follows_from_what_was_found(name: str) -> None:
    """3 where no worker answers, 4 where less holds than is required, else 0."""
    assert exit_status(_machine(name)) == _STATUSES[name]


@pytest.mark.parametrize("name", sorted(_STATUSES))
def test_a_machine_survives_json(name: str) -> None:
    """Reading a document and writing it again gives the same text."""
    text = (_MACHINES / name / "machine.json").read_text(encoding="ascii")
    assert to_json(Machine.model_validate_json(text)) == text
