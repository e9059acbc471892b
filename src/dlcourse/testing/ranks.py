"""Ranks that are threads of one process, and the communicator that each of them is given.

This module travels to the worker as source and runs there beside graded code, so it imports nothing
of the course and holds no expected value. No ports are opened and no process group is made.

Every result is the same, bit for bit, in each run: sums are taken in the order of the ranks. A
deadlock is no matter of time either. When every rank waits or has ended, and none can go on, all of
them raise.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_REDUCTIONS = ("sum", "mean", "max", "min")


class Deadlock(RuntimeError):  # noqa: N818 - what a learner made, told by its name
    """Ranks wait for what never comes."""


class Unwound(BaseException):
    """Another rank failed, so this one cannot go on: a signal that no `except Exception` stops."""


class World:
    """What the ranks share: a lock, what was posted, and who waits for what.

    A rank that fails stops nobody. The others go on until they need something of it, so which
    ranks fail, and how, does not depend on which thread was faster.
    """

    def __init__(self, world_size: int, *, buffered: bool) -> None:
        self.world_size = world_size
        self.buffered = buffered
        self.changed = threading.Condition()
        self.mail: dict[tuple[int, int], list[torch.Tensor]] = {}
        self.failures: dict[int, BaseException] = {}
        self._posts: dict[int, dict[int, tuple[str, Any]]] = {}
        self._readers: dict[int, int] = {}
        self._waiting: dict[int, tuple[str, Callable[[], bool]]] = {}
        self._ended: set[int] = set()
        self._stuck = ""

    def meet(self, rank: int, turn: int, name: str, post: tuple[str, Any]) -> list[tuple[str, Any]]:
        """Post for a rank, wait for the posts of all and return them in the ranks' order."""
        with self.changed:
            posts = self._posts.setdefault(turn, {})
            posts[rank] = post
            self.changed.notify_all()
            self.wait(rank, name, lambda: len(posts) == self.world_size)
            self._readers[turn] = self._readers.get(turn, 0) + 1
            if self._readers[turn] == self.world_size:
                del self._posts[turn], self._readers[turn]
            return [posts[other] for other in range(self.world_size)]

    def wait(self, rank: int, what: str, ready: Callable[[], bool]) -> None:
        """Wait, with the lock held, until `ready()`; raise in all ranks if that can never be."""
        self._waiting[rank] = (what, ready)
        self._settle()
        while not ready():
            if self._stuck:
                raise Unwound if self.failures else Deadlock(self._stuck)
            self.changed.wait()
        del self._waiting[rank]

    def end(self, rank: int, failure: BaseException | None) -> None:
        """Note that a rank has returned, or failed."""
        with self.changed:
            self._ended.add(rank)
            if failure is not None:
                self.failures[rank] = failure
            self._settle()

    def _settle(self) -> None:
        """Wake all, with the lock held, once every rank waits or has ended and none can go on."""
        if len(self._waiting) + len(self._ended) < self.world_size or self._stuck:
            return
        if any(ready() for _, ready in self._waiting.values()):
            return
        states = (
            f"rank {rank} waits in `{self._waiting[rank][0]}`"
            if rank in self._waiting
            else f"rank {rank} has returned"
            for rank in range(self.world_size)
        )
        self._stuck = "the ranks wait for each other for ever: " + ", ".join(states)
        self.changed.notify_all()


