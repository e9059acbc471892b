"""Layer `landlock`: files are readable in the view and nowhere else, and none is writable.

What Landlock does not cover stays visible: that a path exists, its size and times, and where a
symbolic link leads.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dlcourse.sandbox.confinement import linux
from dlcourse.sandbox.confinement.layer import Layer, attempt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dlcourse.sandbox.confinement.view import Grant

_VERSION_QUERY = 1
_RULE_PATH_BENEATH = 1
_WRITE_FILE = 1 << 1
_READ_FILE = 1 << 2
_READ_DIR = 1 << 3

# How many rights over files each ABI knows: later ones added refer (2), truncate (3) and ioctl on
# devices (5). A right that is handled and never granted is denied, execution among them.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
_ABI_WITH_TCP = 4
_BIND_AND_CONNECT = 0b11
_ABI_WITH_SCOPES = 6
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11

# Without it, each refusal becomes a line in the machine's audit log, which could be flooded.
_QUIET = 1
_ABI_WITH_LOG = 7

_DEVICES = {
    "/dev/null": _READ_FILE | _WRITE_FILE,
    "/dev/zero": _READ_FILE,
    "/dev/random": _READ_FILE,
    "/dev/urandom": _READ_FILE,
}


@dataclass(frozen=True)
class Ruleset:
    """A prepared set of rules, kept in the kernel behind `descriptor`; none if unavailable."""

    descriptor: int | None
    detail: str
    flags: int = 0

    @classmethod
    def prepare(cls, grants: Iterable[Grant]) -> Ruleset:
        """Build the rules that make `grants` readable, or note why this machine cannot."""
        try:
            abi = linux.call("landlock_create_ruleset", None, 0, _VERSION_QUERY)
            descriptor = _create(abi)
        except OSError as error:
            return cls(None, error.strerror or str(error))
        for grant in grants:
            _allow(descriptor, grant.path, _rights(grant))
        for device, rights in _DEVICES.items():
            _allow(descriptor, Path(device), rights)
        return cls(descriptor, f"ABI {abi}", _QUIET if abi >= _ABI_WITH_LOG else 0)

    def apply(self) -> Layer:
        """Restrict this thread, and what it starts, to the rules; close their descriptor."""
        descriptor = self.descriptor
        if descriptor is None:
            return Layer("landlock", active=False, detail=self.detail)
        return attempt("landlock", lambda: self._restrict(descriptor))

    def _restrict(self, descriptor: int) -> str:
        try:
            linux.call("landlock_restrict_self", descriptor, self.flags)
        finally:
            os.close(descriptor)
        return self.detail


def handled_rights(abi: int) -> list[int]:
    """Return the rights that an ABI can deny: over files, over the network, and scopes."""
    known = max(first for first in _FILE_RIGHTS if first <= abi)
    rights = [(1 << _FILE_RIGHTS[known]) - 1]
    if abi >= _ABI_WITH_TCP:
        rights.append(_BIND_AND_CONNECT)
    if abi >= _ABI_WITH_SCOPES:
        rights.append(_ABSTRACT_SOCKETS_AND_SIGNALS)
    return rights


def _create(abi: int) -> int:
    rights = handled_rights(abi)
    attributes = struct.pack(f"={len(rights)}Q", *rights)
    return linux.call("landlock_create_ruleset", attributes, len(attributes), 0)


def _rights(grant: Grant) -> int:
    if grant.names_only:
        return _READ_DIR
    return _READ_FILE | _READ_DIR if grant.path.is_dir() else _READ_FILE


def _allow(ruleset: int, path: Path, rights: int) -> None:
    """Add one rule; a path that cannot be opened gives the worker nothing."""
    try:
        target = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rule = struct.pack("=Qi", rights, target)
        linux.call("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(target)
