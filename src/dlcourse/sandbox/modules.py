"""Imports a submission from memory: a worker can open no file."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import io
import linecache
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import CodeType, ModuleType


class SubmissionFinder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads the submission's own modules, by name, ahead of every other."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = dict(sources)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the import system's signature
        target: ModuleType | None = None,  # noqa: ARG002 - the same
    ) -> importlib.machinery.ModuleSpec | None:
        """Claim the names that the submission holds."""
        if fullname not in self._sources:
            return None
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=f"{fullname}.py")
        spec.has_location = True
        return spec

    def get_source(self, fullname: str) -> str:
        """Return a module's source."""
        return self._sources[fullname]

    def get_code(self, fullname: str) -> CodeType:
        """Compile a module under its plain file name, which is what tracebacks show."""
        return compile_source(self._sources[fullname], f"{fullname}.py")


def compile_source(source: str, filename: str) -> CodeType:
    """Compile `source` so that tracebacks and `inspect` find its lines."""
    # A line ends where the compiler says so: `splitlines` would also end one at a form feed.
    lines = io.StringIO(source, newline=None).readlines()
    linecache.cache[filename] = (len(source), None, lines, filename)
    return compile(source, filename, "exec", dont_inherit=True)


def load_submission(main: str, sources: Mapping[str, str]) -> ModuleType:
    """Import the module `main` of a submission; whatever it raises passes through."""
    sys.meta_path.insert(0, SubmissionFinder(sources))
    # A submission's `statistics.py` is not the library's, which may be loaded already.
    for name in sources:
        sys.modules.pop(name, None)
    return importlib.import_module(main)
