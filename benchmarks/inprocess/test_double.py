"""The same five tests as other graders run them: in the process of the graded code."""

from __future__ import annotations

import torch
from double import double


def test_values() -> None:
    """Every element is doubled."""
    x = torch.randn(4, 8)
    assert torch.equal(double(x), x + x)


def test_shape() -> None:
    """The shape stays."""
    assert double(torch.randn(2, 3, 5)).shape == (2, 3, 5)


def test_dtype() -> None:
    """The dtype stays."""
    assert double(torch.randn(3, dtype=torch.float64)).dtype is torch.float64


def test_empty() -> None:
    """Nothing doubled is nothing."""
    assert double(torch.empty(0)).numel() == 0


def test_gradient() -> None:
    """The gradient is two."""
    x = torch.randn(3, requires_grad=True)
    double(x).sum().backward()
    assert torch.equal(x.grad, torch.full((3,), 2.0))
