"""The strongest tier: namespaces, a file system of the view alone, and no root."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from confinement_probe import Attempt

from dlcourse.sandbox.confinement.root import links_to
from dlcourse.sandbox.confinement.user import private_user

if TYPE_CHECKING:
    from pathlib import Path

    from confinement_probe import Outcome, Prober


@pytest.fixture(scope="module")
def inside(prober: Prober) -> Prober:
    """Probes that enter namespaces first."""
    prober = replace(prober, namespaces=True)
    layer = prober.probe().layers["namespaces"]
    if not layer["active"]:
        pytest.skip(f"this machine has no namespaces: {layer['detail']}")
    return prober


def only(prober: Prober, name: str, *arguments: str, confined: bool = True) -> Outcome:
    """How one attempt ended."""
    (outcome,) = prober.probe(Attempt(name, arguments), confined=confined).outcomes
    return outcome


def test_every_layer_holds(inside: Prober) -> None:
    """Where namespaces can be had, no layer is missing."""
    missing = {name: layer for name, layer in inside.probe().layers.items() if not layer["active"]}
    assert missing == {}


def test_the_report_says_which_namespaces_and_how_large_the_view(inside: Prober, user: int) -> None:
    """An ordinary user needs a user namespace, root does not."""
    layers = inside.probe().layers
    own = "user, " if user else ""
    assert layers["namespaces"]["detail"] == f"{own}mount, cgroup, uts, ipc, pid, net"
    assert layers["view"]["detail"].endswith(" paths, read-only")


def test_what_lies_outside_the_view_has_no_name(inside: Prober, place: Path) -> None:
    """Not even that a file exists can be learned; without namespaces it can."""
    secret = place / "secret.py"
    secret.write_text("canary")
    assert only(replace(inside, namespaces=False), "exists", str(secret)).value is True
    assert only(inside, "exists", str(secret)).value is False
    assert only(inside, "read", str(secret)).error == "FileNotFoundError"


def test_the_view_is_closed_without_landlock_too(inside: Prober, place: Path) -> None:
    """The namespaces alone keep a file from being read."""
    secret = place / "secret.py"
    secret.write_text("canary")
    assert only(inside, "read", str(secret), confined=False).error == "FileNotFoundError"


def test_a_hidden_folder_is_empty_without_landlock_too(inside: Prober, libraries: Path) -> None:
    """What the view would hold and is hidden is covered."""
    secret = libraries / "installed/graders/test.py"
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_text("# canary\n")
    hiding = replace(inside, hidden=(secret.parent,))
    assert only(inside, "read", str(secret), confined=False).value == "# canary\n"
    assert only(hiding, "read", str(secret), confined=False).error == "FileNotFoundError"
    assert only(hiding, "list_folder", str(secret.parent), confined=False).value == []


def test_a_hidden_file_is_empty_without_landlock_too(inside: Prober, libraries: Path) -> None:
    """A single file is covered as a folder is."""
    secret = libraries / "hidden.txt"
    secret.write_text("canary")
    hiding = replace(inside, hidden=(secret,))
    assert only(hiding, "read", str(secret), confined=False).value == ""


def test_no_place_is_writable_without_landlock_too(inside: Prober) -> None:
    """The root and every mount of the view are read-only."""
    assert only(inside, "write_anywhere", confined=False).value == []


def test_no_other_process_can_be_seen(inside: Prober) -> None:
    """Beside itself there is the server, the first process, which seccomp keeps it from."""
    server, itself = only(inside, "processes", confined=False).value
    assert server == 1
    assert only(inside, "processes").value == [itself]


def test_there_is_no_network(inside: Prober) -> None:
    """Only the loopback device exists, and it is down; the host has a name of no meaning."""
    assert only(inside, "interfaces", confined=False).value == ["lo"]
    assert only(inside, "host_name", confined=False).value == "worker"
    assert os.uname().nodename != "worker"


def test_nobody_in_a_worker_is_root(inside: Prober, user: int) -> None:
    """Root leaves all its users and groups; an ordinary user stays who he is."""
    users, groups, others = only(inside, "users").value
    assert len(set(users)) == 1
    if user == 0:
        assert users[0] >= 0x70000000
        assert (groups, others) == (users, [])
    else:
        assert users[0] == user


def test_a_worker_still_dies_with_its_server(inside: Prober) -> None:
    """Becoming another user keeps the signal asked for before."""
    assert only(inside, "parent_death_signal").value == 9  # SIGKILL


def test_a_worker_cannot_mount_or_enter_further_namespaces(inside: Prober) -> None:
    """The rights that made the namespaces are gone in a worker."""
    assert only(inside, "mount_memory", "/usr").error == "PermissionError"
    assert only(inside, "enter_namespace").error == "PermissionError"


def test_a_machine_that_refuses_says_why_and_stays_as_it_was(inside: Prober) -> None:
    """A confined worker can start no process to try it in, and goes on without."""
    reply = inside.probe(Attempt("enter_namespaces_again"), Attempt("host_name"))
    again, after = reply.outcomes
    assert again.value == [False, "no process to try it in: Operation not permitted"]
    assert after.value == "worker"


def test_a_view_that_cannot_be_made_keeps_the_server_outside(prober: Prober) -> None:
    """The rehearsal's reason is the layer's, and nothing has changed."""
    outcome = only(prober, "stumble_in_the_rehearsal", confined=False)
    if outcome.value[1].startswith("`unshare` failed"):
        pytest.skip("this machine has no namespaces")
    assert outcome.value == [False, "`mount` failed: No such device"]


def test_links_on_the_way_to_a_path_are_found(tmp_path: Path) -> None:
    """Absolute, relative and upward links, also of folders, are named by their real place."""
    real = tmp_path / "real/deep"
    real.mkdir(parents=True)
    (tmp_path / "first").symlink_to("real")
    (tmp_path / "real/up").symlink_to("../real/deep")
    (tmp_path / "second").symlink_to(tmp_path / "first/up")
    found = [path.relative_to(tmp_path) for path in links_to(tmp_path / "second/module.py")]
    assert [str(path) for path in found] == ["second", "first", "real/up"]


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    """As the kernel does, the search gives up after forty links."""
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    assert len(list(links_to(tmp_path / "one/module.py"))) == 40


def test_an_interpreter_behind_links_works(inside: Prober, place: Path) -> None:
    """Folders that are named through a link are found by that name."""
    (place / "link").symlink_to(inside.libraries[0])
    behind = replace(inside, libraries=(place / "link",))
    outcomes = behind.probe(Attempt("import_lazily", ("json.tool",))).outcomes
    assert [outcome.error for outcome in outcomes] == [""]


def test_workers_of_one_server_have_different_users() -> None:
    """A private user lies above those of people and services, and below the signed range."""
    smallest, largest = private_user(0), private_user((1 << 22) - 1)
    assert 0x70000000 <= smallest < largest < 1 << 31
    assert private_user(1) != private_user(2)
