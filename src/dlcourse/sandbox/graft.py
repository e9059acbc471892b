"""Autograd across the boundary: the worker's side."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from dlcourse.sandbox.bits import same_bits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dlcourse.sandbox.wire import Frame


def graft(frame: Frame) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Give the frame's tensors the autograd state they had with the grader.

    Returns the leaves that gradients flow to, and the tensors as graded code sees them: one that
    was no leaf arrives as no leaf, so that an in-place edit behaves as it does locally.
    """
    leaves = []
    seen = []
    for tensor, spec in zip(frame.tensors, frame.specs, strict=True):
        if not spec.requires_grad:
            seen.append(tensor)
            continue
        leaf = tensor.requires_grad_()
        leaves.append(leaf)
        seen.append(leaf if spec.is_leaf else _inner(leaf))
    return leaves, seen


def _inner(leaf: torch.Tensor) -> torch.Tensor:
    with torch.enable_grad():
        return _Inner.apply(leaf)  # type: ignore[no-any-return, no-untyped-call] # torch's


class _Inner(torch.autograd.Function):
    """A tensor that is no leaf, with the layout of its leaf, which a clone might not have."""

    @staticmethod
    def forward(ctx: Any, leaf: torch.Tensor) -> torch.Tensor:  # noqa: ARG004 - torch's signature
        return leaf.detach()

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> torch.Tensor:  # noqa: ARG004 - the same
        return upstream


Contents = list[tuple[torch.Tensor, torch.Tensor]]
"""Parameters, each with a copy of what it holds when a graph is built on it."""


@dataclass(frozen=True)
class _Graph:
    inputs: list[torch.Tensor]
    outputs: list[torch.Tensor]
    contents: Contents


class Graphs:
    """The graphs that the grader still refers to, each by its number."""

    def __init__(self) -> None:
        self._kept: dict[int, _Graph] = {}
        self._next = 1

    def keep(
        self,
        inputs: Sequence[torch.Tensor],
        outputs: Sequence[torch.Tensor],
        contents: Contents,
    ) -> int | None:
        """Remember a piece of graph for later gradients; None where there is none."""
        reached = [tensor for tensor in outputs if tensor.requires_grad]
        if not inputs or not reached:
            return None
        number = self._next
        self._next += 1
        self._kept[number] = _Graph(list(inputs), reached, contents)
        return number

    def forget(self, number: int) -> None:
        """Let a graph go."""
        self._kept.pop(number, None)

    def contents(self, number: int) -> Contents:
        """What the parameters held that a graph was built on."""
        return self._kept[number].contents

    def gradients(
        self,
        number: int,
        upstream: Sequence[torch.Tensor | None],
        wanted: Sequence[bool],
        *,
        create_graph: bool,
        call: Callable[..., Any],
    ) -> tuple[list[torch.Tensor | None], list[torch.Tensor]]:
        """Vector-Jacobian products, and the tensors that they depend on.

        `upstream` holds one gradient or None for each output, `wanted` says which inputs get one.
        `call` runs a function on its arguments and keywords, as backward is graded code too.
        """
        graph = self._kept[number]
        inputs = graph.inputs
        # The call itself may have frozen a parameter.
        wanted = [w and tensor.requires_grad for w, tensor in zip(wanted, inputs, strict=True)]
        given = [gradient for gradient in upstream if gradient is not None]
        if not any(wanted):
            return [None for _ in inputs], [*inputs, *given]
        for gradient in given:
            gradient.requires_grad_(create_graph)
        with torch.set_grad_enabled(create_graph), _holding(graph.contents):
            arguments = (
                [out for out, up in zip(graph.outputs, upstream, strict=True) if up is not None],
                [tensor for tensor, want in zip(inputs, wanted, strict=True) if want],
                given,
            )
            options = {
                "retain_graph": True,  # the grader alone decides when a graph is freed
                "create_graph": create_graph,
                "allow_unused": True,
            }
            found = iter(call(torch.autograd.grad, arguments, options))
        return [next(found) if want else None for want in wanted], [*inputs, *given]


@contextmanager
def _holding(contents: Contents) -> Iterator[None]:
    """Let parameters hold what they did; the grader may have written to them since."""
    changed = [pair for pair in contents if not same_bits(*pair)]
    now = [tensor.detach().clone() for tensor, _ in changed]
    # Not the tensors themselves, which must not look edited to the graph.
    for tensor, then in changed:
        tensor.data.copy_(then)
    try:
        yield
    finally:
        for (tensor, _), contents_now in zip(changed, now, strict=True):
            tensor.data.copy_(contents_now)
