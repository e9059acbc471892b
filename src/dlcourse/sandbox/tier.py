"""What the layers of confinement amount to, in one word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection

Tier: TypeAlias = Literal["none", "confined", "sandboxed"]

TIERS: Final[tuple[Tier, ...]] = ("none", "confined", "sandboxed")
"""From the weakest to the strongest."""

# What has to hold at least; the other layers add to it.
_NEEDED: Final[dict[Tier, frozenset[str]]] = {
    "none": frozenset(),
    "confined": frozenset({"landlock", "seccomp"}),
    "sandboxed": frozenset({"namespaces", "view", "seccomp"}),
}


def tier_of(active: Collection[str]) -> Tier:
    """Return the strongest tier that the layers with these names make up."""
    held = frozenset(active)
    return next(tier for tier in reversed(TIERS) if held >= _NEEDED[tier])


def missing_for(tier: Tier, active: Collection[str]) -> tuple[str, ...]:
    """Return the names of the layers that `tier` needs beyond those that are active, sorted."""
    return tuple(sorted(_NEEDED[tier].difference(active)))


def strongest(*tiers: Tier) -> Tier:
    """Return the strongest of several tiers: who asks for less lowers nobody's demand."""
    return max(tiers, key=TIERS.index)


def is_enough(tier: Tier, required: Tier) -> bool:
    """Whether `tier` is at least as strong as `required`."""
    return TIERS.index(tier) >= TIERS.index(required)