class Communicator:
    """What one rank sees of the others.

    Collective calls are made by all ranks in the same order, with tensors of one shape and dtype.
    They leave their arguments as they are and return new tensors without a graph; where the ranks'
    calls do not fit together, all of them raise. `events` holds a tuple for each call of this
    rank, in order: the name, the bytes handed over, and the other rank or None.
    """

    def __init__(self, world: World, rank: int) -> None:
        self.rank = rank
        self.world_size = world.world_size
        self.events: list[tuple[str, int, int | None]] = []
        self._world = world
        self._turn = 0

    def all_reduce(self, tensor: torch.Tensor, op: str = "sum") -> torch.Tensor:
        """Return the `sum`, `mean`, `max` or `min` over all ranks, of the tensor's shape."""
        return _reduced(self._meet("all_reduce", tensor, option=op), op)

    def all_gather(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        """Return the tensors of all ranks in their order."""
        return [part.clone() for part in self._meet("all_gather", tensor)]

    def reduce_scatter(self, tensors: Sequence[torch.Tensor], op: str = "sum") -> torch.Tensor:
        """Return the reduction, over all ranks, of the tensor that each has for this rank."""
        parts = self._one_for_each("reduce_scatter", tensors)
        return _reduced([part[self.rank] for part in self._meet("reduce_scatter", parts, op)], op)

    def broadcast(self, tensor: torch.Tensor, source: int = 0) -> torch.Tensor:
        """Return the tensor of rank `source`; those of the others give shape and dtype alone."""
        self._require_rank(source)
        answer: torch.Tensor = self._meet("broadcast", tensor, option=source)[source].clone()
        return answer

    def all_to_all(self, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return the tensor that each rank has for this one, in the order of the ranks."""
        parts = self._one_for_each("all_to_all", tensors)
        return [part[self.rank].clone() for part in self._meet("all_to_all", parts)]

    def barrier(self) -> None:
        """Wait until all ranks are here."""
        self._meet("barrier", torch.empty(0))

    def send(self, tensor: torch.Tensor, to: int) -> None:
        """Send a tensor to another rank and, unless the world is buffered, await its receipt."""
        self._require_rank(to, other=True)
        self._note("send", tensor, to)
        world = self._world
        with world.changed:
            box = world.mail.setdefault((self.rank, to), [])
            letter = tensor.detach().clone()
            box.append(letter)
            world.changed.notify_all()
            if not world.buffered:
                world.wait(self.rank, "send", lambda: all(other is not letter for other in box))

    def recv(self, source: int) -> torch.Tensor:
        """Wait for the next tensor that rank `source` sends to this one, and return it."""
        self._require_rank(source, other=True)
        world = self._world
        with world.changed:
            box = world.mail.setdefault((source, self.rank), [])
            world.wait(self.rank, "recv", lambda: bool(box))
            letter = box.pop(0)
            world.changed.notify_all()
        self._note("recv", letter, source)
        return letter

    def _meet(self, name: str, value: Any, option: Any = None) -> list[Any]:
        """Post a value for a collective call and return those of all ranks in their order."""
        if name != "barrier":
            _require_tensors(name, value)
        if name in {"all_reduce", "reduce_scatter"} and option not in _REDUCTIONS:
            raise ValueError(f"`op` is {option!r}: give one of {', '.join(_REDUCTIONS)}")
        self._note(name, value, option if name == "broadcast" else None)
        post = (_signature(name, value, option), _copied(value))
        self._turn += 1
        posts = self._world.meet(self.rank, self._turn, name, post)
        signatures = [signature for signature, _ in posts]
        if len(set(signatures)) > 1:
            odd = next(rank for rank, other in enumerate(signatures) if other != signatures[0])
            raise RuntimeError(
                f"the ranks' calls do not fit together: rank 0 calls {signatures[0]}, "
                f"rank {odd} calls {signatures[odd]}"
            )
        return [posted for _, posted in posts]

    def _note(self, name: str, value: Any, peer: int | None) -> None:
        self.events.append((name, bytes_of(value), peer))

    def _one_for_each(self, name: str, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        parts = list(tensors)
        if len(parts) != self.world_size:
            raise ValueError(
                f"`{name}` takes one tensor for each of {self.world_size} ranks, not {len(parts)}"
            )
        return parts

    def _require_rank(self, rank: int, *, other: bool = False) -> None:
        if not 0 <= rank < self.world_size or (other and rank == self.rank):
            raise ValueError(f"rank {self.rank} of {self.world_size} cannot exchange with {rank}")


def run_world(
    world_size: int, body: Callable[[Communicator], Any], *, buffered: bool = False
) -> dict[str, list[Any]]:
    """Run `body(communicator)` in a thread for each rank, and return plain lists by rank.

    `results` is what `body` returned; `events` what each rank called, as in `Communicator.events`;
    `state_bytes` the memory of the tensors that a result leads to, through containers and the
    attributes of objects, shared memory counted once. In a `buffered` world `send` does not wait.

    Raises what the lowest of the ranks that failed has raised: `Deadlock` where none can go on,
    RuntimeError where a tensor was sent and never received.
    """
    world = World(world_size, buffered=buffered)
    ranks = [Communicator(world, rank) for rank in range(world_size)]
    results: list[Any] = [None] * world_size
    grad = torch.is_grad_enabled()

    def run(communicator: Communicator) -> None:
        failure: BaseException | None = None
        try:
            with torch.set_grad_enabled(grad):
                results[communicator.rank] = body(communicator)
        except Unwound:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
            failure = error
        world.end(communicator.rank, failure)

    threads = [threading.Thread(target=run, args=(each,), daemon=True) for each in ranks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if world.failures:
        raise world.failures[min(world.failures)]
    for (source, to), box in sorted(world.mail.items()):
        if box:
            raise RuntimeError(f"rank {source} sent rank {to} a tensor that it never received")
    return {
        "results": results,
        "events": [each.events for each in ranks],
        "state_bytes": [_held_bytes(result) for result in results],
    }


def bytes_of(value: Any) -> int:
    """Return the bytes of the elements of a tensor, or of a list of tensors."""
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    return sum(bytes_of(part) for part in value)


def _require_tensors(name: str, value: Any) -> None:
    for part in value if isinstance(value, list) else [value]:
        if not isinstance(part, torch.Tensor):
            raise TypeError(f"`{name}` takes tensors, not a value of type `{type(part).__name__}`")


def _copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    return [_copied(part) for part in value]


def _signature(name: str, value: Any, option: Any) -> str:
    """Say what the ranks have to agree on."""
    shown = "" if option is None else f", {option!r}"
    if isinstance(value, list):
        # Each pair of ranks may exchange another size, where nothing is added up.
        shapes = [tuple(part.shape) for part in value] if name == "reduce_scatter" else "tensors"
        return f"{name}({shapes}{shown})"
    if name == "all_gather":
        return f"{name}(a tensor)"
    if name == "barrier":
        return f"{name}()"
    return f"{name}({str(value.dtype).removeprefix('torch.')}{tuple(value.shape)}{shown})"


def _reduced(parts: list[torch.Tensor], op: str) -> torch.Tensor:
    total = parts[0].clone()
    for part in parts[1:]:
        if op in {"sum", "mean"}:
            total = total + part
        else:
            total = torch.maximum(total, part) if op == "max" else torch.minimum(total, part)
    return total / len(parts) if op == "mean" else total


def _held_bytes(value: Any) -> int:
    """Add up the memory of all tensors that a value leads to, each storage once."""
    storages: dict[int, int] = {}
    seen: set[int] = set()
    left = [value]
    while left:
        each = left.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, torch.Tensor):
            storage = each.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
        elif isinstance(each, dict):
            left += each.values()
        elif isinstance(each, (list, tuple, set)):
            left += each
        elif hasattr(each, "__dict__") and not isinstance(each, type):
            left += [part for part in vars(each).values() if not isinstance(part, Communicator)]
    return sum(storages.values())
