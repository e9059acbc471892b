"""One job: a submission's file in, a message for each test out."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

import torch

from dlcourse.errors import UsageError
from dlcourse.grading.job import GraderSettings, Job
from dlcourse.grading.seeds import derive_seed
from dlcourse.grading.suites import Suite, SuiteShelf
from dlcourse.sandbox.confinement import Limits
from dlcourse.sandbox.files import Unreadable, read_source
from dlcourse.sandbox.remote import LayerReport, RemoteSubmission, Sources
from dlcourse.sandbox.server import ForkServer
from dlcourse.testing.run import ExerciseRun, Setting, not_run
from dlcourse.testing.verdict import outcome_data

Message = dict[str, Any]


def grade_job(
    shelf: SuiteShelf, job: Job, settings: GraderSettings, server: ForkServer
) -> Iterator[Message]:
    """Yield a message for each test as it ends, then one for the exercise."""
    suite = _chosen(shelf.get(job.suite, job.solution), job.only)
    try:
        sources = read_sources(job)
    except Unreadable as error:
        yield _problem(str(error))
        for item in suite.items:
            yield {"event": "test", "test": outcome_data(not_run(item, str(error)))}
        yield _finished(job, None, str(error), probe_layers(server))
        return
    run = ExerciseRun(_setting(suite, sources, job, settings, server, shelf))
    for outcome in run.outcomes():
        if run.problem:
            yield _problem(run.problem)
        yield {"event": "test", "test": outcome_data(outcome)}
    yield _finished(job, sources, run.problem, run.layers or probe_layers(server))


def _problem(message: str) -> Message:
    return {"event": "problem", "message": message}


def _chosen(suite: Suite, only: tuple[str, ...]) -> Suite:
    """The suite without the tests that were not asked for; raises UsageError for unknown ones."""
    known = [item.name for item in suite.items]
    for name in only:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
            raise UsageError(
                f"`{name}` is no test of this exercise: did you mean `--only {near}`?"
            )
    items = tuple(item for item in suite.items if not only or item.name in only)
    return Suite(items, suite.solution)


def read_sources(job: Job) -> Sources:
    """Read a submission's files; raises Unreadable. Helper files may be absent."""
    root = Path(job.workdir)
    if not root.is_dir():
        raise Unreadable(f"the folder `{job.workdir}` does not exist")
    texts = {job.exercise: read_source(root, job.file)}
    for name, file in job.files.items():
        if name != job.exercise and os.path.lexists(root / file):
            texts[name] = read_source(root, PurePosixPath(file))
    return Sources(job.exercise, texts)


def _setting(
    suite: Suite,
    sources: Sources,
    job: Job,
    settings: GraderSettings,
    server: ForkServer,
    shelf: SuiteShelf,
) -> Setting:
    secret = bytes.fromhex(settings.secret)

    def seed_for(test: str, purpose: str) -> int:
        return derive_seed(secret, job.run, job.exercise, test, purpose)

    return Setting(
        plugin=shelf.plugin,
        items=suite.items,
        solution=suite.solution,
        sources=sources,
        server=server,
        limits=Limits(),
        device=torch.device(job.device),
        seed_for=seed_for,
        fresh_for_every_test=job.isolation == "test",
    )


def _finished(
    job: Job, sources: Sources | None, problem: str | None, layers: tuple[LayerReport, ...]
) -> Message:
    return {
        "event": "finished",
        "problem": problem,
        "torch": torch.__version__,
        "layers": [asdict(layer) for layer in layers],
        "versions": {
            "submission": sources and _digest_of(sources),
            "suite": _digest(Path(job.suite).read_bytes()),
            "solution": _digest(Path(job.solution).read_bytes()),
        },
    }


def probe_layers(server: ForkServer) -> tuple[LayerReport, ...]:
    """The layers that a worker of this machine obtains, from one that loads nothing."""
    submission = RemoteSubmission.start(server, Limits())
    submission.process.close()
    return submission.layers


def _digest_of(sources: Sources) -> str:
    """One hash over all files, each under its name."""
    parts = (f"{name}\0{len(text)}\0{text}" for name, text in sorted(sources.files.items()))
    return _digest("".join(parts).encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
