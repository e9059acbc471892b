"""All modules of one worker that the grader mirrors, kept alike on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from dlcourse.sandbox.description import read_description, require_small_trees
from dlcourse.sandbox.mirror import Mirror, pass_access_on, state_of
from dlcourse.sandbox.registers import Table, registered, unsaved_buffers
from dlcourse.sandbox.slot import Slot
from dlcourse.sandbox.sync import Sync
from dlcourse.sandbox.tensors import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch

    from dlcourse.sandbox.description import Description, ModuleSpec, TensorSpec
    from dlcourse.sandbox.process import WorkerProcess
    from dlcourse.sandbox.values import Encoder
    from dlcourse.sandbox.wire import Frame

MAX_BYTES: Final = 256 << 20
"""How many bytes the tensors of all mirrors may hold together."""


class Mirrors:
    """The mirrors that are alive; `find` returns the one of a number, made where there was none."""

    def __init__(self, process: WorkerProcess, find: Callable[[int, str], Mirror]) -> None:
        self._process = process
        self._find = find
        self._mirrors: WeakValueDictionary[int, Mirror] = WeakValueDictionary()
        self._slots: WeakValueDictionary[int, Slot] = WeakValueDictionary()

    def add(self, mirror: Mirror) -> None:
        """Keep a mirror in step from now on, for as long as it lives."""
        self._mirrors[state_of(mirror).number] = mirror

    # Descriptions.

    def describe(self, numbers: Sequence[int]) -> dict[int, Mirror]:
        """Bring mirrors to the structure that their modules have; returns them and those inside."""
        frame = self._process.request({"kind": "describe", "objects": list(numbers)})
        try:
            description = read_description(frame.header, frame.tensors, numbers)
            self._require_bounded(description)
            mirrors = {n: self._find(n, spec.kind) for n, spec in description.modules.items()}
        except Malformed as error:
            raise self._process.malformed(str(error)) from None
        trained = {n for spec in description.modules.values() for n in spec.parameters.values()}
        slots = {
            n: self._slot(n, spec, is_parameter=n in trained)
            for n, spec in description.tensors.items()
        }
        for n, module in description.modules.items():
            _fill(mirrors[n], module, slots, mirrors)
        for n in numbers:
            pass_access_on(mirrors[n])
        return mirrors

    def _require_bounded(self, description: Description) -> None:
        """Raise Malformed where mirrors would hold too much, or could not be walked through."""
        trees = {n: _tree(mirror) for n, mirror in self._mirrors.items()}
        for n, spec in description.modules.items():
            children = [child for child in spec.children.values() if child is not None]
            trees[n] = (len(spec.parameters) + len(spec.buffers), children)
        require_small_trees(trees)
        held = {n: slot.known for n, slot in self._slots.items()}
        held |= {n: spec.tensor for n, spec in description.tensors.items()}
        if sum(tensor.numel() * tensor.element_size() for tensor in held.values()) > MAX_BYTES:
            raise Malformed("modules that are too large together")

    def _slot(self, number: int, spec: TensorSpec, *, is_parameter: bool) -> Slot:
        """The slot of a tensor with the contents described; a known one keeps its local tensor."""
        slot = self._slots.get(number)
        if slot is None or not slot.fits(spec.tensor) or slot.is_parameter < is_parameter:
            self._slots[number] = slot = Slot.of(number, spec, is_parameter=is_parameter)
            return slot
        slot.write(spec.tensor)
        if slot.is_parameter:
            slot.set_requires_grad(spec.requires_grad)
        return slot

    # Calls.

    def sync(self, encoder: Encoder, *, grad: bool) -> Sync | None:
        """Collect what changed in the mirrors since the last call; None where there are none.

        Raises NotMirrored for tensors of another shape or dtype, and for wrapped ones.
        """
        mirrors = list(self._mirrors.values())
        return Sync(mirrors, encoder, grad=grad) if mirrors else None

    def absorb(self, sync: Sync, frame: Frame) -> list[torch.Tensor]:
        """Take over what a call changed.

        Returns the parameters that the call made, to which gradients flow as well.
        """
        try:
            restructured, fresh = sync.absorb(frame)
        except Malformed as error:
            raise self._process.malformed(str(error)) from None
        described = self.describe(restructured) if restructured else {}
        slots = {s.number: s for m in described.values() for s in state_of(m).slots.values()}
        found = [slots[n].tensor for n in fresh if n in slots and slots[n].requires_grad]
        if len(found) != len(fresh):
            raise self._process.malformed("a parameter that is not there")
        return found


def _tree(mirror: Mirror) -> tuple[int, list[int]]:
    """How many tensors a mirror registers, and the numbers of its children."""
    children = [child for child in registered(mirror, "modules").values() if child is not None]
    return len(state_of(mirror).slots), [state_of(child).number for child in children]


def _fill(
    mirror: Mirror, spec: ModuleSpec, slots: Mapping[int, Slot], mirrors: Mapping[int, Mirror]
) -> None:
    """Let a mirror be what was described."""
    state = state_of(mirror)
    state.kind, state.container, state.training = spec.kind, spec.container, spec.training
    mirror.training = spec.training
    state.slots = _placed("parameters", spec.parameters, slots)
    state.slots |= _placed("buffers", spec.buffers, slots)
    tensors = {n: slot.tensor for n, slot in slots.items()}
    _replace(registered(mirror, "parameters"), spec.parameters, tensors)
    _replace(registered(mirror, "buffers"), spec.buffers, tensors)
    _replace(registered(mirror, "modules"), spec.children, mirrors)
    unsaved = unsaved_buffers(mirror)
    unsaved.clear()
    unsaved.update(spec.unsaved)


def _placed(
    table: Table, numbers: Mapping[str, int | None], slots: Mapping[int, Slot]
) -> dict[tuple[Table, str], Slot]:
    return {(table, name): slots[n] for name, n in numbers.items() if n is not None}


def _replace(
    table: dict[str, Any], numbers: Mapping[str, int | None], things: Mapping[int, Any]
) -> None:
    """Register what stands behind the numbers, and nothing else, in this order."""
    table.clear()
    table.update({name: None if n is None else things[n] for name, n in numbers.items()})
