"""Entry of the grader process, which holds suites and solutions.

It starts the fork server before it imports torch itself, so that both load at once.
"""

from __future__ import annotations

import gc
import json
import sys
from multiprocessing.connection import Connection
from typing import Any

from dlcourse.grading.job import GraderSettings
from dlcourse.sandbox.server import ForkServer


def main(boot: dict[str, Any]) -> None:
    """Serve jobs over the descriptor `boot["connection"]` until the other end closes."""
    sys.dont_write_bytecode = True
    # What imports make stays: looking for garbage among it costs a sixth of the start.
    gc.disable()
    connection = Connection(boot["connection"])
    with ForkServer() as server:
        from dlcourse.grading.bench import Bench  # noqa: PLC0415 - imports torch: after the server

        try:
            settings = GraderSettings.from_json(json.loads(connection.recv_bytes()))
        except EOFError:  # closed before it had anything to do
            return
        Bench(settings, server, connection).open()
