"""Python values as JSON trees, with tensors by their index in the frame: the sending side.

`None`, booleans, strings, 64-bit integers, finite floats and lists stand for themselves; all else
is an object `{"$": tag, ...}`. Whatever `Encoder` emits, `Decoder` accepts.
"""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from dlcourse.sandbox.tensors import DTYPE_NAMES, MAX_LEAD_BYTES, Unsendable, pack

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DEPTH: Final = 32
MAX_NODES: Final = 100_000
MAX_TEXT: Final = 1 << 18
MAX_HEX: Final = 3500  # an integer of so many digits can still be printed in decimal
MAX_GENERATORS: Final = 64
INT64: Final = 1 << 63
DEVICES: Final = ("cpu",)
_PLAIN_KEYS: Final = (
    *(type(None), bool, int, float, complex, str, bytes),
    *(np.generic, torch.dtype, torch.device),
)


def is_key(value: Any) -> bool:
    """Whether the wire carries `value` as a key or in a set: what compares by value alone."""
    if issubclass(type(value), tuple | frozenset):
        return all(is_key(item) for item in value)
    return issubclass(type(value), _PLAIN_KEYS)


def has_plain_form(value: Any) -> bool:
    """Whether the wire carries `value` itself, its parts aside."""
    return value is None or any(issubclass(type(value), base) for base, _ in _ENCODERS)


class Encoder:
    """Turns values into trees; collects the tensors and generators that they hold.

    One tensor object met twice is sent once, so that `f(x, x)` stays a call on one tensor.
    """

    def __init__(self) -> None:
        self.tensors: list[torch.Tensor] = []
        self.descriptions: list[dict[str, Any]] = []
        self.buffers: list[memoryview] = []
        self.generators: list[torch.Generator] = []
        self._index: dict[int, int] = {}
        self._nodes = 0
        self._room = MAX_LEAD_BYTES

    def tensor(self, tensor: torch.Tensor) -> int:
        """Add a tensor and return its index; raises Unsendable."""
        if id(tensor) not in self._index:
            description, data = pack(tensor, self._room)
            self._room -= description.get("offset", 0) * tensor.element_size()
            self._index[id(tensor)] = len(self.tensors)
            self.tensors.append(tensor)
            self.descriptions.append(description)
            self.buffers.append(data)
        return self._index[id(tensor)]

    def encode(self, value: Any, depth: int = 0) -> Any:
        """Return the tree of `value`; raises Unsendable for what cannot cross."""
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise Unsendable("a value nested too deeply or with too many parts")
        # `isinstance` would believe an object that lies about its `__class__`.
        kind = type(value)
        if value is None or kind is bool:
            return value
        for base, encode in _ENCODERS:
            if issubclass(kind, base):
                return encode(self, value, depth)
        return self.unknown(value)

    def unknown(self, value: Any) -> Any:
        """Return the tree of a value that has no plain form; raises Unsendable."""
        raise Unsendable(f"a value of type `{type(value).__qualname__}`")

    def key(self, value: Any, depth: int) -> Any:
        """Return the tree of a key or of a set's member; raises Unsendable."""
        if not is_key(value):
            raise Unsendable(f"a key or a member of a set of type `{type(value).__qualname__}`")
        return self.encode(value, depth)


def _encode_tensor(encoder: Encoder, value: torch.Tensor, _: int) -> Any:
    return {"$": "tensor", "i": encoder.tensor(value)}


def _encode_int(_: Encoder, value: int, __: int) -> Any:
    value = int(value)
    if -INT64 <= value < INT64:
        return value
    text = hex(value)
    if len(text) > MAX_HEX:
        raise Unsendable("an integer of thousands of digits")
    return {"$": "int", "v": text}


def _encode_float(_: Encoder, value: float, __: int) -> Any:
    value = float(value)
    return value if math.isfinite(value) else {"$": "float", "v": repr(value)}


def _encode_text(_: Encoder, value: str, __: int) -> Any:
    if len(value) > MAX_TEXT:
        raise Unsendable("a string that is too long")
    return str.__str__(value)  # the text itself, where an enumeration shows its name


def _encode_list(encoder: Encoder, value: list[Any], depth: int) -> Any:
    return [encoder.encode(item, depth + 1) for item in value]


