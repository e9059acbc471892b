"""The hidden suite of `sdpa`."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_allowed,
    assert_gradcheck,
    assert_gradients_match,
    assert_largest_at_most,
    assert_nonzero_gradient,
    assert_pure,
    assert_values_match,
    assert_zero_gradient,
    fresh,
    points,
    strided,
    watch,
)

Case: TypeAlias = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # q, k, v

NAMES = ("q", "k", "v", "mask", "is_causal", "p", "gen")
HALVES = (torch.float16, torch.bfloat16)


def draw(
    gen: torch.Generator, *shape: int, device: torch.device, dtype: torch.dtype = torch.float64
) -> torch.Tensor:
    """Draw normal numbers in float64, then round them to `dtype`."""
    return torch.randn(shape, generator=gen, dtype=torch.float64).to(device, dtype)


def draw_sizes(gen: torch.Generator) -> tuple[int, ...]:
    """Draw T, S, D and E, no two of which are equal."""
    return tuple((torch.randperm(7, generator=gen)[:4] + 2).tolist())


def draw_qkv(
    gen: torch.Generator,
    lead: tuple[int, ...],
    sizes: tuple[int, ...],
    device: torch.device,
    dtype: torch.dtype = torch.float64,
) -> Case:
    """Draw q, k and v, whose scores spread the softmax, for the sizes T, S, D, E."""
    t, s, d, e = sizes
    q, k, v = (draw(gen, *lead, *shape, device=device) for shape in ((t, d), (s, d), (s, e)))
    return (1.5 * q).to(dtype), (1.5 * k).to(dtype), v.to(dtype)


def cast(case: Case, dtype: torch.dtype) -> Case:
    """Return q, k and v in another dtype."""
    q, k, v = case
    return q.to(dtype), k.to(dtype), v.to(dtype)


def draw_visible(gen: torch.Generator, shape: tuple[int, ...], device: torch.device) -> Any:
    """Draw a boolean mask of two axes or more, where every row sees a key and misses another."""
    mask = torch.rand(shape, generator=gen) < 0.6
    if shape[-1] > 1:
        order = torch.rand(shape, generator=gen).argsort(dim=-1)
        mask.scatter_(-1, order[..., :1], value=True).scatter_(-1, order[..., 1:2], value=False)
    return mask.to(device)


def draw_bias(
    gen: torch.Generator,
    shape: tuple[int, ...],
    device: torch.device,
    dtype: torch.dtype = torch.float64,
) -> torch.Tensor:
    """Draw a floating-point mask, with -inf here and there but never in a whole row."""
    bias = draw(gen, *shape, device=device, dtype=dtype)
    return bias.masked_fill(~draw_visible(gen, shape, device), -math.inf)


def expected_weights(
    q: torch.Tensor, k: torch.Tensor, mask: torch.Tensor | None = None, *, is_causal: bool = False
) -> torch.Tensor:
    """Return the attention weights in float64, [..., T, S], by exponentials of visible scores."""
    scores = torch.einsum("...td,...sd->...ts", q.double(), k.double()) / math.sqrt(q.shape[-1])
    queries, keys = (torch.arange(n, device=q.device) for n in scores.shape[-2:])
    visible = torch.ones_like(scores, dtype=torch.bool)
    if mask is not None and mask.dtype == torch.bool:
        visible = visible & mask
    elif mask is not None:
        visible = visible & (mask > -math.inf)
        scores = scores + torch.where(mask > -math.inf, mask.double(), 0.0)
    if is_causal:
        visible = visible & (keys[None, :] <= queries[:, None])
    if scores.numel() == 0:
        return scores
    top = torch.where(visible, scores, -math.inf).detach().amax(-1, keepdim=True)
    top = torch.where(visible.any(-1, keepdim=True), top, 0.0)
    powers = torch.where(visible, scores - top, -math.inf).exp()
    total = powers.sum(-1, keepdim=True)
    return powers / torch.where(total > 0, total, 1.0)


def expected_sdpa(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    mask: torch.Tensor | None = None,
    *,
    is_causal: bool = False,
) -> torch.Tensor:
    """Return the result without dropout, in float64."""
    weights = expected_weights(q, k, mask, is_causal=is_causal)
    return torch.einsum("...ts,...se->...te", weights, v.double())


def by_position(*arguments: Any) -> torch.Tensor:
    """Return the result for arguments in the order of the exercise."""
    q, k, v, mask, is_causal = arguments
    return expected_sdpa(q, k, v, mask, is_causal=is_causal)


def assert_result(
    student: Student,
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    mask: torch.Tensor | None = None,
    *,
    is_causal: bool = False,
    c: float = 32.0,
) -> None:
    """Assert that the result without dropout is the expected one, in the dtype of q."""
    options: dict[str, Any] = {} if mask is None else {"mask": mask}
    if is_causal:
        options["is_causal"] = True
    actual = student.sdpa(q, k, v, **options)
    assert_values_match(
        actual,
        expected_sdpa(q, k, v, mask, is_causal=is_causal).detach(),
        reduction=q.shape[-1],
        c=c,
        scale=1.0,  # the values are normal numbers, whose average may nearly cancel
        dtype=q.dtype,
        named_axes={"D": q.shape[-1]},
    )


def assert_rounded_once(
    student: Student,
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    mask: torch.Tensor | None = None,
) -> None:
    """Assert that a result in half precision is as near as one rounding leaves it."""
    actual = student.sdpa(q, k, v, mask)
    expected = expected_sdpa(q, k, v, mask)
    # A rounding moves a number by half an eps; float32 adds a hundredth of one.
    assert_values_match(actual, expected, c=0.6, scale=0.1, dtype=q.dtype)


def assert_gradients(
    student: Student, inputs: tuple[Any, ...], upstream: torch.Tensor, scale: float = 1.0
) -> None:
    """Assert that the result has the gradients of the reference, for what requires one."""
    assert_gradients_match(
        student.sdpa, by_position, inputs, upstream, reduction=8, scale=scale, names=NAMES[:5]
    )


def leaves(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return the tensors, with a gradient required of each."""
    return tuple(tensor.detach().clone().requires_grad_() for tensor in tensors)


