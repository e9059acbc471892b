"""What graded code cannot do outside itself, each with a proof that it otherwise could."""

from __future__ import annotations

import os
import socket
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confinement_probe import Attempt, Outcome

if TYPE_CHECKING:
    from confinement_probe import Prober

# What is tried, as a function of `confinement_attempts` and its arguments; the names of targets
# stand for them.
_HARMS: dict[str, tuple[str, ...]] = {
    "read a system file": ("read", "/etc/passwd"),
    "read its own environment": ("read", "/proc/self/environ"),
    "read its parent's environment": ("read_environment_of_parent",),
    "see where its parent works": ("see_folder_of_parent",),
    "read its own memory map": ("read", "/proc/self/maps"),
    "read another submission": ("read", "outside"),
    "list another folder": ("list_folder", "folder"),
    "list the running processes": ("list_folder", "/proc"),
    "write to a library": ("append", "visible"),
    "write elsewhere": ("append", "outside"),
    "make a file": ("create", "new_file"),
    "make a file in shared memory": ("create", "shared_file"),
    "make a file without a name": ("create_nameless", "folder"),
    "make a folder": ("make_folder", "new_folder"),
    "empty a library by opening it to read": ("truncate_by_reading", "scratch"),
    "open a file for neither reading nor writing": ("open_for_neither", "visible"),
    "change a library's mode": ("change_mode", "visible"),
    "change the mode of an open library": ("change_mode_of_open_file", "visible"),
    "change the mode of a file elsewhere": ("change_mode", "outside"),
    "change an owner": ("change_owner", "visible"),
    "change times": ("change_times", "visible"),
    "link a file": ("link", "outside"),
    "link a file symbolically": ("link_symbolically", "outside"),
    "rename a file": ("rename", "outside"),
    "lease a library": ("lease", "visible"),
    "lock a library": ("lock", "visible"),
    "watch folders": ("watch",),
    "connect to a port": ("connect_tcp", "tcp"),
    "send a datagram": ("send_udp", "udp"),
    "connect to a local service": ("connect_unix", "service"),
    "connect to a nameless local service": ("connect_unix", "nameless"),
    "send to a local service from a pair": ("send_from_pair", "service"),
    "run a program": ("start_program",),
    "fork": ("fork",),
    "signal its parent": ("signal_parent",),
    "signal its group": ("signal_group",),
    "aim signals at its parent": ("aim_signals_at_parent",),
    "read its parent's limits": ("read_limits_of_parent",),
    "pin its parent to processors": ("pin_parent",),
    "weigh its group": ("weigh_group",),
    "read its parent's clock": ("read_clock_of_parent",),
    "outlive its parent": ("outlive_parent",),
    "share memory": ("share_memory",),
    "name memory": ("name_memory",),
    "become another user": ("become_another",),
    "take the user's pipe memory": ("grow_pipe",),
    "enter a namespace": ("enter_namespace",),
}


@dataclass(frozen=True)
class Trial:
    """The same attempts, unconfined and confined, and what is left of a file aimed at."""

    free: dict[str, Outcome]
    held: dict[str, Outcome]
    canary_left: bool


@pytest.fixture(scope="module")
def trial(prober: Prober, place: Path, libraries: Path) -> Trial:
    """Make every attempt twice, each round in one process."""
    with ExitStack() as stack:
        words = _targets(place, libraries, stack)
        attempts = [
            Attempt(function, tuple(words.get(argument, argument) for argument in arguments))
            for function, *arguments in _HARMS.values()
        ]
        held = prober.probe(*attempts)
        for name in ("landlock", "seccomp"):
            if not held.layers[name]["active"]:
                pytest.skip(f"this machine has no {name}: {held.layers[name]['detail']}")
        canary_left = (libraries / "scratch.txt").read_text() == "canary"
        free = prober.probe(*attempts, confined=False)
    return Trial(
        dict(zip(_HARMS, free.outcomes, strict=True)),
        dict(zip(_HARMS, held.outcomes, strict=True)),
        canary_left,
    )


@pytest.mark.parametrize("harm", _HARMS)
def test_a_worker_cannot(trial: Trial, harm: str) -> None:
    """A worker is refused what its user may otherwise do."""
    free, held = trial.free[harm], trial.held[harm]
    if free.error:
        pytest.skip(f"unconfined, too: {free.error}: {free.text}")
    assert held.error == "PermissionError", held


