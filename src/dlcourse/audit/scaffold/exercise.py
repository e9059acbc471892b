"""A new exercise: stub, solution, suite, mistakes and a variant that work, to be replaced."""

from __future__ import annotations

from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter, ValidationError

from dlcourse.audit.scaffold.day import quoted
from dlcourse.audit.scaffold.files import create_files, replace_text, take_back
from dlcourse.course import layout
from dlcourse.course.values import ExerciseName
from dlcourse.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from dlcourse.course import Course, Day

_TEMPLATES: Final = files(__package__) / "templates"
_HOLE: Final = "    # TODO\n"


def create_exercise(
    course: Course, day: Day, name: str, title: str | None, *, core: bool
) -> tuple[str, ...]:
    """Make the exercise `name` in `day`, and return the paths of what was written.

    The last is the day's file, to whose end the exercise is added.

    Raises:
        UsageError: the name or the title is not right, or one of the files is there already.
    """
    require_name(course, name)
    words = {
        "name": name,
        "title": quoted(title if title is not None else _title_of(name)),
        "core": str(core).lower(),
        "day": day.folder,
        "number": day.folder.partition("_")[0],
    }
    texts = _texts(day.folder, name, words)
    create_files(course.root, texts)
    try:
        _append(course.root, layout.day_file(day.folder), _filled("exercise.toml", words))
    except UsageError:
        take_back([course.root / file for file in texts])
        raise
    return (*texts, layout.day_file(day.folder))


def require_name(course: Course, name: str) -> None:
    """Raise UsageError unless `name` can be that of a new exercise of the course."""
    try:
        TypeAdapter(ExerciseName).validate_python(name)
    except ValidationError as error:
        detail = error.errors()[0]
        remedy = detail["ctx"]["remedy"]
        raise UsageError(f"the exercise's name {detail['msg']}: {remedy}.") from None
    for exercise in course.exercises:
        if exercise.name == name or f"{name}.py" in exercise.files:
            kind = "an exercise" if exercise.name == name else "a helper file"
            raise UsageError(
                f"`{name}` is {kind} of `{exercise.day}` already: choose another name."
            )


def _texts(day: str, name: str, words: dict[str, str]) -> dict[str, str]:
    stub = _filled("stub.py", words)
    # The solution is the stub with its hole filled, so that their docstrings agree.
    solution = stub[: stub.index(_HOLE)] + _filled("body.py", words)
    return {
        layout.stub_file(day, name): stub,
        layout.solution_file(day, name): solution,
        layout.suite_file(day, name): _filled("suite.py", words),
        layout.mistakes_file(day, name): _filled("mistakes.toml", words),
        f"{layout.variants_folder(day, name)}/by_matrix.py": _filled("variant.py", words),
    }


def _filled(template: str, words: dict[str, str]) -> str:
    text = (_TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")
    return Template(text).substitute(words)


def _append(root: Path, file: str, text: str) -> None:
    """Add `text` to the end of a file; what stands there stays as it is."""
    before = (root / file).read_text(encoding="utf-8")
    end = "" if before.endswith("\n") else "\n"
    replace_text(root, file, before + end + text)


def _title_of(name: str) -> str:
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]
