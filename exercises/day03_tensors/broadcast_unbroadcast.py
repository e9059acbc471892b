"""The shape that broadcasting gives, and the sum that its backward needs."""

from __future__ import annotations

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
    # TODO
    raise NotImplementedError("broadcast_unbroadcast: find the common length of each axis")


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
    # TODO
    raise NotImplementedError("broadcast_unbroadcast: sum over the axes that were stretched")
