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
MAX_LEAD_BYTES: Final = 64 << 20  # before the first elements, over all tensors of a frame


class Malformed(ValueError):  # noqa: N818 - it names what came
    """A frame, a description or a value that no honest peer sends."""


class Unsendable(TypeError):  # noqa: N818 - it names what is to go
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

    @property
    def lead(self) -> int:
        """Bytes of storage before the first element; they do not travel."""
        return self.offset * self.dtype.itemsize


def describe_tensor(tensor: torch.Tensor) -> str:
    """Name a tensor's kind for a person: `a float32 tensor of shape (2, 3)`."""
    return f"a {str(tensor.dtype).removeprefix('torch.')} tensor of shape {tuple(tensor.shape)}"


def pack(tensor: torch.Tensor, room: int = MAX_LEAD_BYTES) -> tuple[dict[str, Any], memoryview]:
    """Describe `tensor` and return its bytes; a contiguous CPU tensor is not copied.

    `room` is how many bytes of lead the frame still has; where they do not suffice, the tensor
    arrives without its storage offset. Raises Unsendable for a layout, device or dtype that the
    wire does not carry.
    """
    # A tensor subclass of graded code must not run its own hooks while its bytes are read.
    own_hooks_off = torch._C.DisableTorchFunctionSubclass()  # noqa: SLF001 - there is no public one
    with own_hooks_off, torch.no_grad():
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
        # Not `is_contiguous`, which overlooks the strides of axes of one element.
        if plain.stride() != _plain_stride(plain.shape) or plain.storage_offset():
            plain = _span(plain, description, room)
        data = _bytes_of(plain)
        description["bytes"] = data.nbytes
    return description, data


def _refuse_exotic(tensor: torch.Tensor) -> None:
    """Raise Unsendable unless `tensor` is a dense CPU tensor of a known dtype."""
    # A jagged nested tensor says that it is strided.
    if tensor.is_nested:
        raise Unsendable("a nested tensor")
    if tensor.layout is not torch.strided:
        raise Unsendable(f"a {str(tensor.layout).removeprefix('torch.')} tensor")
    if tensor.is_quantized or tensor.dtype not in DTYPE_NAMES:
        raise Unsendable(f"a tensor of dtype {str(tensor.dtype).removeprefix('torch.')}")
    if tensor.device.type != "cpu":
        raise Unsendable(f"a tensor on the device {tensor.device.type}")
    if tensor.dim() > MAX_DIMENSIONS:
        raise Unsendable(f"a tensor of {tensor.dim()} dimensions")


def _plain_stride(shape: torch.Size) -> tuple[int, ...]:
    """The strides that a new tensor of this shape gets."""
    stride: list[int] = []
    step = 1
    for extent in reversed(shape):
        stride.append(step)
        step *= max(extent, 1)
    return tuple(reversed(stride))


def _span(tensor: torch.Tensor, description: dict[str, Any], room: int) -> torch.Tensor:
    """The elements from the first to the last as one vector; notes stride and offset.

    Keeping the layout must not cost more than the data: a view spread so thinly that its span
    exceeds the wire's limit is sent compact.
    """
    reach = 1 + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True))
    span = reach if tensor.numel() else 0
    if span * tensor.element_size() > MAX_TENSOR_BYTES:
        return tensor.contiguous()
    description["stride"] = list(tensor.stride())
    offset = tensor.storage_offset()
    if offset * tensor.element_size() <= room:
        description["offset"] = offset
    if _is_dense(tensor):
        return tensor.as_strided((span,), (1,), offset)
    return _filled(tensor, span)


def _is_dense(tensor: torch.Tensor) -> bool:
    """Whether the elements lie side by side, each once, in whatever order of axes."""
    step = 1
    for stride, extent in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if extent != 1 and stride != step:
            return False
        step *= extent
    return True


def _filled(tensor: torch.Tensor, span: int) -> torch.Tensor:
    """The elements at their places in a vector of zeros."""
    places = torch.zeros((), dtype=torch.int64, device="cpu")
    for axis, (n, step) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
        column = [1] * tensor.dim()
        column[axis] = n
        places = places + step * torch.arange(n, device="cpu").view(column)
    filled = torch.zeros(span, dtype=tensor.dtype, device="cpu")
    filled[places.reshape(-1)] = tensor.reshape(-1)
    return filled


def _bytes_of(contiguous: torch.Tensor) -> memoryview:
    if not contiguous.numel():
        return memoryview(b"")
    return contiguous.reshape(-1).view(torch.uint8).numpy().data


def parse(description: Any, budget: int, room: int = MAX_LEAD_BYTES) -> TensorSpec:
    """Validate a description that came over the wire; raises Malformed.

    `budget` and `room` are the numbers of payload and of lead bytes still unclaimed. Every product
    is taken over Python's own integers, and the size of the tensor *as it will be seen* is bounded
    too: a few bytes under a stride of zero may stand for terabytes.
    """
    if type(description) is not dict:
        raise Malformed("a tensor description is not an object")
    dtype = DTYPES.get(_text(description.get("dtype")))
    if dtype is None:
        raise Malformed("unknown dtype")
    shape = _extents(description.get("shape"), "shape")
    stride = _extents(description["stride"], "stride") if "stride" in description else None
    spec = TensorSpec(
        dtype=dtype,
        shape=shape,
        stride=stride,
        offset=_extent(description.get("offset", 0), "offset"),
        payload=_extent(description.get("bytes"), "bytes"),
        requires_grad=_flag(description.get("grad", False)) and _differentiable(dtype),
        is_leaf=not _flag(description.get("inner", False)),
    )
    _check_size(spec, budget, room)
    return spec


def _differentiable(dtype: torch.dtype) -> bool:
    return dtype.is_floating_point or dtype.is_complex


def _check_size(spec: TensorSpec, budget: int, room: int) -> None:
    """Raise Malformed unless shape, stride, offset and bytes fit together and the limits."""
    if spec.stride is None and spec.offset:
        raise Malformed("an offset without a stride")
    if spec.stride is not None and len(spec.stride) != len(spec.shape):
        raise Malformed("stride and shape differ in length")
    # Empty axes count as one: torch multiplies the others before it meets the zero.
    if math.prod(max(extent, 1) for extent in spec.shape) * spec.dtype.itemsize > MAX_TENSOR_BYTES:
        raise Malformed("tensor too large")
    if _span_of(spec) * spec.dtype.itemsize != spec.payload:
        raise Malformed("a tensor's bytes do not fit its shape")
    if spec.payload > budget or spec.lead > room:
        raise Malformed("more tensor bytes than the frame holds")


def _span_of(spec: TensorSpec) -> int:
    """The number of elements from the first to the last."""
    count = math.prod(spec.shape)
    if spec.stride is None or not count:
        return count
    return 1 + sum((n - 1) * step for n, step in zip(spec.shape, spec.stride, strict=True))


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
    """Make the tensor that `spec` describes out of `data`, its storage as a uint8 vector.

    `data` holds `spec.lead` bytes and then those that travelled. The result is plain: detached,
    and alone with its storage. `requires_grad` is left to the caller.
    """
    with torch.no_grad():
        # Any byte but 0 and 1 in a bool tensor is undefined behaviour.
        flat = data.ne_(0) if spec.dtype is torch.bool else data
        flat = flat.view(spec.dtype)
        if spec.stride is None:
            result = flat.view(spec.shape)
        else:
            result = flat.as_strided(spec.shape, spec.stride, spec.offset)
    # A view made under no_grad refuses in-place edits later; a detached one does not.
    return result.detach()