def _encode_tuple(encoder: Encoder, value: tuple[Any, ...], depth: int) -> Any:
    return {"$": "tuple", "v": [encoder.encode(item, depth + 1) for item in value]}


def _encode_size(_: Encoder, value: torch.Size, __: int) -> Any:
    return {"$": "size", "v": list(value)}


def _encode_dict(encoder: Encoder, value: dict[Any, Any], depth: int) -> Any:
    pairs = [
        [encoder.key(key, depth + 1), encoder.encode(item, depth + 1)]
        for key, item in value.items()
    ]
    return {"$": "dict", "v": pairs}


def _encode_set(encoder: Encoder, value: set[Any], depth: int) -> Any:
    return {"$": "set", "v": [encoder.key(item, depth + 1) for item in value]}


def _encode_frozenset(encoder: Encoder, value: frozenset[Any], depth: int) -> Any:
    return {"$": "frozenset", "v": [encoder.key(item, depth + 1) for item in value]}


def _encode_complex(encoder: Encoder, value: complex, depth: int) -> Any:
    parts = (value.real, value.imag)
    return {"$": "complex", "v": [encoder.encode(part, depth + 1) for part in parts]}


def _encode_slice(encoder: Encoder, value: slice, depth: int) -> Any:
    bounds = (value.start, value.stop, value.step)
    return {"$": "slice", "v": [encoder.encode(bound, depth + 1) for bound in bounds]}


def _encode_bytes(_: Encoder, value: bytes, __: int) -> Any:
    text = base64.b64encode(value).decode()
    if len(text) > MAX_TEXT:
        raise Unsendable("bytes that are too many")
    return {"$": "bytes", "v": text}


def _encode_dtype(_: Encoder, value: torch.dtype, __: int) -> Any:
    if value not in DTYPE_NAMES:
        raise Unsendable(f"the dtype {value}")
    return {"$": "dtype", "v": DTYPE_NAMES[value]}


def _encode_device(_: Encoder, value: torch.device, __: int) -> Any:
    if value.type not in DEVICES:
        raise Unsendable(f"the device {value}")
    return {"$": "device", "v": value.type}


def _encode_array(encoder: Encoder, value: np.ndarray[Any, Any], _: int) -> Any:
    try:
        # A copy is plain, contiguous and writable, as torch wants it, and keeps 0 dimensions.
        tensor = torch.from_numpy(np.array(value, order="C", subok=False))
    except (TypeError, ValueError):
        raise Unsendable(f"a NumPy array of dtype {value.dtype}") from None
    return {"$": "ndarray", "i": encoder.tensor(tensor)}


def _encode_generator(encoder: Encoder, value: torch.Generator, _: int) -> Any:
    if value.device.type != "cpu":
        raise Unsendable(f"a generator on the device {value.device.type}")
    if value not in encoder.generators:
        encoder.generators.append(value)
    if len(encoder.generators) > MAX_GENERATORS:
        raise Unsendable("a value with too many generators")
    state = encoder.tensor(value.get_state())
    return {"$": "generator", "i": state, "v": encoder.generators.index(value)}


def _encode_numpy_scalar(encoder: Encoder, value: np.generic, depth: int) -> Any:
    return encoder.encode(value.item(), depth + 1)


# In this order: np.float64 is a float, torch.Size a tuple, and a namedtuple travels as a tuple.
_ENCODERS: Final[tuple[tuple[type, Callable[[Encoder, Any, int], Any]], ...]] = (
    (torch.Tensor, _encode_tensor),
    (int, _encode_int),
    (float, _encode_float),
    (str, _encode_text),
    (list, _encode_list),
    (torch.Size, _encode_size),
    (tuple, _encode_tuple),
    (dict, _encode_dict),
    (set, _encode_set),
    (frozenset, _encode_frozenset),
    (complex, _encode_complex),
    (bytes, _encode_bytes),
    (torch.dtype, _encode_dtype),
    (torch.device, _encode_device),
    (slice, _encode_slice),
    (torch.Generator, _encode_generator),
    (np.ndarray, _encode_array),
    (np.generic, _encode_numpy_scalar),
)
