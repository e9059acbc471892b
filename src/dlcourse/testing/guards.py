"""Guard zones around the buffers of a kernel, which show what is written or read outside of them.

A kernel is called in the worker, where every tensor among its arguments is laid into a larger
buffer first. What is seen there is a claim of the process that runs graded code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dlcourse.testing import zones
from dlcourse.testing.markers import in_worker
from dlcourse.testing.mismatch import Mismatch, counted
from dlcourse.testing.purity import argument_name
from dlcourse.testing.zones import call_in_zones

if TYPE_CHECKING:
    import torch

    from dlcourse.sandbox.record import Key
    from dlcourse.testing.student import Student

_SIDES = {
    "before": "before the beginning of",
    "after": "beyond the end of",
    "between": "between the elements of",
}


@dataclass(frozen=True)
class Trespass:
    """Elements outside of an argument that were written to: on which `side`, and how many."""

    key: Key
    side: str
    count: int


@dataclass(frozen=True)
class GuardedCall:
    """What a call returned, its arguments as they are afterwards, and where it trespassed."""

    name: str
    result: Any
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    trespasses: tuple[Trespass, ...]


def call_guarded(
    student: Student,
    name: str,
    *arguments: Any,
    guard: int = 256,
    device: torch.device | str = "cpu",
    **keywords: Any,
) -> GuardedCall:
    """Call graded code with guard zones around every tensor that is an argument.

    Each such tensor keeps its shape, dtype and strides, and stands inside of a buffer of its own,
    with `guard` elements before and behind it. The function is called twice on the same arguments.
    First the guards, and the gaps between strided elements, hold numbers: whatever is written there
    is seen. Then they hold NaN, or the largest integer: what is read from there shows in the
    result, which is that of the second call. New memory of `torch.empty` holds NaN as well. Hand
    over full of NaN what the kernel is to fill.

    Args:
        student: the learner's code.
        name: the function, dotted if need be, that launches the kernel.
        arguments: its positional arguments; containers are handed on without guards inside.
        guard: the elements before and behind each tensor: more than a block.
        device: where the buffers are laid; results come back to the CPU.
        keywords: its other arguments.

    Raises:
        StudentError: the call raised.
    """
    target: Any = student
    for part in name.split("."):
        target = getattr(target, part)  # raises MissingName where there is no such function
    seen = _call_guarded(student, name, arguments, keywords, guard, str(device))
    trespasses = tuple(Trespass(*found) for found in seen["trespasses"])
    return GuardedCall(name, seen["result"], seen["arguments"], seen["keywords"], trespasses)


def assert_guards_intact(call: GuardedCall) -> None:
    """Assert that a call wrote nothing outside of its arguments.

    Raises:
        Mismatch: it did, with a sentence for each argument and side.
    """
    sentences = [
        f"`{call.name}` writes to {counted(found.count, 'element')} {_SIDES[found.side]} "
        f"{argument_name(found.key)}."
        for found in call.trespasses
    ]
    if sentences:
        raise Mismatch(*sentences)


@in_worker(uses=(zones,))
def _call_guarded(
    student: Any,
    name: str,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    guard: int,
    device: str,
) -> dict[str, Any]:
    """Call a function of graded code inside of guard zones."""
    function = student
    for part in name.split("."):
        function = getattr(function, part)
    return call_in_zones(function, arguments, keywords, guard, device)
