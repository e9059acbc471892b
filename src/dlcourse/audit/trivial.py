"""Programs that answer without thought, in the right shape: none may earn a point.

Each is the solution with its answers replaced. What it raises over bad arguments is swallowed too:
the checks of arguments are all that a thoughtless program could honestly earn points with.
"""

from __future__ import annotations

import ast
from typing import Final

_ANSWERS: Final = {
    "zeros": "torch.zeros_like(right)",
    "ones": "torch.ones_like(right)",
    "nan": "torch.full_like(right, torch.nan) if right.is_floating_point() else right * 0",
    "input": "given if given is not None else torch.zeros_like(right)",
    "detached_copy": "given.detach().clone() if given is not None else torch.zeros_like(right)",
    "random": "torch.rand(right.shape).to(right.dtype)",
}

_WRAPPER: Final = '''

import inspect as _inspect

import torch


def _thoughtless(right, given):
    """Replace every tensor and number of a right answer."""
    if isinstance(right, torch.Tensor):
        return {answer}
    if isinstance(right, bool) or right is None or isinstance(right, str):
        return right if right is None else type(right)()
    if isinstance(right, (int, float)):
        return type(right)(0)
    if isinstance(right, (tuple, list)) and not hasattr(right, "_fields"):
        return type(right)(_thoughtless(part, given) for part in right)
    if isinstance(right, tuple):
        return type(right)(*(_thoughtless(part, given) for part in right))
    if isinstance(right, dict):
        return {{key: _thoughtless(part, given) for key, part in right.items()}}
    return right


def _first_tensor(values):
    for value in values:
        if isinstance(value, torch.Tensor):
            return value
        if isinstance(value, (tuple, list)):
            found = _first_tensor(value)
            if found is not None:
                return found
    return None


def _copied(value):
    """Copy tensors: what `function` does to its arguments is work, too."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if type(value) in (list, tuple):
        return type(value)(map(_copied, value))
    if type(value) is dict:
        return {{key: _copied(part) for key, part in value.items()}}
    return value


def _without_thought(function):
    """Call `function` for the shape of its answer alone; what it refuses gets an answer too."""

    def answer(*arguments, **keywords):
        given = _first_tensor([*arguments, *keywords.values()])
        try:
            right = function(*_copied(arguments), **_copied(keywords))
        except Exception:
            right = torch.zeros(()) if given is None else given.detach().clone()
        return _thoughtless(right, given)

    return answer


def _thoughtless_class(kind):
    if issubclass(kind, torch.autograd.Function):
        return type(kind.__name__, (kind,), {{"apply": staticmethod(_without_thought(kind.apply))}})
    if issubclass(kind, (Exception, tuple)):
        return kind

    def start(self, *arguments, **keywords):
        super(wrapped, self).__init__()
        object.__setattr__(self, "_twin", kind(*arguments, **keywords))

    def method(name):
        def call(self, *arguments, **keywords):
            return _without_thought(getattr(self._twin, name))(*arguments, **keywords)

        return call

    own = [n for n, m in vars(kind).items() if _inspect.isfunction(m) and n != "__init__"]
    base = torch.nn.Module if issubclass(kind, torch.nn.Module) else object
    wrapped = type(kind.__name__, (base,), {{"__init__": start, **{{n: method(n) for n in own}}}})
    return wrapped


def _replace(names):
    for name in names:
        found = globals()[name]
        wrap = _thoughtless_class if isinstance(found, type) else _without_thought
        globals()[name] = wrap(found)


_replace({names!r})
'''


def trivial_sources(solution: str) -> dict[str, str]:
    """Return the thoughtless versions of a solution by name."""
    lines = solution.splitlines()
    future = "from __future__ import annotations"
    body = "\n".join("" if line == future else line for line in lines)
    names = _public(solution)
    return {
        name: f"{future}\n{body}{_WRAPPER.format(answer=answer, names=names)}"
        for name, answer in _ANSWERS.items()
    }


def _public(solution: str) -> list[str]:
    """The names of the functions and classes that the exercise asks for."""
    definitions = (ast.FunctionDef, ast.ClassDef)
    tree = ast.parse(solution)
    names = [node.name for node in tree.body if isinstance(node, definitions)]
    return [name for name in names if not name.startswith("_")]
