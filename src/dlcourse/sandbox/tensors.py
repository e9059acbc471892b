"""One tensor on the wire: a small description in the JSON header and its raw bytes.

The description is a dict: `dtype`, `shape`, `bytes`, and where they differ from the plain case
`stride` and `offset` (in elements), `grad` (requires_grad) and `inner` (not a leaf). The bytes
span the elements from the first to the last; gaps between strided elements travel as zeros, never
as what happened to lie there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import torch

DTYPES: Final[dict[str, torch.dtype]] = {
    name: getattr(torch, name)
    for name in (
        "bfloat16",
        "bool",
        "complex128",
        "complex64",
        "float16",
        "float32",
        "float64",
        "int16",
        "int32",
        "int64",
        "int8",
        "uint8",
    )
}
DTYPE_NAMES: Final = {dtype: name for name, dtype in DTYPES.items()}

MAX_DIMENSIONS: Final = 16
MAX_EXTENT: Final = 1 << 48
MAX_TENSOR_BYTES: Final = 256 << 20


class Malformed(ValueError):
    """A frame, a description or a value that no honest peer sends."""


class Unsendable(TypeError):
    """A value that cannot cross; the message describes it as `a sparse tensor`."""


@dataclass(frozen=True)
class TensorSpec:
    """A validated description; `payload` is the number of bytes that follow on the wire."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    stride: tuple[int, ...] | None
    offset: int
    payload: int
    requires_grad: bool
    is_leaf: bool


def describe_tensor(tensor: torch.Tensor) -> str:
    """Name a tensor's kind for a person: `a float32 tensor of shape (2, 3)`."""
    return f"a {str(tensor.dtype).removeprefix('torch.')} tensor of shape {tuple(tensor.shape)}"


def pack(tensor: torch.Tensor) -> tuple[dict[str, Any], memoryview]:
    """Describe `tensor` and return its bytes; a contiguous CPU tensor is not copied.

    Raises Unsendable for a layout, device or dtype that the wire does not carry.
    """
    # A tensor subclass of graded code must not run its own hooks while its bytes are read.
    with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
        _refuse_exotic(tensor)
        plain = tensor.as_subclass(torch.Tensor).detach().resolve_conj().resolve_neg()
        description: dict[str, Any] = {
            "dtype": DTYPE_NAMES[plain.dtype],
            "shape": list(plain.shape),
        }
        if tensor.requires_grad:
            description["grad"] = True
            if not tensor.is_leaf:
                description["inner"] = True
        if not plain.is_contiguous() or plain.storage_offset():
            plain = _span(plain, description)
        data = _bytes_of(plain)
        description["bytes"] = data.nbytes
    return description, data


def _refuse_exotic(tensor: torch.Tensor) -> None:
    """Raise Unsendable unless `tensor` is a dense CPU tensor of a known dtype."""
    if tensor.layout is not torch.strided:
        raise Unsendable(f"a {str(tensor.layout).removeprefix('torch.')} tensor")
    if tensor.is_quantized or tensor.dtype not in DTYPE_NAMES:
        raise Unsendable(f"a tensor of dtype {str(tensor.dtype).removeprefix('torch.')}")
    if tensor.device.type != "cpu":
        raise Unsendable(f"a tensor on the device {tensor.device.type}")
    if tensor.is_nested:
        raise Unsendable("a nested tensor")


def _span(tensor: torch.Tensor, description: dict[str, Any]) -> torch.Tensor:
    """The elements from the first to the last as one vector; notes stride and offset.

    Keeping the layout must not cost more than the data: a view spread so thinly that its span
    exceeds the wire's limit is sent compact.
    """
    reach = 1 + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True))
    span = reach if tensor.numel() else 0
    if (span + tensor.storage_offset()) * tensor.element_size() > MAX_TENSOR_BYTES:
        return tensor.contiguous()
    description["stride"] = list(tensor.stride())
    description["offset"] = tensor.storage_offset()
    if span == tensor.numel():
        return tensor.as_strided((span,), (1,), tensor.storage_offset())
    places = torch.zeros((), dtype=torch.int64)
    for axis, (n, step) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
        column = [1] * tensor.dim()
        column[axis] = n
        places = places + step * torch.arange(n).view(column)
    filled = torch.zeros(span, dtype=tensor.dtype)
    filled[places.reshape(-1)] = tensor.reshape(-1)
    return filled


