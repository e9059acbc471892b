"""Whether gradients agree with finite differences, once and twice differentiated.

The Jacobian is first compared along one random direction, at the price of a few calls. Only if
that fails is it compared element by element, and this comparison decides: a right answer stays
fast, and an unlucky direction costs nobody a point.
"""

from __future__ import annotations

import re
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck

from dlcourse.sandbox.effects import tensors_in
from dlcourse.testing.mismatch import Mismatch, capital, input_names
from dlcourse.testing.replicas import replicas
from dlcourse.testing.values import assert_values_match

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# In float64 a step of 1e-6 leaves central differences about 1e-10 of rounding error.
_STEP = 1e-6
_RTOL = 1e-6
_ATOL = 1e-8
# Two runs of one backward may add in another order on a GPU.
_NONDETERMINISM = 1e-12
_VALUE_ROUNDINGS = 1e4

_JACOBIAN = re.compile(r"mismatch for output \d+ with respect to input (\d+)")
_DETACHED = "expected to be zero"
_NOT_REENTRANT = "not reentrant"
_UPSTREAM_IGNORED = "not multiplied by grad_output"


def assert_gradcheck(
    f: Callable[..., Any],
    inputs: tuple[Any, ...],
    *,
    eps: float = _STEP,
    rtol: float = _RTOL,
    atol: float = _ATOL,
    names: Sequence[str] | None = None,
    what: str = "the result",
    reference: Callable[..., Any] | None = None,
) -> None:
    """Assert that the gradients of `f` are the derivatives of its values.

    Args:
        f: the graded function.
        inputs: its positional arguments. Those that require a gradient are in double precision
            and further than `eps` from every kink of `f`.
        eps: the step of the finite differences.
        rtol: relative tolerance for an element of the Jacobian.
        atol: absolute tolerance for an element of the Jacobian.
        names: what the learner knows the inputs as.
        what: what the learner knows the result as.
        reference: the right function. Every value is compared with its own, near the inputs too:
            a constant would otherwise pass, whose derivative is zero.

    Raises:
        Mismatch: a gradient is no derivative of the value, or is missing; a value is wrong.
        ValueError: an input that requires a gradient is in another precision, or none does.
    """
    labels = _labels(inputs, names)
    _require_double(inputs)
    check = partial(
        gradcheck, _flat(f, reference, what), replicas(inputs), eps=eps, rtol=rtol, atol=atol
    )
    failure = _failure(check)
    if failure is not None:
        raise Mismatch(_first_order(failure, labels, what))


def assert_gradgradcheck(
    f: Callable[..., Any],
    inputs: tuple[Any, ...],
    *,
    eps: float = _STEP,
    rtol: float = _RTOL,
    atol: float = _ATOL,
    names: Sequence[str] | None = None,
    what: str = "the result",
    reference: Callable[..., Any] | None = None,
) -> None:
    """Assert that the gradients of `f` can be differentiated again, and rightly so.

    The upstream gradient is random, but the same for the same inputs. The arguments are those of
    `assert_gradcheck`, and so are the errors.
    """
    labels = _labels(inputs, names)
    _require_double(inputs)
    leaves = replicas(inputs)
    outputs = [output for output in tensors_in(f(*leaves)) if output.requires_grad]
    if not outputs:
        raise Mismatch(_first_order(_DETACHED, labels, what))
    upstream = _upstream(outputs, inputs)
    check = partial(
        gradgradcheck, _flat(f, reference, what), leaves, upstream, eps=eps, rtol=rtol, atol=atol
    )
    failure = _failure(check)
    if failure is not None:
        raise Mismatch(_second_order(failure, labels))


def _labels(inputs: tuple[Any, ...], names: Sequence[str] | None) -> list[str]:
    """Return the names of the inputs that require a gradient: gradcheck counts no others."""
    return [
        label
        for label, value in zip(input_names(inputs, names), inputs, strict=True)
        if isinstance(value, torch.Tensor) and value.requires_grad
    ]


def _flat(
    f: Callable[..., Any], reference: Callable[..., Any] | None, what: str
) -> Callable[..., tuple[torch.Tensor, ...]]:
    """Return `f` with the tensors of its result in one tuple, as gradcheck wants them."""

    def answer(*arguments: Any) -> tuple[torch.Tensor, ...]:
        result = f(*arguments)
        if reference is not None:
            with torch.no_grad():
                right = reference(*replicas(arguments))
            # Far tighter than the step of the differences, so that a constant shows.
            assert_values_match(result, right, c=_VALUE_ROUNDINGS, scale=1.0, what=what)
        return tuple(tensors_in(result))

    return answer


def _require_double(inputs: tuple[Any, ...]) -> None:
    dtypes = {tensor.dtype for tensor in tensors_in(inputs) if tensor.requires_grad}
    if not dtypes or not dtypes <= {torch.float64, torch.complex128}:
        msg = "Finite differences need float64 inputs, one of which at least requires a gradient."
        raise ValueError(msg)


def _failure(check: Callable[..., object]) -> str | None:
    """Return torch's complaint, or None if the full comparison has none."""
    for fast in (True, False):
        try:
            check(fast_mode=fast, nondet_tol=_NONDETERMINISM, check_undefined_grad=False)
        except GradcheckError as error:
            complaint = str(error)
        else:
            return None
    return complaint


def _upstream(outputs: Sequence[torch.Tensor], inputs: tuple[Any, ...]) -> tuple[torch.Tensor, ...]:
    """Draw an upstream gradient from a seed that only the inputs decide."""
    seed = 0
    for value in tensors_in(inputs):
        seed = zlib.crc32(value.detach().cpu().contiguous().numpy().tobytes(), seed)
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randn(output.shape, dtype=output.dtype, generator=generator)
        .to(output.device)
        .requires_grad_()
        for output in outputs
    )


def _first_order(complaint: str, labels: Sequence[str], what: str) -> str:
    """Say what gradcheck found, without its numbers."""
    jacobian = _JACOBIAN.search(complaint)
    if jacobian:
        name = labels[int(jacobian[1])]
        return f"The gradient of {name} is not the derivative of {what} with respect to it."
    if _DETACHED in complaint:
        return f"{capital(what)} is detached from its inputs: no gradient reaches them."
    if _NOT_REENTRANT in complaint:
        return "A second backward through the same graph gives another gradient."
    if _UPSTREAM_IGNORED in complaint:
        return "The gradient is not zero where the upstream gradient is: multiply by it."
    return f"The gradient is not the derivative of {what}."


def _second_order(complaint: str, labels: Sequence[str]) -> str:
    """Say what gradgradcheck found; it counts the upstream gradients behind the inputs."""
    jacobian = _JACOBIAN.search(complaint)
    if jacobian and int(jacobian[1]) < len(labels):
        name = labels[int(jacobian[1])]
        return f"The gradient, differentiated again with respect to {name}, is wrong."
    if jacobian:
        return "The gradient is not linear in the upstream gradient, or is detached from it."
    if _DETACHED in complaint:
        return "The gradient is detached: it cannot be differentiated again."
    return "The gradient, differentiated again, is wrong."
