"""One real grader process for all tests of grading."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from classroom import KEY, Classroom

from dlcourse.grading.client import GraderProcess
from dlcourse.grading.job import GraderSettings

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def classroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Classroom]:
    """A course and a grader with short limits."""
    root = tmp_path_factory.mktemp("classroom")
    hidden = tuple(str(root / "course" / tree) for tree in ("graders", "solutions"))
    with GraderProcess() as grader:
        grader.configure(GraderSettings(hidden=hidden, secret=KEY, least_cpu=0.5))
        yield Classroom(root, grader)
