"""Ranks as threads: what they compute, what is counted, and that a deadlock ends at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from dlcourse.sandbox.faults import MissingName
from dlcourse.testing import (
    Event,
    Mismatch,
    assert_holds_at_most,
    assert_sends_at_most,
    in_worker,
    ranks,
    run_ranks,
)
from dlcourse.testing.ranks import run_world

if TYPE_CHECKING:
    from conftest import Enrol

WORK = """
import torch

def collectives(comm, x):
    parts = list(x.chunk(comm.world_size))
    return {
        "sum": comm.all_reduce(x),
        "mean": comm.all_reduce(x, op="mean"),
        "max": comm.all_reduce(x, op="max"),
        "min": comm.all_reduce(x, op="min"),
        "gathered": comm.all_gather(x),
        "scattered": comm.reduce_scatter(parts),
        "from 1": comm.broadcast(x, source=1),
        "exchanged": comm.all_to_all(parts),
        "barrier": comm.barrier(),
    }

def ring(comm, x):
    total = x.clone()
    for _ in range(comm.world_size - 1):
        comm.send(x, (comm.rank + 1) % comm.world_size)
        x = comm.recv((comm.rank - 1) % comm.world_size)
        total += x
    return total

def careful_ring(comm, x):
    total = x.clone()
    to, source = (comm.rank + 1) % comm.world_size, (comm.rank - 1) % comm.world_size
    for _ in range(comm.world_size - 1):
        if comm.rank % 2:
            received = comm.recv(source)
            comm.send(x, to)
        else:
            comm.send(x, to)
            received = comm.recv(source)
        x = received
        total += x
    return total

def leaves_early(comm, x):
    return x if comm.rank == 1 else comm.all_reduce(x)

def unlike(comm, x):
    return comm.all_gather(x) if comm.rank == 1 else comm.all_reduce(x)

def unlike_shapes(comm, x):
    return comm.all_reduce(x[: comm.rank + 1])

def raises(comm, x):
    comm.barrier()
    if comm.rank:
        raise ValueError(f"rank {comm.rank} is lost")
    return comm.all_reduce(x)

def never_received(comm, x):
    if comm.rank == 0:
        comm.send(x, 1)

def strange(comm, what):
    if what == "op":
        comm.all_reduce(torch.ones(1), op="median")
    if what == "rank":
        comm.send(torch.ones(1), comm.rank)
    if what == "parts":
        comm.all_to_all([torch.ones(1)])
    if what == "number":
        comm.all_reduce(3.0)

def edits(comm, x):
    answer = comm.all_gather(x)
    for part in answer:
        part.zero_()
    return x, comm.all_reduce(x, "sum")

class Shard:
    def __init__(self, x):
        self.moments = {"m": x.clone(), "v": x.clone()}
        self.view = self.moments["m"][1:]

def shard(comm, x):
    return Shard(x)

class Adder:
    @staticmethod
    def add(comm, x):
        return comm.all_reduce(x)
