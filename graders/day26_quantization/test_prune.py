"""The hidden suite of `prune`.

Magnitudes are different whole numbers up to 255, exact in every dtype, so that each mask is the
only right one; ties are a test of their own. The counts to prune keep clear of halves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_allowed,
    assert_values_match,
    fresh,
    in_worker,
    odd_shapes,
    points,
    watch,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

Weights: TypeAlias = list[torch.Tensor]

SCOPES = ("global", "local")
STEPS = 3


def draw_weights(
    gen: torch.Generator, shapes: Sequence[tuple[int, ...]], dtype: torch.dtype = torch.float64
) -> Weights:
    """Draw weights without ties, each tensor's somewhat smaller than the next one's."""
    sizes = [torch.Size(shape).numel() for shape in shapes]
    noise = torch.cat([torch.rand(n, generator=gen) + 0.4 * place for place, n in enumerate(sizes)])
    ranks = noise.argsort().argsort() + 1.0
    signs = torch.randint(2, ranks.shape, generator=gen) * 2.0 - 1
    parts = torch.split((ranks * signs).to(dtype), sizes)
    return [part.reshape(shape).clone() for part, shape in zip(parts, shapes, strict=True)]


def draw_shapes(gen: torch.Generator) -> list[tuple[int, ...]]:
    """Draw the shapes of a small network."""
    return [*odd_shapes(gen, 2, 1), *odd_shapes(gen, 1, 1), (2, 3, 4), *odd_shapes(gen, 2, 1)]


def draw_sparsity(gen: torch.Generator, weights: Weights, low: float, high: float) -> float:
    """Draw a sparsity that leaves no doubt about any count."""
    counts = torch.tensor([w.numel() for w in weights], dtype=torch.float64)
    counts = torch.cat([counts, counts.sum()[None]])
    while True:
        share = low + (high - low) * float(torch.rand((), generator=gen, dtype=torch.float64))
        if bool((((share * counts) % 1 - 0.5).abs() > 0.02).all()):
            return share


def expected_masks(weights: Weights, sparsity: float, scope: str) -> Weights:
    """Return which weights are kept, by sorting lists."""
    groups = (
        [list(range(len(weights)))] if scope == "global" else [[k] for k in range(len(weights))]
    )
    masks = [(w != 0).contiguous() for w in weights]
    for group in groups:
        places = [
            (abs(v), k, i) for k in group for i, v in enumerate(weights[k].flatten().tolist())
        ]
        for _, k, i in sorted(places)[: round(sparsity * len(places))]:
            masks[k].view(-1)[i] = False
    return masks


def assert_masks(student: Student, weights: Weights, sparsity: float, scope: str) -> None:
    """Assert that the right weights are kept."""
    given = [w.clone().requires_grad_() for w in weights]
    masks = student.prune(given, sparsity, scope)
    assert_values_match(masks, expected_masks(weights, sparsity, scope), what="the masks")


def zeroed(weights: Weights, masks: Weights) -> Weights:
    """Return the weights with zeros where the masks are False."""
    return [torch.where(mask, w, 0) for w, mask in zip(weights, masks, strict=True)]


def assert_exactly(actual: Any, expected: Weights, what: str) -> None:
    """Assert that weights are bit for bit what they should be."""
    assert_values_match(actual, expected, what=what)
    for found, due in zip(actual, expected, strict=True):
        if not torch.equal(found, due):
            pytest.fail(f"{what[0].upper()}{what[1:]} are not exactly what they should be.")


@in_worker
def prune_parameters(
    student: Any, weights: list[torch.Tensor], calls: list[tuple[float, str]]
) -> dict[str, Any]:
    """Prune parameters one time after another, and tell what they and their surroundings are."""
    params = [torch.nn.Parameter(w) for w in weights]
    if len(params) > 1:
        params[-1].requires_grad = False
    for p in params[:-1]:
        p.grad = torch.ones_like(p)
    views = [p.detach() for p in params]
    places = [p.data_ptr() for p in params]
    state = torch.get_rng_state()
    masks: list[list[torch.Tensor]] = []
    for sparsity, scope in calls:
        masks.append(list(student.prune(params, sparsity, scope)))
    return {
        "masks": masks,
        "weights": [p.detach().clone() for p in params],
        "views": [v.clone() for v in views],
        "grads": [None if p.grad is None else p.grad.clone() for p in params],
        "requires": [p.requires_grad for p in params],
        "leaves": all(p.is_leaf for p in params),
        "moved": places != [p.data_ptr() for p in params],
        "graph": any(m.requires_grad for part in masks for m in part),
        "untouched": bool((state == torch.get_rng_state()).all()) and torch.is_grad_enabled(),
    }


@in_worker
def refuses(student: Any, weights: list[torch.Tensor], sparsity: float, scope: str) -> Any:
    """Return the weights as they are after a call that raised a ValueError, None if none did."""
    params = [torch.nn.Parameter(w) for w in weights]
    try:
        student.prune(params, sparsity, scope)
    except ValueError:
        return [p.detach() for p in params]
    return None


@in_worker
def train(
    student: Any,
    weights: list[torch.Tensor],
    gradients: list[list[torch.Tensor]],
    plan: dict[str, Any],
) -> dict[str, Any]:
    """Take the steps of a plan and return the weights after each.

    `plan` holds the optimizer's name and options, how many of the parameters are pruned, what to
    prune before which step (`prune`: sparsity by step), before which step all handles are removed,
    and whether the steps get a closure.
    """
    params = [torch.nn.Parameter(w) for w in weights]
    pruned = params[: plan["pruned"]]
    optimizer = getattr(torch.optim, plan["optimizer"])(params, **plan["options"])
    handles = []
    masks: list[list[torch.Tensor]] = []
    history = []
    for step, grads in enumerate(gradients):
        for sparsity in plan["prune"].get(step, []):
            masks.append(list(student.prune(pruned, sparsity, "global")))
            handles.append(student.keep_pruned(optimizer, pruned, masks[-1]))
        if step == plan["remove"]:
            for handle in handles:
                handle.remove()
        for p, g in zip(params, grads, strict=True):
            p.grad = g.clone()
        if plan["closure"]:
            optimizer.step(lambda: torch.zeros(()))
        else:
            optimizer.step()
        history.append([p.detach().clone() for p in params])
    return {"masks": masks, "history": history}


@in_worker
def hold(
    student: Any,
    weights: list[torch.Tensor],
    gradients: list[list[torch.Tensor]],
    masks: list[list[torch.Tensor]],
    order: list[int],
) -> dict[str, Any]:
    """Register masks and take steps of SGD, after each of which one handle is removed.

    The weights are told before the first step and after each.
    """
    params = [torch.nn.Parameter(w.clone()) for w in weights]
    optimizer = torch.optim.SGD(params, lr=0.5)
    originals = [[mask.clone() for mask in part] for part in masks]
    handles = [student.keep_pruned(optimizer, params, part) for part in masks]
    history = [[p.detach().clone() for p in params]]
    for step, grads in enumerate(gradients):
        for p, g in zip(params, grads, strict=True):
            p.grad = g.clone()
        optimizer.step()
        history.append([p.detach().clone() for p in params])
        if step < len(order):
            handles[order[step]].remove()
    same = all(
        torch.equal(mask, original)
        for part, copies in zip(masks, originals, strict=True)
        for mask, original in zip(part, copies, strict=True)
    )
    return {"history": history, "same": same}


@in_worker
def refuses_masks(student: Any, weights: list[torch.Tensor], missing: int) -> bool:
    """Say whether `keep_pruned` raises a ValueError when masks are missing, or too many if < 0."""
    params = [torch.nn.Parameter(w) for w in weights]
    masks = [w > 0 for w in weights]
    optimizer = torch.optim.SGD(params, lr=0.1)
    given = masks[: len(masks) - missing] if missing > 0 else masks + masks[:1] * -missing
    try:
        student.keep_pruned(optimizer, params, given)
    except ValueError:
        return True
    return False


def plan_of(optimizer: str, prunings: dict[int, list[float]], **options: Any) -> dict[str, Any]:
    """Return a plan for `train` that prunes all parameters.

    Shares have three digits, so that no share of so few weights lies halfway between two counts.
    """
    plan = {"optimizer": optimizer, "options": options, "prune": prunings}
    return {**plan, "pruned": 3, "remove": -1, "closure": False}


def draw_training(gen: torch.Generator, steps: int = 2 * STEPS) -> tuple[Weights, list[Weights]]:
    """Draw three parameters, and gradients for each step."""
    shapes = [*odd_shapes(gen, 2, 1), *odd_shapes(gen, 1, 1), (2, 3, 4)]
    gradients = [
        [torch.randn(shape, generator=gen, dtype=torch.float64) for shape in shapes]
        for _ in range(steps)
    ]
    return draw_weights(gen, shapes), gradients


class Stepper:
    """One parameter under SGD or AdamW, written out: torch's own optimizers import a compiler."""

    def __init__(self, weight: torch.Tensor) -> None:
        self.weight = weight.clone()
        self.first = torch.zeros_like(weight)
        self.second = torch.zeros_like(weight)
        self.count = 0

    def sgd(self, grad: torch.Tensor, options: dict[str, Any]) -> None:
        """Take a step of SGD with momentum."""
        grad = grad + options.get("weight_decay", 0.0) * self.weight
        self.first = options["momentum"] * self.first + grad
        ahead = grad + options["momentum"] * self.first
        self.weight -= options["lr"] * (ahead if options.get("nesterov") else self.first)

    def adamw(self, grad: torch.Tensor, options: dict[str, Any]) -> None:
        """Take a step of AdamW with its usual settings."""
        self.count += 1
        self.first = 0.9 * self.first + 0.1 * grad
        self.second = 0.999 * self.second + 0.001 * grad**2
        mean, square = self.first / (1 - 0.9**self.count), self.second / (1 - 0.999**self.count)
        self.weight *= 1 - options["lr"] * 0.01
        self.weight -= options["lr"] * mean / (square.sqrt() + 1e-8)


