"""Puts the default course into the wheel, beside the program.

An editable install must not carry a copy: it would go stale, and the program finds the course in
the repository.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COURSE = ("course.toml", "exercises", "graders", "solutions")


class CourseBuildHook(BuildHookInterface[Any]):
    """Maps each tree of the course to `dlcourse/_course/` in a standard wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the course's trees to what the wheel includes."""
        if version == "standard":
            inside = {name: f"dlcourse/_course/{name}" for name in COURSE}
            build_data["force_include"].update(inside)
