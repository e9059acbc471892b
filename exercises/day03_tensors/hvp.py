"""The product of a Hessian and a vector, by double backward."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable


def hvp(f: Callable[..., Tensor], params: list[Tensor], v: list[Tensor]) -> list[Tensor]:
    r"""Return H·v, where H is the Hessian of f at `params`, without ever building H.

    Take all elements of all parameters as one long vector of n numbers. H is the n x n matrix of
    second derivatives of f, and v a vector of n numbers, both cut into pieces like `params`. With
    g_i the gradient of f for `params[i]`, the i-th piece of the product is::

        (H·v)_i  =  sum over j of  d2f / (d params[i] d params[j]) · v[j]
                 =  the gradient for params[i] of  sum over j of <g_j, v[j]>

    The second line costs one call of f, one backward through it that records its own graph, and
    one backward through that graph: double backward.

    Args:
        f: takes as many tensors as there are parameters, as `f(*params)`, and returns a tensor
            of shape []; twice differentiable by autograd. Its result depends on its arguments
            alone. It may use tensors from elsewhere that require a gradient.
        params: one tensor or more, each of any shape ([] and empty included) and any strides,
            all float64 or all float32. Each may require a gradient or not, and be a leaf or not.
        v: the direction, one tensor for each parameter, in its shape and dtype; any strides.

        Lists and tensors are left as they are, `requires_grad` and `.grad` included; so is the
        `.grad` of every other tensor.

    Returns:
        One tensor for each parameter, in its shape and dtype. They carry no graph
        (`requires_grad` is False), even if parameters or v do.

    Raises:
        ValueError: the two lists differ in length, a v[i] has another shape than params[i]
            (nothing is broadcast), or f returns a tensor of another shape than [].

    Edge cases:
        * f does not use a parameter: the product has zeros for it. If f uses none, all are zeros.
        * f is linear in a parameter: H is zero in the block of that parameter with itself, but
          maybe not in its blocks with others. If f is linear altogether, all products are zeros.
        * Inside `torch.no_grad()` the result is the same. The grad mode is left as it was.

    Cost:
        f is called once. No tensor has more than 4·n elements, beyond those that f itself makes,
        and the number of backward passes does not grow with n.

    Forbidden:
        `torch.autograd.functional` and `torch.func`, which have ready-made answers.

    Example:
        f = x^2·y has the Hessian [[2y, 2x], [2x, 0]], here [[10, 6], [6, 0]].

        >>> x, y = torch.tensor(3.0), torch.tensor(5.0)
        >>> hvp(lambda x, y: x**2 * y, [x, y], [torch.tensor(1.0), torch.tensor(2.0)])
        [tensor(22.), tensor(6.)]

    Source:
        Pearlmutter, "Fast Exact Multiplication by the Hessian" (Neural Computation 6(1), 1994)
        shows that the product costs about as much as a gradient.
    """
    # TODO
    raise NotImplementedError("hvp: differentiate f, then differentiate its gradient along v")
