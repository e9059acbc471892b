"""The hidden suite of `tensor_tour`.

Indexing moves numbers and computes none, so values are compared exactly: `c` is nearly 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_allowed,
    assert_gradients_match,
    assert_pure,
    assert_values_match,
    fresh,
    in_worker,
    odd_shapes,
    points,
    strided,
    watch,
)

if TYPE_CHECKING:
    from collections.abc import Callable

EXACTLY = 1e-9  # times eps
DTYPES = (torch.float16, torch.float32, torch.int64, torch.bool)


def draw(gen: torch.Generator, *shape: int) -> torch.Tensor:
    """Draw a normal tensor in float64, no two elements of which are equal."""
    return torch.randn(shape, generator=gen, dtype=torch.float64)


def draw_columns(gen: torch.Generator, n: int, columns: int) -> torch.Tensor:
    """Draw [n] numbers of columns, in int64."""
    return torch.randint(columns, (n,), generator=gen)


def expected_diagonal(x: torch.Tensor) -> torch.Tensor:
    """Return the diagonal as a sum over a matrix that is zero elsewhere."""
    picked = [x[i : i + 1, i] for i in range(x.shape[0])]
    return torch.cat(picked) if picked else x.new_zeros(0)


def expected_rows(x: torch.Tensor) -> torch.Tensor:
    """Return a copy of the rows with an even number, one by one."""
    picked = [row for i, row in enumerate(x.unbind(0)) if i % 2 == 0]
    return torch.stack(picked) if picked else x.new_zeros(x.shape)


def expected_taken(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the chosen element of each row, one by one."""
    picked = [row[column] for row, column in zip(x.unbind(0), y.tolist(), strict=True)]
    return torch.stack(picked) if picked else x.new_zeros(0)


def expected_board(h: int, w: int) -> torch.Tensor:
    """Return the board, cell by cell."""
    cells = [(i + j) % 2 for i in range(h) for j in range(w)]
    return torch.tensor(cells, dtype=torch.int64).reshape(h, w)


def assert_picked(actual: torch.Tensor, due: torch.Tensor, what: str) -> None:
    """Assert that exactly the due elements were picked."""
    assert_values_match(actual, due, c=EXACTLY, what=what)


@in_worker
def double_rows(student: Any, x: torch.Tensor) -> torch.Tensor:
    """Return x after its chosen rows were doubled in place."""
    student.every_other_row(x).mul_(2)
    return x.clone()


@in_worker
def second_board(student: Any, h: int, w: int) -> torch.Tensor:
    """Return a board made after the owner of one of the same size has overwritten it."""
    student.checkerboard(h, w).fill_(7)
    board: torch.Tensor = student.checkerboard(h, w)
    return board.clone()


@in_worker
def loops_in(student: Any) -> list[str]:
    """Name the functions in whose text a loop or a comprehension stands."""
    import ast  # noqa: PLC0415 - only the function's own source is sent
    import inspect  # noqa: PLC0415 - the same
    import textwrap  # noqa: PLC0415 - the same

    kinds = (ast.For, ast.While, ast.comprehension)
    names = ("diagonal", "every_other_row", "take", "checkerboard")
    trees = [ast.parse(textwrap.dedent(inspect.getsource(getattr(student, n)))) for n in names]
    return [
        name
        for name, tree in zip(names, trees, strict=True)
        if any(isinstance(node, kinds) for node in ast.walk(tree))
    ]


@points(2)
def test_diagonal(student: Student, gen: torch.Generator) -> None:
    """Element i of `diagonal` is x[i, i], for any size and any strides."""
    sizes = (2, 3, int(torch.randint(4, 9, (), generator=gen)), 1, 0)
    for x in [draw(gen, n, n) for n in sizes]:
        assert_picked(student.diagonal(x), expected_diagonal(x), "the diagonal")
        if len(x) > 1:
            for _, layout in strided(x):
                assert_picked(student.diagonal(layout), expected_diagonal(layout), "the diagonal")
    square = draw(gen, 4, 4)
    spoilt = square.masked_fill(~torch.eye(4, dtype=torch.bool), torch.nan)
    assert_picked(student.diagonal(spoilt), expected_diagonal(spoilt), "the diagonal")


@points(2)
def test_every_other_row(student: Student, gen: torch.Generator) -> None:
    """`every_other_row` gives rows 0, 2, 4, …, for even and odd numbers of rows."""
    shapes = [*odd_shapes(gen, 2), (6, 6), (1, 4), (2, 1), (0, 3), (3, 0)]
    for x in [draw(gen, *shape) for shape in shapes]:
        assert_picked(student.every_other_row(x), expected_rows(x), "the rows")
        if x.numel():
            for _, layout in strided(x):
                assert_picked(student.every_other_row(layout), expected_rows(layout), "the rows")


@points(2)
def test_rows_are_a_view(student: Student, gen: torch.Generator) -> None:
    """`every_other_row` copies nothing: writing into the rows changes x."""
    x = draw(gen, 5, 4)
    for layout in (x, x.T, x[1:], x[:, ::2]):
        due = layout.clone()
        due[::2] *= 2
        assert_picked(double_rows(student, layout.clone()), due, "`x` after a change of the rows")
        seen = student.every_other_row.observed(layout)
        assert_picked(seen.result, expected_rows(layout), "the rows")
        first, second = layout.stride()
        where = (seen.result.stride(), seen.result.storage_offset())
        if not seen.aliases or where != ((2 * first, second), layout.storage_offset()):
            pytest.fail("The rows are a copy: they must be a view of `x`.")