def expected_history(
    weights: Weights, gradients: list[Weights], plan: dict[str, Any]
) -> list[Weights]:
    """Return the weights after each step, with the zeros put back by hand."""
    steppers = [Stepper(w) for w in weights]
    pruned = steppers[: plan["pruned"]]
    masks: Weights = []
    history = []
    for step, grads in enumerate(gradients):
        for sparsity in plan["prune"].get(step, []):
            masks = expected_masks([each.weight for each in pruned], sparsity, "global")
            for each, mask in zip(pruned, masks, strict=True):
                each.weight[~mask] = 0
        for each, gradient in zip(steppers, grads, strict=True):
            getattr(each, plan["optimizer"].lower())(gradient, plan["options"])
        if masks and not 0 <= plan["remove"] <= step:
            for each, mask in zip(pruned, masks, strict=True):
                each.weight[~mask] = 0
        history.append([each.weight.clone() for each in steppers])
    return history


def assert_training(
    student: Student, weights: Weights, gradients: list[Weights], plan: dict[str, Any]
) -> None:
    """Assert that training goes as it should, with exact zeros."""
    found = train(student, [w.clone() for w in weights], gradients, plan)
    due = expected_history(weights, gradients, plan)
    for step, (actual, right) in enumerate(zip(found["history"], due, strict=True)):
        # A weight near 0 may be what is left of large steps.
        what = f"the weights after step {step + 1}"
        assert_values_match(actual, right, scale=8.0, what=what)
        for mine, theirs in zip(actual, right, strict=True):
            if bool((mine[theirs == 0] != 0).any()):
                pytest.fail(f"A pruned weight is not exactly 0 after step {step + 1}.")


