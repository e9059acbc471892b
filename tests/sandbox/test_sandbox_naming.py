"""Public names of torch's things, alike wherever a thing is written and however it is reached."""

from __future__ import annotations

import sys

import pytest
import torch

from dlcourse.sandbox.naming import name_in, operator_name, public_name, resolve


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("torch.softmax", "torch.softmax"),
        ("torch._C._VariableFunctions.softmax", "torch.softmax"),
        ("torch.functional.einsum", "torch.einsum"),
        ("torch.nn.functional.softmax", "torch.nn.functional.softmax"),
        ("torch._C._nn.silu", "torch.nn.functional.silu"),
        ("torch.nn.functional.linear", "torch.nn.functional.linear"),
        ("torch.nn.functional.max_pool2d", "torch.nn.functional.max_pool2d"),
        ("torch._C._special.special_expit", "torch.special.expit"),
        ("torch.linalg.inv", "torch.linalg.inv"),
        ("torch.fft.fft", "torch.fft.fft"),
        ("torch.Tensor.softmax", "torch.Tensor.softmax"),
        ("torch._tensor.Tensor.backward", "torch.Tensor.backward"),
        ("torch.Tensor.T", "torch.Tensor.T"),
        ("torch.Tensor.grad", "torch.Tensor.grad"),
        ("torch.nn.modules.activation.SiLU", "torch.nn.SiLU"),
        ("torch.autograd.grad_mode.enable_grad", "torch.enable_grad"),
        ("torch.optim.Adam", "torch.optim.Adam"),
        ("torch.nn.utils.clip_grad.clip_grad_norm_", "torch.nn.utils.clip_grad_norm_"),
        ("torch.autograd.grad", "torch.autograd.grad"),
        ("torch.func.grad", "torch.func.grad"),
        ("torch.distributions", "torch.distributions"),
    ],
)
def test_a_thing_has_the_name_that_it_is_documented_under(path: str, name: str) -> None:
    """Builtins, functions, methods, properties, classes and modules."""
    assert public_name(resolve(path)) == name


def test_a_property_is_named_by_what_reads_it() -> None:
    """Function mode is handed a getter, which says little of itself."""
    assert public_name(torch.Tensor.T.__get__) == "torch.Tensor.T"  # type: ignore[attr-defined]


def test_an_operator_is_named_without_its_overload() -> None:
    """The overload, and the packet of all of them, are one operator."""
    for operator in (torch.ops.aten.mm, torch.ops.aten.mm.default):
        assert public_name(operator) == "torch.ops.aten.mm"
    assert operator_name(torch.ops.aten.mm.default) == "aten::mm"


@pytest.mark.parametrize(
    ("qualname", "name"),
    [
        ("Adam.__init__", "torch.optim.Adam"),
        ("Adam.step", "torch.optim.Adam.step"),
        ("Adam", "torch.optim.Adam"),
        ("Nothing.step", "torch.optim.adam.Nothing.step"),
    ],
)
def test_what_makes_an_object_is_its_class(qualname: str, name: str) -> None:
    """Other methods keep their names, and what is not there keeps its module's."""
    assert name_in("torch.optim.adam", qualname) == name


@pytest.mark.parametrize("thing", [3, None, object(), torch.float32, "torch.softmax"])
def test_what_has_no_name_gets_none(thing: object) -> None:
    """A thing that is no function, class or module is named by nothing."""
    assert public_name(thing) == ""


def test_nothing_is_imported_to_resolve_a_path() -> None:
    """A path of a learner's neither loads modules nor runs code."""
    before = set(sys.modules)
    for path in ("torch.nope", "torch._dynamo.config", "torch.onnx.export", "os.nope", "torch"):
        resolve(path)
    assert set(sys.modules) == before
    assert resolve("torch.nope.nope") is None
