"""What goes on working in a confined worker: Python, threads, numpy and torch."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING

import pytest
from confinement_probe import Attempt, Prober

if TYPE_CHECKING:
    from pathlib import Path

    from confinement_probe import Reply

# torch may be installed where only this user can read it.
_ME = "root" if os.geteuid() == 0 else "user"

_TORCH_USES = (
    "backward",
    "second_gradient",
    "optimize",
    "save_and_load",
    "script",
    "trace_vmap",
    "attend",
    "recur",
    "load_batches",
    "profile",
    "use_threads",
    "decompose",
    "use_numpy",
    "check_close",
)


def test_extensions_and_packages_are_imported_after_confinement(prober: Prober) -> None:
    """Loading a shared library needs no right to execute files."""
    names = ("_sqlite3", "_lzma", "xml.etree.ElementTree", "concurrent.futures", "zoneinfo")
    reply = prober.probe(*(Attempt("import_lazily", (name,)) for name in names))
    assert [outcome.error for outcome in reply.outcomes] == [""] * len(names)


def test_threads_event_loops_callbacks_and_devices_work(prober: Prober) -> None:
    """What a worker may do, it can do."""
    names = ("use_threads", "use_asyncio", "use_callback", "use_devices", "use_clocks_and_pipes")
    reply = prober.probe(*map(Attempt, names))
    assert [outcome.value for outcome in reply.outcomes] == [
        5050,
        "7",
        [1, 2, 3],
        16,
        ["x", "float", "float", "float", "float"],
    ]


def test_a_failed_check_in_c_ends_with_its_own_signal(prober: Prober) -> None:
    """`abort` signals its own thread, which is allowed."""
    assert os.WTERMSIG(prober.probe(Attempt("abort")).status) == 6  # SIGABRT


@pytest.fixture(scope="module")
def torch_reply(libraries: Path) -> Reply:
    """Use torch in one worker of this user's.

    It is imported before the confinement, and so is its compiler, which makes a folder.
    """
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")
    prober = Prober(sys.executable, (libraries,), imports=("torch", "torch._dynamo"))
    return prober.probe(*(Attempt(use, module="confinement_torch") for use in _TORCH_USES))


@pytest.mark.parametrize("user", [_ME], indirect=True)
@pytest.mark.parametrize("use", _TORCH_USES)
def test_torch_works(torch_reply: Reply, use: str) -> None:
    """Torch computes, and imports what it imports late, without a file to write to."""
    outcome = torch_reply.outcomes[_TORCH_USES.index(use)]
    assert (outcome.value, outcome.text) == ("done", "")
