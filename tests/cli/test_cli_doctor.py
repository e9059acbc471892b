"""`dlcourse doctor`, run for real: on this machine, on weaker ones, and on broken ones."""

from __future__ import annotations

import json
import os
import select
import shutil
from pathlib import Path
from typing import Any

import pytest
from cli_program import GRADE_OUTCOMES, OUTCOMES, environment, run, run_on_weaker

from dlcourse.grading.machine.model import Machine
from dlcourse.reports.document import to_json
from dlcourse.sandbox.confinement import linux

BROKEN_TORCH = "raise OSError('libcudart.so.13: cannot open shared object file')\n"
_PR_SET_CHILD_SUBREAPER = 36
WITHOUT_LANDLOCK = ("unshare", "landlock_create_ruleset")


def layers(document: dict[str, Any]) -> list[tuple[str, bool]]:
    """Return which layers hold, as a document tells it."""
    return [(layer["name"], layer["active"]) for layer in document["layers"]]


def with_torch(folder: Path, source: str) -> dict[str, str]:
    """Return an environment in which `source` is what importing torch runs."""
    (folder / "torch").mkdir()
    (folder / "torch" / "__init__.py").write_text(source)
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    return environment(PYTHONPATH=path)


def test_the_doctor_sees_what_a_report_names() -> None:
    """The layers are those that hold in a check on this machine, and the exit code is 0."""
    ended = run("doctor", "--json", "--course", str(OUTCOMES))
    machine = Machine.model_validate_json(ended.stdout)
    assert (ended.returncode, ended.stderr, ended.stdout) == (0, "", to_json(machine))
    report = json.loads(run(*GRADE_OUTCOMES, "--only", "small_logits", "--json").stdout)
    assert layers(json.loads(ended.stdout)["worker"]) == layers(report["confinement"])
    assert machine.worker.tier == report["confinement"]["tier"]
    assert machine.torch.version == report["environment"]["torch"]
    assert (machine.course.root, machine.course.exercises) == (str(OUTCOMES), 1)


@pytest.mark.parametrize("columns", [44, 80])
def test_the_page_ends_with_the_verdict(columns: int) -> None:
    """Sections come in order, no line is too wide, and the last line says whether grading works."""
    encoding = "ascii" if columns == 44 else "utf-8"
    ended = run("doctor", env=environment(COLUMNS=str(columns), PYTHONIOENCODING=encoding))
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    titles = [line for line in lines if line and not line.startswith(" ")]
    assert titles[1:5] == ["PyTorch", "Compilers", "Course", "Confinement, as a worker has it"]
    assert lines[-1] == "Grading works here."
    # Commands stand whole, to be pasted.
    wide = [line for line in lines if len(line) > columns]
    assert [
        line for line in wide if not line.startswith(("    sudo ", "    --security-opt "))
    ] == []


def test_a_weaker_machine_is_told_what_to_do() -> None:
    """A layer that is missing has its reason, a remedy, and its part in the verdict."""
    ended = run_on_weaker("doctor", calls=WITHOUT_LANDLOCK, error="ENOSYS")
    assert (ended.returncode, ended.stderr) == (0, "")
    text = " ".join(ended.stdout.split())
    assert (
        "landlock not available: `landlock_create_ruleset` failed: Function not implemented"
        " Use Linux 5.13 or newer with Landlock built in; of RHEL, 9.6 or newer."
    ) in text
    assert "none: only for your own code." in text


def test_a_tier_that_is_required_decides_the_status(tmp_path: Path) -> None:
    """By the option or by the course: less ends with 4, and the page says so."""
    shutil.copytree(OUTCOMES, tmp_path / "course")
    with (tmp_path / "course" / "course.toml").open("a") as file:
        file.write('\n[confinement]\nrequired = "confined"\n')
    by_course = ("--course", str(tmp_path / "course"))
    for words in (("--require-confinement", "confined"), by_course):
        ended = run_on_weaker("doctor", *words, calls=WITHOUT_LANDLOCK)
        assert (ended.returncode, ended.stderr) == (4, "")
        assert ended.stdout.endswith("`confined` is required: nothing is graded here.\n")
    found = run_on_weaker("doctor", *by_course, "--json", calls=WITHOUT_LANDLOCK)
    document = json.loads(found.stdout)
    assert (found.returncode, document["required"], document["worker"]["tier"]) == (
        4,
        "confined",
        "none",
    )


def test_without_torch_grading_does_not_work(tmp_path: Path) -> None:
    """A PyTorch that does not load is a row, ends with 3, and is no traceback."""
    ended = run("doctor", env=with_torch(tmp_path, BROKEN_TORCH))
    assert (ended.returncode, ended.stderr) == (3, "")
    text = " ".join(ended.stdout.split())
    problem = "OSError: libcudart.so.13: cannot open shared object file"
    assert f"torch {problem} Install it anew;" in text
    assert text.endswith(f"Grading does not work here: {problem}")
    assert "Traceback" not in text


def test_a_torch_that_crashes_takes_nothing_along(tmp_path: Path) -> None:
    """A crash while it is loaded is a row as well; all else is told."""
    crash = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"
    ended = run("doctor", "--json", env=with_torch(tmp_path, crash))
    machine = Machine.model_validate_json(ended.stdout)
    assert (ended.returncode, ended.stderr) == (3, "")
    assert machine.torch.problem == "the process crashed: a segmentation fault"
    assert machine.worker.problem == "the process crashed: a segmentation fault"
    assert machine.course.problem is None


def test_where_no_course_is_the_reason_is_told(tmp_path: Path) -> None:
    """A folder that is no course costs nothing but its row."""
    ended = run("doctor", "--course", str(tmp_path), "--json")
    machine = Machine.model_validate_json(ended.stdout)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert machine.course.problem is not None
    assert machine.course.problem.startswith(f"`{tmp_path}` names no course: ")


def test_a_state_folder_that_cannot_be_written_is_a_row(tmp_path: Path) -> None:
    """Where seeds cannot be kept, the remedy is the same as a check's."""
    (tmp_path / "file").touch()
    secret = str(tmp_path / "file" / "secret")
    ended = run("doctor", env=environment(DLCOURSE_SECRET_FILE=secret))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "set `DLCOURSE_SECRET_FILE` to a file that you can write" in " ".join(
        ended.stdout.split()
    )


def test_the_doctor_leaves_no_process_behind() -> None:
    """All that it started has ended with it: nothing is left to the process above it."""
    before = children()
    linux.prctl(_PR_SET_CHILD_SUBREAPER, 1)  # what loses its parent becomes a child of this test
    try:
        assert run("doctor").returncode == 0
        assert [pid for pid in children() - before if not has_ended(pid)] == []
    finally:
        linux.prctl(_PR_SET_CHILD_SUBREAPER, 0)


def children() -> set[int]:
    """Return the processes that this one is the parent of."""
    return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))


def has_ended(pid: int) -> bool:
    """Whether a child ends within a generous time; it is collected then."""
    pidfd = os.pidfd_open(pid)
    ended = bool(select.select([pidfd], [], [], 10)[0])
    os.close(pidfd)
    if ended:
        os.waitpid(pid, 0)
    return ended
