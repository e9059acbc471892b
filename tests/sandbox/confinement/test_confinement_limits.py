"""What a worker may use up, and what happens when it wants more."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from confinement_probe import Attempt

if TYPE_CHECKING:
    from confinement_probe import Prober

_MIB = 1 << 20


def test_memory_beyond_the_allowance_is_refused(prober: Prober) -> None:
    """Half the allowance can be had, twice the allowance cannot, and Python lives on."""
    small = replace(prober, limits={"memory_bytes": 256 * _MIB})
    fits, excess, shared = small.probe(
        Attempt("allocate", (128 * _MIB,)),
        Attempt("allocate", (512 * _MIB,)),
        Attempt("map_memory", (512 * _MIB,)),
    ).outcomes
    assert fits.value == 128 * _MIB
    assert excess.error == "MemoryError"
    assert (shared.error, "Cannot allocate memory" in shared.text) == ("OSError", True)


def test_unconfined_the_same_memory_can_be_had(prober: Prober) -> None:
    """The refusal above is the limit's doing."""
    reply = prober.probe(Attempt("map_memory", (512 * _MIB,)), confined=False)
    assert reply.outcomes[0].value == 512 * _MIB


def test_processor_time_ends_in_a_kill(prober: Prober) -> None:
    """A worker deaf to signals is killed when its time is used up."""
    reply = replace(prober, limits={"cpu_seconds": 1}).probe(Attempt("spin"))
    assert os.WTERMSIG(reply.status) == signal.SIGKILL
    assert reply.outcomes == []


def test_descriptors_run_out(prober: Prober) -> None:
    """No more than the allowed descriptors can be open."""
    few, many = prober.probe(Attempt("open_many", (10,)), Attempt("open_many", (40,))).outcomes
    assert few.error == ""
    assert (many.error, "Too many open files" in many.text) == ("OSError", True)


def test_threads_run_out_for_root_as_for_others(prober: Prober) -> None:
    """No more than the allowed threads can run, although root's are not limited by the kernel."""
    attempts = (Attempt("start_threads", (40,)), Attempt("start_threads", (400,)))
    few, many = prober.probe(*attempts).outcomes
    assert few.value == 40
    assert (many.error, many.text) == ("RuntimeError", "can't start new thread")


def test_output_to_a_pipe_is_no_file(prober: Prober) -> None:
    """A file size of zero does not stop a worker from answering or printing."""
    reply = prober.probe(Attempt("write_descriptor", (2,)))
    assert reply.outcomes[0].value == 1


@pytest.mark.parametrize("name", ["RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_NOFILE", "RLIMIT_NPROC"])
def test_a_limit_cannot_be_raised_again(prober: Prober, name: str) -> None:
    """Soft and hard limits are the same, and the right to raise them is gone."""
    assert prober.probe(Attempt("raise_limit", (name,))).outcomes[0].error == "ValueError"


def test_the_report_names_each_allowance(prober: Prober) -> None:
    """The layer says how much of what a worker had."""
    limits = {"memory_bytes": 512 * _MIB, "cpu_seconds": 7, "descriptors": 32, "threads": 16}
    layer = replace(prober, limits=limits).probe().layers["limits"]
    assert layer["active"] is True
    assert layer["detail"] == (
        "512 MiB beyond its own size, 7 s of CPU, 32 descriptors, 16 threads"
    )


def test_a_machine_that_cannot_tell_sizes_is_told_so(prober: Prober) -> None:
    """Without `/proc` memory stays unlimited, so the layer is not active."""
    outcome = prober.probe(Attempt("limit_without_proc"), confined=False).outcomes[0]
    assert outcome.value == [False, "no `/proc`, so memory and threads have no limit"]


def test_root_that_cannot_change_its_user_has_threads_without_limit(prober: Prober) -> None:
    """The report says which limit does not bind, and why; the others hold."""
    outcome = prober.probe(Attempt("limit_in_a_namespace"), confined=False).outcomes[0]
    if outcome.error:
        pytest.skip(f"no user namespace here: {outcome.error}: {outcome.text}")
    active, detail = outcome.value
    assert active
    assert detail.endswith(
        "threads without limit, since it runs as root and cannot change its user"
    )
