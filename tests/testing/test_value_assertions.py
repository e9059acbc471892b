"""`assert_values_match`: structure first, then every element."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from dlcourse.testing.mismatch import Mismatch
from dlcourse.testing.values import assert_values_match

GRID = torch.linspace(-2.0, 3.0, 15, dtype=torch.float64).reshape(3, 5)


def refused(actual: Any, expected: Any, **options: Any) -> str:
    """Return the sentences with which a comparison fails."""
    with pytest.raises(Mismatch) as caught:
        assert_values_match(actual, expected, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        GRID,
        GRID.to(torch.complex64),
        torch.arange(4),
        torch.tensor([True, False]),
        torch.zeros(0, 3),
        GRID.numpy(),
        [1, 2.5, 1j, "text", None, True, (GRID, {"key": GRID, 3: -1.0})],
    ],
)
def test_a_value_matches_itself(value: Any) -> None:
    """Tensors, arrays, numbers, strings, None and their containers equal themselves."""
    assert_values_match(value, value)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_an_answer_in_another_dtype_is_compared_by_its_precision(dtype: torch.dtype) -> None:
    """A float64 reference judges an answer that must be in a lower precision."""
    assert_values_match(GRID.to(dtype), GRID, dtype=dtype)
    refused(GRID.to(dtype) * 1.2, GRID, dtype=dtype)


def test_a_relative_error_of_one_in_a_thousand_is_refused_in_float32() -> None:
    """The error that the law names is caught, also behind a long sum."""
    refused((GRID * (1 + 1e-3)).float(), GRID, dtype=torch.float32, reduction=10_000)


def test_the_requires_grad_of_a_tensor_does_not_matter() -> None:
    """Values are compared apart from the graph that they carry."""
    assert_values_match(GRID.clone().requires_grad_() * 1.0, GRID)


def test_nothing_is_broadcast() -> None:
    """A scalar and a row that would broadcast to the right values are refused by their shape."""
    assert refused(torch.ones(()), torch.ones(3, 5)) == (
        "The result has shape () instead of (3, 5)."
    )
    assert refused(torch.ones(1, 5), torch.ones(3, 5)) == (
        "The result has shape (1, 5) instead of (3, 5)."
    )


def test_a_transposed_shape_is_recognised() -> None:
    """Right values along exchanged axes are told as such."""
    assert refused(GRID.T, GRID) == (
        "The result has shape (5, 3) instead of (3, 5). "
        "Its values are right once axes 0 and 1 are swapped."
    )


def test_a_wrong_shape_with_other_values_is_no_transposition() -> None:
    """Other values in a transposed shape, or in another number of axes, are only a wrong shape."""
    assert refused(GRID.T + 1, GRID) == "The result has shape (5, 3) instead of (3, 5)."
    assert refused(GRID.flatten(), GRID) == "The result has shape (15,) instead of (3, 5)."


def test_a_transposed_small_shape_is_not_told() -> None:
    """Below eight elements no pattern is told, a swap of axes included."""
    small = GRID[:2, :3]
    assert refused(small.T, small) == "The result has shape (3, 2) instead of (2, 3)."


def test_the_dtype_of_the_answer_is_strict() -> None:
    """float32 for float64 is refused, and so is float64 where float32 was asked for."""
    assert refused(GRID.float(), GRID) == (
        "The result has dtype `torch.float32` instead of `torch.float64`."
    )
    assert refused(GRID, GRID, dtype=torch.float32) == (
        "The result has dtype `torch.float64` instead of `torch.float32`."
    )


def test_the_asked_dtype_speaks_of_inexact_numbers_only() -> None:
    """Indices beside float32 values stay int64."""
    expected = (GRID, torch.arange(3))
    assert_values_match((GRID.float(), torch.arange(3)), expected, dtype=torch.float32)


def test_the_device_of_the_answer_is_strict() -> None:
    """A tensor on another device is refused before its values are read."""
    assert refused(torch.empty(3, device="meta"), torch.zeros(3)) == (
        "The result has device `meta` instead of `cpu`."
    )


def test_integers_are_exact() -> None:
    """Large integers that float64 cannot tell apart differ."""
    large = torch.tensor([2**53])
    assert refused(large + 1, large) == (
        "The result differs at 1 of 1 element, the first at index 0."
    )


def test_nan_needs_permission() -> None:
    """NaN in the answer is refused unless NaN is expected there and allowed."""
    expected = torch.tensor([1.0, torch.nan])
    assert refused(torch.tensor([torch.nan, 1.0]), torch.ones(2)) == (
        "The result is NaN at 1 of 2 elements, the first at index 0."
    )
    refused(expected, expected)
    assert_values_match(expected, expected, equal_nan=True)
    refused(torch.ones(2), expected, equal_nan=True)


def test_a_value_too_large_for_the_dtype_must_be_infinite() -> None:
    """float16 cannot hold 1e5, so infinity is right there and the largest number is not."""
    expected = torch.tensor([1e5, 1.0], dtype=torch.float64)
    half = torch.float16
    assert_values_match(torch.tensor([torch.inf, 1.0], dtype=half), expected, dtype=half)
    refused(torch.tensor([65504.0, 1.0], dtype=half), expected, dtype=half)


@pytest.mark.parametrize(
    ("actual", "expected", "sentence"),
    [
        (1.0, GRID, "The loss is of type `float` instead of `Tensor`."),
        (torch.tensor(1.0), 1.0, "The loss is of type `Tensor` instead of `float`."),
        ([1], (1,), "The loss is of type `list` instead of `tuple`."),
        (None, 1, "The loss is of type `None` instead of `int`."),
        (0, None, "The loss is of type `int` instead of `None`."),
        (True, 1, "The loss is of type `bool` instead of `int`."),
        (1, True, "The loss is of type `int` instead of `bool`."),
        (True, 1.0, "The loss is of type `bool` instead of `float`."),
        (1j, 1.0, "The loss is of type `complex` instead of `float`."),
        (GRID, GRID.numpy(), "The loss is of type `Tensor` instead of `ndarray`."),
        ((1, 2), (1, 2, 3), "The loss has 2 elements instead of 3."),
        ({"a": 1}, {"a": 1, "b": 2}, "The loss lacks 1 of its keys."),
        ({"a": 1, "c": 2}, {"a": 1}, "The loss has a key `c` that is not due."),
        ("a", "b", "The loss is not what it should be."),
        (2, 1, "The loss is not what it should be."),
        (2.0, 1.0, "The loss is not what it should be."),
        (float("nan"), 1.0, "The loss is NaN."),
        (float("inf"), 1.0, "The loss is infinite."),
        (10**400, 1.0, "The loss is infinite."),
        (-(10**400), 1.0, "The loss is infinite."),
    ],
)
def test_a_wrong_plain_value_is_told_in_one_sentence(
    actual: Any, expected: Any, sentence: str
) -> None:
    """Types, lengths and keys are named; expected values are not."""
    assert refused(actual, expected, what="the loss") == sentence


def test_an_integer_may_stand_for_a_float() -> None:
    """`0` is a fine answer where a float is due."""
    assert_values_match(3, 3.0)
    assert_values_match([0, 1.5], [0.0, 1.5 + 0j])


def test_a_part_of_a_container_is_named_by_its_path() -> None:
    """The learner reads which element of which key is wrong."""
    expected = {"weights": [GRID, GRID]}
    assert refused({"weights": [GRID, GRID.float()]}, expected).startswith(
        "Element 1 of `weights` of the result has dtype"
    )


def test_a_long_key_is_cut() -> None:
    """Graded code cannot flood a report through a key."""
    assert len(refused({"k" * 10_000: 1}, {})) < 200


def test_a_float_is_held_to_the_asked_dtype() -> None:
    """A number that was computed in float32 has float32's rounding error."""
    answer = torch.tensor(0.1).item()
    assert_values_match(answer, 0.1, dtype=torch.float32)
    refused(answer, 0.1)