@points(2)
def test_global_pruning_lets_all_weights_compete(student: Student, gen: torch.Generator) -> None:
    """Global: the smallest weights of all parameters together are pruned, the others are kept."""
    cases = [draw_weights(gen, draw_shapes(gen)) for _ in range(4)]
    shares = [draw_sparsity(gen, weights, 0.2, 0.8) for weights in cases]
    for weights, sparsity in zip(cases, shares, strict=True):
        assert_masks(student, weights, sparsity, "global")


@points(2)
def test_local_pruning_goes_tensor_by_tensor(student: Student, gen: torch.Generator) -> None:
    """Local: each parameter loses the same share, its own smallest weights."""
    cases = [draw_weights(gen, draw_shapes(gen)) for _ in range(4)]
    shares = [draw_sparsity(gen, weights, 0.2, 0.8) for weights in cases]
    for weights, sparsity in zip(cases, shares, strict=True):
        assert_masks(student, weights, sparsity, "local")


@points(2)
def test_counts_are_rounded(student: Student, gen: torch.Generator) -> None:
    """The count to prune is the integer nearest to sparsity times n; 0 and 1 are allowed."""
    cases = [draw_weights(gen, shapes) for shapes in ([(10,)], [(2, 5)], [(4,), (3, 2)])]
    for weights in cases:
        for sparsity in (0.33, 0.37, 0.04, 0.06, 0.94, 0.96, 0.0, 1.0):
            for scope in SCOPES:
                assert_masks(student, weights, sparsity, scope)
        assert_masks(student, weights, 1, "global")


