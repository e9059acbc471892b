"""Objects of our own code in the learner's place, in this process."""

from __future__ import annotations

import weakref
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import MethodType
from typing import TYPE_CHECKING, Any

from torch import nn

from dlcourse.sandbox.access import METHOD
from dlcourse.sandbox.crossing import MissingAttribute, attribute_of, is_method, is_object
from dlcourse.sandbox.faults import MissingName, unsendable
from dlcourse.sandbox.operations import OPERATIONS
from dlcourse.sandbox.stand_in import GradedObject, StandIn, access_of
from dlcourse.sandbox.unsendable import UnsendableArgument, describe_unsendable
from dlcourse.sandbox.values import has_plain_form

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dlcourse.sandbox.observation import Observation
    from dlcourse.testing.local_watch import LocalWatch


class LocalObjects:
    """Calls code of the module `name` as if it were elsewhere, through `watch`.

    What would stay in a worker gets a stand-in, except for modules of torch: those are handed out
    themselves. What cannot be sent to a worker is refused here too.
    """

    def __init__(self, name: str, watch: LocalWatch) -> None:
        self._modules = frozenset({name})
        self._watch = watch
        self._stand_ins: weakref.WeakValueDictionary[int, GradedObject] = (
            weakref.WeakValueDictionary()
        )
        self._known: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        self._kinds: dict[type, type] = {}
        self._depth = 0

    @property
    def inside(self) -> bool:
        """Whether the code is running now, and so calls itself."""
        return self._depth > 0

    @contextmanager
    def _running(self) -> Iterator[None]:
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def run(
        self,
        name: str,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
    ) -> Any:
        """Call a function of the module; raises UnsendableArgument."""
        return self.handed_out(self._result(name, function, arguments, keywords))

    def _result(
        self,
        name: str,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
    ) -> Any:
        """What a function returns where the objects themselves live."""
        sent, named = self.sent(arguments), self.sent(dict(keywords))
        with self._running():
            return self._watch.call(name, function, sent, named)

    def observe(
        self,
        name: str,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
    ) -> Observation:
        """Call a function of the module and report what it left behind."""
        sent, named = self.sent(arguments), self.sent(dict(keywords))
        with self._running():
            seen = self._watch.observe(name, function, sent, named)
        return replace(
            seen,
            result=self.handed_out(seen.result),
            arguments=self.handed_out(seen.arguments),
            keywords=self.handed_out(dict(seen.keywords)),
        )

    def run_plain(
        self,
        name: str,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
    ) -> Any:
        """Call a function beside the module; raises WrongAnswer for a result that is not plain."""
        result = self._result(name, function, arguments, keywords)
        require_plain(result)
        return result

    def sent(self, value: Any) -> Any:
        """Arguments as they arrive; containers without objects are the same ones."""
        match value:
            case StandIn():
                return access_of(value).target
            case nn.Module() if value in self._known:
                return value
            case list() | tuple():
                parts = [self.sent(part) for part in value]
                return _rebuilt(value, parts)
            case dict():
                named = {key: self.sent(part) for key, part in value.items()}
                return value if all(named[key] is value[key] for key in value) else named
            case _ if has_plain_form(value):
                return value
        raise UnsendableArgument(describe_unsendable(value))

    def handed_out(self, value: Any) -> Any:
        """A result as it reaches the suite."""
        match value:
            case nn.Module():
                return self._module(value)
            case list() | tuple():
                parts = [self.handed_out(part) for part in value]
                return _rebuilt(value, parts)
            case dict():
                named = {key: self.handed_out(part) for key, part in value.items()}
                return value if all(named[key] is value[key] for key in value) else named
            case _ if not has_plain_form(value) and is_object(value, self._modules):
                return self._stand_in(value)
        return value

    def _stand_in(self, value: Any) -> GradedObject:
        known = self._stand_ins.get(id(value))
        if known is None:
            known = self._stand_ins[id(value)] = GradedObject(LocalAccess(self, value))
        return known

    def _module(self, module: nn.Module) -> nn.Module:
        """Let the methods that the code defines be handles, as they are from afar."""
        for part in module.modules():
            self._known.add(part)
            kind = type(part)
            if kind.__module__ in self._modules and not issubclass(kind, LocalModule):
                part.__class__ = self._kind(kind)
        return module

    def _kind(self, kind: type) -> type:
        if kind not in self._kinds:
            body = {"__module__": kind.__module__, "_local": self}
            self._kinds[kind] = type(kind.__name__, (LocalModule, kind), body)
        return self._kinds[kind]

    def attribute(self, target: Any, name: str) -> Any:
        """Return the value of an attribute, or METHOD; raises MissingName."""
        value = found(target, name)
        return METHOD if is_method(value, self._modules) else self.handed_out(value)