def test_the_diagnosis_may_refer_to_lengths_and_inputs() -> None:
    """What the suite names besides the result is looked for in a wrong one."""
    assert refused(GRID * 11, GRID, named_axes={"D": 11}).endswith("(N is 11, D).")
    assert "equals that of input 0" in refused(GRID.sin(), GRID, inputs=(GRID.sin(),))


def test_arrays_are_compared_as_tensors_are() -> None:
    """A NumPy answer is held to dtype, shape and values."""
    array = GRID.numpy()
    assert refused(array * 2, array).endswith("Every element is 2 times what it should be.")
    assert "shape (5, 3)" in refused(array.T, array)
    assert "torch.float32" in refused(array.astype(np.float32), array)


def test_a_reference_of_an_unknown_type_is_the_suites_fault() -> None:
    """What cannot be compared is no verdict about the learner."""
    with pytest.raises(TypeError, match="`object` cannot be compared"):
        assert_values_match(1, object())


def test_scale_forgives_the_rounding_of_cancelled_terms() -> None:
    """A loss whose terms cancel passes with the size of its terms, and only with it."""
    expected = torch.tensor(1e-6, dtype=torch.float64)
    answer = torch.tensor(1e-6 + 1e-7)
    refused(answer, expected, dtype=torch.float32)
    assert_values_match(answer, expected, dtype=torch.float32, scale=1.0)


def test_no_sentence_holds_an_expected_value() -> None:
    """Whatever is wrong, the digits of the expected tensor stay out of the message."""
    secret = torch.full((3, 4), 0.73214, dtype=torch.float64)
    for wrong in (secret + 1, -secret, secret * torch.nan, secret[:2], [0.5], None):
        assert "73214" not in refused(wrong, secret)
