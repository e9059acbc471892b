"""What a worker tells of a call besides its answer: sent as plain JSON, read trusting none of it.

effects   mutated [[argument, change]], aliases [[output, argument]], changed [name]
usage     functions and operations [[name, count, file, line]], largest [elements, bytes],
          saved, flops, complete
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dlcourse.sandbox.changes import CHANGES
from dlcourse.sandbox.raised import bounded_text, read_place
from dlcourse.sandbox.record import (
    BACKWARD,
    MAX_NAME,
    MAX_NAMES,
    Effects,
    Extent,
    Key,
    Record,
    Sight,
    Usage,
)
from dlcourse.sandbox.tensors import Malformed
from dlcourse.sandbox.values import INT64, MAX_NODES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dlcourse.sandbox.witness import Witness

_MAX_CHANGED: Final = 32
_MAX_CHANGED_NAME: Final = 100
# `torch.autograd.grad` is given the outputs, the inputs and the upstream gradients.
_BACKWARD_KEYS: Final[tuple[Key, ...]] = (0, 1, 2)


def told(witness: Witness) -> dict[str, Any]:
    """What a witness saw, as fields of an answer; the worker's side."""
    told: dict[str, Any] = {}
    if witness.effects is not None:
        told["effects"] = {
            "mutated": witness.effects.mutated,
            "aliases": witness.effects.aliases,
            "changed": witness.effects.changed,
        }
    if witness.usage is not None:
        usage = witness.usage
        told["usage"] = {
            "functions": _rows(usage.functions),
            "operations": _rows(usage.operations),
            "largest": [usage.largest.elements, usage.largest.bytes],
            "saved": usage.saved_bytes,
            "flops": usage.flops,
            "complete": usage.complete,
        }
    return told


def _rows(sights: Mapping[str, Sight]) -> list[list[Any]]:
    return [
        [name, sight.count, sight.place and sight.place.file, sight.place and sight.place.line]
        for name, sight in sights.items()
    ]


def read_record(request: Mapping[str, Any], answer: Mapping[str, Any]) -> Record | None:
    """Return what an answer tells of a watched request, None where it watched nothing.

    Raises Malformed where a field is not what an honest worker sends.
    """
    told = answer.get("usage")
    if told is None:
        return None
    is_backward = request.get("kind") == "gradient"
    return Record(
        name=BACKWARD if is_backward else request.get("name", request.get("target", "")),
        effects=read_effects(answer.get("effects"), _keys(request)),
        usage=read_usage(told),
        is_backward=is_backward,
    )


def _keys(request: Mapping[str, Any]) -> tuple[Key, ...]:
    """The keys of the arguments that the grader itself encoded into `request`."""
    if "arguments" not in request:
        return _BACKWARD_KEYS
    named = (name for name, _ in request["keywords"]["v"])
    return (*range(len(request["arguments"]["v"])), *named)


def read_effects(told: Any, keys: Collection[Key]) -> Effects:
    """Return what a call to arguments named `keys` left behind; raises Malformed."""
    fields = _object(told, "the effects")
    mutated = _pairs(fields.get("mutated"), len(keys))
    aliases = _pairs(fields.get("aliases"), len(keys))
    # The types first: True is equal to 1, and what cannot be hashed is in no set.
    if not all(_is_key(key, keys) and type(how) is str and how in CHANGES for key, how in mutated):
        raise Malformed("what was changed in place")
    if not all(_is_count(index, MAX_NODES) and _is_key(key, keys) for index, key in aliases):
        raise Malformed("the aliases")
    changed = _list(fields.get("changed"), _MAX_CHANGED, "what was changed")
    return Effects(
        mutated=mutated,
        aliases=aliases,
        changed=tuple(bounded_text(name, _MAX_CHANGED_NAME) for name in changed),
    )


def read_usage(told: Any) -> Usage:
    """Return what a call used; raises Malformed."""
    fields = _object(told, "the usage")
    if type(fields.get("complete")) is not bool:
        raise Malformed("whether the usage is complete")
    elements, size = _pairs([fields.get("largest")], 1)[0]
    return Usage(
        functions=_sights(fields.get("functions")),
        operations=_sights(fields.get("operations")),
        largest=Extent(_count(elements), _count(size)),
        saved_bytes=_count(fields.get("saved")),
        flops=_count(fields.get("flops")),
        complete=fields["complete"],
    )


def _sights(rows: Any) -> dict[str, Sight]:
    sights = {}
    for row in _list(rows, MAX_NAMES, "the names"):
        if type(row) is not list or len(row) != 4:  # noqa: PLR2004 - name, count, file, line
            raise Malformed("a name")
        name, count, file, line = row
        sights[bounded_text(name, MAX_NAME)] = Sight(_count(count), read_place(file, line))
    return sights


def _object(value: Any, what: str) -> dict[str, Any]:
    if type(value) is not dict:
        raise Malformed(what)
    return value


def _list(value: Any, limit: int, what: str) -> list[Any]:
    if type(value) is not list or len(value) > limit:
        raise Malformed(what)
    return value


def _pairs(value: Any, limit: int) -> tuple[tuple[Any, Any], ...]:
    pairs = _list(value, limit, "a list of pairs")
    if any(type(pair) is not list or len(pair) != 2 for pair in pairs):  # noqa: PLR2004 - pairs
        raise Malformed("a pair")
    return tuple((first, second) for first, second in pairs)


def _is_key(key: Any, keys: Collection[Key]) -> bool:
    return type(key) in {int, str} and key in keys


def _is_count(value: Any, limit: int) -> bool:
    return type(value) is int and 0 <= value < limit


def _count(value: Any) -> int:
    if not _is_count(value, INT64):
        raise Malformed("a count")
    count: int = value
    return count
