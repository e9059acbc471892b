"""The hidden suite of `ppo_loss`.

A batch is the seven tensors of the loss in the order of its arguments. Its samples cover every
regime of both clips and keep clear of the kinks between them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_gradcheck,
    assert_gradgradcheck,
    assert_gradients_match,
    assert_nonzero_gradient,
    assert_pure,
    assert_values_match,
    assert_zero_gradient,
    fresh,
    points,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Settings: TypeAlias = tuple[float, float, float]  # clip, value_coef, entropy_coef
Case: TypeAlias = tuple[list[torch.Tensor], Settings]

LOG_PROBS, OLD_LOG_PROBS, ADVANTAGES, VALUES, OLD_VALUES, RETURNS, ENTROPY = range(7)
NAMES = (
    "log_probs",
    "old_log_probs",
    "advantages",
    "values",
    "old_values",
    "returns",
    "entropy",
    "clip",
    "value_coef",
    "entropy_coef",
)
ALL_REGIMES = 24  # samples, so that each regime of a clip meets both signs


def uniform(gen: torch.Generator, n: int, low: float, high: float) -> torch.Tensor:
    """Draw [n] numbers between `low` and `high` in float64."""
    return low + (high - low) * torch.rand(n, generator=gen, dtype=torch.float64)


def signs(gen: torch.Generator, n: int) -> torch.Tensor:
    """Draw [n] signs, -1 or 1, in float64."""
    return torch.randint(2, (n,), generator=gen).double() * 2 - 1


def draw_log_ratios(gen: torch.Generator, n: int, clip: float) -> torch.Tensor:
    """Draw [n] log-ratios below, inside and above the clip in turn."""
    low, high = math.log1p(-clip), math.log1p(clip)
    below = low - uniform(gen, n, 0.1, 0.8)
    inside = uniform(gen, n, 0.8 * low, 0.8 * high)
    above = high + uniform(gen, n, 0.1, 0.8)
    place = torch.arange(n)
    return torch.stack([below, inside, above])[place % 3, place]


def draw_moves(gen: torch.Generator, n: int, clip: float) -> torch.Tensor:
    """Draw [n] changes of a value: two smaller than the clip, two larger, in turn."""
    small, large = uniform(gen, n, 0.1, 0.8), uniform(gen, n, 1.3, 3.0)
    return clip * signs(gen, n) * torch.where(torch.arange(n) // 2 % 2 == 0, small, large)


def draw_batch(
    gen: torch.Generator,
    n: int,
    clip: float,
    device: torch.device,
    dtype: torch.dtype,
) -> list[torch.Tensor]:
    """Draw a batch of n samples.

    Raw advantages are all positive, so only the normalised ones tell good from bad. The returns
    lie on either side of where the clipped and the free value would be equally wrong.
    """
    good = (torch.arange(n) // 3 % 2).double() * 2 - 1
    old_log_probs = uniform(gen, n, -3.0, -1.5)
    old_values = uniform(gen, n, -3.0, 3.0)
    moves = draw_moves(gen, n, clip)
    middle = old_values + (moves + moves.clamp(-clip, clip)) / 2
    batch = [
        old_log_probs + draw_log_ratios(gen, n, clip),
        old_log_probs,
        4 + good * uniform(gen, n, 1.0, 3.0),
        old_values + moves,
        old_values,
        middle + signs(gen, n) * uniform(gen, n, 0.3, 1.5),
        uniform(gen, n, 0.2, 1.4),
    ]
    order = torch.randperm(n, generator=gen)
    return [tensor[order].to(device, dtype) for tensor in batch]


def draw_case(
    gen: torch.Generator, n: int, device: torch.device, dtype: torch.dtype = torch.float64
) -> Case:
    """Draw a batch of n samples, with settings none of which has its usual value."""
    draws: list[float] = torch.rand(3, generator=gen, dtype=torch.float64).tolist()
    settings = 0.22 + 0.2 * draws[0], 0.6 + draws[1], 0.1 + draws[2]
    return draw_batch(gen, n, settings[0], device, dtype), settings


def silence_policy(batch: list[torch.Tensor]) -> None:
    """Give a batch of even size its first epoch, with as many good actions as bad ones."""
    batch[LOG_PROBS] = batch[OLD_LOG_PROBS].clone()
    batch[ADVANTAGES] = torch.ones_like(batch[ADVANTAGES])
    batch[ADVANTAGES][::2] = -1


def silence_value(batch: list[torch.Tensor]) -> None:
    """Give a batch a perfect critic."""
    batch[VALUES], batch[OLD_VALUES] = batch[RETURNS].clone(), batch[RETURNS].clone()


def silence_entropy(batch: list[torch.Tensor]) -> None:
    """Give a batch a policy without doubt."""
    batch[ENTROPY] = torch.zeros_like(batch[ENTROPY])


def requiring(batch: list[torch.Tensor], *chosen: int) -> list[torch.Tensor]:
    """Return the batch, with a gradient required of the chosen tensors."""
    return [tensor.detach().requires_grad_(place in chosen) for place, tensor in enumerate(batch)]


def draw_upstream(gen: torch.Generator, device: torch.device) -> torch.Tensor:
    """Draw the gradient that arrives at the loss: [], neither 0 nor 1."""
    return uniform(gen, 1, 1.2, 2.8)[0].to(device)


def normalised(advantages: torch.Tensor) -> torch.Tensor:
    """Return the advantages, [n] in float64, centred and scaled by sums."""
    wide = advantages.detach().double()
    centred = wide - wide.sum() / len(wide)
    return centred / ((centred * centred).sum().div(len(wide)).sqrt() + 1e-8)


def expected_policy_term(
    log_probs: torch.Tensor, old_log_probs: torch.Tensor, advantages: torch.Tensor, clip: float
) -> torch.Tensor:
    """Return the policy term: a good ratio counts at most 1 + clip, a bad one at least 1 - clip."""
    change = log_probs.double() - old_log_probs.detach().double()
    advantage = normalised(advantages)
    # Far away a constant takes the place of the change before exp, so no gradient is infinite.
    ratio = torch.where(change.abs() < 20, change, change.detach().sign() * 20).exp()
    good = torch.where(ratio < 1 + clip, ratio, 1 + clip)
    bad = torch.where(ratio > 1 - clip, ratio, 1 - clip)
    return -(advantage * torch.where(advantage > 0, good, bad)).sum() / len(advantage)


def expected_value_term(
    values: torch.Tensor, old_values: torch.Tensor, returns: torch.Tensor, clip: float
) -> torch.Tensor:
    """Return the value term: a value that moved too far counts as held back if that is worse."""
    value, old, target = values.double(), old_values.detach().double(), returns.detach().double()
    held = torch.where(value > old, old + clip, old - clip)
    worse = ((value - old).abs() > clip) & ((held - target).abs() > (value - target).abs())
    return (torch.where(worse, held, value) - target).pow(2).sum() / (2 * len(value))


def expected_loss(*arguments: Any) -> torch.Tensor:
    """Return the loss in float64, by cases where the definition takes minima and maxima."""
    log_probs, old_log_probs, advantages, values, old_values, returns, entropy = arguments[:7]
    clip, value_coef, entropy_coef = arguments[7:]
    policy = expected_policy_term(log_probs, old_log_probs, advantages, clip)
    value = expected_value_term(values, old_values, returns, clip)
    bonus = entropy.double().sum() / len(entropy)
    loss: torch.Tensor = policy + value_coef * value - entropy_coef * bonus
    return loss


def assert_loss_matches(
    student: Student, batch: list[torch.Tensor], settings: Settings, c: float = 8.0
) -> None:
    """Assert that the loss of a batch is the expected one and has the dtype of the batch."""
    actual = student.ppo_loss(*batch, *settings)
    assert_values_match(
        actual,
        expected_loss(*batch, *settings).detach(),
        reduction=len(batch[0]),
        c=c,
        scale=4.0,  # the terms are a few units each, and may cancel
        what="the loss",
        dtype=batch[0].dtype,
    )


def assert_gradients(
    student: Student,
    inputs: tuple[Any, ...],
    upstream: torch.Tensor,
    reference: Callable[..., torch.Tensor] = expected_loss,
    c: float = 64.0,
) -> None:
    """Assert that the loss has the gradients of the reference."""
    assert_gradients_match(
        student.ppo_loss, reference, inputs, upstream, c=c, names=NAMES, what="the loss"
    )


def assert_gradient_flows(
    student: Student,
    inputs: tuple[Any, ...],
    upstream: torch.Tensor,
    place: int,
    where: torch.Tensor,
) -> None:
    """Assert that a gradient reaches the chosen elements of one argument, and no others."""
    for assert_claim, mask in ((assert_zero_gradient, ~where), (assert_nonzero_gradient, where)):
        claim = [mask if place == other else None for other in range(len(NAMES))]
        assert_claim(student.ppo_loss, inputs, upstream, claim, names=NAMES, what="the loss")


def assert_refused(student: Student, arguments: tuple[Any, ...], what: str) -> None:
    """Assert that the arguments raise a ValueError."""
    try:
        student.ppo_loss(*arguments)
    except ValueError:
        return
    pytest.fail(f"No `ValueError` was raised for {what}.")


@points(2)
def test_loss_matches_its_definition(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The loss equals its definition, for batches of any size, with autograd on or off."""
    sizes = ((5, torch.float64), (31, torch.float32), (31, torch.float32), (400, torch.float64))
    cases = [draw_case(gen, n, device, dtype) for n, dtype in sizes]
    # New numbers in an old shape, and old numbers after new ones: no call may remember another.
    for batch, settings in [*cases, cases[0]]:
        assert_loss_matches(student, batch, settings)
    with torch.no_grad():
        assert_loss_matches(student, *cases[1])


