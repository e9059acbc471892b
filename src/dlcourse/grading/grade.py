"""One job: a submission's file in, a message for each test out."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import torch

from dlcourse.grading.diagnosis import diagnose
from dlcourse.grading.seeds import derive_seed
from dlcourse.grading.selection import select
from dlcourse.sandbox.confinement import Limits
from dlcourse.sandbox.files import Unreadable, read_source
from dlcourse.sandbox.remote import LayerReport, RemoteSubmission, Sources
from dlcourse.testing.plugin import name_of, requirements_of
from dlcourse.testing.run import ExerciseRun, Setting, not_run
from dlcourse.testing.verdict import outcome_data

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from dlcourse.grading.job import GraderSettings, Job
    from dlcourse.grading.report import Misconception
    from dlcourse.grading.suites import Suite
    from dlcourse.sandbox.server import ForkServer
    from dlcourse.testing.plugin import GradingPlugin

Message = dict[str, Any]

# A test may be tried several times, and on the solution, before the bench loses patience.
_RUNS: Final = 15


@dataclass(frozen=True)
class Tools:
    """What all jobs of a grader process share."""

    plugin: GradingPlugin
    settings: GraderSettings
    server: ForkServer


def grade_job(tools: Tools, suite: Suite, job: Job) -> Iterator[Message]:
    """Yield a message for each test as it ends, then one for the exercise.

    Raises UnavailableError, before any test counts in it, where a worker is confined less than the
    settings require.
    """
    items = _chosen(suite, job)
    try:
        sources = read_sources(job)
    except Unreadable as error:
        # First of all: what could not be read is judged under the same requirement.
        layers = probe_layers(tools.server)
        yield _problem(str(error))
        for item in items:
            yield {"event": "test", "test": outcome_data(not_run(item, str(error)))}
        yield _finished(suite, None, str(error), layers)
        return
    setting = _setting(tools, suite, items, sources, job)
    run = ExerciseRun(setting)
    outcomes = []
    for outcome in run.outcomes():
        outcomes.append(outcome)
        if run.problem:
            yield _problem(run.problem)
        yield {"event": "test", "test": outcome_data(outcome)}
        if job.until_lost and outcome.lost:
            break
    layers = run.layers or probe_layers(tools.server)
    # A file that could not be loaded shows no mistake but that.
    misconception = None if run.problem or job.until_lost else diagnose(job, setting, outcomes)
    yield _finished(suite, sources, run.problem, layers, misconception)


def _problem(message: str) -> Message:
    return {"event": "problem", "message": message}


def _chosen(suite: Suite, job: Job) -> list[pytest.Item]:
    requirements = {name_of(item): requirements_of(item) for item in suite.items}
    chosen = select(job.only, requirements)
    return [item for item in suite.items if name_of(item) in chosen]


def read_sources(job: Job) -> Sources:
    """Read a submission's files; raises Unreadable. Helper files may be absent."""
    if job.refusal:
        raise Unreadable(job.refusal)
    root = Path(job.workdir)
    try:
        if not root.is_dir():
            raise Unreadable(f"the folder `{job.workdir}` does not exist")
        texts = {job.exercise: read_source(root, job.file)}
        for name, file in job.files.items():
            if name != job.exercise and os.path.lexists(root / file):
                texts[name] = read_source(root, PurePosixPath(file))
    except OSError as error:
        raise Unreadable(f"the folder `{job.workdir}` cannot be read: {error.strerror}") from None
    return Sources(job.exercise, texts)


def _setting(
    tools: Tools, suite: Suite, items: list[pytest.Item], sources: Sources, job: Job
) -> Setting:
    secret = bytes.fromhex(tools.settings.secret)

    def seed_for(test: str, purpose: str) -> int:
        return derive_seed(secret, job.run, job.exercise, test, purpose)

    return Setting(
        plugin=tools.plugin,
        items=items,
        solution=suite.solution,
        sources=sources,
        server=tools.server,
        limits=Limits(),
        device=torch.device(job.device),
        seed_for=seed_for,
        least_cpu=tools.settings.least_cpu,
        most_cpu=tools.settings.patience / _RUNS,
        most_wall=tools.settings.most_wall,
        fresh_for_every_test=job.isolation == "test",
        forbidden=job.forbidden,
    )


def _finished(
    suite: Suite,
    sources: Sources | None,
    problem: str | None,
    layers: tuple[LayerReport, ...],
    misconception: Misconception | None = None,
) -> Message:
    return {
        "event": "finished",
        "problem": problem,
        "misconception": misconception and misconception.model_dump(),
        "torch": torch.__version__,
        "layers": [asdict(layer) for layer in layers],
        "versions": {**suite.digests, "submission": sources and _digest_of(sources)},
    }


def probe_layers(server: ForkServer) -> tuple[LayerReport, ...]:
    """The layers that a worker of this machine obtains, from one that loads nothing.

    Raises UnavailableError where they are less than the server requires.
    """
    submission = RemoteSubmission.start(server, Limits())
    submission.process.close()
    return submission.layers


def _digest_of(sources: Sources) -> str:
    """One hash over all files, each under its name."""
    parts = (f"{name}\0{len(text)}\0{text}" for name, text in sorted(sources.files.items()))
    return hashlib.sha256("".join(parts).encode()).hexdigest()
