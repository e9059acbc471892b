"""Reports as they are kept: JSON, compressed, and read back equal."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

from dlcourse.grading.report import Confinement, ExerciseReport

if TYPE_CHECKING:
    from pydantic import BaseModel


def pack(model: BaseModel) -> bytes:
    """Return a model as compressed JSON."""
    # Python's own JSON keeps what graded code may have said and UTF-8 cannot: lone surrogates.
    text = json.dumps(model.model_dump(mode="python"), separators=(",", ":"))
    return zlib.compress(text.encode("ascii"))


def unpack_report(packed: bytes) -> ExerciseReport:
    """Return the report that was packed."""
    return ExerciseReport.model_validate(_said(packed))


def unpack_confinement(packed: bytes) -> Confinement:
    """Return the confinement that was packed."""
    return Confinement.model_validate(_said(packed))


def _said(packed: bytes) -> Any:
    return json.loads(zlib.decompress(packed))
