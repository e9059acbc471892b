"""The way to an object of graded code that has a twin: whatever is done to one is done to both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dlcourse.sandbox.access import METHOD
from dlcourse.sandbox.crossing import is_method
from dlcourse.sandbox.faults import WrongAnswer
from dlcourse.sandbox.mirror import Mirror, pass_access_on
from dlcourse.sandbox.mirrored import CONTAINERS
from dlcourse.sandbox.not_mirrored import RESHAPING, NotMirrored
from dlcourse.sandbox.operations import NEEDS, OPERATIONS
from dlcourse.sandbox.registers import TABLES
from dlcourse.sandbox.registers import registered as table_of
from dlcourse.sandbox.stand_in import StandIn, access_of, replace_access
from dlcourse.testing.repeat import Repeat, adopt, no_problem
from dlcourse.testing.structure import describe, structure_problem
from dlcourse.testing.twins import NOTHING, LostTwin, Twinned, follow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch

    from dlcourse.sandbox.access import Access, ModuleAccess
    from dlcourse.sandbox.observation import Observation
    from dlcourse.testing.student import Seat

# How a sentence names what an operation gives.
_GIVES: Final = {
    "bool": "the truth of `{}`",
    "contains": "the answer to `in` of `{}`",
    "enter": "what `with` gets from `{}`",
    "getitem": "an item of `{}`",
    "iter": "the iterator over `{}`",
    "len": "the length of `{}`",
}


class TwinAccess(Twinned):
    """Reaches an object through `inner`, and does the same with the object's twin.

    `is_child` tells whether it is a module inside another one, and `is_derived` whether its twin
    is found there, by its name in the twin of that one.
    """

    def __init__(
        self,
        seat: Seat,
        inner: Access,
        find: Callable[[], Any],
        *,
        is_module: bool = False,
        is_child: bool = False,
    ) -> None:
        super().__init__(find)
        self.seat = seat
        self.inner = inner
        self.is_child = is_child
        self.is_derived = is_child
        self._call_name = "forward" if is_module else "__call__"
        self._items = 0

    @property
    def kind(self) -> str:
        """The name of the object's class."""
        return self.inner.kind

    @property
    def target(self) -> Any:
        """What stands for the object among the arguments of a call."""
        return self.inner.target

    def call(self, name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        """Call a method and return its answer, once its structure is the solution's."""
        repeat = self._method(name, arguments, keywords)
        return repeat.answer(lambda: self.inner.call(name, arguments, keywords))

    def unchecked(self, name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        """Call a method without comparing structures."""
        repeat = self._method(name, arguments, keywords)
        repeat.problem = no_problem
        return repeat.answer(lambda: self.inner.unchecked(name, arguments, keywords))

    def observe(
        self, name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> Observation:
        """Call a method and return what it left behind as well."""
        repeat = self._method(name, arguments, keywords)
        return repeat.observation(lambda: self.inner.observe(name, arguments, keywords))

    def _method(self, name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Repeat:
        def reference(twin: Any, *copies: Any, **named: Any) -> Any:
            return (getattr(twin, name) if name else twin)(*copies, **named)

        what = f"the result of `{self.kind}.{name or self._call_name}`"
        return Repeat(self.seat, what, reference, arguments, keywords, self)

    def operate(self, operation: str, *arguments: Any) -> Any:
        """Do to the object what one of `OPERATIONS` does.

        Raises TypeError where the solution's object does not allow it: the suite is at fault.
        """
        self._require(operation)
        what = _GIVES.get(operation, "the result for `{}`").format(self.kind)
        repeat = Repeat(self.seat, what, OPERATIONS[operation], arguments, {}, self)
        if operation == "next":
            repeat.problem = self._item_problem
        answer = repeat.answer(lambda: self.inner.operate(operation, *arguments))
        self._items += operation == "next"
        return answer

    def _require(self, operation: str) -> None:
        try:
            kind = type(self.twin)
        except LostTwin:
            return
        needs = NEEDS[operation]
        if needs and not any(hasattr(kind, name) for name in needs):
            raise TypeError(f"the solution's `{kind.__name__}` has no `{needs[0]}`")

    def _item_problem(self, answer: list[Any], expected: list[Any], _: str) -> str | None:
        """Compare what an iterator gives: an item in a list, or nothing at its end."""
        if not answer and not expected:
            return None
        if not expected:
            return f"the iterator goes on after the {self._items} items that are due"
        if not answer:
            return f"the iterator ends after {self._items} items, where more are due"
        return structure_problem(answer[0], expected[0], f"item {self._items} of the iterator")

    def attribute(self, name: str) -> Any:
        """Return the value of an attribute, or METHOD; the twin decides which it is.

        Raises AttributeError where the solution's object lacks it: the suite is at fault.
        """
        what = f"`{name}` of `{self.kind}`"
        expected = self._attribute_due(name)
        if expected is METHOD:
            return METHOD
        value = self.inner.attribute(name)
        if expected is NOTHING:
            if value is not METHOD:
                adopt(self.seat, value, NOTHING, what)
            return value
        if value is METHOD:
            raise WrongAnswer(f"{what} is a method, not {describe(expected)}")
        if problem := structure_problem(value, expected, what):
            raise WrongAnswer(problem)
        adopt(self.seat, value, expected, what)
        return value

    def _attribute_due(self, name: str) -> Any:
        """The twin's attribute, METHOD, or NOTHING where it raises or is not known."""
        try:
            value = getattr(self.twin, name)
        except AttributeError:
            raise
        except Exception:  # noqa: BLE001 - LostTwin, and whatever a property raises
            return NOTHING
        return METHOD if is_method(value, {self.seat.solution.__name__}) else value

    # For mirrors of modules.

    def perform(self, name: str, *arguments: Any) -> None:
        """Call a method, whatever it returns."""
        self._method(name, arguments, {}).followed(lambda: self.inner.call(name, arguments, {}))

    def follow(self, name: str, value: torch.Tensor | bool) -> None:  # noqa: FBT001 - a value
        """Let the twin have what the suite gave to the module."""
        if not self.lost:
            follow(self.twin, name, value)

    def member(self, name: str, value: Any) -> Any:
        """Return a parameter, buffer or child, once it is what the twin has under this name.

        What the twin has not is the submission's own way to build the module.
        """
        try:
            expected = getattr(self.twin, name, NOTHING)
        except LostTwin:
            return value
        if expected is not NOTHING:
            problem = structure_problem(value, expected, f"`{name}` of `{self.kind}`")
            if problem:
                raise WrongAnswer(problem)
        return value

    def owns(self, name: str, *, registered: bool) -> bool:  # noqa: ARG002 - the twin decides
        """Whether the twin has a parameter, buffer or child of this name."""
        try:
            return any(name in table_of(self.twin, table) for table in TABLES)
        except LostTwin:
            return False

    def child(self, name: str, access: ModuleAccess) -> ModuleAccess:
        """Return the access for a child, whose twin is the twin's child of the same name.

        A module that had a twin before it became a part of this one keeps it.
        """

        def find() -> Any:
            child = table_of(self.twin, "modules").get(name)
            return NOTHING if child is None else child

        if not isinstance(access, TwinAccess) or access.is_derived:
            inner = access.inner if isinstance(access, TwinAccess) else access
            return TwinAccess(self.seat, inner, find, is_module=True, is_child=True)
        access.is_child = not access.lost and Twinned(find).holds(access.twin)
        return access

    def container(self, claimed: str | None) -> str | None:
        """Return the claim where the twin is a container too: its items are then compared."""
        try:
            return claimed if isinstance(self.twin, tuple(CONTAINERS.values())) else None
        except LostTwin:
            return claimed

    def misfit(self, name: str, was: torch.Tensor) -> BaseException:
        """Return NotMirrored, or WrongAnswer for a tensor that is not as the twin's."""
        try:
            self.member(name, was)
        except WrongAnswer as wrong:
            return wrong
        if self.owns(name, registered=True):
            return NotMirrored(RESHAPING)
        return WrongAnswer(
            f"`{name}` of `{self.kind}` is a parameter or buffer that the exercise does not ask "
            "for: build the module as the stub does"
        )

    def refusal(self, operation: str) -> BaseException:
        """Return NotMirrored, or WrongAnswer for a module that the exercise does not ask for."""
        if self.lost:
            return WrongAnswer(
                f"a module of class `{self.kind}` is where the exercise asks for none: build it "
                "as the stub does"
            )
        return NotMirrored(operation)


def bind(seat: Seat, stand_in: StandIn, twin: Any) -> None:
    """Give an object of graded code its twin; the last one that it was given counts."""
    access = access_of(stand_in)
    if isinstance(access, TwinAccess):
        if access.holds(twin):
            return
        access = access.inner
    is_module = isinstance(stand_in, Mirror)
    replace_access(stand_in, TwinAccess(seat, access, lambda: twin, is_module=is_module))
    if isinstance(stand_in, Mirror):
        pass_access_on(stand_in)
