"""One layer of confinement as the report names it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Layer:
    """What one mechanism gives on this machine.

    `detail` says how far an active layer reaches, or why an inactive one is not available.
    """

    name: str
    active: bool
    detail: str


def attempt(name: str, action: Callable[[], str]) -> Layer:
    """Run `action`, whose text becomes the detail; a machine that refuses gives its reason."""
    try:
        return Layer(name, active=True, detail=action())
    except OSError as error:
        return Layer(name, active=False, detail=error.strerror or str(error))
