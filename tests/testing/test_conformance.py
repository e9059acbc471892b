"""dtype, layout and refusal: what a right function keeps to, and how a wrong one is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from dlcourse.sandbox.unsendable import UnsendableArgument
from dlcourse.testing import Mismatch, assert_any_strides, assert_follows_dtype, assert_refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Enrol


def gauss(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return what is right, differentiable and in the dtype of the inputs."""
    return (-x.square()).exp() * y


def refused(check: Callable[[], None]) -> str:
    """Return what a check that fails says."""
    with pytest.raises(Mismatch) as caught:
        check()
    return str(caught.value)


@pytest.fixture
def inputs() -> tuple[torch.Tensor, torch.Tensor]:
    """Two inputs of one shape."""
    gen = torch.Generator().manual_seed(2)
    return torch.randn(4, 6, generator=gen), torch.randn(4, 6, generator=gen)


def test_a_function_that_follows_passes(inputs: tuple[torch.Tensor, torch.Tensor]) -> None:
    """In all four dtypes, and one computed in float32 as well."""

    def careful(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        wide = torch.promote_types(x.dtype, torch.float32)
        return gauss(x.to(wide), y.to(wide)).to(x.dtype)

    assert_follows_dtype(gauss, gauss, inputs)
    assert_follows_dtype(careful, gauss, inputs)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda x, y: gauss(x, y).float(), "in float64 has dtype `torch.float32`"),
        (lambda x, y: gauss(x.half(), y.half()).to(x.dtype), "in float64 differs"),
        (lambda x, y: gauss(x, y.bfloat16().to(y.dtype)), "in float64 differs"),
        (
            lambda x, y: gauss(x, y) if x.dtype != torch.float16 else gauss(x, y).float(),
            "in float16 has dtype `torch.float32` instead of `torch.float16`",
        ),
    ],
)
def test_a_dtype_that_is_not_followed_is_named(
    inputs: tuple[torch.Tensor, torch.Tensor],
    wrong: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    sentence: str,
) -> None:
    """A result of another dtype, or one computed in a narrower one."""
    assert sentence in refused(lambda: assert_follows_dtype(wrong, gauss, inputs, what="the bell"))


def test_layouts_make_no_difference(inputs: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Right for each layout of each input, and for all at once."""
    calls = []

    def counted(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        calls.append((x.stride(), y.stride()))
        return gauss(x, y)

    assert_any_strides(counted, gauss, inputs)
    assert len(calls) == 4 * 3
    assert ((1, 4), (6, 1)) in calls
    assert ((0, 1), (0, 1)) in calls


@pytest.mark.parametrize("broken", [0, 1])
def test_the_layout_and_the_input_are_named(
    inputs: tuple[torch.Tensor, torch.Tensor], broken: int
) -> None:
    """Reading memory in its own order is right for plain tensors alone."""

    def careless(*arguments: torch.Tensor) -> torch.Tensor:
        x, y = arguments
        memory = torch.empty(0).set_(arguments[broken].untyped_storage())[: x.numel()]
        raw = memory.new_zeros(x.numel()).index_copy(0, torch.arange(len(memory)), memory)
        parts = [x, y]
        parts[broken] = raw.view(x.shape)
        return gauss(parts[0], parts[1])

    told = refused(lambda: assert_any_strides(careless, gauss, inputs, names=("x", "y")))
    assert told.startswith(f"The result for transposed `{'xy'[broken]}` differs")


def test_layouts_need_a_tensor_with_an_axis() -> None:
    """Otherwise nothing would be tested."""
    with pytest.raises(ValueError, match="No input has a layout"):
        assert_any_strides(lambda x: x, lambda x: x, (torch.tensor(1.0),))


WORK = """
def f(clip):
    if clip < 0:
        raise ValueError("`clip` is negative")
    if clip == 1:
        return [][1]
    if clip == 2:
        raise NotImplementedError("f: TODO")
    return clip
"""


def test_a_refusal_passes(anywhere: Enrol) -> None:
    """The exception itself, or a child of the one that is due."""
    student = anywhere(WORK)
    assert_refused(lambda: student.f(-0.5), ValueError, "a negative `clip`")
    assert_refused(lambda: student.f(-0.5), Exception, "a negative `clip`")


def test_no_refusal_is_told(anywhere: Enrol) -> None:
    """The sentence names what is bad and what is due."""
    student = anywhere(WORK)
    told = refused(lambda: assert_refused(lambda: student.f(0.5), ValueError, "a `clip` of 1/2"))
    assert told == "No `ValueError` was raised for a `clip` of 1/2."


def test_another_exception_is_told_with_its_place(in_a_worker: Enrol) -> None:
    """An accident is no refusal."""
    student = in_a_worker(WORK)
    told = refused(lambda: assert_refused(lambda: student.f(1), ValueError, "a `clip` of 1"))
    assert told == (
        "`IndexError` was raised for a `clip` of 1 (`work.py`, line 6): raise a `ValueError`."
    )


def test_a_stub_refuses_nothing(anywhere: Enrol) -> None:
    """NotImplementedError passes through, though it is a RuntimeError."""
    student = anywhere(WORK)
    with pytest.raises(NotImplementedError):
        assert_refused(lambda: student.f(2), RuntimeError, "a `clip` of 2")


def test_a_suites_own_mistake_is_no_refusal(in_a_worker: Enrol) -> None:
    """What cannot cross to graded code raises a TypeError that is not graded code's."""
    student = in_a_worker(WORK)
    with pytest.raises(UnsendableArgument):
        assert_refused(lambda: student.f(print), TypeError, "a function")
