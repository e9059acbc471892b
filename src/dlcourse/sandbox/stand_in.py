"""The grader's stand-ins for objects of graded code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

from dlcourse.sandbox.access import METHOD
from dlcourse.sandbox.faults import StudentFault, WrongAnswer
from dlcourse.sandbox.not_mirrored import NotMirrored

if TYPE_CHECKING:
    from dlcourse.sandbox.access import Access
    from dlcourse.sandbox.observation import Observation

_LONGEST: Final = (1 << 63) - 1


class StandIn:
    """What every stand-in does: Python's own syntax reaches the object where it lives.

    Comparisons are not among it: a stand-in equals itself alone, so that no `==` of graded code
    makes an assertion pass.
    """

    __slots__ = ()
    _access: Access

    def __len__(self) -> int:
        length = self._access.operate("len")
        if type(length) is not int or not 0 <= length <= _LONGEST:
            raise WrongAnswer(f"the length of `{self._access.kind}` is no length")
        return length

    def __bool__(self) -> bool:
        return self._told("bool")

    def __contains__(self, item: object) -> bool:
        return self._told("contains", item)

    def _told(self, operation: str, *arguments: Any) -> bool:
        answer = self._access.operate(operation, *arguments)
        if type(answer) is not bool:
            raise WrongAnswer(f"`{self._access.kind}` answers neither True nor False")
        return answer

    def __getitem__(self, key: Any) -> Any:
        return self._access.operate("getitem", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._access.operate("setitem", key, value)

    def __delitem__(self, key: Any) -> None:
        self._access.operate("delitem", key)

    def __iter__(self) -> Any:
        iterator = self._access.operate("iter")
        if not isinstance(iterator, StandIn):
            raise WrongAnswer(f"iterating over `{self._access.kind}` gives no iterator")
        return iterator

    def __next__(self) -> Any:
        match self._access.operate("next"):
            case []:
                raise StopIteration
            case [item]:
                return item
        raise WrongAnswer(f"`{self._access.kind}` gives no next item")

    def __enter__(self) -> Any:
        return self._access.operate("enter")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # Whatever graded code says here, an exception that ended the block passes.
        try:
            self._access.operate("exit", kind is not None)
        except StudentFault:
            if kind is None or not issubclass(kind, StudentFault):
                raise

    def __copy__(self) -> NoReturn:
        raise NotMirrored("`copy.copy` of an object")

    def __deepcopy__(self, memo: Any) -> NoReturn:
        raise NotMirrored("`copy.deepcopy` of an object")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise NotMirrored("pickling an object, as `pickle` and `torch.save` do,")


class GradedMethod:
    """A method of an object of graded code; under an empty name, the object as it is called."""

    def __init__(self, owner: StandIn, name: str) -> None:
        self._owner = owner
        self._name = name

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call it and return its answer, once its structure is the solution's."""
        return access_of(self._owner).call(self._name, arguments, keywords)

    def unchecked(self, *arguments: Any, **keywords: Any) -> Any:
        """Call it without comparing structures."""
        return access_of(self._owner).unchecked(self._name, arguments, keywords)

    def observed(self, *arguments: Any, **keywords: Any) -> Observation:
        """Call it and return what it left behind as well, by the worker's own claim."""
        return access_of(self._owner).observe(self._name, arguments, keywords)

    def inplace(self, *arguments: Any, **keywords: Any) -> tuple[Any, ...]:
        """Call it and return the positional arguments as they are afterwards."""
        return self.observed(*arguments, **keywords).arguments

    def __repr__(self) -> str:
        return f"<graded {'.'.join(filter(None, (access_of(self._owner).kind, self._name)))}>"


class GradedObject(StandIn):
    """An object of graded code that is no module.

    Its methods and attributes are those of the object; private names are not reached.
    """

    __slots__ = ("__weakref__", "_access")

    def __init__(self, access: Access) -> None:
        object.__setattr__(self, "_access", access)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute's value, or the handle of a method."""
        _require_public(name)
        value = self._access.attribute(name)
        return GradedMethod(self, name) if value is METHOD else value

    def __setattr__(self, name: str, value: Any) -> None:
        _require_public(name)
        self._access.operate("setattr", name, value)

    def __delattr__(self, name: str) -> None:
        _require_public(name)
        self._access.operate("delattr", name)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the object."""
        return self._access.call("", arguments, keywords)

    def __repr__(self) -> str:
        return f"<graded {self._access.kind}>"


def _require_public(name: str) -> None:
    """Keep Python's own look-ups, and a suite's slips, from reaching graded code."""
    if name.startswith("_"):
        raise AttributeError(name)


def access_of(stand_in: StandIn) -> Access:
    """The way to the object that a stand-in stands for."""
    return stand_in._access  # noqa: SLF001 - a public name would hide one of the object


def replace_access(stand_in: StandIn, access: Access) -> None:
    """Let a stand-in reach its object another way."""
    object.__setattr__(stand_in, "_access", access)
