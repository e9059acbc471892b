"""The suite: each test has a name of its own, points, and one sentence for the learner."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from dlcourse.audit.form.source import Function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlcourse.audit.form.source import Source
    from dlcourse.course import Defect

_SENTENCE_AFTER: Final = re.compile(r"[.!?]['\")]?\s+[A-Z]")
_ABBREVIATED: Final = re.compile(r"\b(?:e\.g|i\.e|cf|vs|al|eq|sec)\.\s")


def suite_defects(suite: Source) -> Iterator[Defect]:
    """Yield what is wrong with the suite's tests."""
    tests = list(_tests(suite.tree.body, "", has_points=False))
    if not tests:
        problem = "holds no test"
        yield suite.defect(None, "", problem, "write functions `test_…` with `@points(…)`")
    seen: set[str] = set()
    for name, node, has_points in tests:
        if name in seen:
            problem = "has the name of an earlier test, which is then never run"
            yield suite.defect(node, name, problem, "rename one of the two")
        seen.add(name)
        if not has_points:
            problem = "says nothing about its points"
            yield suite.defect(node, name, problem, "write `@points(…)` above it")
        yield from _sentence_defects(suite, name, node)


def test_names(suite: Source) -> frozenset[str]:
    """Return the names of the suite's test functions, a parametrised one's without its cases."""
    tests = _tests(suite.tree.body, "", has_points=False)
    return frozenset(name.rpartition("::")[2] for name, _, _ in tests)


def _tests(
    body: list[ast.stmt], prefix: str, *, has_points: bool
) -> Iterator[tuple[str, Function, bool]]:
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            inside = has_points or _carries_points(node)
            yield from _tests(node.body, f"{prefix}{node.name}::", has_points=inside)
        elif isinstance(node, Function) and node.name.startswith("test_"):
            yield prefix + node.name, node, has_points or _carries_points(node)


def _carries_points(node: Function | ast.ClassDef) -> bool:
    calls = (part.func for part in node.decorator_list if isinstance(part, ast.Call))
    return any(ast.unparse(call).rpartition(".")[2] == "points" for call in calls)


def _sentence_defects(suite: Source, name: str, node: Function) -> Iterator[Defect]:
    # The learner reads the first paragraph; what follows is for authors.
    text = (ast.get_docstring(node) or "").strip().split("\n\n")[0]
    if not text:
        problem = "has no docstring, which is what the learner reads"
        yield suite.defect(node, name, problem, "state the behaviour in one sentence")
    elif not text.endswith((".", "!", "?")):
        yield suite.defect(node, name, "has a docstring without an end", "end it with a full stop")
    elif _SENTENCE_AFTER.search(_ABBREVIATED.sub("", text)):
        problem = "has a docstring of more than one sentence"
        yield suite.defect(node, name, problem, "state one behaviour in one sentence")
