"""The written description of what the doctor prints says what the model is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from dlcourse.cli.doctor import doctor_command
from dlcourse.grading.machine import compilers, model
from dlcourse.reports.document import to_json

_PAGE = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")
_MODELS = [
    each
    for name, each in vars(model).items()
    if isinstance(each, type) and issubclass(each, BaseModel) and each.__module__ == model.__name__
    if not name.startswith("_")
]


def _section(title: str) -> str:
    """Return what stands under the heading `title`."""
    return _PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


@pytest.mark.parametrize("described", _MODELS, ids=lambda each: each.__name__)
def test_each_table_lists_the_fields_of_its_model(described: type[BaseModel]) -> None:
    """The page names every key, in the order in which it is written, and no other."""
    keys = re.findall(r"^\| `(\w+)` \|", _section(described.__name__), flags=re.MULTILINE)
    assert keys == list(described.model_fields)


def test_the_page_is_of_the_current_version() -> None:
    """The page's version is the one that the program writes."""
    assert f"**format version {model.FORMAT_VERSION}**" in _PAGE


def test_the_page_names_the_compilers() -> None:
    """Every compiler that is tried is named, in order."""
    assert ", ".join(f"`{name}`" for name in compilers.NAMES) in _section("Machine")


def test_the_page_and_the_help_agree_on_the_exit_codes() -> None:
    """Each exit code has the same meaning on the page and in `--help`."""
    rows = re.findall(r"^\| (\d) \| (.*) \|$", _section("Exit codes"), flags=re.MULTILINE)
    helped = re.findall(r"^  (\d)  (.*)$", doctor_command.epilog or "", flags=re.MULTILINE)
    assert rows == helped
    assert rows != []


def test_the_example_is_as_the_program_writes_it() -> None:
    """The example can be read, and would be written the same."""
    example = _section("Example").split("```json\n", 1)[1].split("```", 1)[0]
    assert to_json(model.Machine.model_validate_json(example)) == example
