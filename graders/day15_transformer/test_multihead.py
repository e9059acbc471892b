"""The hidden suite of `multihead`.

Parameters are drawn here and loaded into the learner's module, so that the reference knows them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_allowed,
    assert_gradcheck,
    assert_values_match,
    fresh,
    in_worker,
    points,
    watch,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

State: TypeAlias = dict[str, torch.Tensor]

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "out_proj")


@dataclass(frozen=True)
class Sizes:
    """The lengths of one case: batch, queries, keys, heads, width of a head, width of keys."""

    b: int
    t: int
    s: int
    h: int
    d: int
    kdim: int

    @property
    def width(self) -> int:
        """The width D of the queries and of the result."""
        return self.h * self.d


CASES = (Sizes(2, 5, 7, 3, 4, 6), Sizes(3, 4, 4, 2, 5, 7), Sizes(4, 6, 3, 5, 2, 9))


def draw(
    gen: torch.Generator, *shape: int, device: torch.device, dtype: torch.dtype = torch.float64
) -> torch.Tensor:
    """Draw normal numbers in float64, then round them to `dtype`."""
    return torch.randn(shape, generator=gen, dtype=torch.float64).to(device, dtype)


def draw_state(
    gen: torch.Generator,
    sizes: Sizes,
    device: torch.device,
    dtype: torch.dtype = torch.float64,
    *,
    bias: bool = True,
) -> State:
    """Draw parameters that spread the softmax, under the names that the exercise gives them."""
    state = {}
    for name in PROJECTIONS:
        fan_in = sizes.kdim if name in {"k_proj", "v_proj"} else sizes.width
        weight = draw(gen, sizes.width, fan_in, device=device)
        state[f"{name}.weight"] = (1.4 * weight / math.sqrt(fan_in)).to(dtype)
        if bias:
            state[f"{name}.bias"] = (0.5 * draw(gen, sizes.width, device=device)).to(dtype)
    return state


def draw_inputs(
    gen: torch.Generator,
    sizes: Sizes,
    device: torch.device,
    dtype: torch.dtype = torch.float64,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Draw q, k and v, three different tensors."""
    q = draw(gen, sizes.b, sizes.t, sizes.width, device=device, dtype=dtype)
    k, v = (draw(gen, sizes.b, sizes.s, sizes.kdim, device=device, dtype=dtype) for _ in range(2))
    return q, k, v


def draw_padding(gen: torch.Generator, sizes: Sizes, device: torch.device) -> torch.Tensor:
    """Draw [B, S] with True for padding: at least one padding key and one other for each row."""
    padding = torch.rand(sizes.b, sizes.s, generator=gen) < 0.4
    order = torch.rand(sizes.b, sizes.s, generator=gen).argsort(dim=-1)
    padding.scatter_(-1, order[:, :1], value=True).scatter_(-1, order[:, 1:2], value=False)
    return padding.to(device)


def build(student: Student, sizes: Sizes, state: State, p: float = 0.0) -> Any:
    """Return the learner's module with the given parameters."""
    weight = state["q_proj.weight"]
    bias = "q_proj.bias" in state
    module = student.MHA(
        sizes.width, sizes.h, p, bias, sizes.kdim, device=weight.device, dtype=weight.dtype
    )
    assert_parameters(module, state)
    module.load_state_dict(state)
    return module


def assert_parameters(module: Any, state: State) -> None:
    """Assert that a module registers the parameters of the exercise, and no others."""
    found = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    due = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if found.keys() != due.keys():
        odd = min(found.keys() ^ due.keys())
        problem = "is missing" if odd in due else "should not be there"
        pytest.fail(f"Among the parameters of `MHA`, `{odd}` {problem}.")
    for name, shape in due.items():
        if found[name] != shape:
            pytest.fail(f"`{name}` has shape {found[name]} instead of {shape}.")
    if {name for name, _ in module.named_parameters()} != due.keys():
        pytest.fail("Some tensors of `MHA` are no parameters: use `nn.Linear`.")


