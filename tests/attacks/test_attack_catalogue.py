"""No attack of the catalogue is forgotten, and every folder is one."""

from __future__ import annotations

import tomllib
from typing import Final

import pytest
from attack_cases import CASES, CATALOGUE, CONTROL, Attack, read_attacks

_CATALOGUE: Final = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
_LEFT_OUT: Final[dict[str, str]] = _CATALOGUE.pop("left_out")
_ATTACKS: Final = read_attacks()


def test_each_known_attack_is_made_or_left_out_with_a_reason() -> None:
    """The entries of the folders and those left out make up the catalogue, and share none."""
    known = {(group, entry) for group, entries in _CATALOGUE.items() for entry in entries}
    made = {(attack.group, attack.entry) for attack in _ATTACKS if attack.entry}
    assert made <= known
    assert {entry for _, entry in known - made} == set(_LEFT_OUT)


def test_each_reason_says_something() -> None:
    """What is left out has a sentence that says why."""
    assert all(len(reason.split()) > 5 for reason in _LEFT_OUT.values())


def test_each_folder_is_an_attack() -> None:
    """A folder without an `attack.toml` would never be run."""
    assert {folder.name for folder in CASES.iterdir()} == {attack.name for attack in _ATTACKS}


@pytest.mark.parametrize("attack", _ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_says_what_it_tries(attack: Attack) -> None:
    """The submission begins with one sentence, and its group is one that there is."""
    first = (attack.folder / "softmax.py").read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith('"""')
    assert first.endswith('."""')
    assert attack.group in {*_CATALOGUE, "further", CONTROL}


@pytest.mark.parametrize("attack", _ATTACKS, ids=lambda attack: attack.name)
def test_only_reading_attacks_run_unconfined(attack: Attack) -> None:
    """What attacks the machine or the channel is never run where nothing holds it."""
    assert not (attack.free and attack.group in {"machine", "channel"})
