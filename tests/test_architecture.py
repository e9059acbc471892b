"""The rules that hold the program's parts together, read from its source."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "dlcourse"
MODULES = sorted(PACKAGE.rglob("*.py"))
LAYERS = ("errors", "course", "sandbox", "testing", "grading", "bulk", "reports", "audit", "cli")
LONGEST_MODULE = 350
HEAVY = {"numpy", "pytest", "torch"}
# What may start processes of these kinds, and so must load nothing heavy itself.
LIGHT = ("course", "bulk", "cli", "reports")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def _layer(module: str) -> int | None:
    """Return the rank of a dotted name's layer; None outside the package and for its root."""
    parts = module.split(".")
    if parts[0] != "dlcourse" or len(parts) == 1 or parts[1].startswith("__"):
        return None
    return LAYERS.index(parts[1])


def _imports(path: Path) -> Iterator[str]:
    """Yield the dotted name of everything that a module imports, wherever it does."""
    for node in ast.walk(ast.parse(_text(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively: write the whole name"
            assert node.module is not None
            for alias in node.names:
                yield f"{node.module}.{alias.name}" if node.module == "dlcourse" else node.module


def _dotted(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_imports_only_from_its_own_layer_and_those_below(path: Path) -> None:
    """No import, for types or at run time, reaches up."""
    own = _layer(_dotted(path))
    above = [
        name
        for name in _imports(path)
        if own is not None and (rank := _layer(name)) is not None and rank > own
    ]
    assert above == []


@pytest.mark.parametrize("layer", LIGHT)
def test_a_light_layer_imports_nothing_heavy(layer: str) -> None:
    """Neither torch, numpy nor pytest is imported by what a command loads in its own process."""
    found = {
        _name(path): name
        for path in (PACKAGE / layer).rglob("*.py")
        for name in _imports(path)
        if name.partition(".")[0] in HEAVY
    }
    assert found == {}


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    """A module that grows beyond the bound holds more than one noun: split it."""
    assert len(_text(path).splitlines()) <= LONGEST_MODULE


@pytest.mark.parametrize(
    "path", [path for path in MODULES if "\n__all__" in _text(path)], ids=_name
)
def test_public_names_are_complete(path: Path) -> None:
    """`__all__` holds what the module makes, a package also what it imports; ruff sorts it."""
    body = ast.parse(_text(path)).body
    made = {node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    given = {
        alias.asname or alias.name
        for node in body
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    }
    named = set(importlib.import_module(_dotted(path)).__all__)
    due = made | given if path.name == "__init__.py" else made
    assert {name for name in due if not name.startswith("_")} <= named
    assert named <= vars(importlib.import_module(_dotted(path))).keys()


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("this is no git repository")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_names_a_machine() -> None:
    """No tracked file holds the path of somebody's checkout or the address of a package index."""
    index = re.compile(r"https?://[\w.-]*(?:pypi|pythonhosted|pytorch\.org/whl)")
    checkout = re.compile(r"(?:/home|/Users|/work|/opt)/[\w./-]*dlcourse")
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in _tracked()
        for match in (*index.finditer(_text(path)), *checkout.finditer(_text(path)))
    ]
    assert found == []
