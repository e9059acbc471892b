"""New days and exercises, written as a working example that authors replace."""

from __future__ import annotations

from dlcourse.audit.scaffold.day import create_day
from dlcourse.audit.scaffold.exercise import create_exercise

__all__ = ["create_day", "create_exercise"]
