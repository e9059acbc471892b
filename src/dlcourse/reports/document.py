"""A report as JSON: what `docs/report.md` describes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from dlcourse.errors import UsageError
from dlcourse.grading.report import FORMAT_VERSION, Report
from dlcourse.reports.escape import escape_line

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

_AGAIN: Final = "make a new one with `dlcourse check --json`"


def to_json(document: BaseModel) -> str:
    """Return a report, or another model that is written down, as JSON.

    It is ASCII, indented by two, has its keys in the model's order, and ends with one newline. A CI
    runner that sees the text in a log takes no part of it for a command.
    """
    text = json.dumps(document.model_dump(mode="json"), indent=2, allow_nan=False)
    # GitHub obeys `##[name]` anywhere in a line. JSON has a second spelling of `#`.
    return text.replace("##", r"#\u0023") + "\n"


def from_json(text: str) -> Report:
    """Return the report that `text` holds.

    Raises:
        UsageError: `text` is no JSON object, is of another format version, or does not follow
            this one.
    """
    content = _parsed(text)
    version = content.get("format_version")
    if version != FORMAT_VERSION or isinstance(version, bool):
        raise UsageError(_unknown_version(version))
    try:
        return Report.model_validate(content)
    except ValidationError as invalid:
        raise UsageError(_first_defect(invalid.errors()[0])) from None


def _parsed(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise UsageError(f"The report is not valid JSON; {_AGAIN}.") from None
    if not isinstance(content, dict):
        raise UsageError(f"The report is JSON but no object; {_AGAIN}.")
    return content


def _refuse_constant(name: str) -> None:
    """Refuse `NaN` and `Infinity`, which Python reads but JSON does not know."""
    raise ValueError(name)


def _unknown_version(version: object) -> str:
    if version is None:
        return f"The report has no `format_version`; {_AGAIN}."
    if isinstance(version, int) and version > FORMAT_VERSION:
        remedy = "upgrade with `pip install --upgrade dlcourse`"
    else:
        remedy = _AGAIN
    shown = escape_line(json.dumps(version), 40)
    return f"The report has `format_version` {shown}, not {FORMAT_VERSION}; {remedy}."


def _first_defect(error: ErrorDetails) -> str:
    key = escape_line(".".join(map(str, error["loc"])), 200)
    what = escape_line(error["msg"][:1].lower() + error["msg"][1:], 200)
    return f"The report breaks its format at `{key}`: {what}; {_AGAIN}."
