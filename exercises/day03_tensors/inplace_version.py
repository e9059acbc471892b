"""Addition in place that refuses what is illegal, and what autograd notices of such edits."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Answer = Literal["ok", "error", "silent_wrong"]


def safe_add_(x: Tensor, y: Tensor) -> Tensor:
    """Add y to x in place and return x itself, or raise before anything has changed.

    ::

        x <- x + y      elementwise, y broadcast to the shape of x

    Autograd records the addition as it records `x += y`: where a gradient is due, it reaches what
    x was computed from, and y.

    Args:
        x: [...], any shape and strides, floating point.
        y: [...], of the same dtype; its shape can be broadcast to that of x. It shares no memory
            with x, unless it is x itself. It is not changed.

    Returns:
        x, the very object, with the sum in its memory.

    Raises:
        RuntimeError: the addition would be illegal, for one of the reasons below. Then neither
            the values of x nor its version counter (`x._version`) have changed.

            * Grad mode is on, and x is a leaf that requires a gradient, or a view of one.
            * x overlaps itself: two of its elements, at different indices, share one place in
              memory. Adding would count some terms repeatedly, or lose them. PyTorch itself
              notices expanded tensors, but not, say, overlapping windows made by `unfold`.
            * x is too small: the shape to which x and y broadcast is not that of x, or there is
              none.

    Edge cases:
        * Inside `torch.no_grad()` a leaf may be changed: that is how optimizers do it.
        * Strides alone say little: a transposed x, every second element, and even rows that are
          interleaved in memory are legal, as long as no two elements share a place. An axis of
          size 1 never overlaps, whatever its stride.
        * Empty and 0-dimensional tensors are legal.

    Forbidden:
        Nothing. Every operation of `torch` may be used.

    Example:
        >>> x = torch.zeros(2, 3)
        >>> safe_add_(x, torch.tensor([1.0, 2.0, 3.0])) is x
        True
        >>> x
        tensor([[1., 2., 3.],
                [1., 2., 3.]])
        >>> windows = torch.zeros(5).unfold(0, 3, 1)  # [3, 3], over five numbers
        >>> try:
        ...     safe_add_(windows, torch.ones(3, 3))
        ... except RuntimeError:
        ...     print("refused")
        refused

    Source:
        PyTorch documentation, notes "Autograd mechanics", section "In-place operations with
        autograd", and "Broadcasting semantics", section "In-place semantics".
    """
    # TODO
    raise NotImplementedError("inplace_version: find out whether x may be changed, then add")


def explain(case: str) -> Answer:
    """Return what becomes of the gradient in one of twelve short programs.

    The answer is "error" if a line raises a RuntimeError; "silent_wrong" if no line does, but
    `w.grad` is not the derivative of `loss` with respect to w at the values from which `loss` was
    computed; and "ok" otherwise. Each program begins with::

        w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)

    and ends with `loss.backward()`. Between the two stand, by the name of the case::

        "leaf"             w.mul_(3); loss = (w * w).sum()
        "leaf_no_grad"     with torch.no_grad(): w.mul_(3)
                           loss = (w * w).sum()
        "leaf_later"       loss = (w * w).sum()
                           with torch.no_grad(): w.mul_(3)
        "data_before"      w.data.mul_(3); loss = (w * w).sum()
        "data_later"       loss = (w * w).sum(); w.data.mul_(3)
        "detach_later"     loss = (w * w).sum(); w.detach().mul_(3)
        "numpy_later"      h = w + 1; loss = (h * h).sum(); h.detach().numpy()[0] = 7
        "view_later"       h = w + 1; loss = (h * h).sum(); h[0].mul_(3)
        "add_input"        h = w + 1; loss = (h + w).sum(); h.mul_(3)
        "exp_output"       h = w.exp(); loss = (2 * h).sum(); h.mul_(3)
        "tanh_input"       h = w + 1; loss = h.tanh().sum(); h.mul_(3)
        "tanh_output_data" h = w.tanh(); loss = (2 * h).sum(); h.data.mul_(3)

    Autograd keeps, for each operation, only the tensors that its derivative needs, each with the
    version that it had; and `backward` compares versions. What counts as a version is what the
    answers hang on.

    Args:
        case: the name of a case.

    Returns:
        "ok", "error" or "silent_wrong".

    Raises:
        ValueError: there is no case of this name.

    Example:
        >>> explain("leaf")
        'error'

    Source:
        PyTorch documentation, notes "Autograd mechanics", section "In-place operations with
        autograd", subsection "In-place correctness checks".
    """
    # TODO
    raise NotImplementedError("inplace_version: answer for each of the twelve cases")
