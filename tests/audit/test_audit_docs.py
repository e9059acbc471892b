"""The written description of the audit says what its model is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from dlcourse.audit import model

PAGE = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
MODELS = [
    each
    for name, each in vars(model).items()
    if isinstance(each, type) and issubclass(each, BaseModel) and each.__module__ == model.__name__
    if not name.startswith("_")
]


@pytest.mark.parametrize("described", MODELS, ids=lambda each: each.__name__)
def test_each_table_lists_the_fields_of_its_model(described: type[BaseModel]) -> None:
    """The page names every key of a table, in order, and no other."""
    section = PAGE.split(f"\n## {described.__name__}\n", 1)[1].split("\n## ", 1)[0]
    keys = re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)
    assert keys == list(described.model_fields)


def test_the_page_is_of_the_current_version() -> None:
    """The page's version is the one that the program writes."""
    assert f"**Format version {model.FORMAT_VERSION}.**" in PAGE
