"""The sum of each row."""

from __future__ import annotations

import torch
from torch import Tensor

SCALE = 2.0


def row_sum(x: Tensor, scale: float = SCALE) -> Tensor:
    """Return the sum over the last axis, times `scale`.

    Args:
        x: [..., D], of any floating dtype.
        scale: what the sum is multiplied by.

    Returns:
        [...], in the dtype of x.

    Raises:
        ValueError: x has no axis.

    Edge cases:
        * D = 0: zeros.

    Forbidden:
        `torch.einsum`.

    Example:
        >>> row_sum(torch.ones(2, 3)).tolist()
        [6.0, 6.0]

    Source:
        None: this is arithmetic.
    """
    # TODO
    raise NotImplementedError("row_sum: sum over the last axis")


class RowSum(torch.nn.Module):
    """`row_sum` as a module."""

    def __init__(self, scale: float) -> None:
        """Keep the scale.

        Args:
            scale: what sums are multiplied by.
        """
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum over the last axis, [...], of x, [..., D].

        Returns:
            [...], in the dtype of x.
        """
        # TODO
        raise NotImplementedError("row_sum: call the function")
