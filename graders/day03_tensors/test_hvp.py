"""The hidden suite of `hvp`.

A case names one of the functions in `call`, with its constants, its parameters, a direction and
the product in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_allowed,
    assert_largest_at_most,
    assert_values_match,
    fresh,
    in_worker,
    odd_shapes,
    points,
    strided,
    watch,
)

MANY = 300  # elements: a Hessian has 90,000
MOST_BACKWARDS = 8


@dataclass
class Case:
    """A function by its name, its constants, its parameters, and a direction."""

    name: str
    constants: list[torch.Tensor]
    params: list[torch.Tensor]
    v: list[torch.Tensor]

    def to(self, dtype: torch.dtype) -> Case:
        """Return the case in another dtype."""
        parts = (self.constants, self.params, self.v)
        return Case(self.name, *([x.to(dtype) for x in part] for part in parts))


@in_worker
def call(  # noqa: C901 - one function is sent to the worker: it holds all that runs there
    student: Any, case: list[Any], requires: str = "leaf", *, mode: bool = True
) -> Any:
    """Call `hvp` on a named function, and tell what became of everything that it touched.

    `requires` says how the parameters take part in autograd, `mode` is the grad mode outside.
    "one tensor" gives f's first parameter for all of them.
    """
    name, constants, params, v = case
    calls = {"f": 0, "backward": 0}
    bystander = torch.ones_like(params[0]).requires_grad_()
    bystander.grad = torch.full_like(bystander, 3.0)

    class Slope(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(x)
            return 3 * x.square()

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
            calls["backward"] += 1
            (x,) = ctx.saved_tensors
            curvature: torch.Tensor = 6 * x
            return curvature * grad

    slope: Any = Slope.apply

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(x)
            return x.pow(3)

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
            calls["backward"] += 1
            (x,) = ctx.saved_tensors
            first: torch.Tensor = slope(x)
            return first * grad

    cube: Any = Cube.apply
    formulas: dict[str, Any] = {
        "quadratic": lambda x: 0.5 * x @ constants[0] @ x + constants[1] @ x,
        "network": lambda w, x, b: (constants[0] * torch.tanh(w @ x + b)).sum(),
        "bilinear": lambda a, x: (a * x).sum(),
        "cubes": lambda *xs: sum((x**3).sum() for x in xs),
        "cube and linear": lambda x, y: (x**3).sum() + (constants[0] * y).sum(),
        "linear": lambda x, y: (constants[0] * x).sum() + (constants[1] * y).sum(),
        "cube of the second": lambda _, y, __: (y**3).sum(),
        "constant": lambda *_: constants[0].sum(),
        "elsewhere alone": lambda *_: bystander.sum(),
        "cube elsewhere": lambda x: (bystander * x**3).sum(),
        "linear elsewhere": lambda x, y: (bystander * x).sum() + (y**3).sum(),
        "all linear elsewhere": lambda x: (bystander * x).sum(),
        "counted cubes": lambda *xs: cube(torch.stack(xs)).sum(),
        "neighbours": lambda x: (x[1:] ** 2 * x[:-1]).sum(),
        "counted cube": lambda x: cube(x).sum(),
        "not a scalar": lambda x: (x**3).sum().reshape(1),
        "no sum": lambda x: x**3,
    }

    def f(*arguments: torch.Tensor) -> Any:
        calls["f"] += 1
        return formulas[name](*arguments)

    if requires == "one tensor":
        params = [params[0].clone().requires_grad_()] * len(params)
    elif requires == "every second":
        params = [p.clone().requires_grad_(place % 2 == 1) for place, p in enumerate(params)]
    elif requires == "leaf":
        params = [p.clone(memory_format=torch.preserve_format).requires_grad_() for p in params]
        for p in params:
            p.grad = torch.full_like(p, 5.0)
    elif requires == "inner":
        params = [p.clone().requires_grad_() * 1 for p in params]
        v = [d.clone().requires_grad_() for d in v]
    kept, lists = [*params, *v], (list(params), list(v))
    before = [x.detach().clone() for x in kept]
    needs = [x.requires_grad for x in kept]
    random_state = torch.get_rng_state()

    with torch.set_grad_enabled(mode):
        try:
            products = student.hvp(f, *lists)
        except ValueError:
            return "ValueError" if torch.is_grad_enabled() == mode else "another grad mode"
        after = torch.is_grad_enabled()

    same = [torch.equal(x, y) for x, y in zip([*lists[0], *lists[1]], before, strict=True)]
    parts = products if isinstance(products, (list, tuple)) else [products]
    grads = [p.grad for p in params if p.is_leaf and p.requires_grad]
    return {
        "products": products,
        "graph": any(isinstance(x, torch.Tensor) and x.requires_grad for x in parts),
        "calls": calls,
        "grads": [*grads, bystander.grad],
        "unchanged": all(same),
        "needs": needs == [x.requires_grad for x in kept],
        "mode": after == mode,
        "random": torch.equal(random_state, torch.get_rng_state()),
    }


def run(student: Student, case: Case, requires: str = "leaf", *, mode: bool = True) -> Any:
    """Call `hvp` on a case, assert that the products are right, and return what else was seen."""
    parts = [case.name, case.constants, case.params, case.v]
    seen = call(student, parts, requires, mode=mode)
    if seen == "ValueError":
        pytest.fail("A `ValueError` was raised for arguments that are right.")
    assert_values_match(
        seen["products"],
        expected(case),
        c=64,
        reduction=10,
        scale=1.0,
        what="the list of products",
        dtype=case.params[0].dtype,
    )
    return seen


def expected(case: Case) -> list[torch.Tensor]:
    """Return the products in closed form, in float64."""
    constants, params, v = (
        [x.detach().double() for x in part] for part in (case.constants, case.params, case.v)
    )
    zeros = [torch.zeros_like(p) for p in params]
    cubes = [6 * p * d for p, d in zip(params, v, strict=True)]
    products = {
        "quadratic": lambda: [(constants[0] @ v[0] + constants[0].T @ v[0]) / 2],
        "network": lambda: expected_network(constants[0], params, v),
        "bilinear": lambda: [v[1], v[0]],
        "cubes": lambda: cubes,
        "cube and linear": lambda: [cubes[0], zeros[1]],
        "linear": lambda: zeros,
        "cube of the second": lambda: [zeros[0], cubes[1], zeros[2]],
        "constant": lambda: zeros,
        "elsewhere alone": lambda: zeros,
        "cube elsewhere": lambda: cubes,
        "linear elsewhere": lambda: [zeros[0], cubes[1]],
        "all linear elsewhere": lambda: zeros,
        "counted cubes": lambda: cubes,
        "neighbours": lambda: [expected_neighbours(params[0], v[0])],
        "counted cube": lambda: cubes,
    }
    return products[case.name]()


def expected_network(
    c: torch.Tensor, params: list[torch.Tensor], v: list[torch.Tensor]
) -> list[torch.Tensor]:
    """Return the products for sum(c * tanh(w x + b))."""
    (w, x, b), (along_w, along_x, along_b) = params, v
    t = torch.tanh(w @ x + b)
    slope = c * (1 - t * t)
    # How the slope changes along v.
    turn = -2 * t * slope * (along_w @ x + w @ along_x + along_b)
    by_w = torch.outer(turn, x) + torch.outer(slope, along_x)
    return [by_w, w.T @ turn + along_w.T @ slope, turn]


def expected_neighbours(x: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Return the product for the sum of x[i + 1]^2 * x[i]."""
    product = torch.zeros_like(x)
    product[1:] = 2 * (v[1:] * x[:-1] + x[1:] * v[:-1])
    product[:-1] += 2 * x[1:] * v[1:]
    return product


