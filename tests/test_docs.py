"""What the documents say exists, exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "dlcourse"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
NAMES = sorted(
    set(
        re.findall(
            r"`((?:course|sandbox|testing|grading|reports|audit|cli)(?:\.\w+)+)`",
            (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"),
        )
    )
)


def _split(name: str) -> tuple[Path, list[str]]:
    """Return the module's file that a dotted name begins with, and the names inside of it."""
    place, rest = PACKAGE, name.split(".")
    while rest and (place / rest[0]).is_dir():
        place /= rest.pop(0)
    if rest and (place / f"{rest[0]}.py").is_file():
        return place / f"{rest[0]}.py", rest[1:]
    return place / "__init__.py", rest


def _names_in(body: list[ast.stmt]) -> dict[str, list[ast.stmt]]:
    """Return what a module or class defines or imports, each with its own body."""
    found: dict[str, list[ast.stmt]] = {}
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[node.name] = node.body
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.name: [] for alias in node.names}
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_architecture_names_what_exists(name: str) -> None:
    """Every name in the page on the architecture is a module, class or function of the program."""
    file, inner = _split(name)
    body = ast.parse(file.read_text(encoding="utf-8")).body
    for part in inner:
        body = _names_in(body)[part]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link of a document names a file or folder of the repository."""
    text = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", text)
    assert [link for link in links if not (document.parent / link).exists()] == []