@points(2)
def test_equal_magnitudes_are_counted(student: Student, gen: torch.Generator) -> None:
    """Among equal magnitudes exactly the right number is pruned, whichever they are."""
    shapes = [(5, 4), (3,), (7,)]
    weights = draw_weights(gen, shapes)
    equal = [0.5 * w.sign() for w in weights]
    mixed = [torch.where(w.abs() > 20, w, 3 * w.sign()) for w in weights]  # ten are larger
    for given, share in ((equal, 0.4), (mixed, 0.4), (mixed, 0.2)):
        for scope in SCOPES:
            masks = student.prune([w.clone() for w in given], share, scope)
            lost = [int((~mask).sum()) for mask in masks]
            due = [round(share * w.numel()) for w in given]
            if sum(lost) != round(share * 30) if scope == "global" else lost != due:
                pytest.fail(f"{scope.capitalize()}: another number of weights is pruned than due.")
            sizes = torch.cat([w.abs().flatten() for w in given])
            kept = torch.cat([mask.flatten() for mask in masks])
            if scope == "global" and float(sizes[~kept].max()) > float(sizes[kept].min()):
                pytest.fail("A larger weight is pruned where a smaller one is kept.")


@points(2)
def test_parameters_hold_the_zeros(student: Student, gen: torch.Generator) -> None:
    """Pruned weights are exactly 0 in the parameters' own memory, the others what they were."""
    cases = [draw_weights(gen, draw_shapes(gen)) for _ in SCOPES]
    shares = [draw_sparsity(gen, weights, 0.3, 0.7) for weights in cases]
    for weights, sparsity, scope in zip(cases, shares, SCOPES, strict=True):
        found = prune_parameters(student, [w.clone() for w in weights], [(sparsity, scope)])
        masks = expected_masks(weights, sparsity, scope)
        assert_values_match(found["masks"], [masks], what="the masks")
        assert_exactly(found["weights"], zeroed(weights, masks), "the weights")
        assert_exactly(found["views"], zeroed(weights, masks), "tensors that share the memory")


@points(2)
def test_zeros_of_before_are_counted(student: Student, gen: torch.Generator) -> None:
    """Weights that are 0 already count among those to prune, and none of them comes back."""
    weights = draw_weights(gen, draw_shapes(gen))
    shares = [draw_sparsity(gen, weights, low, low + 0.1) for low in (0.3, 0.7, 0.1)]
    sparse = draw_weights(gen, draw_shapes(gen))
    sparse[1] = torch.zeros_like(sparse[1])
    sparse[0] = torch.where(sparse[0].abs() % 2 == 0, sparse[0], 0)
    share = draw_sparsity(gen, sparse, 0.5, 0.7)
    for scope in SCOPES:
        assert_masks(student, sparse, share, scope)
        assert_masks(student, sparse, 0.0, scope)
        found = prune_parameters(
            student, [w.clone() for w in weights], [(sparsity, scope) for sparsity in shares]
        )
        due = [expected_masks(weights, sparsity, scope) for sparsity in shares]
        due[2] = due[1]  # the last sparsity is lower than what has been reached
        assert_values_match(found["masks"], due, what="the masks of each pruning")
        assert_exactly(found["weights"], zeroed(weights, due[2]), "the weights")


@points(3)
def test_masks_outlast_momentum(student: Student, gen: torch.Generator) -> None:
    """Steps of SGD with momentum, and of Adam, from before the pruning leave the zeros at 0."""
    weights, gradients = draw_training(gen)
    for plan in (
        plan_of("SGD", {STEPS: [0.613]}, lr=0.3, momentum=0.9),
        plan_of("SGD", {STEPS: [0.613]}, lr=0.3, momentum=0.9, nesterov=True, weight_decay=0.1),
        plan_of("AdamW", {STEPS: [0.613]}, lr=0.3),
    ):
        assert_training(student, weights, gradients, plan)


