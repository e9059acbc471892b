"""Small course folders to load, and to spoil."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

_COURSE = """\
format = 1
title = "A small course"
"""

_DAY_ONE = """\
title = "Sums"

[[exercise]]
name = "plain_sum"
title = "A sum"
difficulty = 1
minutes = 20
hints = ["Look at the shapes.", "Think of the axis.", "Write `x.sum(0)`."]

[[exercise]]
name = "masked_sum"
title = "A masked sum"
core = true
kind = "repair"
difficulty = 2
minutes = 30
prerequisites = ["plain_sum"]
theory = ["day01_sums/day01_002_masks#masks-and-their-shapes"]
forbidden = ["torch.nansum"]
devices = ["cpu", "cuda"]
files = ["masking.py"]
hints = ["What does a mask do?", "Multiply first.", "Write `(x * mask).sum(0)`."]
"""

_DAY_TWO = """\
title = "Products"

[[exercise]]
name = "outer_product"
title = "An outer product"
difficulty = 5
minutes = 60
prerequisites = ["masked_sum"]
hints = ["Two axes.", "Broadcast.", "Write `x[:, None] * y`."]
"""

SOLUTION = """\
import torch

LIMIT = 20.0


def clipped(x):
    return x.clamp(-LIMIT, LIMIT)


@torch.no_grad()
def total(x):
    return clipped(x).sum()
"""


@dataclass(frozen=True)
class CourseFolder:
    """A course of two days and three exercises in `root`, without a defect at first."""

    root: Path

    def write(self, file: str, text: str) -> None:
        """Write `text` to `file`, relative to the course."""
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace `old`, which must be in `file`, by `new`."""
        text = (self.root / file).read_text(encoding="utf-8")
        assert old in text
        self.write(file, text.replace(old, new, 1))

    def spoil(self, case: dict[str, Any]) -> None:
        """Do to a file what `case` says: write it, remove it, or replace `old` by `new` in it."""
        file = case["file"]
        match case:
            case {"write": text}:
                self.write(file, text)
            case {"remove": True}:
                self.remove(file)
            case {"old": old, "new": new}:
                self.edit(file, old, new)

    def remove(self, file: str) -> None:
        """Remove `file`, relative to the course."""
        (self.root / file).unlink()


def small_course(root: Path) -> CourseFolder:
    """Return a course without a defect, built in `root`."""
    folder = CourseFolder(root)
    folder.write("course.toml", _COURSE)
    folder.write("exercises/day01_sums/day.toml", _DAY_ONE)
    folder.write("exercises/day02_products/day.toml", _DAY_TWO)
    for day, name in (
        ("day01_sums", "plain_sum"),
        ("day01_sums", "masked_sum"),
        ("day02_products", "outer_product"),
    ):
        folder.write(f"exercises/{day}/{name}.py", "raise NotImplementedError\n")
        folder.write(f"solutions/{day}/{name}.py", SOLUTION)
        folder.write(f"graders/{day}/test_{name}.py", "")
    return folder


def cases(file: str) -> list[dict[str, Any]]:
    """Return the cases listed in `file`, which stands beside this module."""
    text = (Path(__file__).parent / file).read_text(encoding="utf-8")
    listed: list[dict[str, Any]] = tomllib.loads(text)["case"]
    return listed
