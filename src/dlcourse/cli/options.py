"""What was typed, and the options that several commands share."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import click

from dlcourse.sandbox.tier import TIERS, Tier

course_option = click.option(
    "--course",
    metavar="DIR",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The course's folder.  [default: $DLCOURSE_COURSE, the one around you, the built-in one]",
)


USUAL_PLACE: Final = "gradebook.db"
gradebook_option = click.option(
    "--gradebook",
    metavar="PLACE",
    default=USUAL_PLACE,
    show_default=True,
    help="Where results are kept: a file, or postgresql://USER@HOST/DATABASE.",
)


confinement_option = click.option(
    "--require-confinement",
    "required",
    type=click.Choice(TIERS),
    metavar="TIER",
    default="none",
    help="End with exit code 4 unless graded code is held at least like this: none, confined or"
    " sandboxed.  [default: what course.toml requires]",
)


@dataclass(frozen=True)
class CheckOptions:
    """What was typed after `dlcourse check`."""

    names: tuple[str, ...]
    course: Path | None
    workdir: Path | None
    only: tuple[str, ...]
    seed: int | None
    isolation: Literal["exercise", "test"]
    as_json: bool
    required: Tier = "none"

    @property
    def tests(self) -> tuple[str, ...]:
        """The names that `--only` stands for: `value` means `test_value`."""
        return tuple(_test_name(typed) for typed in self.only)

    def replay(self, seed: int) -> str:
        """Return the command that repeats this one under `seed`."""
        words = ["dlcourse", "check", *self.names]
        for option, value in (("--course", self.course), ("--workdir", self.workdir)):
            words += [option, str(value)] if value is not None else []
        for test in self.only:
            words += ["--only", test]
        if self.isolation == "test":
            words += ["--isolation", "test"]
        if self.required != "none":
            words += ["--require-confinement", self.required]
        return shlex.join([*words, "--seed", str(seed)])


@dataclass(frozen=True)
class AuditOptions:
    """What was typed after `dlcourse audit`."""

    names: tuple[str, ...]
    course: Path | None
    seeds: int
    jobs: int | None
    changed: bool
    ci: bool
    budget: float
    dry_run: bool
    as_json: bool
    html: Path | None


@dataclass(frozen=True)
class GradeOptions:
    """What was typed after `dlcourse grade`."""

    submissions: Path
    names: tuple[str, ...]
    course: Path | None
    gradebook: str
    roster: Path | None
    layout: str | None
    jobs: int | None
    regrade: bool
    accept: bool
    required: Tier
    seed: int | None
    dry_run: bool


def _test_name(typed: str) -> str:
    classes, colons, name = typed.rpartition("::")
    return f"{classes}{colons}test_{name.removeprefix('test_')}"
