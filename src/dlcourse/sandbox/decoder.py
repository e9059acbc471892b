"""Trees from the wire as Python values: the receiving side.

What comes out is built of exact builtin types, plain tensors, NumPy arrays, dtypes, devices and
generators: no subclass and no code. Time and memory are bounded whatever the tree holds.
"""

from __future__ import annotations

import base64
import math
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import torch

from dlcourse.sandbox.generators import restore
from dlcourse.sandbox.tensors import DTYPES, Malformed
from dlcourse.sandbox.values import (
    DEVICES,
    INT64,
    MAX_DEPTH,
    MAX_GENERATORS,
    MAX_HEX,
    MAX_NODES,
    MAX_TEXT,
    is_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_MAX_COLLISIONS: Final = 256


class Decoder:
    """Turns trees back into values; raises Malformed for anything that is not one.

    `tensors` are the frame's, and `find` returns the object that a tree names, where any may be
    named. `generators` collects the generators made, by their number; `nodes` counts the parts.
    """

    def __init__(
        self, tensors: Sequence[torch.Tensor], find: Callable[[dict[str, Any]], Any] | None = None
    ) -> None:
        self._tensors = tensors
        self._find = find
        self.generators: dict[int, torch.Generator] = {}
        self.nodes = 0

    def decode(self, tree: Any, depth: int = 0) -> Any:
        """Return the value of `tree`."""
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise Malformed("a value nested too deeply or with too many parts")
        if tree is None or type(tree) is bool:
            return tree
        decode = _PLAIN.get(type(tree))
        if decode is None:
            raise Malformed("not a value")
        return decode(self, tree, depth)

    def tensor(self, tree: dict[str, Any]) -> torch.Tensor:
        """The tensor that `tree["i"]` names."""
        return item(self._tensors, tree.get("i"))

    def object(self, tree: dict[str, Any]) -> Any:
        """The object that `tree` names."""
        if self._find is None:
            raise Malformed("an object where none can be")
        return self._find(tree)


def _decode_plain_int(_: Decoder, tree: int, __: int) -> int:
    if not -INT64 <= tree < INT64:
        raise Malformed("an integer beyond 64 bits")
    return tree


def _decode_plain_float(_: Decoder, tree: float, __: int) -> float:
    if not math.isfinite(tree):
        raise Malformed("a float beyond its range")
    return tree


def _decode_plain_text(_: Decoder, tree: str, __: int) -> str:
    return _text(tree)


def _decode_list(decoder: Decoder, tree: list[Any], depth: int) -> list[Any]:
    return [decoder.decode(item, depth + 1) for item in tree]


def _decode_tagged(decoder: Decoder, tree: dict[str, Any], depth: int) -> Any:
    tag = tree.get("$")
    decode = _TAGGED.get(tag) if type(tag) is str else None
    if decode is None:
        raise Malformed("unknown tag")
    return decode(decoder, tree, depth + 1)


_PLAIN: Final[dict[type, Callable[[Decoder, Any, int], Any]]] = {
    dict: _decode_tagged,
    float: _decode_plain_float,
    int: _decode_plain_int,
    list: _decode_list,
    str: _decode_plain_text,
}


def item(tensors: Sequence[torch.Tensor], index: Any) -> torch.Tensor:
    """Return one of `tensors`; raises Malformed for an index that is none."""
    return tensors[_index(index, len(tensors))]


def _index(value: Any, count: int) -> int:
    if type(value) is not int or not 0 <= value < count:
        raise Malformed("an index is out of range")
    return value


def _text(text: Any) -> str:
    if type(text) is not str or len(text) > MAX_TEXT:
        raise Malformed("not a string, or too long")
    # Lone surrogates, legal in JSON, could be printed nowhere.
    return text.encode("utf-8", "replace").decode("utf-8")


def _items(value: Any, length: int | None = None) -> list[Any]:
    if type(value) is not list or (length is not None and len(value) != length):
        raise Malformed("not a list, or of the wrong length")
    return value


def _decode_tensor(decoder: Decoder, tree: dict[str, Any], _: int) -> torch.Tensor:
    return decoder.tensor(tree)


def _decode_array(decoder: Decoder, tree: dict[str, Any], _: int) -> Any:
    tensor = decoder.tensor(tree)
    if tensor.dtype is torch.bfloat16 or tensor.requires_grad:
        raise Malformed("an array of a kind that NumPy lacks")
    return tensor.numpy()


def _decode_tuple(decoder: Decoder, tree: dict[str, Any], depth: int) -> tuple[Any, ...]:
    return tuple(decoder.decode(item, depth) for item in _items(tree.get("v")))


def _keys(decoder: Decoder, trees: Iterable[Any], depth: int) -> list[Any]:
    """Decode keys, once it is sure that a hash table takes them in a time linear in their number.

    Hashes of numbers and tuples are no secret, so keys could be chosen that all collide.
    """
    keys = [decoder.decode(tree, depth) for tree in trees]
    if not all(map(is_key, keys)):
        raise Malformed("a key of a type that is none")
    for _, equal in groupby(sorted(map(hash, keys))):
        if sum(1 for _ in equal) > _MAX_COLLISIONS:
            raise Malformed("keys that collide")
    return keys


def _decode_dict(decoder: Decoder, tree: dict[str, Any], depth: int) -> dict[Any, Any]:
    pairs = [_items(pair, 2) for pair in _items(tree.get("v"))]
    keys = _keys(decoder, (key for key, _ in pairs), depth)
    values = (decoder.decode(item, depth) for _, item in pairs)
    result = dict(zip(keys, values, strict=True))
    # `True` and `1` are one key: no dict can have held both.
    if len(result) != len(keys):
        raise Malformed("a key met twice")
    return result


def _decode_set(decoder: Decoder, tree: dict[str, Any], depth: int) -> set[Any]:
    members = _keys(decoder, _items(tree.get("v")), depth)
    result = set(members)
    if len(result) != len(members):
        raise Malformed("a member met twice")
    return result


def _decode_frozenset(decoder: Decoder, tree: dict[str, Any], depth: int) -> frozenset[Any]:
    return frozenset(_decode_set(decoder, tree, depth))


def _decode_size(_: Decoder, tree: dict[str, Any], __: int) -> torch.Size:
    return torch.Size([_index(extent, INT64) for extent in _items(tree.get("v"))])


def _decode_float(_: Decoder, tree: dict[str, Any], __: int) -> float:
    text = tree.get("v")
    if text not in ("nan", "inf", "-inf"):
        raise Malformed("not a float")
    return float(text)


def _decode_int(_: Decoder, tree: dict[str, Any], __: int) -> int:
    text = tree.get("v")
    if type(text) is not str or len(text) > MAX_HEX:
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


def _decode_bytes(_: Decoder, tree: dict[str, Any], __: int) -> bytes:
    try:
        return base64.b64decode(_text(tree.get("v")), validate=True)
    except ValueError:
        raise Malformed("not base64") from None


def _decode_dtype(_: Decoder, tree: dict[str, Any], __: int) -> torch.dtype:
    dtype = DTYPES.get(_text(tree.get("v")))
    if dtype is None:
        raise Malformed("unknown dtype")
    return dtype


def _decode_device(_: Decoder, tree: dict[str, Any], __: int) -> torch.device:
    name = tree.get("v")
    if name not in DEVICES:
        raise Malformed("unknown device")
    return torch.device(name)


def _decode_slice(decoder: Decoder, tree: dict[str, Any], depth: int) -> slice:
    bounds = (decoder.decode(bound, depth) for bound in _items(tree.get("v"), 3))
    return slice(*bounds)


def _decode_generator(decoder: Decoder, tree: dict[str, Any], _: int) -> torch.Generator:
    number = _index(tree.get("v"), MAX_GENERATORS)
    if number not in decoder.generators:
        generator = torch.Generator()
        restore(generator, decoder.tensor(tree))
        decoder.generators[number] = generator
    return decoder.generators[number]


def _decode_object(decoder: Decoder, tree: dict[str, Any], _: int) -> Any:
    return decoder.object(tree)


_TAGGED: Final[dict[str, Callable[[Decoder, dict[str, Any], int], Any]]] = {
    "bytes": _decode_bytes,
    "complex": _decode_complex,
    "device": _decode_device,
    "dict": _decode_dict,
    "dtype": _decode_dtype,
    "float": _decode_float,
    "frozenset": _decode_frozenset,
    "generator": _decode_generator,
    "int": _decode_int,
    "ndarray": _decode_array,
    "object": _decode_object,
    "set": _decode_set,
    "size": _decode_size,
    "slice": _decode_slice,
    "tensor": _decode_tensor,
    "tuple": _decode_tuple,
}
