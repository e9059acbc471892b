"""What to do about a layer of confinement that a machine does not give."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

_CONTAINER_MARKS: Final = (Path("/.dockerenv"), Path("/run/.containerenv"))
_SETTINGS: Final = Path("/proc/sys")
_ABI: Final = re.compile(r"ABI (\d+)")
_ABI_WITH_SCOPES: Final = 6


class Remedy(NamedTuple):
    """What to do about a layer, in a sentence, and what to type for it, where one line does it."""

    advice: str
    command: str | None = None


_NOT_LINUX: Final = Remedy(
    "Grade on Linux: on Windows inside of WSL2, on a Mac in a virtual machine."
)
_PROCESSOR: Final = Remedy(
    "Use a 64-bit Python on x86-64 or aarch64: the system calls of others are not known here."
)
_SIGNALS: Final = Remedy(
    "From ABI 6 on (Linux 6.12), Landlock itself keeps signals and sockets in; here seccomp does."
)
_NO_LANDLOCK: Final = Remedy(
    "Use Linux 5.13 or newer with Landlock built in; of RHEL, 9.6 or newer."
)
_LANDLOCK_OFF: Final = Remedy(
    "Landlock is built in but off: add `landlock` to the list of the boot parameter `lsm=`."
)
_OLD_DOCKER: Final = Remedy(
    "Docker lets Landlock through from version 23 on: update it, or give it a profile that allows"
    " the `landlock_*` calls with `--security-opt seccomp=FILE`."
)
_NO_SECCOMP: Final = Remedy(
    "Use a kernel with `CONFIG_SECCOMP_FILTER`, as all large distributions do."
)
_APPARMOR: Final = Remedy(
    "Ubuntu's AppArmor keeps namespaces from ordinary users. This allows them until the next boot:",
    "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
)
_SWITCHED_OFF: Final = Remedy(
    "Namespaces are kept from ordinary users. This allows them until the next boot:",
    "sudo sysctl -w kernel.unprivileged_userns_clone=1",
)
_NONE_LEFT: Final = Remedy(
    "No user namespace may be made. This allows them until the next boot:",
    "sudo sysctl -w user.max_user_namespaces=10000",
)
_CONTAINER: Final = Remedy(
    "A container's default profile allows no namespaces: `confined` is what it gives. For more,"
    " start Docker with these options:",
    "--security-opt seccomp=unconfined --security-opt apparmor=unconfined"
    " --security-opt systempaths=unconfined",
)
_NO_NAMESPACES: Final = Remedy("Use a kernel with `CONFIG_USER_NS`, as all large distributions do.")
_NO_PROC: Final = Remedy("Mount `/proc`: what a worker may use is measured there.")
_UNKNOWN: Final = Remedy("No remedy is known: report this line if the layer should hold here.")

# What a layer's reason says in this program's own words, whichever layer it is.
_REASONS: Final = {
    "needs Linux": _NOT_LINUX,
    "no table of system calls": _PROCESSOR,
    "no `/proc`": _NO_PROC,
}


@dataclass(frozen=True)
class Surroundings:
    """What decides between several remedies: a container, and the kernel's settings by name."""

    container: bool = False
    settings: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def here(cls) -> Surroundings:
        """Look around on this machine."""
        names = {name for name, _ in _REMEDIES}
        return cls(
            container=any(mark.exists() for mark in _CONTAINER_MARKS),
            settings=frozenset((name, _setting(name)) for name in names),
        )


# A setting of the kernel that keeps namespaces away, and what to do about it.
_REMEDIES: Final = {
    ("kernel/apparmor_restrict_unprivileged_userns", "1"): _APPARMOR,
    ("kernel/unprivileged_userns_clone", "0"): _SWITCHED_OFF,
    ("user/max_user_namespaces", "0"): _NONE_LEFT,
}


def advise(name: str, detail: str, around: Surroundings, *, active: bool) -> Remedy | None:
    """Return what to do about the layer `name`, which gave `detail` as its extent or reason."""
    if active:
        abi = _ABI.fullmatch(detail) if name == "landlock" else None
        return _SIGNALS if abi and int(abi[1]) < _ABI_WITH_SCOPES else None
    plain = next((remedy for reason, remedy in _REASONS.items() if reason in detail), None)
    return plain or _about(name, detail, around)


def _about(name: str, detail: str, around: Surroundings) -> Remedy:
    match name:
        case "landlock":
            return _about_landlock(detail, around)
        case "seccomp":
            return _filtered(name) if _says(detail, errno.EPERM) else _NO_SECCOMP
        case "namespaces" | "view" | "user":
            return _about_namespaces(detail, around)
        case _:
            return _UNKNOWN


def _about_landlock(detail: str, around: Surroundings) -> Remedy:
    if _says(detail, errno.EOPNOTSUPP):
        return _LANDLOCK_OFF
    if _says(detail, errno.EPERM):
        return _OLD_DOCKER if around.container else _filtered("landlock_create_ruleset")
    return _NO_LANDLOCK


def _about_namespaces(detail: str, around: Surroundings) -> Remedy:
    known = [remedy for setting, remedy in _REMEDIES.items() if setting in around.settings]
    if known:
        return known[0]
    if around.container:
        return _CONTAINER
    if _says(detail, errno.EPERM) or _says(detail, errno.EACCES):
        return _filtered("unshare")
    return _NO_NAMESPACES if _says(detail, errno.ENOSYS, errno.EINVAL) else _UNKNOWN


def _filtered(call: str) -> Remedy:
    return Remedy(
        f"Whatever started this program forbids `{call}`: allow it in the filter of that service."
    )


def _says(detail: str, *codes: int) -> bool:
    """Whether a layer's reason ends in the kernel's words for one of these errors."""
    return any(os.strerror(code) in detail for code in codes)


def _setting(name: str) -> str:
    try:
        return (_SETTINGS / name).read_text().strip()
    except OSError:
        return ""
