"""A pytest session that stays open: suites are collected on first use and kept."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import signal
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dlcourse.errors import CourseError
from dlcourse.testing.plugin import GradingPlugin, names_of, requirements_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType, ModuleType

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


@dataclass(frozen=True)
class Suite:
    """A collected suite and the solution that it is measured by, with the SHA-256 of both."""

    items: tuple[pytest.Item, ...]
    solution: ModuleType
    digests: dict[str, str]


class SuiteShelf:
    """The suites of one session, by path; none may take longer than `patience` to collect."""

    def __init__(self, session: pytest.Session, plugin: GradingPlugin, patience: float) -> None:
        self._session = session
        self._patience = patience
        self.plugin = plugin
        self._suites: dict[tuple[str, str], Suite] = {}

    def holds(self, suite: str, solution: str) -> bool:
        """Whether a suite has been collected."""
        return (suite, solution) in self._suites

    def get(self, suite: str, solution: str) -> Suite:
        """Return a suite, collecting it on first use; raises CourseError where it is broken."""
        key = (suite, solution)
        if key not in self._suites:
            with _alarm(self._patience):
                self._suites[key] = self._load(suite, solution)
        return self._suites[key]

    def _load(self, suite: str, solution: str) -> Suite:
        # Hashed before they run, so that the report names what was run, not a later edit.
        digests = {"suite": _digest_of(suite), "solution": _digest_of(solution)}
        items = self._collect(suite)
        _check_requirements(suite, items)
        return Suite(items, _import(solution), digests)

    def _collect(self, path: str) -> tuple[pytest.Item, ...]:
        self.plugin.collection_errors.clear()
        try:
            items = tuple(self._session.perform_collect([path], genitems=True))
        except BaseException as error:  # noqa: BLE001 - a module may exit while it is imported
            raise _uncollected(path, f"{type(error).__name__}: {error}") from None
        if self.plugin.collection_errors:
            text = self.plugin.collection_errors[0].strip()
            raise _uncollected(path, text.splitlines()[-1].removeprefix("E").strip())
        if not items:
            raise CourseError(
                f"the suite `{path}` holds no test: add a function whose name starts with `test_`"
            )
        return items


def _uncollected(path: str, reason: str) -> CourseError:
    return CourseError(
        f"the suite `{path}` cannot be collected ({reason}): run `python {path}` to see where"
    )


def _check_requirements(path: str, items: Sequence[pytest.Item]) -> None:
    """Raise CourseError where a test requires what is no test before it."""
    before: set[str] = set()
    for item in items:
        for name in requirements_of(item):
            if name not in before:
                raise CourseError(
                    f"in the suite `{path}`, `{item.name}` requires `{name}`, which is no test "
                    "before it: correct the name or move the test up"
                )
        before |= names_of(item)


class _Host:
    """Takes over the session's run: no test is run by pytest itself."""

    def __init__(self, serve: Callable[[pytest.Session], None]) -> None:
        self._serve = serve

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool:
        """Collect nothing yet."""
        session.items = []
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Serve until there is no more to do."""
        self._serve(session)
        return True


def host_session(serve: Callable[[SuiteShelf], None], patience: float) -> None:
    """Open a pytest session, free of this machine's plugins and options, and serve in it."""
    for name in [name for name in os.environ if name.startswith("PYTEST_")]:
        del os.environ[name]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    warnings.simplefilter("ignore")
    plugin = GradingPlugin()
    host = _Host(lambda session: serve(SuiteShelf(session, plugin, patience)))
    pytest.main([*_OPTIONS, "--rootdir", os.path.sep], plugins=[plugin, host])


def _import(path: str) -> ModuleType:
    """Import a solution from its file; raises CourseError."""
    name = f"solution_{Path(path).stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by its name.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        raise CourseError(
            f"the solution `{path}` cannot be imported ({type(error).__name__}: {error}): run "
            f"`python {path}` to see where"
        ) from error
    return module


def _digest_of(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise CourseError(
            f"`{path}` cannot be read ({error.strerror}): put it back, then check again"
        ) from None


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the main thread unless the block ends in time."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"it did not end within {seconds:g} s")

    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