def linear(state: State, name: str, x: torch.Tensor, rows: slice) -> torch.Tensor:
    """Return some of the features of a projection, in float64."""
    weight = state[f"{name}.weight"].double()[rows]
    y = torch.einsum("blf,gf->blg", x.double(), weight)
    bias = state.get(f"{name}.bias")
    return y if bias is None else y + bias.double()[rows]


def expected_weights(
    state: State, h: int, q: torch.Tensor, k: torch.Tensor, padding: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the weights without dropout, [B, h, T, S], one head after the other, in float64."""
    d = state["q_proj.weight"].shape[0] // h
    heads = []
    for i in range(h):
        rows = slice(i * d, (i + 1) * d)
        query, key = linear(state, "q_proj", q, rows), linear(state, "k_proj", k, rows)
        scores = torch.einsum("btd,bsd->bts", query, key) / math.sqrt(d)
        powers = (scores - scores.detach().amax(-1, keepdim=True)).exp()
        if padding is not None:
            top = scores.detach().masked_fill(padding[:, None, :], -1e300).amax(-1, keepdim=True)
            shifted = (scores - top).masked_fill(padding[:, None, :], 0.0)
            powers = shifted.exp() * (~padding[:, None, :]).double()
        total = powers.sum(-1, keepdim=True)
        heads.append(powers / torch.where(total > 0, total, 1.0))
    return torch.stack(heads, dim=1)


def expected_out(state: State, weights: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Return the result for given weights: the sum of what each head adds to it, in float64."""
    h = weights.shape[1]
    d = state["v_proj.weight"].shape[0] // h
    bias = state.get("out_proj.bias")
    out = weights.new_zeros(()) if bias is None else bias.double()
    for i in range(h):
        rows = slice(i * d, (i + 1) * d)
        head = weights[:, i] @ linear(state, "v_proj", v, rows)
        out = out + head @ state["out_proj.weight"].double()[:, rows].T
    return out


def assert_out(
    module: Any,
    state: State,
    h: int,
    qkv: Sequence[torch.Tensor],
    padding: torch.Tensor | None = None,
    c: float = 64.0,
) -> None:
    """Assert that the result is the expected one, and that weights come only when asked for."""
    q, k, v = qkv
    answers = [module(q, k, v, padding), module(q, k, v, padding, True)]  # noqa: FBT003 - by place
    weights = expected_weights(state, h, q, k, padding)
    out = expected_out(state, weights, v).detach()
    for answer, due in zip(answers, (None, weights.detach()), strict=True):
        assert_values_match(answer[0], out, scale=1.0, c=c, reduction=8, dtype=q.dtype)
        what = "the weights"
        assert_values_match(answer[1], due, scale=0.2, c=c, reduction=8, dtype=q.dtype, what=what)


def training(state: State) -> State:
    """Return a copy of the parameters that requires gradients."""
    return {name: tensor.detach().clone().requires_grad_() for name, tensor in state.items()}


def gradients_of(
    outputs: Sequence[torch.Tensor],
    named: dict[str, torch.Tensor],
    upstream: Sequence[torch.Tensor],
) -> dict[str, torch.Tensor]:
    """Return the gradient of every named tensor, 0 where no path leads to it."""
    if not all(output.requires_grad for output in outputs):
        pytest.fail("A result is detached from the parameters and inputs: no gradient flows.")
    gradients = torch.autograd.grad(
        outputs, tuple(named.values()), upstream, materialize_grads=True
    )
    return dict(zip(named, gradients, strict=True))


def assert_gradients(
    module: Any,
    state: State,
    h: int,
    qkv: dict[str, torch.Tensor],
    upstream: Sequence[torch.Tensor],
    padding: torch.Tensor | None = None,
) -> None:
    """Assert that inputs and parameters get the gradients of result and weights together.

    `qkv` holds q, k and v, or x for all three.
    """
    q, k, v = (qkv["x"],) * 3 if "x" in qkv else (qkv["q"], qkv["k"], qkv["v"])
    out, weights = module(q, k, v, key_padding_mask=padding, need_weights=True)
    found = gradients_of((out, weights), {**qkv, **dict(module.named_parameters())}, upstream)
    copies = training(state)
    right = expected_weights(copies, h, q, k, padding)
    due = gradients_of((expected_out(copies, right, v), right), {**qkv, **copies}, upstream)
    for name, gradient in due.items():
        what = f"the gradient of `{name}`"
        assert_values_match(found[name], gradient, scale=1.0, c=256, reduction=8, what=what)


def within_six_deviations(share: float, due: float, n: int) -> bool:
    """Say whether a share of n independent events fits its probability; wrong once in 5e8."""
    return abs(share - due) <= 6 * math.sqrt(due * (1 - due) / n) + 1 / n


def assert_kept_share(kept: torch.Tensor, p: float) -> None:
    """Assert that as many weights were kept as dropout keeps."""
    share = float(kept.double().mean())
    if not within_six_deviations(share, 1 - p, kept.numel()):
        pytest.fail(f"Of the weights {share:.0%} were kept, where 1 - p is {1 - p:.0%}.")


def leaves(qkv: Sequence[torch.Tensor], names: str = "qkv") -> dict[str, torch.Tensor]:
    """Return tensors by name, with a gradient required of each."""
    return {
        name: tensor.detach().clone().requires_grad_()
        for name, tensor in zip(names, qkv, strict=True)
    }


@in_worker
def answer_twice(
    student: Any, settings: tuple[Any, ...], state: Any, qkv: tuple[torch.Tensor, ...]
) -> tuple[torch.Tensor, ...]:
    """Return results in eval mode without autograd, before and after k and v were halved."""
    module = student.MHA(*settings, dtype=qkv[0].dtype, device=qkv[0].device)
    module.load_state_dict(state)
    module.eval()
    results = []
    with torch.no_grad():
        for _ in range(2):
            results.append(module(*qkv)[0])
            qkv[1].mul_(0.5)
            qkv[2].mul_(0.5)
        results.append(module(*qkv)[0])
        module.k_proj.weight.mul_(-1)
        module.v_proj.weight.mul_(-1)
        results.append(module(*qkv)[0])
    return tuple(results)


@in_worker
def devices(student: Any, device: str) -> tuple[str, ...]:
    """Return where the parameters of a module made for a device are."""
    module = student.MHA(6, 2, device=torch.device(device))
    return tuple(parameter.device.type for parameter in module.parameters())


@points(1)
def test_parameters_start_as_those_of_linear(student: Student) -> None:
    """Weights and biases start as `nn.Linear` draws them, on the device that is asked for."""
    module = student.MHA(64, 4, 0.0, True, 36)  # noqa: FBT003 - by place
    for name, tensor in module.state_dict().items():
        # Uniform numbers between -bound and bound, which no reference can repeat.
        bound = (36 if name[:2] in {"k_", "v_"} else 64) ** -0.5
        if float(tensor.abs().max()) > bound * (1 + 1e-6):
            pytest.fail(f"`{name}` starts beyond 1 / sqrt(fan_in), where `nn.Linear` ends.")
        outer = float((tensor.abs() > bound / 2).double().mean())
        upper = float((tensor > 0).double().mean())
        if not all(within_six_deviations(share, 0.5, tensor.numel()) for share in (outer, upper)):
            pytest.fail(f"`{name}` does not start uniformly distributed, as in `nn.Linear`.")
    found = devices(student, "meta")
    assert_values_match(found, ("meta",) * 8, what="the devices of the parameters")


@points(1)
def test_parameters_have_the_promised_names(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The module holds four projections of the promised names and shapes, biased or not."""
    sizes = CASES[0]
    states = [draw_state(gen, sizes, device, bias=bias) for bias in (True, False)]
    inputs = draw_inputs(gen, sizes, device)
    plain = Sizes(2, 5, 7, 3, 4, 12)
    plain_state = draw_state(gen, plain, device, torch.float32)
    plain_inputs = draw_inputs(gen, plain, device, torch.float32)
    for state in states:
        assert_out(build(student, sizes, state), state, sizes.h, inputs)
    # As it comes: no dropout, a bias, and keys as wide as queries, in float32.
    module = student.MHA(12, 3, device=device)
    assert_parameters(module, plain_state)
    module.load_state_dict(plain_state)
    assert_out(module, plain_state, plain.h, plain_inputs)


@points(1)
def test_weights_belong_to_one_head_each(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Head i weighs by features i * d to (i + 1) * d - 1 over sqrt(d); no head is averaged away."""
    cases = [(s, draw_state(gen, s, device), draw_inputs(gen, s, device)) for s in CASES]
    for sizes, state, (q, k, v) in cases:
        _, weights = build(student, sizes, state)(q, k, v, need_weights=True)
        expected = expected_weights(state, sizes.h, q, k)
        assert_values_match(
            weights,
            expected,
            scale=0.2,
            c=64,
            reduction=8,
            what="the weights",
            named_axes={"d": sizes.d, "h": sizes.h},
        )


@points(2)
def test_heads_are_merged_in_their_order(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The result lays the heads of each query side by side and projects them, in any precision."""
    dtypes = (torch.float64, torch.float32, torch.float64)
    cases = [
        (s, draw_state(gen, s, device, dtype), draw_inputs(gen, s, device, dtype))
        for s, dtype in zip(CASES, dtypes, strict=True)
    ]
    others = draw_inputs(gen, CASES[0], device)
    modules = [build(student, sizes, state) for sizes, state, _ in cases]
    for module, (sizes, state, inputs) in zip(modules, cases, strict=True):
        assert_out(module, state, sizes.h, inputs)
    # New numbers in an old shape, and without autograd: no call may remember another.
    with torch.no_grad():
        assert_out(modules[0], cases[0][1], CASES[0].h, others)
    sizes, state, (q, k, v) = cases[2]
    settings = (sizes.width, sizes.h, 0.0, True, sizes.kdim)
    found = answer_twice(student, settings, state, (q.clone(), k.clone(), v.clone()))
    turned = {n: -x if n in {"k_proj.weight", "v_proj.weight"} else x for n, x in state.items()}
    for factor, parameters, out in zip(
        (1.0, 0.5, 0.25, 0.25), (state, state, state, turned), found, strict=True
    ):
        right = expected_out(
            parameters, expected_weights(parameters, sizes.h, q, factor * k), factor * v
        )
        assert_values_match(out, right, scale=1.0, c=64, reduction=8)


@points(1)
def test_sizes_of_one(student: Student, gen: torch.Generator, device: torch.device) -> None:
    """One sequence, one query, one key, one head, or heads of one feature are nothing special."""
    sizes = [
        Sizes(1, 5, 3, 2, 3, 4),
        Sizes(2, 1, 3, 2, 3, 4),
        Sizes(2, 3, 1, 2, 3, 4),
        Sizes(2, 3, 5, 1, 4, 6),
        Sizes(2, 3, 5, 4, 1, 6),
        Sizes(1, 1, 1, 1, 1, 1),
    ]
    cases = [(s, draw_state(gen, s, device), draw_inputs(gen, s, device)) for s in sizes]
    for size, state, inputs in cases:
        assert_out(build(student, size, state), state, size.h, inputs)


@points(2)
def test_padding_is_not_attended_to(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Where `key_padding_mask` is True a key has no weight; the softmax runs over the others."""
    cases = [
        (s, draw_state(gen, s, device), draw_inputs(gen, s, device), draw_padding(gen, s, device))
        for s in CASES
    ]
    for sizes, state, inputs, padding in cases:
        module = build(student, sizes, state)
        assert_out(module, state, sizes.h, inputs, padding)
        assert_out(module, state, sizes.h, inputs, torch.zeros_like(padding))


@points(1)
def test_large_scores_do_not_overflow(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """With scores beyond +-10,000 the weights are right, and padding has none of them."""
    sizes = Sizes(2, 5, 7, 2, 4, 6)
    state = draw_state(gen, sizes, device)
    q, k, v = draw_inputs(gen, sizes, device)
    padding = draw_padding(gen, sizes, device)
    sign = torch.tensor([1.0, -1.0], dtype=torch.float64, device=device)[:, None, None]
    base = draw(gen, 1, 1, sizes.width, device=device)
    # All queries and keys nearly alike, so that all scores of a row are huge, of one sign.
    module = build(student, sizes, state)
    for factor in (1.0, 300.0):
        near_q, near_k = factor * sign * (base + 0.01 * q), factor * (k[:, :1] + 0.01 * k)
        assert_out(module, state, sizes.h, (near_q, near_k, v), padding, c=1e7)
        assert_out(module, state, sizes.h, (near_q, near_k, v), c=1e7)


@points(2)
def test_sequence_of_nothing_but_padding(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A sequence of padding alone gives weights of 0 and the last bias, and no NaN goes back."""
    sizes = CASES[0]
    states = [draw_state(gen, sizes, device, bias=bias) for bias in (True, False)]
    inputs = draw_inputs(gen, sizes, device)
    padding = draw_padding(gen, sizes, device)
    padding[1] = True
    upstream = (
        draw(gen, sizes.b, sizes.t, sizes.width, device=device),
        draw(gen, sizes.b, sizes.h, sizes.t, sizes.s, device=device),
    )
    for state in states:
        module = build(student, sizes, state)
        assert_out(module, state, sizes.h, inputs, padding)
        assert_gradients(module, state, sizes.h, leaves(inputs), upstream, padding)


@points(2)
def test_gradients_reach_inputs_and_parameters(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Inputs and all parameters get the gradients of the result and of the weights."""
    sizes, alone = CASES[0], Sizes(2, 5, 5, 2, 3, 6)
    state, alone_state = (draw_state(gen, s, device) for s in (sizes, alone))
    inputs, (x, _, _) = draw_inputs(gen, sizes, device), draw_inputs(gen, alone, device)
    upstreams = [
        (
            draw(gen, s.b, s.t, s.width, device=device),
            draw(gen, s.b, s.h, s.t, s.s, device=device),
        )
        for s in (sizes, alone)
    ]
    module = build(student, sizes, state)
    assert_gradients(module, state, sizes.h, leaves(inputs), upstreams[0])
    # Self-attention: the three paths to one input add up.
    module = build(student, alone, alone_state)
    assert_gradients(module, alone_state, alone.h, leaves([x], "x"), upstreams[1])


@points(1)
def test_gradients_agree_with_finite_differences(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The gradients of q, k and v are those of small steps, with padding too."""
    sizes = Sizes(2, 3, 4, 2, 2, 3)
    state = draw_state(gen, sizes, device)
    inputs = tuple(leaves(draw_inputs(gen, sizes, device)).values())
    padding = draw_padding(gen, sizes, device)

    def reference(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return expected_out(state, expected_weights(state, sizes.h, q, k, padding), v)

    module = build(student, sizes, state)
    assert_gradcheck(
        lambda q, k, v: module(q, k, v, padding)[0],
        inputs,
        names=("q", "k", "v"),
        reference=reference,
    )


@points(1)
def test_padding_gets_no_gradient(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Padding keys and values get the gradient 0, exactly; all others get one."""
    sizes = CASES[0]
    state, inputs = draw_state(gen, sizes, device), draw_inputs(gen, sizes, device)
    # Four keys are seen: a key alone has the weight 1, whatever it says, and so the gradient 0.
    padding = (torch.rand(sizes.b, sizes.s, generator=gen).argsort(dim=-1) < 3).to(device)
    upstream = draw(gen, sizes.b, sizes.t, sizes.width, device=device)
    named = leaves(inputs)
    out, _ = build(student, sizes, state)(**named, key_padding_mask=padding)
    found = gradients_of((out,), named, (upstream,))
    for name in "kv":
        reached = (found[name] != 0).any(dim=-1)
        if not torch.equal(reached, ~padding):
            pytest.fail(f"The gradient of `{name}` is not 0 at padding, and at padding only.")


@points(1)
def test_eval_drops_nothing(student: Student, gen: torch.Generator, device: torch.device) -> None:
    """In eval mode, or with p = 0, the result is the one without dropout."""
    sizes = CASES[0]
    state, inputs = draw_state(gen, sizes, device), draw_inputs(gen, sizes, device)
    module = build(student, sizes, state, p=0.5)
    module.eval()
    assert_out(module, state, sizes.h, inputs)
    careful = build(student, sizes, state, p=0.0)
    careful.train()
    assert_out(careful, state, sizes.h, inputs)


@points(2)
def test_training_drops_weights_after_the_softmax(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """In training each weight is 0 or has grown by 1 / (1 - p), and the result is made of these."""
    sizes = Sizes(3, 9, 11, 4, 2, 5)
    state, inputs = draw_state(gen, sizes, device), draw_inputs(gen, sizes, device)
    upstream = (
        draw(gen, sizes.b, sizes.t, sizes.width, device=device),
        draw(gen, sizes.b, sizes.h, sizes.t, sizes.s, device=device),
    )
    q, k, v = named = tuple(leaves(inputs).values())
    for p in (0.25, 0.6, 1.0):
        module = build(student, sizes, state, p)
        module.eval()
        module.train()
        out, weights = module(q, k, v, None, need_weights=True)
        kept = (weights != 0).detach()
        assert_kept_share(kept, p)
        right = expected_weights(state, sizes.h, q, k) * kept / max(1 - p, 0.1)
        due = expected_out(state, right, v)
        what = "the weights in training"
        assert_values_match(weights, right, scale=0.2, c=64, reduction=8, what=what)
        assert_values_match(out, due, scale=1.0, c=64, reduction=8, what="the result in training")
        if p < 1:
            inner = dict(zip("qkv", named, strict=True))
            found = gradients_of((out, weights), inner, upstream)
            expected = gradients_of((due, right), inner, upstream)
            assert_values_match(
                found, expected, scale=1.0, c=256, reduction=8, what="the gradients"
            )


@points(1)
def test_every_weight_is_dropped_on_its_own(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Sequences, heads, queries, keys and calls share no dropout mask, with weights or without."""
    sizes, p = Sizes(4, 12, 14, 4, 2, 5), 0.4
    state, inputs = draw_state(gen, sizes, device), draw_inputs(gen, sizes, device)
    module = build(student, sizes, state, p)
    first, second = (module(*inputs, need_weights=True)[1] != 0 for _ in range(2))
    pairs = [("two calls", first, second)]
    for axis, word in enumerate(("sequences", "heads", "queries", "keys")):
        even, odd = torch.unflatten(first, axis, (-1, 2)).unbind(axis + 1)
        pairs.append((f"neighbouring {word}", even, odd))
    for what, one, other in pairs:
        assert_kept_share(one, p)
        agree = float((one == other).double().mean())
        if not within_six_deviations(agree, p * p + (1 - p) * (1 - p), one.numel()):
            pytest.fail(f"The weights dropped of {what} depend on each other.")
    unseen = [module(*inputs)[0] for _ in range(2)]
    plain = expected_out(state, expected_weights(state, sizes.h, *inputs[:2]), inputs[2])
    for out in (unseen[1], plain):
        if bool((unseen[0] - out).abs().amax(-1).lt(1e-9).any()):
            pytest.fail("Without `need_weights` some results in training show no dropout.")


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_inputs_of_any_strides_are_left_as_they_are(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Transposed, sliced and expanded inputs are read as they are; nothing is changed or shared."""
    sizes = Sizes(3, 5, 7, 2, 3, 4)
    state, (q, k, v) = draw_state(gen, sizes, device), draw_inputs(gen, sizes, device)
    padding = draw_padding(gen, sizes, device)
    module = build(student, sizes, state)
    layouts = [
        (q.mT.contiguous().mT, k.transpose(0, 1).contiguous().transpose(0, 1), v),
        (q[:1].expand(3, -1, -1), k, v[..., :1].expand(-1, -1, 4)),
        (torch.stack([q, q], -1)[..., 0], torch.cat([k, k], 1)[:, 7:], torch.stack([v, v])[1]),
    ]
    for layout in layouts:
        assert_out(module, state, sizes.h, layout, padding.mT.contiguous().mT)
    with watch(student, forbidden=()) as seen:
        assert_out(module, state, sizes.h, layouts[0], padding)
    for name in seen.mutated:
        pytest.fail(f"{name} was changed in place.")
    for name in seen.aliases:
        pytest.fail(f"The result shares memory with {name}.")
    for name in seen.changed:
        pytest.fail(f"The call changed {name} and left it so.")
    for name, tensor in module.state_dict().items():
        assert_values_match(tensor, state[name], what=f"`{name}` after the calls")


@points(1)
def test_bad_arguments_are_refused(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A number of heads that does not divide, a p beyond [0, 1] and a wrong mask are refused."""
    sizes = Sizes(3, 5, 5, 2, 3, 6)
    state, inputs = draw_state(gen, sizes, device), draw_inputs(gen, sizes, device)
    padding = draw_padding(gen, sizes, device)
    module = build(student, sizes, state)
    assert_out(module, state, sizes.h, inputs, padding)
    bad: list[tuple[str, tuple[Any, ...]]]
    bad = [("0 heads", (6, 0)), ("-2 heads", (6, -2)), ("4 heads of a width of 6", (6, 4))]
    bad += [("12 heads of a width of 6", (6, 12)), ("a p of 1.5", (6, 2, 1.5))]
    bad += [("a p of -0.5", (6, 2, -0.5))]
    for what, arguments in bad:
        assert_refused(student.MHA, arguments, what)
    masks = {
        "a mask of floats": padding.double(),
        "a mask of zeros that are floats": torch.zeros_like(padding).double(),
        "a mask of shape [B, S + 1] without padding": torch.zeros_like(padding[:, [0] * 6]),
        "a mask of shape [B, 1] without padding": torch.zeros_like(padding[:, :1]),
        "a mask of integers": padding.long(),
        "a mask of shape [1, S]": padding[:1],
        "a mask of shape [S]": padding[0],
        "a mask of shape [B, 1]": padding[:, :1],
        "a mask of shape [S, B]": padding.mT,
        "a mask of shape [B, T, S]": padding[:, None, :].expand(3, 5, 5),
    }
    for what, mask in masks.items():
        assert_refused(module, (*inputs, mask), what)


def assert_refused(f: Any, arguments: tuple[Any, ...], what: str) -> None:
    """Assert that the arguments raise a ValueError."""
    try:
        f(*arguments)
    except ValueError:
        return
    pytest.fail(f"No `ValueError` was raised for {what}.")


@points(1)
def test_attention_is_written_out(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """PyTorch's own multi-head attention is not called."""
    sizes = CASES[0]
    state, inputs = draw_state(gen, sizes, device), draw_inputs(gen, sizes, device)
    padding = draw_padding(gen, sizes, device)
    with watch(student) as seen:
        module = build(student, sizes, state, p=0.3)
        module.eval()
        assert_out(module, state, sizes.h, inputs, padding)
    assert_allowed(seen)
