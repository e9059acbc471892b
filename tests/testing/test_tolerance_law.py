"""The law of tolerances: loose enough for right answers, tight enough for every mistake."""

from __future__ import annotations

import math

import pytest
import torch

from dlcourse.testing.tolerances import (
    Tolerance,
    close,
    tolerance,
    tolerance_for,
    typical_size,
)

INEXACT = (
    torch.float64,
    torch.float32,
    torch.bfloat16,
    torch.float16,
    torch.complex64,
    torch.complex128,
)


@pytest.mark.parametrize("dtype", INEXACT)
def test_tolerance_is_c_roundings_times_the_root_of_the_reduction(dtype: torch.dtype) -> None:
    """Below the cap the law is `c * eps * sqrt(n)`, for real and complex numbers alike."""
    expected = 2.0 * torch.finfo(dtype).eps * 3.0
    assert tolerance(dtype, reduction=9, c=2.0) == pytest.approx(expected)


@pytest.mark.parametrize("reduction", [1, 1_000, 1_000_000, 10**12])
def test_float32_shows_a_relative_error_of_one_in_a_thousand(reduction: int) -> None:
    """No length of a sum hides a relative error of 1e-3 in float32."""
    assert tolerance(torch.float32, reduction) < 1e-3


@pytest.mark.parametrize("dtype", INEXACT)
def test_zeros_never_pass(dtype: torch.dtype) -> None:
    """No length of a sum and no `c` lets a result of zeros pass in any dtype."""
    assert tolerance(dtype, reduction=10**9, c=1e6) <= 1 / 16


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.uint8])
def test_integers_and_bools_are_exact(dtype: torch.dtype) -> None:
    """Numbers that are not rounded get no tolerance."""
    assert tolerance(dtype, reduction=100) == 0.0
    assert tolerance_for(torch.tensor([3, 5]), dtype) == Tolerance(0.0, 0.0)


@pytest.mark.parametrize(("reduction", "c"), [(0, 8.0), (1, 0.0), (1, -1.0), (1, math.nan)])
def test_a_senseless_law_is_refused(reduction: int, c: float) -> None:
    """A reduction below 1 or a `c` that is not positive is the suite's fault, and said so."""
    with pytest.raises(ValueError, match=r"`reduction` .* must be at least 1 and `c` .* positive"):
        tolerance(torch.float32, reduction, c)


@pytest.mark.parametrize("dtype", INEXACT)
@pytest.mark.parametrize("length", [3, 50, 1000])
def test_a_sum_computed_in_the_dtype_is_right(dtype: torch.dtype, length: int) -> None:
    """A sum of terms of both signs stays within the law in every dtype."""
    gen = torch.Generator().manual_seed(length)
    terms = torch.randn(40, length, generator=gen).to(dtype)
    wide = terms.to(torch.complex128 if dtype.is_complex else torch.float64).sum(1)
    bound = tolerance_for(wide, dtype, reduction=length)
    assert bool(close(terms.sum(1), wide, bound).all())


def test_a_difference_near_zero_may_be_wrong_by_the_rounding_of_its_terms() -> None:
    """Where terms cancel, the relative error is unbounded and the tolerance knows it."""
    gen = torch.Generator().manual_seed(0)
    x = torch.randn(1000, generator=gen)
    answer, exact = x.cos() - 0.5, x.double().cos() - 0.5
    relative = ((answer - exact) / exact).abs().max()
    assert relative > tolerance(torch.float32)
    assert bool(close(answer, exact, tolerance_for(exact, torch.float32)).all())


def test_one_huge_element_does_not_excuse_errors_in_the_others() -> None:
    """The scale is typical, not maximal: an error of 1e-3 shows in elements a millionth as big."""
    expected = torch.tensor([1.0, 2.0, 0.5, 1e6], dtype=torch.float64)
    wrong = expected.clone()
    wrong[0] *= 1 + 1e-3
    same = close(wrong.float(), expected, tolerance_for(expected, torch.float32))
    assert same.tolist() == [False, True, True, True]


def test_errors_show_down_to_a_thousandth_of_the_typical_size() -> None:
    """In float32 a relative error of 1e-3 shows in every element above typical size / 1000."""
    expected = torch.logspace(-2.9, 2.9, 59, dtype=torch.float64)
    assert typical_size(expected) == pytest.approx(1.0)
    same = close(expected * (1 + 1e-3), expected, tolerance_for(expected, torch.float32))
    assert not bool(same.any())


def test_the_typical_size_ignores_zeros_nan_and_infinities() -> None:
    """Masked and overflowing elements say nothing about the size of the others."""
    values = torch.tensor([0.0, 0.0, 0.0, -3.0, torch.nan, torch.inf])
    assert typical_size(values) == 3.0
    assert typical_size(torch.zeros(4)) == 0.0
    assert typical_size(torch.zeros(0)) == 0.0


def test_scale_widens_the_bound_of_a_nearly_cancelled_scalar() -> None:
    """A suite that knows the size of the terms says so, and gets their rounding error."""
    expected = torch.tensor(1e-9, dtype=torch.float64)
    tight = tolerance_for(expected, torch.float32)
    assert tight.atol < 1e-14
    assert tolerance_for(expected, torch.float32, scale=1.0).atol == pytest.approx(
        tolerance(torch.float32)
    )


def test_subnormal_numbers_may_be_flushed() -> None:
    """A processor that flushes subnormals gives zero for 1e-40 in float32, and is right."""
    tiny = torch.tensor([1e-40, 1.0], dtype=torch.float64)
    bound = tolerance_for(tiny, torch.float32)
    assert bool(close(torch.tensor([0.0, 1.0]), tiny, bound).all())


def test_nan_equals_nothing_but_nan_where_asked() -> None:
    """NaN passes only against NaN, and only with `equal_nan`."""
    nan, one = torch.tensor([torch.nan]), torch.tensor([1.0])
    wide = Tolerance(0.05, 1.0)
    assert not bool(close(nan, one, wide, equal_nan=True))
    assert not bool(close(one, nan, wide, equal_nan=True))
    assert not bool(close(nan, nan, wide))
    assert bool(close(nan, nan, wide, equal_nan=True))


def test_an_infinity_equals_only_itself() -> None:
    """Infinities agree in place and sign; no finite number is close to one."""
    expected = torch.tensor([torch.inf, torch.inf, torch.inf, 1.0])
    actual = torch.tensor([torch.inf, -torch.inf, 3e38, torch.inf])
    assert close(actual, expected, Tolerance(0.1, 1e9)).tolist() == [True, False, False, False]
