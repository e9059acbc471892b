"""The hidden suite of `inplace_version`.

A layout is a size and a stride for each axis of x, over a vector of memory, from place 2 on.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_values_match,
    in_worker,
    odd_shapes,
    points,
)

Layout = tuple[list[int], list[int]]
OFFSET = 2
LEGAL: dict[str, Layout] = {
    "a contiguous tensor": ([3, 4], [4, 1]),
    "a transposed tensor": ([4, 3], [1, 4]),
    "every second element": ([3, 2], [8, 2]),
    "every second row": ([2, 3], [6, 1]),
    "interleaved rows": ([3, 2], [2, 3]),
    "interleaved columns": ([3, 2, 2], [4, 6, 3]),
    "an axis of size 1 with stride 0": ([3, 1, 2], [2, 0, 1]),
    "two axes of size 1 with one stride": ([1, 4, 1], [1, 1, 1]),
    "one number": ([], []),
    "an empty tensor": ([0, 3], [3, 1]),
}
OVERLAPPING: dict[str, Layout] = {
    "a number expanded to a vector": ([3], [0]),
    "a row expanded to a matrix": ([2, 3], [0, 1]),
    "a column expanded to a matrix": ([3, 2], [1, 0]),
    "windows with step 1": ([3, 3], [1, 1]),
    "windows with step 2 and length 3": ([3, 3], [2, 1]),
    "a square of one diagonal": ([2, 2], [1, 1]),
    "two elements that meet once": ([4, 3], [2, 3]),
    "elements that meet over three axes": ([2, 2, 2], [1, 2, 3]),
    "steps that meet at the far end": ([4, 2], [3, 9]),
}
SMALL: dict[str, tuple[list[int], tuple[int, ...]]] = {
    "a y with an axis more": ([3], (2, 3)),
    "a y with an axis of size 1 more": ([3], (1, 3)),
    "a column and a wider y": ([3, 1], (3, 4)),
    "a single number and a vector": ([1], (4,)),
    "a 0-dimensional x and a y of shape (1,)": ([], (1,)),
    "a row and a column": ([1, 3], (2, 1)),
    "shapes that do not fit": ([3], (4,)),
    "a y whose second row does not fit": ([2, 3], (3, 3)),
    "an empty x and a y that is wider": ([0, 3], (2, 4)),
    "an empty x and a y with an axis more": ([0], (2, 1)),
}


@in_worker
def call(
    student: Any,
    memory: torch.Tensor,
    layout: Any,
    y: torch.Tensor | None,
    roles: Any = ("plain", "plain"),
    *,
    mode: bool = True,
    upstream: torch.Tensor | None = None,
) -> dict[str, Any]:
    """Call `safe_add_` and tell what became of x, y and the graph.

    `roles` says how x and y take part in autograd; y None stands for x itself.
    """
    size, stride, offset = layout
    root = memory.clone().requires_grad_(roles[0] in {"view of a leaf", "inner"})
    memory = root * 1 if roles[0] == "inner" else root
    x = memory.as_strided(size, stride, offset)
    if roles[0] == "leaf":
        x.requires_grad_()
    if y is None:
        y = x
    elif roles[1] == "leaf":
        y = y.clone().requires_grad_()
    version, raised, result = x._version, False, x  # noqa: SLF001 - its only name
    with torch.set_grad_enabled(mode):
        try:
            result = student.safe_add_(x, y)
        except NotImplementedError:
            raise
        except RuntimeError:
            raised = True
    leaves = [t for t in (root, y) if t.requires_grad and t.is_leaf]
    grads = None
    if upstream is not None and result.requires_grad:
        grads = torch.autograd.grad(result, leaves, upstream, allow_unused=True)
    return {
        "raised": raised,
        "is x": result is x,
        "result": result.detach().clone(),
        "memory": memory.detach().clone(),
        "version": x._version - version,  # noqa: SLF001 - its only name
        "y": y.detach().clone(),
        "grads": grads,
    }


def draw(gen: torch.Generator, *shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Draw a normal tensor."""
    return torch.randn(shape, generator=gen, dtype=torch.float64).to(dtype)


def contiguous(size: list[int]) -> Layout:
    """Return the layout of a contiguous tensor."""
    return size, list(torch.empty(size).stride())


def places(layout: Layout) -> torch.Tensor:
    """Return where each element of a layout stands in memory."""
    size, stride = layout
    found = torch.full(size, OFFSET)
    for axis, step in enumerate(stride):
        shape = [-1 if other == axis else 1 for other in range(len(size))]
        found = found + step * torch.arange(size[axis]).reshape(shape)
    return found