def _rebuilt(value: Any, parts: list[Any]) -> Any:
    """A list or tuple of other parts, or the same one where they are the same."""
    if all(mine is theirs for mine, theirs in zip(parts, value, strict=True)):
        return value
    return parts if isinstance(value, list) else tuple(parts)


def require_plain(value: Any) -> None:
    """Raise WrongAnswer, in a worker's words, where a value is not plain throughout."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            require_plain(part)
    elif not has_plain_form(value):
        raise unsendable(f"a value of type `{type(value).__qualname__}`")


def found(target: Any, name: str) -> Any:
    """Return an attribute of our own code in the learner's place; raises MissingName."""
    try:
        return attribute_of(target, name)
    except MissingAttribute as error:
        raise MissingName(f"{error}: define it as the stub does") from None


class LocalAccess:
    """Reaches an object of this process."""

    def __init__(self, local: LocalObjects, target: Any) -> None:
        self._local = local
        self.target = target
        self.kind = type(target).__name__

    def call(self, name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        """Call a method."""
        return self._local.run(self._named(name), self._method(name), arguments, keywords)

    def unchecked(self, name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        """Call a method."""
        return self.call(name, arguments, keywords)

    def observe(
        self, name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> Observation:
        """Call a method and report what it left behind."""
        return self._local.observe(self._named(name), self._method(name), arguments, keywords)

    def operate(self, operation: str, *arguments: Any) -> Any:
        """Do to the object what one of `OPERATIONS` does."""
        function = OPERATIONS[operation]
        own = partial(function, self.target)
        return self._local.run(operation, own, arguments, {})

    def attribute(self, name: str) -> Any:
        """Return the value of an attribute, or METHOD."""
        return self._local.attribute(self.target, name)

    def _named(self, name: str) -> str:
        return ".".join(filter(None, (self.kind, name)))

    def _method(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = found(self.target, name) if name else self.target
        return method


class LocalMethod:
    """A method of a module of this process, with the ways to call it that a suite knows."""

    def __init__(self, local: LocalObjects, method: MethodType) -> None:
        self._local = local
        self._method = method
        self._name = f"{type(method.__self__).__name__}.{method.__name__}"

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call it."""
        return self._local.run(self._name, self._method, arguments, keywords)

    def unchecked(self, *arguments: Any, **keywords: Any) -> Any:
        """Call it."""
        return self(*arguments, **keywords)

    def observed(self, *arguments: Any, **keywords: Any) -> Observation:
        """Call it and return what it left behind as well."""
        return self._local.observe(self._name, self._method, arguments, keywords)

    def inplace(self, *arguments: Any, **keywords: Any) -> tuple[Any, ...]:
        """Call it and return the positional arguments as they are afterwards."""
        return self.observed(*arguments, **keywords).arguments

    def __repr__(self) -> str:
        return f"<graded {self._name}>"


class LocalModule:
    """Lends its handles to the methods of a module that our own code defines."""

    _local: LocalObjects  # the class's own

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        local = super().__getattribute__("_local")
        if name.startswith("_") or local.inside or not isinstance(value, MethodType):
            return value
        own = getattr(value.__func__, "__module__", None) == type(self).__module__
        return LocalMethod(local, value) if own else value
