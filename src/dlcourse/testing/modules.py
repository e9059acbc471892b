"""What a module owes its users: named parameters, state that travels, an eval that is still.

`student.Net(8)` is a real `nn.Module` here that mirrors the one in the worker; these assertions
take that, or make it with a callable.
"""

from __future__ import annotations

import copy
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from dlcourse.sandbox.changes import change
from dlcourse.testing.markers import in_worker
from dlcourse.testing.mismatch import Mismatch, capital, shown_shape
from dlcourse.testing.replicas import replicas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dlcourse.testing.student import Student


def assert_parameters(
    module: nn.Module,
    parameters: Mapping[str, tuple[int, ...]],
    buffers: Mapping[str, tuple[int, ...]] | None = None,
) -> None:
    """Assert that a module registers its tensors, under the names and shapes of the docstring.

    Every parameter must require a gradient. `buffers` are those that `state_dict` keeps and the
    others alike; None claims nothing of them.

    Raises:
        Mismatch: a name is missing or not due, or has another shape; or a parameter is frozen.
    """
    found = dict(module.named_parameters())
    _require_names("parameter", {name: tuple(x.shape) for name, x in found.items()}, parameters)
    for name, tensor in found.items():
        if not tensor.requires_grad:
            raise Mismatch(f"The parameter `{name}` requires no gradient, so nothing trains it.")
    if buffers is not None:
        shapes = {name: tuple(x.shape) for name, x in module.named_buffers()}
        _require_names("buffer", shapes, buffers)


def assert_state_dict_round_trip(
    make: Callable[[], nn.Module], *inputs: Any, gen: torch.Generator, what: str = "the module"
) -> None:
    """Assert that `state_dict` holds all that a module knows, and `load_state_dict` takes it over.

    A first module is moved away from its beginnings: noise is added to its parameters, and it is
    called in training mode, which moves its buffers. A second one then loads its state. In eval
    mode both must answer alike, bit for bit.

    Args:
        make: makes the module, `lambda: student.Norm(8)`; it is called twice.
        inputs: what the module is called with.
        gen: where the noise comes from, the test's `gen`.
        what: what the learner knows the module as.

    Raises:
        Mismatch: the names of the state differ between two modules, or the answers do.
    """
    first, second = make(), make()
    with torch.no_grad():
        for parameter in first.parameters():
            noise = torch.randn(parameter.shape, generator=gen, dtype=torch.float64)
            parameter.add_(0.1 * noise.to(parameter.dtype))
        first.train()
        for _ in range(2):
            first(*replicas(inputs))
        first.eval()
        state = copy.deepcopy(dict(first.state_dict()))
        expected = set(second.state_dict())
        if set(state) != expected:
            names = ", ".join(f"`{name}`" for name in sorted(set(state) ^ expected))
            raise Mismatch(f"Two of {what} have different names in their `state_dict`: {names}.")
        second.load_state_dict(state)
        second.eval()
        answers = [replicas(module(*replicas(inputs))) for module in (first, second)]
    if change(*answers) is not None:
        raise Mismatch(
            f"{capital(what)} answers differently once its `state_dict` is loaded into another "
            "one: register all that it learns or counts as a parameter or a buffer."
        )


def assert_eval_is_deterministic(module: nn.Module, *inputs: Any, what: str = "the module") -> None:
    """Assert that in eval mode a module answers the same each time and changes nothing of itself.

    The module is put into eval mode and then back to where it was.

    Raises:
        Mismatch: two answers differ in a bit, or a parameter, a buffer or the mode has changed.
    """
    with _mode(module, training=False), torch.no_grad():
        before = _state(module)
        first = replicas(module(*replicas(inputs)))
        again = module(*replicas(inputs))
        changed = _changed(before, module)
        still_eval = not any(part.training for part in module.modules())
    if change(first, again) is not None:
        raise Mismatch(f"{capital(what)} answers differently each time in eval mode.")
    if changed:
        raise Mismatch(f"A call in eval mode changes `{changed[0]}` of {what}: only training may.")
    if not still_eval:
        raise Mismatch(f"A call takes {what} out of eval mode.")


