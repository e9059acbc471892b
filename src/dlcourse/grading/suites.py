"""A pytest session that stays open: suites are collected on first use and kept."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from dlcourse.errors import CourseError
from dlcourse.testing.plugin import GradingPlugin

# Plugins of this machine must not change a verdict, and nothing is written beside a suite.
_OPTIONS = (
    "--assert=plain",
    "--capture=no",
    "--import-mode=importlib",
    "--noconftest",
    "--strict-markers",
    "-c",
    os.devnull,
    "-p",
    "no:cacheprovider",
    "-p",
    "no:doctest",
    "-p",
    "no:faulthandler",
    "-p",
    "no:junitxml",
    "-p",
    "no:logging",
    "-p",
    "no:terminal",
    "-p",
    "no:threadexception",
    "-p",
    "no:unraisableexception",
    "-p",
    "no:warnings",
)
_FOREIGN = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_VERSION", "PY_COLORS")


@dataclass(frozen=True)
class Suite:
    """A collected suite and the solution that it is measured by."""

    items: tuple[pytest.Item, ...]
    solution: ModuleType


class SuiteShelf:
    """The suites of one session, by path."""

    def __init__(self, session: pytest.Session, plugin: GradingPlugin) -> None:
        self._session = session
        self.plugin = plugin
        self._suites: dict[tuple[str, str], Suite] = {}

    def holds(self, suite: str, solution: str) -> bool:
        """Whether a suite has been collected."""
        return (suite, solution) in self._suites

    def get(self, suite: str, solution: str) -> Suite:
        """Return a suite, collecting it on first use; raises CourseError where it is broken."""
        key = (suite, solution)
        if key not in self._suites:
            self._suites[key] = Suite(self._collect(suite), _import(solution))
        return self._suites[key]

    def _collect(self, path: str) -> tuple[pytest.Item, ...]:
        self.plugin.collection_errors.clear()
        items = self._session.perform_collect([path], genitems=True)
        if self.plugin.collection_errors:
            last = self.plugin.collection_errors[0].strip().splitlines()[-1]
            raise CourseError(
                f"the suite `{path}` cannot be collected: {last}: "
                f"run `python {path}` to see where"
            )
        if not items:
            raise CourseError(
                f"the suite `{path}` holds no test: add a function whose name starts with `test_`"
            )
        return tuple(items)


class _Host:
    """Takes over the session's run: no test is run by pytest itself."""

    def __init__(self, plugin: GradingPlugin, serve: Callable[[SuiteShelf], None]) -> None:
        self._plugin = plugin
        self._serve = serve

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool:
        """Collect nothing yet."""
        session.items = []
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Serve until there is no more to do."""
        self._serve(SuiteShelf(session, self._plugin))
        return True


def host_session(serve: Callable[[SuiteShelf], None]) -> None:
    """Open a pytest session, free of this machine's plugins and options, and serve in it."""
    for name in _FOREIGN:
        os.environ.pop(name, None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    warnings.simplefilter("ignore")
    plugin = GradingPlugin()
    pytest.main([*_OPTIONS, "--rootdir", os.path.sep], plugins=[plugin, _Host(plugin, serve)])


def _import(path: str) -> ModuleType:
    """Import a solution from its file; raises CourseError."""
    spec = importlib.util.spec_from_file_location(f"solution_{Path(path).stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise CourseError(
            f"the solution `{path}` cannot be imported: {type(error).__name__}: {error}"
        ) from error
    return module
