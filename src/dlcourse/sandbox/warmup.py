"""Imports that first uses of torch would do, done once before any fork."""

from __future__ import annotations

import torch

from dlcourse.sandbox.witness import Witness


def warm_autograd() -> None:
    """Take a gradient under an upstream gradient: the first one imports hundreds of modules."""
    leaf = torch.ones(2, 2, requires_grad=True)
    torch.autograd.grad((leaf @ leaf).softmax(-1), leaf, torch.ones(2, 2), create_graph=True)


def warm_watch() -> None:
    """Watch one call: the first one imports a module and fills caches."""
    leaf = torch.ones(2, requires_grad=True)
    Witness(observed=True, watched=True).call(torch.exp, (leaf,), {})


def warm_training() -> None:
    """Import what training loops use; pays off once dozens of submissions are graded."""
    import torch.utils.checkpoint  # noqa: PLC0415 - only on request
    import torch.utils.data  # noqa: PLC0415

    torch.optim.AdamW([torch.ones(1, requires_grad=True)])


def use_deterministic_algorithms() -> None:
    """Turn determinism on; the public setter imports the compiler stack only to tell it so."""
    torch._C._set_deterministic_algorithms(True, warn_only=True)  # noqa: FBT003, SLF001 - see above