def test_a_library_opened_for_reading_keeps_its_contents(trial: Trial) -> None:
    """Opening with the flag that empties a file leaves it as it was."""
    assert trial.canary_left


def test_the_attempts_succeed_unconfined(trial: Trial) -> None:
    """They can tell a confined process from a free one; a machine may forbid two of them to all."""
    refused = {harm for harm, outcome in trial.free.items() if outcome.error}
    assert refused <= {"enter a namespace", "lease a library"}


@pytest.mark.parametrize(
    ("layer", "harm", "abi"),
    [
        ("landlock", "read another submission", 1),
        ("landlock", "write to a library", 1),
        ("landlock", "make a folder", 1),
        ("landlock", "see where its parent works", 1),
        ("landlock", "empty a library by opening it to read", 3),
        ("landlock", "connect to a port", 4),
        ("landlock", "connect to a nameless local service", 6),
        ("landlock", "signal its parent", 6),
        ("seccomp", "make a folder", 0),
        ("seccomp", "empty a library by opening it to read", 0),
        ("seccomp", "connect to a port", 0),
        ("seccomp", "connect to a nameless local service", 0),
        ("seccomp", "signal its parent", 0),
    ],
)
def test_one_layer_is_enough_to_stop(
    prober: Prober, place: Path, layer: str, harm: str, abi: int
) -> None:
    """The two strongest layers overlap, so that a kernel that lacks one still has the other."""
    if layer == "landlock" and _landlock_abi(prober) < abi:
        pytest.skip(f"this machine's Landlock is older than ABI {abi}")
    function, *arguments = _HARMS[harm]
    with ExitStack() as stack:
        words = _targets(place, prober.libraries[0], stack)
        filled = [words.get(argument, argument) for argument in arguments]
        attempt = Attempt("under_one_layer", (layer, function, *filled))
        outcome = prober.probe(attempt, confined=False).outcomes[0]
    assert outcome.error == "PermissionError", outcome


def _landlock_abi(prober: Prober) -> int:
    layer = prober.probe().layers["landlock"]
    return int(layer["detail"].removeprefix("ABI ")) if layer["active"] else 0


def test_replacing_the_program_is_refused_before_it_is_looked_for(prober: Prober) -> None:
    """`execve` is denied as such, not because the program is missing."""
    attempt = Attempt("replace_program")
    assert prober.probe(attempt, confined=False).outcomes[0].error == "FileNotFoundError"
    assert prober.probe(attempt).outcomes[0].error == "PermissionError"


def test_a_call_by_the_x32_convention_kills_the_process(prober: Prober) -> None:
    """No rule by number can be passed by under another convention."""
    if os.uname().machine != "x86_64":
        pytest.skip("x32 exists on x86-64 only")
    reply = prober.probe(Attempt("call_by_number", (0x40000000 + 39,)))
    assert os.WTERMSIG(reply.status) == 31  # SIGSYS
    assert reply.outcomes == []


def _targets(place: Path, libraries: Path, stack: ExitStack) -> dict[str, str | int]:
    """Put files and services there for the attempts to aim at."""
    folder = Path(tempfile.mkdtemp(dir=place))
    files = {
        "outside": folder / "other.py",
        "visible": libraries / "visible.txt",
        "scratch": libraries / "scratch.txt",
    }
    for path in files.values():
        path.write_text("canary")
    nameless = f"\0{folder.name}"
    paths = {**files, "service": folder / "service", "folder": folder}
    ports = _listen(stack, str(paths["service"]), nameless)
    owner = place.stat()
    for path in paths.values():
        os.chown(path, owner.st_uid, owner.st_gid)
    new = {"new_file": folder / "new", "new_folder": folder / "new-folder"}
    new["shared_file"] = Path("/dev/shm") / folder.name  # noqa: S108 - a name of this test's own
    stack.callback(new["shared_file"].unlink, missing_ok=True)
    return (
        {name: str(path) for name, path in {**paths, **new}.items()}
        | ports
        | {"nameless": nameless}
    )


def _listen(stack: ExitStack, *local: str) -> dict[str, str | int]:
    """Open a port of each kind, and local services at the addresses `local`."""
    for address in local:
        service = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        service.bind(address)
    tcp, udp = (
        stack.enter_context(socket.socket(socket.AF_INET, kind))
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
    )
    for server in (tcp, udp):
        server.bind(("127.0.0.1", 0))
    tcp.listen()
    return {"tcp": tcp.getsockname()[1], "udp": udp.getsockname()[1]}
