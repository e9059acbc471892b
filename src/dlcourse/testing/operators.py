"""Which of torch's functions are one and the same, and which operators betray them.

A function is recognised in three ways. Function mode and the hook on Python calls see it by its
public name, the static pass by how the source spells it, dispatch mode by the operators that it
runs. A function that decomposes into others, such as `cross_entropy`, runs no operator of its own:
dispatch mode cannot see it. Operators that every function may use inside, such as views, copies
and sums, betray nobody either.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Final

ATEN: Final = "aten::"
# Where one function is published under one name: `torch.softmax`, `torch.Tensor.softmax` and so on.
_HOMES: Final = (
    "torch",
    "torch.Tensor",
    "torch.linalg",
    "torch.nn.functional",
    "torch.ops.aten",
    "torch.special",
)
_FOURIER: Final = "torch.fft"
# One name, two things: a view with a sliding window and the columns of a convolution; a branch
# of a graph and the condition number of a matrix.
_APART: Final = frozenset(
    {"torch.Tensor.unfold", "torch.cond", "torch.linalg.cond", "torch.nn.functional.unfold"}
)
_SAME: Final = (
    ("abs", "absolute"),
    ("cat", "concat", "concatenate"),
    ("clamp", "clip"),
    ("cross_entropy", "cross_entropy_loss"),
    ("digamma", "psi"),
    ("div", "divide", "true_divide"),
    ("grid_sample", "grid_sampler"),
    ("inv", "inverse"),
    ("lgamma", "gammaln"),
    ("logsigmoid", "log_sigmoid"),
    ("matmul", "__matmul__", "__rmatmul__"),
    ("movedim", "moveaxis"),
    ("mul", "multiply"),
    ("outer", "ger"),
    ("sigmoid", "expit"),
    ("sub", "subtract"),
    ("swapaxes", "swapdims", "transpose"),
)
_CONVOLUTION: Final = ("*convolution*", "*slow_conv*", "thnn_conv2d")
# Further operators by the function that runs them, as patterns.
_FURTHER: Final = {
    "affine_grid": ("affine_grid_generator*",),
    "batch_norm": ("*batch_norm*",),
    **dict.fromkeys((f"conv{n}d" for n in (1, 2, 3)), _CONVOLUTION),
    **dict.fromkeys((f"conv_transpose{n}d" for n in (1, 2, 3)), _CONVOLUTION),
    "fold": ("col2im",),
    "grid_sample": ("*grid_sampler*",),
    "gru": ("*gru*",),
    "interpolate": ("*upsample_*",),
    "lstm": ("*lstm*", "*_rnn*"),
    "multi_head_attention_forward": ("_native_multi_head_attention", "_transformer_encoder_*"),
    "nll_loss": ("nll_loss2d*",),
    "norm": ("linalg_vector_norm",),
    "rms_norm": ("_fused_rms_norm*",),
    "scaled_dot_product_attention": (
        "_scaled_dot_product_*",
        "_flash_attention_*",
        "_efficient_attention_*",
        "_cudnn_attention_*",
    ),
    "softmax": ("_safe_softmax", "_masked_softmax*"),
    "torch.nn.functional.unfold": ("im2col",),
    "unique": ("_unique*", "unique_dim*"),
    "upsample": ("*upsample_*",),
}
_IN_EVERY: Final = frozenset(
    {
        *("add", "arange", "cat", "clone", "contiguous", "copy", "detach", "diagonal", "div"),
        *("empty", "empty_like", "expand", "fill", "full", "index", "index_select", "mean", "mul"),
        *("narrow", "neg", "ones", "ones_like", "permute", "reshape", "rsub", "select", "slice"),
        *("split", "squeeze", "stack", "sub", "sum", "t", "to", "transpose", "unbind", "unfold"),
        *("unsqueeze", "view", "where", "zeros", "zeros_like"),
    }
)
_PREFIXES: Final = re.compile(r"^(native|linalg|special)_")
_SUFFIXES: Final = re.compile(
    r"_(double_backward|backward_data|backward|forward|with_indices|with_indices_backward|ex)$"
)
_TRANSFORM: Final = re.compile(r"i?[hr]?fft[2n]?")


def spellings(public: str) -> frozenset[str]:
    """Return all public names of the function whose public name is `public`."""
    home, _, base = public.rpartition(".")
    if home not in _HOMES or public in _APART:
        return frozenset({public})
    words = {word for name in _same(base) for word in (name, f"{name}_", f"_{name}")}
    return frozenset(f"{place}.{word}" for place in _HOMES for word in words)


def method_names(public: str) -> frozenset[str]:
    """Return the names under which a function is a method of `torch.Tensor`, if it is one."""
    prefix = "torch.Tensor."
    names = (name for name in spellings(public) if name.startswith(prefix))
    return frozenset(name.removeprefix(prefix) for name in names)


def betrays(operator: str, public: str) -> bool:
    """Whether an operator, such as `aten::_softmax`, tells that the function `public` ran."""
    home, _, base = public.rpartition(".")
    name = operator.removeprefix(ATEN)
    if name == operator or home not in {*_HOMES, _FOURIER}:
        return False
    if home == _FOURIER:
        return bool(_TRANSFORM.fullmatch(base)) and fnmatchcase(name, "_fft_*")
    further = (*_FURTHER.get(base, ()), *_FURTHER.get(public, ()))
    if any(fnmatchcase(name, pattern) for pattern in further):
        return True
    return public not in _APART and _is_variant(name, base)


def _is_variant(name: str, base: str) -> bool:
    # What ends in an underscore edits in place: forbidding that does not forbid the rest.
    if base.endswith("_"):
        return name == base
    stem = _SUFFIXES.sub("", _PREFIXES.sub("", name.strip("_")))
    return stem in _same(base) and stem not in _IN_EVERY


def _same(base: str) -> frozenset[str]:
    groups = (group for group in _SAME if base in group)
    return frozenset({base, *next(groups, ())})
