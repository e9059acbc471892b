"""An optimizer of graded code, driven through steps whose gradients the suite gives.

It runs in the worker on parameters of its own there, because optimizers cannot cross. What comes
back are the parameters after each step: values that a reference can be compared with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from dlcourse.sandbox.changes import change
from dlcourse.testing.markers import in_worker
from dlcourse.testing.mismatch import Mismatch, counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dlcourse.testing.student import Student

Gradients: TypeAlias = "Sequence[torch.Tensor | None]"
"""A gradient for each parameter, in order; None where a parameter has none in a step."""

_SHAPES = ((3, 2), (4,), (2,), (5,))
_SECOND_GROUP = 2
_STEPS = 6
_RESUME_AT = 3


def optimizer_steps(
    student: Student,
    name: str,
    parameters: Sequence[torch.Tensor],
    gradients: Sequence[Gradients],
    *,
    settings: Mapping[str, Any] | None = None,
    second: tuple[int, Mapping[str, Any]] | None = None,
    resume_at: int | None = None,
) -> list[list[torch.Tensor]]:
    """Return the parameters after each step of an optimizer of graded code.

    Args:
        student: the learner's code.
        name: the optimizer's class, made as torch's own are: `Adam(parameters, **settings)`.
        parameters: where each parameter begins.
        gradients: for each step a gradient for each parameter; None where it has none.
        settings: what the optimizer is made with.
        second: a second group: the place of its first parameter, and its own settings.
        resume_at: after how many steps the optimizer's state is saved, and a new optimizer on
            copies of the parameters loads it and goes on; None if never.

    Raises:
        StudentError: the optimizer raised.
    """
    getattr(student, name)  # raises MissingName where there is no such class
    settings = {} if settings is None else dict(settings)
    group = None if second is None else (second[0], dict(second[1]))
    stepped: list[list[torch.Tensor]] = _steps(
        student,
        name,
        list(parameters),
        [list(each) for each in gradients],
        settings,
        group,
        resume_at,
    )
    return stepped


def assert_optimizer_resumes(
    student: Student,
    name: str,
    *,
    gen: torch.Generator,
    settings: Mapping[str, Any] | None = None,
    second: Mapping[str, Any] | None = None,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Assert that an optimizer whose state was saved and loaded goes on bit for bit.

    Six steps are taken on four parameters in two groups. One parameter misses its gradient twice,
    and one has none before the state is saved.

    Args:
        student: the learner's code.
        name: the optimizer's class.
        gen: where parameters and gradients come from, the test's `gen`.
        settings: what the optimizer is made with.
        second: the second group's own settings, such as another `lr`.
        dtype: that of the parameters.

    Raises:
        Mismatch: after loading the parameters differ, or a parameter moves without a gradient.
        StudentError: the optimizer raised, for instance because a gradient was missing.
    """
    parameters = _drawn(gen, dtype)
    gradients = _gappy_gradients(gen, dtype)
    group = (_SECOND_GROUP, second or {})
    straight, resumed = (
        optimizer_steps(
            student,
            name,
            parameters,
            gradients,
            settings=settings,
            second=group,
            resume_at=resume_at,
        )
        for resume_at in (None, _RESUME_AT)
    )
    _require_still(parameters, straight, gradients)
    _require_same(name, straight, resumed)


def _drawn(gen: torch.Generator, dtype: torch.dtype) -> list[torch.Tensor]:
    """Draw a tensor for each parameter."""
    return [torch.randn(shape, generator=gen, dtype=torch.float64).to(dtype) for shape in _SHAPES]


def _gappy_gradients(gen: torch.Generator, dtype: torch.dtype) -> list[list[torch.Tensor | None]]:
    """Draw the gradients of all steps: some of the first parameter's and the last's are missing."""
    gradients: list[list[torch.Tensor | None]] = [[*_drawn(gen, dtype)] for _ in range(_STEPS)]
    for step in (1, 4):
        gradients[step][0] = None
    for step in range(_RESUME_AT):
        gradients[step][-1] = None
    return gradients


def _require_same(
    name: str, straight: list[list[torch.Tensor]], resumed: list[list[torch.Tensor]]
) -> None:
    """Raise Mismatch where an optimizer goes on differently after its state was loaded."""
    for step in range(_RESUME_AT, _STEPS):
        for place, (due, found) in enumerate(zip(straight[step], resumed[step], strict=True)):
            if change(due, found) is not None:
                later = counted(step - _RESUME_AT + 1, "step")
                raise Mismatch(
                    f"Once its state is saved and loaded, `{name}` goes on differently: parameter "
                    f"{place} differs {later} later. Keep in `self.state` "
                    "and the groups all that a step depends on."
                )


def _require_still(
    parameters: Sequence[torch.Tensor],
    steps: Sequence[Sequence[torch.Tensor]],
    gradients: Sequence[Gradients],
) -> None:
    """Raise Mismatch where a parameter without a gradient moves."""
    for before, after, arriving in zip([parameters, *steps], steps, gradients, strict=False):
        for place, gradient in enumerate(arriving):
            if gradient is None and change(before[place], after[place]) is not None:
                raise Mismatch(f"Parameter {place} moves in a step in which it has no gradient.")


@in_worker
def _steps(
    student: Any,
    name: str,
    parameters: list[torch.Tensor],
    gradients: list[list[torch.Tensor | None]],
    settings: dict[str, Any],
    second: tuple[int, dict[str, Any]] | None,
    resume_at: int | None,
) -> list[list[torch.Tensor]]:
    """Step an optimizer, and return copies of the parameters after each step."""
    import copy  # noqa: PLC0415 - this function is sent alone

    def make(leaves: list[Any]) -> Any:
        if second is None:
            return getattr(student, name)(leaves, **settings)
        first, own = second
        groups = [{"params": leaves[:first]}, {"params": leaves[first:], **own}]
        return getattr(student, name)(groups, **settings)

    leaves = [torch.nn.Parameter(parameter.clone()) for parameter in parameters]
    optimizer = make(leaves)
    seen = []
    for number, arriving in enumerate(gradients):
        if number == resume_at:
            state = copy.deepcopy(optimizer.state_dict())
            leaves = [torch.nn.Parameter(leaf.detach().clone()) for leaf in leaves]
            optimizer = make(leaves)
            optimizer.load_state_dict(state)
        for leaf, gradient in zip(leaves, arriving, strict=True):
            leaf.grad = None if gradient is None else gradient.clone()
        optimizer.step()
        seen.append([leaf.detach().clone() for leaf in leaves])
    return seen
