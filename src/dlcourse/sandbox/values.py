"""Python values as JSON trees, with tensors by their index in the frame.

`None`, booleans, strings, 64-bit integers, finite floats and lists stand for themselves; all else
is an object `{"$": tag, ...}`. What the decoder returns is built of exact builtin types, plain
tensors, NumPy arrays, dtypes, devices and generators: no subclass and no code can come out.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import torch

from dlcourse.sandbox.tensors import DTYPE_NAMES, DTYPES, Malformed, Unsendable, pack

MAX_DEPTH: Final = 32
MAX_NODES: Final = 100_000
MAX_TEXT: Final = 1 << 18
_MAX_HEX: Final = 4096
_INT64: Final = 1 << 63
_DEVICES: Final = ("cpu",)


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

    def tensor(self, tensor: torch.Tensor) -> int:
        """Add a tensor and return its index; raises Unsendable."""
        if id(tensor) not in self._index:
            description, data = pack(tensor)
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
        if value is None or type(value) is bool:
            return value
        if isinstance(value, torch.Tensor):
            return {"$": "tensor", "i": self.tensor(value)}
        for kind, encode in _ENCODERS:
            if isinstance(value, kind):
                return encode(self, value, depth)
        raise Unsendable(f"a value of type `{type(value).__qualname__}`")


def _encode_int(encoder: Encoder, value: int, depth: int) -> Any:
    value = int(value)
    return value if -_INT64 <= value < _INT64 else {"$": "int", "v": hex(value)}


def _encode_float(encoder: Encoder, value: float, depth: int) -> Any:
    value = float(value)
    return value if math.isfinite(value) else {"$": "float", "v": repr(value)}


def _encode_text(encoder: Encoder, value: str, depth: int) -> Any:
    if len(value) > MAX_TEXT:
        raise Unsendable("a string that is too long")
    return str(value)


def _encode_list(encoder: Encoder, value: list[Any], depth: int) -> Any:
    return [encoder.encode(item, depth + 1) for item in value]


def _encode_items(tag: str) -> Callable[[Encoder, Any, int], Any]:
    def encode(encoder: Encoder, value: Any, depth: int) -> Any:
        return {"$": tag, "v": [encoder.encode(item, depth + 1) for item in value]}

    return encode


def _encode_dict(encoder: Encoder, value: dict[Any, Any], depth: int) -> Any:
    pairs = [
        [encoder.encode(key, depth + 1), encoder.encode(item, depth + 1)]
        for key, item in value.items()
    ]
    return {"$": "dict", "v": pairs}


def _encode_complex(encoder: Encoder, value: complex, depth: int) -> Any:
    return {"$": "complex", "v": [encoder.encode(value.real), encoder.encode(value.imag)]}


def _encode_slice(encoder: Encoder, value: slice, depth: int) -> Any:
    bounds = (value.start, value.stop, value.step)
    return {"$": "slice", "v": [encoder.encode(bound, depth + 1) for bound in bounds]}


def _encode_bytes(encoder: Encoder, value: bytes, depth: int) -> Any:
    return {"$": "bytes", "v": base64.b64encode(value).decode()}


def _encode_dtype(encoder: Encoder, value: torch.dtype, depth: int) -> Any:
    if value not in DTYPE_NAMES:
        raise Unsendable(f"the dtype {value}")
    return {"$": "dtype", "v": DTYPE_NAMES[value]}


def _encode_device(encoder: Encoder, value: torch.device, depth: int) -> Any:
    return {"$": "device", "v": str(value)}


def _encode_array(encoder: Encoder, value: np.ndarray[Any, Any], depth: int) -> Any:
    try:
        tensor = torch.from_numpy(np.ascontiguousarray(value))
    except TypeError:
        raise Unsendable(f"a NumPy array of dtype {value.dtype}") from None
    return {"$": "ndarray", "i": encoder.tensor(tensor)}


def _encode_generator(encoder: Encoder, value: torch.Generator, depth: int) -> Any:
    if value.device.type != "cpu":
        raise Unsendable(f"a generator on the device {value.device.type}")
    if value not in encoder.generators:
        encoder.generators.append(value)
    state = encoder.tensor(value.get_state())
    return {"$": "generator", "i": state, "v": encoder.generators.index(value)}


def _encode_numpy_scalar(encoder: Encoder, value: np.generic, depth: int) -> Any:
    return encoder.encode(value.item(), depth + 1)


# In this order: np.float64 is a float, torch.Size a tuple, and a namedtuple travels as a tuple.
_ENCODERS: Final[tuple[tuple[type, Callable[[Encoder, Any, int], Any]], ...]] = (
    (int, _encode_int),
    (float, _encode_float),
    (str, _encode_text),
    (list, _encode_list),
    (torch.Size, _encode_items("size")),
    (tuple, _encode_items("tuple")),
    (dict, _encode_dict),
    ((set, frozenset), _encode_items("set")),  # type: ignore[arg-type]  # isinstance takes a tuple
    (complex, _encode_complex),
    (bytes, _encode_bytes),
    (torch.dtype, _encode_dtype),
    (torch.device, _encode_device),
    (slice, _encode_slice),
    (torch.Generator, _encode_generator),
    (np.ndarray, _encode_array),
    (np.generic, _encode_numpy_scalar),
)


class Decoder:
    """Turns trees back into values; raises Malformed for anything that is not one.

    `tensors` are the frame's; `generators` collects the generators made, by their number.
    """

    def __init__(self, tensors: Sequence[torch.Tensor]) -> None:
        self._tensors = tensors
        self.generators: dict[int, torch.Generator] = {}
        self._nodes = 0

    def decode(self, tree: Any, depth: int = 0) -> Any:
        """Return the value of `tree`."""
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise Malformed("a value nested too deeply or with too many parts")
        if tree is None or type(tree) in (bool, int, float):
            return tree
        if type(tree) is str:
            return _decode_text(tree)
        if type(tree) is list:
            return [self.decode(item, depth + 1) for item in tree]
        if type(tree) is not dict:
            raise Malformed("not a value")
        tag = tree.get("$")
        decode = _DECODERS.get(tag) if type(tag) is str else None
        if decode is None:
            raise Malformed("unknown tag")
        return decode(self, tree, depth + 1)

    def tensor(self, tree: dict[str, Any]) -> torch.Tensor:
        """The tensor that `tree["i"]` names."""
        return self._tensors[_index(tree.get("i"), len(self._tensors))]


def _index(value: Any, count: int) -> int:
    if type(value) is not int or not 0 <= value < count:
        raise Malformed("an index is out of range")
    return value


def _decode_text(text: Any) -> str:
    if type(text) is not str or len(text) > MAX_TEXT:
        raise Malformed("not a string, or too long")
    # Lone surrogates, legal in JSON, could be printed nowhere.
    return text.encode("utf-8", "replace").decode("utf-8")


def _items(value: Any, length: int | None = None) -> list[Any]:
    if type(value) is not list or (length is not None and len(value) != length):
        raise Malformed("not a list, or of the wrong length")
    return value


def _decode_tensor(decoder: Decoder, tree: dict[str, Any], depth: int) -> torch.Tensor:
    return decoder.tensor(tree)


def _decode_array(decoder: Decoder, tree: dict[str, Any], depth: int) -> Any:
    tensor = decoder.tensor(tree)
    if tensor.dtype is torch.bfloat16:
        raise Malformed("an array of a dtype that NumPy lacks")
    return tensor.numpy()


def _decode_tuple(decoder: Decoder, tree: dict[str, Any], depth: int) -> tuple[Any, ...]:
    return tuple(decoder.decode(item, depth) for item in _items(tree.get("v")))


def _decode_key(decoder: Decoder, tree: Any, depth: int) -> Any:
    key = decoder.decode(tree, depth)
    try:
        hash(key)
    except TypeError:
        raise Malformed("an unhashable key") from None
    if isinstance(key, torch.Tensor):
        raise Malformed("a tensor as key")
    return key


def _decode_dict(decoder: Decoder, tree: dict[str, Any], depth: int) -> dict[Any, Any]:
    pairs = [_items(pair, 2) for pair in _items(tree.get("v"))]
    return {
        _decode_key(decoder, key, depth): decoder.decode(item, depth) for key, item in pairs
    }


def _decode_set(decoder: Decoder, tree: dict[str, Any], depth: int) -> set[Any]:
    return {_decode_key(decoder, item, depth) for item in _items(tree.get("v"))}


def _decode_size(decoder: Decoder, tree: dict[str, Any], depth: int) -> torch.Size:
    extents = _items(tree.get("v"))
    if any(type(extent) is not int or not 0 <= extent < _INT64 for extent in extents):
        raise Malformed("not a size")
    return torch.Size(extents)


def _decode_float(decoder: Decoder, tree: dict[str, Any], depth: int) -> float:
    text = tree.get("v")
    if text not in ("nan", "inf", "-inf"):
        raise Malformed("not a float")
    return float(text)


def _decode_int(decoder: Decoder, tree: dict[str, Any], depth: int) -> int:
    text = tree.get("v")
    if type(text) is not str or len(text) > _MAX_HEX:
        raise Malformed("not an integer")
    try:
        return int(text, 16)
    except ValueError:
        raise Malformed("not an integer") from None


def _decode_complex(decoder: Decoder, tree: dict[str, Any], depth: int) -> complex:
    real, imaginary = (decoder.decode(part, depth) for part in _items(tree.get("v"), 2))
    if type(real) is not float or type(imaginary) is not float:
        raise Malformed("not a complex number")
    return complex(real, imaginary)


def _decode_bytes(decoder: Decoder, tree: dict[str, Any], depth: int) -> bytes:
    try:
        return base64.b64decode(_decode_text(tree.get("v")), validate=True)
    except binascii.Error:
        raise Malformed("not base64") from None


def _decode_dtype(decoder: Decoder, tree: dict[str, Any], depth: int) -> torch.dtype:
    dtype = DTYPES.get(_decode_text(tree.get("v")))
    if dtype is None:
        raise Malformed("unknown dtype")
    return dtype


def _decode_device(decoder: Decoder, tree: dict[str, Any], depth: int) -> torch.device:
    name = tree.get("v")
    if name not in _DEVICES:
        raise Malformed("unknown device")
    return torch.device(name)


def _decode_slice(decoder: Decoder, tree: dict[str, Any], depth: int) -> slice:
    bounds = (decoder.decode(bound, depth) for bound in _items(tree.get("v"), 3))
    return slice(*bounds)


def _decode_generator(decoder: Decoder, tree: dict[str, Any], depth: int) -> torch.Generator:
    number = _index(tree.get("v"), MAX_NODES)
    if number not in decoder.generators:
        generator = torch.Generator()
        set_state(generator, decoder.tensor(tree))
        decoder.generators[number] = generator
    return decoder.generators[number]


def set_state(generator: torch.Generator, state: torch.Tensor) -> None:
    """Set a generator's state from the wire; raises Malformed for what is not a state."""
    if state.dtype is not torch.uint8 or state.shape != generator.get_state().shape:
        raise Malformed("not the state of a generator")
    try:
        generator.set_state(state.contiguous())
    except RuntimeError:
        raise Malformed("not the state of a generator") from None


_DECODERS: Final[dict[str, Callable[[Decoder, dict[str, Any], int], Any]]] = {
    "bytes": _decode_bytes,
    "complex": _decode_complex,
    "device": _decode_device,
    "dict": _decode_dict,
    "dtype": _decode_dtype,
    "float": _decode_float,
    "generator": _decode_generator,
    "int": _decode_int,
    "ndarray": _decode_array,
    "set": _decode_set,
    "size": _decode_size,
    "slice": _decode_slice,
    "tensor": _decode_tensor,
    "tuple": _decode_tuple,
}