def draw(gen: torch.Generator, *shapes: tuple[int, ...]) -> list[torch.Tensor]:
    """Draw a normal tensor in float64 for each shape."""
    return [torch.randn(shape, generator=gen, dtype=torch.float64) for shape in shapes]


def draw_case(
    gen: torch.Generator,
    name: str,
    params: list[tuple[int, ...]],
    constants: list[tuple[int, ...]] | None = None,
) -> Case:
    """Draw a case with tensors of the given shapes."""
    return Case(name, draw(gen, *(constants or [])), draw(gen, *params), draw(gen, *params))


def draw_network(gen: torch.Generator) -> Case:
    """Draw a layer whose weight, input and bias all act on each other."""
    ((rows, columns),) = odd_shapes(gen, 2, 1)
    return draw_case(gen, "network", [(rows, columns), (columns,), (rows,)], [(rows,)])


def assert_refused(student: Student, case: Case, what: str) -> None:
    """Assert that a case raises a ValueError."""
    if call(student, [case.name, case.constants, case.params, case.v]) != "ValueError":
        pytest.fail(f"No `ValueError` was raised for {what}.")


@points(2)
def test_quadratic_has_its_own_matrix(student: Student, gen: torch.Generator) -> None:
    """For f = x·A·x / 2 + b·x the product is that of v and the symmetric part of A."""
    sizes = (5, 1, 8, 8)
    cases = [draw_case(gen, "quadratic", [(n,)], [(n, n), (n,)]) for n in sizes]
    for case in cases:
        for dtype in (torch.float64, torch.float32):
            run(student, case.to(dtype))