def assert_adds(
    student: Student,
    memory: torch.Tensor,
    layout: Layout,
    y: torch.Tensor | None,
    roles: tuple[str, str] = ("plain", "plain"),
    *,
    mode: bool = True,
    upstream: torch.Tensor | None = None,
    what: str = "a legal addition",
) -> Any:
    """Assert that a legal addition is made in x and nowhere else, and return what was seen."""
    seen = call(student, memory, (*layout, OFFSET), y, roles, mode=mode, upstream=upstream)
    if seen["raised"]:
        pytest.fail(f"A `RuntimeError` was raised for {what}: it is legal.")
    where = places(layout)
    before = memory[where].double()
    total = before + (before if y is None else y.detach().double())
    after = memory.double().index_put((where,), total)
    for name, due in (("result", total), ("memory", after)):
        sentence = "the memory of `x`" if name == "memory" else "the result"
        assert_values_match(seen[name], due, dtype=memory.dtype, scale=1.0, c=4, what=sentence)
    if y is not None:
        assert_values_match(seen["y"], y.detach(), what="`y` after the call")
    if not seen["is x"]:
        pytest.fail("The result is another object than `x`.")
    return seen


def assert_refuses(
    student: Student,
    memory: torch.Tensor,
    layout: Layout,
    y: torch.Tensor,
    roles: tuple[str, str] = ("plain", "plain"),
    *,
    mode: bool = True,
    what: str,
) -> None:
    """Assert that an illegal addition raises a RuntimeError and changes nothing."""
    seen = call(student, memory, (*layout, OFFSET), y, roles, mode=mode)
    if not seen["raised"]:
        pytest.fail(f"No `RuntimeError` was raised for {what}.")
    if not torch.equal(seen["memory"], memory):
        pytest.fail(f"`x` had been changed already when the error was raised, for {what}.")
    if seen["version"]:
        pytest.fail(f"The version of `x` had grown already when the error was raised, for {what}.")


@points(2)
def test_sum_is_written_into_x(student: Student, gen: torch.Generator) -> None:
    """The sum stands in the memory of x, y broadcast to its shape, and x itself is returned."""
    cases = [
        (contiguous([a, b]), draw(gen, a * b + 5), draw(gen, *shape))
        for a, b in odd_shapes(gen, 2)
        for shape in ((a, b), (a, 1), (1, b), (b,), ())
    ]
    dtypes = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
    for place, (layout, memory, y) in enumerate(cases):
        dtype = dtypes[place % 4]
        assert_adds(student, memory.to(dtype), layout, y.to(dtype))
    # An overlap of y does no harm: it is only read.
    memory, row = draw(gen, 20), draw(gen, 6)
    for y in (row[:1].expand(3, 4), row[:4].expand(3, 4), row.unfold(0, 4, 1)):
        assert_adds(student, memory, contiguous([3, 4]), y, what="a `y` that overlaps itself")


@points(2)
def test_layouts_without_overlap_are_legal(student: Student, gen: torch.Generator) -> None:
    """Columns, steps and interleaved rows are added to, and what lies between them is left."""
    cases = [(what, layout, draw(gen, 40), draw(gen, *layout[0])) for what, layout in LEGAL.items()]
    for what, layout, memory, y in cases:
        assert_adds(student, memory, layout, y, what=what)


@points(3)
def test_overlapping_x_is_refused(student: Student, gen: torch.Generator) -> None:
    """An x of which two elements share memory raises a RuntimeError and is left as it was."""
    memory, y = draw(gen, 40), draw(gen, 3, 2)
    assert_adds(student, memory, LEGAL["interleaved rows"], y)
    cases = [(what, layout, draw(gen, *layout[0])) for what, layout in OVERLAPPING.items()]
    for what, layout, other in cases:
        assert_refuses(student, memory, layout, other, what=what)
        assert_refuses(student, memory, layout, other[..., :1], ("inner", "leaf"), what=what)
        assert_refuses(student, memory, layout, other, ("leaf", "plain"), mode=False, what=what)


