"""What the learner reads about a wrong tensor: the named patterns, and no other."""

from __future__ import annotations

import math

import pytest
import torch

from dlcourse.testing.diagnosis import diagnose

RTOL = 1e-6
ATOL = 1e-9


def random(*shape: int) -> torch.Tensor:
    """Return the same normal numbers for the same shape."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def told(actual: torch.Tensor, expected: torch.Tensor) -> str:
    """Return the last sentence of a diagnosis."""
    return diagnose(actual, expected, RTOL, ATOL)[-1]


def test_a_right_answer_has_no_diagnosis() -> None:
    """Errors within the tolerance are not spoken of."""
    assert diagnose(random(3, 4) * (1 + 1e-7), random(3, 4), RTOL, ATOL) == ()


def test_the_count_and_the_first_index_come_first() -> None:
    """How many elements differ and where the first of them is, under the name given."""
    wrong = random(3, 4)
    wrong[1, 2] += 1
    wrong[2, 0] -= 2
    assert diagnose(wrong, random(3, 4), RTOL, ATOL, what="the mask") == (
        "The mask differs at 2 of 12 elements, the first at index (1, 2).",
    )


def test_nan_is_counted_and_located() -> None:
    """NaN where numbers are due goes before everything else."""
    wrong = random(3, 4)
    wrong[:, 3] = torch.nan
    assert diagnose(wrong, random(3, 4), RTOL, ATOL) == (
        "The result is NaN at 3 of 12 elements, the first at index (0, 3).",
        "All of them lie at the last index of axis 1.",
    )


def test_nan_infinity_and_other_errors_are_told_apart() -> None:
    """Each kind of wrong element has its own sentence."""
    wrong = random(3, 4)
    wrong[1, 0], wrong[2, 1], wrong[0, 2] = torch.nan, torch.inf, 9.0
    assert diagnose(wrong, random(3, 4), RTOL, ATOL) == (
        "The result is NaN at 1 of 12 elements, the first at index (1, 0).",
        "The result is infinite at 1 of 12 elements, the first at index (2, 1).",
        "It differs at 1 of 12 elements, the first at index (0, 2).",
    )


def test_an_infinity_of_the_wrong_sign_is_an_error_of_sign() -> None:
    """Where infinity is due, the word "infinite" would say nothing."""
    expected = random(3, 4)
    expected[0, 0] = -torch.inf
    wrong = expected.clone()
    wrong[0, 0] = torch.inf
    assert diagnose(wrong, expected, RTOL, ATOL) == (
        "The result differs at 1 of 12 elements, the first at index (0, 0).",
        "The magnitudes are right, the sign is wrong at 1 element.",
    )


def test_nan_that_is_due_is_no_error() -> None:
    """With `equal_nan` only the other elements count."""
    expected = random(3, 4)
    expected[0] = torch.nan
    assert diagnose(expected, expected, RTOL, ATOL, equal_nan=True) == ()
    assert told(expected, expected) == "All of them lie at the first index of axis 0."


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (-1.0, "-1 times what it should be: the sign is flipped."),
        (2.0, "2 times what it should be."),
        (0.5, "half of what it should be."),
        (5.0, "N times what it should be (N is 5, the length of axis 1)."),
        (1 / 3, "1/N times what it should be (N is 3, the length of axis 0)."),
        (1 / 15, "1/N times what it should be (N is 15, the number of elements)."),
        (math.sqrt(5), "sqrt(N) times what it should be (N is 5, the length of axis 1)."),
        (1 / math.sqrt(11), "1/sqrt(N) times what it should be (N is 11, D)."),
        (15 / 14, "N/(N-1) times what it should be (N is 15, the number of elements)."),
        (4 / 5, "(N-1)/N times what it should be (N is 5, the length of axis 1)."),
        (math.sqrt(5 / 4), "sqrt(N/(N-1)) times what it should be (N is 5, the length of axis 1)."),
        (math.sqrt(4 / 5), "sqrt((N-1)/N) times what it should be (N is 5, the length of axis 1)."),
        (math.log(2), "ln 2 times what it should be: which logarithm is meant?"),
        (1 / math.log(2), "1/ln 2 times what it should be: which logarithm is meant?"),
        (math.pi, "pi times what it should be."),
    ],
)
def test_a_named_factor_is_told(factor: float, words: str) -> None:
    """Classic factors are recognised, with what they may stem from."""
    sentences = diagnose(random(3, 5) * factor, random(3, 5), RTOL, ATOL, named_axes={"D": 11})
    assert sentences[-1] == f"Every element is {words}"


def test_a_factor_scales_the_error_that_is_forgiven() -> None:
    """Near zero, twice the right answer may be wrong by twice as much."""
    expected = random(3, 5)
    expected[1, 1] = 0
    doubled = expected * 2
    doubled[1, 1] = 1.5 * ATOL
    assert told(doubled, expected) == "Every element is 2 times what it should be."


def test_a_factor_that_has_no_name_is_not_told() -> None:
    """1.234 is no mistake with a name, so the feedback keeps it to itself."""
    assert len(diagnose(random(3, 5) * 1.234, random(3, 5), RTOL, ATOL)) == 1


def test_a_factor_is_not_guessed_in_coarse_precision() -> None:
    """Where a tolerance of several percent makes factors look alike, none is told."""
    assert len(diagnose(random(3, 5) * 0.52, random(3, 5), 0.05, ATOL)) == 1


def test_two_factors_within_the_tolerance_are_not_told() -> None:
    """Of N/(N-1) for two lengths that the tolerance confuses, neither is claimed."""
    axes = {"B": 100, "T": 101}
    sentences = diagnose(random(3, 5) * 100 / 99, random(3, 5), 5e-3, ATOL, named_axes=axes)
    assert len(sentences) == 1


def test_a_transposed_square_is_told() -> None:
    """Equal lengths hide a transposition from the shape, not from the diagnosis."""
    assert told(random(2, 4, 4).mT, random(2, 4, 4)) == (
        "The values are right once axes 1 and 2 are swapped: it is transposed."
    )


def test_a_reshape_in_place_of_a_transposition_is_told() -> None:
    """The order of memory under `reshape` is the classic confusion."""
    rows = random(3, 5)
    assert told(rows.T.reshape(3, 5), rows) == (
        "The values are right but in the order of axes 0 and 1 swapped: "
        "it was reshaped where it must be transposed."
    )


def test_wrong_signs_are_told_by_their_number() -> None:
    """An `abs` too many leaves the magnitudes right."""
    count = int((random(3, 5) < 0).sum())
    assert told(random(3, 5).abs(), random(3, 5)) == (
        f"The magnitudes are right, the sign is wrong at {count} elements."
    )


@pytest.mark.parametrize(
    ("step", "axis", "words"),
    [(1, 0, "far along axis 0"), (1, 1, "far along axis 1"), (-1, 1, "early along axis 1")],
)
def test_a_shift_by_one_is_told(step: int, axis: int, words: str) -> None:
    """Off by one along an axis is seen whatever fills the free place."""
    shifted = random(4, 5).roll(step, axis)
    shifted.select(axis, 0 if step > 0 else -1).fill_(0.123)
    assert told(shifted, random(4, 5)) == f"The values sit one place too {words}."


def test_two_places_are_too_few_for_a_shift() -> None:
    """Half of the values cannot tell a shift from a coincidence."""
    wrong = torch.stack([random(2, 9)[1], random(9) * 3])
    assert len(diagnose(wrong, random(2, 9), RTOL, ATOL)) == 1


def test_nan_in_the_place_left_free_by_a_shift_hides_nothing() -> None:
    """A pattern is told beside the NaN if it accounts for the rest."""
    shifted = random(9).roll(1)
    shifted[0] = torch.nan
    assert diagnose(shifted, random(9), RTOL, ATOL) == (
        "The result is NaN at 1 of 9 elements, the first at index 0.",
        "It differs at 8 of 9 elements, the first at index 1.",
        "The values sit one place too far along axis 0.",
    )


def test_values_that_run_backwards_are_told() -> None:
    """A scan in the wrong direction leaves the right values reversed."""
    assert told(random(4, 5).flip(1), random(4, 5)) == (
        "The values are right but run backwards along axis 1."
    )


def test_a_constant_offset_is_told_without_its_size() -> None:
    """A missing constant is seen, and the learner must find it."""
    assert told(random(4, 5) + 3.25, random(4, 5)) == "Every element is off by the same amount."


def test_zeros_and_constants_are_told() -> None:
    """An answer that does not depend on its input is named."""
    assert told(torch.zeros(4, 5), random(4, 5)) == "Every element is zero."
    assert told(torch.full((4, 5), 2.5), random(4, 5)) == "All elements are equal."


def test_the_input_returned_is_told() -> None:
    """An answer that equals one of the inputs is named by that input's place."""
    inputs = (random(5, 4), random(4, 5) + 1)
    sentences = diagnose(inputs[1], random(4, 5) * 3, RTOL, ATOL, inputs=inputs)
    assert sentences[-1] == "Every element equals that of input 1: it came back unchanged."