def assert_refused(student: Student, what: str, *arguments: Any, **options: Any) -> None:
    """Assert that a call raises a ValueError."""
    try:
        student.sdpa(*arguments, **options)
    except ValueError:
        return
    pytest.fail(f"No `ValueError` was raised for {what}.")


def within_six_deviations(share: float, due: float, n: int) -> bool:
    """Say whether a share of n independent events fits its probability; wrong once in 5e8."""
    return abs(share - due) <= 6 * math.sqrt(due * (1 - due) / n) + 1 / n


def transparent(v: torch.Tensor) -> torch.Tensor:
    """Return values [..., S, S + E] that show the weights in front of the result."""
    eye = torch.eye(v.shape[-2], dtype=v.dtype, device=v.device)
    return torch.cat([eye.expand(*v.shape[:-1], v.shape[-2]), v], dim=-1)


def generator(device: torch.device, seed: int) -> torch.Generator:
    """Return a generator on the device."""
    return torch.Generator(device).manual_seed(seed)


def draw_seed(gen: torch.Generator) -> int:
    """Draw the seed of a generator."""
    return int(torch.randint(2**31, (), generator=gen))


def kept_weights(
    student: Student,
    shape: tuple[int, ...],
    p: float,
    dropper: torch.Generator | None,
    device: torch.device,
) -> torch.Tensor:
    """Return which of equal weights are kept, as a boolean tensor of their shape."""
    *lead, t, s = shape
    q = torch.zeros(*lead, t, 3, dtype=torch.float64, device=device)
    k = torch.zeros(*lead, s, 3, dtype=torch.float64, device=device)
    v = torch.eye(s, dtype=torch.float64, device=device).expand(*lead, s, s)
    kept: torch.Tensor = student.sdpa(q, k, v, p=p, gen=dropper)
    grown = torch.full_like(kept, 1 / s / (1 - p))
    assert_values_match(kept, torch.where(kept != 0, grown, 0.0), what="the weights after dropout")
    return kept != 0


