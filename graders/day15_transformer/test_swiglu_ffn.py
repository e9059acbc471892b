"""The hidden suite of `swiglu_ffn`.

A case is the four tensors of `ffn` in the order of its arguments.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_gradcheck,
    assert_gradients_match,
    assert_pure,
    assert_values_match,
    fresh,
    odd_shapes,
    points,
    strided,
)

Case: TypeAlias = tuple[torch.Tensor, ...]  # x, gate, down, up

NAMES = ("x", "gate", "down", "up")
WHAT = "the result of `ffn`"
HALVES = (torch.bfloat16, torch.float16)


def normal(gen: torch.Generator, *shape: int) -> torch.Tensor:
    """Draw normal numbers in float64."""
    return torch.randn(shape, generator=gen, dtype=torch.float64)


def draw_case(
    gen: torch.Generator,
    shape: tuple[int, ...],
    width: int,
    device: torch.device,
    dtype: torch.dtype = torch.float64,
) -> Case:
    """Draw tokens of a shape, [..., D], and matrices that keep their size."""
    dim = shape[-1]
    case = (
        2 * normal(gen, *shape),
        normal(gen, width, dim) / dim**0.5,
        normal(gen, dim, width) / width**0.5,
        normal(gen, width, dim) / dim**0.5,
    )
    return tuple(tensor.to(device, dtype) for tensor in case)


def draw_steep_case(
    gen: torch.Generator, device: torch.device, dtype: torch.dtype, largest: float
) -> Case:
    """Draw three tokens whose gates reach `largest` with both signs, and whose hidden fits."""
    gates = largest * torch.tensor([1.0, -1.0, 0.5, -0.25, 0.0, 0.001])
    case = (
        torch.diag(torch.rand(3, generator=gen) / 2 + 0.5),
        torch.stack([gates[torch.randperm(6, generator=gen)] for _ in range(3)], dim=1),
        torch.rand(3, 6, generator=gen) / 6 + 0.1,
        torch.rand(6, 3, generator=gen) / 4 + 0.1,
    )
    return tuple(tensor.to(device, dtype) for tensor in case)


def draw_closed_case(
    gen: torch.Generator, device: torch.device, dtype: torch.dtype, z: float, branch: float
) -> Case:
    """Draw tokens and five hidden units, two of which are closed before a large other branch."""
    ones = torch.ones(4, 3)
    share = torch.rand(5, 3, generator=gen) + 0.5
    share /= share.sum(dim=1, keepdim=True)
    closed = torch.tensor([[True], [False], [True], [False], [False]])
    case = (
        ones + torch.randint(-1, 2, (4, 3), generator=gen) / 16,
        torch.where(closed, z * share, 3 * (share - 0.2)),
        torch.rand(3, 5, generator=gen) / 2 + 0.5,
        torch.where(closed, branch * share, share),
    )
    return tuple(tensor.to(device, dtype) for tensor in case)


def expected_ffn(
    x: torch.Tensor, gate: torch.Tensor, down: torch.Tensor, up: torch.Tensor
) -> torch.Tensor:
    """Return the result in float64, with the sigmoid as a hyperbolic tangent."""
    x, gate, down, up = x.double(), gate.double(), down.double(), up.double()
    z = torch.einsum("...d,fd->...f", x, gate)
    sigmoid = (1 + torch.tanh(z / 2)) / 2
    linear = torch.einsum("...d,fd->...f", x, up)
    return torch.einsum("...f,df->...d", z * sigmoid * linear, down)


def assert_value(student: Student, case: Case) -> None:
    """Assert that the result is the expected one, in the dtype of x."""
    assert_values_match(
        student.ffn(*case),
        expected_ffn(*case),
        reduction=max(case[1].shape),
        c=16.0,
        scale=2.0,  # terms of a sum may cancel
        what=WHAT,
        dtype=case[0].dtype,
        inputs=case,
    )


def assert_gradients(
    student: Student,
    case: Case,
    upstream: torch.Tensor,
    *,
    only: int | None = None,
    c: float = 64.0,
    scale: float = 2.0,
) -> None:
    """Assert that each tensor, or one of them alone, gets the expected gradient."""
    inputs = tuple(
        tensor.detach().requires_grad_(only in (None, place)) for place, tensor in enumerate(case)
    )
    assert_gradients_match(
        student.ffn,
        expected_ffn,
        inputs,
        upstream.to(case[0].device, case[0].dtype),
        reduction=max(case[0].numel(), *case[1].shape),
        c=c,
        scale=scale,
        names=NAMES,
        what=WHAT,
    )


def assert_refused(student: Student, name: str, arguments: tuple[Any, ...], what: str) -> None:
    """Assert that the arguments raise a ValueError."""
    try:
        getattr(student, name)(*arguments)
    except ValueError:
        return
    pytest.fail(f"No `ValueError` was raised by `{name}` for {what}.")


@points(2)
def test_ffn_matches_its_definition(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The result is right for any leading axes and any width, with autograd on or off."""
    drawn = [shape for ndim in (2, 3, 4, 5) for shape in odd_shapes(gen, ndim, 1)]
    shapes = [(shape[:-1], shape[-1]) for shape in drawn]
    # Sizes that no block of 16, 32 or 64 divides.
    shapes += [((4, 4), 4), ((3, 70), 133), ((131, 3), 97), ((2, 5), 3), ((2, 5), 3)]
    dtypes = (torch.float64, torch.float32)
    cases = [
        draw_case(gen, shape, width, device, dtypes[place % 2])
        for place, (shape, width) in enumerate(shapes)
    ]
    # New numbers in an old shape, and old numbers after new ones: no call may remember another.
    for case in [*cases, cases[-2]]:
        assert_value(student, case)
    with torch.no_grad():
        assert_value(student, cases[1])