@points(2)
def test_other_weights_are_stepped_as_ever(student: Student, gen: torch.Generator) -> None:
    """Parameters that are not among the pruned ones, and weights that are kept, train on."""
    weights, gradients = draw_training(gen)
    weights[2][0] = 0  # these are 0 by chance, and not pruned
    for plan in (
        plan_of("AdamW", {0: [0.553]}, lr=0.2),
        plan_of("SGD", {1: [0.553]}, lr=0.2, momentum=0.5),
    ):
        assert_training(student, weights, gradients, {**plan, "pruned": 2})


@points(1)
def test_prunings_add_up(student: Student, gen: torch.Generator) -> None:
    """Pruning in stages, with training between, keeps the zeros of every stage."""
    weights, gradients = draw_training(gen)
    plan = plan_of("SGD", {1: [0.311], 3: [0.521], 4: [0.773]}, lr=0.1, momentum=0.9)
    assert_training(student, weights, gradients, plan)
    assert_training(student, weights, gradients, {**plan, "closure": True})


@points(2)
def test_masks_of_any_kind_act_together(student: Student, gen: torch.Generator) -> None:
    """Masks that overlap act together, each until its own handle is removed, from a step on."""
    weights = draw_weights(gen, draw_shapes(gen))
    gradients = [[torch.randn(w.shape, generator=gen, dtype=w.dtype) for w in weights]] * 3
    masks = [[torch.rand(w.shape, generator=gen) < 0.6 for w in weights] for _ in range(2)]
    for order in ((0, 1), (1, 0)):
        found = hold(student, weights, gradients, masks, list(order))
        due = [w.clone() for w in weights]
        # Both act, then one, then none: weights let go begin at 0.
        for step, acting in enumerate(((), (0, 1), order[1:], ())):
            if step:
                due = [w - 0.5 * g for w, g in zip(due, gradients[step - 1], strict=True)]
            for k in acting:
                due = zeroed(due, masks[k])
            what = f"the weights after step {step}" if step else "the weights before any step"
            assert_values_match(found["history"][step], due, what=what)
        if not found["same"]:
            pytest.fail("`keep_pruned` changed a mask.")


@points(1)
def test_zeros_survive_infinite_steps(student: Student, gen: torch.Generator) -> None:
    """A pruned weight is 0 after a step that made it infinite or NaN, which a product is not."""
    weights = draw_weights(gen, [(4, 5), (3,)])
    gradients = [[torch.randn(w.shape, generator=gen, dtype=w.dtype) for w in weights]]
    masks = [torch.rand(w.shape, generator=gen) < 0.5 for w in weights]
    for mask, g in zip(masks, gradients[0], strict=True):
        mask.view(-1)[:3] = torch.tensor([False, False, True])
        g.view(-1)[:2] = torch.tensor([torch.inf, torch.nan])
    found = hold(student, weights, gradients, [masks], [])
    stepped = [w - 0.5 * g for w, g in zip(weights, gradients[0], strict=True)]
    assert_values_match(found["history"][1], zeroed(stepped, masks), what="the weights")


@points(1)
def test_handle_lets_go(student: Student, gen: torch.Generator) -> None:
    """After `remove()` on each handle the optimizer moves pruned weights again."""
    weights, gradients = draw_training(gen)
    plan = plan_of("SGD", {1: [0.421], 2: [0.613]}, lr=0.2, momentum=0.9)
    assert_training(student, weights, gradients, {**plan, "remove": 4})


