"""The shape that broadcasting gives, and the sum that its backward needs."""

from __future__ import annotations

from itertools import zip_longest

import torch
from torch import Tensor


def broadcast_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    r"""Return the shape to which tensors of the shapes a and b broadcast together.

    The shapes are aligned at their last axes, and missing leading axes count as 1. Then, axis by
    axis, two lengths m and n give::

        n        if m = n or m = 1
        m        if n = 1
        (an error in every other case)

    Args:
        a: lengths of any number of axes, none negative; `()` is the shape of a scalar.
        b: the same. Lengths may be huge: no tensor of such a shape is made.

    Returns:
        The common shape, a tuple of as many lengths as the longer of the two has.

    Raises:
        ValueError: two aligned lengths differ, and neither is 1.

    Edge cases:
        * `()` with any shape gives that shape.
        * 0 with 1 gives 0: an axis of length 1 is repeated no times. 0 with 2 is an error.

    Forbidden:
        `torch.broadcast_shapes`, `torch.broadcast_tensors`, and NumPy's `broadcast_shapes`,
        `broadcast_arrays` and `broadcast`.

    Example:
        >>> broadcast_shape((5, 1, 3), (4, 1))
        (5, 4, 3)
        >>> broadcast_shape((2, 1), (0,))
        (2, 0)

    Source:
        PyTorch's documentation, "Broadcasting semantics"; Harris et al., "Array programming with
        NumPy" (Nature 585, 2020), section "NumPy arrays".
    """
    aligned = zip_longest(reversed(a), reversed(b), fillvalue=1)
    # From the last axis to the first, and turned round at the end.
    return tuple(_common(m, n, a, b) for m, n in aligned)[::-1]


def unbroadcast(g: Tensor, shape: tuple[int, ...]) -> Tensor:
    r"""Return g summed over the axes along which a tensor of `shape` was broadcast to g's shape.

    This is the backward of broadcasting. Every element of the small tensor stands at several
    places of the large one, and the chain rule adds up the gradients of all of them. With x of
    `shape`, and g the gradient of x broadcast to g.shape::

        dx[i] = sum(g[j])     over all places j of g at which x[i] stands

    That is a sum over each leading axis that x does not have, which vanishes, and over each axis
    where x has length 1 and g another, which stays as an axis of length 1.

    Args:
        g: [...], any strides; float64, float32, bfloat16 or float16. It is not changed.
        shape: the shape of x, which broadcasts to g.shape.

    Returns:
        dx, of `shape`, in the dtype of g; differentiable in g. Where there is nothing to sum, it
        may be g itself or share its memory.

    Raises:
        ValueError: `shape` does not broadcast to g.shape: it has more axes, or a length other
            than 1 where g has another one.

    Edge cases:
        * shape = (): the sum of all of g, with no axis.
        * shape = g.shape: g as it is.
        * A length of 1 where g has 0: a sum of nothing, which is 0.

    Forbidden:
        `Tensor.sum_to_size`, and letting autograd do it (`torch.autograd.grad`,
        `torch.autograd.backward`, `Tensor.backward`, `torch.func.vjp`).

    Example:
        >>> g = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
        >>> unbroadcast(g, (3,)).tolist()
        [5.0, 7.0, 9.0]
        >>> unbroadcast(g, (2, 1)).tolist()
        [[6.0], [15.0]]

    Source:
        The chain rule over several paths; PyTorch's documentation, "Broadcasting semantics".
    """
    if broadcast_shape(g.shape, shape) != g.shape:
        raise ValueError(f"`shape` {shape} does not broadcast to the shape {tuple(g.shape)} of `g`")
    missing = g.dim() - len(shape)
    stretched = [axis for axis, length in enumerate(shape, missing) if length == 1 != g.shape[axis]]
    axes = [*range(missing), *stretched]
    # An empty list of axes would mean all of them.
    summed = torch.sum(g, axes) if axes else g
    return summed.reshape(shape)  # stretched axes come back with length 1: [...] -> [*shape]


def _common(m: int, n: int, a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """Return the length to which the lengths m of a and n of b broadcast."""
    if m != n and 1 not in (m, n):
        raise ValueError(f"the shapes {a} and {b} do not broadcast: {m} and {n} differ")
    return n if m == 1 else m