@points(2)
def test_the_gate_alone_goes_through_silu(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A closed gate lets nothing through and an open one lets the other branch pass unbent."""
    for _ in range(2):
        x, gate, down, up = draw_case(gen, (4, 3), 5, device)
        assert_value(student, (x, 10 * gate, down, up / 10))
        assert_value(student, (x, gate / 10, down, 10 * up))


@points(2)
def test_every_tensor_gets_its_gradient(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Tokens and the three matrices get their derivatives under a random upstream."""
    cases = [draw_case(gen, shape, 4, device) for shape in ((5, 3), (2, 3, 6), (7,))]
    upstreams = [normal(gen, *case[0].shape) for case in cases]
    for case, upstream in zip(cases, upstreams, strict=True):
        assert_gradients(student, case, upstream)
    for place in range(4):
        assert_gradients(student, cases[0], upstreams[0], only=place)


@points(1)
def test_gradients_agree_with_finite_differences(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The gradients of all tensors together are the slopes that finite differences see."""
    inputs = tuple(tensor.requires_grad_() for tensor in draw_case(gen, (2, 3), 4, device))
    assert_gradcheck(student.ffn, inputs, names=NAMES, what=WHAT, reference=expected_ffn)


@points(2)
def test_steep_gates_stay_finite(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A gate's z of 10,000 in float32 or 300 in float16 gives right values and gradients."""
    kinds = ((torch.float32, 1e4), (torch.float64, 1e4), (torch.float16, 300.0))
    cases = [draw_steep_case(gen, device, dtype, largest) for dtype, largest in kinds]
    upstreams = [torch.rand(3, 3, generator=gen) + 0.5 for _ in cases]
    for case, upstream, (dtype, largest) in zip(cases, upstreams, kinds, strict=True):
        c = 8.0 if dtype is torch.float16 else 64.0
        assert_value(student, case)
        for place in range(4):
            # The gradient of x is a sum over the steep weights of both signs.
            scale = 1.0 if place else largest
            assert_gradients(student, case, upstream, only=place, c=c, scale=scale)


@points(1)
def test_closed_gates_stop_large_branches(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Behind a closed gate even a large other branch gives 0, and gradients without NaN."""
    kinds = ((torch.float32, -1e4, 1e4), (torch.float16, -300.0, 250.0))
    cases = [draw_closed_case(gen, device, *kind) for kind in kinds]
    # With a down of 0.5 and more, what arrives at a hidden unit is above 1.
    upstreams = [torch.rand(4, 3, generator=gen) + 1 for _ in cases]
    for case, upstream in zip(cases, upstreams, strict=True):
        c = 16.0 if case[0].dtype is torch.float16 else 64.0
        assert_value(student, case)
        for place in range(4):
            assert_gradients(student, case, upstream, only=place, c=c)


@points(1)
def test_half_precision_keeps_its_dtype(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """bfloat16 and float16 in, the same out, near the right value."""
    cases = [draw_case(gen, (3, 2, 8), 12, device, dtype) for dtype in HALVES]
    upstream = normal(gen, 3, 2, 8)
    for case in cases:
        assert_value(student, case)
        assert_gradients(student, case, upstream)


@fresh  # what an earlier call left behind would hide what this one changes
@points(2)
def test_inputs_of_any_strides_are_left_as_they_are(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Transposed, sliced and expanded tensors are read as they are, and none is changed."""
    dtypes = (torch.float64, torch.float32, torch.float16, torch.float64)
    cases = [draw_case(gen, (2, 3, 4), 5, device, dtype) for dtype in dtypes]
    upstream = normal(gen, 2, 3, 4)
    for place, tensors in enumerate(cases):
        case = tuple(strided(tensor)[place][1] for tensor in tensors)
        assert_pure(student.ffn, *case)
        assert_value(student, case)
        if case[0].dtype is torch.float64:
            assert_gradients(student, case, upstream)


@points(1)
def test_empty_and_single_axes(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """No tokens, one token, one feature and one hidden unit are cases like any other."""
    sizes = (((1, 1), 1), ((1,), 3), ((3, 1), 4), ((2, 4), 1), ((0, 3), 2), ((2, 0, 3), 4))
    for shape, width in sizes:
        case = draw_case(gen, shape, width, device)
        assert_value(student, case)
        assert_gradients(student, case, normal(gen, *shape))


@points(1)
def test_ffn_refuses_unfit_shapes(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Matrices that do not fit x and one another raise a ValueError, those that broadcast too."""
    for case in (draw_case(gen, (2, 3), 5, device), draw_case(gen, (2, 1), 1, device)):
        x, gate, down, up = case
        assert_value(student, case)  # a good call is not refused
        assert_refused(student, "ffn", (x[0, 0], gate, down, up), "an `x` without axes")
        assert_refused(student, "ffn", (x[0, 0], gate[0], down[0], up[0]), "a single number")
        for vectors in ((x, gate[0], down[:, 0], up[0]), (x[0], gate[0], down[:, 0], up[0])):
            assert_refused(student, "ffn", vectors, "matrices that are vectors")
        stacks = (gate.expand(2, -1, -1), down.expand(2, -1, -1), up.expand(2, -1, -1))
        for tokens in (x, x.expand(2, -1, -1)):
            assert_refused(student, "ffn", (tokens, *stacks), "stacks of matrices")
        longer = x[:, [0] * 4]
        assert_refused(student, "ffn", (longer, gate, down, up), "an `x` of another D")
        for place in (1, 2, 3):
            good = case[place]
            for wrong in (good[[0] * 7], good[:, [0] * 7], good[0], good[0, 0], good[None]):
                arguments = (*case[:place], wrong, *case[place + 1 :])
                what = f"`{NAMES[place]}` of shape {tuple(wrong.shape)}, not {tuple(good.shape)}"
                assert_refused(student, "ffn", arguments, what)
        one_row = up[:1] if len(up) > 1 else up[[0, 0]]
        assert_refused(student, "ffn", (x, gate, down, one_row), "an `up` that broadcasts")


def expected_width(dim: int, multiple: int) -> int:
    """Return the width by counting: the quotient, and one more if something is left."""
    count, left = divmod(8 * dim, 3 * multiple)
    return multiple * (count + (left > 0))


def assert_widths(student: Student, pairs: list[tuple[int, int]]) -> None:
    """Assert that the width is right for each D and multiple."""
    for dim, multiple in pairs:
        width = student.hidden_dim(dim, multiple)
        assert_values_match(width, expected_width(dim, multiple), what="the width")


@points(1)
def test_width_is_rounded_up_to_a_multiple(student: Student, gen: torch.Generator) -> None:
    """The width is the least multiple that is not below 8 D / 3."""
    dims = torch.randint(1, 9000, (16,), generator=gen).tolist()
    multiples = torch.randint(2, 300, (16,), generator=gen).tolist()
    pairs = [*zip(dims, multiples, strict=True), (1, 256)]
    # Where 8 D / 3 is a multiple, or less than 1 above one, is asked below.
    assert_widths(student, [(d, m) for d, m in pairs if 8 * d % (3 * m) > 2])


@points(1)
def test_width_is_exact_where_nothing_is_to_be_rounded(
    student: Student, gen: torch.Generator
) -> None:
    """Where 8 D / 3 is a multiple already, it is the width."""
    dims = torch.randint(1, 3000, (3,), generator=gen).tolist()
    assert_widths(student, [(3 * d, m) for d, m in zip(dims, (8, 1, 4), strict=True)])
    assert_widths(student, [(96, 64), (768, 2048)])


@points(1)
def test_width_counts_the_thirds(student: Student, gen: torch.Generator) -> None:
    """Where 8 D / 3 lies by a third or two above a multiple, the width is the next one."""
    thirds = torch.randint(0, 3000, (4,), generator=gen).tolist()
    assert_widths(student, [(3 * n + 1 + i % 2, 1) for i, n in enumerate(thirds)])
    # 8 (3 n + 2) / 3 = 8 n + 5 and a third.
    assert_widths(student, [(1, 1), *((3 * n + 2, 8 * n + 5) for n in thirds)])


@points(1)
def test_width_is_exact_and_checked(student: Student, gen: torch.Generator) -> None:
    """The width of huge integers is exact; a D or a multiple below 1 raises a ValueError."""
    (more,) = torch.randint(1, 10_000, (1,), generator=gen).tolist()
    huge = [(3 * 10**17 + more, 1), (10**17 + more, 3), (3 * 10**16 + 1, 64)]
    huge += [(3 * 10**200 + 1, 1), (10**200 + more, 7 * 10**90)]
    for dim, multiple in huge:
        width = student.hidden_dim(dim, multiple)
        assert_values_match(width, expected_width(dim, multiple), what="the width")
    for dim, multiple in ((0, 8), (-3, 8), (12, 0), (12, -4), (-12, -4)):
        assert_refused(student, "hidden_dim", (dim, multiple), f"D = {dim}, multiple = {multiple}")
