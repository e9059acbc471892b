"""The hidden suite of `encoder_decoder_block`.

Parameters are drawn here and loaded into the learner's module, so that the reference knows them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
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
    from collections.abc import Callable

State: TypeAlias = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Kind:
    """What kind of block a case is, and its lengths: batch, places of x and memory, widths."""

    pre_norm: bool
    cross: bool
    b: int = 2
    t: int = 5
    s: int = 7
    h: int = 2
    width: int = 6
    ffn: int = 11


KINDS = tuple(Kind(pre_norm, cross) for pre_norm in (True, False) for cross in (True, False))
PRE_DECODER, PRE_ENCODER, POST_DECODER, POST_ENCODER = KINDS


def draw(
    gen: torch.Generator, *shape: int, device: torch.device, dtype: torch.dtype = torch.float64
) -> torch.Tensor:
    """Draw normal numbers in float64, then round them to `dtype`."""
    return torch.randn(shape, generator=gen, dtype=torch.float64).to(device, dtype)


def shapes_of(kind: Kind) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the parameters, by name."""
    d, f = kind.width, kind.ffn
    shapes: dict[str, tuple[int, ...]] = {
        "ffn_in.weight": (f, d),
        "ffn_in.bias": (f,),
        "ffn_out.weight": (d, f),
        "ffn_out.bias": (d,),
    }
    sublayers = ("self", "cross") if kind.cross else ("self",)
    for name in sublayers:
        shapes |= {
            f"{name}_attention.in_proj_weight": (3 * d, d),
            f"{name}_attention.in_proj_bias": (3 * d,),
            f"{name}_attention.out_proj.weight": (d, d),
            f"{name}_attention.out_proj.bias": (d,),
        }
    for name in (*sublayers, "ffn"):
        shapes |= {f"norm_{name}.weight": (d,), f"norm_{name}.bias": (d,)}
    return shapes


def draw_state(
    gen: torch.Generator, kind: Kind, device: torch.device, dtype: torch.dtype = torch.float64
) -> State:
    """Draw parameters that make every sublayer and every norm matter."""
    state = {}
    for name, shape in shapes_of(kind).items():
        numbers = draw(gen, *shape, device=device)
        if name.startswith("norm") and name.endswith("weight"):
            numbers = 1 + 0.4 * numbers
        elif name.endswith("weight"):
            numbers = 1.5 * numbers / math.sqrt(shape[-1])
        else:
            numbers = 0.5 * numbers
        state[name] = numbers.to(dtype)
    return state


def draw_inputs(
    gen: torch.Generator, kind: Kind, device: torch.device, dtype: torch.dtype = torch.float64
) -> tuple[torch.Tensor, ...]:
    """Draw x, and memory for a decoder; neither has mean 0 and deviation 1."""
    x = 0.5 + 2 * draw(gen, kind.b, kind.t, kind.width, device=device)
    memory = 1.5 * draw(gen, kind.b, kind.s, kind.width, device=device) - 0.5
    return (x.to(dtype), memory.to(dtype)) if kind.cross else (x.to(dtype),)


def build(student: Student, kind: Kind, state: State, p: float = 0.0) -> Any:
    """Return the learner's block with the given parameters."""
    weight = state["ffn_in.weight"]
    block = student.Block(
        kind.width,
        kind.h,
        kind.ffn,
        p,
        pre_norm=kind.pre_norm,
        cross=kind.cross,
        device=weight.device,
        dtype=weight.dtype,
    )
    due = shapes_of(kind)
    found = {name: tuple(tensor.shape) for name, tensor in block.named_parameters()}
    if found.keys() != due.keys():
        odd = min(found.keys() ^ due.keys())
        problem = "is missing" if odd in due else "should not be there"
        pytest.fail(f"Among the parameters of `Block`, `{odd}` {problem}.")
    for name, shape in due.items():
        if found[name] != shape:
            pytest.fail(f"`{name}` has shape {found[name]} instead of {shape}.")
    block.load_state_dict(state)
    return block


