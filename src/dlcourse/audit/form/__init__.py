"""The form of exercises: what can be told wrong with their files without running them."""

from __future__ import annotations

from dlcourse.audit.form.examination import Form, examine, examine_all

__all__ = ["Form", "examine", "examine_all"]
