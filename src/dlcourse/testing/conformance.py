"""Whether a function is right for every dtype and layout, and refuses what it must refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from dlcourse.sandbox.effects import tensors_in
from dlcourse.sandbox.faults import StudentError
from dlcourse.sandbox.not_mirrored import NotMirrored
from dlcourse.sandbox.unsendable import UnsendableArgument
from dlcourse.testing.inputs import FLOATING, each_dtype, strided
from dlcourse.testing.mismatch import Mismatch, input_names
from dlcourse.testing.values import assert_values_match

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_NEVER_A_REFUSAL = (NotImplementedError, MemoryError, UnsendableArgument, NotMirrored)


def assert_follows_dtype(
    f: Callable[..., Any],
    reference: Callable[..., Any],
    inputs: tuple[Any, ...],
    *,
    dtypes: tuple[torch.dtype, ...] = FLOATING,
    reduction: int = 1,
    c: float = 8.0,
    scale: float | None = None,
    what: str = "the result",
) -> None:
    """Assert that the result has the dtype of the inputs and is right in each one of them.

    The inputs are rounded to each dtype, and the reference meets the rounded ones in float64: so
    the tolerance holds what the answer loses on the way, and nothing else.

    Args:
        f: the graded function.
        reference: the right function; it is called with float64 in place of every floating tensor,
            once graded code has answered.
        inputs: the positional arguments of both; floating tensors among them are cast.
        dtypes: the dtypes, float64, float32, bfloat16 and float16 if none are named.
        reduction: the length of the longest sum behind an element.
        c: how many roundings of one element are forgiven. A result that is computed in float32 and
            rounded once keeps well below the 8 of the default in half precision.
        scale: the size of the terms that cancel, where the result does not show it.
        what: what the learner knows the result as.

    Raises:
        Mismatch: a result has another dtype, or is wrong.
    """
    for dtype, rounded in each_dtype(*inputs, dtypes=dtypes):
        answer = f(*rounded)
        assert_values_match(
            answer,
            _right(reference, rounded),
            dtype=dtype,
            reduction=reduction,
            c=c,
            scale=scale,
            what=f"{what} in {str(dtype).removeprefix('torch.')}",
        )


def assert_any_strides(
    f: Callable[..., Any],
    reference: Callable[..., Any],
    inputs: tuple[Any, ...],
    *,
    reduction: int = 1,
    c: float = 8.0,
    scale: float | None = None,
    names: Sequence[str] | None = None,
    what: str = "the result",
) -> None:
    """Assert that the memory layout of an input makes no difference to the result.

    Each tensor with an axis takes each layout of `strided` in turn while the others stay as they
    are, and then all of them take it at once. The answer keeps the dtype of the inputs.

    The arguments are those of `assert_follows_dtype`, but that nothing is cast for `f`; `names` is
    what the learner knows the inputs as.

    Raises:
        Mismatch: a result is wrong; the sentence names the layout and the input.
        ValueError: no input is a tensor with an axis.
    """
    floating = [tensor.dtype for tensor in tensors_in(inputs) if tensor.is_floating_point()]
    for layout, arguments in _arrangements(inputs, input_names(inputs, names)):
        answer = f(*arguments)
        assert_values_match(
            answer,
            _right(reference, arguments),
            dtype=floating[0] if floating else None,
            reduction=reduction,
            c=c,
            scale=scale,
            what=f"{what} for {layout}",
        )


def assert_refused(call: Callable[[], Any], kind: type[Exception], what: str) -> None:
    """Assert that bad arguments raise the exception that the docstring promises.

    Args:
        call: calls graded code with the bad arguments: `lambda: student.f(x, clip=-0.1)`.
        kind: the exception that is due, or a parent of it. A `NotImplementedError` is never a
            refusal, although it is a `RuntimeError`: it comes back as what a stub raises.
        what: what is bad, as the learner reads it: "a `clip` below 0".

    Raises:
        Mismatch: nothing was raised, or something else.
    """
    try:
        call()
    except _NEVER_A_REFUSAL:
        raise
    except kind:
        return
    except StudentError as error:
        at = f" (`{error.place.file}`, line {error.place.line})" if error.place else ""
        raise Mismatch(
            f"`{error.type_name}` was raised for {what}{at}: raise a `{kind.__name__}`."
        ) from None
    raise Mismatch(f"No `{kind.__name__}` was raised for {what}.")


def _right(reference: Callable[..., Any], inputs: tuple[Any, ...]) -> Any:
    """Return what the reference makes of the inputs in float64."""
    ((_, wide),) = each_dtype(*inputs, dtypes=(torch.float64,))
    with torch.no_grad():
        return reference(*(_plain(value) for value in wide))


def _plain(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def _arrangements(
    inputs: tuple[Any, ...], names: Sequence[str]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield each layout of one input, and of all at once, in words and as arguments."""
    layouts = {
        place: dict(strided(value))
        for place, value in enumerate(inputs)
        if isinstance(value, torch.Tensor) and value.ndim
    }
    if not layouts:
        raise ValueError("No input has a layout: give a tensor with an axis.")
    for name in next(iter(layouts.values())):
        for place, choices in layouts.items():
            yield f"{name} {names[place]}", (*inputs[:place], choices[name], *inputs[place + 1 :])
        if len(layouts) > 1:
            yield (
                f"{name} inputs",
                tuple(
                    layouts[place][name] if place in layouts else value
                    for place, value in enumerate(inputs)
                ),
            )
