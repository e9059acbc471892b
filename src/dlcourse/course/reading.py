"""TOML files read into tables; what is wrong with them becomes defects in plain sentences."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from dlcourse.course.defects import CourseDefects, Defect
from dlcourse.course.suggestion import did_you_mean
from dlcourse.course.tables import Table
from dlcourse.course.values import REFUSED

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

_Table = TypeVar("_Table", bound=Table)
_LONGEST = 40
_LABEL = re.compile(r"[\w-]{1,40}")

# What pydantic finds, said as a problem and a remedy; `{value}` is what stands in the file.
_SENTENCES = {
    "missing": ("is missing", "add it"),
    "string_type": ("is {value}, but must be text", "put it in quotes"),
    "int_type": ("is {value}, but must be a whole number", "write it like `3`, without quotes"),
    "float_type": ("is {value}, but must be a number", "write it like `1.5`, without quotes"),
    "tuple_type": ("is {value}, but must be a list", "use `[…]`, or `[[…]]` for tables"),
    "dict_type": ("is {value}, but must be a table", "write its keys under a `[…]` of its own"),
    "model_type": ("is {value}, but must be a table", "write its keys under a `[…]` of its own"),
    "string_too_short": ("is empty", "write it"),
    "too_long": ("holds {actual_length} entries, more than {max_length}", "take some away"),
    "greater_than_equal": ("is {value}, but must be at least {ge:g}", "choose a larger number"),
    "less_than_equal": ("is {value}, but must be at most {le:g}", "choose a smaller number"),
    "finite_number": ("is {value}, but must be finite", "write an ordinary number"),
    "literal_error": ("is {value}, but must be {expected}", "choose one that is known"),
}


def read_toml(root: Path, file: str) -> dict[str, Any]:
    """Return what the TOML file at `file`, relative to the course, says.

    Raises:
        CourseDefects: there is no such file, or it is no TOML.
    """
    try:
        return tomllib.loads((root / file).read_text(encoding="utf-8"))
    except FileNotFoundError:
        defect = Defect(file, "", "does not exist", "create it")
    except OSError as error:
        defect = Defect(file, "", f"cannot be read: {error.strerror}", "make it a readable file")
    except UnicodeDecodeError:
        defect = Defect(file, "", "is not UTF-8 text", "save it as UTF-8")
    except ValueError as error:  # a TOMLDecodeError, or a number too long for Python
        defect = _syntax_defect(file, str(error))
    raise CourseDefects([defect]) from None


def parse(kind: type[_Table], said: dict[str, Any], file: str) -> _Table:
    """Return what `file` said as a table of this kind.

    Raises:
        CourseDefects: keys are missing or unknown, or values are of the wrong type or range.
    """
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        details = error.errors(include_url=False)
    raise CourseDefects(_defect(kind, said, file, detail) for detail in details)


def _syntax_defect(file: str, message: str) -> Defect:
    what, _, place = message.partition(" (at ")
    return Defect(file, place.removesuffix(")"), f"is no TOML: {what}", "correct the syntax there")


def _defect(kind: type[Table], said: dict[str, Any], file: str, detail: ErrorDetails) -> Defect:
    key = _key(said, detail["loc"])
    context = detail.get("ctx", {})
    if detail["type"] == REFUSED:
        return Defect(file, key, detail["msg"], context["remedy"])
    if detail["type"] == "extra_forbidden":
        remedy = did_you_mean(str(detail["loc"][-1]), _known_keys(kind), "remove it")
        return Defect(file, key, "is not a known key", remedy)
    if detail["type"] not in _SENTENCES:
        return Defect(file, key, f"is refused: {detail['msg']}", "correct it")
    problem, remedy = _SENTENCES[detail["type"]]
    return Defect(file, key, problem.format(value=_shown(detail["input"]), **context), remedy)


def _key(said: Any, location: tuple[int | str, ...]) -> str:
    # Entries of a list are called by their name where they have one, else counted from one.
    words = []
    for step in location:
        inside = said[step] if isinstance(step, int) else said.get(step)
        words.append(_label(inside, step) if isinstance(step, int) else f".{step}")
        said = inside
    return "".join(words).removeprefix(".")


def _label(entry: Any, index: int) -> str:
    name = (entry.get("name") or entry.get("id")) if isinstance(entry, dict) else None
    plain = isinstance(name, str) and _LABEL.fullmatch(name)
    return f".{name}" if plain else f"#{index + 1}"


def _known_keys(kind: type[Table]) -> list[str]:
    schema = kind.model_json_schema()
    tables = [schema, *schema.get("$defs", {}).values()]
    return sorted({key for table in tables for key in table.get("properties", {})})


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    text = json.dumps(value, default=str, ensure_ascii=False)
    return f"`{text[:_LONGEST]}…`" if len(text) > _LONGEST else f"`{text}`"
