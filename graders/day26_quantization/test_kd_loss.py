"""The hidden suite of `kd_loss`.

A batch is the logits of student and teacher and the labels.
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
    assert_zero_gradient,
    fresh,
    odd_shapes,
    points,
    strided,
)

Batch: TypeAlias = tuple[torch.Tensor, torch.Tensor, torch.Tensor]

NAMES = ("student_logits", "teacher_logits", "labels", "temperature", "alpha")
WHAT = "the loss"


def uniform(gen: torch.Generator, low: float, high: float) -> float:
    """Draw a number between `low` and `high`."""
    return low + (high - low) * float(torch.rand(1, generator=gen, dtype=torch.float64))


def draw_batch(
    gen: torch.Generator,
    shape: tuple[int, ...],
    device: torch.device,
    dtype: torch.dtype = torch.float64,
) -> Batch:
    """Draw logits that spread the softmax, those of the teacher more."""
    s = 2 * torch.randn(shape, generator=gen, dtype=torch.float64)
    t = 3 * torch.randn(shape, generator=gen, dtype=torch.float64)
    labels = torch.randint(shape[1], shape[:1], generator=gen)
    return s.to(device, dtype), t.to(device, dtype), labels.to(device)


def expected_kd(
    s: torch.Tensor, t: torch.Tensor, labels: torch.Tensor, temperature: float, alpha: float
) -> torch.Tensor:
    """Return the loss in float64, without a difference of logarithms.

    With d = (s - t) / T less its mean under p, the divergence is the logarithm of the mean of e^d
    under p. Where d is small that is log1p of the mean of e^d - 1 - d.
    """
    s, t = s.double(), t.detach().double()
    p = torch.softmax(t / temperature, dim=1)
    d = (s - t) / temperature
    d = d - (p * d).sum(1, keepdim=True)
    if float(d.detach().abs().max()) < 1:
        divergence = torch.log1p((p * (torch.expm1(d) - d)).sum(1))
    else:
        divergence = torch.logsumexp(d + torch.log_softmax(t / temperature, 1), dim=1)
    hard = torch.nn.functional.cross_entropy(s, labels)
    loss: torch.Tensor = alpha * temperature**2 * divergence.mean() + (1 - alpha) * hard
    return loss


def assert_loss(
    student: Student,
    batch: Batch,
    temperature: float,
    alpha: float,
    *,
    c: float = 64.0,
    scale: float = 1.0,
) -> None:
    """Assert that the loss is the expected one, in the dtype of the logits."""
    assert_values_match(
        student.kd(*batch, temperature, alpha),
        expected_kd(*batch, temperature, alpha).detach(),
        reduction=batch[0].shape[1],
        c=c,
        scale=scale,
        what=WHAT,
        dtype=batch[0].dtype,
    )


def assert_gradient(
    student: Student,
    batch: Batch,
    temperature: float,
    alpha: float,
    upstream: torch.Tensor,
    *,
    c: float = 64.0,
    scale: float = 1.0,
) -> None:
    """Assert that the student's logits get the expected gradient."""
    s, t, labels = batch
    assert_gradients_match(
        student.kd,
        expected_kd,
        (s.detach().requires_grad_(), t, labels, temperature, alpha),
        upstream.to(s.device, s.dtype),
        reduction=s.shape[1],
        c=c,
        scale=scale,
        names=NAMES,
        what=WHAT,
    )


def draw_upstream(gen: torch.Generator) -> torch.Tensor:
    """Draw the gradient that arrives at the loss: [], neither 0 nor 1."""
    return torch.tensor(uniform(gen, 1.2, 2.8), dtype=torch.float64)


def assert_refused(student: Student, arguments: tuple[Any, ...], what: str) -> None:
    """Assert that the arguments raise a ValueError."""
    try:
        student.kd(*arguments)
    except ValueError:
        return
    pytest.fail(f"No `ValueError` was raised for {what}.")


