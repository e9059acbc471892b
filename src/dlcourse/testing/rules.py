"""What an exercise forbids: dotted names, each made into a rule that knows the thing's aliases."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import torch

from dlcourse.sandbox.naming import public_name, resolve
from dlcourse.testing.operators import betrays, method_names, spellings

if TYPE_CHECKING:
    from collections.abc import Sequence

_TORCH: Final = "torch"
_OPERATORS: Final = "torch.ops."
_ANY: Final = "*"


@dataclass(frozen=True)
class Rule:
    """One forbidden thing.

    `name` is what its author wrote, `public` the name under which torch documents it, `names` all
    such names, `methods` those under which it is a method of a tensor. `wide` says that whatever
    lies below the name is forbidden too, as of a module or a class. `instead` says what to use.
    """

    name: str
    public: str
    names: frozenset[str]
    methods: frozenset[str]
    wide: bool
    instead: str

    def covers(self, name: str) -> bool:
        """Whether a public name is that of the forbidden thing, or of a part of it."""
        return name in self.names or (self.wide and name.startswith(f"{self.public}."))

    def covers_operator(self, operator: str) -> bool:
        """Whether an operator tells that the forbidden thing ran."""
        return betrays(operator, self.public)


def rules_of(forbidden: Sequence[str] | Mapping[str, str]) -> tuple[Rule, ...]:
    """Return the rules of dotted names; a mapping's values say what to use instead.

    `torch.linalg.eig*` stands for all names of `torch.linalg` that begin so.

    Raises:
        ValueError: a name below `torch` names nothing.
    """
    if isinstance(forbidden, str):
        raise TypeError(f"`forbidden` is the text `{forbidden}`: give a list of dotted names")
    pairs = forbidden.items() if isinstance(forbidden, Mapping) else ((n, "") for n in forbidden)
    return _rules(tuple(pairs))


@lru_cache(maxsize=64)
def _rules(pairs: tuple[tuple[str, str], ...]) -> tuple[Rule, ...]:
    return tuple(_rule(name, instead) for pattern, instead in pairs for name in _named(pattern))


def _named(pattern: str) -> list[str]:
    """The names that a pattern stands for: itself, unless its last part holds a `*`."""
    home, _, last = pattern.rpartition(".")
    if _ANY not in last:
        return [pattern]
    names = [name for name in dir(_thing(home)) if fnmatchcase(name, last)]
    if not names:
        raise _unknown(pattern)
    return [f"{home}.{name}" for name in names]


def _rule(name: str, instead: str) -> Rule:
    if name.partition(".")[0] != _TORCH:
        # Torch's modes see nothing of it; the static pass does.
        return Rule(name, name, frozenset({name}), frozenset(), wide=True, instead=instead)
    thing = None if name.startswith(_OPERATORS) else _thing(name)
    public = (public_name(thing) or name) if thing is not None else name
    # Every method lies below `torch.Tensor`; who forbids the class means making one with it.
    wide = isinstance(thing, ModuleType | type) and thing is not torch.Tensor
    methods = frozenset(name for name in method_names(public) if hasattr(torch.Tensor, name))
    return Rule(name, public, spellings(public), methods, wide, instead)


def _thing(name: str) -> Any:
    found = resolve(name)
    if found is not None:
        return found
    try:
        # What torch imports on first use only.
        return pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError):
        raise _unknown(name) from None


def _unknown(name: str) -> ValueError:
    return ValueError(f"`{name}` is forbidden but names nothing in torch: correct the name")