"""


def numbers(world_size: int, length: int = 6) -> list[tuple[torch.Tensor]]:
    """Return a vector for each rank."""
    return [(torch.arange(length) + 10.0 * rank,) for rank in range(world_size)]


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_collectives_are_what_their_names_say(anywhere: Enrol, world_size: int) -> None:
    """Each one, for one rank and for more."""
    if world_size == 1:
        source = WORK.replace("source=1", "source=0")
        given = numbers(1)
    else:
        source, given = WORK, numbers(world_size)
    ran = run_ranks(anywhere(source), "collectives", given)
    stacked = torch.stack([x for (x,) in given])
    for rank, found in enumerate(ran.results):
        assert torch.equal(found["sum"], stacked.sum(0))
        assert torch.equal(found["mean"], stacked.mean(0))
        assert torch.equal(found["max"], stacked.amax(0))
        assert torch.equal(found["min"], stacked.amin(0))
        assert torch.equal(torch.stack(found["gathered"]), stacked)
        chunks = [x.chunk(world_size)[rank] for x in stacked]
        assert torch.equal(found["scattered"], torch.stack(chunks).sum(0))
        assert torch.equal(found["from 1"], stacked[min(1, world_size - 1)])
        assert torch.equal(torch.stack(found["exchanged"]), torch.stack(chunks))
        assert found["barrier"] is None


def test_calls_and_bytes_are_recorded_in_order(in_a_worker: Enrol) -> None:
    """Each rank has its own events; float32 takes four bytes."""
    ran = run_ranks(in_a_worker(WORK), "collectives", numbers(2))
    assert ran.calls[0] == ran.calls[1]
    assert ran.calls[0][:2] == ["all_reduce", "all_reduce"]
    assert ran.calls[0][4:] == [
        "all_gather",
        "reduce_scatter",
        "broadcast",
        "all_to_all",
        "barrier",
    ]
    assert ran.events[0][0] == Event("all_reduce", 24, None)
    assert ran.events[1][6] == Event("broadcast", 24, 1)
    assert ran.sent_bytes == [8 * 24, 8 * 24]
    assert_sends_at_most(ran, 192)
    with pytest.raises(Mismatch, match="Rank 0 hands over 192 bytes, where 191 suffice"):
        assert_sends_at_most(ran, 191)


def test_a_ring_passes_messages_on(anywhere: Enrol) -> None:
    """Received bytes are counted apart from sent ones."""
    student = anywhere(WORK)
    for name, buffered in (("careful_ring", False), ("ring", True)):
        ran = run_ranks(student, name, numbers(4), buffered=buffered)
        for result in ran.results:
            assert torch.equal(result, 4.0 * torch.arange(6) + 60)
        assert ran.sent_bytes == [3 * 24] * 4
        assert ran.events[1][:2] in (
            [Event("recv", 24, 0), Event("send", 24, 2)],
            [Event("send", 24, 2), Event("recv", 24, 0)],
        )


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("ring", "rank 0 waits in `send`, rank 1 waits in `send`, rank 2 waits in `send`"),
        (
            "leaves_early",
            "rank 0 waits in `all_reduce`, rank 1 has returned, rank 2 waits in `all_reduce`",
        ),
        ("never_received", "rank 0 waits in `send`, rank 1 has returned, rank 2 has returned"),
        ("unlike", "rank 0 calls all_reduce(float32(6,), 'sum'), rank 1 calls all_gather(a tensor"),
        ("unlike_shapes", "rank 0 calls all_reduce(float32(1,), 'sum'), rank 1 calls all_reduce("),
    ],
)
def test_ranks_that_do_not_fit_together_raise(anywhere: Enrol, name: str, sentence: str) -> None:
    """It is told what each of them does, at once and in the same words every time."""
    student = anywhere(WORK)
    for _ in range(3):
        with pytest.raises(RuntimeError) as caught:
            run_ranks(student, name, numbers(3))
        assert sentence in str(caught.value)


def test_what_is_sent_and_never_received_raises(anywhere: Enrol) -> None:
    """A buffered world says so at its end."""
    with pytest.raises(RuntimeError, match="rank 0 sent rank 1 a tensor that it never received"):
        run_ranks(anywhere(WORK), "never_received", numbers(2), buffered=True)


def test_an_exception_in_a_rank_is_graded_codes_own(in_a_worker: Enrol) -> None:
    """The lowest rank that failed is told, with its line, whichever thread was faster."""
    student = in_a_worker(WORK)
    for _ in range(5):
        with pytest.raises(ValueError, match="rank 1 is lost") as caught:
            run_ranks(student, "raises", numbers(3))
        place: Any = caught.value
        assert (place.place.file, place.place.line) == (
            "work.py",
            WORK[: WORK.index("is lost")].count("\n") + 1,
        )


@pytest.mark.parametrize(
    ("what", "kind", "sentence"),
    [
        ("op", ValueError, "give one of sum, mean, max, min"),
        ("rank", ValueError, "rank 0 of 2 cannot exchange with 0"),
        ("parts", ValueError, "one tensor for each of 2 ranks, not 1"),
        ("number", TypeError, "takes tensors, not a value of type `float`"),
    ],
)
def test_strange_arguments_are_refused(
    anywhere: Enrol, what: str, kind: type[Exception], sentence: str
) -> None:
    """A communicator says what it takes."""
    with pytest.raises(kind, match=sentence):
        run_ranks(anywhere(WORK), "strange", [(what,)] * 2)


def test_results_share_nothing_between_ranks(anywhere: Enrol) -> None:
    """Neither do they with the arguments: editing one changes no other."""
    ran = run_ranks(anywhere(WORK), "edits", numbers(2))
    for rank, (kept, total) in enumerate(ran.results):
        assert torch.equal(kept, numbers(2)[rank][0])
        assert torch.equal(total, 2.0 * torch.arange(6) + 10)


def test_dotted_names_and_missing_ones(anywhere: Enrol) -> None:
    """What graded code lacks is told as everywhere else."""
    ran = run_ranks(anywhere(WORK), "Adder.add", numbers(2))
    assert torch.equal(ran.results[0], ran.results[1])
    with pytest.raises(MissingName, match="does not define `ring`"):
        run_ranks(anywhere("x = 1", WORK), "ring", numbers(2))


@in_worker(uses=(ranks,))
def shard_bytes(student: Any, x: torch.Tensor) -> list[int]:
    """Return what each rank holds in an object of its own."""
    return run_world(2, lambda comm: student.shard(comm, x))["state_bytes"]


def test_state_is_counted_in_objects_too(anywhere: Enrol) -> None:
    """A view adds nothing, and a suite's own driver may use the communicator."""
    assert shard_bytes(anywhere(WORK), torch.ones(5)) == [2 * 20, 2 * 20]
    ran = run_ranks(anywhere(WORK), "Adder.add", numbers(2))
    assert ran.state_bytes == [24, 24]
    assert_holds_at_most(ran, 24)
    with pytest.raises(Mismatch, match="Rank 0 keeps 24 bytes, where 12 suffice"):
        assert_holds_at_most(ran, 12)
