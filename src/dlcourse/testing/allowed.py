"""Assertions about what a `watch` block has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from dlcourse.testing.mismatch import Mismatch, counted
from dlcourse.testing.watching import Watched, watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dlcourse.testing.findings import Finding
    from dlcourse.testing.student import Student

_MOST: Final = 8

Quantity: TypeAlias = Literal["largest", "saved", "flops", "operations"]

_COSTS: Final[dict[Quantity, Callable[[Watched], int]]] = {
    "largest": lambda seen: seen.largest.elements,
    "saved": lambda seen: seen.saved_bytes,
    "flops": lambda seen: seen.flops,
    "operations": lambda seen: seen.operations.total(),
}
_NOUNS: Final[dict[Quantity, str]] = {
    "largest": "The elements of the largest tensor",
    "saved": "The bytes that are saved for the backward",
    "flops": "The floating-point operations",
    "operations": "The calls of operators",
}


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


def assert_grows_at_most(
    student: Student,
    call: Callable[[int], object],
    size: int,
    power: float,
    *,
    of: Quantity = "largest",
) -> None:
    """Assert that what a call costs grows at most like a power of the size of its input.

    Graded code is called under watch at `size` and at twice the size. The cost may grow by the
    factor 2 ** (power + 1/2): what grows with the power that is allowed stays well below, and what
    grows with the next one well above, once `size` is so large that lower powers do not count.

    Args:
        student: the learner's code.
        call: calls graded code once on an input of a given size: `lambda n: student.f(draw(n))`.
        size: the smaller of the two sizes.
        power: 0 for a cost that does not grow, 1 for a linear and 2 for a quadratic one.
        of: the elements of the `largest` tensor made, the bytes `saved` for the backward, `flops`,
            or the number of `operations`.

    Raises:
        Mismatch: the cost grows faster. One that is zero at both sizes does not grow.
    """
    costs = []
    for length in (size, 2 * size):
        with watch(student, forbidden=()) as seen:
            call(length)
        costs.append(_COSTS[of](seen))
    small, large = costs
    if large > small * 2 ** (power + 0.5):
        raise Mismatch(
            f"{_NOUNS[of]} grow from {small:,} to {large:,} when the input grows from {size:,} to "
            f"{2 * size:,}: that is faster than {_growth(power)}."
        )


def _growth(power: float) -> str:
    names = {0.0: "not at all", 1.0: "in proportion", 2.0: "with its square"}
    return names.get(float(power), f"with its power {power:g}")
