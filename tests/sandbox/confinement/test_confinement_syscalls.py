"""The table of system call numbers against the kernel's own headers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dlcourse.sandbox.confinement import policy
from dlcourse.sandbox.confinement.syscalls import ARCHITECTURES, NUMBERS

_INCLUDE = Path("/usr/include")
_HEADERS = {"x86_64": "x86_64-linux-gnu/asm/unistd_64.h", "aarch64": "asm-generic/unistd.h"}
_DEFINITION = re.compile(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)", re.MULTILINE)
_FIRST_COMMON = 424


@pytest.mark.parametrize("name", _HEADERS)
def test_the_table_agrees_with_the_kernel_s_header(name: str) -> None:
    """Every number that this machine's header knows stands in the table as it does there."""
    path = _INCLUDE / _HEADERS[name]
    if not path.exists():
        pytest.skip(f"`{path}` is not installed (Debian: linux-libc-dev)")
    header = {call: int(number) for call, number in _DEFINITION.findall(path.read_text())}
    newest = max(header.values())
    column = ARCHITECTURES[name].column
    table = {call: numbers[column] for call, numbers in NUMBERS.items()}
    known = {call: number for call, number in table.items() if (number or 0) <= newest}
    assert known == {call: header.get(call) for call in known}


def test_new_calls_have_one_number_everywhere() -> None:
    """Since 424 architectures share their numbers, which holds for those no header here knows."""
    new = [numbers for numbers in NUMBERS.values() if max(filter(None, numbers)) >= _FIRST_COMMON]
    assert new
    assert all(first == second for first, second in new)


def test_the_policy_names_only_calls_of_the_table_and_each_once() -> None:
    """A misspelt call would silently be allowed, were it not an error."""
    names = (*policy.denied_calls(), *policy.ABSENT, *policy.checked_calls())
    assert len(names) == len(set(names))
    assert set(names) <= set(NUMBERS)
