"""Softmax along one axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def softmax(x: torch.Tensor, dim: int) -> torch.Tensor:
    """Softmax of `x`, of any shape and a floating dtype, along the axis `dim`.

    y = exp(x) / sum(exp(x)), the sum along `dim`; the result has the shape and dtype of `x`.

    Raises:
        IndexError: `x` has no axis `dim`.
    """
    # TODO
    raise NotImplementedError("softmax: divide exponentials by their sum along `dim`")
