"""Runs the attacks that are asked about, once, and sums up at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from attack_runs import Run, Runs, Setting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from attack_cases import Attack
    from run_attacks import Result

collect_ignore = ["course"]  # its suite is for the grader

_RUNS: Final = pytest.StashKey[Runs]()
_CONTAINED: Final = "contained"


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest) -> Iterator[Runs]:
    """Every run that this session's tests ask about."""
    wanted: dict[Setting, set[str]] = {}
    for item in request.session.items:
        parameters = getattr(item, "callspec", None)
        if parameters and "setting" in parameters.params:
            attack: Attack = parameters.params["attack"]
            wanted.setdefault(parameters.params["setting"], set()).add(attack.name)
    runs = request.config.stash[_RUNS] = Runs(wanted)
    yield runs
    runs.close()


@pytest.fixture
def run(runs: Runs, setting: Setting) -> Run:
    """The run of a setting."""
    if obstacle := runs.obstacle(setting):
        pytest.skip(obstacle)
    return runs.run(setting)


@pytest.fixture
def result(
    run: Run, attack: Attack, setting: Setting, record_property: Callable[[str, object], None]
) -> Result:
    """What came of an attack in a setting."""
    if attack.devices and run.machine.uid != 0:
        pytest.skip("only root can make a device")
    record_property(_CONTAINED, f"{setting}:{attack.name}")
    return run.result(attack.name)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what was contained where, and by what."""
    runs = config.stash.get(_RUNS, None)
    if runs is None:
        return
    failed = _properties(terminalreporter, "failed", "error")
    for setting, run in runs.finished().items():
        held = [name for name in run.results if f"{setting}:{name}" not in failed]
        layers = ", ".join(run.machine.layers)
        terminalreporter.write_line(
            f"attacks: {len(held)} of {len(run.results)} contained as {setting.user}, "
            f"{run.machine.tier}, in {run.seconds:.0f} s; layers: {layers}"
        )


def _properties(reporter: pytest.TerminalReporter, *kinds: str) -> set[object]:
    reports = [report for kind in kinds for report in reporter.stats.get(kind, ())]
    return {
        value
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == _CONTAINED
    }