@points(1)
def test_any_shape_dtype_and_strides(student: Student, gen: torch.Generator) -> None:
    """Numbers, empty and single-element tensors, transposed ones and low precision are pruned."""
    shapes: list[tuple[int, ...]] = [(), (4, 6), (0, 3), (1, 1), (2, 1, 3, 2), (5,)]
    dtypes = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
    cases = [draw_weights(gen, shapes, dtype) for dtype in dtypes]
    for weights in cases:
        weights[1] = weights[1].T.contiguous().T
        weights[4] = weights[4].transpose(1, 2).contiguous().transpose(1, 2)
        sparsity = draw_sparsity(gen, weights, 0.4, 0.7)
        for scope in SCOPES:
            assert_masks(student, weights, sparsity, scope)
            found = prune_parameters(student, [w.clone() for w in weights], [(sparsity, scope)])
            due = zeroed(weights, expected_masks(weights, sparsity, scope))
            assert_exactly(found["weights"], due, "the weights")
            assert_exactly(found["views"], due, "tensors that share the memory")
            if found["moved"]:
                pytest.fail("A parameter has got other memory than it had.")


@points(1)
def test_magnitudes_keep_their_digits(student: Student, gen: torch.Generator) -> None:
    """Magnitudes that differ in their last digits only, or are tiny or huge, are told apart."""
    cases = (
        (torch.float64, 1.0, 1e-12),
        (torch.float64, 0.0, 1e-60),
        (torch.float32, 1.0, 2.0**-20),
        (torch.float32, 0.0, 1e-30),
        (torch.float32, 0.0, 1e30),
        (torch.float16, 0.0, 2.0**-22),
        (torch.float16, 0.0, 512.0),
        (torch.bfloat16, 0.0, 1e-30),
    )
    inputs = [draw_weights(gen, [(5, 4), (3,), (2, 7)]) for _ in cases]
    for weights, (dtype, offset, size) in zip(inputs, cases, strict=True):
        given = [(w.sign() * offset + w * size).to(dtype) for w in weights]
        for scope in SCOPES:
            assert_masks(student, given, 0.411, scope)


@points(1)
def test_selection_is_written_out(student: Student, gen: torch.Generator) -> None:
    """The tools of `torch.nn.utils.prune` do not do the work."""
    weights = draw_weights(gen, draw_shapes(gen))
    sparsity = draw_sparsity(gen, weights, 0.3, 0.7)
    with watch(student) as seen:
        for scope in SCOPES:
            assert_masks(student, weights, sparsity, scope)
    assert_allowed(seen)


@points(1)
def test_bad_arguments_are_refused(student: Student, gen: torch.Generator) -> None:
    """A sparsity beyond 0 to 1, an unknown scope and missing masks raise a ValueError."""
    weights = draw_weights(gen, [(3, 4), (5,)])
    for scope in SCOPES:
        assert_masks(student, weights, 0.4, scope)  # good calls are not refused
    bad = [(1.1, "global"), (-0.1, "global"), (1.5, "local"), (-1.0, "local")]
    for sparsity, scope in [*bad, (0.5, "layer"), (0.5, "")]:
        after = refuses(student, [w.clone() for w in weights], sparsity, scope)
        if after is None:
            pytest.fail(f"No `ValueError` for `sparsity` = {sparsity}, `scope` = {scope!r}.")
        assert_exactly(after, weights, "the weights after a refusal")
    if refuses_masks(student, [w.clone() for w in weights], 0):
        pytest.fail("`keep_pruned` refuses as many masks as there are parameters.")
    for missing in (1, 2, -1):
        if not refuses_masks(student, [w.clone() for w in weights], missing):
            which = "fewer" if missing > 0 else "more"
            pytest.fail(f"No `ValueError` for {which} masks than parameters.")


@fresh  # what an earlier call left behind would hide what this one changes
@points(1)
def test_nothing_else_is_changed(student: Student, gen: torch.Generator) -> None:
    """`grad`, `requires_grad` and global state are left alone, and masks carry no graph."""
    weights = draw_weights(gen, draw_shapes(gen))
    sparsity = draw_sparsity(gen, weights, 0.3, 0.7)
    for scope in SCOPES:
        found = prune_parameters(student, [w.clone() for w in weights], [(sparsity, scope)])
        masks = expected_masks(weights, sparsity, scope)
        assert_values_match(found["masks"], [masks], what="the masks")
        ones: list[Any] = [torch.ones_like(w) for w in weights[:-1]]
        assert_values_match(found["grads"], [*ones, None], what="`grad`")
        if found["requires"] != [True] * len(ones) + [False] or not found["leaves"]:
            pytest.fail("`requires_grad` of a parameter has changed.")
        if found["graph"] or not found["untouched"]:
            pytest.fail("A mask carries a graph, or global state has changed.")
