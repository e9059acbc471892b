"""What one call says of the mirrored modules, there and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dlcourse.sandbox.bits import same_bits
from dlcourse.sandbox.decoder import item
from dlcourse.sandbox.description import entries, flag, number
from dlcourse.sandbox.mirror import Mirror, access_of_module, state_of
from dlcourse.sandbox.not_mirrored import require_plain
from dlcourse.sandbox.registers import registered
from dlcourse.sandbox.tensors import Malformed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from dlcourse.sandbox.slot import Slot
    from dlcourse.sandbox.values import Encoder
    from dlcourse.sandbox.wire import Frame


class Sync:
    """Collects what changed in mirrors since the last call; keeps them alive until the answer.

    `told` is the part of the request, and `inputs` the local parameters that gradients of the call
    flow to.
    """

    def __init__(self, mirrors: Sequence[Mirror], encoder: Encoder, *, grad: bool) -> None:
        self._mirrors = {state_of(mirror).number: mirror for mirror in mirrors}
        self._slots: dict[int, Slot] = {}
        self._sent: list[tuple[Slot, torch.Tensor]] = []
        self.inputs: list[torch.Tensor] = []
        self.told: dict[str, list[Any]] = {"tensors": [], "grad": [], "training": [], "inputs": []}
        for mirror in mirrors:
            self._collect(mirror, encoder, grad=grad)

    def _collect(self, mirror: Mirror, encoder: Encoder, *, grad: bool) -> None:
        state, access = state_of(mirror), access_of_module(mirror)
        if mirror.training != state.training:
            self.told["training"].append([state.number, bool(mirror.training)])
            access.follow("training", bool(mirror.training))
        for (table, name), slot in state.slots.items():
            tensor = registered(mirror, table).get(name)
            if tensor is None or slot.number in self._slots:
                continue
            self._slots[slot.number] = slot
            require_plain(tensor)
            if not slot.fits(tensor):
                raise access.misfit(name, slot.known)
            if self._compare(slot, tensor, encoder):
                access.follow(name, tensor)
            if grad and tensor.requires_grad:
                self.told["inputs"].append(slot.number)
                self.inputs.append(tensor)

    def _compare(self, slot: Slot, tensor: torch.Tensor, encoder: Encoder) -> bool:
        """Collect what differs in one tensor, and say whether anything does."""
        written = not same_bits(tensor, slot.known)
        turned = slot.is_parameter and tensor.requires_grad != slot.requires_grad
        if written:
            contents = tensor.detach()
            self.told["tensors"].append([slot.number, encoder.tensor(contents)])
            self._sent.append((slot, contents.clone()))
        if turned:
            self.told["grad"].append([slot.number, tensor.requires_grad])
        return written or turned

    def absorb(self, frame: Frame) -> tuple[list[int], list[int]]:
        """Take over what the call changed.

        Returns the modules to be described anew, and the parameters that the call made in them;
        raises Malformed.
        """
        self._settle()
        told = frame.header.get("mirrors")
        if type(told) is not dict:
            raise Malformed("what changed in the modules")
        self._absorb_tensors(told.get("tensors"), frame.tensors)
        self._absorb_flags(told)
        restructured = _distinct(told.get("restructured"))
        if not self._mirrors.keys() >= set(restructured):
            raise Malformed("a change of an unknown module")
        return restructured, _distinct(told.get("fresh"))

    def _settle(self) -> None:
        """Remember that the worker has what it was told."""
        for slot, contents in self._sent:
            slot.known = contents
        for n, requires_grad in self.told["grad"]:
            self._slots[n].requires_grad = requires_grad
        for n, training in self.told["training"]:
            state_of(self._mirrors[n]).training = training

    def _absorb_tensors(self, changes: Any, tensors: Sequence[torch.Tensor]) -> None:
        pairs = entries(changes, 2)
        _distinct([n for n, _ in pairs])
        for n, index in pairs:
            slot, contents = self._slots.get(n), item(tensors, index)
            if slot is None or not slot.fits(contents):
                raise Malformed("the contents of an unknown tensor, or of another kind")
            slot.write(contents)

    def _absorb_flags(self, told: dict[str, Any]) -> None:
        for n, requires_grad in entries(told.get("grad"), 2):
            slot = self._slots.get(number(n))
            if slot is None or not slot.is_parameter or not _differentiable(slot.known):
                raise Malformed("a gradient of a tensor that can have none")
            slot.set_requires_grad(flag(requires_grad))
        for n, training in entries(told.get("training"), 2):
            mirror = self._mirrors.get(number(n))
            if mirror is None:
                raise Malformed("a flag of an unknown module")
            mirror.training = state_of(mirror).training = flag(training)


def _differentiable(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _distinct(numbers: Any) -> list[int]:
    """Return numbers each of which is met once; raises Malformed."""
    found = [number(n) for n in entries(numbers)]
    if len(set(found)) != len(found):
        raise Malformed("a number met twice")
    return found
