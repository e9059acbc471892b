"""What a worker can read: the view as it is computed, and as a worker meets it."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from confinement_probe import Attempt

from dlcourse.sandbox.confinement.view import Grant, readable

if TYPE_CHECKING:
    from pathlib import Path

    from confinement_probe import Outcome, Prober


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for site-packages, alone on `sys.path`, with a course in the package `owner`."""
    folder = tmp_path / "packages"
    _make(folder, "plain/__init__.py", "owner/module.py", "owner/course/graders/test.py")
    _make(folder, "owner/course/exercises/stub.py")
    monkeypatch.setattr(sys, "path", [str(folder)])
    return folder


def test_a_folder_without_secrets_is_one_grant(packages: Path) -> None:
    """Nothing is taken apart without need."""
    assert Grant(packages) in readable([])


def test_a_folder_with_a_secret_is_granted_child_by_child(packages: Path) -> None:
    """Around the hidden folder each name is granted; the folders above it are only listed."""
    grants = readable([packages / "owner/course/graders"])
    owner = packages / "owner"
    assert [grant for grant in grants if grant.path.is_relative_to(packages)] == [
        Grant(packages, names_only=True),
        Grant(owner, names_only=True),
        Grant(owner / "course", names_only=True),
        Grant(owner / "course/exercises"),
        Grant(owner / "module.py"),
        Grant(packages / "plain"),
    ]


def test_a_path_inside_a_hidden_one_is_dropped(packages: Path) -> None:
    """Being on `sys.path` does not bring back what is hidden."""
    assert not _reaching(readable([packages.parent]), packages)
    assert not _reaching(readable([packages]), packages)


def test_a_hidden_path_may_be_named_through_a_link(packages: Path) -> None:
    """What is hidden is the real folder, by whatever name."""
    link = packages.parent / "link"
    link.symlink_to(packages)
    assert not _reaching(readable([link]), packages)


def test_links_beside_a_secret_lead_nowhere(packages: Path) -> None:
    """A link next to a hidden folder does not grant its target."""
    outside = packages.parent / "outside"
    _make(outside, "module.py")
    (packages / "link").symlink_to(outside)
    grants = readable([packages / "owner"])
    assert Grant(packages / "plain") in grants
    assert not _reaching(grants, outside)
    assert not _reaching(grants, packages / "link")


def test_what_does_not_exist_yet_may_be_hidden(packages: Path) -> None:
    """A secret written after the preparation is as safe."""
    grants = readable([packages / "later/graders"])
    assert Grant(packages, names_only=True) in grants
    assert not _reaching(grants, packages / "later/graders")


def test_a_secret_above_the_interpreter_s_folder_leaves_the_rest(
    packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository on `sys.path` gives its environment and its sources, not its graders."""
    _make(packages, "graders/test.py", ".venv/lib/module.py")
    monkeypatch.setattr(sys, "prefix", str(packages / ".venv"))
    grants = readable([packages / "graders"])
    assert Grant(packages / ".venv") in grants
    assert not _reaching(grants, packages / "graders")


def test_the_current_folder_and_the_root_are_never_in_the_view(
    packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty entry or the root folder on `sys.path` grants nothing."""
    current = packages.parent / "current"
    current.mkdir()
    monkeypatch.chdir(current)
    monkeypatch.setattr(sys, "path", ["", "/", str(packages)])
    paths = {grant.path for grant in readable([])}
    assert packages in paths
    assert current not in paths
    assert packages.anchor not in {str(path) for path in paths}


def test_no_path_is_granted_twice() -> None:
    """Links such as `/lib` and folders inside others are granted once."""
    paths = [grant.path for grant in readable([])]
    assert len(paths) == len(set(paths))
    assert paths == [path.resolve() for path in paths]


def test_the_installed_course_needs_no_mention_to_be_hidden(
    prober: Prober, libraries: Path
) -> None:
    """The suites that travel with the program are closed to every worker."""
    _make(libraries, "dlcourse/_course/graders/test.py")
    attempt = Attempt("read", (str(libraries / "dlcourse/_course/graders/test.py"),))
    assert prober.probe(attempt, confined=False).outcomes[0].error == ""
    assert prober.probe(attempt).outcomes[0].error == "PermissionError"


def test_a_worker_reads_around_a_hidden_folder_but_not_in_it(
    prober: Prober, libraries: Path
) -> None:
    """Imports beside the secret work, its own contents do not, and without hiding they do."""
    _make(libraries, "installed/__init__.py", "installed/graders/test.py", "neighbour.py")
    secret = libraries / "installed/graders"
    attempts = [
        Attempt("import_lazily", ("installed",)),
        Attempt("import_lazily", ("neighbour",)),
        Attempt("read", (str(secret / "test.py"),)),
    ]
    hiding = replace(prober, hidden=(secret,))
    assert _errors(hiding.probe(*attempts).outcomes) == ["", "", "PermissionError"]
    assert _errors(prober.probe(*attempts).outcomes) == ["", "", ""]


def test_a_worker_cannot_follow_a_link_out_of_the_view(
    prober: Prober, place: Path, libraries: Path
) -> None:
    """A link inside the view opens nothing that lies outside it."""
    secret = place / "secret.py"
    secret.write_text("canary")
    (libraries / "door.py").symlink_to(secret)
    attempt = Attempt("read", (str(libraries / "door.py"),))
    assert prober.probe(attempt, confined=False).outcomes[0].value == "canary"
    assert prober.probe(attempt).outcomes[0].error == "PermissionError"


def _make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# canary\n")


def _reaching(grants: tuple[Grant, ...], path: Path) -> list[Grant]:
    """Return the grants that let `path`, or something beneath it, be read."""
    return [
        grant
        for grant in grants
        if grant.path.is_relative_to(path)
        or (path.is_relative_to(grant.path) and not grant.names_only)
    ]


def _errors(outcomes: list[Outcome]) -> list[str]:
    return [outcome.error for outcome in outcomes]