@points(3)
def test_take(student: Student, gen: torch.Generator) -> None:
    """Element i of `take` is x[i, y[i]]: one element of each row, [N]."""
    shapes = [*odd_shapes(gen, 2), (5, 5), (7, 1), (1, 4), (0, 3)]
    cases = [(draw(gen, n, c), draw_columns(gen, n, c)) for n, c in shapes]
    for x, y in cases:
        assert_picked(student.take(x, y), expected_taken(x, y), "what is taken")
        if len(x) > 1:
            for (_, layout), (_, places) in zip(strided(x), strided(y), strict=True):
                due = expected_taken(layout, places)
                assert_picked(student.take(layout, places), due, "what is taken")
    # Impossible classes: what is not taken must not be touched, not even multiplied by 0.
    for junk in (-torch.inf, torch.nan):
        x, y = cases[0]
        taken = torch.nn.functional.one_hot(y, x.shape[1]).bool()
        spoilt = x.masked_fill(~taken, junk)
        assert_picked(student.take(spoilt, y), expected_taken(spoilt, y), "what is taken")


@points(2)
def test_checkerboard(student: Student, gen: torch.Generator) -> None:
    """Cell [i, j] of `checkerboard` is (i + j) mod 2, in int64, for any height and width."""
    shapes = [*odd_shapes(gen, 2), (4, 4), (3, 3), (1, 1), (1, 6), (5, 1), (0, 3), (2, 0), (0, 0)]
    for h, w in shapes:
        due = expected_board(h, w)
        assert_picked(student.checkerboard(h, w), due, f"the board of {h} rows and {w} columns")
    assert_picked(second_board(student, 3, 4), expected_board(3, 4), "a second board")


@points(2)
def test_gradients_flow_back(student: Student, gen: torch.Generator) -> None:
    """What was picked sends its gradient to its own place in x, and the rest gets 0."""
    square, x = draw(gen, 4, 4).requires_grad_(), draw(gen, 5, 3).requires_grad_()
    y = draw_columns(gen, 5, 3)
    upstreams = [draw(gen, 4), draw(gen, 3, 3), draw(gen, 5)]
    cases: list[tuple[Any, Callable[..., torch.Tensor], tuple[torch.Tensor, ...]]] = [
        (student.diagonal, expected_diagonal, (square,)),
        (student.every_other_row, expected_rows, (x,)),
        (student.take, expected_taken, (x, y)),
    ]
    for (picked, due, inputs), upstream in zip(cases, upstreams, strict=True):
        assert_gradients_match(picked, due, inputs, upstream, names=("x", "y")[: len(inputs)])


@points(1)
def test_dtype_is_kept(student: Student, gen: torch.Generator) -> None:
    """Integers, bools and half precision come back as what they are."""
    x, y = 50 * draw(gen, 4, 4), draw_columns(gen, 4, 4)
    for dtype in DTYPES:
        values = (x > 0) if dtype is torch.bool else x.to(dtype)
        assert_picked(student.diagonal(values), expected_diagonal(values), "the diagonal")
        assert_picked(student.every_other_row(values), expected_rows(values), "the rows")
        assert_picked(student.take(values, y), expected_taken(values, y), "what is taken")


@points(2)
def test_indexing_alone_is_used(student: Student, gen: torch.Generator) -> None:
    """No loops and nothing ready-made: as many operations for many rows as for few."""
    counts = []
    for n in (3, 31):
        x, y = draw(gen, n, n), draw_columns(gen, n, n)
        with watch(student) as seen:
            assert_picked(student.diagonal(x), expected_diagonal(x), "the diagonal")
            assert_picked(student.every_other_row(x), expected_rows(x), "the rows")
            assert_picked(student.take(x, y), expected_taken(x, y), "what is taken")
            assert_picked(student.checkerboard(n, n), expected_board(n, n), "the board")
        assert_allowed(seen)
        counts.append(sum(seen.operations.values()))
    # A loop over rows adds 14 operations and more.
    if counts[1] > counts[0] + 6:
        pytest.fail(f"{counts[0]} operations run for 3 rows, but {counts[1]} for 31: use no loop.")
    looping = loops_in(student)
    if looping:
        pytest.fail(f"`{looping[0]}` holds a loop or a comprehension: index whole tensors.")


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_inputs_are_left_as_they_are(student: Student, gen: torch.Generator) -> None:
    """No input and no global state is changed; `diagonal` and `take` return copies."""
    x, y = draw(gen, 4, 4), draw_columns(gen, 4, 4)
    for layout in (x, x.T, x[:, :1].expand(4, 4)):
        assert_pure(student.diagonal, layout)
        assert_pure(student.every_other_row, layout, may_alias=True)
        assert_pure(student.take, layout, y)
        assert_picked(student.diagonal(layout), expected_diagonal(layout), "the diagonal")
        assert_picked(student.every_other_row(layout), expected_rows(layout), "the rows")
        assert_picked(student.take(layout, y), expected_taken(layout, y), "what is taken")
    assert_pure(student.checkerboard, 3, 2)
