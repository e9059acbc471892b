"""The detectors that the other tests rely on do detect: the same reads and worse, unconfined.

Only what is harmless to the machine runs here, as an ordinary user, where Landlock, seccomp and
namespaces are missing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from attack_canaries import draw_canaries, forms, found_in
from attack_cases import CONTROL as SHOWN
from attack_cases import Attack, read_attacks
from attack_processes import Household
from attack_runs import CONTROL

if TYPE_CHECKING:
    from attack_processes import Process
    from attack_runs import Run, Setting
    from run_attacks import Result

_YAMA: Final = Path("/proc/sys/kernel/yama/ptrace_scope")
_FREE: Final = {attack.name: attack for attack in read_attacks() if attack.free}
_THEFTS: Final = [attack for attack in _FREE.values() if attack.leaks]
_VAIN: Final = [attack for attack in _FREE.values() if not attack.leaks and attack.group != SHOWN]

unconfined = pytest.mark.parametrize("setting", [CONTROL], ids=str)


def of(*attacks: Attack) -> pytest.MarkDecorator:
    """Run a test on the results of `attacks`."""
    return pytest.mark.parametrize("attack", attacks, ids=lambda attack: attack.name)


@unconfined
@of(*_THEFTS)
def test_a_theft_is_real(result: Result, run: Run, setting: Setting, attack: Attack) -> None:
    """Without confinement, the attack's report shows the canaries that it is after."""
    if attack.traces and _YAMA.exists() and int(_YAMA.read_text()):
        pytest.skip("this machine lets no process look into another")
    assert run.machine.tier == setting.tier
    assert set(attack.leaks) <= set(result.leaks)


@unconfined
@of(*_VAIN)
def test_nothing_secret_was_ever_in_a_worker(result: Result, attack: Attack) -> None:
    """Even without confinement, a worker's own memory and descriptors hold no canary."""
    assert result.leaks == [], attack.name


@unconfined
@of(_FREE["network"])
def test_a_call_outside_is_noticed(result: Result, attack: Attack) -> None:
    """The local service counts who reached it."""
    assert result.contacts > 0, attack.name


@unconfined
@of(_FREE["leaves_a_process"])
def test_a_process_left_behind_is_noticed(result: Result, attack: Attack) -> None:
    """A process that outlives its worker is found, and the act shows in the report."""
    assert result.left != [], attack.name
    assert "ESCAPED" in json.dumps(result.report)


@unconfined
@of(_FREE["takes_memory"])
def test_memory_is_measured(result: Result, attack: Attack) -> None:
    """128 MiB held for half a second show in the worker's peak, and not in the grader's."""
    assert result.peaks["worker"] > 128 << 20, attack.name
    assert result.peaks["worker"] - result.peaks["grader"] > 64 << 20


@unconfined
@of(_FREE["changes_a_file"])
def test_a_changed_submission_is_noticed(result: Result, run: Run, attack: Attack) -> None:
    """Another's file that was emptied is found, and the next report is not the one from before."""
    assert result.files != [], attack.name
    assert result.neighbours["wrong"] != run.machine.wrong
    assert result.neighbours["right"] == run.machine.right


@pytest.mark.parametrize("number", range(7))
def test_each_form_of_a_canary_is_found(number: int) -> None:
    """A canary is found in every form, inside other text, and no other one is."""
    canaries = draw_canaries()
    form = list(forms(canaries["suite"]))[number]
    assert found_in(f"text{form}text", canaries) == ["suite"]
    assert found_in(f"text{form[:-1]}", canaries) == []


_GROWING: Final = """
import threading
for line in open(0):
    file = open("/dev/null")
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    print("grown", flush=True)
"""


def test_what_begins_grows_or_ends_is_noticed() -> None:
    """A new process is told of, one that then has more threads and files, and one that ended."""
    household = Household()
    with subprocess.Popen(
        [sys.executable, "-S", "-u", "-c", _GROWING], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.pid in _numbers(household.strangers(patience=0.0))
        _grow(child)
        household.settle()
        assert not _about(child, household.changes(patience=0.0))
        _grow(child)
        assert _about(child, household.changes(patience=0.0))
        assert child.pid not in _numbers(household.missing())
        child.kill()
    assert child.pid in _numbers(household.missing())


def _grow(child: subprocess.Popen[bytes]) -> None:
    """Have the child take one more thread and descriptor."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"grow\n")
    child.stdin.flush()
    assert child.stdout.readline() == b"grown\n"


def _numbers(processes: list[Process]) -> list[int]:
    return [process.pid for process in processes]


def _about(child: subprocess.Popen[bytes], changes: list[str]) -> list[str]:
    return [change for change in changes if change.startswith(f"{child.pid} ")]