@points(2)
def test_result_is_the_average_of_the_values(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The result is softmax(q k^T / sqrt(D)) v, for any number of axes, with autograd on or off."""
    leads = [(), (3,), (2, 3), (3, 1, 2)]
    cases = [
        draw_qkv(gen, lead, draw_sizes(gen), device, dtype)
        for lead in leads
        for dtype in (torch.float64, torch.float32)
    ]
    q, k, v = cases[2]
    again = (k.new_ones(q.shape) - q, k.flip(-1), v.flip(-2))
    # New numbers in an old shape: no call may remember another.
    for case in [*cases, again]:
        assert_result(student, *case)
    with torch.no_grad():
        assert_result(student, *cases[3])


@points(1)
def test_scores_are_divided_by_the_root_of_the_width(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Scores are divided by sqrt(D), D being the width of one head: not by D, nor by heads x D."""
    cases = [draw_qkv(gen, (2, 3), (4, 6, d, 5), device) for d in (1, 3, 9, 16)]
    for case in cases:
        assert_result(student, *case)
    single = [draw_qkv(gen, (), (t, s, 1, 1), device) for t, s in ((1, 1), (1, 5), (4, 1))]
    for case in single:
        assert_result(student, *case)


@points(2)
def test_true_means_attend(student: Student, gen: torch.Generator, device: torch.device) -> None:
    """A boolean mask of any shape that broadcasts lets a query attend where it is True."""
    t, s, d, e = draw_sizes(gen)
    shapes = [(t, s), (1, s), (2, 1, 1, s), (2, 3, t, s), (3, t, s)]
    cases = [draw_qkv(gen, (2, 3), (t, s, d, e), device) for _ in shapes]
    masks = [draw_visible(gen, shape, device) for shape in shapes]
    flat = draw_qkv(gen, (), (t, s, d, e), device)
    for case, mask in zip(cases, masks, strict=True):
        assert_result(student, *case, mask)
        assert_result(student, *cast(case, torch.float32), mask)
    for mask in (masks[0], masks[1][0], torch.ones_like(masks[0])):
        assert_result(student, *flat, mask)


@points(1)
def test_hidden_keys_weigh_nothing_at_any_score(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A hidden key has no weight, even where every visible score is below -1,000,000."""
    t, s = 5, 6
    q, k, v = draw_qkv(gen, (2,), (t, s, 16, 3), device)
    visible = draw_visible(gen, (2, t, s), device)
    # One key more, whose score is 0 where all others are -2^28: powers of 2, so ties are exact.
    low_q = torch.full_like(q, -(2.0**13))
    low_k = torch.cat([torch.full_like(k, 2.0**13), torch.zeros_like(k[:, :1])], dim=1)
    low_v = torch.cat([v, 100 + v[:, :1]], dim=1)
    hidden = torch.zeros(2, t, 1, dtype=torch.bool, device=device)
    assert_result(student, q, k, v, visible)
    mask = torch.cat([visible, hidden], dim=-1)
    assert_result(student, low_q, low_k, low_v, mask, c=1e9)
    bias = torch.zeros(mask.shape, dtype=q.dtype, device=device).masked_fill(~mask, -math.inf)
    assert_result(student, low_q, low_k, low_v, bias, c=1e9)


@points(1)
def test_float_mask_is_added(student: Student, gen: torch.Generator, device: torch.device) -> None:
    """A floating-point mask is added to the scores as it is: 0 hides nothing, and -inf hides."""
    t, s, d, e = draw_sizes(gen)
    shapes = [(t, s), (1, s), (2, 1, 1, s), (3, t, 1), (2, 3, t, s)]
    cases = [draw_qkv(gen, (2, 3), (t, s, d, e), device) for _ in shapes]
    masks = [draw_bias(gen, shape, device) for shape in shapes]
    flat = draw_qkv(gen, (), (t, s, d, e), device)
    for case, mask in zip(cases, masks, strict=True):
        assert_result(student, *case, mask)
        assert_result(student, *cast(case, torch.float32), mask.float())
    low = masks[0].clamp(min=-3) - 1e10  # low everywhere, so nothing is hidden
    for mask in (masks[0], masks[1][0], torch.zeros_like(masks[0]), low):
        assert_result(student, *flat, mask, c=3e10 if mask is low else 32.0)


@points(2)
def test_causal_order_starts_at_the_first_key(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """With `is_causal`, query t sees the keys 0 to t, for T below, equal to and above S."""
    sizes = [(3, 7, 4, 2), (7, 3, 4, 2), (5, 5, 4, 3), (1, 6, 2, 3), (6, 1, 2, 3)]
    cases = [draw_qkv(gen, lead, each, device) for each in sizes for lead in ((), (2, 3))]
    for case in cases:
        assert_result(student, *case, is_causal=True)
        assert_result(student, *cast(case, torch.float32), is_causal=True)


@points(1)
def test_causal_order_and_mask_act_together(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """With `is_causal` and a mask, a query attends to the keys that both allow."""
    sizes = [(5, 8, 3, 4), (8, 5, 3, 4)]
    cases = [draw_qkv(gen, (2,), each, device) for each in sizes]
    for case, (t, s, *_) in zip(cases, sizes, strict=True):
        visible = draw_visible(gen, (2, t, s), device)
        visible[..., 0] = True  # so that every query sees a key
        bias = draw_bias(gen, (t, s), device)
        bias[:, 0] = 0.5
        assert_result(student, *case, visible, is_causal=True)
        assert_result(student, *case, bias, is_causal=True)
        assert_result(student, *case, visible[:1, -1:], is_causal=True)


@points(2)
def test_query_without_a_key_gives_zero(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A query that may attend to no key has the result 0, whichever mask hides the keys."""
    t, s, d, e = 6, 5, 3, 4
    cases = [
        draw_qkv(gen, (2,), (t, s, d, e), device, dtype)
        for dtype in (torch.float64, torch.float32, torch.float16)
    ]
    visible = draw_visible(gen, (2, t, s), device)
    visible[:, ::2] = False
    first = torch.ones(t, s, dtype=torch.bool, device=device)
    first[:, 0] = False  # only the causal order takes the other keys from query 0
    for case in cases:
        zeros = torch.zeros(2, t, s, dtype=case[0].dtype, device=device)
        bias = zeros.masked_fill(~visible, -math.inf)
        assert_result(student, *case, visible)
        assert_result(student, *case, visible[:, :, :1])
        assert_result(student, *case, bias)
        assert_result(student, *case, first, is_causal=True)
        assert_result(student, *case, torch.zeros_like(first))


@points(2)
def test_query_without_a_key_sends_no_nan_back(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A query without a key gets the gradient 0 and leaves all others as they are, without NaN."""
    t, s, d, e = 6, 5, 3, 4
    qkv = draw_qkv(gen, (2,), (t, s, d, e), device)
    upstream = draw(gen, 2, t, e, device=device)
    visible = draw_visible(gen, (2, t, s), device)
    visible[:, ::2] = False
    bias = draw(gen, 2, t, s, device=device).masked_fill(~visible, -math.inf)
    blind = ~visible.any(-1, keepdim=True).expand(2, t, d)
    for mask in (visible, bias, *leaves(bias)):
        inputs = (*leaves(*qkv), mask, False)
        assert_gradients(student, inputs, upstream)
        nowhere = [blind, None, None, None, None]
        assert_zero_gradient(student.sdpa, inputs, upstream, nowhere, names=NAMES[:5])
    # Mask and causal order leave query 0 a key each, and together none.
    later = torch.ones(t, s, dtype=torch.bool, device=device)
    later[:, 0] = False
    bias = draw(gen, t, s, device=device).masked_fill(~later, -math.inf)
    for mask in (later, bias, *leaves(bias)):
        assert_gradients(student, (*leaves(*qkv), mask, True), upstream)


@points(1)
def test_no_key_and_no_query(student: Student, gen: torch.Generator, device: torch.device) -> None:
    """Without any key the result is 0; without a query, a value or a batch it is empty."""
    ordinary = draw_qkv(gen, (2,), (4, 3, 5, 6), device)
    sizes = [((2,), (4, 0, 5, 6)), ((), (0, 3, 5, 6)), ((0,), (4, 3, 5, 6)), ((3,), (4, 3, 5, 0))]
    cases = [(draw_qkv(gen, lead, each, device), each) for lead, each in sizes]
    assert_result(student, *ordinary)
    for case, (t, s, *_) in cases:
        assert_result(student, *case)
        assert_result(student, *case, is_causal=True)
        mask = torch.ones(t, s, dtype=torch.bool, device=device)
        assert_result(student, *case, mask)
        assert_result(student, *case, mask.to(torch.float64))


@points(2)
def test_gradients_reach_every_input(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """q, k, v and a floating-point mask get the gradients of the definition."""
    t, s, d, e = draw_sizes(gen)
    qkv = draw_qkv(gen, (2, 3), (t, s, d, e), device)
    bias = draw_bias(gen, (t, s), device)
    bias[:, 0] = 0.25
    visible = draw_visible(gen, (2, 1, t, s), device)
    upstream = draw(gen, 2, 3, t, e, device=device)
    small = draw_qkv(gen, (), (3, 4, 2, 2), device)
    small_bias = draw(gen, 3, 4, device=device)
    for mask, is_causal in ((None, False), (visible, False), (*leaves(bias), True)):
        assert_gradients(student, (*leaves(*qkv), mask, is_causal), upstream)
    inputs = (*leaves(*small, small_bias), True)
    assert_gradcheck(student.sdpa, inputs, names=NAMES[:5], reference=by_position)


@points(1)
def test_hidden_keys_get_no_gradient(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Keys and values that no query sees get the gradient 0; all others get one."""
    t, s, d, e = 3, 7, 4, 2
    qkv = leaves(*draw_qkv(gen, (2,), (t, s, d, e), device))
    upstream = draw(gen, 2, t, e, device=device)
    seen = torch.tensor([True, False, True, True, False, False, True], device=device)
    bias = torch.zeros(s, dtype=torch.float64, device=device).masked_fill(~seen, -math.inf)
    early = torch.arange(s, device=device) < t  # what a causal order leaves to three queries
    for mask, is_causal, used in ((seen, False, seen), (bias, False, seen), (None, True, early)):
        reached = [used[:, None].expand(2, s, n) for n in (d, e)]
        inputs = (*qkv, mask, is_causal)
        unseen = [None, *(~where for where in reached), None, None]
        assert_zero_gradient(student.sdpa, inputs, upstream, unseen, names=NAMES[:5])
        lit = [None, *reached, None, None]
        assert_nonzero_gradient(student.sdpa, inputs, upstream, lit, names=NAMES[:5])


@points(1)
def test_huge_scores_stay_finite(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Scores of +-10,000,000 in float32 give the right result and gradients, not infinity."""
    t, s, e = 4, 6, 3
    v = draw(gen, s, e, device=device, dtype=torch.float32)
    upstream = draw(gen, t, e, device=device, dtype=torch.float32)
    k = 1e4 * torch.eye(s, device=device)
    chosen = k[torch.randperm(s, generator=gen)[:t].to(device)]  # each query meets one key
    for q in (chosen, -chosen):
        assert_result(student, q, k, v)
        assert_gradients(student, (*leaves(q, k, v), None, False), upstream, scale=1e4)


@points(2)
def test_half_precision_is_computed_in_float32(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The result has the dtype of q, and float16 and bfloat16 are rounded only at the end."""
    lead, sizes = (2, 3), (8, 40, 12, 5)  # the root of D is no power of 2
    for dtype in (torch.float64, torch.float32):
        assert_result(student, *draw_qkv(gen, lead, sizes, device, dtype))
    for dtype in HALVES:
        q, k, v = draw_qkv(gen, lead, sizes, device, dtype)
        q = 2 * q  # the larger a score, the more its roundings cost
        bias = draw_bias(gen, sizes[:2], device, dtype)
        upstream = draw(gen, *lead, 8, 5, device=device, dtype=dtype)
        assert_rounded_once(student, q, k, v)
        assert_rounded_once(student, q, k, v, bias)
        assert_gradients(student, (*leaves(q, k, v), None, True), upstream)


@points(1)
def test_half_precision_does_not_overflow(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Entries of 300 in float16 make scores that float16 cannot hold, and the result is right."""
    t, s, d = 5, 7, 16
    # Products are multiples of 1/8 below 2^19: exact in float32, in whichever order they are added.
    q = torch.randint(-2, 3, (t, d), generator=gen) / 2.0
    k = torch.randint(-4, 5, (s, d), generator=gen) / 4.0
    v = draw(gen, s, 3, device=device)
    q[:, :4], k[:, :4] = 300.0, 300.0
    signs = torch.tensor([[1.0], [-1.0], [1.0], [-1.0], [1.0]])
    q[:, :4] *= signs
    for dtype in HALVES:
        case = cast((q.to(device), k.to(device), v), dtype)
        assert_result(student, *case, c=4)  # one rounding of a score of 90,000 is allowed


@points(2)
def test_dropout_thins_the_weights_after_the_softmax(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Each weight is 0 or has grown by 1 / (1 - p), and the values are averaged with the rest."""
    cases = [draw_qkv(gen, (3, 4), (11, 13, 3, 2), device) for _ in range(3)]
    masks = [None, draw_visible(gen, (3, 1, 1, 13), device), draw_bias(gen, (11, 13), device)]
    settings = [(0.2, False), (0.35, True), (0.7, False)]
    droppers = [generator(device, draw_seed(gen)) for _ in range(3)]
    for (q, k, v), mask, dropper, (p, is_causal) in zip(
        cases, masks, droppers, settings, strict=True
    ):
        out = student.sdpa(0.5 * q, k, transparent(v), mask, is_causal, p, dropper)
        weights = expected_weights(0.5 * q, k, mask, is_causal=is_causal)
        kept = out[..., :13] != 0
        visible = weights > 0
        share = float(kept[visible].double().mean())
        if not within_six_deviations(share, 1 - p, int(visible.sum())):
            pytest.fail(f"Of the weights {share:.0%} were kept, where 1 - p is {1 - p:.0%}.")
        left = torch.where(kept, weights, 0.0) / (1 - p)
        expected = torch.cat([left, left @ v], dim=-1)
        # Values of a few units, grown by the dropout, may cancel.
        assert_values_match(out, expected, reduction=13, c=32, scale=8.0)


@points(1)
def test_dropout_is_differentiated_as_it_was_drawn(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """With dropout the gradients are those of the weights that were kept; a p of 1 leaves none."""
    q, k, v = leaves(*draw_qkv(gen, (2,), (5, 7, 3, 4), device))
    upstream = draw(gen, 2, 5, 11, device=device)
    seed, p = draw_seed(gen), 0.4
    for is_causal in (False, True):
        dropper = generator(device, seed)
        out = student.sdpa(q, k, transparent(v), is_causal=is_causal, p=p, gen=dropper)
        if not out.requires_grad:
            pytest.fail("With dropout the result is detached: no gradient reaches q, k and v.")
        found = torch.autograd.grad(out, (q, k, v), upstream)
        weights = expected_weights(q, k, is_causal=is_causal)
        left = torch.where(out[..., :7] != 0, weights, 0.0) / (1 - p)
        due = torch.autograd.grad(left @ transparent(v), (q, k, v), upstream)
        for actual, right, name in zip(found, due, NAMES, strict=False):
            what = f"the gradient of `{name}`"
            assert_values_match(actual, right, reduction=8, c=64, scale=1.0, what=what)
    everything = student.sdpa(q, k, v, p=1.0, gen=generator(device, seed))
    assert_values_match(everything, torch.zeros_like(everything), what="the result at p = 1")


@points(2)
def test_every_weight_is_dropped_on_its_own(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Batches, heads, queries, keys and calls share no dropout mask."""
    shape, p = (4, 6, 14, 16), 0.4
    dropper = generator(device, draw_seed(gen))
    first, second = (kept_weights(student, shape, p, dropper, device) for _ in range(2))
    free, freer = (kept_weights(student, shape, p, None, device) for _ in range(2))
    n = first.numel()
    for kept in (first, second, free):
        share = float(kept.double().mean())
        if not within_six_deviations(share, 1 - p, n):
            pytest.fail(f"Of the weights {share:.0%} were kept, where 1 - p is {1 - p:.0%}.")
    pairs = [("two calls", first, second), ("two calls without `gen`", free, freer)]
    for axis, word in enumerate(("batches", "heads", "queries", "keys")):
        even, odd = torch.unflatten(first, axis, (-1, 2)).unbind(axis + 1)
        pairs.append((f"neighbouring {word}", even, odd))
    for what, one, other in pairs:
        agree = float((one == other).double().mean())
        if not within_six_deviations(agree, p * p + (1 - p) * (1 - p), one.numel()):
            pytest.fail(f"The weights dropped of {what} depend on each other.")


@points(1)
def test_rare_dropout_is_as_rare_in_half_precision(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A p of 0.001 drops one weight in a thousand, in bfloat16 too."""
    p, s = 0.001, 64
    zeros = torch.zeros(24, s, 2, dtype=torch.bfloat16, device=device)
    v = torch.eye(s, dtype=torch.bfloat16, device=device).expand(24, s, s)
    out = student.sdpa(zeros, zeros, v, p=p, gen=generator(device, draw_seed(gen)))
    share = float((out == 0).double().mean())
    if not within_six_deviations(share, p, out.numel()):
        pytest.fail(f"Of the weights {share:.2%} were dropped, where p is {p:.2%}.")
    left = torch.where(out == 0, 0.0, 1 / s / (1 - p))
    assert_values_match(out, left, c=1, dtype=torch.bfloat16)


@points(1)
def test_generator_decides_what_is_dropped(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """One state of `gen` gives one result, another state another; p = 0 leaves `gen` as it is."""
    qkv = draw_qkv(gen, (2,), (9, 8, 3, 5), device)
    seed = draw_seed(gen)
    dropper = generator(device, seed)
    before = dropper.get_state()
    plain = student.sdpa(*qkv, p=0.0, gen=dropper)
    assert_values_match(plain, expected_sdpa(*qkv), reduction=8, c=32, scale=1.0)
    if not torch.equal(before, dropper.get_state()):
        pytest.fail("A number was drawn from `gen` although `p` is 0.")
    one = student.sdpa(*qkv, p=0.3, gen=dropper)
    next_one = student.sdpa(*qkv, p=0.3, gen=dropper)
    same = student.sdpa(*qkv, p=0.3, gen=generator(device, seed))
    other = student.sdpa(*qkv, p=0.3, gen=generator(device, seed + 1))
    if not torch.equal(one, same):
        pytest.fail("Two calls with one state of `gen` gave two results.")
    if torch.equal(one, other):
        pytest.fail("Two states of `gen` gave one result.")
    if torch.equal(one, next_one):
        pytest.fail("The next call with `gen` drops the same weights: `gen` has not moved on.")


@points(1)
def test_leading_axes_are_broadcast(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The axes in front of the last two are broadcast: one key for all heads, one query for all."""
    t, s, d, e = draw_sizes(gen)
    leads = [((2, 3), (2, 1), (2, 1)), ((3,), (2, 1), (1, 3)), ((), (2,), (2,)), ((2,), (), ())]
    leads += [((), (), (2,)), ((3,), (3,), (2, 1))]
    upstream = draw(gen, 2, 3, t, e, device=device)
    cases = []
    for q_lead, k_lead, v_lead in leads:
        q, _, _ = draw_qkv(gen, q_lead, (t, s, d, e), device)
        _, k, _ = draw_qkv(gen, k_lead, (t, s, d, e), device)
        _, _, v = draw_qkv(gen, v_lead, (t, s, d, e), device)
        cases.append((q, k, v))
    mask = draw_visible(gen, (t, s), device)
    for case in cases:
        assert_result(student, *case)
        assert_result(student, *case, mask)
    assert_gradients(student, (*leaves(*cases[0]), None, False), upstream)


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_inputs_of_any_strides_are_left_as_they_are(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Transposed, sliced and expanded tensors are read as they are, and none is changed."""
    q, k, v = draw_qkv(gen, (2, 3), (4, 4, 5, 6), device)
    visible, bias = draw_visible(gen, (4, 4), device), draw_bias(gen, (3, 4, 4), device)
    bias[..., 0] = 0.25
    dropper = generator(device, draw_seed(gen))
    for dtype in (torch.float64, torch.float32, torch.float16):
        plain = cast((q, k, v), dtype)
        for mask in (None, visible, bias.to(dtype)):
            assert_pure(student.sdpa, *plain, mask, is_causal=True)
    assert_pure(student.sdpa, q, k, v, visible, p=0.5, gen=dropper)
    with torch.no_grad():
        assert_pure(student.sdpa, q, k, v, visible)
    assert_pure(student.sdpa, q[..., :1, :], k[..., :1, :], v[..., :1, :])
    layouts = zip(strided(q), strided(k), strided(v), strided(visible), strided(bias), strict=True)
    for (_, q_), (_, k_), (_, v_), (_, visible_), (_, bias_) in layouts:
        assert_result(student, q_, k_, v_, visible_)
        assert_result(student, q_, k_, v_, bias_)
    assert_result(student, q.mT.contiguous().mT, k.mT.contiguous().mT, v.mT.contiguous().mT)


@points(1)
def test_bad_arguments_are_refused(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Unequal widths or numbers of keys, an integer mask and a p beyond [0, 1] are refused."""
    q, k, v = draw_qkv(gen, (2,), (3, 4, 5, 6), device)
    ones = torch.ones(3, 4, device=device)
    assert_result(student, q, k, v, ones.bool(), is_causal=True)
    for d in (1, 4):
        assert_refused(student, f"a `k` of width {d} for a `q` of width 5", q, k[..., :d], v)
        assert_refused(student, f"a `q` of width {d} for a `k` of width 5", q[..., :d], k, v)
    for s in (1, 3):
        assert_refused(student, f"{s} values for 4 keys", q, k, v[:, :s])
        assert_refused(student, f"{s} keys for 4 values", q, k[:, :s], v)
    for dtype in (torch.int64, torch.uint8, torch.int32):
        what = f"a `mask` of dtype `{dtype}`"
        assert_refused(student, what, q, k, v, ones.to(dtype))
    for p in (-0.1, 1.1):
        assert_refused(student, f"a `p` of {p}", q, k, v, p=p)


@points(1)
def test_attention_is_written_out(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """No ready-made attention is called, and no tensor is much larger than the scores."""
    t, s, d = 23, 29, 6
    case = draw_qkv(gen, (2,), (t, s, d, 5), device)
    mask = draw_visible(gen, (t, s), device)
    with watch(student) as seen:
        assert_result(student, *case, mask, is_causal=True)
        assert_result(student, *case)
    assert_allowed(seen)
    assert_largest_at_most(seen, 2 * 2 * t * s)
