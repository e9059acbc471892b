"""The hidden suite of `attention_weights`."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_allowed,
    assert_gradcheck,
    assert_gradients_match,
    assert_pure,
    assert_values_match,
    fresh,
    in_worker,
    odd_shapes,
    points,
    watch,
)

NAMES = ("q", "k")


def draw(gen: torch.Generator, *shape: int) -> torch.Tensor:
    """Draw normal numbers that spread the softmax, in float64."""
    return 1.5 * torch.randn(shape, generator=gen, dtype=torch.float64)


def draw_case(gen: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw q and k, for T, S and D of which no two are equal."""
    ((t, s, d),) = odd_shapes(gen, 3, count=1)
    return draw(gen, t, d), draw(gen, s, d)


def expected_weights(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """Return the weights in float64, as a quotient of exponentials, row by row."""
    rows = []
    for query in q.double():
        scores = (k.double() * query).sum(dim=1) / len(query) ** 0.5
        powers = (scores - scores.detach().max()).exp()
        rows.append(powers / powers.sum())
    return torch.stack(rows)


def assert_weights(student: Student, q: torch.Tensor, k: torch.Tensor, c: float = 32.0) -> None:
    """Assert that the weights are the expected ones, in the dtype of q."""
    actual = student.attention_weights(q, k)
    assert_values_match(
        actual,
        expected_weights(q, k).detach(),
        c=c,
        reduction=q.shape[1],
        dtype=q.dtype,
        what="the weights",
        named_axes={"D": q.shape[1]},
    )


def assert_refused(f: Any, arguments: tuple[Any, ...], what: str) -> None:
    """Assert that the arguments raise a ValueError."""
    try:
        f(*arguments)
    except ValueError:
        return
    pytest.fail(f"No `ValueError` was raised for {what}.")


@in_worker
def mask_after_change(student: Any, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a mask that was inverted in place, and the next one."""
    first = student.causal_mask(n).logical_not_()
    return first, student.causal_mask(n)


@points(2)
def test_each_query_shares_out_its_attention(student: Student, gen: torch.Generator) -> None:
    """Each row is the softmax of one query's scores over all keys."""
    cases = [draw_case(gen) for _ in range(3)]
    cases += [(draw(gen, 4, 3), draw(gen, 4, 3)) for _ in range(2)]
    for q, k in [*cases, cases[0]]:
        assert_weights(student, q, k)
        assert_weights(student, q.float(), k.float())
    with torch.no_grad():
        assert_weights(student, *cases[1])


@points(1)
def test_scores_are_divided_by_the_root_of_the_width(
    student: Student, gen: torch.Generator
) -> None:
    """Scores are divided by sqrt(D), for narrow and for wide vectors."""
    cases = [(draw(gen, 4, d), draw(gen, 6, d)) for d in (1, 2, 9, 64)]
    for q, k in cases:
        assert_weights(student, q, k)


@points(1)
def test_sizes_of_one_and_equal_scores(student: Student, gen: torch.Generator) -> None:
    """One key gets the weight 1, one query is a row, and equal keys get equal weights."""
    cases = [(draw(gen, t, d), draw(gen, s, d)) for t, s, d in ((5, 1, 3), (1, 4, 3), (1, 1, 1))]
    cases.append((draw(gen, 3, 2), draw(gen, 1, 2).expand(7, 2)))
    # Beside scores of 1e8, float32 has no digits for the logarithm of a count.
    cases.append((torch.tensor([[1e4], [-1e4]]), torch.full((7, 1), 1e4)))
    ordinary = draw_case(gen)
    for q, k in [ordinary, *cases]:
        assert_weights(student, q, k)


@points(1)
def test_huge_scores_do_not_overflow(student: Student, gen: torch.Generator) -> None:
    """Scores of +-10,000,000 in float32 give weights that are right, not infinity or NaN."""
    k = 1e4 * torch.eye(5)
    chosen = k[torch.randperm(5, generator=gen)[:3]]  # each query meets one key
    near_q, near_k = draw(gen, 3, 16).round(), draw(gen, 4, 16).round()
    for q in (chosen, -chosen):
        assert_weights(student, q, k)
    # All scores of a row are far from 0 and near each other: exact, in whichever order they add up.
    for sign in (1, -1):
        q, k = 2**13 + near_q, sign * (2**13 + near_k / 2**13)
        assert_weights(student, q, k, c=1e9)


@points(2)
def test_gradients_reach_queries_and_keys(student: Student, gen: torch.Generator) -> None:
    """Queries and keys get the gradients of the definition."""
    q, k = (tensor.requires_grad_() for tensor in draw_case(gen))
    upstream = draw(gen, len(q), len(k))
    small = draw(gen, 2, 3).requires_grad_(), draw(gen, 4, 3).requires_grad_()
    f = student.attention_weights
    # Where a query attends to one key alone, large terms cancel and leave next to nothing.
    assert_gradients_match(
        f, expected_weights, (q, k), upstream, reduction=8, scale=16.0, names=NAMES
    )
    assert_gradcheck(f, small, names=NAMES, reference=expected_weights)


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_inputs_of_any_strides_are_left_as_they_are(student: Student, gen: torch.Generator) -> None:
    """Transposed and sliced tensors are read as they are, and none is changed."""
    q, k = draw(gen, 4, 6), draw(gen, 5, 6)
    for dtype in (torch.float64, torch.float32):
        assert_pure(student.attention_weights, q.to(dtype), k.to(dtype))
    for q_, k_ in ((q.T.contiguous().T, k.T.contiguous().T), (q[:, ::2], k[::2, 3:])):
        assert_weights(student, q_, k_)


@points(1)
def test_bad_shapes_are_refused(student: Student, gen: torch.Generator) -> None:
    """Widths that differ, and tensors with one axis or three, raise a ValueError."""
    q, k = draw(gen, 3, 4), draw(gen, 5, 4)
    assert_weights(student, q, k)
    bad = [(q, k[:, :1]), (q[:, :1], k), (q, k[:, :3]), (q, k.T), (q[0], k), (q, k[0])]
    bad += [(q[None], k), (q, k[None]), (q[None], k[None]), (q[0], k[0]), (q[0, 0], k)]
    for arguments in bad:
        shapes = " and ".join(str(tuple(tensor.shape)) for tensor in arguments)
        assert_refused(student.attention_weights, arguments, f"q and k of shapes {shapes}")


@points(1)
def test_mask_lets_each_place_see_itself(student: Student) -> None:
    """The diagonal of the mask is True and the one above it False: a place sees itself first."""
    for n in (2, 6, 1):
        mask = student.causal_mask(n)
        assert_values_match(mask.diagonal(), torch.ones(n, dtype=torch.bool), what="the diagonal")
        above = torch.zeros(n - 1, dtype=torch.bool)
        assert_values_match(mask.diagonal(1), above, what="the diagonal above the first one")


@points(2)
def test_mask_hides_what_comes_later(student: Student, gen: torch.Generator) -> None:
    """Row t of the mask is True from place 0 to place t, and False behind."""
    sizes = torch.randperm(40, generator=gen)[:4].tolist()
    for n in (2, 3, *sizes, 0, 1):
        due = torch.tensor([[s <= t for s in range(n)] for t in range(n)], dtype=torch.bool)
        assert_values_match(student.causal_mask(n), due.reshape(n, n), what="the mask")
    (n,) = sizes[:1]
    changed, following = mask_after_change(student, n)
    right = torch.arange(n) <= torch.arange(n)[:, None]
    assert_values_match(changed, ~right, what="a mask that its owner inverted")
    assert_values_match(following, right, what="the mask after another one was changed")
    for n in (-1, -5):
        assert_refused(student.causal_mask, (n,), f"a mask of {n} places")


@points(1)
def test_mask_works_before_the_softmax(student: Student, gen: torch.Generator) -> None:
    """A causal query's weights are those of attention to the keys up to its own place."""
    x = draw(gen, 6, 5)
    mask = student.causal_mask(6)
    scores = (x @ x.T / math.sqrt(5)).masked_fill(~mask, -math.inf)
    masked = scores.softmax(dim=1)
    for place in (0, 3, 5):
        seen = student.attention_weights(x[place : place + 1], x[: place + 1])
        assert_values_match(
            masked[place, : place + 1], seen[0].double(), c=64, what="the masked weights"
        )
        assert_weights(student, x[place : place + 1], x[: place + 1])


@points(1)
def test_weights_are_written_out(student: Student, gen: torch.Generator) -> None:
    """PyTorch's ready-made attention is not called."""
    q, k = draw_case(gen)
    with watch(student) as seen:
        assert_weights(student, q, k)
    assert_allowed(seen)
