"""Calls of graded code repeated on the solution, and the structures of the answers compared.

What cannot be repeated, because a twin was lost on the way, is not compared. An object in such an
answer is refused: a suite never holds an object of graded code where the solution has another
kind of thing, and so never asks of it what only a suite's own mistake could ask.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from torch import nn

from dlcourse.sandbox.faults import StudentFault, WrongAnswer
from dlcourse.sandbox.stand_in import StandIn
from dlcourse.testing.structure import describe, is_opaque, structure_problem
from dlcourse.testing.twins import NOTHING, LostTwin, Twinned, spare, twins_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dlcourse.sandbox.observation import Observation
    from dlcourse.testing.student import Seat

Problem: TypeAlias = "Callable[[Any, Any, str], str | None]"
"""Says how an answer differs from the solution's in kind, given what sentences call it."""


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
        twins = self.seat.twins
        twins.follow_generators()
        try:
            self._copies = spare((self.arguments, dict(self.keywords)), twins)
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
        self.seat.twins.follow_modules()
        arguments, keywords = self._copies
        try:
            own = () if self.owner is None else (self.owner.twin,)
            return self.reference(*own, *arguments, **keywords)
        except Exception:  # noqa: BLE001 - LostTwin, and whatever the solution raises
            return NOTHING


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
    if not fits and not seat.backend.is_ours:
        raise WrongAnswer(
            f"{what} holds {describe(stand_in)}: return tensors, numbers, strings or containers "
            "of them"
        )
    if fits:
        seat.bind(stand_in, expected)


def _adopt_local(seat: Seat, module: nn.Module, expected: nn.Module) -> None:
    """Remember the twins of a module of this process and of those inside it."""
    twins = dict(expected.named_modules())
    for path, part in module.named_modules():
        if path in twins:
            seat.twins.modules[part] = twins[path]
