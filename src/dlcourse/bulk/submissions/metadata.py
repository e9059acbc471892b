"""Gradescope's `submission_metadata.yml`: who handed in which folder, and when.

The file is read as a tree of nodes and no object is made of it, so neither its tags nor its merge
keys do anything. How large it is with its aliases followed is counted first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import yaml

from dlcourse.bulk.submissions.bounds import MAX_METADATA_DEPTH, MAX_METADATA_NODES
from dlcourse.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE: Final = "submission_metadata.yml"
# Written in C where PyYAML was built with it: a class's metadata are megabytes.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TIME: Final = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[Tt ]\s*(?P<clock>\d\d:\d\d:\d\d)(?P<part>\.\d{1,6})?\d*"
    r"\s*(?P<zone>Z|UTC|[+-]\d\d:?\d\d)"
)
_AGAIN: Final = "export the submissions from Gradescope again"


@dataclass(frozen=True)
class Submitter:
    """One of those who handed in a submission; None is what Gradescope does not tell."""

    name: str | None
    email: str | None
    sid: str | None


@dataclass(frozen=True)
class Handed:
    """A submission: its folder, those who handed it in, and when, in UTC."""

    folder: str
    submitters: tuple[Submitter, ...]
    created_at: datetime | None


def read_metadata(data: bytes) -> tuple[Handed, ...]:
    """Return the submissions that the metadata tell of, in the file's order.

    Raises:
        UsageError: it is no YAML, no mapping of submissions, or made to grow when it is read.
    """
    try:
        _measure(data)
        root = yaml.compose(data, Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark else ""
        raise UsageError(f"`{FILE}` is no YAML{place}: {_AGAIN}") from None
    if not isinstance(root, yaml.MappingNode):
        raise UsageError(f"`{FILE}` does not tell submissions by name: {_AGAIN}")
    return tuple(_handed(name, node) for name, node in _items(root))


def _measure(data: bytes) -> None:
    """Raise UsageError if the nodes, those behind aliases counted each time, are too many."""
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = [(None, 0)]
    for event in yaml.parse(data, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, 0))
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, size = open_nodes.pop()
        elif isinstance(event, yaml.AliasEvent):
            anchor, size = None, sizes.get(event.anchor or "", 0)
        elif isinstance(event, yaml.ScalarEvent):
            anchor, size = event.anchor, 0
        else:
            continue
        if anchor is not None:
            sizes[anchor] = size + 1
        above, total = open_nodes.pop()
        open_nodes.append((above, total + size + 1))
        if total + size >= MAX_METADATA_NODES or len(open_nodes) > MAX_METADATA_DEPTH:
            raise UsageError(f"`{FILE}` grows beyond all bounds when it is read: {_AGAIN}")


def _handed(name: str, node: yaml.Node) -> Handed:
    said = dict(_items(node))
    submitters = said.get("submitters")
    people = submitters.value if isinstance(submitters, yaml.SequenceNode) else []
    return Handed(
        folder=name,
        submitters=tuple(_submitter(dict(_items(person))) for person in people),
        created_at=_time(_text(said.get("created_at"))),
    )


def _items(node: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    """Yield a mapping's keys, without the colon that makes them Ruby's symbols, and values."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield str(key.value).removeprefix(":"), value


def _submitter(said: dict[str, yaml.Node]) -> Submitter:
    return Submitter(*(_text(said.get(key)) for key in ("name", "email", "sid")))


def _text(node: yaml.Node | None) -> str | None:
    """Return what a scalar says, None if it says nothing."""
    if not isinstance(node, yaml.ScalarNode) or node.tag == "tag:yaml.org,2002:null":
        return None
    return str(node.value).strip() or None


def _time(text: str | None) -> datetime | None:
    match = _TIME.fullmatch(text or "")
    if match is None:
        return None
    zone = "+00:00" if match["zone"] in {"Z", "UTC"} else match["zone"]
    part = (match["part"] or ".").ljust(7, "0")
    try:
        return datetime.fromisoformat(f"{match['date']}T{match['clock']}{part}{zone}").astimezone(
            UTC
        )
    except (OverflowError, ValueError):
        return None
