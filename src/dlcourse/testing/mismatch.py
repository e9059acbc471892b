"""The failed assertion about graded code, and the words in which it speaks.

A sentence names shapes, dtypes, counts, indices and patterns. It never holds an expected value,
a hidden input or a line of the reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import torch


class Mismatch(AssertionError):  # noqa: N818  (a verdict about an answer, not a fault of the program)
    """An answer that is not what it should be; `observed` holds the learner's sentences.

    `sketch` is a few numbers of the wrong tensor, for comparing with what planted mistakes answer
    in the same place; it never leaves the grader.
    """

    def __init__(self, *observed: str, sketch: tuple[float, ...] = ()) -> None:
        super().__init__(*observed)
        self.sketch = sketch

    @property
    def observed(self) -> tuple[str, ...]:
        """The sentences, in the order in which they are read."""
        return self.args

    def __str__(self) -> str:
        return " ".join(self.args)


def capital(text: str) -> str:
    """Return `text` with its first letter in upper case and the others as they are."""
    return text[:1].upper() + text[1:]


def shown_shape(shape: Iterable[int]) -> str:
    """Return a shape as a tuple is written: `(3, 7)`, `(3,)`, `()`."""
    return str(tuple(shape))


def shown_index(index: Sequence[int]) -> str:
    """Return where an element is: `5` in a vector, `(0, 2)` elsewhere."""
    return str(index[0]) if len(index) == 1 else str(tuple(index))


def first_index(mask: torch.Tensor) -> str:
    """Return the index of the first true element of `mask`, which has one, in row-major order."""
    return shown_index(mask.nonzero()[0].tolist())


def ordinal(number: int) -> str:
    """Return `1st`, `2nd`, `3rd`, `4th` … for a number counted from 1."""
    teens = range(11, 14)
    suffix = "th" if number % 100 in teens else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def counted(number: int, noun: str) -> str:
    """Return `1 tensor`, `2 tensors`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def input_names(inputs: Sequence[object], names: Sequence[str] | None) -> list[str]:
    """Return the inputs as sentences name them: `x` in backticks, or input 0, input 1, etc.

    Raises:
        ValueError: there are not as many names as inputs.
    """
    if names is None:
        return [f"input {place}" for place in range(len(inputs))]
    if len(names) != len(inputs):
        msg = f"`names` gives {counted(len(names), 'name')} to {counted(len(inputs), 'input')}."
        raise ValueError(msg)
    return [f"`{name}`" for name in names]
