"""Graded code in several ranks, which are threads of its own process.

What comes back is a claim of the process that runs graded code; let points rest on the values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from dlcourse.testing import ranks
from dlcourse.testing.markers import in_worker
from dlcourse.testing.mismatch import Mismatch
from dlcourse.testing.ranks import run_world

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlcourse.testing.student import Student


class Event(NamedTuple):
    """One call of a communicator: its name, the bytes handed over, the other rank or None.

    `recv` counts the bytes received; `peer` of a broadcast is its source.
    """

    name: str
    bytes: int
    peer: int | None


@dataclass(frozen=True)
class RanksRun:
    """What the ranks did, by rank: their results, their calls in order, the bytes they hold.

    `state_bytes` counts the memory of the tensors that a result leads to, shared memory once.
    """

    results: list[Any]
    events: list[list[Event]]
    state_bytes: list[int]

    @property
    def calls(self) -> list[list[str]]:
        """The names of the calls of each rank, in order."""
        return [[event.name for event in events] for events in self.events]

    @property
    def sent_bytes(self) -> list[int]:
        """The bytes that each rank handed to its communicator, received ones left out."""
        return [
            sum(event.bytes for event in events if event.name != "recv") for events in self.events
        ]


def run_ranks(
    student: Student,
    name: str,
    arguments: Sequence[tuple[Any, ...]],
    *,
    buffered: bool = False,
) -> RanksRun:
    """Call a function of graded code once for each rank, all at the same time.

    A rank calls `name(communicator, *arguments[rank])`. The communicator has `rank`, `world_size`,
    `all_reduce`, `all_gather`, `reduce_scatter`, `broadcast`, `all_to_all`, `send`, `recv` and
    `barrier`; see `dlcourse.testing.ranks.Communicator`.

    Args:
        student: the learner's code.
        name: the function, dotted if need be.
        arguments: one tuple for each rank, so as many as there are to be ranks: tensors, numbers
            and containers of them.
        buffered: whether `send` returns before the tensor is received.

    Raises:
        StudentError: a rank raised; that of the lowest such rank comes back as graded code's own.
            Ranks that wait for each other for ever, or call what does not fit together, raise a
            RuntimeError which says where each of them waits.
    """
    target: Any = student
    for part in name.split("."):
        target = getattr(target, part)  # raises MissingName where there is no such function
    ran = _run_ranks(student, name, list(arguments), buffered)
    events = [[Event(*event) for event in of_rank] for of_rank in ran["events"]]
    return RanksRun(ran["results"], events, ran["state_bytes"])


def assert_sends_at_most(ran: RanksRun, limit: int) -> None:
    """Assert that no rank hands more than `limit` bytes to its communicator.

    Raises:
        Mismatch: one does.
    """
    _require_at_most(ran.sent_bytes, limit, "hands over")


def assert_holds_at_most(ran: RanksRun, limit: int) -> None:
    """Assert that the result of no rank keeps more than `limit` bytes of tensors.

    Raises:
        Mismatch: one does.
    """
    _require_at_most(ran.state_bytes, limit, "keeps")


def _require_at_most(found: list[int], limit: int, verb: str) -> None:
    for rank, size in enumerate(found):
        if size > limit:
            raise Mismatch(f"Rank {rank} {verb} {size:,} bytes, where {limit:,} suffice.")


@in_worker(uses=(ranks,))
def _run_ranks(
    student: Any,
    name: str,
    arguments: list[tuple[Any, ...]],
    buffered: bool,  # noqa: FBT001 - sent
) -> dict[str, list[Any]]:
    """Run a function of graded code in a thread for each rank."""
    function = student
    for part in name.split("."):
        function = getattr(function, part)
    return run_world(
        len(arguments),
        lambda communicator: function(communicator, *arguments[communicator.rank]),
        buffered=buffered,
    )
