"""Calls of graded code repeated on the solution, and the structures of the answers compared.

What cannot be repeated, because a twin was lost on the way, is not compared. An object in such an
answer is refused: a suite never holds an object of graded code where the solution has another
kind of thing, and so never asks of it what only a suite's own mistake could ask.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from torch import nn

from dlcourse.sandbox.access import METHOD
from dlcourse.sandbox.crossing import is_method
from dlcourse.sandbox.faults import StudentFault, WrongAnswer
from dlcourse.sandbox.operations import NEEDS, OPERATIONS
from dlcourse.sandbox.stand_in import StandIn, access_of, replace_access
from dlcourse.testing.structure import describe, is_opaque, structure_problem
from dlcourse.testing.twins import NOTHING, LostTwin, Twinned, spare, twins_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dlcourse.sandbox.access import Access
    from dlcourse.sandbox.observation import Observation
    from dlcourse.testing.student import Seat

Problem: TypeAlias = "Callable[[Any, Any, str], str | None]"
"""Says how an answer differs from the solution's in kind, given what sentences call it."""

# How a sentence names what an operation gives.
_GIVES: Final = {
    "bool": "the truth of `{}`",
    "contains": "the answer to `in` of `{}`",
    "enter": "what `with` gets from `{}`",
    "getitem": "an item of `{}`",
    "iter": "the iterator over `{}`",
    "len": "the length of `{}`",
}


def no_problem(answer: Any, expected: Any, what: str) -> str | None:  # noqa: ARG001 - see below
    """Find no fault with any answer, for calls without a check."""
    return None


def result_problem(answer: Any, expected: Any, what: str) -> str | None:
    """Say how the result of a function differs from the solution's in kind, or return None."""
    problem = structure_problem(answer, expected, what)
    if problem and answer is None:
        problem += ": does every path end in `return`?"
    return problem


@dataclass
class Repeat:
    """One call as the solution repeats it.

    `what` names the answer in sentences; `reference` is the solution's function, which takes the
    twin of `owner`, if there is one, before the arguments. Those are copied before graded code
    runs, so that both meet the same.
    """

    seat: Seat
    what: str
    reference: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    owner: Twinned | None = None
    problem: Problem = result_problem
    _copies: Any = field(init=False)

    def __post_init__(self) -> None:
        try:
            self._copies = spare((self.arguments, dict(self.keywords)), self.seat.modules)
        except LostTwin:
            self._copies = NOTHING

    def answer(self, run: Callable[[], Any]) -> Any:
        """Let graded code run and return its answer.

        Raises:
            WrongAnswer: it is not built as the solution's is, or holds an object where the
                solution's holds none.
            StudentFault: graded code is to blame for another end.
        """
        answer = self._run(run)
        self._judge(answer)
        return answer

    def observation(self, run: Callable[[], Observation]) -> Observation:
        """Let graded code run under observation and return what was seen; raises as `answer`."""
        self.seat.claims = True
        seen: Observation = self._run(run)
        self._judge(seen.result)
        # The copies are by now what the solution left of them.
        left = (self.arguments, dict(self.keywords)) if self._copies is NOTHING else self._copies
        adopt(self.seat, (seen.arguments, dict(seen.keywords)), left, "an argument")
        return seen

    def followed(self, run: Callable[[], Any]) -> Any:
        """Let graded code run and return its answer, which holds no objects, as it is."""
        answer = self._run(run)
        if self._twins() and self._expected() is NOTHING:
            self._lose()
        return answer

    def _run(self, run: Callable[[], Any]) -> Any:
        try:
            return run()
        except StudentFault:
            if self._twins():
                self._expected()  # what both refuse leaves both in the same state
            raise

    def _judge(self, answer: Any) -> None:
        expected = self._expected()
        if expected is NOTHING:
            self._lose()
        elif problem := self.problem(answer, expected, self.what):
            raise WrongAnswer(problem)
        adopt(self.seat, answer, expected, self.what)

    def _lose(self) -> None:
        for twin in self._twins():
            twin.lose()

    def _twins(self) -> list[Twinned]:
        """The twins that the call may change."""
        own = [] if self.owner is None else [self.owner]
        return [*own, *twins_in((self.arguments, dict(self.keywords)))]

    def _expected(self) -> Any:
        """The solution's answer; NOTHING where it raises, as the suite then expects, or cannot."""
        if self._copies is NOTHING:
            return NOTHING
        arguments, keywords = self._copies
        try:
            own = () if self.owner is None else (self.owner.twin,)
            return self.reference(*own, *arguments, **keywords)
        except Exception:  # noqa: BLE001 - LostTwin, and whatever the solution raises
            return NOTHING


class TwinAccess(Twinned):
    """Reaches an object through `inner`, and does the same with the object's twin."""

    def __init__(self, seat: Seat, inner: Access, find: Callable[[], Any]) -> None:
        super().__init__(find)
        self.seat = seat
        self.inner = inner
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

        what = f"the result of `{self.kind}.{name or '__call__'}`"
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


def adopt(seat: Seat, answer: Any, expected: Any, what: str) -> None:
    """Give each object in an answer the solution's object at the same place for a twin.

    Raises WrongAnswer for an object where the solution has none, or one of another kind.
    """
    match answer:
        case StandIn():
            _adopt_object(seat, answer, expected, what)
        case nn.Module() if isinstance(expected, nn.Module):
            _adopt_local(seat, answer, expected)
        case list() | tuple():
            same = isinstance(expected, list | tuple) and len(expected) == len(answer)
            for mine, theirs in zip(
                answer, expected if same else [NOTHING] * len(answer), strict=True
            ):
                adopt(seat, mine, theirs, what)
        case dict():
            known = expected if isinstance(expected, dict) else {}
            for key, part in answer.items():
                adopt(seat, part, known.get(key, NOTHING), what)


def _adopt_object(seat: Seat, stand_in: StandIn, expected: Any, what: str) -> None:
    if expected is stand_in:
        return
    if isinstance(stand_in, nn.Module):
        fits = isinstance(expected, nn.Module)
    else:
        fits = expected is not NOTHING and is_opaque(expected)
    if not fits:
        raise WrongAnswer(
            f"{what} holds {describe(stand_in)}: return tensors, numbers, strings or containers "
            "of them"
        )
    access = access_of(stand_in)
    if isinstance(access, TwinAccess):
        if _twin_of(access) is expected:
            return
        access = access.inner
    replace_access(stand_in, TwinAccess(seat, access, lambda: expected))


def _adopt_local(seat: Seat, module: nn.Module, expected: nn.Module) -> None:
    """Remember the twins of a module of this process and of those inside it."""
    twins = dict(expected.named_modules())
    for path, part in module.named_modules():
        if path in twins:
            seat.modules[part] = twins[path]


def _twin_of(access: Twinned) -> Any:
    try:
        return access.twin
    except LostTwin:
        return NOTHING
