"""Tries one thing in a process that may crash or hang over it, and tells what it found.

Everything heavy is imported by the probe that needs it: whatever that raises is a finding.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Final

from dlcourse.errors import DlcourseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dlcourse.sandbox.server import ForkServer

_MAX_PROBLEM: Final = 300
_SOURCE: Final = "def double(x):\n    return 2 * x\n"


def main(boot: dict[str, Any]) -> None:
    """Run the probe `boot["probe"]` and answer over the descriptor `boot["connection"]`."""
    connection = Connection(boot["connection"], readable=False)
    try:
        found = _PROBES[boot["probe"]]()
    except BaseException as error:  # noqa: BLE001 - a broken installation raises what it likes
        found = {"problem": problem_in(error)}
    connection.send_bytes(json.dumps(found).encode())


def problem_in(error: BaseException) -> str:
    """Return an exception on one line of bounded length; ours are sentences already."""
    lines = [line.strip() for line in str(error).splitlines()]
    first = next(filter(None, lines), "")
    if isinstance(error, DlcourseError):
        return first[:_MAX_PROBLEM]
    name = type(error).__name__
    return f"{name}: {first}"[:_MAX_PROBLEM] if first else name


def _try_torch() -> dict[str, Any]:
    import torch  # noqa: PLC0415 - the point of the probe

    threads = torch.get_num_threads()
    from dlcourse.sandbox import warmup  # noqa: PLC0415 - it imports torch

    warmup.use_deterministic_algorithms()
    return {
        "version": str(torch.__version__),
        "cuda": torch.version.cuda,
        "threads": threads,
        "deterministic": _train() == _train(),
    }


def _train() -> list[float]:
    """Take a gradient through scattered sums, whose order could vary; returns it as numbers."""
    import torch  # noqa: PLC0415 - loaded by now

    gen = torch.Generator().manual_seed(1)
    table = torch.randn(64, 32, generator=gen, requires_grad=True)
    rows = torch.randint(64, (4096,), generator=gen)
    (gradient,) = torch.autograd.grad((table[rows] @ table.T).softmax(-1).square().sum(), table)
    numbers: list[float] = gradient.flatten().tolist()
    return numbers


def _try_cuda() -> dict[str, Any]:
    import torch  # noqa: PLC0415 - the point of the probe

    count = torch.cuda.device_count()
    if not count:
        torch.zeros(1, device="cuda")  # raises, and says why there is none
    return {"devices": [_try_device(index) for index in range(count)]}


def _try_device(index: int) -> dict[str, Any]:
    import torch  # noqa: PLC0415 - loaded by now

    name = f"cuda:{index}"
    try:
        about = torch.cuda.get_device_properties(index)
        ones = torch.ones(64, 64, device=name)
        total = float((ones @ ones).sum())
    except Exception as error:  # noqa: BLE001 - one device that fails leaves the others
        return {"name": name, "problem": problem_in(error)}
    wrong = None if total == 64.0**3 else "it computes wrong numbers"
    return {"name": name, "model": about.name, "memory": about.total_memory, "problem": wrong}


def _try_triton() -> dict[str, Any]:
    # Triton reads it while it is imported.
    os.environ["TRITON_INTERPRET"] = "1"
    from dlcourse.grading.machine import kernel  # noqa: PLC0415 - it imports triton

    right = kernel.adds()
    return {
        "version": kernel.version(),
        "problem": None if right else "its interpreter computes wrong numbers",
    }


def _try_worker() -> dict[str, Any]:
    from dlcourse.sandbox.server import ForkServer  # noqa: PLC0415 - it loads while this one does

    with ForkServer() as server:
        server.configure(hidden=[])
        return _ask_a_worker(server)


def _ask_a_worker(server: ForkServer) -> dict[str, Any]:
    """Start a worker, have it load a file and double a number."""
    import torch  # noqa: PLC0415 - as the grader does

    from dlcourse.sandbox.confinement import Limits  # noqa: PLC0415 - with torch
    from dlcourse.sandbox.process import Budget  # noqa: PLC0415
    from dlcourse.sandbox.remote import RemoteSubmission, Sources  # noqa: PLC0415

    server.await_ready()
    submission = RemoteSubmission.start(server, Limits())
    try:
        submission.load(Sources("trial", {"trial": _SOURCE}), Budget(5.0), seed=1)
        right = torch.equal(submission.call("double", (torch.ones(3),), {}), torch.full((3,), 2.0))
    finally:
        submission.process.close()
    return {
        "layers": [asdict(layer) for layer in submission.layers],
        "problem": None if right else "a worker gives a wrong answer",
    }


_PROBES: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "cuda": _try_cuda,
    "torch": _try_torch,
    "triton": _try_triton,
    "worker": _try_worker,
}
