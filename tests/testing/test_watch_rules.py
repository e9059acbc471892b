"""Forbidden names: which spellings and operators betray them, and which do not."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dlcourse.sandbox.modules import compile_source
from dlcourse.sandbox.record import Effects, Record
from dlcourse.sandbox.witness import Witness
from dlcourse.testing.rules import rules_of
from dlcourse.testing.watching import Watched

PRELUDE = "import math, torch\nimport torch.nn.functional as F\nfrom torch import nn\n"
BOTH = {"call", "operation"}
CALL = {"call"}


def ways(forbidden: str, expression: str) -> set[str]:
    """Return in which ways a use of what is forbidden is found while an expression runs."""
    namespace: dict[str, Any] = {}
    source = f"{PRELUDE}def f(x):\n    {expression}\n"
    exec(compile_source(source, "work.py"), namespace)  # noqa: S102 - the text of this test
    witness = Witness(("work.py",), watched=True)
    witness.call(namespace["f"], (torch.rand(1, 2, 4, 4, requires_grad=True),), {})
    assert witness.usage is not None
    seen = Watched(rules_of([forbidden]), ())
    seen.calls.append(Record("f", Effects(), witness.usage))
    assert all(finding.place.line == 5 and finding.is_claim for finding in seen.forbidden)
    return {finding.way for finding in seen.forbidden}


@pytest.mark.parametrize(
    ("forbidden", "expression", "found"),
    [
        ("torch.softmax", "torch.softmax(x, -1)", BOTH),
        ("torch.softmax", "F.softmax(x, -1)", BOTH),
        ("torch.nn.functional.softmax", "x.softmax(-1)", BOTH),
        ("torch.Tensor.softmax", "torch.special.softmax(x, -1)", BOTH),
        ("torch.softmax", "torch.ops.aten.softmax(x, -1)", BOTH),
        ("torch.softmax", "torch._softmax(x, -1, False)", BOTH),
        ("torch.softmax", "nn.MultiheadAttention(4, 2)(x[0], x[0], x[0])", {"operation"}),
        ("torch.nn.functional.silu", "F.silu(x)", BOTH),
        ("torch.nn.functional.silu", "torch._C._nn.silu(x)", BOTH),
        ("torch.nn.functional.silu", "getattr(F, 'si' + 'lu')(x * 1, inplace=True)", BOTH),
        ("torch.nn.functional.silu", "nn.SiLU()(x)", BOTH),
        ("torch.nn.functional.silu", "torch.ops.aten.silu_backward(x, x)", {"operation"}),
        ("torch.nn.functional.silu", "torch.ops.aten.silu.default(x)", BOTH),
        ("torch.sigmoid", "x.sigmoid()", BOTH),
        ("torch.sigmoid", "torch.special.expit(x)", BOTH),
        ("torch.sigmoid", "x.detach().sigmoid_()", BOTH),
        ("torch.nn.SiLU", "nn.SiLU()(x)", CALL),
        ("torch.nn.SiLU", "torch.nn.modules.activation.SiLU()", CALL),
        ("torch.enable_grad", "with torch.enable_grad(): pass", CALL),
        ("torch.enable_grad", "torch.enable_grad()(abs)(1)", CALL),
        ("torch.autograd.grad", "torch.autograd.grad(x.sum(), x)", CALL),
        ("torch.Tensor.backward", "x.sum().backward()", CALL),
        ("torch.nn.utils.clip_grad_norm_", "torch.nn.utils.clip_grad_norm_([x], 1.0)", CALL),
        ("torch.nn.init.normal_", "nn.init.normal_(x.detach())", CALL),
        ("torch.distributions", "torch.distributions.Normal(0.0, 1.0)", CALL),
        ("torch.nn.functional.cross_entropy", "F.cross_entropy(x[0, 0], x[0, 1])", CALL),
        ("torch.einsum", "torch.einsum('...ij,...jk', x, x)", CALL),
        ("torch.matmul", "x @ x", CALL),
        ("torch.bmm", "x @ x", {"operation"}),
        ("torch.nn.functional.linear", "nn.Linear(4, 4)(x)", CALL),
        ("torch.nn.functional.scaled_dot_product_attention",
         "F.scaled_dot_product_attention(x, x, x)", BOTH),
        ("torch.nn.functional.layer_norm", "nn.LayerNorm(4)(x)", BOTH),
        ("torch.nn.functional.batch_norm", "nn.BatchNorm2d(2)(x)", BOTH),
        ("torch.nn.functional.group_norm", "torch.group_norm(x, 1)", BOTH),
        ("torch.nn.functional.conv2d", "nn.Conv2d(2, 2, 1)(x)", BOTH),
        ("torch.nn.functional.conv2d", "F.conv1d(x[0], torch.rand(1, 4, 1))", {"operation"}),
        ("torch.nn.functional.max_pool2d", "F.max_pool2d(x, 2)", BOTH),
        ("torch.nn.functional.unfold", "F.unfold(x, 2)", BOTH),
        ("torch.nn.functional.fold", "F.fold(x[0], (1, 5), (1, 2))", BOTH),
        ("torch.nn.functional.interpolate", "F.interpolate(x, 2)", BOTH),
        ("torch.nn.functional.grid_sample",
         "F.grid_sample(x, x.reshape(1, 4, 4, 2), align_corners=False)", BOTH),
        ("torch.linalg.inv", "x.inverse()", BOTH),
        ("torch.linalg.eig*", "torch.linalg.eigh(x)", BOTH),
        ("torch.norm", "torch.linalg.vector_norm(x)", {"operation"}),
        ("torch.fft.fft", "torch.fft.fft(x)", BOTH),
        ("torch.unique", "x.unique()", BOTH),
        ("torch.nn.LSTM", "nn.LSTM(4, 4)(x[0])", CALL),
        ("torch.lstm", "nn.LSTM(4, 4)(x[0])", BOTH),
        ("torch.clamp", "x.clip(0, 1)", BOTH),
        ("torch.Tensor.add_", "y = x * 1; y += 1", BOTH),
        ("torch.ops.aten.silu", "F.silu(x)", BOTH),
        ("torch.vmap", "torch.func.vmap(torch.exp)(x)", CALL),
    ],
)  # fmt: skip
def test_a_forbidden_thing_is_found_under_any_spelling(
    forbidden: str, expression: str, found: set[str]
) -> None:
    """By its name where it has one, by its operator where it runs one of its own."""
    assert ways(forbidden, expression) == found


@pytest.mark.parametrize(
    ("forbidden", "expression"),
    [
        ("torch.softmax", "torch.log_softmax(x, -1)"),
        ("torch.nn.functional.silu", "x * torch.sigmoid(x)"),
        ("torch.nn.SiLU", "F.silu(x)"),
        ("torch.Tensor.unfold", "F.unfold(x, 2)"),
        ("torch.nn.functional.unfold", "x.unfold(-1, 2, 1)"),
        ("torch.nn.init.normal_", "x.detach().normal_()"),
        ("torch.Tensor.add_", "x + 1"),
        ("torch.enable_grad", "with torch.no_grad(): x * 1"),
        ("torch.Tensor", "x.exp() + torch.ones(3).sum()"),
        ("torch.t", "F.linear(x, x[0, 0])"),
        ("torch.clone", "x.permute(3, 2, 1, 0).reshape(-1)"),
        ("torch.nn.functional.threshold", "F.relu(x).sum().backward()"),
        ("torch.exp", "math.exp(1.0)"),
    ],
)
def test_what_is_allowed_is_not_found(forbidden: str, expression: str) -> None:
    """Neighbours of a forbidden thing, and what every function may use inside, are left alone."""
    assert ways(forbidden, expression) == set()


@pytest.mark.parametrize("name", ["torch.sotfmax", "torch.nope.softmax", "torch.linalg.zig*"])
def test_a_name_that_means_nothing_is_the_suite_s_mistake(name: str) -> None:
    """A rule that can never apply is told rather than kept."""
    with pytest.raises(ValueError, match="names nothing in torch: correct the name"):
        rules_of([name])


def test_one_name_is_no_list_of_names() -> None:
    """A text instead of a list would forbid its letters."""
    with pytest.raises(TypeError, match=r"`forbidden` is the text `torch\.exp`: give a list"):
        rules_of("torch.exp")
