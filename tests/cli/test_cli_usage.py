"""What the program says of itself, and of what was typed wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cli_program import environment, run

if TYPE_CHECKING:
    from pathlib import Path

_STATUSES = (
    "0  all good",
    "1  graded code lost points",
    "2  what was typed is not right",
    "3  the grader or the course is broken",
    "4  what was asked for is not available on this machine",
)

_WRONG = {
    "chek": "`chek` is no command of `dlcourse`: did you mean `check`?",
    "zzz": "`zzz` is no command of `dlcourse`; type `dlcourse --help` to see how it is used.",
    "check": "`dlcourse check` needs a name: type `dlcourse list` to see all names.",
    "list --jsn": "`--jsn` is no option of `dlcourse list`: did you mean `--json`?",
    "list --course /nowhere": (
        "`--course`: directory `/nowhere` does not exist; "
        "type `dlcourse list --help` to see how it is used."
    ),
    "check all --isolation day": (
        "`--isolation`: `day` is not one of `exercise`, `test`; "
        "type `dlcourse check --help` to see how it is used."
    ),
    "check all --seed": (
        "option `--seed` requires an argument; type `dlcourse --help` to see how it is used."
    ),
    "list ppo_los": (
        "`ppo_los` names no day or exercise here: did you mean `ppo_loss`? "
        "Type `dlcourse list` to see all names."
    ),
    "check day44": (
        "`day44` names no day or exercise here: type `dlcourse list` to see all names."
    ),
}


@pytest.mark.parametrize("typed", _WRONG)
def test_what_was_typed_wrong_is_answered_in_one_sentence(typed: str) -> None:
    """A slip ends with status 2 and one line that names it and what to type."""
    ended = run(*typed.split())
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"Error: {_WRONG[typed]}\n"


def test_a_run_that_no_seed_repeats_says_so(tmp_path: Path) -> None:
    """Where no secret can be kept, no command is offered that would not repeat the run."""
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "secret"
    ended = run(
        *("check", "ppo_loss", "--only", "bad_arguments_are_refused"),
        env=environment(DLCOURSE_SECRET_FILE=str(place)),
    )
    assert ended.stderr == (
        f"No `--seed` can repeat this run: its secret cannot be kept in `{place}`; "
        "set `DLCOURSE_SECRET_FILE` to a file that you can write.\n"
    )
    assert "--seed" not in ended.stdout


def test_a_test_that_no_suite_holds_is_refused() -> None:
    """`--only` with a name that is near a test's offers that test."""
    ended = run("check", "ppo_loss", "--only", "gradient_reaches_the_networks")
    assert ended.returncode == 2
    assert ended.stderr == (
        "Error: `test_gradient_reaches_the_networks` names no test here:"
        " did you mean `--only test_gradient_reaches_the_networks_alone`?\n"
    )


def test_the_program_alone_shows_its_help() -> None:
    """Without a command, help goes to the error output with status 2."""
    ended = run()
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("Usage: dlcourse ")


@pytest.mark.parametrize("typed", ["--help", "-h", "check --help", "doctor --help", "list --help"])
def test_help_fits_a_terminal(typed: str) -> None:
    """Help goes to the output with status 0, and no line is longer than 80 characters."""
    ended = run(*typed.split())
    assert (ended.returncode, ended.stderr) == (0, "")
    assert max(map(len, ended.stdout.splitlines())) <= 80


def test_the_exit_statuses_are_documented() -> None:
    """`--help` tells what each exit status means."""
    lines = [line.strip() for line in run("--help").stdout.splitlines()]
    assert lines[-len(_STATUSES) :] == list(_STATUSES)


def test_a_broken_course_is_no_slip_of_the_typist(tmp_path: Path) -> None:
    """A course that does not load ends with status 3 and names the file."""
    (tmp_path / "course.toml").write_text("format = 1\n")
    ended = run("list", "--course", str(tmp_path))
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "course.toml" in ended.stderr
