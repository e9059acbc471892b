"""Guard zones: a kernel that leaves its buffers is seen, and one that does not passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from dlcourse.testing import (
    Mismatch,
    assert_guards_intact,
    assert_values_match,
    call_guarded,
    kernel_sizes,
)

if TYPE_CHECKING:
    from conftest import Enrol

WORK = """
import torch

BLOCK = 8

def blocks(x, out, start, mask):
    n = len(x)
    for first in range(start, n, BLOCK):
        last = min(first + BLOCK, n) if mask else first + BLOCK
        source = torch.as_strided(x, (last - first,), x.stride(), x.storage_offset() + first)
        target = torch.as_strided(out, (last - first,), out.stride(), out.storage_offset() + first)
        target.copy_(2 * source)

def double(x, out):
    blocks(x, out, 0, mask=True)
    return out

def unmasked(x, *, out):
    blocks(x, out, 0, mask=False)

def early(x, out):
    out.as_strided((1,), (1,), out.storage_offset() - 1).zero_()
    return double(x, out)

def ignores_strides(x, out):
    out.as_strided((len(x),), (1,), out.storage_offset()).copy_(2 * x)

def forgets_the_tail(x, out):
    n = len(x) // BLOCK * BLOCK
    out[:n] = 2 * x[:n]

def reads_beyond(x, out):
    wide = x.as_strided((len(x) + 1,), (1,), x.storage_offset())
    out.copy_(2 * x + wide[1:] * 0)

def spoils_the_input(x, out):
    x.as_strided((2,), (1,), x.storage_offset() + len(x)).fill_(0)
    return double(x, out)

def fresh(x):
    return torch.empty_like(x), [x[:2], 3]
"""


def blank(x: torch.Tensor) -> torch.Tensor:
    """Return a buffer to fill."""
    return torch.full_like(x, torch.nan)


def draw(n: int) -> torch.Tensor:
    """Return n numbers."""
    return torch.arange(1.0, n + 1)


@pytest.mark.parametrize("n", kernel_sizes(8))
def test_a_kernel_within_its_buffers_passes(anywhere: Enrol, n: int) -> None:
    """For each size, and what it returns and fills is what it should be."""
    x = draw(n)
    call = call_guarded(anywhere(WORK), "double", x, blank(x), guard=16)
    assert_guards_intact(call)
    for found in (call.result, call.arguments[1]):
        assert_values_match(found, 2 * x)
    assert torch.equal(call.arguments[0], x)


@pytest.mark.parametrize("n", kernel_sizes(8))
def test_a_missing_mask_is_seen_unless_blocks_are_full(anywhere: Enrol, n: int) -> None:
    """It is told how many elements are written beyond which argument."""
    x = draw(n)
    call = call_guarded(anywhere(WORK), "unmasked", x, out=blank(x), guard=16)
    if n % 8 == 0:
        assert_guards_intact(call)
        return
    with pytest.raises(Mismatch) as caught:
        assert_guards_intact(call)
    over = -n % 8
    elements = "element" if over == 1 else "elements"
    sentence = f"`unmasked` writes to {over} {elements} beyond the end of the argument `out`."
    assert caught.value.observed == (sentence,)
    assert torch.equal(call.keywords["out"], 2 * x)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("early", "`early` writes to 1 element before the beginning of the 2nd argument."),
        ("spoils_the_input", "writes to 2 elements beyond the end of the 1st argument."),
    ],
)
def test_each_side_of_each_argument_is_watched(anywhere: Enrol, name: str, sentence: str) -> None:
    """Inputs too."""
    call = call_guarded(anywhere(WORK), name, draw(11), blank(draw(11)))
    with pytest.raises(Mismatch) as caught:
        assert_guards_intact(call)
    assert sentence in str(caught.value)


def test_gaps_between_strided_elements_are_guarded(anywhere: Enrol) -> None:
    """Strides survive the way there, and what lies between is seen."""
    student = anywhere(WORK)
    out = torch.full((12,), torch.nan)[::2]
    call = call_guarded(student, "ignores_strides", draw(6), out)
    with pytest.raises(Mismatch, match="writes to 3 elements between the elements of the 2nd"):
        assert_guards_intact(call)
    right = call_guarded(student, "double", draw(6).expand(6), out)
    assert_guards_intact(right)
    assert torch.equal(right.result, 2 * draw(6))


@pytest.mark.parametrize(("name", "first"), [("forgets_the_tail", 8), ("reads_beyond", 10)])
def test_what_is_not_written_or_read_from_outside_is_nan(
    anywhere: Enrol, name: str, first: int
) -> None:
    """An unfilled tail, and a read beyond the end that reaches the result."""
    call = call_guarded(anywhere(WORK), name, draw(11), blank(draw(11)))
    assert call.arguments[1].isnan().nonzero()[0].item() == first


def test_new_memory_is_nan_in_a_worker(in_a_worker: Enrol) -> None:
    """What a kernel does not fill of `torch.empty` shows; containers come back too."""
    call = call_guarded(in_a_worker(WORK), "fresh", draw(5))
    empty, (head, three) = call.result
    assert bool(empty.isnan().all())
    assert torch.equal(head, draw(2))
    assert three == 3


@pytest.mark.parametrize("dtype", [torch.float16, torch.int32, torch.bool, torch.complex64])
def test_every_dtype_and_shape_crosses(anywhere: Enrol, dtype: torch.dtype) -> None:
    """Scalars and empty tensors among them."""
    student = anywhere("def f(*x):\n    return x")
    given = [torch.ones(shape, dtype=dtype) for shape in ((), (0,), (2, 3))]
    given.append(torch.ones(3, 2, dtype=dtype).T[:1].expand(4, 3))
    call = call_guarded(student, "f", *given)
    assert_guards_intact(call)
    for found, x in zip(call.result, given, strict=True):
        assert torch.equal(found, x)
        assert found.dtype is dtype
