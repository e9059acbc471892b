"""Whether a call leaves alone the gradients that others have collected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from dlcourse.testing.markers import in_worker
from dlcourse.testing.mismatch import Mismatch
from dlcourse.testing.purity import argument_name

if TYPE_CHECKING:
    from dlcourse.testing.student import Student


def assert_leaves_gradients_alone(
    student: Student, name: str, *arguments: Any, **keywords: Any
) -> None:
    """Assert that a call stores no gradient in its arguments.

    Every floating tensor among the arguments is a leaf there that requires a gradient and has
    collected one already. A function that calls `backward` on the way adds to it, and spoils the
    caller's next step.

    Args:
        student: the learner's code.
        name: the function, dotted if need be.
        arguments: its positional arguments; containers are handed on as they are.
        keywords: its other arguments.

    Raises:
        Mismatch: a `.grad` has changed.
    """
    target: Any = student
    for part in name.split("."):
        target = getattr(target, part)  # raises MissingName where there is no such function
    changed = _changed_gradients(student, name, arguments, keywords)
    if changed:
        raise Mismatch(
            *(
                f"The call changes the `.grad` of {argument_name(key)}: take gradients with "
                "`torch.autograd.grad`, which stores none."
                for key in changed
            )
        )


@in_worker
def _changed_gradients(
    student: Any, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> list[int | str]:
    """Call a function on leaves with gradients, and say which of those have changed."""
    function = student
    for part in name.split("."):
        function = getattr(function, part)
    given: dict[Any, Any] = dict(enumerate(arguments))
    given.update(keywords)
    leaves = {}
    for key, value in given.items():
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            given[key] = leaves[key] = value.detach().clone().requires_grad_()
            leaves[key].grad = torch.full_like(leaves[key], 0.5)
    with torch.enable_grad():
        function(
            *(given[place] for place in range(len(arguments))),
            **{key: given[key] for key in keywords},
        )
    return [
        key
        for key, leaf in leaves.items()
        if leaf.grad is None or not torch.equal(leaf.grad, torch.full_like(leaf, 0.5))
    ]
