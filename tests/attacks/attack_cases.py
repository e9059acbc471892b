"""The attacks as their folders tell them: `cases/NAME/softmax.py` and its `attack.toml`.

    group = "secrets"             # what it is after; the keys of `catalogue.toml`, or `further`
    entry = "frames"              # its name in the catalogue; left out by attacks of our own
    machine = "x86_64"            # the only kind of machine that it is made for
    honest = 6                    # points for what it does right; those of the wrong answer else
    free = true                   # only reads, so it also runs in the control, unconfined
    leaks = ["suite"]             # the canaries that it then finds
    traces = true                 # which works where a user's processes may look into each other
    rounds = 2                    # handed in again with its report in place of `@REPORT@`
    links = {"PATH" = "TARGET"}   # what git cannot keep, in the submission
    pipes = ["PATH"]
    devices = ["PATH"]            # copies of /dev/zero, which root alone can make

    [expect]                      # left out: graded in every word as the honest wrong answer
    outcome = ["error"]           # how `test_values` may end
    observed = "a pattern"        # to be found in what was observed there
    output = "a pattern"          # to be found in what it printed
    test = "test_own_work"        # another test than `test_values`

Files beside `softmax.py` are handed in with it, and lie at the submission's root as well. In each
file `@SUITE@` and the like stand for what the attack is after, by the names in `run_attacks`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

HERE: Final = Path(__file__).parent
CASES: Final = HERE / "cases"
CATALOGUE: Final = HERE / "catalogue.toml"
CONTROL: Final = "control"
"""The group of submissions that show the detectors at work; they run unconfined only."""


@dataclass(frozen=True)
class Expectation:
    """What the report says of one test."""

    outcome: tuple[str, ...]
    observed: str = ""
    output: str = ""
    test: str = "test_values"


@dataclass(frozen=True)
class Attack:
    """One folder of `cases`."""

    name: str
    group: str
    entry: str | None = None
    machine: str | None = None
    expect: Expectation | None = None
    honest: float | None = None
    free: bool = False
    leaks: tuple[str, ...] = ()
    traces: bool = False
    rounds: int = 1
    links: dict[str, str] = field(default_factory=dict)
    pipes: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the attack in `folder`; a key that is unknown raises TypeError."""
        said: dict[str, Any] = tomllib.loads((folder / "attack.toml").read_text(encoding="utf-8"))
        expect = said.pop("expect", None)
        if expect is not None:
            expect = Expectation(**{**expect, "outcome": tuple(expect["outcome"])})
        lists = {key: tuple(value) for key, value in said.items() if isinstance(value, list)}
        return cls(name=folder.name, expect=expect, **{**said, **lists})

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return CASES / self.name


def read_attacks() -> tuple[Attack, ...]:
    """Every attack, by name."""
    return tuple(Attack.read(file.parent) for file in sorted(CASES.glob("*/attack.toml")))
