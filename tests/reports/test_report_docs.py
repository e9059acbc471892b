"""The written description of the report says what the model is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from dlcourse.grading import report as model
from dlcourse.reports.document import from_json, to_json

_PAGE = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
_MODELS = [
    each
    for name, each in vars(model).items()
    if isinstance(each, type) and issubclass(each, BaseModel) and each.__module__ == model.__name__
    if not name.startswith("_")
]


def _section(title: str) -> str:
    """Return what stands under the heading `title`."""
    return _PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def _example() -> str:
    return _section("Example").split("```json\n", 1)[1].split("```", 1)[0]


@pytest.mark.parametrize("described", _MODELS, ids=lambda each: each.__name__)
def test_each_table_lists_the_fields_of_its_model(described: type[BaseModel]) -> None:
    """The page names every key, in the order in which it is written, and no other."""
    keys = re.findall(r"^\| `(\w+)` \|", _section(described.__name__), flags=re.MULTILINE)
    assert keys == list(described.model_fields)


def test_the_page_is_of_the_current_version() -> None:
    """The page's version is the one that the program writes."""
    assert f"**format version {model.FORMAT_VERSION}**" in _PAGE


def test_the_page_lists_the_outcomes() -> None:
    """All five outcomes are explained."""
    rows = re.findall(r"^\| `(\w+)` \|", _section("How a test ends"), flags=re.MULTILINE)
    assert rows == ["outcome", *model.Outcome]


def test_the_example_is_a_report_as_the_program_writes_it() -> None:
    """The example can be read, and would be written the same."""
    assert to_json(from_json(_example())) == _example()


def test_the_example_keeps_the_rules_of_scoring() -> None:
    """The example's sums are those that the page describes."""
    content = json.loads(_example())
    tests = content["exercises"][0]["tests"]
    assert content["points"] == sum(test["points"] for test in tests)
    assert content["earned"] == sum(
        test["points"] for test in tests if test["outcome"] == model.Outcome.PASSED
    )
    assert content["score"] == content["earned"] / content["points"]
