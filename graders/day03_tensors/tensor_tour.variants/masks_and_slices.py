"""Picks by boolean masks, and paints the board by slices."""

from __future__ import annotations

import torch
from torch import Tensor


def diagonal(x: Tensor) -> Tensor:
    """Return the diagonal of a square matrix."""
    return x[torch.eye(x.shape[0], dtype=torch.bool)]


def every_other_row(x: Tensor) -> Tensor:
    """Return rows 0, 2, 4, … of a matrix, as a view."""
    return x[0 : x.size(0) : 2, :]


def take(x: Tensor, y: Tensor) -> Tensor:
    """Return one element of each row."""
    return x[y[:, None] == torch.arange(x.shape[1])]


def checkerboard(h: int, w: int) -> Tensor:
    """Return a board of zeros and ones."""
    board = torch.zeros(h, w, dtype=torch.long)
    board[::2, 1::2] = 1
    board[1::2, ::2] = 1
    return board