@points(3)
def test_parameters_act_on_each_other(student: Student, gen: torch.Generator) -> None:
    """A product holds the blocks of the Hessian between different parameters, too."""
    cases = [draw_network(gen) for _ in range(3)]
    for case in cases:
        for dtype in (torch.float64, torch.float32):
            run(student, case.to(dtype))


@points(2)
def test_linear_in_each_is_not_linear(student: Student, gen: torch.Generator) -> None:
    """For f = sum(a * x), linear in a and in x, each product is the other one's direction."""
    cases = [draw_case(gen, "bilinear", [shape, shape]) for shape in odd_shapes(gen, 2, 2)]
    for case in cases:
        run(student, case)


@points(1)
def test_linear_parameters_get_zeros(student: Student, gen: torch.Generator) -> None:
    """A parameter in which f is linear gets zeros, beside one in which it is not."""
    first, second = odd_shapes(gen, 2, 2)
    case = draw_case(gen, "cube and linear", [first, second], [second])
    for dtype in (torch.float64, torch.float32):
        run(student, case.to(dtype))


@points(1)
def test_linear_function_gives_zeros(student: Student, gen: torch.Generator) -> None:
    """If f is linear altogether, every product is zeros, and other functions keep theirs."""
    first, second = odd_shapes(gen, 2, 2)
    linear = draw_case(gen, "linear", [first, second], [first, second])
    for case in (linear, linear.to(torch.float32), draw_case(gen, "cubes", [first, second])):
        run(student, case)


@points(1)
def test_unused_parameters_get_zeros(student: Student, gen: torch.Generator) -> None:
    """A parameter that f does not use gets zeros of its own shape and dtype."""
    case = draw_case(gen, "cube of the second", list(odd_shapes(gen, 2, 3)))
    for dtype in (torch.float64, torch.float32):
        run(student, case.to(dtype))


@points(1)
def test_function_of_nothing_gives_zeros(student: Student, gen: torch.Generator) -> None:
    """If f uses no parameter, whether its result requires a gradient or not, all are zeros."""
    shapes = odd_shapes(gen, 2, 2)
    run(student, draw_case(gen, "all linear elsewhere", shapes[:1]))
    run(student, draw_case(gen, "linear elsewhere", shapes))
    others = [draw_case(gen, name, shapes, [(3,)]) for name in ("constant", "elsewhere alone")]
    for case in (*others, draw_case(gen, "cubes", shapes)):
        run(student, case)


@points(1)
def test_parameters_need_not_be_leaves(student: Student, gen: torch.Generator) -> None:
    """Parameters that require no gradient, or have a history, give the same product."""
    for case in (draw_network(gen), draw_network(gen).to(torch.float32)):
        for requires in ("nothing", "inner", "leaf", "every second"):
            seen = run(student, case, requires)
            if not seen["needs"]:
                pytest.fail("`hvp` changed `requires_grad` of a parameter or of a direction.")
    # One tensor in two places is two parameters.
    x, along, other = draw(gen, (3, 4), (3, 4), (3, 4))
    for name in ("bilinear", "cubes"):
        run(student, Case(name, [], [x, x], [along, other]), "one tensor")


@points(2)
def test_grad_fields_are_left_alone(student: Student, gen: torch.Generator) -> None:
    """`.grad` of the parameters, and of other tensors that f uses, stays as it was."""
    ((rows, columns),) = odd_shapes(gen, 2, 1)
    for case in (draw_case(gen, "cube elsewhere", [(rows, columns)]), draw_network(gen)):
        *mine, other = run(student, case)["grads"]
        due = [torch.full_like(p, 5.0) for p in case.params]
        assert_values_match(mine, due, what="the list of the parameters' `.grad`")
        kept = torch.full_like(case.params[0], 3.0)
        assert_values_match(other, kept, what="the `.grad` of a tensor that f uses")


@points(1)
def test_grad_mode_does_not_matter(student: Student, gen: torch.Generator) -> None:
    """Inside `torch.no_grad()` the products are the same, and the grad mode stays as it was."""
    cases = [draw_network(gen), draw_case(gen, "linear", [(3,), (2,)], [(3,), (2,)])]
    for case in cases:
        for mode in (False, True):
            for requires in ("leaf", "nothing"):
                if not run(student, case, requires, mode=mode)["mode"]:
                    pytest.fail("`hvp` left the grad mode different from what it was.")
    x, v = draw(gen, (3,), (3,))
    for mode in (False, True):
        for name, direction in (("not a scalar", v), ("cubes", v[:2])):
            outcome = call(student, [name, [], [x], [direction]], mode=mode)
            if outcome == "another grad mode":
                pytest.fail("`hvp` left the grad mode different from what it was after an error.")


