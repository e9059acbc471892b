"""Autograd across the boundary.

The worker keeps a graph under a number; here a custom Function stands for it, whose backward asks
the worker for vector-Jacobian products. Those are themselves outputs of such a Function, over the
inputs and the upstream gradients, so gradients of any order work as if all were local.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from dlcourse.sandbox.process import WorkerProcess
from dlcourse.sandbox.tensors import Malformed
from dlcourse.sandbox.values import Decoder, Encoder
from dlcourse.sandbox.wire import Frame


class _Node:
    """A graph in the worker; when nobody here refers to it, the worker is told to free it."""

    def __init__(self, process: WorkerProcess, number: int) -> None:
        self.number = number
        weakref.finalize(self, process.release, number)


@dataclass(frozen=True)
class Exchange:
    """What one answer brought: its tensors, which of them carry a graph, and that graph."""

    process: WorkerProcess
    outputs: tuple[torch.Tensor, ...]
    differentiable: tuple[bool, ...]
    node: _Node | None

    @classmethod
    def of(cls, process: WorkerProcess, frame: Frame) -> Exchange:
        """Read the part of an answer that autograd needs; raises StudentProtocol."""
        count = frame.header.get("outputs")
        if type(count) is not int or not 0 <= count <= len(frame.tensors):
            raise process.malformed("the number of outputs")
        number = frame.header.get("node")
        if number is not None and type(number) is not int:
            raise process.malformed("the number of a node")
        return cls(
            process=process,
            outputs=frame.tensors[:count],
            differentiable=tuple(spec.requires_grad for spec in frame.specs[:count]),
            node=None if number is None else _Node(process, number),
        )

    def attach(self, inputs: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """Return the outputs with their place in the local graph."""
        if not any(self.differentiable):
            return self.outputs
        # The anchor keeps an output differentiable whose graph reaches none of our tensors.
        anchor = torch.empty(0, requires_grad=True)
        with torch.enable_grad():
            attached: tuple[torch.Tensor, ...] = _Remote.apply(self, anchor, *inputs)  # type: ignore[no-untyped-call]
        return attached

    def gradients(
        self, upstream: Sequence[torch.Tensor | None], wanted: list[bool], *, create_graph: bool
    ) -> tuple[Exchange, Any]:
        """Ask for vector-Jacobian products; returns the new exchange and the answer's tree."""
        assert self.node is not None
        encoder = Encoder()
        header = {
            "kind": "gradient",
            "node": self.node.number,
            # A fresh view each: two equal upstream gradients must stay two inputs of the new node.
            "upstream": [None if g is None else encoder.tensor(g.detach()) for g in upstream],
            "wanted": wanted,
            "create_graph": create_graph,
        }
        frame = self.process.request(header, encoder.descriptions, encoder.buffers)
        return Exchange.of(self.process, frame), frame.header.get("value")


class _Remote(torch.autograd.Function):
    """The local stand-in for a graph in the worker."""

    @staticmethod
    def forward(
        ctx: Any, exchange: Exchange, anchor: torch.Tensor, *inputs: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.exchange = exchange
        ctx.save_for_backward(*inputs)
        pairs = zip(exchange.outputs, exchange.differentiable, strict=True)
        ctx.mark_non_differentiable(*(output for output, carries in pairs if not carries))
        return exchange.outputs

    @staticmethod
    def backward(ctx: Any, *upstream: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        exchange: Exchange = ctx.exchange
        inputs: tuple[torch.Tensor, ...] = ctx.saved_tensors
        wanted = list(ctx.needs_input_grad[2:])
        reached = [
            gradient
            for gradient, carries in zip(upstream, exchange.differentiable, strict=True)
            if carries
        ]
        given = [gradient for gradient in reached if gradient is not None]
        if exchange.node is None or not given or not any(wanted):
            return (None, None, *(None for _ in inputs))
        again = torch.is_grad_enabled()
        answer, tree = exchange.gradients(reached, wanted, create_graph=again)
        outputs = answer.attach([*inputs, *given]) if again else answer.outputs
        return (None, None, *_match(exchange.process, tree, outputs, inputs))


def _match(
    process: WorkerProcess,
    tree: Any,
    outputs: Sequence[torch.Tensor],
    inputs: Sequence[torch.Tensor],
) -> list[torch.Tensor | None]:
    """Decode the gradients; each must be as its input is, or the engine would not take it."""
    try:
        gradients = Decoder(outputs).decode(tree)
    except Malformed as error:
        raise process.malformed(str(error)) from None
    if type(gradients) is not list or len(gradients) != len(inputs):
        raise process.malformed("the list of gradients")
    for gradient, tensor in zip(gradients, inputs, strict=True):
        if gradient is None:
            continue
        if not isinstance(gradient, torch.Tensor) or gradient.shape != tensor.shape:
            raise process.malformed("the shape of a gradient")
        if gradient.dtype != tensor.dtype:
            raise process.malformed("the dtype of a gradient")
    return gradients
