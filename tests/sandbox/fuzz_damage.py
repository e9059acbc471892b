"""Wounds for frames: one in every field, lying lengths and shapes, broken JSON, cuts and floods."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hostile_peer import frame

from dlcourse.sandbox.wire import HEAD

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

JUNK: list[Any] = [
    None, True, False, 0, 1, -1, 2, 1 << 31, 1 << 62, 1 << 63, 1 << 64, -1 << 63, 0.5, 1e308, "",
    "x", "tensor", "float32", "\ud800", "x" * 1000, [], {}, [[]], {"": 0}, {"$": "pickle"},
    {"$": "tensor", "i": 0}, {"$": "tensor", "i": 99}, {"$": "tuple", "v": [1]}, {"$": "float"},
    {"$": "generator", "i": 1, "v": 1}, {"$": "ndarray", "i": 0}, {"$": "object", "h": 1},
    {"$": "dict", "v": [[1, 2], [1, 3]]}, {"$": "int", "v": "0x" + "f" * 5000}, [0] * 40,
]  # fmt: skip
LENGTHS = (0, 1, 16, 1 << 20, (1 << 20) + 1, (1 << 32) - 1)
PAYLOADS = (*LENGTHS, 1 << 28, (1 << 28) + 1, 1 << 60, (1 << 64) - 1)
# What `json.dumps` would not write, put in the place of a marker.
RAW = ("NaN", "-Infinity", "1e999", "-0", "9" * 5000, '"\\ud800"', "[" * 50_000, "nul", "01", "'x'",
       '{"a":1,"a":2}', "[" * 500 + "]" * 500, '{"$":"tuple","v":[' * 60 + "]}" * 60)  # fmt: skip
MARKER = "the-place-of-a-wound"
LIES: dict[str, tuple[Any, ...]] = {
    "dtype": ("float8", "quint8", "object", "torch.float32", "", 7, "complex128", "bool", "int8"),
    "shape": ([1 << 40], [-1], [0, 1 << 62], [2] * 17, [1.5], [True], "23", [1 << 48, 1 << 48]),
    "stride": ([0], [-1, 1], [1 << 47, 1], [0, 0], [1], [1, 1, 1], None, [1 << 62, 1 << 62]),
    "offset": (-1, 1 << 40, 1 << 62, 1.0, None, 1 << 26),
    "bytes": (-1, 0, 1, 1 << 28, 1 << 63, None, 24.0),
    "grad": (1, None, "true", True),
    "inner": (1, None, True),
}

Wound = tuple[dict[str, Any], bytes]


@dataclass(frozen=True)
class Damage:
    """What a frame became: the bytes to send, and how they came about."""

    data: bytes
    how: str


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON tree but its root."""
    if path:
        yield path
    if isinstance(tree, dict | list):
        for key, item in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from places(item, (*path, key))


