"""Requests as the grader encodes them: with objects of graded code, without local callables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dlcourse.sandbox.not_mirrored import require_plain
from dlcourse.sandbox.tensors import Unsendable
from dlcourse.sandbox.unsendable import describe_unsendable
from dlcourse.sandbox.values import Encoder

if TYPE_CHECKING:
    import torch

    from dlcourse.sandbox.objects import Objects


class RequestEncoder(Encoder):
    """Encodes a request; `objects` are those that it may name.

    Raises NotMirrored for tensors of function transforms and of forward mode.
    """

    def __init__(self, objects: Objects | None = None) -> None:
        super().__init__()
        self._objects = objects

    def tensor(self, tensor: torch.Tensor) -> int:
        """Add a tensor and return its index; raises Unsendable."""
        require_plain(tensor)
        return super().tensor(tensor)

    def unknown(self, value: Any) -> Any:
        """Return the tree of an object of graded code; raises Unsendable for what is none."""
        number = None if self._objects is None else self._objects.number_of(value)
        if number is None:
            raise Unsendable(describe_unsendable(value))
        return {"$": "object", "h": number}
