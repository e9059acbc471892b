"""What to do about each layer that a machine does not give."""

from __future__ import annotations

import errno
import os

import pytest

from dlcourse.grading.machine.advice import Surroundings, advise

PLAIN = Surroundings()
CONTAINER = Surroundings(container=True)
APPARMOR = Surroundings(settings=frozenset({("kernel/apparmor_restrict_unprivileged_userns", "1")}))
OFF = Surroundings(settings=frozenset({("kernel/unprivileged_userns_clone", "0")}))
SPENT = Surroundings(settings=frozenset({("user/max_user_namespaces", "0")}))


def failed(call: str, code: int) -> str:
    """Return the reason that a layer gives after a system call."""
    return f"`{call}` failed: {os.strerror(code)}"


@pytest.mark.parametrize(
    ("name", "detail", "around", "advice"),
    [
        ("landlock", "needs Linux, and this is `Darwin`", PLAIN, "Grade on Linux: "),
        ("seccomp", "no table of system calls for `riscv64`", PLAIN, "Use a 64-bit Python on "),
        ("limits", "no `/proc`, so memory and threads have no limit", PLAIN, "Mount `/proc`"),
        ("landlock", failed("landlock_create_ruleset", errno.ENOSYS), PLAIN, "Use Linux 5.13 "),
        ("landlock", failed("landlock_create_ruleset", errno.EOPNOTSUPP), PLAIN, "Landlock is bu"),
        ("landlock", failed("landlock_create_ruleset", errno.EPERM), CONTAINER, "Docker lets "),
        ("landlock", failed("landlock_create_ruleset", errno.EPERM), PLAIN, "Whatever started "),
        ("seccomp", failed("seccomp", errno.EPERM), PLAIN, "Whatever started this program forbids"),
        ("seccomp", failed("seccomp", errno.EINVAL), PLAIN, "Use a kernel with `CONFIG_SECCOMP_"),
        ("namespaces", failed("unshare", errno.EPERM), APPARMOR, "Ubuntu's AppArmor keeps "),
        ("view", "it needs `namespaces`", APPARMOR, "Ubuntu's AppArmor keeps "),
        ("namespaces", failed("unshare", errno.EPERM), OFF, "Namespaces are kept from "),
        ("user", failed("unshare", errno.ENOSPC), SPENT, "No user namespace may be made."),
        ("namespaces", failed("unshare", errno.EPERM), CONTAINER, "A container's default prof"),
        ("namespaces", failed("unshare", errno.EPERM), PLAIN, "Whatever started this program "),
        ("namespaces", failed("unshare", errno.ENOSYS), PLAIN, "Use a kernel with `CONFIG_USER_"),
        ("namespaces", "not tried", PLAIN, "No remedy is known: "),
        ("session", failed("setsid", errno.EPERM), PLAIN, "No remedy is known: "),
    ],
)
def test_each_reason_has_a_remedy(
    name: str, detail: str, around: Surroundings, advice: str
) -> None:
    """The layer, the kernel's answer and the surroundings decide what to do."""
    remedy = advise(name, detail, around, active=False)
    assert remedy is not None
    assert remedy.advice.startswith(advice)


@pytest.mark.parametrize(
    ("around", "command"),
    [
        (APPARMOR, "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
        (OFF, "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
        (SPENT, "sudo sysctl -w user.max_user_namespaces=10000"),
        (
            CONTAINER,
            (
                "--security-opt seccomp=unconfined --security-opt apparmor=unconfined"
                " --security-opt systempaths=unconfined"
            ),
        ),
        (PLAIN, None),
    ],
)
def test_a_remedy_of_one_line_can_be_pasted(around: Surroundings, command: str | None) -> None:
    """Where one line does it, the line stands by itself."""
    remedy = advise("namespaces", failed("unshare", errno.EPERM), around, active=False)
    assert remedy is not None
    assert remedy.command == command


@pytest.mark.parametrize(("detail", "said"), [("ABI 1", True), ("ABI 5", True), ("ABI 6", False)])
def test_an_old_landlock_holds_with_a_word_on_what_it_lacks(detail: str, *, said: bool) -> None:
    """An active layer needs no remedy, but an old Landlock leaves a part to seccomp."""
    assert (advise("landlock", detail, PLAIN, active=True) is not None) == said
    assert advise("seccomp", "158 calls denied", PLAIN, active=True) is None


def test_the_surroundings_are_looked_up_here() -> None:
    """The settings are those of this kernel, the empty text where it has none of the name."""
    around = Surroundings.here()
    assert {name for name, _ in around.settings} == {
        "kernel/apparmor_restrict_unprivileged_userns",
        "kernel/unprivileged_userns_clone",
        "user/max_user_namespaces",
    }