@points(2)
def test_leaf_is_refused_in_grad_mode(student: Student, gen: torch.Generator) -> None:
    """A leaf that requires a gradient, or a view of it, may be changed without grad mode only."""
    for a, b in odd_shapes(gen, 2, 2):
        layout, memory, y = contiguous([a, b]), draw(gen, a * b + 5), draw(gen, b)
        for role in ("leaf", "view of a leaf"):
            assert_adds(student, memory, layout, y, (role, "plain"), mode=False)
            for other in ("plain", "leaf"):
                what = "a leaf that requires a gradient" if role == "leaf" else role
                assert_refuses(student, memory, layout, y, (role, other), what=what)
    memory, y = draw(gen, 6), draw(gen, 3)
    assert_refuses(student, memory, ([0, 3], [3, 1]), y, ("leaf", "plain"), what="an empty leaf")


@points(2)
def test_too_small_x_is_refused(student: Student, gen: torch.Generator) -> None:
    """An x that is smaller than the sum raises a RuntimeError and is left as it was."""
    memory, y = draw(gen, 20), draw(gen, 3)
    assert_adds(student, memory, contiguous([2, 3]), y)
    cases = [(what, contiguous(size), draw(gen, *shape)) for what, (size, shape) in SMALL.items()]
    for what, layout, other in cases:
        assert_refuses(student, memory, layout, other, what=what)
        assert_refuses(student, memory, layout, other, ("inner", "leaf"), what=what)


@points(2)
def test_gradient_passes_through_the_sum(student: Student, gen: torch.Generator) -> None:
    """The gradient reaches what x was computed from, and y, summed where it was broadcast."""
    for a, b in odd_shapes(gen, 2, 2):
        layout, memory = contiguous([a, b]), draw(gen, a * b + 5)
        row, upstream = draw(gen, b), draw(gen, a, b)
        to_root = torch.zeros_like(memory).index_put((places(layout),), upstream)
        settings: dict[tuple[str, str], list[torch.Tensor]] = {
            ("inner", "leaf"): [to_root, upstream.sum(0)],
            ("plain", "leaf"): [upstream.sum(0)],
            ("inner", "plain"): [to_root],
        }
        for roles, due in settings.items():
            seen = assert_adds(student, memory, layout, row, roles, upstream=upstream)
            found = seen["grads"]
            if found is None:
                pytest.fail("The result is detached: no gradient reaches `x` or `y`.")
            assert_values_match(list(found), due, reduction=a, c=16, what="the gradients")


@points(1)
def test_x_may_be_added_to_itself(student: Student, gen: torch.Generator) -> None:
    """If y is x, x is doubled."""
    layouts = [LEGAL[what] for what in ("a transposed tensor", "interleaved rows", "one number")]
    for memory, layout in [(draw(gen, 40), layout) for layout in layouts]:
        assert_adds(student, memory, layout, None)


def assert_answers(student: Student, due: dict[str, str]) -> None:
    """Assert that each case is judged rightly; all of them, or none counts."""
    wrong = [case for case, answer in due.items() if student.explain(case) != answer]
    if wrong:
        pytest.fail(f"The answer for `{wrong[0]}` is not right: run the program and see.")


@points(1)
def test_leaves_are_judged(student: Student) -> None:
    """A leaf may be edited neither in grad mode nor once it is needed, but before, without it."""
    assert_answers(student, {"leaf": "error", "leaf_no_grad": "ok", "leaf_later": "error"})


@points(1)
def test_edits_through_data_are_judged(student: Student) -> None:
    """What is edited through `.data` goes unnoticed: harmless before it is needed, not after."""
    due = {"data_before": "ok", "data_later": "silent_wrong", "tanh_output_data": "silent_wrong"}
    assert_answers(student, due)


@points(1)
def test_edits_through_other_names_are_judged(student: Student) -> None:
    """Whether an edit under another name is noticed depends on the version counter it has."""
    due = {"detach_later": "error", "numpy_later": "silent_wrong", "view_later": "error"}
    assert_answers(student, due)


@points(1)
def test_edits_of_what_is_not_kept_are_judged(student: Student) -> None:
    """An edit hurts only what an operation has kept: its inputs, its output, or nothing."""
    assert_answers(student, {"add_input": "ok", "exp_output": "error", "tanh_input": "ok"})


@points(1)
def test_unknown_case_is_refused(student: Student) -> None:
    """A name that is none of the twelve raises a ValueError."""
    assert_answers(student, {"leaf_no_grad": "ok", "view_later": "error"})
    for case in ("", "Leaf", "leaf ", "data", "something_else"):
        try:
            student.explain(case)
        except ValueError:
            continue
        pytest.fail("No `ValueError` was raised for a name that is no case.")
