"""What a suite cannot do to graded code from afar."""

from __future__ import annotations

from typing import Final

import torch
from torch.autograd import forward_ad

RESHAPING: Final = "giving a parameter or buffer `data` of another shape or dtype"
_FUNCTORCH: Final = torch._C._functorch  # noqa: SLF001 - torch offers no public test


class NotMirrored(Exception):  # noqa: N818 - it names what the suite asked for
    """The suite asked for what does not reach graded code: never graded code's fault."""

    def __init__(self, operation: str) -> None:
        super().__init__(
            f"{operation} cannot reach graded code: do it in a function marked `@in_worker`"
        )


def require_plain(tensor: torch.Tensor) -> None:
    """Raise NotMirrored for a tensor that a function transform or forward mode has wrapped."""
    if _FUNCTORCH.is_functorch_wrapped_tensor(tensor) or _FUNCTORCH.is_legacy_batchedtensor(tensor):
        raise NotMirrored("`vmap`, or another transform of `torch.func`,")
    if _is_dual(tensor):
        raise NotMirrored("forward-mode differentiation, such as `torch.func.jvp`,")


def _is_dual(tensor: torch.Tensor) -> bool:
    # No level is entered in ordinary use: then there is nothing to unpack.
    if forward_ad._current_level < 0:  # noqa: SLF001 - torch offers no public one
        return False
    return forward_ad.unpack_dual(tensor).tangent is not None  # type: ignore[no-untyped-call] # torch's
