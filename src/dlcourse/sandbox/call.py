"""One call of graded code, as the grader sees it: sent, then read without trusting anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch

from dlcourse.sandbox.claims import read_effects
from dlcourse.sandbox.decoder import Decoder, item
from dlcourse.sandbox.effects import by_key, crossing
from dlcourse.sandbox.faults import WrongAnswer
from dlcourse.sandbox.generators import Reseeded, advance
from dlcourse.sandbox.graph import Exchange
from dlcourse.sandbox.observation import Observation
from dlcourse.sandbox.request import RequestEncoder
from dlcourse.sandbox.tensors import Malformed, Unsendable
from dlcourse.sandbox.unsendable import UnsendableArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dlcourse.sandbox.objects import Objects
    from dlcourse.sandbox.record import Effects
    from dlcourse.sandbox.sync import Sync
    from dlcourse.sandbox.wire import Frame

_PART_BYTES: Final = 100  # about what a small Python object takes


class Call:
    """A call that has been answered; its parts are read one by one.

    Making one sends the call; that raises StudentFault, UnsendableArgument or NotMirrored.
    `weight` is about how many bytes of memory the parts take that have been read.
    """

    def __init__(
        self,
        objects: Objects,
        header: Mapping[str, Any],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
    ) -> None:
        self._objects = objects
        self._process = objects.process
        self._inputs = (arguments, dict(keywords))
        encoder = RequestEncoder(objects)
        sync, frame = self._send(header, encoder)
        self.weight = frame.size
        exchange = Exchange.of(self._process, frame)
        grad = torch.is_grad_enabled()
        inputs = [tensor for tensor in encoder.tensors if grad and tensor.requires_grad]
        if sync is not None:
            # Before the graph is built: a parameter that is written to later would look stale.
            fresh = objects.mirrors.absorb(sync, frame)
            inputs += [*sync.inputs, *(fresh if grad else [])]
        rest = frame.tensors[len(exchange.outputs) :]
        self._tensors = (*exchange.attach(inputs), *rest)
        self._header = frame.header
        self._advance(encoder.generators)

    def _send(
        self, header: Mapping[str, Any], encoder: RequestEncoder
    ) -> tuple[Sync | None, Frame]:
        arguments, keywords = self._inputs
        grad = torch.is_grad_enabled()
        try:
            request = {
                "kind": "call",
                **header,
                "arguments": encoder.encode(arguments),
                "keywords": encoder.encode(keywords),
                "grad": grad,
            }
            shared = self._objects.generators.told(encoder)
            self._shares = shared is not None
            if shared is not None:
                request["shared"] = shared
            sync = self._objects.mirrors.sync(encoder, grad=grad)
            if sync is not None:
                request["mirrors"] = sync.told
            return sync, self._process.request(request, encoder.descriptions, encoder.buffers)
        except Unsendable as error:
            raise UnsendableArgument(str(error)) from None

    def _advance(self, generators: list[torch.Generator]) -> None:
        """Bring the generators to the state in which the call left them."""
        states = self._header.get("generators")
        if type(states) is not list or len(states) != len(generators):
            raise self._process.malformed("the number of generators")
        try:
            for generator, index in zip(generators, states, strict=True):
                advance(generator, item(self._tensors, index))
            if self._shares:
                shared = self._header.get("shared")
                self._objects.generators.absorb(generators, shared, self._tensors)
        except Reseeded:
            raise WrongAnswer(
                "a generator came back in a state that no draws lead to: draw from the "
                "generator that you are given, and leave its seed alone"
            ) from None
        except Malformed as error:
            raise self._process.malformed(str(error)) from None

    def value(self) -> Any:
        """The result."""
        return self._decode("value")

    def observation(self) -> Observation:
        """The result and what the call left behind."""
        result = self.value()
        arguments, keywords = self._after()
        return Observation.of(result, arguments, keywords, self._effects(result))

    def _after(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments as they are after the call: as many, under the same names."""
        match self._decode("after"):
            case [tuple() as arguments, dict() as keywords]:
                sent, named = self._inputs
                if len(arguments) == len(sent) and list(keywords) == list(named):
                    return arguments, keywords
        raise self._process.malformed("the arguments after the call")

    def _effects(self, result: Any) -> Effects:
        """What the call left behind; outputs that share memory are among those that there are."""
        try:
            effects = read_effects(self._header.get("effects"), by_key(*self._inputs))
        except Malformed as error:
            raise self._process.malformed(str(error)) from None
        outputs = len(crossing(result))
        if any(index >= outputs for index, _ in effects.aliases):
            raise self._process.malformed("the aliases")
        return effects

    def _decode(self, key: str) -> Any:
        decoder = Decoder(self._tensors, self._objects.find)
        try:
            value = decoder.decode(self._header.get(key))
        except Malformed as error:
            raise self._process.malformed(str(error)) from None
        self.weight += decoder.nodes * _PART_BYTES
        return value