@points(1)
def test_each_setting_acts_on_its_own_term(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A coefficient of 0 switches off its term and no other, and a clip above 1 is a clip."""
    cases = [draw_case(gen, n, device) for n in (ALL_REGIMES, 9)]
    for batch, (clip, value_coef, entropy_coef) in cases:
        for settings in (
            (clip, 0.0, entropy_coef),
            (clip, value_coef, 0.0),
            (clip, 0.0, 0.0),
            (1 + clip, value_coef, entropy_coef),
        ):
            assert_loss_matches(student, batch, settings)


@points(2)
def test_policy_term_takes_the_smaller_objective(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Of the clipped and the free objective the smaller one counts, for good and bad actions."""
    cases = [draw_case(gen, n, device) for n in (ALL_REGIMES, 7)]
    for batch, settings in cases:
        silence_value(batch)
        silence_entropy(batch)
        assert_loss_matches(student, batch, settings)


@points(1)
def test_first_epoch_follows_the_plain_policy_gradient(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Where the policy has not moved yet, descending the loss makes good actions likelier."""

    def plain_loss(
        log_probs: torch.Tensor, _: torch.Tensor, advantages: torch.Tensor, *__: object
    ) -> torch.Tensor:
        return -(normalised(advantages) * log_probs).mean()

    batch, settings = draw_case(gen, 11, device)
    upstream = draw_upstream(gen, device)
    batch[LOG_PROBS] = batch[OLD_LOG_PROBS].clone()
    inputs = (*requiring(batch, LOG_PROBS), *settings)
    assert_gradients(student, inputs, upstream, reference=plain_loss)


@points(2)
def test_gradient_stops_where_the_clipped_ratio_counts(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """No gradient reaches a good action above 1 + clip or a bad one below 1 - clip, only these."""
    batch, settings = draw_case(gen, ALL_REGIMES, device)
    upstream = draw_upstream(gen, device)
    clip = settings[0]
    ratio = (batch[LOG_PROBS] - batch[OLD_LOG_PROBS]).exp()
    good = normalised(batch[ADVANTAGES]) > 0
    learning = torch.where(good, ratio < 1 + clip, ratio > 1 - clip)
    inputs = (*requiring(batch, LOG_PROBS), *settings)
    assert_gradient_flows(student, inputs, upstream, LOG_PROBS, learning)


@points(2)
def test_far_ratios_stay_finite(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Log-ratios beyond +-20 count as +-20 and get no gradient; up to there nothing is lost."""
    changes = torch.tensor([100.0, -100.0, 1e4, -1e4, 25.0, -25.0, -math.inf, 18.0, -18.0, 0.125])
    change = changes.repeat(2).to(device)
    # Each change once for a good action and once for a bad one.
    good = torch.arange(len(change), device=device) < len(changes)
    batch, settings = draw_case(gen, len(change), device, torch.float32)
    upstream = draw_upstream(gen, device)
    batch[ADVANTAGES] = torch.where(good, 4 + batch[ADVANTAGES], -batch[ADVANTAGES])
    # In eighths, so that the change survives the subtraction in float32.
    batch[OLD_LOG_PROBS] = (8 * batch[OLD_LOG_PROBS]).round() / 8
    batch[LOG_PROBS] = batch[OLD_LOG_PROBS] + change
    assert_loss_matches(student, batch, settings)
    inputs = (*requiring(batch, LOG_PROBS), *settings)
    learning = (change.abs() < 1) | ((change.abs() < 20) & ((change < 0) == good))
    assert_gradient_flows(student, inputs, upstream, LOG_PROBS, learning)
    assert_gradients(student, inputs, upstream)


@points(2)
def test_value_term_takes_the_larger_error(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Of the squared errors of the free and of the clipped value, half the larger one counts."""
    cases = [draw_case(gen, n, device) for n in (ALL_REGIMES, 10)]
    for batch, settings in cases:
        silence_policy(batch)
        silence_entropy(batch)
        assert_loss_matches(student, batch, settings)


@points(1)
def test_gradient_stops_where_the_clipped_value_counts(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A value that moved beyond the clip and for the better gets no gradient, only such a one."""
    batch, settings = draw_case(gen, ALL_REGIMES, device)
    upstream = draw_upstream(gen, device)
    clip = settings[0]
    move = batch[VALUES] - batch[OLD_VALUES]
    held = batch[OLD_VALUES] + clip * move.sign()
    better = (batch[VALUES] - batch[RETURNS]).abs() < (held - batch[RETURNS]).abs()
    learning = ~((move.abs() > clip) & better)
    inputs = (*requiring(batch, VALUES), *settings)
    assert_gradient_flows(student, inputs, upstream, VALUES, learning)


@points(1)
def test_entropy_lowers_the_loss(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The mean entropy, times its coefficient, is taken off the loss, and so is its gradient."""
    batch, settings = draw_case(gen, 14, device)
    upstream = draw_upstream(gen, device)
    silence_policy(batch)
    silence_value(batch)
    assert_loss_matches(student, batch, settings)
    assert_gradients(student, (*requiring(batch, ENTROPY), *settings), upstream)


@points(1)
def test_advantages_are_normalised(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Advantages lose their mean and are divided by their population deviation plus 1e-8."""
    # Dividing by n - 1 shows for few samples; 1e-8, and its place, for a deviation as small.
    units = ((5, 1.0), (9, 1e4), (9, 1e-4), (9, 1e-8))
    cases = [(draw_case(gen, n, device), unit) for n, unit in units]
    shifted, shifted_settings = draw_case(gen, 13, device)
    for (batch, settings), unit in cases:
        silence_value(batch)
        silence_entropy(batch)
        batch[ADVANTAGES] *= unit
        assert_loss_matches(student, batch, settings)
    silence_value(shifted)
    silence_entropy(shifted)
    shifted[ADVANTAGES] += 1e6
    # Rounding alone leaves 1e-10 here; mean(x^2) - mean(x)^2 leaves 1e-4.
    assert_loss_matches(student, shifted, shifted_settings, c=1e8)


@points(1)
def test_equal_advantages_are_no_news(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """One sample, or equal advantages, leave a policy term of 0 with a gradient of 0, not NaN."""
    sizes = ((1, torch.float64), (1, torch.float32), (8, torch.float32), (4, torch.float16))
    cases = [draw_case(gen, n, device, dtype) for n, dtype in sizes]
    upstream = draw_upstream(gen, device)
    for batch, settings in cases:
        silence_value(batch)
        batch[ADVANTAGES] = torch.full_like(batch[ADVANTAGES], 0.75)
        assert_loss_matches(student, batch, settings)
        inputs = (*requiring(batch, LOG_PROBS, ENTROPY), *settings)
        nowhere = torch.zeros_like(batch[LOG_PROBS], dtype=torch.bool)
        assert_gradient_flows(student, inputs, upstream, LOG_PROBS, nowhere)


@points(2)
def test_gradient_reaches_the_networks_alone(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """`log_probs`, `values` and `entropy` get the loss's gradient, the four data tensors none."""
    cases = [draw_case(gen, n, device) for n in (7, ALL_REGIMES)]
    small, small_settings = draw_case(gen, 6, device)
    upstream = draw_upstream(gen, device)
    for batch, settings in cases:
        # Some samples have not moved: there both clips tie, and the whole gradient is due.
        for new, old in ((LOG_PROBS, OLD_LOG_PROBS), (VALUES, OLD_VALUES)):
            batch[new][:2] = batch[old][:2]
        assert_gradients(student, (*requiring(batch, *range(7)), *settings), upstream)
    inputs = (*requiring(small, LOG_PROBS, VALUES, ENTROPY), *small_settings)
    assert_gradcheck(
        student.ppo_loss, inputs, names=NAMES, what="the loss", reference=expected_loss
    )
    assert_gradgradcheck(student.ppo_loss, inputs, names=NAMES, what="the loss")


@points(1)
def test_half_precision_is_computed_in_float32(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The loss has the dtype of the inputs, and returns of 600 do not overflow in float16."""
    dtypes = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
    cases = [draw_case(gen, 12, device, dtype) for dtype in dtypes]
    upstream = draw_upstream(gen, device)
    for batch, (clip, _, entropy_coef) in cases:
        batch[RETURNS] = 300 * batch[RETURNS].sign() + batch[RETURNS]
        # Half the squared error is 45,000: weighed so, the loss fits into float16.
        assert_loss_matches(student, batch, (clip, 0.0625, entropy_coef))
        # Half the squared error is 180,000: infinite in float16 unless it is weighed before.
        further = [*batch[:RETURNS], 2 * batch[RETURNS], batch[ENTROPY]]
        assert_loss_matches(student, further, (clip, 0.015625, entropy_coef))
    batch, (clip, _, entropy_coef) = cases[-1]
    inputs = (*requiring(batch, LOG_PROBS, VALUES, ENTROPY), clip, 0.0625, entropy_coef)
    assert_gradients(student, inputs, upstream, c=4)
    # Subtracted in half precision, these log-probabilities differ by 12 and by 10.
    for dtype, far, near in ((torch.bfloat16, -12.0, -0.03), (torch.float16, -10.0, -0.003)):
        pair, settings = draw_case(gen, 2, device, dtype)
        silence_value(pair)
        silence_entropy(pair)
        for place, pairs in (
            (OLD_LOG_PROBS, (far, -1)),
            (LOG_PROBS, (near, -1)),
            (ADVANTAGES, (1, 3)),
        ):
            pair[place] = torch.tensor(pairs, device=device).to(dtype)
        assert_loss_matches(student, pair, settings, c=1.0)


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_inputs_of_any_strides_are_left_as_they_are(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Columns, slices and expanded numbers are read as they are, and no input is changed."""
    dtypes = (torch.float64, torch.float32, torch.float16)
    cases = [draw_case(gen, 10, device, dtype) for dtype in dtypes]
    for batch, settings in cases:
        columns = torch.stack(batch, dim=1)  # [10, 7]
        strided = [columns[1:, place] for place in range(len(batch))]
        strided[OLD_VALUES] = columns[0, OLD_VALUES].expand(9)
        assert_pure(student.ppo_loss, *strided, *settings)
        assert_loss_matches(student, strided, settings)


@points(1)
def test_bad_arguments_are_refused(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Unequal lengths, other shapes, an empty batch and a clip below or at 0 raise a ValueError."""
    batch, settings = draw_case(gen, 4, device)
    student.ppo_loss(*batch, *settings)  # a good call is not refused
    for place, tensor in enumerate(batch):
        for odd in (tensor[:1], tensor[:3], tensor[0], tensor[:, None]):
            arguments = (*batch[:place], odd, *batch[place + 1 :], *settings)
            what = f"`{NAMES[place]}` of shape {tuple(odd.shape)} among tensors of shape (4,)"
            assert_refused(student, arguments, what)
    for shape in ((0,), (), (2, 2)):
        arguments = (*(x[: math.prod(shape)].reshape(shape) for x in batch), *settings)
        assert_refused(student, arguments, f"a batch of tensors of shape {shape}")
    for clip in (0.0, -settings[0]):
        assert_refused(student, (*batch, clip, *settings[1:]), "a `clip` that is not positive")