def _bytes_of(contiguous: torch.Tensor) -> memoryview:
    if not contiguous.numel():
        return memoryview(b"")
    raw = contiguous.reshape(-1).view(torch.uint8).numpy()
    return memoryview(raw)


def parse(description: Any, budget: int) -> TensorSpec:
    """Validate a description that came over the wire; raises Malformed.

    `budget` is the number of payload bytes still unclaimed. Every product is taken over Python's
    own integers, and the size of the tensor *as it will be seen* is bounded too: a few bytes
    under a stride of zero may stand for terabytes.
    """
    if type(description) is not dict:
        raise Malformed("a tensor description is not an object")
    dtype = DTYPES.get(_text(description.get("dtype")))
    if dtype is None:
        raise Malformed("unknown dtype")
    shape = _extents(description.get("shape"), "shape")
    stride = None
    if "stride" in description:
        stride = _extents(description["stride"], "stride")
        if len(stride) != len(shape):
            raise Malformed("stride and shape differ in length")
    offset = _extent(description.get("offset", 0), "offset")
    if offset and stride is None:
        raise Malformed("an offset without a stride")
    payload = _extent(description.get("bytes"), "bytes")
    _check_size(dtype, shape, stride, offset, payload)
    if payload > budget:
        raise Malformed("more tensor bytes than the frame holds")
    differentiable = dtype.is_floating_point or dtype.is_complex
    return TensorSpec(
        dtype=dtype,
        shape=shape,
        stride=stride,
        offset=offset,
        payload=payload,
        requires_grad=_flag(description.get("grad", False)) and differentiable,
        is_leaf=not _flag(description.get("inner", False)),
    )


def _check_size(
    dtype: torch.dtype,
    shape: tuple[int, ...],
    stride: tuple[int, ...] | None,
    offset: int,
    payload: int,
) -> None:
    count = math.prod(shape)
    span = count
    if stride is not None and count:
        span = 1 + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
    if max(count, span + offset) * dtype.itemsize > MAX_TENSOR_BYTES:
        raise Malformed("tensor too large")
    if span * dtype.itemsize != payload:
        raise Malformed(f"{payload} bytes do not fit shape {shape}")


def _text(value: Any) -> str:
    if type(value) is not str:
        raise Malformed("a name is not a string")
    return value


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise Malformed("a flag is not a boolean")
    return value


def _extent(value: Any, name: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_EXTENT:
        raise Malformed(f"{name} is not a size")
    return value


def _extents(value: Any, name: str) -> tuple[int, ...]:
    if type(value) is not list or len(value) > MAX_DIMENSIONS:
        raise Malformed(f"{name} is not a list of sizes")
    return tuple(_extent(item, name) for item in value)


def build(spec: TensorSpec, data: torch.Tensor) -> torch.Tensor:
    """Make the tensor that `spec` describes out of `data`, a uint8 vector of its bytes.

    The result is plain: detached, with its own storage. `requires_grad` is left to the caller.
    """
    with torch.no_grad():
        # Any byte but 0 and 1 in a bool tensor is undefined behaviour.
        flat = data.ne(0) if spec.dtype is torch.bool else data.view(spec.dtype)
        if spec.stride is None:
            result = flat.view(spec.shape)
        elif not math.prod(spec.shape):
            result = torch.empty(spec.offset, dtype=spec.dtype).as_strided(
                spec.shape, spec.stride, spec.offset
            )
        else:
            if spec.offset:
                flat = torch.cat((torch.zeros(spec.offset, dtype=spec.dtype), flat))
            result = flat.as_strided(spec.shape, spec.stride, spec.offset)
    # A view made under no_grad refuses in-place edits later; a detached one does not.
    return result.detach()