def affine(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Return what a linear layer makes of x."""
    return torch.einsum("blf,gf->blg", x, weight) + bias


def normed(state: State, name: str, x: torch.Tensor) -> torch.Tensor:
    """Return what the layer norm of a sublayer makes of x."""
    centred = x - x.sum(-1, keepdim=True) / x.shape[-1]
    deviation = ((centred * centred).sum(-1, keepdim=True) / x.shape[-1] + 1e-5).sqrt()
    return state[f"norm_{name}.weight"] * centred / deviation + state[f"norm_{name}.bias"]


def attended(
    state: State, name: str, h: int, x: torch.Tensor, memory: torch.Tensor, *, causal: bool
) -> torch.Tensor:
    """Return what an attention adds: the sum over its heads."""
    wide = x.shape[-1]
    d = wide // h
    weight, bias = (
        state[f"{name}_attention.in_proj_weight"],
        state[f"{name}_attention.in_proj_bias"],
    )
    projection = state[f"{name}_attention.out_proj.weight"]
    out = state[f"{name}_attention.out_proj.bias"]
    for i in range(h):
        rows = [slice(part * wide + i * d, part * wide + (i + 1) * d) for part in range(3)]
        sources = (x, memory, memory)
        q, k, v = (affine(y, weight[r], bias[r]) for y, r in zip(sources, rows, strict=True))
        powers = (torch.einsum("btd,bsd->bts", q, k) / math.sqrt(d)).exp()
        if causal:
            powers = powers.tril()
        head = powers @ v / powers.sum(-1, keepdim=True)
        out = out + head @ projection[:, i * d : (i + 1) * d].T
    return out


def sublayers_of(
    state: State, kind: Kind, memory: torch.Tensor | None
) -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
    """Return what each sublayer of a block computes, by name and in their order."""

    def think(x: torch.Tensor) -> torch.Tensor:
        inner = affine(x, state["ffn_in.weight"], state["ffn_in.bias"])
        inner = torch.where(inner > 0, inner, 0.0)
        return affine(inner, state["ffn_out.weight"], state["ffn_out.bias"])

    def look_around(x: torch.Tensor) -> torch.Tensor:
        return attended(state, "self", kind.h, x, x, causal=kind.cross)

    sublayers: dict[str, Callable[[torch.Tensor], torch.Tensor]]
    sublayers = {"self": look_around, "ffn": think}
    if memory is not None:
        seen = memory

        def look_back(x: torch.Tensor) -> torch.Tensor:
            return attended(state, "cross", kind.h, x, seen, causal=False)

        sublayers = {"self": look_around, "cross": look_back, "ffn": think}
    return sublayers


def expected_block(
    state: State, kind: Kind, x: torch.Tensor, memory: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the result without dropout, in float64."""
    state = {name: tensor.double() for name, tensor in state.items()}
    x, memory = x.double(), None if memory is None else memory.double()
    for name, sublayer in sublayers_of(state, kind, memory).items():
        if kind.pre_norm:
            x = x + sublayer(normed(state, name, x))
        else:
            x = normed(state, name, x + sublayer(x))
    return x


def assert_block(
    block: Any, state: State, kind: Kind, inputs: tuple[torch.Tensor, ...], scale: float = 2.0
) -> torch.Tensor:
    """Assert that a block without dropout has the expected result, and return it."""
    actual: torch.Tensor = block(*inputs)
    expected = expected_block(state, kind, *inputs)
    if actual.dtype is torch.float64:
        # The norm of a few features that are nearly equal magnifies roundings, and here there is
        # room for them.
        scale = max(scale, 64.0)
    assert_values_match(
        actual, expected, scale=scale, c=128, reduction=kind.ffn, dtype=inputs[0].dtype
    )
    return actual


def within_six_deviations(share: float, due: float, n: int) -> bool:
    """Say whether a share of n independent events fits its probability; wrong once in 5e8."""
    return abs(share - due) <= 6 * math.sqrt(due * (1 - due) / n) + 1 / n


def silenced(state: State, kind: Kind, speaking: str) -> State:
    """Return parameters with which all sublayers but one add nothing."""
    last = {
        "self": "self_attention.out_proj",
        "cross": "cross_attention.out_proj",
        "ffn": "ffn_out",
    }
    quiet = [layer for name, layer in last.items() if name != speaking]
    names = [f"{layer}.{part}" for layer in quiet for part in ("weight", "bias")]
    return state | {name: 0 * state[name] for name in names if name in shapes_of(kind)}


@in_worker
def devices(student: Any, device: str) -> tuple[str, ...]:
    """Return where the parameters of a decoder's block made for a device are."""
    block = student.Block(8, 2, 16, 0.0, pre_norm=True, cross=True, device=torch.device(device))
    return tuple(parameter.device.type for parameter in block.parameters())


@points(1)
def test_parameters_start_as_pytorch_has_them(student: Student) -> None:
    """Every module starts as PyTorch draws it, on the device that is asked for."""
    kind = replace(PRE_DECODER, h=2, width=16, ffn=128)
    block = student.Block(16, 2, 128, 0.1, pre_norm=True, cross=True)
    state = block.state_dict()
    for name in shapes_of(kind):
        tensor = state[name]
        what = f"`{name}` at the start"
        if name.startswith("norm") or name.endswith(("in_proj_bias", "out_proj.bias")):
            constant = 1.0 if name.endswith("weight") else 0.0
            assert_values_match(tensor, torch.full_like(tensor, constant), what=what)
            continue
        # Uniform numbers between -bound and bound, which no reference can repeat.
        bound = 128**-0.5 if name.startswith("ffn_out") else 16**-0.5
        if name.endswith("in_proj_weight"):
            bound = (6 / (16 + 3 * 16)) ** 0.5
        outer = float((tensor.abs() > bound / 2).double().mean())
        beyond = float(tensor.abs().max()) > bound * (1 + 1e-6)
        if beyond or not within_six_deviations(outer, 0.5, tensor.numel()):
            pytest.fail(f"{what} is not distributed as PyTorch has it: leave the modules alone.")
    found = devices(student, "meta")
    assert_values_match(found, ("meta",) * len(shapes_of(kind)), what="the parameters' devices")


@points(1)
def test_parameters_have_the_promised_names(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A block holds the promised modules, with cross-attention in a decoder only."""
    cases = [
        (kind, draw_state(gen, kind, device, torch.float32)) for kind in (PRE_DECODER, PRE_ENCODER)
    ]
    inputs = [draw_inputs(gen, kind, device, torch.float32) for kind, _ in cases]
    for (kind, state), tensors in zip(cases, inputs, strict=True):
        block = build(student, kind, state)
        assert_block(block, state, kind, tensors)
        assert_values_match(dict(block.state_dict()), state, what="`state_dict()`")


@points(2)
def test_pre_norm_normalises_before_each_sublayer(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """With `pre_norm` each sublayer reads a normed x, and x itself passes no norm."""
    kinds = (PRE_ENCODER, PRE_DECODER, replace(PRE_DECODER, b=1, t=3, h=3, s=2))
    cases = [(k, draw_state(gen, k, device), draw_inputs(gen, k, device)) for k in kinds]
    for kind, state, inputs in cases:
        assert_block(build(student, kind, state), state, kind, inputs)


@points(2)
def test_post_norm_normalises_each_sum(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Without `pre_norm` each sum of x and a sublayer is normed, and the sublayer reads x."""
    kinds = (POST_ENCODER, POST_DECODER, replace(POST_DECODER, b=1, t=3, h=3, s=2))
    cases = [(k, draw_state(gen, k, device), draw_inputs(gen, k, device)) for k in kinds]
    for kind, state, inputs in cases:
        assert_block(build(student, kind, state), state, kind, inputs)


@points(2)
def test_decoder_reads_the_memory(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """In cross-attention the target asks, and keys and values are the memory as it is."""
    kinds = (
        replace(PRE_DECODER, s=5),
        replace(POST_DECODER, s=5),
        replace(PRE_DECODER, s=1),
        replace(POST_DECODER, t=1),
    )
    cases = [(k, draw_state(gen, k, device), draw_inputs(gen, k, device)) for k in kinds]
    for kind, state, inputs in cases:
        alone = silenced(state, kind, "cross")
        assert_block(build(student, kind, alone), alone, kind, inputs)


@points(1)
def test_decoder_does_not_see_what_comes_later(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A decoder's place sees no later one and all of memory; an encoder's place sees everything."""
    cases = [(k, draw_state(gen, k, device), draw_inputs(gen, k, device)) for k in KINDS]
    # Eight features, as the norm of a few that are nearly equal would magnify roundings; of 600
    # places one may be unlucky all the same.
    long = replace(PRE_DECODER, b=1, t=600, s=3, h=1, width=8, ffn=3)
    long_state, long_inputs = draw_state(gen, long, device), draw_inputs(gen, long, device)
    assert_block(build(student, long, long_state), long_state, long, long_inputs, scale=64.0)
    changes = [draw(gen, kind.b, 2, kind.width, device=device) for kind in KINDS]
    for (kind, state, inputs), change in zip(cases, changes, strict=True):
        state["self_attention.in_proj_weight"] *= 0.1  # so that every place seen has some weight
        block = build(student, kind, state)
        first = assert_block(block, state, kind, inputs)
        x = torch.cat([inputs[0][:, :-2], inputs[0][:, -2:] + change], dim=1)
        second = block(x, *inputs[1:])
        moved = (second - first).abs().amax(dim=(0, 2)) > 1e-9
        seeing = torch.ones_like(moved)
        if kind.cross:
            seeing[:-2] = False
        if not torch.equal(moved, seeing):
            problem = (
                "In a decoder, an earlier place sees"
                if kind.cross
                else "In an encoder, some place does not see"
            )
            pytest.fail(f"{problem} the last two places of x.")


@points(2)
def test_gradients_reach_inputs_and_parameters(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """x, memory and every parameter get the gradients of the definition."""
    kinds = (PRE_DECODER, POST_DECODER)
    cases = [(k, draw_state(gen, k, device), draw_inputs(gen, k, device)) for k in kinds]
    upstreams = [draw(gen, k.b, k.t, k.width, device=device) for k in kinds]
    for (kind, state, inputs), upstream in zip(cases, upstreams, strict=True):
        block = build(student, kind, state)
        leaves = tuple(tensor.requires_grad_() for tensor in inputs)
        out = block(*leaves)
        if not out.requires_grad:
            pytest.fail("The result is detached: no gradient reaches inputs and parameters.")
        names = ["x", "memory", *state]
        wanted = [*leaves, *(dict(block.named_parameters())[name] for name in state)]
        found = torch.autograd.grad(out, wanted, upstream, materialize_grads=True)
        copies = {name: tensor.clone().requires_grad_() for name, tensor in state.items()}
        expected = expected_block(copies, kind, *leaves)
        due = torch.autograd.grad(expected, [*leaves, *copies.values()], upstream)
        for name, actual, right in zip(names, found, due, strict=True):
            what = f"the gradient of `{name}`"
            assert_values_match(actual, right, scale=2.0, c=1e3, reduction=11, what=what)


@points(1)
def test_gradients_agree_with_finite_differences(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """The gradients of x and memory are those of small steps."""
    kind = replace(PRE_DECODER, t=3, s=2, width=4, ffn=3)
    state = draw_state(gen, kind, device)
    # Far from the kink of the ReLU, on either side of it.
    state["ffn_in.bias"] = torch.tensor([9.0, -9.0, 8.0], dtype=torch.float64, device=device)
    inputs = tuple(tensor.requires_grad_() for tensor in draw_inputs(gen, kind, device))
    block = build(student, kind, state)
    assert_gradcheck(
        block,
        inputs,
        names=("x", "memory"),
        reference=lambda x, memory: expected_block(state, kind, x, memory),
    )


@points(2)
def test_dropout_acts_on_what_a_sublayer_adds(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """In training each element that a sublayer adds is 0 or has grown by 1 / (1 - p); x is kept."""
    kind, p = replace(PRE_DECODER, b=6, t=8, width=8, ffn=5), 0.35
    state = draw_state(gen, kind, device)
    x, memory = draw_inputs(gen, kind, device)
    for name in ("self", "cross", "ffn"):
        alone = silenced(state, kind, name)
        block = build(student, kind, alone, p)
        added = block(x, memory) - x
        again = block(x, memory) - x
        right = sublayers_of(alone, kind, memory)[name](normed(alone, name, x)) / (1 - p)
        kept = added.abs() > 1e-9
        share = float(kept.double().mean())
        if not within_six_deviations(share, 1 - p, kept.numel()):
            pytest.fail(f"{share:.0%} of what a sublayer adds is kept, where 1 - p is {1 - p:.0%}.")
        agree = float((kept == (again.abs() > 1e-9)).double().mean())
        if not within_six_deviations(agree, p * p + (1 - p) * (1 - p), kept.numel()):
            pytest.fail("Two calls in training do not draw their dropout independently.")
        for axis, word in enumerate(("sequences", "places", "features")):
            even, odd = torch.unflatten(kept, axis, (-1, 2)).unbind(axis + 1)
            agree = float((even == odd).double().mean())
            if not within_six_deviations(agree, p * p + (1 - p) * (1 - p), even.numel()):
                pytest.fail(f"What is dropped of neighbouring {word} depends on each other.")
        due = torch.where(kept, right, 0.0)
        assert_values_match(added, due, scale=2.0, c=128, reduction=11, what="what is added")


@points(1)
def test_dropout_leaves_the_residual_path(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """With p = 1 in training only x and the norms are left; in eval mode nothing is dropped."""
    cases = [(k, draw_state(gen, k, device), draw_inputs(gen, k, device)) for k in KINDS]
    for kind, state, inputs in cases:
        block = build(student, kind, state, p=1.0)
        actual, expected = block(*inputs), inputs[0]
        for name in sublayers_of(state, kind, *inputs[1:] or [None]):
            expected = expected if kind.pre_norm else normed(state, name, expected)
        assert_values_match(actual, expected, scale=2.0, c=128, what="the result at p = 1")
        block.eval()
        assert_block(block, state, kind, inputs)


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_inputs_of_any_strides_are_left_as_they_are(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """Transposed inputs are read as they are; inputs, parameters and global state stay the same."""
    kinds = (PRE_DECODER, POST_DECODER)
    cases = [(k, draw_state(gen, k, device), draw_inputs(gen, k, device)) for k in kinds]
    for kind, state, inputs in cases:
        block = build(student, kind, state)
        turned = tuple(tensor.mT.contiguous().mT for tensor in inputs)
        with watch(student, forbidden=()) as seen:
            assert_block(block, state, kind, turned)
        for name in seen.mutated:
            pytest.fail(f"{name} was changed in place.")
        for name in seen.aliases:
            pytest.fail(f"The result shares memory with {name}.")
        for name in seen.changed:
            pytest.fail(f"The call changed {name} and left it so.")
        assert_values_match(dict(block.state_dict()), state, what="the state after a call")


@points(1)
def test_memory_belongs_to_decoders(
    student: Student, gen: torch.Generator, device: torch.device
) -> None:
    """A decoder without memory and an encoder with one raise a ValueError."""
    decoder, encoder = PRE_DECODER, PRE_ENCODER
    states = [draw_state(gen, kind, device) for kind in (decoder, encoder)]
    x, memory = draw_inputs(gen, decoder, device)
    writer, reader = build(student, decoder, states[0]), build(student, encoder, states[1])
    assert_block(writer, states[0], decoder, (x, memory))
    assert_block(reader, states[1], encoder, (x,))
    assert_refused(writer, (x,), "a decoder without memory")
    assert_refused(reader, (x, memory), "an encoder with memory")


def assert_refused(f: Any, arguments: tuple[Any, ...], what: str) -> None:
    """Assert that the arguments raise a ValueError."""
    try:
        f(*arguments)
    except ValueError:
        return
    pytest.fail(f"No `ValueError` was raised for {what}.")


@points(2)
def test_rate_grows_linearly_then_shrinks_with_the_root(
    student: Student, gen: torch.Generator
) -> None:
    """The rate grows linearly up to step `warmup`, then shrinks with the root of the step."""
    draws = torch.randint(2, 60, (4, 2), generator=gen).tolist()
    for embed_dim, warmup in [*draws, (512, 4000), (1, 1), (7, 1)]:
        for step in (1, 2, warmup - 1, warmup, warmup + 1, 3 * warmup, 100_000):
            if step < 1:
                continue
            growing = step <= warmup
            power = step / warmup**1.5 if growing else 1 / math.sqrt(step)
            what = f"`noam` in step {step} of {warmup} to warm up"
            found = student.noam(step, embed_dim, warmup)
            assert_values_match(found, power / math.sqrt(embed_dim), c=64, what=what)


@points(1)
def test_steps_count_from_one(student: Student) -> None:
    """`noam` raises a ValueError for a step or a warmup below 1."""
    assert_values_match(student.noam(1, 4, 1), 0.5, c=64, what="`noam` in step 1")
    for step in (0, -1, -100):
        assert_refused(student.noam, (step, 16, 4), f"step {step}")
    for warmup in (0, -3):
        assert_refused(student.noam, (2, 16, warmup), f"a warmup of {warmup} steps")


@points(1)
def test_block_is_written_out(student: Student, gen: torch.Generator, device: torch.device) -> None:
    """PyTorch's own encoder and decoder layers are not used."""
    state, inputs = draw_state(gen, POST_DECODER, device), draw_inputs(gen, POST_DECODER, device)
    with watch(student) as seen:
        assert_block(build(student, POST_DECODER, state), state, POST_DECODER, inputs)
    assert_allowed(seen)
