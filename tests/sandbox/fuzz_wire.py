"""`make fuzz`: damaged answers by the hundred thousand, and what the grader makes of each.

The grader takes a frame or blames graded code; anything else, a hang or memory beyond the bound
ends the program with the seed that repeats it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import resource
import signal
import subprocess
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from fuzz_damage import at_random, every_place
from fuzz_exchanges import exchanges
from hostile_peer import frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fuzz_damage import Damage
    from fuzz_exchanges import Exchange

PART = 20_000  # frames of one process
HANG_SECONDS = 60  # far above what any frame may take, on any machine
_HONEST = {"raised": "StudentValueError", "missing": "MissingName"}
ROOM = 2 << 30  # a frame may hold 256 MiB of tensors, and they are copied a few times


def fuzz(frames: int, seed: int) -> Counter[str]:
    """Send `frames` damaged frames; returns how often each outcome was met.

    Raises AssertionError, with what repeats it, for the first frame that the grader stumbles over.
    """
    rng = random.Random(seed)  # noqa: S311 - damage is no secret
    kinds = exchanges()
    outcomes: Counter[str] = Counter()
    with _ended_process() as pidfd:
        for exchange in kinds:
            honest = exchange.outcome(pidfd, frame(exchange.header, exchange.payload))
            assert honest == _HONEST.get(exchange.name, "taken"), exchange.name
        for exchange, damage in _damages(kinds, frames, rng):
            outcomes[_outcome(exchange, damage, pidfd, seed)] += 1
    return outcomes


def _damages(
    kinds: tuple[Exchange, ...], frames: int, rng: random.Random
) -> Iterator[tuple[Exchange, Damage]]:
    """First every field of every kind of answer, then whatever chance brings."""
    sent = 0
    for exchange in kinds:
        for damage in every_place(exchange.header, exchange.payload, rng):
            yield exchange, damage
            sent += 1
    assert sent < frames, f"{frames} frames do not cover every field: send more than {sent}"
    for _ in range(frames - sent):
        exchange = rng.choice(kinds)
        yield exchange, at_random(exchange.header, exchange.payload, rng)


def _outcome(exchange: Exchange, damage: Damage, pidfd: int, seed: int) -> str:
    signal.alarm(HANG_SECONDS)
    try:
        return exchange.outcome(pidfd, damage.data)
    except BaseException as error:
        raise AssertionError(
            f"{exchange.name}, {damage.how}, seed {seed}: {type(error).__name__}: {error}\n"
            f"{damage.data[:2000]!r}"
        ) from error
    finally:
        signal.alarm(0)


@contextmanager
def _ended_process() -> Iterator[int]:
    """A handle to a process that has ended, as every worker of the fuzzer has."""
    sleeper = subprocess.Popen(["/bin/sleep", "600"])
    pidfd = os.pidfd_open(sleeper.pid)
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    try:
        yield pidfd
    finally:
        os.close(pidfd)
        sleeper.wait()


def _bound_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _parts(frames: int, seed: int) -> list[tuple[int, int]]:
    """How many frames each process sends, and its seed; a short rest goes with the last part."""
    count = max(1, frames // PART)
    sizes = [PART] * (count - 1) + [frames - PART * (count - 1)]
    return [(size, seed + number) for number, size in enumerate(sizes)]


def main() -> None:
    """Read the options, fuzz, and print how often each outcome was met."""
    parser = argparse.ArgumentParser(description="Damage answers and see what the grader does.")
    parser.add_argument("--frames", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=None, help="a new one each time, otherwise")
    typed = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if typed.seed is None else typed.seed
    torch.set_num_threads(1)
    _bound_memory()
    print(f"{typed.frames:,} frames, seed {seed}", flush=True)  # noqa: T201 - a program's output
    outcomes: Counter[str] = Counter()
    # torch keeps the frames of an exception that passed through a backward: a part has a process.
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        for found in pool.starmap(fuzz, _parts(typed.frames, seed), chunksize=1):
            outcomes += found
    for name, count in outcomes.most_common():
        print(f"{count:9,}  {name}")  # noqa: T201 - a program's output
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    print(f"the grader met each; it held {peak} MiB at most")  # noqa: T201 - a program's output


if __name__ == "__main__":
    main()