def assert_train_differs(
    module: nn.Module,
    *inputs: Any,
    what: str = "the module",
    buffers: tuple[str, ...] = (),
) -> None:
    """Assert that training mode is another thing than eval mode.

    The answers of the two modes must differ, and a call in training mode must change each of the
    named buffers, but no parameter. The module is put back into the mode where it was; its buffers
    stay as training has left them.

    Raises:
        Mismatch: the answers are the same, a buffer stays, or a parameter changes.
    """
    with torch.no_grad():
        with _mode(module, training=False):
            still = replicas(module(*replicas(inputs)))
        with _mode(module, training=True):
            before = _state(module)
            moving = module(*replicas(inputs))
            changed = _changed(before, module)
    if change(still, moving) is None:
        raise Mismatch(f"{capital(what)} answers the same in training mode as in eval mode.")
    for name in buffers:
        if name not in changed:
            raise Mismatch(f"A call in training mode leaves the buffer `{name}` as it was.")
    for name, _ in module.named_parameters():
        if name in changed:
            raise Mismatch(f"A call changes the parameter `{name}`: that is the optimizer's task.")


def assert_deepcopy(
    student: Student,
    name: str,
    inputs: tuple[Any, ...],
    *arguments: Any,
    what: str = "the module",
    **keywords: Any,
) -> None:
    """Assert that a deep copy of a module answers alike and shares nothing with it.

    It is made where graded code runs, so this rests on a claim.

    Args:
        student: the learner's code.
        name: the class of the module.
        inputs: what the module is called with, in eval mode.
        arguments: what it is made with.
        what: what the learner knows the module as.
        keywords: the same, by name.

    Raises:
        Mismatch: the copy answers differently, or training one changes the other.
    """
    getattr(student, name)  # raises MissingName where there is no such class
    seen = _copied(student, name, inputs, arguments, keywords)
    if not seen["alike"]:
        raise Mismatch(f"A deep copy of {what} answers differently.")
    if not seen["apart"]:
        raise Mismatch(f"A deep copy of {what} still uses tensors of the original.")


def _require_names(
    noun: str, found: Mapping[str, tuple[int, ...]], due: Mapping[str, tuple[int, ...]]
) -> None:
    missing = [name for name in due if name not in found]
    if missing:
        raise Mismatch(f"There is no {noun} `{missing[0]}`: register it under this name.")
    surplus = [name for name in found if name not in due]
    if surplus:
        raise Mismatch(f"There is a {noun} `{surplus[0]}` that is not due.")
    for name, shape in due.items():
        if found[name] != tuple(shape):
            raise Mismatch(
                f"The {noun} `{name}` has shape {shown_shape(found[name])} instead of "
                f"{shown_shape(shape)}."
            )


@contextmanager
def _mode(module: nn.Module, *, training: bool) -> Iterator[None]:
    was = module.training
    module.train(training)
    try:
        yield
    finally:
        module.train(was)


def _state(module: nn.Module) -> dict[str, torch.Tensor]:
    """Return copies of all parameters and buffers, those outside of `state_dict` too."""
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def _changed(before: Mapping[str, torch.Tensor], module: nn.Module) -> list[str]:
    after = _state(module)
    return [name for name, was in before.items() if change(was, after.get(name)) is not None]


@in_worker
def _copied(
    student: Any,
    name: str,
    inputs: tuple[Any, ...],
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
) -> dict[str, bool]:
    """Copy a module, then change every tensor of the copy, and compare the answers."""
    import copy  # noqa: PLC0415 - this function is sent alone

    original = getattr(student, name)(*arguments, **keywords).eval()
    twin = copy.deepcopy(original)
    with torch.no_grad():
        first, second = original(*inputs), twin(*inputs)
        alike = bool(torch.equal(first, second))
        for tensor in [*twin.parameters(), *twin.buffers()]:
            tensor.add_(1)
        apart = bool(torch.equal(original(*inputs), first))
    return {"alike": alike, "apart": apart}
