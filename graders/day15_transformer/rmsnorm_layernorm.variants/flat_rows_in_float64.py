"""Everything in float64, on a matrix of rows, row after row where there are few."""

from __future__ import annotations

import torch
from torch import Tensor


def rmsnorm(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    """Return the rows of `x`, each divided by its root mean square, times `gain`."""
    _require(x, [gain], eps)
    return _per_row(x, gain, None, eps)


def layernorm(x: Tensor, gain: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Return the rows of `x`, centred, divided by their deviation, times `gain` plus `bias`."""
    _require(x, [gain, bias], eps)
    return _per_row(x, gain, bias, eps)


def _require(x: Tensor, vectors: list[Tensor], eps: float) -> None:
    fits = x.dim() > 0 and all(v.dim() == 1 and len(v) == x.shape[-1] for v in vectors)
    if not (fits and eps > 0.0):
        raise ValueError("expected x of shape [..., D], vectors of shape [D] and a positive eps")


def _per_row(x: Tensor, gain: Tensor, bias: Tensor | None, eps: float) -> Tensor:
    d = x.shape[-1]
    rows = x.reshape(-1, d).double()  # [N, D]
    if bias is not None:
        rows = rows - (rows.sum(1) / d).unsqueeze(1)
    rows = rows / ((rows**2).sum(1, keepdim=True) / d + eps) ** 0.5
    rows = torch.einsum("nd,d->nd", rows, gain.double())
    if bias is not None:
        rows = rows + bias.double()
    return rows.reshape(x.shape).to(x.dtype)
