"""Whether the gradients of a function are the ones that they should be.

Every function here is called with replicas of its inputs, so that nothing graded code does
reaches the originals; non-tensors among the inputs (a clip range, an axis) pass as they are.
A gradient that autograd does not deliver (None: no path leads to the input) counts as zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from dlcourse.sandbox.effects import tensors_in
from dlcourse.testing.mismatch import (
    Mismatch,
    capital,
    counted,
    first_index,
    input_names,
    shown_shape,
)
from dlcourse.testing.replicas import replicas
from dlcourse.testing.values import assert_values_match

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Upstream: TypeAlias = "torch.Tensor | Sequence[torch.Tensor]"
Where: TypeAlias = "Sequence[torch.Tensor | bool | None]"


def assert_gradients_match(
    f: Callable[..., Any],
    reference: Callable[..., Any],
    inputs: tuple[Any, ...],
    upstream: Upstream,
    *,
    reduction: int = 1,
    c: float = 64.0,
    scale: float | None = None,
    names: Sequence[str] | None = None,
    what: str = "the result",
    named_axes: Mapping[str, int] | None = None,
) -> None:
    """Assert that `f` has the gradients of `reference` under a given upstream gradient.

    `f` is called and differentiated first, `reference` after it has answered. Each input that
    requires a gradient is compared, by the law of `assert_values_match`.

    Args:
        f: the graded function.
        reference: the right function, differentiable by autograd.
        inputs: the positional arguments of both; those that require a gradient are compared.
        upstream: the gradient that arrives at the result, one tensor for each tensor of the
            result, depth-first. Drawn at random: many wrong backwards are right under ones.
        reduction: the length of the longest sum behind an element of a gradient.
        c: how many roundings are forgiven; a gradient chains more of them than a value.
        scale: the size of the terms that cancel, where the gradients do not show it.
        names: what the learner knows the inputs as; otherwise `input 0`, `input 1`, …
        what: what the learner knows the result as.
        named_axes: lengths by which a gradient may wrongly be scaled, as in `assert_values_match`.

    Raises:
        Mismatch: a gradient is missing where it is due, or is another one than it should be.
        ValueError: no input requires a gradient.
    """
    names = input_names(inputs, names)
    found = _gradients(f, inputs, upstream, what)
    due = _gradients(reference, inputs, upstream, what)
    for place, right in due.items():
        answer = found[place]
        if answer is None and right is not None and bool((right != 0).any()):
            raise _detached(what, names[place])
        if right is None and answer is not None and bool((answer != 0).any()):
            raise Mismatch(f"A gradient reaches {names[place]}, which must get none.")
        assert_values_match(
            _or_zeros(answer, inputs[place]),
            _or_zeros(right, inputs[place]),
            reduction=reduction,
            c=c,
            scale=scale,
            what=f"the gradient of {names[place]}",
            named_axes=named_axes,
        )


def assert_zero_gradient(
    f: Callable[..., Any],
    inputs: tuple[Any, ...],
    upstream: Upstream,
    where: Where,
    *,
    names: Sequence[str] | None = None,
    what: str = "the result",
) -> None:
    """Assert that exactly nothing flows back to the chosen elements of the inputs.

    `where` says for each input which elements: True for all, a bool mask of its shape, or None
    where nothing is claimed. The others are as in `assert_gradients_match`.

    Raises:
        Mismatch: a gradient there is anything but exactly zero; NaN is not zero.
        ValueError: `where` speaks of an input that requires no gradient, or not of every input.
    """
    for name, gradient, mask in _chosen(f, inputs, upstream, where, names=names, what=what):
        wrong = mask & (gradient != 0)
        if bool(wrong.any()):
            raise Mismatch(
                f"The gradient of {name} is not zero at {_count(wrong, mask)} elements where "
                f"nothing may flow back{_first(wrong)}."
            )


def assert_nonzero_gradient(
    f: Callable[..., Any],
    inputs: tuple[Any, ...],
    upstream: Upstream,
    where: Where,
    *,
    names: Sequence[str] | None = None,
    what: str = "the result",
) -> None:
    """Assert that a finite gradient other than zero reaches the chosen elements of the inputs.

    The arguments are those of `assert_zero_gradient`.

    Raises:
        Mismatch: a gradient there is zero, NaN or infinite.
    """
    for name, gradient, mask in _chosen(f, inputs, upstream, where, names=names, what=what):
        wrong = mask & ((gradient == 0) | ~torch.isfinite(gradient))
        if bool(wrong.any()):
            raise Mismatch(
                f"The gradient of {name} is zero or not finite at {_count(wrong, mask)} elements "
                f"that a gradient must reach{_first(wrong)}."
            )


def _chosen(
    f: Callable[..., Any],
    inputs: tuple[Any, ...],
    upstream: Upstream,
    where: Where,
    *,
    names: Sequence[str] | None,
    what: str,
) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    """Yield name, gradient and mask of every input about which `where` claims something."""
    names = input_names(inputs, names)
    claims = _claims(inputs, where)
    gradients = _gradients(f, inputs, upstream, what)
    for place, claim in claims.items():
        value = inputs[place]
        mask = torch.as_tensor(claim, device=value.device).expand_as(value)
        yield names[place], _or_zeros(gradients[place], value), mask


def _claims(inputs: tuple[Any, ...], where: Where) -> dict[int, torch.Tensor | bool]:
    """Return what `where` claims, by the place of the input."""
    if len(where) != len(inputs):
        msg = f"`where` has {len(where)} entries for {len(inputs)} inputs: None claims nothing."
        raise ValueError(msg)
    claims = {place: claim for place, claim in enumerate(where) if claim is not None}
    for place in claims.keys() - _differentiable(inputs).keys():
        msg = f"`where` speaks of input {place}, which requires no gradient."
        raise ValueError(msg)
    return claims


def _gradients(
    f: Callable[..., Any], inputs: tuple[Any, ...], upstream: Upstream, what: str
) -> dict[int, torch.Tensor | None]:
    """Return the gradient of every input that requires one, by its place among the inputs."""
    leaves = replicas(inputs)
    wanted = _differentiable(leaves)
    if not wanted:
        msg = "No input requires a gradient: call `requires_grad_()` on one."
        raise ValueError(msg)
    outputs, upstreams = _paired(f(*leaves), upstream, what)
    if not outputs:
        return dict.fromkeys(wanted)
    gradients = torch.autograd.grad(outputs, tuple(wanted.values()), upstreams, allow_unused=True)
    return dict(zip(wanted, gradients, strict=True))


def _differentiable(inputs: tuple[Any, ...]) -> dict[int, torch.Tensor]:
    return {
        place: value
        for place, value in enumerate(inputs)
        if isinstance(value, torch.Tensor) and value.requires_grad
    }


def _paired(
    result: Any, upstream: Upstream, what: str
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return the outputs that carry a graph, each beside its upstream gradient."""
    outputs = list(tensors_in(result))
    upstreams = list(tensors_in(upstream))
    if len(outputs) != len(upstreams):
        raise Mismatch(
            f"{capital(what)} holds {counted(len(outputs), 'tensor')} instead of {len(upstreams)}."
        )
    for output, arriving in zip(outputs, upstreams, strict=True):
        if output.shape != arriving.shape:
            raise Mismatch(
                f"{capital(what)} has shape {shown_shape(output.shape)} instead of "
                f"{shown_shape(arriving.shape)}."
            )
    pairs = [pair for pair in zip(outputs, upstreams, strict=True) if pair[0].requires_grad]
    return [output for output, _ in pairs], [arriving for _, arriving in pairs]


def _detached(what: str, name: str) -> Mismatch:
    return Mismatch(f"{capital(what)} is detached from {name}: no gradient reaches it.")


def _or_zeros(gradient: torch.Tensor | None, value: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(value) if gradient is None else gradient


def _count(wrong: torch.Tensor, mask: torch.Tensor) -> str:
    return f"{int(wrong.sum())} of {int(mask.sum())}"


def _first(wrong: torch.Tensor) -> str:
    return f", the first at index {first_index(wrong)}" if wrong.ndim else ""