@points(2)
def test_loss_matches_its_definition(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The loss equals its definition for any batch, T and alpha, with autograd on or off."""
    shapes = [*odd_shapes(gen, 2, 4), (6, 6), (4, 7), (4, 7), (3, 200), (1, 5)]
    dtypes = (torch.float64, torch.float32)
    cases = [
        (
            draw_batch(gen, shape, device, dtypes[i % 2]),
            uniform(gen, 0.5, 5),
            uniform(gen, 0.2, 0.8),
        )
        for i, shape in enumerate(shapes)
    ]
    # New numbers in an old shape, and old numbers after new ones: no call may remember another.
    for batch, temperature, alpha in [*cases, cases[0]]:
        assert_loss(student, batch, temperature, alpha)
    with torch.no_grad():
        assert_loss(student, *cases[1])


@points(2)
def test_soft_term_weighs_by_the_teacher(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """With alpha = 1 the labels do not matter, and the loss is T^2 * KL(teacher || student)."""
    for _ in range(3):
        s, t, labels = draw_batch(gen, (5, 4), device)
        temperature = uniform(gen, 1.5, 4.0)
        assert_loss(student, (s, t, labels), temperature, 1.0)
        assert_loss(student, (s, t, labels.flip(0)), temperature, 1)
        assert_loss(student, (t, s, labels), temperature, 1.0)


@points(1)
def test_hard_term_has_no_temperature(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """With alpha = 0 the loss is the cross-entropy of the student's own logits."""
    for temperature in (0.25, 1.0, 7.5):
        batch = draw_batch(gen, (6, 3), device)
        assert_loss(student, batch, temperature, 0.0)
        assert_loss(student, batch, temperature, 0)


@points(2)
def test_temperature_is_made_up_for(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The factor is T^2 at T below 1, at T = 1 and above, in value and gradient."""
    upstream = draw_upstream(gen)
    for temperature, alpha in ((0.5, 1.0), (1.0, 0.7), (3.0, 1.0), (20.0, 0.4), (6, 0.9)):
        batch = draw_batch(gen, (4, 5), device)
        # Rounding errors of the logarithms grow with T^2.
        assert_loss(student, batch, temperature, alpha, c=2048)
        assert_gradient(student, batch, temperature, alpha, upstream, c=512)


@points(2)
def test_high_temperature_has_a_limit(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """At T = 10,000 the soft term is half the mean square between centred logits, to 7 digits."""
    batches = [draw_batch(gen, (4, c), device, torch.float32) for c in (6, 11)]
    upstream = draw_upstream(gen)
    for batch in batches:
        for temperature in (1e3, 1e4):
            assert_loss(student, batch, temperature, 1.0)
            assert_gradient(student, batch, temperature, 1.0, upstream)


@points(1)
def test_agreement_costs_nothing(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Where student and teacher agree, up to a constant, only the labels are left to learn."""
    s, t, labels = draw_batch(gen, (5, 4), device)
    upstream = draw_upstream(gen)
    assert_loss(student, (s, t, labels), 2.0, 0.5)
    for teacher in (s, s + 3):
        for alpha in (1.0, 0.5):
            assert_loss(student, (s, teacher, labels), 2.0, alpha)
            assert_gradient(student, (s, teacher, labels), 2.0, alpha, upstream)


@points(2)
def test_gradient_reaches_the_student_alone(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The student's logits get the derivative, the teacher's none, even if they require one."""
    cases = [draw_batch(gen, shape, device) for shape in odd_shapes(gen, 2, 3)]
    small = draw_batch(gen, (2, 3), device)
    temperature, alpha, upstream = uniform(gen, 1.5, 3), uniform(gen, 0.3, 0.7), draw_upstream(gen)
    for batch in cases:
        assert_gradient(student, batch, temperature, alpha, upstream)
        s, t, labels = batch
        both = (s.clone().requires_grad_(), t.clone().requires_grad_(), labels, temperature, alpha)
        nowhere = (None, True, None, None, None)
        assert_zero_gradient(student.kd, both, upstream.to(device), nowhere, names=NAMES, what=WHAT)
    inputs = (small[0].requires_grad_(), *small[1:], temperature, alpha)
    assert_gradcheck(student.kd, inputs, names=NAMES, what=WHAT, reference=expected_kd)


@points(2)
def test_large_logits_stay_finite(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Logits of 10,000, or of 300 in float16, give a finite and right loss and gradient."""
    kinds = (
        (torch.float64, 1e4),
        (torch.float32, 1e4),
        (torch.bfloat16, 1e4),
        (torch.float16, 300),
    )
    upstream = draw_upstream(gen)
    for dtype, largest in kinds:
        s, t, labels = draw_batch(gen, (4, 5), device)
        s, t = s.sign() * largest, t.sign() * largest
        # Every sample has both signs, and the two disagree about every one.
        s[:, 0], s[:, 1], t[:, 0], t[:, 1] = largest, -largest, -largest, largest
        batch = (s.to(dtype), t.to(dtype), labels)
        # A logarithm of size 10,000 has 10,000 times the rounding error of one of size 1.
        c = 1e6 if dtype is torch.float64 else 64.0
        assert_loss(student, batch, 2.0, 0.5, c=c)
        assert_gradient(student, batch, 2.0, 0.5, upstream, c=c)
    # At T = 200 the soft term is 108,623, which float16 cannot hold; a tenth of it is no trouble.
    s = 300 * (2 * torch.eye(2, dtype=torch.float16, device=device) - 1)
    opposed = (s, -s, torch.arange(2, device=device))
    for alpha in (0.0, 0.1):
        assert_loss(student, opposed, 200.0, alpha)
        assert_gradient(student, opposed, 200.0, alpha, upstream, c=64.0)


@points(1)
def test_loss_has_the_dtype_of_the_logits(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Half precision in, half precision out, rounded once."""
    for dtype in (torch.bfloat16, torch.float16):
        for temperature in (2.0, 30.0):
            batch = draw_batch(gen, (12, 9), device, dtype)
            expected = expected_kd(*batch, temperature, 0.5)
            # One rounding is at most half an epsilon off.
            assert_values_match(
                student.kd(*batch, temperature, 0.5),
                expected,
                c=0.55,
                what=WHAT,
                dtype=dtype,
                scale=0.0,
            )
            assert_gradient(student, batch, temperature, 0.5, draw_upstream(gen), c=4)


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_inputs_of_any_strides_are_left_as_they_are(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Transposed, sliced and expanded tensors are read as they are, and none is changed."""
    dtypes = (torch.float64, torch.float32, torch.float16, torch.float64)
    cases = [draw_batch(gen, (5, 4), device, dtype) for dtype in dtypes]
    upstream = draw_upstream(gen)
    for place, (s, t, labels) in enumerate(cases):
        batch = (strided(s)[place][1], strided(t)[place][1], labels.repeat_interleave(2)[::2])
        assert_pure(student.kd, *batch, 2.5, 0.25)
        # A teacher that trains elsewhere goes on requiring a gradient.
        leaves = (s.clone().requires_grad_(), t.clone().requires_grad_(), labels)
        assert_pure(student.kd, *leaves, 2.5, 0.25)
        assert_loss(student, batch, 2.5, 0.25)
        if s.dtype is torch.float64:
            assert_gradient(student, batch, 2.5, 0.25, upstream)


@points(1)
def test_one_sample_and_one_class(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A batch of one is a batch, and with a single class there is nothing to be wrong about."""
    upstream = draw_upstream(gen)
    for b, c in ((1, 4), (1, 2), (5, 1), (1, 1)):
        batch = draw_batch(gen, (b, c), device)
        assert_loss(student, batch, 3.0, 0.5)
        assert_gradient(student, batch, 3.0, 0.5, upstream)


@points(1)
def test_bad_arguments_are_refused(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Unfit shapes, an empty batch, T <= 0 and alpha outside 0 to 1 raise a ValueError."""
    s, t, labels = batch = draw_batch(gen, (4, 3), device)
    assert_loss(student, batch, 2.0, 0.5)  # a good call is not refused
    for wrong in (t[:1], t[:, :1], t[:, :2], t[0], t[None], t.T):
        what = f"teacher logits of shape {tuple(wrong.shape)} beside (4, 3)"
        for share in (0.5, 0.0):  # where the teacher has no weight, too
            assert_refused(student, (s, wrong, labels, 2.0, share), what)
        what = f"student logits of shape {tuple(wrong.shape)} beside (4, 3)"
        assert_refused(student, (wrong, t, labels, 2.0, 0.5), what)
    for odd in (labels[:1], labels[:3], labels[0], labels[:, None], labels[[0] * 5]):
        what = f"labels of shape {tuple(odd.shape)} beside logits (4, 3)"
        for share in (0.5, 1.0):  # where the labels have no weight, too
            assert_refused(student, (s, t, odd, 2.0, share), what)
    refused = (s[0], t[0], labels[0], 2.0, 0.5)
    assert_refused(student, refused, "logits of shape (3,)")
    cube = torch.stack([s, s])
    assert_refused(student, (cube, cube, torch.stack([labels] * 2), 2.0, 0.5), "logits of 3 axes")
    assert_refused(student, (cube, cube, labels[:2], 2.0, 0.5), "logits of 3 axes, one label each")
    assert_refused(student, (s[:0], t[:0], labels[:0], 2.0, 0.5), "an empty batch")
    for temperature in (0.0, -2.0):
        for share in (0.5, 0.0):
            assert_refused(student, (*batch, temperature, share), f"T = {temperature}")
    for alpha in (-0.25, 1.25):
        assert_refused(student, (*batch, 2.0, alpha), f"alpha = {alpha}")
