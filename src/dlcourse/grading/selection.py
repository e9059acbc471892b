"""Which tests are run when some are asked for by name."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from dlcourse.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence


def means(asked: str, test: str) -> bool:
    """Whether the name `asked` means `test`; a parametrised test's name means all of its cases."""
    return asked in {test, test.partition("[")[0]}


def require_known(asked: Iterable[str], tests: Collection[str]) -> None:
    """Raise UsageError for a name that means none of `tests`, naming the nearest one or all."""
    for name in asked:
        if any(means(name, test) for test in tests):
            continue
        near = difflib.get_close_matches(name, tests, n=1, cutoff=0.8)
        there = ", ".join(f"`{test}`" for test in tests)
        hint = f"did you mean `--only {near[0]}`?" if near else f"there are {there}"
        raise UsageError(f"`{name}` names no test here: {hint}")


def select(asked: Sequence[str], requirements: dict[str, tuple[str, ...]]) -> set[str]:
    """The tests that `asked` means, with those that they require; all where nothing is asked.

    `requirements` maps each test, in the suite's order, to the names that it requires.
    """
    wanted = set(asked)
    chosen = set()
    # A requirement stands before the test that has it, so one way back finds them all.
    for test in reversed(requirements):
        if not asked or any(means(name, test) for name in wanted):
            chosen.add(test)
            wanted.update(requirements[test])
    return chosen
