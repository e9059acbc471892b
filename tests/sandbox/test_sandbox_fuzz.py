"""Random damage to good answers: the grader takes them or blames graded code, nothing else."""

from __future__ import annotations

import copy
import json
import os
import random
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hostile_peer import Peer, frame

from dlcourse.sandbox.faults import StudentFault
from dlcourse.sandbox.observation import Observation
from dlcourse.sandbox.values import Encoder
from dlcourse.sandbox.wire import HEAD

if TYPE_CHECKING:
    from collections.abc import Iterator

FRAMES = 2000
SEED = 45
JUNK: list[Any] = [
    None, True, False, 0, 1, -1, 1 << 31, 1 << 63, 1 << 64, 0.5, 1e308, "", "x", "tensor", "dict",
    "\ud800", [], {}, [[]], {"$": "tensor", "i": 0}, {"$": "tuple", "v": [1]}, {"$": "float"},
    {"$": "generator", "i": 1, "v": 1}, {"$": "ndarray", "i": 0}, [0] * 40, "0x" + "f" * 5000,
]  # fmt: skip


def good_answer() -> tuple[dict[str, Any], bytes]:
    """An honest answer that has a bit of everything."""
    encoder = Encoder()
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    result = [x, x.T, {"a": (1, 2.5, float("nan")), 7: {1, "b"}}, 1j, b"z", torch.Size([2]), x[1:]]
    header = {
        "id": 1,
        "status": "answer",
        "value": encoder.encode(result),
        "after": encoder.encode([(x, torch.Generator()), {"k": None}]),
        "aliases": encoder.encode(((0, 0), (1, 0))),
        "changed": ["the default dtype"],
        "outputs": len(encoder.tensors) - 1,
        "node": 1,
        "generators": [len(encoder.tensors) - 1],
        "shared": {"kept": [1], "drawn": []},
        "tensors": encoder.descriptions,
    }
    return header, b"".join(encoder.buffers)


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON tree."""
    yield path
    if isinstance(tree, dict | list):
        for key, item in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from places(item, (*path, key))


def damaged(header: dict[str, Any], payload: bytes, rng: random.Random) -> bytes:
    """One frame with one to three random wounds."""
    header = copy.deepcopy(header)
    for _ in range(rng.randint(0, 2)):
        *path, last = rng.choice([place for place in places(header) if place])
        parent: Any = header
        for key in path:
            parent = parent[key]
        parent[last] = copy.deepcopy(rng.choice(JUNK))
    data = bytearray(frame(header, payload))
    kind = rng.randrange(6)
    if kind == 0:
        del data[rng.randrange(len(data)) :]
    elif kind == 1:
        data[rng.randrange(HEAD.size)] = rng.randrange(256)
    elif kind == 2:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 3:
        at = rng.randrange(len(data))
        data[at:at] = rng.randbytes(rng.randint(1, 16))
    return bytes(data)


@pytest.fixture
def ended() -> Iterator[int]:
    """A handle to a process that has ended, as every worker of this test has."""
    sleeper = subprocess.Popen(["/bin/sleep", "600"])
    pidfd = os.pidfd_open(sleeper.pid)
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    yield pidfd
    os.close(pidfd)
    sleeper.wait()


def outcome(pidfd: int, data: bytes) -> str:
    """What the grader makes of one frame; raises where it is anything but a value or a fault."""
    with Peer(pidfd) as peer:
        submission = peer.submission()
        peer.tell_exit()
        peer.send(data)
        peer.hang_up()
        try:
            seen = submission.observe(
                "f", (torch.zeros(2, 3, requires_grad=True), torch.Generator()), {"k": None}
            )
        except StudentFault as fault:
            return type(fault).__name__
    assert isinstance(seen, Observation)
    return "taken"


def test_no_damage_makes_the_grader_stumble(ended: int) -> None:
    """Two thousand damaged answers end in a value or in a StudentFault, never in anything else."""
    rng = random.Random(SEED)  # noqa: S311 - damage is no secret
    header, payload = good_answer()
    assert json.loads(json.dumps(header)) == header
    assert outcome(ended, frame(header, payload)) == "taken"
    outcomes = [outcome(ended, damaged(header, payload, rng)) for _ in range(FRAMES)]
    # Damage of every kind has been met, and some that does no harm.
    assert {"taken", "StudentProtocol", "StudentCrash"} <= set(outcomes)
