"""The stub: holes to fill, and docstrings that say all that filling them takes."""

from __future__ import annotations

import ast
import doctest
import re
from typing import TYPE_CHECKING, Final

from dlcourse.audit.form.source import Function, is_public
from dlcourse.audit.form.twins import parameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dlcourse.audit.form.source import Node, Source
    from dlcourse.course import Defect, Exercise

_TODO: Final = "# TODO"
# What some docstring of the stub has to hold; what a definition takes and returns is its own.
_WHOLE: Final = ("Edge cases", "Forbidden", "Example", "Source")
_ITSELF: Final = {"self", "cls", "ctx", "/", "*"}


def stub_defects(exercise: Exercise, stub: Source, solution: Source) -> Iterator[Defect]:
    """Yield what is wrong with the stub, its form apart from the solution's."""
    if exercise.kind == "write":
        yield from _hole_defects(exercise.name, stub, solution)
    yield from _undocumented(stub)
    yield from _missing_sections(stub, solution)
    yield from _examples(stub)
    yield from _forbidden(exercise, stub)


def _hole_defects(name: str, stub: Source, solution: Source) -> Iterator[Defect]:
    ours = solution.definitions()
    holes = 0
    for path, node in stub.definitions().items():
        if isinstance(node, ast.ClassDef):
            continue
        if _raised(node) is not None:
            holes += 1
            yield from _hole_of(name, path, node, stub)
        elif path not in ours or ast.dump(node) != ast.dump(ours[path]):
            # A function that is given to the learner is the solution's.
            problem = "is no hole to fill, and not what the solution has"
            remedy = f'end it with `# TODO` and `raise NotImplementedError("{name}: …")`'
            yield stub.defect(node, path, problem, remedy)
    if not holes:
        remedy = 'end a function with `raise NotImplementedError`, or say `kind = "repair"`'
        yield stub.defect(None, "", "has no hole to fill", remedy)


def _raised(node: Function) -> ast.Raise | None:
    """The `raise NotImplementedError` that a function ends with; None for another end."""
    last = node.body[-1]
    match last:
        case ast.Raise(exc=ast.Name(id="NotImplementedError")):
            return last
        case ast.Raise(exc=ast.Call(func=ast.Name(id="NotImplementedError"))):
            return last
    return None


def _hole_of(name: str, path: str, node: Function, stub: Source) -> Iterator[Defect]:
    raised = _raised(node)
    assert raised is not None, "only holes come here"
    if not _says_what_to_write(name, raised):
        remedy = f'write `raise NotImplementedError("{name}: what to write")`'
        problem = f"raises no message that begins with `{name}: `"
        yield stub.defect(raised, path, problem, remedy)
    above = stub.text.splitlines()[raised.lineno - 2].strip()
    if not above.startswith(_TODO):
        problem = "has no `# TODO` above its `raise NotImplementedError`"
        yield stub.defect(raised, path, problem, "write `# TODO` on a line of its own there")


def _says_what_to_write(name: str, raised: ast.Raise) -> bool:
    match raised.exc:
        case ast.Call(args=[ast.Constant(value=str(text))]):
            return text.startswith(f"{name}: ") and bool(text.removeprefix(f"{name}: ").strip())
    return False


def _undocumented(stub: Source) -> Iterator[Defect]:
    if not ast.get_docstring(stub.tree):
        yield stub.defect(None, "", "has no docstring", "begin it with one line of summary")
    for path, node in stub.definitions().items():
        # What `__init__` takes stands in the docstring of its class.
        if is_public(path) and not path.endswith("__") and not ast.get_docstring(node):
            yield stub.defect(node, path, "has no docstring", "say what it does or returns")


def _missing_sections(stub: Source, solution: Source) -> Iterator[Defect]:
    """Sections of each public definition, and those that the stub as a whole has to have."""
    for name, node in stub.definitions().items():
        if "." not in name and is_public(name):
            yield from _missing_in(stub, name, node)
    due = [*_WHOLE, "Raises"] if _raises(solution) else list(_WHOLE)
    told = _docstrings(stub.tree)
    for section in due:
        if not _has(section, told):
            remedy = f"add a section `{section}:` with its text indented"
            yield stub.defect(None, "", f"says nothing under `{section}:`", remedy)


def _missing_in(stub: Source, name: str, node: Node) -> Iterator[Defect]:
    functions = [each for each in ast.walk(node) if isinstance(each, Function)]
    told = _docstrings(node)
    takes = any(_taken(function) for function in functions)
    if takes and not _has("Args", told):
        problem = "does not say what it takes"
        yield stub.defect(node, name, problem, "add a section `Args:` with shapes and dtypes")
    gives = any(_returns(function) for function in functions)
    if gives and not (_has("Returns", told) or _has("Yields", told)):
        problem = "does not say what it returns"
        yield stub.defect(node, name, problem, "add a section `Returns:` with shape and dtype")


def _taken(function: Function) -> list[str]:
    names = (re.split(r"[:=]", text)[0].strip() for text in parameters(function))
    return [name for name in names if name not in _ITSELF]


def _returns(function: Function) -> bool:
    returned = function.returns
    return returned is not None and ast.unparse(returned) not in {"None", "Self"}


def _docstrings(node: ast.AST) -> list[str]:
    """The docstrings of a node and of all that it holds."""
    documented = ast.Module | ast.ClassDef | Function
    nodes = [each for each in ast.walk(node) if isinstance(each, documented)]
    return [text for each in nodes if (text := ast.get_docstring(each))]


def _has(section: str, docstrings: Iterable[str]) -> bool:
    """Whether a docstring has this heading with text under it; `Args of f:` heads `Args`."""
    heading = re.compile(rf"^{section}s?\b[^\n:]*:[^\S\n]*\n+[^\S\n]+\S", re.MULTILINE)
    return any(heading.search(text) for text in docstrings)


def _raises(solution: Source) -> bool:
    return any(isinstance(node, ast.Raise) for node in ast.walk(solution.tree))


def _examples(stub: Source) -> Iterator[Defect]:
    """A worked example that runs: statements, and at least one result to compare."""
    examples: list[doctest.Example] = []
    for text in _docstrings(stub.tree):
        try:
            examples += doctest.DocTestParser().get_examples(text)
        except ValueError as error:
            problem = f"has an example that is no doctest: {error}"
            yield stub.defect(None, "", problem, "write it as `>>> statement` and its result")
            return
    if not any(example.want for example in examples):
        problem = "has no example with a result"
        yield stub.defect(None, "", problem, "write `>>> f(…)`, and beneath it what it prints")


def _forbidden(exercise: Exercise, stub: Source) -> Iterator[Defect]:
    told = _bare("\n".join(_docstrings(stub.tree)))
    for name in exercise.forbidden:
        last = name.rpartition(".")[2]
        if not last.startswith("_") and _bare(last) not in told:
            problem = f"does not say that `{name}` is forbidden, as `day.toml` does"
            yield stub.defect(None, "", problem, "name it under `Forbidden:`")


def _bare(text: str) -> str:
    """Make `LayerNorm` and `layer_norm` the same: a docstring that names one means both."""
    return text.replace("_", "").lower()
