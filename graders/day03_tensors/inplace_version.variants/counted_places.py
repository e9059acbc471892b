"""Overlap by counting how many elements stand at each place."""

from __future__ import annotations

import torch
from torch import Tensor


def safe_add_(x: Tensor, y: Tensor) -> Tensor:
    """Add y to x in place and return x itself, or raise before anything has changed."""
    with torch.no_grad():
        length = x.untyped_storage().nbytes() // x.element_size()
        places = torch.arange(length).as_strided(x.shape, x.stride(), x.storage_offset())
        if x.numel() and int(torch.bincount(places.flatten()).max()) > 1:
            raise RuntimeError("two elements of x share memory")
    return torch.add(x, y, out=x) if not torch.is_grad_enabled() else x.add_(y)


def explain(case: str) -> str:
    """Return what becomes of the gradient in one of twelve short programs."""
    match case:
        case "leaf" | "leaf_later" | "detach_later" | "view_later" | "exp_output":
            return "error"
        case "data_later" | "numpy_later" | "tanh_output_data":
            return "silent_wrong"
        case "leaf_no_grad" | "data_before" | "add_input" | "tanh_input":
            return "ok"
    raise ValueError(case)
