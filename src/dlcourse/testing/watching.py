"""`with watch(student) as seen:` - what graded code does besides answering.

All of it but what the grader reads in the source is claimed by the process that runs graded code:
strong against mistakes, not against forgery. A call takes several times as long under watch.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dlcourse.sandbox.record import Extent
from dlcourse.testing.findings import Finding, Way
from dlcourse.testing.purity import argument_name
from dlcourse.testing.rules import rules_of
from dlcourse.testing.source import read_sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dlcourse.sandbox.record import Record, Sight
    from dlcourse.testing.rules import Rule
    from dlcourse.testing.student import Student

_OF_BACKWARD = ("the outputs", "the inputs", "the upstream gradient")


class Watched:
    """What was seen inside a `watch` block: `calls` one by one, everything else over all of them.

    A backward that the suite asks for inside the block is a call too. `rules` are what is
    forbidden.
    """

    def __init__(self, rules: tuple[Rule, ...], read: tuple[Finding, ...]) -> None:
        self.rules = rules
        self._read = read
        self.calls: list[Record] = []

    @property
    def mutated(self) -> tuple[str, ...]:
        """The arguments changed in place, as in `the 1st argument of `f``, each once."""
        return _distinct(
            f"{_argument(call, key)} of `{call.name}`"
            for call in self.calls
            for key, _ in call.effects.mutated
        )

    @property
    def aliases(self) -> tuple[str, ...]:
        """The arguments whose memory a result shares; a gradient may share its upstream's."""
        return _distinct(
            f"{_argument(call, key)} of `{call.name}`"
            for call in self.calls
            for _, key in call.effects.aliases
            if not call.is_backward
        )

    @property
    def changed(self) -> tuple[str, ...]:
        """The global state that a call left different, such as `the default dtype`."""
        return _distinct(name for call in self.calls for name in call.effects.changed)

    @property
    def functions(self) -> Counter[str]:
        """How often each public function was called, such as `torch.nn.functional.softmax`."""
        return _sum(call.usage.functions for call in self.calls)

    @property
    def operations(self) -> Counter[str]:
        """How often each operator ran, such as `aten::mm`, those of backwards included."""
        return _sum(call.usage.operations for call in self.calls)

    @property
    def largest(self) -> Extent:
        """The most elements and the most bytes of a tensor that was made, views left out."""
        return Extent(
            max((call.usage.largest.elements for call in self.calls), default=0),
            max((call.usage.largest.bytes for call in self.calls), default=0),
        )

    @property
    def saved_bytes(self) -> int:
        """The bytes that the results' graphs keep, as in `record.Usage`, summed over the calls.

        What a backward keeps for a second one stands in its own record alone.
        """
        return sum(call.usage.saved_bytes for call in self.calls if not call.is_backward)

    @property
    def flops(self) -> int:
        """The floating-point operations of matrix products, convolutions and attention."""
        return sum(call.usage.flops for call in self.calls)

    @property
    def complete(self) -> bool:
        """Whether every name that was seen is told; one call may name a thousand."""
        return all(call.usage.complete for call in self.calls)

    @property
    def forbidden(self) -> tuple[Finding, ...]:
        """Everything forbidden that was found, and what could hide more: calls first."""
        usages = [call.usage for call in self.calls]
        calls = [f for usage in usages for f in _found("call", usage.functions, self.rules)]
        operators = [
            f for usage in usages for f in _found("operation", usage.operations, self.rules)
        ]
        return tuple(dict.fromkeys([*calls, *operators, *self._read]))


@contextmanager
def watch(
    student: Student, forbidden: Sequence[str] | Mapping[str, str] | None = None
) -> Iterator[Watched]:
    """Watch every call of graded code inside the block; gives what was seen.

    Args:
        student: the learner's code.
        forbidden: dotted names that graded code may not use under any alias, such as
            `torch.nn.functional.silu` or `torch.linalg.eig*`; a mapping says what to use instead.
            None means what the exercise's `day.toml` forbids. `assert_allowed` judges.

    Raises:
        ValueError: a forbidden name names nothing in torch.
    """
    seat = student._seat  # noqa: SLF001 - a public name would hide one of the submission
    rules = rules_of(seat.forbidden if forbidden is None else forbidden)
    seat.claims = True
    seen = Watched(rules, read_sources(seat.backend.sources, rules))
    with seat.backend.watched(seen.calls.append):
        yield seen


def _argument(call: Record, key: int | str) -> str:
    return _OF_BACKWARD[int(key)] if call.is_backward else argument_name(key)


def _distinct(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _sum(sights: Iterable[Mapping[str, Sight]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in sights:
        total.update({name: sight.count for name, sight in each.items()})
    return total


def _found(way: Way, sights: Mapping[str, Sight], rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """Yield what rules say of names; one that no line of graded code leads to is not its doing."""
    for name, sight in sights.items():
        for rule in rules:
            covered = rule.covers(name) if way == "call" else rule.covers_operator(name)
            if covered and sight.place is not None:
                yield Finding(rule.name, way, name, sight.place, rule.instead)
                break
