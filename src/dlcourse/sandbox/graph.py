"""Autograd across the boundary: the grader's side.

The worker keeps a graph under a number; here a custom Function stands for it, whose backward asks
the worker for vector-Jacobian products. Those are themselves outputs of such a Function, over the
inputs and the upstream gradients, so gradients of any order work as if all were local.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch

from dlcourse.sandbox.decoder import Decoder
from dlcourse.sandbox.not_mirrored import require_plain
from dlcourse.sandbox.request import RequestEncoder
from dlcourse.sandbox.tensors import Malformed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlcourse.sandbox.process import WorkerProcess
    from dlcourse.sandbox.wire import Frame

_NODES: Final = 1 << 63


class _Node:
    """A graph in the worker; when nobody here refers to it, the worker is told to free it."""

    def __init__(self, process: WorkerProcess, number: int) -> None:
        self.number = number
        weakref.finalize(self, process.release, number)


@dataclass(frozen=True)
class _Graph:
    """A graph in the worker, if it kept one, and which of an answer's outputs belong to it.

    It must not hold the outputs themselves: they refer to it, and nothing would ever be freed.
    """

    process: WorkerProcess
    differentiable: tuple[bool, ...]
    node: _Node | None


@dataclass(frozen=True)
class Exchange:
    """What one answer brought: the tensors that take part in autograd, and their graph."""

    outputs: tuple[torch.Tensor, ...]
    graph: _Graph

    @classmethod
    def of(cls, process: WorkerProcess, frame: Frame) -> Exchange:
        """Read the part of an answer that autograd needs; raises StudentProtocol."""
        count = frame.header.get("outputs")
        if type(count) is not int or not 0 <= count <= len(frame.tensors):
            raise process.malformed("the number of outputs")
        number = frame.header.get("node")
        if number is not None and (type(number) is not int or not 0 <= number < _NODES):
            raise process.malformed("the number of a node")
        node = None if number is None else _Node(process, number)
        differentiable = tuple(spec.requires_grad for spec in frame.specs[:count])
        return cls(frame.tensors[:count], _Graph(process, differentiable, node))

    def attach(self, inputs: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """Return the outputs with their place in the local graph."""
        if not any(self.graph.differentiable):
            return self.outputs
        # The anchor keeps an output differentiable whose graph reaches none of our tensors.
        anchor = torch.empty(0, requires_grad=True)
        with torch.enable_grad():
            attached: tuple[torch.Tensor, ...] = _Remote.apply(  # type: ignore[no-untyped-call] # torch's
                self.graph, self.outputs, anchor, *inputs
            )
        return attached


class _Remote(torch.autograd.Function):
    """The local stand-in for a graph in the worker."""

    @staticmethod
    def forward(
        ctx: Any,
        graph: _Graph,
        outputs: tuple[torch.Tensor, ...],
        anchor: torch.Tensor,  # noqa: ARG004 - it is there to require a gradient
        *inputs: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.graph = graph
        # Parameters are not saved: all that are mirrored are inputs, and an optimizer may step one
        # that this graph does not reach. The worker keeps what they hold now.
        ctx.parameters = [t if isinstance(t, torch.nn.Parameter) else None for t in inputs]
        ctx.save_for_backward(*(t for t in inputs if not isinstance(t, torch.nn.Parameter)))
        pairs = zip(outputs, graph.differentiable, strict=True)
        ctx.mark_non_differentiable(*(output for output, carries in pairs if not carries))
        return outputs

    @staticmethod
    def backward(ctx: Any, *upstream: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        graph: _Graph = ctx.graph
        saved = iter(ctx.saved_tensors)
        inputs = [next(saved) if held is None else held for held in ctx.parameters]
        wanted = list(ctx.needs_input_grad[3:])
        pairs = zip(upstream, graph.differentiable, strict=True)
        reached = [gradient for gradient, carries in pairs if carries]
        given = [gradient for gradient in reached if gradient is not None]
        if graph.node is None or not given or not any(wanted):
            return (None, None, None, *(None for _ in inputs))
        again = torch.is_grad_enabled()
        answer, tree = _ask(graph.process, graph.node, reached, wanted, create_graph=again)
        outputs = answer.attach([*inputs, *given]) if again else answer.outputs
        return (None, None, None, *_matched(graph.process, tree, outputs, inputs))


def _ask(
    process: WorkerProcess,
    node: _Node,
    upstream: Sequence[torch.Tensor | None],
    wanted: list[bool],
    *,
    create_graph: bool,
) -> tuple[Exchange, Any]:
    """Ask for vector-Jacobian products; returns the exchange and the tree of the gradients."""
    encoder = RequestEncoder()
    header = {
        "kind": "gradient",
        "node": node.number,
        "upstream": [None if g is None else encoder.tensor(_view(g)) for g in upstream],
        "wanted": wanted,
        "create_graph": create_graph,
    }
    frame = process.request(header, encoder.descriptions, encoder.buffers)
    return Exchange.of(process, frame), frame.header.get("value")


def _view(gradient: torch.Tensor) -> torch.Tensor:
    """A fresh view: two equal upstream gradients must stay two inputs of the new node."""
    require_plain(gradient)
    return gradient.detach()


def _matched(
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
        if gradient is not None and not _fits(gradient, tensor):
            raise process.malformed("the kind of a gradient")
    return gradients


def _fits(gradient: Any, tensor: torch.Tensor) -> bool:
    return (
        isinstance(gradient, torch.Tensor)
        and gradient.shape == tensor.shape
        and gradient.dtype == tensor.dtype
    )
