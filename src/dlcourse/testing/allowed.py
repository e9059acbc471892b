"""Assertions about what a `watch` block has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dlcourse.testing.mismatch import Mismatch, counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dlcourse.testing.findings import Finding
    from dlcourse.testing.watching import Watched

_MOST: Final = 8


def assert_allowed(seen: Watched) -> None:
    """Assert that graded code used nothing forbidden, and nothing that could hide it.

    Raises:
        Mismatch: it did, with one sentence for each line that does, eight at most.
    """
    # A call and its name in the source are one offence.
    offences: dict[tuple[object, ...], Finding] = {}
    for finding in seen.forbidden:
        key = (finding.name,) if finding.hides else (finding.name, finding.place)
        offences.setdefault(key, finding)
    sentences = [finding.sentence for finding in offences.values()]
    if seen.rules and not seen.complete:
        sentences.append(
            "One call uses more than a thousand different functions, among which forbidden ones "
            "could hide: use fewer."
        )
    if sentences:
        raise Mismatch(*sentences[:_MOST])


def assert_saves_at_most(seen: Watched, limit: int) -> None:
    """Assert that the results' graphs keep at most `limit` bytes for their backward.

    Raises:
        Mismatch: they keep more.
    """
    if seen.saved_bytes > limit:
        raise Mismatch(
            f"{seen.saved_bytes} bytes are saved for the backward, where {limit} suffice."
        )


def assert_largest_at_most(seen: Watched, elements: int) -> None:
    """Assert that no tensor made has more than `elements` elements.

    Raises:
        Mismatch: one has.
    """
    largest = seen.largest.elements
    if largest > elements:
        raise Mismatch(
            f"A tensor of {counted(largest, 'element')} is made, where {elements} suffice."
        )


def assert_operations_at_most(seen: Watched, limits: Mapping[str, int]) -> None:
    """Assert that operators run at most so often, by names such as `aten::mm`.

    Raises:
        Mismatch: one runs more often, with one sentence for each such operator.
        ValueError: a name is not one of an operator.
    """
    for name in limits:
        if "::" not in name:
            raise ValueError(f"`{name}` is no operator: write it like `aten::mm`")
    counts = seen.operations
    sentences = [
        f"The operator `{name}` runs {counted(counts[name], 'time')}, where {limit} suffice."
        for name, limit in limits.items()
        if counts[name] > limit
    ]
    if sentences:
        raise Mismatch(*sentences)