def test_the_right_values_in_another_order_are_told() -> None:
    """A permutation without a name is still a permutation."""
    shuffled = random(4, 5).flatten()[torch.randperm(20, generator=torch.Generator())]
    assert told(shuffled.reshape(4, 5), random(4, 5)) == (
        "The values are the right ones in another order."
    )


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [
        (slice(None), 0, "at the first index of axis 1"),
        (3, slice(None), "at the last index of axis 0"),
        (2, slice(0, 2), "at index 2 of axis 0"),
    ],
)
def test_errors_in_one_slice_are_located(
    rows: int | slice, columns: int | slice, words: str
) -> None:
    """All errors in one row or column point to an edge case."""
    wrong = random(4, 5)
    wrong[rows, columns] += torch.rand(1, generator=torch.Generator()).double()
    assert told(wrong, random(4, 5)) == f"All of them lie {words}."


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (torch.ones(4, 4).triu(1), "above the diagonal"),
        (torch.ones(4, 4).tril(-1), "below the diagonal"),
        (torch.eye(4), "on the diagonal"),
        (1 - torch.eye(4), "off the diagonal"),
    ],
)
def test_errors_about_the_diagonal_are_located(mask: torch.Tensor, words: str) -> None:
    """A causal mask that is off shows by the side on which errors lie."""
    wrong = random(4, 4) + mask * random(4, 4).exp()
    assert told(wrong, random(4, 4)) == f"All of them lie {words} of the last two axes."


