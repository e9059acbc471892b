"""The kinds of value that a course's TOML files hold, each with the sentence that refuses it."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Hashable
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, Strict, StringConstraints
from pydantic_core import PydanticCustomError

REFUSED = "refused"

_Row = TypeVar("_Row", bound=Hashable)
_PLAIN = re.compile(r"[a-z][a-z0-9_]*")
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)
_ANCHOR = re.compile(r"(day[0-9]{2})_[a-z0-9_]+/\1_[0-9]{3}_[a-z0-9_]+#[\w-]+")
_KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def refusal(problem: str, remedy: str) -> PydanticCustomError:
    """Return the error that a validator raises, worded as a defect is."""
    return PydanticCustomError(REFUSED, "{problem}", {"problem": problem, "remedy": remedy})


def _distinct(rows: tuple[_Row, ...]) -> tuple[_Row, ...]:
    if len(set(rows)) < len(rows):
        raise refusal("says the same thing twice", "keep one of each")
    return rows


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise refusal("runs over more than one line", "write it on one line")
    return text


def _module_name(name: str) -> str:
    if not _PLAIN.fullmatch(name) or keyword.iskeyword(name):
        raise refusal(
            f"is `{name}`, which is no plain name", "use lowercase letters, digits and underscores"
        )
    if name in sys.stdlib_module_names:
        raise refusal(
            f"is `{name}`, which is a module of Python's own library", "choose another name"
        )
    return name


def _exercise_name(name: str) -> str:
    if name == "all" or re.match(r"day\d", name):
        raise refusal(f"is `{name}`, which means whole days on the command line", "rename it")
    return name


def _helper_file(file: str) -> str:
    stem, dot, suffix = file.partition(".")
    if dot + suffix != ".py":
        raise refusal(f"is `{file}`, which is no Python file of this folder", "name a `NAME.py`")
    _module_name(stem)
    return file


def _dotted(name: str) -> str:
    if not _DOTTED.fullmatch(name):
        raise refusal(
            f"is `{name}`, which is no dotted name", "write it like `torch.nn.functional.silu`"
        )
    return name


def _anchor(text: str) -> str:
    if not _ANCHOR.fullmatch(text) or text != text.lower():
        raise refusal(
            f"is `{text}`, which is no theory anchor",
            "write it like `day03_tensors/day03_001_tensor_fundamentals#strides`",
        )
    return text


def _mistake_id(text: str) -> str:
    if not _KEBAB.fullmatch(text):
        raise refusal(f"is `{text}`, which is no identifier", "write it like `max-for-min`")
    return text


def _test_name(name: str) -> str:
    if not (_PLAIN.fullmatch(name) and name.startswith("test_")):
        raise refusal(f"is `{name}`, which is no test's name", "write it like `test_value`")
    return name


# TOML gives lists where the models hold tuples; nothing else is converted.
Rows = Annotated[tuple[_Row, ...], Strict(strict=False)]
DistinctRows = Annotated[Rows[_Row], AfterValidator(_distinct)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Line = Annotated[Text, AfterValidator(_one_line)]
ExerciseName = Annotated[str, AfterValidator(_module_name), AfterValidator(_exercise_name)]
HelperFile = Annotated[str, AfterValidator(_helper_file)]
DottedName = Annotated[str, AfterValidator(_dotted)]
Anchor = Annotated[str, AfterValidator(_anchor)]
MistakeId = Annotated[str, AfterValidator(_mistake_id)]
TestName = Annotated[str, AfterValidator(_test_name)]
# The words of `dlcourse.sandbox.tier`, which stands above this package.
Tier = Literal["none", "confined", "sandboxed"]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
