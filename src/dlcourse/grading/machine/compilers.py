"""Compilers that this machine has: found by their names, and run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import Final

from dlcourse.grading.machine.model import Compiler

NAMES: Final = ("cc", "gcc", "g++", "clang", "nvcc", "ptxas")
_VERSION: Final = re.compile(r"\d+\.\d+")
_MAX_VERSION: Final = 100


def compilers(seconds: float) -> tuple[Compiler, ...]:
    """Return each compiler after having it say its version within `seconds`."""
    return tuple(_tried(name, seconds) for name in NAMES)


def _tried(name: str, seconds: float) -> Compiler:
    path = shutil.which(name)
    if path is None:
        return Compiler(name=name)
    try:
        ended = subprocess.run(  # noqa: S603 - what a build would call, and only for its version
            [path, "--version"],
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Compiler(name=name, path=path, problem=f"no answer within {seconds:g} s")
    except OSError as error:
        return Compiler(name=name, path=path, problem=f"does not start: {error.strerror}")
    if ended.returncode:
        return Compiler(name=name, path=path, problem=f"ended with code {ended.returncode}")
    return Compiler(name=name, path=path, version=_version_in(ended.stdout))


def _version_in(output: bytes) -> str:
    """Return the first line that holds a version; `nvcc` begins with its copyright."""
    lines = output.decode("utf-8", "replace").splitlines()
    line = next(filter(_VERSION.search, lines), "an unknown version")
    return line.strip()[:_MAX_VERSION]