def test_errors_in_a_vector_are_counted_and_no_more() -> None:
    """A vector has no slices: the count and the first index are all there is to tell."""
    right = torch.zeros(9)
    wrong = right.clone()
    wrong[2], wrong[5] = 0.25, 7.0
    assert diagnose(wrong, right, 0, 0) == (
        "The result differs at 2 of 9 elements, the first at index 2.",
    )


def test_one_error_and_all_errors_have_no_place() -> None:
    """A single element is located by its index, and errors everywhere keep to no place."""
    wrong = random(4, 5)
    wrong[3, 2] += 0.5
    assert len(diagnose(wrong, random(4, 5), RTOL, ATOL)) == 1
    assert len(diagnose(random(4, 5).exp(), random(4, 5), RTOL, ATOL)) == 1


def test_an_axis_of_length_one_is_no_place_and_no_factor() -> None:
    """Everything lies at the first index of such an axis, and nothing is scaled by it."""
    wrong = random(1, 9)
    wrong[0, 2:5] += torch.tensor([0.5, 0.25, 3.0])
    assert len(diagnose(wrong, random(1, 9), RTOL, ATOL)) == 1


def test_a_complex_answer_without_a_pattern_is_only_counted() -> None:
    """Complex numbers have no order, so no sorted values are compared."""
    expected = torch.complex(random(3, 5), random(3, 5).sin())
    assert len(diagnose(expected.exp(), expected, RTOL, ATOL)) == 1


def test_below_eight_elements_no_pattern_is_told() -> None:
    """Seven elements are too few: feedback would be an oracle."""
    for wrong in (-random(7), random(7).flip(0), torch.zeros(7), random(7) * 2):
        assert len(diagnose(wrong, random(7), RTOL, ATOL)) == 1
    assert len(diagnose(-random(8), random(8), RTOL, ATOL)) == 2


def test_above_a_hundred_thousand_elements_no_pattern_is_looked_for() -> None:
    """Looking takes time that a verdict need not wait for."""
    large = random(100_001)
    assert len(diagnose(-large, large, RTOL, ATOL)) == 1


@pytest.mark.parametrize("dtype", [torch.int64, torch.complex128, torch.bool, torch.float16])
def test_patterns_hold_for_every_dtype(dtype: torch.dtype) -> None:
    """Integers, bools, complex numbers and half precision are diagnosed like any other."""
    expected = (random(3, 5) * 10).to(dtype)
    assert told(torch.zeros_like(expected), expected) == "Every element is zero."


def test_a_single_number_is_judged_without_an_index() -> None:
    """A scalar has no first index and no pattern."""
    one = torch.tensor(1.0)
    assert diagnose(-one, one, RTOL, ATOL, what="the loss") == (
        "The loss is not what it should be.",
    )
    assert diagnose(one * torch.nan, one, RTOL, ATOL, what="the loss") == ("The loss is NaN.",)
    assert diagnose(one * torch.inf, one, RTOL, ATOL, what="the loss") == ("The loss is infinite.",)
