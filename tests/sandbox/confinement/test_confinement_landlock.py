"""What each version of Landlock is asked to deny."""

from __future__ import annotations

import pytest

from dlcourse.sandbox.confinement.landlock import handled_rights


@pytest.mark.parametrize(
    ("abi", "rights"),
    [
        (1, [0x1FFF]),
        (2, [0x3FFF]),
        (3, [0x7FFF]),
        (4, [0x7FFF, 3]),
        (5, [0xFFFF, 3]),
        (6, [0xFFFF, 3, 3]),
        (7, [0xFFFF, 3, 3]),
        (99, [0xFFFF, 3, 3]),
    ],
)
def test_every_right_that_an_abi_knows_is_handled(abi: int, rights: list[int]) -> None:
    """An older kernel is asked for what it knows, and a newer one for what this program knows."""
    assert handled_rights(abi) == rights