def with_value(tree: dict[str, Any], place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """Return a copy with another value at one place."""
    tree = copy.deepcopy(tree)
    parent: Any = tree
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = copy.deepcopy(value)
    return tree


def every_place(header: dict[str, Any], payload: bytes, rng: random.Random) -> Iterator[Damage]:
    """One wound in every place of the header, and the header without it where it is a key."""
    for place in places(header):
        value = rng.choice(JUNK)
        wounded = with_value(header, place, value)
        yield Damage(frame(wounded, payload), f"{place} = {ascii(value)[:60]}")
        if isinstance(place[-1], str):
            yield Damage(frame(_without(header, place), payload), f"{place} left out")


def _without(tree: dict[str, Any], place: tuple[Any, ...]) -> dict[str, Any]:
    tree = copy.deepcopy(tree)
    parent: Any = tree
    for key in place[:-1]:
        parent = parent[key]
    del parent[place[-1]]
    return tree


def at_random(header: dict[str, Any], payload: bytes, rng: random.Random) -> Damage:
    """One wound of a random kind."""
    kind = rng.choice(list(KINDS))
    return Damage(KINDS[kind](header, payload, rng), kind)


def _junk(header: dict[str, Any], payload: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.randint(1, 3)):
        header = with_value(header, rng.choice(list(places(header))), rng.choice(JUNK))
    return frame(header, payload)


def _lie(header: dict[str, Any], payload: bytes, rng: random.Random) -> bytes:
    """Describe a tensor otherwise than it is."""
    count = len(header["tensors"])
    if not count:
        return frame({**header, "tensors": [{"dtype": "int8", "shape": [1], "bytes": 1}]}, payload)
    field = rng.choice(list(LIES))
    place = ("tensors", rng.randrange(count), field)
    return frame(with_value(header, place, rng.choice(LIES[field])), payload)


def _raw(header: dict[str, Any], payload: bytes, rng: random.Random) -> bytes:
    """Put text that is no JSON, or JSON that is no value, in a random place."""
    marked = json.dumps(with_value(header, rng.choice(list(places(header))), MARKER))
    return frame(marked.replace(f'"{MARKER}"', rng.choice(RAW)).encode(), payload)


def _encoding(header: dict[str, Any], payload: bytes, rng: random.Random) -> bytes:
    text = json.dumps(header)
    versions = (
        text.encode("utf-16"),
        text.encode("utf-8-sig"),
        text.encode() + b"\0",
        text.encode() * 2,
        b"[" + text.encode() + b"]",
        text.encode().replace(b"e", b"\xff"),
        b"",
        b"null",
    )
    return frame(rng.choice(versions), payload)


def _head(header: dict[str, Any], payload: bytes, rng: random.Random) -> bytes:
    """Announce other lengths than follow."""
    lengths = (rng.choice(LENGTHS), None, None)
    payloads = (rng.choice(PAYLOADS), len(payload) + 1, max(0, len(payload) - 1), None)
    magic = rng.choice((b"DLC1", b"DLC2", b"\0\0\0\0"))
    return frame(
        header,
        payload,
        magic=magic,
        header_length=rng.choice(lengths),
        payload_length=rng.choice(payloads),
    )


def _cut(header: dict[str, Any], payload: bytes, rng: random.Random) -> bytes:
    data = frame(header, payload)
    return data[: rng.randrange(len(data))]


def _flip(header: dict[str, Any], payload: bytes, rng: random.Random) -> bytes:
    data = bytearray(frame(header, payload))
    end = len(data) - len(payload)
    # A flip in a generator's words costs its whole allowance of draws: rarely there.
    place = rng.randrange(len(data) if rng.random() < 0.01 else end)
    data[place] ^= 1 << rng.randrange(8)
    return bytes(data)


def _insert(header: dict[str, Any], payload: bytes, rng: random.Random) -> bytes:
    data = bytearray(frame(header, payload))
    place = rng.randrange(HEAD.size + 200)
    data[place:place] = rng.randbytes(rng.randint(1, 16))
    return bytes(data)


def _noise(_: dict[str, Any], __: bytes, rng: random.Random) -> bytes:
    return rng.randbytes(rng.choice((1, 15, 16, 17, 1000)))


def _other_number(header: dict[str, Any], payload: bytes, rng: random.Random) -> bytes:
    """Answer another request than the one that was made."""
    number = header["id"] + rng.choice((-1, 1, 2, 1 << 40))
    return frame({**header, "id": number}, payload)


def _flood(header: dict[str, Any], payload: bytes, rng: random.Random) -> bytes:
    """Send the answer again and again, whole or in pieces."""
    data = frame(header, payload)
    return rng.choice((data * 20, data + b"\0" * 30_000, data[:40] * 500))


KINDS: dict[str, Callable[[dict[str, Any], bytes, random.Random], bytes]] = {
    "junk in a field": _junk,
    "a tensor that lies": _lie,
    "text that is no JSON": _raw,
    "another encoding": _encoding,
    "lengths that lie": _head,
    "a frame cut short": _cut,
    "a flipped bit": _flip,
    "bytes put in between": _insert,
    "noise": _noise,
    "another request's number": _other_number,
    "a flood": _flood,
}
