"""The stub and the solution: the same names, signatures and docstrings."""

from __future__ import annotations

import ast
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from dlcourse.audit.form.source import Function, is_public, public

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlcourse.audit.form.source import Node, Source
    from dlcourse.course import Defect

# Decorators that decide how something is called; others may be part of the answer.
_CALLING: Final = {"classmethod", "dataclass", "property", "staticmethod"}


def twin_defects(stub: Source, solution: Source) -> Iterator[Defect]:
    """Yield where the interface of the solution is not that of the stub."""
    yield from _module_docstrings(stub, solution)
    yield from _names(stub, solution)
    ours = solution.definitions()
    for name, node in stub.definitions().items():
        if is_public(name) and name in ours:
            yield from _signatures(stub, name, node, ours[name])
            yield from _docstrings(stub, name, node, ours[name])


def _module_docstrings(stub: Source, solution: Source) -> Iterator[Defect]:
    difference = _first_difference(stub.tree, solution.tree)
    if difference is not None:
        problem = f"the module's docstring is not the solution's: {difference}"
        yield stub.defect(None, "", problem, "write the same in both files")


def _names(stub: Source, solution: Source) -> Iterator[Defect]:
    theirs, ours = _placed(stub), _placed(solution)
    for name in public(theirs):
        if name not in ours:
            remedy = f"define it in `{solution.file}`, or take it out of the stub"
            yield stub.defect(theirs[name], name, "is not in the solution", remedy)
    for name in public(ours):
        outer = name.rpartition(".")[0]
        if name not in theirs and (not outer or outer in theirs):
            remedy = f"begin its name with `_`, or add it to `{stub.file}`"
            problem = "is public, but not in the stub"
            yield solution.defect(ours[name], name, problem, remedy)


def _placed(source: Source) -> dict[str, ast.AST]:
    """Definitions, constants and the fields of classes, by dotted name."""
    places: dict[str, ast.AST] = dict(source.definitions())
    bodies = {"": source.tree.body}
    bodies |= {
        f"{name}.": node.body
        for name, node in source.definitions().items()
        if isinstance(node, ast.ClassDef)
    }
    for prefix, body in bodies.items():
        places |= {f"{prefix}{target.id}": target for target in _targets(body)}
    return places


def _targets(body: list[ast.stmt]) -> Iterator[ast.Name]:
    for node in body:
        match node:
            case ast.Assign(targets=targets):
                yield from (target for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name() as target):
                yield target


def _signatures(stub: Source, name: str, node: Node, twin: Node) -> Iterator[Defect]:
    for what, theirs, ours in zip_longest(*_parts(node, twin), fillvalue=""):
        if theirs != ours:
            problem = f"{what} is {_quoted(theirs)} here, but {_quoted(ours)} in the solution"
            yield stub.defect(node, name, problem, "write the same in both files")
            return


def _parts(node: Node, twin: Node) -> tuple[list[str], list[str], list[str]]:
    """What the parts of a signature are called, and how each is written on both sides."""
    pairs = list(zip_longest(_signature(node), _signature(twin), fillvalue=("", "")))
    words = [theirs[0] or ours[0] for theirs, ours in pairs]
    return words, [theirs[1] for theirs, _ in pairs], [ours[1] for _, ours in pairs]


def _signature(node: Node) -> list[tuple[str, str]]:
    """The parts of a signature in order, each with the word for it."""
    calling = [name for part in node.decorator_list if (name := _bare(part)) in _CALLING]
    parts = [("the decorator", " ".join(f"@{name}" for name in calling))]
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(map(ast.unparse, [*node.bases, *node.keywords]))
        fields = [ast.unparse(field) for field in node.body if _is_public_field(field)]
        return [*parts, ("the base", bases), *(("a field", field) for field in fields)]
    kind = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returned = ast.unparse(node.returns) if node.returns else ""
    taken = [("a parameter", text) for text in parameters(node)]
    return [*parts, ("the kind", kind), ("the return annotation", returned), *taken]


def _is_public_field(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and is_public(node.target.id)
    )


def _bare(decorator: ast.expr) -> str:
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    return ast.unparse(decorator).rpartition(".")[2]


def parameters(node: Function) -> list[str]:
    """Return each parameter as it is written, with `/` and `*` where they stand."""
    args = node.args
    plain = [*args.posonlyargs, *args.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(args.defaults))
    texts = list(map(_parameter, plain, [*defaults, *args.defaults]))
    if args.posonlyargs:
        texts.insert(len(args.posonlyargs), "/")
    if args.vararg:
        texts.append(f"*{_parameter(args.vararg, None)}")
    elif args.kwonlyargs:
        texts.append("*")
    texts += map(_parameter, args.kwonlyargs, args.kw_defaults)
    if args.kwarg:
        texts.append(f"**{_parameter(args.kwarg, None)}")
    return texts


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    annotation = f": {ast.unparse(argument.annotation)}" if argument.annotation else ""
    value = f" = {ast.unparse(default)}" if default else ""
    return f"{argument.arg}{annotation}{value}"


def _docstrings(stub: Source, name: str, node: Node, twin: Node) -> Iterator[Defect]:
    difference = _first_difference(node, twin)
    if difference is not None:
        problem = f"the docstring is not the solution's: {difference}"
        yield stub.defect(node, name, problem, "write the same in both files")


def _first_difference(node: Node | ast.Module, twin: Node | ast.Module) -> str | None:
    theirs, ours = (ast.get_docstring(each) or "" for each in (node, twin))
    if theirs == ours:
        return None
    lines = zip_longest(theirs.splitlines(), ours.splitlines(), fillvalue="")
    pairs = ((a.strip(), b.strip()) for a, b in lines)
    a, b = next((pair for pair in pairs if pair[0] != pair[1]), ("", ""))
    return f"{_quoted(a)} here, {_quoted(b)} there" if (a or b) else "its blanks differ"


def _quoted(text: str) -> str:
    return f"`{text}`" if text else "nothing"