@points(1)
def test_products_carry_no_graph(student: Student, gen: torch.Generator) -> None:
    """The products require no gradient, though parameters and v may."""
    shapes = odd_shapes(gen, 2, 2)
    cases = [draw_network(gen), draw_case(gen, "linear", shapes, shapes)]
    for case in (*cases, draw_case(gen, "cube of the second", [(2,), (4,), (3,)])):
        for requires in ("inner", "leaf"):
            if run(student, case, requires)["graph"]:
                pytest.fail("A product requires a gradient: it keeps a graph in memory.")


@points(2)
def test_hessian_is_never_built(student: Student, gen: torch.Generator) -> None:
    """No tensor has more than 4 n elements where the Hessian would have n x n."""
    case = draw_case(gen, "neighbours", [(MANY,)])
    with watch(student) as seen:
        run(student, case)
    assert_largest_at_most(seen, 4 * MANY)


@points(2)
def test_number_of_passes_does_not_grow(student: Student, gen: torch.Generator) -> None:
    """The function runs once and is differentiated a few times, however many elements there are."""
    for size, case in [
        *((n, draw_case(gen, "counted cube", [(n,)])) for n in (3, 40)),
        (30, draw_case(gen, "counted cubes", [()] * 30)),
    ]:
        calls = run(student, case)["calls"]
        if calls["f"] != 1:
            pytest.fail(f"f was called {calls['f']} times instead of once.")
        if calls["backward"] > MOST_BACKWARDS:
            pytest.fail(f"f was differentiated {calls['backward']} times for {size} elements.")


@points(1)
def test_any_shape_and_strides(student: Student, gen: torch.Generator) -> None:
    """Numbers, empty tensors, columns, slices and expanded tensors are parameters like others."""
    shapes: list[tuple[int, ...]] = [(), (0,), (1, 1), (2, 0, 3), (4, 3)]
    run(student, draw_case(gen, "cubes", shapes))
    run(student, draw_case(gen, "bilinear", [(), ()]))
    x, along = draw(gen, (4, 3), (3, 4))
    layouts = [layout for _, layout in strided(x)]
    turned = along.T
    for layout in layouts:
        run(student, Case("cubes", [], [layout, x], [turned, layout]), "nothing")
        run(student, Case("bilinear", [], [layout, turned], [turned, layout]), "leaf")


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_arguments_are_left_as_they_are(student: Student, gen: torch.Generator) -> None:
    """Parameters, v, both lists and the global random state are what they were."""
    shapes = odd_shapes(gen, 2, 2)
    for case in (draw_network(gen), draw_case(gen, "bilinear", [shapes[0], shapes[0]])):
        for requires in ("nothing", "leaf"):
            seen = run(student, case, requires)
            if not seen["unchanged"]:
                pytest.fail("A parameter, a direction or a list of them was changed.")
            if not seen["random"]:
                pytest.fail("The global random state was changed.")


@points(1)
def test_bad_arguments_are_refused(student: Student, gen: torch.Generator) -> None:
    """Lists that do not fit each other and results of f that are no number raise a ValueError."""
    x, y, v, row = draw(gen, (3,), (2,), (3,), (1,))
    run(student, Case("cubes", [], [x, y], [v, y]))
    lists = {
        "a `v` that is too short": ([x, y], [v]),
        "a `v` that is too long": ([x], [v, y]),
        "an empty `v`": ([x], []),
        "a direction that would be broadcast": ([x], [row]),
        "a direction of another number of axes": ([x], [v[None]]),
        "directions in another order than the parameters": ([x, y], [y, v]),
        "an f that returns a vector": ([x], [v]),
        "an f that returns a tensor of shape (1,)": ([x], [v]),
    }
    names = ["cubes"] * 6 + ["no sum", "not a scalar"]
    for name, (what, (params, along)) in zip(names, lists.items(), strict=True):
        assert_refused(student, Case(name, [], params, along), what)


@points(2)
def test_ready_made_products_are_not_used(student: Student, gen: torch.Generator) -> None:
    """The product is made by two backward passes of your own, not by `torch.func` and the like."""
    case = draw_network(gen)
    with watch(student) as seen:
        run(student, case)
    assert_allowed(seen)
