"""The layers as they are reported, and what each leaves for the grader to do."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from confinement_probe import Attempt

from dlcourse.sandbox.confinement import linux

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confinement_probe import Prober

_LAYERS = (
    "namespaces",
    "view",
    "limits",
    "session",
    "user",
    "undumpable",
    "no_new_privs",
    "capabilities",
    "landlock",
    "seccomp",
)


def test_every_layer_is_reported_in_the_order_of_use(prober: Prober) -> None:
    """A report names ten layers, and says of each how far it reaches."""
    layers = prober.probe().layers
    assert tuple(layers) == _LAYERS
    assert all(layer["detail"] for layer in layers.values())


def test_what_needs_no_recent_kernel_is_active(prober: Prober) -> None:
    """Beside namespaces, only Landlock and seccomp may be missing from a Linux machine."""
    layers = prober.probe().layers
    simple = ("limits", "session", "undumpable", "no_new_privs", "capabilities")
    assert all(layers[name]["active"] for name in simple)


def test_a_machine_that_refuses_every_layer_is_told_so(prober: Prober) -> None:
    """Inside a confined process nothing can be put on again: each layer gives its reason."""
    reply = prober.probe(Attempt("confine_again"))
    again = {name: (active, detail) for name, active, detail in reply.outcomes[0].value}
    assert again["landlock"] == (
        False,
        "`landlock_create_ruleset` failed: Operation not permitted",
    )
    assert again["seccomp"] == (False, "`seccomp` failed: Operation not permitted")
    assert again["limits"] == (False, "Permission denied")
    assert again["session"] == (True, "own")


def test_a_second_thread_is_an_error_that_says_when_to_confine(prober: Prober) -> None:
    """Landlock would not hold the other thread, so nothing is put on."""
    outcome = prober.probe(Attempt("confine_beside_a_thread"), confined=False).outcomes[0]
    assert outcome.error == "RuntimeError"
    assert outcome.text == (
        "`confine` found 2 threads, and Landlock holds only the one that calls it: "
        "call it right after the fork."
    )


def is_root(prober: Prober) -> bool:
    """Whether the probes run as root."""
    return prober.user is None and os.geteuid() == 0


def test_no_capability_is_left(prober: Prober) -> None:
    """Root in a worker is an ordinary owner of its files."""
    assert prober.probe(Attempt("capabilities")).outcomes[0].value == 0


def test_root_has_capabilities_to_lose(prober: Prober) -> None:
    """The test above can fail as root, and only as root."""
    held = prober.probe(Attempt("capabilities"), confined=False).outcomes[0].value
    assert (held != 0) == is_root(prober)


def test_a_worker_leads_its_own_session(prober: Prober) -> None:
    """No terminal and no group is shared with the grader."""
    attempt = Attempt("is_session_leader")
    assert prober.probe(attempt, confined=False).outcomes[0].value is False
    assert prober.probe(attempt).outcomes[0].value is True


def test_a_worker_still_dies_with_its_parent(prober: Prober) -> None:
    """Giving up rights and taking another real user keeps the signal asked for before."""
    assert prober.probe(Attempt("parent_death_signal")).outcomes[0].value == 9  # SIGKILL


def test_the_grader_reads_state_and_processor_time(prober: Prober) -> None:
    """Being closed to other processes does not hide what limits are judged by."""
    state, threads, clock, _ = prober.probe(observe=True).observed
    assert state.value.split()[1].startswith("(python")
    assert len(threads.value) == 1
    assert clock.value > 0


def test_another_process_of_the_user_cannot_look_in(prober: Prober) -> None:
    """An ordinary user's other processes lose the sight of a worker that they would have.

    Root may look into every process.
    """
    assert prober.probe(observe=True, confined=False).observed[3].error == ""
    due = "" if is_root(prober) else "PermissionError"
    assert prober.probe(observe=True).observed[3].error == due


@pytest.mark.parametrize("way", ["close_descriptors", "_close_listed"])
def test_every_descriptor_but_those_to_keep_is_closed(prober: Prober, way: str) -> None:
    """With the kernel's help and without, only what is named stays open."""
    reply = prober.probe(Attempt("close_all_but_one", (way,)), confined=False)
    assert reply.outcomes[0].value == [False, False, False, False, True]


@pytest.fixture
def forgetful() -> Iterator[None]:
    """Forget the machine's architecture before and after the test."""
    linux.architecture.cache_clear()
    yield
    linux.architecture.cache_clear()


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize(
    ("system", "machine", "reason"),
    [
        ("Darwin", "arm64", "needs Linux, and this is `Darwin`"),
        ("Linux", "riscv64", "no table of system calls for `riscv64`"),
    ],
)
def test_another_system_is_named_as_the_reason(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, reason: str
) -> None:
    """Where no call can be made, the layers say what the machine is."""
    fake = os.uname_result((system, "host", "1", "1", machine))
    monkeypatch.setattr(os, "uname", lambda: fake)
    with pytest.raises(OSError, match=reason):
        linux.prctl(38, 1)
