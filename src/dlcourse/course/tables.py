"""What the TOML files of a course say, as written: nothing here knows where the files stand."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from dlcourse.course.values import (
    Anchor,
    DistinctRows,
    DottedName,
    ExerciseName,
    HelperFile,
    Line,
    MistakeId,
    Rows,
    TestName,
    Text,
    Tier,
    Weight,
    refusal,
)

_HINTS = 3


class Table(BaseModel):
    """The root: unknown keys are refused, values are not converted, nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class WeightsTable(Table):
    """How much exercises and days weigh, by name; what is not named weighs 1."""

    exercises: dict[str, Weight] = {}
    days: dict[str, Weight] = {}


class ConfinementTable(Table):
    """How strongly graded code must be held, at least."""

    required: Tier = "none"


class CourseTable(Table):
    """`course.toml`. `format` is the version of the course format, apart from the program's."""

    format: int
    title: Line
    confinement: ConfinementTable = ConfinementTable()
    weights: WeightsTable = WeightsTable()


def _all_hints(hints: tuple[str, ...]) -> tuple[str, ...]:
    if len(hints) != _HINTS:
        raise refusal(
            f"holds {len(hints)}, but must hold exactly {_HINTS}",
            "lead from a nudge to nearly the answer",
        )
    return hints


def _with_cpu(devices: tuple[str, ...]) -> tuple[str, ...]:
    if "cpu" not in devices:
        raise refusal("leaves out `cpu`", "add it: every exercise runs without a GPU")
    return devices


class ExerciseTable(Table):
    """An `[[exercise]]` of `day.toml`.

    `minutes` is the work of a learner who has read the day's theory; `files` are helper modules
    that may accompany the stub in its folder; `forbidden` are calls that would be no answer.
    `core` exercises carry the day: the audit asks more of their suites. The stub of kind `write`
    has holes to fill; that of kind `repair` is a program with bugs.
    """

    name: ExerciseName
    title: Line
    core: bool = False
    kind: Literal["write", "repair"] = "write"
    difficulty: Annotated[int, Field(ge=1, le=5)]
    minutes: Annotated[int, Field(ge=5, le=240)]
    prerequisites: DistinctRows[str] = ()
    theory: DistinctRows[Anchor] = ()
    forbidden: DistinctRows[DottedName] = ()
    devices: Annotated[DistinctRows[Literal["cpu", "cuda"]], AfterValidator(_with_cpu)] = ("cpu",)
    files: Annotated[DistinctRows[HelperFile], Field(max_length=4)] = ()
    hints: Annotated[DistinctRows[Text], AfterValidator(_all_hints)]


class DayTable(Table):
    """`day.toml`: the day's title and its exercises, in order."""

    title: Line
    exercise: Rows[ExerciseTable] = ()


class Edit(Table):
    """A piece of the solution's source, found exactly once, and what takes its place."""

    find: Annotated[str, Field(min_length=1)]
    replace: str


class MistakeTable(Table):
    """A `[[mistake]]`: a wrong version of the solution, and what to tell who makes it.

    The wrong version is either the solution with `edits`, or the solution with the top-level
    function or class of the same name replaced by `function`. `test` must fail on it.
    """

    id: MistakeId
    misconception: Line
    hint: Text
    theory: Anchor | None = None
    test: TestName
    edits: Annotated[Rows[Edit], Field(alias="edit")] = ()
    function: Text | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.edits) == (self.function is not None):
            said = "both `edit` and `function`" if self.edits else "neither `edit` nor `function`"
            raise refusal(f"holds {said}", "give one of the two")
        return self


def _told_apart(mistakes: tuple[MistakeTable, ...]) -> tuple[MistakeTable, ...]:
    seen = [mistake.id for mistake in mistakes]
    twice = sorted({name for name in seen if seen.count(name) > 1})
    if twice:
        raise refusal(f"holds `{twice[0]}` more than once", "give each mistake an `id` of its own")
    return mistakes


class MistakesTable(Table):
    """`NAME.mistakes.toml`."""

    mistake: Annotated[Rows[MistakeTable], AfterValidator(_told_apart)] = ()
