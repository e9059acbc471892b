"""Every reason is checked here before the addition, overlap by writing numbers and reading them."""

from __future__ import annotations

import torch
from torch import Tensor

OK = {"leaf_no_grad", "data_before", "add_input", "tanh_input"}
ERROR = {"leaf", "leaf_later", "detach_later", "view_later", "exp_output"}
SILENT = {"data_later", "numpy_later", "tanh_output_data"}


def safe_add_(x: Tensor, y: Tensor) -> Tensor:
    """Add y to x in place and return x itself, or raise before anything has changed."""
    if torch.is_grad_enabled():
        owner = x if x._base is None else x._base  # noqa: SLF001 - its only name
        if owner.is_leaf and owner.requires_grad:
            raise RuntimeError("a leaf")
    if torch.broadcast_shapes(x.shape, y.shape) != x.shape:
        raise RuntimeError("x is too small")
    if x.numel() > 1:
        reach = sum((n - 1) * step for n, step in zip(x.shape, x.stride(), strict=True))
        scratch = torch.zeros(reach + 1, dtype=torch.int64).as_strided(x.shape, x.stride())
        numbers = torch.arange(x.numel()).reshape(x.shape)
        for index in numbers.flatten():
            scratch[torch.unravel_index(index, x.shape)] = index
        if not torch.equal(scratch, numbers):
            raise RuntimeError("x overlaps itself")
    x += y
    return x


def explain(case: str) -> str:
    """Return what becomes of the gradient in one of twelve short programs."""
    for answer, cases in (("ok", OK), ("error", ERROR), ("silent_wrong", SILENT)):
        if case in cases:
            return answer
    raise ValueError("no such case")
