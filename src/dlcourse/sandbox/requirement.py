"""The least confinement that graded code may run under: judged for every worker, failing closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from dlcourse.errors import UnavailableError
from dlcourse.sandbox.tier import is_enough, missing_for, tier_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from dlcourse.sandbox.tier import Tier


class _Layer(Protocol):
    """A layer of confinement, whoever reports it."""

    @property
    def name(self) -> str: ...
    @property
    def active(self) -> bool: ...
    @property
    def detail(self) -> str: ...


def require_tier(layers: Sequence[_Layer], required: Tier) -> None:
    """Raise UnavailableError where `layers` amount to less than `required`."""
    active = [layer.name for layer in layers if layer.active]
    if not is_enough(tier_of(active), required):
        raise UnavailableError(
            f"this run requires confinement `{required}`, and a worker here gets"
            f" `{tier_of(active)}`, without {lacking(layers, required)}: type `dlcourse doctor` to"
            " see what to do."
        )


def lacking(layers: Sequence[_Layer], required: Tier) -> str:
    """Return the layers that `required` needs and that do not hold, each with the reason."""
    details = {layer.name: layer.detail for layer in layers}
    active: Collection[str] = [layer.name for layer in layers if layer.active]
    return " and ".join(
        f"`{name}` ({details.get(name, 'not tried by this version')})"
        for name in missing_for(required, active)
    )
